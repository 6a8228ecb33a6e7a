"""Prose that must hold: public names have docstrings worth their place, and the page of the
architecture draws the layers that are tested.

Read from the source: nothing is imported.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from axonflow_core import _HOMES

from .test_layers import ROWS

ROOT = Path(__file__).parent.parent
CORE = ROOT / "axonflow_core"
BEDROCK = ROOT / "plugins" / "axonflow-bedrock" / "axonflow_bedrock"
DOCUMENTED = (
    *(CORE / name for name in ("cli", "config", "http", "recordings")),
    *(CORE / f"{name}.py" for name in ("plugins", "hookspecs", "echo")),
    *(BEDROCK / name for name in ("aws", "models")),
    *(BEDROCK / f"{name}.py" for name in ("config", "explain", "recorded", "pytest_plugin")),
)
"""Where every public class and function of a module has a docstring."""
FILES = sorted(
    path for place in DOCUMENTED for path in (place.rglob("*.py") if place.is_dir() else [place])
)

Documented = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def definitions(source: str) -> Mapping[str, ast.stmt]:
    """Name -> the statement that defines it, for everything that a module defines itself."""
    found: dict[str, ast.stmt] = {}
    for statement in ast.parse(source).body:
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


def restates_signature(statement: Documented) -> bool:
    """Whether the docstring is the name in words, or what a dataclass would generate."""
    docstring = ast.get_docstring(statement) or ""
    words = re.sub(r"[^a-z]", "", docstring.lower())
    return docstring.startswith(f"{statement.name}(") or words == statement.name.lower().replace(
        "_", ""
    )


def home_of(name: str) -> Path:
    """The file that defines an exported name: that of its module, or of the package's module."""
    module = CORE.joinpath(*_HOMES[name].split("."))
    files = sorted(module.glob("*.py")) if module.is_dir() else [module.with_suffix(".py")]
    return next(file for file in files if name in definitions(file.read_text()))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_public_class_or_function_has_a_docstring(path: Path) -> None:
    assert list(undocumented(path.read_text())) == []


def test_a_missing_and_an_empty_docstring_are_caught() -> None:
    assert list(undocumented("class Thing:\n    x = 1\ndef _own(): ...")) == ["Thing"]
    assert list(undocumented('def read_it():\n    """Read it."""')) == [
        "read_it: the docstring restates the signature"
    ]
    assert list(undocumented('def read():\n    """The text of stdin."""')) == []


def test_every_exported_name_has_a_home_that_is_read() -> None:
    assert all(home_of(name).is_file() for name in _HOMES)


def test_the_page_of_the_architecture_has_the_layers_of_the_test() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    rows = re.findall(r"^ ?(\d+) ([a-z_, ]+)$", page, re.M)
    assert {unit: int(row) for row, units in rows for unit in units.split(", ")} == ROWS
