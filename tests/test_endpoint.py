"""A dialect served over a handler and a verifier, against raw HTTP: what a handler gets, how each
framing carries its answer, how what is refused and what fails is told, and who leaves."""

from __future__ import annotations

import asyncio
import logging
import re
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import orjson
import pytest
from on_time import GUARD_S
from toy_wire import KEY, WIRE, Client, Reply, asked

from axonflow_core.codec import StreamContext
from axonflow_core.endpoint.app import dialect_app
from axonflow_core.endpoint.calls import (
    MAX_BYTES_ON_LOOP,
    Call,
    Chunks,
    NativeAnswer,
    read_beside_loop,
)
from axonflow_core.endpoint.conversation import read_conversation
from axonflow_core.endpoint.credentials import (
    Presented,
    bearer_token,
    first_of,
    header,
    key_verifier,
    nothing,
    query_member,
)
from axonflow_core.endpoint.openai_chat import chat_operation
from axonflow_core.endpoint.refusals import Refusal, Refusals, VendorError
from axonflow_core.endpoint.wire import Wire
from axonflow_core.errors import (
    AccessDenied,
    ConfigError,
    CredentialsError,
    MalformedRequest,
    Throttled,
)
from axonflow_core.frozen import evolve
from axonflow_core.http.asgi import ReceivedRequest
from axonflow_core.http.local_server import Server
from axonflow_core.messages import Completion, StopReason, Text, Usage, user
from axonflow_core.stream import batch_of

CALLER = "client-1"
ANSWER = Completion((Text("It rains."),), StopReason.END_TURN, Usage(3, 2), id="a-1", model="toy-1")
CONTEXT = StreamContext("a-1", "toy-1", 0)
Answering = Callable[[Call], NativeAnswer | Chunks]


async def answered(call: Call) -> NativeAnswer | Chunks:
    """The answer as its dialect has it, in one chunk for each event of a stream."""
    conversation = read_conversation(call)
    if conversation.is_streamed:
        return streamed(call)
    return conversation.answer(ANSWER)


async def streamed(call: Call) -> Chunks:
    encoder = read_conversation(call).encoder(CONTEXT)
    for event in batch_of(ANSWER):
        if chunks := tuple(encoder.encode((event,))):
            yield chunks


class Handled:
    """A handler that can be replaced; it keeps the call."""

    def __init__(self) -> None:
        self.call: Call | None = None
        self.answer: Any = answered

    async def __call__(self, call: Call) -> NativeAnswer | Chunks:
        self.call = call
        answer: NativeAnswer | Chunks = await self.answer(call)
        return answer


HANDLED = Handled()
VERIFIER = key_verifier({KEY: CALLER}, missing="No key.", wrong="Not {key:.3}***.")


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with Server(dialect_app(evolve(WIRE, new_request_id=lambda: "r-1"), HANDLED, VERIFIER)) as it:
        yield Client(it.base_url)


@pytest.fixture(autouse=True)
def handled() -> Handled:
    HANDLED.call, HANDLED.answer = None, answered
    return HANDLED


def raising(error: Exception, after: int | None = None) -> Any:
    """A handler that raises, in a stream after so many chunks."""

    async def chunks(call: Call) -> Chunks:
        for number in range(after or 0):
            yield ({"text": str(number)},)
        raise error

    async def answer(call: Call) -> NativeAnswer | Chunks:
        if after is None:
            raise error
        return chunks(call)

    return answer


# ── what comes in ─────────────────────────────────────────────────────────────────────────────────


def test_a_handler_gets_a_call_and_nothing_of_http(client: Client, handled: Handled) -> None:
    body = asked("Hi", stream=True)

    client.post("/ask?api-version=7&key=x", body, toy_beta="tools", accept="*/*")

    assert handled.call == Call(
        operation=WIRE.operations[0],
        model="toy-1",
        body=orjson.dumps(body),
        json=body,
        caller=CALLER,
        headers={"toy-beta": "tools"},
        query={"api-version": "7"},
        request_id="r-1",
    )
    assert handled.call.is_streamed
    assert handled.call.content == {"turns": body["turns"]}


