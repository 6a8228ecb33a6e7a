"""What is read of an answer: its native JSON, taken apart and put together, and its headers.

What comes from outside may be of any type and size: a list where an id is due, a text for a count,
`nan` for a latency, a number of 5,000 digits. What holds then follows from what the value is for:

    content        texts, blocks, calls, their names, ids and indices, the reason to stop: they
                   cannot be left out without saying something else. `string`, `array`, `object_in`
                   and the fields of values refuse another kind; the codec's guard makes a
                   `DecodeError` of it that names what was due and the kind that stood there.
    facts          counts, times, the answer's own id, its model, its tier: an answer is billed, so
                   an odd fact loses nothing else. Its field is None, and the value stays where it
                   stood, in `extra` (`counted`, `with_facts`, `apart`).
    headers        an odd number or date is as if its header were absent (`count_in_header`,
                   `number_in_header`, `time_in_header`).

So whoever adds counts up meets whole numbers from 0 to 2**63-1 and None, of every family. A float
without a fraction is one, because JSON has one kind of number; text, a bool, 5.5 and -1 are none.

No error quotes a value, which may be a user's text. What is odd is looked for once a value has
refused its fields, so that an answer as documented pays nothing for it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import attrs

from axonflow_core.converters import MAX_COUNT
from axonflow_core.errors import RequestError
from axonflow_core.frozen import Unfit
from axonflow_core.messages import EMPTY, Adjustment, Json, Usage
from axonflow_core.stream import left_out

if TYPE_CHECKING:
    from datetime import datetime

V = TypeVar("V")


class UnexpectedKind(TypeError):
    """A member is of another kind of JSON than its documents say, or there is none. Its text names
    the documented kind and the one that stood there, and quotes nothing of the body."""

    def __init__(self, due: str, found: str, member: str = "") -> None:
        where = f" as `{member}`" if member else ""
        super().__init__(f"{due} was expected{where}, not {found}")


def kind_of(value: Json) -> str:
    """What kind of JSON a value is, in words."""
    return KINDS.get(type(value), "another value")


KINDS: Mapping[type, str] = {
    type(None): "null",
    bool: "a boolean",
    int: "a number",
    float: "a number",
    str: "a string",
    list: "a list",
    dict: "an object",
}
"""A type of Python -> the kind of JSON that it is, in words."""


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


def with_facts(
    kind: type[V],
    native: Mapping[str, Json],
    names: Mapping[str, str],
    extra: Mapping[str, Json],
    **decoded: Any,
) -> V:
    """A value of `kind` with the members of `native` that are facts: `names` are their keys and the
    fields that they go to. What its field does not take stands in `extra` under its key."""
    make: Callable[..., V] = kind
    facts = {name: native.get(key) for key, name in names.items()}
    try:
        return make(**decoded, **facts, extra=extra)
    except RequestError:
        fit, misfit = apart(kind, facts)
        odd = {key: native[key] for key, name in names.items() if name in misfit}
        return make(**decoded, **fit, extra={**extra, **odd})


def counted(native: Json, names: Mapping[str, str], known: frozenset[str]) -> Usage:
    """The counts of an object, as `with_facts` reads them; members that are not `known` are its
    `extra`. What is no object has no counts."""
    if not isinstance(native, dict):
        return Usage()
    return with_facts(Usage, native, names, unknown_members(native, known))


def known_beside(native: Mapping[str, Json], known: frozenset[str], *facts: str) -> frozenset[str]:
    """`known` for `unknown_members`, without those of `facts` that are documented as objects and
    are none: they are kept as they are."""
    odd = [key for key in facts if type(native.get(key)) not in _OBJECT_OR_NULL]
    return known.difference(odd) if odd else known


_OBJECT_OR_NULL = frozenset({dict, type(None)})


def mapping_or_empty(value: Json) -> Mapping[str, Json]:
    """`value` where it is an object, else an empty one."""
    return value if isinstance(value, dict) else EMPTY


def object_in(native: Mapping[str, Json], key: str) -> Mapping[str, Json]:
    """The member `key`, which the family documents as an object. `UnexpectedKind` names it where it
    is none, `KeyError` where it is absent."""
    value = native[key]
    if not isinstance(value, dict):
        raise UnexpectedKind("an object", kind_of(value), key)
    return value


def array_in(native: Mapping[str, Json], key: str) -> list[Json]:
    """The member `key`, which the family documents as a list. Errors as `object_in`."""
    return array(native[key], key)


def only_in(native: Mapping[str, Json], key: str) -> Mapping[str, Json]:
    """The one object in the list that is the member `key`. Errors as `object_in`."""
    items = array_in(native, key)
    if len(items) != 1:
        raise UnexpectedKind("a list of one", f"one of {len(items)}", key)
    if not isinstance(items[0], dict):
        raise UnexpectedKind("a list of one object", kind_of(items[0]), key)
    return items[0]


def first_in(native: Mapping[str, Json], key: str) -> tuple[Mapping[str, Json], Mapping[str, Json]]:
    """The first object in the list that is the member `key`, and the others as `extra` names them:
    `choices.1`, `choices.2`. Errors as `object_in`."""
    items = array_in(native, key)
    if len(items) < 2:
        return only_in(native, key), EMPTY
    if not isinstance(items[0], dict):
        raise UnexpectedKind("a list of objects", f"one with {kind_of(items[0])}", key)
    return items[0], prefixed(key, {str(place): item for place, item in enumerate(items) if place})


def named_others(others: Mapping[str, Json]) -> tuple[Adjustment, ...]:
    """The report of the answers that `first_in` left: one answer is read."""
    return tuple(map(left_out, others))


def index_in(native: Mapping[str, Json], key: str) -> int:
    """The member `key`, which the family documents as the number of a block. Errors as
    `object_in`."""
    value = native[key]
    if type(value) is not int:
        raise UnexpectedKind("a whole number", kind_of(value), key)
    return value


def string(value: Json, member: str = "") -> str:
    """`value`, which the family documents as a string; `UnexpectedKind`, with the name of the
    member, where it is none."""
    if not isinstance(value, str):
        raise UnexpectedKind("a string", kind_of(value), member)
    return value


def text_of(value: Json) -> str:
    """`value`, a string that may be null, which says the same as an empty one; `UnexpectedKind`
    for anything else."""
    return "" if value is None else string(value)


def arguments_of(value: Json) -> Json:
    """`value`, the arguments of a tool call; where they are null or absent, the tool takes none."""
    return {} if value is None else value


def array(value: Json, member: str = "") -> list[Json]:
    """`value`, which the family documents as a list; `UnexpectedKind`, with the name of the member,
    where it is none."""
    if not isinstance(value, list):
        raise UnexpectedKind("a list", kind_of(value), member)
    return value


def integer(value: Json) -> int:
    """`value`, which the family documents as a whole number; `UnexpectedKind` where it is none, a
    bool included."""
    if type(value) is not int:
        raise UnexpectedKind("a whole number", kind_of(value))
    return value


def numbers(value: Json) -> tuple[float, ...]:
    """`value`, which the family documents as a list of numbers; `UnexpectedKind` where it is
    none."""
    if not {*map(type, array(value))} <= {int, float}:
        raise UnexpectedKind("a list of numbers", kind_of(value))
    return tuple(value)


# ── headers ───────────────────────────────────────────────────────────────────────────────────────

_MOST_DIGITS = len(str(MAX_COUNT))
_LAST_YEAR = 2999
"""A later year is no date of a server's: the end of the calendar is too near to add to it."""


def count_in_header(word: str | None) -> int | None:
    """The count in a header, digits alone; None for anything else, and beyond 2**63-1."""
    if word is None or len(word) > _MOST_DIGITS or not (word.isascii() and word.isdecimal()):
        return None
    count = int(word)
    return count if count <= MAX_COUNT else None


def number_in_header(word: str | None) -> float | None:
    """The number in a header; None where there is none, and for one that is negative, infinite or
    no number."""
    if not word or not word.isascii() or "_" in word:
        return None
    try:
        number = float(word)
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None


def time_in_header(word: str | None) -> datetime | None:
    """The date in a header (RFC 9110, section 5.6.7), in UTC; None for anything else."""
    from datetime import UTC  # these take 6 ms to import, and are seldom needed
    from email.utils import parsedate_to_datetime

    try:
        moment = parsedate_to_datetime(word or "")
        moment = moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        return None
    return moment if moment.year <= _LAST_YEAR else None
