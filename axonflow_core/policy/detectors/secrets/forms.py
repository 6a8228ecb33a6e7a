"""What the secrets of a rule look like, and the search for the next one that may be one.

A rule is searched for by its own pattern; there is no automaton for several. Two things in
upstream's patterns make the automaton of one explode in a hostile text, at up to half a microsecond
for each byte: a label that begins anew within the twenty characters that may follow it, and a
prefix that begins anew within its own token. So such a pattern is searched for without the upper
bound (`_LOOSER`), and its parts in what matches: the value, and the label, which is to be near it.

    text      my adobe adobe adobe adobe_key = "0123456789abcdef0123456789abcdef"
    looser       └──────────────────────────────────────────────────────────────┘
    label                          └───┘←───→
    value                                    └──────────────────────────────────┘
    secret                                      └──────────────────────────────┘

A name before a label is not read at all: for RE2 that would be fifty states at each byte.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from axonflow_core.policy.detectors.secrets.gitleaks import SecretRule
from axonflow_core.policy.patterns import Regexp, capturing, compiled

_LOOSER: Mapping[str, str] = {
    r"[ \t\w.-]{0,20}": r"[ \t\w.-]*",
    "{10,150}": "{10,}",
    "{27,300}": "{27,}",
}
"""What stands in a pattern -> what the first search has for it."""
_VALUE = r"""(?:=|>|:{1,3}=|\|\||:|=>|\?=|,)[\x60'"\s=]{0,5}("""
"""Where the value of a label begins in a pattern: a sign, quotes, and the group of the secret."""
_GAP = r"""(?:[ \t\w.-]{0,20})[\s'"]{0,3}"""
"""What may stand between a label and its value in a pattern."""
_MAX_GAP = 23
"""Bytes that it matches."""
_MAX_LABEL = 96
"""Bytes before a value that hold its label: the longest has 34."""
_LEAST = 6
"""Bytes of the shortest secret: a smaller group is a part of one, or of what is around it."""


class Candidate(NamedTuple):
    """What may be a secret, in bytes of a text."""

    start: int
    end: int
    match: tuple[int, int]
    """The span of all that the pattern matches, its label included."""


class Form(Protocol):
    """How the secrets of a rule are found."""

    def search(self, data: bytes, position: int) -> Candidate | None:
        """The first candidate from `position` on."""


class TokenForm:
    """A secret that has a form of its own, as in `ghp_…`."""

    def __init__(self, rule: SecretRule) -> None:
        self._group = rule.group
        self._pattern = self._looser = capturing(rule.searched)
        if _looser(rule.searched) != rule.searched:
            self._looser = compiled(_looser(rule.searched))

    def search(self, data: bytes, position: int) -> Candidate | None:
        while (match := self._looser.search(data, position)) is not None:
            position = match.end()
            if self._looser is not self._pattern:
                match = self._pattern.match(data, match.start())
            if match is not None:
                return Candidate(*_secret(match, self._group), match.span())
        return None


class LabelledForm:
    """A secret that a label tells, as in `adobe_key = …`."""

    def __init__(self, rule: SecretRule) -> None:
        label, value, secret = rule.searched.partition(_VALUE)
        flags = "(?i)" if label.startswith("(?i)") else ""
        self._looser = compiled(_looser(rule.searched))
        self._label = capturing(label.replace(_GAP, ""))
        self._value = capturing(flags + value + secret)
        self._group = rule.group and rule.group - self._label.groups

    def search(self, data: bytes, position: int) -> Candidate | None:
        while (found := self._looser.search(data, position)) is not None:
            start, position = found.span()
            value = self._value.search(data, start, position)
            if value is None:
                continue
            secret = _secret(value, self._group)
            label = self._start_of_label(data, start, value.start())
            if label is not None or secret[0] == value.start():  # or a token that needs no label
                return Candidate(*secret, (start if label is None else label, position))
        return None

    def _start_of_label(self, data: bytes, start: int, end: int) -> int | None:
        """The start of the first label that is near enough to the value that begins at `end`."""
        labels = self._label.finditer(data, max(start, end - _MAX_LABEL), end)
        near = (one.start() for one in labels if one.end() >= end - _MAX_GAP)
        return next(near, None)


def form_of(rule: SecretRule) -> Form:
    """How the secrets of `rule` are found, compiled."""
    return LabelledForm(rule) if rule.is_labelled else TokenForm(rule)


def hint_of(rule: SecretRule) -> str:
    """What a text has that has a secret of a rule with labels: a label, and ten bytes of a value.
    Empty for another rule."""
    label, value, _ = rule.searched.partition(_VALUE)
    return f"{_looser(label)}{value.removesuffix('(')}[\\w.=+/-]{{10}}" if value else ""


def _looser(pattern: str) -> str:
    """The pattern without the upper bounds that cost."""
    for text, looser in _LOOSER.items():
        pattern = pattern.replace(text, looser)
    return pattern


def _secret(match: Regexp, group: int) -> tuple[int, int]:
    """The span of the secret in a match: of the group that the rule names, else of the first that
    is long enough and has no name, else of all of it."""
    named = set(match.re.groupindex.values())
    for number in (group,) if group else range(1, match.re.groups + 1):
        span: tuple[int, int] = match.span(number)
        if span[1] - span[0] >= _LEAST and number not in named:
            return span
    return match.start(), match.end()
