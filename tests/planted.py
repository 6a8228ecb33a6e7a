"""A pytest plugin that searches for planted secrets in all that tests print, log or report.

A test module that plants secrets names them: `PLANTED_SECRETS = {"the key in the file": "…"}`. A
test of any module whose output holds one of them fails; the failure names the secret and the place,
and the value is masked there.

The search runs where the tests run: in the one process of pytest, or in each worker of
pytest-xdist. There a report is searched and masked before it leaves. What was searched and found
travels with the report (`report.planted`), so that the process which writes the summary only adds
up reports, whatever process they come from.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator

import pytest


def pytest_configure(config: pytest.Config) -> None:
    # Without capturing, output reaches the terminal before it can be searched.
    if config.getoption("capture") != "no":
        config.pluginmanager.register(Search())


class Search:
    """The search of one process, and the sum of what all processes report."""

    def __init__(self) -> None:
        self._secrets: dict[str, str] = {}
        self._tests: set[str] = set()
        self._searched = 0
        self._findings = 0

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        for item in session.items:
            self._secrets |= getattr(getattr(item, "module", None), "PLANTED_SECRETS", {})

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(self) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        found = list(self._found_in(report))
        report.sections = [(place, self._masked(text)) for place, text in report.sections]
        report.planted = (len(self._secrets), len(found))
        if found:
            self._fail(report, found)
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Called in every process; only the one that writes the summary uses the sums."""
        secrets, findings = getattr(report, "planted", (0, 0))
        self._tests.add(report.nodeid)
        self._searched = max(self._searched, secrets)
        self._findings += findings

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self._searched:
            terminalreporter.write_line(
                f"planted secrets: {self._searched} searched in the output of "
                f"{len(self._tests)} tests, {self._findings} found"
            )

    def _found_in(self, report: pytest.TestReport) -> Iterator[str]:
        """Name and place of each secret. The sections of earlier phases stand in the report too."""
        new = [(place, text) for place, text in report.sections if place.endswith(report.when)]
        for place, text in [("its id", report.nodeid), ("its report", report.longreprtext), *new]:
            yield from (
                f"{name} in {place}" for name, secret in self._secrets.items() if secret in text
            )

    def _fail(self, report: pytest.TestReport, found: list[str]) -> None:
        report.outcome = "failed"
        report.longrepr = (
            f"planted secrets are shown by {self._masked(report.nodeid)}: {'; '.join(found)}"
        )

    def _masked(self, text: str) -> str:
        for secret in self._secrets.values():
            text = text.replace(secret, f"{secret[:3]}…")
        return text
