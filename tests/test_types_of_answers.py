"""What a type checker says of answers: `parsed` has the type that was asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

PROGRAM = """
from dataclasses import dataclass
from typing import Any, assert_type

import attrs

from axonflow_core import BlockingRuntime, CallOptions, Completion, Runtime


@dataclass
class City:
    name: str


@attrs.frozen
class Trip:
    stops: list[City]


async def ask(runtime: Runtime, common: CallOptions) -> None:
    assert_type((await runtime.complete("a", output_schema=City)).parsed, City)
    assert_type((await runtime.complete("a", output_schema=Trip, system="b")).parsed, Trip)
    assert_type((await runtime.complete("a", output_schema=list[City])).parsed, list[City])
    assert_type((await runtime.complete("a", output_schema={"type": "object"})).parsed, Any)
    assert_type((await runtime.complete("a", output_schema=City | Trip)).parsed, Any)
    assert_type(await runtime.complete("a"), Completion)
    assert_type(await runtime.complete("a", output_schema=City, **common), Completion[City])
    async with runtime.stream("a", output_schema=City) as stream:
        assert_type((await stream.completion()).parsed, City)
    async with runtime.stream("a") as plain:
        assert_type(await plain.completion(), Completion)


def ask_blocking(runtime: BlockingRuntime) -> list[Completion]:
    city = runtime.complete("a", output_schema=City)
    assert_type(city.parsed, City)
    with runtime.stream("a", output_schema=Trip) as stream:
        assert_type(stream.completion().parsed, Trip)
    return [city, runtime.complete("a")]
"""


def checked(program: str, folder: Path) -> list[str]:
    """The errors that mypy finds in a program, strictly."""
    api = pytest.importorskip("mypy.api", reason="mypy is not installed")
    (folder / "program.py").write_text(program, "utf-8")
    cache, root = str(folder / "cache"), str(Path(__file__).parents[1])
    options = ["--strict", "--config-file=", f"--cache-dir={cache}", "--follow-imports=silent"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MYPYPATH", root)
        report, faults, _ = api.run([*options, str(folder / "program.py")])
    assert not faults
    return [line for line in report.splitlines() if ": error: " in line]


@pytest.mark.thorough
def test_the_type_of_parsed_is_the_one_that_was_asked_for(tmp_path: Path) -> None:
    assert checked(PROGRAM, tmp_path) == []


@pytest.mark.thorough
def test_a_wrong_use_of_parsed_is_found(tmp_path: Path) -> None:
    wrong = PROGRAM.replace("assert_type(city.parsed, City)", "city.parsed.nmae")

    (error,) = checked(wrong, tmp_path)

    assert '"City" has no attribute "nmae"' in error
