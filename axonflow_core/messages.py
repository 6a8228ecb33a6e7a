"""The neutral model: a request to a language model and its answer.

One vocabulary for every provider, that of Bedrock Converse and of OpenTelemetry's GenAI
conventions. Everything is a frozen value and equality is the law: a message keeps its blocks as
given, a conversation keeps its messages as given. `None` always means "unset", never a default.

Every value is checked and converted once, where it is made: text where blocks are due becomes one
text block, a list a tuple, `"user"` a `Role`, bytes in a `Media` base64, a mapping with `role` and
`content` a message. Anything else is a `RequestError` that names the field and what it takes, so
whatever is inside a value is right.

JSON in a value (`ToolUse.input`, a schema, `options`) is the object that was given, not a copy: a
copy would make a value, and every `evolve` of it, cost half as much again with a small object and
three times as much with a tool's schema. So do not change it afterwards, or give a `copy.deepcopy`.

Three mappings look alike and are not:

* `options` holds parameters that a family *documents* and no other family shares (Anthropic's
  `anthropic_beta`).
* `extra` holds what nobody documented, at the level of the native JSON where it stood. It is
  written back there.
* `spelling` tells how the native JSON wrote what a typed field holds, where it has more than one
  way: field -> the way, in words that the dialect's module defines
  (`{"max_tokens": "max_completion_tokens"}`). Without it the native bytes differ and the meaning
  does not. A codec ignores the words of others.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Mapping
from enum import StrEnum
from os import PathLike
from typing import TYPE_CHECKING, Any, Generic, TypeAlias

from attrs import Converter, field

from axonflow_core.converters import (
    EMPTY,
    Json,
    comparable,
    count,
    described,
    flag,
    json_items,
    json_members,
    json_value,
    member,
    optional_flag,
    optional_integer,
    optional_members,
    optional_number,
    optional_text,
    read_out,
    share,
    text_value,
    text_values,
    tuple_of,
    value_of,
    whole,
)
from axonflow_core.errors import RequestError
from axonflow_core.frozen import Unfit, frozen, passing
from axonflow_core.json_text import loads
from axonflow_core.media import MediaKind as MediaKind
from axonflow_core.media import type_of_bytes

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    Parsed = TypeVar("Parsed", default=Any, covariant=True)
else:
    from typing import TypeVar

    Parsed = TypeVar("Parsed", covariant=True)

__all__ = [
    "EMPTY",
    "Adjustment",
    "BuiltinTool",
    "CachePoint",
    "Choice",
    "Completion",
    "CompletionRequest",
    "Content",
    "ContentBlock",
    "Data",
    "Document",
    "FailedAttempt",
    "Guardrail",
    "Image",
    "Inference",
    "Json",
    "Media",
    "MediaKind",
    "Message",
    "Messages",
    "Opaque",
    "OutputSchema",
    "Parsed",
    "Reasoning",
    "ReasoningRequest",
    "Receipt",
    "Role",
    "SkippedTarget",
    "StopReason",
    "Text",
    "TokenCount",
    "Tool",
    "ToolChoice",
    "ToolChoiceMode",
    "ToolResult",
    "ToolUse",
    "Usage",
    "assistant",
    "hidden",
    "joined_text",
    "members_field",
    "size_only",
    "text_message",
    "texts_of",
    "user",
]


def size_only(value: Any) -> str:
    """The repr of content: how much there is, never what it says."""
    if value is None or value == () or value is EMPTY:
        return repr(value)
    kind = type(value).__name__
    return f"<{kind} of {len(value)}>" if hasattr(value, "__len__") else f"<{kind}>"


def hidden(**options: Any) -> Any:
    """An optional field that holds content; it stays out of reprs, and so out of logs."""
    return field(repr=size_only, **options)


def members_field() -> Any:
    """The optional field for a JSON object that stands at the level of its value: `extra`."""
    return hidden(default=EMPTY, kw_only=True, converter=json_members, eq=comparable)


def _json_field(**options: Any) -> Any:
    return hidden(converter=json_value, eq=comparable, **options)


def _parsed_field() -> Any:
    return field(default=None, eq=False, repr=False, kw_only=True)


class Role(StrEnum):
    """The author of a message."""

    USER = "user"
    ASSISTANT = "assistant"
    SYSTEM = "system"
    """Mid-conversation only; what precedes the conversation stands in
    `CompletionRequest.system`."""


def _role(value: Role | str) -> Role:
    return member(Role, value)


passing(_role, "type({0}) is Role", Role=Role)


# ── content blocks ────────────────────────────────────────────────────────────────────────────────

_BLOCKS: set[type] = set()
"""The classes of `ContentBlock`. Filled below, where all of them are defined."""
_WHAT_BLOCKS = "text or content blocks (Text(…), Image(…), Document(…), …)"
_WHAT_RESULT = "text, content blocks, or JSON as Data(value)"


def _blocks(value: Content) -> tuple[ContentBlock, ...]:
    return tuple_of(_BLOCKS, [value] if isinstance(value, str) else value, _WHAT_BLOCKS, _as_block)


def _result_blocks(value: Content) -> tuple[ContentBlock, ...]:
    """Blocks of a tool result."""
    return tuple_of(_BLOCKS, [value] if isinstance(value, str) else value, _WHAT_RESULT, _as_block)


def blocks_value(value: Content) -> tuple[ContentBlock, ...]:
    """Blocks, for a field that has to be given."""
    if value is None:
        raise Unfit(_WHAT_BLOCKS, "None")
    return _blocks(value)


def _optional_blocks(value: Content) -> tuple[ContentBlock, ...] | None:
    return None if value is None else _blocks(value)


def block_value(value: str | ContentBlock) -> ContentBlock:
    """One block; a text is a text block."""
    block = _as_block(value)
    if type(block) not in _BLOCKS:
        raise Unfit("a text or content block", described(value))
    return block  # type: ignore[return-value]


_BLOCK_TYPES = {
    "text": "Text(…)",
    "input_text": "Text(…)",
    "image": "Image(Path(…).read_bytes())",
    "image_url": 'Image(Media("url", …))',
    "document": "Document(Path(…).read_bytes())",
    "tool_use": "ToolUse(id, name, input)",
    "tool_result": "ToolResult(id, answer)",
}
"""The `type` of a block in the vendors' JSON -> what to write instead."""


