"""A text anywhere in a body of a dialect whose bodies are forwarded as they came is read by the
screen, or the body is refused: as a value, a key, an unknown member, in place of a number, a list
or an object.

Not read are what the server writes itself (the model, how an answer comes) and what a provider has
sealed. The controls are the bodies: each is read, and its own texts are.
"""

from __future__ import annotations

import copy
from base64 import b64encode
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from axonflow_core.endpoint.app import call_of
from axonflow_core.endpoint.ingress import Asked
from axonflow_core.endpoint.refusals import Refusal
from axonflow_core.errors import AxonFlowError, MalformedRequest
from axonflow_core.http.asgi import ReceivedRequest
from axonflow_core.json import dumps
from axonflow_core.server.dialects import ingresses
from axonflow_core.texts import screened_texts

PLANTED = "project aurora"
NOT_READ = frozenset(
    ("model", "stream", "stream_options", "signature", "data", "anthropic_version")
)
DIALECTS = {each.wire.name: each for each in ingresses(["openai", "anthropic", "bedrock"])}
PNG = "iVBORw0KGgo="
SCHEMA = {"type": "object", "properties": {"a": {"type": "string", "description": "d"}}}
CACHED = {"cache_control": {"type": "ephemeral", "ttl": "5m"}}

CHAT = {
    "model": "m",
    "messages": [
        {"role": "system", "content": "s", "name": "n"},
        {"role": "developer", "content": [{"type": "text", "text": "d"}]},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "u"},
                {"type": "image_url", "image_url": {"url": "https://host/a.png", "detail": "low"}},
            ],
        },
        {
            "role": "assistant",
            "content": "a",
            "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "r"},
    ],
    "tools": [
        {
            "type": "function",
            "function": {"name": "f", "description": "d", "parameters": SCHEMA, "strict": True},
        }
    ],
    "tool_choice": {"type": "function", "function": {"name": "f"}},
    "parallel_tool_calls": True,
    "response_format": {
        "type": "json_schema",
        "json_schema": {"name": "o", "description": "d", "strict": True, "schema": SCHEMA},
    },
    "stop": ["S"],
    "temperature": 0.5,
    "max_completion_tokens": 100,
    "seed": 4,
    "user": "u",
    "metadata": {"k": "v"},
    "reasoning_effort": "low",
}
MESSAGES = {
    "model": "m",
    "max_tokens": 2000,
    "system": [{"type": "text", "text": "s", **CACHED}],
    "messages": [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "u", **CACHED},
                {
                    "type": "document",
                    "title": "t",
                    "context": "c",
                    "citations": {"enabled": True},
                    "source": {"type": "content", "content": [{"type": "text", "text": "x"}]},
                },
            ],
        },
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "th", "signature": "sg"},
                {
                    "type": "text",
                    "text": "a",
                    "citations": [{"type": "char_location", "cited_text": "c"}],
                },
                {"type": "tool_use", "id": "tu", "name": "f", "input": {"a": "b"}},
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "tu",
                    "is_error": False,
                    "content": [{"type": "text", "text": "r"}],
                }
            ],
        },
    ],
    "tools": [
        {"name": "f", "description": "d", "input_schema": SCHEMA, **CACHED},
        {"type": "bash_20250124", "name": "bash"},
    ],
    "tool_choice": {"type": "tool", "name": "f", "disable_parallel_tool_use": True},
    "metadata": {"user_id": "u"},
    "stop_sequences": ["S"],
    "top_k": 5,
    "thinking": {"type": "enabled", "budget_tokens": 1024},
}
CONVERSE = {
    "system": [{"text": "s"}, {"cachePoint": {"type": "default"}}],
    "messages": [
        {
            "role": "user",
            "content": [
                {"text": "u"},
                {"image": {"format": "png", "source": {"bytes": PNG}}},
                {"guardContent": {"text": {"text": "g", "qualifiers": ["query"]}}},
            ],
        },
        {
            "role": "assistant",
            "content": [
                {"citationsContent": {"content": [{"text": "c"}], "citations": [{"title": "t"}]}},
                {"toolUse": {"toolUseId": "tu", "name": "f", "input": {"a": "b"}}},
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "toolResult": {
                        "toolUseId": "tu",
                        "status": "success",
                        "content": [{"text": "r"}, {"json": {"k": "v"}}],
                    }
                }
            ],
        },
    ],
    "inferenceConfig": {"maxTokens": 10, "temperature": 0.5, "stopSequences": ["S"]},
    "toolConfig": {
        "tools": [{"toolSpec": {"name": "f", "description": "d", "inputSchema": {"json": SCHEMA}}}],
        "toolChoice": {"tool": {"name": "f"}},
    },
    "guardrailConfig": {"guardrailIdentifier": "g", "guardrailVersion": "1", "trace": "enabled"},
    "additionalModelRequestFields": {"k": "v"},
    "additionalModelResponseFieldPaths": ["/x"],
    "requestMetadata": {"k": "v"},
    "performanceConfig": {"latency": "standard"},
    "outputConfig": {
        "textFormat": {
            "type": "json_schema",
            "structure": {"jsonSchema": {"schema": '{"type":"object"}', "name": "n"}},
        }
    },
}
PROMPTED = {"promptVariables": {"v": {"text": "t"}}, "messages": CONVERSE["messages"]}
INVOKED = {
    **{name: value for name, value in MESSAGES.items() if name != "model"},
    "anthropic_version": "bedrock-2023-05-31",
}
TITAN = {"inputText": "t", "textGenerationConfig": {"stopSequences": ["S"], "temperature": 0.5}}
COHERE = {"texts": ["t"], "input_type": "search_query", "truncate": "END"}
CLAUDE = "/model/us.anthropic.claude-sonnet-4-6"
BODIES = {
    "chat": ("openai", "/v1/chat/completions", CHAT),
    "messages": ("anthropic", "/v1/messages", MESSAGES),
    "invoke": ("bedrock", f"{CLAUDE}/invoke", INVOKED),
    "invoke a text model": ("bedrock", "/model/amazon.titan-text-express-v1/invoke", TITAN),
    "invoke an embedding": ("bedrock", "/model/cohere.embed-english-v3/invoke", COHERE),
    "converse": ("bedrock", f"{CLAUDE}/converse", CONVERSE),
    "converse with variables": ("bedrock", f"{CLAUDE}/converse", PROMPTED),
    "count": ("bedrock", f"{CLAUDE}/count-tokens", {"input": {"converse": CONVERSE}}),
    "count a body": ("bedrock", f"{CLAUDE}/count-tokens", {"input": {"invokeModel": {"body": ""}}}),
}


