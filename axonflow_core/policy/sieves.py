"""Which detectors are asked about a text: those of which it has a keyword or a hint.

One automaton for patterns that repeat grows with what a text makes of them together: 14 hints take
2 ms for 1 KB of noise in one automaton. So few stand together, by what they are made of:

    words       the keywords, and hints that repeat nothing without an end: labels, tokens
    others      hints that do
    large       a hint of more than `LARGE` instructions, by itself
    numbers     hints of which nothing is left without digits; nobody looks for them in a text that
                has none

Where one of them matches, its keywords and hints are searched for one by one, from there on. A text
in which nothing is found is read by each automaton once: 1 KB of prose takes 10 us. Long noise is
searched for each hint at once, as it has most of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from functools import cache, lru_cache
from typing import NamedTuple, TypeAlias

from axonflow_core.policy.patterns import (
    Look,
    Within,
    literals,
    looking,
    quoted,
    size_of,
    united,
    within,
)
from axonflow_core.policy.views import View

Clue: TypeAlias = tuple[tuple[str, ...], str]
"""The keywords of a detector, and its hint."""

LARGE = 1_000
"""Instructions of a hint that stands with no other."""
_SAMPLE = 1_024
"""Bytes at the beginning of a text that tell whether it is noise."""
_SHORT = 512
"""Bytes of a text that is never called noise."""
_SEARCHES = 4
"""Searches for keywords in a text that is full of them."""
_CAPITALS = bytes(range(ord("A"), ord("Z") + 1))
_NOBODY: Set[int] = frozenset()
_ENDLESS = re.compile(r"(?<!\\)[*+]")
"""What repeats something without an end; in a class the sign itself, which does no harm."""
_NOT_PLAIN = re.compile(r"\\\\|\[[^\]]*\\d")
"""Where `\\d` may be something else than a digit: behind a backslash, and in a class."""
_NOTHING = r"[^\x00-\x{10FFFF}]"


@lru_cache(maxsize=64)
def sieve_of(clues: tuple[Clue, ...]) -> Sieve:
    """The sieve of detectors with these clues: one for all policies of the same detectors."""
    return Sieve(clues)


class _Group(NamedTuple):
    """Hints that are searched for together."""

    find: Look
    """Of any of them, and of the keywords where it has these."""
    hints: Sequence[tuple[Look, Set[int]]]
    """Each, and the numbers of the detectors whose it is."""
    has_words: bool


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
        self._find_word = within(literals(tuple(sorted(words)))) if words else None
        numbers = list(filter(is_of_numbers, hints))
        others = [hint for hint in hints if hint not in numbers]
        self._groups = list(_groups(hints, others, words))
        self._with_numbers = [*self._groups, *([_group(hints, numbers)] if numbers else ())]

    def asked(self, view: View) -> Set[int]:
        """The numbers of the detectors that may find something."""
        asked, data = _NOBODY, view.data
        is_noise = len(data) > _SHORT and _is_noise(data)
        for group in self._with_numbers if view.has_digits else self._groups:
            if (start := 0 if is_noise else group.find(data)) >= 0:
                asked = asked | self._asked_by(group, view, start)
        return asked

    def warm_up(self, view: View) -> None:
        """Search with every automaton, so that the first call does not pay for it."""
        if self._find_word is not None:
            self._find_word(view.lowered, 0, len(view.lowered))
        for group in self._with_numbers:
            group.find(view.data)
            for find, _ in group.hints:
                find(view.data)

    def _asked_by(self, group: _Group, view: View, start: int) -> Set[int]:
        """The numbers of those of a group; nothing of it stands before `start`."""
        found = (who for find, who in group.hints if find(view.data, start) >= 0)
        return set[int]().union(*found, self._by_word(view, start) if group.has_words else ())

    def _by_word(self, view: View, start: int) -> Set[int]:
        if self._find_word is None:
            return _NOBODY
        words = _words_in(view.lowered, start, self._find_word, self._words)
        return set[int]().union(*map(self._words.__getitem__, words))


def _is_noise(data: bytes) -> bool:
    """Whether more than a fifth of a text are capitals, as of keys and of files in base64."""
    sample = data[:_SAMPLE]
    return len(sample) - len(sample.translate(None, _CAPITALS)) > len(sample) // 5


def _groups(
    owners: Mapping[str, Set[int]], hints: Sequence[str], words: Iterable[bytes]
) -> Iterator[_Group]:
    """What is searched for together of `hints` and keywords; nothing is empty."""
    large = [hint for hint in hints if united((hint,)).programsize > LARGE]
    small = [hint for hint in hints if hint not in large]
    endless = [hint for hint in small if _ENDLESS.search(hint)]
    like_words = [hint for hint in small if hint not in endless]
    any_word = "|".join(quoted(word.decode()) for word in sorted(words))
    if any_word or like_words:
        yield _group(owners, like_words, *(f"(?i:{pattern})" for pattern in [any_word] if pattern))
    for together in (endless, *([hint] for hint in large)):
        if together:
            yield _group(owners, together)


def _group(owners: Mapping[str, Set[int]], hints: Sequence[str], *words: str) -> _Group:
    """The group of `hints`, and of the pattern of keywords if there is one."""
    each = [(looking(united((hint,))), owners[hint]) for hint in hints]
    return _Group(looking(united((*words, *hints))), each, bool(words))


@cache
def is_of_numbers(hint: str) -> bool:
    """Whether every text that matches `hint` has a digit of ASCII. RE2 says so: with nothing in the
    place of digits the hint has no program."""
    if _NOT_PLAIN.search(hint):
        return False
    return size_of(hint.replace(r"\d", _NOTHING)) == size_of(_NOTHING)


def _words_in(data: bytes, start: int, find: Within, words: Iterable[bytes]) -> Set[bytes]:
    """The keywords in a text from `start` on, which `find` searches for. Those that stand
    everywhere are left out of the next search, and after some the text is searched for each word.
    """
    found = set[bytes]()
    for _ in range(_SEARCHES):
        some, is_all = _some_in(data, start, find)
        found |= some
        left = tuple(sorted(word for word in words if word not in found))
        if is_all or not left:
            return found
        find = within(literals(left))
    return found.union(word for word in left if word in data)


def _some_in(data: bytes, start: int, find: Within) -> tuple[Set[bytes], bool]:
    """The words that `find` finds first, and whether there is no other."""
    found = set[bytes]()
    for _ in range(64 + len(data) // 256):
        start, end = find(data, start, len(data))[0]
        if start < 0:
            return found, True
        found.add(data[start:end])
        start += 1
    return found, False


def _with_shorter(owners: Mapping[bytes, Set[int]]) -> Mapping[bytes, Set[int]]:
    """Keyword -> whose it is, or whose another is that it begins with: the search says the longest
    one."""
    beginnings = {word: [word[:end] for end in range(1, len(word) + 1)] for word in owners}
    return {
        word: set().union(*(owners[other] for other in beginning if other in owners))
        for word, beginning in beginnings.items()
    }
