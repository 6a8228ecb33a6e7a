"""Output: colour and line wrapping on a terminal only, and no control characters from a model."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.console import Console
    from rich.tree import Tree

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

    return Console(emoji=False, width=None if sys.stdout.isatty() else _UNBOUNDED)


def stderr() -> Console:
    """A rich console on stderr, like `stdout`."""
    from rich.console import Console

    return Console(stderr=True, emoji=False, width=None if sys.stderr.isatty() else _UNBOUNDED)


@contextmanager
def warnings_shown() -> Iterator[None]:
    """Within it, log records of AxonFlow and its plugins go to stderr: each message once."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Visible("warning: %(message)s"))
    handler.addFilter(_Once())
    handler.addFilter(
        lambda record: record.name.startswith("axonflow_")
    )  # the core and its plugins, no other library
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)


class _Visible(logging.Formatter):
    """Formats a record without the control characters that it quotes."""

    def format(self, record: logging.LogRecord) -> str:
        return visible(super().format(record))


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


def tell(text: str, *, style: str | None = None, end: str = "\n") -> None:
    """Write text to stderr, in a rich style on a terminal, without control characters."""
    if style is None:  # a server needs no rich, which takes 2 MB
        click.echo(visible(text) + end, err=True, nl=False)
        return
    stderr().print(
        visible(text), style=style, end=end, markup=False, highlight=False, soft_wrap=True
    )


def write_styled(text: str, style: str | None = None) -> None:
    """As `write_line`, in a rich style on a terminal."""
    stdout().print(visible(text), style=style, markup=False, highlight=False, soft_wrap=True)


def write_tree(tree: Tree) -> None:
    """Write a tree to stdout, whose texts are `visible`."""
    stdout().print(tree)


def warn(text: str) -> None:
    """Write one line to stderr, `warning: …`."""
    tell(f"warning: {text}")


def write_json(value: Json) -> None:
    """Write `value` to stdout as indented JSON."""
    import orjson

    click.echo(orjson.dumps(value, default=_plain, option=orjson.OPT_INDENT_2).decode())


def counted(count: int, noun: str) -> str:
    """`1 record`, `2 records`."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def shown_time(at_us: int) -> str:
    """A time in microseconds since 1970, as ISO 8601 in UTC."""
    from datetime import UTC, datetime

    time = datetime.fromtimestamp(at_us / 1_000_000, UTC)
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _plain(value: object) -> Json:
    """orjson's `default`: a mapping that is no dict."""
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(type(value).__name__)


_WIDTH = 80


def write_notes(title: str, notes: Mapping[str, str]) -> None:
    """Write a paragraph of `name: value` lines under a title to stdout, wrapped at 80 columns."""
    from textwrap import wrap

    write_styled(f"\n{title}", style="bold")
    for name, value in notes.items():
        text = f"  {name}: {value}"
        lines = wrap(text, _WIDTH, subsequent_indent="    ", break_on_hyphens=False)
        for line in lines:
            write_line(line)


def write_table(
    columns: Sequence[str], rows: Iterable[Sequence[str]], styles: Mapping[str, str] | None = None
) -> None:
    """Write a table to stdout, columns separated by blanks, under the names of `columns` unless all
    are blank. `styles` maps a cell's text to its rich style.
    """
    from rich.table import Table
    from rich.text import Text

    table = Table(*columns, box=None, pad_edge=False, header_style="bold", show_header=any(columns))
    for row in rows:
        table.add_row(*(Text(visible(cell), style=(styles or {}).get(cell, "")) for cell in row))
    console = stdout()
    with console.capture() as captured:
        console.print(table)
    lines = captured.get().splitlines()
    click.echo("\n".join(line.rstrip() for line in lines), color=True)  # where rich has decided


@contextmanager
def progress() -> Iterator[Callable[[int], object] | None]:
    """What is told how many records were read, and shows it on stderr where that is a terminal;
    None elsewhere."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.completed:,} records"), TimeElapsedColumn())
    with Progress(*columns, console=stderr(), transient=True) as shown:
        task = shown.add_task("", total=None)
        yield lambda count: shown.update(task, completed=count)
