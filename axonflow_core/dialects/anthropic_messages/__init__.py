"""Anthropic's Messages JSON, both roles: blocks, requests, answers, streams, errors.

`CODEC` is the form of Anthropic's own clients. A cloud that adds keys of its own (Bedrock's
`anthropic_version` in the body) makes a codec from the same functions.

Source: Anthropic's Messages API reference and recorded Bedrock traffic, November 2026. What stands
outside the messages (`model`, `stream`, `anthropic_version`) belongs to whoever uses this package.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from axonflow_core.codec import Codec, Feature, ModelFacts, ReasoningControls, StreamContext
from axonflow_core.codec.json_members import unknown_members
from axonflow_core.frozen import evolve
from axonflow_core.messages import CompletionRequest, Json

from .answers import STOP_REASONS, decode_response, encode_response
from .blocks import DIALECT
from .errors import ERRORS
from .requests import DROPPABLE_OPTIONS, OPTIONS, decode_request, encode_request
from .streams import ChunkDecoder, ChunkEncoder

DOCUMENTED = frozenset(
    "max_tokens messages system temperature top_p top_k stop_sequences tools tool_choice thinking "
    "output_config "
    "output_format context_management anthropic_beta anthropic_version metadata name description "
    "input_schema "
    "disable_parallel_tool_use budget_tokens effort role content text source media_type data "
    "tool_use_id is_error "
    "input signature redacted_thinking cache_control stop_reason stop_sequence stop_details usage "
    "input_tokens "
    "output_tokens cache_creation_input_tokens cache_read_input_tokens ephemeral_5m_input_tokens "
    "ephemeral_1h_input_tokens thinking_tokens service_tier id thinking model delta partial_json "
    "content_block "
    "index".split()
)
"""Every key that the documents name, on any level."""

DEFAULT_MAX_TOKENS = 4096
"""Anthropic requires a limit. Every Claude takes this one."""

_VENDOR_OPTIONS = frozenset({"container", "inference_geo", "mcp_servers"})
"""Parameters of Anthropic's own API that no cloud's has. `anthropic_beta` is a header there."""

FEATURES = frozenset(Feature) - {
    *(Feature.RAW_PROMPT, Feature.DATA, Feature.JSON_OUTPUT),
    *(Feature.SEED, Feature.PRESENCE_PENALTY, Feature.FREQUENCY_PENALTY),
}
"""All but what another vendor alone has: raw prompts, JSON blocks, seeds and penalties."""

METADATA_KEYS = frozenset({"user_id"})
"""Any other key is refused: "metadata.x: Extra inputs are not permitted"."""

SERVICE_TIERS = frozenset({"auto", "standard_only"})
"""The values of `service_tier` in a request; an answer has others."""

REASONING = ReasoningControls(
    has_budget=True,
    efforts=("low", "medium", "high", "xhigh", "max"),
    modes=frozenset({"enabled", "adaptive", "disabled"}),
    is_mode_optional=False,
    signer=DIALECT,
    is_signed=True,
)
"""Which of it a model takes is the model's own; a thought without a signature is refused by all."""


def _decode_request(body: Mapping[str, Json], facts: ModelFacts) -> CompletionRequest:
    """As `requests.decode_request`, with the parameters that Anthropic's own API alone has among
    `options`."""
    request = decode_request(body, facts)
    options = {key: request.extra[key] for key in request.extra if key in _VENDOR_OPTIONS}
    if not options:
        return request
    extra = unknown_members(request.extra, _VENDOR_OPTIONS)
    return evolve(request, options={**request.options, **options}, extra=extra)


def _stream_decoder(facts: ModelFacts) -> ChunkDecoder:
    return ChunkDecoder()


def _stream_encoder(context: StreamContext, facts: ModelFacts) -> ChunkEncoder:
    return ChunkEncoder(context)


def vendor_members() -> dict[str, Any]:
    """The members of a codec of Anthropic's own API, without its name, its evidence and what it
    claims."""
    return {
        "features": FEATURES,
        "stop_reasons": STOP_REASONS,
        "documented": DOCUMENTED | _VENDOR_OPTIONS,
        "options": OPTIONS | _VENDOR_OPTIONS,
        "droppable_options": DROPPABLE_OPTIONS | {"inference_geo"},
        "metadata_keys": METADATA_KEYS,
        "service_tiers": SERVICE_TIERS,
        "reasoning": REASONING,
        "dialect": DIALECT,
        "default_max_tokens": DEFAULT_MAX_TOKENS,
        "encode_request": encode_request,
        "decode_response": decode_response,
        "stream_decoder": _stream_decoder,
        "decode_request": _decode_request,
        "encode_response": encode_response,
        "stream_encoder": _stream_encoder,
    }


_MEMBERS = vendor_members()
CODEC = Codec(
    name="anthropic_messages",
    evidence="documents: Anthropic's API reference, and traffic recorded on Bedrock",
    **{
        **_MEMBERS,
        "documented": _MEMBERS["documented"] - {"anthropic_beta", "anthropic_version"},
        "options": _MEMBERS["options"] - {"anthropic_beta"},
    },
)
"""What Anthropic's own clients send and expect, without a claim of models."""

__all__ = [
    "CODEC",
    "DEFAULT_MAX_TOKENS",
    "DIALECT",
    "DOCUMENTED",
    "DROPPABLE_OPTIONS",
    "ERRORS",
    "FEATURES",
    "METADATA_KEYS",
    "OPTIONS",
    "REASONING",
    "SERVICE_TIERS",
    "STOP_REASONS",
    "ChunkDecoder",
    "ChunkEncoder",
    "decode_request",
    "decode_response",
    "encode_request",
    "encode_response",
    "vendor_members",
]
