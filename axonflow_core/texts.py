"""Where text stands in a value: in a request, an answer, an event of a stream.

    places = texts_in(request)                       [(("messages", 0, "content", 0, "text"), "hi")]
    with_texts(request, {place: "[REDACTED:email]"})

Whoever screens a call must see all of its text, and nearly every value can carry some: a block
begins with a whole value, an echo repeats the prompt, a trace quotes what it found, a tool has a
description and a schema. So every string is text unless `_NO_TEXT` says why it is none. So is a
long whole number in JSON: `{"card": 4111111111111111}`.

A screen asks for `screened_texts`, which adds what stays as it is: names, words and ids that have
to match others, what a schema allows, the text in a base64 file, reasoning with a signature.
"""

from __future__ import annotations

import re
from base64 import b64decode
from codecs import getincrementaldecoder
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from functools import cache
from itertools import compress
from math import inf
from operator import attrgetter
from typing import Any, NamedTuple, TypeAlias, TypeVar, cast

from attrs import fields, has

from axonflow_core.frozen import evolve, frozen
from axonflow_core.media import MediaKind, split_data_url, text_of_bytes, type_of_bytes
from axonflow_core.messages import (
    BuiltinTool,
    CachePoint,
    Completion,
    CompletionRequest,
    Guardrail,
    Media,
    Message,
    Opaque,
    OutputSchema,
    Reasoning,
    ReasoningRequest,
    Tool,
    ToolChoice,
    ToolResult,
    ToolUse,
)
from axonflow_core.stream import Extra, ReasoningDelta, Started, Stopped, UsageUpdate

T = TypeVar("T")


@frozen
class Key:
    """The last step to a text that is the key of an object, not its value."""

    name: str


Place: TypeAlias = tuple[str | int | Key, ...]
"""Where in a value a text stands: names of fields, keys of objects, indices of lists."""


class FixedText(NamedTuple):
    """A text that nothing else can stand for."""

    place: Place
    text: str
    what: str
    """What it is, for a person: `the name of a tool`."""


class TooManyTexts(Exception):
    """A value has more texts than whoever asked for them wants."""


class ScreenedTexts(NamedTuple):
    """What a screen reads of a value, in its order."""

    texts: list[tuple[Place, str]]
    """Those that another text may stand for."""
    arguments: list[range]
    """Which of `texts` are arguments of tools, or keys of these."""
    reasoning: list[int]
    """Which of `texts` a model thought."""
    fixed: list[FixedText]
    most: float
    """The most of them, or of the fixed ones, that are wanted."""

    def check(self) -> None:
        """Raise `TooManyTexts` where there are more."""
        if len(self.texts) > self.most or len(self.fixed) > self.most:
            raise TooManyTexts


