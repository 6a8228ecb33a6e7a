"""Shapes of JSON values, what violates them, and the words in which Bedrock refuses it.

A `Shape` is the part of JSON Schema that Bedrock's own validation uses. `violations` finds what a
body does wrong, and a `Formatter` makes the message of the refusal from that. Most families have a
JSON schema on Bedrock, whose message lists every violation by its pointer; Claude has a validation
of its own, whose message has the first one:

    Malformed input request: #/max_gen_len: -1 is not greater or equal to 1, please reformat …
    max_tokens: Field required

Clients parse these messages, so they are AWS's to the letter. The shapes of the families are in
`gates`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import Enum
from typing import TypeAlias

from attrs import field

from axonflow_core.frozen import frozen
from axonflow_core.messages import Json

Path: TypeAlias = tuple[str | int, ...]


# ── shapes ────────────────────────────────────────────────────────────────────────────────────────


@frozen(kw_only=True)
class Shape:
    """Constraints of a JSON value. Without a `kind` every value is valid."""

    kind: str | None = None
    """A type of JSON Schema: `string`, `integer`, `number`, `boolean`, `array`, `object`."""
    members: Mapping[str, Shape] = field(factory=dict)
    required: tuple[str, ...] = ()
    is_open: bool = False
    """Whether an object may have other members."""
    opened_by: str | None = None
    """A member whose presence allows other members."""
    items: Shape | None = None
    most_items: int | None = None
    least: float | None = None
    most: float | None = None
    above: float | None = None
    """The exclusive lower bound."""
    choices: tuple[str, ...] = ()
    or_null: bool = False


ANYTHING = Shape()
"""Every value."""
TEXT = Shape(kind="string")
FLAG = Shape(kind="boolean")


def one_of(*choices: str) -> Shape:
    """A string that is one of `choices`."""
    return Shape(kind="string", choices=choices)


def whole(least: int | None = None, most: int | None = None) -> Shape:
    """A whole number within inclusive bounds."""
    return Shape(kind="integer", least=least, most=most)


def number(
    least: float | None = None, most: float | None = None, *, above: float | None = None
) -> Shape:
    """A number within inclusive bounds, or above an exclusive one."""
    return Shape(kind="number", least=least, most=most, above=above)


def listing(items: Shape = ANYTHING, *, most_items: int | None = None) -> Shape:
    """An array of `items`, with at most `most_items`."""
    return Shape(kind="array", items=items, most_items=most_items)


def record(
    members: Mapping[str, Shape],
    *,
    required: str = "",
    is_open: bool = False,
    opened_by: str | None = None,
) -> Shape:
    """The shape of an object; `required` are keys separated by blanks."""
    return Shape(
        kind="object",
        members=members,
        required=tuple(required.split()),
        is_open=is_open,
        opened_by=opened_by,
    )


# ── violations ────────────────────────────────────────────────────────────────────────────────────


class Constraint(Enum):
    """What a violation violates."""

    TYPE = "type"
    REQUIRED = "required"
    EXTRANEOUS = "extraneous"
    LEAST = "least"
    MOST = "most"
    ABOVE = "above"
    CHOICE = "choice"
    ITEMS = "items"


@frozen
class Violation:
    """One violation of a shape."""

    path: Path
    """The place; for a missing or extraneous key, that of its object."""
    constraint: Constraint
    wanted: Json
    """The type, key, bound or choices that the constraint requires."""
    found: Json = None


def violations(value: Json, shape: Shape, path: Path = ()) -> Iterator[Violation]:
    """The violations in `value`, outer ones first."""
    if value is None and shape.or_null:
        return
    if shape.kind is not None and not _IS_KIND[shape.kind](value):
        yield Violation(path, Constraint.TYPE, shape.kind, value)
        return
    if shape.choices and value not in shape.choices:
        yield Violation(path, Constraint.CHOICE, list(shape.choices), value)
    match value:
        case dict():
            yield from _in_object(value, shape, path)
        case list():
            yield from _in_list(value, shape, path)
        case int() | float():
            yield from _out_of_range(value, shape, path)


def _in_object(value: Mapping[str, Json], shape: Shape, path: Path) -> Iterator[Violation]:
    """Missing and extraneous keys, then the violations in each member."""
    for key in shape.required:
        if key not in value:
            yield Violation(path, Constraint.REQUIRED, key)
    if shape.kind and not shape.is_open and shape.opened_by not in value:
        for key in value:
            if key not in shape.members:
                yield Violation(path, Constraint.EXTRANEOUS, key)
    for key, member in shape.members.items():
        if key in value:
            yield from violations(value[key], member, (*path, key))


def _in_list(value: Sequence[Json], shape: Shape, path: Path) -> Iterator[Violation]:
    """Violations by the length of a list, then by each item, with its index in the path."""
    if shape.most_items is not None and len(value) > shape.most_items:
        yield Violation(path, Constraint.ITEMS, shape.most_items, len(value))
    for index, item in enumerate(value):
        yield from violations(item, shape.items or ANYTHING, (*path, index))


def _out_of_range(value: float, shape: Shape, path: Path) -> Iterator[Violation]:
    """Violations of inclusive (`least`, `most`) and exclusive (`above`) bounds."""
    if shape.least is not None and value < shape.least:
        yield Violation(path, Constraint.LEAST, shape.least, value)
    if shape.above is not None and value <= shape.above:
        yield Violation(path, Constraint.ABOVE, shape.above, value)
    if shape.most is not None and value > shape.most:
        yield Violation(path, Constraint.MOST, shape.most, value)


def _is_number(value: Json) -> bool:
    """JSON numbers only: in Python a bool is an int."""
    return isinstance(value, int | float) and not isinstance(value, bool)


_IS_KIND: Mapping[str, Callable[[Json], bool]] = {
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: _is_number(value) and isinstance(value, int),
    "number": _is_number,
    "boolean": lambda value: isinstance(value, bool),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
}


# ── messages ──────────────────────────────────────────────────────────────────────────────────────

Formatter: TypeAlias = Callable[[Sequence[Violation]], str]
"""At least one violation -> the message of the refusal."""

_SCHEMA_WORDS: Mapping[Constraint, str] = {
    Constraint.TYPE: "expected type: {wanted}, found: {found}",
    Constraint.REQUIRED: "required key [{wanted}] not found",
    Constraint.EXTRANEOUS: "extraneous key [{wanted}] is not permitted",
    Constraint.LEAST: "{found} is not greater or equal to {wanted}",
    Constraint.MOST: "{found} is not less or equal to {wanted}",
    Constraint.ABOVE: "{found} is not greater than {wanted}",
    Constraint.CHOICE: "the value is not a valid enum value",
    Constraint.ITEMS: "expected maximum item count: {wanted}, found: {found}",
}
_SCHEMA_TYPES = {
    "string": "String",
    "integer": "Integer",
    "number": "Number",
    "boolean": "Boolean",
    "array": "JSONArray",
    "object": "JSONObject",
}


def all_by_pointer(found: Sequence[Violation]) -> str:
    """The message of Bedrock's JSON schemas: all violations, without a separator. Source: recorded
    traffic, public reports.
    """
    words = "".join(map(_pointed, found))
    return f"Malformed input request: {words}, please reformat your input and try again."


def _pointed(violation: Violation) -> str:
    """One violation in the words of Bedrock's schema messages, with a JSON pointer."""
    wanted, value = violation.wanted, violation.found
    if violation.constraint is Constraint.TYPE:
        wanted, value = _SCHEMA_TYPES[wanted], _schema_type(value)
    pointer = "".join(f"/{step}" for step in violation.path)
    return f"#{pointer}: {_SCHEMA_WORDS[violation.constraint].format(wanted=wanted, found=value)}"


