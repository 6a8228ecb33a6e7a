"""Secrets in the manifests of Kubernetes: a value in the data of an object whose kind is Secret.

Upstream's rule is one pattern: a kind, data within 200 characters and a value within 100 of that,
or the data first. What may stand between makes its automaton explode, at half a microsecond for
each byte of a hostile text. So its three parts are searched for, each around another one.

    text      kind: Secret … data:  password: c2VjcmV0c2VjcmV0
    kind      └──────────┘←─────→
    data                     └───┘←→
    value                           └────────────────────────┘
"""

from __future__ import annotations

from axonflow_core.policy.detectors.secrets.gitleaks import SecretRule
from axonflow_core.policy.detectors.secrets.sightings import Candidate, Sighting
from axonflow_core.policy.patterns import Regexp, capturing, united

RULE = "kubernetes-secret-yaml"
"""The id of the rule that this is for."""
_FAR, _DATA = r"(?s:.){0,200}?", r"\bdata:(?s:.){0,100}?"
"""What stands in the rule's pattern behind a kind, and before a value."""
_NEAR_KIND, _NEAR_VALUE = 4 * 200, 4 * 100
"""Bytes of so many characters."""
_KIND_BYTES = 32
"""Bytes in which a kind is written."""
_VALUE_BYTES = 1_024
"""Bytes in which the beginning of a value is looked for."""
_READ = 2_048
"""Bytes that are read around data without a value."""


class KubernetesForm:
    """A value in the data of a Secret, with its key."""

    def __init__(self, rule: SecretRule) -> None:
        kind, _, rest = rule.searched.partition(_FAR)
        _, _, rest = rest.partition(_DATA)
        value, _, _ = rest.partition(r"|\bdata:")
        self._kind = united((f"(?i){kind.removeprefix('(?i)(?:')}",))
        self._data = united((r"(?i)\bdata:",))
        self._value = capturing(f"(?i){value}")

    def search(self, data: bytes, position: int) -> Sighting | None:
        """The next data near a kind from `position` on, and the value there, if any."""
        before = position
        while (kind := self._kind.search(data, max(0, before - _NEAR_KIND))) is not None:
            first = max(position, kind.start() - _NEAR_KIND - _VALUE_BYTES)
            found = self._data.search(data, first, kind.end() + _NEAR_KIND + len("data:"))
            if found is not None:
                return self._sighting(data, found)
            before = max(before, kind.end()) + _NEAR_KIND
        return None

    def candidate(self, data: bytes, sighting: Sighting) -> Candidate | None:
        start, end = sighting.value
        return Candidate(start, end, sighting.match) if start < end else None

    def behind(self, data: bytes, sighting: Sighting) -> int:
        return sighting.value[1]

    def _sighting(self, data: bytes, found: Regexp) -> Sighting:
        start, end = found.span()
        value = self._value.search(data, end, end + _NEAR_VALUE + _VALUE_BYTES)
        nothing = Sighting((end, end), (start, end + _READ))
        if value is None or value.start() > end + _NEAR_VALUE:
            return nothing
        value = self._value.match(data, value.start())
        last = value.end()
        kind = self._kind.search(data, max(0, start - _NEAR_KIND - _KIND_BYTES), start)
        if kind is None:
            kind = self._kind.search(data, last, last + _NEAR_KIND + _KIND_BYTES)
        if kind is None:
            return nothing
        match = min(start, kind.start()), max(last, kind.end())
        return Sighting(value.span(1), match)
