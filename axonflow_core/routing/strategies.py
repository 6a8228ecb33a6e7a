"""The order in which targets of one priority are tried.

    weighted          a clock for each target rings at random, the heavier the sooner; the order of
                      the rings is the order. So each is first as often as its weight says, and of
                      those that are left, again.
    round_robin       the targets in a ring that turns by one with each call. Every process has
                      rings of its own, which begin anywhere, so several are in turn roughly.
    failover          as they are listed, the default provider and heavy ones first
    cost_optimized    by the price of the tokens that the call is expected to have
    latency           by a moving average of how long the last answers took to begin; one call in
                      twenty tries another target, so that an old average is not for ever

A weight of 0 means last, in every strategy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import inf, log

from axonflow_core.errors import AxonFlowError
from axonflow_core.messages import CompletionRequest, Receipt, joined_text
from axonflow_core.provider import Price, Provider, SupportsPricing

from .rules import Strategy
from .targets import Target

CHARACTERS_A_TOKEN = 4
"""Of a prompt, where nobody has counted (as the product estimates)."""
ANSWER_TOKENS = 1_000
"""Of an answer without a limit, likewise."""
EXPLORED = 0.05
"""The share of calls by which `latency` tries another target."""
NEWEST = 0.2
"""How much the newest of the answers counts in their average."""
FAILED_S = 10.0
"""What a call that failed counts as, at least, in the average of a target."""
_MAX_KEPT = 1_024

Group = Sequence[Target]


class Strategies:
    """Puts targets into order, and remembers what that takes."""

    def __init__(
        self,
        strategy: Strategy,
        providers: Mapping[str, Provider],
        *,
        default_provider: str | None = None,
        draw: Callable[[], float],
    ) -> None:
        self._providers = providers
        self._default_provider = default_provider
        self._draw = draw
        self._turns: dict[Group, int] = {}
        self._prices: dict[Target, Price | None] = {}
        self._seconds: dict[tuple[Target, bool], float] = {}
        orders: Mapping[Strategy, Callable[[Group, CompletionRequest | None, bool], Group]] = {
            Strategy.WEIGHTED: self._by_weight,
            Strategy.ROUND_ROBIN: self._in_turn,
            Strategy.FAILOVER: self.in_line,
            Strategy.COST_OPTIMIZED: self._by_cost,
            Strategy.LATENCY: self._by_latency,
        }
        self._order = orders[strategy]
        self._is_timed = strategy is Strategy.LATENCY

    def ordered(self, group: Group, request: CompletionRequest | None, is_streamed: bool) -> Group:
        """`group` in the order to try it in."""
        return group if len(group) == 1 else self._order(group, request, is_streamed)

    def in_line(self, group: Group, *_: object) -> Group:
        """The default provider, then by weight, then as listed."""
        default = self._default_provider
        return sorted(group, key=lambda t: (not t.weight, t.provider != default, -t.weight, t.rank))

    def failed(self, target: Target, seconds: float, is_streamed: bool) -> None:
        """A target that could not answer counts as a slow one, until it is looked at again."""
        self.answered(target, max(seconds, FAILED_S), is_streamed)

    def answered(self, target: Target, seconds: float, is_streamed: bool) -> None:
        """How long it took until the answer was there, or began to stream."""
        if not self._is_timed:
            return
        key = target, is_streamed
        before = self._seconds.get(key)
        if before is None and len(self._seconds) >= _MAX_KEPT:
            self._seconds.clear()
        self._seconds[key] = seconds if before is None else before + NEWEST * (seconds - before)

    # ── the strategies ────────────────────────────────────────────────────────────────────────────

    def _by_weight(self, group: Group, *_: object) -> Group:
        draw = self._draw
        if len(group) == 2:  # the same by one draw
            one, other = group
            is_one = draw() * (one.weight + other.weight) < one.weight
            return group if is_one or not other.weight else (other, one)
        rings = [
            (-log(1.0 - draw()) / target.weight if target.weight else inf, target.rank, at)
            for at, target in enumerate(group)
        ]
        rings.sort()
        return [group[at] for _, _, at in rings]

    def _in_turn(self, group: Group, *_: object) -> Group:
        turn = self._turns.get(group)
        if turn is None:
            if len(self._turns) >= _MAX_KEPT:
                self._turns.clear()
            turn = int(self._draw() * len(group))
        self._turns[group] = turn + 1
        ring = [target for target in group if target.weight]
        first = turn % len(ring) if ring else 0
        return [*ring[first:], *ring[:first], *(each for each in group if not each.weight)]

    def _by_cost(self, group: Group, request: CompletionRequest | None, *_: object) -> Group:
        tokens = expected_tokens(request)
        line = self.in_line(group)
        return sorted(line, key=lambda target: (not target.weight, self._cost(target, tokens)))

    def _cost(self, target: Target, tokens: tuple[int, int]) -> float:
        if target not in self._prices:
            if len(self._prices) >= _MAX_KEPT:
                self._prices.clear()
            self._prices[target] = _price(self._providers[target.provider], target)
        price = self._prices[target]
        if price is None or price.input is None or price.output is None:
            return inf
        return tokens[0] * price.input + tokens[1] * price.output

    def _by_latency(self, group: Group, _: CompletionRequest | None, is_streamed: bool) -> Group:
        line = [*self._by_weight(group)]
        if self._draw() < EXPLORED:
            return line
        seconds = self._seconds
        line.sort(key=lambda each: (not each.weight, seconds.get((each, is_streamed), 0.0)))
        return line


def expected_tokens(request: CompletionRequest | None) -> tuple[int, int]:
    """What the prompt and the answer of a call may come to, in tokens: an estimate."""
    if request is None:
        return 1, ANSWER_TOKENS
    return prompt_tokens(request), request.inference.max_tokens or ANSWER_TOKENS


def prompt_tokens(request: CompletionRequest) -> int:
    """What the texts of a prompt may come to, in tokens: an estimate."""
    characters = len(joined_text(request.system))
    characters += sum(len(message.text) for message in request.messages)
    return max(1, characters // CHARACTERS_A_TOKEN)


def _price(provider: Provider, target: Target) -> Price | None:
    if not isinstance(provider, SupportsPricing):
        return None
    asked = Receipt(
        provider=target.provider, family="", surface="", model=target.model, called=target.model
    )
    try:
        return provider.price(asked)
    except AxonFlowError:
        return None
