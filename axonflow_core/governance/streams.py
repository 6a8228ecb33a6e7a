"""A governed stream: the answer as it may leave, and its end on record.

    read      what the provider sends, through the screen (`look_ahead`), up to its stop reason
    the end   a task of its own, which nobody cancels: what is left is judged, then the whole
              answer once more, then the record is written, and at last the terminal event leaves

The last judgement is that of `Governance.complete`: its decision is the one on record, and it sees
findings that are longer than any look-ahead. A stream that is stopped ends in its own grammar, with
the stop reason `content_filtered`; `outcome` has the decision that stopped it, for a dialect that
says it in another way. Of a stream that nobody reads to its end the record has what was seen, and
says that its counts are a lower bound.

A stop reason is no end: some providers send counts after it, and some break off there. Clients take
it for one, so it waits for the end, and a stream that breaks off has none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine
from typing import TYPE_CHECKING, Any, Protocol

from axonflow_core.errors import AuditError, AxonFlowError, RequestError, TruncatedStream
from axonflow_core.frozen import evolve
from axonflow_core.governance.look_ahead import AnswerScreen, Passed, Stop
from axonflow_core.governance.screening import judged
from axonflow_core.governance.trail import Outcome, Trail, code_of
from axonflow_core.http.asgi import CLIENT_CLOSED
from axonflow_core.messages import Adjustment, Completion, Receipt, StopReason, Usage
from axonflow_core.policy.rules import Decision, Phase, Verdict
from axonflow_core.provider import CompletionStream
from axonflow_core.stream import (
    Assembler,
    Batch,
    BlockStart,
    BlockStop,
    Ended,
    Started,
    Stopped,
    StreamEvent,
    TextDelta,
    UsageUpdate,
)

if TYPE_CHECKING:
    from axonflow_core.governance.vault import Vault
    from axonflow_core.policy.engine import Policy


EXPLANATION = "explanation"
"""The member of `Stopped.stop_details` that says why a policy stops a stream."""


class Record(Protocol):
    """Puts the end of a call on record."""

    def __call__(self, trail: Trail, *, is_opened: bool) -> Awaitable[None]: ...


class GovernedStream(CompletionStream):
    """A stream whose text a policy has let pass. Whoever has it closes it."""

    def __init__(
        self,
        stream: CompletionStream,
        policy: Policy,
        trail: Trail,
        record: Record,
        vault: Vault | None = None,
    ) -> None:
        """`vault` has the placeholders of the request; it forgets them at the end."""
        self._vault = vault
        self._stream = stream
        self._policy = policy
        self._trail = trail
        self._record = record
        is_screened = policy.look_ahead(Phase.ANSWER) or vault
        self._screen = AnswerScreen(policy, vault) if is_screened else None
        self._seen = _Seen()
        """All that the provider sent."""
        self._front = _Front()
        self._last: list[Passed] = []
        """What leaves once the end is on record."""
        self._fault: Exception | None = None
        self._is_being_read = False
        self._end: asyncio.Task[None] | None = None
        self.outcome: Outcome | None = None
        """What came of the call; None while the stream runs, or where it cannot be recorded."""

    @property
    def id(self) -> str:
        """The id of the record that the stream began with."""
        return self._trail.id

    @property
    def receipt(self) -> Receipt | None:  # type: ignore[override]
        """The provider's, which knows its latency once the answer was read."""
        return self._stream.receipt

    @property
    def adjustments(self) -> tuple[Adjustment, ...]:  # type: ignore[override]
        """The provider's."""
        return self._stream.adjustments

    async def read(self) -> tuple[Batch, ...]:
        """What the policy lets pass, as soon as it does. Errors are the provider's; `AuditError`
        takes the place of an end that cannot be recorded."""
        if self._is_being_read:
            raise RequestError("another task is reading this stream")
        self._is_being_read = True
        try:
            while self._end is None:
                if passed := await self._next():
                    return self._handed(passed)
            return await self._rest(self._end)
        except asyncio.CancelledError as cancelled:
            await self._leave(code_of(cancelled))
            raise
        finally:
            self._is_being_read = False

    async def aclose(self) -> None:
        """Cancels the upstream call. Where the stream was not read to its end, that is on record
        when this returns; `AuditError` where it cannot be."""
        await self._leave(CLIENT_CLOSED)
        if isinstance(self._fault, AuditError):
            raise self._fault

    # ── on the way ────────────────────────────────────────────────────────────────────────────────

    async def _next(self) -> Passed | None:
        """What may leave after some more reads of the provider. The last read begins the end."""
        screen, passed = self._screen, None
        if screen is not None and screen.may_pass:
            await asyncio.sleep(0)  # others have their turns
            return self._leaving(screen.taken())
        stream, saw = self._stream, self._seen.add
        try:
            batches = await stream.read()
            saw(batches)
            if screen is None:
                passed = Passed(batches, stream.native)
            else:
                while batches and not screen.add(batches, stream.native) and self._end is None:
                    batches = await stream.read()
                    saw(batches)
                if screen.is_due:
                    await _search(screen)
                passed = screen.taken()
        except Exception as error:
            self._begin_end(self._failed(error))
            return None
        if not batches:
            self._begin_end(self._finished())
        elif screen is not None and screen.stop is not None:
            self._begin_end(self._stopped(screen.stop))
        else:
            return self._leaving(passed)
        return None

    def _leaving(self, passed: Passed | None) -> Passed | None:
        """What leaves now: nothing behind the reason to stop, which waits for the record."""
        if passed is not None and self._seen.has_stopped:
            self._last.append(passed)
            return None
        return passed

    def _handed(self, passed: Passed) -> tuple[Batch, ...]:
        self._front.add(passed.batches)
        self.native = passed.native
        return passed.batches

    async def _rest(self, end: asyncio.Task[None]) -> tuple[Batch, ...]:
        """What is left once the end is on record: the last events, or why there are none."""
        await asyncio.shield(end)
        self.native = None
        if len(self._last) > 1:
            await asyncio.sleep(0)  # others have their turns
        if self._last:
            return self._handed(self._last.pop(0))
        if self._fault is not None:
            raise self._fault
        return ()

    async def _leave(self, code: str) -> None:
        """Nobody reads on."""
        self._begin_end(self._broken_off(code))
        await self._stream.aclose()
        if self._end is not None:
            await asyncio.shield(self._end)

    # ── the end ───────────────────────────────────────────────────────────────────────────────────

    def _begin_end(self, end: Coroutine[Any, Any, None]) -> None:
        """There is one end, and the first one is it."""
        if self._end is None:
            self._end = asyncio.get_running_loop().create_task(self._ended(end))
        else:
            end.close()

    async def _ended(self, end: Coroutine[Any, Any, None]) -> None:
        """Come to the end, and put it on record. Faults wait for the next read."""
        try:
            await end
        except Exception as error:
            self._withhold(error)
            self._trail.broke_off("internal")
        if self._vault is not None:
            self._vault.forget()
        try:
            await self._record(self._trail, is_opened=True)
            self.outcome = self._trail.outcome(None)
        except Exception as error:
            self._withhold(error)

    def _withhold(self, error: Exception) -> None:
        self._last, self._fault = [], error

    async def _finished(self) -> None:
        """The provider is done."""
        if not self._seen.has_ended:
            error = TruncatedStream("the stream ended before its terminal event")
            return await self._failed(error)
        stop = await self._drained(is_complete=True)
        decision = await self._judged(stop)
        if decision is not None and decision.is_stopped:
            self._last = [self._ending(decision.reason)]
        return None

    async def _stopped(self, stop: Stop) -> None:
        """The policy stops the stream."""
        await self._stream.aclose()
        await self._judged(stop, is_whole=False)
        self._last = [self._ending(stop.reason)]

    async def _failed(self, error: Exception) -> None:
        """The provider failed, or this server did. What may leave of the text does, before the
        error."""
        if not isinstance(error, AxonFlowError):
            self._trail.answered(self._answer, is_whole=False)
            await self._stream.aclose()
            raise error
        stop = await self._drained(is_complete=False)
        if stop is not None:
            return await self._stopped(stop)
        await self._judged(None, is_whole=False)
        self._last = list(map(_until_stop, self._last))
        if isinstance(error, TruncatedStream):
            error.partial_text, error.is_text_cut = "", True  # it came, and may not all leave
        self._trail.failed(error)
        self._fault = error
        return None

    async def _broken_off(self, code: str) -> None:
        """Whoever read has left."""
        self._fault = TruncatedStream("the stream was closed before it was read to its end")
        await self._judged(None, is_whole=False)
        self._trail.broke_off(code)

    async def _drained(self, *, is_complete: bool) -> Stop | None:
        """Judge what is still held, and let go of it. Returns what stops the stream."""
        screen = self._screen
        if screen is None:
            return None
        screen.end(is_complete=is_complete)
        await _search(screen)
        while passed := screen.taken():
            self._last.append(passed)
            if screen.may_pass:
                await asyncio.sleep(0)  # others have their turns
        return screen.stop

    async def _judged(self, stop: Stop | None, *, is_whole: bool = True) -> Decision | None:
        """The decision on all that was seen, as the record has it."""
        answer = self._answer
        if not self._policy.is_on(Phase.ANSWER):
            self._trail.answered(answer, is_whole=is_whole)
            return None
        decision, _, kept = await judged(self._policy, Phase.ANSWER, answer)
        is_late = self._is_late(decision, stop)
        if stop is not None and not decision.is_stopped:
            decision = evolve(decision, verdict=stop.verdict, reason=stop.reason)
        self._trail.answered(answer, is_whole=is_whole, is_late=is_late)
        self._trail.decided(decision, kept)
        return decision

    @property
    def _answer(self) -> Completion:
        """All that was seen, as an answer."""
        answer = self._seen.completion
        adjustments = (*answer.adjustments, *self.adjustments)
        return evolve(answer, receipt=self.receipt, adjustments=adjustments)

    def _is_late(self, decision: Decision, stop: Stop | None) -> bool:
        """Whether characters had left before it was seen that they belong to a finding."""
        screen = self._screen
        if screen is None or stop is not None:
            return screen is not None and screen.late > 0
        is_missed = decision.verdict is Verdict.REDACTED and not screen.has_masked
        return screen.late > 0 or is_missed or decision.is_stopped

    def _ending(self, reason: str | None) -> Passed:
        """The last events of a stream that was stopped; `reason` is for who reads it."""
        answer = self._seen.completion
        events: list[StreamEvent] = []
        if not self._front.has_started:
            events.append(Started(answer.id, answer.model, answer.created))
        events += map(BlockStop, self._front.open)
        if answer.usage != Usage():
            events.append(UsageUpdate(answer.usage))
        said = f"A policy of this server stops the answer: {reason} (record {self.id})"
        stopped = Stopped(StopReason.CONTENT_FILTERED, stop_details={EXPLANATION: said})
        return Passed(((*events, stopped, Ended()),), None)