def _as_block(value: object) -> object:
    if isinstance(value, Mapping):
        _refuse_native_block(value)
    return Text(value) if isinstance(value, str) else value


def _refuse_native_block(value: Mapping[Any, Any]) -> None:
    """`Unfit`, with what to write, for a block of a vendor's JSON."""
    kind = value.get("type")
    if isinstance(kind, str) and kind in _BLOCK_TYPES:
        got = f"{described(value)} among them"
        raise Unfit(_WHAT_BLOCKS, got, f"write `{_BLOCK_TYPES[kind]}`")


passing(block_value, "type({0}) in BLOCKS", BLOCKS=_BLOCKS)
passing(_optional_blocks, "{0} is None")


@frozen
class Text:
    """A piece of text. `citations` are the family's own objects, in order."""

    text: str = field(converter=text_value, repr=size_only)
    citations: tuple[Json, ...] = field(
        default=(), converter=json_items, repr=size_only, eq=comparable
    )
    extra: Mapping[str, Json] = members_field()
    spelling: Mapping[str, Json] = members_field()


_IS_BLOCKS = (
    "type({0}) is tuple and "
    "(len({0}) == 1 and type({0}[0]) is Text or BLOCKS.issuperset(map(type, {0})))"
)
passing(_blocks, _IS_BLOCKS, BLOCKS=_BLOCKS, Text=Text)
passing(_result_blocks, _IS_BLOCKS, BLOCKS=_BLOCKS, Text=Text)
passing(blocks_value, _IS_BLOCKS, BLOCKS=_BLOCKS, Text=Text)


def _media_kind(value: MediaKind | str) -> MediaKind:
    return member(MediaKind, value)


passing(_media_kind, "type({0}) is Kind", Kind=MediaKind)


def _media_data(value: str | bytes, media: Any) -> str:
    if not isinstance(value, bytes | bytearray | memoryview):
        return text_value(value)
    if media.kind is not MediaKind.BASE64:
        raise Unfit(f"text where `kind` is {media.kind.value!r}", described(value))
    return b64encode(value).decode()


passing(_media_data, "type({0}) is str and {0}.isascii()")


@frozen
class Media:
    """The source of an image or document: `data` is base64, plain text, a URL, an S3 URI or a file
    id, as `kind` says.

    Bytes are taken for base64 data and encoded. `media_type` is the MIME type (`image/png`).
    """

    kind: MediaKind = field(converter=_media_kind)
    data: str = field(
        converter=Converter(_media_data, takes_self=True),  # type: ignore[misc]
        repr=size_only,
    )
    media_type: str | None = field(default=None, converter=optional_text)
    extra: Mapping[str, Json] = members_field()


