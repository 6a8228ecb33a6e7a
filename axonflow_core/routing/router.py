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

import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from math import inf
from typing import Any, TypeGuard, TypeVar

from axonflow_core import waiting
from axonflow_core.calls.budget import RetryBudget
from axonflow_core.calls.forwarding import forwarded, forwarded_stream
from axonflow_core.frozen import evolve
from axonflow_core.messages import (
    Completion,
    CompletionRequest,
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

from .candidates import Ability, Candidates, Catalogue
from .conversations import Conversations
from .health import AlwaysAdmitted, TargetHealth
from .rules import DEFAULT, NO_MODELS, NamedModels, RoutingRules, Standing, Strategy
from .run import Plan, Run, Tell
from .strategies import Strategies, prompt_tokens
from .targets import ANYONE, Place, Target, Wish

T = TypeVar("T")

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


def _nobody_is_told(target: Target, beside: tuple[Target, ...] = (), /) -> None:
    """For callers that only want the answer."""


def _forwards(provider: Provider) -> TypeGuard[SupportsForwarding]:
    """Whether a provider is `SupportsForwarding`. Of a value Python looks up all members of a
    protocol at each call, in 20 us; of a class it remembers the answer."""
    return issubclass(type(provider), SupportsForwarding)


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
        self.is_listening = self.rules.strategy is Strategy.LATENCY
        """Whether `heard` is to be told of every answer, and not only of those of plans that go on
        with a conversation."""
        self._conversations = Conversations()
        self._limited: dict[str, SupportsLimits] = {
            name: each for name, each in providers.items() if isinstance(each, SupportsLimits)
        }
        self.now = now
        """Seconds, on the clock that deadlines are on."""
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

    def models_of(self, wish: Wish) -> frozenset[str]:
        """The models that a call of `wish` may go to, in any order. `RequestError` where nobody may
        take it."""
        known, _ = self._candidates(wish, None)
        targets = [target for group in known.groups for target in known.with_followers(group)]
        return frozenset(target.model for target in targets)

    def _candidates(self, wish: Wish, ability: Ability | None) -> tuple[Candidates, Plan | None]:
        """Who may take a call, and the plan of it where there is nothing to choose."""
        if wish.allowed is not None:  # as long as the caller likes, and a wish is kept
            allowed = tuple(name for name in self.providers if name in wish.allowed)
            wish = wish._replace(allowed=allowed)
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
        run = Run(self, plan, tell)
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
        run = Run(self, plan, tell, is_streamed=True)
        return run.on_receipt_of_stream(await run.answered(ask, timeout_s))

    async def forward(
        self,
        call: NativeCall,
        whom: Wish | Plan = ANYONE,
        *,
        timeout_s: float | None = None,
        tell: Tell = _nobody_is_told,
    ) -> ForwardedAnswer:
        """The whole answer to a client's own call."""

        async def ask(
            provider: Provider, model: str | None, left_s: float | None
        ) -> ForwardedAnswer:
            if _forwards(provider):
                return await provider.forward(call, model=model, timeout_s=left_s)
            return await forwarded(provider, call, model, left_s)

        run = Run(self, whom if isinstance(whom, Plan) else self.plan_of(call, whom), tell)
        answer = await run.answered(ask, timeout_s)
        if not isinstance(answer.answer, Completion):
            return answer
        routed = run.on_receipt_of(answer.answer)
        return answer if routed is answer.answer else evolve(answer, answer=routed)

    async def forward_stream(
        self,
        call: NativeCall,
        whom: Wish | Plan = ANYONE,
        *,
        timeout_s: float | None = None,
        tell: Tell = _nobody_is_told,
    ) -> CompletionStream:
        """As `forward`, streamed."""

        async def ask(
            provider: Provider, model: str | None, left_s: float | None
        ) -> CompletionStream:
            if _forwards(provider):
                return await provider.forward_stream(call, model=model, timeout_s=left_s)
            return await forwarded_stream(provider, call, model, left_s)

        plan = whom if isinstance(whom, Plan) else self.plan_of(call, whom, is_streamed=True)
        run = Run(self, plan, tell, is_streamed=True)
        return run.on_receipt_of_stream(await run.answered(ask, timeout_s))

    async def embed(
        self, request: EmbeddingRequest, wish: Wish = ANYONE, *, timeout_s: float | None = None
    ) -> Embeddings:
        """A vector for each input, all of one model."""

        async def ask(
            provider: SupportsEmbedding, model: str | None, left_s: float | None
        ) -> Embeddings:
            return await provider.embed(request, model=model, timeout_s=left_s)

        plan = self.fixed(wish, EMBEDDINGS)
        return await Run(self, plan, _nobody_is_told).answered(ask, timeout_s)

    async def rerank(
        self, request: RerankRequest, wish: Wish = ANYONE, *, timeout_s: float | None = None
    ) -> Ranking:
        """The documents in order of relevance."""

        async def ask(
            provider: SupportsReranking, model: str | None, left_s: float | None
        ) -> Ranking:
            return await provider.rerank(request, model=model, timeout_s=left_s)

        plan = self.choose(wish, ability=RERANKING)
        return await Run(self, plan, _nobody_is_told).answered(ask, timeout_s)

    async def count(
        self, request: CompletionRequest, wish: Wish = ANYONE, *, timeout_s: float | None = None
    ) -> TokenCount:
        """The tokens of `request`, as the model counts them that a call goes to first."""

        async def ask(
            provider: SupportsTokenCounting, model: str | None, left_s: float | None
        ) -> TokenCount:
            return await provider.count(request, model=model, timeout_s=left_s)

        plan = self.fixed(wish, COUNTING)
        return await Run(self, plan, _nobody_is_told).answered(ask, timeout_s)

    def plan_of(self, call: NativeCall, wish: Wish, *, is_streamed: bool = False) -> Plan:
        """The targets of a client's own call, as `choose` and `fixed`."""
        if isinstance(call.request, EmbeddingRequest):
            return self.fixed(wish, EMBEDDINGS)
        if isinstance(call.request, RerankRequest):
            return self.choose(wish, ability=RERANKING)
        if call.is_counted:
            return self.fixed(wish, COUNTING)
        return self.choose(wish, call.request, is_streamed=is_streamed)

    def heard(self, target: Target, seconds: float, *, is_streamed: bool, plan: Plan) -> None:
        """`target` answered a call."""
        self._strategies.answered(target, seconds, is_streamed)
        if plan.mark is not None:
            self._conversations.answered(plan.mark, target)

    def missed(self, target: Target, seconds: float, *, is_streamed: bool) -> None:
        """`target` could not answer a call, which goes on elsewhere."""
        self._strategies.failed(target, seconds, is_streamed)


def _first(place: Place, group: Sequence[Target]) -> Sequence[Target]:
    """`group` with the target of `place` first, where it has one."""
    for target in group:
        if target.place == place:
            return (target, *(each for each in group if each is not target))
    return group
