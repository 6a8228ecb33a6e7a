"""Values are attrs' own in everything but the time that it takes to make one."""

from __future__ import annotations

import copy
import inspect
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from attrs import evolve, field, fields
from attrs.exceptions import FrozenInstanceError

from axonflow_core import messages, stream
from axonflow_core.frozen import frozen
from axonflow_core.messages import EMPTY, Message, Role, Text, text_message
from axonflow_core.stream import TextDelta

KINDS = sorted(
    {
        kind
        for module in (messages, stream)
        for name, kind in vars(module).items()
        if hasattr(kind, "__attrs_attrs__") and not name.startswith("_")
    },
    key=lambda kind: kind.__name__,
)


@frozen
class Point:
    x: int
    y: int = 2
    names: tuple[str, ...] = field(default=(), kw_only=True)


def test_a_value_is_filled_as_its_signature_says() -> None:
    assert (Point(1).x, Point(1).y, Point(1).names) == (1, 2, ())
    assert Point(3, 4, names=("a",)) == Point(x=3, y=4, names=("a",))
    assert (
        str(inspect.signature(Point))
        == "(x: 'int', y: 'int' = 2, *, names: 'tuple[str, ...]' = ()) -> None"
    )
    for wrong in (lambda: Point(), lambda: Point(1, 2, ("a",)), lambda: Point(1, z=3)):  # type: ignore[call-arg,misc]
        with pytest.raises(TypeError):
            wrong()


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_value_of_each_kind_is_of_its_class_and_takes_no_assignment(kind: type) -> None:
    given = {attribute.name: None for attribute in fields(kind) if attribute.default is not EMPTY}
    value = kind(**given)
    assert type(value) is kind
    for name in given:
        with pytest.raises(FrozenInstanceError):
            setattr(value, name, 1)
        with pytest.raises(FrozenInstanceError):
            delattr(value, name)


def test_values_compare_hash_print_match_and_change_as_those_of_attrs() -> None:
    value = Point(1, 3)
    assert value == Point(1, 3) != Point(1, 4)
    assert {value: "found"}[Point(1, 3)] == "found"
    assert repr(value) == "Point(x=1, y=3, names=())"
    assert evolve(value, y=5) == Point(1, 5)
    match value:
        case Point(x, y):
            assert (x, y) == (1, 3)
        case _:
            pytest.fail("no match")


@pytest.mark.parametrize("value", [Text("a", extra={"b": 1}), TextDelta("a", 3)], ids=repr)
def test_a_value_comes_back_from_a_pickle_and_a_copy(value: object) -> None:
    for again in (pickle.loads(pickle.dumps(value)), copy.copy(value), copy.deepcopy(value)):
        assert again == value
        assert type(again) is type(value)


def test_a_message_that_was_filled_by_hand_is_as_any_other() -> None:
    message, block = text_message(Role.USER, "a"), Text("a")
    assert message == Message(Role.USER, (block,))
    assert (type(message), type(message.content[0])) == (Message, Text)
    for value in (message, message.content[0]):
        assert all(hasattr(value, attribute.name) for attribute in fields(type(value)))
        with pytest.raises(FrozenInstanceError):
            value.extra = {}  # type: ignore[misc]


def test_nothing_more_can_be_put_into_nothing_more() -> None:
    """It stands in every value that says nothing more."""
    nothing: Any = EMPTY
    changes: list[Callable[[], object]] = [
        lambda: nothing.update(a=1),
        lambda: nothing.setdefault("a", 1),
        lambda: nothing.__setitem__("a", 1),
        lambda: nothing.__ior__({"a": 1}),
    ]
    for change in changes:
        with pytest.raises(TypeError, match="nothing can be put"):
            change()
    assert not EMPTY and {**EMPTY} == {} == EMPTY
