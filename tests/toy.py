"""Codecs of a made-up vendor, for tests of the core: no plugin offers them.

    PROMPT    turns of text in and text out, streamed; no system text, tools or images
    CHAT      Anthropic's Messages dialect under a family name of its own: tools, images, reasoning
    VECTORS   an embedding codec that takes eight texts a call
    COUNTER   counts the tokens of PROMPT's requests

The JSON of PROMPT, whole and in chunks:

    {"turns": [{"by": "user", "text": "Hi"}], "limit": 64, "heat": 0.5, "halt": ["\\n"]}
    {"text": "Hello.", "stop_reason": "stop", "input_tokens": 7, "output_tokens": 13}
    {"text": "Hel"}, {"text": "lo.", "stop_reason": "stop", "input_tokens": 7, "output_tokens": 13}
"""

from __future__ import annotations

from typing import Any

from axonflow_core.codec import FamilyCodec, Feature, ModelFacts, NativeNames, StreamContext
from axonflow_core.codec.json_members import numbers, string, unknown_members, without_none
from axonflow_core.codec.registry import CodecRegistry, RegisteredCodec
from axonflow_core.codec.unary import EmbeddingCodec, EmbeddingFeature, TokenCounter
from axonflow_core.dialects import anthropic_messages
from axonflow_core.messages import (
    Completion,
    CompletionRequest,
    Inference,
    Json,
    Message,
    Role,
    StopReason,
    Text,
    Usage,
)
from axonflow_core.retrieval import EmbeddingRequest, Embeddings, Vector
from axonflow_core.stream import Batch, Ended, Extra, Stopped, TextDelta, UsageUpdate

# ── a family of prompts ───────────────────────────────────────────────────────────────────────────

STOP_REASONS = NativeNames(
    {
        "stop": StopReason.END_TURN,
        "length": StopReason.MAX_TOKENS,
        "halt": StopReason.STOP_SEQUENCE,
    }
)
_REQUEST_KEYS = frozenset({"turns", "limit", "heat", "halt"})
_TURN_KEYS = frozenset({"by", "text"})
_ANSWER_KEYS = frozenset({"text", "stop_reason", "input_tokens", "output_tokens"})


def _encode_request(request: CompletionRequest, facts: ModelFacts) -> Json:
    asked = request.inference
    members = {
        "limit": asked.max_tokens,
        "heat": asked.temperature,
        "halt": list(asked.stop_sequences) or None,
    }
    turns = [_encode_turn(message) for message in request.messages]
    return {"turns": turns, **without_none(members), **request.extra}


def _encode_turn(message: Message) -> Json:
    return {"by": message.role.value, "text": message.text, **message.extra}


def _decode_request(body: Json, facts: ModelFacts) -> CompletionRequest:
    return CompletionRequest(
        tuple(_decode_turn(turn) for turn in body["turns"]),
        inference=Inference(
            max_tokens=body.get("limit"),
            temperature=body.get("heat"),
            stop_sequences=tuple(map(string, body.get("halt") or ())),
        ),
        extra=unknown_members(body, _REQUEST_KEYS),
    )


def _decode_turn(turn: Json) -> Message:
    extra = unknown_members(turn, _TURN_KEYS)
    return Message(Role(turn["by"]), (Text(string(turn["text"])),), extra=extra)


def _encode_response(completion: Completion, facts: ModelFacts) -> Json:
    reason, native = completion.stop_reason, completion.native_stop_reason
    stop = None if reason is None else STOP_REASONS.encode(reason, native)
    return {"text": completion.text, **_told(stop, completion.usage), **completion.extra}


def _decode_response(body: Json, facts: ModelFacts) -> Completion:
    stop = body.get("stop_reason")
    return Completion(
        (Text(string(body["text"])),),
        None if stop is None else STOP_REASONS.decode(stop),
        _usage_of(body),
        native_stop_reason=stop,
        extra=unknown_members(body, _ANSWER_KEYS),
    )


