"""Unmodified boto3 -> the Bedrock endpoint -> a runtime -> Bedrock (emulated), in a row.

The endpoint's handler is the shortest there is: read, forward, write. What is unchanged goes on
byte for byte in both directions; errors come out as AWS reports them, whole and in a stream.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any
from urllib.request import urlopen

import boto3
import orjson
import pytest
from aws_account import CODECS, AccountSession
from botocore.config import Config
from botocore.exceptions import ClientError, EventStreamError

from axonflow_bedrock.config import BedrockConfig, SurfaceChoice
from axonflow_bedrock.emulator import emulator
from axonflow_bedrock.plugin import axonflow_register_provider
from axonflow_bedrock.wire.endpoint import Call, Chunks, Handler, NativeAnswer
from axonflow_core.codec import StreamContext
from axonflow_core.http.asgi import AsgiApp, ResponseWriter
from axonflow_core.http.client import Transport
from axonflow_core.http.local_server import Server
from axonflow_core.plugin_spec import Services
from axonflow_core.runtime import Runtime

CLAUDE = "us.anthropic.claude-sonnet-4-20250514-v1:0"
BODY = b"""{ "anthropic_version": "bedrock-2023-05-31",  "max_tokens": 50,
  "messages": [{"role": "user", "content": "Why is \\u0074he sky blue?"}] }"""
THROTTLED = {"code": "ThrottlingException", "message": "Too many requests, please wait."}


class OneClient:
    """The clients of a server that has one."""

    def owner(self, key: str) -> None:
        return None

    def secrets(self, id: str) -> list[str]:
        return ["the client's own"] if id == "AKIACLIENT" else []


def forwarding(runtime: Runtime, read: Callable[[Call], Any]) -> Handler:
    """A handler that sends every call on as it is."""

    async def handle(call: Call) -> NativeAnswer | Chunks:
        conversation = read(call)
        if not conversation.is_streamed:
            answer = await runtime.forward(conversation.native, model=call.model)
            return conversation.forwarded(answer)
        stream = await runtime.forward_stream(conversation.native, model=call.model)
        return conversation.chunks(StreamContext(call.request_id, call.model, 0), stream)

    return handle


class Tap:
    """An app that keeps the bodies that pass through it, in both directions."""

    def __init__(self, app: AsgiApp) -> None:
        self._app = app
        self.asked: list[bytes] = []
        self.answered: list[bytes] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        asked, answered = bytearray(), bytearray()

        async def hear() -> Any:
            message = await receive()
            asked.extend(message.get("body", b""))
            return message

        async def say(message: Any) -> None:
            answered.extend(message.get("body", b""))
            await send(message)

        await self._app(scope, hear, say)
        self.asked.append(bytes(asked))
        self.answered.append(bytes(answered))


@contextmanager
def in_a_row(surface: str = "auto", **script: Any) -> Iterator[tuple[Any, Tap]]:
    """A boto3 client of the endpoint, and what the emulator at the other end receives."""
    upstream = Tap(emulator(CODECS, **({"script": [script]} if script else {})).app)
    spec = axonflow_register_provider()
    with Server(upstream) as bedrock:
        services = Services(
            name="bedrock",
            client=Transport(),
            codecs=CODECS,
            extras={"boto3_session": AccountSession(bedrock.base_url)},
        )
        config = BedrockConfig(region="us-east-1", surface=SurfaceChoice(surface))
        runtime = Runtime({"bedrock": spec.create(config, services)}, services.client)
        assert spec.ingress is not None
        way = spec.ingress(CODECS)
        app = way.app(forwarding(runtime, way.read), OneClient(), max_body_bytes=10**7)
        with Server(closed_by_request(app, runtime)) as endpoint:
            with closing(client_of(endpoint.base_url)) as client:
                yield client, upstream
            urlopen(f"{endpoint.base_url}/close").close()


def closed_by_request(app: AsgiApp, runtime: Runtime) -> AsgiApp:
    """`app`, and a path that closes `runtime` on the event loop on which it was used."""

    async def served(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] != "/close":
            await app(scope, receive, send)
            return
        await runtime.aclose()
        await ResponseWriter(send).whole(200, {}, b"")

    return served


def client_of(base_url: str) -> Any:
    session: Any = boto3.Session()
    return session.client(
        "bedrock-runtime",
        endpoint_url=base_url,
        region_name="eu-west-3",
        aws_access_key_id="AKIACLIENT",
        aws_secret_access_key="the client's own",
        config=Config(signature_version="v4", retries={"total_max_attempts": 1}),
    )


def test_an_unchanged_call_goes_on_and_comes_back_byte_for_byte() -> None:
    with in_a_row() as (client, upstream):
        response = client.invoke_model(modelId=CLAUDE, body=BODY)
        answer = response["body"].read()

    assert upstream.asked == [BODY]
    assert upstream.answered == [answer]
    headers = response["ResponseMetadata"]["HTTPHeaders"]
    assert int(headers["x-amzn-bedrock-input-token-count"]) > 0


def test_an_unchanged_converse_call_goes_on_and_comes_back_byte_for_byte() -> None:
    message = {"role": "user", "content": [{"text": "Why?"}]}
    with in_a_row("converse") as (client, upstream):
        response = client.converse(modelId=CLAUDE, messages=[message])

    assert orjson.loads(upstream.asked[0]) == {"messages": [message]}
    assert orjson.loads(upstream.answered[0])["output"] == response["output"]


def test_a_streamed_call_goes_on_byte_for_byte_and_its_chunks_come_back() -> None:
    with in_a_row() as (client, upstream):
        response = client.invoke_model_with_response_stream(modelId=CLAUDE, body=BODY)
        chunks = [orjson.loads(event["chunk"]["bytes"]) for event in response["body"]]

    assert upstream.asked == [BODY]
    assert chunks[-1]["type"] == "message_stop"
    assert "amazon-bedrock-invocationMetrics" in chunks[-1]
    assert [len(upstream.answered[0])] == [sum(map(len, upstream.answered))]


ASKS: list[tuple[str, Callable[[Any], Any]]] = [
    (
        "auto",
        lambda client: client.invoke_model_with_response_stream(modelId=CLAUDE, body=BODY)["body"],
    ),
    (
        "converse",
        lambda client: client.converse_stream(
            modelId=CLAUDE, messages=[{"role": "user", "content": [{"text": "Why?"}]}]
        )["stream"],
    ),
]


@pytest.mark.parametrize(("surface", "ask"), ASKS, ids=["invoke", "converse"])
def test_a_throttle_in_mid_stream_is_a_throttling_exception(
    surface: str, ask: Callable[[Any], Any]
) -> None:
    with (
        in_a_row(surface, error={**THROTTLED, "after_chunks": 3}) as (client, _),
        closing(ask(client)) as events,
        pytest.raises(EventStreamError) as raised,
    ):
        list(events)

    assert raised.value.response["Error"]["Code"] == "throttlingException"
    assert raised.value.response["Error"]["Message"]


def test_a_throttle_before_the_first_chunk_is_a_429() -> None:
    with in_a_row(error=THROTTLED) as (client, _), pytest.raises(ClientError) as raised:
        client.invoke_model(modelId=CLAUDE, body=BODY)

    assert raised.value.response["Error"]["Code"] == "ThrottlingException"
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 429


def test_a_denial_upstream_is_not_the_clients_own() -> None:
    denied = {"code": "AccessDeniedException", "message": "You shall not pass."}
    with in_a_row(error=denied) as (client, _), pytest.raises(ClientError) as raised:
        client.invoke_model(modelId=CLAUDE, body=BODY)

    assert raised.value.response["Error"]["Code"] == "InternalServerException"
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500


def test_a_malformed_body_is_the_clients_own_and_goes_nowhere() -> None:
    with in_a_row() as (client, upstream), pytest.raises(ClientError) as raised:
        client.invoke_model(modelId=CLAUDE, body=b'{"messages": 7}')

    assert raised.value.response["Error"]["Code"] == "ValidationException"
    assert upstream.asked == []
