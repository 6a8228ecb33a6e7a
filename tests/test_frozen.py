"""`frozen` makes the classes that `attrs.frozen` makes: their fields are collected and their
methods compiled when they are first looked up. `evolve` makes the copies that `attrs.evolve`
makes."""

from __future__ import annotations

import copy
import inspect
import pickle
import typing
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Any, ClassVar

import attrs
import pytest

from axonflow_core.errors import RequestError
from axonflow_core.frozen import Unfit, evolve, frozen

METHODS = ("__init__", "__repr__", "__eq__", "__hash__")


def made_by(decorate: Callable[..., Any]) -> Any:
    """One class with a field of each kind, as `decorate` makes it."""

    @decorate
    class Parrot:
        name: str
        words: tuple[str, ...] = attrs.field(default=(), converter=tuple)
        secret: str = attrs.field(default="", repr=False, eq=False)
        weight: float = attrs.field(default=1.0, eq=round, repr="{:.0f} g".format)
        friends: list[str] = attrs.field(factory=list, hash=False, kw_only=True)
        size: int = attrs.field(init=False, default=3)

    return Parrot


def is_compiled(cls: type, method: str) -> bool:
    return inspect.isfunction(vars(cls)[method])


@pytest.mark.parametrize("method", METHODS)
def test_a_method_is_compiled_when_it_is_first_looked_up(method: str) -> None:
    parrot = made_by(frozen)
    assert not any(is_compiled(parrot, each) for each in METHODS)
    getattr(parrot, method)
    assert [each for each in METHODS if is_compiled(parrot, each)] == [method]


def has_fields(cls: type) -> bool:
    return isinstance(vars(cls)["__attrs_attrs__"], tuple)


def test_the_fields_are_collected_when_they_are_first_asked_for() -> None:
    ours, theirs = made_by(frozen), made_by(attrs.frozen)
    assert not has_fields(ours)
    assert attrs.fields(ours) == attrs.fields(theirs)
    assert has_fields(ours)
    assert ours.__slots__ == theirs.__slots__
    assert ours.__match_args__ == theirs.__match_args__


@pytest.mark.parametrize("decorate", [frozen, attrs.frozen])
def test_the_fields_of_a_base_are_collected_with_those_of_a_subclass(decorate: Any) -> None:
    @decorate
    class Macaw(made_by(decorate)):  # type: ignore[misc]
        name: str = "Ara"
        color: str = "blue"

    assert Macaw.__slots__ == ("color",)
    assert [field.name for field in attrs.fields(Macaw)][-2:] == ["name", "color"]
    assert (Macaw().name, Macaw(name="Polly").name) == ("Ara", "Polly")


def test_a_value_is_copied_pickled_and_referred_to_as_one_of_attrs() -> None:
    cage = Cage("a", 5, value=[1])
    assert (pickle.loads(pickle.dumps(cage)), copy.deepcopy(cage)) == (cage, cage)
    assert weakref.ref(cage)() is cage


def test_a_class_that_attrs_has_to_change_in_copying_is_attrs_from_the_start() -> None:
    class Named:
        def call(self) -> str:
            return "a bird"

    @frozen
    class Parrot(Named):
        kind: ClassVar[str] = "parrot"
        name: str

        def call(self) -> str:
            return f"{super().call()} called {self.name}"

        @cached_property
        def size(self) -> int:
            return len(self.name)

    assert (Parrot("Polly").call(), Parrot("Polly").size) == ("a bird called Polly", 5)
    assert [field.name for field in attrs.fields(Parrot)] == ["name"]


def test_the_signature_is_that_of_attrs() -> None:
    ours, theirs = made_by(frozen), made_by(attrs.frozen)
    assert str(inspect.signature(ours)) == str(inspect.signature(theirs))
    assert typing.get_type_hints(ours.__init__) == typing.get_type_hints(theirs.__init__)
    assert ours.__init__.__qualname__ == theirs.__init__.__qualname__


def test_a_value_reads_as_one_of_attrs() -> None:
    ours, theirs = (made_by(decorate)("Polly", ["hi"]) for decorate in (frozen, attrs.frozen))
    assert repr(ours) == repr(theirs)
    assert attrs.asdict(ours) == attrs.asdict(theirs)


@pytest.mark.parametrize(
    ("change", "is_equal"),
    [({"name": "Ara"}, False), ({"secret": "hush"}, True), ({"weight": 1.2}, True)],
)
def test_equality_and_hash_compare_the_fields_that_attrs_compares(
    change: dict[str, Any], is_equal: bool
) -> None:
    parrot = made_by(frozen)("Polly")
    other = attrs.evolve(parrot, **change)
    assert (parrot == other) is is_equal
    assert (hash(parrot) == hash(other)) is is_equal
    assert parrot != "Polly"


