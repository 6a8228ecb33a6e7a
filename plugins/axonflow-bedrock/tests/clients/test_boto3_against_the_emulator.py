"""Unmodified boto3 calls the emulator: botocore signs, botocore reads the frames, botocore
raises."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import orjson
import pytest
from attrs import evolve
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError
from on_time import GUARD_S

from axonflow_bedrock.aws.signing import Signer
from axonflow_bedrock.emulator import (
    ACCESS_KEY,
    REFUSED_MODEL,
    REGION,
    SECRET_KEY,
    emulator,
)
from axonflow_bedrock.families import anthropic, llama, mistral, titan
from axonflow_bedrock.serving import RunningEmulator, serving
from axonflow_bedrock.wire.endpoint import MAX_BODY_BYTES
from axonflow_bedrock.wire.envelope import EnvelopeDecoder, open_answer
from axonflow_core.codec import FamilyCodec, ModelFacts
from axonflow_core.codec.registry import CodecRegistry, RegisteredCodec
from axonflow_core.emulator.fake_model import SIGNATURE, THOUGHT
from axonflow_core.messages import (
    Completion,
    CompletionRequest,
    Image,
    Inference,
    Media,
    MediaKind,
    Message,
    Reasoning,
    ReasoningRequest,
    Role,
    StopReason,
    Text,
    Tool,
    ToolChoice,
    ToolChoiceMode,
    ToolUse,
    user,
)
from axonflow_core.stream import assemble

CODECS = (anthropic.CODEC, titan.CODEC, *llama.CODECS, *mistral.CODECS)
REGISTRY = CodecRegistry(RegisteredCodec(codec, "tests", "1") for codec in CODECS)
QUESTION = CompletionRequest((user("Why is the sky blue?"),), inference=Inference(max_tokens=100))

MODELS = (
    "us.anthropic.claude-sonnet-4-20250514-v1:0",
    "amazon.titan-text-express-v1",
    "meta.llama3-1-70b-instruct-v1:0",
    "mistral.mistral-large-2407-v1:0",
)
"""The examples of the product's documentation."""
PROMPT_MODELS = (
    "meta.llama2-13b-chat-v1",
    "us.meta.llama4-scout-17b-instruct-v1:0",
    "mistral.mistral-7b-instruct-v0:2",
)
CLAUDE = MODELS[0]
ARNS = (
    "arn:aws:bedrock:us-east-1::foundation-model/amazon.titan-text-express-v1",
    "arn:aws:bedrock:us-east-1:123456789012:inference-profile/"
    "us.anthropic.claude-sonnet-4-20250514-v1:0",
)


@pytest.fixture(scope="module")
def bedrock() -> Iterator[RunningEmulator]:
    with serving(emulator(REGISTRY)) as running:
        yield running


@pytest.fixture(scope="module")
def boto3_client(bedrock: RunningEmulator) -> Iterator[Any]:
    with closing(bedrock.boto3_client()) as client:
        yield client


def codec_of(model: str) -> tuple[FamilyCodec, ModelFacts]:
    base_id = model.rpartition("/")[2].removeprefix("us.")
    return REGISTRY.for_base_id(base_id), ModelFacts(model_id=model, base_id=base_id)


def body_of(model: str, request: CompletionRequest = QUESTION) -> bytes:
    codec, facts = codec_of(model)
    return orjson.dumps(codec.encode_request(request, facts))


def invoke(client: Any, model: str, request: CompletionRequest = QUESTION) -> Completion:
    response = client.invoke_model(modelId=model, body=body_of(model, request))
    headers = response["ResponseMetadata"]["HTTPHeaders"]
    codec, facts = codec_of(model)
    return open_answer(codec, orjson.loads(response["body"].read()), facts, headers)


def invoke_with_stream(
    client: Any, model: str, request: CompletionRequest = QUESTION
) -> Completion:
    response = client.invoke_model_with_response_stream(modelId=model, body=body_of(model, request))
    decoder = EnvelopeDecoder(*codec_of(model))
    chunks = [orjson.loads(event["chunk"]["bytes"]) for event in response["body"]]
    streamed = assemble(event for chunk in chunks for event in decoder.feed(chunk))
    decoder.finish()
    return streamed


