"""Three laws about what a value means, for every native form of a codec (`Side`).

    equal values encode equally     nothing is hidden where equality cannot see it
    text edits keep the rest        another text, and all else as before: redaction, neutralising
    null is absent                  a null member says the same as none, in every chunk too

Each starts from a native body, because only what was decoded may hold more than its fields show.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from operator import is_not
from typing import Any

import attrs
from attrs import evolve
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from axonflow_core.converters import Json
from axonflow_core.errors import AnswerError, EncodeError
from axonflow_core.json import dumps, from_json, loads, to_json
from axonflow_core.messages import Reasoning, Text, ToolUse
from axonflow_core.stream import BlockStart, Extra, TextDelta, assemble

from ..recordings.json_equality import protocol_objects, strict_difference
from .checking import Side, any_native, for_all, require, same_value

# ── equal values encode equally ───────────────────────────────────────────────────────────────────


def equal_values_encode_equally(sides: tuple[Side, ...]) -> None:
    """A value, its copies and itself once more are written as the same JSON."""

    def check(drawn: tuple[Side, Json]) -> None:
        side, native = drawn
        check_twins(side, native)

    for_all(any_native(sides), check)


def check_twins(side: Side, native: Json) -> None:
    """Hold one native body to the law: every twin of its value is encoded as the same JSON."""
    value = side.decode(deepcopy(native))
    written = deepcopy(side.encode(value))
    for way, twin in twins(value).items():
        require(twin == value, f"the {side.name} is not equal once it is {way}")
        found = strict_difference(written, side.encode(twin))
        require(found is None, f"equal values are written in two ways, once one is {way}: {found}")


def twins(value: Any) -> dict[str, Any]:
    """Values that are equal to `value` if all that it means stands in its fields."""
    return {
        "written again": value,
        "copied": deepcopy(value),
        "read from JSON": _each_value(value, lambda one: from_json(loads(dumps(to_json(one))))),
        "rebuilt of plain types": rebuilt(value),
        "with the members of its JSON in another order": reordered(value),
    }


def _each_value(value: Any, change: Callable[[Any], Any]) -> Any:
    """`value` with each value of the model in it changed; the batches of a stream hold many."""
    if isinstance(value, tuple | list):
        return type(value)(_each_value(item, change) for item in value)
    return change(value)


def rebuilt(value: Any) -> Any:
    """`value` made anew of plain str, int, tuple and dict: no subclass and no identity is left."""
    if attrs.has(type(value)):
        fields = attrs.fields(type(value))
        return type(value)(**{str(f.alias): rebuilt(getattr(value, f.name)) for f in fields})
    if isinstance(value, Mapping):
        return {rebuilt(key): rebuilt(member) for key, member in value.items()}
    if isinstance(value, tuple | list):
        return (list if isinstance(value, list) else tuple)(map(rebuilt, value))
    if isinstance(value, str):
        return "".join(list(value))
    return int(value) if isinstance(value, int) and not isinstance(value, bool) else value


def reordered(value: Any) -> Any:
    """`value` with the members of every JSON object in it in reverse: their order says nothing."""
    if attrs.has(type(value)):
        names = [field.name for field in attrs.fields(type(value)) if field.init]
        return evolve(value, **{name: reordered(getattr(value, name)) for name in names})
    if isinstance(value, Mapping):
        return {key: reordered(member) for key, member in reversed(list(value.items()))}
    if isinstance(value, tuple | list):
        return type(value)(map(reordered, value))
    return value


# ── text edits keep the rest ──────────────────────────────────────────────────────────────────────

EDITED = "redacted 1"


def text_edits_keep_the_rest(sides: tuple[Side, ...]) -> None:
    """One text is changed, and what is read again differs there and nowhere else."""

    def check(drawn: tuple[Side, Json, int]) -> None:
        side, native, number = drawn
        value = side.decode(deepcopy(native))
        count = sum(1 for _ in _texts_in(value))
        if count and not _holds_back(value):
            edited = _edited(value, number % count)
            again = side.decode(side.encode(edited))
            same_value(_summed(edited), _summed(again))

    for_all(_numbered(sides), check)


@st.composite
def _numbered(draw: DrawFn, sides: tuple[Side, ...]) -> tuple[Side, Json, int]:
    return (*draw(any_native(sides)), draw(st.integers(0, 20)))


def _summed(value: Any) -> Any:
    """A stream as the answer that it adds up to: where its chunks begin is no meaning."""
    if isinstance(value, list):
        return assemble(event for batch in value for event in batch)
    return value


def _holds_back(value: Any) -> bool:
    """Whether a stream keeps characters of its text in an `Extra`: they may belong to a tag."""
    return isinstance(value, list) and any(
        isinstance(event, Extra) and event.level == "held" for batch in value for event in batch
    )


def _texts_in(value: Any) -> Iterator[Any]:
    """Every block and delta in `value` whose text can be changed."""
    if isinstance(value, BlockStart):
        return  # its deltas say the rest
    if isinstance(value, tuple | list):
        for item in value:
            yield from _texts_in(item)
    elif _is_editable(value):
        yield value
    elif attrs.has(type(value)):
        for field in attrs.fields(type(value)):
            yield from _texts_in(getattr(value, field.name))


def _is_editable(value: Any) -> bool:
    """Whether another text may stand in a block or delta without making it another kind of
    value."""
    if isinstance(value, Reasoning):
        return bool(value.text) and value.redacted is None
    if isinstance(value, ToolUse):  # in a stream one without input announces the pieces of it
        return bool(value.input)
    return isinstance(value, TextDelta) or (isinstance(value, Text) and bool(value.text))


def _edited(value: Any, number: int) -> Any:
    """`value` with its text `number` changed."""
    count = iter(range(10**9))

    def change(part: Any) -> Any:
        if isinstance(part, tuple | list):
            new = type(part)(map(change, part))
            return new if any(map(is_not, new, part)) else part
        if _is_editable(part):
            return _with_text(part) if next(count) == number else part
        if not attrs.has(type(part)) or isinstance(part, BlockStart):
            return part
        members = {f.name: getattr(part, f.name) for f in attrs.fields(type(part))}
        edited = {
            name: new
            for name, member in members.items()
            if _may_hold_text(member) and (new := change(member)) is not member
        }
        return evolve(part, **edited) if edited else part

    return change(value)


def _may_hold_text(member: Any) -> bool:
    """Whether a member is worth a walk: other members are ids, numbers and JSON."""
    return isinstance(member, tuple) or attrs.has(type(member))


def _with_text(part: Any) -> Any:
    """The part with the text `EDITED`; a tool call with arguments that hold it."""
    if isinstance(part, ToolUse):
        return evolve(part, input={"edited": EDITED})
    return evolve(part, text=EDITED)


# ── null is absent ────────────────────────────────────────────────────────────────────────────────


def null_is_absent(sides: tuple[Side, ...], documented: frozenset[str]) -> None:
    """A documented member that is null is read as one that is not there.

    Null is put where another example of the same native form has the key, at the same place.
    """

    def check(drawn: tuple[Side, Json, Json]) -> None:
        side, without, with_null = drawn
        expected = quiet(side.decode(deepcopy(without)))
        try:
            got = quiet(side.decode(deepcopy(with_null)))
        except AnswerError as refusal:
            raise AssertionError(f"a null member of a {side.name} is refused: {refusal}") from None
        same_value(expected, got)
        _can_be_written(side, with_null)

    for_all(_with_and_without_null(sides, documented), check)


def _can_be_written(side: Side, native: Json) -> None:
    """A body with nulls is encoded again; `EncodeError` breaks the law."""
    try:
        side.again(deepcopy(native))
    except EncodeError as refusal:
        raise AssertionError(f"a null member is read and cannot be written: {refusal}") from None


@st.composite
def _with_and_without_null(
    draw: DrawFn, sides: tuple[Side, ...], documented: frozenset[str]
) -> tuple[Side, Json, Json]:
    """A native body without nulls, and the same with nulls where another body of the side has a
    key."""
    side = draw(st.sampled_from(sides))
    native = draw(side.natives)
    without = _without_nulls(native, documented)
    keys = _keys_by_place([native, draw(side.natives)])
    with_null = deepcopy(without)
    places = [
        (owner, key)
        for place, owner in _placed(with_null, "$")
        for key in sorted((keys.get(place, frozenset()) & documented) - owner.keys())
    ]
    for owner, key in draw(_some_of(places)):
        owner[key] = None
    return side, without, with_null


def _some_of(places: list[tuple[dict[str, Json], str]]) -> SearchStrategy[list[Any]]:
    """One place, or every one of one key: a server that fills in nulls does so everywhere."""
    if not places:
        return st.just([])
    keys = sorted({key for _, key in places})
    of_key = st.sampled_from(keys).map(lambda key: [place for place in places if place[1] == key])
    return st.sampled_from(places).map(lambda place: [place]) | of_key


def _objects(native: Json) -> list[tuple[str, dict[str, Json]]]:
    """Every object of the protocol with its place, in which the index of a list does not count."""
    owned = {id(one) for body in _bodies(native) for one in protocol_objects(body)}
    return [(place, one) for place, one in _placed(native, "$") if id(one) in owned]


def _bodies(native: Json) -> list[Json]:
    return native if isinstance(native, list) else [native]


def _placed(native: Json, place: str) -> Iterator[tuple[str, dict[str, Json]]]:
    """Every object of the protocol with its place; items of a list share one place."""
    if isinstance(native, list):
        for item in native:
            yield from _placed(item, f"{place}[]")
    elif isinstance(native, dict):
        kind = native.get("type")
        named = f"{place}<{kind}>" if isinstance(kind, str) else place
        yield named, native
        for key, member in native.items():
            yield from _placed(member, f"{named}.{key}")


def _keys_by_place(natives: list[Json]) -> dict[str, frozenset[str]]:
    """Place -> the keys that occur there in any of the bodies."""
    keys: dict[str, frozenset[str]] = {}
    for native in natives:
        for place, owner in _objects(native):
            keys[place] = keys.get(place, frozenset()) | owner.keys()
    return keys


def _without_nulls(native: Json, documented: frozenset[str]) -> Json:
    """The body without its documented nulls."""
    native = deepcopy(native)
    for _, owner in _objects(native):
        for key in [key for key, member in owner.items() if member is None and key in documented]:
            del owner[key]
    return native


def quiet(value: Any) -> Any:
    """`value` without the nulls that it only carries, and events that carry nothing else."""
    if isinstance(value, list | tuple):
        kept = (quiet(item) for item in value)
        return type(value)(item for item in kept if item is not None)
    if isinstance(value, Extra):
        members = _loud(value.members)
        return evolve(value, members=members) if members else None
    if not attrs.has(type(value)):
        return value
    fields = attrs.fields_dict(type(value))
    changes = {
        name: _loud(member) if name in _CARRIED else quiet(member)
        for name in fields
        if isinstance(member := getattr(value, name), Mapping | tuple) or attrs.has(type(member))
    }
    return evolve(value, **changes)


_CARRIED = frozenset({"extra", "options", "settings"})


def _loud(members: Mapping[str, Json]) -> dict[str, Json]:
    return {key: member for key, member in members.items() if member is not None}


__all__ = [
    "check_twins",
    "equal_values_encode_equally",
    "null_is_absent",
    "quiet",
    "rebuilt",
    "reordered",
    "text_edits_keep_the_rest",
    "twins",
]
