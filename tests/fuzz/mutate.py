"""What a peer may get wrong, drawn from a `random.Random`: JSON, streams of it, bytes, headers.

A mutation copies the containers on the way to the place that it changes and shares all else, so it
costs the depth of a body and not its size. Nothing that was given is changed.
"""

from __future__ import annotations

import struct
from binascii import crc32
from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Any, TypeAlias

Json: TypeAlias = Any
Path: TypeAlias = tuple[str | int, ...]


def _nested(levels: int) -> Json:
    value: Json = "deep"
    for level in range(levels):
        value = [value] if level % 2 else {"a": value}
    return value


ODD: Sequence[Json] = (
    *(None, True, False, 0, -1, 1, 7, 2**31, 2**63, -(2**63), 10**30, 10**5000),
    *(0.0, -0.0, 0.5, 5.0, 1e308, -1e308, float("nan"), float("inf"), float("-inf")),
    *("", " ", "5", "-1", "nan", "null", "\ud800", "a\x00b", "\N{GRINNING FACE}", "x" * 5000),
    *([], [[]], [0], [None], ["text"], [1, "a", {}], {}, {"a": 1}, {"": None}, {"type": "text"}),
    *({"text": 5}, {"type": ["text"]}, {"id": [1]}, _nested(150), _nested(300), _nested(2000)),
)
"""What may stand wherever something else is due."""
ODD_WORDS: Sequence[str] = (
    *("", " ", "abc", "5", "-1", "5.5", "1e400", "nan", "inf", "-inf", "9" * 5000, "0x10", "1_0"),
    *("\N{ARABIC-INDIC DIGIT FIVE}", "\N{SUPERSCRIPT TWO}", "5\x00", "\udcff", "true", "[]"),
    *("Thu, 01 Jan 1970 00:00:00 GMT", "Thu, 99 Foo 99999 99:99:99 GMT", "2026-11-29T00:00:00Z"),
    *("Fri, 31 Dec 9999 23:59:59 -2359", "Mon, 01 Jan 0001 00:00:00 +2359", "Thu, 01 Jan 1970"),
)
"""What may stand in a header."""