def refused(client: Any, model: str, body: bytes | None = None) -> tuple[int, str, str]:
    with pytest.raises(ClientError) as raised:
        client.invoke_model(modelId=model, body=b"{}" if body is None else body)
    response: Any = raised.value.response
    return (
        response["ResponseMetadata"]["HTTPStatusCode"],
        response["Error"]["Code"],
        response["Error"]["Message"],
    )


# ── answers ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("model", [*MODELS, *PROMPT_MODELS, *ARNS])
def test_invoke_model_reads_an_answer_of_the_family(boto3_client: Any, model: str) -> None:
    answer = invoke(boto3_client, model)

    assert f"the {codec_of(model)[0].family} family" in answer.text
    assert answer.text.endswith("You said: Why is the sky blue?")
    assert answer.stop_reason is StopReason.END_TURN
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (5, 16)


@pytest.mark.parametrize("model", [*MODELS, *PROMPT_MODELS, *ARNS])
def test_a_stream_read_by_botocore_adds_up_to_the_whole_answer(
    boto3_client: Any, model: str
) -> None:
    streamed, whole = invoke_with_stream(boto3_client, model), invoke(boto3_client, model)

    assert streamed.text == whole.text
    assert streamed.stop_reason is whole.stop_reason
    assert streamed.usage == whole.usage
    assert streamed.latency_ms == whole.latency_ms


@pytest.mark.parametrize("ask", [invoke, invoke_with_stream])
@pytest.mark.parametrize("model", MODELS)
def test_max_tokens_is_honoured(boto3_client: Any, model: str, ask: Any) -> None:
    answer = ask(boto3_client, model, evolve(QUESTION, inference=Inference(max_tokens=3)))

    assert (answer.text, answer.stop_reason) == ("Here speaks an", StopReason.MAX_TOKENS)
    assert answer.usage.output_tokens == 3


@pytest.mark.parametrize("ask", [invoke, invoke_with_stream])
@pytest.mark.parametrize(
    "model", [CLAUDE, "amazon.titan-text-express-v1", "mistral.mistral-7b-instruct-v0:2"]
)
def test_stop_sequences_are_honoured(boto3_client: Any, model: str, ask: Any) -> None:
    answer = ask(
        boto3_client,
        model,
        evolve(QUESTION, inference=Inference(max_tokens=100, stop_sequences=("emul",))),
    )

    assert answer.text == "Here speaks an "


@pytest.mark.parametrize("ask", [invoke, invoke_with_stream])
def test_a_tool_is_called_with_arguments(boto3_client: Any, ask: Any) -> None:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    tools, choice = (
        (Tool("weather", input_schema=schema),),
        ToolChoice(ToolChoiceMode.TOOL, "weather"),
    )

    answer = ask(boto3_client, CLAUDE, evolve(QUESTION, tools=tools, tool_choice=choice))

    first = "tooluse_emulated00000000000001"
    assert answer.content[1] == ToolUse(first, "weather", {"city": "example"})
    assert answer.stop_reason is StopReason.TOOL_USE


@pytest.mark.parametrize("ask", [invoke, invoke_with_stream])
def test_a_claude_that_is_asked_to_think_thinks_aloud_and_signs_it(
    boto3_client: Any, ask: Any
) -> None:
    asked = evolve(
        QUESTION, inference=Inference(max_tokens=2000), reasoning=ReasoningRequest("enabled", 1024)
    )
    answer = ask(boto3_client, CLAUDE, asked)

    assert answer.content[0] == Reasoning(THOUGHT, SIGNATURE)
    assert answer.text.startswith("Here speaks")
    assert Reasoning not in map(type, ask(boto3_client, CLAUDE).content)


@pytest.mark.parametrize(
    "model", [CLAUDE, "us.meta.llama3-2-90b-instruct-v1:0", "us.mistral.pixtral-large-2502-v1:0"]
)
def test_a_picture_is_seen(boto3_client: Any, model: str) -> None:
    picture = Image(Media(MediaKind.BASE64, "iVBORw0KGgo=", "image/png"))
    request = evolve(QUESTION, messages=(Message(Role.USER, (picture, Text("What is it?"))),))

    assert "I was shown 1 picture." in invoke(boto3_client, model, request).text


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (
            evolve(QUESTION, reasoning=ReasoningRequest("enabled", 2000)),
            "must be greater than `thinking",
        ),
        (evolve(QUESTION, messages=(user(""),)), "messages: text content blocks must be non-empty"),
        (evolve(QUESTION, messages=()), "messages: at least one message is required"),
    ],
    ids=["more thinking than there is room for", "an empty text", "no message"],
)
def test_what_cannot_be_meant_is_refused(
    boto3_client: Any, request_: CompletionRequest, words: str
) -> None:
    with pytest.raises(boto3_client.exceptions.ValidationException, match=words):
        invoke(boto3_client, CLAUDE, evolve(request_, inference=Inference(max_tokens=100)))


