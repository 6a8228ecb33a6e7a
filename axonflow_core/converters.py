"""What fields of values take: each function checks one value, converts it once, or raises `Unfit`.

The fields of `messages`, `stream` and `retrieval` name these as their attrs converters; `frozen`
reports an `Unfit` as a `RequestError` with the name of the field. Rules that hold for all:

* A value of a subclass (of str, int, float, tuple or dict) becomes one of the plain built-in type,
  so nothing can be hidden in a type that compares equal.
* Text is what UTF-8 can carry: a lone surrogate is refused.
* A number is finite, and a bool is no number.
* None is taken only where it means "unset".
* Messages name types, sizes and numbers, never text.

A converter runs for each field of each value, so its common case is also given as an expression to
`passing`, which `frozen` compiles into `__init__`: plain ASCII text is checked without any call.
"""

from __future__ import annotations

import re
from codecs import utf_16_le_encode
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from itertools import repeat
from math import isfinite
from typing import Any, NoReturn, TypeAlias, TypeVar

from axonflow_core.errors import AxonFlowError
from axonflow_core.frozen import Unfit, passing

Json: TypeAlias = Any
"""A JSON value: None, bool, int, float, str, list or dict of such. Never changed once it is inside
a value."""

MAX_DEPTH = 200
"""Levels of objects and lists in one JSON value. orjson writes 254, and a native body puts up to a
few dozen around a value, so what is accepted can always be encoded."""
MAX_COUNT = 2**63 - 1
"""The largest count: a signed 64-bit integer, which every vendor's SDK can read."""
_MAX_INTEGER = 10**4300 - 1
"""The largest integer of 4,300 digits: Python converts no longer one to text."""

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)


class _Empty(dict[str, Json]):
    """Empty, and it stays so. A dict is merged in a tenth of the time of a `MappingProxyType`, and
    encoders merge one for every block: `{**native, **block.extra}`."""

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError("nothing can be put in here")

    __setitem__ = setdefault = update = __ior__ = _refuse

    def __reduce__(self) -> str:
        return "EMPTY"

    def __copy__(self) -> Mapping[str, Json]:
        return self

    def __deepcopy__(self, memo: Any) -> Mapping[str, Json]:
        return self


EMPTY: Mapping[str, Json] = _Empty()
"""The default of every mapping."""


def described(value: object) -> str:
    """`value` in an error message: its type, and its size or number, never its text."""
    if value is None or isinstance(value, bool | int | float):
        return repr(value) if not isinstance(value, int) or abs(value) < 10**20 else "a huge int"
    article = "an" if type(value).__name__[0] in "aeioAEIO" else "a"
    return f"{article} {type(value).__name__}"


# ── text ──────────────────────────────────────────────────────────────────────────────────────────


def text_value(value: str) -> str:
    """Any text that UTF-8 can carry."""
    return _plain_text(value, "text")


def optional_text(value: str | None) -> str | None:
    """Text, or None where it is unset."""
    return None if value is None else _plain_text(value, "text or None")


def text_values(value: str | Iterable[str] | None) -> tuple[str, ...]:
    """Several texts; one text is a tuple of one, None is none at all."""
    if value is None:
        return ()
    if isinstance(value, str):
        return (_plain_text(value, "texts"),)
    return tuple([_plain_text(item, "texts") for item in items(value, "texts")])


def optional_text_values(value: str | Iterable[str] | None) -> tuple[str, ...] | None:
    """Several texts, or None where they are unset."""
    return None if value is None else text_values(value)


def _plain_text(value: object, takes: str) -> str:
    """`value` as a plain str. `Unfit`, with `takes` as what was expected, for another type or a
    surrogate."""
    if not isinstance(value, str):
        raise Unfit(takes, described(value))
    if not value.isascii():
        try:
            utf_16_le_encode(value)
        except UnicodeEncodeError as fault:
            raise Unfit(
                f"{takes} that UTF-8 can carry",
                f"one with a lone surrogate at character {fault.start}",
            ) from None
    return value if type(value) is str else str.__str__(value)


