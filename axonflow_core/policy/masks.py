"""Texts with something else in place of what was found."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from typing import NamedTuple, TypeAlias

from axonflow_core.policy.rules import RANKS, Action

Write: TypeAlias = Callable[[str, str], str]
"""(rule or type, what it found) -> what stands in its place."""


class Redaction(StrEnum):
    """What stands in the place of what is redacted in a request."""

    MASK = "mask"
    """`[REDACTED:email]`, for good."""
    REVERSIBLE = "reversible"
    """`[EMAIL_1]`, for the model alone: in its answer it is what was found again."""


class Masked(NamedTuple):
    """A span of a text, in characters, that something else replaces. Ordered by place."""

    start: int
    end: int
    name: str
    """The rule or the type that found it."""
    action: Action


def mask_of(name: str, found: str = "") -> str:
    """The mask of what a rule or a type found."""
    return f"[REDACTED:{name}]"


def with_masks(text: str, spans: Iterable[Masked], write: Write = mask_of) -> str:
    """`text` with what `write` says for each span; every character outside of them is kept.
    Overlapping spans are one, which has the name of the most severe of them."""
    pieces, position = [], 0
    for span in merged(spans):
        pieces += [text[position : span.start], write(span.name, text[span.start : span.end])]
        position = span.end
    return "".join([*pieces, text[position:]])


def merged(spans: Iterable[Masked]) -> Iterator[Masked]:
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
