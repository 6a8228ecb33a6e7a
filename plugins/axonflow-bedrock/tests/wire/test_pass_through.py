"""boto3, the Bedrock endpoint, a runtime and Bedrock in a row: what is unchanged arrives unchanged.

Both directions are compared byte by byte: a recorded request as boto3 sends it with what reaches
the service, and the service's recorded answer with what boto3 gets.
"""

from __future__ import annotations

import asyncio
from base64 import b64decode
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import boto3
import orjson
import pytest
from attrs import evolve
from aws_account import AccountSession
from botocore.config import Config as ClientConfig
from botocore.exceptions import ClientError, EventStreamError

from axonflow_bedrock.models.model_id import parse_model_id
from axonflow_bedrock.wire.conversation import codec_for, read_call
from axonflow_bedrock.wire.endpoint import Call, Chunks, NativeAnswer, bedrock_app
from axonflow_bedrock.wire.eventstream import FrameDecoder, frame_of_chunk, frame_of_exception
from axonflow_bedrock.wire.surfaces import CONVERSE, INVOKE, unary_codec_for
from axonflow_core.codec import ModelFacts, StreamContext
from axonflow_core.http.local_server import Server
from axonflow_core.messages import user
from axonflow_core.plugins import load_codecs
from axonflow_core.provider import NativeCall
from axonflow_core.runtime import Runtime

CODECS = load_codecs("bedrock").registry
CONTEXT = StreamContext(id="answer-1", model="model-1", created=1_700_000_000)
CLAUDE = "us.anthropic.claude-sonnet-4-6"
ANSWER = {"type": "message", "role": "assistant", "content": [], "usage": {}}
GUARDRAIL_HEADERS = (
    "x-amzn-bedrock-guardrailidentifier",
    "x-amzn-bedrock-guardrailversion",
    "x-amzn-bedrock-trace",
)


class Bedrock:
    """The service: it answers with recorded bytes, and keeps what arrived."""

    def __init__(self) -> None:
        self.body = b""
        self.status = 200
        self.content_type = "application/json"
        self.arrived: list[bytes] = []
        self.headers: dict[str, str] = {}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        received, is_more = b"", True
        while is_more:
            message = await receive()
            received, is_more = received + message.get("body", b""), message.get("more_body", False)
        self.arrived.append(received)
        self.headers |= {name.decode(): value.decode() for name, value in scope["headers"]}
        headers = [
            (b"content-type", self.content_type.encode()),
            (b"x-amzn-requestid", b"upstream-1"),
            (b"x-amzn-bedrock-input-token-count", b"3"),
        ]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body})


class Governed:
    """The handler of a governed endpoint, with nothing to govern: what the server will stand on."""

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url
        self._runtime: Runtime | None = None

    async def __call__(self, call: Call) -> NativeAnswer | Chunks:
        runtime = self._opened()
        model_id = parse_model_id(call.model)
        facts = ModelFacts(model_id=call.model, base_id=model_id.base_id or "")
        unary = unary_codec_for(CODECS, facts.base_id)
        if unary is not None:
            asked = unary.decode_request(call.json, facts)
            native = NativeCall(codec=unary, surface="invoke", request=asked, body=call.body)
            answer = await runtime.forward(native, model=call.model)
            return NativeAnswer(answer.body)
        conversation = read_call(call, codec_for(call, model_id, CODECS), facts)
        if not conversation.is_streamed:
            return conversation.forwarded(
                await runtime.forward(conversation.native, model=call.model)
            )
        stream = await runtime.forward_stream(conversation.native, model=call.model)
        return conversation.chunks(CONTEXT, stream)

    def _opened(self) -> Runtime:
        if self._runtime is None:
            self._loop = asyncio.get_running_loop()
            extras = {"bedrock": {"boto3_session": AccountSession(self._base_url)}}
            self._runtime = Runtime.open(
                provider="bedrock", region="us-east-1", extras=extras, environment={}
            )
        return self._runtime

    def close(self) -> None:
        """Close the runtime on the event loop that it was used on: the server's."""
        if self._runtime is not None:
            asyncio.run_coroutine_threadsafe(self._runtime.aclose(), self._loop).result(5)


