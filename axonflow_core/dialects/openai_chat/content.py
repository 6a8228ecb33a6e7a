r"""Messages and their content: text, pictures, tool calls, tool results, reasoning.

    {"role": "user", "content": [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,…"}},
        {"type": "file", "file": {"file_data": "data:application/pdf;base64,…",
                                  "filename": "x.pdf"}}]}
    {"role": "assistant", "content": null, "tool_calls": [
        {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{\"a\":1}"}}]}
    {"role": "tool", "tool_call_id": "call_1", "content": "rain"}

The deprecated `function_call` of an assistant and the `function` message after it are a call and
its result too. They have no ids, so they get some, in order.

A picture or document in Anthropic's form (`"type": "image"`) is read as one. A part of a kind
unknown here is kept whole, as `Opaque`; so is a file that OpenAI itself stores
(`file_id`), because no other vendor can read it.

Source: OpenAI's API reference, "Chat completions: messages", November 2026.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeGuard

from axonflow_core.codec.json_members import (
    UnexpectedKind,
    array,
    array_in,
    kind_of,
    prefixed,
    split_prefixed,
    string,
    unknown_members,
    without_none,
)
from axonflow_core.errors import EncodeError
from axonflow_core.frozen import evolve
from axonflow_core.json_text import canonical
from axonflow_core.media import type_of_base64
from axonflow_core.messages import (
    EMPTY,
    ContentBlock,
    Document,
    Image,
    Json,
    Media,
    MediaKind,
    Message,
    Opaque,
    Reasoning,
    Role,
    Text,
    ToolResult,
    ToolUse,
    joined_text,
)
from axonflow_core.stream import tool_input

from .form import DIALECT, ChatForm
from .reasoning import OPENING, is_in_member, members_of, parted, tagged, thought_in

# ── parts ─────────────────────────────────────────────────────────────────────────────────────────

_TEXT_KEYS = frozenset({"type", "text"})
_REFUSAL_KEYS = frozenset({"type", "refusal"})
_IMAGE_KEYS = frozenset({"type", "image_url"})
_URL_KEYS = frozenset({"url"})
_FILE_PART_KEYS = frozenset({"type", "file"})
_FILE_KEYS = frozenset({"file_data", "filename"})
FILE_KEYS = _FILE_KEYS | {"file"}
"""The documented keys of a `file` part."""


def decode_content(native: Json) -> tuple[ContentBlock, ...]:
    """The blocks of a message's `content`: a bare string is one text, null is none."""
    if native is None:
        return ()
    if isinstance(native, str):
        return (Text(native),)
    return tuple(map(_decode_part, array(native, "content")))


def _decode_part(native: Mapping[str, Json]) -> ContentBlock:
    """One part of a content list: text, a picture or a document; `Opaque` for every other type
    (`input_audio`)."""
    kind = native["type"]
    if kind == "text":
        return Text(string(native["text"]), extra=unknown_members(native, _TEXT_KEYS))
    if kind == "refusal":
        extra = unknown_members(native, _REFUSAL_KEYS)
        return Text(string(native["refusal"]), extra=extra, spelling=_REFUSAL_PART)
    if kind == "image_url":
        url = native["image_url"]
        spelling = BARE_URL if isinstance(url, str) else EMPTY
        extra = unknown_members(native, _IMAGE_KEYS)
        return Image(_decode_url(url), extra=extra, spelling=spelling)
    if kind == "image" or kind == "document":
        return _decode_claudes(native)
    document = _decode_file(native) if kind == "file" else None
    return Opaque(DIALECT, native) if document is None else document


def _decode_claudes(native: Mapping[str, Json]) -> ContentBlock:
    """A picture or document as Anthropic's clients write it, in a body that is OpenAI's else."""
    source = native["source"]
    key = _CLAUDES_DATA.get(source["type"])
    if key is None:
        return Opaque(DIALECT, native)
    extra = unknown_members(source, frozenset({"type", "media_type", key}))
    media = Media(source["type"], source[key], source.get("media_type"), extra=extra)
    if native["type"] == "image":
        return Image(media, extra=unknown_members(native, _CLAUDES_KEYS), spelling=CLAUDES)
    name, context = native.get("title"), native.get("context")
    extra = unknown_members(native, _CLAUDES_KEYS | {"title", "context"})
    return Document(media, name=name, context=context, extra=extra, spelling=CLAUDES)