@pytest.mark.parametrize(
    ("path", "body", "model", "is_streamed"),
    [
        ("/ask", asked("Hi"), "toy-1", False),
        ("/lines", asked("Hi"), "toy-1", True),
        ("/lines", asked("Hi", stream=False), "toy-1", False),
        ("/models/toy-2:ask", {"turns": []}, "toy-2", False),
        ("/models/toy-2:askStream", {"turns": []}, "toy-2", True),
        ("/models/a%2Fb%3A1:ask", {"turns": []}, "a/b:1", False),
    ],
)
def test_path_and_body_say_which_model_and_whether_it_streams(
    client: Client, handled: Handled, path: str, body: Any, model: str, is_streamed: bool
) -> None:
    assert client.post(path, body).status == 200
    assert handled.call is not None
    assert (handled.call.model, handled.call.is_streamed) == (model, is_streamed)


def test_a_segment_that_is_no_model_may_be_anything(client: Client, handled: Handled) -> None:
    handled.answer = partial(_answer, {"n": 1})

    assert client.post("/acme/counts", asked("Hi")).json == {"n": 1}
    assert client.post("/acme/co/counts", asked("Hi")).status == 404


async def _answer(body: Any, call: Call) -> NativeAnswer:
    return NativeAnswer(body, {"toy-count": "1"})


def test_a_conversation_is_read_without_the_members_that_address_it(
    client: Client, handled: Handled
) -> None:
    client.post("/ask", asked("Hi", stream=False, seed=1))

    assert handled.call is not None
    conversation = read_conversation(handled.call)
    assert conversation.request.messages == (user("Hi"),)
    assert dict(conversation.request.extra) == {"seed": 1}
    assert conversation.native.body == handled.call.body
    assert conversation.native.surface == "chat"


# ── who is calling ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("presented", "headers", "target", "key"),
    [
        (bearer_token, {"authorization": "Bearer k"}, "/", "k"),
        (bearer_token, {"authorization": "bearer  k "}, "/", "k"),
        (bearer_token, {"authorization": "Basic k"}, "/", None),
        (bearer_token, {"authorization": "Bearer "}, "/", None),
        (header("x-api-key"), {"x-api-key": "k"}, "/", "k"),
        (header("x-api-key"), {}, "/", None),
        (query_member("key"), {}, "/a?key=k&x=1", "k"),
        (query_member("key"), {}, "/a", None),
        (first_of(header("api-key"), bearer_token), {"authorization": "Bearer k"}, "/", "k"),
        (first_of(header("api-key"), bearer_token), {}, "/", None),
        (nothing, {"authorization": "Bearer k"}, "/", None),
    ],
)
def test_a_key_stands_where_the_dialect_has_it(
    presented: Presented, headers: dict[str, str], target: str, key: str | None
) -> None:
    assert presented(ReceivedRequest("POST", target, headers, b"")) == key


@pytest.mark.parametrize(
    ("key", "message"),
    [("", "No key."), ("sk-secret-of-a-client", "Not sk-***."), ("é", "Not é***.")],
)
def test_a_key_that_is_not_known_is_the_clients_own_fault(
    client: Client, handled: Handled, key: str, message: str
) -> None:
    reply = client.post("/ask", asked("Hi"), x_api_key=key)

    assert reply.error == (401, message)
    assert reply.json["error"]["code"] == "invalid_api_key"
    assert reply.headers["x-should-retry"] == "false"
    assert handled.call is None


def test_a_vendor_may_word_the_refusal_of_a_key_itself() -> None:
    words = Refusals(denied=lambda error: VendorError(status=403, message=f"Sorry: {error}"))

    refusal = evolve(WIRE, refusals=words).denial(CredentialsError("No key."))

    assert (refusal.native.status, refusal.message) == (403, "Sorry: No key.")


