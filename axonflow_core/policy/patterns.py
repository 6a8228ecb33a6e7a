"""Patterns of rules and detectors, compiled by RE2, which takes linear time for every text.

The package is `google-re2` and comes with the extra `server`; it is imported when the first pattern
is compiled. `re` is never used for a pattern of an operator: 4 KB of blanks keep one of those
that are in use elsewhere busy for a minute.
"""

from __future__ import annotations

import re
from typing import Any, TypeAlias

from axonflow_core.errors import ConfigError
from axonflow_core.frozen import Unfit

Regexp: TypeAlias = Any
"""A compiled pattern of `google-re2`, which has no types. It searches bytes in UTF-8."""

MAX_PATTERN = 4_096
"""The longest pattern or literal, in characters."""
MAX_PROGRAM = 6_000
"""The most instructions that a pattern compiles to. Where RE2's automaton does not fit into its
memory, the time for each byte of a text grows with them."""
SYNTAX = "the syntax is at https://github.com/google/re2/wiki/Syntax"
_ANY_BYTE = re.compile(r"(?<!\\)(?:\\\\)*\\C")


def compiled(pattern: str) -> Regexp:
    """`pattern` as RE2 compiles it. Raises `Unfit` where it does not or should not: it is too
    large, matches single bytes of a character (`\\C`), or matches the empty text, and so every
    text. Raises `ConfigError` where the package is missing."""
    if len(pattern) > MAX_PATTERN:
        raise Unfit(f"at most {MAX_PATTERN:,} characters", f"{len(pattern):,}")
    if _ANY_BYTE.search(pattern):
        raise Unfit("a pattern of whole characters", r"one with \C", r"write (?s:.) for \C")
    regexp = _compiled(pattern)
    if regexp.programsize > MAX_PROGRAM:
        got = f"one of {regexp.programsize:,}"
        raise Unfit(f"a pattern of at most {MAX_PROGRAM:,} instructions", got, "repeat less in it")
    if regexp.search(b"") is not None:
        raise Unfit("a pattern that needs a character", "one that matches every text")
    return regexp


def _compiled(pattern: str) -> Regexp:
    try:
        import re2  # type: ignore[import-untyped]
    except ImportError:
        message = "policies need the package google-re2, which is not installed"
        raise ConfigError(message, hint='pip install "axonflow-core[server]"') from None
    options = re2.Options()
    options.log_errors = False  # RE2 would write the pattern to stderr
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0] if error.args else b""
        reason = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
        raise Unfit("a pattern that RE2 compiles", f"one with `{reason}`", SYNTAX) from None
    except UnicodeEncodeError:
        raise Unfit("a pattern of Unicode characters", "half of a surrogate pair") from None


def quoted(text: str) -> str:
    """A pattern for the characters of `text` and nothing else, as RE2's QuoteMeta writes it."""
    return "".join(
        rf"\x{{{ord(character):x}}}"
        if character == "\0"
        else character
        if character.isalnum() or character == "_" or ord(character) > 127
        else "\\" + character
        for character in text
    )