def asked(dialect: str, path: str, body: Any) -> Asked:
    ingress = DIALECTS[dialect]
    operation, model = ingress.wire.addressed("POST", path)
    request = ReceivedRequest(method="POST", target=path, headers={}, body=dumps(body))
    return ingress.read(call_of(ingress.wire, operation, model, request, "acme"))


def is_screened(what: Asked) -> bool:
    screened = screened_texts(what.request)
    texts = [*(text for _, text in screened.texts), *(fixed.text for fixed in screened.fixed)]
    return any(PLANTED in text for text in texts)


def planted(body: Any) -> Iterator[tuple[str, Any]]:
    """Where a text was planted in `body`, and `body` with it."""
    for path, value in places(body):
        where = ".".join(map(str, path))
        if path:
            yield where, changed(body, path, PLANTED)
            yield f"{where} in an object", changed(body, path, {"new": PLANTED})
        if isinstance(value, dict):
            yield f"{where} beside", changed(body, path, {**value, "new": PLANTED})
            yield f"{where} as a key", changed(body, path, {**value, PLANTED: 1})
        if isinstance(value, list):
            yield f"{where} beside", changed(body, path, [*value, PLANTED])
            unknown = {"type": "new", "text": PLANTED}
            yield f"{where} as an object", changed(body, path, [*value, unknown])


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    yield path, value
    items: Iterable[Any] = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    for step, item in items:
        if step not in NOT_READ:
            yield from places(item, (*path, step))


def changed(body: Any, path: tuple[Any, ...], item: Any) -> Any:
    root = [copy.deepcopy(body)]
    parent: Any = root
    steps = (0, *path)
    for step in steps[:-1]:
        parent = parent[step]
    parent[steps[-1]] = item
    return root[0]


@pytest.mark.parametrize(("dialect", "path", "body"), BODIES.values(), ids=BODIES)
def test_a_text_anywhere_in_a_body_is_screened_or_refused(
    dialect: str, path: str, body: Any
) -> None:
    unread, read = [], 0
    for where, other in planted(body):
        try:
            what = asked(dialect, path, other)
        except (AxonFlowError, Refusal):
            continue
        if is_screened(what):
            read += 1
        else:
            unread.append(where)

    assert unread == []
    assert read or "invokeModel" in str(body)


@pytest.mark.parametrize(("dialect", "path", "body"), list(BODIES.values())[:-1])
def test_the_bodies_in_which_a_text_is_planted_are_themselves_taken(
    dialect: str, path: str, body: Any
) -> None:
    assert not is_screened(asked(dialect, path, body))


def test_a_body_to_be_counted_says_the_same_to_every_parser() -> None:
    def count(body: bytes) -> Asked:
        native = {"input": {"invokeModel": {"body": b64encode(body).decode()}}}
        return asked("bedrock", f"{CLAUDE}/count-tokens", native)

    turns = b'"messages": [{"role": "user", "content": "hi"}]'

    assert count(b"{%s}" % turns)
    with pytest.raises(MalformedRequest):
        count(b'{"messages": [], %s}' % turns)
