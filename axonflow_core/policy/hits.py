"""What searches found in texts, as findings and as masks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from axonflow_core.messages import EMPTY
from axonflow_core.policy.forms import Span
from axonflow_core.policy.masks import Masked, Write, mask_of, with_masks
from axonflow_core.policy.programs import Search
from axonflow_core.policy.rules import POLICY_ERROR, RANKS, Action, Finding, Phase
from axonflow_core.policy.searches import MAX_SPANS, Spans
from axonflow_core.policy.views import View

MAX_FINDINGS = 20
"""Findings of one rule in one part that a decision lists; `Decision.unlisted` counts the others."""


class Hit(NamedTuple):
    """What one search found in one part, in characters."""

    search: Search
    part: str
    spans: list[tuple[int, int]]

    @property
    def rank(self) -> int:
        return RANKS[self.search.action]

    def findings(self, phase: Phase) -> tuple[Finding, ...]:
        """The first `MAX_FINDINGS` of them; one without a span, of a search that failed."""
        return tuple(
            Finding(
                rule=self.search.name,
                category=self.search.category,
                action=self.search.action,
                phase=phase,
                part=self.part,
                start=start,
                end=end,
                severity=self.search.severity,
                reason=self.search.reason,
            )
            for start, end in self.spans[:MAX_FINDINGS] or [(0, 0)]
        )

    @classmethod
    def of_failure(cls, search: Search, part: str, action: Action) -> Hit:
        """That a search failed in a part; `action` is what follows."""
        reason = f"{search.name} could not be evaluated."
        failed = search._replace(category=POLICY_ERROR, action=action, reason=reason)
        return cls(failed, part, [])


class Failed(Exception):
    """A rule or a detector failed, and may not."""

    def __init__(self, hit: Hit) -> None:
        super().__init__(hit.search.reason)
        self.hit = hit


class Found(NamedTuple):
    """What one rule or detector finds in a text whose end may still be missing (`Policy.found`)."""

    name: str
    category: str
    action: Action
    reason: str
    """What a client is told whose call it stops."""
    spans: Sequence[tuple[int, int]]
    """Where, in characters, in ascending order."""


def found_by(hit: Hit) -> Found:
    """What whoever looks at a text that is still arriving wants of a hit."""
    search = hit.search
    return Found(search.name, search.category, search.action, search.reason, hit.spans)


class Places:
    """Where one search found something in the views of a text, in characters: at most `MAX_SPANS`,
    of which the last ends with the text. There may be more, which a mask must not leave."""

    def __init__(self, length: int) -> None:
        self._length = length
        self._spans = set[Span]()
        self._all_from = length
        """From here on everything is found."""

    def wants(self, view: View) -> bool:
        """Whether more may be found in a view than is."""
        return view.start < self._all_from

    def add(self, view: View, spans: Spans) -> None:
        """Add what was found in a view, in bytes."""
        self._spans.update(view.places(spans))
        if len(spans) >= MAX_SPANS:
            self._end_at(view.span(*spans[-1])[0])
        if len(self._spans) > MAX_SPANS:
            self._end_at(sorted(self._spans)[MAX_SPANS - 1][0])

    def _end_at(self, start: int) -> None:
        self._all_from = min(start, self._all_from)
        kept = (one for one in self._spans if one[0] < self._all_from)
        self._spans = {*kept, (self._all_from, self._length)}

    def sorted(self) -> list[Span]:
        """The spans in ascending order."""
        return sorted(self._spans)


def masked(
    hits: Iterable[Hit], parts: Mapping[str, str], least: Action, write: Write = mask_of
) -> Mapping[str, str]:
    """The texts with everything replaced whose action is `least` or more severe."""
    spans: dict[str, list[Masked]] = {}
    for search, part, found in hits:
        if RANKS[search.action] >= RANKS[least]:
            masks = (Masked(*span, search.name, search.action) for span in found)
            spans.setdefault(part, []).extend(masks)
    if not spans:
        return EMPTY
    return {part: with_masks(parts[part], masks, write) for part, masks in spans.items()}