class Sends:
    """An ASGI app around another, which counts the sends of its answers' bodies."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self.bodies: list[bytes] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def counting(message: Mapping[str, Any]) -> None:
            if message["type"] == "http.response.body" and message.get("body"):
                self.bodies.append(message["body"])
            await send(message)

        await self._app(scope, receive, counting)


@pytest.fixture(scope="module")
def bedrock() -> Bedrock:
    return Bedrock()


@pytest.fixture(scope="module")
def sends(bedrock: Bedrock) -> Iterator[tuple[Sends, str]]:
    """The governed endpoint in front of the service, and its URL."""
    with Server(bedrock) as upstream:
        governed = Governed(upstream.base_url)
        sends = Sends(bedrock_app(governed, lambda request: "client-1"))
        with Server(sends) as endpoint:
            yield sends, endpoint.base_url
            governed.close()


class Client:
    """boto3, which sends the recorded bytes and keeps the bytes that come back."""

    def __init__(self, base_url: str) -> None:
        session = boto3.Session("AKIDEXAMPLE", "secret", region_name="us-east-1")
        config = ClientConfig(retries={"total_max_attempts": 1}, parameter_validation=False)
        self.client: Any = session.client("bedrock-runtime", endpoint_url=base_url, config=config)
        self.sent = b""
        for operation in ("Converse", "ConverseStream"):
            event = f"before-call.bedrock-runtime.{operation}"
            self.client.meta.events.register(event, self._replace_body)

    def _replace_body(self, params: dict[str, Any], **_: Any) -> None:
        params["body"] = self.sent

    def ask(self, operation: str, model: str, body: bytes) -> Any:
        self.sent = body
        match operation:
            case "InvokeModel":
                return self.client.invoke_model(modelId=model, body=body)["body"].read()
            case "InvokeModelWithResponseStream":
                answer = self.client.invoke_model_with_response_stream(modelId=model, body=body)
                with closing(answer["body"]) as events:
                    return [event["chunk"]["bytes"] for event in events]
            case "Converse":
                return self.client.converse(modelId=model, messages=[])["output"]
            case _:
                answer = self.client.converse_stream(modelId=model, messages=[])
                with closing(answer["stream"]) as events:
                    return list(events)


@pytest.fixture(scope="module")
def client(sends: tuple[Sends, str]) -> Iterator[Client]:
    client = Client(sends[1])
    yield client
    client.client.close()


# ── recorded traffic ──────────────────────────────────────────────────────────────────────────────

OPERATIONS = ("InvokeModel", "InvokeModelWithResponseStream", "Converse", "ConverseStream")


def recorded(folder: Path) -> Iterator[Mapping[str, Any]]:
    """Every recorded call that Bedrock answered, with its request."""
    for path in sorted(folder.glob("*.jsonl")):
        for line in path.read_bytes().splitlines():
            case = orjson.loads(line)
            is_asked = case["operation"] in OPERATIONS and case.get("request_body") is not None
            if is_asked and case["status"] == 200:
                yield case


def odd(value: Any) -> bytes:
    """JSON in a spelling that no encoder of ours chooses."""
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).replace(b": ", b" :")


@pytest.mark.thorough
def test_every_recorded_request_and_answer_passes_byte_by_byte(
    recordings: Path, bedrock: Bedrock, client: Client, sends: tuple[Sends, str]
) -> None:
    passed = Counter[str]()
    for case in recorded(recordings):
        body = odd(case["request_body"])
        is_streamed = "raw_eventstream_base64" in case
        bedrock.body = (
            b64decode(case["raw_eventstream_base64"]) if is_streamed else odd(case["response_body"])
        )
        bedrock.content_type = (
            "application/vnd.amazon.eventstream" if is_streamed else "application/json"
        )
        bedrock.arrived.clear()
        sends[0].bodies.clear()
        try:
            client.ask(case["operation"], case["model_id"], body)
        except (ClientError, EventStreamError) as refused:
            assert "says which family it is" in refused.response["Error"]["Message"]
            passed["opaque"] += 1
            continue
        assert bedrock.arrived == [body], f"{case['family']}/{case['name']}: the request"
        assert b"".join(sends[0].bodies) == bedrock.body, f"{case['name']}: the answer"
        passed[case["operation"]] += 1

    # Two ids are ARNs that say no model, with bodies that several families could have written.
    assert passed.pop("opaque") == 2
    assert sum(passed.values()) >= 740, passed


# ── streams ───────────────────────────────────────────────────────────────────────────────────────


def claude_stream(words: int) -> bytes:
    """A stream of Claude's of so many text chunks and five others, as Bedrock frames it."""
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude"}
    usage = {"input_tokens": 3, "output_tokens": 1}
    started = {**message, "content": [], "usage": usage}
    word = {"type": "text_delta", "text": "word "}
    stopped = {"stop_reason": "end_turn", "stop_sequence": None}
    chunks = [
        {"type": "message_start", "message": started},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        *[{"type": "content_block_delta", "index": 0, "delta": word}] * words,
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": stopped, "usage": {"output_tokens": words}},
        {"type": "message_stop"},
    ]
    return b"".join(frame_of_chunk(chunk) for chunk in chunks)


BODY = orjson.dumps(
    {
        "anthropic_version": "bedrock-2023-05-31",
        "max_tokens": 100,
        "messages": [{"role": "user", "content": "Hi"}],
    }
)


def test_twenty_one_chunks_of_one_read_leave_in_one_send(
    bedrock: Bedrock, client: Client, sends: tuple[Sends, str]
) -> None:
    bedrock.body, bedrock.content_type = claude_stream(16), "application/vnd.amazon.eventstream"
    sends[0].bodies.clear()

    chunks = client.ask("InvokeModelWithResponseStream", CLAUDE, BODY)

    assert (len(chunks), len(sends[0].bodies)) == (21, 1)
    assert sends[0].bodies[0] == bedrock.body


