"""Tests of time limits on a machine that is late: they are done again.

A test that is marked `timely` has limits of some tenths of a second, which a process that does not
get its turn overruns, whatever it tests. Where one fails and the machine was late meanwhile, it
says nothing: it is done again, fixtures and all, a few times at most. On a machine that is not late
it has one try, as any other.
"""

from __future__ import annotations

import pytest
from _pytest.runner import runtestprotocol  # which plugins that repeat tests use
from on_time import timed

LATE_S = 0.05
"""The lateness in the course of a test from which on the machine is late."""
TRIES = 4
AGAIN = "tries"


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    if item.get_closest_marker("timely") is None:
        return None
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    tries = 0
    while True:
        tries += 1
        with timed() as took:
            reports = runtestprotocol(item, log=False, nextitem=nextitem)
        setup, *rest = reports
        says_nothing = took.late_s >= LATE_S and any(report.failed for report in rest)
        if setup.failed or not says_nothing or tries == TRIES:
            break
    for report in reports:
        report.user_properties.append((AGAIN, tries))
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    stats = terminalreporter.stats
    calls = [each for which in ("passed", "failed") for each in stats.get(which, ())]
    tries = {each.nodeid: dict(each.user_properties).get(AGAIN, 1) for each in calls}
    if again := [name for name, number in tries.items() if number > 1]:
        terminalreporter.write_line(f"done again, for the machine was late: {', '.join(again)}")
