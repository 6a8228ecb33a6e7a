"""A client's own body: when it is sent as it came, with which headers, and whose bytes the answer
has."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve
from toy import CHAT
from toy_upstream import ANSWER, CHUNKS, ROUTE, scripted, streamed

from axonflow_core.calls.route import Route
from axonflow_core.errors import DecodeError
from axonflow_core.framing.sse import encode_event
from axonflow_core.json import dumps
from axonflow_core.messages import CompletionRequest, Json, user
from axonflow_core.provider import NativeCall
from axonflow_core.testing import MockAnswer

HI = CompletionRequest((user("hi"),))
BODY = b'{ "turns" : [{"text":"hi", "by":"user"}] }'
WRITTEN = b'{"turns":[{"by":"user","text":"hi"}]}'
NATIVE = NativeCall(
    codec=ROUTE.codec, surface="toy", body=BODY, request=HI, headers={"x-trace": "1"}
)


def prepared(native: NativeCall, route: Route = ROUTE, *, is_streamed: bool = False) -> Any:
    caller, *_ = scripted([])
    return caller.prepare_native(native, route, is_streamed=is_streamed)


# ── which body is sent ────────────────────────────────────────────────────────────────────────────


def test_a_body_in_the_models_own_form_is_sent_as_it_came() -> None:
    call = prepared(NATIVE)
    assert (call.body, call.is_native) == (BODY, True)


@pytest.mark.parametrize(
    "native",
    [
        evolve(NATIVE, body=None),
        evolve(NATIVE, surface="other"),
        evolve(NATIVE, codec=evolve(ROUTE.codec, family="toy-2")),
    ],
    ids=["no body", "another surface", "another family"],
)
def test_a_body_in_another_form_is_written_anew(native: NativeCall) -> None:
    call = prepared(native)
    assert (call.body, call.is_native) == (WRITTEN, False)


def test_a_request_that_was_changed_is_written_anew() -> None:
    call = prepared(evolve(NATIVE, request=CompletionRequest((user("ho"),))))
    assert (call.body, call.is_native) == (WRITTEN.replace(b"hi", b"ho"), False)


@pytest.mark.parametrize(("body", "sent"), [(None, WRITTEN), (BODY, BODY)])
def test_a_clients_headers_go_with_its_operation_however_its_body_is_written(
    body: bytes | None, sent: bytes
) -> None:
    own = evolve(ROUTE, surface=evolve(ROUTE.surface, headers={"accept": "a", "x-trace": "0"}))
    call = prepared(evolve(NATIVE, body=body), own)
    assert (call.body, call.headers) == (sent, {"accept": "a", "x-trace": "1"})


def test_on_another_surface_a_clients_headers_mean_nothing() -> None:
    assert prepared(evolve(NATIVE, surface="other")).headers == {}


def test_a_stream_has_the_operation_and_the_headers_of_streams() -> None:
    surface = evolve(ROUTE.surface, headers={"accept": "a"}, stream_headers={"accept": "b"})
    route = evolve(ROUTE, surface=surface)
    calls = [prepared(NATIVE, route, is_streamed=streamed) for streamed in (False, True)]
    assert [call.operation for call in calls] == ["ask", "ask-streamed"]
    assert [call.headers["accept"] for call in calls] == ["a", "b"]
    assert [call.is_streamed for call in calls] == [False, True]


# ── where it says that it goes ────────────────────────────────────────────────────────────────────


def addressed(body: Json, called: str, is_streamed: bool) -> Json:
    return {**body, "model": called, "stream": is_streamed}


ADDRESSED = evolve(ROUTE, surface=evolve(ROUTE.surface, add_members=addressed))


def test_a_body_that_says_rightly_where_it_goes_is_not_touched() -> None:
    body = b'{ "model": "toy.prompt-1", "stream": false, "turns": [] }'
    assert prepared(evolve(NATIVE, body=body), ADDRESSED).body == body


@pytest.mark.parametrize(
    "said", [{}, {"model": "other", "stream": False}, {"model": "toy.prompt-1", "stream": True}]
)
def test_a_body_that_says_otherwise_where_it_goes_is_addressed_anew(said: Json) -> None:
    body = dumps({"turns": [], **said})
    call = prepared(evolve(NATIVE, body=body), ADDRESSED)
    assert call.body == dumps(addressed({"turns": [], **said}, "toy.prompt-1", False))
    assert call.is_native


def test_a_request_that_is_written_anew_is_addressed_too() -> None:
    call = prepared(evolve(NATIVE, body=None), ADDRESSED, is_streamed=True)
    assert call.body == dumps(
        {"turns": [{"by": "user", "text": "hi"}], "model": "toy.prompt-1", "stream": True}
    )


# ── whose bytes the answer has ────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("body", "bytes_"), [(BODY, ANSWER.reads[0]), (None, None)])
async def test_an_answer_has_the_providers_bytes_where_its_form_is_the_clients(
    body: bytes | None, bytes_: bytes | None
) -> None:
    caller, *_ = scripted([ANSWER])
    native = evolve(NATIVE, body=body)
    answer = await caller.forward(caller.prepare_native(native, ROUTE, is_streamed=False))
    assert (answer.body, answer.headers["x-request-id"]) == (bytes_, "r-1")
    assert answer.answer.text == "Hello."


HIDDEN = [b'"text":"ACME-BADGE",', rb'"te\u0078t":"ACME-BADGE",']
"""A member before one of the same name: who takes the first of two reads this, and orjson does
not."""


@pytest.mark.parametrize("hidden", HIDDEN)
async def test_an_answer_in_which_another_parser_may_read_something_else_is_written_anew(
    hidden: bytes,
) -> None:
    (whole,) = ANSWER.reads
    caller, *_ = scripted([evolve(ANSWER, reads=(b"{" + hidden + whole.removeprefix(b"{"),))])
    answer = await caller.forward(caller.prepare_native(NATIVE, ROUTE, is_streamed=False))
    assert (answer.body, answer.answer.text) == (None, "Hello.")


@pytest.mark.parametrize("hidden", HIDDEN)
async def test_so_is_a_stream_from_the_read_on_that_brings_such_a_chunk(hidden: bytes) -> None:
    first, *others = FRAMES
    odd = others[0].replace(b"{", b"{" + hidden, 1)
    caller, *_ = scripted([in_reads(first, odd, *others[1:])])
    call = caller.prepare_native(NATIVE, ROUTE, is_streamed=True)
    async with await caller.stream(call) as stream:
        natives = []
        while await stream.read():
            natives.append(stream.native)
    assert natives[0] == first
    assert set(natives[1:]) == {None}


FRAMES = [encode_event(dumps(chunk).decode()) for chunk in CHUNKS]


def in_reads(*reads: bytes) -> MockAnswer:
    return evolve(streamed(), reads=reads)


@pytest.mark.parametrize(
    "reads",
    [
        [b"".join(FRAMES)],
        FRAMES,
        [FRAMES[0] + FRAMES[1][:9], FRAMES[1][9:]],
        [FRAMES[0][:9], FRAMES[0][9:], FRAMES[1][:-1], FRAMES[1][-1:]],
    ],
)
async def test_a_batch_comes_with_the_bytes_of_its_frames(reads: list[bytes]) -> None:
    caller, *_ = scripted([in_reads(*reads)])
    call = caller.prepare_native(NATIVE, ROUTE, is_streamed=True)
    stream, got = await caller.stream(call), []
    while batches := await stream.read():
        got.append((len(batches), stream.native))
    assert [native for _, native in got] == (FRAMES if len(reads) > 1 else [b"".join(FRAMES)])
    assert sum(count for count, _ in got) == 2


async def test_bytes_after_an_error_are_not_handed_out() -> None:
    caller, *_ = scripted([in_reads(FRAMES[0] + encode_event("{no json") + FRAMES[1])])
    stream = await caller.stream(caller.prepare_native(NATIVE, ROUTE, is_streamed=True))
    assert len(await stream.read()) == 1
    assert stream.native == FRAMES[0]
    for _ in range(2):
        with pytest.raises(DecodeError):
            await stream.read()


async def test_a_stream_in_another_form_has_no_bytes_of_the_providers() -> None:
    caller, *_ = scripted([streamed(*CHUNKS)])
    other = evolve(NATIVE, codec=evolve(CHAT, family="toy-3"))
    stream = await caller.stream(caller.prepare_native(other, ROUTE, is_streamed=True))
    await stream.read()
    assert not stream.native