_IS_TEXT = "type({0}) is str and ({0}.isascii() or utf_16_le_encode({0}))"
"""UTF-16 refuses a lone surrogate too, and is written in a fifth of the time of UTF-8."""
passing(text_value, _IS_TEXT, utf_16_le_encode=utf_16_le_encode)
passing(optional_text, f"{{0}} is None or {_IS_TEXT}", utf_16_le_encode=utf_16_le_encode)
passing(text_values, "{0} is NONE", NONE=())
passing(optional_text_values, "{0} is None")


def regular_expression(value: str) -> str:
    """A text that is a regular expression of Python's."""
    plain = _plain_text(value, "a regular expression")
    try:
        re.compile(plain)
    except re.error as error:
        raise Unfit("a regular expression", f"one with {error.msg}") from None
    return plain


# ── numbers ───────────────────────────────────────────────────────────────────────────────────────


def whole(value: int) -> int:
    """A whole number from 0."""
    return _plain_count(value, "a whole number from 0")


def count(value: int | None) -> int | None:
    """A whole number from 0, or None where it is unset."""
    return None if value is None else _plain_count(value, "a whole number from 0, or None")


def number(value: float) -> float:
    """A finite number."""
    return _plain_number(value, "a finite number")


def optional_integer(value: int | None) -> int | None:
    """A whole number of either sign, or None where it is unset."""
    if value is None:
        return None
    if not _is_whole(value):
        raise Unfit("a whole number, or None", described(value))
    if not _is_writable(int(value)):
        raise Unfit("a whole number of at most 4,300 digits, or None", "a longer one")
    return int(value)


def optional_number(value: float | None) -> float | None:
    """A finite number of either sign, or None where it is unset. The zero has none."""
    return None if value is None else _plain_number(value, "a finite number, or None")


def share(value: float | None) -> float | None:
    """A finite number from 0, or None where it is unset."""
    takes = "a finite number from 0, or None"
    if value is None:
        return None
    plain = _plain_number(value, takes)
    if plain < 0:
        raise Unfit(takes, described(value))
    return plain


def flag(value: bool) -> bool:
    """True or False."""
    if value is not True and value is not False:
        raise Unfit("True or False", described(value))
    return value


def optional_flag(value: bool | None) -> bool | None:
    """True, False, or None where it is unset."""
    if value is not None and value is not True and value is not False:
        raise Unfit("True, False or None", described(value))
    return value


def _plain_count(value: object, takes: str) -> int:
    """`value` as a plain int from 0."""
    if not _is_whole(value) or value < 0:  # type: ignore[operator]
        raise Unfit(takes, described(value))
    if value > MAX_COUNT:  # type: ignore[operator]
        raise Unfit(f"{takes}, up to 2^63-1", "a larger one")
    return int(value)  # type: ignore[call-overload, no-any-return]


def _is_whole(value: object) -> bool:
    """Whether a value is a whole number. A float without a fraction is one, because JSON has one
    kind of number: `5.0` from JavaScript is 5."""
    if isinstance(value, float):
        return value.is_integer()
    return isinstance(value, int) and not isinstance(value, bool)


