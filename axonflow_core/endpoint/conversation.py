"""The middle of a served call: a native call read, and its answer written.

    call ->  read_conversation  ->  Conversation(codec, facts, request)   of `Kind.CHAT`
    call ->  read_unary         ->  UnaryCall(codec, facts, request)      embedding, rerank, count

    conversation.answer(completion)              one NativeAnswer
    conversation.forwarded(answer)               likewise, byte for byte where that is possible
    conversation.chunks(context, stream)         Chunks: each read of the stream is one tuple, and
                                                 the provider's own frames where it kept them
    unary.answer(embeddings), .forwarded(answer)  one NativeAnswer

An error has no method here: a handler raises it, and the endpoint writes it as the vendor does.
Nothing in this module is emulated or governed. The emulator puts a scripted answer between the two
halves, an endpoint puts policy, a call of a provider and the audit. Errors: `MalformedRequest` (the
body), `UnencodableAnswer` (the answer).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any, Generic, TypeVar

from attrs import field

from axonflow_core.codec import ModelFacts, StreamContext
from axonflow_core.codec.record import has_pattern
from axonflow_core.codec.unary import Unary
from axonflow_core.frozen import frozen
from axonflow_core.messages import Adjustment, Completion, CompletionRequest, Json
from axonflow_core.provider import CompletionStream, ForwardedAnswer, NativeCall
from axonflow_core.stream import Batch, Started, StreamEvent, TextDelta

from .calls import Call, Chunks, NativeAnswer
from .chunk_writer import ChunkWriter
from .operations import AnswerForm, Encoder, Kind

Q = TypeVar("Q")
A = TypeVar("A")


@frozen(kw_only=True)
class Conversation:
    """One call of a chat or text model."""

    call: Call
    codec: Any
    """The `Codec` that read the request and writes the answer."""
    facts: ModelFacts
    request: CompletionRequest = field(repr=False)
    form: AnswerForm = AnswerForm()
    surface: str = "chat"
    """What `NativeCall.surface` says."""

    @property
    def is_streamed(self) -> bool:
        """Whether the client waits for a stream."""
        return self.call.is_streamed

    @property
    def unmet(self) -> tuple[Adjustment, ...]:
        """What of the body is not done, whatever model answers."""
        return self.form.unmet(self.call.json)

    @property
    def is_in_pieces(self) -> bool:
        """Whether the stream comes piece by piece: some families ask for that in the body, and get
        the whole answer in one chunk otherwise."""
        in_pieces: bool = self.codec.asks_for_pieces(self.call.json)
        return in_pieces

    @property
    def native(self) -> NativeCall:
        """The call as it arrived, for a provider that can send its body on byte for byte. Whoever
        changes `request` leaves the body out: `evolve(native, request=…, body=None)`."""
        return NativeCall(
            codec=self.codec,
            surface=self.surface,
            request=self.request,
            model=self.call.model,
            body=self.call.forwardable,
            headers=self.form.request_headers(self.call.headers),
        )

    def answer(self, completion: Completion) -> NativeAnswer:
        """A whole answer: its JSON, and its counts in headers where the form has them there."""
        return NativeAnswer(self._body_of(completion), self.form.headers_of(completion))

    def _body_of(self, completion: Completion) -> Json:
        if self.form.whole_as_asked is not None:
            return self.form.whole_as_asked(completion, self.call.json)
        return self.form.close_answer(self.codec, completion, self.facts)

    def forwarded(self, answer: ForwardedAnswer) -> NativeAnswer:
        """An answer that a provider forwarded: its own bytes and headers where it kept them."""
        if answer.body is None:
            return self.answer(answer.answer)
        return NativeAnswer(answer.body, self.form.answer_headers(answer.headers))

    def encoder(self, context: StreamContext) -> Encoder:
        """The encoder of one stream. `context` says what the answer is called and when it began."""
        encoder = self.form.stream_encoder(self.codec, context, self.facts)
        return self.form.as_asked(encoder, self.call.json)

    async def chunks(
        self, context: StreamContext, stream: CompletionStream, *, is_renamed: bool = False
    ) -> Chunks:
        """A streamed answer, closed at the end or when the client has left. The chunks of one read
        leave together. `is_renamed`: what is written anew has the names of `context`, and not those
        that the provider gave."""
        encoder, is_in_pieces = self.encoder(context), self.is_in_pieces
        if is_renamed:
            encoder = _Renaming(encoder, context)
        writer = ChunkWriter(encoder, self.call.operation.framing)
        keeps_frames = self.form.keeps_frames(self.call.json)
        whole: list[StreamEvent] = []
        async with stream:
            while batches := await stream.read():
                if keeps_frames and stream.native is not None:
                    if is_in_pieces:
                        writer.follow(batches)
                    yield (stream.native,)
                elif not is_in_pieces:
                    whole += chain.from_iterable(batches)
                elif chunks := writer.write(batches):
                    yield chunks
        if whole:
            yield tuple(encoder.encode(tuple(whole)))


class _Renaming:
    """An encoder of a stream that begins with the names of `context`."""

    def __init__(self, encoder: Encoder, context: StreamContext) -> None:
        self._encoder = encoder
        self._started = Started(context.id, context.model, context.created)

    def encode(self, batch: Batch, /) -> Sequence[Json]:
        """The chunks of a batch."""
        if batch and type(batch[0]) is not TextDelta:
            batch = tuple(self._started if type(each) is Started else each for each in batch)
        return self._encoder.encode(batch)

    def has_pattern(self, index: int) -> bool:
        """As the encoder's: a piece of text has no name."""
        return has_pattern(self._encoder, index)


