"""Masks in texts: what leaves in the place of what was found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Mask(NamedTuple):
    """A span of an event's text, in characters, and what leaves in its place."""

    start: int
    end: int
    text: str


def masked(text: str, masks: Sequence[Mask]) -> str:
    """`text` with its masks; of several that begin at one place the longest is shown."""
    pieces, position = [], 0
    for start, end, mask in sorted(masks, key=lambda one: (one.start, -one.end)):
        if start >= position:
            pieces += [text[position:start], mask]
        position = max(position, end)
    return "".join([*pieces, text[position:]])
