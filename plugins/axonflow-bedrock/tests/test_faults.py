"""Everything that can go wrong between Bedrock and us, made to go wrong: a scripted emulator, the real provider, HTTP.

The emulator counts the calls that reached it. The control beside each zero is a call that nothing goes wrong with.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.session import Session

from axonflow_bedrock.config import BedrockConfig
from axonflow_bedrock.emulator import ACCESS_KEY, SECRET_KEY, emulator
from axonflow_bedrock.provider import BedrockProvider
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
from axonflow_core.messages import CompletionRequest, user
from axonflow_core.plugins import load_codecs
from axonflow_core.provider import AsgiApp, Services
from axonflow_core.serving import Server
from axonflow_core.stream import TextDelta, assemble
from axonflow_core.transport import Timeouts, Transport

CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
CODECS = load_codecs("bedrock").registry
IDLE_S, TOTAL_S, GRACE_S = 0.3, 0.6, 0.25
LIMITS = Timeouts(connect_s=0.5, first_byte_s=0.5, idle_s=IDLE_S, total_s=TOTAL_S)
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


class SessionOf(Session):
    """A botocore session for the emulator, with no variable or file in between. A call is made once."""

    def __init__(self, base_url: str) -> None:
        super().__init__()
        self._base_url = base_url
        self._credentials = Credentials(ACCESS_KEY, SECRET_KEY)

    def create_client(self, *args: Any, **kwargs: Any) -> Any:
        once = Config(retries={"total_max_attempts": 1})
        return super().create_client(*args, **{**kwargs, "endpoint_url": self._base_url, "config": once})


@contextmanager
def serving(*rules: dict[str, Any]) -> Iterator[tuple[Counted, str]]:
    app = Counted(emulator(CODECS, script=rules).app)
    with Server(app) as server:
        yield app, server.base_url


@asynccontextmanager
async def opened(base_url: str, timeouts: Timeouts = LONG) -> AsyncIterator[BedrockProvider]:
    transport = Transport()
    extras = {"boto3_session": SessionOf(base_url)}
    services = Services(name="bedrock", transport=transport, codecs=CODECS, extras=extras)
    try:
        yield BedrockProvider(BedrockConfig(region="us-east-1", model=CLAUDE, timeouts=timeouts), services)
    finally:
        await transport.aclose()


async def say(provider: BedrockProvider, text: str, *, is_streamed: bool) -> str:
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


async def is_settled(app: Counted, sockets: set[str], tasks: int) -> bool:
    """Whether the emulator answers nothing any more, and no socket or task of ours is left; within a second."""
    ends_at = time.monotonic() + 1.0
    while time.monotonic() < ends_at:
        if app.open_calls == 0 and open_sockets() <= sockets and len(asyncio.all_tasks()) <= tasks:
            return True
        await asyncio.sleep(0.01)
    return False


# ── the wire ────────────────────────────────────────────────────────────────────────────────────────────────────────

IN_STREAM = {"code": "ModelStreamErrorException", "message": "The model broke.", "after_chunks": 4}
WIRE_FAULTS: list[tuple[str, dict[str, Any], bool, type[AxonFlowError]]] = [
    ("a frame of an exception in mid-stream", {"error": IN_STREAM}, True, Unavailable),
    ("an unknown exception in mid-stream", {"error": {**IN_STREAM, "code": "NewException", "status": 500}}, True,
     ProviderError),
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
    ("an error of AWS", {"error": {"code": "ThrottlingException", "message": "Too many requests"}}, True, Throttled),
]  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "is_streamed", "expected"), [case[1:] for case in WIRE_FAULTS], ids=[case[0] for case in WIRE_FAULTS]
)
async def test_a_fault_is_a_typed_error_within_its_deadline_and_leaves_nothing_behind(
    rule: dict[str, Any], is_streamed: bool, expected: type[AxonFlowError]
) -> None:
    with serving({"when": "^bad", **rule}) as (app, base_url):
        async with opened(base_url, LIMITS) as provider:
            assert "Good?" in await say(provider, "Good?", is_streamed=is_streamed)  # the control
            assert await is_settled(app, open_sockets(), 1)
            sockets, calls_before, started = open_sockets(), app.calls, time.monotonic()
            with pytest.raises(expected) as raised:
                await say(provider, "bad secret-word", is_streamed=is_streamed)
            elapsed_s = time.monotonic() - started
            assert await is_settled(app, sockets, 1), "before the pool is closed, which would hide a leak"
        assert elapsed_s <= TOTAL_S + GRACE_S
        assert app.calls - calls_before == 1
    assert (raised.value.provider, raised.value.model) == ("bedrock", CLAUDE)
    assert "secret-word" not in f"{raised.value} {raised.value.hint}"


async def test_the_control_of_the_leak_check_a_stream_that_is_held_is_seen() -> None:
    with serving({"fault": "stall"}) as (app, base_url):
        sockets, tasks = open_sockets(), len(asyncio.all_tasks())
        async with opened(base_url) as provider, await provider.stream(CompletionRequest((user("hold"),))):
            assert not await is_settled(app, sockets, tasks)


async def test_a_caller_who_leaves_a_stalled_stream_leaves_nothing_behind() -> None:
    with serving({"when": "hold", "fault": "stall"}) as (app, base_url):
        async with opened(base_url) as provider:
            await say(provider, "Good?", is_streamed=True)
            sockets = open_sockets()
            async with await provider.stream(CompletionRequest((user("hold"),))) as stream:
                await stream.read()
                assert app.open_calls == 1
            assert await is_settled(app, sockets, 1)


async def test_what_came_before_an_exception_frame_is_handed_out_first() -> None:
    with serving({"error": IN_STREAM}) as (_, base_url):
        async with opened(base_url) as provider, await provider.stream(CompletionRequest((user("Hi"),))) as stream:
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
