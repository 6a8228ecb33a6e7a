"""The middle of a served call: a native call read, and its answer written, for every operation.

    call ->  read_call   ->  Conversation(codec, facts, request)     invoke, converse, and streamed
    call ->  read_count  ->  Counting(counter, facts, request)       count-tokens

    conversation.answer(completion)              one NativeAnswer
    conversation.chunks(context, reads)          Chunks: each read of batches is one tuple
    counting.answer(count)                       one NativeAnswer

An error has no method here: a handler raises it, and the endpoint writes it as AWS does. Nothing in
this module is emulated or governed. The emulator puts a scripted answer between the two halves, an
endpoint puts policy, a call of a provider and the audit. Errors: `MalformedRequest` (the body),
`UndetectedFamily` (the model), `UnencodableAnswer` (the answer).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable
from itertools import chain

from attrs import field, frozen

from axonflow_core.codec import FamilyCodec, ModelFacts, StreamContext
from axonflow_core.codec.registry import CodecRegistry
from axonflow_core.codec.unary import TokenCounter
from axonflow_core.messages import Completion, CompletionRequest, TokenCount
from axonflow_core.provider import NativeCall
from axonflow_core.stream import Batch

from ..models.model_id import ModelId
from .body_form import codec_of_call
from .counting import unwrapped
from .endpoint import Call, Chunks, NativeAnswer
from .surfaces import Encoder, Surface, surface_of


@frozen(kw_only=True)
class Conversation:
    """One call of a chat or text model."""

    call: Call
    codec: FamilyCodec
    facts: ModelFacts
    request: CompletionRequest = field(repr=False)

    @property
    def surface(self) -> Surface:
        return surface_of(self.codec)

    @property
    def is_streamed(self) -> bool:
        """Whether the client waits for a stream."""
        return self.call.operation.is_streamed

    @property
    def is_in_pieces(self) -> bool:
        """Whether the stream comes piece by piece: some families ask for that in the body, and get
        the whole answer in one chunk otherwise."""
        return self.codec.asks_for_pieces(self.call.json)

    @property
    def native(self) -> NativeCall:
        """The call as it arrived, for whoever sends it on."""
        return NativeCall(
            family=self.codec.name,
            surface=self.codec.surface,
            body=self.call.body,
            request=self.request,
        )

    def answer(self, completion: Completion) -> NativeAnswer:
        """A whole answer: its JSON, and its counts in headers where the surface has them there."""
        surface = self.surface
        body = surface.close_answer(self.codec, completion, self.facts)
        return NativeAnswer(body, surface.headers_of(completion))

    def encoder(self, context: StreamContext) -> Encoder:
        """The encoder of one stream. `context` says what the answer is called and when it began."""
        return self.surface.stream_encoder(self.codec, context, self.facts)

    async def chunks(
        self, context: StreamContext, reads: AsyncIterable[tuple[Batch, ...]]
    ) -> Chunks:
        """A streamed answer. The batches of one read leave together; a read without a chunk of its
        own is left out."""
        encoder = self.encoder(context)
        if not self.is_in_pieces:
            reads = _in_one_batch(reads)
        async for batches in reads:
            if chunks := tuple(chain.from_iterable(map(encoder.encode, batches))):
                yield chunks


async def _in_one_batch(
    reads: AsyncIterable[tuple[Batch, ...]],
) -> AsyncGenerator[tuple[Batch, ...], None]:
    batches = [batch async for together in reads for batch in together]
    yield (tuple(chain.from_iterable(batches)),)


def read_call(call: Call, codec: FamilyCodec, facts: ModelFacts) -> Conversation:
    """The conversation in a call, read by the codec that `codec_for` finds."""
    request = codec.decode_request(call.json, facts)
    return Conversation(call=call, codec=codec, facts=facts, request=request)


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
