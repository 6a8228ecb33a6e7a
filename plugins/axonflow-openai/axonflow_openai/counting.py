"""Token counts: OpenAI counts a request in the form of its Responses API.

    POST /v1/responses/input_tokens   {"model": "gpt-4o", "input": [{"role": "user", "content": …}]}
                                      {"object": "response.input_tokens", "input_tokens": 11}

A chat request is written as such a one: what was counted is the same conversation, tools and schema
included. Parameters that hold no token are left out. `as_counted` and `as_chat` translate JSON into
JSON; what has no counterpart is `Uncountable`.

Source: developers.openai.com/api/docs/guides/token-counting and "Migrate to the Responses API";
openai-python 3.57, `types/responses`, November 2026.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from axonflow_core.codec import FamilyCodec, ModelFacts
from axonflow_core.codec.unary import TokenCounter
from axonflow_core.dialects import openai_chat
from axonflow_core.errors import Uncountable
from axonflow_core.messages import CompletionRequest, Json, TokenCount

PATH = "/responses/input_tokens"
_COUNT, _OBJECT = "input_tokens", "response.input_tokens"


def counter(codec: FamilyCodec) -> TokenCounter:
    """Counts the requests of a family."""
    return TokenCounter(
        codec=codec,
        models=codec.models,
        count_key=_COUNT,
        evidence="documents: OpenAI's guide of token counts, November 2026",
    )


# ── a chat request as it is counted ───────────────────────────────────────────────────────────────


def as_counted(body: Json) -> Json:
    """The request of the Responses API with the same tokens. `Uncountable` names what has none."""
    items = [item for message in body["messages"] for item in _items(message)]
    counted: dict[str, Json] = {"input": items}
    if body.get("tools"):
        counted["tools"] = [_flat(tool) for tool in body["tools"]]
        if body.get("tool_choice") is not None:
            counted["tool_choice"] = _flat(body["tool_choice"])
    if (form := body.get("response_format")) is not None:
        counted["text"] = {"format": {"type": form["type"], **form.get("json_schema", {})}}
    return counted


def _items(message: Mapping[str, Json]) -> Iterator[Json]:
    """The items that a chat message is: what it says, then each of its calls."""
    role, content = message["role"], message.get("content")
    if role == "tool":
        output = content if isinstance(content, str) else _parts(content, "input_text")
        yield {
            "type": "function_call_output",
            "call_id": message["tool_call_id"],
            "output": output,
        }
        return
    if content:
        kind = "output_text" if role == "assistant" else "input_text"
        said = content if isinstance(content, str) else _parts(content, kind)
        yield {"role": role, "content": said}
    if message.get("refusal"):
        refusal = {"type": "refusal", "refusal": message["refusal"]}
        yield {"role": role, "content": [refusal]}
    for call in message.get("tool_calls") or ():
        kind = call["type"]
        yield {"type": _CALLS[kind], "call_id": call["id"], **call[kind]}


_CALLS = {"function": "function_call", "custom": "custom_tool_call"}


def _parts(content: Json, text_kind: str) -> Json:
    return [_part(part, text_kind) for part in content or ()]


def _part(part: Mapping[str, Json], text_kind: str) -> Json:
    kind = part["type"]
    if kind == "text":
        return {"type": text_kind, "text": part["text"]}
    known = _PARTS.get(kind)
    if known is None:
        raise Uncountable(
            f"OpenAI counts no part of the type {kind!r}", hint="count the request without it"
        )
    return known(part)


def _picture(part: Mapping[str, Json]) -> Json:
    native = part["image_url"]
    url = native if isinstance(native, dict) else {"url": native}
    detail = url.get("detail", "auto")
    return {"type": "input_image", "image_url": url["url"], "detail": detail}


_PARTS: Mapping[str, Callable[[Mapping[str, Json]], Json]] = {
    "image_url": _picture,
    "file": lambda part: {"type": "input_file", **part["file"]},
    "refusal": dict,
}


def _flat(native: Json) -> Json:
    """A tool, or the choice of one, whose members stand in one object."""
    if not isinstance(native, dict) or not isinstance(native.get(native["type"]), dict):
        return native
    kind = native["type"]
    strict = {"strict": None} if "parameters" in native[kind] else {}
    return {"type": kind, **strict, **native[kind]}


# ── and back, for a server ────────────────────────────────────────────────────────────────────────


def as_chat(body: Json) -> Json:
    """The chat request that is counted: the inverse of `as_counted`, as far as tokens go."""
    given = body["input"]
    items = [{"role": "user", "content": given}] if isinstance(given, str) else given
    messages = [_message(item) for item in items]
    if body.get("instructions"):
        messages.insert(0, {"role": "system", "content": body["instructions"]})
    tools = [_nested(tool) for tool in body.get("tools") or ()]
    return {"messages": messages, **({"tools": tools} if tools else {})}


def _message(item: Mapping[str, Json]) -> Json:
    kind = item.get("type", "message")
    if kind == "function_call_output":
        content = _chat_parts(item["output"])
        return {"role": "tool", "tool_call_id": item["call_id"], "content": content}
    if kind == "function_call":
        function = {"name": item["name"], "arguments": item["arguments"]}
        call = {"id": item["call_id"], "type": "function", "function": function}
        return {"role": "assistant", "content": None, "tool_calls": [call]}
    return {"role": item["role"], "content": _chat_parts(item["content"])}


def _chat_parts(content: Json) -> Json:
    if isinstance(content, str):
        return content
    return [_chat_part(part) for part in content]


def _chat_part(part: Mapping[str, Json]) -> Json:
    if part["type"] == "input_image":
        return {"type": "image_url", "image_url": {"url": part["image_url"]}}
    if part["type"] == "input_file":
        file = {key: value for key, value in part.items() if key != "type"}
        return {"type": "file", "file": file}
    return {"type": "text", "text": part.get("text") or part.get("refusal", "")}


def _nested(tool: Json) -> Json:
    if tool["type"] != "function":
        return tool
    function = {key: value for key, value in tool.items() if key != "type" and value is not None}
    return {"type": "function", "function": function}


class CountCodec:
    """The server role: what is asked to be counted, and the count."""

    name = "openai_count"

    def decode_request(self, body: Json, facts: ModelFacts, /) -> CompletionRequest:
        """The request that is to be counted. `MalformedRequest`."""
        try:
            chat: Any = as_chat(body)
        except (KeyError, TypeError, AttributeError):
            chat = None  # what the chat codec then says is wrong with it, in its words
        return openai_chat.CODEC.decode_request(chat, facts)

    def encode_response(self, answer: TokenCount, facts: ModelFacts, /) -> Json:
        """The native count."""
        return {"object": _OBJECT, _COUNT: answer.input_tokens}