# ── what is refused before a handler is asked ─────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/nowhere"), ("GET", "/ask"), ("POST", "/models/x:sing"), ("POST", "/ask/")],
)
def test_an_unknown_path_is_refused_in_the_form_of_the_dialect(
    client: Client, method: str, path: str
) -> None:
    reply = client.post(path, {}, method=method)

    assert reply.error == (404, f"Invalid URL ({method} {path})")
    assert reply.headers["toy-request-id"] == "r-1"
    assert reply.headers["toy-version"] == "1"


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "Input is a zero-length, empty document: line 1 column 1"),
        (b"{", "EOF while parsing|unexpected end of data: line 1 column 2"),
        (b"\xff", "not valid UTF-8"),
        (b"[]", "it is another value"),
        (b"7", "it is another value"),
        (b'{"a": NaN}', "line 1 column 7"),
        (rb'{"a": "half an emoji: \ud83d"}', "no low surrogate in string: line 1 column"),
    ],
)
def test_a_body_that_is_no_json_object_is_refused_with_the_place_of_the_fault(
    client: Client, body: bytes, why: str
) -> None:
    status, message = client.post("/ask", body).error

    assert status == 400
    assert re.match(f"The body of the request is not a JSON object: .*({why})", message)
    assert "emoji" not in message


@pytest.mark.parametrize("model", [None, "", 7, ["toy-1"], "x" * 2_049])
def test_a_call_names_a_model(client: Client, model: Any) -> None:
    assert client.post("/ask", asked("Hi", model)).error == (400, "The request names no model.")


@pytest.mark.parametrize("beyond", [0, 1])
async def test_a_long_body_is_read_beside_the_event_loop(beyond: int) -> None:
    body = bytes(MAX_BYTES_ON_LOOP + beyond)
    thread = await read_beside_loop(body, threading.get_ident)
    assert (thread != threading.get_ident()) == bool(beyond)


def test_an_endless_body_is_refused_and_its_client_hears_why(client: Client) -> None:
    assert client.post("/ask", b"x" * 10_001).error == (
        413,
        "The body is longer than 10000 bytes.",
    )


def test_a_body_in_another_form_is_refused_by_what_is_missing(client: Client) -> None:
    status, message = client.post("/ask", {"model": "toy-1", "prompt": "a secret plan"}).error

    assert status == 400
    assert "turns" in message and "secret" not in message


# ── what goes out ─────────────────────────────────────────────────────────────────────────────────


def test_a_whole_answer_is_the_json_of_the_codec(client: Client, handled: Handled) -> None:
    reply = client.post("/ask", asked("Hi"))

    assert reply.json == {
        "text": "It rains.",
        "stop_reason": "stop",
        "input_tokens": 3,
        "output_tokens": 2,
    }
    assert reply.headers["content-type"] == "application/json"
    assert reply.headers["toy-request-id"] == "r-1"


def test_an_answer_has_headers_and_may_be_bytes_already(client: Client, handled: Handled) -> None:
    handled.answer = partial(_answer, b'{ "as": "it was" }')

    reply = client.post("/ask", asked("Hi"))

    assert reply.data == b'{ "as": "it was" }'
    assert reply.headers["toy-count"] == "1"


def texts(chunks: list[Any]) -> str:
    return "".join(chunk.get("text", "") for chunk in chunks)


def test_a_stream_of_events_without_names(client: Client) -> None:
    reply = client.post("/ask", asked("Hi", stream=True))

    assert reply.headers["content-type"].startswith("text/event-stream")
    assert {name for name, _ in reply.events} == {"message"}
    assert texts([chunk for _, chunk in reply.events]) == "It rains."


def test_a_stream_of_events_with_the_names_of_their_types(client: Client) -> None:
    body = {"model": "c", "stream": True, "max_tokens": 9, "messages": []}

    events = client.post("/chat", body).events

    assert [name for name, _ in events] == [chunk["type"] for _, chunk in events]
    assert (events[0][0], events[-1][0]) == ("message_start", "message_stop")


