"""Output: colour and line wrapping on a terminal only, and no control characters from a model."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.console import Console

    from axonflow_core.messages import Json

_UNBOUNDED = 10_000
_HIDDEN = dict.fromkeys(
    [*range(9), 11, 12, *range(14, 32), *range(127, 160)], "\N{REPLACEMENT CHARACTER}"
)


def stdout() -> Console:
    """A rich console on stdout. It honours NO_COLOR, FORCE_COLOR and TERM=dumb, and wraps on a
    terminal only.
    """
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else _UNBOUNDED)


def stderr() -> Console:
    """A rich console on stderr, like `stdout`."""
    from rich.console import Console

    return Console(stderr=True, width=None if sys.stderr.isatty() else _UNBOUNDED)


def show_warnings() -> None:
    """Write log records of AxonFlow and its plugins to stderr, each distinct message once."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("warning: %(message)s"))
    handler.addFilter(_Once())
    handler.addFilter(
        lambda record: record.name.startswith("axonflow_")
    )  # the core and its plugins, no other library
    logging.getLogger().addHandler(handler)


class _Once(logging.Filter):
    """Passes the first record of each message."""

    def __init__(self) -> None:
        super().__init__()
        self._seen: set[str] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        is_new = message not in self._seen
        self._seen.add(message)
        return is_new


def visible(text: str) -> str:
    """`text` with U+FFFD for each control character (C0 but tab and line breaks, DEL, C1), so that
    it cannot send commands to a terminal.
    """
    return text.translate(_HIDDEN)


def write_text(text: str) -> None:
    """Write a piece of a model's answer to stdout, without a line break. Control characters are
    replaced on a terminal; a file or a pipe receives the text unchanged.
    """
    click.echo(visible(text) if sys.stdout.isatty() else text, nl=False)


def write_line(text: str) -> None:
    """Write a line of our own to stdout, without control characters of what it quotes."""
    click.echo(visible(text))


def write_styled(text: str, style: str | None = None) -> None:
    """As `write_line`, in a rich style on a terminal."""
    stdout().print(visible(text), style=style, markup=False, highlight=False, soft_wrap=True)


def warn(text: str) -> None:
    """Write one line to stderr, `warning: …`, without control characters."""
    stderr().print(f"warning: {visible(text)}", markup=False, highlight=False, soft_wrap=True)


def write_json(value: Json) -> None:
    """Write `value` to stdout as indented JSON."""
    import orjson

    click.echo(orjson.dumps(value, default=_plain, option=orjson.OPT_INDENT_2).decode())


def _plain(value: object) -> Json:
    """orjson's `default`: a mapping that is no dict."""
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(type(value).__name__)


def write_table(
    columns: Sequence[str], rows: Iterable[Sequence[str]], styles: Mapping[str, str] | None = None
) -> None:
    """Write a table to stdout, columns separated by blanks. `styles` maps a cell's text to its rich
    style.
    """
    from rich.table import Table
    from rich.text import Text

    table = Table(*columns, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*(Text(cell, style=(styles or {}).get(cell, "")) for cell in row))
    stdout().print(table)