CLAUDES: Mapping[str, Json] = {"part": "anthropic"}
BARE_URL: Mapping[str, Json] = {"image_url": "bare"}
_REFUSAL_PART: Mapping[str, Json] = {"part": "refusal"}
REFUSAL: Mapping[str, Json] = {"refusal": "member"}
"""`Text.spelling` of what a model says instead of an answer: a part of its content, or the member
`refusal` next to it."""
"""`spelling` of a picture or document in Anthropic's form; of a picture whose URL stood without an
object around it."""
_CLAUDES_DATA = {"base64": "data", "text": "data", "url": "url"}
"""Kind of an Anthropic source -> the key of its data."""
_CLAUDES_KEYS = frozenset({"type", "source"})


def _decode_file(native: Mapping[str, Json]) -> Document | None:
    """The document of a `file` part whose bytes stand in it, in a `data:` URL or in bare base64;
    None for any other file."""
    file = native["file"]
    data, extra = file.get("file_data"), unknown_members(file, _FILE_KEYS)
    source, spelling = _in_data_url(data, extra), EMPTY
    if source is None and isinstance(data, str) and not data.startswith("data:"):
        source, spelling = Media(MediaKind.BASE64, data, extra=extra), _BARE_FILE
    if source is None:
        return None
    extra = unknown_members(native, _FILE_PART_KEYS)
    return Document(source, name=file.get("filename"), extra=extra, spelling=spelling)


_BARE_FILE: Mapping[str, Json] = {"file_data": "bare"}
"""`Document.spelling` of a file whose base64 stood there without a URL around it."""


def _in_data_url(url: Json, extra: Mapping[str, Json]) -> Media | None:
    """Type and data of a `data:` URL in base64; None for anything else."""
    if not isinstance(url, str) or not url.startswith("data:"):
        return None
    media_type, found, data = url.removeprefix("data:").partition(";base64,")
    return Media(MediaKind.BASE64, data, media_type, extra=extra) if found else None


def _decode_url(native: Json) -> Media:
    """The picture of `{"url": …, "detail": …}`, or of the bare URL. A `data:` URL in base64 is
    split into type and data; any other URL is kept as it is, for the provider to fetch. `detail` is
    kept in `extra`."""
    if isinstance(native, str):
        native = {"url": native}
    url, extra = string(native["url"]), unknown_members(native, _URL_KEYS)
    return _in_data_url(url, extra) or Media(MediaKind.URL, url, extra=extra)


def encode_content(blocks: Sequence[ContentBlock]) -> Json:
    """One plain text is a bare string, anything else a list of parts."""
    if _is_plain(blocks):
        return blocks[0].text  # type: ignore[union-attr]
    return [_encode_part(block) for block in blocks]


def _is_plain(blocks: Sequence[ContentBlock]) -> bool:
    """Whether a bare string holds all of the content."""
    only = blocks[0] if len(blocks) == 1 else None
    return isinstance(only, Text) and not only.extra and only.spelling != _REFUSAL_PART


def _encode_part(block: ContentBlock) -> Json:
    """One part of a content list. `EncodeError` names a kind of block that a chat message does not
    have."""
    match block:
        case Text():
            kind = "refusal" if block.spelling == _REFUSAL_PART else "text"
            return {"type": kind, kind: block.text, **block.extra}
        case Image() | Document() if block.spelling == CLAUDES and block.source is not None:
            return _encode_claudes(block, block.source)
        case Image():
            url = _encode_url(block.source)
            is_bare = block.spelling == BARE_URL and url.keys() == {"url"}
            return {
                "type": "image_url",
                "image_url": url["url"] if is_bare else url,
                **block.extra,
            }
        case Document():
            return {"type": "file", "file": _encode_file(block), **block.extra}
        case Opaque():
            return block.data
    raise EncodeError(
        f"a chat message has no place for a {type(block).__name__} block",
        feature=type(block).__name__.lower(),
    )


def _encode_claudes(block: Image | Document, media: Media) -> Json:
    """The inverse of `_decode_claudes`."""
    kind = "image" if isinstance(block, Image) else "document"
    named = (
        {}
        if isinstance(block, Image)
        else without_none({"title": block.name, "context": block.context})
    )
    key, typed = _CLAUDES_DATA[media.kind], without_none({"media_type": media.media_type})
    source = {"type": str(media.kind), **typed, key: media.data, **media.extra}
    return {"type": kind, "source": source, **named, **block.extra}