def _schema_type(value: Json) -> str:
    """The schema validator's name of a value's type (it is a Java library's)."""
    if value is None:
        return "Null"
    return _SCHEMA_TYPES[next(kind for kind, fits in _IS_KIND.items() if fits(value))]


_CLAUDE_WORDS: Mapping[Constraint, str] = {
    Constraint.TYPE: "Input should be a valid {wanted}",
    Constraint.REQUIRED: "Field required",
    Constraint.EXTRANEOUS: "Extra inputs are not permitted",
    Constraint.LEAST: "Input should be greater than or equal to {wanted}",
    Constraint.MOST: "Input should be less than or equal to {wanted}",
    Constraint.ABOVE: "Input should be greater than {wanted}",
    Constraint.CHOICE: "Input should be {wanted}",
    Constraint.ITEMS: "List should have at most {wanted} items after validation, not {found}",
}
_CLAUDE_TYPES = {"array": "list", "object": "dictionary"}


def first_by_path(found: Sequence[Violation]) -> str:
    """The message of Anthropic's validation: the first violation, by its path. Source: recorded
    traffic, public reports.
    """
    first, wanted = found[0], found[0].wanted
    path = first.path
    match first.constraint:
        case Constraint.REQUIRED | Constraint.EXTRANEOUS:
            path = (*path, wanted)
        case Constraint.TYPE:
            wanted = _CLAUDE_TYPES.get(wanted, wanted)
        case Constraint.CHOICE:
            wanted = " or ".join(map(repr, wanted))
    words = _CLAUDE_WORDS[first.constraint].format(wanted=wanted, found=first.found)
    return f"{'.'.join(map(str, path))}: {words}"