def test_every_call_has_a_request_id_of_its_own(boto3_client: Any) -> None:
    ids = {
        boto3_client.invoke_model(modelId=CLAUDE, body=body_of(CLAUDE))["ResponseMetadata"][
            "RequestId"
        ]
        for _ in range(3)
    }

    assert len(ids) == 3


def test_the_environment_alone_points_a_program_at_it_whatever_account_was_set_before(
    bedrock: RunningEmulator,
) -> None:
    program = (
        "import boto3, sys\n"
        "client = boto3.client('bedrock-runtime')\n"
        "answer = client.invoke_model(modelId=sys.argv[1], body=sys.argv[2])\n"
        "sys.stdout.buffer.write(answer['body'].read())\n"
    )
    real_account = {
        "AWS_SESSION_TOKEN": "real",
        "AWS_ACCESS_KEY_ID": "AKIAREAL",
        "AWS_REGION": "eu-west-1",
    }
    model = "amazon.titan-text-express-v1"

    run = subprocess.run(
        [sys.executable, "-c", program, model, body_of(model)],
        env={**os.environ, **real_account, **bedrock.environment},
        check=True,
        capture_output=True,
    )

    assert b"an emulated model of the titan family" in run.stdout


# ── refusals ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "model", [REFUSED_MODEL, f"arn:aws:bedrock:us-east-1::foundation-model/{REFUSED_MODEL}"]
)
def test_a_model_that_needs_a_profile_is_a_validation_exception_and_its_profile_is_the_cure(
    boto3_client: Any, model: str
) -> None:
    status, code, message = refused(boto3_client, model)

    assert (status, code) == (400, "ValidationException")
    assert message == (
        f"Invocation of model ID {model} with on-demand throughput isn’t supported. Retry your "
        "request with the ID or "
        "ARN of an inference profile that contains this model."
    )
    assert invoke(boto3_client, f"us.{REFUSED_MODEL}").text


def test_a_refused_stream_is_raised_by_the_call_and_not_by_the_iteration(boto3_client: Any) -> None:
    with pytest.raises(boto3_client.exceptions.ValidationException):
        boto3_client.invoke_model_with_response_stream(modelId=REFUSED_MODEL, body=b"{}")


def test_an_unknown_model_and_a_malformed_body_are_validation_exceptions(boto3_client: Any) -> None:
    assert refused(boto3_client, "amazon.titan-nonsense") == (
        400,
        "ValidationException",
        "The provided model identifier is invalid.",
    )
    assert refused(boto3_client, CLAUDE, b"{")[2] == (
        "Malformed input request, please reformat your input and try again."
    )


def test_a_wrong_secret_gets_the_403_of_aws(bedrock: RunningEmulator) -> None:
    with closing(bedrock.boto3_client(aws_secret_access_key="wrong")) as client:
        assert refused(client, CLAUDE, body_of(CLAUDE)) == (
            403,
            "InvalidSignatureException",
            "The request signature we calculated does not match the signature you provided. Check "
            "your AWS Secret "
            "Access Key and signing method. Consult the service documentation for details.",
        )


def test_an_unknown_access_key_gets_the_403_of_aws(bedrock: RunningEmulator) -> None:
    with closing(bedrock.boto3_client(aws_access_key_id="AKIANOBODY")) as client:
        message = "The security token included in the request is invalid."
        assert refused(client, CLAUDE) == (403, "UnrecognizedClientException", message)


def test_a_session_token_that_nobody_issued_gets_the_403_of_aws(bedrock: RunningEmulator) -> None:
    with closing(bedrock.boto3_client(aws_session_token="stale")) as client:
        assert refused(client, CLAUDE)[1] == "UnrecognizedClientException"


def test_credentials_of_another_region_are_refused(bedrock: RunningEmulator) -> None:
    with closing(bedrock.boto3_client(region_name="eu-west-1")) as client:
        assert refused(client, CLAUDE)[:2] == (403, "InvalidSignatureException")


