"""A family codec: pure functions between the neutral model and one native JSON, in both directions.

Client role: `encode_request`, `decode_response`, `stream_decoder` call the provider. Server role:
`decode_request`, `encode_response`, `stream_encoder` are the emulator, the drop-in endpoint and the
other half of every round-trip law. A codec does no I/O, reads no clock and knows no transport: JSON
values in, values out.

The author writes a record of functions; `FamilyCodec` puts around them what no author should have
to remember:

* what the codec does not declare is refused with an `EncodeError` that names it, never dropped;
* text that holds one of the family's control tokens is refused, for it would forge a turn;
* a strange body is a `DecodeError`, whatever the function stumbled over;
* a stream that stops before `Ended` is a `TruncatedStream` with the partial text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Protocol, TypeAlias, TypeVar

import orjson
from attrs import evolve, field, frozen

from axonflow_core.errors import AxonFlowError, DecodeError, EncodeError, TruncatedStream
from axonflow_core.messages import (
    EMPTY,
    Completion,
    CompletionRequest,
    ContentBlock,
    Data,
    Json,
    Role,
    StopReason,
    Text,
    ToolResult,
)
from axonflow_core.stream import Batch, Ended, TextDelta

from .control_tokens import refuse_forged_turns, template_texts
from .facts import ModelFacts
from .features import BLOCK_FEATURES, Asked, Feature, asked_by
from .native_names import NativeNames

T = TypeVar("T")

_ASSISTANT, _SYSTEM = Role.ASSISTANT, Role.SYSTEM
"""For what every call asks: in Python 3.11 a member costs 0.1 us whenever it is taken from its
class."""


@frozen
class StreamContext:
    """What the answer to a stream is told from outside, for a codec has no clock and draws no
    ids."""

    id: str
    model: str
    created: int
    """Seconds since 1970-01-01T00:00Z."""


class ChunkDecoder(Protocol):
    """What the author of a family writes: one native chunk in, the events it stands for out."""

    def feed(self, chunk: Json, /) -> Batch: ...


class ChunkEncoder(Protocol):
    """The other direction: one batch of events in, the native chunks that say it out."""

    def encode(self, batch: Batch, /) -> Sequence[Json]: ...


class StreamDecoder:
    """A family's chunk decoder, held to the last word. `feed` and `finish` may raise `AnswerError`
    only."""

    def __init__(self, family: str, chunks: ChunkDecoder) -> None:
        self._family = family
        self._chunks = chunks
        self._texts: list[str] = []
        self.has_ended = False

    @property
    def partial_text(self) -> str:
        return "".join(self._texts)

    def feed(self, chunk: Json) -> Batch:
        try:
            batch = self._chunks.feed(chunk)
        except AxonFlowError:
            raise
        except _BODY_ERRORS as stumble:
            raise _undecodable(self._family, "stream chunk", stumble) from stumble
        for event in batch:
            if type(event) is TextDelta:
                self._texts.append(event.text)
            elif type(event) is Ended:
                self.has_ended = True
        return batch

    def finish(self) -> None:
        """The transport has nothing more."""
        if not self.has_ended:
            text = self.partial_text
            raise TruncatedStream(
                f"the stream of the {self._family} family ended before its last word, after "
                f"{len(text)} characters",
                partial_text=text,
                hint="the answer is incomplete: a proxy, load balancer or time limit on the way "
                "may have cut it",
            )


_DATA = Feature.DATA

Encode: TypeAlias = Callable[[T, ModelFacts], Json]
Decode: TypeAlias = Callable[[Json, ModelFacts], T]


@frozen(kw_only=True)
class FamilyCodec:
    """The codec of one family on one surface, a record of functions.

    Where a family changed its native form between models (Llama's templates, Mistral's prompt and
    chat) each form is a record of its own with its own `variant`.
    """

    kind: ClassVar[str] = "model"
    family: str
    surface: str = "invoke"
    variant: str | None = None
    models: tuple[str, ...]
    """Prefixes of base ids. The longest one of all registered codecs wins."""
    except_models: tuple[str, ...] = ()
    """Prefixes below those that this codec does not serve, though no other codec may be there to
    claim them."""
    other_forms: tuple[str, ...] = ()
    """Names of codecs whose form these models take too. A client speaks this one; a server reads
    what it gets."""
    features: frozenset[Feature]
    """Said, and it comes back as itself."""
    joins: frozenset[Feature] = frozenset()
    """Said, but joined into the text beside it, so that it does not come back as itself."""
    stop_reasons: NativeNames[StopReason]
    documented: frozenset[str]
    """The keys that the family's documents name, on any level. None of them may be left over in an
    `extra`."""
    options: frozenset[str] = frozenset()
    """The documented parameters that have no neutral name; they stand in
    `CompletionRequest.options`."""
    dialect: str | None = None
    """Whose `Opaque` blocks and `BuiltinTool`s this codec writes; everybody else's it refuses."""
    control_tokens: tuple[str, ...] = ()
    """Text that would forge a turn. Only a template family has any."""
    reasoning_tags: tuple[str, ...] = ()
    """What parts reasoning from text inside one string, where a family has both in one. It is no
    text of either."""
    is_single_turn: bool = False
    """The family takes a prompt and no conversation: all but one user message is refused."""
    has_call_ids: bool = True
    """False: tool calls have no ids on the wire and are known by their places, `call_1` first
    (`call_id`)."""
    stream_members: Mapping[str, Json] = EMPTY
    """What a body must say besides if its answer is to come piece by piece."""
    is_blocked: Callable[[Json], bool] = lambda native: False
    """Whether an answer or chunk is a guardrail's own message, after which the family says no more.
    Asked only of natives whose provider says that its guardrail intervened."""
    default_max_tokens: int | None = None
    """Not None: the family requires a limit, and this is sent when neither caller nor operator gave
    one."""
    evidence: str
    """What the codec rests on: recorded traffic, or documents alone."""

    name: str = field(init=False)

    @name.default
    def _name(self) -> str:
        return f"{self.family}/{self.variant}" if self.variant else self.family

    _can: frozenset[Feature] = field(init=False, repr=False)

    @_can.default
    def _features_and_joins(self) -> frozenset[Feature]:
        return self.features | self.joins

    _encode_request: Encode[CompletionRequest]
    _decode_response: Decode[Completion]
    _stream_decoder: Callable[[ModelFacts], ChunkDecoder] | None = None
    _decode_request: Decode[CompletionRequest]
    _encode_response: Encode[Completion]
    _stream_encoder: Callable[[StreamContext, ModelFacts], ChunkEncoder] | None = None
    """None, as the stream decoder: the family answers in one piece and no other way."""

    @property
    def streams(self) -> bool:
        return self._stream_decoder is not None and self._stream_encoder is not None

    # client role

    def encode_request(
        self, request: CompletionRequest, facts: ModelFacts, *, is_streamed: bool = False
    ) -> Json:
        """The native body. `EncodeError` names what this family cannot say; JSON it has no block
        for becomes text.

        `is_streamed` asks for an answer in pieces, where the body has a say in that.
        """
        asked = asked_by(request)
        if _DATA in asked.features and _DATA not in self.features:
            request = data_as_text(request)
            asked.features.remove(_DATA)
        self._refuse_undeclared(request, asked, facts)
        if self.control_tokens and not request.is_raw_prompt:
            refuse_forged_turns(self.name, self.control_tokens, template_texts(request))
        body = self._encode_request(self._with_limit(request, facts), facts)
        return {**body, **self.stream_members} if is_streamed and self.stream_members else body

    def decode_response(self, body: Json, facts: ModelFacts) -> Completion:
        return self._decode("answer", self._decode_response, body, facts)

    def stream_decoder(self, facts: ModelFacts) -> StreamDecoder:
        if self._stream_decoder is None:
            raise self._no_stream()
        return StreamDecoder(self.name, self._stream_decoder(facts))

    # server role

    def decode_request(self, body: Json, facts: ModelFacts) -> CompletionRequest:
        return self._decode("request", self._decode_request, body, facts)

    def encode_response(self, completion: Completion, facts: ModelFacts) -> Json:
        for block in completion.content:
            feature = BLOCK_FEATURES.get(type(block))
            if feature is not None and feature not in self._can:
                raise EncodeError(
                    f"an answer of the {self.name} family has no place for: {feature}",
                    feature=feature.name.lower(),
                )
        return self._encode_response(completion, facts)

    def stream_encoder(self, context: StreamContext, facts: ModelFacts) -> ChunkEncoder:
        if self._stream_encoder is None:
            raise self._no_stream()
        return self._stream_encoder(context, facts)

    def asks_for_pieces(self, body: Json) -> bool:
        """Whether the answer to this body, when it is streamed, comes piece by piece and not whole
        in one chunk."""
        return all(body.get(key) == value for key, value in self.stream_members.items())

    def _no_stream(self) -> EncodeError:
        return EncodeError(f"the {self.name} family does not stream", feature="streams")

    def _decode(self, what: str, function: Decode[T], body: Json, facts: ModelFacts) -> T:
        return decoded(self.name, what, function, body, facts)

    def _with_limit(self, request: CompletionRequest, facts: ModelFacts) -> CompletionRequest:
        limit = facts.default_max_tokens or self.default_max_tokens
        if request.inference.max_tokens is not None or limit is None:
            return request
        return evolve(request, inference=evolve(request.inference, max_tokens=limit))

    def _refuse_undeclared(
        self, request: CompletionRequest, asked: Asked, facts: ModelFacts
    ) -> None:
        can = self._can - facts.without if facts.without else self._can
        if not asked.features <= can:
            feature = min(asked.features - can, key=list(Feature).index)
            who = (
                f"{facts.base_id} does not take"
                if feature in facts.without
                else f"the {self.name} family cannot say"
            )
            raise EncodeError(
                f"{who}: {feature}",
                feature=feature.name.lower(),
                hint=f"leave it out or choose a model of another family; {self.name} knows "
                f"{', '.join(sorted(can))}",
            )
        if self.is_single_turn and len(request.messages) != 1:
            raise EncodeError(
                f"the {self.name} family takes one prompt, not a conversation of "
                f"{len(request.messages)} messages",
                feature="conversation",
                hint="write the turns into one prompt, as the model wants them, and send it as one "
                "user message",
            )
        for dialect in asked.dialects:
            if dialect != self.dialect:
                raise EncodeError(
                    f"the {self.name} family cannot say a block or tool that only {dialect} knows",
                    feature="opaque",
                )
        for option in request.options:
            if option not in self.options:
                raise EncodeError(
                    f"the {self.name} family has no parameter {option!r}",
                    feature=option,
                    hint="its own parameters are: " + (", ".join(sorted(self.options)) or "none"),
                )


