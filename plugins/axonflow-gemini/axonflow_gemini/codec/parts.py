"""Parts: the blocks of a `Content`. A part is an object with one member that is its data, and
members beside it.

    {"text": "Hi"}                                   {"text": "Hm", "thought": true}
    {"inlineData": {"mimeType": "image/png", "data": base64}}
    {"fileData": {"mimeType": "application/pdf", "fileUri": "https://…"}}
    {"functionCall": {"id": "c1", "name": "f", "args": {…}}, "thoughtSignature": "…"}
    {"functionResponse": {"id": "c1", "name": "f", "response": {"result": "rain"}}}

Theory of operation. Any part may carry a `thoughtSignature`, which has to go back on the same kind
of part. The neutral model has signatures on `Reasoning` alone, so a signature is a `Reasoning`
without text before the block whose part carried it:

    {"functionCall": …, "thoughtSignature": "S"}     Reasoning("", "S"), ToolUse(…)
    {"text": "Hm", "thought": true, "thoughtSignature": "S"}     Reasoning("Hm", "S")
    {"thought": true, "thoughtSignature": "S"}       Reasoning(redacted="S")

So whoever handles signatures (fitting, other dialects, their clients) handles those of Gemini, and
a conversation that went through another vendor's client still has them where Gemini wants them. A
thought without text that came as a part of its own, before a part that could carry its signature,
is spelled `{"part": "own"}`.

Calls may lack ids, and results always name their function. `Calls` follows a conversation: it
gives ids to what has none, and finds the name of a result by its call. The name of a `Document`
stands in `partMetadata`, which Google documents for the name of the file that a part is from.

Sound, film, code and whatever else has no class here is kept whole, as `Opaque`.

Source: Gemini API reference, "Content", "Part"; "Thought signatures"; "Function calling",
November 2026; google-genai 3.6.1, `types.Part`.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from axonflow_core.codec import call_id
from axonflow_core.codec.json_members import (
    UnexpectedKind,
    array,
    kind_of,
    object_in,
    prefixed,
    split_prefixed,
    string,
    unknown_members,
    without_none,
)
from axonflow_core.errors import EncodeError
from axonflow_core.frozen import evolve
from axonflow_core.media import PLAIN_TEXT, type_of_base64
from axonflow_core.messages import (
    EMPTY,
    ContentBlock,
    Data,
    Document,
    Image,
    Json,
    Media,
    MediaKind,
    Opaque,
    Reasoning,
    Text,
    ToolResult,
    ToolUse,
)

from .results import decode_result, encode_result

DIALECT = "gemini"
"""The name of the dialect in `Opaque` blocks and `BuiltinTool`s."""
_THOUGHT, _SIGNATURE, _METADATA = "thought", "thoughtSignature", "partMetadata"
_CALL, _RESPONSE = "functionCall", "functionResponse"
_NO_ID: Mapping[str, Json] = {"id": "absent"}
_NO_ARGUMENTS: Mapping[str, Json] = {"args": "absent"}
_OWN: Mapping[str, Json] = {"part": "own"}


class Calls:
    """The calls of one conversation, or of one answer, in order."""

    def __init__(self, prefix: str = "") -> None:
        self._prefix = prefix
        self._count = 0
        self._open: dict[str, ToolUse] = {}
        self._all: dict[str, ToolUse] = {}

    def new_id(self) -> str:
        """An id for a call that came without one: its place, after `prefix`."""
        self._count += 1
        return self._prefix + call_id(self._count - 1)

    def add(self, call: ToolUse) -> None:
        """A call was read or written."""
        self._all[call.id] = self._open[call.id] = call

    def find(self, id: str) -> ToolUse | None:
        """The last call of that id."""
        return self._all.get(id)

    def answered_by_name(self, name: str) -> str:
        """The id of the first call of a function that has no result yet, for a result without id;
        an id of its own where there is none."""
        found = next((call.id for call in self._open.values() if call.name == name), None)
        return self.new_id() if found is None else found

    def close(self, id: str) -> None:
        """A call has its result."""
        self._open.pop(id, None)


# ── reading ───────────────────────────────────────────────────────────────────────────────────────


def decode_parts(native: Json, calls: Calls) -> tuple[ContentBlock, ...]:
    """The blocks of a content's `parts`; none where there are none."""
    blocks: list[ContentBlock] = []
    for part in [] if native is None else array(native, "parts"):
        if type(part) is dict and len(part) == 1 and type(part.get("text")) is str:
            blocks.append(Text(part["text"]))  # nearly every part there is
        else:
            blocks += decode_part(part, calls)
    for place, block in enumerate(blocks[:-1]):
        if _is_signature(block) and _carries(blocks[place + 1]) and not _is_carried(block):
            blocks[place] = _spelled(block, _OWN)
    return tuple([_uncarried(block) for block in blocks])