SIGNED_REASONING = "reasoning that has a signature"
_LONG = 10**11
_NAMES: Mapping[tuple[type, str], str] = {
    (Tool, "name"): "the name of a tool",
    (ToolUse, "name"): "the name of a tool",
    (ToolResult, "name"): "the name of a tool",
    (ToolChoice, "name"): "the name of a tool",
    (BuiltinTool, "name"): "the name of a tool",
    (BuiltinTool, "type"): "the type of a tool",
    (OutputSchema, "name"): "the name of a schema",
    (Media, "media_type"): "the type of a file",
    (CachePoint, "ttl"): "a setting of the cache",
    (CachePoint, "kind"): "a setting of the cache",
    (ReasoningRequest, "mode"): "a setting of the reasoning",
    (ReasoningRequest, "effort"): "a setting of the reasoning",
    (CompletionRequest, "service_tier"): "the service tier",
    (ToolUse, "id"): "the id of a tool's call",
    (ToolResult, "tool_use_id"): "the id of a tool's call",
}
"""Class and field of what somebody chose and nothing else can stand for -> what it is."""
_IDS = {(ToolUse, "id"), (ToolResult, "tool_use_id")}
_ID = re.compile(r"[\w-]*[A-Za-z][\w-]*")
"""An id as servers make them: `toolu_01A09q90`. It is not read, as digits in it may look like any
number."""
_OF_PROVIDER = "a word of the provider's server, which no model writes"
_SEALED = "sealed by the provider, to whom it goes back byte for byte"
_OURS = "a word of this program"
_NO_TEXT: Mapping[tuple[type, str], str] = {
    (Message, "role"): _OURS,
    **{(Started, name): _OF_PROVIDER for name in ("id", "model")},
    **{(ReasoningDelta, name): _SEALED for name in ("signature", "redacted")},
    **{(Reasoning, name): _SEALED for name in ("signature", "redacted")},
    (BuiltinTool, "dialect"): _OURS,
    (UsageUpdate, "service_tier"): _OF_PROVIDER,
    (Guardrail, "action"): _OF_PROVIDER,
    (Stopped, "native"): _OF_PROVIDER,
    (Opaque, "dialect"): _OURS,
    (Extra, "level"): _OURS,
    **{(Completion, name): _OF_PROVIDER for name in ("id", "model", "native_stop_reason")},
    (Completion, "service_tier"): _OF_PROVIDER,
    **{(Completion, name): _OURS for name in ("stop_reason", "adjustments", "receipt")},
    (Completion, "parsed"): "made of the text by this program",
}
"""Class and field of a string that is no text -> why."""
_SCHEMAS = {(Tool, "input_schema"), (OutputSchema, "schema")}
_ANNOTATIONS = frozenset(("title", "description", "default", "examples", "example", "$comment"))
"""The keywords of a schema that change nothing of what is valid. Source: JSON Schema 2020-12,
Validation, section 9; `example` is OpenAPI's."""
_NAMED_SCHEMAS = frozenset(
    ("properties", "patternProperties", "dependentSchemas", "$defs", "definitions")
)
"""The keywords of a schema whose keys are names."""
_WORDS_OF_SCHEMAS = frozenset(
    "type properties items required enum const anyOf allOf oneOf not additionalProperties $schema "
    "$ref $defs definitions format pattern minimum maximum minLength maxLength minItems maxItems "
    "string object number integer boolean array null".split()
).union(_ANNOTATIONS)
"""What most of a schema is made of; it is not read."""
_FILES = (MediaKind.BASE64, MediaKind.URL)
"""What may hold a file in itself."""
_SNIFFED = 512
"""Characters of base64 that tell a file of text from another."""
_URL_SAFE = str.maketrans("-_", "+/")
_FOREIGN = re.compile(r"[^A-Za-z0-9+/=]+")
_PADDING = re.compile("=+")
_UTF_8 = getincrementaldecoder("utf-8")
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


def texts_in(value: Any) -> list[tuple[Place, str]]:
    """Every text of `value` with its place, in order: `value` is a request, an answer, one of their
    parts, or an event of a stream.

    Text is what a person or a model wrote, wherever it stands: in messages and deltas, in the first
    value of a block, in tool arguments (keys too), descriptions, schemas, citations, echoes, traces
    and unknown members. Ids, names of tools and signatures are none, nor is the base64 of a file.
    A whole number of 12 digits and more is text, in digits; another text in its place is a string.
    A delta's text may end in the middle of a word, and a tool's arguments in the middle of an
    escape: a screen looks across events.
    """
    found: list[tuple[Place, str]] = []
    _collect(value, (), found, None)
    return found


def screened_texts(value: Any, *, most: float = inf) -> ScreenedTexts:
    """Every text of `value` that a screen reads, by what may become of it. Names and ids, and the
    text in files, are among the fixed ones. `TooManyTexts` where there are more than `most`."""
    screened = ScreenedTexts([], [], [], [], most)
    _collect(value, (), screened.texts, screened)
    screened.check()
    return screened


def with_texts(value: T, texts: Mapping[Place, str]) -> T:
    """`value` with other texts at some of the places that `texts_in` names, in time linear in its
    size: every value on the way to a text is made anew once."""
    changes: Any = {}
    for place, text in texts.items():
        if not place:
            return cast(T, text)
        level = changes
        for step in place[:-1]:
            level = level.setdefault(step, {})
        level[place[-1]] = text
    return cast(T, _changed(value, changes) if changes else value)