_NAME_THE_TYPE = 'name the type: `Media("base64", data, "image/…")`'
_NAME_THE_DOCUMENT = (
    'text is `Media("text", …, "text/plain")`; of another file, name the type: '
    '`Media("base64", data, "application/…")`'
)


def media_value(value: Media | bytes) -> Media:
    """A media. Bytes of a PNG, JPEG, GIF, WebP or PDF file are base64 data of that type."""
    return _media_of(value, "a Media", _NAME_THE_TYPE)


def _media_of(value: object, takes: str, name_the_type: str) -> Media:
    if isinstance(value, str | PathLike):
        hint = 'give the bytes of the file, `Path(…).read_bytes()`; a URL is `Media("url", …)`'
        raise Unfit(f"{takes}, or the bytes of a file", described(value), hint)
    if not isinstance(value, bytes):
        return value_of(Media, value, takes=takes)
    media_type = type_of_bytes(value)
    if media_type is not None:
        return Media(MediaKind.BASE64, value, media_type)
    files = "bytes of a PNG, JPEG, GIF, WebP or PDF file, or a Media"
    raise Unfit(files, "bytes of another type of file", name_the_type)


def _optional_media(value: Media | bytes | None) -> Media | None:
    return None if value is None else _media_of(value, "a Media or None", _NAME_THE_DOCUMENT)


passing(media_value, "type({0}) is Media", Media=Media)
passing(_optional_media, "{0} is None or type({0}) is Media", Media=Media)


@frozen
class Image:
    """A picture: a `Media`, or the bytes of a PNG, JPEG, GIF or WebP file.

    `Image(Path("cat.png").read_bytes())` has a `source` of base64 data and type `image/png`.
    """

    source: Media = field(converter=media_value)
    extra: Mapping[str, Json] = members_field()
    spelling: Mapping[str, Json] = members_field()


@frozen
class Document:
    """A document: either from a `source`, or given as blocks (`content`). The bytes of a PDF file
    are a `source` too.

    `name` is its title, `context` what the model is told about it. `citations` are the family's own
    settings, e.g. `{"enabled": true}`.
    """

    source: Media | None = field(default=None, converter=_optional_media)
    content: tuple[ContentBlock, ...] | None = field(
        default=None, converter=_optional_blocks, repr=size_only
    )
    name: str | None = field(default=None, converter=optional_text, repr=size_only)
    context: str | None = field(default=None, converter=optional_text, repr=size_only)
    citations: Json = _json_field(default=None)
    extra: Mapping[str, Json] = members_field()
    spelling: Mapping[str, Json] = members_field()

    def __attrs_post_init__(self) -> None:
        if (self.source is None) is (self.content is None):
            given = "neither" if self.source is None else "both"
            raise RequestError(f"Document takes either `source` or `content`, not {given}")


def spelling_of_input(value: Mapping[str, Json] | None, call: Any) -> Mapping[str, Json]:
    """Without a text of the arguments that says anything else than `input`: it is an older one."""
    spelling = json_members(value)
    if "input" in spelling and not _is_json_of(spelling["input"], call.input):
        spelling = {key: way for key, way in spelling.items() if key != "input"}
    return spelling or EMPTY


def _is_json_of(written: Json, value: Json) -> bool:
    try:
        return bool(comparable(loads(written)) == comparable(value))
    except (TypeError, ValueError):
        return False


passing(spelling_of_input, "{0} is EMPTY", EMPTY=EMPTY)


@frozen
class ToolUse:
    """A call of a tool. `input` is its arguments, a JSON object.

    A str as `input` is what a model wrote where an object was due, kept as it was. Where a family
    carries arguments as JSON text, `spelling["input"]` is that text if it is not the one that we
    would write. Once `input` is another, it is dropped.
    """

    id: str = field(converter=text_value)
    name: str = field(converter=text_value)
    input: Json = field(converter=json_value, repr=size_only, eq=comparable)
    extra: Mapping[str, Json] = members_field()
    spelling: Mapping[str, Json] = hidden(
        default=EMPTY,
        kw_only=True,
        converter=Converter(spelling_of_input, takes_self=True),
        eq=comparable,
    )


@frozen
class Data:
    """A JSON value that a tool answered with. A family that has no block for it gets its text."""

    value: Json = field(
        converter=json_value, repr=lambda value: f"<{type(value).__name__}>", eq=comparable
    )
    extra: Mapping[str, Json] = members_field()


