"""The surfaces of Bedrock Runtime: which paths a body travels on, and what is wrapped around it.

    invoke      the family's own JSON; Bedrock adds members to it, counts in headers, chunks in
                base64 (`envelope`)
    converse    Converse's JSON, which has a place for all of that itself

A codec says by its `surface` which one it is for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Protocol

from attrs import frozen

from axonflow_core.codec import FamilyCodec, ModelFacts, StreamContext
from axonflow_core.codec.registry import CodecRegistry
from axonflow_core.codec.unary import EmbeddingCodec, RerankCodec
from axonflow_core.errors import UndetectedFamily
from axonflow_core.messages import EMPTY, Completion, Json
from axonflow_core.stream import Batch

from ..models.model_id import ModelId
from . import envelope
from .eventstream import Frame, chunk_of, event_of, frame_of_chunk, frame_of_event

INVOKE_CODECS, CONVERSE_CODECS = "invoke", "converse"
"""What `FamilyCodec.surface` says."""

_JSON = "application/json"


class Decoder(Protocol):
    @property
    def partial_text(self) -> str: ...
    def feed(self, chunk: Json, /) -> Batch: ...
    def finish(self) -> None: ...


class Encoder(Protocol):
    def encode(self, batch: Batch, /) -> Sequence[Json]: ...


class ReadFrame(Protocol):
    def __call__(
        self,
        frame: Frame,
        *,
        model: ModelId | None = None,
        region: str | None = None,
        request_id: str | None = None,
    ) -> Json: ...


class WriteFrame(Protocol):
    def __call__(self, chunk: Json, /, *, padding: str = "") -> bytes: ...


@frozen(kw_only=True)
class Surface:
    operation: str
    """The last segment of the path of a whole answer."""
    headers: Mapping[str, str]
    stream_operation: str
    stream_headers: Mapping[str, str]
    open_answer: Callable[[FamilyCodec, Json, ModelFacts, Mapping[str, str]], Completion]
    close_answer: Callable[[FamilyCodec, Completion, ModelFacts], Json]
    headers_of: Callable[[Completion], Mapping[str, str]]
    """The `x-amzn-bedrock-*` headers of an answer."""
    stream_decoder: Callable[[FamilyCodec, ModelFacts], Decoder]
    stream_encoder: Callable[[FamilyCodec, StreamContext, ModelFacts], Encoder]
    read_frame: ReadFrame
    write_frame: WriteFrame


def _open_converse(
    codec: FamilyCodec, body: Json, facts: ModelFacts, headers: Mapping[str, str]
) -> Completion:
    return codec.decode_response(body, facts)


def _close_converse(codec: FamilyCodec, completion: Completion, facts: ModelFacts) -> Json:
    return codec.encode_response(completion, facts)


def _no_headers(completion: Completion) -> Mapping[str, str]:
    return EMPTY


def _converse_decoder(codec: FamilyCodec, facts: ModelFacts) -> Decoder:
    return codec.stream_decoder(facts)


def _converse_encoder(codec: FamilyCodec, context: StreamContext, facts: ModelFacts) -> Encoder:
    return codec.stream_encoder(context, facts)


INVOKE = Surface(
    operation="invoke",
    headers={"content-type": _JSON, "accept": _JSON},
    stream_operation="invoke-with-response-stream",
    stream_headers={"content-type": _JSON, "x-amzn-bedrock-accept": _JSON},
    open_answer=envelope.open_answer,
    close_answer=envelope.close_answer,
    headers_of=envelope.headers_of,
    stream_decoder=envelope.EnvelopeDecoder,
    stream_encoder=envelope.EnvelopeEncoder,
    read_frame=chunk_of,
    write_frame=frame_of_chunk,
)
CONVERSE = Surface(
    operation="converse",
    headers={"content-type": _JSON, "accept": _JSON},
    stream_operation="converse-stream",
    stream_headers={"content-type": _JSON},
    open_answer=_open_converse,
    close_answer=_close_converse,
    headers_of=_no_headers,
    stream_decoder=_converse_decoder,
    stream_encoder=_converse_encoder,
    read_frame=event_of,
    write_frame=frame_of_event,
)
SURFACES: Mapping[str, Surface] = {INVOKE_CODECS: INVOKE, CONVERSE_CODECS: CONVERSE}


def surface_of(codec: FamilyCodec) -> Surface:
    return SURFACES[codec.surface]


def unary_codec_for(codecs: CodecRegistry, base_id: str) -> EmbeddingCodec | RerankCodec | None:
    """The codec of a model that does not talk. Its JSON travels as a whole answer of `invoke`."""
    with suppress(UndetectedFamily):
        return codecs.find(EmbeddingCodec, base_id)
    with suppress(UndetectedFamily):
        return codecs.find(RerankCodec, base_id)
    return None
