"""The middle of a served call: a native call read, and its answer written, for every operation.

    call ->  read_call   ->  Conversation(codec, facts, request)     invoke, converse, and streamed
    call ->  read_count  ->  Counting(counter, facts, request)       count-tokens

    conversation.answer(completion)              one NativeAnswer
    conversation.forwarded(answer)               likewise, byte for byte where that is possible
    conversation.chunks(context, stream)         Chunks: each read of the stream is one tuple, and
                                                 the provider's own frames where it kept them
    counting.answer(count)                       one NativeAnswer

An error has no method here: a handler raises it, and the endpoint writes it as AWS does. Nothing in
this module is emulated or governed. The emulator puts a scripted answer between the two halves, an
endpoint puts policy, a call of a provider and the audit. Errors: `MalformedRequest` (the body),
`UndetectedFamily` (the model), `UnencodableAnswer` (the answer).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from itertools import chain

from attrs import field

from axonflow_core.codec import FamilyCodec, ModelFacts, StreamContext
from axonflow_core.codec.registry import CodecRegistry
from axonflow_core.codec.unary import TokenCounter
from axonflow_core.frozen import frozen
from axonflow_core.messages import Completion, CompletionRequest, TokenCount
from axonflow_core.provider import CompletionStream, ForwardedAnswer, NativeCall
from axonflow_core.stream import Batch

from ..models.model_id import ModelId
from .body_form import codec_of_call
from .count_tokens import unwrapped
from .endpoint import Call, Chunks, NativeAnswer
from .surfaces import BedrockSurface, Encoder, surface_of

_OF_THE_CONNECTION = frozenset({"x-amzn-bedrock-accept", "x-amzn-bedrock-content-type"})
"""Headers that each side of an endpoint writes itself."""


@frozen(kw_only=True)
class Conversation:
    """One call of a chat or text model."""

    call: Call
    codec: FamilyCodec
    facts: ModelFacts
    request: CompletionRequest = field(repr=False)

    @property
    def surface(self) -> BedrockSurface:
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
        """The call as it arrived, for a provider that can send its body on byte for byte. Whoever
        changes `request` leaves the body out: `evolve(native, request=…, body=None)`."""
        return NativeCall(
            codec=self.codec,
            surface=self.codec.surface,
            request=self.request,
            body=self.call.body,
            headers={
                name: value
                for name, value in self.call.headers.items()
                if name.startswith("x-amzn-bedrock-") and name not in _OF_THE_CONNECTION
            },
        )

    def answer(self, completion: Completion) -> NativeAnswer:
        """A whole answer: its JSON, and its counts in headers where the surface has them there."""
        surface = self.surface
        body = surface.close_answer(self.codec, completion, self.facts)
        return NativeAnswer(body, surface.headers_of(completion))

    def forwarded(self, answer: ForwardedAnswer) -> NativeAnswer:
        """An answer that a provider forwarded: its own bytes and headers where it kept them."""
        if answer.body is None:
            return self.answer(answer.answer)
        headers = {
            name: value
            for name, value in answer.headers.items()
            if name.startswith("x-amzn-bedrock-")
        }
        return NativeAnswer(answer.body, headers)

    def encoder(self, context: StreamContext) -> Encoder:
        """The encoder of one stream. `context` says what the answer is called and when it began."""
        return self.surface.stream_encoder(self.codec, context, self.facts)

    async def chunks(self, context: StreamContext, stream: CompletionStream) -> Chunks:
        """A streamed answer, closed at the end or when the client has left. The chunks of one read
        leave together."""
        encoder = self.encoder(context)
        async with stream:
            reads = reads_of(stream) if self.is_in_pieces else _in_one_batch(stream)
            async for batches in reads:
                if stream.native is not None:
                    yield (stream.native,)
                elif chunks := tuple(chain.from_iterable(map(encoder.encode, batches))):
                    yield chunks


async def reads_of(stream: CompletionStream) -> AsyncGenerator[tuple[Batch, ...], None]:
    """The batches of a stream, those of one network read together."""
    while batches := await stream.read():
        yield batches


async def _in_one_batch(stream: CompletionStream) -> AsyncGenerator[tuple[Batch, ...], None]:
    """The whole stream as a single batch, for a family whose answer cannot be sent in pieces."""
    events = [event async for batch in stream for event in batch]
    yield (tuple(events),)


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
