"""The constraints of Bedrock's own service model: lengths, patterns, ranges, enums, required
members.

botocore has the service model as a file, and checks a part of it before it sends anything. The
service checks all of it, and reports every violation in one message:

    1 validation error detected: Value 'jpg' at 'messages.1.member.content.1.member.image.format'
    failed to satisfy constraint: Member must satisfy enum value set: [png, jpeg, gif, webp]
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, TypeAlias

from axonflow_core.messages import Json

from ...wire.endpoint import ServiceException, invalid_call

_Shapes: TypeAlias = Mapping[str, Mapping[str, Any]]
_NUMBERS = ("integer", "long", "float", "double")
_REQUEST = "ConverseRequest"
_UNCHECKED = ("VideoFormat",)
"""Shapes whose violations Bedrock does not report (recorded)."""


def constraint_violations(body: Json) -> Iterator[ServiceException]:
    """The refusal of a body of Converse that violates the service model."""
    found = [*_violations(body, _REQUEST, "")]
    if found:
        plural = "s" if len(found) > 1 else ""
        yield invalid_call(f"{len(found)} validation error{plural} detected: {'; '.join(found)}")


@lru_cache(maxsize=1)
def _shapes() -> _Shapes:
    from botocore.loaders import Loader

    model = Loader().load_service_model("bedrock-runtime", "service-2")
    shapes: _Shapes = model["shapes"]
    return shapes


def _violations(value: Json, name: str, place: str) -> Iterator[str]:
    """The violations in `value`, of the shape `name`, outer ones first. A value of another type is
    left to the codec."""
    shape = _shapes()[name]
    kind = None if name in _UNCHECKED else shape["type"]
    if kind == "structure" and isinstance(value, dict) and not shape.get("document"):
        yield from _in_structure(value, shape, place)
    elif kind == "list" and isinstance(value, list):
        yield from _of_length(value, shape, place)
        for number, item in enumerate(value, 1):
            yield from _violations(item, shape["member"]["shape"], f"{place}.{number}.member")
    elif kind == "string" and isinstance(value, str):
        yield from _in_string(value, shape, place)
    elif kind == "blob" and value == "":
        yield from _of_length(value, shape, place)
    elif kind in _NUMBERS and isinstance(value, int | float):
        yield from _out_of_range(value, shape, place)


def _in_structure(value: Mapping[str, Json], shape: Mapping[str, Any], place: str) -> Iterator[str]:
    for name in shape.get("required", ()):
        is_in_body = "location" not in shape["members"][name]
        if is_in_body and value.get(name) is None:
            yield _words(None, _joined(place, name), "Member must not be null")
    for name, member in shape["members"].items():
        if value.get(name) is not None:
            yield from _violations(value[name], member["shape"], _joined(place, name))


def _joined(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name


def _in_string(value: str, shape: Mapping[str, Any], place: str) -> Iterator[str]:
    yield from _of_length(value, shape, place)
    pattern, choices = shape.get("pattern"), shape.get("enum")
    if pattern is not None and not re.fullmatch(pattern, value):
        yield _words(value, place, f"Member must satisfy regular expression pattern: {pattern}")
    if choices is not None and value not in choices:
        yield _words(value, place, f"Member must satisfy enum value set: [{', '.join(choices)}]")


def _of_length(value: str | list[Json], shape: Mapping[str, Any], place: str) -> Iterator[str]:
    least, most = shape.get("min"), shape.get("max")
    if least is not None and len(value) < least:
        yield _words(value, place, f"Member must have length greater than or equal to {least}")
    if most is not None and len(value) > most:
        yield _words(value, place, f"Member must have length less than or equal to {most}")


def _out_of_range(value: float, shape: Mapping[str, Any], place: str) -> Iterator[str]:
    least, most = shape.get("min"), shape.get("max")
    if least is not None and value < least:
        yield _words(value, place, f"Member must have value greater than or equal to {least}")
    if most is not None and value > most:
        yield _words(value, place, f"Member must have value less than or equal to {most}")


def _words(value: Json, place: str, constraint: str) -> str:
    """One violation. Only short values are quoted (public reports, 2024 to 2026)."""
    if value is None:
        quoted = " null"
    elif isinstance(value, list) or len(str(value)) > _MOST_QUOTED:
        quoted = ""
    else:
        quoted = f" '{value}'"
    return f"Value{quoted} at '{place}' failed to satisfy constraint: {constraint}"


_MOST_QUOTED = 64
