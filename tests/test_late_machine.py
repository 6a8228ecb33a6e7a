"""A test of time limits is done again where the machine was late, and no other test is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from late_machine import TRIES
from on_time import GUARD_S

TESTS = Path(__file__).parent
CODE = """
import late_machine, pytest
late_machine.LATE_S = {late_s}
tries = []

@pytest.fixture
def fresh():
    return []

{mark}
def test_it(fresh):
    tries.append(fresh)
    fresh.append("used")
    assert fresh == ["used"] and len(tries) == {needed}
"""
MARK = "@pytest.mark.timely"
ALWAYS, NEVER = 0.0, 1e9


def run(folder: Path, **code: object) -> subprocess.CompletedProcess[str]:
    (folder / "test_it.py").write_text(CODE.format(**{"mark": MARK, **code}))
    options = "-p late_machine -p no:cacheprovider -o markers=timely -q --rootdir ."
    return subprocess.run(
        [sys.executable, "-m", "pytest", *options.split()],
        cwd=folder,
        env={"PYTHONPATH": str(TESTS), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=GUARD_S,
    )


def test_it_is_done_again_with_new_fixtures_and_the_summary_says_so(tmp_path: Path) -> None:
    told = run(tmp_path, late_s=ALWAYS, needed=TRIES)
    assert told.returncode == 0, told.stdout
    assert "1 passed" in told.stdout
    assert "done again, for the machine was late: test_it.py::test_it" in told.stdout


@pytest.mark.parametrize(
    "code",
    [
        {"late_s": ALWAYS, "needed": TRIES + 1},
        {"late_s": NEVER, "needed": 2},
        {"late_s": ALWAYS, "needed": 2, "mark": ""},
    ],
    ids=["fails each time", "the machine was not late", "it is not marked"],
)
def test_it_fails(tmp_path: Path, code: dict[str, object]) -> None:
    told = run(tmp_path, **code)
    assert told.returncode == 1 and "1 failed" in told.stdout, told.stdout