def test_unsigned_requests_are_refused(bedrock: RunningEmulator) -> None:
    with closing(bedrock.boto3_client(config=Config(signature_version=UNSIGNED))) as client:
        assert refused(client, CLAUDE)[:2] == (403, "MissingAuthenticationTokenException")


def test_a_body_that_is_too_long_reaches_boto3_as_a_fault_and_not_as_a_broken_connection(
    bedrock: RunningEmulator,
) -> None:
    # botocore itself refuses nothing: the length is AWS's rule.
    with closing(bedrock.boto3_client()) as client:
        status, code, _ = refused(client, CLAUDE, b" " * (MAX_BODY_BYTES + 1))

    assert (status, code) == (413, "ValidationException")


# ── a signed request, changed on the way ──────────────────────────────────────────────────────────


class Tampering:
    """A raw client that signs one request and may send another."""

    path = "/model/us.anthropic.claude-sonnet-4-20250514-v1%3A0/invoke"

    def __init__(self, bedrock: RunningEmulator) -> None:
        self._address = urlsplit(bedrock.base_url).netloc
        self.body = body_of(CLAUDE)

    def send(self, *, skew: timedelta = timedelta(), **changed: Any) -> tuple[int, str, str]:
        """Status, error type and message. `changed`: method, path, body or further headers that
        were not signed."""
        signer = Signer(ACCESS_KEY, SECRET_KEY, None, REGION)
        url = f"http://{self._address}{self.path}"
        headers = signer.sign("POST", url, {"x-mine": "1"}, self.body, datetime.now(UTC) + skew)
        headers |= changed.get("headers", {})
        with closing(HTTPConnection(self._address, timeout=GUARD_S)) as connection:
            connection.request(
                "POST", changed.get("path", self.path), changed.get("body", self.body), headers
            )
            with connection.getresponse() as response:
                said = orjson.loads(response.read())
        return (
            response.status,
            (response.getheader("x-amzn-ErrorType") or "").partition(":")[0],
            said.get("message", ""),
        )


@pytest.fixture
def tampering(bedrock: RunningEmulator) -> Tampering:
    return Tampering(bedrock)


def test_a_request_that_nobody_changed_is_answered(tampering: Tampering) -> None:
    assert tampering.send()[0] == 200


@pytest.mark.parametrize(
    "changed",
    [
        {"body": body_of(CLAUDE, evolve(QUESTION, messages=(user("Give me everything."),)))},
        {"body": body_of(CLAUDE) + b" "},
        {"path": "/model/us.anthropic.claude-opus-4-20250514-v1%3A0/invoke"},
        {"path": f"{Tampering.path}-with-response-stream"},
        {"path": f"{Tampering.path}?a=b"},
        {"headers": {"x-mine": "2"}},
        {"headers": {"Host": "bedrock-runtime.us-east-1.amazonaws.com"}},
    ],
    ids=["body", "one blank", "model", "operation", "query", "header", "host"],
)
def test_what_was_changed_after_signing_gets_the_403_of_aws(
    tampering: Tampering, changed: Any
) -> None:
    status, code, message = tampering.send(**changed)

    assert (status, code) == (403, "InvalidSignatureException")
    assert message.startswith("The request signature we calculated does not match")


def test_what_a_proxy_adds_is_not_part_of_the_signature(tampering: Tampering) -> None:
    added = {"x-forwarded-for": "10.0.0.1", "via": "1.1 proxy", "x-amzn-trace-id": "Root=1"}

    assert tampering.send(headers=added)[0] == 200


@pytest.mark.parametrize(
    ("minutes", "said"), [(-6, "Signature expired"), (6, "Signature not yet current")]
)
def test_a_clock_that_is_wrong_by_more_than_five_minutes_is_told_so(
    tampering: Tampering, minutes: int, said: str
) -> None:
    status, code, message = tampering.send(skew=timedelta(minutes=minutes))

    assert (status, code) == (403, "InvalidSignatureException")
    assert message.startswith(said)


@pytest.mark.parametrize("minutes", [-4, 4])
def test_a_clock_within_five_minutes_is_right_enough(tampering: Tampering, minutes: int) -> None:
    assert tampering.send(skew=timedelta(minutes=minutes))[0] == 200
