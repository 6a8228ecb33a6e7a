"""Storms: every call fails, at every target, over real connections. What reaches the services is
bounded; and each half of what bounds it is taken away, to see that it does."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
import toy_chat
from faulty_app import Failing, serving
from hypothesis import given
from hypothesis import strategies as st

from axonflow_core.calls.budget import RetryBudget
from axonflow_core.calls.chat_provider import ChatApi, ChatProvider
from axonflow_core.calls.retries import Retries
from axonflow_core.errors import AxonFlowError, Throttled, TruncatedStream, Unavailable
from axonflow_core.http.client import Transport
from axonflow_core.routing.health import AlwaysAdmitted, Breakers, TargetHealth
from axonflow_core.routing.router import Router

from .places import HI, Place, router_of

REQUESTS, AT_ONCE = 1_000, 50
BAR = 1.2
"""Calls upstream for each request."""


class Boundless(RetryBudget):
    """A budget that never ends."""

    def take(self) -> bool:
        return True


async def at_once(pause_s: float) -> None:
    """A pause of a retry, which takes none of the tests' time."""
    await asyncio.sleep(0)


@asynccontextmanager
async def chained(
    services: Mapping[str, Failing],
    *,
    health: TargetHealth,
    new_budget: Callable[[Callable[[], float]], RetryBudget],
) -> AsyncIterator[Router]:
    """A router over these services, one after the other."""
    client = Transport()
    with serving(services) as urls:
        providers = {
            name: ChatProvider(
                name,
                client,
                toy_chat.ToyChatConfig(),
                ChatApi(
                    url=f"{url}/chat/completions",
                    headers={},
                    codec=toy_chat.CODEC,
                    errors=toy_chat.ERRORS,
                    retries=Retries(pause=at_once),
                ),
            )
            for name, url in urls.items()
        }
        try:
            yield Router(providers, health=health, new_budget=new_budget)
        finally:
            await client.aclose()


async def asked(router: Router, requests: int = REQUESTS) -> Counter[str]:
    """What became of so many requests."""
    left, outcomes = iter(range(requests)), Counter[str]()

    async def client() -> None:
        for _ in left:
            try:
                outcomes[(await router.complete(HI)).text] += 1
            except AxonFlowError as error:
                outcomes[error.code] += 1

    await asyncio.gather(*(client() for _ in range(AT_ONCE)))
    return outcomes


CHAINS = {"one target": "a", "a chain": "abc"}


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("chain", CHAINS)
async def test_in_a_storm_services_get_less_than_a_fifth_more_than_is_asked(
    chain: str, status: int
) -> None:
    services = {name: Failing(status) for name in CHAINS[chain]}
    async with chained(services, health=Breakers(), new_budget=RetryBudget) as router:
        outcomes = await asked(router)
    assert sum(outcomes.values()) == REQUESTS
    assert outcomes.keys() <= {"throttled", "unavailable"}
    assert 0 < sum(each.calls for each in services.values()) <= BAR * REQUESTS


HALVES: dict[str, tuple[Callable[[], TargetHealth], Any, float, float]] = {
    "without breakers": (AlwaysAdmitted, RetryBudget, 1.0, BAR + 0.2),
    "without a budget": (Breakers, Boundless, 0.0, BAR),
    "without either": (AlwaysAdmitted, Boundless, 8.9, 9.0),
}


@pytest.mark.thorough
@pytest.mark.parametrize("half", HALVES)
async def test_without_either_each_request_is_nine_calls(half: str) -> None:
    """The control, and what each half is good for: three attempts at three targets each."""
    new_health, new_budget, least, most = HALVES[half]
    services = {name: Failing(503) for name in "abc"}
    async with chained(services, health=new_health(), new_budget=new_budget) as router:
        await asked(router)
    calls = sum(each.calls for each in services.values())
    assert least * REQUESTS <= calls <= most * REQUESTS


