"""The engine: every rule is evaluated, the most severe action decides, nothing is lost of a text
that is redacted, and what cannot be evaluated is not allowed."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axonflow_core.config.values import PoliciesConfig
from axonflow_core.frozen import evolve
from axonflow_core.policy.detectors import TYPES
from axonflow_core.policy.engine import Policy
from axonflow_core.policy.hits import MAX_FINDINGS
from axonflow_core.policy.patterns import capturing, compiled
from axonflow_core.policy.programs import MAX_SCREEN, MAX_SCREENED
from axonflow_core.policy.rules import RANKS, Action, Decision, Phase, Rule, Verdict
from axonflow_core.policy.searches import MAX_SPANS

from .evasions import Evasion, between, full_width, html_decimal, url

RANK = [Verdict.ALLOWED, Verdict.REDACTED, Verdict.NEEDS_APPROVAL, Verdict.BLOCKED, Verdict.ERROR]
WORDS = [
    "aurora",
    "Falcon",
    "ｆａｌｃｏｎ",
    "a\u200burora",
    "x",
    "é",
    "123-45-6789",
    "a@b.co",
    "\n",
    "…",
]
TEXTS = st.lists(st.sampled_from(WORDS), max_size=8).map(" ".join)
SEARCHES = [{"text": "AURORA"}, {"text": "falcon"}, {"pattern": r"a\w+"}, {"pattern": "[xé]"}]


def rule(name: str, action: Action = Action.BLOCK, **given: Any) -> Rule:
    return Rule(name=name, action=action, **given)


def policy_of(*rules: Rule, **actions: Action) -> Policy:
    return Policy.build(PoliciesConfig(rules=rules, actions=actions))


def decide(text: str, *rules: Rule, phase: Phase = Phase.REQUEST, **actions: Action) -> Decision:
    return policy_of(*rules, **actions).evaluate(phase, {"text": text})


@st.composite
def rules_of(draw: st.DrawFn) -> tuple[Rule, ...]:
    """Rules of any action, by text and by pattern."""
    drawn = draw(
        st.lists(st.tuples(st.sampled_from(SEARCHES), st.sampled_from(Action)), max_size=4)
    )
    return tuple(rule(f"rule {n}", action, **search) for n, (search, action) in enumerate(drawn))


# ── verdicts ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("action", "verdict"),
    [
        (Action.BLOCK, Verdict.BLOCKED),
        (Action.REQUIRE_APPROVAL, Verdict.NEEDS_APPROVAL),
        (Action.REDACT, Verdict.REDACTED),
        (Action.WARN, Verdict.ALLOWED),
        (Action.LOG, Verdict.ALLOWED),
    ],
)
def test_an_action_has_its_verdict_and_its_finding(action: Action, verdict: Verdict) -> None:
    decision = decide("of Project  Aurora.", rule("r", action, pattern=r"(?i)project\s+aurora"))
    (finding,) = decision.findings
    assert (decision.verdict, finding.action) == (verdict, action)
    assert (finding.rule, finding.category, finding.part) == ("r", "custom", "text")
    assert (finding.start, finding.end) == (3, 18)


@given(TEXTS, rules_of())
def test_the_most_severe_finding_decides_whatever_the_order(
    text: str, rules: tuple[Rule, ...]
) -> None:
    decision = decide(text, *rules)
    backwards = decide(text, *rules[::-1])
    actions = [finding.action for finding in decision.findings]
    worst = max(actions, key=lambda action: RANKS[action], default=Action.LOG)
    assert decision.verdict is backwards.verdict is decide("x", rule("r", worst, text="x")).verdict
    assert set(decision.findings) == set(backwards.findings)


@given(TEXTS, rules_of(), st.sampled_from(SEARCHES), st.sampled_from(Action))
def test_one_rule_more_makes_no_verdict_milder_and_hides_no_finding(
    text: str, rules: tuple[Rule, ...], search: Mapping[str, str], action: Action
) -> None:
    before = decide(text, *rules)
    after = decide(text, *rules, rule("one more", action, **search))
    assert RANK.index(after.verdict) >= RANK.index(before.verdict)
    assert set(before.findings) <= set(after.findings)


def test_findings_of_all_parts_are_collected() -> None:
    policy = policy_of(rule("r", Action.WARN, text="aurora"))
    parts = {"system": "aurora", "messages.0": "", "messages.1": "Aurora 123-45-6789"}
    decision = policy.evaluate(Phase.REQUEST, parts)
    found = [(finding.part, finding.rule) for finding in decision.findings]
    assert found == [("system", "r"), ("messages.1", "r"), ("messages.1", "us_ssn")]
    assert decision.screened == {"system": 1, "messages": 2}
    assert decision.rules == ("us_ssn", "r")


def test_a_rule_is_evaluated_on_its_phases_alone() -> None:
    only = rule("r", text="aurora", on=(Phase.ANSWER,))
    assert decide("aurora", only).verdict is Verdict.ALLOWED
    assert decide("aurora", only, phase=Phase.ANSWER).verdict is Verdict.BLOCKED


@pytest.mark.parametrize(
    ("actions", "verdict"),
    [
        ({}, Verdict.BLOCKED),
        ({"pii": Action.REDACT}, Verdict.REDACTED),
        ({"us_ssn": Action.LOG}, Verdict.ALLOWED),
        ({"us_ssn": Action.LOG, "pii": Action.BLOCK}, Verdict.ALLOWED),
        ({"sqli": Action.LOG, "email": Action.LOG}, Verdict.BLOCKED),
    ],
)
def test_an_action_of_the_configuration_replaces_that_of_a_type_or_a_category(
    actions: Mapping[str, Action], verdict: Verdict
) -> None:
    assert decide("SSN 123-45-6789", **actions).verdict is verdict


# ── pairs ─────────────────────────────────────────────────────────────────────────────────────────

EXAMPLES = {
    "us_ssn": "123-45-6789",
    "payment_card": "4111 1111 1111 1111",
    "email": "jane.doe@example.com",
    "sql_injection": "x' UNION SELECT password FROM users --",
    "dangerous_statement": "DROP TABLE users;",
    "words": "project aurora",
    "pattern": "ACME-12345",
}
OWN = (
    rule("words", Action.WARN, text="Project Aurora"),
    rule("pattern", Action.REQUIRE_APPROVAL, pattern=r"\bACME-\d{5}\b"),
)
PAIRS = policy_of(*OWN)
JOINTS = st.sampled_from([" ", ", ", "\n", " and ", " | ", "\u200b ", " é… "])
WAYS = st.sampled_from([str, url, full_width, html_decimal, between("\u200b")])


@given(st.permutations(list(EXAMPLES)), JOINTS, WAYS, WAYS)
def test_of_any_two_in_one_text_none_hides_the_other(
    names: Sequence[str], joint: str, first: Evasion, second: Evasion
) -> None:
    one, other = names[:2]
    text = f"see {first(EXAMPLES[one])}{joint}{second(EXAMPLES[other])} here"
    decision = PAIRS.evaluate(Phase.REQUEST, {"text": text})
    assert {one, other} <= set(decision.rules)
    alone = [PAIRS.evaluate(Phase.REQUEST, {"text": EXAMPLES[name]}) for name in (one, other)]
    assert RANK.index(decision.verdict) >= max(RANK.index(each.verdict) for each in alone)


@given(st.data())
def test_of_two_that_overlap_none_hides_the_other(data: st.DataObject) -> None:
    text = "one two three four five six"
    spans = st.tuples(st.integers(0, 20), st.integers(1, 7))
    words = [text[start : start + size] for start, size in data.draw(st.lists(spans, min_size=2))]
    words = [word for word in words if word.strip()]
    rules = [rule(f"rule {n}", Action.REDACT, text=word) for n, word in enumerate(words)]
    decision = decide(text, *rules)
    assert set(decision.rules) == {each.name for each in rules}
    inside = {at for each in decision.findings for at in range(each.start, each.end)}
    kept = "".join(one for at, one in enumerate(text) if at not in inside)
    assert re.sub(r"\[REDACTED:rule \d+\]", "", decision.texts.get("text", text)) == kept


def test_a_decision_is_small_whatever_was_found() -> None:
    many = {str(number): " ".join(EXAMPLES.values()) * 200 for number in range(5)}
    decision = PAIRS.evaluate(Phase.REQUEST, many)
    assert len(decision.findings) <= MAX_FINDINGS * len(EXAMPLES) * len(many)
    assert decision.unlisted >= 100 * len(EXAMPLES) * len(many)


# ── what the client is told ───────────────────────────────────────────────────────────────────────


def test_the_reason_is_the_description_of_the_rule_or_its_name() -> None:
    told = rule("r", text="aurora", description="Ask the press office.")
    assert decide("aurora", told).reason == "Ask the press office."
    assert decide("aurora", evolve(told, description="")).reason == (
        "The rule r does not allow the text."
    )


def test_the_reason_is_that_of_the_most_severe_rule_and_quotes_no_text() -> None:
    decision = decide("aurora 123-45-6789", rule("r", Action.REQUIRE_APPROVAL, text="aurora"))
    assert decision.reason == "The text holds a US social security number (SSN)."


@pytest.mark.parametrize("action", [Action.LOG, Action.WARN, Action.REDACT])
def test_what_goes_on_has_no_reason(action: Action) -> None:
    assert decide("aurora", rule("r", action, text="aurora")).reason is None


# ── texts ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("SSN is 123-45-6789.", "SSN is [REDACTED:us_ssn]."),
        ("Aurora, AURORA", "[REDACTED:r], [REDACTED:r]"),
        ("１２３-４５-６７８９ ok", "[REDACTED:us_ssn] ok"),
        ("a\u200burora\u200b!", "[REDACTED:r]\u200b!"),
        ("aur\0ora", "[REDACTED:r]"),
        ("auroraAurora", "[REDACTED:r][REDACTED:r]"),
        ("aurora123-45-6789", "[REDACTED:r]123-45-6789"),
    ],
)
def test_what_is_found_is_replaced_by_a_mask_with_its_name(text: str, masked: str) -> None:
    decision = decide(text, rule("r", Action.REDACT, text="aurora"), pii=Action.REDACT)
    assert decision.texts == {"text": masked}


def test_overlapping_findings_have_one_mask_of_the_most_severe() -> None:
    rules = (rule("a", Action.REDACT, text="one two"), rule("b", Action.BLOCK, text="two three"))
    assert decide("zero one two three four", *rules).texts == {"text": "zero [REDACTED:b] four"}
    inner = rule("c", Action.REDACT, text="w")
    assert decide("zero one two four", rules[0], inner).texts == {"text": "zero [REDACTED:a] four"}


def test_what_either_form_of_a_text_shows_is_found() -> None:
    decision = decide("\u200b b\u200bc", rule("r", pattern=r"\x{200b}|bc"))
    assert [(one.start, one.end) for one in decision.findings] == [(0, 1), (2, 5), (3, 4)]


def test_what_is_only_warned_of_stays() -> None:
    assert decide("aurora a@b.co", rule("r", Action.LOG, text="aurora")).texts == {}


@given(TEXTS, rules_of())
def test_every_character_outside_of_findings_is_kept(text: str, rules: tuple[Rule, ...]) -> None:
    decision = decide(text, *rules)
    masked = decision.texts.get("text", text)
    spans = [
        (finding.start, finding.end)
        for finding in decision.findings
        if RANKS[finding.action] >= RANKS[Action.REDACT]
    ]
    inside = {position for start, end in spans for position in range(start, end)}
    kept = "".join(one for position, one in enumerate(text) if position not in inside)
    for name in (*(one.name for one in rules), *TYPES):
        masked = masked.replace(f"[REDACTED:{name}]", "")
    assert masked == kept


@given(TEXTS, rules_of())
def test_findings_are_spans_of_the_original_text(text: str, rules: tuple[Rule, ...]) -> None:
    for finding in decide(text, *rules).findings:
        assert 0 <= finding.start < finding.end <= len(text)


# ── bounds ────────────────────────────────────────────────────────────────────────────────────────


def test_findings_are_listed_to_a_number_and_the_others_counted() -> None:
    decision = decide("aurora " * 30, rule("r", Action.REDACT, text="aurora"))
    assert len(decision.findings) == MAX_FINDINGS
    assert decision.unlisted == 30 - MAX_FINDINGS
    assert decision.texts["text"] == "[REDACTED:r] " * 30


@pytest.mark.parametrize("more", [(), ("(?P<n>x)y", "(?P<n>y)x"), ("(a|b).{0,60}x",)])
@pytest.mark.parametrize("length", [0, MAX_SCREENED])
def test_patterns_are_found_whether_one_search_comes_before_theirs_or_not(
    more: tuple[str, ...], length: int
) -> None:
    rules = [rule(f"more-{number}", pattern=pattern) for number, pattern in enumerate(more)]
    rules += [rule("aurora", pattern="(?i)aurora"), rule("secret", text="secret")]
    for text, found in (("AURORA", ["aurora"]), ("secret", ["secret"]), ("plain", [])):
        decision = decide(" " * length + text, *rules)
        assert [finding.rule for finding in decision.findings] == found
    assert compiled("(a|b).{0,60}x").programsize > MAX_SCREEN


@pytest.mark.parametrize("search", [{"text": "aurora"}, {"pattern": "aurora"}])
def test_behind_too_many_findings_nothing_is_left_of_a_text(search: Mapping[str, str]) -> None:
    decision = decide("aurora " * (MAX_SPANS + 5), rule("r", Action.REDACT, **search))
    assert decision.texts["text"] == ("[REDACTED:r] " * MAX_SPANS).strip()


def test_many_findings_of_one_rule_hide_none_of_another() -> None:
    text = "aurora " * 50 + "falcon"
    rules = (rule("a", Action.LOG, text="aurora"), rule("b", Action.BLOCK, text="falcon"))
    assert decide(text, *rules).rules == ("b", "a")


def test_a_text_that_is_empty_has_nothing_in_it() -> None:
    decision = policy_of(rule("r", text="x")).evaluate(Phase.ANSWER, {"answer": ""})
    assert (decision.verdict, decision.screened) == (Verdict.ALLOWED, {"answer": 1})
    assert policy_of().evaluate(Phase.ANSWER, {}).verdict is Verdict.ALLOWED


@given(st.text(), st.text(min_size=1))
def test_no_text_and_no_literal_is_an_error(text: str, literal: str) -> None:
    decision = decide(text + literal, rule("r", text=f"{literal}|"), rule("s", text=f"x{literal}"))
    assert decision.verdict is not Verdict.ERROR


@given(st.text(st.characters(codec="utf-8"), min_size=1).filter(lambda text: text.strip()))
def test_a_literal_is_found_in_any_text_that_holds_it(literal: str) -> None:
    for text in (literal, f"<{literal}>", literal.upper()) if literal.isascii() else (literal,):
        assert decide(text, rule("r", text=literal)).verdict is Verdict.BLOCKED


@pytest.mark.parametrize(
    ("literal", "text"),
    [
        ("AURORA", "aurora"),
        ("STRAẞE", "straße"),
        ("café", "CAFE\u0301"),
        ("cafe\u0301", "CAFÉ"),
        ("ＡＢ", "ab"),
        ("Ω", "ω"),
        ("kg", "Kg"),
    ],
)
def test_a_literal_is_found_in_other_cases_and_forms(literal: str, text: str) -> None:
    assert decide(f"({text})", rule("r", text=literal)).verdict is Verdict.BLOCKED


# ── failures and threads ──────────────────────────────────────────────────────────────────────────


def test_what_cannot_be_evaluated_is_an_error_that_shows_no_text(
    caplog: pytest.LogCaptureFixture,
) -> None:
    parts = cast(Any, {"query": ["a secret text"]})  # no text: the engine fails on it
    with caplog.at_level(logging.ERROR):
        decision = policy_of().evaluate(Phase.REQUEST, parts)
    assert decision.verdict is Verdict.ERROR and decision.is_stopped
    assert decision.reason == "The policies could not be evaluated."
    assert "AttributeError at views.py" in caplog.text
    assert "secret" not in caplog.text


def test_threads_share_a_policy() -> None:
    policy = policy_of(rule("r", Action.REDACT, pattern=r"aurora\d+"))
    texts = [f"aurora{number} and falcon é…" * (number % 7) for number in range(200)]
    alone = [policy.evaluate(Phase.REQUEST, {"text": text}) for text in texts]
    with ThreadPoolExecutor(8) as threads:
        together = threads.map(lambda text: policy.evaluate(Phase.REQUEST, {"text": text}), texts)
        assert list(together) == alone


# ── versions and lists ────────────────────────────────────────────────────────────────────────────


def test_the_version_changes_with_everything_that_decides() -> None:
    one = rule("r", Action.WARN, text="x")
    policies = [
        policy_of(),
        policy_of(one),
        policy_of(evolve(one, name="s")),
        policy_of(evolve(one, action=Action.BLOCK)),
        policy_of(evolve(one, text="y")),
        policy_of(evolve(one, text=None, pattern="x")),
        policy_of(evolve(one, on=(Phase.ANSWER,))),
        policy_of(one, email=Action.BLOCK),
    ]
    versions = [policy.version for policy in policies]
    assert len(set(versions)) == len(versions)
    assert policy_of(one).version == policies[1].version
    assert policies[1].evaluate(Phase.REQUEST, {"text": "x"}).version == versions[1]


def test_rules_and_detectors_are_listed_with_what_they_do() -> None:
    policy = policy_of(rule("r", Action.WARN, text="a+"), email=Action.LOG)
    listed = {one.id: one for one in policy.listed()}
    assert list(listed) == [*(f"detector:{type}" for type in TYPES), "rule:r"]
    assert (listed["detector:email"].action, listed["detector:email"].category) == ("log", "pii")
    assert (listed["rule:r"].category, listed["rule:r"].is_built_in) == ("custom", False)
    assert {one.severity for one in listed.values()} <= {"critical", "high", "medium", "low"}
    assert all(capturing(one.pattern).search(b"") is None for one in listed.values())
    assert Policy.test_pattern(listed["rule:r"].pattern, ["xA+x", "aa"]).matches == (True, False)
