"""Calls go to targets: one after the other, until one answers or another would make no sense.

    choose      wish ─ candidates (kept for each wish) ─ order of each priority ─ conversation first
    a try       health.admits ─ the call ─ trial.succeeded, failed or left
                     ▲                │ an error that another target may mend (`passing_on`),
                     └── next ◄───────┘ and the budget has a call for it (`calls.budget`)

Where there is one target and no rule about regions, a call costs a look into a table and two empty
calls, and its answer is untouched. Otherwise the receipt has a `Choice`, and the attempts at other
targets before its own. Attempts at one target are its provider's (`calls.attempts`); a provider
repeats what passes, so another target is tried after that.

A stream goes to another target only before its first event: until then `Provider.stream` has not
returned. A time limit of the caller is one for all targets.

Embeddings and token counts never change the model: vectors of two models cannot be compared, nor
can their counts. They go to the first in line, and on to targets with the same model alone.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from math import ceil, inf
from typing import Any, TypeVar

from axonflow_core import waiting
from axonflow_core.calls.attempts import failed_attempt
from axonflow_core.calls.budget import BUDGET, FREE, RetryBudget
from axonflow_core.calls.forwarding import forwarded, forwarded_stream
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
from axonflow_core.messages import (
    Choice,
    Completion,
    CompletionRequest,
    FailedAttempt,
    Receipt,
    SkippedTarget,
    TokenCount,
)
from axonflow_core.provider import (
    CompletionStream,
    ForwardedAnswer,
    NativeCall,
    Provider,
    SupportsEmbedding,
    SupportsForwarding,
    SupportsLimits,
    SupportsReranking,
    SupportsTokenCounting,
)
from axonflow_core.retrieval import EmbeddingRequest, Embeddings, Ranking, RerankRequest

from .breaker import Trial, is_of_the_target
from .candidates import Ability, Candidates, Catalogue
from .conversations import Conversations
from .health import AlwaysAdmitted, TargetHealth
from .passing_on import passes_on
from .rules import DEFAULT, NO_MODELS, NamedModels, RoutingRules, Standing, Strategy
from .strategies import Strategies, prompt_tokens
from .targets import ANYONE, Place, Target, Wish

T = TypeVar("T")
Ask = Callable[[Any, str | None, float | None], Awaitable[T]]
"""Asks a provider for an answer of a model, within so many seconds."""
Tell = Callable[[Target], None]

_LOG = logging.getLogger(__name__)
FAIR_S = 2.0
"""A caller's time limit below which a time-out tells nothing of the target."""
_MAX_WISHES = 1_024
"""Wishes whose candidates are kept. Model ids come from clients, so their number has no end."""
SHORT_TOKENS = 1_000
"""A prompt of fewer fits into every context window."""
EMBEDDINGS: Ability = ("embeddings", SupportsEmbedding, None)
RERANKING: Ability = ("reranking", SupportsReranking, None)
COUNTING: Ability = (
    "token counting",
    SupportsTokenCounting,
    "the usage of an answer has its tokens: `runtime.complete`",
)


def _nobody_is_told(target: Target) -> None:
    """For callers that only want the answer."""


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


