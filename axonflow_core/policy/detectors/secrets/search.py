"""Secrets in texts: the search of one rule."""

from __future__ import annotations

from functools import cached_property

from axonflow_core.policy.detectors.secrets.forms import Form, form_of
from axonflow_core.policy.detectors.secrets.gitleaks import SecretRule
from axonflow_core.policy.detectors.secrets.weighing import Scale
from axonflow_core.policy.searches import MAX_SPANS, Spans
from axonflow_core.policy.views import View

_MAX_LABEL = 40
"""Bytes of the longest label that may stand where a secret would."""

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
        if (candidate := form.search(_LABELLED, 0)) is not None:
            scale.is_secret(_LABELLED, candidate)
        return form, scale

    def __call__(self, view: View) -> Spans:
        """The spans of the secrets, in bytes."""
        form, scale = self._tools
        data, position = view.data, 0
        spans: list[tuple[int, int]] = []
        while len(spans) < MAX_SPANS and (candidate := form.search(data, position)) is not None:
            start, end, match = candidate
            if scale.is_secret(data, candidate):
                spans.append((start, end))
                position = end
            elif match[0] < start and end - start <= _MAX_LABEL:
                position = start  # what stands where a secret would may be the label of one
            else:
                position = match[1]
        return spans if spans and any(one in view.lowered for one in self._keywords) else ()
