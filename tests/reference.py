"""The API reference, `docs/reference.md`, made from the source of the public names.

    python -m tests.reference > docs/reference.md

Signatures, annotations and defaults are the source's own words, read with `ast`. So the page is the
same for every version of Python, and no value of the machine that makes it can be in it. From the
classes themselves it takes only which fields they have, with those of their bases.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from importlib import import_module
from importlib.util import resolve_name
from itertools import pairwise
from typing import Any, TypeAlias

import attrs

import axonflow_core
from axonflow_core import testing

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef
Homes: TypeAlias = Mapping[str, str]
"""Public name -> the module that defines it, as an import of its own: `axonflow_core.runtime`."""

WIDTH = 88
HEAD = """\
# API reference

Every public name, made from the docstrings by `python -m tests.reference`. Change the docstring,
then make the page again; a test compares the two.

Import names from their package, whatever module defines them: `from axonflow_core import Runtime`,
`from axonflow_core.testing import FakeService`. Durations end in `_s` (seconds) or `_ms`, sizes in
`_bytes`; `timeout=` is in seconds. Errors are subclasses of `AxonFlowError`.
"""


def homes_of(package: Any) -> Homes:
    """The public names of a package that imports them from its modules when they are asked for."""
    return {name: f"axonflow_core.{package._HOMES[name]}" for name in package.__all__}


def page() -> str:
    """The whole of `docs/reference.md`."""
    parts = [HEAD]
    for package in (axonflow_core, testing):
        homes = homes_of(package)
        modules = sorted(set(homes.values()))
        parts += [f"## {package.__name__}\n", _contents(modules, homes)]
        for module in modules:
            names = [name for name in homes if homes[name] == module]
            parts += _module(package.__name__, module, names)
    return "\n".join(parts)


def _contents(modules: Sequence[str], homes: Homes) -> str:
    lines = ["| module | names |", "|---|---|"]
    for module in modules:
        links = " ".join(f"[{name}](#{name.lower()})" for name in homes if homes[name] == module)
        lines.append(f"| {module.partition('.')[2]} | {links} |")
    return "\n".join(lines) + "\n"


def _module(package: str, module: str, names: Sequence[str]) -> Iterator[str]:
    source = _Source(module)
    heading = module.partition(".")[2]
    yield f"### From `{heading}`\n"
    if summary := source.docstring.partition("\n\n")[0].strip():
        yield f"{summary}\n"
    for name in names:
        yield from source.entry(name)


# ── the source of one module ──────────────────────────────────────────────────────────────────────


class _Source:
    """The definitions of one module, by name."""

    def __init__(self, module: str) -> None:
        self.module = import_module(module)
        tree = ast.parse(inspect.getsource(self.module))
        self.docstring = ast.get_docstring(tree) or ""
        self._statements = _defined(tree.body)
        self._docstrings = attribute_docstrings(tree.body)
        self._imports = [node for node in tree.body if isinstance(node, ast.ImportFrom)]

    def entry(self, name: str) -> Iterator[str]:
        """What the page says of `name`. `LookupError` where the module does not define it."""
        statement = self._statements.get(name)
        if statement is None:
            yield from _Source(self._imported_from(name)).entry(name)
        elif isinstance(statement, ast.ClassDef):
            yield from _class(statement, getattr(self.module, name))
        elif isinstance(statement, Function):
            yield f"#### {name}\n"
            yield _code(signature_of(statement))
            yield from _paragraph(ast.get_docstring(statement))
        else:
            yield f"#### {name}\n"
            yield _code(_assigned(statement))
            yield from _paragraph(self._docstrings.get(name))

    def _imported_from(self, name: str) -> str:
        for statement in self._imports:
            if name in (alias.name for alias in statement.names):
                relative = "." * statement.level + (statement.module or "")
                return resolve_name(relative, self.module.__package__)
        raise LookupError(f"{self.module.__name__} does not define {name}")


def _defined(body: Sequence[ast.stmt]) -> dict[str, ast.stmt]:
    found: dict[str, ast.stmt] = {}
    for statement in body:
        match statement:
            case ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
                found[statement.name] = statement
            case ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]):
                found[name] = statement
    return found


def _assigned(statement: ast.stmt) -> str:
    """A constant or alias, one member of a union a line where it is long."""
    line = ast.unparse(statement)
    if len(line) <= WIDTH or " | " not in line:
        return line
    name, _, value = line.partition(" = ")
    members = value.replace(" | ", "\n    | ")
    return f"{name} = (\n    {members}\n)"


def attribute_docstrings(body: Sequence[ast.stmt]) -> dict[str, str]:
    """Name -> the string that follows its assignment."""
    found: dict[str, str] = {}
    for statement, follower in pairwise(body):
        match statement, follower:
            case (
                ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                found[name] = inspect.cleandoc(text)
    return found


# ── functions ─────────────────────────────────────────────────────────────────────────────────────


def signature_of(function: Function, *, owner: str = "") -> str:
    """`async complete(prompt: Prompt | None = None, …) -> Completion`, one parameter a line where
    it is long. A method of the class `owner` is without `self`."""
    prefix = "async " if isinstance(function, ast.AsyncFunctionDef) else ""
    decorators = {ast.unparse(decorator) for decorator in function.decorator_list}
    name = f"{owner}.{function.name}" if owner else function.name
    if decorators & {"property", "cached_property"}:
        return f"{name}{_returns(function, ': ')}"
    skips_first = (owner and "staticmethod" not in decorators) or "composite" in " ".join(
        decorators
    )
    parameters = _parameters(function.args)[1 if skips_first else 0 :]
    return prefix + _called(name, parameters) + _returns(function, " -> ")


def _called(name: str, parameters: Sequence[str]) -> str:
    line = f"{name}({', '.join(parameters)})"
    if len(line) <= WIDTH:
        return line
    return "\n".join([f"{name}(", *(f"    {parameter}," for parameter in parameters), ")"])


def _parameters(arguments: ast.arguments) -> list[str]:
    positional = [*arguments.posonlyargs, *arguments.args]
    missing: list[ast.expr | None] = [None] * (len(positional) - len(arguments.defaults))
    parts = [
        _parameter(argument, default)
        for argument, default in zip(positional, [*missing, *arguments.defaults], strict=True)
    ]
    if arguments.vararg:
        parts.append(f"*{_parameter(arguments.vararg)}")
    elif arguments.kwonlyargs:
        parts.append("*")
    parts += map(_parameter, arguments.kwonlyargs, arguments.kw_defaults)
    if arguments.kwarg:
        parts.append(f"**{_parameter(arguments.kwarg)}")
    return parts


def _parameter(argument: ast.arg, default: ast.expr | None = None) -> str:
    text = argument.arg
    if argument.annotation is not None:
        text += f": {_annotation(argument.annotation)}"
    return text if default is None else f"{text} = {ast.unparse(default)}"


def _returns(function: Function, arrow: str) -> str:
    return "" if function.returns is None else arrow + _annotation(function.returns)


def _annotation(node: ast.expr) -> str:
    is_quoted = isinstance(node, ast.Constant) and isinstance(node.value, str)
    return str(node.value) if is_quoted else ast.unparse(node)  # type: ignore[attr-defined]


# ── classes ───────────────────────────────────────────────────────────────────────────────────────


def _class(statement: ast.ClassDef, kind: type) -> Iterator[str]:
    yield f"#### {statement.name}\n"
    yield _code(_header(statement))
    yield from _paragraph(ast.get_docstring(statement))
    statements = [statement, *_private_bases(kind)]
    members = [line for each in reversed(statements) for line in _attributes(each, kind)]
    if members:
        yield "\n".join(members) + "\n"
    for function in _methods(statements):
        yield _code(signature_of(function, owner=statement.name))
        yield from _paragraph(ast.get_docstring(function))


def _private_bases(kind: type) -> Iterator[ast.ClassDef]:
    """The bases that no page of this project describes: what they define is their heirs' own."""
    public = {*axonflow_core.__all__, *testing.__all__}
    for base in kind.__mro__[1:]:
        if base.__module__.startswith("axonflow_") and base.__name__ not in public:
            yield from _class_statements(base)


