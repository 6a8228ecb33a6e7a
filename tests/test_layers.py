"""The layers: a module imports only from rows below its own. The imports are read from the source,
none is run."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CORE = ROOT / "axonflow_core"
PLUGINS = sorted(ROOT.glob("plugins/*/axonflow_*"))

ROWS: Mapping[str, float] = {
    "errors": 0,
    "json_text": 0,
    "nearest": 0,
    "waiting": 0,
    "frozen": 1,
    "statements": 1,
    "converters": 1.5,
    "media": 1.5,
    "messages": 2,
    "budgets.terms": 1.5,
    "plans.terms": 1.5,
    "policy.patterns": 2,
    "policy.rules": 3,
    "policy.terms": 3.5,
    "policy.policies": 9.7,
    "retrieval": 3,
    "stream": 3,
    "audit.record": 3.5,
    "json": 3.5,
    "keys": 3.5,
    "texts": 3.5,
    "codec": 4,
    "audit": 5,
    "framing": 4,
    "http": 4,
    "provider": 4,
    "dialects": 5,
    "fitting": 5,
    "output_types": 5,
    "policy": 5,
    "recordings": 5,
    "asking": 6,
    "calls": 6,
    "plugin_spec": 5,
    "tables": 5.5,
    "endpoint": 8,
    "hookspecs": 8,
    "routing": 8,
    "plugins": 9,
    "detector_plugins": 9.5,
    "config": 10,
    "echo": 10,
    "emulator": 11,
    "budgets": 10.5,
    "governance": 11,
    "modes": 12,
    "plans": 12,
    "runtime": 13,
    "blocking": 14,
    "server": 14,
    "cli": 15,
}
"""Unit of the core, a module or a package -> row. The longest prefix of a module's name decides."""
NEXT_TO: Mapping[str, int] = {"testing": 14}
"""Stands next to the rows: it imports what is below the row named, and only `cli` imports it."""


def unit_of(module: str) -> str | None:
    """The unit that a module of the core belongs to, by its name below `axonflow_core`."""
    parts = module.split(".")
    prefixes = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
    return next((prefix for prefix in prefixes if prefix in ROWS or prefix in NEXT_TO), None)


def module_of(path: Path) -> str:
    """A file's module, by its name below `axonflow_core`."""
    return ".".join(path.relative_to(CORE).with_suffix("").parts).removesuffix(".__init__")


def imports_of(source: str, package: str) -> Iterator[str]:
    """Every module that `source` imports as it runs, wherever in it; `from . import x` counts as
    `package.x`."""
    return imports_among(statements(ast.parse(source).body), package)


