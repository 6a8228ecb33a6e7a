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

from axonflow_core.calls.surface import Surface
from axonflow_core.codec import FamilyCodec, ModelFacts, StreamContext
from axonflow_core.codec.registry import CodecRegistry
from axonflow_core.codec.unary import EmbeddingCodec, RerankCodec
from axonflow_core.errors import UndetectedFamily
from axonflow_core.frozen import frozen
from axonflow_core.messages import EMPTY, Completion, Json
from axonflow_core.stream import Batch

from . import envelope
from .eventstream import FrameDecoder, chunk_of, event_of, frame_of_chunk, frame_of_event

INVOKE_CODECS, CONVERSE_CODECS = "invoke", "converse"
"""What `FamilyCodec.surface` says."""

_JSON = "application/json"
_EVENT_STREAM = "application/vnd.amazon.eventstream"


class Encoder(Protocol):
    """Writes batches of events as chunks."""

    def encode(self, batch: Batch, /) -> Sequence[Json]: ...


class WriteFrame(Protocol):
    """Writes a chunk as one event-stream frame; `padding` is Bedrock's member against guessing by
    length."""

    def __call__(self, chunk: Json, /, *, padding: str = "") -> bytes: ...


@frozen(kw_only=True)
class BedrockSurface(Surface):
    """An operation of Bedrock Runtime in both roles. `operation` is the last segment of a path."""

    close_answer: Callable[[FamilyCodec, Completion, ModelFacts], Json]
    """The JSON of a whole answer."""
    headers_of: Callable[[Completion], Mapping[str, str]]
    """The `x-amzn-bedrock-*` headers of an answer."""
    stream_encoder: Callable[[FamilyCodec, StreamContext, ModelFacts], Encoder]
    write_frame: WriteFrame


def _close_converse(codec: FamilyCodec, completion: Completion, facts: ModelFacts) -> Json:
    """Converse has members of its own for guardrail and metrics, so nothing is wrapped around
    it."""
    return codec.encode_response(completion, facts)


def _no_headers(completion: Completion) -> Mapping[str, str]:
    """Converse reports counts in the body; none of its recorded answers has an `x-amzn-bedrock-*`
    header."""
    return EMPTY


def _converse_encoder(codec: FamilyCodec, context: StreamContext, facts: ModelFacts) -> Encoder:
    return codec.stream_encoder(context, facts)


INVOKE = BedrockSurface(
    name=INVOKE_CODECS,
    stream_type=_EVENT_STREAM,
    frame_reader=FrameDecoder,
    operation="invoke",
    headers={"content-type": _JSON, "accept": _JSON},
    stream_operation="invoke-with-response-stream",
    stream_headers={"content-type": _JSON, "x-amzn-bedrock-accept": _JSON},
    read_answer=envelope.open_answer,
    close_answer=envelope.close_answer,
    headers_of=envelope.headers_of,
    chunk_reader=envelope.EnvelopeDecoder,
    stream_encoder=envelope.EnvelopeEncoder,
    read_frame=chunk_of,
    write_frame=frame_of_chunk,
)
CONVERSE = BedrockSurface(
    name=CONVERSE_CODECS,
    stream_type=_EVENT_STREAM,
    frame_reader=FrameDecoder,
    operation="converse",
    headers={"content-type": _JSON, "accept": _JSON},
    stream_operation="converse-stream",
    stream_headers={"content-type": _JSON},
    close_answer=_close_converse,
    headers_of=_no_headers,
    stream_encoder=_converse_encoder,
    read_frame=event_of,
    write_frame=frame_of_event,
)
SURFACES: Mapping[str, BedrockSurface] = {INVOKE_CODECS: INVOKE, CONVERSE_CODECS: CONVERSE}


def surface_of(codec: FamilyCodec) -> BedrockSurface:
    """The surface that the codec declares."""
    return SURFACES[codec.surface]


def unary_codec_for(codecs: CodecRegistry, base_id: str) -> EmbeddingCodec | RerankCodec | None:
    """The codec of a model that does not talk. Its JSON travels as a whole answer of `invoke`."""
    with suppress(UndetectedFamily):
        return codecs.find(EmbeddingCodec, base_id)
    with suppress(UndetectedFamily):
        return codecs.find(RerankCodec, base_id)
    return None
