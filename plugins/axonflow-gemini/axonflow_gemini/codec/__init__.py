"""Gemini's `generateContent` JSON (v1beta), both roles: parts, requests, answers, streams, errors.

What is left out: sound and film are `Opaque`; cache points have no place (`cachedContent` is an
option); citations and grounding stay in `Completion.extra`, under `candidate.`.

Source: Gemini API reference (ai.google.dev), google-genai 3.6.1, November 2026.
"""

from __future__ import annotations

from axonflow_core.codec import FamilyCodec, Feature, ModelFacts, ReasoningControls, StreamContext
from axonflow_core.hookspecs import hookimpl

from .answers import STOP_REASONS, decode_response, encode_response
from .errors import ERRORS
from .parts import DIALECT
from .requests import DROPPABLE_OPTIONS, OPTIONS, decode_request, encode_request
from .streams import ChunkDecoder, ChunkEncoder

DOCUMENTED = frozenset(
    "contents role parts text thought thoughtSignature inlineData mimeType data fileData fileUri "
    "functionCall id name args functionResponse response systemInstruction generationConfig "
    "maxOutputTokens temperature topP topK seed presencePenalty frequencyPenalty stopSequences "
    "responseMimeType responseSchema responseJsonSchema thinkingConfig includeThoughts "
    "thinkingBudget thinkingLevel tools functionDeclarations description parameters "
    "parametersJsonSchema toolConfig functionCallingConfig mode allowedFunctionNames "
    "labels serviceTier candidates content finishReason finishMessage usageMetadata "
    "promptTokenCount candidatesTokenCount cachedContentTokenCount thoughtsTokenCount "
    "modelVersion responseId error".split()
)
"""Every key that is read into a field of its own. `promptFeedback`, `totalTokenCount` and
`toolUsePromptTokenCount` are read and may be carried too."""

TELLS = frozenset({"id", "model", "input_tokens", "output_tokens", "service_tier"})
"""What answers carry besides their content, for the laws (`codec_test`). Counts of cache and
thoughts are parts of others here, and have tests of their own."""


def _stream_decoder(facts: ModelFacts) -> ChunkDecoder:
    return ChunkDecoder()


def _stream_encoder(context: StreamContext, facts: ModelFacts) -> ChunkEncoder:
    return ChunkEncoder(context)


CODEC = FamilyCodec(
    family="gemini",
    surface="generateContent",
    models=("gemini-", "gemma-", "learnlm-", "tunedModels/"),
    except_models=("gemini-embedding",),
    features=frozenset(Feature)
    - {
        *(Feature.RAW_PROMPT, Feature.MID_SYSTEM, Feature.CITATIONS),
        *(Feature.CACHE_POINTS, Feature.METADATA),
    },
    stop_reasons=STOP_REASONS,
    documented=DOCUMENTED,
    options=OPTIONS,
    droppable_options=DROPPABLE_OPTIONS,
    takes_parallel_choice=False,
    reasoning=ReasoningControls(
        has_budget=True,
        efforts=("minimal", "low", "medium", "high"),
        modes=frozenset({"enabled", "adaptive", "disabled"}),
        signer=DIALECT,
    ),
    dialect=DIALECT,
    evidence="documents: Gemini API reference and google-genai 3.6.1, November 2026",
    encode_request=encode_request,
    decode_response=decode_response,
    stream_decoder=_stream_decoder,
    decode_request=decode_request,
    encode_response=encode_response,
    stream_encoder=_stream_encoder,
)


@hookimpl
def axonflow_register_codec() -> FamilyCodec:
    return CODEC


__all__ = ["CODEC", "DIALECT", "DOCUMENTED", "ERRORS", "TELLS", "axonflow_register_codec"]
