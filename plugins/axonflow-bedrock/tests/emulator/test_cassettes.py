"""Cassettes: what is recorded is replayed byte for byte, what is secret is not in the file, what is
unknown is told."""

from __future__ import annotations

import json
import shlex
import stat
import subprocess
import sys
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import orjson
import pytest
from botocore.exceptions import ClientError
from on_time import GUARD_S

from axonflow_bedrock.aws.signing import Signer
from axonflow_bedrock.emulator import ACCESS_KEY, REGION, SECRET_KEY, emulator
from axonflow_bedrock.emulator.cassette import Cassette, read_cassette
from axonflow_bedrock.emulator.record_replay import recorded
from axonflow_bedrock.emulator.script import Account, AccountGuardrail, AwsError, Rule, Script
from axonflow_bedrock.emulator.upstream import region_of
from axonflow_bedrock.serving import RunningEmulator, serving
from axonflow_bedrock.wire.eventstream import FrameDecoder, encode_frame, frame_of_chunk
from axonflow_core.emulator.faults import FaultKind
from axonflow_core.errors import ConfigError
from axonflow_core.http.local_server import Server

pytestmark = pytest.mark.sampled(2)  # every test starts a process

TITAN = "amazon.titan-text-express-v1"
LLAMA = "meta.llama3-8b-instruct-v1:0"
CLAUDE = "us.anthropic.claude-sonnet-4-20250514-v1:0"
BODIES: Mapping[str, bytes] = {
    TITAN: b'{"inputText": "Why is the sky blue?"}',
    LLAMA: b'{"prompt": "Why is the sky blue?"}',
    CLAUDE: b'{"anthropic_version": "bedrock-2023-05-31", "max_tokens": 50, "messages": '
    b'[{"role": "user", "content": "Why is the sky blue?"}]}',
}


def whole(client: Any, model: str, body: bytes) -> tuple[bytes, dict[str, str]]:
    response = client.invoke_model(modelId=model, body=body)
    return response["body"].read(), bedrock_headers(response)


def streamed(client: Any, model: str, body: bytes) -> tuple[bytes, dict[str, str]]:
    """The bytes of the event stream as they come from the network, before botocore makes anything
    of them."""
    response = client.invoke_model_with_response_stream(modelId=model, body=body)
    return response["body"]._raw_stream.read(), bedrock_headers(response)


def bedrock_headers(response: Any) -> dict[str, str]:
    """The headers of an answer, but for those of HTTP itself."""
    headers = response["ResponseMetadata"]["HTTPHeaders"]
    return {
        name: value for name, value in headers.items() if name.startswith(("x-", "content-type"))
    }


@contextmanager
def client_of(**options: Any) -> Iterator[Any]:
    with serving(emulator(**options)) as running, closing(running.boto3_client()) as client:
        yield client


def refusal_of(client: Any, model: str, body: bytes, say: Any = whole) -> tuple[int, str, str]:
    with pytest.raises(ClientError) as raised:
        say(client, model, body)
    response: Any = raised.value.response
    return (
        response["ResponseMetadata"]["HTTPStatusCode"],
        response["Error"]["Code"],
        response["Error"]["Message"],
    )


# ── record, replay ────────────────────────────────────────────────────────────────────────────────


def test_a_replay_is_the_recording_byte_for_byte(tmp_path: Path) -> None:
    cassette = tmp_path / "bedrock.jsonl"
    with client_of(record=cassette) as client:
        said = [
            say(client, model, body) for model, body in BODIES.items() for say in (whole, streamed)
        ]

    with client_of(replay=cassette) as client:
        again = [
            say(client, model, body) for model, body in BODIES.items() for say in (whole, streamed)
        ]

    assert again == said
    assert all(len(data) > 100 for data, _ in said)


def test_converse_is_recorded_and_replayed_too(tmp_path: Path) -> None:
    cassette = tmp_path / "bedrock.jsonl"
    asked = {"modelId": CLAUDE, "messages": [{"role": "user", "content": [{"text": "Why?"}]}]}

    def say(client: Any) -> tuple[Any, Any]:
        return client.converse(**asked)["output"], list(client.converse_stream(**asked)["stream"])

    with client_of(record=cassette) as client:
        said = say(client)
    with client_of(replay=cassette) as client:
        assert say(client) == said

    assert [one.operation for one in read_cassette(cassette)] == ["Converse", "ConverseStream"]