async def test_a_service_that_comes_back_is_asked_again_and_one_call_finds_out() -> None:
    clock = [0.0]
    service = Failing(503)
    async with chained(
        {"a": service}, health=Breakers(now=lambda: clock[0]), new_budget=RetryBudget
    ) as router:
        await asked(router, 50)
        service.calls, service.status, service.pause_s = 0, 200, 0.05
        clock[0] += 6.0
        outcomes = await asked(router, AT_ONCE)
        assert outcomes == {"Hello.": 1, "unavailable": AT_ONCE - 1}
        assert service.calls == 1
        assert await asked(router, 100) == {"Hello.": 100}


async def test_streams_that_break_in_the_middle_open_a_breaker_and_are_never_asked_again() -> None:
    service = Failing(200)
    service.breaks = True
    async with chained({"a": service}, health=Breakers(), new_budget=RetryBudget) as router:
        for _ in range(10):
            stream = await router.stream(HI)
            with pytest.raises(TruncatedStream):
                await stream.completion()
        with pytest.raises(Unavailable, match="no target may be asked now"):
            await router.stream(HI)
    assert service.calls == 10


# ── what a chain says that is exhausted ───────────────────────────────────────────────────────────

TWO = {"fast": [("a", "1"), ("b", "2")]}


async def error_of(call: Awaitable[object]) -> AxonFlowError:
    with pytest.raises(AxonFlowError) as caught:
        await call
    return caught.value


async def test_after_every_target_failed_clients_are_told_not_to_send_it_again() -> None:
    a, b = Place("a", fails=Throttled("slow")), Place("b", fails=Unavailable("down"))
    error = await error_of(router_of(a, b).complete(HI))
    assert error.is_exhausted
    assert toy_chat.ERRORS.encode_error(error).headers["x-should-retry"] == "false"


async def test_one_target_alone_leaves_that_to_its_client() -> None:
    error = await error_of(router_of(Place("a", fails=Throttled("slow"))).complete(HI))
    assert not error.is_exhausted
    assert "x-should-retry" not in toy_chat.ERRORS.encode_error(error).headers


async def test_where_every_breaker_is_open_it_is_said_when_to_come_back() -> None:
    place = Place("a", fails=Unavailable("down"))
    router = router_of(place, health=Breakers(now=lambda: 0.0, draw=lambda: 0.0))
    for _ in range(10):
        await error_of(router.complete(HI))
    error = await error_of(router.complete(HI))
    assert isinstance(error, Unavailable)
    assert (error.message, error.retry_after_s) == ("no target may be asked now: a a-model", 5)
    assert len(place.asked) == 10
    headers = toy_chat.ERRORS.encode_error(error).headers
    assert (headers["x-should-retry"], headers["retry-after"]) == ("false", "5")


# ── the budget in a chain ─────────────────────────────────────────────────────────────────────────


@given(
    st.lists(st.sampled_from([(True, True), (True, False), (False, True), (False, False)])),
    st.integers(1, 3),
)
def test_calls_that_are_passed_on_to_a_target_that_fails_are_a_fifth_and_ten_at_most(
    down: list[tuple[bool, bool]], times: int
) -> None:
    """One after the other, without breakers: whatever fails when."""
    states = iter([each for each in down for _ in range(20 * times)])
    now = [(False, False)]
    a = Place("a", fails=lambda model: Unavailable("down") if now[0][0] else None)
    b = Place("b", fails=lambda model: Unavailable("down") if now[0][1] else None)
    router = router_of(a, b, now=lambda: 0.0)

    async def ask_all() -> None:
        wasted = 0
        for asked, now[0] in enumerate(states, 1):
            before = len(b.asked)
            try:
                await router.complete(HI)
            except Unavailable:
                wasted += len(b.asked) - before
            assert wasted <= 0.2 * asked + 11

    asyncio.run(ask_all())


async def test_a_target_that_answers_takes_all_that_another_lets_fall() -> None:
    a, b = Place("a", fails=Unavailable("down")), Place("b")
    router = router_of(a, b)
    assert {(await router.complete(HI)).text for _ in range(500)} == {"b"}
