"""Secrets in texts: the search of one rule, with bounded effort.

What a pattern matches is weighed in Python, for microseconds each, and a hostile text has one every
twenty bytes. So what is refused once is not weighed again, and what is left of the effort is
counted. Where a text takes all of it, everything from there on is found: nothing passes that was
not searched. Ordinary texts take a part of it, lists of some 100,000 keys, too.
"""

from __future__ import annotations

from functools import cached_property

from axonflow_core.policy.detectors.secrets.forms import form_of
from axonflow_core.policy.detectors.secrets.gitleaks import GENERAL, SecretRule
from axonflow_core.policy.detectors.secrets.sightings import Form, Sighting
from axonflow_core.policy.detectors.secrets.weighing import Scale
from axonflow_core.policy.searches import MAX_SPANS, Spans
from axonflow_core.policy.views import View

_EFFORT = 1_000
"""What the search of any text may cost without a finding, as a number of glances."""
_BYTES, _BYTES_OF_LABELS = 128, 16
"""Bytes of a text for each glance more, where a rule's keywords are rare, and where they are not:
lists of values with a `key` are quite usual."""
_READ_AGAIN = 1_024
"""Bytes that are read again at the cost of a glance."""

_LABELLED = b"access key = 0aB1cD2eF3gH4"


class SecretSearch:
    """Finds the secrets of one rule, each without its label. Patterns are compiled by the first
    search."""

    def __init__(self, rule: SecretRule) -> None:
        self._rule = rule
        self._bytes = _BYTES_OF_LABELS if rule.id == GENERAL else _BYTES
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
        position, effort = 0, _EFFORT + len(data) // self._bytes
        spans, refused = list[tuple[int, int]](), set[bytes]()
        while len(spans) < MAX_SPANS and (sighting := form.search(data, position)) is not None:
            start, end = sighting.value
            value, secret = data[start:end], None
            effort -= 2
            if value not in refused:
                if scale.may_be_secret(value):
                    effort -= 2
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

    def _secret(self, data: bytes, sighting: Sighting) -> tuple[int, int] | None:
        """The span of the secret there, if there is one."""
        form, scale = self._tools
        candidate = form.candidate(data, sighting)
        if candidate is None or not scale.is_secret(data, candidate):
            return None
        return candidate.start, candidate.end
