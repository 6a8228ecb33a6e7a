"""What the laws found in recordings: one case, and the tally of many."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field

from axonflow_core.frozen import frozen
from axonflow_core.messages import Json

from .json_equality import ABSENT, Difference, bounded

LAWS = ("request", "response", "stream", "meaning", "error")
"""The names of the laws, in the order of the report."""


@frozen
class CaseResult:
    """What the laws found in one recording."""

    case: str
    is_supported: bool
    reason: str | None = None
    """Why the recording contains nothing to decode, where it has no codec."""
    differences: Mapping[str, tuple[Difference, ...] | None] = field(kw_only=True)
    """Law -> differences found, none where it holds; None where the recording lacks that side. A
    law that does not apply is absent."""
    is_truncated: bool = False
    """Whether the recorded stream ended before its terminal event."""


class Tally:
    """The results of many cases, as `axonflow codecs check` reports them."""

    def __init__(self) -> None:
        self.cases = 0
        self.unsupported: dict[str, str | None] = {}
        """Case without a codec -> why it contains nothing to decode; None: a codec is missing."""
        self.truncated: list[str] = []
        self.failures: list[tuple[str, str, Difference]] = []
        self._counts = {law: {"pass": 0, "fail": 0, "skip": 0} for law in LAWS}

    def add(self, result: CaseResult) -> None:
        """Count the result of one case."""
        self.cases += 1
        if not result.is_supported:
            self.unsupported[result.case] = result.reason
        if result.is_truncated:
            self.truncated.append(result.case)
        for law, found in result.differences.items():
            outcome = "skip" if found is None else "fail" if found else "pass"
            self._counts[law][outcome] += 1
            self.failures += [(result.case, law, each) for each in found or ()]

    def blame_unsupported(self) -> None:
        """Count a recording with content and without a codec as a failure."""
        # Reported at the model id, because the body may be well formed: it is the codec that lacks.
        missing = Difference("$.model_id", "a codec for that model and operation", ABSENT)
        self.failures += [
            (case, "unsupported", missing)
            for case, reason in self.unsupported.items()
            if reason is None
        ]

    def laws(self) -> dict[str, dict[str, int]]:
        """Law -> outcome (`pass`, `fail`, `skip`) -> number of recordings."""
        return {**self._counts, "unsupported": {"fail": len(self.unsupported)}}

    def as_json(self) -> Json:
        """The tally as JSON, with long values shortened."""
        return {
            "cases": self.cases,
            "laws": self.laws(),
            "failures": [
                {
                    "case": case,
                    "law": law,
                    "path": each.path,
                    "expected": bounded(each.expected),
                    "got": bounded(each.got),
                }
                for case, law, each in self.failures
            ],
            "unsupported": self.unsupported,
            "truncated": self.truncated,
        }
