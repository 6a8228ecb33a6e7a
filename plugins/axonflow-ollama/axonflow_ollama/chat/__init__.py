"""The codec of Ollama's own chat: the JSON of `POST /api/chat`, both roles.

    messages    what was said: roles, images, reasoning, tool calls and their results
    requests    a request around its messages: `options`, `format`, `think`
    answers     a whole answer, its counts and its times
    streams     JSON lines, the last of them with `"done": true`

`model` and `stream` say where a call goes and how its answer comes: they are the transport's
(`streams` is Ollama's default, so a body without `stream` asks for one).

Sources, for the whole package: the server's `api/types.go` and `docs/openapi.yaml`
(github.com/ollama/ollama, commit 017eb8a), its `server/routes.go`, the pages "Chat", "Streaming"
and "Errors" of docs.ollama.com, and ollama-python 0.6.3; read November 2026.
"""

from __future__ import annotations

from axonflow_core.codec import FamilyCodec, Feature, ModelFacts, ReasoningControls, StreamContext
from axonflow_core.hookspecs import hookimpl

from .answers import ANSWER_KEYS, COUNTS, STOP_REASONS, decode_response, encode_response
from .messages import FUNCTION_KEYS, MESSAGE_KEYS
from .requests import (
    DROPPABLE_OPTIONS,
    OPTIONS,
    PARAMETERS,
    REQUEST_KEYS,
    decode_request,
    encode_request,
)
from .streams import ChunkDecoder, ChunkEncoder

__all__ = ["CODEC", "axonflow_register_codec"]


def _stream_decoder(facts: ModelFacts) -> ChunkDecoder:
    return ChunkDecoder()


def _stream_encoder(context: StreamContext, facts: ModelFacts) -> ChunkEncoder:
    return ChunkEncoder(context)


CODEC = FamilyCodec(
    family="ollama",
    surface="chat",
    models=("",),
    features=frozenset(
        {
            *(Feature.SYSTEM, Feature.MID_SYSTEM, Feature.ANY_ROLE_ORDER, Feature.PREFILL),
            *(Feature.TEMPERATURE, Feature.TOP_P, Feature.TOP_K, Feature.STOP_SEQUENCES),
            *(Feature.SEED, Feature.PRESENCE_PENALTY, Feature.FREQUENCY_PENALTY),
            *(Feature.OUTPUT_SCHEMA, Feature.JSON_OUTPUT, Feature.TOOLS, Feature.REASONING),
        }
    ),
    # A picture is bare base64: its type is not sent, and is read off its first bytes again.
    joins=frozenset(
        {
            *(Feature.MANY_BLOCKS, Feature.MIXED_RESULTS, Feature.TOOL_ERRORS),
            *(Feature.IMAGES, Feature.SIGNED_REASONING),
        }
    ),
    stop_reasons=STOP_REASONS,
    documented=frozenset(
        {
            *(REQUEST_KEYS | MESSAGE_KEYS | FUNCTION_KEYS | PARAMETERS | OPTIONS),
            *(ANSWER_KEYS | COUNTS),
            *("function", "description", "parameters"),
        }
    ),
    options=OPTIONS,
    droppable_options=DROPPABLE_OPTIONS,
    reasoning=ReasoningControls(
        efforts=("low", "medium", "high"), modes=frozenset({"enabled", "disabled"})
    ),
    evidence="documents: Ollama's API reference and the sources of its server, November 2026",
    encode_request=encode_request,
    decode_response=decode_response,
    stream_decoder=_stream_decoder,
    decode_request=decode_request,
    encode_response=encode_response,
    stream_encoder=_stream_encoder,
)
"""Every model that an Ollama serves: the server puts the messages into the model's own template."""


@hookimpl
def axonflow_register_codec() -> FamilyCodec:
    return CODEC
