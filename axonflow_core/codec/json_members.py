"""Native JSON, taken apart and put together: the helpers that every codec needs.

The checks (`string`, `array`, …) raise `UnexpectedKind`, whose text a codec's guard puts into the
error of its role. They never quote the value, which may be a user's text.

An answer is billed, so a fact or count of it that fits nowhere loses nothing else: `apart` tells
what a value takes from the rest, which belongs into `extra`. It is for the case that the value has
refused its fields, so that an answer as documented pays nothing for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from axonflow_core.frozen import Unfit
from axonflow_core.messages import EMPTY, Json


class UnexpectedKind(TypeError):
    """A member is of another kind of JSON than its documents say, or there is none. Its text names
    the documented kind and quotes nothing of the body."""


def unknown_members(native: Mapping[str, Json], known: frozenset[str]) -> Mapping[str, Json]:
    """The members of `native` whose keys are not `known`: the `extra` of that level. EMPTY, without
    a copy, where there are none, as in nearly every call."""
    if native.keys() <= known:
        return EMPTY
    return {key: value for key, value in native.items() if key not in known}


def prefixed(level: str, members: Mapping[str, Json]) -> dict[str, Json]:
    """`members` of an inner object, named so that they can stand in the `extra` of the outer one:
    `level.key`."""
    return {f"{level}.{key}": value for key, value in members.items()}


def split_prefixed(extra: Mapping[str, Json], *levels: str) -> tuple[dict[str, Json], ...]:
    """`extra` taken apart again: what is its own, then what stood under each of `levels`."""
    own: dict[str, Json] = {}
    inner: dict[str, dict[str, Json]] = {level: {} for level in levels}
    for key, value in extra.items():
        level, dot, name = key.partition(".")
        (inner[level] if dot and level in inner else own)[
            name if dot and level in inner else key
        ] = value
    return own, *inner.values()


def without_none(members: Mapping[str, Json]) -> dict[str, Json]:
    """The members that are set."""
    return {key: value for key, value in members.items() if value is not None}


def set_members(native: Mapping[str, Json]) -> Mapping[str, Json]:
    """A union without the members that are null, which clients that fill in every member write next
    to the one that is set. One member alone, as in nearly every call, is not copied; if every
    member is null, all are kept."""
    if len(native) < 2 or None not in native.values():
        return native
    return without_none(native) or native


def apart(kind: type[Any], named: Mapping[str, Json]) -> tuple[dict[str, Json], Mapping[str, Json]]:
    """The fields `named` of a value of `kind`, as far as each takes what is given, and the others:
    a negative count, a text for a number.

        apart(Usage, {"input_tokens": 5, "output_tokens": -1})
        == {"input_tokens": 5}, {"output_tokens": -1}
    """
    converters = {each.name: each.converter for each in attrs.fields(kind)}
    fit: dict[str, Json] = {}
    misfit: dict[str, Json] = {}
    for name, value in named.items():
        (fit if _takes(converters[name], value) else misfit)[name] = value
    return fit, misfit


def _takes(converter: Any, value: Json) -> bool:
    """Whether a field with this converter takes `value`."""
    try:
        converter(value)
    except Unfit:
        return False
    return True


def mapping_or_empty(value: Json) -> Mapping[str, Json]:
    """`value` where it is an object, else an empty one."""
    return value if isinstance(value, dict) else EMPTY


def string(value: Json) -> str:
    """`value`, which the family documents as a string; `UnexpectedKind` where it is none."""
    if not isinstance(value, str):
        raise UnexpectedKind("a string was expected")
    return value


def text_of(value: Json) -> str:
    """`value`, a string that may be null, which says the same as an empty one; `UnexpectedKind`
    for anything else."""
    return "" if value is None else string(value)


def arguments_of(value: Json) -> Json:
    """`value`, the arguments of a tool call; where they are null or absent, the tool takes none."""
    return {} if value is None else value


def array(value: Json) -> list[Json]:
    """`value`, which the family documents as a list; `UnexpectedKind` where it is none."""
    if not isinstance(value, list):
        raise UnexpectedKind("a list was expected")
    return value


def integer(value: Json) -> int:
    """`value`, which the family documents as a whole number; `UnexpectedKind` where it is none, a
    bool included."""
    if type(value) is not int:
        raise UnexpectedKind("a whole number was expected")
    return value


def numbers(value: Json) -> tuple[float, ...]:
    """`value`, which the family documents as a list of numbers; `UnexpectedKind` where it is
    none."""
    if not {*map(type, array(value))} <= {int, float}:
        raise UnexpectedKind("a list of numbers was expected")
    return tuple(value)
