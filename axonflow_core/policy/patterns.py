"""Patterns of rules and detectors, compiled by RE2, which takes linear time for every text.

The package is `google-re2`. It comes with the extra `server`, and is imported when the first
pattern is compiled. A pattern of an operator never runs in `re`, where 4 KB of blanks can keep one
busy for a minute.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from typing import Any, TypeAlias

from axonflow_core.errors import ConfigError
from axonflow_core.frozen import Unfit

Regexp: TypeAlias = Any
"""A compiled pattern of `google-re2`, which has no types. It searches bytes in UTF-8."""

Look: TypeAlias = Callable[..., int]
"""(text, place) -> where the first match in a text begins, from its beginning or a place on; -1
where there is none."""

Within: TypeAlias = Callable[[bytes, int, int], Sequence[tuple[int, int]]]
"""(text, start, end) -> the spans of the first match there and of its groups; (-1, -1) for none."""

Possible: TypeAlias = Callable[[bytes], Sequence[int]]
"""text -> the numbers of the patterns that it may match, in ascending order."""

Whole: TypeAlias = Callable[[bytes], Sequence[int]]
"""text -> something where a pattern matches all of it, else nothing."""

MAX_PATTERN = 4_096
"""The longest pattern or literal, in characters."""
MAX_PROGRAM = 4_000
"""The most instructions that a pattern is compiled to. Where its automaton does not fit into RE2's
memory, the time for each byte of a text grows with them."""
MAX_MEMORY = 4 * 1_048_576
"""Bytes of an automaton and of the states that it has made. There are some 300. With half of this
the one of telephone numbers forgets its states in a text of numbers, and takes 15 times as long."""
_TOGETHER = 30
"""Patterns of which one automaton says which ones match a text. It is as fast with this many
numbering plans as with half, and four times as slow with twice as many."""
_SYNTAX = "the syntax is at https://github.com/google/re2/wiki/Syntax"
_NO_REFERENCES = "RE2 has no back-references: write out what is repeated"
_NO_LOOKING = "RE2 looks neither ahead nor behind: match what stands there, too"
_NO_ATOMS = "RE2 never goes back: leave out the mark of atomic groups and of possessive repeats"
_HINTS = (
    (r"invalid escape sequence: \\[1-9gk]|invalid perl operator: \(\?P\Z", _NO_REFERENCES),
    (r"invalid perl operator: \(\?<?[=!]", _NO_LOOKING),
    (r"invalid perl operator: \(\?>|bad repetition operator", _NO_ATOMS),
    (r"invalid repetition size", "RE2 repeats at most 1,000 times, one in another multiplied"),
    (r"pattern too large", "repeat less in it"),
    (r"missing \]", r"end the class with ], or write \[ for the sign itself"),
    (r"missing \)", r"end the group with ), or write \( for the sign itself"),
    (r"unexpected \)", r"begin the group with (, or write \) for the sign itself"),
    (r"no argument for repetition", r"write what is repeated, or \* for the sign itself"),
    (r"trailing \\", r"write \\ for the sign itself"),
)
"""What RE2 says of a pattern -> what to do about it."""
_SMALL = (b"", b"a", b" ", b"\n", b"a b", b"a\n\nb")
"""Texts in one of which a pattern that matches nothing is found."""
_NAMED_GROUP = re.compile(r"(\\.|\[\^?\]?(?:\\.|[^\]\\])*\])|\(\?P?<\w+>", re.DOTALL)
"""A group with a name; an escape or a class, which may have the same signs, is part 1."""
_ANY_BYTE = r"(?<!\\)(?:\\\\)*\\C"


def compiled(pattern: str) -> Regexp:
    """`pattern` as RE2 compiles it; its groups do not capture.

    Raises `Unfit` where it cannot or should not be used: RE2 refuses it, it is too large, it
    matches single bytes of a character (`\\C`), or a place without a character, as nearly every
    text has one. Raises `ConfigError` where google-re2 is not installed.
    """
    if len(pattern) > MAX_PATTERN:
        got, hint = f"one of {len(pattern):,}", "make several rules of it"
        raise Unfit(f"a pattern of at most {MAX_PATTERN:,} characters", got, hint)
    if re.search(_ANY_BYTE, pattern):
        raise Unfit("a pattern of whole characters", r"one with `\C`", r"write (?s:.) for \C")
    regexp = _compiled(pattern)
    if regexp.programsize > MAX_PROGRAM:
        got = f"one of {regexp.programsize:,}"
        raise Unfit(f"a pattern of at most {MAX_PROGRAM:,} instructions", got, "repeat less in it")
    matches = map(regexp.search, _SMALL)
    if any(match is not None and match.start() == match.end() for match in matches):
        hint = "what it looks for has at least one character"
        raise Unfit("a pattern of some character", "one that every text matches", hint)
    return regexp


@cache
def capturing(pattern: str) -> Regexp:
    """A `pattern` that comes with the project, of any size; its groups capture, which costs a
    second, slower search of what matches. The same one whoever asks, and that of `united` where it
    has no groups. Raises `ConfigError` where google-re2 is not installed."""
    regexp = _compiled(pattern, captures=True)
    return regexp if regexp.groups else united((pattern,))


@cache
def united(patterns: Sequence[str]) -> Regexp:
    """The automaton for patterns that come with the project, any one of them: the same one whoever
    asks."""
    return _compiled("|".join(f"(?:{pattern})" for pattern in patterns))


def size_of(pattern: str) -> int:
    """How many instructions a pattern that comes with the project is compiled to."""
    return int(_compiled(pattern).programsize)


@lru_cache(maxsize=64)
def literals(words: Sequence[bytes]) -> Regexp:
    """The automaton for texts of ASCII, the longest at each place: the same one whoever asks."""
    return _compiled("|".join(quoted(word.decode()) for word in words), is_longest=True)


def possible_of(patterns: Sequence[str]) -> Possible:
    """The function that says which of the patterns a text may match: RE2 knows words that each of
    them needs, and looks for all of these at once."""
    import re2

    options = re2.Options()
    options.log_errors = False
    words = re2.Filter()
    for pattern in patterns:
        words.Add(pattern, options)
    words.Compile()
    return lambda data: sorted(words.Match(data, potential=True) or ())


def wholes_of(patterns: Sequence[str]) -> Possible:
    """The function that says which of the patterns match all of a text. They are read together, in
    automata of `_TOGETHER`, so texts are short: for long ones such automata grow without end."""
    starts = range(0, len(patterns), _TOGETHER)
    parts = [(start, _wholes(patterns[start : start + _TOGETHER]).Match) for start in starts]
    return lambda data: [start + one for start, match in parts for one in match(data) or ()]


def whole_of(pattern: str) -> Whole:
    """The function that says whether the pattern matches all of a text. A set of RE2's forgets how
    a pattern is written, which for a large one is two thirds of what it weighs."""
    match: Whole = _wholes((pattern,)).Match
    return match


def looking(regexp: Regexp) -> Look:
    """The function that looks for a match of a pattern, in bytes. The package's own `search` is a
    generator in Python, which takes as long as 200 bytes of a text do."""
    match = regexp._regexp.Match
    anywhere = _anywhere()

    def look(data: bytes, start: int = 0) -> int:
        place: int = match(anywhere, data, start, len(data))[0][0]
        return place

    return look


def within(regexp: Regexp) -> Within:
    """The function that searches a part of a text for a pattern, as fast as `looking` does."""
    match = regexp._regexp.Match
    anywhere = _anywhere()

    def search(data: bytes, start: int, end: int) -> Sequence[tuple[int, int]]:
        spans: Sequence[tuple[int, int]] = match(anywhere, data, start, end)
        return spans

    return search


def ending(regexp: Regexp) -> Look:
    """The function that says where the match ends that begins at a place of a text; -1 where none
    does. It neither looks for the groups of a pattern nor for other places, as for a pattern that
    may begin anew within its own match takes long."""
    import re2

    match = regexp._regexp.Match
    here = re2._Anchor.ANCHOR_START

    def end(data: bytes, start: int = 0) -> int:
        place: int = match(here, data, start, len(data))[0][1]
        return place

    return end


def _anywhere() -> Any:
    import re2

    return re2._Anchor.UNANCHORED


def _wholes(patterns: Sequence[str]) -> Any:
    import re2

    options = re2.Options()
    options.never_capture = True
    options.max_mem = MAX_MEMORY
    parts = re2.Set.FullMatchSet(options)
    for pattern in patterns:
        parts.Add(pattern)
    parts.Compile()
    return parts


def checked(pattern: str) -> None:
    """Raise `Unfit` as `compiled` does. Where google-re2 is not installed the pattern passes: a
    configuration can be checked where it is not served."""
    try:
        compiled(pattern)
    except ConfigError:
        return


def _compiled(pattern: str, *, captures: bool = False, is_longest: bool = False) -> Regexp:
    try:
        import re2
    except ImportError:
        message = "policies need the package google-re2, which is not installed"
        raise ConfigError(message, hint='pip install "axonflow-core[server]"') from None
    options = re2.Options()
    options.log_errors = False  # RE2 would write the pattern to stderr
    options.never_capture = not captures  # spans of groups cost a second, slower search
    options.longest_match = is_longest
    options.max_mem = MAX_MEMORY
    try:
        regexp = re2.compile(pattern, options)
        if captures or not regexp.groups:
            return regexp
        return re2.compile(nameless(pattern), options)
    except re2.error as error:
        reason = error.args[0] if error.args else b""
        reason = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
        raise Unfit("a pattern that RE2 compiles", f"one with `{reason}`", _hint(reason)) from None
    except UnicodeEncodeError:
        hint = "write the character that the pair is for"
        raise Unfit("a pattern of characters", "one with half of a surrogate pair", hint) from None


def nameless(pattern: str) -> str:
    """The pattern without the names of its groups: those with a name capture whatever the options
    say, which takes thirty times as long."""
    return _NAMED_GROUP.sub(lambda part: part[1] or "(?:", pattern)


def _hint(reason: str) -> str:
    """What to do about a pattern of which RE2 says `reason`."""
    return next((hint for what, hint in _HINTS if re.match(what, reason)), _SYNTAX)


def quoted(text: str) -> str:
    """A pattern for the characters of `text` and nothing else."""
    return "".join(map(_quoted, text))


def _quoted(character: str) -> str:
    if character.isascii() and not character.isalnum():
        return rf"\x{ord(character):02x}"
    return character
