"""Everything that can go wrong between Bedrock and us, made to go wrong: a scripted emulator, the
real provider, HTTP.

The emulator counts the calls that reached it. The control beside each zero is a call that nothing
goes wrong with.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import re
import socket
import struct
import time
from binascii import crc32
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aws_account import CODECS, AccountSession, opened_provider
from claude_wire import BEGIN, BODY, END, STREAM, UNTIL_CLOSED, WORD, Piece, whole
from on_time import ends_within

from axonflow_bedrock.config import SurfaceChoice
from axonflow_bedrock.emulator import emulator
from axonflow_bedrock.provider import BedrockProvider
from axonflow_bedrock.wire.eventstream import encode_frame
from axonflow_core import waiting
from axonflow_core.errors import (
    AnswerError,
    AxonFlowError,
    DecodeError,
    ProviderError,
    ProviderTimeout,
    Throttled,
    TruncatedStream,
    Unavailable,
)
from axonflow_core.http.asgi import AsgiApp
from axonflow_core.http.blocking import BlockingTransport
from axonflow_core.http.client import HttpClient, Timeouts, Transport
from axonflow_core.http.local_server import Server
from axonflow_core.messages import CompletionRequest, user
from axonflow_core.stream import TextDelta, assemble

CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
TOTAL_S, GRACE_S = 1.0, 0.25
LIMITS = Timeouts(connect_s=0.5, first_byte_s=0.9, idle_s=0.3, total_s=TOTAL_S)
LONG = Timeouts(connect_s=5, first_byte_s=5, idle_s=5, total_s=10)


class Counted:
    """An app that counts the calls that it gets, and those that are still on."""

    def __init__(self, app: AsgiApp) -> None:
        self._app = app
        self.calls = 0
        self.open_calls = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.calls += 1
        self.open_calls += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self.open_calls -= 1


class Wire:
    """A TCP server that sends what it is told once it has a request, and counts like `Counted`."""

    def __init__(self, pieces: Iterable[Piece], *, is_held: bool = False) -> None:
        self._pieces = pieces
        self._is_held = is_held
        self.calls = 0
        self.open_calls = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.calls += 1
        self.open_calls += 1
        try:
            with suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
                head = await reader.readuntil(b"\r\n\r\n")
                await reader.readexactly(int(re.findall(rb"(?i)content-length: (\d+)", head)[0]))
                await self._send(writer)
                if self._is_held:
                    await reader.read()  # until the client leaves
        finally:
            writer.close()
            self.open_calls -= 1

    async def _send(self, writer: asyncio.StreamWriter) -> None:
        for piece in self._pieces:
            if isinstance(piece, float):
                await asyncio.sleep(piece)
            else:
                writer.write(piece)
                await writer.drain()

    @asynccontextmanager
    async def opened(
        self, scheme: str = "http", new_client: Callable[[], HttpClient] = Transport
    ) -> AsyncIterator[BedrockProvider]:
        async with await asyncio.start_server(self, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            base_url = f"{scheme}://127.0.0.1:{port}"
            async with opened(base_url, LIMITS, new_client) as provider:
                await provider.health()  # what botocore has to look up is not the call's time
                yield provider


@contextmanager
def serving(*rules: dict[str, Any]) -> Iterator[tuple[Counted, str]]:
    app = Counted(emulator(CODECS, script=rules).app)
    with Server(app) as server:
        yield app, server.base_url


def opened(
    base_url: str,
    timeouts: Timeouts = LONG,
    new_client: Callable[[], HttpClient] = Transport,
    **config: Any,
) -> AbstractAsyncContextManager[BedrockProvider]:
    """A provider that retries as botocore does unasked."""
    return opened_provider(
        base_url,
        session=AccountSession(base_url, attempts=None),
        new_client=new_client,
        model=CLAUDE,
        timeouts=timeouts,
        **config,
    )


@pytest.fixture(params=[Transport, BlockingTransport], ids=["async", "blocking"])
def new_client(request: pytest.FixtureRequest) -> Callable[[], HttpClient]:
    """Either client. Calls over the blocking one run in a thread without an event loop."""
    made: Callable[[], HttpClient] = request.param
    return made


async def say(provider: BedrockProvider, text: str, *, is_streamed: bool) -> str:
    said = say_here(provider, text, is_streamed=is_streamed)
    if getattr(provider._services.client, "needs_event_loop", True):
        return await said
    return await asyncio.wrap_future(waiting.in_thread(partial(waiting.drive, said)))


async def say_here(provider: BedrockProvider, text: str, *, is_streamed: bool) -> str:
    request = CompletionRequest((user(text),))
    if not is_streamed:
        return (await provider.complete(request)).text
    async with await provider.stream(request) as stream:
        return assemble([event async for batch in stream for event in batch]).text


def open_sockets() -> set[str]:
    found = set()
    for link in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the listing's own descriptor
            found.add(str(link.readlink()))
    return {name for name in found if name.startswith("socket:")}


async def is_settled(
    app: Counted | Wire,
    sockets: set[str],
    tasks: int,
    *,
    resting: int = 0,
    within_s: float = 10.0,
) -> bool:
    """Whether the emulator answers nothing any more, and no socket or task of ours is left but
    `resting` connections; `within_s` from now."""
    ends_at = time.monotonic() + within_s
    while time.monotonic() < ends_at:
        left = len(open_sockets() - sockets)
        if app.open_calls == 0 and left <= resting and len(asyncio.all_tasks()) <= tasks:
            return True
        await asyncio.sleep(0.01)
    return False


def resting_in(client: HttpClient) -> int:
    """How many connections rest that only the next call will find closed."""
    return len(client._pool._resting) if isinstance(client, BlockingTransport) else 0


async def fails_well(
    app: Counted | Wire,
    provider: BedrockProvider,
    expected: type[AxonFlowError],
    *,
    is_streamed: bool,
) -> None:
    """A bad call ends in the `expected` error in time, was made again only if that may help, and
    leaves nothing."""
    assert await is_settled(app, open_sockets(), 1)
    sockets, calls_before = open_sockets(), app.calls
    with ends_within(TOTAL_S + GRACE_S), pytest.raises(expected) as raised:
        await say(provider, "bad secret-word", is_streamed=is_streamed)
    resting = resting_in(provider._services.client)
    assert await is_settled(app, sockets, 1, resting=resting), "before the pool is closed"
    is_retryable = getattr(raised.value, "is_retryable", False)
    assert app.calls - calls_before in (range(1, 4) if is_retryable else [1])
    assert (raised.value.provider, raised.value.model) == ("bedrock", CLAUDE)
    assert "secret-word" not in f"{raised.value} {raised.value.hint}"


def complaints(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What asyncio has to say of tasks, futures and connections that nobody looked
    after."""
    gc.collect()
    own = [record for record in caplog.records if record.name.startswith("asyncio")]
    return [
        record.getMessage().splitlines()[0] for record in own if record.levelno >= logging.WARNING
    ]


