"""What is wrong with a configuration, where, and how to mend it."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from attrs import field, frozen

from axonflow_core.errors import ConfigError

MAX_SHOWN = 100
"""Faults that one message tells; `FaultyConfig.faults` holds the others."""


@frozen(order=True)
class Place:
    """A place in a file. Lines and columns count from 1; what stands in no file has none."""

    path: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}" if self.line else self.path


@frozen
class Fault:
    place: Place
    message: str
    hint: str | None = None
    code: str = field(default="config", kw_only=True)
    hides: bool = field(default=False, kw_only=True, eq=False)
    """What stands at the place is a secret: no snippet shows it."""
    snippet: str | None = field(default=None, kw_only=True, eq=False, repr=False)
    """The line of the file with a mark under the place, where there is one to show."""

    @property
    def path(self) -> str:
        return self.place.path

    @property
    def line(self) -> int:
        return self.place.line

    @property
    def column(self) -> int:
        return self.place.column

    def __str__(self) -> str:
        return render(
            self.code, self.message, place=self.place, hint=self.hint, snippet=self.snippet
        )


class FaultyConfig(ConfigError):
    """Every fault of one configuration. The message tells them all, rendered, and so needs no hint
    beside it."""

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
    """The shape in which every error is shown: what, where, how to mend it."""
    lines = [f"{kind}[{code}]: {message}"]
    if place is not None:
        lines.append(f"  --> {place}")
    if snippet is not None:
        lines.append(snippet)
    if hint is not None:
        lines.append(f"  fix: {hint}")
    return "\n".join(lines)


def suggest(word: str, known: Iterable[str], *, noun: str) -> str:
    """A hint for `word`, which is none of the `known`: the nearest of them, else all."""
    known = sorted(known)
    nearest = get_close_matches(word.lower(), known, n=1)
    if nearest:
        return f"did you mean `{nearest[0]}`?"
    return f"{noun}: {', '.join(known)}" if known else f"there are no {noun}"
