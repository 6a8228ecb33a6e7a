"""A family codec: pure functions between the neutral model and one native JSON, in both directions.

Client role: `encode_request`, `decode_response`, `stream_decoder` call the provider. Server role: `decode_request`,
`encode_response`, `stream_encoder` are the emulator, the drop-in endpoint and the other half of every round-trip law.
A codec does no I/O, reads no clock and knows no transport: JSON values in, values out.

The author writes a record of functions; `FamilyCodec` puts around them what no author should have to remember:

* what the codec does not declare is refused with an `EncodeError` that names it, never dropped;
* text that holds one of the family's control tokens is refused, for it would forge a turn;
* a strange body is a `DecodeError`, whatever the function stumbled over;
* a stream that stops before `Ended` is a `TruncatedStream` with the partial text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import ClassVar, Protocol, TypeAlias, TypeVar

import orjson
from attrs import evolve, field, frozen

from axonflow_core.control_tokens import refuse_forged_turns, slots_of
from axonflow_core.errors import AxonFlowError, DecodeError, EncodeError, TruncatedStream
from axonflow_core.messages import (
    NOTHING_MORE,
    BuiltinTool,
    CachePoint,
    Completion,
    CompletionRequest,
    ContentBlock,
    Data,
    Document,
    Image,
    Json,
    Message,
    Opaque,
    Reasoning,
    Role,
    StopReason,
    Text,
    Tool,
    ToolChoiceMode,
    ToolResult,
    ToolUse,
)
from axonflow_core.spelling import Spelling
from axonflow_core.stream import Batch, Ended, TextDelta

T = TypeVar("T")

_ASSISTANT, _SYSTEM = Role.ASSISTANT, Role.SYSTEM
"""For what every call asks: in Python 3.11 a member costs 0.1 us whenever it is taken from its class."""


class Feature(StrEnum):
    """What a request may ask of a family. The value is how errors and documents call it."""

    SYSTEM = "system"
    MID_SYSTEM = "system message in mid-conversation"
    MANY_BLOCKS = "several blocks in one message"
    RESULTS_BESIDE = "tool results beside other blocks"
    ANY_ROLE_ORDER = "any order of roles"
    PREFILL = "assistant message at the end"
    RAW_PROMPT = "raw prompt"
    TOOLS = "tools"
    BUILTIN_TOOLS = "built-in tools"
    TOOL_ERRORS = "failed tool results"
    BARE_RESULTS = "tool results that are a bare string or nothing"
    DATA = "JSON as a tool result"
    TOOL_CHOICE = "tool choice"
    IMAGES = "images"
    DOCUMENTS = "documents"
    REASONING = "reasoning"
    SIGNED_REASONING = "signed or redacted reasoning"
    CACHE_POINTS = "cache points"
    TEMPERATURE = "temperature"
    TOP_P = "top_p"
    TOP_K = "top_k"
    STOP_SEQUENCES = "stop_sequences"
    METADATA = "metadata"


_DATA = Feature.DATA


@frozen(kw_only=True)
class ModelFacts:
    """What a codec must know about the model and cannot read from the value. The provider fills it."""

    model_id: str = ""
    base_id: str = ""
    """The id without geography, ARN and context suffix: `meta.llama3-1-70b-instruct-v1:0`."""
    default_max_tokens: int | None = None
    """The operator's own limit, sent when the caller gave none."""
    without: frozenset[Feature] = frozenset()
    """What the family can say and this model does not take."""
    one_of: tuple[tuple[Feature, ...], ...] = ()
    """Of each group the model takes one at a time; the first that is asked goes before the others."""
    tool_choices: frozenset[ToolChoiceMode] | None = None
    """The ways of choosing that the model takes; None: every one that the family can say."""
    has_streamed_tools: bool = True
    """Whether a streamed call may offer tools."""
    wants_tools_with_history: bool = False
    """Whether calls of tools in the conversation are refused when no tool is offered."""
    wants_results_alone: bool = False
    """Whether nothing else of the user's may stand in one turn with the results of tools."""
    wants_results_together: bool = False
    """Whether the results of one turn must stand in one message."""
    starts_with_user: bool = False
    """Whether the first message must be the user's."""
    alternates: bool = False
    """Whether two messages of one role in a row are refused."""
    max_cache_points: int | None = None
    tool_names: Spelling | None = None
    tool_use_ids: Spelling | None = None
    document_names: Spelling | None = None
    """How names may be spelled; None: however they are."""


