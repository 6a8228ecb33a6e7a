"""A codec: pure functions between the neutral model and one native JSON, in both directions.

Theory of operation. An author writes functions and declares what they support; `Codec` is the
frozen record of both, and calls the functions so that each failure has its error:

    caller ── CompletionRequest ──▶ encode_request  ──▶ body ──▶ provider       client role
    caller ◀── Completion ───────── decode_response ◀── body ◀── provider
    client ── body ──▶ decode_request  ──▶ CompletionRequest ──▶ whatever answers   server role
    client ◀── body ── encode_response ◀── Completion ◀─────────

The client role serves a provider that calls a model. The server role serves an endpoint, an
emulator, and the other half of every round-trip law. A codec does no I/O, reads no clock and knows
no transport: JSON values in, values out.

Each call passes three guards that no author has to remember:

* What the codec does not declare (`features`, `joins`, `options`, `dialect`) is refused with an
  `EncodeError` that names it, and never dropped. `asked_by` walks the request once for that.
* Text that holds a control token of the family is refused, because it would forge a turn.
* Whatever an author's function raises about a body becomes the error of the role that reads it. A
  body is untrusted, so `KeyError`, `TypeError`, `ValueError`, `AttributeError`, `IndexError`,
  `RecursionError` and `OverflowError` are expected; any other exception is a defect here and passes
  unchanged.

A stream that stops before `Ended` is a `TruncatedStream` with the partial text.

Who is to blame follows from the role (`errors`):

    decode_request                     MalformedRequest    the client sent the body
    encode_request                     EncodeError         the caller chose the model
    decode_response, stream_decoder    DecodeError         the provider sent the body
    encode_response, stream_encoder    UnencodableAnswer   the provider gave the answer

So a `RequestError` that a value raises about its own arguments becomes the error of the function
that was building it. A `ProviderError` that a chunk or a whole answer reports passes unchanged.

Invariants, which `axonflow_core.testing` checks for every codec: `decode(encode(value)) == value`
for what is declared in `features`; `encode(decode(body)) == body` for a body of the form, with
whatever members it has that are unknown. And an error's text quotes keys of a body and kinds of
exceptions, never the body's values, which may be a user's text.

A `Codec` alone is a dialect: a form that clients use, without any claim about models. `FamilyCodec`
(`family`) adds those claims.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeAlias, TypeVar

from attrs import field

from axonflow_core.errors import (
    AnswerError,
    DecodeError,
    EncodeError,
    MalformedRequest,
    ProviderError,
    RequestError,
    TruncatedStream,
    UnencodableAnswer,
)
from axonflow_core.frozen import evolve, frozen
from axonflow_core.json_text import canonical
from axonflow_core.messages import (
    EMPTY,
    Completion,
    CompletionRequest,
    ContentBlock,
    Data,
    Json,
    OutputSchema,
    StopReason,
    Text,
    ToolResult,
)
from axonflow_core.stream import (
    Batch,
    BlockStart,
    Ended,
    ReasoningDelta,
    TextDelta,
    ToolInputDelta,
)

from .control_tokens import refuse_forged_turns, template_texts
from .facts import ModelFacts, ReasoningControls
from .features import BLOCK_FEATURES, Asked, Feature, asked_by
from .json_members import KINDS, UnexpectedKind, kind_of
from .likeness import is_member_name
from .native_names import NativeNames

T = TypeVar("T")
A = TypeVar("A")

_DATA = Feature.DATA
"""Every call asks for it: in Python 3.11 a member costs 0.1 us whenever it is taken from its
class."""

Encode: TypeAlias = Callable[[T, ModelFacts], Json]
Decode: TypeAlias = Callable[[Json, ModelFacts], T]


@frozen
class StreamContext:
    """What a stream encoder cannot know, because a codec has no clock and draws no ids."""

    id: str
    """The id of the answer, for forms that have one."""
    model: str
    """The model's name as the client knows it."""
    created: int
    """Seconds since 1970-01-01T00:00Z."""


