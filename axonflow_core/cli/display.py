"""How results look: colour on a terminal only, whole lines without one, and no control character of
a model's."""

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
    """rich honours NO_COLOR, FORCE_COLOR and TERM=dumb. Where nobody looks, lines are as long as
    they are."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else _UNBOUNDED)


def stderr() -> Console:
    from rich.console import Console

    return Console(stderr=True, width=None if sys.stderr.isatty() else _UNBOUNDED)


def show_warnings() -> None:
    """What the library logs goes to stderr, each thing once however often it is found."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("warning: %(message)s"))
    handler.addFilter(_Once())
    handler.addFilter(
        lambda record: record.name.startswith("axonflow_")
    )  # the core and its plugins, nobody else
    logging.getLogger().addHandler(handler)


class _Once(logging.Filter):
    def __init__(self) -> None:
        super().__init__()
        self._seen: set[str] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        is_new = message not in self._seen
        self._seen.add(message)
        return is_new


def visible(text: str) -> str:
    """`text` without the control characters with which it could drive a terminal."""
    return text.translate(_HIDDEN)


def write_text(text: str) -> None:
    """A piece of a model's answer, at once. A file gets it as it is, a terminal without control
    characters."""
    click.echo(visible(text) if sys.stdout.isatty() else text, nl=False)


def write_json(value: Json) -> None:
    import orjson

    click.echo(orjson.dumps(value, default=_plain, option=orjson.OPT_INDENT_2).decode())


def _plain(value: object) -> Json:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(type(value).__name__)


def write_table(
    columns: Sequence[str], rows: Iterable[Sequence[str]], styles: Mapping[str, str] | None = None
) -> None:
    """Columns with nothing between them but blanks. A cell whose text is in `styles` is shown
    so."""
    from rich.table import Table
    from rich.text import Text

    table = Table(*columns, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*(Text(cell, style=(styles or {}).get(cell, "")) for cell in row))
    stdout().print(table)