def places(value: Json, path: Path = ()) -> Iterator[Path]:
    """The way to every value inside of `value`, itself included."""
    yield path
    if isinstance(value, dict):
        for key, item in value.items():
            yield from places(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from places(item, (*path, index))


def at(value: Json, path: Path) -> Json:
    """What stands at a place; KeyError, IndexError or TypeError where a mutation took it away."""
    for step in path:
        value = value[step]
    return value


def changed(value: Json, path: Path, change: Callable[[Json], Json]) -> Json:
    """`value` with `change` applied at a place."""
    if not path:
        return change(value)
    step, rest = path[0], path[1:]
    copy = value.copy()
    copy[step] = changed(value[step], rest, change)
    return copy


class Mutator:
    """Mutations of what was recorded; `source` is all the chance there is."""

    def __init__(self, source: Random) -> None:
        self._source = source
        self._makes: Sequence[Callable[[Json], Json]] = (
            *([self._odd] * 6),
            *(self._without_one, self._with_one_twice, self._with_another_name, self._swapped),
            *(self._in_a_list, self._in_an_object, self._inner, self._as_text),
        )

    def value(self, native: Json, ways: Sequence[Path]) -> Json:
        """One to three mutations of a JSON value, whose places are `ways`."""
        pick = self._source.choice
        for _ in range(pick((1, 1, 1, 2, 3))):
            try:
                native = changed(native, pick(ways), pick(self._makes))
            except (KeyError, IndexError, TypeError, AttributeError, ValueError):
                continue  # an earlier mutation took the place away, or it has no such members
        return native

    def chunks(self, natives: Sequence[Json], ways: Sequence[Sequence[Path]]) -> Sequence[Json]:
        """A stream with a chunk mutated, dropped, doubled, moved, or odd altogether."""
        source, index = self._source, self._source.randrange(len(natives))
        mutated = [*natives]
        match source.randrange(8):
            case 0:
                del mutated[index]
            case 1:
                mutated.insert(index, natives[index])
            case 2:
                mutated.insert(source.randrange(len(natives)), mutated.pop(index))
            case 3:
                mutated[index] = source.choice(ODD)
            case _:
                mutated[index] = self.value(natives[index], ways[index])
        return mutated

    def data(self, data: bytes) -> bytes:
        """Bytes flipped, cut, doubled, dropped or put in."""
        source, mutated = self._source, bytearray(data)
        for _ in range(source.choice((1, 1, 1, 2, 8))):
            place = source.randrange(len(mutated) + 1)
            end = place + source.choice((1, 1, 2, 4, 16))
            match source.randrange(6):
                case 0 | 1 if place < len(mutated):
                    mutated[place] ^= 1 << source.randrange(8)
                case 2:
                    del mutated[place:]
                case 3:
                    del mutated[place:end]
                case 4:
                    mutated[place:place] = mutated[place:end]
                case _:
                    mutated[place:end] = source.randbytes(end - place)
        return bytes(mutated)

    def sealed(self, frame: bytes) -> bytes:
        """A frame of an event stream with other headers, lengths or payload, and checksums that
        fit: what a peer may say that is not a fault of the line."""
        source = self._source
        length, headers_length, _ = struct.unpack_from(">III", frame)
        headers, payload = frame[12 : 12 + headers_length], frame[12 + headers_length : length - 4]
        match source.randrange(4):
            case 0:
                payload = self.data(payload)
            case 1:
                payload = source.choice((b"", b"[]", b"0", b'"a"', b"null", b"[" * 500, b"\xff"))
            case _:
                headers = self.data(headers)
        sizes = [16 + len(headers) + len(payload), len(headers)]
        if not source.randrange(8):
            sizes[source.randrange(2)] = source.choice((0, 1, 15, 2**31, 2**32 - 1))
        prelude = struct.pack(">II", *sizes)
        message = prelude + struct.pack(">I", crc32(prelude)) + headers + payload
        return message + struct.pack(">I", crc32(message))

    def headers(self, headers: dict[str, str]) -> dict[str, str]:
        """Headers of which some are odd, and some are gone."""
        source = self._source
        mutated = dict(headers)
        for name in headers:
            match source.randrange(4):
                case 0:
                    mutated[name] = source.choice(ODD_WORDS)
                case 1:
                    del mutated[name]
        return mutated

    def _odd(self, value: Json) -> Json:
        return self._source.choice(ODD)

    def _without_one(self, value: Json) -> Json:
        copy = value.copy()
        copy.pop(self._step(value))
        return copy

    def _with_one_twice(self, value: Json) -> Json:
        if isinstance(value, dict):
            return {**value, f"{self._step(value)}2": value[self._step(value)]}
        index = self._step(value)
        return [*value[:index], value[index], *value[index:]]

    def _with_another_name(self, value: Json) -> Json:
        step = self._step(value)
        return {(key + "_" if key == step else key): item for key, item in value.items()}

    def _swapped(self, value: Json) -> Json:
        one, other, copy = self._step(value), self._step(value), value.copy()
        copy[one], copy[other] = value[other], value[one]
        return copy

    def _in_a_list(self, value: Json) -> Json:
        return [value]

    def _in_an_object(self, value: Json) -> Json:
        return {"a": value}

    def _inner(self, value: Json) -> Json:
        return value[self._step(value)]

    def _as_text(self, value: Json) -> Json:
        return str(value)[:100] if isinstance(value, int | float | str) else "text"

    def _step(self, value: Json) -> Any:
        """A key of an object, or an index of a list. TypeError or IndexError for all else."""
        keys = [*value] if isinstance(value, dict) else range(len(value))
        return self._source.choice(keys)
