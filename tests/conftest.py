"""Distributions as pip would install them: plugins are found by real metadata and loaded by a real
interpreter."""

from __future__ import annotations

import os
import site
import subprocess
import sys
import venv
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from textwrap import dedent
from typing import TypeAlias

import pytest
from attrs import frozen
from on_time import GUARD_S

Install: TypeAlias = Callable[..., None]
EnvironmentOf: TypeAlias = Callable[..., Mapping[str, str]]


@pytest.fixture(scope="session", autouse=True)
def patient_databases() -> Iterator[None]:
    """A transaction of a file waits for another's as long as anything is waited for. A server gives
    up after five seconds, which a neighbour takes on a busy machine, or on a disk that others
    write."""
    if find_spec("sqlalchemy") is None:
        yield
        return
    from axonflow_core.audit.databases import sqlite

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sqlite, "BUSY_TIMEOUT_S", GUARD_S)
        yield


@pytest.fixture
def install(tmp_path: Path) -> Install:
    """Writes a distribution into `tmp_path`: a module, its metadata and one entry point."""

    def write(
        name: str, group: str, code: str, *, point: str = "zoo", version: str = "1.2"
    ) -> None:
        module = name.replace("-", "_")
        (tmp_path / f"{module}.py").write_text(dedent(code))
        info = tmp_path / f"{module}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        (info / "entry_points.txt").write_text(f"[{group}]\n{point} = {module}\n")

    return write


@pytest.fixture
def toy_provider(install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The provider of `toy_provider.py` is installed, for the process of this test."""
    code = "from toy_provider import axonflow_register_provider\n"
    install("axonflow-toy", "axonflow.providers", code, point="toy")
    monkeypatch.syspath_prepend(tmp_path)


@pytest.fixture
def toy_chat_provider(install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The provider of `toy_chat.py` is installed, for the process of this test."""
    code = "from toy_chat import axonflow_register_provider\n"
    install("axonflow-toy-chat", "axonflow.providers", code, point="toy-chat")
    monkeypatch.syspath_prepend(tmp_path)


@pytest.fixture
def environment_of(tmp_path: Path) -> EnvironmentOf:
    """The environment of a process that sees the distributions in `tmp_path`, and no setting of the
    tester's own."""

    def build(more: Mapping[str, str] | None = None) -> Mapping[str, str]:
        path = os.pathsep.join([str(tmp_path), *filter(None, sys.path)])
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "PYTHONPATH": path,
            **(more or {}),
        }

    return build


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What the kit caught, where its mutants were run."""
    judged = Counter[tuple[str, str]]()
    for outcome in ("passed", "failed"):
        for report in terminalreporter.getreports(outcome):
            if "test_a_mutant_breaks_the_law" in report.nodeid:
                judged[report.nodeid.partition(": ")[2].rstrip("]0123456789"), outcome] += 1
    if judged:
        _write_score(terminalreporter, judged)


def _write_score(terminal: pytest.TerminalReporter, judged: Counter[tuple[str, str]]) -> None:
    caught, missed = (
        sum(judged[key] for key in judged if key[1] == outcome) for outcome in ("passed", "failed")
    )
    terminal.section("mutants")
    for mistake in sorted({mistake for mistake, _ in judged}) if terminal.verbosity > 0 else ():
        found = judged[mistake, "passed"]
        terminal.write_line(f"{mistake:<40} caught {found} of {found + judged[mistake, 'failed']}")
    terminal.write_line(f"the kit caught {caught} of {caught + missed} mutants")


FEW_EXAMPLES = """
from hypothesis import settings

settings.register_profile("few", max_examples=15, derandomize=True)
settings.load_profile("few")
"""
"""The conftest.py of a package whose tests are run here: its author has more patience than we."""


@pytest.fixture(scope="session")
def few_examples() -> str:
    return FEW_EXAMPLES


@pytest.fixture(scope="module")
def reader(
    request: pytest.FixtureRequest,
    environment_in: Callable[[Path], Environment],
    few_examples: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Environment, Path]:
    """Somebody who has written the files of the module's `PAGE` into a folder, with an environment
    of their own, and who is less patient than most."""
    folder = tmp_path_factory.mktemp("page")
    request.module.PAGE.write(folder, {"conftest.py": few_examples})
    return environment_in(tmp_path_factory.mktemp("environment")), folder


# ── environments ──────────────────────────────────────────────────────────────────────────────────


@frozen
class Environment:
    """A virtual environment with everything that the tester's own has, and what pip puts into it
    besides."""

    folder: Path
    settings: Mapping[str, str] = {}
    """Variables that every command gets."""

    def run(
        self, *command: str, cwd: Path, more: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """A command with this environment activated, and no setting of the tester's own."""
        return subprocess.run(
            command,
            cwd=cwd,
            env=self.variables(more),
            capture_output=True,
            text=True,
            check=False,
            timeout=220,
        )

    def variables(self, more: Mapping[str, str] | None = None) -> Mapping[str, str]:
        path = os.pathsep.join([str(self.folder / "bin"), os.environ["PATH"]])
        return {
            "PATH": path,
            "HOME": str(self.folder),
            "VIRTUAL_ENV": str(self.folder),
            **PIP_SETTINGS,
            **self.settings,
            **(more or {}),
        }


PIP_SETTINGS = {
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    # pip reads 0 as "no isolation". Where the build backend is at hand nothing has to be
    # downloaded.
    **(
        {"PIP_NO_BUILD_ISOLATION": "0"} if find_spec("hatchling") and find_spec("editables") else {}
    ),
}


@pytest.fixture(scope="session")
def environment_in() -> Callable[[Path], Environment]:
    """Makes an environment in a folder."""
    return _new_environment


@pytest.fixture
def fresh_environment(tmp_path: Path) -> Environment:
    return _new_environment(tmp_path / "environment")


def _new_environment(folder: Path) -> Environment:
    venv.create(folder, symlinks=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    packages.joinpath("tester.pth").write_text(
        "".join(f"import site; site.addsitedir({path!r})\n" for path in site.getsitepackages())
    )
    for script, module in (("axonflow", "axonflow_core.cli"), ("pip", "pip"), ("pytest", "pytest")):
        path = folder / "bin" / script
        path.write_text(f'#!/bin/sh\nexec {folder}/bin/python -m {module} "$@"\n')
        path.chmod(0o755)
    return Environment(folder)
