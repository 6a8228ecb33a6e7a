"""The fault catalogue: every case of `catalogue`, with the real provider over a real socket.

Of each case is held: the caller sees what it must see, in time; an error knows whose call it was,
and shows neither what was asked nor what was answered; no more requests reach the service than are
allowed; nothing is left behind, no socket, no task, no exception that nobody took. The controls at
the end are mistakes, and the score shows each of them.
"""

from __future__ import annotations

import asyncio
import gc
import re
import traceback
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from functools import cache, partial
from typing import Any, ClassVar, TypeAlias

import pytest
from attrs import evolve
from aws_account import opened_provider
from catalogue import runs
from claude_wire import PAGE, REQUEST_ID, wire
from fault_cases import (
    ASYNC,
    BLOCKING,
    CLAUDE,
    LEAVES_S,
    STREAM,
    Asking,
    Cancelled,
    Fails,
    Place,
    Run,
    Says,
)
from fault_places import NewAuthority, becomes, complaints, placed, resting_in
from fault_score import Score, note, summary
from faulty_service import FaultyService
from http_client.peers import Authority, open_sockets
from on_time import Timed, timed

from axonflow_bedrock.config import SurfaceChoice
from axonflow_bedrock.provider import BedrockProvider
from axonflow_core import waiting
from axonflow_core.errors import AxonFlowError, DecodeError, RequestError
from axonflow_core.http.blocking import BlockingTransport
from axonflow_core.http.client import (
    ByteStream,
    HttpClient,
    HttpRequest,
    HttpResponse,
    Transport,
)
from axonflow_core.messages import CompletionRequest, user
from axonflow_core.provider import CompletionStream
from axonflow_core.stream import TextDelta

pytestmark = pytest.mark.timely

GRACE_S = 0.25
PROMPT = "a secret-word"
SECRETS = ("secret-word", "hunter2", "AKIDEXAMPLE", "wJalrXUtnFEMI")


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> NewAuthority:
    """Makes one certificate, for the cases that need it."""
    return cache(lambda: Authority(tmp_path_factory.mktemp("authority")))


# ── the caller ────────────────────────────────────────────────────────────────────────────────────


class Caller:
    """Asks as the case has it, and keeps the text that it was given."""

    def __init__(self, run: Run, provider: BedrockProvider) -> None:
        self._run = run
        self._provider = provider
        self.text = ""
        self.attempts: int | None = None

    async def ask(self) -> None:
        """The call that is looked at."""
        case = self._run.case
        match case.asking:
            case Asking.AND_LEAVES:
                task = asyncio.ensure_future(self._call())
                await asyncio.sleep(LEAVES_S)
                task.cancel()
                await task
            case Asking.AND_CLOSES:
                stream = await self._opened()
                await self._read(stream)
                await stream.aclose()
                raise asyncio.CancelledError
            case Asking.BY_TWO_READERS:
                stream = await self._opened()
                first = asyncio.ensure_future(self._read_all(stream))
                await asyncio.sleep(0.02)
                with pytest.raises(RequestError, match="another task is reading this stream"):
                    await stream.read()
                await first
                self.attempts = stream.receipt.attempts if stream.receipt else None
            case Asking.BADLY:
                await self._call("a\ud800")
            case _:
                await self._call()

    async def prepare(self) -> None:
        """What comes before it."""
        if self._run.case.is_warm:
            await self._provider.health()  # what botocore has to look up is not the call's time
        if self._run.case.asking is Asking.AGAIN:
            await self._call()
        if self._run.case.asking is Asking.AFTER_A_FAILURE:
            with pytest.raises(AxonFlowError):
                await self._call()
        self.text = ""

    async def _call(self, prompt: str = PROMPT) -> None:
        if self._run.form == STREAM:
            async with await self._opened(prompt) as stream:
                await self._read_all(stream)
                self.attempts = stream.receipt.attempts if stream.receipt else None
            return
        request = CompletionRequest((user(prompt),))
        answer = await self._provider.complete(request, timeout_s=self._run.case.timeout_s)
        self.text = answer.text
        self.attempts = answer.receipt.attempts if answer.receipt else None

    async def _opened(self, prompt: str = PROMPT) -> CompletionStream:
        request = CompletionRequest((user(prompt),))
        return await self._provider.stream(request, timeout_s=self._run.case.timeout_s)

    async def _read_all(self, stream: CompletionStream) -> None:
        while await self._read(stream):
            pass

    async def _read(self, stream: CompletionStream) -> bool:
        batches = await stream.read()
        events = [event for batch in batches for event in batch if isinstance(event, TextDelta)]
        self.text += "".join(event.text for event in events)
        return bool(batches)