_BODY_ERRORS = (KeyError, TypeError, ValueError, AttributeError, IndexError, RecursionError)
"""What a decoder raises when a body is not what it expects. Anything else is a fault of ours and
stays visible."""


def decoded(family: str, what: str, function: Decode[T], body: Json, facts: ModelFacts) -> T:
    """What `function` reads in `body`; `DecodeError` whatever it stumbles over."""
    try:
        return function(body, facts)
    except AxonFlowError:
        raise
    except _BODY_ERRORS as stumble:
        raise _undecodable(family, what, stumble) from stumble


def _undecodable(family: str, what: str, stumble: Exception) -> DecodeError:
    # The stumble may quote the body, so only its kind and a missing key are named.
    detail = (
        f"no {stumble.args[0]!r}"
        if isinstance(stumble, KeyError) and stumble.args
        else type(stumble).__name__
    )
    return DecodeError(
        f"the {what} is not one of the {family} family ({detail})",
        hint="if the model belongs to another family, name it with `family:` or `base_model:` in "
        "the provider's config",
    )


# ── what a request asks for ───────────────────────────────────────────────────────────────────────


def data_as_text(request: CompletionRequest) -> CompletionRequest:
    """`request` with every `Data` block as the text of its JSON."""

    def told(block: ContentBlock) -> ContentBlock:
        match block:
            case Data(value):
                return Text(orjson.dumps(value).decode())
            case ToolResult(content=tuple(inner)):
                return evolve(block, content=tuple(map(told, inner)))
        return block

    messages = tuple(
        evolve(message, content=tuple(map(told, message.content))) for message in request.messages
    )
    return evolve(request, messages=messages)


def call_id(position: int) -> str:
    """The id of a tool call of a family whose calls have none: its place in the request or answer,
    from 0."""
    return f"call_{position + 1}"
