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

from axonflow_core.policy.detectors.secrets import kubernetes
from axonflow_core.policy.detectors.secrets.gitleaks import GENERAL, SecretRule
from axonflow_core.policy.detectors.secrets.sightings import Candidate, Form, Sighting
from axonflow_core.policy.patterns import Regexp, capturing, compiled, ending, united, within

_SIGN = r"[\d+/\x{17f}\x{212a}]"
_GENERAL = (
    rf"(?:[a-z_.-]{{0,4}}{_SIGN}[\w.=+/-]{{6,}}|[a-z_.-]{{5,}}{_SIGN}[\w.=+/-]+"
    r"|[\w.-]{1,8}=[\w.=-]{9,}|[\w.-]{9,}=)"
)
"""What a value behind a general label has, eight characters of it: upstream allows letters alone,
and dots, so one of them is neither."""
_BEGINNINGS = {
    "pypi-upload-token": r"pypi-AgEIcHlwaS5vcmc[\w-]{50}",
    "sendgrid-api-token": r"\bSG\.",
    "square-access-token": r"\b(?:EAAA|sq0atp-)",
}
"""Id -> how a token begins whose bound is large, or that may begin anew within itself."""
_MAX_CAPTURED = 4_096
"""Bytes of a match in which groups are searched for. A longer one is a secret as it is."""
_LOOSER: Mapping[str, str] = {
    r"[ \t\w.-]{0,20}": r"[ \t\w.-]*",
    r"([\w.=-]{10,150}|[a-z0-9][a-z0-9+/]{11,}={0,3})": _GENERAL,
    r"|[a-fA-F0-9]{40})": r"|[a-f0-9]*(?-i:[A-F])[a-fA-F0-9]*)",
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
_MAX_SIGN = 16
"""Bytes of a sign and of what may stand between it and a secret."""
_MAX_NAME = 40
"""Bytes of the longest name with a label that may stand where a secret would."""
_MAX_VALUE = 256
"""Bytes of the longest value behind a general label that may hold a `=`, with its sign and with
what ends it."""
_RUN = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/\u017f\u212a".encode()
"""What a longer one is made of; the last two are letters of ASCII where the case is any."""
_LEAST = 6
"""Bytes of the shortest secret: a smaller group is a part of one, or of what is around it."""


class TokenForm:
    """A secret that has a form of its own, as in `ghp_…`."""

    def __init__(self, rule: SecretRule) -> None:
        self._group = rule.group
        begins = _BEGINNINGS.get(rule.id)
        self._looser = united((begins or _looser(rule.searched),))
        self._pattern = capturing(rule.searched)
        self._end = ending(united((rule.searched,))) if begins else None

    def search(self, data: bytes, position: int) -> Sighting | None:
        found = self._looser.search(data, position)
        if found is None:
            return None
        span = value = found.span()
        if self._end is not None:
            value = span[0], max(span[0], self._end(data, span[0]))
        return Sighting(value, span)

    def candidate(self, data: bytes, sighting: Sighting) -> Candidate | None:
        start, end = sighting.value
        if end - start > _MAX_CAPTURED:
            return Candidate(start, end, (start, end))
        match = self._pattern.match(data, start)
        return Candidate(*_secret(match, self._group), match.span()) if match else None

    def behind(self, data: bytes, sighting: Sighting) -> int:
        return sighting.match[1]


class LabelledForm:
    """A secret that a label tells, as in `adobe_key = …`."""

    def __init__(self, rule: SecretRule) -> None:
        label, value, secret = rule.searched.partition(_VALUE)
        flags = "(?i)" if label.startswith("(?i)") else ""
        self._looser = within(compiled(_looser(rule.searched)))
        label = label.replace(_GAP, "")
        self._value = capturing(flags + value + secret)
        self._values = within(self._value)
        self._labels = within(united((label,)))
        self._end_of_label = ending(united((label,)))
        self._uncaptured = united((flags + value + secret,))
        self._group = rule.group and rule.group - capturing(label).groups
        self._is_general = rule.id == GENERAL

    def search(self, data: bytes, position: int) -> Sighting | None:
        start, end = self._looser(data, position, len(data))[0]
        if start < 0:
            return None
        value = self._value_in(data, start, end)
        return Sighting(value or (start, start), (start, end))

    def candidate(self, data: bytes, sighting: Sighting) -> Candidate | None:
        start, end = sighting.match
        begin, stop = sighting.value
        secret, sign = sighting.value, begin
        if stop - begin <= _MAX_CAPTURED:
            value = self._value.search(data, max(start, begin - _MAX_SIGN), end)
            secret, sign = _secret(value, self._group), value.start()
        label = self._start_of_label(data, start, sign)
        if label is None and secret[0] != sign:  # and no token that needs no label
            return None
        return Candidate(*secret, (start if label is None else label, end))

    def behind(self, data: bytes, sighting: Sighting) -> int:
        """What stands where a secret would may be the label of one."""
        start, end = sighting.value
        if start == end:  # what is searched for first is looser
            return max(start + 1, self._end_of_label(data, start))
        if end - start <= _MAX_NAME and self._labels(data, start, end)[0][0] >= 0:
            return start
        return sighting.match[1]

    def _value_in(self, data: bytes, start: int, end: int) -> tuple[int, int] | None:
        """The span of a value in a match."""
        if end - start > _MAX_CAPTURED:
            if self._is_general:
                start = max(start, _start_of_last(data, start, end))
            long = self._uncaptured.search(data, start, end)
            if long is None:
                return None
            start, end = long.span()
            if end - start > _MAX_CAPTURED:
                return start, end
        match, group, *_ = self._values(data, start, end)
        if match[0] < 0:
            return None
        return group if group[0] >= 0 else match

    def _start_of_label(self, data: bytes, start: int, end: int) -> int | None:
        """The start of the first label that is near enough to the value that begins at `end`."""
        behind = max(start, end - _MAX_LABEL)
        while behind < end:
            label, behind = self._labels(data, behind, end)[0]
            if label < 0:
                return None
            if behind >= end - _MAX_GAP:
                return label
        return None


def _start_of_last(data: bytes, start: int, end: int) -> int:
    """A place before the value that a long match of the general rule ends with, and before its
    sign. To search all of the match for it takes a tenth of a microsecond for each byte."""
    match = data[start:end]
    value = match[:-2] if match.endswith((b"\\n", b"\\r")) else match.rstrip(b"`'\"; \t\n\f\r")
    run = value.rstrip(b"=").rstrip(_RUN)
    return min(end - _MAX_VALUE, start + len(run) - _MAX_SIGN)


def form_of(rule: SecretRule) -> Form:
    """How the secrets of `rule` are found, compiled."""
    if rule.id == kubernetes.RULE:
        return kubernetes.KubernetesForm(rule)
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
    is long enough, else of all of it."""
    for number in (group,) if group else range(1, match.re.groups + 1):
        span: tuple[int, int] = match.span(number)
        if span[1] - span[0] >= _LEAST:
            return span
    return match.start(), match.end()