def test_a_cassette_is_recorded_traffic_that_codecs_check_holds_to_the_laws(tmp_path: Path) -> None:
    cassette = tmp_path / "bedrock.jsonl"
    with client_of(record=cassette) as client:
        for model, body in BODIES.items():
            whole(client, model, body)
            streamed(client, model, body)
        refusal_of(client, "amazon.titan-nonsense", b"{}")

    command = [
        sys.executable,
        "-m",
        "axonflow_core.cli",
        "codecs",
        "check",
        str(cassette),
        "--json",
    ]
    checked = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    assert (checked["cases"], checked["failures"]) == (7, [])
    assert [checked["laws"][law]["pass"] for law in ("request", "response", "stream", "error")] == [
        6,
        3,
        3,
        1,
    ]


def test_a_refusal_is_replayed_as_a_refusal(tmp_path: Path) -> None:
    cassette = tmp_path / "bedrock.jsonl"
    rules = [
        Rule(when="busy", error=AwsError(code="ThrottlingException", message="Too many requests"))
    ]
    body = b'{"inputText": "busy?"}'
    with client_of(record=cassette, script=Script(rules=tuple(rules))) as client:
        refused = [refusal_of(client, TITAN, body, say) for say in (whole, streamed)]

    with client_of(replay=cassette) as client:
        assert [refusal_of(client, TITAN, body, say) for say in (whole, streamed)] == refused
    assert refused[0] == (429, "ThrottlingException", "Too many requests")


def test_answers_to_the_same_call_come_in_their_order_and_the_last_one_stays(
    tmp_path: Path,
) -> None:
    cassette = tmp_path / "bedrock.jsonl"
    rules = tuple(Rule(answer=text, times=1) for text in ("one", "two"))
    with client_of(record=cassette, script=Script(rules=rules)) as client:
        recorded_answers = [whole(client, TITAN, BODIES[TITAN])[0] for _ in range(2)]

    with client_of(replay=cassette) as client:
        said = [whole(client, TITAN, BODIES[TITAN])[0] for _ in range(3)]

    assert said == [*recorded_answers, recorded_answers[-1]]
    assert [b"one" in said[0], b"two" in said[1]] == [True, True]


def test_the_order_of_the_keys_of_a_body_is_no_difference(tmp_path: Path) -> None:
    cassette = tmp_path / "bedrock.jsonl"
    one, other = b'{"prompt": "Hi", "top_p": 0.5}', b'{"top_p":0.5,"prompt":"Hi"}'
    with client_of(record=cassette) as client:
        said = whole(client, LLAMA, one)
    with client_of(replay=cassette) as client:
        assert whole(client, LLAMA, other) == said


def test_a_file_that_is_there_is_added_to_and_is_its_owner_s_alone(tmp_path: Path) -> None:
    cassette = tmp_path / "bedrock.jsonl"
    for _ in range(2):
        with client_of(record=cassette) as client:
            whole(client, TITAN, BODIES[TITAN])

    assert [json.loads(line)["name"] for line in cassette.read_text().splitlines()] == [
        "InvokeModel-0001",
        "InvokeModel-0002",
    ]
    assert stat.S_IMODE(cassette.stat().st_mode) == 0o600


def test_what_broke_off_is_not_recorded(tmp_path: Path) -> None:
    cassette = tmp_path / "bedrock.jsonl"
    rules = [{"when": "cut", "fault": "reset"}]
    with client_of(record=cassette, script=rules) as client:
        with pytest.raises(Exception, match=r"(?i)connection|incomplete|read"):
            whole(client, TITAN, b'{"inputText": "cut"}')
        whole(client, TITAN, BODIES[TITAN])

    assert [one.request_body for one in read_cassette(cassette)] == [json.loads(BODIES[TITAN])]


