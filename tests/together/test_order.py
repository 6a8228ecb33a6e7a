"""The tests are collected in one order, whatever the hash seed: pytest-xdist stops where two of its
workers differ. A set in a parametrisation, or the repr of one in an id, breaks it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def collected(seed: str) -> list[str]:
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"]
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    ran = subprocess.run(
        [*command, "-m", "thorough or not thorough"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=110,
    )
    return [line for line in ran.stdout.splitlines() if "::" in line]


@pytest.mark.thorough
def test_the_tests_are_collected_in_one_order_whatever_the_hash_seed() -> None:
    first, second = collected("1"), collected("2")

    assert len(first) > 5000
    assert [pair for pair in zip(first, second, strict=True) if pair[0] != pair[1]] == []