@frozen
class StopReasons:
    """One two-way table between native names and neutral reasons. Of several names the first one is written."""

    table: Mapping[str, StopReason]

    def decode(self, native: str) -> StopReason:
        return self.table.get(native, StopReason.OTHER)

    def encode(self, reason: StopReason, native: str | None) -> str:
        """The family's name for `reason`: the one it came with, if that still says the same."""
        if native is not None and self.decode(native) is reason:
            return native
        for name, known in self.table.items():
            if known is reason:
                return name
        return next(iter(self.table))


@frozen
class StreamContext:
    """What the answer to a stream is told from outside, for a codec has no clock and draws no ids."""

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
    """A family's chunk decoder, held to the last word. `feed` and `finish` may raise `AnswerError` only."""

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
        except _STUMBLES as stumble:
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
                f"the stream of the {self._family} family ended before its last word, after {len(text)} characters",
                partial_text=text,
                hint="the answer is incomplete: a proxy, load balancer or time limit on the way may have cut it",
            )


Encode: TypeAlias = Callable[[T, ModelFacts], Json]
Decode: TypeAlias = Callable[[Json, ModelFacts], T]


@frozen(kw_only=True)
class FamilyCodec:
    """The codec of one family on one surface, a record of functions.

    Where a family changed its native form between models (Llama's templates, Mistral's prompt and chat) each form is a
    record of its own with its own `variant`.
    """

    kind: ClassVar[str] = "model"
    family: str
    surface: str = "invoke"
    variant: str | None = None
    models: tuple[str, ...]
    """Prefixes of base ids. The longest one of all registered codecs wins."""
    except_models: tuple[str, ...] = ()
    """Prefixes below those that this codec does not serve, though no other codec may be there to claim them."""
    other_forms: tuple[str, ...] = ()
    """Names of codecs whose form these models take too. A client speaks this one; a server reads what it gets."""
    features: frozenset[Feature]
    """Said, and it comes back as itself."""
    folds: frozenset[Feature] = frozenset()
    """Said, but joined into the text beside it, so that it does not come back as itself."""
    stop_reasons: StopReasons
    documented: frozenset[str]
    """The keys that the family's documents name, on any level. None of them may be left over in an `extra`."""
    options: frozenset[str] = frozenset()
    """The documented parameters that have no neutral name; they stand in `CompletionRequest.options`."""
    dialect: str | None = None
    """Whose `Opaque` blocks and `BuiltinTool`s this codec writes; everybody else's it refuses."""
    control_tokens: tuple[str, ...] = ()
    """Text that would forge a turn. Only a template family has any."""
    reasoning_tags: tuple[str, ...] = ()
    """What parts reasoning from text inside one string, where a family has both in one. It is no text of either."""
    is_single_turn: bool = False
    """The family takes a prompt and no conversation: all but one user message is refused."""
    has_call_ids: bool = True
    """False: tool calls have no ids on the wire and are known by their places, `call_1` first (`call_id`)."""
    stream_members: Mapping[str, Json] = NOTHING_MORE
    """What a body must say besides if its answer is to come piece by piece."""
    is_blocked: Callable[[Json], bool] = lambda native: False
    """Whether an answer or chunk is a guardrail's own message, after which the family says no more. Asked only of
    natives whose provider says that its guardrail intervened."""
    default_max_tokens: int | None = None
    """Not None: the family requires a limit, and this is sent when neither caller nor operator gave one."""
    evidence: str
    """What the codec rests on: recorded traffic, or documents alone."""

    name: str = field(init=False)

    @name.default
    def _name(self) -> str:
        return f"{self.family}/{self.variant}" if self.variant else self.family

    _can: frozenset[Feature] = field(init=False, repr=False)

    @_can.default
    def _features_and_folds(self) -> frozenset[Feature]:
        return self.features | self.folds

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

    def encode_request(self, request: CompletionRequest, facts: ModelFacts, *, is_streamed: bool = False) -> Json:
        """The native body. `EncodeError` names what this family cannot say; JSON it has no block for becomes text.

        `is_streamed` asks for an answer in pieces, where the body has a say in that.
        """
        asked = _asked_by(request)
        if _DATA in asked.features and _DATA not in self.features:
            request = data_as_text(request)
            asked.features.remove(_DATA)
        self._refuse_undeclared(request, asked, facts)
        if self.control_tokens and not request.is_raw_prompt:
            refuse_forged_turns(self.name, self.control_tokens, slots_of(request))
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
            feature = _BLOCK_FEATURES.get(type(block))
            if feature is not None and feature not in self._can:
                raise EncodeError(
                    f"an answer of the {self.name} family has no place for: {feature}", feature=feature.name.lower()
                )
        return self._encode_response(completion, facts)

    def stream_encoder(self, context: StreamContext, facts: ModelFacts) -> ChunkEncoder:
        if self._stream_encoder is None:
            raise self._no_stream()
        return self._stream_encoder(context, facts)

    def asks_for_pieces(self, body: Json) -> bool:
        """Whether the answer to this body, when it is streamed, comes piece by piece and not whole in one chunk."""
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

    def _refuse_undeclared(self, request: CompletionRequest, asked: _Asked, facts: ModelFacts) -> None:
        can = self._can - facts.without if facts.without else self._can
        if not asked.features <= can:
            feature = min(asked.features - can, key=list(Feature).index)
            who = f"{facts.base_id} does not take" if feature in facts.without else f"the {self.name} family cannot say"
            raise EncodeError(
                f"{who}: {feature}",
                feature=feature.name.lower(),
                hint=f"leave it out or choose a model of another family; {self.name} knows {', '.join(sorted(can))}",
            )
        if self.is_single_turn and len(request.messages) != 1:
            raise EncodeError(
                f"the {self.name} family takes one prompt, not a conversation of {len(request.messages)} messages",
                feature="conversation",
                hint="write the turns into one prompt, as the model wants them, and send it as one user message",
            )
        for dialect in asked.dialects:
            if dialect != self.dialect:
                raise EncodeError(
                    f"the {self.name} family cannot say a block or tool that only {dialect} knows", feature="opaque"
                )
        for option in request.options:
            if option not in self.options:
                raise EncodeError(
                    f"the {self.name} family has no parameter {option!r}",
                    feature=option,
                    hint="its own parameters are: " + (", ".join(sorted(self.options)) or "none"),
                )


