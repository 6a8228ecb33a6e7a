"""The neutral model: what is said to a language model and what it answers.

One vocabulary for every provider, that of Bedrock Converse and of OpenTelemetry's GenAI
conventions. Everything is a frozen value and equality is the law: a message keeps its blocks as
given, a conversation keeps its messages as given. `None` always means "nobody said", never a
default.

What a native body says beyond this model stands in `extra`, at the level where it stood, and is
written back. Two places look alike and are not:

* `options` holds parameters that a family *documents* and no other family shares (Anthropic's
  `anthropic_beta`).
* `extra` holds what nobody documented.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NoReturn, TypeAlias

import attrs
from attrs import field

from axonflow_core.frozen import frozen, open_class

Json: TypeAlias = Any
"""A JSON value: None, bool, int, float, str, list or dict of such. Never mutated once it is inside
a value."""


class _Nothing(dict[str, Json]):
    """Empty, and it stays so. Being a dict it is merged in a tenth of the time of a
    `MappingProxyType`, and encoders merge one for every block: `{**native, **block.extra}`."""

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError("nothing can be put in here")

    __setitem__ = setdefault = update = __ior__ = _refuse


EMPTY: Mapping[str, Json] = _Nothing()


def size_only(value: Any) -> str:
    """The repr of content: how much there is, never what it says."""
    return (
        repr(value) if value is None or value == () else f"<{type(value).__name__} of {len(value)}>"
    )


def hidden(**options: Any) -> Any:
    """An optional field that holds what people and models said; it stays out of reprs, and so out
    of logs."""
    return field(repr=size_only, **options)


def _extra() -> Any:
    return hidden(default=EMPTY, kw_only=True)


class Role(StrEnum):
    USER = "user"
    ASSISTANT = "assistant"
    SYSTEM = "system"
    """Mid-conversation only; what precedes the conversation stands in
    `CompletionRequest.system`."""


# ── content blocks ────────────────────────────────────────────────────────────────────────────────


@frozen
class Text:
    text: str = field(repr=size_only)
    citations: tuple[Json, ...] = ()
    extra: Mapping[str, Json] = _extra()


class MediaKind(StrEnum):
    BASE64 = "base64"
    TEXT = "text"
    URL = "url"
    S3 = "s3"
    FILE = "file"


@frozen
class Media:
    """Where the bytes of an image or document are: `data` is base64, plain text, a URL, an S3 URI
    or a file id."""

    kind: MediaKind
    data: str = field(repr=size_only)
    media_type: str | None = None
    extra: Mapping[str, Json] = _extra()


@frozen
class Image:
    source: Media
    extra: Mapping[str, Json] = _extra()


@frozen
class Document:
    """A document: from a `source`, or given as blocks (`content`)."""

    source: Media | None = None
    content: tuple[ContentBlock, ...] | str | None = hidden(default=None)
    name: str | None = hidden(default=None)
    context: str | None = hidden(default=None)
    citations: Json = None
    """The family's own citation settings, e.g. `{"enabled": true}`."""
    extra: Mapping[str, Json] = _extra()


@frozen
class ToolUse:
    id: str
    name: str
    input: Json = field(repr=size_only)
    """The arguments: a JSON object. A `str` is what a model wrote where an object was due, kept as
    it was."""
    input_json: str | None = hidden(default=None, kw_only=True)
    """The arguments as the model wrote them, where a family carries them as text and spaces or
    order would get lost."""
    extra: Mapping[str, Json] = _extra()


@frozen
class Data:
    """A JSON value that a tool answered with. A family that has no block for it is told its
    text."""

    value: Json = field(repr=lambda value: f"<{type(value).__name__}>")
    extra: Mapping[str, Json] = _extra()


@frozen
class ToolResult:
    tool_use_id: str
    content: tuple[ContentBlock, ...] | str | None = field(repr=size_only)
    """A bare string and one text block are different here: a tool's answer comes back as it was."""
    is_error: bool | None = None
    name: str | None = None
    extra: Mapping[str, Json] = _extra()


@frozen
class Reasoning:
    """What the model thought. `signature` and `redacted` are opaque and must go back byte for
    byte."""

    text: str = hidden(default="")
    signature: str | None = hidden(default=None)
    redacted: str | None = hidden(default=None)
    extra: Mapping[str, Json] = _extra()


@frozen
class CachePoint:
    """Everything before this point may be cached. `ttl` is the family's own word (`5m`, `1h`)."""

    ttl: str | None = None
    kind: str | None = None
    extra: Mapping[str, Json] = _extra()