def _data_url(media: Media, usual: str) -> str:
    """The `data:` URL of base64 data: of its type, the one that its bytes tell, or the `usual`
    one. An empty type is one: it came from such a URL."""
    kind = media.media_type
    if kind is None:
        kind = type_of_base64(media.data) or usual
    return f"data:{kind};base64,{media.data}"


def _encode_url(media: Media) -> dict[str, Json]:
    """The `image_url` object of a picture. `EncodeError` for a source that is neither base64 nor a
    URL (a file id, an S3 location): the dialect has no form for it."""
    if media.kind is MediaKind.BASE64:
        return {"url": _data_url(media, "image/png"), **media.extra}
    if media.kind is MediaKind.URL:
        return {"url": media.data, **media.extra}
    raise EncodeError(
        f"a chat message takes no image from {media.kind}", feature=f"{media.kind} source"
    )


def _encode_file(document: Document) -> Json:
    """The `file` object of a document. `EncodeError` for what the dialect has no form for: blocks,
    a source that is not base64, what the model is told about it."""
    source = document.source
    if source is None or source.kind is not MediaKind.BASE64:
        kind = "blocks" if source is None else source.kind
        raise EncodeError(f"a chat message takes no document from {kind}", feature=f"{kind} source")
    if document.context is not None:
        raise EncodeError(
            "a chat message has no place for the context of a document",
            feature="document context",
            hint="write it as a text next to the document",
        )
    named = {} if document.name is None else {"filename": document.name}
    is_bare = document.spelling == _BARE_FILE and source.media_type is None
    data = source.data if is_bare else _data_url(source, "application/pdf")
    return {"file_data": data, **named, **source.extra}


# ── messages ──────────────────────────────────────────────────────────────────────────────────────


_SYSTEM_ROLES: Mapping[str, Mapping[str, Json]] = {
    role: {"role": role} for role in ("system", "developer")
}
"""Role of a system message -> its `Message.spelling`, where the form's role is the other one.
`developer` is OpenAI's newer name."""
PARTS: Mapping[str, Json] = {"content": "parts"}
"""`ToolResult.spelling` of a content that came as a list of one text."""

_ROLES: Mapping[str, Role] = {
    "user": Role.USER,
    "assistant": Role.ASSISTANT,
    "system": Role.SYSTEM,
    "developer": Role.SYSTEM,
}
_ASSISTANT, _SYSTEM = Role.ASSISTANT, Role.SYSTEM
_MESSAGE_KEYS = frozenset({"role", "content", "tool_calls", "tool_call_id", "name"})
_ANSWER_KEYS = _MESSAGE_KEYS | {"reasoning_content"}


def decode_message(form: ChatForm, native: Mapping[str, Json]) -> Message:
    """One message. A `tool` or `function` message becomes a user's message with one tool
    result."""
    name, content = native["role"], native.get("content")
    if name == "tool" or name == "function":
        return _decode_result(native)
    role = _ROLES.get(name)
    if role is None:
        found = "another" if isinstance(name, str) else kind_of(name)
        raise UnexpectedKind("a documented role", found, "role")
    if type(content) is str and len(native) == 2:  # nearly every message there is
        if role is _SYSTEM and name != form.system_role:
            return Message(role, (Text(content),), spelling=_SYSTEM_ROLES[name])
        is_tagged = form.is_tagged and role is _ASSISTANT and content.startswith(OPENING)
        return Message(role, parted(content) if is_tagged else (Text(content),))
    if role is _ASSISTANT:
        return _decode_answer(form, native, content)
    extra = _message_extra(native, _MESSAGE_KEYS)
    is_other = role is _SYSTEM and name != form.system_role
    spelling = _SYSTEM_ROLES[name] if is_other else EMPTY
    return Message(role, decode_content(content), extra=extra, spelling=spelling)


def _message_extra(native: Mapping[str, Json], known: frozenset[str]) -> Mapping[str, Json]:
    """The undocumented members of a message. `name`, the name of a participant, is documented and
    has no neutral field, so it is kept with them."""
    extra = unknown_members(native, known)
    return {**extra, "name": native["name"]} if "name" in native else extra


