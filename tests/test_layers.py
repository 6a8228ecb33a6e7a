"""The layers: a module imports only from rows below its own. The imports are read from the source, none is run."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CORE = ROOT / "axonflow_core"
PLUGINS = sorted(ROOT.glob("plugins/*/axonflow_*"))

ROWS: Mapping[str, int] = {
    "errors": 0,
    "values": 0,
    "messages": 1,
    "control_tokens": 2,
    "native": 2,
    "retrieval": 2,
    "spelling": 2,
    "stream": 2,
    "codec": 3,
    "dialects": 4,
    "exchanges": 4,
    "fitting": 4,
    "provider": 4,
    "registry": 4,
    "transport": 4,
    "hookspecs": 5,
    "serving": 5,
    "plugins": 6,
    "config": 7,
    "echo": 7,
    "runtime": 8,
    "cli": 11,
}
"""Unit of the core, a module or a package -> row."""
BESIDE: Mapping[str, int] = {"testing": ROWS["plugins"]}
"""What stands beside the rows: it imports what is below the row named, and only the command line imports it."""


def unit_of(path: Path) -> str:
    """The module or package of the core that a file belongs to."""
    return path.relative_to(CORE).parts[0].removesuffix(".py")


def imports_of(source: str, package: str) -> Iterator[str]:
    """Every module that `source` imports, wherever in it; `from . import x` counts as `package.x`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            module = ".".join([*base, *filter(None, [node.module])])
            yield from (f"{module}.{alias.name}" for alias in node.names)


def runtime_imports(path: Path) -> tuple[str, ...]:
    """What a file imports, with what stands under `if TYPE_CHECKING:` left out: that is no dependency."""
    distribution = ROOT if CORE in path.parents else ROOT.joinpath(*path.relative_to(ROOT).parts[:2])
    package = ".".join(path.relative_to(distribution).with_suffix("").parts[:-1])
    return tuple(imports_of(without_type_checking(path.read_text()), package))


def without_type_checking(source: str) -> str:
    class Drop(ast.NodeTransformer):
        def visit_If(self, node: ast.If) -> ast.AST:
            is_for_types = isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
            return ast.Pass() if is_for_types else self.generic_visit(node)

    return ast.unparse(ast.fix_missing_locations(Drop().visit(ast.parse(source))))


def climbs(unit: str, imports: Iterable[str]) -> list[str]:
    """The units of the core that `unit` may not import."""
    row = ROWS.get(unit, BESIDE.get(unit, -1))
    others = (name.split(".")[1] for name in imports if name.startswith("axonflow_core."))
    allowed = {other for other, its_row in ROWS.items() if its_row < row} | {unit}
    return [other for other in others if other not in allowed and not (unit == "cli" and other in BESIDE)]


CORE_FILES = sorted(path for path in CORE.rglob("*.py") if path != CORE / "__init__.py")


@pytest.mark.parametrize("path", CORE_FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_imports_only_from_rows_below_its_own(path: Path) -> None:
    assert unit_of(path) in {**ROWS, **BESIDE}, "give the new module a row"
    assert climbs(unit_of(path), runtime_imports(path)) == []


def test_a_module_that_climbs_is_caught() -> None:
    assert climbs("codec", imports_of("from axonflow_core.config import Config", "axonflow_core")) == ["config"]
    assert climbs("codec", imports_of("from .plugins import find_plugins", "axonflow_core")) == ["plugins"]
    assert climbs("codec", imports_of("def f():\n    import axonflow_core.runtime", "axonflow_core")) == ["runtime"]
    assert climbs("codec", imports_of("from axonflow_core import cli", "axonflow_core")) == ["cli"]


@pytest.mark.parametrize("package", [CORE, *PLUGINS], ids=lambda path: path.name)
def test_modules_of_one_package_import_each_other_without_a_cycle(package: Path) -> None:
    graph = {path: inner_imports(path, package) for path in package.rglob("*.py") if path.name != "__init__.py"}
    assert graph
    while leaves := {path for path, below in graph.items() if not below & graph.keys()}:
        graph = {path: below for path, below in graph.items() if path not in leaves}
    assert sorted(path.stem for path in graph) == []


def inner_imports(path: Path, package: Path) -> set[Path]:
    """The files of `package` that `path` imports as it is imported itself: what a function imports makes no cycle."""
    names = set()
    for name in module_level_imports(path):
        parts = name.split(".")
        stems = (parts, parts[:-1]) if parts[0] == package.name else ()
        names |= {package.parent.joinpath(*stem).with_suffix(".py") for stem in stems if len(stem) > 1}
    return names - {path}


def module_level_imports(path: Path) -> Iterator[str]:
    tree = ast.parse(without_type_checking(path.read_text()))
    statements: list[ast.stmt] = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    distribution = ROOT if CORE in path.parents else ROOT.joinpath(*path.relative_to(ROOT).parts[:2])
    package = ".".join(path.relative_to(distribution).with_suffix("").parts[:-1])
    return imports_of(ast.unparse(ast.Module(statements, [])), package)


CLOUDS = ("boto", "axonflow_bedrock", "axonflow_openai", "axonflow_anthropic", "axonflow_gemini", "axonflow_ollama")


@pytest.mark.parametrize("path", [*CORE_FILES, CORE / "__init__.py"], ids=lambda path: str(path.relative_to(ROOT)))
def test_the_core_names_no_plugin_and_imports_no_cloud(path: Path) -> None:
    assert [name for name in runtime_imports(path) if name.startswith(CLOUDS)] == []


FAMILIES = sorted(ROOT.glob("plugins/*/axonflow_*/families/**/*.py"))


@pytest.mark.parametrize("path", FAMILIES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_family_imports_the_core_alone(path: Path) -> None:
    plugin = path.relative_to(ROOT).parts[2]
    foreign = [name for name in runtime_imports(path) if name.startswith(("boto", "aiohttp"))]
    inner = [name for name in runtime_imports(path) if name.startswith(plugin)]
    assert foreign == []
    assert [name for name in inner if not name.startswith(f"{plugin}.families.")] == []