def decode_part(part: Mapping[str, Json], calls: Calls) -> tuple[ContentBlock, ...]:
    """One part: its block, after the signature that the part carries."""
    if not isinstance(part, dict):
        raise UnexpectedKind("an object", kind_of(part), "parts")
    if None in part.values():
        part = without_none(part)
    kind = next((key for key in _DECODE if key in part), None)
    signature = string(part[_SIGNATURE], _SIGNATURE) if _SIGNATURE in part else None
    if part.get(_THOUGHT) is True and (kind == "text" or (kind is None and signature is not None)):
        return (_decode_thought(part, signature),)
    block = None if kind is None else _DECODE[kind](part, calls)
    if block is None:
        return (Opaque(DIALECT, part),)
    if _THOUGHT in part:
        block = evolve(block, spelling={**block.spelling, _THOUGHT: part[_THOUGHT]})
    return (block,) if signature is None else (Reasoning("", signature, spelling=CARRIED), block)


CARRIED: Mapping[str, Json] = {"part": "next"}
"""Between `decode_part` and the end of `decode_parts`: a signature that the next part carried."""


def _is_signature(block: ContentBlock) -> bool:
    """Whether a block is a signature and nothing else, so that another part may carry it."""
    return (
        isinstance(block, Reasoning)
        and not block.text
        and block.signature is not None
        and block.redacted is None
        and not block.extra
        and block.spelling.get("part") != "own"
    )


def _carries(block: ContentBlock) -> bool:
    """Whether the part of a block may carry a signature of its own."""
    return not isinstance(block, Reasoning | Opaque)


def _is_carried(block: ContentBlock) -> bool:
    return isinstance(block, Reasoning) and block.spelling == CARRIED


def _uncarried(block: ContentBlock) -> ContentBlock:
    return _spelled(block, EMPTY) if _is_carried(block) else block


def _spelled(block: Any, spelling: Mapping[str, Json]) -> ContentBlock:
    spelled: ContentBlock = evolve(block, spelling=spelling)
    return spelled


_THOUGHT_KEYS = frozenset({"text", _THOUGHT, _SIGNATURE})


def _decode_thought(part: Mapping[str, Json], signature: str | None) -> Reasoning:
    """A thought: its text, or a signature in place of one."""
    extra = unknown_members(part, _THOUGHT_KEYS)
    if "text" not in part:
        return Reasoning(redacted=signature, extra=extra)
    return Reasoning(string(part["text"], "text"), signature, extra=extra)


def _beside(part: Mapping[str, Json], *known: str) -> Mapping[str, Json]:
    """The unknown members of a part: the `extra` of its block."""
    return unknown_members(part, frozenset({_THOUGHT, _SIGNATURE, *known}))


def _decode_text(part: Mapping[str, Json], calls: Calls) -> Any:
    return Text(string(part["text"], "text"), extra=_beside(part, "text"))


def _decode_inline_data(part: Mapping[str, Json], calls: Calls) -> Any:
    return _block_of(part, "inlineData", decode_blob(object_in(part, "inlineData")))


def _decode_file_data(part: Mapping[str, Json], calls: Calls) -> Any:
    return _block_of(part, "fileData", decode_file(object_in(part, "fileData")))


def _block_of(part: Mapping[str, Json], key: str, media: Media) -> Any:
    """The picture or document of a part; None for sound and film, and bytes of no type."""
    kind = (media.media_type or ("" if key == "inlineData" else "image/")).partition("/")[0]
    if kind == "image":
        return Image(media, extra=_beside(part, key))
    if kind not in ("application", "text"):
        return None
    metadata = part.get(_METADATA)
    if not isinstance(metadata, dict) or not isinstance(metadata.get("name"), str):
        return Document(media, extra=_beside(part, key))
    rest = unknown_members(metadata, frozenset({"name"}))
    extra = {**_beside(part, key, _METADATA), **({_METADATA: rest} if rest else {})}
    return Document(media, name=metadata["name"], extra=extra)