def _collect(
    value: Any, place: Place, found: list[tuple[Place, str]], screened: ScreenedTexts | None
) -> None:
    """Add every text in `value` with its place below `place`, depth first."""
    kind: Any = type(value)
    if kind is str:
        found.append((place, value))
    elif kind is tuple or kind is list:
        for index, item in enumerate(value):
            if item:
                _collect(item, (*place, index), found, screened)
                if screened is not None:
                    screened.check()
    elif (has_fields := _fields_of(kind, screened is not None)) is not None:
        _collect_fields(value, place, found, screened, has_fields)
    elif isinstance(value, Mapping):
        for key, member in value.items():
            found.append(((*place, Key(key)), key))
            if member:
                _collect(member, (*place, key), found, screened)
            if screened is not None:
                screened.check()
    elif kind is int or kind is float:
        if _is_long(value):
            found.append((place, str(int(value))))
    elif isinstance(value, str) and not isinstance(value, Enum):
        found.append((place, str(value)))


def _collect_fields(
    value: Any,
    place: Place,
    found: list[tuple[Place, str]],
    screened: ScreenedTexts | None,
    has: _Fields,
) -> None:
    """As `_collect`, of a value with fields, most of which are empty."""
    for name in compress(has.names, has.members(value)):
        member = getattr(value, name)
        kind: Any = type(member)
        if kind is str:
            found.append(((*place, name), member))
        elif kind is not int:
            _collect(member, (*place, name), found, screened)
    if type(value) is Media and value.kind is not MediaKind.BASE64:
        _collect(value.data, (*place, "data"), found, screened)
    if screened is not None:
        for name in has.special:
            if member := getattr(value, name):
                _collect_special(value, name, member, (*place, name), screened)


def _collect_special(
    value: Any, name: str, member: Any, place: Place, screened: ScreenedTexts
) -> None:
    """Add what a screen treats in a way of its own."""
    kind: Any = type(value)
    if (what := _NAMES.get((kind, name))) is not None:
        if (kind, name) not in _IDS or _ID.fullmatch(member) is None:
            screened.fixed.append(FixedText(place, member, what))
    elif kind is ToolUse:
        first = len(screened.texts)
        _collect(member, place, screened.texts, screened)
        screened.arguments.append(range(first, len(screened.texts)))
    elif kind is Reasoning:
        if value.signature is None:
            screened.reasoning.append(len(screened.texts))
            screened.texts.append((place, member))
        else:
            screened.fixed.append(FixedText(place, member, SIGNED_REASONING))
    elif kind is Media:
        if value.kind in _FILES and (text := _text_of_file(value)):
            screened.fixed.append(FixedText(place, text, "a file"))
    else:
        _collect_schema(member, place, screened, set())


def _collect_schema(
    value: Any, place: Place, screened: ScreenedTexts, known: set[str], *, is_named: bool = False
) -> None:
    """Add the texts of a JSON schema: those that describe, and, once each, those that say what is
    valid. `is_named` says that the keys are names of properties, and no keywords."""
    if isinstance(value, Mapping):
        for key, member in value.items():
            _add_to_schema(key, (*place, Key(key)), screened, known)
            if key in _ANNOTATIONS and not is_named:
                _collect(member, (*place, key), screened.texts, screened)
            else:
                of_names = key in _NAMED_SCHEMAS and not is_named
                _collect_schema(member, (*place, key), screened, known, is_named=of_names)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            _collect_schema(item, (*place, index), screened, known)
    elif isinstance(value, str):
        _add_to_schema(str(value), place, screened, known)
    elif type(value) in (int, float) and _is_long(value):
        _add_to_schema(str(int(value)), place, screened, known)


def _add_to_schema(text: str, place: Place, screened: ScreenedTexts, known: set[str]) -> None:
    if text not in _WORDS_OF_SCHEMAS and text not in known:
        known.add(text)
        screened.fixed.append(FixedText(place, text, "a schema"))
        screened.check()


def _is_long(number: float) -> bool:
    """Whether a number may be of a card or an account: whole, of 12 digits and more."""
    return abs(number) >= _LONG and (type(number) is int or number.is_integer())


