"""One deadline a call, whatever it has to do: credentials, attempts, pauses, a corrected clock, an
inference profile, the body of a retried stream. On an event loop and in a thread without one.

The fake counts what reaches it; the control of each deadline is the same call with time enough.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, TypeAlias

import orjson
import pytest
from aws_account import AccountSession, opened_provider
from botocore.credentials import Credentials, RefreshableCredentials
from claude_wire import BEGIN, BODY, END, UNTIL_CLOSED, WORD, Piece, whole
from on_time import ends_within

from axonflow_bedrock.provider import BedrockProvider
from axonflow_core import waiting
from axonflow_core.errors import (
    AxonFlowError,
    CredentialsError,
    CredentialsExpired,
    ProviderTimeout,
    Throttled,
)
from axonflow_core.http.blocking import BlockingTransport
from axonflow_core.http.client import HttpClient, Transport
from axonflow_core.messages import CompletionRequest, user
from axonflow_core.retrieval import EmbeddingRequest
from axonflow_core.stream import assemble

TOTAL_S, GRACE_S = 0.6, 0.25
HI = CompletionRequest((user("hi"),))
GOOD = [whole(BODY)]
GOOD_STREAM = [UNTIL_CLOSED, BEGIN, WORD, END]
SILENCE: list[Piece] = [30.0]
DRIP: list[Piece] = [whole(BODY)[:-20], *[b"x", 0.05] * 400]
DRIP_STREAM: list[Piece] = [UNTIL_CLOSED, BEGIN, *[WORD, 0.05] * 400]
Answers: TypeAlias = Sequence[Sequence[Piece]]


def refusal(status: int, code: str, message: str, *headers: str) -> list[Piece]:
    body = orjson.dumps({"message": message})
    lines = [f"x-amzn-ErrorType: {code}", f"Content-Length: {len(body)}", *headers]
    head = f"HTTP/1.1 {status} X\r\n" + "".join(f"{line}\r\n" for line in lines) + "\r\n"
    return [head.encode() + body]


THROTTLED = refusal(429, "ThrottlingException", "Too many requests, please wait.")
EXPIRED = refusal(403, "ExpiredTokenException", "The security token included is expired")
NO_PROFILE = refusal(
    400,
    "ValidationException",
    "Invocation of model ID anthropic.claude-sonnet-4-20250514-v1:0 with on-demand throughput "
    "isn't supported. Retry your request with the ID or ARN of an inference profile that contains "
    "this model.",
)


def skewed() -> list[Piece]:
    ahead = (datetime.now(UTC) + timedelta(hours=1)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    message = "Signature expired: 20260101T000000Z is now earlier than 20260101T010000Z"
    return refusal(403, "InvalidSignatureException", message, f"Date: {ahead}")


class Fake:
    """A service in a thread that gives each request the next answer, the last again and again."""

    def __init__(self, answers: Answers) -> None:
        self.answers = answers
        self.calls = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                await reader.readexactly(int(re.findall(rb"(?i)content-length: (\d+)", head)[0]))
                pieces = self.answers[min(self.calls, len(self.answers) - 1)]
                self.calls += 1
                for piece in pieces:
                    if isinstance(piece, float):
                        await asyncio.sleep(piece)
                    else:
                        writer.write(piece)
                        await writer.drain()
                if b"Connection: close" in pieces[0:1]:
                    return
                if any(piece == END for piece in pieces):
                    return
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def serving(*answers: Sequence[Piece]) -> AsyncIterator[tuple[Fake, str]]:
    fake = Fake(answers)
    async with await asyncio.start_server(fake.serve, "127.0.0.1", 0) as server:
        yield fake, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.fixture(params=[Transport, BlockingTransport], ids=["async", "blocking"])
def new_client(request: pytest.FixtureRequest) -> Callable[[], HttpClient]:
    made: Callable[[], HttpClient] = request.param
    return made


async def ran(provider: BedrockProvider, work: Coroutine[Any, Any, str]) -> str:
    """`work` on this loop, or in a thread without one where the provider's client needs none."""
    if getattr(provider._services.client, "needs_event_loop", True):
        return await work
    return await asyncio.wrap_future(waiting.in_thread(partial(waiting.drive, work)))


async def said(provider: BedrockProvider, total_s: float, *, is_streamed: bool = False) -> str:
    if not is_streamed:
        return (await provider.complete(HI, timeout_s=total_s)).text
    async with await provider.stream(HI, timeout_s=total_s) as stream:
        return assemble([event async for batch in stream for event in batch]).text


async def overdue(
    provider: BedrockProvider, expected: type[AxonFlowError], *, is_streamed: bool = False
) -> AxonFlowError:
    """The error of a call that is out of time; it comes in time."""
    with ends_within(TOTAL_S + GRACE_S), pytest.raises(expected) as raised:
        await ran(provider, said(provider, TOTAL_S, is_streamed=is_streamed))
    assert raised.value.provider == "bedrock"
    return raised.value


