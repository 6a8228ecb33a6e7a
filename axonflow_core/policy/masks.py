"""Texts with masks in place of what was found."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from axonflow_core.policy.rules import RANKS, Action


class Masked(NamedTuple):
    """A span of a text, in characters, that a mask replaces. Ordered by place."""

    start: int
    end: int
    name: str
    """The rule or the type that found it."""
    action: Action


def with_masks(text: str, spans: Iterable[Masked]) -> str:
    """`text` with `[REDACTED:name]` for each span; every character outside of them is kept.
    Overlapping spans have one mask, which names the most severe of them."""
    pieces, position = [], 0
    for span in _merged(spans):
        pieces += [text[position : span.start], f"[REDACTED:{span.name}]"]
        position = span.end
    return "".join([*pieces, text[position:]])


def _merged(spans: Iterable[Masked]) -> Iterator[Masked]:
    """The spans in their order, those that overlap or are equal as one."""
    current: Masked | None = None
    for span in sorted(spans):
        if current is None:
            current = span
        elif span.start < current.end or span[:2] == current[:2]:
            worst = max(current, span, key=lambda one: RANKS[one.action])
            end = max(current.end, span.end)
            current = Masked(current.start, end, worst.name, worst.action)
        else:
            yield current
            current = span
    if current is not None:
        yield current
