"""Anthropic's Messages JSON, both roles: blocks, requests, answers, streams.

Source: Anthropic's Messages API reference and recorded Bedrock traffic, November 2026. What stands
outside the messages (`model`, `stream`, `anthropic_version`) belongs to whoever uses this package.
"""

from __future__ import annotations

from .answers import STOP_REASONS, decode_response, encode_response
from .blocks import DIALECT
from .requests import OPTIONS, decode_request, encode_request
from .streams import ChunkDecoder, ChunkEncoder

DOCUMENTED = frozenset(
    "max_tokens messages system temperature top_p top_k stop_sequences tools tool_choice thinking "
    "output_config "
    "output_format anthropic_beta anthropic_version metadata name description input_schema "
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

__all__ = [
    "DIALECT",
    "DOCUMENTED",
    "OPTIONS",
    "STOP_REASONS",
    "ChunkDecoder",
    "ChunkEncoder",
    "decode_request",
    "decode_response",
    "encode_request",
    "encode_response",
]
