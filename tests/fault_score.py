"""A pytest plugin that adds up what the fault catalogue shows.

A test of a case notes its `Score`, or those of several (`note`). They travel with the test's
report, so that the process which writes the summary adds up reports, whatever worker of
pytest-xdist they come from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from attrs import asdict, frozen

_PROPERTY = "fault"


@frozen
class Score:
    """What one case came to."""

    row: int
    way: str
    """How it was asked: `call`, `stream`, `call at the gateway`."""
    is_as_required: bool
    overrun_ms: float
    """How much later than it had to the call ended, what the machine was late by left out; below 0
    where it ended before."""
    calls_beyond: int
    """Requests that reached the service and were not allowed."""


def note(record_property: Callable[[str, Any], None], *scores: Score) -> None:
    record_property(_PROPERTY, [asdict(score) for score in scores])


def summary(scores: Sequence[Score]) -> str:
    """The score in a line."""
    held = [score for score in scores if score.is_as_required]
    worst = max(scores, key=lambda score: score.overrun_ms)
    return (
        f"{len(held)} of {len(scores)} cases of {len({score.row for score in scores})} rows as "
        f"required; worst overrun {max(worst.overrun_ms, 0):.0f} ms (row {worst.row}); calls "
        f"beyond allowed {sum(score.calls_beyond for score in scores)}"
    )


def table(scores: Sequence[Score]) -> Iterator[str]:
    """A line for each way of asking."""
    for way in sorted({score.way for score in scores}):
        of_way = [score for score in scores if score.way == way]
        yield f"{way:<24}{summary(of_way)}"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    scores = list(_noted(terminalreporter))
    if scores:
        terminalreporter.section("fault catalogue")
        for line in table(scores):
            terminalreporter.write_line(line)
        terminalreporter.write_line(summary(scores))


def _noted(terminal: pytest.TerminalReporter) -> Iterator[Score]:
    for outcome in ("passed", "failed"):
        for report in terminal.getreports(outcome):
            properties = dict(report.user_properties) if report.when == "call" else {}
            if _PROPERTY in properties:
                yield from (Score(**each) for each in properties[_PROPERTY])
