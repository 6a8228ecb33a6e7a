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


class SecretSearch:
    """Finds the secrets of one rule, each without its label. Patterns are compiled by the first
    search."""

    def __init__(self, rule: SecretRule) -> None:
        self._rule = rule
        self._keywords = tuple(keyword.encode() for keyword in rule.keywords)

    @cached_property
    def _form(self) -> Form:
        return form_of(self._rule)

    @cached_property
    def _scale(self) -> Scale:
        return Scale(self._rule)

    def __call__(self, view: View) -> Spans:
        """The spans of the secrets, in bytes."""
        search, data, position = self._form.search, view.data, 0
        spans: list[tuple[int, int]] = []
        while len(spans) < MAX_SPANS and (candidate := search(data, position)) is not None:
            start, end, match = candidate
            if self._scale.is_secret(data, candidate):
                spans.append((start, end))
                position = end
            elif match[0] < start and end - start <= _MAX_LABEL:
                position = start  # what stands where a secret would may be the label of one
            else:
                position = match[1]
        return spans if spans and any(one in view.lowered for one in self._keywords) else ()
