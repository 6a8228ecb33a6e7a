"""Recorded Bedrock traffic, opened for `axonflow codecs check`: which codec, which frames, whose counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import orjson
from attrs import frozen

from axonflow_core.codec import CodecRegistry, FamilyCodec, ModelFacts, StreamContext
from axonflow_core.errors import ProviderError, RequestError
from axonflow_core.messages import Completion, Json, Usage
from axonflow_core.native import rest_of
from axonflow_core.testing.recorded import Recording

from .envelope import (
    MEMBERS,
    METRICS,
    EnvelopeDecoder,
    EnvelopeEncoder,
    close_answer,
    open_answer,
)
from .errors import diagnose
from .eventstream import Frame, FrameDecoder, chunk_of
from .model_id import ModelId, parse_model_id

_SURFACES: Mapping[str, str] = {"InvokeModel": "invoke", "InvokeModelWithResponseStream": "invoke"}
"""Operation -> the surface of a codec. `Converse` and `CountTokens` have none yet."""

_BILLED = (
    ("input_tokens", "x-amzn-bedrock-input-token-count", "inputTokenCount"),
    ("output_tokens", "x-amzn-bedrock-output-token-count", "outputTokenCount"),
    ("cache_read_tokens", "x-amzn-bedrock-cache-read-input-token-count", "cacheReadInputTokenCount"),
    ("cache_write_tokens", "x-amzn-bedrock-cache-write-input-token-count", "cacheWriteInputTokenCount"),
)
"""A count of `Usage`, the header and the member of the metrics that tell it. The envelope has these names too; they
stand here once more so that a slip there is seen."""


@frozen
class BedrockOpener:
    codecs: CodecRegistry

    def codec_for(self, recording: Recording) -> tuple[FamilyCodec, ModelFacts] | None:
        surface, model = _SURFACES.get(recording.operation), _model_of(recording)
        if surface is None or model is None or model.base_id is None:
            return None
        try:
            codec = self.codecs.for_base_id(model.base_id, surface)
        except RequestError:
            return None
        return codec, ModelFacts(model_id=recording.model_id, base_id=model.base_id)

    def native(self, body: Json) -> Json:
        return rest_of(body, MEMBERS) if isinstance(body, dict) else body

    def open_answer(self, codec: FamilyCodec, facts: ModelFacts, body: Json, headers: Mapping[str, str]) -> Completion:
        return open_answer(codec, body, facts, headers)

    def close_answer(self, codec: FamilyCodec, facts: ModelFacts, completion: Completion) -> Json:
        return close_answer(codec, completion, facts)

    def billed(self, headers: Mapping[str, str], chunks: Sequence[Json]) -> Usage:
        metrics: Json = next((chunk[METRICS] for chunk in reversed(chunks) if METRICS in chunk), {})
        counts: Json = {fact: _count(headers.get(header, metrics.get(member))) for fact, header, member in _BILLED}
        return Usage(**counts)

    def frame_decoder(self) -> FrameDecoder:
        return FrameDecoder()

    def chunk_of(self, frame: Frame) -> Json:
        return chunk_of(frame)

    def stream_decoder(self, codec: FamilyCodec, facts: ModelFacts) -> EnvelopeDecoder:
        return EnvelopeDecoder(codec, facts)

    def stream_encoder(self, codec: FamilyCodec, facts: ModelFacts, context: StreamContext) -> EnvelopeEncoder:
        return EnvelopeEncoder(codec, context, facts)

    def is_last(self, chunk: Json) -> bool:
        return METRICS in chunk

    def error_of(self, recording: Recording) -> ProviderError:
        headers = recording.response_headers
        return diagnose(
            recording.status,
            headers.get("x-amzn-errortype"),
            orjson.dumps(recording.response_body),
            model=_model_of(recording),
            region=recording.region,
            request_id=headers.get("x-amzn-requestid"),
        )


def _count(told: str | float | None) -> int | None:
    return None if told is None else int(told)


def _model_of(recording: Recording) -> ModelId | None:
    try:
        return parse_model_id(recording.model_id)
    except RequestError:
        return None