async def driven(client: HttpClient, work: Coroutine[Any, Any, None]) -> None:
    """`work` on this loop, or in a thread without one where the client needs none."""
    if getattr(client, "needs_event_loop", True):
        await work
    else:
        await asyncio.wrap_future(waiting.in_thread(partial(waiting.drive, work)))


# ── a run ─────────────────────────────────────────────────────────────────────────────────────────


async def tried(
    run: Run,
    authority: NewAuthority,
    logged: pytest.LogCaptureFixture,
    wrapped: Callable[[HttpClient], HttpClient] = lambda client: client,
) -> tuple[Score, list[str]]:
    """What `run` comes to, and what of it is not as required. `wrapped`: with another client."""
    case, is_streamed = run.case, run.form == STREAM
    service = FaultyService(
        case.does(wire(run.surface, is_streamed=is_streamed)), case.speaks_first
    )
    sockets, tasks = open_sockets(), len(asyncio.all_tasks())
    wrong: list[str] = []
    async with placed(case.place, service, authority) as url:
        client = BlockingTransport() if run.client == BLOCKING else Transport()
        session = case.account(url)
        if case.place in (Place.TLS, Place.OTHER_HOST):
            session.set_config_variable("ca_bundle", str(authority().certificate))
        async with opened_provider(
            url,
            session=session,
            new_client=lambda: wrapped(client),
            **{"model": CLAUDE, "timeouts": case.limits, **case.config},
            surface=SurfaceChoice(run.surface),
        ) as provider:
            caller = Caller(run, provider)
            await driven(client, caller.prepare())
            end, took = await ended(driven(client, caller.ask()))
            wrong += faults_of(run, caller, end)
            end = None
            if not await becomes(lambda: service.open_connections <= resting_in(client)):
                wrong.append("the service still has a connection")
    if not await becomes(lambda: not open_sockets() - sockets):
        wrong.append(f"{len(open_sockets() - sockets)} sockets are left")
    if not await becomes(lambda: len(asyncio.all_tasks()) <= tasks):
        wrong.append("a task is left")
    wrong += complaints(logged)
    if took.elapsed_s < case.not_before_s:
        wrong.append(f"it ended after {took.elapsed_s:.3f} s")
    overrun_s = took.own_s - (case.limits.total_s if case.ends_s is None else case.ends_s)
    if overrun_s > GRACE_S:
        wrong.append(f"it ended {overrun_s:.3f} s late")
    fewest, most = case.calls
    if not fewest <= service.calls <= most:
        wrong.append(f"{service.calls} requests reached the service")
    beyond = max(service.calls - most, 0)
    return Score(run.row.number, run.form, not wrong, round(overrun_s * 1000, 1), beyond), wrong


async def ended(call: Coroutine[Any, Any, None]) -> tuple[BaseException | None, Timed]:
    """How the call ended, and when."""
    with timed() as took:
        try:
            await call
        except (Exception, asyncio.CancelledError) as error:
            return error, took
    return None, took


def faults_of(run: Run, caller: Caller, end: BaseException | None) -> Iterator[str]:
    """What the caller saw and must not have, or the other way round."""
    must = run.case.must
    match must:
        case Says():
            if end is not None:
                yield f"it failed: {shown(end)}"
            elif (caller.text, caller.attempts) != (must.text, must.attempts):
                yield f"it said {caller.text!r} in {caller.attempts} attempts"
        case Cancelled():
            if not isinstance(end, asyncio.CancelledError):
                yield f"it was not cancelled: {shown(end)}"
        case Fails():
            if type(end) is not must.kind:
                yield f"it is no {must.kind.__name__}: {shown(end)}"
            elif isinstance(end, AxonFlowError):
                yield from faults_of_error(run, must, end)
            if must.text is not None and caller.text != must.text:
                yield f"before it there was {caller.text!r}"


