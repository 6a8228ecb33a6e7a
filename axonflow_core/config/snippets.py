"""The line of a fault with a mark under its place, as compilers show it, and never with a secret in
it.

    5 |     wieght: 1
      |     ^^^^^^

A file with a fault may be no YAML at all, so what is secret is read from the lines and not from
nodes: whatever follows a key with a secret's name, on its line and on those below it, to the next
key that stands no deeper. Where such a value may go on at any indentation, in brackets or in a
quotation, nothing below it is shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from attrs import evolve

from axonflow_core.config.faults import Fault
from axonflow_core.config.nodes import SAID_KEY, looks_secret

MAX_WIDTH = 100
"""Characters of a line that are shown."""
_MASK = "…"
_WORD = re.compile(r"[\w./-]+")
_BEGINS_KEY = re.compile(r"""[ -]*["']?[\w.-]++["']?\s*+:(\s|$)""")
"""What ends a hidden value: a line that is indented with blanks and begins with a key."""
_UNSHOWABLE = re.compile("[^ -~\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_TO_THE_END = -1


def with_snippets(faults: Iterable[Fault], text: str) -> tuple[Fault, ...]:
    """The faults, each with its line of `text` where it has one that may be shown."""
    faults = tuple(faults)
    last = max(
        (fault.line for fault in faults), default=0
    )  # a hostile file may have many more lines
    shown = list(_masked_lines(text.split("\n", last)[:last]))
    for fault in faults:
        if (
            fault.hides
            and 0 < fault.line <= len(shown)
            and (line := shown[fault.line - 1]) is not None
        ):
            shown[fault.line - 1] = line[: fault.column - 1] + _MASK
    return tuple(evolve(fault, snippet=fault.snippet or _snippet(fault, shown)) for fault in faults)


def _snippet(fault: Fault, shown: Sequence[str | None]) -> str | None:
    line = shown[fault.line - 1] if 0 < fault.line <= len(shown) else None
    if not line or not line.strip():
        return None
    column = min(fault.column - 1, len(line))
    begin = max(0, column - MAX_WIDTH // 2) if len(line) > MAX_WIDTH else 0
    window = line[begin : begin + MAX_WIDTH]
    word = _WORD.match(window, column - begin)
    mark = "^" * (len(word[0]) if word else 1)
    number = str(fault.line)
    return f"  {number} | {window.rstrip()}\n  {' ' * len(number)} | {' ' * (column - begin)}{mark}"


def _masked_lines(lines: Iterable[str]) -> Iterator[str | None]:
    """Each line as it may be shown; None where nothing of it may be."""
    hidden_below: int | None = None
    open_brackets = 0
    for raw in lines:
        line = _UNSHOWABLE.sub(" ", raw)
        open_brackets += _opened(line)
        indent = len(line) - len(line.lstrip(" -"))
        if hidden_below is not None and (indent > hidden_below or not _BEGINS_KEY.match(raw)):
            yield None
            continue
        secret = _end_of_secret_key(line)
        hidden_below = (
            _TO_THE_END if line.lstrip(" -").startswith("? ") else None
        )  # the value comes on another line
        if secret is not None:
            is_whole = open_brackets == 0 and not any(line.count(quote) % 2 for quote in "'\"")
            hidden_below = indent if is_whole else _TO_THE_END
            line = f"{line[:secret]} {_MASK}" if line[secret:].strip() else line
        yield line


def _opened(line: str) -> int:
    return line.count("{") + line.count("[") - line.count("}") - line.count("]")


def _end_of_secret_key(line: str) -> int | None:
    """Behind the colon of the first key whose value is a secret."""
    return next(
        (found.end() for found in SAID_KEY.finditer(line) if looks_secret(found["key"])), None
    )
