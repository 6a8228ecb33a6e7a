"""What records are found by.

    series    a combination of tenant, client, provider, model, verdict, kind, kind of request and
              class of cost. There are few, so a search by any of them looks into an index of
              (series, time) at a few places, and any combination is as fast as one
    terms     the user, the rules that found something, and the upstream's request ids: (term,
              series, time, row). Only records that have one have a row there

A series is named by a hash of its values, so that writers need not agree on numbers, and one is
written once: a writer remembers those that it knows to be durable.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any, Protocol, TypeAlias

import orjson

LABELS = ("tenant", "client", "provider", "model", "verdict", "kind", "request_type", "cost_class")
"""The columns of `series` that a record's series has its values of."""
CLASSES = 4
"""The cost of a class is up to so many times that of the class below."""
_MAX_REMEMBERED = 100_000
"""Whoever makes up names of models makes as many series."""
SLICE = 5_000
"""How many records of an older database get their series and terms at once."""
Labels: TypeAlias = tuple[Any, ...]
_str = str.__str__
"""The plain string of one of an enum's, whose hash takes long, and of which drivers ask what it
is."""


class Findable(Protocol):
    """What is read of an entry, or of the members of a body, to find it by."""

    @property
    def at_us(self) -> int: ...
    @property
    def tenant(self) -> str: ...
    @property
    def client(self) -> str: ...
    @property
    def user(self) -> str | None: ...
    @property
    def provider(self) -> str | None: ...
    @property
    def model(self) -> str | None: ...
    @property
    def verdict(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def request_type(self) -> str | None: ...
    @property
    def rules(self) -> Sequence[str]: ...
    @property
    def facts(self) -> Mapping[str, Any]: ...


class SeriesSeen:
    """The series that one writer came by."""

    def __init__(self) -> None:
        self._ids: dict[Labels, int] = {}
        self._new: dict[Labels, int] = {}
        """Those of the batch that may not be durable yet."""

    def begin(self) -> None:
        """A batch begins. What was new in one that failed is not there, and may be why it did."""
        self._new.clear()

    def id_of(self, labels: Labels) -> int:
        """The id of the series of these values."""
        known = self._ids.get(labels)
        if known is not None:
            return known
        if len(self._ids) >= _MAX_REMEMBERED:
            self._ids.clear()
        new = self._new[labels] = series_id(labels)
        return new

    def new(self) -> dict[Labels, int]:
        """Those that may not be there yet."""
        return dict(self._new)

    def committed(self, written: Mapping[Labels, int]) -> None:
        """These are durable."""
        self._ids |= written
        for labels in written:
            self._new.pop(labels, None)


def row_of(labels: Labels, id: int) -> tuple[Any, ...]:
    """The row of a series."""
    return id, *labels


def labels_of(entry: Findable, cost_usd: float | None) -> Labels:
    """The values that an entry's series is of; `cost_usd` is its `cost_of`."""
    return (
        entry.tenant,
        entry.client,
        entry.provider,
        entry.model,
        _str(entry.verdict),
        _str(entry.kind),
        entry.request_type,
        cost_class(cost_usd),
    )


def series_id(labels: Labels) -> int:
    """The id of a series: 64 bits of a hash of its values."""
    hashed = blake2b(orjson.dumps(labels), digest_size=8).digest()
    return int.from_bytes(hashed, signed=True)


def cost_of(entry: Findable) -> float | None:
    """The cost of an entry in dollars; None where it is not known."""
    cost = entry.facts.get("cost_usd")
    if cost is None or not isinstance(cost, (int, float)) or not math.isfinite(cost):
        return None
    return cost


def cost_class(cost_usd: float | None) -> int | None:
    """The class of a cost: n for 4ⁿ to 4ⁿ⁺¹ dollars, -15 for less than that; None where the cost is
    not known."""
    if cost_usd is None:
        return None
    return _LEAST_CLASS if cost_usd <= 0 else max(_LEAST_CLASS, math.frexp(cost_usd)[1] - 1 >> 1)


_LEAST_CLASS = -15


def terms_of(entry: Findable) -> list[str]:
    """The terms of an entry, each once."""
    terms = [] if entry.user is None else [user_term(entry.user)]
    if entry.rules:
        terms += map(rule_term, dict.fromkeys(entry.rules))
    receipt, error = _id_in(entry.facts.get("receipt")), _id_in(entry.facts.get("error"))
    if receipt:
        terms.append(receipt_term(receipt))
    if error and error != receipt:
        terms.append(receipt_term(error))
    return terms


def _id_in(member: Any) -> str | None:
    """The id that the upstream gave the call, of a receipt or an error."""
    if member is None or not isinstance(member, Mapping):
        return None
    id = member.get("request_id")
    return id if isinstance(id, str) else None


def user_term(user: str) -> str:
    """The term of a user's pseudonym."""
    return f"user {user}"


def rule_term(rule: str) -> str:
    """The term of a rule that found something."""
    return f"rule {rule}"


def receipt_term(id: str) -> str:
    """The term of a request id."""
    return f"receipt {id}"