class ChunkDecoder(Protocol):
    """What the author of a codec writes for streams: the events of one native chunk. One object
    serves one stream, so it may keep state."""

    def feed(self, chunk: Json, /) -> Batch:
        """The events of one native chunk, in order: `()` where it has none, an `Ended` last where
        the chunk ends the answer. It may raise what a strange chunk makes it raise: the decoder
        around it makes a `DecodeError` of that, and remembers the text."""
        ...


class ChunkEncoder(Protocol):
    """The other direction: the native chunks of one batch of events. One object serves one
    stream."""

    def encode(self, batch: Batch, /) -> Sequence[Json]:
        """The native chunks that carry `batch`: none, one or several. A batch that was decoded from
        one chunk of this form becomes that chunk again."""
        ...


def has_pattern(encoder: object, index: int) -> bool:
    """Whether `encoder` writes each piece of text of the block `index` as one chunk in which
    nothing but the text differs, and is left as it was: from now on, until another event comes. An
    encoder of which that is true says so in a method of this name; others need none."""
    told = getattr(encoder, "has_pattern", None)
    return told is not None and told(index)


# ── the guards ────────────────────────────────────────────────────────────────────────────────────

_BODY_ERRORS = (
    *(KeyError, TypeError, ValueError, AttributeError, IndexError),
    *(RecursionError, OverflowError),
)
"""What a function raises about a body that is not as it expects. Anything else is a fault of ours
and stays visible."""


def decoded_request(
    name: str, function: Decode[T], body: Json, facts: ModelFacts, what: str = "request"
) -> T:
    """`function(body, facts)`; `MalformedRequest` whatever it raises about the body. `what` names
    the body in the message."""
    try:
        return function(body, facts)
    except MalformedRequest:
        raise
    except (RequestError, AnswerError) as error:
        raise MalformedRequest(error.message, hint=error.hint) from error
    except _BODY_ERRORS as error:
        raise MalformedRequest(
            f"the {what} is not in the format {name} ({_kind_of(error, body)})",
            hint="compare it with the documents of that format",
        ) from error


def decoded_answer(
    name: str, function: Decode[T], body: Json, facts: ModelFacts, what: str = "answer"
) -> T:
    """`function(body, facts)`; `DecodeError` whatever it raises about the body. `what` names the
    body in the message."""
    try:
        return function(body, facts)
    except (AnswerError, ProviderError):
        raise
    except RequestError as error:
        raise DecodeError(error.message, hint=_HINT_OF_ANSWERS) from error
    except _BODY_ERRORS as error:
        raise _undecodable(name, what, error, body) from error


def encoded_answer(name: str, function: Encode[T], answer: T, facts: ModelFacts) -> Json:
    """`function(answer, facts)`; `UnencodableAnswer` where the format has no place for it."""
    try:
        return function(answer, facts)
    except (AnswerError, ProviderError):
        raise
    except (RequestError, *_BODY_ERRORS) as error:
        raise _unencodable(name, error) from error


_HINT_OF_ANSWERS = (
    "the model may belong to another family than its id says, or its provider changed the format"
)


def _undecodable(name: str, what: str, error: Exception, body: Json) -> DecodeError:
    """The error of an answer whose shape is not the family's. It names a missing key or the kind of
    exception."""
    return DecodeError(
        f"the {what} is not one of the {name} family ({_kind_of(error, body)})",
        hint=_HINT_OF_ANSWERS,
    )


def _unencodable(name: str, error: Exception) -> UnencodableAnswer:
    """The error of an answer that a form has no place for. A `RequestError` keeps its message and
    feature."""
    if isinstance(error, RequestError):
        feature = error.feature if isinstance(error, EncodeError) else None
        return UnencodableAnswer(error.message, feature=feature, hint=error.hint)
    return UnencodableAnswer(f"the answer cannot be encoded as {name} ({_kind_of(error)})")