def _text_of_file(media: Media) -> str:
    """The text of a file in base64 or in a URL of its own; none of a file of another kind, as
    pictures and PDFs are. What is no base64 is read as it stands, and as a decoder would read it
    that passes over what it does not know."""
    media_type, data = media.media_type or "", media.data
    if media.kind is not MediaKind.BASE64:
        media_type, data = split_data_url(data) or ("", "")
    is_text = media_type.startswith("text/")
    beginning = "".join(data[: 2 * _SNIFFED].split())[:_SNIFFED]
    is_base64 = _decoded(beginning) is not None
    if is_base64 and not is_text and not _may_be_text(_read(beginning)):
        return ""
    content = _decoded(data)
    if content is None:
        return f"{data}\n{_text_in(_read(data), is_text=True)}"
    return _text_in(content, is_text=is_text)


def _text_in(content: bytes, *, is_text: bool) -> str:
    text = text_of_bytes(content)
    return content.decode("latin-1") if text is None and is_text else text or ""


def _may_be_text(first: bytes) -> bool:
    """Whether a file that begins so may be a text."""
    if first.startswith(_UTF_16):
        return True
    try:
        _UTF_8().decode(first)
    except UnicodeDecodeError:
        return False
    return type_of_bytes(first) is None and b"\0" not in first


def _decoded(data: str) -> bytes | None:
    """The bytes of base64; None where it is none."""
    try:
        written = "".join(data.split()).translate(_URL_SAFE)
        return b64decode(written, validate=True)
    except ValueError:
        return None


def _read(data: str) -> bytes:
    """The bytes of base64 in which there is more than belongs there, or no padding."""
    pieces = _PADDING.split(_FOREIGN.sub("", data.translate(_URL_SAFE)))
    whole = (piece[: len(piece) - (len(piece) % 4 == 1)] for piece in pieces)
    return b"".join(b64decode(piece + "=" * (-len(piece) % 4)) for piece in whole)


class _Fields(NamedTuple):
    """The fields of a class in which text may be."""

    names: tuple[str, ...]
    members: Callable[[Any], Sequence[Any]]
    """What a value has in them, in their order."""
    special: tuple[str, ...]
    """Those that a screen treats in a way of its own."""


@cache
def _fields_of(kind: type[Any], is_screened: bool) -> _Fields | None:
    """The fields of a class, for a screen or another reader; None for one that is no value."""
    if not has(kind):
        return None
    all_names = [field.name for field in fields(kind)]
    of_screens = {*_NAMES, *_SCHEMAS, (ToolUse, "input"), (Reasoning, "text"), (Media, "data")}
    special = tuple(name for name in all_names if is_screened and (kind, name) in of_screens)
    # Whether the data of a media is text depends on its kind.
    others = {*_NO_TEXT, *_NAMES, (Media, "data"), *((kind, name) for name in special)}
    names = tuple(name for name in all_names if (kind, name) not in others)
    return _Fields(names, _getter(names), special)


def _getter(names: Sequence[str]) -> Callable[[Any], Sequence[Any]]:
    if len(names) > 1:
        return attrgetter(*names)
    return lambda value: [getattr(value, name) for name in names]


def _changed(value: Any, changes: Any) -> Any:
    """`value` with `changes`: a text instead of it, or what changes below each of its steps."""
    if type(changes) is str:
        return changes
    if isinstance(value, Mapping):
        return {
            changes.get(Key(key), key): _changed(member, changes[key]) if key in changes else member
            for key, member in value.items()
        }
    if isinstance(value, list | tuple):
        items = list(value)
        for index, change in changes.items():
            items[index] = _changed(items[index], change)
        return type(value)(items)
    members = {step: _changed(getattr(value, step), change) for step, change in changes.items()}
    if type(value) is ToolUse and "input" in members:
        members.setdefault("spelling", value.spelling)  # dropped where it spells another input
    if type(value) is Reasoning and members.get("text", value.text) != value.text:
        members["signature"] = None  # which is of every character
    return evolve(value, **members)