def faults_of_error(run: Run, must: Fails, error: AxonFlowError) -> Iterator[str]:
    if not re.search(must.says, error.message):
        yield f"its message is {error.message!r}"
    if must.hint not in (error.hint or ""):
        yield f"its hint is {error.hint!r}"
    whose = (error.provider, error.model, error.request_id)
    model = run.case.config.get("model", CLAUDE)
    is_made = run.case.asking is not Asking.BADLY
    if is_made and whose != ("bedrock", model, REQUEST_ID if must.has_id else None):
        yield f"it knows of its call {whose}"
    for name, expected in must.facts.items():
        if getattr(error, name) != expected:
            yield f"its {name} is {getattr(error, name)!r}"
    told = shown(error)
    for secret in SECRETS:
        if secret in told:
            yield f"it shows {secret!r}"


def shown(error: BaseException | None) -> str:
    """All that a log of the error shows."""
    if error is None:
        return "an answer"
    return "".join(traceback.format_exception_only(error)) + repr(error)


# ── the table ─────────────────────────────────────────────────────────────────────────────────────

RUNS = list(runs())
WAITING = [run for run in RUNS if (run.case.ends_s or 0) > LEAVES_S]
"""Those that end when a limit does: half a second each, and the ways of a case are up to eight."""
AT_ONCE = [run for run in RUNS if (run.case.ends_s or 0) <= LEAVES_S]


@pytest.fixture(scope="module", autouse=True)
def frozen_memory() -> None:
    """What the first call loads stays to the end: frozen, it is not searched by the garbage
    collection after each case."""
    asyncio.run(asking_once())
    gc.collect()
    gc.freeze()


async def asking_once() -> None:
    service = FaultyService([wire("invoke", is_streamed=False).good])
    async with service.served() as port, opened_provider(f"http://127.0.0.1:{port}") as provider:
        await provider.complete(CompletionRequest((user("Hi"),)))


Held: TypeAlias = Callable[[Run], Coroutine[Any, Any, None]]


@pytest.fixture
def held(
    authority: NewAuthority,
    caplog: pytest.LogCaptureFixture,
    record_property: Callable[[str, Any], None],
) -> Held:
    """Holds a run to what its case must come to, and notes its score."""

    async def hold(run: Run) -> None:
        score, wrong = await tried(run, authority, caplog)
        note(record_property, score)
        assert wrong == []

    return hold


@pytest.mark.sampled(6)
@pytest.mark.parametrize("run", AT_ONCE, ids=str)
async def test_a_fault_has_the_end_that_it_must_have(run: Run, held: Held) -> None:
    await held(run)


@pytest.mark.sampled(9, 3)  # of most cases one way, a different one of the next
@pytest.mark.parametrize("run", WAITING, ids=str)
async def test_a_fault_that_a_limit_ends_has_the_end_that_it_must_have(
    run: Run, held: Held
) -> None:
    await held(run)


def test_the_table_has_the_rows_that_a_client_can_show_each_in_every_way_it_exists() -> None:
    assert {run.row.number for run in RUNS} == {*range(1, 56), 57}
    assert len({str(run) for run in RUNS}) == len(RUNS)
    named = {run.case.was for run in RUNS} - {""}
    money_and_time, manners = {"D1", "D2", "D4"}, {"R1", "R2", "R3", "R4", "R5", "R7", "R9"}
    assert named == {*money_and_time, *manners, "U1", "U2", "U3", "U4", "U7", "U8"}
    for one in {run.row.number: run.row for run in RUNS}.values():
        ways = {(run.surface, run.client) for run in RUNS if run.row is one}
        assert len(ways) == 4, one.name