_BLOB_KEYS = frozenset({"mimeType", "data"})
_FILE_KEYS = frozenset({"mimeType", "fileUri"})


def decode_blob(native: Mapping[str, Json]) -> Media:
    """`{"mimeType": "image/png", "data": base64}`"""
    extra = unknown_members(native, _BLOB_KEYS)
    return Media(MediaKind.BASE64, string(native["data"]), native.get("mimeType"), extra=extra)


def decode_file(native: Mapping[str, Json]) -> Media:
    """`{"mimeType": "application/pdf", "fileUri": "https://…"}`; a URI without scheme is the name
    of an uploaded file."""
    uri = string(native["fileUri"], "fileUri")
    kind = MediaKind.URL if "://" in uri else MediaKind.FILE
    return Media(kind, uri, native.get("mimeType"), extra=unknown_members(native, _FILE_KEYS))


_CALL_KEYS = frozenset({"id", "name", "args"})
_RESPONSE_KEYS = frozenset({"id", "name", "response", "parts"})


def _decode_call(part: Mapping[str, Json], calls: Calls) -> Any:
    """A call. One without id gets the id of its place, and is spelled so."""
    native = object_in(part, _CALL)
    id, arguments = native.get("id"), native.get("args")
    extra = {**_beside(part, _CALL), **prefixed(_CALL, unknown_members(native, _CALL_KEYS))}
    call = ToolUse(
        calls.new_id() if id is None else string(id, "id"),
        string(native["name"], "name"),
        {} if arguments is None else object_in(native, "args"),
        extra=extra or EMPTY,
        spelling={
            **(_NO_ID if id is None else EMPTY),
            **(_NO_ARGUMENTS if arguments is None else EMPTY),
        },
    )
    calls.add(call)
    return call


def _decode_response(part: Mapping[str, Json], calls: Calls) -> Any:
    """A result. Its name is kept where it is not the one of its call."""
    native = object_in(part, _RESPONSE)
    id, name = native.get("id"), string(native["name"], "name")
    found = calls.answered_by_name(name) if id is None else string(id, "id")
    content, is_error, spelling = decode_result(native, _decode_media_part)
    extra = {
        **_beside(part, _RESPONSE),
        **prefixed(_RESPONSE, unknown_members(native, _RESPONSE_KEYS)),
    }
    call = calls.find(found)
    calls.close(found)
    return ToolResult(
        found,
        content,
        is_error,
        None if name == (found if call is None else call.name) else name,
        extra=extra or EMPTY,
        spelling={**spelling, **(_NO_ID if id is None else EMPTY)},
    )


def _decode_media_part(part: Json) -> ContentBlock:
    """A picture or document in the result of a function."""
    (block,) = decode_part(part, Calls())
    return block


_DECODE: Mapping[str, Callable[[Mapping[str, Json], Calls], Any]] = {
    "text": _decode_text,
    _CALL: _decode_call,
    _RESPONSE: _decode_response,
    "inlineData": _decode_inline_data,
    "fileData": _decode_file_data,
}
"""The member that is the data of a part -> its block, or None where there is no class for it."""


# ── writing ───────────────────────────────────────────────────────────────────────────────────────


def encode_parts(blocks: Iterable[ContentBlock], calls: Calls) -> list[Json]:
    """Blocks as parts; a signature goes to the part after it where that may carry it."""
    parts: list[Json] = []
    signature: str | None = None
    content = tuple(blocks)
    for place, block in enumerate(content):
        after = content[place + 1] if place + 1 < len(content) else None
        if _is_signature(block) and after is not None and _carries(after):
            signature = block.signature  # type: ignore[union-attr]
            continue
        part = encode_part(block, calls)
        parts.append(part if signature is None else {**part, _SIGNATURE: signature})
        signature = None
    return parts


def encode_part(block: ContentBlock, calls: Calls) -> dict[str, Json]:
    """One block as a part."""
    encode = _ENCODE.get(type(block))
    if encode is None:
        kind = type(block).__name__.lower()
        raise EncodeError(f"a content of Gemini has no place for a {kind} block", feature=kind)
    part = encode(block, calls)
    thought = getattr(block, "spelling", EMPTY).get(_THOUGHT)
    return part if thought is None else {**part, _THOUGHT: thought}


