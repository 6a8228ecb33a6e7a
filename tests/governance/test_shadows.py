"""Shadow calls: copies that answer nobody, delay nobody, and have records of their own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from axonflow_core.errors import Unavailable
from axonflow_core.governance.calls import Governance
from axonflow_core.governance.shadows import MOST, Shadows
from axonflow_core.governance.streams import GovernedStream
from axonflow_core.governance.trail import GovernedCall
from axonflow_core.policy.policies import Policies
from axonflow_core.policy.rules import Verdict
from axonflow_core.routing.router import Router
from axonflow_core.routing.rules import NamedTarget, RoutingRules, Shadow

from .governed import (
    CALLER,
    WORD,
    FakeAudit,
    FakeProvider,
    FakeStream,
    answer_of,
    call_of,
    policy_of,
)

EVERY = Shadow(provider="other", model="m-2", share=1.0)


class Governed:
    """Two providers, `fake` for the name `fast` and `other` for its copies."""

    def __init__(self, other: Any = None) -> None:
        self.fake = FakeProvider(answer_of("Blue."))
        self.other = FakeProvider(other or answer_of("Red."))
        self.audit: Any = FakeAudit()
        router = Router(
            {"fake": self.fake, "other": self.other},
            rules=RoutingRules(shadow={"fast": EVERY}),
            named={"fast": (NamedTarget(provider="fake", model="m-1"),)},
        )
        self.governance = Governance(Policies(policy_of()), router, self.audit, makes_copies=True)

    async def settled(self) -> None:
        """Every copy has ended."""
        others = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.gather(*filter(None, others))


@asynccontextmanager
async def governed(other: Any = None) -> AsyncIterator[Governed]:
    made = Governed(other)
    yield made
    await made.governance.aclose()


def fast(**facts: Any) -> GovernedCall:
    return call_of(model="fast", **facts)


async def test_a_copy_is_on_record_with_its_cost_and_answers_nobody() -> None:
    async with governed() as made:
        outcome = await made.governance.complete(fast())
        assert outcome.completion is not None
        assert (outcome.completion.text, made.other.asked) == ("Blue.", [])
        await made.settled()
    first, copy = made.audit.entries
    assert (first.id, first.provider, first.facts["mode"]) == (outcome.id, "fake", "proxy")
    assert (copy.provider, copy.model, copy.facts["mode"]) == ("other", "m-2", "shadow")
    assert copy.facts["shadow_of"] == outcome.id
    assert copy.facts["cost_usd"] == first.facts["cost_usd"] > 0
    assert (copy.tenant, copy.client) == (first.tenant, first.client)


async def test_nobody_waits_for_a_copy_that_is_slow() -> None:
    never = asyncio.Event()
    async with governed(never.wait) as made:
        outcome = await made.governance.complete(fast())
        assert outcome.verdict is Verdict.ALLOWED
        await asyncio.sleep(0)
        assert len(asyncio.all_tasks()) == 2
    assert len(asyncio.all_tasks()) == 1
    _, copy = made.audit.entries
    assert copy.facts["error"]["code"] == "cancelled"


async def test_a_copy_that_fails_is_on_record_and_nothing_else_happens() -> None:
    async with governed(Unavailable("down")) as made:
        outcome = await made.governance.complete(fast())
        await made.settled()
    assert outcome.error is None
    assert [each.verdict for each in made.audit.entries] == [Verdict.ALLOWED, Verdict.ERROR]


async def test_a_stream_is_copied_once_its_end_is_on_record() -> None:
    async with governed() as made:
        made.fake.answer = FakeStream([()])
        stream = await made.governance.stream(fast())
        assert isinstance(stream, GovernedStream)
        await stream.aclose()
        await made.settled()
    assert [each.facts["mode"] for each in made.audit.entries] == ["proxy", "proxy"]


async def test_what_is_blocked_fails_or_has_another_name_is_not_copied() -> None:
    async with governed() as made:
        await made.governance.complete(fast(request=WORD))
        await made.governance.complete(call_of(model="m-1", provider="fake"))
        made.fake.answer = Unavailable("down")
        await made.governance.complete(fast())
        await made.settled()
    assert made.other.asked == []
    assert len(made.audit.entries) == 3


async def test_a_client_that_may_not_use_the_provider_has_no_copies_there() -> None:
    narrow: Any = {"client": "acme-app", "tenant": "acme", "providers": ("fake",)}
    async with governed() as made:
        await made.governance.complete(fast(caller=type(CALLER)(**narrow)))
        await made.settled()
    assert made.other.asked == []
    assert made.audit.entries[-1].facts["error"]["code"] == "request"


async def test_a_share_of_the_calls_is_copied_and_few_at_once() -> None:
    asked: list[GovernedCall] = []
    never = asyncio.Event()
    draws = iter([0.05, 0.1, 0.5, 0.09, *[0.0] * 20])

    async def ask(call: GovernedCall) -> None:
        asked.append(call)
        await never.wait()

    rule = Shadow(provider="other", model="m-2", share=0.1)
    shadows = Shadows({"fast": rule}, ask, lambda: next(draws))
    for _ in range(4):
        shadows.consider(fast(), "id")
    await asyncio.sleep(0)
    assert len(asked) == 2
    for _ in range(20):
        shadows.consider(fast(), "id")
    await asyncio.sleep(0)
    assert len(asked) == MOST
    await shadows.aclose()
    assert len(asyncio.all_tasks()) == 1
