"""OpenAI's Responses JSON in its server role: the stateless part, which Codex and the newer clients
of OpenAI speak.

    items       the input: messages, calls, results, reasoning
    reasoning   reasoning, and what the model has to read again of it
    tools       functions, custom tools, namespaces, OpenAI's own tools
    requests    a request around these
    answers     the `response` object and its counts
    streams     events, and from the last of them the whole answer

No provider is called in this form yet: the client role says so.

Source: OpenAI's API reference, "Responses", November 2026.
"""

from __future__ import annotations

from typing import Any, NoReturn

from axonflow_core.codec import Codec, Feature, ModelFacts, ReasoningControls, StreamContext
from axonflow_core.errors import EncodeError
from axonflow_core.messages import Completion, CompletionRequest, Json
from axonflow_core.stream import batch_of

from . import requests
from .answers import STOP_REASONS, Asked
from .requests import DOCUMENTED, DROPPABLE_OPTIONS, OPTIONS
from .streams import ResponseEncoder
from .tools import DIALECT

__all__ = ["CODEC", "DIALECT", "Asked", "ResponseEncoder", "encode_response"]

_EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")


def encode_response(completion: Completion, asked: Asked) -> Json:
    """A whole answer's body, for the request that `asked` is of."""
    context = StreamContext(
        completion.id or "resp_0", completion.model or "", completion.created or 0
    )
    last: Any = ResponseEncoder(context, asked).encode(batch_of(completion))[-1]
    response: Json = last["response"]
    return response


def _decode_request(body: Json, facts: ModelFacts) -> CompletionRequest:
    return requests.decode_request(body)


def _encode_response(completion: Completion, facts: ModelFacts) -> Json:
    return encode_response(completion, Asked())


def _stream_encoder(context: StreamContext, facts: ModelFacts) -> ResponseEncoder:
    return ResponseEncoder(context, Asked())


def _not_called(*given: object) -> NoReturn:
    raise EncodeError(
        "no provider is called with OpenAI's responses", feature="responses", hint="use its chat"
    )


CODEC = Codec(
    name="openai_responses",
    features=frozenset(
        {
            *(Feature.SYSTEM, Feature.MID_SYSTEM, Feature.ANY_ROLE_ORDER, Feature.PREFILL),
            *(Feature.MANY_BLOCKS, Feature.MIXED_RESULTS, Feature.TEMPERATURE, Feature.TOP_P),
            *(Feature.TOOLS, Feature.TOOL_CHOICE, Feature.BUILTIN_TOOLS),
            *(Feature.IMAGES, Feature.DOCUMENTS, Feature.REASONING, Feature.SIGNED_REASONING),
            *(Feature.OUTPUT_SCHEMA, Feature.JSON_OUTPUT, Feature.SERVICE_TIER, Feature.METADATA),
        }
    ),
    stop_reasons=STOP_REASONS,
    documented=DOCUMENTED,
    options=OPTIONS,
    droppable_options=DROPPABLE_OPTIONS,
    has_droppable_tools=True,
    dialect=DIALECT,
    schema_members=frozenset({"name", "description", "is_strict"}),
    service_tiers=frozenset({"auto", "default", "fast", "flex", "priority", "scale"}),
    reasoning=ReasoningControls(efforts=_EFFORTS),
    has_text_arguments=True,
    evidence="documents: OpenAI's API reference, November 2026; Codex 0.171.0, recorded",
    encode_request=_not_called,
    decode_response=_not_called,
    stream_decoder=_not_called,
    decode_request=_decode_request,
    encode_response=_encode_response,
    stream_encoder=_stream_encoder,
)
