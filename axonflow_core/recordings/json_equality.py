"""When two native bodies mean the same.

JSON equality: numbers by value (28.0 equals 28, true does not equal 1), keys in any order, `""` a
value like any other. Protocols also have several spellings for one thing. Two are treated as equal,
in objects that the protocol defines only:

    a bare string   where one text block is allowed: a message's `content`, Anthropic's `system`
    an absent key   and its null, `[]`, `{}`, or an object of nothing but nulls and `[]`

Neither holds for user data that the protocol only carries: tool arguments, schemas, tool results,
metadata. Neither holds for the one key of a union member, an object whose key is its type
(`{"auto": {}}`): without the key the type is lost. And empty data inside such a member is not the
same as absent data: `{"toolUse": {"input": {}, …}}`. So `_compare` carries two flags, and `is_free`
decides where user data begins.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import orjson

from axonflow_core.frozen import frozen
from axonflow_core.messages import Json

ABSENT = "(absent)"
"""Stands for a key or item that one side lacks."""

FREE_KEYS = frozenset(
    {
        *("input", "arguments", "args", "response", "tool_results", "toolResult"),
        *(
            "input_schema",
            "inputSchema",
            "parameters",
            "parametersJsonSchema",
            "parameter_definitions",
            "responseJsonSchema",
            "responseSchema",
            "schema",
            "json",
            "json_schema",
        ),
        *(
            "labels",
            "metadata",
            "requestMetadata",
            "additionalModelRequestFields",
            "additionalModelResponseFields",
        ),
    }
)
"""The values of these keys are user data, which the protocol carries and does not define."""


@frozen
class Difference:
    """The first place at which two bodies differ. `str()` shows at most 200 characters of each
    side."""

    path: str
    """The place, such as `$.messages[0].content`."""
    expected: Json
    got: Json

    def __str__(self) -> str:
        return f"at {self.path}: expected {shown(self.expected)}, got {shown(self.got)}"


def shown(value: Json, limit: int = 200) -> str:
    """`value` as JSON of at most `limit` characters."""
    text = ABSENT if value == ABSENT else orjson.dumps(value, default=repr).decode()
    return text if len(text) <= limit else f"{text[: limit - 30]}… ({len(text)} characters)"


def bounded(value: Json, limit: int = 200) -> Json:
    """`value`, or `shown(value)` where its JSON is longer than `limit` characters."""
    return value if len(orjson.dumps(value, default=repr)) <= limit else shown(value, limit)


def difference(expected: Json, got: Json) -> Difference | None:
    """The first difference under the equality of this module, None for equal bodies."""
    return next(_compare(expected, got, "$", is_strict=False, is_root=True), None)


def strict_difference(expected: Json, got: Json) -> Difference | None:
    """The first difference under JSON equality alone: for user data, and for neutral values."""
    return next(_compare(expected, got, "$", is_strict=True), None)


def protocol_objects(native: Json, *, is_root: bool = True) -> Iterator[dict[str, Json]]:
    """Every object of `native` that the protocol defines, and not user data or a union member: here
    unknown keys may occur and the two tolerances hold.
    """
    if isinstance(native, list):
        for item in native:
            yield from protocol_objects(item, is_root=False)
    elif isinstance(native, dict) and (is_root or not is_union_member(native)):
        yield native
        for key, value in native.items():
            if not is_free(key, native):
                yield from protocol_objects(value, is_root=False)


def is_free(key: str, owner: Mapping[str, Json]) -> bool:
    """Whether the member `key` of `owner` is user data that the protocol only carries."""
    if key in FREE_KEYS:
        # A lone `metadata` is the last event of a Converse stream, and no user data.
        return key != "metadata" or not is_union_member(owner)
    if key == "format":  # Ollama's is a word or a schema; elsewhere it names a type of file
        return isinstance(owner.get(key), dict)
    return key == "content" and (owner.get("type") == "tool_result" or owner.get("role") == "tool")


def is_union_member(native: Mapping[str, Json]) -> bool:
    """Whether `native` is an object with one key that is its type. An object with a `type` is
    not."""
    return len(native) == 1 and "type" not in native


def _compare(
    expected: Json,
    got: Json,
    path: str,
    *,
    is_strict: bool,
    is_root: bool = False,
    is_member: bool = False,
) -> Iterator[Difference]:
    """Differences of two JSON values. `is_strict`: user data, without tolerances; `is_root`: the
    whole body, which is never a union member; `is_member`: the value of a union member.
    """
    if isinstance(expected, dict) and isinstance(got, dict):
        is_union = not is_root and (
            is_union_member(expected) or (not expected and is_union_member(got))
        )
        yield from _compare_objects(
            expected, got, path, is_strict=is_strict, is_union=is_union, is_member=is_member
        )
    elif isinstance(expected, list) and isinstance(got, list):
        for index, (mine, theirs) in enumerate(zip(expected, got, strict=False)):
            yield from _compare(mine, theirs, f"{path}[{index}]", is_strict=is_strict)
        if len(expected) != len(got):
            # The first item that only one of the lists has.
            index = min(len(expected), len(got))
            yield Difference(f"{path}[{index}]", _item(expected, index), _item(got, index))
    elif not _is_same_scalar(expected, got) and (
        is_strict or not (_is_empty(expected) and _is_empty(got))
    ):
        yield Difference(path, expected, got)


def _compare_objects(
    expected: Mapping[str, Json],
    got: Mapping[str, Json],
    path: str,
    *,
    is_strict: bool,
    is_union: bool,
    is_member: bool,
) -> Iterator[Difference]:
    """Differences of the members of two objects. An absent member equals an empty one, except for
    user data, union members, and user data within a union member."""
    for key in {**expected, **got}:
        mine, theirs = expected.get(key, ABSENT), got.get(key, ABSENT)
        if mine is ABSENT or theirs is ABSENT:
            only = theirs if mine is ABSENT else mine
            if (
                is_strict
                or is_union
                or (is_member and is_free(key, expected))
                or not _is_empty(only)
            ):
                yield Difference(_member(path, key), mine, theirs)
            continue
        if not is_strict and _takes_bare_string(key, expected):
            mine, theirs = _as_blocks(mine, theirs), _as_blocks(theirs, mine)
        yield from _compare(
            mine,
            theirs,
            _member(path, key),
            is_strict=is_strict or is_free(key, expected),
            is_member=is_union,
        )


def _takes_bare_string(key: str, owner: Mapping[str, Json]) -> bool:
    """Whether the protocol accepts a bare string in place of one text block for this member."""
    if key == "content":
        return "role" in owner and not is_free(key, owner)
    return key == "system" and "messages" in owner


def _as_blocks(value: Json, other: Json) -> Json:
    """A bare string as its one text block, where the other side is a list of blocks."""
    return (
        [{"type": "text", "text": value}]
        if isinstance(value, str) and isinstance(other, list)
        else value
    )


def _is_empty(value: Json) -> bool:
    """Whether the value has no content: null, `[]`, `{}`, or an object of only nulls and `[]`. An
    empty string has: some models answer it."""
    if isinstance(value, dict):
        return all(member is None or member == [] for member in value.values())
    return value is None or value == []


def _is_same_scalar(one: Json, other: Json) -> bool:
    """Equality by value, except that booleans equal booleans only (Python's `True == 1`)."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    return bool(one == other)


def _item(items: list[Json], index: int) -> Json:
    """The item at `index`, ABSENT beyond the end."""
    return items[index] if index < len(items) else ABSENT


def _member(path: str, key: str) -> str:
    """The path of a member; a key with other characters is written in brackets, as JSON."""
    return (
        f"{path}.{key}"
        if key.replace("_", "").isalnum()
        else f"{path}[{orjson.dumps(key).decode()}]"
    )
