"""Which detectors are asked about a text: those of which it has a keyword or a hint.

    keywords    one automaton for all of them. It is a tree of literals, so its states are few in
                any text: 244 keywords cost 4 ms for 100 KB of noise when it is new, and 0.5 later.
                Behind a keyword the search goes on one byte further, since another may begin in it
    hints       an automaton each; for a short text one for some of them together comes first

One automaton for patterns that repeat grows with what the text makes of them together: 221 of them
take a second for 100 KB of English and ten for noise; 14 hints take 2 ms for 1 KB of noise in one
automaton, 40 us in four, and 30 in one each, where English takes 3, 7 and 25. So hints of all sizes
stand together in a few groups, and a long text is searched for each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Set
from functools import lru_cache
from typing import Any, TypeAlias

from axonflow_core.policy.patterns import literals, united
from axonflow_core.policy.views import View

Look: TypeAlias = Callable[[bytes], Any]
"""Whether a text has something in it: None where it has not."""

Clue: TypeAlias = tuple[tuple[str, ...], str]
"""The keywords of a detector, and its hint."""

GROUPS = 4
MAX_SCREENED = 512
"""Bytes of a text that the search for a group of hints reads."""
_NOBODY: Set[int] = frozenset()


@lru_cache(maxsize=64)
def sieve_of(clues: tuple[Clue, ...]) -> Sieve:
    """The sieve of detectors with these clues: one for all policies of the same detectors."""
    return Sieve(clues)


class Sieve:
    """The keywords and hints of some detectors."""

    def __init__(self, clues: Iterable[Clue]) -> None:
        words: dict[bytes, set[int]] = {}
        hints: dict[str, set[int]] = {}
        for number, (keywords, hint) in enumerate(clues):
            for word in keywords:
                words.setdefault(word.encode(), set()).add(number)
            if not keywords:
                hints.setdefault(hint, set()).add(number)
        self.is_warm = False
        """Whether its detectors have been searched with."""
        self._words = _with_shorter(words)
        self._find_word = literals(tuple(sorted(words))).search if words else None
        by_size = sorted(hints, key=lambda hint: united((hint,)).programsize)
        groups = [by_size[first::GROUPS] for first in range(min(GROUPS, len(by_size)))]
        self._groups = [
            (
                united(tuple(group)).search,
                [(united((hint,)).search, hints[hint]) for hint in group],
            )
            for group in groups
        ]

    def asked(self, view: View) -> Set[int]:
        """The numbers of the detectors that may find something."""
        by_hint, by_word = self._by_hint(view.data), self._by_word(view)
        return by_hint | by_word if by_hint and by_word else by_hint or by_word

    def warm_up(self, view: View) -> None:
        """Search with every automaton, so that the first call does not pay for it."""
        self.asked(view)
        for find_any, hints in self._groups:
            find_any(view.data)
            for find, _ in hints:
                find(view.data)

    def _by_hint(self, data: bytes) -> Set[int]:
        asked = set[int]()
        is_short = len(data) <= MAX_SCREENED
        for find_any, hints in self._groups:
            if is_short and find_any(data) is None:
                continue
            for find, who in hints:
                if find(data) is not None:
                    asked |= who
        return asked

    def _by_word(self, view: View) -> Set[int]:
        find = self._find_word
        if find is None or (match := find(view.lowered)) is None:
            return _NOBODY
        words = _words_in(view.lowered, match, self._words)
        return set[int]().union(*map(self._words.__getitem__, words))


def _words_in(data: bytes, match: Any, words: Iterable[bytes]) -> Set[bytes]:
    """The keywords in a text, by the first match in it. Where there are very many matches the text
    is searched for each word."""
    found, find = set[bytes](), match.re.search
    for _ in range(64 + len(data) // 64):
        start, end = match.span()
        found.add(data[start:end])
        if (match := find(data, start + 1)) is None:
            return found
    return found.union(word for word in words if word not in found and word in data)


def _with_shorter(owners: Mapping[bytes, Set[int]]) -> Mapping[bytes, Set[int]]:
    """Keyword -> whose it is, or whose another is that it begins with: the search says the longest
    one."""
    beginnings = {word: [word[:end] for end in range(1, len(word) + 1)] for word in owners}
    return {
        word: set().union(*(owners[other] for other in beginning if other in owners))
        for word, beginning in beginnings.items()
    }
