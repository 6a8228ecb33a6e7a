"""Four laws about what a value means, for every native form of a codec (`Side`).

    equal values encode equally     nothing is hidden where equality cannot see it
    text edits keep the rest        another text, and all else as before: redaction, neutralising
    null is absent                  each member, null, says the same as none, in every chunk too
    a new member hides nothing      what is understood next to it is still understood

Each starts from a native body, because only what was decoded may hold more than its fields show.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from operator import is_not
from typing import Any, TypeAlias

import attrs
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from axonflow_core.converters import EMPTY, Json
from axonflow_core.errors import AnswerError, EncodeError, MalformedRequest, ProviderError
from axonflow_core.frozen import evolve
from axonflow_core.json import dumps, from_json, loads, to_json
from axonflow_core.messages import Reasoning, Text, ToolUse
from axonflow_core.stream import BlockStart, Extra, RequestEcho, TextDelta, assemble

from ..recordings.json_equality import is_free, is_union_member, strict_difference
from .checking import (
    UNKNOWN_KEY,
    UNKNOWN_VALUES,
    Side,
    any_native,
    for_all,
    require,
    same_json,
    same_value,
)

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
    """A documented member that is null says the same as one that is not there: the same value, or
    the same refusal. Each member of a body is put to it, and each key in all of its places at once,
    because a server that fills in nulls does so everywhere; keys of another body too. So is a null
    next to the one member of a union, and an undocumented one in every object."""

    def check(drawn: tuple[Side, Json, Json]) -> None:
        side, native, other = drawn
        check_nulls(side, native, documented, _keys_by_place([native, other]))

    for_all(_two_natives(sides), check)


@st.composite
def _two_natives(draw: DrawFn, sides: tuple[Side, ...]) -> tuple[Side, Json, Json]:
    """Two native bodies of one side."""
    side = draw(st.sampled_from(sides))
    return side, draw(side.natives), draw(side.natives)


def check_nulls(
    side: Side,
    native: Json,
    documented: frozenset[str],
    keys: Mapping[str, frozenset[str]] | None = None,
) -> None:
    """Hold one native body to the law, member by member. `keys` by place are those that may stand
    there too; None: the body's own alone."""
    base = _without_nulls(native, documented)
    for spots in _spots(base, documented, _keys_by_place([native]) if keys is None else keys):
        absent, null = deepcopy(base), deepcopy(base)
        _put(absent, spots, _remove)
        _put(null, spots, _make_null)
        _say_the_same(side, spots[0][1], absent, null)


def _say_the_same(side: Side, key: str, absent: Json, null: Json) -> None:
    """Both bodies are read as one value, or refused as the fault of who wrote them."""
    expected, got = _outcome(side, absent), _outcome(side, null)
    what = f"a null {key!r} of {'an' if side.name == 'answer' else 'a'} {side.name}"
    if isinstance(expected, str) or isinstance(got, str):
        words = f"{what} is {_named(got)}, an absent one is {_named(expected)}"
        require(expected == got, words)
    else:
        same_value(quiet(expected), quiet(got))
        is_written = _is_written(side, got) or not _is_written(side, expected)
        require(is_written, f"{what} is read and cannot be written")


def _outcome(side: Side, native: Json) -> Any:
    """The value of a body, or the name of the error that refuses it."""
    try:
        return side.decode(native)
    except (AnswerError, MalformedRequest, ProviderError) as refusal:
        return type(refusal).__name__


def _named(outcome: Any) -> str:
    return f"refused ({outcome})" if isinstance(outcome, str) else "read"


def _is_written(side: Side, value: Any) -> bool:
    """Whether the value is encoded again and not refused with an `EncodeError`."""
    try:
        side.encode(value)
    except EncodeError:
        return False
    return True


Spot: TypeAlias = tuple[int, str]
"""The number of an object in `_objects`, and a key of it."""


def _spots(
    native: Json, documented: frozenset[str], keys: Mapping[str, frozenset[str]]
) -> Iterator[list[Spot]]:
    """Every member alone, then every key in all of its places; of a union, what is not set."""
    of_key: dict[str, list[Spot]] = {}
    for number, (place, owner, is_union) in enumerate(_objects(native)):
        known = (owner.keys() | keys.get(place, frozenset())) & documented
        of_key.setdefault(UNKNOWN_KEY, []).append((number, UNKNOWN_KEY))
        for key in sorted(known - owner.keys() if is_union else known):
            of_key.setdefault(key, []).append((number, key))
    for key, spots in of_key.items():
        yield from ([spot] for spot in spots if key != UNKNOWN_KEY)
        if len(spots) > 1:
            yield spots


def _put(native: Json, spots: list[Spot], change: Callable[[dict[str, Json], str], object]) -> None:
    """Change the members at `spots`."""
    owners = [owner for _, owner, _ in _objects(native)]
    for number, key in spots:
        change(owners[number], key)


def _remove(owner: dict[str, Json], key: str) -> None:
    owner.pop(key, None)


def _make_null(owner: dict[str, Json], key: str) -> None:
    owner[key] = None


def _objects(native: Json) -> list[tuple[str, dict[str, Json], bool]]:
    """Every object of the protocol with its place, in which the index of a list does not count, and
    whether it is a union: the whole bodies, and all in them that is not user data. A union without
    its one key is nothing."""
    bodies, place = (native, "$[]") if isinstance(native, list) else ([native], "$")
    return [found for body in bodies for found in _placed(body, place, is_root=True)]