def _decode_answer(form: ChatForm, native: Mapping[str, Json], content: Json) -> Message:
    """An assistant's message: reasoning, then its content, then its tool calls, in the order of
    generation."""
    is_tagged = form.is_tagged and isinstance(content, str)
    blocks = parted(content) if is_tagged else decode_content(content)
    thought = thought_in(native, is_tagged=form.is_tagged) if form.thinking else None
    if thought is not None:
        blocks = (thought, *blocks)
    if native.get("tool_calls"):
        blocks = (*blocks, *map(_decode_call, array_in(native, "tool_calls")))
    known = _ANSWER_KEYS if form.thinking else _MESSAGE_KEYS
    if isinstance(native.get("refusal"), str):
        blocks = (*blocks, Text(native["refusal"], spelling=REFUSAL))
        known |= {"refusal"}
    if thought is not None:
        known = known.union(members_of(thought.spelling))
    if native.get("function_call") is not None:
        blocks = (*blocks, _decode_older_call(native["function_call"]))
        known |= {"function_call"}
    return Message(Role.ASSISTANT, blocks, extra=_message_extra(native, known))


def _decode_result(native: Mapping[str, Json]) -> Message:
    """A `tool` message as a user's message with one `ToolResult`. A list of one text, or of none,
    is kept in `spelling` (`PARTS`), because they are otherwise encoded as a bare string."""
    content, is_call = native.get("content"), native["role"] == "function"
    blocks = decode_content(content)
    is_list = isinstance(content, list) and (not blocks or _is_plain(blocks))
    spelling = PARTS if is_list else EMPTY
    result = ToolResult(
        older_id(1) if is_call else id_of(native["tool_call_id"]),
        blocks,
        name=string(native["name"]) if is_call else native.get("name"),
        spelling={**spelling, **OLDER_RESULT} if is_call else spelling_of_id(native, spelling),
    )
    return Message(Role.USER, (result,), extra=unknown_members(native, _MESSAGE_KEYS))


def encode_message(form: ChatForm, message: Message) -> list[Json]:
    """A message as one native message, or as one for each tool result in it and one for its other
    blocks.

    Results precede the rest: OpenAI requires `tool` messages directly after the message that
    called.
    """
    only = message.content[0] if len(message.content) == 1 else None
    if type(only) is Text and not (only.extra or only.spelling or message.extra):
        # nearly every message there is
        return [{"role": _native_role(form, message), "content": only.text}]
    natives: list[Json] = []
    calls: list[ToolUse] = []
    thoughts: list[Reasoning] = []
    others: list[ContentBlock] = []
    refusals: list[str] = []
    for block in message.content:
        if isinstance(block, ToolResult):
            natives.append(_encode_result(block, message.extra))
        elif isinstance(block, ToolUse):
            calls.append(block)
        elif isinstance(block, Reasoning) and form.thinking:
            thoughts.append(block)
        elif is_refusal(block) and message.role is _ASSISTANT:
            refusals.append(block.text)
        else:
            others.append(block)
    if others or thoughts or calls or refusals or not natives:
        has_content = others or not (calls or thoughts or refusals)
        content = encode_content(others) if has_content else None
        native: dict[str, Json] = {"role": _native_role(form, message), "content": content}
        if thoughts:
            _put_thoughts(form, native, thoughts)
        if refusals:
            native["refusal"] = "".join(refusals)
        if calls:
            native.update(_encode_calls(calls))
        natives.append({**native, **message.extra} if message.extra else native)
    return natives


def is_refusal(block: object) -> TypeGuard[Text]:
    """Whether the block stood in the member `refusal`."""
    return type(block) is Text and block.spelling == REFUSAL


def _native_role(form: ChatForm, message: Message) -> str:
    """The role's name; of a system message the one that it had, else the form's."""
    if message.role is not _SYSTEM:
        return str(message.role)
    return written_role(message.spelling.get("role", form.system_role))


def written_role(spelled: Json) -> str:
    """The role of a system text by its spelling; `system` where that is none of the dialect's."""
    return "developer" if spelled == "developer" else "system"