# ── the wire ──────────────────────────────────────────────────────────────────────────────────────

IN_STREAM = {"code": "ModelStreamErrorException", "message": "The model broke.", "after_chunks": 4}
WIRE_FAULTS: list[tuple[str, dict[str, Any], bool, type[AxonFlowError]]] = [
    ("a frame of an exception in mid-stream", {"error": IN_STREAM}, True, Unavailable),
    (
        "an unknown exception in mid-stream",
        {"error": {**IN_STREAM, "code": "NewException", "status": 500}},
        True,
        ProviderError,
    ),
    ("a stream cut inside a frame", {"fault": "truncate", "at_byte": 700}, True, TruncatedStream),
    ("a stream cut after one byte", {"fault": "truncate", "at_byte": 1}, True, TruncatedStream),
    ("an answer cut", {"fault": "truncate"}, False, AnswerError),
    ("a frame with a wrong checksum", {"fault": "corrupt"}, True, DecodeError),
    ("an answer with a wrong bit", {"fault": "corrupt"}, False, AnswerError),
    ("an error in JSON on a stream", {"fault": "json"}, True, DecodeError),
    ("an error in JSON under status 200", {"fault": "json"}, False, DecodeError),
    ("a stream that drips", {"fault": "drip", "pause_s": 0.02}, True, ProviderTimeout),
    ("an answer that drips", {"fault": "drip", "pause_s": 0.02}, False, ProviderTimeout),
    ("a stream that stalls", {"fault": "stall"}, True, ProviderTimeout),
    ("a stream that never begins", {"fault": "stall", "at_byte": 0}, True, ProviderTimeout),
    ("an answer that stalls", {"fault": "stall"}, False, ProviderTimeout),
    ("an answer that comes too late", {"delay_s": 5.0}, False, ProviderTimeout),
    ("a stream that comes too late", {"delay_s": 5.0}, True, ProviderTimeout),
    ("a stream that is reset", {"fault": "reset"}, True, TruncatedStream),
    ("an answer that is reset", {"fault": "reset"}, False, Unavailable),
    ("a page of HTML for a stream", {"fault": "content-type"}, True, DecodeError),
    ("a page of HTML for an answer", {"fault": "content-type"}, False, DecodeError),
    ("a chunk that is too large", {"fault": "huge"}, True, AnswerError),
    ("an empty stream", {"fault": "empty"}, True, TruncatedStream),
    ("an empty answer", {"fault": "empty"}, False, DecodeError),
    (
        "an error of AWS",
        {"error": {"code": "ThrottlingException", "message": "Too many requests"}},
        True,
        Throttled,
    ),
]