def _plain_number(value: object, takes: str) -> float:
    """`value` as a plain int or float that is finite."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not _is_finite(value):
        raise Unfit(takes, described(value))
    # `or 0.0`: -0.0 is equal to 0.0 and would be written in another way.
    return int(value) if isinstance(value, int) else float(value) or 0.0


def _is_finite(value: float) -> bool:
    """Whether a number is finite; an int is, though `isfinite` overflows beyond 1e308, unless it
    is too long to be written."""
    return _is_writable(value) if isinstance(value, int) else isfinite(value)


def _is_writable(value: int) -> bool:
    """Whether an integer has at most 4,300 digits."""
    return -_MAX_INTEGER <= value <= _MAX_INTEGER


passing(whole, "type({0}) is int and 0 <= {0} <= MAX_COUNT", MAX_COUNT=MAX_COUNT)
passing(
    count,
    "{0} is None or (type({0}) is int and 0 <= {0} <= MAX_COUNT)",
    MAX_COUNT=MAX_COUNT,
)
passing(share, "{0} is None or (type({0}) is float and 0.0 < {0} < inf)", inf=float("inf"))
passing(
    optional_number,
    "{0} is None or (type({0}) is float and (0.0 < {0} < inf or -inf < {0} < 0.0))",
    inf=float("inf"),
)
passing(flag, "{0} is True or {0} is False")
passing(optional_flag, "{0} is None or {0} is True or {0} is False")


# ── JSON ──────────────────────────────────────────────────────────────────────────────────────────


def json_value(value: Json) -> Json:
    """Any JSON value of up to 200 levels, with integers of up to 4,300 digits; a tuple becomes a
    list."""
    return value if _is_plain(value, MAX_DEPTH) else _plain_json(value, MAX_DEPTH)


def _is_plain(value: Json, room: int) -> bool:
    """Whether all of `value` is of the plain built-in types, and right. `room` is how many levels
    of objects and lists it may have."""
    kind = type(value)
    if kind is str:
        return bool(value.isascii()) or _is_utf8(value)
    if kind is dict:
        room -= 1
        if room < 0:
            return False
        for key, item in value.items():
            if type(key) is not str or not (key.isascii() or _is_utf8(key)):
                return False
            if not (item is None or type(item) is bool or _is_plain(item, room)):
                return False
        return True
    if kind is list:
        return room > 0 and all(map(_is_plain, value, repeat(room - 1)))
    if kind is float:
        return isfinite(value)
    if kind is int:
        return bool(-_MAX_INTEGER <= value <= _MAX_INTEGER)
    return value is None or kind is bool


def _is_utf8(value: str) -> bool:
    """Whether a text has no lone surrogate."""
    try:
        utf_16_le_encode(value)
    except UnicodeEncodeError:
        return False
    return True


def _plain_json(value: object, room: int) -> Json:
    """`value` in plain built-in types; `room` as `_is_plain` has it."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, str):
        return _plain_text(value, "JSON")
    if type(value) is float and isfinite(value):
        return value
    if isinstance(value, int | float):
        return _plain_number(value, "JSON, whose numbers are finite and of at most 4,300 digits")
    if not isinstance(value, Mapping | list | tuple):
        raise Unfit("JSON", described(value))
    if not room:
        takes = f"JSON of at most {MAX_DEPTH} levels"
        raise Unfit(takes, "one that is nested too deeply or holds itself")
    if isinstance(value, Mapping):
        members = read_out(_pairs, value, "JSON")
        return {_key(key): _plain_json(item, room - 1) for key, item in members}
    return [_plain_json(item, room - 1) for item in read_out(list, value, "JSON")]


def _pairs(value: Mapping[Any, Any]) -> list[tuple[Any, Any]]:
    """Keys and values of a mapping."""
    return list(value.items())


def _key(key: object) -> str:
    """A key of a JSON object. `Unfit` for a key that is no text, which JSON would turn into one."""
    if not isinstance(key, str):
        raise Unfit("JSON, whose keys are text", f"an object with {described(key)} as a key")
    return _plain_text(key, "JSON")


def json_members(value: Mapping[str, Json] | None) -> Mapping[str, Json]:
    """A JSON object; None is an empty one."""
    if value is None:
        return EMPTY
    return _members(value, "a mapping of JSON members")


def optional_members(value: Mapping[str, Json] | None) -> Mapping[str, Json] | None:
    """A JSON object, or None where it is unset."""
    return None if value is None else _members(value, "a mapping of JSON members, or None")


