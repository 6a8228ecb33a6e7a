"""The operations of a dialect: method and path, the codec of the body, how a stream is framed."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from attrs import field

from axonflow_core.codec import ModelFacts, StreamContext
from axonflow_core.frozen import frozen
from axonflow_core.messages import EMPTY, Adjustment, Completion, Json
from axonflow_core.stream import Batch

if TYPE_CHECKING:
    from axonflow_core.plugin_spec import ModelDescription

    from .calls import Call


class Kind(StrEnum):
    """What an operation is for."""

    CHAT = "chat"
    EMBEDDING = "embedding"
    RERANK = "rerank"
    COUNT = "count"
    """How many tokens a conversation has."""
    MODELS = "models"
    """The list of models."""
    MODEL = "model"
    """One of them."""
    OTHER = "other"
    """Whatever else the service tells: its version."""


class Encoder(Protocol):
    """Writes batches of events as chunks. One object serves one stream."""

    def encode(self, batch: Batch, /) -> Sequence[Json]:
        """The chunks of a batch."""
        ...


@frozen(kw_only=True)
class Framing:
    """How the chunks of a stream are bytes."""

    content_type: str
    frame: Callable[[Json], bytes]
    """The bytes of a chunk."""
    frame_error: Callable[[Json], bytes] = field()
    """The bytes of the chunk that reports an error in a stream, as its last."""
    headers: Mapping[str, str] = EMPTY
    """Sent with a streamed answer besides its content type."""
    of_a_stream: Callable[[], Framing] | None = None
    """The framing of one stream, where an error in it is told by what came before."""
    ping: bytes = b""
    """What is sent where a stream is silent; empty: nothing is."""
    early_ping: bytes = b""
    """The same before the first chunk, for which readers must take the next one."""
    has_patterns: bool = False
    """Whether the JSON of a chunk stands in its frame as it is, and nothing around it depends on a
    text in it."""

    @frame_error.default
    def _as_any_chunk(self) -> Callable[[Json], bytes]:
        return self.frame


def _encode_response(codec: Any, completion: Completion, facts: ModelFacts) -> Json:
    body: Json = codec.encode_response(completion, facts)
    return body


def _stream_encoder(codec: Any, context: StreamContext, facts: ModelFacts) -> Encoder:
    encoder: Encoder = codec.stream_encoder(context, facts)
    return encoder


def _no_headers(completion: Completion) -> Mapping[str, str]:
    return EMPTY


def _as_they_are(headers: Mapping[str, str]) -> Mapping[str, str]:
    return {name: value for name, value in headers.items() if name != "content-type"}


def _none_of_them(headers: Mapping[str, str]) -> Mapping[str, str]:
    return EMPTY


def _unchanged(encoder: Encoder, body: Json) -> Encoder:
    return encoder


def _nothing(body: Json) -> tuple[Adjustment, ...]:
    return ()


def _always(body: Json) -> bool:
    return True


@frozen(kw_only=True)
class AnswerForm:
    """How the answers of an operation are written around what its codec writes. By default nothing
    stands around it."""

    close_answer: Callable[[Any, Completion, ModelFacts], Json] = _encode_response
    """Codec, completion, facts -> the JSON of a whole answer."""
    headers_of: Callable[[Completion], Mapping[str, str]] = _no_headers
    """The headers of a whole answer."""
    stream_encoder: Callable[[Any, StreamContext, ModelFacts], Encoder] = _stream_encoder
    whole_as_asked: Callable[[Completion, Json], Json] | None = None
    """The JSON of a whole answer as the body of the request asks for it, in place of
    `close_answer`."""
    as_asked: Callable[[Encoder, Json], Encoder] = _unchanged
    """The encoder as the body of the request asks for it: OpenAI's `stream_options`."""
    keeps_frames: Callable[[Json], bool] = _always
    """Whether the answer to this body may be the provider's own frames, byte for byte."""
    tells_stops: bool = False
    """Whether a stream that a policy stops in the middle ends with an error. Else its last event
    says so, in the dialect's word for it."""
    unmet: Callable[[Json], tuple[Adjustment, ...]] = _nothing
    """What of the body of a request is not done, whatever model answers."""
    request_headers: Callable[[Mapping[str, str]], Mapping[str, str]] = _as_they_are
    """Of the headers of a call those that go on with its body."""
    answer_headers: Callable[[Mapping[str, str]], Mapping[str, str]] = _none_of_them
    """Of a provider's headers those that go on to the client with its answer."""


