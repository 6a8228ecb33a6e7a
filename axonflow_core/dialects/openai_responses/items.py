r"""The `input` of a request: messages, calls of tools, their results, reasoning.

    "input": "Hello"
    "input": [
        {"type": "message", "role": "developer", "content": [
            {"type": "input_text", "text": "Be brief."}]},
        {"role": "user", "content": [
            {"type": "input_text", "text": "What is this?"},
            {"type": "input_image", "image_url": "data:image/png;base64,…"},
            {"type": "input_file", "file_data": "data:application/pdf;base64,…",
             "filename": "x.pdf"}]},
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Hm."}],
         "encrypted_content": "…"},
        {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": "{\"a\":1}"},
        {"type": "function_call_output", "call_id": "call_1", "output": "rain"}]

Every step of a turn is an item of its own; neutrally the steps of the model are the blocks of one
message, and so are the results that answer them. What the system says before the conversation is
the system text, after `instructions`.

An item or part that names what OpenAI's server keeps or runs (`item_reference`, `file_id`,
`web_search_call`) is refused by name: nothing of it is here.

Source: OpenAI's API reference, "Create a model response", and openai-python 3.57
(`types/responses`), November 2026; what Codex 0.171.0 sends, recorded on 2026-11-29.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from axonflow_core.codec.json_members import UnexpectedKind, array, string
from axonflow_core.dialects.openai_chat.content import decode_content
from axonflow_core.errors import MalformedRequest
from axonflow_core.messages import (
    ContentBlock,
    Json,
    Message,
    Role,
    Text,
    ToolResult,
    ToolUse,
)
from axonflow_core.stream import tool_input

from .reasoning import decode_reasoning
from .tools import INPUT, flat_name

_ROLES = {
    "user": Role.USER,
    "assistant": Role.ASSISTANT,
    "system": Role.SYSTEM,
    "developer": Role.SYSTEM,
}


def decode_input(native: Json) -> tuple[tuple[ContentBlock, ...], tuple[Message, ...]]:
    """The system text before the conversation, and the conversation."""
    if isinstance(native, str):
        return (), (Message(Role.USER, (Text(native),)),)
    turns = _turns(map(_decode_item, array(native, "input")))
    system: list[ContentBlock] = []
    while turns and turns[0].role is Role.SYSTEM:
        system += turns.pop(0).content
    return tuple(system), tuple(turns)


def _turns(messages: Iterable[Message]) -> list[Message]:
    """The messages of items, those of one turn in one: what the model did, and all results."""
    turns: list[Message] = []
    for message in messages:
        if turns and _is_one_turn(turns[-1], message):
            joined = (*turns.pop().content, *message.content)
            message = Message(message.role, joined)
        turns.append(message)
    return [turn for turn in turns if turn.content]


def _is_one_turn(before: Message, message: Message) -> bool:
    if before.role is not message.role:
        return False
    return message.role is Role.ASSISTANT or (_is_results(before) and _is_results(message))


def _is_results(message: Message) -> bool:
    return all(isinstance(block, ToolResult) for block in message.content)


def _decode_item(native: Mapping[str, Json]) -> Message:
    """One item as a message. `MalformedRequest` names a kind that is not served here."""
    kind = native.get("type") or "message"
    decode = _ITEMS.get(string(kind, "type"))
    if kind == "item_reference":
        raise MalformedRequest(
            "the input has an `item_reference`, and this server stores no items: send the item "
            "itself, as clients do that are told `store: false`"
        )
    if decode is None:
        raise MalformedRequest(
            f"the input has an item `{kind}`, which this server does not keep or run: leave it out"
        )
    return decode(native)


def _message(native: Mapping[str, Json]) -> Message:
    role = _ROLES.get(string(native["role"], "role"))
    if role is None:
        raise UnexpectedKind("a documented role", "another", "role")
    return Message(role, decode_parts(native["content"]))


def _call(native: Mapping[str, Json]) -> Message:
    name = flat_name(string(native["name"], "name"), native.get("namespace"))
    written = native.get("arguments") or ""
    spelling = {"input": written} if written else {}
    call = ToolUse(_call_id(native), name, tool_input(string(written)), spelling=spelling)
    return Message(Role.ASSISTANT, (call,))


def _custom_call(native: Mapping[str, Json]) -> Message:
    name = flat_name(string(native["name"], "name"), native.get("namespace"))
    call = ToolUse(_call_id(native), name, {INPUT: string(native["input"], "input")})
    return Message(Role.ASSISTANT, (call,))


def _result(native: Mapping[str, Json]) -> Message:
    return Message(Role.USER, (ToolResult(_call_id(native), decode_parts(native["output"])),))


def _call_id(native: Mapping[str, Json]) -> str:
    return string(native["call_id"], "call_id")


def _thought(native: Mapping[str, Json]) -> Message:
    thought = decode_reasoning(native)
    return Message(Role.ASSISTANT, () if thought is None else (thought,))


_ITEMS: Mapping[str, Callable[[Mapping[str, Json]], Message]] = {
    "message": _message,
    "function_call": _call,
    "function_call_output": _result,
    "custom_tool_call": _custom_call,
    "custom_tool_call_output": _result,
    "reasoning": _thought,
}


# ── parts ─────────────────────────────────────────────────────────────────────────────────────────


def decode_parts(native: Json) -> tuple[ContentBlock, ...]:
    """The blocks of a message's `content` or of a tool's `output`."""
    if native is None or isinstance(native, str):
        return decode_content(native)
    return decode_content([_as_chat_part(part) for part in array(native, "content")])


def _as_chat_part(part: Mapping[str, Json]) -> Json:
    """A part as chat completions have it, whose decoder reads it."""
    kind = string(part["type"], "type")
    if kind in ("input_text", "output_text"):
        return {"type": "text", "text": part["text"]}
    if kind == "refusal":
        return {"type": "refusal", "refusal": part["refusal"]}
    if kind == "input_image" and part.get("image_url") is not None:
        detail = {"detail": part["detail"]} if part.get("detail") else {}
        return {"type": "image_url", "image_url": {"url": part["image_url"], **detail}}
    if kind == "input_file" and part.get("file_data") is not None:
        names = ("file_data", "filename")
        return {"type": "file", "file": {name: part[name] for name in names if part.get(name)}}
    raise MalformedRequest(
        f"the input has a part `{kind}` without its data: this server keeps no files, so put the "
        "bytes in it as a `data:` URL"
        if kind in ("input_image", "input_file")
        else f"the input has a part `{kind}`, which this server does not read: leave it out"
    )
