"""A dialect's endpoint over a runtime, with nothing to govern: what governed endpoints stand on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
import pytest
import toy_chat
from governance.governed import FakeStream
from toy_wire import Client, Reply

from axonflow_core.codec import StreamContext
from axonflow_core.dialects.anthropic_messages import CODEC as MESSAGES
from axonflow_core.endpoint.app import dialect_app
from axonflow_core.endpoint.calls import Call, Chunks, NativeAnswer
from axonflow_core.endpoint.conversation import read_conversation
from axonflow_core.endpoint.credentials import nothing
from axonflow_core.endpoint.openai_chat import chat_operation
from axonflow_core.endpoint.operations import Kind, Operation
from axonflow_core.endpoint.wire import Wire
from axonflow_core.http.local_server import Server
from axonflow_core.messages import StopReason, Text
from axonflow_core.runtime import Runtime
from axonflow_core.stream import BlockStart, Ended, Started, Stopped, TextDelta
from axonflow_core.testing import MockTransport

CONTEXT = StreamContext("answer-1", "toy-1", 1_700_000_000)
COUNTED = {"stream_options": {"include_usage": True}}
OWN, OTHER = "/own", "/other"
WIRE = Wire(
    name="forwarding",
    errors=toy_chat.ERRORS,
    presented=nothing,
    # The vendor's own form at one path, and OpenAI's, another codec, at the other.
    operations=(chat_operation(OWN, codec=toy_chat.CODEC), chat_operation(OTHER)),
)


class Forwarding:
    """A handler that hands each call to a runtime."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    async def __call__(self, call: Call) -> NativeAnswer | Chunks:
        conversation = read_conversation(call)
        native, model = conversation.native, call.model
        if not conversation.is_streamed:
            return conversation.forwarded(await self._runtime.forward(native, model=model))
        stream = await self._runtime.forward_stream(native, model=model)
        return conversation.chunks(CONTEXT, stream)


@pytest.fixture(scope="module")
def vendor() -> MockTransport:
    return toy_chat.answered()


@pytest.fixture(scope="module")
def client(vendor: MockTransport) -> Iterator[Client]:
    handler = Forwarding(toy_chat.runtime_on(vendor))
    with Server(dialect_app(WIRE, handler, lambda presented: "client-1")) as server:
        yield Client(server.base_url)


def asked(client: Client, path: str, **more: Any) -> Reply:
    messages = [{"role": "user", "content": "Hi"}]
    return client.post(path, {"model": "toy-1", "messages": messages, "future": 1, **more})


def sent(vendor: MockTransport) -> Any:
    """The body of the last call that reached the vendor."""
    return orjson.loads(vendor.requests[-1].body)


def test_a_call_in_the_vendors_form_arrives_as_it_was_sent(
    client: Client, vendor: MockTransport
) -> None:
    answer = asked(client, OWN).json

    assert sent(vendor)["future"] == 1
    assert answer["choices"][0]["message"]["content"] == "You said: Hi"
    assert (answer["object"], answer["usage"]["completion_tokens"]) == ("chat.completion", 1)


def test_a_body_that_another_parser_may_read_otherwise_is_written_anew(
    client: Client, vendor: MockTransport
) -> None:
    body = b'{"model": "toy-1", "messages": %s, "messages": [{"role": "user", "content": "Hi"}]}'
    hidden = b'[{"role": "user", "content": "Hidden"}]'

    assert client.post(OWN, body % hidden).json["choices"][0]["message"]["content"]
    assert b"Hidden" not in vendor.requests[-1].body
    assert sent(vendor)["messages"] == [{"role": "user", "content": "Hi"}]


@pytest.mark.parametrize("path", [OWN, OTHER])
def test_a_stream_has_the_vendors_text_and_one_end(client: Client, path: str) -> None:
    *chunks, last = [chunk for _, chunk in asked(client, path, stream=True, **COUNTED).events]

    texts = [choice["delta"].get("content", "") for c in chunks for choice in c["choices"]]
    assert "".join(texts) == "You said: Hi"
    assert last == "[DONE]"
    counts = [chunk["usage"] for chunk in chunks if chunk.get("usage")]
    assert [count["prompt_tokens"] for count in counts] == [1]


@pytest.mark.parametrize("path", [OWN, OTHER])
def test_a_client_that_asks_for_no_counts_gets_none_although_the_vendor_is_asked(
    client: Client, vendor: MockTransport, path: str
) -> None:
    *chunks, last = [chunk for _, chunk in asked(client, path, stream=True).events]

    assert sent(vendor)["stream_options"] == {"include_usage": True}
    assert not any(chunk.get("usage") for chunk in chunks)
    assert last == "[DONE]"


async def test_what_is_written_anew_goes_on_where_the_vendors_own_bytes_ended() -> None:
    operation = Operation(name="chat", kind=Kind.CHAT, path="/chat", codec=MESSAGES)
    body = b'{"max_tokens": 9, "messages": []}'
    call = Call(operation=operation, model="m", body=body, caller="c", request_id="r")
    passed = ((Started(), BlockStart(0, Text(""))), (TextDelta("It "),))
    anew = ((TextDelta("rains."),), (Stopped(StopReason.END_TURN), Ended()))
    stream = FakeStream([passed, anew])
    stream.natives = [b"as it came"]

    chunks = [chunk async for chunk in read_conversation(call).chunks(CONTEXT, stream)]

    assert chunks[0] == (b"as it came",)
    assert [chunk["type"] for chunk in chunks[1] if isinstance(chunk, dict)] == [
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