def _class_statements(kind: type) -> Iterator[ast.ClassDef]:
    for statement in ast.parse(inspect.getsource(kind)).body:
        if isinstance(statement, ast.ClassDef):
            yield statement


def _methods(statements: Sequence[ast.ClassDef]) -> Iterator[Function]:
    """The public methods of a class and of its private bases, each once."""
    seen: set[str] = set()
    for statement in statements:
        for function in public_methods(statement):
            if function.name not in seen:
                yield function
            seen.add(function.name)


def _header(statement: ast.ClassDef) -> str:
    bases = [ast.unparse(base) for base in statement.bases]
    constructor = _defined(statement.body).get("__init__")
    header = f"class {statement.name}" + (f"({', '.join(bases)})" if bases else "")
    if isinstance(constructor, ast.FunctionDef) and not _takes_private(constructor):
        header += "\n" + _called(statement.name, _parameters(constructor.args)[1:])
    return header


def _takes_private(constructor: ast.FunctionDef) -> bool:
    """Whether only the package itself makes such objects."""
    return ": _" in ast.unparse(constructor.args)


def public_methods(statement: ast.ClassDef) -> Iterator[Function]:
    """The methods and properties that a class defines itself, in order; of overloads the last."""
    for name, member in _defined(statement.body).items():
        if isinstance(member, Function) and not name.startswith("_"):
            yield member


