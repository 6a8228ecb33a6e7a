"""Prose that must hold: public names have docstrings worth their place, lines fit a window, and the
page of the architecture draws the layers that are tested.

Read from the source: nothing is imported.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import chain, pairwise
from pathlib import Path

from axonflow_core import _HOMES, testing

from .test_layers import ROWS

ROOT = Path(__file__).parent.parent
CORE = ROOT / "axonflow_core"
PACKAGES = (CORE, *sorted(ROOT.glob("plugins/*/axonflow_*")))
FILES = sorted(path for package in PACKAGES for path in package.rglob("*.py"))
WIDTH = 100
HEIRS = ("RoutedProvider", "UnaryCodec")
"""Classes that exported ones inherit public methods from."""

Documented = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def definitions(source: str) -> Mapping[str, ast.stmt]:
    """Name -> the statement that defines it, for everything that a module defines itself."""
    return definitions_in(ast.parse(source).body)


def definitions_in(body: Iterable[ast.stmt]) -> Mapping[str, ast.stmt]:
    """As `definitions`, of a module's or a class's body."""
    found: dict[str, ast.stmt] = {}
    for statement in body:
        match statement:
            case ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
                found[statement.name] = statement
            case ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]):
                found[name] = statement
    return found


def undocumented(source: str) -> Iterator[str]:
    """The public classes and functions without a docstring. The implementation of a hook has its
    contract in `hookspecs` and needs none."""
    for name, statement in definitions(source).items():
        is_hook = name.startswith("axonflow_register_")
        if isinstance(statement, Documented) and not name.startswith("_") and not is_hook:
            if not ast.get_docstring(statement):
                yield name
            elif restates_signature(statement):
                yield f"{name}: the docstring restates the signature"


def exported_from(path: Path) -> Collection[str]:
    """The public names that a module may define: those of its own home, and of the packages that it
    is in."""
    module = ".".join(path.relative_to(CORE).with_suffix("").parts)
    homes = {**_HOMES, **testing._HOMES}
    return [name for name, home in homes.items() if f"{module}.".startswith(f"{home}.")]


def undocumented_methods(source: str, exported: Collection[str]) -> Iterator[str]:
    """The public methods and properties of exported classes that have no docstring worth reading.
    A setter or an overload needs none of its own."""
    for name, statement in definitions(source).items():
        if name in exported and isinstance(statement, ast.ClassDef):
            for method, found in definitions_in(statement.body).items():
                is_function = isinstance(found, ast.FunctionDef | ast.AsyncFunctionDef)
                is_public = is_function and not method.startswith("_")
                if is_public and (not ast.get_docstring(found) or restates_signature(found)):
                    yield f"{name}.{method}"


def restates_signature(statement: Documented) -> bool:
    """Whether the docstring is the name in words, or what a dataclass would generate."""
    docstring = ast.get_docstring(statement) or ""
    words = re.sub(r"[^a-z]", "", docstring.lower())
    return docstring.startswith(f"{statement.name}(") or words == statement.name.lower().replace(
        "_", ""
    )


def described_constants(body: Iterable[ast.stmt]) -> Iterator[str]:
    """The names of a module's constants and aliases that a docstring follows."""
    for statement, follower in pairwise(body):
        is_docstring = isinstance(follower, ast.Expr) and isinstance(follower.value, ast.Constant)
        match statement:
            case ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]):
                if is_docstring:
                    yield name


def test_a_public_class_or_function_has_a_docstring() -> None:
    found = {str(path.relative_to(ROOT)): [*undocumented(path.read_text())] for path in FILES}
    assert len(found) > 300
    assert {path: names for path, names in found.items() if names} == {}


def test_a_method_of_an_exported_class_has_a_docstring() -> None:
    found = {
        str(path.relative_to(CORE)): [
            *undocumented_methods(path.read_text(), {*exported_from(path), *HEIRS})
        ]
        for path in CORE.rglob("*.py")
    }
    assert {path: names for path, names in found.items() if names} == {}


def test_an_undocumented_method_of_an_exported_class_is_caught() -> None:
    source = (
        "class Thing:\n  def open(self): ...\n  def _own(self): ...\nclass Own:\n  def a(self): ..."
    )

    assert list(undocumented_methods(source, {"Thing"})) == ["Thing.open"]


def test_a_missing_and_an_empty_docstring_are_caught() -> None:
    assert list(undocumented("class Thing:\n    x = 1\ndef _own(): ...")) == ["Thing"]
    assert list(undocumented('def read_it():\n    """Read it."""')) == [
        "read_it: the docstring restates the signature"
    ]
    assert list(undocumented('def read():\n    """The text of stdin."""')) == []


def test_an_exported_constant_or_alias_has_a_docstring() -> None:
    bodies = [ast.parse(path.read_text()).body for path in CORE.rglob("*.py")]
    defined = {name: node for body in bodies for name, node in definitions_in(body).items()}
    described = {name for body in bodies for name in described_constants(body)}
    constants = {name for name in _HOMES if not isinstance(defined[name], Documented)}
    assert constants
    assert sorted(constants - described) == []


# ── the width of a line ───────────────────────────────────────────────────────────────────────────
# ruff's E501 passes over what cannot be broken at a space and over the ends of lines that are
# `noqa` or `type: ignore`, and reads Python only.


def sources() -> Iterator[Path]:
    """The files of this project that are code: Python, shell, settings, templates, documents."""
    folders = ("axonflow_core", "plugins", "tests", "docs")
    inside = (path for folder in folders for path in ROOT.glob(f"{folder}/**/*"))
    for path in chain(ROOT.glob("*.*"), ROOT.glob(".ci/*"), inside):
        parts = path.relative_to(ROOT).parts[:-1]
        is_made = any(part in ("build", "dist") or part.startswith(".") for part in parts[1:])
        is_code = path.suffix in (".py", ".pyi", ".toml", ".tmpl", ".md") or ".ci" in parts
        if path.is_file() and is_code and not is_made:
            yield path


def code_of(path: Path) -> Iterator[tuple[int, str]]:
    """The numbered lines of a file; of a document, those of its blocks of code. Blocks that show
    output or JSON, and prose, are as wide as what they show."""
    fence = ""
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        if path.suffix == ".md" and line.lstrip().startswith("```"):
            fence = "" if fence else line.strip("` ").partition(" ")[0] or "text"
        elif path.suffix != ".md" or fence in ("python", "sh", "yaml", "toml", "text"):
            yield number, line


def too_wide(path: Path) -> list[int]:
    return [number for number, line in code_of(path) if len(line) > WIDTH]


def test_a_line_of_code_has_at_most_100_columns() -> None:
    files = list(sources())

    assert {path.suffix for path in files} >= {".py", ".toml", ".tmpl", ".md", ""}
    assert {str(path.relative_to(ROOT)): found for path in files if (found := too_wide(path))} == {}


def test_a_line_that_is_too_wide_is_caught(tmp_path: Path) -> None:
    wide = "x" * (WIDTH + 1)
    (tmp_path / "a.py").write_text(f"short\n{wide}  # noqa: E501\n")
    (tmp_path / "a.md").write_text(
        f"{wide}\n```python\n{wide}\n```\n```json\n{wide}\n```\n{wide}\n"
    )

    assert (too_wide(tmp_path / "a.py"), too_wide(tmp_path / "a.md")) == ([2], [3])


def test_the_page_of_the_architecture_has_the_layers_of_the_test() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    rows = re.findall(r"^ ?([\d.]+) ([a-z_., ]+)$", page, re.M)
    assert {unit: float(row) for row, units in rows for unit in units.split(", ")} == ROWS
