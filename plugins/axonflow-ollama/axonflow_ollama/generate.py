"""`POST /api/generate`, in the server's role alone: a prompt in, its continuation out.

    {"prompt": "Why?", "system": "Be brief.", "images": ["…"], "options": {…}, …}
    {"model": "…", "created_at": "…", "response": "Because", "thinking": "…", "done": true, …}

It is the chat of one question: `system` and `prompt` become its messages, and the message of the
answer becomes `response` and `thinking`. Everything else is as in `chat`. Ollama's own clients
have it; we call `/api/chat`, whose messages the server puts into the model's template itself.

Source: `api/types.go` (github.com/ollama/ollama, commit 017eb8a: `GenerateRequest`,
`GenerateResponse`), read November 2026.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from axonflow_core.codec import ModelFacts, StreamContext
from axonflow_core.codec.json_members import string, unknown_members
from axonflow_core.frozen import evolve
from axonflow_core.messages import Completion, CompletionRequest, Json
from axonflow_core.stream import Batch

from .chat import CODEC
from .chat.answers import encode_response
from .chat.requests import decode_request
from .chat.streams import ChunkEncoder

_ASKED = frozenset({"prompt", "system", "images"})


def _decode_request(body: Json, facts: ModelFacts) -> CompletionRequest:
    """The conversation of one question. A call without a prompt, which loads a model, has none."""
    system, prompt, images = body.get("system"), body.get("prompt"), body.get("images")
    messages: list[dict[str, Json]] = []
    if system:
        messages.append({"role": "system", "content": string(system)})
    if prompt or images:
        said = {"role": "user", "content": string(prompt or "")}
        messages.append({**said, **({"images": images} if images else {})})
    return decode_request({"messages": messages, **unknown_members(body, _ASKED)}, facts)


def _as_response(answer: Mapping[str, Json]) -> Json:
    """A chat's answer or chunk as one of `generate`."""
    message = unknown_members(answer.get("message") or {}, frozenset({"role", "content"}))
    content = (answer.get("message") or {}).get("content", "")
    return {**unknown_members(answer, frozenset({"message"})), "response": content, **message}


def _encode_response(completion: Completion, facts: ModelFacts) -> Json:
    return _as_response(encode_response(completion, facts))


class _ResponseEncoder:
    """As the chat's, each chunk rewritten."""

    def __init__(self, context: StreamContext) -> None:
        self._chat = ChunkEncoder(context)

    def encode(self, batch: Batch) -> list[Json]:
        return list(map(_as_response, self._chat.encode(batch)))


def _stream_encoder(context: StreamContext, facts: ModelFacts) -> Any:
    return _ResponseEncoder(context)


GENERATE = evolve(
    CODEC,
    variant="generate",
    decode_request=_decode_request,
    encode_response=_encode_response,
    stream_encoder=_stream_encoder,
)
"""Reads prompts, and writes their continuations."""