def json_items(value: Iterable[Json] | None) -> tuple[Json, ...]:
    """JSON values; None is none at all."""
    if value is None:
        return ()
    return tuple([json_value(item) for item in items(value, "JSON values")])


def _members(value: object, takes: str) -> Mapping[str, Json]:
    """A JSON object in plain types. EMPTY stays the one shared object, so that `is EMPTY` stays a
    fast test."""
    if value is EMPTY:
        return EMPTY
    if not isinstance(value, Mapping):
        raise Unfit(takes, described(value))
    plain: Mapping[str, Json] = json_value(
        value if type(value) is dict else read_out(dict, value, takes)
    )
    return plain


def comparable(value: Json) -> Json:
    """`value` as equality compares it: what is written in two ways is not equal. Python has true
    equal to 1 and 1 equal to 1.0; the order of an object's members says nothing.

        comparable({"a": True, "b": [1]}) == frozenset({("a", (bool, True)), ("b", (1,))})

    What it returns is hashable, and so is a value that holds JSON.
    """
    kind = type(value)
    if kind is bool:
        return (bool, value)
    if kind is float:
        return (float, repr(value))
    if isinstance(value, dict):
        return frozenset([(key, comparable(item)) for key, item in value.items()])
    if kind is list or kind is tuple:
        return tuple([comparable(item) for item in value])
    return value


passing(json_value, "{0} is None or {0} is True or {0} is False")
passing(json_members, "type({0}) is dict and not {0}")
passing(optional_members, "{0} is None")
passing(json_items, "{0} is NONE", NONE=())


# ── values, and several of them ───────────────────────────────────────────────────────────────────


def member(kind: type[E], value: object) -> E:
    """A member of an enum, or the one that has `value`."""
    if isinstance(value, str):
        for one in kind:
            if one == value:
                return one
        raise Unfit(_one_of(kind), "another text")
    raise Unfit(_one_of(kind), described(value))


def _one_of(kind: type[StrEnum]) -> str:
    """The values of an enum, for a message."""
    return " or ".join(repr(one.value) for one in kind)


def value_of(kind: type[T], value: object, *, takes: str | None = None) -> T:
    """`value`, which must be of exactly this class: codecs know no subclass of it."""
    if type(value) is not kind:
        raise Unfit(takes or f"a {kind.__name__}", described(value))
    return value


_NOT_IN_ORDER = (str, bytes, bytearray, Mapping, set, frozenset)


def items(value: object, takes: str) -> list[Any]:
    """What an iterable holds. A text or a mapping is iterable too and surely a mistake; a set has
    no order."""
    if isinstance(value, _NOT_IN_ORDER) or not isinstance(value, Iterable):
        raise Unfit(takes, described(value))
    return read_out(list, value, takes)


def read_out(make: Callable[[Any], T], value: object, takes: str) -> T:
    """What `make` reads out of `value`, whose own code may raise anything."""
    try:
        return make(value)
    except (AxonFlowError, Unfit):
        raise
    except Exception as fault:
        got = f"{described(value)} that raises {type(fault).__name__} while it is read"
        raise Unfit(takes, got) from None


def tuple_of(
    kinds: Iterable[type], value: object, takes: str, convert: Callable[[Any], Any] | None = None
) -> tuple[Any, ...]:
    """A tuple of values of `kinds`, from one of them or several; `convert` is tried on others."""
    if value is None:
        return ()
    known = frozenset(kinds)
    given = [value] if type(value) in known else items(value, takes)
    return tuple([_item(known, item, takes, convert) for item in given])


def _item(
    kinds: frozenset[type], item: Any, takes: str, convert: Callable[[Any], Any] | None
) -> Any:
    """One item of a tuple, converted where it is of no known kind."""
    if type(item) in kinds:
        return item
    converted = item if convert is None else convert(item)
    if type(converted) not in kinds:
        raise Unfit(takes, f"{described(item)} among them")
    return converted
