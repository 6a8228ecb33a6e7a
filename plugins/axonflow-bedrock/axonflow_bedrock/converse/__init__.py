"""Bedrock's Converse and ConverseStream: one JSON for every chat model, both roles.

The neutral model has Converse's vocabulary, so most of this is a change of shape. What is not:
parameters that Converse does not know travel in `additionalModelRequestFields` in each vendor's own
words (`model_fields`), a block is an object with one key that says its kind (`blocks`), and a
stream announces tool calls only (`streams`).

Source: the bedrock-runtime service model, API 2023-09-30 (botocore 1.44), the AWS user guide, and
recorded traffic of 28 models (581 exchanges), November 2026.
"""

from __future__ import annotations

from axonflow_core.codec import FamilyCodec, Feature
from axonflow_core.hookspecs import hookimpl

from .answers import STOP_REASONS, decode_response, encode_response
from .blocks import DIALECT
from .output_config import SCHEMA_MEMBERS
from .requests import DROPPABLE_OPTIONS, OPTIONS, decode_request, encode_request
from .streams import stream_decoder, stream_encoder

SURFACE = "converse"

DOCUMENTED = (OPTIONS - {"performanceConfig"}) | frozenset(
    "messages role content system text image document toolUse toolResult toolUseId name input "
    "status cachePoint "
    "reasoningContent reasoningText signature redactedContent citationsContent citations format "
    "source bytes uri "
    "context inferenceConfig maxTokens temperature topP stopSequences toolConfig tools toolSpec "
    "description "
    "inputSchema strict toolChoice requestMetadata output stopReason usage inputTokens "
    "outputTokens "
    "cacheReadInputTokens cacheWriteInputTokens cacheDetails metrics latencyMs serviceTier "
    "guardrail delta start "
    "contentBlockIndex".split()
)
"""Every key that the service model names and this codec reads. `performanceConfig` and
`additionalModelResponseFields` of an answer are in the model's own words and stay in `extra`."""

CODEC = FamilyCodec(
    family="converse",
    surface=SURFACE,
    models=("",),  # every model: which of them Bedrock lets through is Bedrock's to say
    features=frozenset(Feature)
    - {
        *(Feature.RAW_PROMPT, Feature.JSON_OUTPUT),
        *(Feature.SEED, Feature.PRESENCE_PENALTY, Feature.FREQUENCY_PENALTY),
    },
    stop_reasons=STOP_REASONS,
    documented=DOCUMENTED,
    options=OPTIONS,
    droppable_options=DROPPABLE_OPTIONS,
    schema_members=SCHEMA_MEMBERS,
    takes_parallel_choice=False,
    service_tiers=frozenset({"default", "priority", "flex", "reserved"}),
    dialect=DIALECT,
    evidence="recorded traffic",
    encode_request=encode_request,
    decode_response=decode_response,
    stream_decoder=stream_decoder,
    decode_request=decode_request,
    encode_response=encode_response,
    stream_encoder=stream_encoder,
)


@hookimpl
def axonflow_register_codec() -> FamilyCodec:
    return CODEC
