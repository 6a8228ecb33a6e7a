"""`axonflow plugins new codec`: the package it writes is whole and green before anybody has changed
a line."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from subprocess import CompletedProcess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Environment

pytestmark = pytest.mark.thorough  # environments of their own, pip and processes

Run = Callable[..., "CompletedProcess[str]"]


@pytest.fixture
def run(fresh_environment: Environment, tmp_path: Path) -> Run:
    """A command that has to go well, in a folder of its own."""

    def execute(*command: str, cwd: Path = tmp_path) -> CompletedProcess[str]:
        finished = fresh_environment.run(*command, cwd=cwd)
        assert finished.returncode == 0, finished.stdout + finished.stderr
        return finished

    return execute


@pytest.fixture
def package(run: Run, tmp_path: Path) -> Path:
    written = run("axonflow", "plugins", "new", "codec", "grey-parrot", "--into", "mine")
    assert written.stdout == "mine/axonflow-bedrock-grey-parrot\n"
    return tmp_path / "mine" / "axonflow-bedrock-grey-parrot"


def test_the_package_is_small_and_complete(package: Path) -> None:
    files = sorted(str(path.relative_to(package)) for path in package.rglob("*") if path.is_file())

    assert files == [
        "README.md",
        "axonflow_bedrock_grey_parrot/__init__.py",
        "axonflow_bedrock_grey_parrot/py.typed",
        "pyproject.toml",
        "tests/golden/hello.json",
        "tests/test_grey_parrot.py",
    ]
    code = (package / "tests" / "test_grey_parrot.py").read_text()
    assert len([line for line in code.splitlines() if line]) == 3


def test_it_is_installed_found_and_passes_its_own_tests(
    package: Path, run: Run, few_examples: str
) -> None:
    run("pip", "install", "-e", str(package))

    (package / "conftest.py").write_text(few_examples)
    tested = run("pytest", "-q", cwd=package)
    rows = json.loads(run("axonflow", "codecs", "list", "--json").stdout)

    assert "19 passed" in tested.stdout
    assert tested.stderr == ""
    (row,) = [row for row in rows if row["family"] == "grey-parrot"]
    assert (row["distribution"], row["version"], row["provider"]) == (
        "axonflow-bedrock-grey-parrot",
        "0.1.0",
        "bedrock",
    )


@pytest.mark.parametrize(
    "command",
    [
        ("ruff", "check"),
        ("ruff", "format", "--check"),
        ("mypy", "axonflow_bedrock_grey_parrot", "tests"),
    ],
    ids=lambda command: command[0],
)
def test_it_passes_lint_format_and_types(package: Path, run: Run, command: tuple[str, ...]) -> None:
    if find_spec(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed here")

    run("python", "-m", *command, cwd=package)


def test_the_files_are_part_of_the_installed_core() -> None:
    pytest.importorskip("hatchling")
    from hatchling.builders.wheel import WheelBuilder

    root = Path(__file__).parents[2]
    included = {file.distribution_path for file in WheelBuilder(str(root)).recurse_included_files()}

    templates = {str(path.relative_to(root)) for path in (root / "axonflow_core").rglob("*.tmpl")}
    assert len(templates) == 6
    assert templates <= included


# ── what is refused ───────────────────────────────────────────────────────────────────────────────


def refused(environment: Environment, folder: Path, *arguments: str) -> str:
    finished = environment.run("axonflow", "plugins", "new", "codec", *arguments, cwd=folder)
    assert finished.returncode != 0
    assert finished.stdout == ""
    return finished.stderr


@pytest.mark.parametrize(
    "name", ["Parrot", "7up", "a_b", "../up", "a--b", "-x", "", "é", "a-b-c-d", "x" * 40]
)
def test_what_is_no_name_is_refused_and_nothing_is_written(
    fresh_environment: Environment, tmp_path: Path, name: str
) -> None:
    (tmp_path / "here").mkdir()

    told = refused(fresh_environment, tmp_path / "here", "--", name)

    assert f"{name!r} is not a valid name for a family" in told
    assert list((tmp_path / "here").iterdir()) == []


def test_a_folder_that_is_there_is_left_as_it_is(
    fresh_environment: Environment, tmp_path: Path
) -> None:
    mine = tmp_path / "axonflow-bedrock-parrot"
    mine.mkdir()
    (mine / "README.md").write_text("mine")

    told = refused(fresh_environment, tmp_path, "parrot")

    assert "is not overwritten" in told
    assert [path.read_text() for path in mine.iterdir()] == ["mine"]


def test_a_family_that_is_installed_is_not_offered_twice(
    fresh_environment: Environment, tmp_path: Path
) -> None:
    told = refused(fresh_environment, tmp_path, "titan")

    assert "a family titan is already installed by axonflow-bedrock" in told
    assert not (tmp_path / "axonflow-bedrock-titan").exists()


# ── plugins check ─────────────────────────────────────────────────────────────────────────────────


def test_a_codec_that_breaks_a_law_is_told_and_fails_the_command(
    package: Path, run: Run, fresh_environment: Environment
) -> None:
    module = package / "axonflow_bedrock_grey_parrot" / "__init__.py"
    module.write_text(
        module.read_text().replace('"done": StopReason.END_TURN', '"done": StopReason.OTHER')
    )
    run("pip", "install", "-e", str(package))

    checked = fresh_environment.run("axonflow", "plugins", "check", "grey-parrot", cwd=package)

    assert checked.returncode == 1
    assert "grey-parrot: 15 of 16 laws hold" in checked.stdout
    assert "broken: documented stop reasons are known: AssertionError" in checked.stdout


def test_a_family_that_is_not_installed_is_an_error_that_names_those_that_are(
    fresh_environment: Environment, tmp_path: Path
) -> None:
    checked = fresh_environment.run("axonflow", "plugins", "check", "nobody", cwd=tmp_path)

    assert checked.returncode == 2
    assert "titan" in checked.stderr
