"""Anthropic Claude on InvokeModel: the Messages dialect, with `anthropic_version` in the body and
no `model`.

Source: AWS user guide, "Anthropic Claude Messages API", and recorded traffic (58 exchanges),
November 2026.
"""

from __future__ import annotations

from collections.abc import Mapping

from axonflow_core.codec import FamilyCodec, ModelFacts, StreamContext
from axonflow_core.dialects import anthropic_messages as messages
from axonflow_core.frozen import evolve
from axonflow_core.hookspecs import hookimpl
from axonflow_core.messages import CompletionRequest, Json

VERSION = "bedrock-2023-05-31"
DEFAULT_MAX_TOKENS = 4096
"""Claude requires a limit. 4096 is what Bedrock's Converse applies when it is unset; every
Claude takes it."""
OPTIONS = messages.OPTIONS - {"cache_control"} | {"anthropic_version"}
"""Bedrock takes `cache_control` of a block, not of the whole request: "cache_control: Extra inputs
are not permitted" (AWS user guide, Anthropic Claude Messages API, November 2026)."""


def _decode_request(body: Mapping[str, Json], facts: ModelFacts) -> CompletionRequest:
    """The request; a version other than the usual, or none, is kept in `options`."""
    version = body.get("anthropic_version")
    request = messages.decode_request(
        {key: body[key] for key in body if key != "anthropic_version"}, facts
    )
    if version == VERSION:
        return request
    return evolve(request, options={**request.options, "anthropic_version": version})


def _encode_request(request: CompletionRequest, facts: ModelFacts) -> Json:
    body = {"anthropic_version": VERSION, **messages.encode_request(request, facts)}
    if body["anthropic_version"] is None:  # a caller's body without it stays without it
        del body["anthropic_version"]
    return body


def _stream_decoder(facts: ModelFacts) -> messages.ChunkDecoder:
    return messages.ChunkDecoder()


def _stream_encoder(context: StreamContext, facts: ModelFacts) -> messages.ChunkEncoder:
    return messages.ChunkEncoder(context)


CODEC = FamilyCodec(
    family="anthropic",
    models=("anthropic.claude-",),
    # The first generation has a native JSON of its own, text completions; AWS retired it in 2025.
    except_models=("anthropic.claude-v1", "anthropic.claude-v2", "anthropic.claude-instant"),
    features=messages.FEATURES,
    stop_reasons=messages.STOP_REASONS,
    documented=messages.DOCUMENTED,
    options=OPTIONS,
    droppable_options=messages.DROPPABLE_OPTIONS & OPTIONS | {"anthropic_version"},
    metadata_keys=messages.METADATA_KEYS,
    service_tiers=messages.SERVICE_TIERS,
    reasoning=messages.REASONING,
    dialect=messages.DIALECT,
    default_max_tokens=DEFAULT_MAX_TOKENS,
    evidence="recorded traffic",
    encode_request=_encode_request,
    decode_response=messages.decode_response,
    stream_decoder=_stream_decoder,
    decode_request=_decode_request,
    encode_response=messages.encode_response,
    stream_encoder=_stream_encoder,
)


@hookimpl
def axonflow_register_codec() -> FamilyCodec:
    return CODEC
