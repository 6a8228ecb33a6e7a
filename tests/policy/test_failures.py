"""What follows where a rule or a detector fails, and where a text is too long to be judged."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from on_time import GUARD_S, ends_within, wait_until

from axonflow_core.config.values import PoliciesConfig
from axonflow_core.errors import ConfigError
from axonflow_core.frozen import evolve
from axonflow_core.policy.detectors import DETECTORS
from axonflow_core.policy.detectors.detector import Detector
from axonflow_core.policy.engine import OVERSIZE, Policy
from axonflow_core.policy.guests import MAX_LEFT
from axonflow_core.policy.rules import (
    POLICY_ERROR,
    Action,
    Decision,
    Mode,
    OnError,
    Phase,
    Rule,
    Severity,
    Verdict,
)
from axonflow_core.policy.views import View

ALLOW = OnError.ALLOW
TEXT = "My badge is B-1234, my number 123-45-6789."
LIMIT_S = 0.1
"""Of detectors that take for ever; others are waited for."""
SOON_S = 0.5
"""How much longer than the limit a decision may take."""


def guest(find: Callable[[View], Any], **changes: Any) -> Detector:
    given: dict[str, Any] = {
        "type": "badge",
        "category": "pii",
        "action": Action.REDACT,
        "severity": Severity.HIGH,
        "description": "A badge.",
        "keywords": ("badge",),
        "find": find,
        "origin": "acme-detectors 1.0",
    }
    return Detector(**{**given, **changes})


def badges(view: View) -> list[tuple[int, int]]:
    at = view.data.find(b"B-1234")
    return [] if at < 0 else [(at, at + 6)]


def policy_of(*guests: Detector, **settings: Any) -> Policy:
    config = PoliciesConfig(**{"detector_limit_s": GUARD_S, **settings})
    return Policy.build(config, detectors=(*DETECTORS, *guests))


def decided(policy: Policy, text: str = TEXT) -> Decision:
    return policy.evaluate(Phase.REQUEST, {"messages.0": text})


def errors_of(decision: Decision) -> list[tuple[str, str, Action]]:
    return [
        (finding.rule, finding.part, finding.action)
        for finding in decision.findings
        if finding.category == POLICY_ERROR
    ]


# ── ways to fail ──────────────────────────────────────────────────────────────────────────────────

OVER = threading.Event()
"""Whether the test is over."""


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    OVER.clear()
    yield
    OVER.set()


class Stuck:
    """Does not return before it is `over`."""

    def __init__(self) -> None:
        self.over = threading.Event()
        self.asked = 0

    def find(self, view: View) -> list[tuple[int, int]]:
        self.asked += 1
        self.over.wait()
        return badges(view)


@pytest.fixture
def stuck() -> Iterator[Stuck]:
    found = Stuck()
    yield found
    found.over.set()


def raises(error: BaseException) -> Callable[[View], Any]:
    def find(view: View) -> Any:
        raise error

    return find


def returns(value: Any) -> Callable[[View], Any]:
    return lambda view: value


class Endless(list[Any]):
    """A list that has no end."""

    def __iter__(self) -> Iterator[Any]:
        while not OVER.is_set():
            yield 0, 1


class Waiting(list[Any]):
    """A list that is not there yet."""

    def __iter__(self) -> Iterator[Any]:
        OVER.wait()
        return super().__iter__()


FAILURES: dict[str, Callable[[View], Any]] = {
    "raises": raises(ValueError("secret words")),
    "exits": raises(SystemExit(1)),
    "is interrupted": raises(KeyboardInterrupt()),
    "runs out of memory": raises(MemoryError()),
    "returns None": returns(None),
    "returns a text": returns("ab"),
    "returns numbers": returns([1, 2]),
    "returns triples": returns([(0, 1, 2)]),
    "returns floats": returns([(0.0, 1.0)]),
    "returns truths": returns([(False, True)]),
    "returns a span before the text": returns([(-1, 3)]),
    "returns a span behind the text": returns([(0, 10_000)]),
    "returns a span backwards": returns([(3, 1)]),
    "returns an empty span": returns([(3, 3)]),
    "returns a generator": lambda view: (span for span in [(0, 1)]),
    "returns an endless list": returns(Endless()),
    "returns a list that hangs": returns(Waiting()),
}


@pytest.mark.parametrize("find", FAILURES.values(), ids=FAILURES)
def test_a_detector_that_fails_stops_the_call_in_time(
    find: Callable[[View], Any], caplog: pytest.LogCaptureFixture
) -> None:
    policy = policy_of(guest(find), detector_limit_s=LIMIT_S)
    with ends_within(LIMIT_S + SOON_S):
        decision = decided(policy)
    assert decision.verdict is Verdict.ERROR
    assert errors_of(decision) == [("badge", "messages.0", Action.BLOCK)]
    assert "badge could not be evaluated" in caplog.text
    assert "acme-detectors 1.0" in caplog.text
    assert "secret words" not in caplog.text


@pytest.mark.parametrize("find", FAILURES.values(), ids=FAILURES)
def test_where_it_may_fail_the_others_decide(find: Callable[[View], Any]) -> None:
    """Whatever it did to what it was given: the other detectors have texts of their own."""
    policy = policy_of(
        guest(find),
        on_errors={"badge": ALLOW},
        actions={"us_ssn": Action.REDACT},
        detector_limit_s=LIMIT_S,
    )
    decision = decided(policy)
    assert decision.verdict is Verdict.REDACTED
    assert decision.texts == {"messages.0": "My badge is B-1234, my number [REDACTED:us_ssn]."}
    assert errors_of(decision) == [("badge", "messages.0", Action.LOG)]


def test_a_detector_that_does_not_fail_decides() -> None:
    decision = decided(policy_of(guest(badges), actions={"us_ssn": Action.LOG}))
    assert decision.texts == {"messages.0": "My badge is [REDACTED:badge], my number 123-45-6789."}
    assert errors_of(decision) == []


def test_the_first_of_very_many_spans_count_in_whatever_order_they_come() -> None:
    """What is behind the last that counts is masked too."""

    def find(view: View) -> list[tuple[int, int]]:
        return [(at, at + 1) for at in range(len(view.data) - 1, 5, -1)]

    decision = decided(policy_of(guest(find)), "badge " + "x" * 3_000)
    masked = decision.texts["messages.0"]
    assert masked.startswith("badge [REDACTED:badge]") and "x" not in masked


def test_a_detector_that_cannot_be_built_stops_the_start() -> None:
    def load() -> object:
        raise KeyError

    with pytest.raises(ConfigError, match=r"badge of acme-detectors 1\.0 cannot be built"):
        policy_of(guest(badges, load=load))


def test_a_span_within_a_character_is_a_failure() -> None:
    policy = policy_of(guest(returns([(0, 1)])))
    assert decided(policy, "é badge").verdict is Verdict.ERROR
    assert decided(policy_of(guest(returns([(0, 2)]))), "é badge").texts == {
        "messages.0": "[REDACTED:badge] badge"
    }


def test_what_a_detector_does_to_its_view_reaches_nobody() -> None:
    def find(view: View) -> list[tuple[int, int]]:
        view.data = b"nothing is here"
        view.__dict__.clear()
        return []

    decision = decided(policy_of(guest(find, type="a"), guest(badges)))
    assert {finding.rule for finding in decision.findings} == {"badge", "us_ssn"}


def test_a_detector_without_a_clue_searches_every_text() -> None:
    asked: list[bytes] = []
    policy = policy_of(guest(lambda view: asked.append(view.data) or [], keywords=()))
    policy.evaluate(Phase.REQUEST, {"a": "one", "b": "two"})
    assert asked == [b"one", b"two"]
    asked.clear()
    clued = policy_of(guest(lambda view: asked.append(view.data) or []))
    clued.evaluate(Phase.REQUEST, {"a": "one", "b": "a badge"})
    assert asked == [b"a badge"]


def test_a_detector_searches_texts_of_its_modes_alone() -> None:
    policy = policy_of(guest(badges, modes=(Mode.SQL,)))
    assert decided(policy, "badge B-1234").findings == ()
    found = policy.evaluate(Phase.REQUEST, {"q": "badge B-1234"}, {"q": Mode.SQL})
    assert [finding.rule for finding in found.findings] == ["badge"]


def test_a_pattern_of_a_third_party_searches_without_python_of_theirs() -> None:
    by_pattern = evolve(guest(badges), find=None, pattern=r"B-\d{4}")
    assert "[REDACTED:badge]" in decided(policy_of(by_pattern)).kept["messages.0"]


# ── time ──────────────────────────────────────────────────────────────────────────────────────────


def test_all_texts_of_a_call_have_one_limit(stuck: Stuck) -> None:
    """Ten slow detectors and a hundred texts are decided on as soon as one of each is."""
    guests = [guest(stuck.find, type=f"badge-{number}") for number in range(10)]
    policy = policy_of(*guests, on_error=ALLOW, detector_limit_s=LIMIT_S)
    with ends_within(LIMIT_S + SOON_S):
        decision = policy.evaluate(Phase.REQUEST, {f"messages.{n}": TEXT for n in range(100)})
    assert len(errors_of(decision)) == 10
    assert decision.verdict is Verdict.BLOCKED


def test_a_detector_that_hangs_keeps_few_threads(stuck: Stuck) -> None:
    policy = policy_of(guest(stuck.find, type="slow"), on_error=ALLOW, detector_limit_s=0.01)
    decisions = [decided(policy) for _ in range(MAX_LEFT * 3)]
    assert all(errors_of(decision) for decision in decisions)
    wait_until(lambda: stuck.asked >= MAX_LEFT)  # a thread may begin when its time is over
    assert stuck.asked == MAX_LEFT
    names = [thread.name for thread in threading.enumerate()]
    assert names.count("detector slow") == MAX_LEFT


def test_a_detector_that_ends_after_all_is_asked_again(stuck: Stuck) -> None:
    policy = policy_of(guest(stuck.find), on_error=ALLOW)
    policy._limit_s = 0.01
    for _ in range(MAX_LEFT):
        assert errors_of(decided(policy))
    stuck.over.set()
    policy._limit_s = GUARD_S
    wait_until(lambda: not errors_of(decided(policy)))
    assert "badge" in decided(policy).rules


# ── rules and detectors of the project ────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["us_ssn", "payment_card", "sql_injection", "aurora"])
@pytest.mark.parametrize("is_allowed", [False, True])
def test_any_search_that_fails_is_decided_on(name: str, *, is_allowed: bool) -> None:
    on_error = ALLOW if is_allowed else OnError.BLOCK
    rule = Rule(name="aurora", action=Action.BLOCK, pattern="aurora")
    policy = policy_of(on_error=on_error, rules=(rule,))
    with_faults(policy, name)
    text = "aurora 123-45-6789, 4111 1111 1111 1111; ' union select null from users --"
    decision = decided(policy, text)
    assert errors_of(decision) == [(name, "messages.0", Action.LOG if is_allowed else Action.BLOCK)]
    assert decision.verdict is (Verdict.BLOCKED if is_allowed else Verdict.ERROR)
    assert is_allowed == (len(decision.rules) > 1)


def with_faults(policy: Policy, name: str) -> None:
    """Have the searches of that name raise."""
    policy._programs = {
        key: evolve_program(program, name) for key, program in policy._programs.items()
    }


def evolve_program(program: Any, name: str) -> Any:
    changed = {
        field: tuple(
            one._replace(find=raises(ValueError())) if one.name == name else one for one in value
        )
        for field, value in program._asdict().items()
        if isinstance(value, tuple) and value and hasattr(value[0], "find")
    }
    return program._replace(**changed)


@pytest.mark.parametrize(
    ("settings", "fails"),
    [
        ({}, True),
        ({"on_error": ALLOW}, False),
        ({"on_errors": {"pii": ALLOW}}, False),
        ({"on_errors": {"sqli": ALLOW}}, True),
        ({"on_error": ALLOW, "on_errors": {"badge": OnError.BLOCK}}, True),
        ({"on_errors": {"pii": OnError.BLOCK, "badge": ALLOW}}, False),
    ],
)
def test_who_may_fail_is_said_for_all_for_a_category_or_for_a_type(
    settings: dict[str, Any], *, fails: bool
) -> None:
    failing = guest(raises(ValueError()))
    decision = decided(policy_of(failing, **settings), "a badge")
    assert (decision.verdict is Verdict.ERROR) is fails


def test_a_rule_has_its_own_word_on_failures() -> None:
    tolerant = Rule(name="a", action=Action.LOG, text="x", on_error=ALLOW)
    strict = Rule(name="b", action=Action.LOG, text="x")
    assert policy_of(rules=(tolerant, strict))._tolerated == {"a"}
    allowing = policy_of(rules=(evolve(tolerant, on_error=OnError.BLOCK), strict), on_error=ALLOW)
    assert "a" not in allowing._tolerated and "b" in allowing._tolerated


# ── length ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("phase", Phase)
def test_texts_that_are_too_long_together_are_stopped_unread(phase: Phase) -> None:
    policy = policy_of(max_characters=1_024)
    fits = policy.evaluate(phase, {"a": "x" * 512, "b": "y" * 512})
    assert fits.verdict is Verdict.ALLOWED
    decision = policy.evaluate(phase, {"a": "x" * 512, "b": "y" * 513})
    assert decision.verdict is Verdict.BLOCKED
    assert decision.rules == (OVERSIZE,)
    assert decision.reason == "The texts have more than 1,024 characters together."
    assert decision.texts == decision.kept == {}


# ── too many candidates ───────────────────────────────────────────────────────────────────────────

CANDIDATE = "999.999.999.999 "
"""What is looked at, and is no address."""


def test_a_text_with_more_candidates_than_are_checked_is_not_judged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    decision = decided(policy_of(), CANDIDATE * 20_000)
    assert decision.verdict is Verdict.ERROR
    assert errors_of(decision) == [("ip_address", "messages.0", Action.BLOCK)]
    assert "ip_address could not be evaluated: it found more candidates in a text" in caplog.text
    assert CANDIDATE.strip() not in caplog.text


def test_where_a_detector_may_fail_others_judge_a_text_with_too_many_candidates() -> None:
    policy = policy_of(on_errors={"ip_address": ALLOW})
    decision = decided(policy, CANDIDATE * 20_000 + TEXT)
    assert decision.verdict is Verdict.BLOCKED
    assert ("ip_address", "messages.0", Action.LOG) in errors_of(decision)


def test_what_is_found_is_no_effort_and_some_candidates_are_none() -> None:
    decision = decided(policy_of(), "192.168.77.9 " * 20_000)
    assert not errors_of(decision)
    assert not errors_of(decided(policy_of(), CANDIDATE * 2_000))
