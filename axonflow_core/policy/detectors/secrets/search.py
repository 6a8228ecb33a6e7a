"""Secrets in texts: the search of one rule, with bounded effort.

What a pattern matches is weighed in Python, for microseconds each, and a hostile text has one every
twenty bytes. So what is refused once is not weighed again, and what is left of the effort is
counted. Where a text takes all of it, everything from there on is found: nothing passes that was
not searched. Ordinary texts take a part of it. Of lists that have a `key` every thirty bytes 100 KB
do, and not a megabyte.
"""

from __future__ import annotations

from functools import cached_property

from axonflow_core.policy.detectors.secrets.forms import form_of
from axonflow_core.policy.detectors.secrets.gitleaks import GENERAL, SecretRule
from axonflow_core.policy.detectors.secrets.sightings import Form, Sighting
from axonflow_core.policy.detectors.secrets.weighing import Scale
from axonflow_core.policy.searches import MAX_SPANS, Spans
from axonflow_core.policy.views import View

_EFFORT, _BYTES = 1_500, 85
"""What the search of any text may cost without a finding, in microseconds of a machine of 2026, and
bytes of a text for each of them more."""
_EFFORT_OF_LABELS, _MB = 36_000, 1_048_576
"""The same of the general rule, in a text of a megabyte or less: lists of values with a `key` are
quite usual. In a longer one it is more by its length."""
_SEEN, _WEIGHED, _TRIED, _TRIED_WITH_LABEL = 3, 4, 3, 25
"""What a sighting costs, what it costs more where its value is weighed, and where that may be a
secret: of the general rule, whose label is looked for."""
_READ_AGAIN = 1_024
"""Bytes that are read again in a microsecond."""

_LABELLED = b"access key = 0aB1cD2eF3gH4"


class SecretSearch:
    """Finds the secrets of one rule, each without its label. Patterns are compiled by the first
    search."""

    def __init__(self, rule: SecretRule) -> None:
        self._rule = rule
        self._keywords = tuple(keyword.encode() for keyword in rule.keywords)

    @cached_property
    def _tools(self) -> tuple[Form, Scale]:
        """The form and the scale, compiled. What is found first costs milliseconds more where a
        pattern is large, so a text with a general label is searched at once."""
        form, scale = form_of(self._rule), Scale(self._rule)
        sighting = form.search(_LABELLED, 0)
        candidate = sighting and form.candidate(_LABELLED, sighting)
        if candidate:
            scale.is_secret(_LABELLED, candidate)
        return form, scale

    def __call__(self, view: View) -> Spans:
        """The spans of the secrets, in bytes."""
        spans = self._spans(view.data)
        return spans if spans and any(one in view.lowered for one in self._keywords) else ()

    def _spans(self, data: bytes) -> Spans:
        form, scale = self._tools
        position, effort = 0, self._effort(len(data))
        spans, refused = list[tuple[int, int]](), set[bytes]()
        while len(spans) < MAX_SPANS and (sighting := form.search(data, position)) is not None:
            start, end = sighting.value
            value, secret = data[start:end], None
            effort -= _SEEN
            if value not in refused:
                effort -= _WEIGHED
                if scale.may_be_secret(value):
                    effort -= _TRIED_WITH_LABEL if self._rule.id == GENERAL else _TRIED
                    secret = self._secret(data, sighting)
                else:
                    refused.add(value)
            if secret is not None:
                spans.append(secret)
                position = secret[1]
            elif effort < 0:
                return [*spans, (start, len(data))]
            else:
                position = form.behind(data, sighting)
            effort -= max(0, sighting.match[1] - position) // _READ_AGAIN
        return spans

    def _effort(self, length: int) -> int:
        """What a text of `length` bytes may cost."""
        if self._rule.id == GENERAL:
            return _EFFORT_OF_LABELS * max(length, _MB) // _MB
        return _EFFORT + length // _BYTES

    def _secret(self, data: bytes, sighting: Sighting) -> tuple[int, int] | None:
        """The span of the secret there, if there is one."""
        form, scale = self._tools
        candidate = form.candidate(data, sighting)
        if candidate is None or not scale.is_secret(data, candidate):
            return None
        return candidate.start, candidate.end
