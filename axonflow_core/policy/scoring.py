"""How well detectors do on labelled texts: what they find, what they miss, what they find wrongly.

A corpus is a file of JSON lines, each with a `text`. What has to be found in it is said in one of
two ways. A line with `spans` names what stands where, and each entity counts: it is found where a
finding of its type overlaps it, and a finding of a type that the corpus labels, but not there, is
wrong. Of any other line one thing counts: whether something of the `expected` types or categories
is found in it at all. Where nothing is expected, whatever is found is wrong.

A share comes with Wilson's interval of 95 %: of 0 false alarms in 200 texts nothing better is known
than "below 1.9 %".
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from math import sqrt
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

from axonflow_core.errors import ConfigError
from axonflow_core.frozen import frozen
from axonflow_core.policy.rules import Finding, Mode, Phase, Severity

if TYPE_CHECKING:
    from axonflow_core.policy.engine import Policy

_Z = 1.959964
"""The normal deviate of 95 %."""
LABELS: Mapping[str, str] = {
    "CREDIT_CARD": "payment_card",
    "EMAIL_ADDRESS": "email",
    "IBAN_CODE": "iban",
    "IP_ADDRESS": "ip_address",
    "PHONE_NUMBER": "phone",
    "US_SSN": "us_ssn",
}
"""Label of presidio-research -> our type. Other labels that are no types of ours are not scored:
names and places are found by language models alone."""
SQL = ("sqli", "dangerous_queries", "dangerous_commands")


class Share(NamedTuple):
    """So many of so many."""

    part: int
    whole: int

    @property
    def value(self) -> float | None:
        """None of nothing."""
        return self.part / self.whole if self.whole else None

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's interval of 95 %."""
        part, whole = self
        if not whole:
            return 0.0, 1.0
        share, square = part / whole, _Z * _Z
        middle = (share + square / (2 * whole)) / (1 + square / whole)
        spread = share * (1 - share) / whole + square / (4 * whole * whole)
        half = _Z * sqrt(spread) / (1 + square / whole)
        return max(0.0, middle - half), min(1.0, middle + half)


class Label(NamedTuple):
    """An entity of a text, in characters."""

    type: str
    start: int
    end: int


@frozen
class Sample:
    """One text of a corpus, with what stands in it."""

    text: str
    labels: tuple[Label, ...] | None = None
    """None where the text is expected to have something or nothing, wherever it stands."""


@frozen(kw_only=True)
class Corpus:
    """Texts of one kind."""

    name: str
    samples: tuple[Sample, ...]
    mode: Mode = Mode.PROMPT
    expected: tuple[str, ...] = ()
    """The types or categories of which one is to be found in every text; empty where nothing is."""

    @property
    def phase(self) -> Phase:
        """The phase in which such texts come."""
        return Phase.ANSWER if self.mode is Mode.ANSWER else Phase.REQUEST


@frozen(kw_only=True)
class TypeScore:
    """What became of one type."""

    recall: Share
    """Of the labelled entities."""
    precision: Share
    """Of the findings."""

    @property
    def f2(self) -> float | None:
        """The mean of precision and recall in which recall counts four times."""
        recall, precision = self.recall.value, self.precision.value
        if recall is None or precision is None or recall + precision == 0:
            return None
        return 5 * precision * recall / (4 * precision + recall)


@frozen(kw_only=True)
class Score:
    """What a policy made of one corpus."""

    corpus: Corpus
    found: Share
    """Texts in which what is expected was found, of those in which it is."""
    types: Mapping[str, TypeScore]
    """Type -> what became of its entities, where the corpus has labels."""
    stopped: Share
    """Texts that the policy does not let pass."""
    alarms: Share
    """Texts with a finding that is neither expected nor labelled."""
    critical: Share
    """Texts with such a finding of critical severity."""
    wrong: Mapping[str, int]
    """Type -> how many of its findings were neither expected nor labelled."""
    seconds: float
    slowest_s: float
    characters: int

    @property
    def total(self) -> TypeScore:
        """All types together."""
        return _sum(self.types.values())


def corpus_in(
    path: Path, *, mode: Mode | None = None, expected: tuple[str, ...] | None = None
) -> Corpus:
    """The corpus of a file. What is not said is told by the name of the file: `sqli-…` is to be
    found, `answers-…` is what models say, `…-sql` is SQL. Raises `ConfigError` for a line that is
    none, and whatever reading the file raises."""
    name = path.stem
    if expected is None:
        expected = SQL if name.startswith("sqli") else ()
    if mode is None:
        is_sql = name.endswith("-sql")
        mode = Mode.ANSWER if name.startswith("answers") else Mode.SQL if is_sql else Mode.PROMPT
    with path.open(encoding="utf-8") as lines:
        samples = tuple(_samples(path, lines))
    return Corpus(name=path.name, samples=samples, mode=mode, expected=expected)


