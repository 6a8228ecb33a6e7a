"""Calls of the five dialects of the drop-in endpoints, and their streams read: bodies by feature,
where they are sent, and what came, once it fits the grammar of its dialect."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from axonflow_bedrock.wire.eventstream import FrameDecoder, chunk_of, event_of
from tests.grammar_bedrock import check_converse
from tests.grammar_messages import read_body, read_events
from tests.grammar_openai import check_chat, check_responses

PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk"
    "+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
LOOK = "Looks a city up."
ASK = "Say something of Paris."


# ── bodies ────────────────────────────────────────────────────────────────────────────────────────


def chat(feature: str) -> dict[str, Any]:
    content: Any = ASK
    body: dict[str, Any] = {"max_completion_tokens": 2000}
    match feature:
        case "tools":
            tool = {"name": "look", "description": LOOK, "parameters": SCHEMA}
            body["tools"] = [{"type": "function", "function": tool}]
            body["tool_choice"] = "required"
        case "image":
            url = f"data:image/png;base64,{PIXEL}"
            content = [
                {"type": "text", "text": ASK},
                {"type": "image_url", "image_url": {"url": url}},
            ]
        case "reasoning":
            body["reasoning_effort"] = "low"
        case "schema":
            schema = {"name": "city", "schema": SCHEMA, "strict": True}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
    return {**body, "messages": [{"role": "user", "content": content}]}


def responses(feature: str) -> dict[str, Any]:
    content: list[Any] = [{"type": "input_text", "text": ASK}]
    body: dict[str, Any] = {"max_output_tokens": 2000, "store": False}
    match feature:
        case "tools":
            tool = {"name": "look", "description": LOOK, "parameters": SCHEMA}
            body["tools"] = [{"type": "function", **tool}]
            body["tool_choice"] = "required"
        case "image":
            url = f"data:image/png;base64,{PIXEL}"
            content.append({"type": "input_image", "image_url": url, "detail": "auto"})
        case "reasoning":
            body["reasoning"] = {"effort": "low"}
        case "schema":
            form = {"type": "json_schema", "name": "city", "schema": SCHEMA, "strict": True}
            body["text"] = {"format": form}
    return {**body, "input": [{"type": "message", "role": "user", "content": content}]}


def messages(feature: str) -> dict[str, Any]:
    content: list[Any] = [{"type": "text", "text": ASK}]
    body: dict[str, Any] = {"max_tokens": 2000}
    match feature:
        case "tools":
            body["tools"] = [{"name": "look", "description": LOOK, "input_schema": SCHEMA}]
            body["tool_choice"] = {"type": "any"}
        case "image":
            source = {"type": "base64", "media_type": "image/png", "data": PIXEL}
            content.append({"type": "image", "source": source})
        case "reasoning":
            body["thinking"] = {"type": "enabled", "budget_tokens": 1024}
        case "schema":
            body["output_config"] = {"format": {"type": "json_schema", "schema": SCHEMA}}
    return {**body, "messages": [{"role": "user", "content": content}]}


def invoke(feature: str) -> dict[str, Any]:
    return {"anthropic_version": "bedrock-2023-05-31", **messages(feature)}


def converse(feature: str) -> dict[str, Any]:
    content: list[Any] = [{"text": ASK}]
    body: dict[str, Any] = {"inferenceConfig": {"maxTokens": 2000}}
    match feature:
        case "tools":
            spec = {"name": "look", "description": LOOK, "inputSchema": {"json": SCHEMA}}
            body["toolConfig"] = {"tools": [{"toolSpec": spec}], "toolChoice": {"any": {}}}
        case "image":
            content.append({"image": {"format": "png", "source": {"bytes": PIXEL}}})
        case "reasoning":
            thinking = {"thinking": {"type": "enabled", "budget_tokens": 1024}}
            body["additionalModelRequestFields"] = thinking
        case "schema":
            form = {"jsonSchema": {"schema": json.dumps(SCHEMA), "name": "city"}}
            body["outputConfig"] = {"textFormat": {"type": "json_schema", "structure": form}}
    return {**body, "messages": [{"role": "user", "content": content}]}


def gemini(feature: str) -> dict[str, Any]:
    parts: list[Any] = [{"text": ASK}]
    config: dict[str, Any] = {"maxOutputTokens": 2000}
    body: dict[str, Any] = {"generationConfig": config}
    match feature:
        case "tools":
            look = {"name": "look", "description": LOOK, "parametersJsonSchema": SCHEMA}
            body["tools"] = [{"functionDeclarations": [look]}]
            body["toolConfig"] = {"functionCallingConfig": {"mode": "ANY"}}
        case "image":
            parts.append({"inlineData": {"mimeType": "image/png", "data": PIXEL}})
        case "reasoning":
            config["thinkingConfig"] = {"thinkingBudget": 1024, "includeThoughts": True}
        case "schema":
            config |= {"responseMimeType": "application/json", "responseJsonSchema": SCHEMA}
    return {**body, "contents": [{"role": "user", "parts": parts}]}


def ollama(feature: str) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "user", "content": ASK}
    body: dict[str, Any] = {"options": {"num_predict": 2000}}
    match feature:
        case "tools":
            tool = {"name": "look", "description": LOOK, "parameters": SCHEMA}
            body["tools"] = [{"type": "function", "function": tool}]
        case "image":
            message["images"] = [PIXEL]
        case "reasoning":
            body["think"] = True
        case "schema":
            body["format"] = SCHEMA
    return {**body, "messages": [message]}


# ── what came ─────────────────────────────────────────────────────────────────────────────────────


def bedrock_events(body: bytes, read: Callable[[Any], Any]) -> list[Any]:
    decoder = FrameDecoder()
    events = [read(frame) for frame in decoder.feed(body)]
    decoder.finish()
    return events


def read_converse(body: bytes) -> bytes:
    """The events of a stream, once they fit the grammar; so the others."""
    events = bedrock_events(body, event_of)
    check_converse(events)
    return orjson.dumps(events)


def read_invoke(body: bytes) -> bytes:
    events = bedrock_events(body, chunk_of)
    read_events((event["type"], event) for event in events)
    return orjson.dumps(events)


def read_messages(body: bytes) -> bytes:
    read_body(body)
    return body


def read_chat(body: bytes) -> bytes:
    check_chat(body)
    return body


def read_responses(body: bytes) -> bytes:
    check_responses(body)
    return body


def read_gemini(body: bytes) -> bytes:
    """The chunks of a stream, of which the last alone says why it ends, or is an error."""
    chunks = [orjson.loads(line.removeprefix(b"data: ")) for line in body.split(b"\n\n") if line]
    ends = ["error" in chunk or "finishReason" in chunk["candidates"][0] for chunk in chunks]
    assert ends.index(True) == len(ends) - 1
    return body


def read_ollama(body: bytes) -> bytes:
    """The lines of a stream, of which the last alone is the end or an error."""
    lines = list(map(orjson.loads, body.splitlines()))
    ends = [line.get("done", True) for line in lines]
    assert ends.index(True) == len(ends) - 1
    return body


def in_body(path: str) -> Callable[[str, bool], tuple[str, dict[str, Any]]]:
    """How a call to a path that names no model is addressed."""
    return lambda model, is_streamed: (path, {"model": model, "stream": is_streamed})


def in_path(whole: str, streamed: str) -> Callable[[str, bool], tuple[str, dict[str, Any]]]:
    return lambda model, is_streamed: (f"/model/{model}/{streamed if is_streamed else whole}", {})


def of_gemini(model: str, is_streamed: bool) -> tuple[str, dict[str, Any]]:
    way = "streamGenerateContent?alt=sse" if is_streamed else "generateContent"
    return f"/v1beta/models/{model}:{way}", {}


def of_azure(model: str, is_streamed: bool) -> tuple[str, dict[str, Any]]:
    path = f"/openai/deployments/{model}/chat/completions?api-version=2025-04-01-preview"
    return path, {"stream": is_streamed}


DIALECTS: Mapping[str, tuple[Any, Any, Any]] = {
    "chat": (chat, in_body("/v1/chat/completions"), read_chat),
    "responses": (responses, in_body("/v1/responses"), read_responses),
    "messages": (messages, in_body("/v1/messages"), read_messages),
    "invoke": (invoke, in_path("invoke", "invoke-with-response-stream"), read_invoke),
    "converse": (converse, in_path("converse", "converse-stream"), read_converse),
}
"""Those that are served where nothing is said."""
FURTHER_DIALECTS: Mapping[str, tuple[Any, Any, Any]] = {
    "gemini": (gemini, of_gemini, read_gemini),
    "ollama": (ollama, in_body("/api/chat"), read_ollama),
    "azure": (chat, of_azure, read_chat),
}
"""Those that `server.dialects` may name besides."""
