"""`axonflow plugins new`: the packages that it writes pass their own tests, lint, format and types
before anybody has changed a line."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from subprocess import CompletedProcess
from typing import TYPE_CHECKING

import pytest
from attrs import frozen

from axonflow_core.cli import scaffold
from axonflow_core.codec import Feature, features

if TYPE_CHECKING:
    from conftest import Environment

Run = Callable[..., "CompletedProcess[str]"]

ROOT = Path(__file__).parents[1]
LONGEST = "abcdefghijklmnopqrst-abcdefghijklmnopqrs-abcdefghijklmnopqrs"


@frozen
class Kind:
    """What is asked for, the package that it becomes, and how many tests that has."""

    arguments: tuple[str, ...]
    package: str
    tests: int
    golden: str | None = None
    tables: tuple[str, ...] = ()

    def __str__(self) -> str:
        return " ".join(self.arguments)


KINDS = (
    Kind(("codec",), "axonflow-bedrock-{}", 24, "hello"),
    Kind(("codec", "--chat"), "axonflow-bedrock-{}", 24, "conversation"),
    Kind(("provider",), "axonflow-provider-{}", 18, tables=("errors.toml",)),
)
every_kind = pytest.mark.parametrize("kind", KINDS, ids=str)


@pytest.fixture
def run(fresh_environment: Environment, tmp_path: Path) -> Run:
    """A command that has to go well, in a folder of its own."""

    def execute(*command: str, cwd: Path = tmp_path) -> CompletedProcess[str]:
        finished = fresh_environment.run(*command, cwd=cwd)
        assert finished.returncode == 0, finished.stdout + finished.stderr
        return finished

    return execute


def written(run: Run, folder: Path, kind: Kind, name: str = "grey-parrot") -> Path:
    """The folder of a new package of that kind."""
    package = f"mine/{kind.package.format(name)}"
    made = run("axonflow", "plugins", "new", *kind.arguments, name, "--into", "mine")
    assert made.stdout == f"{package}\n"
    return folder / package


@pytest.mark.thorough
@every_kind
def test_a_package_is_small_and_complete(kind: Kind, run: Run, tmp_path: Path) -> None:
    package = written(run, tmp_path, kind)

    files = sorted(str(path.relative_to(package)) for path in package.rglob("*") if path.is_file())
    module = package.name.replace("-", "_")
    assert files == [
        "README.md",
        f"{module}/__init__.py",
        *(f"{module}/{table}" for table in kind.tables),
        f"{module}/py.typed",
        "pyproject.toml",
        *([f"tests/golden/{kind.golden}.json"] if kind.golden else []),
        "tests/test_grey_parrot.py",
    ]


@pytest.mark.thorough
@every_kind
def test_a_package_is_installed_and_passes_its_own_tests(
    kind: Kind, run: Run, tmp_path: Path, few_examples: str
) -> None:
    package = written(run, tmp_path, kind)
    run("pip", "install", "-e", str(package))
    (package / "conftest.py").write_text(few_examples)

    tested = run("pytest", "-q", cwd=package)

    assert f"{kind.tests} passed" in tested.stdout
    assert tested.stderr == ""


@pytest.mark.thorough
@every_kind
@pytest.mark.parametrize("name", ["x", LONGEST], ids=["short", "long"])
def test_a_package_passes_lint_format_and_types_whatever_its_name(
    kind: Kind, name: str, run: Run, tmp_path: Path
) -> None:
    commands = (("ruff", "check"), ("ruff", "format", "--check"), ("mypy", ".", "--strict"))
    for command in commands:
        if find_spec(command[0]) is None:
            pytest.skip(f"{command[0]} is not installed here")
    package = written(run, tmp_path, kind, name)

    for command in commands:
        run("python", "-m", *command, cwd=package)


@pytest.mark.thorough
def test_a_new_provider_is_enabled_by_the_yaml_of_its_readme(run: Run, tmp_path: Path) -> None:
    package = written(run, tmp_path, KINDS[-1])
    run("pip", "install", "-e", str(package))
    (block,) = re.findall(r"^```yaml\n(.*?)^```", (package / "README.md").read_text(), re.M | re.S)
    (tmp_path / "axonflow.yaml").write_text(block.replace("${GREY_PARROT_API_KEY}", "a-key"))

    listed = run("axonflow", "plugins", "--config", "axonflow.yaml", "--json")

    assert "${GREY_PARROT_API_KEY}" in block
    states = {row["name"]: row["state"] for row in json.loads(listed.stdout)}
    assert (states["grey-parrot"], states["echo"]) == ("loaded", "available")


def test_the_templates_are_part_of_the_installed_core() -> None:
    pytest.importorskip("hatchling")
    from hatchling.builders.wheel import WheelBuilder

    included = {file.distribution_path for file in WheelBuilder(str(ROOT)).recurse_included_files()}

    templates = {str(path.relative_to(ROOT)) for path in (ROOT / "axonflow_core").rglob("*.tmpl")}
    assert templates <= included


def test_every_template_is_written_by_a_kind_of_package() -> None:
    folder = ROOT / "axonflow_core" / "cli" / "templates"

    found = {str(path.relative_to(folder)).removesuffix(".tmpl") for path in folder.rglob("*.tmpl")}
    used = {
        source
        for template in (scaffold.CODEC, scaffold.CHAT_CODEC, scaffold.PROVIDER)
        for source in template.files
    }
    assert found == used


# ── what is refused ───────────────────────────────────────────────────────────────────────────────


def refused(environment: Environment, folder: Path, *arguments: str) -> str:
    finished = environment.run("axonflow", "plugins", "new", *arguments, cwd=folder)
    assert finished.returncode != 0
    assert finished.stdout == ""
    return finished.stderr


@pytest.mark.thorough
@pytest.mark.parametrize(("noun", "kind"), [("family", "codec"), ("provider", "provider")])
def test_what_is_no_name_is_refused_and_nothing_is_written(
    noun: str, kind: str, fresh_environment: Environment, tmp_path: Path
) -> None:
    (tmp_path / "here").mkdir()

    for name in ("Parrot", "7up", "a_b", "../up", "a--b", "", "é", "a-b-c-d", "x" * 40):
        message = refused(fresh_environment, tmp_path / "here", kind, "--", name)

        assert f"{name!r} is not a valid name for a {noun}" in message
    assert list((tmp_path / "here").iterdir()) == []


@pytest.mark.thorough
@every_kind
def test_a_folder_that_is_there_is_left_as_it_is(
    kind: Kind, fresh_environment: Environment, tmp_path: Path
) -> None:
    mine = tmp_path / kind.package.format("parrot")
    mine.mkdir()
    (mine / "README.md").write_text("mine")

    message = refused(fresh_environment, tmp_path, *kind.arguments, "parrot")

    assert "already exists and is not overwritten" in message
    assert [path.read_text() for path in mine.iterdir()] == ["mine"]


@pytest.mark.thorough
def test_a_provider_that_is_installed_is_not_offered_twice(
    fresh_environment: Environment, tmp_path: Path
) -> None:
    message = refused(fresh_environment, tmp_path, "provider", "echo")

    assert "a provider echo is already installed by axonflow-core" in message
    assert not (tmp_path / "axonflow-provider-echo").exists()


# ── what the documents say of features ────────────────────────────────────────────────────────────


def explained_features() -> Mapping[str, str]:
    """Member of `Feature` -> the docstring below it."""
    (found,) = (
        node
        for node in ast.parse(Path(features.__file__).read_text("utf-8")).body
        if isinstance(node, ast.ClassDef) and node.name == "Feature"
    )
    explained = {}
    for member, docstring in zip(found.body, found.body[1:], strict=False):
        if isinstance(member, ast.Assign) and isinstance(docstring, ast.Expr):
            name, text = member.targets[0], docstring.value
            assert isinstance(name, ast.Name) and isinstance(text, ast.Constant)
            explained[name.id] = str(text.value)
    return explained


def test_every_feature_is_explained_where_it_is_defined() -> None:
    assert list(explained_features()) == [feature.name for feature in Feature]


def test_the_page_on_codecs_explains_every_feature_in_the_same_words() -> None:
    page = (ROOT / "docs" / "writing-a-codec.md").read_text("utf-8")

    rows = re.findall(r"^\| `([A-Z_]+)` \| (.*) \|$", page, re.M)

    assert dict(rows) == explained_features()