@frozen
class ToolResult:
    """The answer of a tool to the call `tool_use_id`; `is_error` says whether the tool failed."""

    tool_use_id: str = field(converter=text_value)
    content: tuple[ContentBlock, ...] = field(converter=_result_blocks, repr=size_only)
    is_error: bool | None = field(default=None, converter=optional_flag)
    name: str | None = field(default=None, converter=optional_text)
    extra: Mapping[str, Json] = members_field()
    spelling: Mapping[str, Json] = members_field()


@frozen
class Reasoning:
    """What the model thought. `signature` and `redacted` are opaque and must go back byte for
    byte."""

    text: str = field(default="", converter=text_value, repr=size_only)
    signature: str | None = field(default=None, converter=optional_text, repr=size_only)
    redacted: str | None = field(default=None, converter=optional_text, repr=size_only)
    extra: Mapping[str, Json] = members_field()
    spelling: Mapping[str, Json] = members_field()


@frozen
class CachePoint:
    """Everything before this point may be cached. `ttl` is the family's own word (`5m`, `1h`)."""

    ttl: str | None = field(default=None, converter=optional_text)
    kind: str | None = field(default=None, converter=optional_text)
    extra: Mapping[str, Json] = members_field()


@frozen
class Opaque:
    """A native block that has no class here, kept whole. `dialect` names the JSON it is from."""

    dialect: str = field(converter=text_value)
    data: Json = field(converter=json_value, repr=size_only, eq=comparable)


ContentBlock: TypeAlias = (
    Text | Data | Image | Document | ToolUse | ToolResult | Reasoning | CachePoint | Opaque
)
"""Every kind of block that a message may have."""
Content: TypeAlias = str | ContentBlock | Iterable[str | ContentBlock] | None
"""What a field for blocks takes: text, a block, several of both, or None for none."""
_BLOCKS |= {Text, Data, Image, Document, ToolUse, ToolResult, Reasoning, CachePoint, Opaque}


@frozen
class Message:
    """One message of a conversation: its blocks, as given.

    `Message("user", "hi")` is `Message(Role.USER, (Text("hi"),))`.
    """

    role: Role = field(converter=_role)
    content: tuple[ContentBlock, ...] = field(converter=blocks_value)
    extra: Mapping[str, Json] = members_field()
    spelling: Mapping[str, Json] = members_field()

    @property
    def text(self) -> str:
        """The text blocks, one after the other."""
        return joined_text(self.content)


def joined_text(content: tuple[ContentBlock, ...]) -> str:
    """The text blocks of a message, one after the other, with nothing between."""
    if not content:
        return ""
    if len(content) == 1 and type(content[0]) is Text:  # nearly every message, at a tenth the cost
        return content[0].text
    return "".join(block.text for block in content if isinstance(block, Text))


def texts_of(messages: tuple[Message, ...]) -> list[str]:
    """The text of each of `messages`."""
    return [
        block.text
        if len(message.content) == 1 and type(block := message.content[0]) is Text
        else message.text
        for message in messages
    ]


def text_message(role: Role, text: str) -> Message:
    """A message of one text."""
    return Message(role, (Text(text),))


def user(content: Content) -> Message:
    """A message of the user's: a text, a block, or several: `user([ToolResult(id, answer)])`."""
    return Message(Role.USER, content)


def assistant(content: Content) -> Message:
    """A message of the model's: a text, a block, or several."""
    return Message(Role.ASSISTANT, content)


Messages: TypeAlias = str | Message | Mapping[str, Any] | Iterable[Message | Mapping[str, Any]]
"""What stands for a conversation: the user's text, a message, or several. A mapping with `role` and
`content` is a message."""

_WHAT_MESSAGES = (
    "a text, a Message, or Messages (a mapping with `role` and `content` is one; several texts or "
    "blocks of one message are `user([…])`)"
)


def _messages(value: Messages) -> tuple[Message, ...]:
    if isinstance(value, str):
        return (user(value),)
    if value is None:
        raise Unfit(_WHAT_MESSAGES, "None")
    given = [value] if isinstance(value, Mapping) else value
    return tuple_of((Message,), given, _WHAT_MESSAGES, _as_message)


def _as_message(value: object) -> object:
    if not isinstance(value, Mapping):
        return value
    value = read_out(dict, value, _WHAT_MESSAGES)
    if value.get("role") == "tool":
        raise Unfit(
            "the result of a tool as a block of a user message",
            "a mapping with the role 'tool'",
            "write `user([ToolResult(id, answer)])`, one ToolResult for each call",
        )
    if value.keys() != {"role", "content"}:
        keys = ", ".join(sorted(key for key in map(str, value) if key.isidentifier())) or "none"
        raise Unfit(
            "mappings with `role` and `content` and nothing else", f"one with the keys: {keys}"
        )
    return Message(value["role"], value["content"])


