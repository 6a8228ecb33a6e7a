"""Faulty rules in a file: where the fault is and how it is mended. All through `load_config`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from axonflow_core.config import FaultyConfig, load_config
from axonflow_core.policy.engine import Policy
from axonflow_core.policy.rules import Action, Phase, Verdict

HEAD = 'version: "1.0"\nllm_providers: {echo: {enabled: true}}\npolicies:\n'
RULES = HEAD + "  rules:\n    - "
HUGE = "x" * 5_000

FAULTY = {
    "refused by RE2": ("{name: a, action: log, pattern: '(?=x)'}", "'(?=", "invalid perl operator"),
    "empty pattern": ("{name: a, action: log, pattern: ''}", "''", "every text"),
    "huge pattern": (f"{{name: a, action: log, pattern: {HUGE}}}", HUGE, "4,096 characters"),
    "empty text": ("{name: a, action: log, text: ''}", "''", "an empty text"),
    "blank text": ("{name: a, action: log, text: '  '}", "'  '", "blanks"),
    "huge text": (f"{{name: a, action: log, text: {HUGE}}}", HUGE, "4,096 characters"),
    "neither": ("{name: a, action: log}", "{", "not neither"),
    "both": ("{name: a, action: log, text: x, pattern: x}", "{", "not both"),
    "no name": ("{action: log, text: x}", "{", "`name` is missing"),
    "blank name": ("{name: ' ', action: log, text: x}", "' '", "1 to 100 printable"),
    "name of two lines": ('{name: "a\\nb", action: log, text: x}', '"a', "1 to 100 printable"),
    "name of a detector": ("{name: us_ssn, action: log, text: x}", "name", "a built-in detector"),
    "unknown action": ("{name: a, action: logg, text: x}", "logg", "wants one of log, warn"),
    "unknown phase": ("{name: a, action: log, text: x, on: [ask]}", "ask", "one of request"),
    "no phase": ("{name: a, action: log, text: x, on: []}", "[]", "not an empty list"),
    "description": (f"{{name: a, action: log, text: x, description: {HUGE}}}", HUGE, "at most 500"),
}
"""A rule, where its fault is, and words of what is said of it."""


REFERENCES = "no back-references"
LOOKING = "neither ahead nor behind"
ATOMS = "never goes back"
REPEATS = "at most 1,000 times"
SYNTAX = "github.com/google/re2/wiki/Syntax"
EMPTY = "at least one character"
HOSTILE = {
    r"(a)\1": REFERENCES,
    r"(a+)+\1": REFERENCES,
    r"(?<n>a)\k<n>": REFERENCES,
    r"(a)\g{1}": REFERENCES,
    "(?P<n>a)(?P=n)": REFERENCES,
    "(?=a)b": LOOKING,
    "(?!a)b": LOOKING,
    "(?<=a)b": LOOKING,
    "(?<!a)b": LOOKING,
    "(?>a+)b": ATOMS,
    "a++b": ATOMS,
    "a*+b": ATOMS,
    "a**": ATOMS,
    "(?(1)a|b)": SYNTAX,
    "(?R)": SYNTAX,
    "(?1)": SYNTAX,
    "(?#c)a": SYNTAX,
    "(?x) a": SYNTAX,
    "a{1001}": REPEATS,
    "a{1,1001}": REPEATS,
    "(a{100}){100}": REPEATS,
    "((a{10}){10}){11}": REPEATS,
    r"(\w{1,200}\d){100}": REPEATS,
    r"(\pL{50}){20}": "repeat less",
    "(.*){1,1000}": "repeat less",
    "(": r"\(",
    "(a|b": r"\(",
    "a)": r"\)",
    "[a": r"\[",
    "[]": r"\[",
    "[z-a]": SYNTAX,
    "[[:alhpa:]]": SYNTAX,
    "*": r"\*",
    "a|+": r"\*",
    "{2}a": r"\*",
    "a\\": r"\\",
    r"\Z": SYNTAX,
    r"\u0041": SYNTAX,
    r"\p{Klingon}": SYNTAX,
    r"\x{110000}": SYNTAX,
    r"a\C": "(?s:.)",
    "": EMPTY,
    "(((a*)*)*)*": EMPTY,
    r"\b": EMPTY,
    "(?m)^": EMPTY,
    "(?m)$|a": EMPTY,
    "secret|": EMPTY,
    "(?P<>a)": SYNTAX,
    "a" * 5_000: "several rules",
    "(a|b)" * 20_000: "several rules",
}
"""A pattern that an operator may write -> words of what to do about it."""


@pytest.mark.sampled(3)
@pytest.mark.parametrize(("pattern", "words"), HOSTILE.items(), ids=range(len(HOSTILE)))
def test_a_hostile_pattern_is_shown_at_its_place_with_what_to_do(
    tmp_path: Path, pattern: str, words: str
) -> None:
    written = json.dumps(pattern)
    rule = f"{{name: a, action: block, pattern: {written}}}\n"
    file = tmp_path / "axonflow.yaml"
    file.write_text(RULES + rule)
    with pytest.raises(FaultyConfig) as caught:
        load_config(file)
    (fault,) = caught.value.faults
    assert (fault.line, fault.column) == (5, len("    - ") + rule.index(written) + 1)
    assert "pattern" in fault.message and words in (fault.hint or "")


def faults_of(folder: Path, text: str) -> list[tuple[int, int, str]]:
    """The faults of a file: line, column and the words that are shown."""
    file = folder / "axonflow.yaml"
    file.write_text(text)
    with pytest.raises(FaultyConfig) as caught:
        load_config(file)
    return [(fault.line, fault.column, str(fault)) for fault in caught.value.faults]


@pytest.mark.parametrize(("rule", "at", "words"), FAULTY.values(), ids=FAULTY)
def test_a_faulty_rule_is_shown_at_its_place(
    tmp_path: Path, rule: str, at: str, words: str
) -> None:
    ((line, column, message),) = faults_of(tmp_path, RULES + rule + "\n")
    assert (line, column) == (5, len("    - ") + rule.index(at) + 1)
    assert words in message


def test_the_second_rule_of_a_name_is_shown(tmp_path: Path) -> None:
    rules = "".join(f"    - {{name: {name}, action: log, text: x}}\n" for name in "abab")
    faults = faults_of(tmp_path, f"{HEAD}  rules:\n{rules}")
    assert [(line, column) for line, column, _ in faults] == [(7, 8), (8, 8)]
    assert "two rules of the name `a`" in faults[0][2]


def test_an_action_of_nothing_is_shown_with_what_is_meant(tmp_path: Path) -> None:
    actions = "  actions:\n    pii: redact\n    emial: block\n    zzz: block\n    us_ssn: stop\n"
    unlike, near, unknown = sorted(faults_of(tmp_path, HEAD + actions), key=lambda one: -one[0])
    assert unlike[:2] == (8, 13)
    assert near[:2] == (7, 5) and "pii, sqli, dangerous_queries" in near[2]
    assert unknown[:2] == (6, 5) and "did you mean `email`?" in unknown[2]


def test_all_faults_are_shown_at_once(tmp_path: Path) -> None:
    rules = "{name: a, action: block, pattern: '('}\n    - {name: a, action: block, text: ''}\n"
    assert len(faults_of(tmp_path, f"{RULES}{rules}  actions: {{x: block}}\n")) == 4


@pytest.mark.parametrize("policies", ["  rules: 5\n", "  rules: [5]\n", "  actions: []\n", "  5\n"])
def test_what_is_no_rule_at_all_is_a_fault_too(tmp_path: Path, policies: str) -> None:
    assert len(faults_of(tmp_path, HEAD + policies)) == 1


def test_the_rules_of_a_file_are_evaluated(tmp_path: Path) -> None:
    file = tmp_path / "axonflow.yaml"
    file.write_text(
        f"{RULES}{{name: no-aurora, pattern: '(?i)project\\s+aurora', action: block}}\n"
        "    - {name: falcon, text: Falcon, action: redact, on: [answer]}\n"
        "  actions: {pii: redact, email: block}\n"
    )
    policy = Policy.build(load_config(file).policies)
    actions = {one.type: one.action for one in policy.detectors}
    assert [rule.name for rule in policy.rules] == ["no-aurora", "falcon"]
    assert (actions["us_ssn"], actions["email"]) == (Action.REDACT, Action.BLOCK)
    decision = policy.evaluate(Phase.REQUEST, {"query": "Project Aurora and Falcon"})
    assert (decision.verdict, decision.rules) == (Verdict.BLOCKED, ("no-aurora",))