def test_a_stream_of_json_lines(client: Client) -> None:
    reply = client.post("/lines", asked("Hi"))

    assert reply.headers["content-type"] == "application/x-ndjson"
    assert texts(reply.lines) == "It rains."
    assert reply.lines[-1]["stop_reason"] == "stop"


def test_an_answer_that_has_no_streams_is_not_streamed_by_mistake(
    client: Client, handled: Handled
) -> None:
    handled.answer = raising(ValueError("never reached"), after=1)

    assert client.post("/models/toy-1:ask", asked("Hi")).status == 500
    assert client.post("/models/toy-1:askStream", asked("Hi")).status == 200


def test_ready_frames_and_chunks_leave_together(client: Client, handled: Handled) -> None:
    async def chunks(call: Call) -> Chunks:
        yield (b'{"as":"it was"}\n', {"n": 1})

    async def answer(call: Call) -> Chunks:
        return chunks(call)

    handled.answer = answer

    assert client.post("/lines", asked("Hi")).data == b'{"as":"it was"}\n{"n":1}\n'


# ── OpenAI's chat, which several services have ────────────────────────────────────────────────────

CHAT = Wire(
    name="chat",
    errors=WIRE.errors,
    presented=nothing,
    operations=(
        chat_operation("/v1/chat/completions"),
        chat_operation("/deployments/{model}/chat/completions"),
    ),
)


def chatted(client: Client, path: str = "/v1/chat/completions", **more: Any) -> Reply:
    messages = [{"role": "user", "content": "Hi"}]
    return client.post(path, {"model": "m", "messages": messages, **more})


def test_counts_come_at_the_end_of_a_chat_and_only_where_they_are_asked_for() -> None:
    with Server(dialect_app(CHAT, answered, lambda presented: CALLER)) as server:
        client = Client(server.base_url)
        silent = [chunk for _, chunk in chatted(client, stream=True).events]
        told = [
            chunk
            for _, chunk in chatted(
                client, stream=True, stream_options={"include_usage": True}
            ).events
        ]
        deployed = chatted(client, "/deployments/mine/chat/completions")

    assert (silent[-1], told[-1]) == ("[DONE]", "[DONE]")
    assert not any("usage" in chunk for chunk in silent[:-1])
    *others, counts, _ = told
    assert (counts["choices"], counts["usage"]["prompt_tokens"]) == ([], 3)
    assert all(chunk["usage"] is None for chunk in others)
    assert deployed.json["choices"][0]["message"]["content"] == "It rains."


# ── what fails ────────────────────────────────────────────────────────────────────────────────────


def test_a_refusal_goes_out_in_the_words_of_the_vendor(client: Client, handled: Handled) -> None:
    busy = VendorError(code="rate_limit_exceeded", message="Slow down.", retry_after_s=2)
    handled.answer = raising(WIRE.refusal(busy))

    reply = client.post("/ask", asked("Hi"))

    assert reply.json == {
        "error": {
            "message": "Slow down.",
            "type": "requests",
            "param": None,
            "code": "rate_limit_exceeded",
        }
    }
    assert (reply.status, reply.headers["retry-after"]) == (429, "2")


def test_an_error_of_ours_goes_out_by_the_table_of_the_dialect(
    client: Client, handled: Handled
) -> None:
    handled.answer = raising(Throttled("too many", retry_after_s=7.0))

    reply = client.post("/ask", asked("Hi"))

    assert (reply.status, reply.headers["retry-after"]) == (429, "7")


