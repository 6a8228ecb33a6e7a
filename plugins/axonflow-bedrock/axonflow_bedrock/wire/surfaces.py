"""The surfaces of Bedrock Runtime: which paths a body travels on, and what is wrapped around it.

    invoke      the family's own JSON; Bedrock adds members to it, counts in headers, chunks in
                base64 (`envelope`)
    converse    Converse's JSON, which has a place for all of that itself

A codec says by its `surface` which one it is for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Protocol

from axonflow_core.calls.surface import Surface
from axonflow_core.codec import FamilyCodec
from axonflow_core.codec.registry import CodecRegistry
from axonflow_core.codec.unary import EmbeddingCodec, RerankCodec
from axonflow_core.endpoint.operations import AnswerForm
from axonflow_core.errors import UndetectedFamily
from axonflow_core.frozen import frozen
from axonflow_core.messages import Json

from . import envelope
from .eventstream import (
    FrameDecoder,
    chunk_has_one_reading,
    chunk_of,
    event_has_one_reading,
    event_of,
    frame_of_chunk,
    frame_of_event,
)

INVOKE_CODECS, CONVERSE_CODECS = "invoke", "converse"
"""What `FamilyCodec.surface` says."""

_JSON = "application/json"
_EVENT_STREAM = "application/vnd.amazon.eventstream"


class WriteFrame(Protocol):
    """Writes a chunk as one event-stream frame; `padding` is Bedrock's member against guessing by
    length."""

    def __call__(self, chunk: Json, /, *, padding: str = "") -> bytes: ...


@frozen(kw_only=True)
class BedrockSurface(Surface):
    """An operation of Bedrock Runtime in both roles. `operation` is the last segment of a path."""

    form: AnswerForm
    """How answers are written around what the family's codec writes."""
    write_frame: WriteFrame


_OF_A_REQUEST = frozenset(
    (
        "x-amzn-bedrock-guardrailidentifier",
        "x-amzn-bedrock-guardrailversion",
        "x-amzn-bedrock-performanceconfig-latency",
        "x-amzn-bedrock-service-tier",
        "x-amzn-bedrock-trace",
    )
)
"""Headers that go on with a body: those in which nobody writes a text, as in the metadata of a
request, or chooses whose the call is, as with a project."""
_WORD = re.compile(r"[\w:/.-]{1,2048}", re.ASCII)


def _of_the_request(headers: Mapping[str, str]) -> Mapping[str, str]:
    return {
        name: value
        for name, value in headers.items()
        if name in _OF_A_REQUEST and _WORD.fullmatch(value)
    }


def _of_the_answer(headers: Mapping[str, str]) -> Mapping[str, str]:
    return {name: value for name, value in headers.items() if name.startswith("x-amzn-bedrock-")}


INVOKE = BedrockSurface(
    name=INVOKE_CODECS,
    stream_type=_EVENT_STREAM,
    frame_reader=FrameDecoder,
    operation="invoke",
    headers={"content-type": _JSON, "accept": _JSON},
    stream_operation="invoke-with-response-stream",
    stream_headers={"content-type": _JSON, "x-amzn-bedrock-accept": _JSON},
    read_answer=envelope.open_answer,
    chunk_reader=envelope.EnvelopeDecoder,
    read_frame=chunk_of,
    has_one_reading=chunk_has_one_reading,
    form=AnswerForm(
        close_answer=envelope.close_answer,
        headers_of=envelope.headers_of,
        stream_encoder=envelope.EnvelopeEncoder,
        request_headers=_of_the_request,
        answer_headers=_of_the_answer,
    ),
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
    read_frame=event_of,
    has_one_reading=event_has_one_reading,
    # Converse has members of its own for guardrail, metrics and counts: nothing is wrapped around
    # it, and none of its recorded answers has an `x-amzn-bedrock-*` header.
    form=AnswerForm(request_headers=_of_the_request, answer_headers=_of_the_answer),
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
