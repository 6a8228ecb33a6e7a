"""The line of a fault with a mark under its place, as compilers show it, without secrets.

    5 |     wieght: 1
      |     ^^^^^^

A faulty file may not be YAML at all, so secrets are recognised in the lines and not in nodes: a
secret is everything after a key with a secret's name, on its line and the following lines, up to
the next key that is not indented deeper. Where such a value may continue at any indentation, in
brackets or in quotes, no line below it is shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from axonflow_core.config.faults import Fault
from axonflow_core.config.nodes import ASSIGNED_KEY, looks_secret
from axonflow_core.frozen import evolve

MAX_WIDTH = 100
"""The longest part of a line that is shown, in characters."""
_MASK = "…"
_WORD = re.compile(r"[\w./-]+")
_BEGINS_KEY = re.compile(r"""[ -]*["']?[\w.-]++["']?\s*+:(\s|$)""")
"""A line that ends a hidden value: indented with blanks, and beginning with a key."""
_UNSHOWABLE = re.compile("[^ -~\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_TO_THE_END = -1


def with_snippets(faults: Iterable[Fault], text: str) -> tuple[Fault, ...]:
    """The faults, each with the snippet of its line of `text` unless that line may not be shown."""
    faults = tuple(faults)
    # Lines after the last fault are not split: a hostile file may have a million of them.
    last = max((fault.line for fault in faults), default=0)
    shown = list(_masked_lines(text.split("\n", last)[:last]))
    for fault in faults:
        if (
            fault.hides
            and 0 < fault.line <= len(shown)
            and (line := shown[fault.line - 1]) is not None
            and len(line) >= fault.column  # else it is masked from before there
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
    """Each line as it may be shown, with secrets masked; None for a line that may not be shown.

    `hidden_below` is the indentation of the secret key whose value may continue: lines indented
    deeper belong to that value. `_TO_THE_END` hides all that follows.
    """
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
        # `? key` is a complex key (YAML 1.2, 8.2.2): its value follows on a line of its own.
        hidden_below = _TO_THE_END if line.lstrip(" -").startswith("? ") else None
        if secret is not None:
            is_whole = open_brackets == 0 and not any(line.count(quote) % 2 for quote in "'\"")
            hidden_below = indent if is_whole else _TO_THE_END
            line = f"{line[:secret]} {_MASK}" if line[secret:].strip() else line
        yield line


def _opened(line: str) -> int:
    return line.count("{") + line.count("[") - line.count("}") - line.count("]")


def _end_of_secret_key(line: str) -> int | None:
    """The index after the colon of the first key with a secret's name, None without one."""
    return next(
        (found.end() for found in ASSIGNED_KEY.finditer(line) if looks_secret(found["key"])), None
    )
