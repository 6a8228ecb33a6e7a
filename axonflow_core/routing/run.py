"""One call on its way from target to target.

    target ─ may it be asked? ─ has the budget a call for it? ─ asked ─ the trial hears how it ended
      ▲                                                          │ an error that another may mend
      └──────────────────────────────────────────────────────────┘

What was tried and why stands on the receipt of the answer, or on the error where nobody answered.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from math import ceil
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from axonflow_core.calls.attempts import failed_attempt
from axonflow_core.calls.budget import BUDGET, FREE, RetryBudget
from axonflow_core.calls.retries import BEFORE_ANOTHER_S, LONGEST_WAIT, MAX_PAUSE_S
from axonflow_core.errors import (
    AxonFlowError,
    ConfigError,
    CredentialsMissing,
    ProviderError,
    ProviderTimeout,
    RequestError,
    Unavailable,
)
from axonflow_core.frozen import evolve, frozen
from axonflow_core.messages import Choice, Completion, FailedAttempt, Receipt, SkippedTarget
from axonflow_core.provider import CompletionStream

from .breaker import Trial, is_of_the_target
from .candidates import Candidates
from .passing_on import passes_on
from .targets import Target

if TYPE_CHECKING:
    from .router import Router

T = TypeVar("T")
Ask = Callable[[Any, str | None, float | None], Awaitable[T]]
"""Asks a provider for an answer of a model, within so many seconds."""


class Tell(Protocol):
    """Hears of each target before it is asked."""

    def __call__(self, target: Target, beside: tuple[Target, ...] = (), /) -> None:
        """`beside`: those asked before that may bill the call too: they were silent, or are still
        under way."""
        ...


_LOG = logging.getLogger(__name__)
FAIR_S = 2.0
"""A caller's time limit below which a time-out tells nothing of the target."""


@frozen(kw_only=True)
class Plan:
    """The targets of one call, in the order to try them in."""

    targets: tuple[Target, ...]
    by: str
    """What decided on the first: see `Choice.by`."""
    candidates: Candidates
    mark: int | None = None
    """The conversation that it goes on with."""
    hedge_s: float | None = None
    """The silence after which another target is asked beside the first."""