_STUMBLES = (KeyError, TypeError, ValueError, AttributeError, IndexError, RecursionError)
"""What a decoder raises when a body is not what it expects. Anything else is a fault of ours and stays visible."""


def decoded(family: str, what: str, function: Decode[T], body: Json, facts: ModelFacts) -> T:
    """What `function` reads in `body`; `DecodeError` whatever it stumbles over."""
    try:
        return function(body, facts)
    except AxonFlowError:
        raise
    except _STUMBLES as stumble:
        raise _undecodable(family, what, stumble) from stumble


def _undecodable(family: str, what: str, stumble: Exception) -> DecodeError:
    # The stumble may quote the body, so only its kind and a missing key are named.
    detail = f"no {stumble.args[0]!r}" if isinstance(stumble, KeyError) and stumble.args else type(stumble).__name__
    return DecodeError(
        f"the {what} is not one of the {family} family ({detail})",
        hint="if the model belongs to another family, name it with `family:` or `base_model:` in the provider's config",
    )


# ── what a request asks for ─────────────────────────────────────────────────────────────────────────────────────────


def blocks_of(request: CompletionRequest) -> list[ContentBlock]:
    """Every block of a request, those inside tool results and documents too."""
    blocks = list(request.system)
    for message in request.messages:
        blocks += message.content
    for block in blocks:  # grows while it is walked
        if isinstance(block, ToolResult | Document) and isinstance(block.content, tuple):
            blocks += block.content
    return blocks


def features_of(request: CompletionRequest) -> set[Feature]:
    """Every feature that the request makes use of."""
    return _asked_by(request).features