def _kind_of(error: Exception, body: Json = EMPTY) -> str:
    """A missing key, or what else is wrong with `body`, in words. Only the text of an
    `UnexpectedKind` is quoted: any other exception's may hold a part of the body, as may a key that
    is no name."""
    if isinstance(error, KeyError) and error.args and is_member_name(error.args[0]):
        return f"no {error.args[0]!r}"
    if isinstance(error, UnexpectedKind):
        return str(error)
    if not isinstance(body, dict):
        return str(UnexpectedKind("an object", kind_of(body)))
    if (found := _kind_in(error)) is not None:
        return f"{found} stands where another kind is documented"
    return next(words for kind, words in _IN_WORDS.items() if isinstance(error, kind))


def _kind_in(error: Exception) -> str | None:
    """The kind of JSON that an operation was not made for, where the exception tells it."""
    if isinstance(error, AttributeError):
        return _KINDS.get(type(error.obj).__name__)
    told = _OPERATION.search(str(error)) if isinstance(error, TypeError) else None
    return None if told is None else _KINDS.get(next(filter(None, told.groups())))


_OPERATION = re.compile(
    r"^'(\w+)' object is not|^cannot unpack non-iterable (\w+)|^(list|string) indices must"
    r"|^(?:unhashable type: |object of type |argument of type )'(\w+)'"
)
"""CPython's words for it, which name types alone."""
_KINDS: Mapping[str, str] = {
    **{kind.__name__: words for kind, words in KINDS.items()},
    "string": KINDS[str],
}
_IN_WORDS: Mapping[type[Exception], str] = {
    KeyError: "a member has an undocumented name",
    IndexError: "a list is empty or too short",
    AttributeError: "a member is missing, null or of another type",
    TypeError: "a member is missing, null or of another type",
    RecursionError: "it is nested too deeply",
    OverflowError: "a number is too large",
    ValueError: "a member has an undocumented value",
    Exception: "it has another form",
}


_CONTENT = frozenset({TextDelta, ReasoningDelta, ToolInputDelta, BlockStart})
MAX_PARTIAL_CHARS = 2**20
"""How much of a stream's text is kept for the case that it breaks off."""


class StreamDecoder:
    """A chunk decoder with its guard. `feed` and `finish` raise `AnswerError`, or the
    `ProviderError` that a chunk reports; nothing else.

    Call `feed` for each chunk in order, then `finish` once. `has_ended` is True after `Ended`.
    """

    def __init__(self, name: str, chunks: ChunkDecoder) -> None:
        self._name = name
        self._chunks = chunks
        self._texts: list[str] = []
        self._text_chars = 0
        self.has_ended = False

    @property
    def partial_text(self) -> str:
        """The text of the answer so far, in order, up to `MAX_PARTIAL_CHARS`; `TruncatedStream`
        carries it."""
        return "".join(self._texts)[:MAX_PARTIAL_CHARS]

    @property
    def is_text_cut(self) -> bool:
        """Whether there was more text than `partial_text` has."""
        return self._text_chars > MAX_PARTIAL_CHARS

    def feed(self, chunk: Json) -> Batch:
        """The events of one native chunk, in order. `DecodeError` for a chunk that is not of this
        form, `ProviderError` for one that reports an error."""
        try:
            batch = self._chunks.feed(chunk)
        except (AnswerError, ProviderError):
            raise
        except RequestError as error:
            raise DecodeError(error.message, hint=_HINT_OF_ANSWERS) from error
        except _BODY_ERRORS as error:
            raise _undecodable(self._name, "stream chunk", error, chunk) from error
        if self.has_ended and any(type(event) in _CONTENT for event in batch):
            raise DecodeError(
                f"the {self._name} stream goes on with content after its terminal event",
                hint="a proxy on the way may have joined two answers",
            )
        for event in batch:
            if type(event) is TextDelta:
                if self._text_chars < MAX_PARTIAL_CHARS:
                    self._texts.append(event.text)
                self._text_chars += len(event.text)
            elif type(event) is Ended:
                self.has_ended = True
        return batch

    def finish(self) -> None:
        """Check that the stream is whole, once the transport has no more chunks. `TruncatedStream`
        with the partial text unless `Ended` was decoded."""
        if not self.has_ended:
            raise TruncatedStream(
                f"the {self._name} stream ended before its terminal event, after "
                f"{self._text_chars} characters",
                partial_text=self.partial_text,
                is_text_cut=self.is_text_cut,
                hint="the answer is incomplete: a proxy, load balancer or time limit on the way "
                "may have cut it",
            )