@pytest.mark.parametrize(
    "surface", ["invoke", pytest.param("converse", marks=pytest.mark.thorough)]
)
@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    ("rule", "is_streamed", "expected"),
    [case[1:] for case in WIRE_FAULTS],
    ids=[case[0] for case in WIRE_FAULTS],
)
async def test_a_fault_is_a_typed_error_within_its_deadline_and_leaves_nothing_behind(
    rule: dict[str, Any],
    is_streamed: bool,
    expected: type[AxonFlowError],
    surface: str,
    new_client: Callable[[], HttpClient],
    caplog: pytest.LogCaptureFixture,
) -> None:
    with serving({"when": "^bad", **rule}) as (app, base_url):
        choice = SurfaceChoice(surface)
        limits = LONG if expected is AnswerError else LIMITS  # a huge one takes the processor
        async with opened(base_url, limits, new_client, surface=choice) as provider:
            assert "Good?" in await say(provider, "Good?", is_streamed=is_streamed)  # the control
            await fails_well(app, provider, expected, is_streamed=is_streamed)
            assert complaints(caplog) == []


async def test_the_control_of_the_leak_check_a_stream_that_is_held_is_seen() -> None:
    with serving({"fault": "stall"}) as (app, base_url):
        sockets, tasks = open_sockets(), len(asyncio.all_tasks())
        async with (
            opened(base_url) as provider,
            await provider.stream(CompletionRequest((user("hold"),))),
        ):
            assert not await is_settled(app, sockets, tasks, within_s=0.5)


