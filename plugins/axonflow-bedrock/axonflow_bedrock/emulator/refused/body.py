"""A request body as Bedrock sees it: turns of parts, tools and parameters, in whatever form its
JSON is.

The codecs read the same bodies, and nothing of theirs is used: a codec that misreads what another
one wrote would make the emulator blind to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from typing import Any, TypeAlias

from axonflow_core.codec import FamilyCodec
from axonflow_core.frozen import frozen
from axonflow_core.messages import Json

from ...models.rules import CONVERSE

Object: TypeAlias = Mapping[str, Any]


class Form(Enum):
    """The forms of JSON that the rows of the table tell apart."""

    CONVERSE = "converse"
    MESSAGES = "Anthropic's Messages"
    NOVA = "Nova's messages-v1"
    CHAT = "OpenAI's chat"
    OTHER = "a prompt, or a form of another plugin"


_FORMS = {"anthropic": Form.MESSAGES, "nova": Form.NOVA, "openai": Form.CHAT}


def form_of(codec: FamilyCodec) -> Form:
    """The form of the bodies that `codec` reads."""
    if codec.surface == CONVERSE:
        return Form.CONVERSE
    return _FORMS.get(codec.dialect or "", Form.OTHER)


class Kind(Enum):
    """What a part of a turn is."""

    TEXT = "text"
    IMAGE = "image"
    DOCUMENT = "document"
    CALL = "call"
    RESULT = "result"
    THOUGHT = "thought"
    CACHE = "cache"
    OTHER = "other"


@frozen
class Part:
    """A block of a message; `json` is what it holds, and `place` is where Bedrock says it is."""

    kind: Kind
    json: Object
    place: str

    @property
    def text(self) -> str | None:
        text = self.json.get("text") if self.kind is Kind.TEXT else None
        return text if isinstance(text, str) else None

    @property
    def id(self) -> str | None:
        """The id of a call or a result."""
        keys = _ID_KEYS.get(self.kind, ())
        return next((self.json[key] for key in keys if isinstance(self.json.get(key), str)), None)


_ID_KEYS = {
    Kind.CALL: ("toolUseId", "id"),
    Kind.RESULT: ("toolUseId", "tool_use_id", "tool_call_id"),
}


@frozen
class Turn:
    """A message."""

    role: str
    number: int
    """Its place among the messages of the body."""
    parts: tuple[Part, ...]

    def of(self, kind: Kind) -> tuple[Part, ...]:
        """The parts of one kind."""
        return tuple(part for part in self.parts if part.kind is kind)


@frozen
class ToolSpec:
    """A tool that the caller describes."""

    number: int
    json: Object
    schema: Json
    """None where the body has none."""

    @property
    def name(self) -> Json:
        return self.json.get("name")


@frozen(kw_only=True)
class Body:
    """One request to one model."""

    base_id: str
    form: Form
    json: Object
    is_streamed: bool
    turns: tuple[Turn, ...]
    system: tuple[Part, ...]
    tools: tuple[ToolSpec, ...]
    parameters: Object
    """Parameters by their names in Python: `max_tokens`, `top_k`, `stop_sequences`."""
    own: Object
    """The fields that only the model's vendor knows: its whole body, or Converse's
    `additionalModelRequestFields`."""
    tool_choice: str | None
    """`auto`, `any`, `tool` or `none`; None where the body has no choice."""

    def parts(self) -> Iterator[Part]:
        """The parts of all turns."""
        for turn in self.turns:
            yield from turn.parts

    def has(self, *kinds: Kind) -> bool:
        """Whether the conversation has a part of one of `kinds`."""
        return any(part.kind in kinds for part in self.parts())


def body_of(codec: FamilyCodec, base_id: str, json: Object, *, is_streamed: bool) -> Body:
    """The view of a body. What has another type than it should is left out: the codec, which reads
    the body before, has refused it."""
    form = form_of(codec)
    read = _READERS.get(form, _read_other)
    return Body(base_id=base_id, form=form, json=json, is_streamed=is_streamed, **read(json))


def objects(value: Json) -> list[Object]:
    """The objects of a list; none where it is no list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def member(value: Json, *path: str) -> Any:
    """The value at a path of keys, None where there is none."""
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _object(value: Json) -> Object:
    return value if isinstance(value, dict) else {}


def _named(source: Object, names: Mapping[str, str]) -> Object:
    """The parameters in `source` by their names in Python; null is unset."""
    return {name: source[key] for key, name in names.items() if source.get(key) is not None}


# ── Converse, and Nova's form of it ───────────────────────────────────────────────────────────────

_BLOCKS = {
    "text": Kind.TEXT,
    "image": Kind.IMAGE,
    "document": Kind.DOCUMENT,
    "toolUse": Kind.CALL,
    "toolResult": Kind.RESULT,
    "reasoningContent": Kind.THOUGHT,
    "cachePoint": Kind.CACHE,
}
_INFERENCE = {
    "maxTokens": "max_tokens",
    "max_new_tokens": "max_tokens",
    "temperature": "temperature",
    "topP": "top_p",
    "top_p": "top_p",
    "topK": "top_k",
    "top_k": "top_k",
    "stopSequences": "stop_sequences",
}


def _block(block: Object, place: str) -> Part:
    key = next((key for key in _BLOCKS if key in block), None)
    if key is None:
        return Part(Kind.OTHER, block, place)
    return Part(_BLOCKS[key], block if key == "text" else _object(block[key]), place)


