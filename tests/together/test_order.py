"""The tests are collected in one order, whatever the hash seed: pytest-xdist stops where two of its
workers differ. A set in a parametrisation, or the repr of one in an id, breaks it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def collecting(seed: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"]
    return subprocess.Popen(
        [*command, "-m", "thorough or not thorough"],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": seed},
        stdout=subprocess.PIPE,
        text=True,
    )


def collected(process: subprocess.Popen[str]) -> list[str]:
    said, _ = process.communicate()
    assert process.returncode == 0, said
    return [line for line in said.splitlines() if "::" in line]


@pytest.mark.thorough
def test_the_tests_are_collected_in_one_order_whatever_the_hash_seed() -> None:
    with collecting("1") as one, collecting("2") as other:
        first, second = collected(one), collected(other)

    assert len(first) > 5000
    assert [pair for pair in zip(first, second, strict=True) if pair[0] != pair[1]] == []