class SlowAccount(AccountSession):
    """A source of credentials that says nothing for `silent_s`, as a metadata service does that is
    not there; then it has none, or `credentials`."""

    def __init__(self, url: str, silent_s: float, credentials: Credentials | None = None) -> None:
        super().__init__(url, credentials, attempts=3)
        self.silent_s = silent_s
        self.asked = 0

    def get_credentials(self) -> Any:
        self.asked += 1
        time.sleep(self.silent_s)
        return self._credentials


KEYS = Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI")

# ── credentials ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("is_streamed", [False, True])
async def test_a_silent_source_of_credentials_is_waited_for_no_longer_than_the_call(
    new_client: Callable[[], HttpClient], *, is_streamed: bool
) -> None:
    async with serving(GOOD) as (fake, url):
        session = SlowAccount(url, 2.0)
        async with opened_provider(url, session=session, new_client=new_client) as provider:
            error = await overdue(provider, ProviderTimeout, is_streamed=is_streamed)

    assert "credentials took longer than 0.6 s (total timeout); nothing was sent" in error.message
    assert fake.calls == 0


async def test_a_slow_source_of_credentials_answers_a_call_that_has_the_time(
    new_client: Callable[[], HttpClient],
) -> None:
    async with serving(GOOD) as (fake, url):
        session = SlowAccount(url, 0.7, KEYS)
        async with opened_provider(url, session=session, new_client=new_client) as provider:
            assert await ran(provider, said(provider, 5.0)) == "Good."
    assert (fake.calls, session.asked) == (1, 1)


async def test_a_source_that_was_silent_is_not_waited_for_again_for_a_while(
    new_client: Callable[[], HttpClient],
) -> None:
    async with serving(GOOD) as (_, url):
        session = SlowAccount(url, 1.2)
        async with opened_provider(url, session=session, new_client=new_client) as provider:
            with pytest.raises(CredentialsError):
                await ran(provider, said(provider, 5.0))
            for _ in range(5):
                with (
                    ends_within(0.3),
                    pytest.raises(CredentialsError, match="no AWS credentials"),
                ):
                    await ran(provider, said(provider, 5.0))
    assert session.asked == 1


async def test_what_the_silence_took_is_not_given_to_the_answer(
    new_client: Callable[[], HttpClient],
) -> None:
    async with serving(SILENCE) as (fake, url):
        session = SlowAccount(url, 0.3, KEYS)
        async with opened_provider(url, session=session, new_client=new_client) as provider:
            error = await overdue(provider, ProviderTimeout)
    assert re.search(
        r"did not begin its answer within the 0\.\d+ s that were left of 0\.6 s", error.message
    )
    assert fake.calls == 1


# ── attempts ──────────────────────────────────────────────────────────────────────────────────────


def refreshing(url: str, refresh: Callable[[], dict[str, str]]) -> AccountSession:
    credentials = RefreshableCredentials(
        "AKID0", "secret", "t", datetime.now(UTC) + timedelta(hours=1), refresh, "assume-role"
    )
    return AccountSession(url, credentials, attempts=3)


def renewed() -> dict[str, str]:
    expiry = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    return {"access_key": "AKID1", "secret_key": "s", "token": "t", "expiry_time": expiry}


def never_renewed() -> dict[str, str]:
    time.sleep(2.0)
    return renewed()


def broken_refresh() -> dict[str, str]:
    raise RuntimeError("the vault is sealed: hunter2")


SECOND_ATTEMPTS: dict[str, tuple[Answers, type[AxonFlowError], int]] = {
    "after a throttle": ([THROTTLED, SILENCE], Throttled, 2),
    "after a throttle, dripping": ([THROTTLED, DRIP], Throttled, 2),
    "after a refresh": ([EXPIRED, SILENCE], CredentialsExpired, 2),
    "after a clock correction": ([skewed(), SILENCE], CredentialsError, 2),
    "with an answer that drips": ([DRIP], ProviderTimeout, 1),
}


@pytest.mark.parametrize("name", SECOND_ATTEMPTS)
async def test_a_second_attempt_has_what_is_left(
    new_client: Callable[[], HttpClient], name: str
) -> None:
    answers, expected, calls = SECOND_ATTEMPTS[name]
    async with serving(*answers) as (fake, url):
        session = refreshing(url, renewed)
        async with opened_provider(url, session=session, new_client=new_client) as provider:
            await provider.health()
            await overdue(provider, expected)
    assert fake.calls in (calls, calls - 1) if "throttle" in name else fake.calls == calls


async def test_a_retried_stream_has_no_new_time_for_its_body(
    new_client: Callable[[], HttpClient],
) -> None:
    async with serving(EXPIRED, DRIP_STREAM) as (fake, url):
        session = refreshing(url, renewed)
        async with opened_provider(url, session=session, new_client=new_client) as provider:
            await provider.health()
            error = await overdue(provider, ProviderTimeout, is_streamed=True)
    assert "did not finish its answer within" in error.message
    assert fake.calls == 2