@contextmanager
def command(*options: str) -> Iterator[str]:
    """The base URL of `axonflow emulate bedrock` with these options."""
    arguments = [sys.executable, "-m", "axonflow_core.cli", "emulate", "bedrock", *options]
    with subprocess.Popen(
        arguments, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        exports = (shlex.split(line)[1].partition("=") for line in process.stdout)
        try:
            yield next(
                value for name, _, value in exports if name == "AWS_ENDPOINT_URL_BEDROCK_RUNTIME"
            )
        finally:
            process.kill()


def test_the_command_records_and_replays(tmp_path: Path, bedrock_emulator: RunningEmulator) -> None:
    cassette = str(tmp_path / "bedrock.jsonl")
    said = []
    for option in ("--record", "--replay"):
        with (
            command(option, cassette) as base_url,
            closing(bedrock_emulator.boto3_client(endpoint_url=base_url)) as client,
        ):
            said.append(whole(client, TITAN, BODIES[TITAN]))

    assert said[0] == said[1]


class Saying:
    """A service that always answers these bytes."""

    def __init__(self, body: bytes) -> None:
        self.body = body

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": self.body})


@pytest.mark.parametrize(
    "body", [b'{ "one": 1.0e2,\n"two": "\\u00e9" }', b'{"one":1}', b"no JSON", b""]
)
async def test_an_answer_is_kept_as_the_bytes_it_was(tmp_path: Path, body: bytes) -> None:
    cassette = tmp_path / "bedrock.jsonl"
    scope = {"method": "POST", "raw_path": b"/model/acme.rocket/invoke", "headers": []}

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"{}"}

    async def send(message: dict[str, Any]) -> None:
        pass

    async def asking(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await Saying(body)(scope, receive, send)

    await recorded(asking, Cassette(cassette), REGION)(scope, receive, send)

    assert [exchange.response for exchange in read_cassette(cassette)] == [body]


# ── what is not in the cassette ───────────────────────────────────────────────────────────────────


@pytest.fixture
def replayed(tmp_path: Path) -> Iterator[RunningEmulator]:
    cassette = tmp_path / "bedrock.jsonl"
    with client_of(record=cassette) as client:
        whole(client, TITAN, BODIES[TITAN])
    with serving(emulator(replay=cassette)) as running:
        yield running


@pytest.mark.parametrize(
    ("say", "model", "body", "words"),
    [
        (
            streamed,
            TITAN,
            BODIES[TITAN],
            "no call of InvokeModelWithResponseStream; it has InvokeModel.",
        ),
        (whole, LLAMA, BODIES[LLAMA], f"no InvokeModel of {LLAMA}; it has {TITAN}."),
        (
            whole,
            TITAN,
            b'{"inputText": "my password is hunter2"}',
            "none with this body; the nearest differs at",
        ),
    ],
)
def test_an_unknown_call_is_told_what_did_not_match_and_nothing_of_its_text(
    replayed: RunningEmulator, say: Any, model: str, body: bytes, words: str
) -> None:
    with closing(replayed.boto3_client()) as client:
        status, code, message = refusal_of(client, model, body, say)

    assert (status, code) == (400, "ValidationException")
    assert words in message
    assert "hunter2" not in message
    assert "sky" not in message


def test_a_body_that_differs_is_told_where(replayed: RunningEmulator) -> None:
    with closing(replayed.boto3_client()) as client:
        message = refusal_of(client, TITAN, b'{"inputText": "Why?"}')[2]

    assert message.endswith("the nearest differs at $.inputText.")


def test_a_replay_answers_nobody_who_signs_badly(replayed: RunningEmulator) -> None:
    with closing(replayed.boto3_client(aws_secret_access_key="wrong")) as client:
        assert refusal_of(client, TITAN, BODIES[TITAN])[:2] == (403, "InvalidSignatureException")


@pytest.mark.parametrize("line", ["{", "[]", '{"request_body": {}, "response_body": 1}'])
def test_a_line_that_is_no_exchange_is_named(tmp_path: Path, line: str) -> None:
    cassette = tmp_path / "bedrock.jsonl"
    cassette.write_text(f"\n{line}\n")
    with pytest.raises(ConfigError, match=r"bedrock\.jsonl:2: the line is not an exchange"):
        emulator(replay=cassette)


def test_an_exchange_that_lacks_a_side_is_passed_over(tmp_path: Path) -> None:
    cassette = tmp_path / "bedrock.jsonl"
    cassette.write_text('{"operation": "InvokeModel", "request_body": null, "response_body": {}}\n')
    assert read_cassette(cassette) == []


def test_a_file_that_cannot_be_read_or_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        emulator(replay=tmp_path / "nowhere.jsonl")
    with pytest.raises(ConfigError, match="cannot be written"):
        emulator(record=tmp_path / "no" / "folder.jsonl")


def test_two_that_both_say_what_is_answered_exclude_each_other(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="replay and upstream exclude each other"):
        emulator(replay=tmp_path / "x.jsonl", upstream="http://127.0.0.1:9")


# ── secrets ───────────────────────────────────────────────────────────────────────────────────────

SECRETS = tuple(f"sEcReT{number:02}" for number in range(22))
ACCOUNTS = ("314159265358", "271828182845", "161803398874")
REQUEST_SECRETS = (
    *(
        "cookie",
        "x-api-key",
        "proxy-authorization",
        "x-forwarded-for",
        "user-agent",
        "x-amzn-trace-id",
        "referer",
    ),
    *(
        "x-amzn-bedrock-request-metadata",
        "x-amz-user-agent",
        "x-goog-api-key",
        "from",
        "x-my-token",
    ),
)
RESPONSE_SECRETS = (
    "set-cookie",
    "x-amzn-internal",
    "server",
    "via",
    "x-amz-id-2",
    "www-authenticate",
)


class Leaking:
    """A service that is careless: its answers name accounts, and its headers hold what nobody asked
    for."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        while (await receive()).get("more_body"):
            pass
        is_stream = scope["path"].endswith("stream")
        text = {"text": f"the answer of arn:aws:bedrock:eu-west-1:{ACCOUNTS[1]}:guardrail/abc"}
        body = frame_of_chunk(text, padding="abc") if is_stream else orjson.dumps(text)
        kind = "application/vnd.amazon.eventstream" if is_stream else "application/json"
        headers = {"content-type": kind, "x-amzn-requestid": "request-1"}
        headers |= dict(zip(RESPONSE_SECRETS, SECRETS, strict=False))
        encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": 200, "headers": encoded})
        await send({"type": "http.response.body", "body": body})


def everything_in(cassette: Path) -> str:
    """The file, and what is in it in base64."""
    texts = [cassette.read_text()]
    for line in cassette.read_text().splitlines():
        stream = b64decode(json.loads(line).get("raw_eventstream_base64", ""))
        frames = FrameDecoder().feed(stream)
        texts += [b64decode(json.loads(frame.payload)["bytes"]).decode() for frame in frames]
    return "\n".join(texts)


def test_twenty_five_planted_secrets_are_not_in_the_cassette_and_the_prompt_is(
    tmp_path: Path,
) -> None:
    cassette = tmp_path / "bedrock.jsonl"
    in_headers = dict(zip(REQUEST_SECRETS, SECRETS[6:], strict=False))
    in_query, in_metadata, in_user_id, in_signature = SECRETS[18:]
    guardrail = f"arn:aws:bedrock:us-east-1:{ACCOUNTS[0]}:guardrail/abc"
    headers = {
        **in_headers,
        "x-amzn-bedrock-guardrailidentifier": guardrail,
        "authorization": f"AWS4-HMAC-SHA256 Credential={in_signature}",
    }
    body = orjson.dumps(
        {
            "prompt": "the question",
            "requestMetadata": {"who": in_metadata},
            "metadata": {"user_id": in_user_id},
            "about": f"arn:aws:s3:us-east-1:{ACCOUNTS[2]}:bucket",
        }
    )
    model = quote(
        f"arn:aws:bedrock:us-east-1:{ACCOUNTS[2]}:application-inference-profile/abc", safe=""
    )
    paths = [
        f"/model/{model}/{action}?key={in_query}"
        for action in ("invoke", "invoke-with-response-stream")
    ]
    answers = []

    with Server(recorded(Leaking(), Cassette(cassette), REGION)) as server:
        for path in paths:
            with closing(
                HTTPConnection(urlsplit(server.base_url).netloc, timeout=GUARD_S)
            ) as connection:
                connection.request("POST", path, body, headers)
                response = connection.getresponse()
                answers.append(f"{response.headers} {response.read()!r}")

    sent = f"{paths} {headers} {body!r} {answers}"
    written = everything_in(cassette)
    planted = (*SECRETS, *ACCOUNTS)
    assert len(planted) == 25
    assert [secret for secret in planted if secret not in sent] == [], (
        "the control: all of them were sent"
    )
    assert [secret for secret in planted if secret in written] == []
    assert "the question" in written
    assert written.count("the answer of arn:aws:bedrock:eu-west-1:000000000000:guardrail/abc") == 2
    assert "guardrail/abc" in written


def test_a_stream_without_its_account_is_still_a_stream(tmp_path: Path) -> None:
    cassette = tmp_path / "bedrock.jsonl"
    exception = encode_frame(
        {":message-type": "exception", ":exception-type": "validationException"},
        orjson.dumps({"message": f"arn:aws:iam::{ACCOUNTS[0]}:user/me may not"}),
    )
    native = {
        "operation": "InvokeModelWithResponseStream",
        "model_id": LLAMA,
        "status": 200,
        "request_body": {"prompt": "Hi"},
        "raw_eventstream_base64": b64encode(exception).decode(),
    }
    cassette.write_bytes(orjson.dumps(native))

    (exchange,) = read_cassette(cassette)

    (frame,) = FrameDecoder().feed(exchange.response)
    assert json.loads(frame.payload)["message"] == "arn:aws:iam::000000000000:user/me may not"
    assert frame.headers[":exception-type"] == "validationException"


# ── a real service behind it ──────────────────────────────────────────────────────────────────────


@pytest.fixture
def upstream(monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningEmulator]:
    """A second emulator stands for the real service. It is in another region, so that a signature
    for the first one is worth nothing there."""
    guardrail = AccountGuardrail(id="secrets", version="1", blocks="password")
    rules = (
        Rule(
            when="busy",
            error=AwsError(code="ServiceUnavailableException", message="Too few machines"),
        ),
        Rule(when="cut", fault=FaultKind.RESET),
    )
    script = Script(rules=rules, account=Account(region="eu-west-1", guardrails=(guardrail,)))
    with serving(emulator(script=script)) as running:
        for name in (
            "AWS_ACCESS_KEY_ID",
            "AWS_SECRET_ACCESS_KEY",
            "AWS_SESSION_TOKEN",
            "AWS_REGION",
        ):
            monkeypatch.setenv(name, running.environment[name])
        monkeypatch.delenv("AWS_BEARER_TOKEN_BEDROCK", raising=False)
        yield running


def test_what_the_real_service_answers_is_passed_on_and_recorded(
    upstream: RunningEmulator, tmp_path: Path
) -> None:
    cassette = tmp_path / "bedrock.jsonl"
    with closing(upstream.boto3_client()) as direct:
        expected = [say(direct, LLAMA, BODIES[LLAMA])[0] for say in (whole, streamed)]

    with client_of(upstream=upstream.base_url, record=cassette) as client:
        said = [say(client, LLAMA, BODIES[LLAMA]) for say in (whole, streamed)]
    with client_of(replay=cassette) as client:
        again = [say(client, LLAMA, BODIES[LLAMA]) for say in (whole, streamed)]

    assert [data for data, _ in said] == expected
    assert again == said


def test_a_guardrail_s_headers_go_on(upstream: RunningEmulator) -> None:
    with client_of(upstream=upstream.base_url) as client:
        answer = client.invoke_model(
            modelId=LLAMA,
            body=b'{"prompt": "password"}',
            guardrailIdentifier="secrets",
            guardrailVersion="1",
        )
        assert json.load(answer["body"])["amazon-bedrock-guardrailAction"] == "INTERVENED"


def test_a_refusal_of_the_real_service_is_its_own(upstream: RunningEmulator) -> None:
    with client_of(upstream=upstream.base_url) as client:
        assert (
            refusal_of(client, "amazon.titan-nonsense", b"{}")[2]
            == "The provided model identifier is invalid."
        )
        refused = refusal_of(client, LLAMA, b'{"prompt": "busy"}', streamed)
    assert refused == (503, "ServiceUnavailableException", "Too few machines")


def test_an_answer_that_breaks_off_breaks_off_here_and_is_not_recorded(
    upstream: RunningEmulator, tmp_path: Path
) -> None:
    cassette = tmp_path / "bedrock.jsonl"
    with client_of(upstream=upstream.base_url, record=cassette) as client:
        with pytest.raises(Exception, match=r"(?i)connection|incomplete|read"):
            streamed(client, LLAMA, b'{"prompt": "cut"}')
        streamed(client, LLAMA, BODIES[LLAMA])

    assert [one.request_body for one in read_cassette(cassette)] == [json.loads(BODIES[LLAMA])]


def test_a_client_that_signs_badly_does_not_reach_the_real_service(
    upstream: RunningEmulator,
) -> None:
    with (
        serving(emulator(upstream=upstream.base_url)) as running,
        closing(running.boto3_client(aws_secret_access_key="wrong")) as client,
    ):
        assert refusal_of(client, LLAMA, BODIES[LLAMA])[:2] == (403, "InvalidSignatureException")


def test_a_service_that_is_not_there_is_told(upstream: RunningEmulator) -> None:
    with client_of(upstream="http://127.0.0.1:9") as client:
        status, code, message = refusal_of(client, LLAMA, BODIES[LLAMA])
    assert (status, code) == (503, "ServiceUnavailableException")
    assert "127.0.0.1:9" in message


@pytest.mark.parametrize(
    ("url", "region"),
    [
        ("https://bedrock-runtime.eu-central-1.amazonaws.com", "eu-central-1"),
        ("https://bedrock-runtime-fips.us-gov-west-1.amazonaws.com", "us-gov-west-1"),
        ("https://bedrock-runtime.us-east-1.api.aws", "us-east-1"),
        ("https://vpce-1.bedrock-runtime.us-east-1.vpce.amazonaws.com", None),
        ("http://127.0.0.1:8000", None),
    ],
)
def test_an_endpoint_of_aws_says_its_region(url: str, region: str | None) -> None:
    assert region_of(url) == region


# ── recorded traffic of others ────────────────────────────────────────────────────────────────────


def test_traffic_that_others_recorded_is_replayed_byte_for_byte(recordings: Path) -> None:
    lines = [
        json.loads(line)
        for line in (recordings / "amazon-titan-text.jsonl").read_text("utf-8").splitlines()
    ]
    streams = {
        line["model_id"]: line
        for line in lines
        if line["operation"] == "InvokeModelWithResponseStream"
        and line["request_body"]
        and line["status"] == 200
    }
    assert streams
    with client_of(replay=recordings / "amazon-titan-text.jsonl") as client:
        for model, line in streams.items():
            answer = streamed(client, model, orjson.dumps(line["request_body"]))[0]
            same = [
                b64decode(one["raw_eventstream_base64"])
                for one in lines
                if (one["operation"], one["model_id"], one["request_body"])
                == (line["operation"], model, line["request_body"])
            ]
            assert answer in same


def test_signing_for_the_emulator_is_all_a_replay_asks(replayed: RunningEmulator) -> None:
    netloc = urlsplit(replayed.base_url).netloc
    path = f"/model/{quote(TITAN, safe='')}/invoke"
    signer = Signer(ACCESS_KEY, SECRET_KEY, None, REGION)
    headers = signer.sign("POST", f"http://{netloc}{path}", {}, BODIES[TITAN], datetime.now(UTC))
    with closing(HTTPConnection(netloc, timeout=GUARD_S)) as connection:
        connection.request("POST", path, BODIES[TITAN], headers)
        response = connection.getresponse()
        assert (response.status, b"emulated model" in response.read()) == (200, True)