def _put_thoughts(form: ChatForm, native: dict[str, Json], thoughts: list[Reasoning]) -> None:
    """Write reasoning into its member or, tagged, in front of the content. Redacted reasoning and
    signatures are left out: only the vendor that made them can read them."""
    readable = [block for block in thoughts if block.redacted is None]
    if not readable:
        return
    spelling = readable[0].spelling if len(readable) == 1 else EMPTY
    thought = "\n".join(block.text for block in readable)
    if not form.is_tagged or is_in_member(spelling):
        native.update(dict.fromkeys(members_of(spelling), thought))
    elif isinstance(native["content"], list):
        native["content"].insert(0, {"type": "text", "text": tagged(thought, "", EMPTY)})
    else:
        native["content"] = tagged(thought, native["content"] or "", spelling)


def _encode_result(block: ToolResult, extra: Mapping[str, Json]) -> Json:
    """The `tool` message of a result. A failed tool's text begins with `error: `, because the
    dialect has no flag for failure and the model should know. No content is an empty text: a list
    has one part at least."""
    if block.is_error:
        content: Json = f"error: {joined_text(block.content)}"
    elif block.spelling.get("content") == PARTS["content"]:
        content = list(map(_encode_part, block.content))
    else:
        content = encode_content(block.content) if block.content else ""
    named = {"name": block.name} if block.name is not None else {}
    if named and block.spelling.get("role") == "function":
        written = {"role": "function", **named, "content": content if block.content else None}
        return {**written, **block.extra, **extra}
    return {
        "role": "tool",
        "tool_call_id": written_id(block.tool_use_id, block.spelling),
        "content": content,
        **named,
        **block.extra,
        **extra,
    }


# ── tool calls ────────────────────────────────────────────────────────────────────────────────────

_CALL_KEYS = frozenset({"id", "type", "function"})
_ODD_CALL_KEYS = _CALL_KEYS - {"type"}
_FUNCTION_KEYS = frozenset({"name", "arguments"})


def _decode_call(native: Mapping[str, Json]) -> ToolUse:
    """One tool call: of a function, or of a `custom` tool, whose input is free text."""
    if native.get("type") == "custom":
        return _decode_custom_call(native)
    function = native["function"]
    arguments, spelling = _decode_arguments(function)
    return ToolUse(
        id_of(native["id"]),
        string(function["name"]),
        arguments,
        spelling=spelling_of_id(native, spelling),
        extra=call_extra(native, _CALL_KEYS if _is_of_function(native) else _ODD_CALL_KEYS),
    )


def _is_of_function(native: Mapping[str, Json]) -> bool:
    """Whether a call says no other type than the one that is written."""
    return native.get("type") in (None, "function")


def id_of(value: Json) -> str:
    """The id of a call. Some servers number their calls, and clients send the numbers back."""
    return str(value) if type(value) is int else string(value)


def spelling_of_id(native: Mapping[str, Json], spelling: Mapping[str, Json]) -> Mapping[str, Json]:
    """`spelling` with how the id of a call, or of its result, was written."""
    value = native.get("id", native.get("tool_call_id"))
    return {**spelling, "id": "number"} if type(value) is int else spelling


def written_id(id: str, spelling: Mapping[str, Json]) -> Json:
    """The id of a call as it was written."""
    is_number = spelling.get("id") == "number" and id.removeprefix("-").isdecimal()
    return int(id) if is_number else id


def _decode_arguments(function: Mapping[str, Json]) -> tuple[Json, Mapping[str, Json]]:
    """The arguments of a call and their spelling. They are JSON text; where it is not the text
    that `call_arguments` would write, `spelling` keeps it. Broken JSON stays a `str`."""
    written = function.get("arguments")
    if written is None:
        return {}, WITHOUT_ARGUMENTS
    # OpenAI: "the model does not always generate valid JSON" (API reference, November 2026), and
    # some servers send an object where text is documented.
    arguments = tool_input(written) if isinstance(written, str) else written
    is_ours = (
        not isinstance(written, str)
        or isinstance(arguments, str)
        or call_arguments(arguments) == written
    )
    return arguments, EMPTY if is_ours else {"input": written}


WITHOUT_ARGUMENTS: Mapping[str, Json] = {"arguments": "absent"}
"""`ToolUse.spelling` of a call that has no member for arguments, where it has none."""
CUSTOM: Mapping[str, Json] = {"call": "custom"}
OLDER_CALL: Mapping[str, Json] = {"call": "function_call"}
"""`ToolUse.spelling` of a custom tool's call, and of an assistant's `function_call`."""
OLDER_RESULT: Mapping[str, Json] = {"role": "function"}
"""`ToolResult.spelling` of a `function` message."""
_CUSTOM_KEYS = frozenset({"id", "type", "custom"})
_FREE_KEYS = frozenset({"name", "input"})


