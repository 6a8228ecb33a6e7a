"""A new codec package where Bedrock is installed: it is found, named once, and checked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Environment

pytestmark = pytest.mark.thorough  # environments of their own, pip and processes


@pytest.fixture
def package(fresh_environment: Environment, tmp_path: Path) -> Path:
    """A package for the family grey-parrot, installed."""
    folder = tmp_path / "axonflow-bedrock-grey-parrot"
    for command in (
        ("axonflow", "plugins", "new", "codec", "grey-parrot"),
        ("pip", "install", "-e", str(folder)),
    ):
        finished = fresh_environment.run(*command, cwd=tmp_path)
        assert finished.returncode == 0, finished.stdout + finished.stderr
    return folder


def test_the_family_is_listed_with_its_distribution(
    package: Path, fresh_environment: Environment
) -> None:
    listed = fresh_environment.run("axonflow", "codecs", "list", "--json", cwd=package)

    (row,) = [row for row in json.loads(listed.stdout) if row["family"] == "grey-parrot"]
    assert (row["distribution"], row["version"], row["provider"]) == (
        "axonflow-bedrock-grey-parrot",
        "0.1.0",
        "bedrock",
    )


def test_a_family_that_is_installed_is_not_offered_twice(
    fresh_environment: Environment, tmp_path: Path
) -> None:
    refused = fresh_environment.run("axonflow", "plugins", "new", "codec", "titan", cwd=tmp_path)

    assert refused.returncode != 0
    assert "a family titan is already installed by axonflow-bedrock" in refused.stderr
    assert not (tmp_path / "axonflow-bedrock-titan").exists()


def test_a_codec_that_breaks_a_law_is_reported_and_fails_the_command(
    package: Path, fresh_environment: Environment
) -> None:
    module = package / "axonflow_bedrock_grey_parrot" / "__init__.py"
    module.write_text(
        module.read_text().replace('"done": StopReason.END_TURN', '"done": StopReason.OTHER')
    )

    checked = fresh_environment.run("axonflow", "plugins", "check", "grey-parrot", cwd=package)

    assert checked.returncode == 1
    assert "grey-parrot: 20 of 21 laws hold" in checked.stdout
    assert "broken: documented stop reasons are known: AssertionError" in checked.stdout


def test_a_family_that_is_not_installed_is_an_error_that_names_those_that_are(
    fresh_environment: Environment, tmp_path: Path
) -> None:
    checked = fresh_environment.run("axonflow", "plugins", "check", "nobody", cwd=tmp_path)

    assert checked.returncode == 2
    assert "titan" in checked.stderr
