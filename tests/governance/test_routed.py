"""A governed call whose first target fails: the records name who was asked first, and who
answered."""

from __future__ import annotations

from typing import Any

from routing.places import Place, router_of

from axonflow_core.audit.record import Kind
from axonflow_core.errors import Throttled
from axonflow_core.governance.calls import Governance
from axonflow_core.governance.streams import GovernedStream
from axonflow_core.policy.policies import Policies
from governance.governed import FakeAudit, all_of, call_of, quiet_policy

MODELS = {"fast": [("a", "a-fast"), ("b", "b-fast")]}


def governed(*places: Place) -> tuple[Governance, FakeAudit]:
    audit: Any = FakeAudit()
    return Governance(Policies(quiet_policy()), router_of(*places, models=MODELS), audit), audit


async def test_a_stream_begins_on_record_with_the_first_and_ends_with_who_answered() -> None:
    governance, audit = governed(Place("a", fails=Throttled("slow")), Place("b"))
    stream = await governance.stream(call_of(model="fast"))
    assert isinstance(stream, GovernedStream)
    await all_of(stream)
    opened, closed = audit.entries
    assert (opened.kind, opened.provider, opened.model) == (Kind.OPENED, "a", "a-fast")
    assert (closed.kind, closed.provider, closed.model) == (Kind.CALL, "b", "b-fast")
    assert closed.facts["receipt"]["failed_attempts"][0]["provider"] == "a"


async def test_a_call_that_no_target_may_take_is_on_record_without_one() -> None:
    governance, audit = governed(Place("a"))
    outcome = await governance.complete(call_of(provider="z"))
    assert outcome.error is not None
    (entry,) = audit.entries
    assert (entry.provider, entry.facts["error"]["code"]) == (None, "request")