class Router:
    """The targets of one configuration, and the calls to them."""

    def __init__(
        self,
        providers: Mapping[str, Provider],
        *,
        rules: RoutingRules | None = None,
        standings: Mapping[str, Standing] | None = None,
        named: NamedModels = NO_MODELS,
        health: TargetHealth | None = None,
        draw: Callable[[], float] = random.random,
        now: Callable[[], float] = waiting.now,
        new_budget: Callable[[Callable[[], float]], RetryBudget] = RetryBudget,
    ) -> None:
        """`providers` without `standings` are in order of preference. `draw` gives numbers from 0
        to 1, without 1."""
        if standings is None:
            most = len(providers)
            standings = {name: Standing(priority=most - n) for n, name in enumerate(providers)}
        self.providers = providers
        self.rules = rules or RoutingRules()
        self.standings = standings
        self.catalogue = Catalogue(providers, self.rules, standings, named)
        self.health: TargetHealth = health or AlwaysAdmitted()
        self._strategies = Strategies(
            self.rules.strategy,
            providers,
            default_provider=self.rules.default_provider,
            draw=draw,
        )
        self._conversations = Conversations()
        self._limited: dict[str, SupportsLimits] = {
            name: each for name, each in providers.items() if isinstance(each, SupportsLimits)
        }
        self._now = now
        self.budgets = {name: new_budget(now) for name in providers}
        """Of the extra calls to each provider."""
        self._known: dict[tuple[Wish, Ability | None], tuple[Candidates, Plan | None]] = {}

    # ── planning ──────────────────────────────────────────────────────────────────────────────────

    def choose(
        self,
        wish: Wish = ANYONE,
        request: CompletionRequest | None = None,
        *,
        is_streamed: bool = False,
        owner: str = "",
        ability: Ability | None = None,
    ) -> Plan:
        """The targets of a call, in order. `owner` is whose conversation it is: two share none.
        `RequestError` where nobody may take it. No I/O."""
        known, only = self._candidates(wish, ability)
        if only is not None:
            return only
        mark = None if request is None else self._conversations.mark(owner, request)
        kept_to = None if mark is None else self._conversations.place(mark)
        targets: list[Target] = []
        for group in known.groups:
            ordered = self._strategies.ordered(group, request, is_streamed)
            if request is not None and len(group) > 1 and self._limited:
                ordered = self._fitting_first(ordered, request)
            line = ordered if kept_to is None else _first(kept_to, ordered)
            targets += known.with_followers(line) if known.followers else line
        planned = tuple(targets)
        ordered = self.health.ordered(planned)
        by = (
            self._decided_by(wish, known, kept_to, ordered[0])
            if ordered[0] is planned[0]
            else "health"
        )
        hedge_s = self._hedge_s(wish, ordered) if self.rules.hedge else None
        return Plan(targets=ordered, by=by, candidates=known, mark=mark, hedge_s=hedge_s)

    def fixed(self, wish: Wish, ability: Ability) -> Plan:
        """The targets of a call whose answers of two models cannot be compared."""
        known, _ = self._candidates(wish, ability)
        line = [
            each
            for group in known.groups
            for each in known.with_followers(self._strategies.in_line(group))
        ]
        same = tuple(target for target in line if target.model == line[0].model)
        by = "only" if known.is_single else str(Strategy.FAILOVER)
        return Plan(targets=same, by=by, candidates=known)

    def first(self, wish: Wish = ANYONE) -> Target:
        """The target that a call of `wish` is tried at first, as far as that is settled."""
        known, _ = self._candidates(wish, None)
        return self._strategies.in_line(known.groups[0])[0]

    def _candidates(self, wish: Wish, ability: Ability | None) -> tuple[Candidates, Plan | None]:
        """Who may take a call, and the plan of it where there is nothing to choose."""
        known = self._known.get((wish, ability))
        if known is None:
            found = self.catalogue.candidates(wish, ability)
            only = Plan(targets=found.groups[0], by="only", candidates=found)
            known = found, only if found.is_single else None
            if len(self._known) >= _MAX_WISHES:
                self._known.clear()
            self._known[wish, ability] = known
        return known

    def _hedge_s(self, wish: Wish, targets: Sequence[Target]) -> float | None:
        """The silence after which two targets are asked; only on an event loop, which alone has
        two calls under way."""
        if len(targets) == 1 or waiting.running_loop() is None:
            return None
        hedge = self.rules.hedge.get(wish.model or DEFAULT)
        return None if hedge is None else hedge.after_s

    def _fitting_first(self, group: Any, request: CompletionRequest) -> list[Target]:
        """A prompt that is probably longer than a context window is tried there last."""
        tokens = prompt_tokens(request)
        if tokens < SHORT_TOKENS:
            return list(group)
        return sorted(group, key=lambda target: self._window(target) < tokens)

    def _window(self, target: Target) -> float:
        limited = self._limited.get(target.provider)
        return (limited and limited.context_tokens(target.model)) or inf

    def _decided_by(
        self, wish: Wish, known: Candidates, kept_to: Place | None, first: Target
    ) -> str:
        if first.place == kept_to:
            return "conversation"
        if wish.provider is not None and first.provider == wish.provider:
            return "provider"
        if len(known.groups[0]) == 1:
            return "only" if len(known.groups) == 1 else "priority"
        return str(self.rules.strategy)

    # ── calls ─────────────────────────────────────────────────────────────────────────────────────

    async def complete(
        self,
        request: CompletionRequest,
        whom: Wish | Plan = ANYONE,
        *,
        timeout_s: float | None = None,
        tell: Tell = _nobody_is_told,
    ) -> Completion:
        """The whole answer, of whom a wish means or a plan (`choose`) has. `tell` hears of each
        target before it is asked. Errors as `Provider.complete`; where several targets failed, that
        which says most."""

        def ask(
            provider: Provider, model: str | None, left_s: float | None
        ) -> Awaitable[Completion]:
            return provider.complete(request, model=model, timeout_s=left_s)

        plan = whom if isinstance(whom, Plan) else self.choose(whom, request)
        run = _Run(self, plan, tell)
        answer = await run.answered(ask, timeout_s)
        return run.on_receipt_of(answer)

    async def stream(
        self,
        request: CompletionRequest,
        whom: Wish | Plan = ANYONE,
        *,
        timeout_s: float | None = None,
        tell: Tell = _nobody_is_told,
    ) -> CompletionStream:
        """As `complete`, streamed: from the first event on it is one target's."""

        def ask(
            provider: Provider, model: str | None, left_s: float | None
        ) -> Awaitable[CompletionStream]:
            return provider.stream(request, model=model, timeout_s=left_s)

        plan = whom if isinstance(whom, Plan) else self.choose(whom, request, is_streamed=True)
        run = _Run(self, plan, tell, is_streamed=True)
        return run.on_receipt_of_stream(await run.answered(ask, timeout_s))

    async def forward(self, call: NativeCall, wish: Wish = ANYONE) -> ForwardedAnswer:
        """The whole answer to a client's own call."""

        async def ask(
            provider: Provider, model: str | None, left_s: float | None
        ) -> ForwardedAnswer:
            if isinstance(provider, SupportsForwarding):
                return await provider.forward(call, model=model)
            return await forwarded(provider, call, model)

        run = _Run(self, self._plan_of(call, wish), _nobody_is_told)
        answer = await run.answered(ask, None)
        if not isinstance(answer.answer, Completion):
            return answer
        routed = run.on_receipt_of(answer.answer)
        return answer if routed is answer.answer else evolve(answer, answer=routed)

    async def forward_stream(self, call: NativeCall, wish: Wish = ANYONE) -> CompletionStream:
        """As `forward`, streamed."""

        async def ask(
            provider: Provider, model: str | None, left_s: float | None
        ) -> CompletionStream:
            if isinstance(provider, SupportsForwarding):
                return await provider.forward_stream(call, model=model)
            return await forwarded_stream(provider, call, model)

        plan = self._plan_of(call, wish, is_streamed=True)
        run = _Run(self, plan, _nobody_is_told, is_streamed=True)
        return run.on_receipt_of_stream(await run.answered(ask, None))

    async def embed(
        self, request: EmbeddingRequest, wish: Wish = ANYONE, *, timeout_s: float | None = None
    ) -> Embeddings:
        """A vector for each input, all of one model."""

        async def ask(
            provider: SupportsEmbedding, model: str | None, left_s: float | None
        ) -> Embeddings:
            return await provider.embed(request, model=model, timeout_s=left_s)

        return await self._run_fixed(wish, EMBEDDINGS).answered(ask, timeout_s)

    async def rerank(
        self, request: RerankRequest, wish: Wish = ANYONE, *, timeout_s: float | None = None
    ) -> Ranking:
        """The documents in order of relevance."""

        async def ask(
            provider: SupportsReranking, model: str | None, left_s: float | None
        ) -> Ranking:
            return await provider.rerank(request, model=model, timeout_s=left_s)

        plan = self.choose(wish, ability=RERANKING)
        return await _Run(self, plan, _nobody_is_told).answered(ask, timeout_s)

    async def count(
        self, request: CompletionRequest, wish: Wish = ANYONE, *, timeout_s: float | None = None
    ) -> TokenCount:
        """The tokens of `request`, as the model counts them that a call goes to first."""

        async def ask(
            provider: SupportsTokenCounting, model: str | None, left_s: float | None
        ) -> TokenCount:
            return await provider.count(request, model=model, timeout_s=left_s)

        return await self._run_fixed(wish, COUNTING).answered(ask, timeout_s)

    def _run_fixed(self, wish: Wish, ability: Ability) -> _Run:
        return _Run(self, self.fixed(wish, ability), _nobody_is_told)

    def _plan_of(self, call: NativeCall, wish: Wish, *, is_streamed: bool = False) -> Plan:
        if isinstance(call.request, EmbeddingRequest):
            return self.fixed(wish, EMBEDDINGS)
        asked = call.request if isinstance(call.request, CompletionRequest) else None
        return self.choose(wish, asked, is_streamed=is_streamed)

    def heard(self, target: Target, seconds: float, *, is_streamed: bool, plan: Plan) -> None:
        """`target` answered a call."""
        self._strategies.answered(target, seconds, is_streamed)
        if plan.mark is not None:
            self._conversations.answered(plan.mark, target)

    def missed(self, target: Target, seconds: float, *, is_streamed: bool) -> None:
        """`target` could not answer a call, which goes on elsewhere."""
        self._strategies.failed(target, seconds, is_streamed)

    def now(self) -> float:
        """Seconds, on the clock that deadlines are on."""
        return self._now()


