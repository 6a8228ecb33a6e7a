"""Rules and decisions, as values. `policy.engine` evaluates the one to the other.

A rule looks for something in texts and names an action. Every rule is evaluated, and the most
severe action among the findings decides; none hides another.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum

from attrs import field

from axonflow_core.frozen import Unfit, frozen
from axonflow_core.messages import EMPTY, hidden
from axonflow_core.policy.patterns import MAX_PATTERN, checked


class Action(StrEnum):
    """What follows from a finding, from the mildest to the most severe."""

    LOG = "log"
    """The record has it."""
    WARN = "warn"
    """The record and the answer to the client have it."""
    REDACT = "redact"
    """The text that was found is replaced, and the call goes on."""
    REQUIRE_APPROVAL = "require_approval"
    """The call is not made before a person approves of it."""
    BLOCK = "block"
    """The call is not made, or its answer not given."""


RANKS: Mapping[Action, int] = {action: rank for rank, action in enumerate(Action)}
"""Action -> its rank; the higher one decides."""


class Severity(StrEnum):
    """How grave it is that something stands in a text, whatever follows from it."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class OnError(StrEnum):
    """What follows where a rule or a detector fails, or overruns its time."""

    BLOCK = "block"
    """No decision can be made, which stops the call."""
    ALLOW = "allow"
    """The record says that it failed, and the others decide."""


class VendorFetches(StrEnum):
    """What follows where a request would have its vendor fetch what stands at a URL."""

    BLOCK = "block"
    ALLOW = "allow"


CUSTOM = "custom"
"""The category of what rules of the configuration find."""
POLICY_ERROR = "policy_error"
"""The category of findings that say that a rule or a detector failed."""
MAX_NAME = 100
"""The longest name of a rule, in characters."""
MAX_DESCRIPTION = 500
"""The longest description of a rule, in characters: a client is told all of it."""


class Phase(StrEnum):
    """What of a call is looked at."""

    REQUEST = "request"
    ANSWER = "answer"


SEVERITIES: Mapping[Action, Severity] = {
    Action.LOG: Severity.LOW,
    Action.WARN: Severity.LOW,
    Action.REDACT: Severity.MEDIUM,
    Action.REQUIRE_APPROVAL: Severity.HIGH,
    Action.BLOCK: Severity.HIGH,
}
"""Action -> the severity of what a rule of the configuration finds, which names none."""


class Mode(StrEnum):
    """What kind of text is looked at: the same words are harmless in the one and not in another."""

    PROMPT = "prompt"
    """What people and programs write to a model."""
    ANSWER = "answer"
    """What a model says."""
    PARAMETER = "parameter"
    """A value that goes into a tool or a query."""
    SQL = "sql"
    """Statements of SQL."""


MODES: Mapping[Phase, Mode] = {Phase.REQUEST: Mode.PROMPT, Phase.ANSWER: Mode.ANSWER}
"""Phase -> the kind of its texts, where nothing else is said of one."""


class Verdict(StrEnum):
    """What was decided."""

    ALLOWED = "allowed"
    REDACTED = "redacted"
    NEEDS_APPROVAL = "needs_approval"
    BLOCKED = "blocked"
    ERROR = "error"
    """No decision could be made, or the call failed; nothing is answered without one."""


@frozen(kw_only=True)
class Rule:
    """A rule of the configuration: a literal `text`, in any case, or an RE2 `pattern`."""

    name: str = field()
    """Names the rule in decisions, records and answers."""
    action: Action
    text: str | None = field(default=None)
    """What to look for, literally; upper and lower case are the same."""
    pattern: str | None = field(default=None)
    """An RE2 pattern: https://github.com/google/re2/wiki/Syntax"""
    on: tuple[Phase, ...] = field(default=(Phase.REQUEST, Phase.ANSWER))
    """What it is evaluated on."""
    description: str = field(default="")
    """What a person whose call is stopped is told."""
    on_error: OnError | None = None
    """What follows where it fails. Default: that of the section."""

    def __attrs_post_init__(self) -> None:
        if (self.text is None) == (self.pattern is None):
            got = "neither" if self.text is None else "both"
            raise Unfit("one of `text` and `pattern`", got, "write one of them")

    @name.validator
    def _is_a_name(self, _: object, name: str) -> None:
        if not name.isprintable() or name != name.strip() or not 0 < len(name) <= MAX_NAME:
            raise Unfit(f"a name of 1 to {MAX_NAME} printable characters", "another text")

    @text.validator
    def _says_something(self, _: object, text: str | None) -> None:
        if text is None:
            return
        if not text.strip():
            raise Unfit("a text to look for", "blanks" if text else "an empty text")
        if len(text) > MAX_PATTERN:
            raise Unfit(f"a text of at most {MAX_PATTERN:,} characters", f"one of {len(text):,}")

    @pattern.validator
    def _compiles(self, _: object, pattern: str | None) -> None:
        if pattern is not None:
            checked(pattern)

    @on.validator
    def _is_something(self, _: object, on: tuple[Phase, ...]) -> None:
        if not on:
            raise Unfit("request, answer, or both", "an empty list")

    @description.validator
    def _is_short(self, _: object, description: str) -> None:
        if len(description) > MAX_DESCRIPTION:
            got = f"one of {len(description):,}"
            raise Unfit(f"a description of at most {MAX_DESCRIPTION} characters", got)


