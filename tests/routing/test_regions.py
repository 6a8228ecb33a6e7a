"""A provider in several regions: where it fails in one it is asked in the next, and never outside
the regions that are allowed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axonflow_core.errors import AxonFlowError, RequestError, Unavailable
from axonflow_core.messages import Choice, FailedAttempt, SkippedTarget
from axonflow_core.routing.health import Breakers
from axonflow_core.routing.targets import Wish, matches

from .places import HI, Place, router_of

DOWN = Unavailable("down")


class Regional(Place):
    """A provider whose model is processed where it is called."""

    def __init__(self, region: str, *others: str, down: frozenset[str] = frozenset()) -> None:
        super().__init__("a", fails=DOWN if region in down else None)
        self.region = region
        self._others = {each: Regional(each, down=down) for each in others if each != region}

    def regions(self, model: str) -> frozenset[str]:
        return frozenset((self.region,))

    def elsewhere(self, model: str) -> Mapping[str, Regional]:
        return self._others

    @property
    def called_in(self) -> list[str]:
        """The regions that were called."""
        return [each.region for each in (self, *self._others.values()) for _ in each.asked]


async def test_where_it_fails_in_one_region_the_next_is_asked_before_other_providers() -> None:
    a = Regional("eu-central-1", "eu-west-1", down=frozenset(("eu-central-1",)))
    b = Place("b")
    answer = await router_of(a, b).complete(HI)
    assert (answer.text, a.called_in, b.asked) == ("a", ["eu-central-1", "eu-west-1"], [])
    assert answer.receipt is not None
    assert answer.receipt.failed_attempts == (
        FailedAttempt("unavailable", provider="a", model="a-model"),
    )
    a = Regional("eu-central-1", "eu-west-1", down=frozenset(("eu-central-1", "eu-west-1")))
    answer = await router_of(a, b).complete(HI)
    assert answer.text == "b"
    assert answer.receipt is not None
    assert [each.region for each in answer.receipt.failed_attempts] == [None, "eu-west-1"]


async def test_each_region_has_a_breaker_of_its_own() -> None:
    a = Regional("eu-central-1", "eu-west-1", down=frozenset(("eu-central-1",)))
    router = router_of(a, health=Breakers(now=lambda: 0.0))
    for _ in range(100):
        await router.complete(HI)
    assert a.called_in.count("eu-central-1") == 10
    assert a.called_in.count("eu-west-1") == 100


async def test_a_region_that_is_not_allowed_is_skipped_and_the_receipt_says_so() -> None:
    a = Regional("eu-central-1", "us-east-1", "eu-west-1", down=frozenset(("eu-central-1",)))
    receipt = (await router_of(a, rules={"regions": ("eu-*",)}).complete(HI)).receipt
    assert a.called_in == ["eu-central-1", "eu-west-1"]
    assert receipt is not None
    assert receipt.choice == Choice(
        by="only",
        skipped=(SkippedTarget("a", "a-model", "it may be processed in us-east-1"),),
        regions=("eu-*",),
    )


async def test_where_the_first_region_is_not_allowed_the_next_comes_first() -> None:
    a = Regional("us-east-1", "eu-west-1")
    assert (await router_of(a, rules={"regions": ("eu-*",)}).complete(HI)).text == "a"
    assert a.called_in == ["eu-west-1"]


REGIONS = ("eu-central-1", "eu-west-1", "eu-north-1", "us-east-1", "ca-central-1")
PATTERNS = (*REGIONS, "eu-*", "us-*", "*", "eu-west-*")


@given(
    st.lists(st.sampled_from(REGIONS), min_size=1, max_size=4, unique=True),
    st.lists(st.sampled_from(PATTERNS), min_size=1, max_size=2),
    st.lists(st.sampled_from(PATTERNS), min_size=1, max_size=2),
    st.frozensets(st.sampled_from(REGIONS)),
)
def test_no_call_ever_leaves_the_regions_of_the_operator_and_of_its_client(
    own: list[str], allowed: list[str], of_client: list[str], down: frozenset[str]
) -> None:
    a = Regional(*own, down=down)
    router = router_of(a, rules={"regions": tuple(allowed)}, health=Breakers())
    wish = Wish(client="acme", regions=tuple(of_client))

    async def ask() -> None:
        for _ in range(15):
            try:
                answer = await router.complete(HI, wish)
            except RequestError:
                assert not any(_inside(each, allowed, of_client) for each in own)
            except AxonFlowError:
                assert {each for each in own if _inside(each, allowed, of_client)} <= down
            else:
                assert answer.receipt is not None

    asyncio.run(ask())
    assert all(_inside(region, allowed, of_client) for region in a.called_in)


def _inside(region: str, *limits: list[str]) -> bool:
    return all(matches(tuple(each), region) for each in limits)


def test_the_property_would_see_a_call_outside() -> None:
    """The control: without the rule the same provider does leave."""
    a = Regional("eu-central-1", "us-east-1", down=frozenset(("eu-central-1",)))
    asyncio.run(router_of(a).complete(HI))
    assert "us-east-1" in a.called_in


@pytest.mark.parametrize("is_streamed", [False, True])
async def test_a_stream_moves_likewise(is_streamed: bool) -> None:
    a = Regional("eu-central-1", "eu-west-1", down=frozenset(("eu-central-1",)))
    router = router_of(a)
    answer = (
        await (await router.stream(HI)).completion() if is_streamed else await router.complete(HI)
    )
    assert answer.text == "a"