class Run:
    """One call on its way from target to target."""

    # What most calls never change is the class's.
    _failed: tuple[tuple[Target, AxonFlowError], ...] = ()
    _shut: tuple[Target, ...] = ()
    """Those that may not be asked now."""
    _unpaid: tuple[Target, ...] = ()
    """Those that the budget of extra calls had nothing left for."""
    _is_extra = False
    """Whether something was sent already, so that another call is one too many."""
    _is_hedged = False
    _outrun: tuple[Target, ...] = ()
    """Those that were asked beside the one that answered."""

    def __init__(
        self, router: Router, plan: Plan, tell: Tell, *, is_streamed: bool = False
    ) -> None:
        self._router = router
        self._plan = plan
        self._tell = tell
        self._is_streamed = is_streamed

    def answered(self, ask: Ask[T], timeout_s: float | None) -> Coroutine[Any, Any, T]:
        """The answer of the first target that gives one."""
        ends_at = None if timeout_s is None else self._router.now() + timeout_s
        targets = iter(self._plan.targets)
        if self._plan.hedge_s is None:
            return self._next_answer(targets, ask, timeout_s, ends_at)
        return self._first_answer(targets, ask, timeout_s, ends_at, self._plan.hedge_s)

    async def _first_answer(
        self,
        targets: Iterator[Target],
        ask: Ask[T],
        timeout_s: float | None,
        ends_at: float | None,
        hedge_s: float,
    ) -> T:
        """The first answer of two targets, where the first of them is silent for so long."""
        from .hedging import first_answer  # with it comes asyncio, which other calls need not

        under_way: list[Target] = []

        async def one() -> tuple[Target, T] | None:
            asked: list[Target] = []
            try:
                answer = await self._next_answer(
                    targets, ask, timeout_s, ends_at, (asked, under_way)
                )
            except _NobodyLeft:
                return None
            return asked[-1], answer

        def second() -> Coroutine[Any, Any, tuple[Target, T] | None]:
            # Nobody asked for this call, so its target's budget pays.
            self._is_extra = self._is_hedged = True
            return one()

        try:
            found = await first_answer(one(), second, hedge_s, _discarded)
        except AxonFlowError as error:
            raise self._with_attempts(error) from error.__cause__
        if found is None:
            raise self._last_word()
        target, answer = found
        self._outrun = tuple(each for each in under_way if each is not target)
        self._tell(target)
        return answer

    async def _next_answer(
        self,
        targets: Iterator[Target],
        ask: Ask[T],
        timeout_s: float | None,
        ends_at: float | None,
        noted: tuple[list[Target], list[Target]] | None = None,
    ) -> T:
        """The answer of the first of `targets` that gives one. Of one of two calls it is `noted`
        whom it asked, and who is under way; such a one ends with `_NobodyLeft`."""
        router, left_s = self._router, timeout_s
        for target in targets:
            is_first = not (self._failed or self._is_hedged)
            if ends_at is not None and not is_first:
                left_s = ends_at - router.now()
                if left_s <= 0:
                    break
            trial = router.health.admits(target)
            if trial is None:
                self._shut += (target,)
                continue
            budget = router.budgets[target.provider]
            if is_first:
                fare: float | None = FREE
                budget.asked()
            else:
                fare = self._fare(budget)
            if fare is None:
                trial.left()
                self._unpaid += (target,)
                continue
            if self._failed:
                _LOG.info("%s is asked in place of %s", target, self._failed[-1][0])
            if is_first:
                self._tell(target)
            else:
                self._tell(target, self._beside(() if noted is None else noted[1]))
            if noted is not None:
                for each in noted:
                    each.append(target)
            try:
                return await self._tried(target, trial, budget, fare, ask, left_s)
            except AxonFlowError as error:
                if noted is not None:
                    noted[1].remove(target)
                self._failed += ((target, error),)
                if not passes_on(error, on_silence=router.rules.failover_on_silence):
                    if noted is None:  # else the other of two calls may still be answered
                        self._with_attempts(error)
                    raise
        raise self._last_word() if noted is None else _NobodyLeft

    async def _tried(
        self,
        target: Target,
        trial: Trial,
        budget: RetryBudget,
        fare: float,
        ask: Ask[T],
        left_s: float | None,
    ) -> T:
        """The answer of `target`, whose trial and budget hear what came of it."""
        router = self._router
        provider = router.providers[target.provider]
        if target.region is not None:
            provider = router.catalogue.provider(target)
        is_extra = self._is_extra
        lent, waits = BUDGET.set(budget), LONGEST_WAIT.set(self._longest_wait_s(target))
        began = router.now()
        try:
            answer = await ask(provider, target.asked, left_s)
        except AxonFlowError as error:
            is_short = left_s is not None and left_s < FAIR_S
            if is_short and isinstance(error, ProviderTimeout):
                trial.left()
                budget.refunded(fare)
                raise
            trial.failed(error)
            if is_of_the_target(error):
                router.missed(target, router.now() - began, is_streamed=self._is_streamed)
            if not is_extra:
                self._is_extra = self._is_extra or not isinstance(error, _UNSENT)
            elif is_of_the_target(error):
                budget.fell(fare)
            else:
                budget.refunded(fare)
            raise
        except BaseException:
            trial.left()
            budget.refunded(fare)
            raise
        finally:
            LONGEST_WAIT.reset(waits)
            BUDGET.reset(lent)
        seconds = router.now() - began
        trial.succeeded(seconds)
        if is_extra:
            budget.arrived(fare)
        if router.is_listening or self._plan.mark is not None:
            router.heard(target, seconds, is_streamed=self._is_streamed, plan=self._plan)
        if self._is_streamed and isinstance(answer, CompletionStream):
            answer.broke = trial.broke
        return answer

    def _longest_wait_s(self, target: Target) -> float:
        """The longest wait that `target` may ask for: another that may be asked now is sooner."""
        targets = self._plan.targets
        if target is targets[-1]:
            return MAX_PAUSE_S
        later = targets[targets.index(target) + 1 :]
        is_another = any(not self._router.health.waits_s(each) for each in later)
        return BEFORE_ANOTHER_S if is_another else MAX_PAUSE_S

    def _fare(self, budget: RetryBudget) -> float | None:
        """What a call to a target that is not the first costs its provider's budget; None where
        there is none left."""
        if self._is_hedged:
            return FREE if budget.take() else None
        return budget.fare() if self._is_extra else FREE

    def _beside(self, under_way: Sequence[Target]) -> tuple[Target, ...]:
        """The targets that may bill the call besides the one that is asked now."""
        silent = (target for target, error in self._failed if error.may_be_billed)
        return (*silent, *under_way)

    def _last_word(self) -> AxonFlowError:
        """The error of a call that no target answered: of those that failed the first that passes,
        then the first that was sent, then the first."""
        errors = [error for _, error in self._failed]
        if not errors:
            return self._nobody_may()
        passing = (e for e in errors if isinstance(e, ProviderError) and e.is_retryable)
        sent = (e for e in errors if not isinstance(e, RequestError))
        said = next(passing, None) or next(sent, None) or errors[0]
        said.is_exhausted = len(self._failed) + len(self._shut) + len(self._unpaid) > 1
        if self._unpaid:
            names = ", ".join(map(str, self._unpaid))
            said.add_note(f"not asked: {names}: too many calls failed there of late")
        return self._with_attempts(said)

    def _nobody_may(self) -> AxonFlowError:
        """The error of a call that went nowhere, because every breaker is open."""
        names = ", ".join(map(str, self._shut))
        wait_s = min(map(self._router.health.waits_s, self._shut), default=0.0)
        error = Unavailable(
            f"no target may be asked now: {names}",
            hint="their last calls failed: `GET /api/v1/llm-providers/status` says how; each is "
            "tried again after a pause",
            retry_after_s=ceil(wait_s) if wait_s else None,
        )
        error.is_exhausted = True
        return error

    def _with_attempts(self, error: AxonFlowError) -> AxonFlowError:
        """`error`, which knows of the targets before and beside it."""
        others = [(target, each) for target, each in self._failed if each is not error]
        if others:
            told = (attempt for target, each in others for attempt in attempts_of(target, each))
            error.failed_attempts = (*told, *error.failed_attempts)
            for target, each in others:
                error.add_note(f"also asked: {target}: {each.code}")
        return error

    # ── what the receipt says ─────────────────────────────────────────────────────────────────────

    def on_receipt_of(self, answer: Completion) -> Completion:
        """`answer`, whose receipt says why it is of this target."""
        receipt = answer.receipt
        if receipt is None or self._plan.candidates.is_single:
            return answer
        return evolve(answer, receipt=self._told(receipt))

    def on_receipt_of_stream(self, stream: CompletionStream) -> CompletionStream:
        """As `on_receipt_of`."""
        receipt = stream.receipt
        if receipt is not None and not self._plan.candidates.is_single:
            stream.receipt = self._told(receipt)
        return stream

    def _told(self, receipt: Receipt) -> Receipt:
        plan = self._plan
        if not (self._failed or self._shut or self._outrun):
            return evolve(receipt, choice=plan.candidates.choice(plan.by))
        before = [each for target, error in self._failed for each in attempts_of(target, error)]
        before += (
            FailedAttempt(OUTRUN, provider=each.provider, model=each.model, region=each.region)
            for each in self._outrun
        )
        skipped = plan.candidates.skipped
        if self._shut:
            shut = (SkippedTarget(each.provider, each.model, _SHUT) for each in self._shut)
            skipped = (*skipped, *shut)
        choice = Choice(
            by=plan.by,
            skipped=skipped,
            regions=plan.candidates.regions,
            is_possibly_billed_twice=bool(self._outrun)
            or any(error.may_be_billed for _, error in self._failed),
        )
        attempts = (*before, *receipt.failed_attempts) if before else receipt.failed_attempts
        return evolve(receipt, choice=choice, failed_attempts=attempts)


class _NobodyLeft(Exception):
    """One of two calls has nobody to ask any more."""


_SHUT = "it may not be asked now"
OUTRUN = "outrun"
"""The code of a call that was ended because another answered first."""
_UNSENT = (RequestError, ConfigError, CredentialsMissing)
"""Errors of a call that never left."""


async def _discarded(late: tuple[Target, Any]) -> None:
    """An answer that came when there was one already."""
    if isinstance(late[1], CompletionStream):
        await late[1].aclose()


def attempts_of(target: Target, error: AxonFlowError) -> list[FailedAttempt]:
    """The attempts at `target` that ended with `error`."""
    attempts = [*error.failed_attempts, failed_attempt(error)]
    return [
        evolve(each, provider=target.provider, model=target.model, region=target.region)
        if each.provider is None
        else each
        for each in attempts
    ]
