"""JSON text to values and back, at orjson's speed and with every digit of every integer.

orjson reads an integer beyond 64 bits as a float and refuses to write one. A tool argument such as
`12345678901234567890123` has to come back with the same digits, so where such an integer stands the
standard library does the work, and only there:

* `dumps` learns it from orjson's refusal.
* `loads` looks for a run of 19 digits, the length of the shortest integer that orjson may not hold.
  A run of 19 covers two samples in a row if every ninth byte is sampled, and hardly any other text
  does: this costs 0.1 us for a stream's chunk and 3 us for a body of 10 kB. Only where it finds
  something the whole text is searched, and then for the digits of a number.

What is JSON is decided by orjson alone, whatever the numbers are. It reads a text with long
integers too, with each of them as an object `{"<mark>": "<digits>"}` that is an integer again in
the value.
"""

from __future__ import annotations

import json
import re
from os import urandom
from typing import Any

import orjson

_DIGITS_AS_ZERO = bytes(48 if 48 <= byte <= 57 else 32 for byte in range(256))
_LONG_RUN = b"0" * 19
_LONG_INTEGER = re.compile(rb"(?<![^\[:,\s-])(?<![^\[:,\s]-)[0-9]{19,}\s*(?:[\],}]|\Z)")
_STRING_OR_NUMBER = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)|-?[0-9][0-9.eE+-]*', re.DOTALL)
_INTEGER = re.compile(rb"-?[1-9][0-9]{18,}")
_MARK = urandom(16).hex()
"""The key of a long integer; no text that was not made here has it."""
_ESCAPE = re.compile(
    rb"\\[^u]|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|\\u(?P<half>[dD][89a-fA-F][0-9a-fA-F]{2})"
)
"""An escape of one character, a pair of them, or half of a pair."""
_TOO_BIG = "Integer exceeds 64-bit range"


def loads(data: bytes | str) -> Any:
    """The value of a JSON text; an integer of up to 4,300 digits keeps them all.

    Raises `orjson.JSONDecodeError`, a ValueError, where `data` is no JSON or an integer is longer.
    """
    text = data if type(data) is bytes else _utf8(data)
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as fault:  # of an integer beyond the range of floats, too
        if not _has_long_integer(text):
            raise
        return _loads_exactly(text, fault)
    if text[::9].translate(_DIGITS_AS_ZERO).find(b"00") >= 0 and _has_long_integer(text):
        return _loads_exactly(text, None)
    return value


def loads_answer(data: bytes | str) -> Any:
    """As `loads`, of what a service wrote. Half of a character, as a service leaves it that cuts a
    text inside of a UTF-16 pair (`"\\ud83d"`), is read as U+FFFD: the rest is worth having.
    """
    try:
        return loads(data)
    except orjson.JSONDecodeError as fault:
        if "surrogate" not in str(fault):
            raise
        return loads(_ESCAPE.sub(_whole, _utf8(data)))


def has_one_reading(text: bytes, value: Any) -> bool:
    """Whether every parser reads `value` from `text`, as `loads` did: no object has a key twice, of
    which one parser takes the first and another the last.

    A key that was left out has two quotation marks, so most texts are known by the number of those:
    all but the ones that spell a quotation mark by its number.
    """
    if not text:
        return True
    try:
        if rb"\u0022" not in text:
            return text.count(b'"') == dumps(value).count(b'"')
        json.loads(text, object_pairs_hook=_without_repetition)
    except (ValueError, TypeError, RecursionError):  # a repetition, or nested too deeply to know
        return False
    return True


def _without_repetition(members: list[tuple[str, Any]]) -> dict[str, Any]:
    read = dict(members)
    if len(read) < len(members):
        raise ValueError("a key is repeated")
    return read


def dumps(value: Any, *, is_sorted: bool = False) -> bytes:
    """`value` as compact JSON in UTF-8; with `is_sorted` its keys are in order.

    Raises `orjson.JSONEncodeError`, a TypeError, where `value` is no JSON.
    """
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS if is_sorted else None)
    except TypeError as refusal:
        if str(refusal) != _TOO_BIG:
            raise
        return _dumps_exactly(value, refusal, is_sorted=is_sorted)


def canonical(value: Any) -> str:
    """`value` as the text of its JSON where that text is content itself: the arguments of a call,
    the result of a tool. Keys are in order, so that equal values have one text."""
    return dumps(value, is_sorted=True).decode()


def _utf8(data: bytes | bytearray | memoryview | str) -> bytes:
    """The bytes of a text. `JSONDecodeError` for a lone surrogate, as orjson has it."""
    if not isinstance(data, str):
        return bytes(data)
    try:
        return data.encode()
    except UnicodeEncodeError as fault:
        raise orjson.JSONDecodeError("a lone surrogate", "", fault.start) from None


def _whole(escape: re.Match[bytes]) -> bytes:
    """An escape as it is; U+FFFD for half of a pair."""
    return escape[0] if escape["half"] is None else rb"\ufffd"


def _has_long_integer(text: bytes) -> bool:
    """Whether the text has an integer of 19 digits or more outside of its strings, as far as a
    regular expression can tell; a false positive costs time and changes nothing."""
    zeros = text.translate(_DIGITS_AS_ZERO)
    place = zeros.find(_LONG_RUN)
    while place >= 0:
        if _LONG_INTEGER.match(text, place):
            return True
        end = zeros.find(b" ", place)
        place = -1 if end < 0 else zeros.find(_LONG_RUN, end)
    return False


def _loads_exactly(text: bytes, refusal: orjson.JSONDecodeError | None) -> Any:
    """The value with every digit. `refusal` is orjson's error for the text as it is, raised again
    where the long integers do not explain it: its position is that of the text."""
    try:
        return _unmarked(orjson.loads(_STRING_OR_NUMBER.sub(_marked, text)))
    except orjson.JSONDecodeError as fault:
        raise refusal or fault from None
    except ValueError as fault:  # Python converts no more than 4,300 digits
        raise refusal or orjson.JSONDecodeError("an integer is too long", "", 0) from fault


def _marked(token: re.Match[bytes]) -> bytes:
    """A long integer as an object with `_MARK`; any other number and a string as they are."""
    written = token[0]
    if _INTEGER.fullmatch(written) is None:
        return written
    return b'{"%s":"%s"}' % (_MARK.encode(), written)


def _unmarked(value: Any) -> Any:
    """`value` with integers where `_marked` put objects. Without recursion: orjson reads more
    levels than Python calls."""
    whole = [value]
    containers: list[Any] = [whole]
    while containers:
        container = containers.pop()
        places = container.items() if type(container) is dict else enumerate(container)
        for place, item in list(places):
            if type(item) is dict and _MARK in item:
                container[place] = int(item[_MARK])
            elif type(item) is dict or type(item) is list:
                containers.append(item)
    return whole[0]


def _dumps_exactly(value: Any, refusal: TypeError, *, is_sorted: bool) -> bytes:
    """orjson has refused the integer alone, or that first: what else is no JSON is refused too."""
    try:
        written = json.dumps(
            _with_string_keys(value),
            ensure_ascii=False,
            allow_nan=False,
            separators=(",", ":"),
            sort_keys=is_sorted,
        )
        return written.encode()
    except (TypeError, ValueError, RecursionError):
        raise refusal from None


def _with_string_keys(value: Any) -> Any:
    """`value`, unless a key is no string: the standard library would write it as one."""
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise TypeError("a key is no string")
        return {key: _with_string_keys(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_with_string_keys(item) for item in value]
    return value