# ── controls: mistakes that the score has to show ─────────────────────────────────────────────────


class Wrapped:
    """A client around another, with a mistake."""

    def __init__(self, client: HttpClient) -> None:
        self._client = client

    async def send(self, request: HttpRequest) -> HttpResponse:
        return await self._client.send(request)

    async def open_stream(self, request: HttpRequest) -> ByteStream:
        return await self._client.open_stream(request)

    async def aclose(self) -> None:
        await self._client.aclose()


class AsksTwice(Wrapped):
    """It makes a call again that may have been billed."""

    async def send(self, request: HttpRequest) -> HttpResponse:
        try:
            return await self._client.send(request)
        except AxonFlowError:
            return await self._client.send(request)


class StartsItsClockAnew(Wrapped):
    """It gives each request time of its own."""

    async def send(self, request: HttpRequest) -> HttpResponse:
        timeouts = evolve(request.timeouts, total_s=2.0)
        return await self._client.send(evolve(request, timeouts=timeouts))


class Quotes(Wrapped):
    """Its errors say what a proxy said."""

    async def send(self, request: HttpRequest) -> HttpResponse:
        response = await self._client.send(request)
        raise DecodeError(f"an HTML page of {len(PAGE)} bytes: {response.body.decode()}")


class TakesHalfForAll(Wrapped):
    """It takes what arrived of a body for all of it."""

    async def send(self, request: HttpRequest) -> HttpResponse:
        with suppress(AxonFlowError):
            await self._client.send(request)
        return HttpResponse(200, {}, wire("invoke", is_streamed=False).body, 0.1)


class ForgetsItsStream(Wrapped):
    """It leaves the connection open when a stream is closed."""

    streams: ClassVar[list[ByteStream]] = []

    async def open_stream(self, request: HttpRequest) -> ByteStream:
        stream = await self._client.open_stream(request)
        self.streams.append(stream)
        stream.aclose = partial(asyncio.sleep, 0)  # type: ignore[method-assign]
        return stream


class ForgetsATask(Wrapped):
    """It leaves a task whose error nobody takes."""

    async def send(self, request: HttpRequest) -> HttpResponse:
        task = asyncio.ensure_future(asyncio.wait_for(asyncio.Event().wait(), 0.001))
        await asyncio.wait({task})
        return await self._client.send(request)


CONTROLS: dict[str, tuple[type[Wrapped], int, str, str, str]] = {
    "it asks twice": (AsksTwice, 10, "most of a body", ASYNC, "2 requests reached the service"),
    "it starts its clock anew": (
        StartsItsClockAnew,
        31,
        "for most of the call, and then the service",
        BLOCKING,
        "it ended ",
    ),
    "it quotes a page": (Quotes, 14, "a captive portal's", ASYNC, "it shows 'hunter2'"),
    "it takes half for all": (
        TakesHalfForAll,
        11,
        "the connection is closed",
        ASYNC,
        "it is no Unavailable: an answer",
    ),
    "it forgets its stream": (
        ForgetsItsStream,
        57,
        "by closing the stream",
        ASYNC,
        "the service still has a connection",
    ),
    "it forgets a task": (
        ForgetsATask,
        7,
        "a pause first",
        ASYNC,
        "Task exception was never retrieved",
    ),
}


@pytest.mark.parametrize("name", CONTROLS)
async def test_the_score_shows_a_mistake(
    name: str, authority: NewAuthority, caplog: pytest.LogCaptureFixture
) -> None:
    mistaken, number, case, client, shows = CONTROLS[name]
    run = next(
        run for run in RUNS if (run.row.number, run.case.name, run.client) == (number, case, client)
    )

    score, wrong = await tried(run, authority, caplog, mistaken)

    assert [said for said in wrong if said.startswith(shows)], wrong
    assert not score.is_as_required
    assert summary([score]).startswith("0 of 1 cases of 1 rows as required")
    if name == "it asks twice":
        assert summary([score]).endswith("calls beyond allowed 1")
    if name == "it starts its clock anew":
        assert score.overrun_ms > GRACE_S * 1000