passing(_messages, "type({0}) is tuple and MESSAGE.issuperset(map(type, {0}))", MESSAGE={Message})


# ── tools ─────────────────────────────────────────────────────────────────────────────────────────


@frozen
class Tool:
    """A tool that the caller runs. `input_schema` is a JSON schema of its arguments."""

    name: str = field(converter=text_value)
    description: str | None = field(default=None, converter=optional_text)
    input_schema: Mapping[str, Json] | None = field(
        default=None, converter=optional_members, eq=comparable
    )
    is_strict: bool | None = field(default=None, converter=optional_flag)
    extra: Mapping[str, Json] = members_field()
    spelling: Mapping[str, Json] = members_field()


@frozen
class BuiltinTool:
    """A tool that the provider defines (`bash_20250124`), with that provider's settings."""

    dialect: str = field(converter=text_value)
    type: str = field(converter=text_value)
    name: str = field(converter=text_value)
    settings: Mapping[str, Json] = field(default=EMPTY, converter=json_members, eq=comparable)


_TOOLS = frozenset({Tool, BuiltinTool, CachePoint})


def _tools(
    value: Tool
    | BuiltinTool
    | CachePoint
    | Iterable[Tool | BuiltinTool | CachePoint | Mapping[str, Json]]
    | None,
) -> tuple[Tool | BuiltinTool | CachePoint, ...]:
    return tuple_of(_TOOLS, value, _WHAT_TOOLS, _as_tool)


_TOOL_KEYS = frozenset({"name", "description", "input_schema"})
_WHAT_TOOLS = (
    "Tools, BuiltinTools and CachePoints (a mapping with `name`, `description` and `input_schema` "
    "is a Tool)"
)


def _as_tool(value: Any) -> object:
    if not isinstance(value, Mapping):
        return value
    given = read_out(dict, value, _WHAT_TOOLS)
    return Tool(**given) if "name" in given and given.keys() <= _TOOL_KEYS else value


passing(_tools, "type({0}) is tuple and TOOLS.issuperset(map(type, {0}))", TOOLS=_TOOLS)


class ToolChoiceMode(StrEnum):
    """Whether the model may, must or must not call a tool."""

    AUTO = "auto"
    ANY = "any"
    TOOL = "tool"
    """The one tool that `ToolChoice.name` names."""
    NONE = "none"


def _tool_choice_mode(value: ToolChoiceMode | str) -> ToolChoiceMode:
    return member(ToolChoiceMode, value)


@frozen
class ToolChoice:
    """How the model chooses among the tools; `name` where it has to call that one."""

    mode: ToolChoiceMode = field(converter=_tool_choice_mode)
    name: str | None = field(default=None, converter=optional_text)
    allows_parallel: bool | None = field(default=None, converter=optional_flag)
    extra: Mapping[str, Json] = members_field()
    spelling: Mapping[str, Json] = members_field()


def _tool_choice(value: ToolChoice | ToolChoiceMode | str | None) -> ToolChoice | None:
    if value is None or isinstance(value, str):
        return None if value is None else ToolChoice(member(ToolChoiceMode, value))
    return value_of(ToolChoice, value, takes="a ToolChoice, its mode, or None")


passing(_tool_choice, "{0} is None or type({0}) is Choice", Choice=ToolChoice)


# ── the request ───────────────────────────────────────────────────────────────────────────────────


def _signed_number() -> Any:
    return field(default=None, converter=optional_number, eq=comparable)


@frozen
class Inference:
    """The parameters that most families share. None, or no stop sequence, is unset.

    `max_tokens` and `top_k` are counts; `temperature` and `top_p` are finite numbers from 0. A text
    as `stop_sequences` is one of them.

    Numbers with a fraction keep their digits and compare as JSON does: a temperature of `1` is
    written `1`, one of `1.0` is written `1.0`, and the two are not equal. `-0.0` becomes `0.0`.
    """

    max_tokens: int | None = field(default=None, converter=count)
    temperature: float | None = field(default=None, converter=share, eq=comparable)
    top_p: float | None = field(default=None, converter=share, eq=comparable)
    top_k: int | None = field(default=None, converter=count)
    stop_sequences: tuple[str, ...] = field(default=(), converter=text_values, repr=size_only)
    seed: int | None = field(default=None, converter=optional_integer)
    presence_penalty: float | None = _signed_number()
    frequency_penalty: float | None = _signed_number()
    extra: Mapping[str, Json] = members_field()
    spelling: Mapping[str, Json] = members_field()