@frozen(kw_only=True)
class ModelListing:
    """How a service tells its models: the codec of `Kind.MODELS` and `Kind.MODEL`."""

    encode_list: Callable[[Sequence[ModelDescription], Mapping[str, str]], Json]
    """Of the models those that the query asks for (`Call.query`)."""
    encode_model: Callable[[ModelDescription], Json]


Telling: TypeAlias = Callable[["Call", Sequence["ModelDescription"]], Json]
"""What a service tells of itself, given the models that the caller may use: the codec of
`Kind.OTHER`."""


@frozen(kw_only=True)
class Operation:
    """One operation of a dialect."""

    name: str
    """What logs call it: `chat.completions`."""
    kind: Kind
    path: str
    """The path, with `{model}` where the model's id stands, as one segment or part of one; any
    other `{name}` is whatever stands there: `/v1beta/models/{model}:generateContent`."""
    method: str = "POST"
    codec: Any = None
    """A `Codec`, an `EmbeddingCodec`, a counter, a `ModelListing`, a `Telling`: that of the `kind`.
    None where the handler finds the codec by the model."""
    surface: str = "chat"
    """What `NativeCall.surface` says: the surface of the provider whose bodies these are."""
    form: AnswerForm = AnswerForm()
    framing: Framing | None = None
    """How a stream of it is framed; None: its answers are whole."""
    stream_member: str | None = None
    """The member of the body that asks for a stream; None: the path does, where there is a
    `framing`."""
    streams_by_default: bool = False
    """What a body without that member asks for."""
    model_member: str = "model"
    """The member of the body that names the model, where the path does not."""
    transport_members: frozenset[str] = frozenset()
    """Members of a body that say where the call goes and how its answer comes. They are taken off
    before the codec reads it."""
    id_prefix: str = ""
    """How the id of an answer begins: `chatcmpl-`."""

    pattern: re.Pattern[str] = field(init=False, repr=False, eq=False)
    """The expression that a path of it matches, undecoded."""

    @pattern.default
    def _pattern(self) -> re.Pattern[str]:
        return re.compile("".join(map(_as_pattern, re.split(r"(\{\w+\})", self.path))))

    @property
    def has_model_in_path(self) -> bool:
        return "{model}" in self.path

    @property
    def is_about_a_model(self) -> bool:
        """Whether a call of it names a model that answers."""
        return self.kind not in (Kind.MODELS, Kind.MODEL, Kind.OTHER)

    def is_streamed(self, body: Json) -> bool:
        """Whether a call with this body is answered with a stream."""
        if self.framing is None or self.stream_member is None:
            return self.framing is not None
        asked = body.get(self.stream_member) if isinstance(body, dict) else None
        return self.streams_by_default if asked is None else asked is True


def listing_operations(path: str, listing: ModelListing) -> tuple[Operation, Operation]:
    """The list of models at `path`, and one of them below it."""
    return (
        Operation(name="models", kind=Kind.MODELS, method="GET", path=path, codec=listing),
        Operation(
            name="model", kind=Kind.MODEL, method="GET", path=f"{path}/{{model}}", codec=listing
        ),
    )


def _as_pattern(part: str) -> str:
    if not part.startswith("{"):
        return re.escape(part)
    return "(?P<model>[^/]*)" if part == "{model}" else "[^/]+"
