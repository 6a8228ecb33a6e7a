"""Running a target with chance that can be repeated, one mutation at a time."""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Callable
from random import Random
from types import TracebackType

from attrs import define, field

MAX_FRAMES = 8


@define
class Finding:
    """An exception that is none of ours: how often, and first at which number."""

    number: int
    traceback: str
    times: int = 0


@define
class Found:
    """What came of the executions of one target."""

    executions: int = 0
    outcomes: Counter[str] = field(factory=Counter)
    findings: dict[str, Finding] = field(factory=dict)
    """By what and where."""


def fuzzed(target: Callable[[Random], str], seed: str, count: int, *, first: int = 0) -> Found:
    """`count` executions of a target. Each has a chance of its own, by its number, so that it can
    be repeated alone."""
    found = Found()
    for number in range(first, first + count):
        found.executions += 1
        try:
            found.outcomes[target(Random(f"{seed} {number}"))] += 1
        except Exception as error:
            key = f"{type(error).__name__} {_place(error.__traceback__)}"
            told = "".join(traceback.format_exception(error, limit=-MAX_FRAMES))
            found.findings.setdefault(key, Finding(number, told)).times += 1
    return found


def _place(trace: TracebackType | None) -> str:
    """Where an exception was raised."""
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "" if trace is None else f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