def statements(body: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """All statements in and below `body`, without what stands under `if TYPE_CHECKING:`: that is no
    dependency."""
    for statement in body:
        if not is_for_types(statement):
            yield statement
            for part in ("body", "orelse", "handlers", "finalbody", "cases"):
                yield from statements(getattr(statement, part, ()))


def is_for_types(statement: ast.AST) -> bool:
    test = statement.test if isinstance(statement, ast.If) else None
    return isinstance(test, ast.Name) and test.id == "TYPE_CHECKING"


def imports_among(nodes: Iterable[ast.AST], package: str) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = (
                package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            )
            module = ".".join([*base, *filter(None, [node.module])])
            yield from (f"{module}.{alias.name}" for alias in node.names)


@cache
def runtime_imports(path: Path) -> tuple[str, ...]:
    """What a file imports as it runs."""
    return tuple(imports_of(path.read_text(), package_of(path)))


def package_of(path: Path) -> str:
    """The package that a file is in."""
    distribution = (
        ROOT if CORE in path.parents else ROOT.joinpath(*path.relative_to(ROOT).parts[:2])
    )
    return ".".join(path.relative_to(distribution).with_suffix("").parts[:-1])


def climbs(unit: str | None, imports: Iterable[str]) -> list[str]:
    """The modules of the core that `unit` may not import."""
    row = {**ROWS, **NEXT_TO}.get(unit or "", -1)
    names = (
        name.removeprefix("axonflow_core.") for name in imports if name.startswith("axonflow_core.")
    )
    return [name for name in names if not _may_import(unit, row, unit_of(name))]


def _may_import(unit: str | None, row: int, other: str | None) -> bool:
    if other in NEXT_TO:
        return unit in {other, "cli"}
    return other is None or other == unit or ROWS[other] < row


CORE_FILES = sorted(path for path in CORE.rglob("*.py") if path != CORE / "__init__.py")


def test_a_module_imports_only_from_rows_below_its_own() -> None:
    units = {path: unit_of(module_of(path)) for path in CORE_FILES}
    assert [path for path, unit in units.items() if unit is None] == [], "give it a row"
    found = {path: climbs(unit, runtime_imports(path)) for path, unit in units.items()}
    assert {path: names for path, names in found.items() if names} == {}


def test_a_module_that_climbs_is_caught() -> None:
    assert climbs(
        "codec", imports_of("from axonflow_core.config import Config", "axonflow_core")
    ) == ["config.Config"]
    assert climbs("codec", imports_of("from .plugins import find_plugins", "axonflow_core")) == [
        "plugins.find_plugins"
    ]
    assert climbs(
        "codec", imports_of("def f():\n    import axonflow_core.runtime", "axonflow_core")
    ) == ["runtime"]
    assert climbs("codec", imports_of("from axonflow_core import cli", "axonflow_core")) == ["cli"]


@pytest.mark.parametrize("package", [CORE, *PLUGINS], ids=lambda path: path.name)
def test_modules_of_one_package_import_each_other_without_a_cycle(package: Path) -> None:
    graph = {
        path: inner_imports(path, package)
        for path in package.rglob("*.py")
        if path.name != "__init__.py"
    }
    assert graph
    while leaves := {path for path, below in graph.items() if not below & graph.keys()}:
        graph = {path: below for path, below in graph.items() if path not in leaves}
    assert sorted(path.stem for path in graph) == []


def inner_imports(path: Path, package: Path) -> set[Path]:
    """The files of `package` that `path` imports as it is imported itself: what a function imports
    makes no cycle."""
    names = set()
    for name in module_level_imports(path):
        parts = name.split(".")
        stems = (parts, parts[:-1]) if parts[0] == package.name else ()
        names |= {
            package.parent.joinpath(*stem).with_suffix(".py") for stem in stems if len(stem) > 1
        }
    return names - {path}


def module_level_imports(path: Path) -> Iterator[str]:
    body = ast.parse(path.read_text()).body
    return imports_among((each for each in body if not is_for_types(each)), package_of(path))


CLOUDS = (
    "boto",
    "axonflow_bedrock",
    "axonflow_openai",
    "axonflow_anthropic",
    "axonflow_gemini",
    "axonflow_ollama",
)


def test_the_core_names_no_plugin_and_imports_no_cloud() -> None:
    imported = [
        (path, name)
        for path in (*CORE_FILES, CORE / "__init__.py")
        for name in runtime_imports(path)
    ]
    assert imported
    assert [(path, name) for path, name in imported if name.startswith(CLOUDS)] == []


PURE = ("families", "shapes", "converse", "retrieval")
"""Folders of a plugin that hold codecs and what codecs share."""
CODECS = sorted(
    path for folder in PURE for path in ROOT.glob(f"plugins/*/axonflow_*/{folder}/**/*.py")
)


@pytest.mark.parametrize("path", CODECS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_codec_imports_the_core_and_shared_shapes_alone(path: Path) -> None:
    """Neither a network or cloud library, nor another family."""
    plugin, folder, unit = path.relative_to(ROOT).with_suffix("").parts[2:5]
    own = (
        f"{plugin}.{folder}." if folder != "families" else f"{plugin}.families.{unit}.",
        f"{plugin}.shapes.",
    )
    imported = runtime_imports(path)
    assert [name for name in imported if name.startswith(("boto", "httptools"))] == []
    assert [name for name in imported if name.startswith(plugin) and not name.startswith(own)] == []