def _inference(value: Inference | None) -> Inference:
    return Inference() if value is None else value_of(Inference, value, takes="an Inference")


passing(_inference, "type({0}) is Inference", Inference=Inference)


@frozen
class ReasoningRequest:
    """How much the model may think. `mode` and `effort` are the family's own words: `enabled`,
    `adaptive`; `high`. `budget_tokens` is a count."""

    mode: str | None = field(default=None, converter=optional_text)
    budget_tokens: int | None = field(default=None, converter=count)
    effort: str | None = field(default=None, converter=optional_text)
    extra: Mapping[str, Json] = members_field()


def _reasoning_request(value: ReasoningRequest | None) -> ReasoningRequest | None:
    takes = "a ReasoningRequest or None"
    return None if value is None else value_of(ReasoningRequest, value, takes=takes)


passing(_reasoning_request, "{0} is None or type({0}) is Asked", Asked=ReasoningRequest)


@frozen
class OutputSchema:
    """The JSON that the whole text of the answer must be.

    `schema` is a JSON schema, a dict. None asks for any JSON object, which the vendors call JSON
    mode. `name` and `description` are for the model to read; `is_strict` asks the provider to
    enforce the schema, where it leaves the choice.
    """

    schema: Mapping[str, Json] | None = hidden(
        default=None, converter=optional_members, eq=comparable
    )
    name: str | None = field(default=None, converter=optional_text)
    description: str | None = field(default=None, converter=optional_text, repr=size_only)
    is_strict: bool | None = field(default=None, converter=optional_flag)
    spelling: Mapping[str, Json] = members_field()
    extra: Mapping[str, Json] = members_field()


def _output_schema(value: OutputSchema | None) -> OutputSchema | None:
    takes = "an OutputSchema or None"
    return None if value is None else value_of(OutputSchema, value, takes=takes)


passing(_output_schema, "{0} is None or type({0}) is Output", Output=OutputSchema)


@frozen
class CompletionRequest:
    """One call. The model id is an address, not content: it is not in here.

    `CompletionRequest("hi", system="Be brief.")` is a request of one user message. A list of
    messages, a single one, and mappings with `role` and `content` are taken too. `is_raw_prompt`
    says that the one user message already is the whole prompt in the family's own form: no template
    is put around it.
    """

    messages: tuple[Message, ...] = field(converter=_messages)
    system: tuple[ContentBlock, ...] = field(default=(), converter=_blocks)
    inference: Inference = field(default=Inference(), converter=_inference)
    tools: tuple[Tool | BuiltinTool | CachePoint, ...] = field(default=(), converter=_tools)
    tool_choice: ToolChoice | None = field(default=None, converter=_tool_choice)
    reasoning: ReasoningRequest | None = field(default=None, converter=_reasoning_request)
    output_schema: OutputSchema | None = field(default=None, converter=_output_schema)
    service_tier: str | None = field(default=None, converter=optional_text)
    metadata: Mapping[str, Json] | None = field(
        default=None, converter=optional_members, repr=size_only, eq=comparable
    )
    is_raw_prompt: bool = field(default=False, converter=flag)
    options: Mapping[str, Json] = field(
        default=EMPTY, converter=json_members, repr=size_only, eq=comparable
    )
    extra: Mapping[str, Json] = members_field()
    spelling: Mapping[str, Json] = members_field()


# ── the answer ────────────────────────────────────────────────────────────────────────────────────


class StopReason(StrEnum):
    """Why the model stopped. `Completion.native_stop_reason` keeps the family's own name."""

    END_TURN = "end_turn"
    MAX_TOKENS = "max_tokens"
    STOP_SEQUENCE = "stop_sequence"
    TOOL_USE = "tool_use"
    PAUSE_TURN = "pause_turn"
    CONTENT_FILTERED = "content_filtered"
    GUARDRAIL = "guardrail_intervened"
    REFUSAL = "refusal"
    CONTEXT_EXCEEDED = "model_context_window_exceeded"
    MALFORMED = "malformed_output"
    """The model wrote what is no answer or no tool call, and the provider says so."""
    OTHER = "other"


def stop_reason(value: StopReason | str) -> StopReason:
    """A stop reason, or the one that has this value."""
    return member(StopReason, value)


def optional_stop_reason(value: StopReason | str | None) -> StopReason | None:
    """A stop reason, or None where it is unset."""
    return None if value is None else member(StopReason, value)


passing(stop_reason, "type({0}) is StopReason", StopReason=StopReason)
passing(optional_stop_reason, "{0} is None or type({0}) is StopReason", StopReason=StopReason)


