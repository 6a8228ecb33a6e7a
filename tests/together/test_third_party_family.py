"""A family that we do not ship, from a package of somebody else's: installed by pip, and nothing
else is done for it.

The package is `docs/examples/axonflow-bedrock-pegasus`. It goes into an environment of its own; the
control is the same environment without it.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import pytest
from attrs import evolve

from axonflow_bedrock.families import titan
from axonflow_core.testing import codec_laws

if TYPE_CHECKING:
    from conftest import Environment

pytestmark = pytest.mark.thorough  # environments of their own, pip and processes

Ask: TypeAlias = Callable[..., "subprocess.CompletedProcess[str]"]
ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "docs" / "examples" / "axonflow-bedrock-pegasus"
PEGASUS = "us.twelvelabs.pegasus-1-2-v1:0"
QUESTION = "Who is in the video?"
ANSWER = f"Here speaks an emulated model of the pegasus family. You said: {QUESTION}\n"


def block(language: str) -> str:
    """The one block of that language in the package's README."""
    (found,) = re.findall(
        rf"^```{language}\n(.*?)^```", (PACKAGE / "README.md").read_text("utf-8"), re.M | re.S
    )
    return str(found)


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy, so that nothing is written into ours."""
    return Path(shutil.copytree(PACKAGE, tmp_path_factory.mktemp("third-party") / PACKAGE.name))


@pytest.fixture(scope="module")
def with_it(
    package: Path,
    environment_in: Callable[[Path], Environment],
    tmp_path_factory: pytest.TempPathFactory,
) -> Environment:
    environment = environment_in(tmp_path_factory.mktemp("with"))
    installed = environment.run("pip", "install", "-q", str(package), cwd=package)
    assert installed.returncode == 0, installed.stderr
    return environment


@pytest.fixture(scope="module")
def without_it(
    environment_in: Callable[[Path], Environment], tmp_path_factory: pytest.TempPathFactory
) -> Environment:
    """The control. The tester's own environment may have the package: then it is blocked here."""
    blocked = {"AXONFLOW_BLOCK_PLUGINS": "pegasus"}
    return evolve(environment_in(tmp_path_factory.mktemp("without")), settings=blocked)


@pytest.fixture(scope="module")
def emulated(
    with_it: Environment, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mapping[str, str]]:
    """The environment that points a program at the emulator of an account where the package is
    installed."""
    folder = tmp_path_factory.mktemp("emulator")
    command = [str(with_it.folder / "bin" / "axonflow"), "emulate", "bedrock"]
    with (
        (folder / "exports").open("w") as exports,
        subprocess.Popen(
            command,
            cwd=folder,
            env=with_it.variables(),
            stdout=exports,
            stderr=subprocess.PIPE,
            text=True,
        ) as server,
    ):
        try:
            assert server.stderr is not None
            assert "is emulated at" in server.stderr.readline()
            yield _exported((folder / "exports").read_text())
        finally:
            server.terminate()  # or leaving the block would wait for it


def _exported(lines: str) -> Mapping[str, str]:
    """The variables that `export NAME=value` lines set."""
    words = (line.removeprefix("export ").partition("=") for line in lines.splitlines())
    return {name: "".join(shlex.split(value)) for name, _, value in words}


@pytest.fixture
def ask(emulated: Mapping[str, str], tmp_path: Path) -> Ask:
    """`axonflow ask` in a folder with the YAML of the package's README, pointed at the emulator."""
    (tmp_path / "axonflow.yaml").write_text(block("yaml"))

    def run(environment: Environment, *arguments: str) -> subprocess.CompletedProcess[str]:
        return environment.run("axonflow", "ask", *arguments, QUESTION, cwd=tmp_path, more=emulated)

    return run


# ── found ─────────────────────────────────────────────────────────────────────────────────────────


def families(environment: Environment, folder: Path) -> dict[str, dict[str, object]]:
    listed = environment.run("axonflow", "codecs", "list", "--json", cwd=folder)
    assert listed.returncode == 0, listed.stderr
    return {row["family"]: row for row in json.loads(listed.stdout)}