@frozen
class Opaque:
    """A block that the model of this module has no word for, kept whole. `dialect` says whose block
    it is."""

    dialect: str
    data: Json = field(repr=size_only)


ContentBlock: TypeAlias = (
    Text | Data | Image | Document | ToolUse | ToolResult | Reasoning | CachePoint | Opaque
)


@frozen
class Message:
    role: Role
    content: tuple[ContentBlock, ...]
    extra: Mapping[str, Json] = _extra()

    @property
    def text(self) -> str:
        return joined_text(self.content)


def joined_text(content: tuple[ContentBlock, ...]) -> str:
    """The text blocks of a message, one after the other, with nothing between."""
    if not content:
        return ""
    if (
        len(content) == 1 and type(content[0]) is Text
    ):  # nearly every message, at a tenth of the cost
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


# ── tools ─────────────────────────────────────────────────────────────────────────────────────────


@frozen
class Tool:
    name: str
    description: str | None = None
    input_schema: Json = None
    is_strict: bool | None = None
    type: str | None = None
    """The family's own word for an ordinary tool, where it was said (`custom`)."""
    extra: Mapping[str, Json] = _extra()


@frozen
class BuiltinTool:
    """A tool the provider itself defines (`bash_20250124`), with that provider's settings."""

    dialect: str
    type: str
    name: str
    settings: Mapping[str, Json] = EMPTY


class ToolChoiceMode(StrEnum):
    AUTO = "auto"
    ANY = "any"
    TOOL = "tool"
    NONE = "none"


@frozen
class ToolChoice:
    mode: ToolChoiceMode
    name: str | None = None
    allows_parallel: bool | None = None
    extra: Mapping[str, Json] = _extra()


# ── the request ───────────────────────────────────────────────────────────────────────────────────


@frozen
class Inference:
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop_sequences: tuple[str, ...] = hidden(default=())
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    native_names: Mapping[str, str] = field(default=EMPTY, kw_only=True)
    """Attribute -> the name it came under, where a family takes it under several: `max_tokens`,
    `max_new_tokens`."""
    extra: Mapping[str, Json] = _extra()


@frozen
class ReasoningRequest:
    """How much the model may think. `mode` and `effort` are the family's own words: `enabled`,
    `adaptive`; `high`."""

    mode: str | None = None
    budget_tokens: int | None = None
    effort: str | None = None
    extra: Mapping[str, Json] = _extra()


@frozen
class OutputSchema:
    """The JSON that the whole text of the answer must be.

    `schema` is a JSON schema, a dict. None asks for any JSON object, which the vendors call JSON
    mode. `name` and `description` are for the model to read; `is_strict` asks the provider to
    enforce the schema, where it leaves the choice.
    """

    schema: Json = hidden(default=None)
    name: str | None = None
    description: str | None = hidden(default=None)
    is_strict: bool | None = None
    spelling: Mapping[str, Json] = field(default=EMPTY, kw_only=True)
    """How the native body wrote it, where a family has several ways: an older key, JSON text."""
    extra: Mapping[str, Json] = _extra()


@frozen
class CompletionRequest:
    """One call. The model id is an address, not content: it is not in here."""

    messages: tuple[Message, ...]
    system: tuple[ContentBlock, ...] = ()
    inference: Inference = Inference()
    tools: tuple[Tool | BuiltinTool | CachePoint, ...] = ()
    tool_choice: ToolChoice | None = None
    reasoning: ReasoningRequest | None = None
    output_schema: OutputSchema | None = None
    service_tier: str | None = None
    """The vendor's name of a tier of capacity or price: `default`, `priority`, `flex`."""
    metadata: Mapping[str, Json] | None = hidden(default=None)
    is_raw_prompt: bool = False
    """The one user message already is the whole prompt in the family's own form: no template is put
    around it."""
    options: Mapping[str, Json] = hidden(default=EMPTY)
    spelling: Mapping[str, Json] = field(default=EMPTY, kw_only=True)
    """What the native body wrote that asks for nothing: `{"response_format": {"type": "text"}}`."""
    extra: Mapping[str, Json] = _extra()


_OpenText, _OpenMessage = open_class(Text), open_class(Message)
_new = object.__new__


