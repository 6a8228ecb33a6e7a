"""A TOML file as a value of an attrs class.

The types of the fields say what stands in the file: a class is a table, a tuple or a frozenset a
list, a `Mapping` a table with keys of its own. A member that is left out has its default.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import attrs

from axonflow_core.converters import described
from axonflow_core.errors import AxonFlowError, PluginError
from axonflow_core.nearest import nearest

T = TypeVar("T")


def read_table(path: Path, kind: type[T]) -> T:
    """The file at `path` as a `kind`. `PluginError` names the file, and the member that is
    wrong."""
    import tomllib  # takes 3 ms, which only those who need a table spend

    file = name_of(path)
    try:
        native = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        hint = "the package is incomplete or changed: install it again"
        raise PluginError(f"{file} cannot be read: {error}", hint=hint) from None
    value: T = structured(native, kind, file)
    return value


def name_of(path: Path) -> str:
    """What errors call a file: `axonflow_acme/models.toml`."""
    return f"{path.parent.name}/{path.name}"


def structured(native: Any, kind: Any, place: str) -> Any:
    """`native`, as TOML has it, as a `kind`; `place` is where it stands, for errors.
    `PluginError`."""
    if kind is Any:
        return native
    origin, parts = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return structured(native, next(each for each in parts if each is not NoneType), place)
    if origin in (tuple, frozenset):
        items = enumerate(_plain(native, list, "a list", place))
        return origin([structured(item, parts[0], f"{place}: {n}") for n, item in items])
    if origin is Mapping:
        members = _plain(native, dict, "a table", place).items()
        return {key: structured(item, parts[1], f"{place}: {key}") for key, item in members}
    if attrs.has(kind):
        return _value(_plain(native, dict, "a table", place), kind, place)
    if issubclass(kind, StrEnum):
        return _one_of(kind, native, place)
    if kind is float and type(native) is int:
        return float(native)
    return _plain(native, kind, _NAMES[kind], place)


_NAMES: Mapping[type, str] = {
    str: "a text",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    date: "a date",
}


def _plain(native: Any, kind: type, name: str, place: str) -> Any:
    if type(native) is not kind:
        raise wrong(f"{place} is {name}, not {described(native)}")
    return native


def _one_of(kind: type[StrEnum], native: Any, place: str) -> StrEnum:
    try:
        return kind(native)
    except ValueError:
        raise wrong(f"{place} is none of {', '.join(kind)}") from None


def _value(members: dict[str, Any], kind: Any, place: str) -> Any:
    kinds = _kinds_of(kind)
    for name in members.keys() - kinds:
        meant = nearest(name, kinds)
        known = f"; there is `{meant}`" if meant else f", but {', '.join(kinds)}"
        raise wrong(f"{place} has no member `{name}`{known}")
    for each in attrs.fields(kind):
        if each.init and each.default is attrs.NOTHING and each.alias not in members:
            raise wrong(f"{place} lacks the member `{each.alias}`")
    given = {
        name: structured(item, kinds[name], f"{place}: {name}") for name, item in members.items()
    }
    try:
        return kind(**given)
    except AxonFlowError as error:  # of a converter
        raise wrong(f"{place}: {error}") from None


@cache
def _kinds_of(kind: Any) -> Mapping[str, Any]:
    """Member of a class -> its type."""
    hints, fields = get_type_hints(kind), attrs.fields(kind)
    return {str(each.alias): hints[each.name] for each in fields if each.init}


def wrong(message: str) -> PluginError:
    """The error of a table that is wrong."""
    return PluginError(message, hint="correct the table in the plugin's package")