@pytest.mark.parametrize(
    "error", [AccessDenied("role arn:aws:iam::1:role/x may not"), CredentialsError("key sk-1")]
)
def test_what_a_provider_denies_this_server_is_no_fault_of_the_client(
    client: Client, handled: Handled, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    handled.answer = raising(error)

    with caplog.at_level(logging.ERROR, "axonflow_core.endpoint.app"):
        status, message = client.post("/ask", asked("Hi")).error

    assert status == 502
    assert str(error) not in message and str(error) in caplog.text


def test_a_fault_of_the_configuration_is_for_the_log(
    client: Client, handled: Handled, caplog: pytest.LogCaptureFixture
) -> None:
    handled.answer = raising(ConfigError("the region is missing"))

    with caplog.at_level(logging.ERROR, "axonflow_core.endpoint.app"):
        status, message = client.post("/ask", asked("Hi")).error

    assert status == 500
    assert "region" not in message and "region" in caplog.text


def test_a_defect_of_a_handler_has_a_request_id_and_a_traceback_in_the_log(
    client: Client, handled: Handled, caplog: pytest.LogCaptureFixture
) -> None:
    handled.answer = raising(ZeroDivisionError("of prompt text"))

    reply = client.post("/ask", asked("Hi"))

    assert reply.error == (500, "The server had an error processing the request.")
    assert "call r-1 failed" in caplog.text
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize("path", ["/ask", "/lines", "/models/toy-1:askStream"])
def test_an_error_before_the_first_chunk_has_a_status(
    client: Client, handled: Handled, path: str
) -> None:
    handled.answer = raising(MalformedRequest("no"), after=0)

    assert client.post(path, asked("Hi", stream=True)).status == 400


@pytest.mark.parametrize(
    "error",
    [
        Throttled("broke"),
        WIRE.refusal(VendorError(status=500, message="broke")),
    ],
)
def test_an_error_in_a_stream_is_its_last_chunk(
    client: Client, handled: Handled, error: Exception
) -> None:
    handled.answer = raising(error, after=2)

    event = client.post("/ask", asked("Hi", stream=True))
    line = client.post("/lines", asked("Hi"))

    assert (event.status, line.status) == (200, 200)
    assert len(event.events) == len(line.lines) == 3
    assert event.events[-1][1]["error"]["message"] == "broke"
    assert line.lines[-1]["error"]["message"] == "broke"


def test_a_client_that_leaves_cancels_the_handler_and_closes_its_chunks(
    client: Client, handled: Handled
) -> None:
    is_closed = threading.Event()

    async def endless(call: Call) -> Chunks:
        try:
            while True:
                yield ({"text": "x"},)
                await asyncio.sleep(0.001)
        finally:
            is_closed.set()

    async def answer(call: Call) -> Chunks:
        return endless(call)

    handled.answer = answer

    with client.open("/lines", asked("Hi")) as response:
        response.readline()
        assert not is_closed.is_set()

    assert is_closed.wait(GUARD_S)


# ── a vendor's own errors ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("named", "status", "type", "code"),
    [
        (VendorError(code="model_not_found"), 404, "invalid_request_error", "model_not_found"),
        (VendorError(code="server_error"), 500, "server_error", None),
        (VendorError(status=503), 503, "service_unavailable", None),
        (VendorError(type="tokens", status=429), 429, "tokens", "rate_limit_exceeded"),
        (VendorError(code="odd", status=418), 418, "odd", "odd"),
        (VendorError(type="invalid_request_error", code="odd", status=400), 400, None, "odd"),
        (VendorError(status=599), 599, None, None),
    ],
)
def test_a_vendors_error_is_the_row_that_its_names_tell(
    named: VendorError, status: int, type: str | None, code: str | None
) -> None:
    refusal = WIRE.refusal(named)

    error = refusal.native.body["error"]
    assert refusal.native.status == status
    assert error["type"] == (type or error["type"])
    assert error["code"] == code
    assert refusal.chunk == refusal.native.body


def test_a_refusal_stays_itself() -> None:
    refusal = WIRE.refusal(VendorError(status=500))

    assert WIRE.refusal(refusal) is refusal
    assert isinstance(refusal, Refusal)
