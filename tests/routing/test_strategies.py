"""Each strategy does what its name says, over 10,000 calls and a fixed seed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from math import sqrt

import pytest

from axonflow_core.errors import Throttled
from axonflow_core.messages import CompletionRequest, Inference, user
from axonflow_core.provider import Price
from axonflow_core.routing.router import Router
from axonflow_core.routing.rules import Strategy
from axonflow_core.routing.strategies import EXPLORED, Strategies
from axonflow_core.routing.targets import Target

from .places import HI, Place, router_of

CALLS = 10_000
SIGMAS = 4
"""Of a fair draw, one in 16,000 is outside."""


def firsts(router: Router, request: CompletionRequest = HI) -> Counter[str]:
    """How often each provider is the first of a plan."""
    return Counter(router.choose(request=request).targets[0].provider for _ in range(CALLS))


def is_within(count: int, share: float) -> bool:
    """Whether so many of CALLS are what a draw with that probability gives."""
    return abs(count - CALLS * share) <= SIGMAS * sqrt(CALLS * share * (1 - share))


@pytest.mark.parametrize(
    "weights", [{"a": 1.0, "b": 1.0}, {"a": 0.7, "b": 0.2, "c": 0.1}, {"a": 0.5, "b": 0.5, "c": 0}]
)
def test_weighted_calls_fall_on_each_as_its_weight_says(weights: Mapping[str, float]) -> None:
    router = router_of(*map(Place, weights), strategy=Strategy.WEIGHTED, weights=weights)
    counts, total = firsts(router), sum(weights.values())
    for name, weight in weights.items():
        assert is_within(counts[name], weight / total), (name, counts)


def test_the_interval_sees_other_weights() -> None:
    weights = {"a": 0.55, "b": 0.45}
    router = router_of(*map(Place, weights), strategy=Strategy.WEIGHTED, weights=weights)
    assert not is_within(firsts(router)["a"], 0.5)


def test_of_those_that_are_left_the_next_is_drawn_by_weight_too() -> None:
    weights = {"a": 0.5, "b": 0.4, "c": 0.1}
    router = router_of(*map(Place, weights), strategy=Strategy.WEIGHTED, weights=weights)
    orders = Counter(
        tuple(target.provider for target in router.choose(request=HI).targets) for _ in range(CALLS)
    )
    assert is_within(orders["a", "b", "c"], 0.5 * 0.4 / 0.5)
    assert is_within(orders["c", "b", "a"], 0.1 * 0.4 / 0.9)


@pytest.mark.parametrize("strategy", Strategy)
def test_a_weight_of_0_is_tried_where_others_fail_and_never_before(strategy: Strategy) -> None:
    router = router_of(Place("a"), Place("b"), strategy=strategy, weights={"a": 0})
    for _ in range(200):
        plan = router.choose(request=HI)
        assert [target.provider for target in plan.targets] == ["b", "a"]


def test_round_robin_gives_each_its_turn() -> None:
    router = router_of(*map(Place, "abc"), strategy=Strategy.ROUND_ROBIN)
    counts = firsts(router)
    assert max(counts.values()) - min(counts.values()) <= 1
    one, two, three, again = (router.choose(request=HI).targets[0].provider for _ in range(4))
    assert {one, two, three} == set("abc")
    assert again == one


def test_rings_of_several_workers_do_not_begin_at_the_same_place() -> None:
    begun = {
        router_of(*map(Place, "abc"), strategy=Strategy.ROUND_ROBIN, seed=seed)
        .choose(request=HI)
        .targets[0]
        .provider
        for seed in range(20)
    }
    assert begun == set("abc")


def test_failover_asks_the_default_provider_then_by_weight_then_by_name() -> None:
    weights = {"a": 0.1, "b": 0.9, "c": 0.9, "d": 0.5}
    router = router_of(
        *map(Place, weights),
        weights=weights,
        strategy=Strategy.FAILOVER,
        rules={"default_provider": "d"},
    )
    assert [target.provider for target in router.choose().targets] == ["d", "b", "c", "a"]
    assert firsts(router) == {"d": CALLS}


def test_the_cheapest_of_the_call_comes_first_and_an_unknown_price_last() -> None:
    talker = Price(input=10.0, output=1.0)
    writer = Price(input=1.0, output=10.0)
    router = router_of(
        Place("free"),
        Place("talker", price=talker),
        Place("writer", price=writer),
        Place("half", price=Price(input=0.1)),
        strategy=Strategy.COST_OPTIMIZED,
    )
    long_prompt = CompletionRequest((user("x" * 40_000),), inference=Inference(max_tokens=10))
    long_answer = CompletionRequest((user("x"),), inference=Inference(max_tokens=9_000))
    order = [target.provider for target in router.choose(request=long_prompt).targets]
    assert order == ["writer", "talker", "free", "half"]
    assert firsts(router, long_prompt) == {"writer": CALLS}
    assert firsts(router, long_answer) == {"talker": CALLS}


def test_the_soonest_answers_get_the_calls_and_a_few_calls_look_at_the_others() -> None:
    router = router_of(*map(Place, "abc"), strategy=Strategy.LATENCY)
    seconds = {"a": 0.9, "b": 0.1, "c": 0.5}
    counts = Counter[str]()
    for _ in range(CALLS):
        plan = router.choose(request=HI)
        target = plan.targets[0]
        counts[target.provider] += 1
        router.heard(target, seconds[target.provider], is_streamed=False, plan=plan)
    assert is_within(counts["a"], EXPLORED / 3)
    assert is_within(counts["c"], EXPLORED / 3)
    assert counts["b"] == CALLS - counts["a"] - counts["c"]


def test_a_target_that_becomes_slow_loses_its_calls() -> None:
    group = (Target("a", "m"), Target("b", "m", rank=1))
    strategies = Strategies(Strategy.LATENCY, {}, draw=lambda: 0.5)
    strategies.answered(group[0], 0.1, False)
    strategies.answered(group[1], 0.2, False)
    assert strategies.ordered(group, HI, False)[0].provider == "a"
    for _ in range(5):
        strategies.answered(group[0], 2.0, False)
    assert strategies.ordered(group, HI, False)[0].provider == "b"


async def test_a_target_that_fails_is_no_fast_one() -> None:
    dead, slow = Place("dead", fails=Throttled("slow down")), Place("slow")
    router = router_of(dead, slow, strategy=Strategy.LATENCY)
    for _ in range(1_000):
        assert (await router.complete(HI)).text == "slow"
    assert len(dead.asked) <= 2 + 1_000 * EXPLORED


def test_a_higher_priority_comes_first_whatever_the_strategy() -> None:
    for strategy in Strategy:
        router = router_of(
            *map(Place, "abcd"),
            strategy=strategy,
            priorities={"a": 1, "b": 9, "c": 9, "d": 5},
            weights={"d": 0.01, "a": 1.0},
        )
        for _ in range(100):
            order = [target.provider for target in router.choose(request=HI).targets]
            assert {*order[:2]} == {"b", "c"}
            assert order[2:] == ["d", "a"]
