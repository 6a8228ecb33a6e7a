"""Everything that can go wrong between Bedrock and us, made to go wrong: a scripted emulator, the real provider, HTTP.

The emulator counts the calls that reached it. The control beside each zero is a call that nothing goes wrong with.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
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
from axonflow_bedrock.emulator import ACCESS_KEY, SECRET_KEY, emulator, environment
from axonflow_bedrock.error_table import MODELLED_STATUSES, TABLE, Row
from axonflow_bedrock.provider import BedrockProvider
from axonflow_core.errors import (
    AccessDenied,
    AnswerError,
    AxonFlowError,
    DecodeError,
    ModelNotFound,
    ProfileRequired,
    ProviderError,
    ProviderTimeout,
    Throttled,
    TruncatedStream,
    Unavailable,
    UndetectedFamily,
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


# ── AWS's words ─────────────────────────────────────────────────────────────────────────────────────────────────────

REDIRECT = "Moved Permanently"
"""The transport itself refuses a redirect, with a word of its own."""


def error_of(row: Row) -> dict[str, Any]:
    """The exception of AWS that a row is for. A status that stands for itself comes under a name nobody knows."""
    code = row.codes[0] if row.codes else "ValidationException" if row.says else "SomethingElse"
    anything = 400 if row.says or row.codes else 201
    status = next(iter(row.statuses), MODELLED_STATUSES.get(code, anything))
    return {"code": code, "message": row.example, "status": status}


@pytest.mark.parametrize("is_streamed", [False, True], ids=["whole", "streamed"])
async def test_every_row_of_the_error_table_is_told_as_what_it_is(is_streamed: bool) -> None:
    rules = [{"when": f"^row {number}$", "error": error_of(row)} for number, row in enumerate(TABLE)]
    told, meant = [], []
    with serving(*rules) as (app, base_url):
        async with opened(base_url) as provider:
            for number, row in enumerate(TABLE):
                with pytest.raises(ProviderError) as raised:
                    await say(provider, f"row {number}", is_streamed=is_streamed)
                told.append((row.example, type(raised.value), bool(raised.value.hint)))
                meant.append((row.example, ProviderError if row.example == REDIRECT else row.error, True))
    assert told == meant
    assert app.calls == len(TABLE) >= 40


PAGE = [
    ("AccessDeniedException: IAM role missing Bedrock permissions - Add bedrock:InvokeModel to the task role",
     {"code": "AccessDeniedException", "message": "User: arn:aws:sts::123456789012:assumed-role/app/i-0 is not "
      "authorized to perform: bedrock:InvokeModel on resource: arn:aws:bedrock:us-east-1::foundation-model/x because "
      "no identity-based policy allows the bedrock:InvokeModel action"},
     AccessDenied, "bedrock:InvokeModel"),
    ("ValidationException on model ID: Model not enabled in your account - Enable the model in the Bedrock console",
     {"code": "ValidationException", "message": "The provided model identifier is invalid."},
     ModelNotFound, "enable the model in the Bedrock console for us-east-1"),
    ("ValidationException on newer Anthropic models: on-demand throughput - Use inference profile ID",
     {"code": "ValidationException", "message": "Invocation of model ID x with on-demand throughput isn’t supported."},
     ProfileRequired, "inference profile"),
]  # fmt: skip


@pytest.mark.parametrize(("error", "expected", "fix"), [row[1:] for row in PAGE], ids=[row[0] for row in PAGE])
async def test_a_row_of_the_product_pages_troubleshooting(
    error: dict[str, Any], expected: type[ProviderError], fix: str
) -> None:
    with serving({"error": error}) as (_, base_url):
        async with opened(base_url) as provider:
            with pytest.raises(expected) as raised:
                await say(provider, "Hello", is_streamed=False)
    assert fix in str(raised.value.hint)


async def test_empty_response__model_family_not_detected__verify_model_id_starts_with_a_supported_prefix() -> None:
    with serving() as (app, base_url):
        async with opened(base_url) as provider:
            with pytest.raises(UndetectedFamily, match=r"acme\.rocket") as raised:
                await provider.complete(CompletionRequest((user("Hello"),)), model="acme.rocket-v1:0")
    assert "anthropic" in str(raised.value.hint)
    assert app.calls == 0


def test_high_latency_over_2_s__cross_region_calls__set_bedrock_region_to_match_your_deployment_region(
    tmp_path: Path,
) -> None:
    with serving({"delay_s": 2.1}) as (_, base_url):
        here = {"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-1", "BEDROCK_MODEL": CLAUDE}
        own = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        ran = subprocess.run(
            [sys.executable, "-m", "axonflow_core.cli", "ask", "Hello"],
            env={**own, **environment(base_url), **here},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
    assert ran.returncode == 0, ran.stderr
    assert "set BEDROCK_REGION to match where it runs" in ran.stderr
