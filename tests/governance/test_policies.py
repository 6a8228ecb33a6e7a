"""Which policy a call is judged by, and what becomes of a call that cannot be judged."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from on_time import GUARD_S, ends_within
from routing.places import Place, router_of

from axonflow_core.budgets.prices import Prices
from axonflow_core.config.values import PoliciesConfig, PolicySection
from axonflow_core.errors import Throttled
from axonflow_core.governance.caller import Caller
from axonflow_core.governance.calls import Governance
from axonflow_core.governance.room import texts_to_count
from axonflow_core.governance.screening import judged
from axonflow_core.governance.streams import GovernedStream
from axonflow_core.governance.trail import Trail
from axonflow_core.json import to_json
from axonflow_core.messages import StopReason
from axonflow_core.policy.detectors import DETECTORS
from axonflow_core.policy.detectors.detector import Detector
from axonflow_core.policy.engine import OVERSIZE, Policy
from axonflow_core.policy.policies import Policies
from axonflow_core.policy.rules import POLICY_ERROR, Action, OnError, Phase, Rule, Severity, Verdict
from axonflow_core.policy.terms import Profile
from axonflow_core.policy.views import View
from axonflow_core.routing.router import Router
from axonflow_core.stream import assemble
from governance.governed import (
    SSN,
    FakeAudit,
    FakeProvider,
    FakeStream,
    Governed,
    all_of,
    answer_of,
    call_of,
    reads_of_text,
    streamed,
)
from governance.positions import CARD, fixed, replaced

# ── models ────────────────────────────────────────────────────────────────────────────────────────

NAMED = {
    "fast": [("a", "a-fast"), ("b", "b-fast")],
    "house": [("a", "a-house")],
}
MODELS = PoliciesConfig(
    profile=Profile.STRICT,
    models={
        "house": PolicySection(profile=Profile.DEV),
        "a-fast": PolicySection(profile=Profile.DEV),
        "b-*": PolicySection(actions={"us_ssn": Action.REDACT}),
    },
)


def by_model(*places: Place, policies: PoliciesConfig = MODELS) -> tuple[Governance, FakeAudit]:
    audit: Any = FakeAudit()
    router = router_of(*(places or (Place("a"), Place("b"))), models=NAMED)
    return Governance(Policies.build(policies), router, audit), audit


@pytest.mark.parametrize(
    ("wish", "verdict"),
    [
        ({"model": "house"}, Verdict.ALLOWED),
        ({"model": "a-fast", "provider": "a", "is_strict": True}, Verdict.ALLOWED),
        ({"model": "fast"}, Verdict.REDACTED),
        ({"provider": "a", "is_strict": True}, Verdict.BLOCKED),
        ({}, Verdict.BLOCKED),
    ],
)
@pytest.mark.parametrize("is_streamed", [False, True])
async def test_a_call_is_judged_by_the_strictest_of_all_that_it_may_go_to(
    wish: dict[str, Any], verdict: Verdict, *, is_streamed: bool
) -> None:
    governance, audit = by_model()
    call = call_of(f"My number is {SSN}.", **wish)
    if is_streamed:
        stream = await governance.stream(call)
        if isinstance(stream, GovernedStream):
            await all_of(stream)
    else:
        await governance.complete(call)
    assert audit.entries[-1].verdict is verdict


async def test_a_call_that_fails_over_is_judged_as_before() -> None:
    """The first target would take the text as it is; the second, which answers, would not."""
    governance, audit = by_model(Place("a", fails=Throttled("slow")), Place("b"))
    await governance.complete(call_of(f"My number is {SSN}.", model="fast"))
    (entry,) = audit.entries
    assert (entry.provider, entry.verdict) == ("b", Verdict.REDACTED)


async def test_a_call_that_nobody_may_take_is_judged_by_the_strictest_policy() -> None:
    governance, audit = by_model()
    outcome = await governance.complete(call_of(f"My number is {SSN}.", provider="z"))
    assert audit.entries[-1].verdict is Verdict.BLOCKED
    assert outcome.completion is None


async def test_records_name_the_policy_that_decided() -> None:
    governance, audit = by_model()
    for model in ("house", "fast", None):
        await governance.complete(call_of("Hello.", model=model))
    versions = [entry.facts["decisions"][0]["policy"] for entry in audit.entries]
    assert len(set(versions)) == 3


# ── clients ───────────────────────────────────────────────────────────────────────────────────────

OTHERS = {
    "other": PolicySection(
        profile=Profile.COMPLIANCE,
        actions={"pii": Action.BLOCK},
        rules=(Rule(name="sky", action=Action.BLOCK, text="sky"),),
    )
}
PIECES = st.sampled_from(["The sky", " is ", SSN, "a@b.example", "blue. ", "-", "12"])


async def left(policies: Policies, pieces: list[str], client: str) -> tuple[Any, ...]:
    """All that leaves to a client: answer and events, and verdicts on record."""
    audit: Any = FakeAudit()
    caller = Caller(client=client, tenant="acme")
    given: list[Any] = [answer_of("".join(pieces)), FakeStream(reads_of_text(*pieces))]
    leaves = []
    for answer in given:
        providers: Any = {"fake": FakeProvider(answer)}
        governance = Governance(policies, Router(providers), audit)
        call = call_of("".join(pieces), caller=caller)
        if isinstance(answer, FakeStream):
            stream = await governance.stream(call)
            is_stream = isinstance(stream, GovernedStream)
            leaves.append([] if not is_stream else [repr(b) for b in await all_of(stream)])
        else:
            outcome = await governance.complete(call)
            completion = outcome.completion
            leaves.append(None if completion is None else to_json(completion))
    return (*leaves, [entry.verdict for entry in audit.entries])


ALONE = Policies.build(PoliciesConfig(actions={"pii": Action.REDACT}))
BESIDE = Policies.build(PoliciesConfig(actions={"pii": Action.REDACT}, clients=OTHERS))


@given(pieces=st.lists(PIECES, min_size=1, max_size=8))
def test_a_section_of_one_client_changes_not_a_byte_for_another(pieces: list[str]) -> None:
    async def both() -> None:
        assert await left(BESIDE, pieces, "mine") == await left(ALONE, pieces, "mine")

    asyncio.run(both())


async def test_the_section_changes_what_its_client_gets() -> None:
    """The control of the test above."""
    pieces = ["The sky is blue."]
    assert await left(BESIDE, pieces, "other") != await left(ALONE, pieces, "other")


# ── what cannot be judged ─────────────────────────────────────────────────────────────────────────


def guarded_by(
    find: Any, *, type: str = "badge", keywords: tuple[str, ...] = ("badge",), **settings: Any
) -> Policy:
    badge = Detector(
        type=type,
        category="pii",
        action=Action.REDACT,
        severity=Severity.HIGH,
        description="A badge.",
        keywords=keywords,
        find=find,
        origin="acme-detectors 1.0",
    )
    config = PoliciesConfig(**{"detector_limit_s": GUARD_S, **settings})
    return Policy.build(config, detectors=(*DETECTORS, badge))


def fails(view: View) -> Any:
    raise ValueError


def finds(view: View) -> list[tuple[int, int]]:
    at = view.data.find(b"B-1")
    return [] if at < 0 else [(at, at + 3)]


async def test_a_request_that_is_too_long_is_not_sent_nor_kept() -> None:
    policy = Policy.build(PoliciesConfig(max_characters=1_024))
    governed = Governed(provider=FakeProvider(answer_of()), policy=policy)
    outcome = await governed.complete("x" * 1_025)
    assert governed.provider.asked == []
    assert outcome.verdict is governed.last.verdict is Verdict.BLOCKED
    assert (governed.last.rules, governed.last.texts) == ((OVERSIZE,), {})
    await governed.complete("x" * 1_024)
    assert governed.last.verdict is Verdict.ALLOWED and len(governed.provider.asked) == 1


async def test_an_answer_that_is_too_long_is_not_given() -> None:
    policy = Policy.build(PoliciesConfig(max_characters=1_024))
    governed = Governed(provider=FakeProvider(answer_of("x" * 1_025)), policy=policy)
    outcome = await governed.complete()
    assert outcome.completion is None
    assert governed.last.verdict is Verdict.BLOCKED


async def test_a_stream_that_becomes_too_long_ends_as_one_that_is_stopped() -> None:
    policy = Policy.build(PoliciesConfig(max_characters=1_024))
    governed = streamed(reads_of_text(*["x" * 500] * 3))
    governed = Governed(provider=governed.provider, policy=policy)
    batches = await all_of(await governed.stream())
    answer = assemble(event for batch in batches for event in batch)
    assert answer.stop_reason is StopReason.CONTENT_FILTERED
    assert governed.last.verdict is Verdict.BLOCKED


async def test_a_detector_that_fails_means_no_call_and_no_texts_on_record() -> None:
    governed = Governed(provider=FakeProvider(answer_of()), policy=guarded_by(fails))
    outcome = await governed.complete("a badge")
    assert governed.provider.asked == []
    assert outcome.verdict is governed.last.verdict is Verdict.ERROR
    (decision,) = governed.last.facts["decisions"]
    assert [one["rule"] for one in decision["findings"]] == ["badge"]
    assert [one[POLICY_ERROR] for one in decision["findings"]] == [True]
    assert governed.last.texts == {}


HANGS = threading.Event()


def hangs(view: View) -> Any:
    HANGS.wait(30)
    return []


EVERYWHERE = {**replaced(CARD), **fixed(CARD)}


@pytest.mark.sampled(6)
@pytest.mark.parametrize("request_", EVERYWHERE.values(), ids=EVERYWHERE)
async def test_a_detector_that_fails_in_any_position_is_decided_on_in_time(request_: Any) -> None:
    """The text that it fails on is wherever a text may stand in a call."""
    try:
        for find in (fails, hangs):
            policy = guarded_by(
                find, keywords=("4111",), type=f"badge_{find.__name__}", detector_limit_s=0.01
            )
            governed = Governed(provider=FakeProvider(answer_of()), policy=policy)
            with ends_within(1.0):
                outcome = await governed.complete(request_)
            assert governed.provider.asked == []
            assert outcome.verdict is Verdict.ERROR
    finally:
        HANGS.set()
        HANGS.clear()


async def test_where_it_may_fail_the_call_goes_on_and_no_text_is_kept() -> None:
    """What it would have found is in the texts, and would be on record."""
    policy = guarded_by(fails, on_error=OnError.ALLOW, actions={"us_ssn": Action.REDACT})
    governed = Governed(provider=FakeProvider(answer_of()), policy=policy)
    outcome = await governed.complete(f"a badge and {SSN}")
    assert outcome.completion is not None
    assert governed.last.verdict is Verdict.REDACTED
    assert not any(label.startswith("request") for label in governed.last.texts)
    (request, _) = governed.last.facts["decisions"]
    assert {one["rule"]: POLICY_ERROR in one for one in request["findings"]} == {
        "badge": True,
        "us_ssn": False,
    }


async def test_a_call_costs_what_it_has_whether_its_texts_are_kept_or_not() -> None:
    for policy in (guarded_by(fails, on_error=OnError.ALLOW), guarded_by(finds)):
        call = call_of("a badge, and more")
        trail = Trail(call, 1, Prices())
        judgement = await judged(policy, Phase.REQUEST, call.request)
        trail.decided(judgement.decision, judgement.kept)
        assert list(texts_to_count(trail, call.request)) == ["a badge, and more"]


async def test_a_slow_detector_does_not_hold_up_the_event_loop() -> None:
    has_ticked = threading.Event()

    def slow(view: View) -> list[tuple[int, int]]:
        assert has_ticked.wait(5)
        return []

    governed = Governed(
        provider=FakeProvider(answer_of()), policy=guarded_by(slow, detector_limit_s=10)
    )
    task = asyncio.create_task(governed.complete("a badge"))
    for _ in range(5):
        await asyncio.sleep(0.01)
    has_ticked.set()
    outcome = await task
    assert outcome.completion is not None and outcome.verdict is Verdict.ALLOWED


async def test_a_detector_of_a_third_party_searches_streams_too() -> None:
    policy = guarded_by(finds)
    governed = Governed(
        provider=FakeProvider(FakeStream(reads_of_text("My badge is B", "-", "1 and more."))),
        policy=policy,
    )
    batches = await all_of(await governed.stream())
    answer = assemble(event for batch in batches for event in batch)
    assert answer.text == "My badge is [REDACTED:badge] and more."


async def test_a_stream_whose_detector_fails_is_stopped() -> None:
    governed = Governed(
        provider=FakeProvider(FakeStream(reads_of_text("My badge is ", "B-1."))),
        policy=guarded_by(fails),
    )
    batches = await all_of(await governed.stream())
    answer = assemble(event for batch in batches for event in batch)
    assert (answer.text, answer.stop_reason) == ("", StopReason.CONTENT_FILTERED)
    assert governed.last.verdict is Verdict.ERROR
