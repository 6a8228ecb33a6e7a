"""The middle of a served call, for what Bedrock adds to the core's `endpoint.conversation`: which
codec reads a call, and calls that count tokens.

    call ->  read_call   ->  Conversation(codec, facts, request)     invoke, converse, and streamed
    call ->  read_unary  ->  UnaryCall(codec, facts, request)        invoke: embedding, rerank
    call ->  read_count  ->  UnaryCall(codec, facts, request)        count-tokens

Errors: `MalformedRequest` (the body), `UndetectedFamily` (the model), `UnencodableAnswer` (the
answer).
"""

from __future__ import annotations

from typing import Any

from axonflow_core.codec import FamilyCodec, ModelFacts
from axonflow_core.codec.registry import CodecRegistry
from axonflow_core.codec.unary import EmbeddingCodec, RerankCodec, TokenCounter
from axonflow_core.endpoint.calls import Call
from axonflow_core.endpoint.conversation import Conversation, UnaryCall
from axonflow_core.messages import CompletionRequest, TokenCount

from ..models.model_id import ModelId
from .body_form import codec_of_call
from .count_tokens import unwrapped
from .surfaces import surface_of


def read_call(call: Call, codec: FamilyCodec, facts: ModelFacts) -> Conversation:
    """The conversation in a call, read by the codec that `codec_for` finds."""
    return Conversation(
        call=call,
        codec=codec,
        facts=facts,
        request=codec.decode_request(call.json, facts),
        form=surface_of(codec).form,
        surface=codec.surface,
    )


def codec_for(call: Call, model_id: ModelId, codecs: CodecRegistry) -> FamilyCodec:
    """The codec of a call: of its model's family, in the form that its body has."""
    return codec_of_call(codecs, model_id, call.json, call.operation.surface)


def read_unary(
    call: Call, codec: EmbeddingCodec | RerankCodec, facts: ModelFacts
) -> UnaryCall[Any, Any]:
    """What is asked of a model that does not talk. Its answer's counts stand in headers."""
    return UnaryCall(
        call=call,
        codec=codec,
        facts=facts,
        request=codec.decode_request(call.json, facts),
        form=call.operation.form,
        surface=call.operation.surface,
    )


def read_count(
    call: Call, codecs: CodecRegistry, facts: ModelFacts
) -> UnaryCall[CompletionRequest, TokenCount]:
    """What is to be counted. `UndetectedFamily` where there is no counter for the model."""
    surface, native = unwrapped(call.json)
    counter = codecs.find(TokenCounter, facts.base_id, surface)
    request = counter.decode_request(native, facts)
    return UnaryCall(call=call, codec=counter, facts=facts, request=request)
