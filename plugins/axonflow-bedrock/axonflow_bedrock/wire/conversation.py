"""The middle of a served call, for what Bedrock adds to the core's `endpoint.conversation`: which
codec reads a call, and calls that count tokens.

    call ->  read_call   ->  Conversation(codec, facts, request)     invoke, converse, and streamed
    call ->  read_count  ->  Counting(counter, facts, request)       count-tokens

Errors: `MalformedRequest` (the body), `UndetectedFamily` (the model), `UnencodableAnswer` (the
answer).
"""

from __future__ import annotations

from attrs import field

from axonflow_core.codec import FamilyCodec, ModelFacts
from axonflow_core.codec.registry import CodecRegistry
from axonflow_core.codec.unary import TokenCounter
from axonflow_core.endpoint.calls import Call, NativeAnswer
from axonflow_core.endpoint.conversation import Conversation
from axonflow_core.frozen import frozen
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


@frozen(kw_only=True)
class Counting:
    """One call of count-tokens."""

    counter: TokenCounter
    facts: ModelFacts
    request: CompletionRequest = field(repr=False)

    def answer(self, count: TokenCount) -> NativeAnswer:
        return NativeAnswer(self.counter.encode_response(count, self.facts))


def read_count(call: Call, codecs: CodecRegistry, facts: ModelFacts) -> Counting:
    """What is to be counted. `UndetectedFamily` where there is no counter for the model."""
    surface, native = unwrapped(call.json)
    counter = codecs.find(TokenCounter, facts.base_id, surface)
    return Counting(counter=counter, facts=facts, request=counter.decode_request(native, facts))