def _until_stop(passed: Passed) -> Passed:
    """What stands before the stop reason."""
    for place, batch in enumerate(passed.batches):
        if any(type(event) is Stopped for event in batch):
            return Passed(passed.batches[:place], None)
    return passed


async def _search(screen: AnswerScreen) -> None:
    """Judge what came, beside the event loop where that takes long."""
    if screen.is_much:
        await asyncio.to_thread(screen.judge)
    else:
        screen.judge()


class _Seen:
    """The sum of what came. Deltas of one text are joined before they are added: they are most of
    the events, and every one would cost as much as all of them."""

    def __init__(self) -> None:
        self._assembler = Assembler()
        self._index = 0
        self._texts: list[str] = []
        self.has_stopped = False
        """Whether the provider said why the answer ends."""

    def add(self, batches: tuple[Batch, ...]) -> None:
        for batch in batches:
            for event in batch:
                if type(event) is TextDelta and event.index == self._index:
                    self._texts.append(event.text)
                else:
                    self._flush()
                    if type(event) is TextDelta:
                        self._index = event.index
                        self._texts.append(event.text)
                    else:
                        self.has_stopped = self.has_stopped or type(event) is Stopped
                        self._assembler.add(event)

    def _flush(self) -> None:
        if self._texts:
            self._assembler.add(TextDelta("".join(self._texts), self._index))
            self._texts.clear()

    @property
    def has_ended(self) -> bool:
        return self._assembler.has_ended

    @property
    def completion(self) -> Completion:
        """The answer so far."""
        self._flush()
        return self._assembler.completion


class _Front:
    """What whoever reads has been told."""

    def __init__(self) -> None:
        self.has_started = False
        self.open: dict[int, None] = {}
        """The blocks that were announced and have no end yet."""

    def add(self, batches: tuple[Batch, ...]) -> None:
        for batch in batches:
            for event in batch:
                kind = type(event)
                if kind is BlockStart:
                    self.open[event.index] = None  # type: ignore[union-attr]
                elif kind is BlockStop:
                    self.open.pop(event.index, None)  # type: ignore[union-attr]
                elif kind is Started:
                    self.has_started = True