def _told(stop: str | None, usage: Usage) -> dict[str, Json]:
    counts = {"input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens}
    return without_none({"stop_reason": stop, **counts})


def _usage_of(body: Json) -> Usage:
    return Usage(body.get("input_tokens"), body.get("output_tokens"))


class _ChunkDecoder:
    def feed(self, chunk: Json) -> Batch:
        stop, usage = chunk.get("stop_reason"), _usage_of(chunk)
        members = unknown_members(chunk, _ANSWER_KEYS)
        return (
            TextDelta(string(chunk["text"])),
            *([Extra(members)] if members else []),
            *([UsageUpdate(usage)] if usage != Usage() else []),
            *([] if stop is None else [Stopped(STOP_REASONS.decode(stop), stop), Ended()]),
        )


class _ChunkEncoder:
    """One chunk for each batch that has something to write."""

    def encode(self, batch: Batch) -> list[Json]:
        chunk: dict[str, Json] = {}
        for event in batch:
            match event:
                case TextDelta(text):
                    chunk["text"] = chunk.get("text", "") + text
                case UsageUpdate(usage):
                    chunk |= _told(None, usage)
                case Stopped(reason, native):
                    chunk["stop_reason"] = STOP_REASONS.encode(reason, native)
                case Extra(members, "answer"):
                    chunk |= members
        return [{"text": "", **chunk}] if chunk else []


PROMPT = FamilyCodec(
    family="toy",
    models=("toy.prompt",),
    features=frozenset(
        {
            Feature.ANY_ROLE_ORDER,
            Feature.PREFILL,
            Feature.TEMPERATURE,
            Feature.STOP_SEQUENCES,
        }
    ),
    joins=frozenset({Feature.MANY_BLOCKS}),
    stop_reasons=STOP_REASONS,
    documented=_REQUEST_KEYS | _TURN_KEYS | _ANSWER_KEYS,
    evidence="made up for tests",
    encode_request=_encode_request,
    decode_request=_decode_request,
    encode_response=_encode_response,
    decode_response=_decode_response,
    stream_decoder=lambda facts: _ChunkDecoder(),
    stream_encoder=lambda context, facts: _ChunkEncoder(),
)


# ── a family of chat models ───────────────────────────────────────────────────────────────────────


def _chat_decoder(facts: ModelFacts) -> anthropic_messages.ChunkDecoder:
    return anthropic_messages.ChunkDecoder()


def _chat_encoder(context: StreamContext, facts: ModelFacts) -> anthropic_messages.ChunkEncoder:
    return anthropic_messages.ChunkEncoder(context)


CHAT = FamilyCodec(
    family="toy-chat",
    models=("toy.chat",),
    features=anthropic_messages.FEATURES,
    stop_reasons=anthropic_messages.STOP_REASONS,
    documented=anthropic_messages.DOCUMENTED,
    options=anthropic_messages.OPTIONS,
    droppable_options=anthropic_messages.DROPPABLE_OPTIONS,
    metadata_keys=anthropic_messages.METADATA_KEYS,
    service_tiers=anthropic_messages.SERVICE_TIERS,
    reasoning=anthropic_messages.REASONING,
    dialect=anthropic_messages.DIALECT,
    default_max_tokens=4096,
    evidence="made up for tests",
    encode_request=anthropic_messages.encode_request,
    decode_request=anthropic_messages.decode_request,
    encode_response=anthropic_messages.encode_response,
    decode_response=anthropic_messages.decode_response,
    stream_decoder=_chat_decoder,
    stream_encoder=_chat_encoder,
)


# ── one request, one answer ───────────────────────────────────────────────────────────────────────


def _encode_inputs(request: EmbeddingRequest, facts: ModelFacts) -> Json:
    texts = [given.text for given in request.inputs if isinstance(given, Text)]
    return {"inputs": texts, **without_none({"size": request.dimensions}), **request.extra}


def _decode_inputs(body: Json, facts: ModelFacts) -> EmbeddingRequest:
    return EmbeddingRequest(
        tuple(Text(string(text)) for text in body["inputs"]),
        dimensions=body.get("size"),
        extra=unknown_members(body, frozenset({"inputs", "size"})),
    )


def _encode_vectors(answer: Embeddings, facts: ModelFacts) -> Json:
    told = without_none({"input_tokens": answer.usage.input_tokens})
    return {"vectors": [list(vector.values) for vector in answer.vectors], **told, **answer.extra}


def _decode_vectors(body: Json, facts: ModelFacts) -> Embeddings:
    return Embeddings(
        tuple(Vector(numbers(each), place) for place, each in enumerate(body["vectors"])),
        Usage(input_tokens=body.get("input_tokens")),
        extra=unknown_members(body, frozenset({"vectors", "input_tokens"})),
    )


VECTORS = EmbeddingCodec(
    family="toy-vectors",
    models=("toy.vectors",),
    takes={Text: 8},
    features=frozenset({EmbeddingFeature.DIMENSIONS}),
    documented=frozenset({"inputs", "size", "vectors", "input_tokens"}),
    evidence="made up for tests",
    encode_request=_encode_inputs,
    decode_request=_decode_inputs,
    encode_response=_encode_vectors,
    decode_response=_decode_vectors,
)
COUNTER = TokenCounter(codec=PROMPT, models=PROMPT.models, count_key="n", evidence="made up")


def registry_of(*codecs: Any) -> CodecRegistry:
    """A registry of `codecs`, each from a distribution of its own: numbered from 0"""
    return CodecRegistry(
        RegisteredCodec(codec, f"distribution-{number}", "1") for number, codec in enumerate(codecs)
    )