async def test_a_refresh_that_hangs_ends_with_the_call(
    new_client: Callable[[], HttpClient],
) -> None:
    async with serving(EXPIRED) as (fake, url):
        session = refreshing(url, never_renewed)
        async with opened_provider(url, session=session, new_client=new_client) as provider:
            await provider.health()
            await overdue(provider, CredentialsExpired)
    assert fake.calls == 1


async def test_a_refresh_that_fails_says_so(new_client: Callable[[], HttpClient]) -> None:
    async with serving(EXPIRED) as (fake, url):
        session = refreshing(url, broken_refresh)
        async with opened_provider(url, session=session, new_client=new_client) as provider:
            await provider.health()
            error = await overdue(provider, CredentialsError)
    assert "cannot refresh AWS credentials" in error.message
    assert "hunter2" not in f"{error}{error.hint}"
    assert error.model is not None
    assert fake.calls == 1


async def test_a_profile_that_stands_in_has_what_is_left(
    new_client: Callable[[], HttpClient],
) -> None:
    async with (
        serving(NO_PROFILE, SILENCE) as (fake, url),
        opened_provider(
            url,
            new_client=new_client,
            model="anthropic.claude-sonnet-4-20250514-v1:0",
            profile_fallback=True,
        ) as provider,
    ):
        await provider.health()
        await overdue(provider, ProviderTimeout)
    assert fake.calls == 2


async def test_an_embedding_of_many_inputs_has_one_deadline(
    new_client: Callable[[], HttpClient],
) -> None:
    async def embed(provider: BedrockProvider) -> str:
        request = EmbeddingRequest(tuple(f"text {number}" for number in range(20)))
        model = "amazon.titan-embed-text-v2:0"
        return str(await provider.embed(request, model=model, timeout_s=TOTAL_S))

    async with (
        serving(SILENCE) as (fake, url),
        opened_provider(url, new_client=new_client) as provider,
    ):
        await provider.health()
        with ends_within(TOTAL_S + GRACE_S), pytest.raises(ProviderTimeout):
            await ran(provider, embed(provider))
    assert fake.calls <= 8


# ── what is billed ────────────────────────────────────────────────────────────────────────────────

BILLED: dict[str, Sequence[Piece]] = {
    "closed without a byte": [b""],
    "a head cut": [b"HTTP/1.1 200 OK\r\nContent-"],
    "a body cut": [whole(BODY)[:-30]],
}


class Cutting(Fake):
    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(int(re.findall(rb"(?i)content-length: (\d+)", head)[0]))
        self.calls += 1
        writer.write(b"".join(piece for piece in self.answers[0] if isinstance(piece, bytes)))
        writer.close()


@pytest.mark.parametrize("name", BILLED)
@pytest.mark.parametrize("is_streamed", [False, True])
async def test_what_may_have_been_billed_is_not_asked_for_again(
    new_client: Callable[[], HttpClient], name: str, *, is_streamed: bool
) -> None:
    fake = Cutting([BILLED[name]])
    async with await asyncio.start_server(fake.serve, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        session = AccountSession(url, attempts=3)
        async with opened_provider(url, session=session, new_client=new_client) as provider:
            await provider.health()
            with pytest.raises(AxonFlowError):
                await ran(provider, said(provider, 5.0, is_streamed=is_streamed))
    assert fake.calls == 1


async def test_the_control_what_was_refused_is_asked_for_again(
    new_client: Callable[[], HttpClient],
) -> None:
    busy = refusal(503, "ServiceUnavailableException", "busy")
    async with serving(busy, GOOD) as (fake, url):
        session = AccountSession(url, attempts=3)
        async with opened_provider(url, session=session, new_client=new_client) as provider:
            assert await ran(provider, said(provider, 8.0)) == "Good."
    assert fake.calls == 2


# ── what a service asks for ───────────────────────────────────────────────────────────────────────

WAITS = {
    "Retry-After: 7": 7.0,
    "x-amz-retry-after: 2500": 2.5,
    "x-amz-retry-after: 99999999999999999999": None,
    "x-amz-retry-after: soon": None,
}


@pytest.mark.parametrize("header", WAITS)
async def test_a_wait_that_the_service_asks_for_reaches_the_caller(
    new_client: Callable[[], HttpClient], header: str
) -> None:
    async with (
        serving(refusal(429, "ThrottlingException", "wait", header)) as (fake, url),
        opened_provider(url, new_client=new_client) as provider,
    ):
        await provider.health()
        error = await overdue(provider, Throttled)
    assert isinstance(error, Throttled)
    assert error.retry_after_s == WAITS[header]
    assert fake.calls == 1


async def test_a_wait_that_the_service_asks_for_is_kept(
    new_client: Callable[[], HttpClient],
) -> None:
    wait = refusal(429, "ThrottlingException", "wait", "x-amz-retry-after: 1200")
    async with serving(wait, GOOD) as (fake, url):
        session = AccountSession(url, attempts=3)
        async with opened_provider(url, session=session, new_client=new_client) as provider:
            await provider.health()
            started = time.monotonic()
            assert await ran(provider, said(provider, 8.0)) == "Good."
            assert time.monotonic() - started >= 1.2
    assert fake.calls == 2
