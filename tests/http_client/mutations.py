"""Hand-written answers, broken at random: bytes changed, cut, doubled, swapped with those of other
answers, and joined with what servers and attackers write."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from itertools import pairwise

DICTIONARY = (
    *(b"\r\n", b"\n", b"\r", b"\r\n\r\n", b"0\r\n\r\n", b"0\r\n", b" ", b"\t", b"\0", b":", b";"),
    *(b",", b"5\r\nhello\r\n", b"Content-Length: 5\r\n", b"Content-Length: 0\r\n", b"chunked"),
    *(b"Transfer-Encoding: chunked\r\n", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"),
    *(b"Connection: close\r\n", b"Upgrade: h2c\r\nConnection: upgrade\r\n", b"HTTP/1.0 200 OK\r\n"),
    *(b"ffffffffffffffff", b"18446744073709551616", b"\xff", b"\x80", b"-1", b"+1", b'"', b"204"),
)
"""What changes the meaning of an answer, wherever it stands."""

Mutation = Callable[[random.Random, bytes, Sequence[bytes]], bytes]


def _place(chance: random.Random, data: bytes) -> int:
    """Any place, but seldom in what makes it HTTP: what is refused there goes no deeper."""
    first = 0 if chance.random() < 0.1 else min(len(b"HTTP/1.1 200"), len(data))
    return chance.randrange(first, len(data) + 1)


def _flip(chance: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    at = _place(chance, data)
    return data[:at] + bytes([chance.randrange(256)]) + data[at + 1 :]


def _insert(chance: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    at = _place(chance, data)
    return data[:at] + chance.choice(DICTIONARY) + data[at:]


def _replace(chance: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    at, word = _place(chance, data), chance.choice(DICTIONARY)
    return data[:at] + word + data[at + len(word) :]


def _delete(chance: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    at = _place(chance, data)
    return data[:at] + data[at + chance.randrange(1, 9) :]


def _double(chance: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    start, end = sorted((_place(chance, data), _place(chance, data)))
    return data[:end] + data[start:end] + data[end:]


def _cut(chance: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    return data[: _place(chance, data)]


def _splice(chance: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    other = chance.choice(others)
    return data[: _place(chance, data)] + other[_place(chance, other) :]


def _swap_lines(chance: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    lines = data.split(b"\r\n")
    at, to = chance.randrange(len(lines)), chance.randrange(len(lines))
    lines[at], lines[to] = lines[to], lines[at]
    return b"\r\n".join(lines)


MUTATIONS: Sequence[Mutation] = (
    *(_flip, _insert, _insert, _replace, _delete, _double, _cut, _splice, _swap_lines),
)


def mutated(chance: random.Random, seeds: Sequence[bytes]) -> bytes:
    """One of `seeds`, changed one to four times."""
    data = chance.choice(seeds)
    for _ in range(chance.randrange(1, 5)):
        data = chance.choice(MUTATIONS)(chance, data, seeds)
    return data


def random_pieces(chance: random.Random, data: bytes) -> list[bytes]:
    """`data` as a network may cut it."""
    places = sorted({0, len(data), *(_place(chance, data) for _ in range(chance.randrange(6)))})
    return [data[start:end] for start, end in pairwise(places)]