@frozen
class Usage:
    """Token counts. `input_tokens` excludes what was read from or written to a cache, as on
    Bedrock."""

    input_tokens: int | None = field(default=None, converter=count)
    output_tokens: int | None = field(default=None, converter=count)
    cache_read_tokens: int | None = field(default=None, converter=count)
    cache_write_tokens: int | None = field(default=None, converter=count)
    cache_write_5m_tokens: int | None = field(default=None, converter=count)
    cache_write_1h_tokens: int | None = field(default=None, converter=count)
    reasoning_tokens: int | None = field(default=None, converter=count)
    extra: Mapping[str, Json] = members_field()

    @property
    def total_tokens(self) -> int:
        """Input, output and cache together; a count that is unset is 0."""
        counts = (
            self.input_tokens,
            self.output_tokens,
            self.cache_read_tokens,
            self.cache_write_tokens,
        )
        return sum(count or 0 for count in counts)


def usage_value(value: Usage | None) -> Usage:
    """A usage; None is one without counts."""
    return Usage() if value is None else value_of(Usage, value)


passing(usage_value, "type({0}) is Usage", Usage=Usage)


@frozen
class TokenCount:
    """How many tokens a request has, counted without an answer."""

    input_tokens: int = field(converter=whole)
    extra: Mapping[str, Json] = members_field()


@frozen
class Guardrail:
    """What the provider's own guardrail did: `action` is its word, `trace` its report."""

    action: str | None = field(default=None, converter=optional_text)
    trace: Json = _json_field(default=None)

    @property
    def has_intervened(self) -> bool:
        """Whether the guardrail blocked or changed something."""
        return self.action == "INTERVENED"


def guardrail_value(value: Guardrail) -> Guardrail:
    """A guardrail."""
    return value_of(Guardrail, value)


def _optional_guardrail(value: Guardrail | None) -> Guardrail | None:
    return None if value is None else value_of(Guardrail, value, takes="a Guardrail or None")


passing(_optional_guardrail, "{0} is None")


@frozen
class Adjustment:
    """What of a request was not sent as it was asked, because the model does not take it. No
    content is in here. `what` is what was done: `not sent`, `the oldest 6 of 10 not sent`."""

    feature: str = field(converter=text_value)
    what: str = field(converter=text_value)
    why: str = field(converter=text_value)

    def __str__(self) -> str:
        return f"{self.feature}: {self.what}, for {self.why}"


def _adjustments(value: Iterable[Adjustment] | None) -> tuple[Adjustment, ...]:
    return tuple_of((Adjustment,), value, "Adjustments")


@frozen
class FailedAttempt:
    """One attempt of a call that was followed by another. `code` is that of the error
    (`throttled`), `native_code` the provider's own name for it, `status` its HTTP status.
    `provider` and `model` are those of an attempt at another target than the one that answered,
    `region` its region where that is not the provider's first."""

    code: str = field(converter=text_value)
    native_code: str | None = field(default=None, converter=optional_text)
    status: int | None = field(default=None, converter=count)
    request_id: str | None = field(default=None, converter=optional_text)
    provider: str | None = field(default=None, converter=optional_text)
    model: str | None = field(default=None, converter=optional_text)
    region: str | None = field(default=None, converter=optional_text)


def _failed_attempts(value: Iterable[FailedAttempt] | None) -> tuple[FailedAttempt, ...]:
    return tuple_of((FailedAttempt,), value, "FailedAttempts")


@frozen
class SkippedTarget:
    """A target that a call was not tried at, and why not."""

    provider: str = field(converter=text_value)
    model: str = field(converter=text_value)
    reason: str = field(converter=text_value)


def _skipped_targets(value: Iterable[SkippedTarget] | None) -> tuple[SkippedTarget, ...]:
    return tuple_of((SkippedTarget,), value, "SkippedTargets")


@frozen(kw_only=True)
class Choice:
    """Why a call was made where it was made, where there was more than one place to choose from.

    `by` says what decided on the first target: a strategy (`weighted`), `provider` where the caller
    named it, `conversation` where it answered the conversation before, `only` where there was one.
    `regions` are those that the call may be processed in; empty where the operator leaves them
    open. `is_possibly_billed_twice` says that another target was tried after one that had been
    sent the whole request and did not answer.
    """

    by: str = field(converter=text_value)
    skipped: tuple[SkippedTarget, ...] = field(default=(), converter=_skipped_targets)
    regions: tuple[str, ...] = field(default=(), converter=text_values)
    is_possibly_billed_twice: bool = field(default=False, converter=flag)