@frozen(kw_only=True)
class UnaryCall(Generic[Q, A]):
    """One call of an embedding or rerank model, or one that counts tokens."""

    call: Call
    codec: Unary[Q, A]
    facts: ModelFacts
    request: Q = field(repr=False)
    form: AnswerForm = AnswerForm()
    surface: str = ""

    @property
    def native(self) -> NativeCall:
        """As `Conversation.native`."""
        return NativeCall(
            codec=self.codec,
            surface=self.surface,
            request=self.request,
            model=self.call.model,
            body=self.call.forwardable,
            headers=self.form.request_headers(self.call.headers),
            is_counted=self.call.operation.kind is Kind.COUNT,
        )

    def answer(self, answer: A) -> NativeAnswer:
        """The native answer that holds `answer`."""
        return NativeAnswer(self.codec.encode_response(answer, self.facts))

    def forwarded(self, answer: ForwardedAnswer) -> NativeAnswer:
        """As `Conversation.forwarded`."""
        if answer.body is None:
            return self.answer(answer.answer)
        return NativeAnswer(answer.body, self.form.answer_headers(answer.headers))


def facts_of(call: Call) -> ModelFacts:
    """What is known of a model by its id alone."""
    return ModelFacts(model_id=call.model, base_id=call.model)


def read_conversation(call: Call, facts: ModelFacts | None = None) -> Conversation:
    """The conversation in a call, read by the codec of its operation."""
    operation, facts = call.operation, facts or facts_of(call)
    return Conversation(
        call=call,
        codec=operation.codec,
        facts=facts,
        request=operation.codec.decode_request(call.content, facts),
        form=operation.form,
        surface=operation.surface,
    )


def read_unary(call: Call, facts: ModelFacts | None = None) -> UnaryCall[Any, Any]:
    """What is asked in a call, read by the codec of its operation."""
    operation, facts = call.operation, facts or facts_of(call)
    return UnaryCall(
        call=call,
        codec=operation.codec,
        facts=facts,
        request=operation.codec.decode_request(call.content, facts),
        form=operation.form,
        surface=operation.surface,
    )
