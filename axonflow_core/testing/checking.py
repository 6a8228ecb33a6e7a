"""How a law is checked: on many values, with the smallest difference reported; and native bodies,
spoiled on purpose."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from time import monotonic
from typing import Any, TypeVar

from attrs import field, frozen
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from axonflow_core.messages import Json

from ..recordings.json_equality import Difference, difference, protocol_objects
from ..recordings.meaning import value_difference
from .json_strategies import json_values

T = TypeVar("T")

SHRINK_S = 20.0
"""Seconds for which a smaller example of a failure is searched for."""


def for_all(drawn: SearchStrategy[T], check: Callable[[T], None]) -> None:
    """Run `check` on as many values as the Hypothesis profile says. Filtering stays a fault:
    strategies must fit."""
    rules = settings(
        deadline=None,
        database=None,
        print_blob=False,
        report_multiple_bugs=False,
        suppress_health_check=[HealthCheck.too_slow],
    )
    patience_s = SHRINK_S if Phase.shrink in rules.phases else 0.0
    try:
        rules(given(drawn)(_within(patience_s, check)))()
    except _Unprinted as broken:
        raise broken.fault from None


class _Unprinted(BaseException):
    """Carries a failure through Hypothesis where no smaller example is waited for: as a
    `BaseException` it is neither run again nor printed."""

    def __init__(self, fault: Exception) -> None:
        self.fault = fault


def _within(patience_s: float, check: Callable[[T], None]) -> Callable[[T], None]:
    """`check`, whose failure passes through Hypothesis once smaller examples were searched for so
    long: Hypothesis itself gives up after five minutes."""
    ends_at: float | None = None

    def checked(value: T) -> None:
        nonlocal ends_at
        try:
            check(value)
        except Exception as fault:
            ends_at = monotonic() + patience_s if ends_at is None else ends_at
            if monotonic() >= ends_at:
                raise _Unprinted(fault) from fault
            raise

    return checked


def same_value(expected: Any, got: Any) -> None:
    """Assert that two neutral values are equal; the message names the first difference."""
    no(value_difference(expected, got))
    require(expected == got, "the values look alike and are not equal")


def same_json(expected: Json, got: Json) -> None:
    """Assert that two native bodies mean the same; the message names the first difference."""
    no(difference(expected, got))


def require(is_kept: bool, otherwise: str) -> None:
    """Assert `is_kept`, with the message `otherwise`."""
    if not is_kept:
        raise AssertionError(otherwise)


def no(found: Difference | None) -> None:
    """Assert that there is no difference."""
    if found is not None:
        raise AssertionError(str(found))


# ── native bodies ─────────────────────────────────────────────────────────────────────────────────

UNKNOWN_KEY = "x_nobody_knows"
"""A key that no family documents."""
UNKNOWN_VALUES: tuple[Json, ...] = (7, 0.5, "x", "", False, ["x", None], {"x": None})
"""What an unknown key may hold: every kind of JSON but null, which means the same as absent."""


@frozen
class Side:
    """One of the three native forms of a codec, and the way through the neutral model and back."""

    name: str
    """`request`, `answer` or `chunks`."""
    natives: SearchStrategy[Json] = field(repr=False)
    """Native bodies of this side, encoded from values that the codec claims."""
    decode: Callable[[Json], Any] = field(repr=False)
    encode: Callable[[Any], Json] = field(repr=False)

    def again(self, native: Json) -> Json:
        """The body, read and written again."""
        return self.encode(self.decode(native))


@st.composite
def any_native(draw: DrawFn, sides: tuple[Side, ...]) -> tuple[Side, Json]:
    """Draws a side and one of its native bodies."""
    side = draw(st.sampled_from(sides))
    return side, draw(side.natives)


@st.composite
def with_unknown_key(draw: DrawFn, sides: tuple[Side, ...]) -> tuple[Side, Json]:
    """Draws a native body with an unknown key in one of the protocol's objects."""
    side = draw(st.sampled_from(sides))
    native = deepcopy(draw(side.natives))
    owners = list(_objects(native))
    draw(st.sampled_from(owners))[UNKNOWN_KEY] = draw(st.sampled_from(UNKNOWN_VALUES))
    return side, native


def _objects(native: Json) -> Iterator[dict[str, Json]]:
    for body in native if isinstance(native, list) else [native]:
        yield from protocol_objects(body)


@st.composite
def strange(draw: DrawFn, sides: tuple[Side, ...]) -> tuple[Side, Json]:
    """Draws a malformed body: a member missing or of another type, or no body of the form at
    all."""
    side = draw(st.sampled_from(sides))
    if draw(st.integers(0, 4)) == 0:
        anything = draw(json_values())
        return side, [anything] if side.name == "chunks" else anything
    native = deepcopy(draw(side.natives))
    owner, key = draw(st.sampled_from(list(_places(native))))
    if isinstance(owner, dict) and draw(st.booleans()):
        del owner[key]
    else:
        owner[key] = draw(json_values())
    return side, native


def _places(native: Json) -> Iterator[tuple[Any, Any]]:
    """Every container in `native` with every key or index in it."""
    if isinstance(native, dict | list):
        for key, item in native.items() if isinstance(native, dict) else enumerate(native):
            yield native, key
            yield from _places(item)