def test_a_method_that_the_class_has_is_kept() -> None:
    @frozen
    class Parrot:
        name: str

        def __eq__(self, other: object) -> bool:
            return isinstance(other, Parrot)

        def __repr__(self) -> str:
            return "a parrot"

    assert Parrot("Polly") == Parrot("Ara")
    assert repr(Parrot("Polly")) == "a parrot"
    assert Parrot.__hash__ is None


def test_options_of_attrs_are_kept() -> None:
    @frozen(order=True)
    class Place:
        line: int

    @frozen(eq=False)
    class Thing:
        name: str

    assert Place(1) < Place(2)
    assert Place(1) == Place(1)
    assert Thing("a") != Thing("a")


def test_a_decorated_subclass_has_methods_of_its_own() -> None:
    parrot = made_by(frozen)

    @frozen
    class Macaw(parrot):  # type: ignore[misc, valid-type]
        color: str = "blue"

    assert parrot("Polly") != Macaw("Polly")
    assert Macaw("Polly") != Macaw("Polly", color="red")
    assert "color='blue'" in repr(Macaw("Polly"))
    assert "color" not in repr(parrot("Polly"))


def test_a_subclass_that_is_not_decorated_is_a_value_of_its_own_class() -> None:
    class Loud(made_by(frozen)):  # type: ignore[misc]
        def shout(self) -> str:
            return str(self.name.upper())

    loud = Loud("Polly", ["hi"])
    assert loud.shout() == "POLLY"
    assert (type(loud), loud.words, loud.size) == (Loud, ("hi",), 3)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        loud.name = "Ara"


def test_a_subclass_of_the_same_layout_is_a_value_of_its_own_class() -> None:
    class Quiet(made_by(frozen)):  # type: ignore[misc]
        __slots__ = ()

    assert type(Quiet("Polly")) is Quiet
    assert type(evolve(Quiet("Polly"), name="Ara")) is Quiet
    assert Quiet("Polly") == Quiet("Polly")


def test_threads_that_make_the_first_value_at_once_all_get_one() -> None:
    parrot = made_by(frozen)
    with ThreadPoolExecutor(8) as pool:
        values = list(pool.map(parrot, ["Polly"] * 64))
    assert set(values) == {parrot("Polly")}


@frozen
class Cage:
    """Of fields that `evolve` copies by itself: none is left to the class."""

    name: str = attrs.field(converter=str.strip)
    size: int = attrs.field(default=1, validator=attrs.validators.gt(0))
    _value: object = attrs.field(default=None, kw_only=True)
    tags: tuple[str, ...] = attrs.field(factory=tuple)


@pytest.mark.parametrize(
    "changes",
    [{}, {"name": " b "}, {"size": 2}, {"value": 3}, {"tags": ("x",), "name": "c", "value": 4}],
)
def test_a_copy_is_the_one_that_attrs_makes(changes: dict[str, Any]) -> None:
    cage = Cage(" a ", 5, value=[1], tags=("t",))

    assert evolve(cage, **changes) == attrs.evolve(cage, **changes)
    assert type(evolve(cage, **changes)) is Cage
    assert cage == Cage("a", 5, value=[1], tags=("t",))


def test_what_changes_is_converted_and_the_rest_is_copied() -> None:
    calls: list[str] = []

    def noted(text: str) -> str:
        calls.append(text)
        return text

    @frozen
    class Pair:
        one: str = attrs.field(converter=noted)
        other: str = attrs.field(converter=noted)

    pair = evolve(Pair("a", "b"), other="c")

    assert (pair.one, pair.other) == ("a", "c")
    assert calls == ["a", "b", "c"]


def test_a_copy_is_refused_where_a_new_value_is() -> None:
    def refused(name: str) -> str:
        if name == "1":
            raise Unfit("a name", "a number")
        return name

    @frozen
    class Named:
        name: str = attrs.field(converter=refused)

    with pytest.raises(RequestError, match=r"Named.name takes a name, not a number"):
        evolve(Named("a"), name="1")
    with pytest.raises(ValueError, match="'size' must be > 0"):
        evolve(Cage("a"), size=0)
    with pytest.raises(TypeError, match="unexpected keyword argument 'color'"):
        evolve(Cage("a"), color="red")
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        evolve(Cage("a"), size=3).size = 4  # type: ignore[misc]


def test_a_class_that_sets_fields_itself_is_copied_as_attrs_does_it() -> None:
    @frozen
    class Area:
        side: int
        size: int = attrs.field(init=False)

        def __attrs_post_init__(self) -> None:
            object.__setattr__(self, "size", self.side**2)

    class Loud(Cage):
        pass

    assert evolve(Area(2), side=3).size == 9
    assert type(evolve(Loud("a"), name="b")) is Loud