def _samples(path: Path, lines: Iterable[str]) -> Iterator[Sample]:
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                yield _sample(json.loads(line))
            except (ValueError, TypeError, KeyError):
                hint = 'each line is {"text": …}, with "spans": [{"type", "start", "end"}] if any'
                raise ConfigError(f"{path}:{number} is no text of a corpus", hint=hint) from None


def _sample(line: Mapping[str, object]) -> Sample:
    text, spans = line["text"], line.get("spans")
    if not isinstance(text, str):
        raise TypeError
    if not isinstance(spans, list):
        return Sample(text)
    labels = (
        Label(LABELS.get(each["type"], each["type"]), int(each["start"]), int(each["end"]))
        for each in spans
    )
    return Sample(text, tuple(labels))


def score(policy: Policy, corpus: Corpus) -> Score:
    """What `policy` makes of the texts of `corpus`. Each is evaluated twice, and the second time is
    measured."""
    tally = _Tally(corpus, frozenset(rule.name for rule in policy.listed()))
    for sample in corpus.samples:
        parts, modes = {"text": sample.text}, {"text": corpus.mode}
        policy.evaluate(corpus.phase, parts, modes)
        began = perf_counter()
        decision = policy.evaluate(corpus.phase, parts, modes)
        tally.add(sample, decision.findings, perf_counter() - began, decision.is_stopped)
    return tally.score()


class _Tally:
    """The counts of one corpus."""

    def __init__(self, corpus: Corpus, types: frozenset[str]) -> None:
        self._corpus = corpus
        labels = (label for sample in corpus.samples for label in sample.labels or ())
        self._labelled = {label.type for label in labels} & types
        self._counts: Counter[str] = Counter()
        self._entities: Counter[str] = Counter()
        self._hit: Counter[str] = Counter()
        self._findings: Counter[str] = Counter()
        self._right: Counter[str] = Counter()
        self._wrong: Counter[str] = Counter()
        self._seconds: list[float] = []

    def add(
        self, sample: Sample, findings: Iterable[Finding], seconds: float, is_stopped: bool
    ) -> None:
        """Count one text."""
        findings, labels = tuple(findings), sample.labels or ()
        expected = [one for one in findings if self._is_expected(one)]
        wrong = [
            one
            for one in findings
            if not (self._is_expected(one) or any(_is_of(one, label) for label in labels))
        ]
        self._count_entities(findings, labels)
        self._wrong.update(one.rule for one in wrong)
        self._counts["found"] += bool(expected)
        self._counts["stopped"] += is_stopped
        self._counts["alarms"] += bool(wrong)
        self._counts["critical"] += any(one.severity is Severity.CRITICAL for one in wrong)
        self._seconds.append(seconds)

    def _is_expected(self, finding: Finding) -> bool:
        return not {finding.rule, finding.category}.isdisjoint(self._corpus.expected)

    def _count_entities(self, findings: Iterable[Finding], labels: Iterable[Label]) -> None:
        findings, labels = tuple(findings), tuple(labels)
        for label in labels:
            self._entities[label.type] += 1
            self._hit[label.type] += any(_is_of(one, label) for one in findings)
        for one in findings:
            self._findings[one.rule] += 1
            self._right[one.rule] += any(_is_of(one, label) for label in labels)

    def score(self) -> Score:
        """What the counts come to."""
        samples, counts = self._corpus.samples, self._counts
        texts = len(samples)
        types = {
            type: TypeScore(
                recall=Share(self._hit[type], self._entities[type]),
                precision=Share(self._right[type], self._findings[type]),
            )
            for type in sorted(self._labelled)
        }
        return Score(
            corpus=self._corpus,
            found=Share(counts["found"], texts if self._corpus.expected else 0),
            types=types,
            stopped=Share(counts["stopped"], texts),
            alarms=Share(counts["alarms"], texts),
            critical=Share(counts["critical"], texts),
            wrong=dict(self._wrong.most_common()),
            seconds=sum(self._seconds),
            slowest_s=max(self._seconds, default=0.0),
            characters=sum(len(sample.text) for sample in samples),
        )


def _is_of(finding: Finding, label: Label) -> bool:
    """Whether a finding is of the type of a label and overlaps it."""
    return finding.rule == label.type and finding.start < label.end and finding.end > label.start


def _sum(scores: Iterable[TypeScore]) -> TypeScore:
    scores = tuple(scores)
    return TypeScore(
        recall=Share(
            sum(each.recall.part for each in scores), sum(each.recall.whole for each in scores)
        ),
        precision=Share(
            sum(each.precision.part for each in scores),
            sum(each.precision.whole for each in scores),
        ),
    )