async def test_the_control_of_the_complaints_a_task_whose_error_nobody_takes_is_seen(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def failing() -> None:
        raise ZeroDivisionError

    forgotten = asyncio.create_task(failing())
    await asyncio.wait({forgotten})
    del forgotten
    assert complaints(caplog) == ["Task exception was never retrieved"]


async def test_a_caller_who_leaves_a_stalled_stream_leaves_nothing_behind() -> None:
    with serving({"when": "hold", "fault": "stall"}) as (app, base_url):
        async with opened(base_url) as provider:
            await say(provider, "Good?", is_streamed=True)
            sockets = open_sockets()
            async with await provider.stream(CompletionRequest((user("hold"),))) as stream:
                await stream.read()
                assert app.open_calls == 1
            assert await is_settled(app, sockets, 1)


@pytest.mark.parametrize("is_streamed", [True, False])
@pytest.mark.parametrize("fault", ["stall", "drip"])
async def test_a_call_that_is_cancelled_leaves_nothing_behind(
    fault: str, is_streamed: bool, caplog: pytest.LogCaptureFixture
) -> None:
    with serving({"when": "^bad", "fault": fault}) as (app, base_url):
        async with opened(base_url) as provider:
            await say(provider, "Good?", is_streamed=is_streamed)
            assert await is_settled(app, open_sockets(), 1)
            sockets = open_sockets()
            call = asyncio.create_task(say(provider, "bad", is_streamed=is_streamed))
            await asyncio.sleep(0.1)
            assert app.open_calls == 1
            call.cancel()
            assert await is_settled(app, sockets, 1)
            assert call.cancelled()
            assert complaints(caplog) == []


async def test_what_came_before_an_exception_frame_is_handed_out_first() -> None:
    with serving({"error": IN_STREAM}) as (_, base_url):
        async with (
            opened(base_url) as provider,
            await provider.stream(CompletionRequest((user("Hi"),))) as stream,
        ):
            events = []
            with pytest.raises(Unavailable):
                async for batch in stream:
                    events += batch
    assert "".join(event.text for event in events if isinstance(event, TextDelta)) == "Here speaks"


async def test_an_exception_behind_more_chunks_than_there_are_comes_at_the_end() -> None:
    with serving({"error": {**IN_STREAM, "after_chunks": 1000}}) as (_, base_url):
        async with opened(base_url) as provider:
            with pytest.raises(Unavailable):
                await say(provider, "Hi", is_streamed=True)


async def test_a_reset_stream_keeps_the_text_that_had_arrived() -> None:
    with serving({"fault": "reset"}) as (_, base_url):
        async with opened(base_url) as provider:
            with pytest.raises(TruncatedStream) as raised:
                await say(provider, "Hello", is_streamed=True)
    assert raised.value.partial_text.startswith("Here speaks an emulated")


@pytest.mark.parametrize("is_streamed", [True, False])
async def test_a_slow_answer_within_its_limits_is_whole(is_streamed: bool) -> None:
    with serving({"fault": "drip", "pause_s": 0.0001, "answer": "Slow"}) as (_, base_url):
        async with opened(base_url) as provider:
            assert await say(provider, "Hello", is_streamed=is_streamed) == "Slow"


# ── the wire, byte by byte: what an emulator of good manners does not send ────────────────────────

EVENT = {":event-type": "chunk", ":content-type": "application/json", ":message-type": "event"}
ERROR_FRAME = encode_frame(
    {":message-type": "error", ":error-code": "InternalError", ":error-message": "broke"}, b""
)


def prelude(length: int, headers_length: int = 0) -> bytes:
    lengths = struct.pack(">II", length, headers_length)
    return lengths + struct.pack(">I", crc32(lengths))


RAW: list[tuple[str, Iterable[Piece], bool, bool, type[AxonFlowError]]] = [
    # what is sent, whether the connection stays, whether the answer is streamed, the error
    ("closed without a word", [], False, False, Unavailable),
    ("closed without a word, streamed", [], False, True, Unavailable),
    ("silence", [], True, False, ProviderTimeout),
    ("silence, streamed", [], True, True, ProviderTimeout),
    ("not HTTP", [b"SSH-2.0-OpenSSH_9.2\r\n\r\n"], False, False, AnswerError),
    (
        "a head that never ends",
        [b"HTTP/1.1 200 OK\r\nX: ", *[b"x", 0.05] * 40],
        True,
        False,
        ProviderTimeout,
    ),
    ("a thousand headers", [whole(BODY, more=b"X-Header: x\r\n" * 1000)], True, False, AnswerError),
    (
        "a header of a megabyte",
        [whole(BODY, more=b"X: " + b"x" * 2**20 + b"\r\n")],
        True,
        False,
        AnswerError,
    ),
    ("a body shorter than it says", [whole(BODY, length=len(BODY) + 1)], False, False, Unavailable),
    ("a body that is held back", [whole(BODY, length=len(BODY) + 1)], True, False, ProviderTimeout),
    ("half of the JSON as if it were all", [whole(BODY[:-40])], False, False, DecodeError),
    ("a body of nothing", [whole(b"")], False, False, DecodeError),
    ("a body of another kind", [whole(b"[]")], False, False, DecodeError),
    ("a prelude with a wrong checksum", [UNTIL_CLOSED, BEGIN, b"\0" * 12], True, True, DecodeError),
    (
        "a frame of 8 bytes, rightly summed",
        [UNTIL_CLOSED, BEGIN, prelude(8)],
        True,
        True,
        DecodeError,
    ),
    (
        "a frame of 2 GiB, rightly summed",
        [UNTIL_CLOSED, BEGIN, prelude(2**31)],
        True,
        True,
        DecodeError,
    ),
    (
        "headers longer than their frame",
        [UNTIL_CLOSED, BEGIN, prelude(100, 99)],
        True,
        True,
        DecodeError,
    ),
    (
        "a chunk that is no JSON",
        [UNTIL_CLOSED, BEGIN, encode_frame(EVENT, b"{")],
        True,
        True,
        DecodeError,
    ),
    (
        "a chunk that is no base64",
        [UNTIL_CLOSED, encode_frame(EVENT, b'{"bytes":"!"}')],
        True,
        True,
        DecodeError,
    ),
    ("a frame of an error", [UNTIL_CLOSED, BEGIN, WORD, ERROR_FRAME], True, True, ProviderError),
    ("an end between two frames", [UNTIL_CLOSED, BEGIN, WORD], False, True, TruncatedStream),
    (
        "an end without that of HTTP",
        [STREAM + b"Transfer-Encoding: chunked\r\n\r\n"],
        False,
        True,
        TruncatedStream,
    ),
    (
        "a stream that does not end",
        [UNTIL_CLOSED, BEGIN, *[WORD, 0.01] * 1000],
        True,
        True,
        ProviderTimeout,
    ),
]


@pytest.mark.sampled(2)
@pytest.mark.parametrize(
    ("pieces", "is_held", "is_streamed", "expected"),
    [case[1:] for case in RAW],
    ids=[case[0] for case in RAW],
)
async def test_what_no_service_should_send_is_a_typed_error_in_time_and_leaves_nothing_behind(
    pieces: Iterable[Piece],
    is_held: bool,
    is_streamed: bool,
    expected: type[AxonFlowError],
    new_client: Callable[[], HttpClient],
    caplog: pytest.LogCaptureFixture,
) -> None:
    wire = Wire(pieces, is_held=is_held)
    async with wire.opened(new_client=new_client) as provider:
        await fails_well(wire, provider, expected, is_streamed=is_streamed)
    assert complaints(caplog) == []


@pytest.mark.parametrize(
    ("pieces", "is_streamed"),
    [([whole(BODY)], False), ([UNTIL_CLOSED, BEGIN, WORD, END], True)],
    ids=["whole", "streamed"],
)
async def test_the_control_the_same_bytes_unspoiled_are_an_answer(
    pieces: list[Piece], is_streamed: bool
) -> None:
    async with Wire(pieces).opened() as provider:
        assert await say(provider, "Hello", is_streamed=is_streamed) == "Good."


async def test_a_handshake_that_nobody_answers_ends_with_the_time_to_connect(
    new_client: Callable[[], HttpClient],
    caplog: pytest.LogCaptureFixture,
) -> None:
    wire = Wire([], is_held=True)
    async with wire.opened("https", new_client) as provider:
        await fails_well(wire, provider, ProviderTimeout, is_streamed=False)
    assert complaints(caplog) == []


async def test_a_port_that_nobody_listens_on_is_told_at_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    async with opened(f"http://127.0.0.1:{port}", LIMITS) as provider:
        await provider.health()
        sockets = open_sockets()
        with pytest.raises(Unavailable, match=f"no connection to 127.0.0.1:{port}"):
            await say(provider, "Hello", is_streamed=True)
        assert open_sockets() <= sockets
    assert complaints(caplog) == []


async def test_what_has_arrived_is_handed_out_though_the_body_has_no_chunks_and_stalls() -> None:
    """A client that waits for its buffer to fill shows nothing here."""
    wire = Wire([UNTIL_CLOSED, BEGIN, WORD], is_held=True)
    async with (
        wire.opened() as provider,
        await provider.stream(CompletionRequest((user("Hello"),))) as stream,
    ):
        events = []
        with pytest.raises(ProviderTimeout):
            async for batch in stream:
                events += batch
    assert "".join(event.text for event in events if isinstance(event, TextDelta)) == "Good."