def _blocks(content: Json, place: str) -> tuple[Part, ...]:
    return tuple(
        _block(block, f"{place}.{number}") for number, block in enumerate(objects(content))
    )


def _union(value: Json) -> str | None:
    """The only key of an object: `{"any": {}}` is `any`."""
    return next(iter(_object(value)), None)


def _read_converse(json: Object) -> Object:
    inference, own = _object(json.get("inferenceConfig")), json.get("additionalModelRequestFields")
    specs = objects(member(json, "toolConfig", "tools"))
    return {
        "turns": tuple(
            Turn(turn.get("role", ""), number, _blocks(turn.get("content"), _content(number)))
            for number, turn in enumerate(objects(json.get("messages")))
        ),
        "system": _blocks(json.get("system"), "system"),
        "tools": tuple(
            ToolSpec(number, _object(spec["toolSpec"]), member(spec, "toolSpec", *_SCHEMA))
            for number, spec in enumerate(specs)
            if "toolSpec" in spec
        ),
        "parameters": {
            **_named(inference, _INFERENCE),
            **_named(_object(own), {"top_k": "top_k", "k": "top_k"}),
            **_named(_object(member(own, "inferenceConfig")), {"topK": "top_k"}),
        },
        "own": _object(own),
        "tool_choice": _union(member(json, "toolConfig", "toolChoice")),
    }


_SCHEMA = ("inputSchema", "json")


def _content(number: int) -> str:
    return f"messages.{number}.content"


def _read_nova(json: Object) -> Object:
    """Nova has its own fields among the inference parameters."""
    return {**_read_converse(json), "own": _object(json.get("inferenceConfig"))}


# ── Anthropic's Messages ──────────────────────────────────────────────────────────────────────────

_TYPES = {
    "text": Kind.TEXT,
    "image": Kind.IMAGE,
    "document": Kind.DOCUMENT,
    "tool_use": Kind.CALL,
    "tool_result": Kind.RESULT,
    "thinking": Kind.THOUGHT,
    "redacted_thinking": Kind.THOUGHT,
}
_SAMPLING = ("max_tokens", "temperature", "top_p", "top_k", "stop_sequences")


def _typed_blocks(content: Json, place: str) -> tuple[Part, ...]:
    if isinstance(content, str):
        return (Part(Kind.TEXT, {"text": content}, place),) if content else ()
    return tuple(
        Part(_TYPES.get(str(block.get("type")), Kind.OTHER), block, f"{place}.{number}")
        for number, block in enumerate(objects(content))
    )


def _read_messages(json: Object) -> Object:
    return {
        "turns": tuple(
            Turn(turn.get("role", ""), number, _typed_blocks(turn.get("content"), _content(number)))
            for number, turn in enumerate(objects(json.get("messages")))
        ),
        "system": _typed_blocks(json.get("system"), "system"),
        "tools": tuple(
            ToolSpec(number, tool, tool.get("input_schema"))
            for number, tool in enumerate(objects(json.get("tools")))
            if tool.get("type", "custom") == "custom"
        ),
        "parameters": _named(json, dict(zip(_SAMPLING, _SAMPLING, strict=True))),
        "own": json,
        "tool_choice": member(json, "tool_choice", "type"),
    }


# ── OpenAI's chat ─────────────────────────────────────────────────────────────────────────────────

_CHAT = {"max_completion_tokens": "max_tokens", "max_tokens": "max_tokens"} | {
    "temperature": "temperature",
    "top_p": "top_p",
    "stop": "stop_sequences",
}
_CHAT_CHOICES = {"required": "any", "auto": "auto", "none": "none"}


def _chat_turn(turn: Object, number: int) -> Turn:
    role, content = turn.get("role", ""), turn.get("content")
    if role == "tool":
        return Turn(role, number, (Part(Kind.RESULT, turn, f"messages.{number}"),))
    calls = tuple(
        Part(Kind.CALL, call, f"messages.{number}.tool_calls.{place}")
        for place, call in enumerate(objects(turn.get("tool_calls")))
    )
    return Turn(role, number, (*_typed_blocks(content, _content(number)), *calls))


def _read_chat(json: Object) -> Object:
    turns = [_chat_turn(turn, place) for place, turn in enumerate(objects(json.get("messages")))]
    choice = json.get("tool_choice")
    return {
        "turns": tuple(turn for turn in turns if turn.role not in ("system", "developer")),
        "system": tuple(part for turn in turns if turn.role == "system" for part in turn.parts),
        "tools": tuple(
            ToolSpec(number, _object(tool["function"]), member(tool, "function", "parameters"))
            for number, tool in enumerate(objects(json.get("tools")))
            if "function" in tool
        ),
        "parameters": _named(json, _CHAT),
        "own": json,
        "tool_choice": _CHAT_CHOICES.get(choice) if isinstance(choice, str) else None,
    }


def _read_other(json: Object) -> Object:
    """A prompt has no turns. Its members are the schema's alone."""
    return {
        **dict.fromkeys(("turns", "system", "tools"), ()),
        "parameters": {},
        "own": json,
        "tool_choice": None,
    }


_READERS: Mapping[Form, Callable[[Object], Object]] = {
    Form.CONVERSE: _read_converse,
    Form.NOVA: _read_nova,
    Form.MESSAGES: _read_messages,
    Form.CHAT: _read_chat,
}
