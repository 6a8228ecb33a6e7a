"""The texts of a request or an answer, before the policy.

A policy sees labels and texts, and knows nothing of messages; here the one becomes the other and
back. A label names where a text stands by numbers and words of ours: it goes into the record, and
must not quote what somebody wrote, as the key of a tool's argument would.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, TypeVar

from axonflow_core.policy.rules import Decision, Phase
from axonflow_core.texts import Place, texts_in, with_texts

if TYPE_CHECKING:
    from axonflow_core.policy.engine import Policy

T = TypeVar("T")

MAX_CHARACTERS_ON_LOOP = 65_536
"""Longer texts are evaluated in a thread, so that the event loop goes on meanwhile."""


class Screened:
    """A value, its texts by their labels, and what was decided on them."""

    def __init__(self, value: object) -> None:
        self.places: dict[str, Place] = {}
        self.texts: dict[str, str] = {}
        for place, text in texts_in(value):
            label = self._label(place)
            self.places[label] = place
            self.texts[label] = text

    def _label(self, place: Place) -> str:
        """`messages.0`, `system.0`; of further texts there `messages.0#2`."""
        first, second = place[0], place[1] if len(place) > 1 else None
        base = f"{first}.{second}" if type(second) is int else str(first)
        if base not in self.places:
            return base
        number = 2
        while (label := f"{base}#{number}") in self.places:
            number += 1
        return label

    def replaced(self, value: T, decision: Decision) -> T:
        """`value` with the texts that the decision replaces."""
        changed = {self.places[label]: text for label, text in decision.texts.items()}
        return with_texts(value, changed) if changed else value


async def evaluated(policy: Policy, phase: Phase, parts: Mapping[str, str]) -> Decision:
    """What the policy decides on these texts."""
    if sum(map(len, parts.values())) > MAX_CHARACTERS_ON_LOOP:
        return await asyncio.to_thread(policy.evaluate, phase, parts)
    return policy.evaluate(phase, parts)


def counted(labels: Iterable[str]) -> dict[str, int]:
    """How many texts were screened, by where they stand: `{"messages": 3, "system": 1}`."""
    return dict(Counter(label.partition(".")[0].partition("#")[0] for label in labels))
