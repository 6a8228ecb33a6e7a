"""Patterns of operators: what RE2 and the limits refuse, and how each is tried."""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
from costs import is_within
from hypothesis import given
from hypothesis import strategies as st

from axonflow_core.config.values import PoliciesConfig
from axonflow_core.errors import ConfigError
from axonflow_core.frozen import Unfit
from axonflow_core.policy.engine import PatternTest, Policy
from axonflow_core.policy.patterns import capturing, compiled, quoted
from axonflow_core.policy.rules import Action, Phase, Rule

HOSTILE = {
    "look-ahead": ("(?=a)", "invalid perl operator"),
    "look-behind": ("(?<!a)b", "invalid"),
    "back-reference": (r"(a)\1", "invalid escape sequence"),
    "atomic group": ("(?>a)", "invalid perl operator"),
    "possessive": ("a++", "bad repetition operator"),
    "open group": ("(a", "missing )"),
    "open class": ("[a", "missing ]"),
    "too many repeats": ("a{2000}", "invalid repetition size"),
    "repeats of repeats": ("((a{100}){100}){100}", "invalid repetition size"),
    "large program": ("(.*){1,1000}", "instructions"),
    "larger program": (r"(\pL{30}\d{30}){10}", "too large"),
    "single bytes": (r"a\Cb", r"\C"),
    "single bytes behind a backslash": (r"a\\\Cb", r"\C"),
    "too long": ("a" * 5_000, "4,096 characters"),
    "half a pair": ("\ud800", "surrogate"),
    "empty": ("", "every text"),
    "matches nothing": ("x*", "every text"),
    "a beginning": ("^", "every text"),
    "an empty choice": ("secret|", "every text"),
}


@pytest.mark.parametrize(("pattern", "reason"), HOSTILE.values(), ids=HOSTILE)
def test_a_pattern_that_cannot_be_used_is_refused_with_the_reason(
    pattern: str, reason: str
) -> None:
    with pytest.raises(Unfit) as caught:
        compiled(pattern)
    assert reason in str(caught.value)
    assert reason in (Policy.test_pattern(pattern, []).error or "")


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (r"(?P<id>\d+)(?:x(?P<more>y))?", b"a 12"),
        (r"(?<id>\d+)", b"a 12"),
        (r"[(?P<id>]+", b"?P<"),
        (r"[](?P<id>]+", b"]?P<"),
        (r"\(\?P<id>", b"(?P<id>"),
        (r"[^\](?P<id>]+", b"abc"),
    ],
)
def test_a_pattern_matches_what_it_does_without_the_names_of_its_groups(
    pattern: str, text: bytes
) -> None:
    """Which capture, and take thirty times as long."""
    named, regexp = capturing(pattern), compiled(pattern)
    assert regexp.groups == 0
    assert regexp.search(text).span() == named.search(text).span()


def test_a_pattern_of_the_project_may_be_large_and_captures() -> None:
    large = r"key=(\pL{20})"
    with pytest.raises(Unfit, match="instructions"):
        compiled(large)

    match = capturing(large).search(b"key=" + b"a" * 20)
    assert match is not None and match.span(1) == (4, 24)


def test_a_refused_pattern_writes_nothing_to_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    assert Policy.test_pattern("(?=secret)", []).error
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    "pattern",
    [r"(?i)project\s+aurora", r"\bACME-\d{4,8}\b", r"(?P<id>\d+)", r"a\\C", r"\p{Greek}+", "é|☃"],
)
def test_a_usual_pattern_is_taken(pattern: str) -> None:
    assert Policy.test_pattern(pattern, []).error is None


def test_a_pattern_is_tried_on_every_input() -> None:
    inputs = ["Project\n Aurora", "project", "ＰＲＯＪＥＣＴ aurora", "", "pro\u200bject aurora"]
    tried = Policy.test_pattern(r"(?i)project\s+aurora", inputs)
    assert tried == PatternTest(matches=(True, False, True, False, True))


@given(st.text(min_size=1).filter(lambda text: text.isprintable()))
def test_a_quoted_text_is_found_in_itself_and_whole(text: str) -> None:
    assert compiled(quoted(text)).fullmatch(text.encode()) is not None
    assert compiled(quoted(text)).search(b"-") is None or text == "-"


EXPLOSIVE = [
    r"(?i)'\s*or\s+.*\s*=\s*.*admin",  # of upstream, cubic in `re`
    r"(x+x+)+y",
    r"(a|aa)*b",
    r"(.*a){12}",
    r"[ab]*a[ab]{12}c",
]


@pytest.mark.parametrize("pattern", EXPLOSIVE)
def test_no_pattern_takes_more_than_linear_time(pattern: str) -> None:
    """The first one takes `re` a minute for 4 KB of blanks."""
    policy = Policy.build(
        PoliciesConfig(rules=(Rule(name="one", action=Action.BLOCK, pattern=pattern),))
    )
    for text in ("' OR " + " " * 200_000, "a" * 200_000, "xab" * 60_000, "ab" * 100_000):
        assert is_within(partial(policy.evaluate, Phase.REQUEST, {"text": text}), 400_000)


WITHOUT_RE2 = """
import sys
sys.modules["re2"] = None
from pathlib import Path
from axonflow_core.config import load_config
from axonflow_core.errors import ConfigError
from axonflow_core.policy.engine import Policy
config = load_config(Path(sys.argv[1]))
try:
    Policy.build(config.policies)
except ConfigError as error:
    print(error.message, error.hint)
"""


def test_without_re2_a_file_is_checked_and_policies_are_not_built(tmp_path: Path) -> None:
    file = tmp_path / "axonflow.yaml"
    file.write_text(
        'version: "1.0"\nllm_providers: {echo: {enabled: true}}\n'
        "policies: {rules: [{name: one, pattern: '(', action: block}]}\n"
    )
    command = [sys.executable, "-c", WITHOUT_RE2, str(file)]
    finished = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "google-re2, which is not installed" in finished.stdout
    assert "axonflow-core[server]" in finished.stdout


def test_a_rule_that_was_made_in_python_is_checked_as_well() -> None:
    with pytest.raises(Unfit, match="missing"):
        Rule(name="one", action=Action.BLOCK, pattern="(")
    rule = Rule(name="one", action=Action.BLOCK, text="x")
    with pytest.raises(ConfigError, match="two rules of the name `one`"):
        Policy.build(PoliciesConfig(rules=(rule, rule)))
    with pytest.raises(ConfigError, match="no category or type `emial`") as caught:
        Policy.build(PoliciesConfig(actions={"emial": Action.BLOCK}))
    assert caught.value.hint == "did you mean `email`?"