class _Asked:
    """What a request asks for: features, and the dialects whose private blocks and tools it holds."""

    def __init__(self) -> None:
        self.features: set[Feature] = set()
        self.dialects: set[str] = set()

    def add_content(self, content: tuple[ContentBlock, ...]) -> None:
        if len(content) != 1:
            self.features.add(Feature.MANY_BLOCKS)
        for block in content:
            if type(block) is not Text:
                self.add_block(block)
                if len(content) > 1 and isinstance(block, ToolResult):
                    self.features.add(Feature.RESULTS_BESIDE)

    def add_block(self, block: ContentBlock) -> None:
        """What a block asks for, with the blocks inside it."""
        feature = _BLOCK_FEATURES.get(type(block))
        if feature is not None:
            self.features.add(feature)
        if isinstance(block, Opaque):
            self.dialects.add(block.dialect)
        if isinstance(block, Reasoning) and (block.signature is not None or block.redacted is not None):
            self.features.add(Feature.SIGNED_REASONING)
        if isinstance(block, ToolResult):
            if block.is_error is not None:
                self.features.add(Feature.TOOL_ERRORS)
            if not isinstance(block.content, tuple):
                self.features.add(Feature.BARE_RESULTS)
        if isinstance(block, ToolResult | Document) and isinstance(block.content, tuple):
            for inner in block.content:
                self.add_block(inner)

    def add_parameters(self, request: CompletionRequest) -> None:
        inference = request.inference
        if inference.temperature is not None:
            self.features.add(Feature.TEMPERATURE)
        if inference.top_p is not None:
            self.features.add(Feature.TOP_P)
        if inference.top_k is not None:
            self.features.add(Feature.TOP_K)
        if inference.stop_sequences:
            self.features.add(Feature.STOP_SEQUENCES)
        if request.tool_choice is not None:
            self.features.add(Feature.TOOL_CHOICE)
        if request.reasoning is not None:
            self.features.add(Feature.REASONING)
        if request.metadata is not None:
            self.features.add(Feature.METADATA)
        if request.is_raw_prompt:
            self.features.add(Feature.RAW_PROMPT)

    def add_messages(self, messages: tuple[Message, ...]) -> None:
        last = None
        for message in messages:
            content, role = message.content, message.role
            if len(content) != 1 or type(content[0]) is not Text:
                self.add_content(content)
            if role is _SYSTEM:
                self.features.add(Feature.MID_SYSTEM)
            else:
                if role is last or (last is None and role is _ASSISTANT):
                    self.features.add(Feature.ANY_ROLE_ORDER)
                last = role
        if last is _ASSISTANT:
            self.features.add(Feature.PREFILL)

    def add_tools(self, tools: tuple[Tool | BuiltinTool | CachePoint, ...]) -> None:
        for tool in tools:
            self.features.add(_TOOL_FEATURES[type(tool)])
            if isinstance(tool, BuiltinTool):
                self.dialects.add(tool.dialect)


def _asked_by(request: CompletionRequest) -> _Asked:
    """One walk over the request: this is asked of every call."""
    asked = _Asked()
    asked.add_parameters(request)
    if request.system:
        asked.features.add(Feature.SYSTEM)
        asked.add_content(request.system)
    asked.add_messages(request.messages)
    if request.tools:
        asked.add_tools(request.tools)
    return asked


_BLOCK_FEATURES: Mapping[type, Feature] = {
    Image: Feature.IMAGES,
    Document: Feature.DOCUMENTS,
    Data: Feature.DATA,
    ToolUse: Feature.TOOLS,
    ToolResult: Feature.TOOLS,
    Reasoning: Feature.REASONING,
    CachePoint: Feature.CACHE_POINTS,
}
_TOOL_FEATURES: Mapping[type, Feature] = {
    Tool: Feature.TOOLS,
    BuiltinTool: Feature.BUILTIN_TOOLS,
    CachePoint: Feature.CACHE_POINTS,
}


def data_as_text(request: CompletionRequest) -> CompletionRequest:
    """`request` with every `Data` block as the text of its JSON."""

    def told(block: ContentBlock) -> ContentBlock:
        match block:
            case Data(value):
                return Text(orjson.dumps(value).decode())
            case ToolResult(content=tuple(inner)):
                return evolve(block, content=tuple(map(told, inner)))
        return block

    messages = tuple(evolve(message, content=tuple(map(told, message.content))) for message in request.messages)
    return evolve(request, messages=messages)


def call_id(position: int) -> str:
    """The id of a tool call of a family whose calls have none: its place in the request or answer, from 0."""
    return f"call_{position + 1}"
