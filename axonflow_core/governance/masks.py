"""Masks in texts: what leaves in the place of what was found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Mask(NamedTuple):
    """A span of an event's text, in characters, and what leaves in its place."""

    start: int
    end: int
    text: str
    begins: int = 0
    """Where what it stands for begins, in all of the text that the event is a piece of."""


def masked(text: str, masks: Sequence[Mask]) -> str:
    """`text` with its masks; of those that overlap, the one of what begins first is shown."""
    pieces, position = [], 0
    for start, end, mask, _ in sorted(masks, key=_order):
        if start >= position:
            pieces += [text[position:start], mask]
        position = max(position, end)
    return "".join([*pieces, text[position:]])


def _order(mask: Mask) -> tuple[int, int, int]:
    return mask.start, mask.begins, -mask.end
