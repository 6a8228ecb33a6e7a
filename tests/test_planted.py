"""The search for planted secrets finds what it looks for: runs of pytest that leak, and one that
does not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from textwrap import indent

import pytest
from planted import Search

TESTS = Path(__file__).parent
SECRET = "correct-horse-battery-staple"
HEAD = f"""
import logging, sys, pytest
PLANTED_SECRETS = {{"the horse": "{SECRET}", "another": "never-shown-anywhere"}}
SECRET = PLANTED_SECRETS["the horse"]
"""
LEAKS = {
    "printed": ("sys.stdout.write(SECRET)", "Captured stdout call"),
    "printed to stderr": ("sys.stderr.write(f'key={SECRET}!')", "Captured stderr call"),
    "printed by a child": (
        "import subprocess; subprocess.run(['echo', SECRET])",
        "Captured stdout call",
    ),
    "logged": ("logging.getLogger('x').warning('key %s', SECRET)", "Captured log call"),
    "in an error": ("raise ValueError(SECRET)", "its report"),
    "in a repr of an assertion": ("assert {'key': SECRET} == {}", "its report"),
    "in a reason to skip": ("pytest.skip(SECRET)", "its report"),
}


OPTIONS = "-p planted -p no:cacheprovider -rA --rootdir ."
SPREAD = "-p xdist -n 2"


def run(folder: Path, body: str, options: str = "") -> subprocess.CompletedProcess[str]:
    (folder / "test_it.py").write_text(
        f"{HEAD}\ndef test_of_something():\n{indent(body, '    ')}\n"
    )
    return subprocess.run(
        [sys.executable, "-m", "pytest", *f"{OPTIONS} {options}".split()],
        cwd=folder,
        env={
            "PYTHONPATH": str(TESTS),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "PATH": "/usr/bin:/bin",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.sampled(4)
@pytest.mark.parametrize("leak", LEAKS)
def test_a_secret_that_a_test_shows_fails_it_and_is_named_and_masked(
    tmp_path: Path, leak: str
) -> None:
    body, place = LEAKS[leak]
    ran = run(tmp_path, body)
    assert ran.returncode == pytest.ExitCode.TESTS_FAILED
    assert (
        f"planted secrets are shown by test_it.py::test_of_something: the horse in {place}"
        in ran.stdout
    )
    assert "planted secrets: 2 searched in the output of 1 tests, 1 found" in ran.stdout
    assert SECRET not in ran.stdout + ran.stderr


@pytest.mark.parametrize(("body", "findings"), [("sys.stdout.write(SECRET)", 1), ("pass", 0)])
def test_what_the_workers_of_xdist_search_and_find_is_added_up(
    tmp_path: Path, body: str, findings: int
) -> None:
    ran = run(tmp_path, body, SPREAD)
    assert ran.returncode == (pytest.ExitCode.TESTS_FAILED if findings else pytest.ExitCode.OK)
    assert f"2 searched in the output of 1 tests, {findings} found" in ran.stdout
    assert SECRET not in ran.stdout + ran.stderr


def test_the_control_a_secret_that_is_kept_fails_nothing(tmp_path: Path) -> None:
    ran = run(tmp_path, "sys.stdout.write('no secret')")
    assert ran.returncode == pytest.ExitCode.OK
    assert "planted secrets: 2 searched in the output of 1 tests, 0 found" in ran.stdout


def test_this_very_run_is_searched(pytestconfig: pytest.Config) -> None:
    searches = [
        plugin for plugin in pytestconfig.pluginmanager.get_plugins() if isinstance(plugin, Search)
    ]
    assert len(searches) == (pytestconfig.getoption("capture") != "no")