@frozen(kw_only=True)
class Finding:
    """Something that a rule or a detector found."""

    rule: str
    """The name of the rule, or the type that a detector found: `us_ssn`."""
    category: str
    """`custom` for a rule of the configuration, else the detector's: `pii`, `sqli`; `policy_error`
    where the rule or the detector failed in that text, which has no span then."""
    action: Action
    phase: Phase
    part: str
    """The label of the text that it stands in: `system`, `messages.0`, `answer`."""
    start: int
    """The span in the original text, in characters; `end` is behind its last one."""
    end: int
    severity: Severity
    reason: str
    """What a person is told of it; it quotes nothing of the text."""


@frozen(kw_only=True)
class Decision:
    """What was decided on one phase of a call."""

    verdict: Verdict
    phase: Phase
    findings: tuple[Finding, ...] = ()
    unlisted: int = 0
    """How many findings there are beside `findings`, which lists a bounded number of each rule in
    each part; or at least how many, where there are more than are looked for."""
    reason: str | None = None
    """Why it is not allowed, for the client; it quotes nothing of the text."""
    screened: Mapping[str, int] = EMPTY
    """How many parts were looked at, by the first words of their labels: `{"messages": 3}`."""
    version: str = ""
    """The digest of the rules and detectors that decided."""
    texts: Mapping[str, str] = hidden(default=EMPTY)
    """Label -> the text with what was found replaced, as it goes on; only those that change."""
    kept: Mapping[str, str] = hidden(default=EMPTY)
    """Label -> the text with everything masked that was found, whatever its action, as it may be
    kept; only those that change."""

    @property
    def is_stopped(self) -> bool:
        """Whether the call goes no further."""
        return self.verdict in (Verdict.BLOCKED, Verdict.NEEDS_APPROVAL, Verdict.ERROR)

    @property
    def is_blind(self) -> bool:
        """Whether not everything was looked for: what is in the texts is not known then, and none
        of them is kept."""
        return self.verdict is Verdict.ERROR or any(
            finding.category == POLICY_ERROR for finding in self.findings
        )

    @property
    def rules(self) -> tuple[str, ...]:
        """The names of the rules that found something, each once, the most severe first."""
        if not self.findings:
            return ()
        ranked = sorted(self.findings, key=lambda finding: -RANKS[finding.action])
        return tuple(dict.fromkeys(finding.rule for finding in ranked))


def counted(labels: Iterable[str]) -> Mapping[str, int]:
    """How many labels there are, by their first words: `messages` of `messages.0#2`."""
    counts: dict[str, int] = {}
    for label in labels:
        word = label.partition(".")[0].partition("#")[0]
        counts[word] = counts.get(word, 0) + 1
    return counts


def blocked_call(rule: str, category: str, reason: str, version: str = "") -> Decision:
    """The decision that stops a call for what it is, whatever its texts say; it bears the `version`
    of the policy that asked, if one did."""
    finding = Finding(
        rule=rule,
        category=category,
        action=Action.BLOCK,
        phase=Phase.REQUEST,
        part="call",
        start=0,
        end=0,
        severity=Severity.HIGH,
        reason=reason,
    )
    return Decision(
        verdict=Verdict.BLOCKED,
        phase=Phase.REQUEST,
        findings=(finding,),
        reason=reason,
        version=version,
    )
