"""A plugin of pytest: secrets that tests plant are looked for in everything that any test prints,
logs or reports.

A test module that plants some names them: `PLANTED_SECRETS = {"the key in the file": "…"}`. A test
of whatever module in whose output one of them turns up fails; it is told where and which, and the
value is masked there too.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator

import pytest


def pytest_configure(config: pytest.Config) -> None:
    if (
        config.getoption("capture") != "no"
    ):  # what goes straight to the terminal has been shown before it is searched
        config.pluginmanager.register(Search())


class Search:
    def __init__(self) -> None:
        self._secrets: dict[str, str] = {}
        self._tests: set[str] = set()
        self._findings = 0

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        for item in session.items:
            self._secrets |= getattr(getattr(item, "module", None), "PLANTED_SECRETS", {})

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(self) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        self._tests.add(report.nodeid)
        found = list(self._found_in(report))
        report.sections = [(place, self._masked(text)) for place, text in report.sections]
        if found:
            self._findings += len(found)
            self._fail(report, found)
        return report

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self._secrets:
            terminalreporter.write_line(
                f"planted secrets: {len(self._secrets)} searched in the output of "
                f"{len(self._tests)} tests, "
                f"{self._findings} found"
            )

    def _found_in(self, report: pytest.TestReport) -> Iterator[str]:
        """The name of each secret with where it is. The sections of earlier phases stand in the
        report too."""
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