def test_a_throttle_in_mid_stream_comes_out_as_a_throttle(
    bedrock: Bedrock, client: Client, sends: tuple[Sends, str]
) -> None:
    whole = claude_stream(16)
    half = FrameDecoder()
    half.feed(whole[:2000])
    bedrock.body = whole[: half.consumed_bytes] + frame_of_exception(
        "throttlingException", "Too many tokens"
    )
    bedrock.content_type = "application/vnd.amazon.eventstream"

    with pytest.raises(EventStreamError) as caught:
        client.ask("InvokeModelWithResponseStream", CLAUDE, BODY)

    assert caught.value.response["Error"]["Code"] == "throttlingException"
    assert caught.value.response["Error"]["Message"] == "Too many tokens"


def test_a_refusal_of_aws_s_reaches_the_client_in_aws_s_own_words(
    bedrock: Bedrock, client: Client
) -> None:
    words = "Too many requests,  please wait: string [Hi] isn’t served."
    bedrock.body, bedrock.content_type = orjson.dumps({"message": words}), "application/json"
    bedrock.status = 429

    with pytest.raises(ClientError) as caught:
        client.ask("InvokeModel", CLAUDE, BODY)

    bedrock.status = 200
    assert caught.value.response["Error"] == {"Code": "ThrottlingException", "Message": words}


def test_what_precedes_an_error_in_one_read_passes_as_it_came(
    bedrock: Bedrock, client: Client, sends: tuple[Sends, str]
) -> None:
    """Nothing starts anew: the message and its block were announced once."""
    whole = FrameDecoder()
    whole.feed(claude_stream(16)[:2000])
    before = claude_stream(16)[: whole.consumed_bytes]
    bedrock.body = before + frame_of_exception("throttlingException", "Too many tokens")
    bedrock.content_type = "application/vnd.amazon.eventstream"
    sends[0].bodies.clear()

    with pytest.raises(EventStreamError):
        client.ask("InvokeModelWithResponseStream", CLAUDE, BODY)

    assert sends[0].bodies[0] == before
    assert b"".join(sends[0].bodies).count(b":exception-type") == 1


def test_headers_of_bedrock_go_upstream_with_the_body(bedrock: Bedrock, client: Client) -> None:
    bedrock.body, bedrock.content_type = orjson.dumps({**ANSWER}), "application/json"
    bedrock.headers.clear()

    client.client.invoke_model(
        modelId=CLAUDE, body=BODY, guardrailIdentifier="gr-1", guardrailVersion="1", trace="ENABLED"
    )["body"].read()

    sent = {name: bedrock.headers.get(name) for name in GUARDRAIL_HEADERS}
    assert sent == {
        "x-amzn-bedrock-guardrailidentifier": "gr-1",
        "x-amzn-bedrock-guardrailversion": "1",
        "x-amzn-bedrock-trace": "ENABLED",
    }


def test_no_header_goes_upstream_in_which_somebody_may_write_a_text() -> None:
    passes = {"x-amzn-bedrock-service-tier": "priority"}
    stays = {
        "x-amzn-bedrock-request-metadata": '{"who": "Ann"}',
        "x-amzn-bedrock-projectidentifier": "another",
        "x-amzn-bedrock-new": "hello",
        "x-amzn-bedrock-trace": "hello Ann",
    }

    assert CONVERSE.form.request_headers({**passes, **stays}) == passes
    assert INVOKE.form.request_headers({**passes, **stays}) == passes


def test_a_body_that_was_changed_is_written_anew(bedrock: Bedrock) -> None:
    """The control: without the raw body the bytes differ."""

    async def ask(body: bytes | None, *, is_changed: bool = False) -> bytes:
        facts = ModelFacts(base_id="anthropic.claude-sonnet-4-6")
        codec = CODECS.for_base_id(facts.base_id)
        request = codec.decode_request(orjson.loads(BODY), facts)
        native = NativeCall(codec=codec, surface="invoke", request=request, body=body)
        bedrock.body, bedrock.content_type = orjson.dumps(ANSWER), "application/json"
        if is_changed:
            native = evolve(native, request=evolve(request, messages=(user("[redacted]"),)))
        bedrock.arrived.clear()
        with Server(bedrock) as server:
            session = AccountSession(server.base_url)
            opened = Runtime.open(
                region="us-east-1", extras={"bedrock": {"boto3_session": session}}, environment={}
            )
            async with opened as runtime:
                await runtime.forward(native, model=CLAUDE)
        return bedrock.arrived[0]

    odd_body = odd(orjson.loads(BODY))
    assert asyncio.run(ask(odd_body)) == odd_body
    assert asyncio.run(ask(None)) != odd_body
    changed = asyncio.run(ask(odd_body, is_changed=True))
    assert b"[redacted]" in changed and b"Hi" not in changed