class _Run:
    """One call on its way from target to target."""

    __slots__ = (
        "_failed",
        "_is_extra",
        "_is_hedged",
        "_is_streamed",
        "_outrun",
        "_plan",
        "_router",
        "_shut",
        "_tell",
        "_under_way",
        "_unpaid",
    )

    def __init__(
        self, router: Router, plan: Plan, tell: Tell, *, is_streamed: bool = False
    ) -> None:
        self._router = router
        self._plan = plan
        self._tell = tell
        self._is_streamed = is_streamed
        self._failed: list[tuple[Target, AxonFlowError]] = []
        self._shut: list[Target] = []
        """Those that may not be asked now."""
        self._unpaid: list[Target] = []
        """Those that the budget of extra calls had nothing left for."""
        self._is_extra = False
        """Whether something was sent already, so that another call is one too many."""
        self._is_hedged = False
        self._under_way: list[Target] = []
        self._outrun: list[Target] = []
        """Those that were asked beside the one that answered."""

    async def answered(self, ask: Ask[T], timeout_s: float | None) -> T:
        """The answer of the first target that gives one."""
        ends_at = None if timeout_s is None else self._router.now() + timeout_s
        targets, hedge_s = iter(self._plan.targets), self._plan.hedge_s
        asking = self._next_answer(targets, ask, timeout_s, ends_at)
        if hedge_s is None:
            found = await asking
        else:
            from .hedging import first_answer  # with it comes asyncio, which other calls need not

            found = await first_answer(
                asking,
                lambda: self._hedged(targets, ask, timeout_s, ends_at),
                hedge_s,
                _discarded,
            )
            if found is not None:
                self._outrun += [each for each in self._under_way if each is not found[0]]
                self._tell(found[0])
        if found is None:
            raise self._last_word()
        return found[1]

    def _hedged(
        self, targets: Iterator[Target], ask: Ask[T], timeout_s: float | None, ends_at: float | None
    ) -> Coroutine[Any, Any, tuple[Target, T] | None]:
        """The second of two calls: one that nobody asked for, so its target's budget pays."""
        self._is_extra = self._is_hedged = True
        return self._next_answer(targets, ask, timeout_s, ends_at)

    async def _next_answer(
        self,
        targets: Iterator[Target],
        ask: Ask[T],
        timeout_s: float | None,
        ends_at: float | None,
    ) -> tuple[Target, T] | None:
        """The first of `targets` that answers, and its answer; None where none does."""
        router, left_s = self._router, timeout_s
        for target in targets:
            if (self._failed or self._is_hedged) and ends_at is not None:
                left_s = ends_at - router.now()
                if left_s <= 0:
                    break
            trial = router.health.admits(target)
            if trial is None:
                self._shut.append(target)
                continue
            if self._failed or self._is_hedged:
                fare = self._fare(target)
            else:
                fare = FREE
                router.budgets[target.provider].asked()
            if fare is None:
                trial.left()
                self._unpaid.append(target)
                continue
            if self._failed:
                _LOG.info("%s is asked in place of %s", target, self._failed[-1][0])
            self._tell(target)
            self._under_way.append(target)
            try:
                return target, await self._tried(target, trial, fare, ask, left_s)
            except AxonFlowError as error:
                self._under_way.remove(target)
                self._note(target, error)
        return None

    async def _tried(
        self, target: Target, trial: Trial, fare: float, ask: Ask[T], left_s: float | None
    ) -> T:
        """The answer of `target`, whose trial and budget hear what came of it."""
        router = self._router
        provider, budget = router.providers[target.provider], router.budgets[target.provider]
        if target.region is not None:
            provider = router.catalogue.provider(target)
        outer, is_extra = BUDGET.set(budget), self._is_extra
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
            BUDGET.reset(outer)
        seconds = router.now() - began
        trial.succeeded(seconds)
        if is_extra:
            budget.arrived(fare)
        router.heard(target, seconds, is_streamed=self._is_streamed, plan=self._plan)
        if self._is_streamed and isinstance(answer, CompletionStream):
            answer.broke = trial.broke
        return answer

    def _fare(self, target: Target) -> float | None:
        """What a call to `target`, which is not the first, costs its provider's budget; None where
        there is none left."""
        budget = self._router.budgets[target.provider]
        if self._is_hedged:
            return FREE if budget.take() else None
        return budget.fare() if self._is_extra else FREE

    def _note(self, target: Target, error: AxonFlowError) -> None:
        """`target` failed. Raises where no other is tried."""
        on_silence = self._router.rules.failover_on_silence
        if not passes_on(error, on_silence=on_silence):
            raise self._with_attempts(error)
        self._failed.append((target, error))

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
        receipt = self._told(answer.receipt)
        return answer if receipt is answer.receipt else evolve(answer, receipt=receipt)

    def on_receipt_of_stream(self, stream: CompletionStream) -> CompletionStream:
        """As `on_receipt_of`."""
        receipt = self._told(stream.receipt)
        if receipt is not stream.receipt:
            stream.receipt = receipt
        return stream

    def _told(self, receipt: Receipt | None) -> Receipt | None:
        plan = self._plan
        if receipt is None or plan.candidates.is_single:
            return receipt
        if not (self._failed or self._shut or self._outrun):
            return evolve(receipt, choice=plan.candidates.choice(plan.by))
        before = [each for target, error in self._failed for each in attempts_of(target, error)]
        before += (
            FailedAttempt(_OUTRUN, provider=each.provider, model=each.model, region=each.region)
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


_SHUT = "it may not be asked now"
_OUTRUN = "outrun"
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


def _first(place: Place, group: Sequence[Target]) -> Sequence[Target]:
    """`group` with the target of `place` first, where it has one."""
    for target in group:
        if target.place == place:
            return (target, *(each for each in group if each is not target))
    return group
