"""Amazon Nova on InvokeModel, first and second generation: the JSON of schema `messages-v1`.

It resembles Converse, with differences of its own: `topK` and `reasoningConfig` stand inside
`inferenceConfig`, cache counts end in `Count`, a stream numbers every piece of text as a block, and
documents have no place in it. The first generation thinks aloud before it calls a tool,
`<thinking>` and all inside its text: that is text, and stays text.

Source: Amazon Nova user guides (first and second generation), "Complete request schema", "Response
structure", "Using the Invoke API"; recorded traffic of Nova Micro and Lite (26 exchanges); November
2026. Reasoning, images, cache points and the tools of the second generation rest on documents
alone.
"""

from __future__ import annotations

from axonflow_core.codec import FamilyCodec, Feature, ModelFacts, ReasoningControls, StreamContext
from axonflow_core.hookspecs import hookimpl

from .answers import STOP_REASONS, decode_response, encode_response
from .blocks import DIALECT
from .requests import OPTIONS, decode_request, encode_request
from .streams import ChunkDecoder, ChunkEncoder

DOCUMENTED = frozenset(
    "schemaVersion system messages role content text image format source bytes s3Location "
    "uri toolUse toolUseId name input toolResult status cachePoint inferenceConfig "
    "maxTokens max_new_tokens temperature topP top_p topK top_k stopSequences "
    "reasoningConfig maxReasoningEffort toolConfig tools toolSpec description inputSchema "
    "systemTool toolChoice output message stopReason error usage inputTokens outputTokens "
    "cacheReadInputTokenCount cacheWriteInputTokenCount reasoningContent reasoningText "
    "signature redactedContent messageStart contentBlockStart start contentBlockDelta "
    "delta contentBlockIndex contentBlockStop messageStop metadata".split()
)


def _stream_decoder(facts: ModelFacts) -> ChunkDecoder:
    return ChunkDecoder()


def _stream_encoder(context: StreamContext, facts: ModelFacts) -> ChunkEncoder:
    return ChunkEncoder()


CODEC = FamilyCodec(
    family="nova",
    models=("amazon.nova-",),
    # Speech, pictures, films and embeddings: models of the name that speak other JSON.
    except_models=(
        *("amazon.nova-sonic", "amazon.nova-2-sonic", "amazon.nova-canvas", "amazon.nova-reel"),
        "amazon.nova-2-multimodal-embeddings",
    ),
    features=frozenset(Feature)
    - {
        Feature.RAW_PROMPT,
        Feature.MID_SYSTEM,
        *(Feature.DOCUMENTS, Feature.CITATIONS),
        Feature.METADATA,
        *(Feature.SEED, Feature.PRESENCE_PENALTY, Feature.FREQUENCY_PENALTY),
        *(Feature.OUTPUT_SCHEMA, Feature.JSON_OUTPUT, Feature.SERVICE_TIER),
    },
    stop_reasons=STOP_REASONS,
    documented=DOCUMENTED,
    options=OPTIONS,
    droppable_options=OPTIONS,
    takes_parallel_choice=False,
    reasoning=ReasoningControls(
        efforts=("low", "medium", "high"),
        modes=frozenset({"enabled", "disabled"}),
        signer=DIALECT,
    ),
    dialect=DIALECT,
    evidence="recorded traffic of Nova 1; Nova 2 on documents: Amazon Nova user guide, November "
    "2026",
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