def _attributes(statement: ast.ClassDef, kind: type) -> Iterator[str]:
    """One line for each field, class attribute or member of an Enum."""
    docstrings = attribute_docstrings(statement.body)
    fields = attrs.fields_dict(kind) if attrs.has(kind) else {}
    for name, node in _defined(statement.body).items():
        is_given = not name.startswith("_") or (name in fields and fields[name].init)
        if isinstance(node, ast.AnnAssign | ast.Assign) and is_given:
            text = f"- `{_attribute(name.lstrip('_'), node, fields.get(name), kind)}`"
            described = " ".join(docstrings.get(name, "").split())
            yield f"{text}: {described}" if described else text


def _attribute(name: str, node: ast.stmt, field: Any, kind: type) -> str:
    if isinstance(node, ast.Assign):
        is_member = issubclass(kind, Enum)
        return ast.unparse(node) if is_member or len(ast.unparse(node)) <= WIDTH else f"{name} = …"
    assert isinstance(node, ast.AnnAssign)
    text = f"{name}: {_annotation(node.annotation)}"
    default = _default(node.value, field)
    return text if default is None else f"{text} = {default}"


def _default(value: ast.expr | None, field: Any) -> str | None:
    """A default in the source's words. Of a function that makes the field, `hidden(…)`, only what
    is plain in the field itself: nothing, no members, None."""
    match value:
        case None:
            return None
        case ast.Call(func=ast.Name(id=maker), keywords=keywords) if field and makes_field(maker):
            given = {keyword.arg: ast.unparse(keyword.value) for keyword in keywords}
            if "factory" in given:
                return f"{given['factory']}()"
            return _short(given["default"]) if "default" in given else _plain(field.default)
        case _:
            return _short(ast.unparse(value))


def makes_field(name: str) -> bool:
    """Whether a function of this name makes an attrs field, and no value of its own."""
    return name == "field" or name == "hidden" or name.endswith("_field")


def _short(source: str) -> str:
    source = {"EMPTY": "{}", "frozenset()": "{}"}.get(source, source)
    return "…" if source.startswith("lambda") or len(source) > WIDTH else source


def _plain(default: Any) -> str | None:
    if default is attrs.NOTHING:
        return None
    return "{}" if default == {} else "None" if default is None else "…"


# ── Markdown ──────────────────────────────────────────────────────────────────────────────────────


def _code(text: str) -> str:
    return f"```text\n{text}\n```\n"


def _paragraph(docstring: str | None) -> Iterator[str]:
    if docstring:
        yield f"{docstring}\n"


if __name__ == "__main__":
    sys.stdout.write(page())
