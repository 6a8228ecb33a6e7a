"""A pytest plugin that adds up what the fault catalogue shows.

A test of a case notes its `Score` (`noted`). It travels with the test's report, so that the process
which writes the summary adds up reports, whatever worker of pytest-xdist they come from.
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
    is_as_required: bool
    overrun_ms: float
    """How much later than it had to the call ended, what the machine was late by left out; below 0
    where it ended before."""
    calls_beyond: int
    """Requests that reached the service and were not allowed."""


def note(record_property: Callable[[str, Any], None], score: Score) -> None:
    record_property(_PROPERTY, asdict(score))


def summary(scores: Sequence[Score]) -> str:
    """The score in a line."""
    held = [score for score in scores if score.is_as_required]
    worst = max(scores, key=lambda score: score.overrun_ms)
    return (
        f"{len(held)} of {len(scores)} cases of {len({score.row for score in scores})} rows as "
        f"required; worst overrun {max(worst.overrun_ms, 0):.0f} ms (row {worst.row}); calls "
        f"beyond allowed {sum(score.calls_beyond for score in scores)}"
    )


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    scores = list(_noted(terminalreporter))
    if scores:
        terminalreporter.section("fault catalogue")
        terminalreporter.write_line(summary(scores))


def _noted(terminal: pytest.TerminalReporter) -> Iterator[Score]:
    for outcome in ("passed", "failed"):
        for report in terminal.getreports(outcome):
            properties = dict(report.user_properties) if report.when == "call" else {}
            if _PROPERTY in properties:
                yield Score(**properties[_PROPERTY])