def _placed(
    native: Json, place: str, *, is_root: bool = False
) -> Iterator[tuple[str, dict[str, Json], bool]]:
    """The objects of `_objects` in one value."""
    if isinstance(native, list):
        for item in native:
            yield from _placed(item, f"{place}[]")
    elif isinstance(native, dict):
        kind = native.get("type")
        named = f"{place}<{kind}>" if isinstance(kind, str) else place
        yield named, native, not is_root and is_union_member(native)
        for key, member in native.items():
            if not is_free(key, native):
                yield from _placed(member, f"{named}.{key}")


def _keys_by_place(natives: list[Json]) -> dict[str, frozenset[str]]:
    """Place -> the keys that occur there in any of the bodies."""
    keys: dict[str, frozenset[str]] = {}
    for native in natives:
        for place, owner, _ in _objects(native):
            keys[place] = keys.get(place, frozenset()) | owner.keys()
    return keys


def _without_nulls(native: Json, documented: frozenset[str]) -> Json:
    """The body without its documented nulls."""
    native = deepcopy(native)
    for _, owner, is_union in _objects(native):
        for key in (
            []
            if is_union
            else [key for key, member in owner.items() if member is None and key in documented]
        ):
            del owner[key]
    return native


# ── a new member hides nothing ────────────────────────────────────────────────────────────────────


def a_new_member_hides_nothing(sides: tuple[Side, ...]) -> None:
    """A member that nobody documents, in any object of an answer or stream, first or last in it:
    the content is what it was without, and the member comes back. Vendors add members without
    notice."""

    def check(drawn: tuple[Side, Json, int, Json, bool]) -> None:
        side, native, number, value, is_first = drawn
        owners = _objects(native)
        added = deepcopy(native)
        _add_member(_objects(added)[number % len(owners)][1], value, is_first=is_first)
        same_value(_plain(side.decode(deepcopy(native))), _plain(side.decode(deepcopy(added))))
        same_json(added, side.again(deepcopy(added)))

    answers = tuple(side for side in sides if side.name != "request")
    for_all(_with_places(answers), check)


@st.composite
def _with_places(draw: DrawFn, sides: tuple[Side, ...]) -> tuple[Side, Json, int, Json, bool]:
    """A native body, the number of an object in it, and what to add there."""
    side, native = draw(any_native(sides))
    number = draw(st.integers(0, max(len(_objects(native)) - 1, 0)))
    return side, native, number, draw(st.sampled_from(UNKNOWN_VALUES)), draw(st.booleans())


def _add_member(owner: dict[str, Json], value: Json, *, is_first: bool) -> None:
    """Put an unknown member into `owner`."""
    members = dict(owner)
    if is_first:
        owner.clear()
    owner[UNKNOWN_KEY] = value
    owner.update(members)


def _plain(value: Any) -> Any:
    """`value` without what it only carries; a stream as the answer that it adds up to."""
    return _uncarried(_summed(value))


def _uncarried(value: Any) -> Any:
    """`value` without `extra`, `spelling` and the echo of the request, on any level."""
    if isinstance(value, tuple):
        return tuple(map(_uncarried, value))
    if not attrs.has(type(value)):
        return value
    names = attrs.fields_dict(type(value)).keys()
    changes = {
        name: _CARRIED_ALONG[name] if name in _CARRIED_ALONG else _uncarried(getattr(value, name))
        for name in names
    }
    return evolve(value, **changes)


_CARRIED_ALONG: Mapping[str, Json] = {"extra": EMPTY, "spelling": EMPTY, "request_echo": None}


def quiet(value: Any) -> Any:
    """`value` without the nulls that it only carries, and events that carry nothing else."""
    if isinstance(value, list | tuple):
        kept = (quiet(item) for item in value)
        return type(value)(item for item in kept if item is not None)
    if isinstance(value, Extra):
        members = _loud(value.members)
        return evolve(value, members=members) if members else None
    if isinstance(value, RequestEcho):
        return evolve(value, request_echo=_loud(value.request_echo))
    if not attrs.has(type(value)):
        return value
    fields = attrs.fields_dict(type(value))
    changes = {
        name: _loud(member) if name in _CARRIED else quiet(member)
        for name in fields
        if isinstance(member := getattr(value, name), Mapping | tuple) or attrs.has(type(member))
    }
    return evolve(value, **changes)


_CARRIED = frozenset(
    {
        *("extra", "options", "settings", "request_echo"),
        *("data", "trace", "citations", "citation", "stop_details"),
    }
)
"""The fields of values that hold native JSON as it came; `data` is that of an `Opaque`."""


def _loud(carried: Json) -> Json:
    """JSON without the members that are null or hold nothing else, on any level."""
    if isinstance(carried, Mapping):
        members = {key: _loud(member) for key, member in carried.items()}
        return {key: loud for key, loud in members.items() if loud is not None and loud != {}}
    if isinstance(carried, list | tuple):
        return type(carried)(map(_loud, carried))
    return carried


__all__ = [
    "a_new_member_hides_nothing",
    "check_nulls",
    "check_twins",
    "equal_values_encode_equally",
    "null_is_absent",
    "quiet",
    "rebuilt",
    "reordered",
    "text_edits_keep_the_rest",
    "twins",
]
