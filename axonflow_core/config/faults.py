"""Faults of a configuration: what is wrong, where, and how to correct it."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import field

from axonflow_core.errors import ConfigError
from axonflow_core.frozen import frozen
from axonflow_core.nearest import nearest

MAX_SHOWN = 100
"""Faults shown in one message; `FaultyConfig.faults` has all of them."""


@frozen(order=True)
class Place:
    """A place in a file. `line` and `column` count from 1; both are 0 for values from no file (the
    environment, Python) and for faults of the file as a whole.
    """

    path: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}" if self.line else self.path


@frozen
class Fault:
    """One fault or warning of a configuration. `str(fault)` renders it with its place, snippet and
    fix."""

    place: Place
    message: str
    hint: str | None = None
    """How to correct it."""
    code: str = field(default="config", kw_only=True)
    """The code that `error[…]` shows; `axonflow explain error` explains it."""
    hides: bool = field(default=False, kw_only=True, eq=False)
    """The value at the place is a secret: no snippet shows it."""
    snippet: str | None = field(default=None, kw_only=True, eq=False, repr=False)
    """The line of the file with a mark under the place; None where it may not be shown."""

    @property
    def path(self) -> str:
        """The file, as it was named; for values from no file, what they are from."""
        return self.place.path

    @property
    def line(self) -> int:
        """The line in the file, from 1; 0 where there is none."""
        return self.place.line

    @property
    def column(self) -> int:
        """The column in the line, from 1; 0 where there is none."""
        return self.place.column

    def __str__(self) -> str:
        return self.rendered()

    def rendered(self, kind: str = "error") -> str:
        """As it is shown, called an error or a warning."""
        place = self.place if self.path else None
        return render(
            self.code, self.message, place=place, hint=self.hint, snippet=self.snippet, kind=kind
        )


class FaultyConfig(ConfigError):
    """Every fault of one configuration, ordered by place.

    `faults` and `warnings` are tuples of `Fault`. The message is all faults rendered, up to 100 of
    them; each has its own hint, so the error has none.
    """

    def __init__(self, faults: Iterable[Fault], *, warnings: Iterable[Fault] = ()) -> None:
        self.warnings = tuple(warnings)
        self.faults = tuple(sorted(set(faults), key=lambda fault: (fault.place, fault.message)))
        more = len(self.faults) - MAX_SHOWN
        shown = [
            *map(str, self.faults[:MAX_SHOWN]),
            *([f"… and {more} more faults"] if more > 0 else []),
        ]
        super().__init__("\n\n".join(shown))


def render(
    code: str,
    message: str,
    *,
    place: Place | None = None,
    hint: str | None = None,
    snippet: str | None = None,
    kind: str = "error",
) -> str:
    """Format an error or warning as it is shown everywhere: `kind[code]: message`, then the place,
    the snippet and the fix on lines of their own.
    """
    lines = [f"{kind}[{code}]: {message}"]
    if place is not None:
        lines.append(f"  --> {place}")
    if snippet is not None:
        lines.append(snippet)
    if hint is not None:
        lines.append(f"  fix: {hint}")
    return "\n".join(lines)


def suggest(word: str, known: Iterable[str], *, noun: str) -> str:
    """A hint for a `word` that is not among the `known`: the most similar one, else the list of
    all, introduced by `noun`.
    """
    known = sorted(known)
    near = nearest(word, known)
    if near is not None:
        return f"did you mean `{near}`?"
    return f"{noun}: {', '.join(known)}" if known else f"there are no {noun}"