def text_message(role: Role, text: str) -> Message:
    """`Message(role, (Text(text),))`, which most messages are, filled by hand: half the cost of
    decoding a request."""
    block, message = _new(_OpenText), _new(_OpenMessage)
    block.text = text  # type: ignore[misc]
    block.citations = ()  # type: ignore[misc]
    block.extra = message.extra = EMPTY  # type: ignore[misc]
    message.role = role  # type: ignore[misc]
    message.content = (block,)  # type: ignore[misc]
    block.__class__ = Text
    message.__class__ = Message
    return message


def user(text: str) -> Message:
    return text_message(Role.USER, text)


def assistant(text: str) -> Message:
    return text_message(Role.ASSISTANT, text)


# ── the answer ────────────────────────────────────────────────────────────────────────────────────


class StopReason(StrEnum):
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


@frozen
class Usage:
    """Token counts. `input_tokens` excludes what was read from or written to a cache, as on
    Bedrock."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    cache_write_5m_tokens: int | None = None
    cache_write_1h_tokens: int | None = None
    reasoning_tokens: int | None = None
    extra: Mapping[str, Json] = _extra()

    @property
    def total_tokens(self) -> int:
        counts = (
            self.input_tokens,
            self.output_tokens,
            self.cache_read_tokens,
            self.cache_write_tokens,
        )
        return sum(count or 0 for count in counts)


@frozen
class TokenCount:
    """How many tokens a request has, counted without an answer."""

    input_tokens: int
    extra: Mapping[str, Json] = _extra()


@frozen
class Guardrail:
    """What the provider's own guardrail did: `action` is its word, `trace` its report."""

    action: str | None = None
    trace: Json = hidden(default=None)

    @property
    def has_intervened(self) -> bool:
        return self.action == "INTERVENED"


@frozen
class Adjustment:
    """What of a request was not sent as it was asked, because the model does not take it. No
    content is in here."""

    feature: str
    what: str
    """What was done: `not sent`, `the oldest 6 of 10 not sent`."""
    why: str

    def __str__(self) -> str:
        return f"{self.feature}: {self.what}, for {self.why}"


@frozen
class FailedAttempt:
    """One attempt of a call that was followed by another."""

    code: str
    """The `code` of the error: `throttled`, `unavailable`."""
    native_code: str | None = None
    """The provider's own name for it."""
    status: int | None = None
    request_id: str | None = None


@attrs.frozen(kw_only=True)
class Receipt:
    """How a call was made. It is no part of what was answered, and not compared with it."""

    provider: str
    """The provider's key in the YAML."""
    family: str
    """Whose native JSON was sent: the codec's name."""
    surface: str
    """The operation that carried it: `invoke`, `converse`, `chat`."""
    model: str
    """The model as the caller or the configuration names it."""
    called: str
    """The id that was sent: an inference profile where one stands in for the model."""
    region: str | None = None
    request_id: str | None = None
    """The provider's own id of the attempt that was answered."""
    failed_attempts: tuple[FailedAttempt, ...] = ()
    """What went wrong before the attempt that was answered."""
    latency_ms: int | None = None
    """From the start of the call to the last byte of its answer, pauses included; this program's
    clock. None while the answer is still arriving."""
    first_byte_ms: int | None = None
    """From the start of the call to the first byte of its answer."""

    @property
    def attempts(self) -> int:
        """How often the call was made."""
        return len(self.failed_attempts) + 1


@frozen
class Completion:
    content: tuple[ContentBlock, ...]
    stop_reason: StopReason | None
    usage: Usage = Usage()
    stop_sequence: str | None = hidden(default=None)
    """The stop sequence that was hit, where the family says so."""
    stop_details: Json = None
    native_stop_reason: str | None = None
    id: str | None = None
    model: str | None = None
    """What the answer itself calls the model; often not the id that was asked for."""
    created: int | None = None
    """Seconds since 1970-01-01T00:00Z, where the family says so."""
    service_tier: str | None = None
    guardrail: Guardrail | None = None
    latency_ms: int | None = None
    first_byte_latency_ms: int | None = None
    request_echo: Json = hidden(default=None)
    """What the answer repeats of the question, in the family's own form: the prompt, the
    conversation so far."""
    adjustments: tuple[Adjustment, ...] = ()
    """What of the request was not sent as it was asked."""
    extra: Mapping[str, Json] = _extra()
    receipt: Receipt | None = field(default=None, eq=False, kw_only=True)
    """How the call was made; None where no provider made one."""
    parsed: Any = field(default=None, eq=False, repr=False, kw_only=True)
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