def _encode_text(block: Text, calls: Calls) -> dict[str, Json]:
    return {"text": block.text, **block.extra} if block.extra else {"text": block.text}


def _encode_thought(block: Reasoning, calls: Calls) -> dict[str, Json]:
    if block.redacted is not None:
        return {_THOUGHT: True, _SIGNATURE: block.redacted, **block.extra}
    signed = without_none({_SIGNATURE: block.signature})
    return {"text": block.text, _THOUGHT: True, **signed, **block.extra}


def _encode_image(block: Image, calls: Calls) -> dict[str, Json]:
    return {**encode_media(block.source), **block.extra}


def _encode_document(block: Document, calls: Calls) -> dict[str, Json]:
    if block.source is None or block.context is not None:
        what = "context" if block.source is not None else "blocks as its content"
        raise EncodeError(
            f"Gemini takes no document with {what}",
            feature="documents",
            hint="give that as a text of its own",
        )
    rest = block.extra.get(_METADATA) or {}
    named = {} if block.name is None else {_METADATA: {"name": block.name, **rest}}
    return {**encode_media(block.source), **block.extra, **named}


def encode_media(media: Media) -> dict[str, Json]:
    """`inlineData` or `fileData`. `EncodeError` for an S3 location."""
    if media.kind is MediaKind.BASE64:
        type_ = media.media_type or type_of_base64(media.data)
        return {
            "inlineData": {**without_none({"mimeType": type_}), "data": media.data, **media.extra}
        }
    if media.kind is MediaKind.TEXT:
        data = b64encode(media.data.encode()).decode()
        return {"inlineData": {"mimeType": media.media_type or PLAIN_TEXT, "data": data}}
    if media.kind in (MediaKind.URL, MediaKind.FILE):
        typed = without_none({"mimeType": media.media_type})
        return {"fileData": {**typed, "fileUri": media.data, **media.extra}}
    raise EncodeError(
        f"Gemini takes no {media.kind} source",
        feature=f"{media.kind} source",
        hint="give the bytes of the file, or a URL",
    )


def _encode_call(block: ToolUse, calls: Calls) -> dict[str, Json]:
    if not isinstance(block.input, dict):
        raise EncodeError(
            "the arguments of a call are a JSON object to Gemini",
            feature="tools",
            hint="ask the model for the call again",
        )
    calls.add(block)
    extra, inside = split_prefixed(block.extra, _CALL) if block.extra else (EMPTY, EMPTY)
    id = {} if block.spelling.get("id") == "absent" else {"id": block.id}
    is_bare = not block.input and block.spelling.get("args") == "absent"
    arguments = {} if is_bare else {"args": block.input}
    return {_CALL: {**id, "name": block.name, **arguments, **inside}, **extra}


def _encode_response(block: ToolResult, calls: Calls) -> dict[str, Json]:
    """A result. One without a name has that of its call, which Gemini requires."""
    call = calls.find(block.tool_use_id)
    extra, inside = split_prefixed(block.extra, _RESPONSE) if block.extra else (EMPTY, EMPTY)
    has_id = block.spelling.get("id") != "absent" and not (
        call is not None and call.spelling.get("id") == "absent"
    )
    native = {
        **({"id": block.tool_use_id} if has_id else {}),
        "name": block.name or (block.tool_use_id if call is None else call.name),
        **encode_result(block, _encode_media_part),
        **inside,
    }
    return {_RESPONSE: native, **extra}


def _encode_media_part(block: ContentBlock) -> dict[str, Json]:
    return encode_part(block, Calls())


def _encode_data(block: Data, calls: Calls) -> dict[str, Json]:
    raise EncodeError(
        "JSON has a place in the result of a function alone",
        feature="data",
        hint="put it into a `ToolResult`",
    )


def _encode_opaque(block: Opaque, calls: Calls) -> dict[str, Json]:
    return {**block.data}


_ENCODE: Mapping[type, Callable[[Any, Calls], dict[str, Json]]] = {
    Text: _encode_text,
    Reasoning: _encode_thought,
    Image: _encode_image,
    Document: _encode_document,
    ToolUse: _encode_call,
    ToolResult: _encode_response,
    Data: _encode_data,
    Opaque: _encode_opaque,
}