def test_pip_is_all_it_takes_to_be_listed(
    with_it: Environment, without_it: Environment, tmp_path: Path
) -> None:
    found, control = families(with_it, tmp_path), families(without_it, tmp_path)

    assert found.keys() - control.keys() == {"pegasus"}
    assert (found["pegasus"]["distribution"], found["pegasus"]["version"]) == (
        "axonflow-bedrock-pegasus",
        "1.2.0",
    )
    assert found["pegasus"]["models"] == ["twelvelabs.pegasus"]


@pytest.mark.parametrize(("enabled", "state"), [("true", "loaded"), ("false", "available")])
def test_the_yaml_that_enables_the_provider_enables_the_family(
    with_it: Environment, tmp_path: Path, enabled: str, state: str
) -> None:
    (tmp_path / "axonflow.yaml").write_text(block("yaml").replace("true", enabled))

    rows = json.loads(with_it.run("axonflow", "plugins", "--json", cwd=tmp_path).stdout)

    assert [row["state"] for row in rows if row["name"] == "pegasus"] == [state]


# ── asked ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--no-stream",),
        ("-m", "twelvelabs.pegasus-1-2-v1:0"),
        ("-m", "eu.twelvelabs.pegasus-1-2-v1:0"),
    ],
)
def test_its_model_answers(ask: Ask, with_it: Environment, options: tuple[str, ...]) -> None:
    asked = ask(with_it, *options)

    assert (asked.returncode, asked.stdout, asked.stderr) == (0, ANSWER, "")


def test_a_limit_is_heeded_and_why_it_stopped_is_told(ask: Ask, with_it: Environment) -> None:
    answer = json.loads(ask(with_it, "--json", "--max-tokens", "4").stdout)

    assert (answer["text"], answer["stop_reason"]) == ("Here speaks an emulated", "max_tokens")


def test_what_it_does_not_support_is_refused_by_name(
    ask: Ask, with_it: Environment, tmp_path: Path
) -> None:
    (tmp_path / "axonflow.yaml").write_text(
        block("yaml").replace("config:\n", "config:\n      surface: invoke\n")
    )

    asked = ask(with_it, "--system", "Be brief.")  # left to choose, Converse would carry it

    assert asked.returncode == 2
    assert "error[unsupported]: pegasus does not support: system" in asked.stderr


def test_without_the_package_nobody_knows_the_family(
    ask: Ask, without_it: Environment, tmp_path: Path
) -> None:
    (tmp_path / "axonflow.yaml").write_text(
        block("yaml").replace("config:\n", "config:\n      surface: invoke\n")
    )

    asked = ask(without_it)  # left to choose, AxonFlow would ask through Converse

    assert asked.returncode == 2
    assert (
        "error[family_not_detected]: no model family is known for 'twelvelabs.pegasus-1-2-v1:0'"
        in asked.stderr
    )


# ── its author's side ─────────────────────────────────────────────────────────────────────────────


def test_its_own_tests_are_three_lines_that_hold_it_to_every_law(
    with_it: Environment, package: Path, few_examples: str
) -> None:
    (package / "conftest.py").write_text(few_examples)

    tested = with_it.run("pytest", "-v", cwd=package)

    (test,) = package.glob("tests/*.py")
    assert len([line for line in test.read_text().splitlines() if line]) == 3
    assert tested.returncode == 0, tested.stdout
    for law in codec_laws(titan.CODEC):
        assert f"pegasus: {law.name}] PASSED" in tested.stdout
    for side in (
        "as-json: request",
        "as-json: response",
        "describe: request",
        "describe: response",
        "describe: stream",
    ):
        assert f"pegasus: {side}] PASSED" in tested.stdout


def test_no_ordinary_mistake_in_it_would_go_unseen(with_it: Environment, tmp_path: Path) -> None:
    checked = with_it.run("axonflow", "plugins", "check", "pegasus", "--mutants", cwd=tmp_path)

    assert checked.returncode == 0, checked.stdout
    assert "not found" not in checked.stdout


def test_the_python_of_its_readme_makes_a_request_that_it_writes_as_documented(
    with_it: Environment, tmp_path: Path
) -> None:
    code = block("python") + (
        "from axonflow_bedrock_pegasus import CODEC\n"
        "from axonflow_core import ModelFacts\n"
        "print(sorted(CODEC.encode_request(request, ModelFacts())['mediaSource']['s3Location']))\n"
    )

    ran = with_it.run("python", "-c", code, cwd=tmp_path)

    assert (ran.stdout, ran.stderr) == ("['bucketOwner', 'uri']\n", "")