class StreamEncoder:
    """A chunk encoder with its guard. `encode` raises `AnswerError` and nothing else."""

    def __init__(self, name: str, chunks: ChunkEncoder) -> None:
        self._name = name
        self._chunks = chunks

    def encode(self, batch: Batch) -> Sequence[Json]:
        """The native chunks of one batch of events: none, one or several. `UnencodableAnswer` where
        the form has no place for one of them."""
        try:
            return self._chunks.encode(batch)
        except AnswerError:
            raise
        except (RequestError, *_BODY_ERRORS) as error:
            raise _unencodable(self._name, error) from error

    def has_pattern(self, index: int) -> bool:
        """As the chunk encoder's."""
        return has_pattern(self._chunks, index)


# ── the record ────────────────────────────────────────────────────────────────────────────────────


@frozen(kw_only=True)
class Codec:
    """The codec of one native form, a frozen record of functions and declarations. Its methods are
    safe to call at the same time: what one stream has to remember is in its decoder or encoder."""

    name: str
    """How errors and documents call the form: `anthropic`, `llama/llama3`, `openai_chat`."""
    features: frozenset[Feature]
    """What the form expresses so that it comes back as itself."""
    joins: frozenset[Feature] = frozenset()
    """What the form takes but joins into the text next to it, so that it does not come back."""
    stop_reasons: NativeNames[StopReason]
    documented: frozenset[str]
    """The keys that the documents of the form name, on any level. None of them may be left over in
    an `extra`."""
    options: frozenset[str] = frozenset()
    """The documented parameters that have no neutral name; they stand in
    `CompletionRequest.options`."""
    dialect: str | None = None
    """Whose `Opaque` blocks and `BuiltinTool`s this codec writes; all others it refuses."""
    droppable_options: frozenset[str] = frozenset()
    """Those of `options` that change no meaning: another family that lacks them goes without, and
    reports it. Every other option that a family lacks is refused."""
    schema_members: frozenset[str] = frozenset()
    """Those of `name`, `description` and `is_strict` that an output schema has a place for here."""
    has_droppable_tools: bool = False
    """Whether clients offer the vendor's own tools with every call: another family goes without
    them, and reports it."""
    metadata_keys: frozenset[str] | None = None
    """The keys that `metadata` may have; None: any."""
    service_tiers: frozenset[str] | None = None
    """The names of service tiers that the family takes; None: any."""
    reasoning: ReasoningControls | None = None
    """The controls of reasoning that the family has; None: unknown, so nothing is fitted."""
    control_tokens: tuple[str, ...] = ()
    """Text that would forge a turn. Only a template has any."""
    reasoning_tags: tuple[str, ...] = ()
    """What separates reasoning from text inside one string, where a form has both in one. It
    belongs to the text of neither."""
    is_single_turn: bool = False
    """The form takes a prompt and no conversation: all but one user message is refused."""
    has_call_ids: bool = True
    """False: tool calls have no ids on the wire and are known by their places, `call_1` first
    (`call_id`)."""
    takes_parallel_choice: bool = True
    """Whether a tool choice may ask for one tool call at a time."""
    has_text_arguments: bool = False
    """True: the arguments of a tool call are JSON text, so that broken JSON has a place too."""
    stream_members: Mapping[str, Json] = EMPTY
    """What a body must contain in addition if its answer is to come piece by piece."""
    default_max_tokens: int | None = None
    """Not None: the form requires a limit of output tokens, and this one is sent when neither
    caller nor operator set one."""
    evidence: str
    """What the codec rests on: recorded traffic, or documents alone."""

    _can: frozenset[Feature] = field(init=False, repr=False)

    @_can.default
    def _features_and_joins(self) -> frozenset[Feature]:
        """What the form supports in one way or another; computed once, because each call compares
        with it."""
        return self.features | self.joins

    _encode_request: Encode[CompletionRequest]
    _decode_response: Decode[Completion]
    _stream_decoder: Callable[[ModelFacts], ChunkDecoder] | None = None
    _decode_request: Decode[CompletionRequest]
    _encode_response: Encode[Completion]
    _stream_encoder: Callable[[StreamContext, ModelFacts], ChunkEncoder] | None = None
    """None, as the stream decoder: the form answers in one piece and no other way."""

    @property
    def streams(self) -> bool:
        """Whether an answer can come piece by piece."""
        return self._stream_decoder is not None and self._stream_encoder is not None

    # client role

    def encode_request(
        self,
        request: CompletionRequest,
        facts: ModelFacts,
        *,
        is_streamed: bool = False,
        asked: Asked | None = None,
    ) -> Json:
        """The native body. `EncodeError` names what this form does not support; JSON that it has no
        block for becomes text.

        `is_streamed` asks for an answer in pieces, where the body has a say in that. `asked` is
        what the request asks for, where that is known.
        """
        asked = asked or asked_by(request)
        # Order matters: JSON becomes text before the text is searched for control tokens.
        if _DATA in asked.features and _DATA not in self.features:
            request = data_as_text(request)
            asked = asked_by(request)
        self._refuse_undeclared(request, asked, facts)
        if self.control_tokens and not request.is_raw_prompt:
            refuse_forged_turns(self.name, self.control_tokens, template_texts(request))
        body = self._encode_request(self._with_limit(request, facts), facts)
        return {**body, **self.stream_members} if is_streamed and self.stream_members else body

    def decode_response(self, body: Json, facts: ModelFacts) -> Completion:
        """The completion in a whole answer. `DecodeError`, or the `ProviderError` that it reports
        instead of one."""
        return decoded_answer(self.name, self._decode_response, body, facts)

    def stream_decoder(self, facts: ModelFacts) -> StreamDecoder:
        """A decoder for one stream. `EncodeError` where the form does not stream."""
        if self._stream_decoder is None:
            raise EncodeError(f"{self.name} does not stream", feature="streams")
        return StreamDecoder(self.name, self._stream_decoder(facts))

    # server role

    def decode_request(self, body: Json, facts: ModelFacts) -> CompletionRequest:
        """The request in a native body. `MalformedRequest`."""
        return decoded_request(self.name, self._decode_request, body, facts)

    def encode_response(self, completion: Completion, facts: ModelFacts) -> Json:
        """The native body of a whole answer. `UnencodableAnswer` names what has no place in it."""
        # Blocks are checked before the author's function runs: it may well drop what it does not
        # know, and an answer without its tool call looks complete.
        for block in completion.content:
            feature = BLOCK_FEATURES.get(type(block))
            if feature is not None and feature not in self._can:
                raise UnencodableAnswer(
                    f"an answer in the form {self.name} has no place for {feature}",
                    feature=feature.name.lower(),
                )
        return encoded_answer(self.name, self._encode_response, completion, facts)

    def stream_encoder(self, context: StreamContext, facts: ModelFacts) -> StreamEncoder:
        """An encoder for one stream. `UnencodableAnswer` where the form does not stream."""
        if self._stream_encoder is None:
            raise UnencodableAnswer(f"{self.name} does not stream", feature="streams")
        return StreamEncoder(self.name, self._stream_encoder(context, facts))

    def asks_for_pieces(self, body: Json) -> bool:
        """Whether the answer to this body, when it is streamed, comes piece by piece and not whole
        in one chunk."""
        return all(body.get(key) == value for key, value in self.stream_members.items())

    def _with_limit(self, request: CompletionRequest, facts: ModelFacts) -> CompletionRequest:
        """`request` with a limit of output tokens where it has none: the operator's, else the
        form's own."""
        limit = facts.default_max_tokens or self.default_max_tokens
        is_stated = request.inference.max_tokens is not None
        if is_stated or limit is None or not facts.takes_limit(request.reasoning):
            return request
        return evolve(request, inference=evolve(request.inference, max_tokens=limit))

    def _refuse_undeclared(
        self, request: CompletionRequest, asked: Asked, facts: ModelFacts
    ) -> None:
        """`EncodeError` for the first thing in `request` that the form does not declare."""
        can = self._can - facts.without if facts.without else self._can
        if not asked.features <= can:
            feature = min(asked.features - can, key=list(Feature).index)
            raise self._unsupported(feature, can, facts)
        if self.is_single_turn and len(request.messages) != 1:
            raise EncodeError(
                f"{self.name} takes one prompt, not a conversation of "
                f"{len(request.messages)} messages",
                feature="conversation",
                hint="write the turns into one prompt, in the template of the model, and send it "
                "as one user message",
            )
        if request.output_schema is not None:
            self._refuse_schema_members(request.output_schema)
        if asked.dialects:
            self._refuse_dialects(asked)
        if request.options:
            self._refuse_options(request)

    def _refuse_dialects(self, asked: Asked) -> None:
        """`EncodeError` for a block or tool that only another vendor can read."""
        for dialect in asked.dialects:
            if dialect != self.dialect:
                raise EncodeError(
                    f"{self.name} does not support a block or tool of {dialect} alone",
                    feature="opaque",
                    hint=f"leave it out, or choose a model of the dialect {dialect}",
                )

    def _refuse_options(self, request: CompletionRequest) -> None:
        """`EncodeError` for a parameter of another family."""
        for option in request.options:
            if option not in self.options:
                raise EncodeError(
                    f"{self.name} has no parameter {option!r}",
                    feature=option,
                    hint="its own parameters are: " + (", ".join(sorted(self.options)) or "none"),
                )

    def _unsupported(
        self, feature: Feature, can: frozenset[Feature], facts: ModelFacts
    ) -> EncodeError:
        """The error of a feature; it names the model where the family has the feature and this
        model has not."""
        who = facts.base_id if feature in facts.without else self.name
        return EncodeError(
            f"{who} does not support: {feature}",
            feature=feature.name.lower(),
            hint="leave it out or choose a model of another family; supported are "
            f"{', '.join(sorted(can))}",
        )

    def _refuse_schema_members(self, schema: OutputSchema) -> None:
        """`EncodeError` for a member of an output schema that would be lost: a name, description or
        strictness that the form has no place for."""
        for name in ("name", "description", "is_strict"):
            if getattr(schema, name) is not None and name not in self.schema_members:
                raise EncodeError(
                    f"an output schema of {self.name} has no {name}",
                    feature="output_schema",
                    hint="leave it out",
                )


# ── what a request asks for ───────────────────────────────────────────────────────────────────────


def data_as_text(request: CompletionRequest) -> CompletionRequest:
    """`request` with every `Data` block as the text of its JSON, inside tool results too. It is
    sent to families that have no JSON block."""

    def as_text(block: ContentBlock) -> ContentBlock:
        match block:
            case Data(value):
                return Text(canonical(value))
            case ToolResult(content=inner):
                return evolve(block, content=tuple(map(as_text, inner)))
        return block

    messages = tuple(
        evolve(message, content=tuple(map(as_text, message.content)))
        for message in request.messages
    )
    return evolve(request, messages=messages)


def call_id(position: int) -> str:
    """The id of a tool call of a family whose calls have none: its place in the request or answer,
    from 0."""
    return f"call_{position + 1}"