def _choice(value: Choice | None) -> Choice | None:
    return None if value is None else value_of(Choice, value, takes="a Choice or None")


passing(_choice, "{0} is None or type({0}) is Choice", Choice=Choice)


@frozen(kw_only=True)
class Receipt:
    """How a call was made. It is no part of what was answered, and not compared with it.

    `provider` is the provider's key in the YAML, `family` the name of the codec, `surface` the
    operation that carried the call: `invoke`, `converse`, `chat`. `model` is the model as the
    caller or the configuration names it, `called` the id that was sent: an inference profile where
    one stands in for the model. `request_id` is the provider's id of the attempt that was answered.
    `latency_ms` is from the start of the call to the last byte of its answer, pauses included, by
    this program's clock; None while the answer is still arriving. `first_byte_ms` is to the first
    byte. Both are of the target that answered; attempts at others before it are not counted in.
    `choice` tells why it was that target; None where there was nothing to choose. `body_digest` is
    the SHA-256 of the body that was sent, in hex; None where the provider does not tell it.
    """

    provider: str = field(converter=text_value)
    family: str = field(converter=text_value)
    surface: str = field(converter=text_value)
    model: str = field(converter=text_value)
    called: str = field(converter=text_value)
    region: str | None = field(default=None, converter=optional_text)
    request_id: str | None = field(default=None, converter=optional_text)
    failed_attempts: tuple[FailedAttempt, ...] = field(default=(), converter=_failed_attempts)
    latency_ms: int | None = field(default=None, converter=count)
    first_byte_ms: int | None = field(default=None, converter=count)
    choice: Choice | None = field(default=None, converter=_choice)
    body_digest: str | None = hidden(default=None, converter=optional_text)

    @property
    def attempts(self) -> int:
        """How often the call was made."""
        return len(self.failed_attempts) + 1


def _receipt(value: Receipt | None) -> Receipt | None:
    return None if value is None else value_of(Receipt, value, takes="a Receipt or None")


passing(_receipt, "{0} is None or type({0}) is Receipt", Receipt=Receipt)


@frozen
class Completion(Generic[Parsed]):
    """One answer, whole. To a type checker a `Completion[City]` has a `parsed` of type City.

    `stop_sequence` is the one that was hit, where the family names it. `model` is what the answer
    calls the model, often not the id that was asked for. `created` is in seconds since
    1970-01-01T00:00Z. `request_echo` is what the answer repeats of the request, in the family's own
    form: the prompt, the conversation so far. `adjustments` tells what of the request was not sent
    as it was asked.
    """

    content: tuple[ContentBlock, ...] = field(converter=blocks_value)
    stop_reason: StopReason | None = field(converter=optional_stop_reason)
    usage: Usage = field(default=Usage(), converter=usage_value)
    stop_sequence: str | None = field(default=None, converter=optional_text, repr=size_only)
    stop_details: Json = _json_field(default=None)
    native_stop_reason: str | None = field(default=None, converter=optional_text)
    id: str | None = field(default=None, converter=optional_text)
    model: str | None = field(default=None, converter=optional_text)
    created: int | None = field(default=None, converter=count)
    service_tier: str | None = field(default=None, converter=optional_text)
    guardrail: Guardrail | None = field(default=None, converter=_optional_guardrail)
    latency_ms: int | None = field(default=None, converter=count)
    first_byte_latency_ms: int | None = field(default=None, converter=count)
    request_echo: Json = _json_field(default=None)
    adjustments: tuple[Adjustment, ...] = field(default=(), converter=_adjustments)
    extra: Mapping[str, Json] = members_field()
    receipt: Receipt | None = field(default=None, converter=_receipt, eq=False, kw_only=True)
    """How the call was made; None where no provider made one."""
    parsed: Parsed = _parsed_field()
    """The answer as the type or JSON that `output_schema=` asked for."""

    @property
    def text(self) -> str:
        """The text blocks, one after the other."""
        return joined_text(self.content)

    @property
    def tool_uses(self) -> tuple[ToolUse, ...]:
        """The tool calls that the model asks for, in order."""
        return tuple(block for block in self.content if isinstance(block, ToolUse))

    @property
    def reasoning(self) -> str:
        """What the model thought, as far as it shows it."""
        return "".join(block.text for block in self.content if isinstance(block, Reasoning))

    @property
    def message(self) -> Message:
        """The answer as a message of the conversation, ready to be appended to the next call's."""
        return Message(Role.ASSISTANT, self.content)
