"""The known word that somebody meant who wrote another."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

_CANDIDATES = 5
"""Words that are compared by their edits; difflib, which finds them, rates `us-esat-1` as nearer to
`us-west-1` than to `us-east-1`."""


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The one of the `known` that is most similar to `word`, in lower case; None where none is."""
    written = word.lower()
    candidates = get_close_matches(written, sorted(known), n=_CANDIDATES)
    return min(candidates, key=lambda candidate: _distance(written, candidate), default=None)


def _distance(one: str, other: str) -> tuple[int, bool]:
    """Edits; of as many, those that change no letter, but only swap them, are fewer."""
    return _edits(one, other), sorted(one) != sorted(other)


def _edits(one: str, other: str) -> int:
    """How many letters are to be inserted, removed, replaced or swapped with their neighbour: the
    optimal string alignment distance."""
    above: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        above, last, row = row, above, [i]
        for j, wanted in enumerate(other, 1):
            cost = min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (letter != wanted))
            is_swapped = i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == wanted
            row.append(min(cost, last[j - 2] + 1) if is_swapped else cost)
    return row[-1]