def _decode_custom_call(native: Mapping[str, Json]) -> ToolUse:
    """The call of a tool that takes free text; unknown members as `custom.key`."""
    custom = native["custom"]
    inside = prefixed("custom", unknown_members(custom, _FREE_KEYS))
    return ToolUse(
        id_of(native["id"]),
        string(custom["name"]),
        string(custom["input"]),
        spelling=spelling_of_id(native, CUSTOM),
        extra={**unknown_members(native, _CUSTOM_KEYS), **inside},
    )


def _decode_older_call(native: Mapping[str, Json]) -> ToolUse:
    """The call in a `function_call`. It has no id; in a conversation `with_ids_of_calls` numbers
    it."""
    arguments, spelling = _decode_arguments(native)
    return ToolUse(
        older_id(1),
        string(native["name"]),
        arguments,
        spelling={**spelling, **OLDER_CALL},
        extra=unknown_members(native, _FUNCTION_KEYS),
    )


def older_id(number: int) -> str:
    """The id of the call `number` that came as a `function_call`, from 1."""
    return f"function_call_{number}"


def is_older(native: Mapping[str, Json]) -> bool:
    """Whether a message is a `function` message, or has a `function_call`."""
    return native.get("function_call") is not None or native["role"] == "function"


def with_ids_of_calls(messages: Iterable[Message]) -> tuple[Message, ...]:
    """The messages with each `function_call` numbered, and each `function` message the result of
    the last one before it."""
    numbered: list[Message] = []
    number = 0
    for message in messages:
        last = message.content[-1] if message.content else None
        if isinstance(last, ToolUse) and last.spelling.get("call") == "function_call":
            number += 1
            call = evolve(last, id=older_id(number))
            message = evolve(message, content=(*message.content[:-1], call))
        elif isinstance(last, ToolResult) and last.spelling.get("role") == "function":
            result = evolve(last, tool_use_id=older_id(max(number, 1)))
            message = evolve(message, content=(result,))
        numbered.append(message)
    return tuple(numbered)


def call_extra(native: Mapping[str, Json], known: frozenset[str]) -> Mapping[str, Json]:
    """The undocumented members of a tool call; those of its inner `function` object are named
    `function.key`."""
    in_function = unknown_members(native.get("function") or EMPTY, _FUNCTION_KEYS)
    in_call = unknown_members(native, known)
    return {**in_call, **prefixed("function", in_function)} if in_function else in_call


def _encode_calls(calls: Sequence[ToolUse]) -> Mapping[str, Json]:
    """The member of a message that has its calls."""
    only = calls[0]
    if len(calls) > 1 or only.spelling.get("call") != "function_call":
        return {"tool_calls": list(map(_encode_call, calls))}
    return {"function_call": {**_named_arguments(only), **only.extra}}


def _encode_call(block: ToolUse) -> Json:
    """One tool call, of a function or of a custom tool."""
    id = written_id(block.id, block.spelling)
    if block.spelling.get("call") == "custom":
        extra, inside = split_prefixed(block.extra, "custom")
        custom = {"name": block.name, "input": call_arguments(block.input), **inside}
        return {"id": id, "type": "custom", "custom": custom, **extra}
    if not block.extra:
        return {"id": id, "type": "function", "function": _named_arguments(block)}
    extra, in_function = split_prefixed(block.extra, "function")
    function = {**_named_arguments(block), **in_function}
    return {"id": id, "type": "function", "function": function, **extra}


def _named_arguments(block: ToolUse) -> dict[str, Json]:
    """The name and the arguments of a call, as they were spelled."""
    if is_without_arguments(block):
        return {"name": block.name}
    return {
        "name": block.name,
        "arguments": block.spelling.get("input") or call_arguments(block.input),
    }


def is_without_arguments(block: ToolUse) -> bool:
    """Whether a call has no arguments, and had no member for them."""
    return not block.input and block.spelling.get("arguments") == "absent"


def call_arguments(value: Json) -> str:
    """Tool arguments as JSON text. Arguments that are text already are written as they are."""
    return value if isinstance(value, str) else canonical(value)
