"""Bedrock's format of recorded traffic, for `axonflow codecs check`: the codec of a recording, its
frames, and the billed counts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from axonflow_core.calls.surface import ChunkReader
from axonflow_core.codec import FamilyCodec, ModelFacts, StreamContext
from axonflow_core.codec.json_members import unknown_members
from axonflow_core.codec.registry import CodecRegistry
from axonflow_core.codec.unary import EmbeddingCodec, TokenCounter, Unary
from axonflow_core.endpoint.operations import Encoder
from axonflow_core.errors import (
    DecodeError,
    EncodeError,
    InvalidCall,
    MalformedRequest,
    ProviderError,
    RequestError,
    UndetectedFamily,
)
from axonflow_core.frozen import frozen
from axonflow_core.json import dumps
from axonflow_core.messages import Completion, Json, Usage
from axonflow_core.recordings.recording import Recording
from axonflow_core.recordings.unary import RecordedUnary
from axonflow_core.retrieval import Embeddings, Ranking

from .errors.diagnose import diagnose, diagnose_exception_frame
from .families import imported
from .models.model_id import Kind, ModelId, parse_model_id, vendors_of
from .models.table import load_models
from .wire.body_form import codec_of_call
from .wire.count_tokens import COUNT_KEY, unwrapped
from .wire.envelope import MEMBERS, METRICS, measured
from .wire.eventstream import Frame, FrameDecoder, chunk_of, event_of
from .wire.surfaces import (
    CONVERSE_CODECS,
    INVOKE_CODECS,
    surface_of,
    unary_codec_for,
)

_SURFACES: Mapping[str, str] = {
    "InvokeModel": INVOKE_CODECS,
    "InvokeModelWithResponseStream": INVOKE_CODECS,
    "Converse": CONVERSE_CODECS,
    "ConverseStream": CONVERSE_CODECS,
}
"""Operation -> the surface of a codec."""

_EXCEPTION = "__exception__"

_BILLED = (
    ("input_tokens", "x-amzn-bedrock-input-token-count", "inputTokenCount", "inputTokens"),
    ("output_tokens", "x-amzn-bedrock-output-token-count", "outputTokenCount", "outputTokens"),
    (
        "cache_read_tokens",
        "x-amzn-bedrock-cache-read-input-token-count",
        "cacheReadInputTokenCount",
    ),
    (
        "cache_write_tokens",
        "x-amzn-bedrock-cache-write-input-token-count",
        "cacheWriteInputTokenCount",
    ),
)
"""A field of `Usage`, the header with the billed count, and the members of a stream's last chunk
that have it. `envelope` and Converse have these names too; they are repeated here so that a mistake
there is found."""


@frozen
class CountedOtherwise:
    """A count that a family's own JSON has otherwise than Bedrock's bill."""

    family: str
    count: str
    """The field of `Usage`."""
    fits: Callable[[Completion, bool], bool]
    """Whether an answer is such a one; the second tells whether it was streamed."""
    source: str


COUNTED_OTHERWISE: tuple[CountedOtherwise, ...] = (
    CountedOtherwise(
        "anthropic",
        "output_tokens",
        lambda answer, is_streamed: is_streamed and bool(answer.tool_uses),
        "recorded traffic, 2025: streams with a tool call report 130 output tokens where 98 are "
        "billed; all six of them differ, and no other answer does",
    ),
)
"""The only differences that a recording may have."""


@frozen
class BedrockRecordingFormat:
    """Implements `RecordingFormat` for Bedrock with the given codecs."""

    codecs: CodecRegistry

    def unary_for(self, recording: Recording) -> RecordedUnary | None:
        if recording.operation == "CountTokens":
            return self._count(recording)
        facts = self._facts_of(recording)
        codec = unary_codec_for(self.codecs, facts.base_id) or self._read_by_its_body(
            recording, facts
        )
        if codec is None or recording.operation != "InvokeModel":
            return None
        headers = recording.response_headers

        def open_answer(body: Json) -> Embeddings | Ranking:
            return measured(codec.decode_response(body, facts), headers)

        return self._recording(
            recording, codec, recording.request_body, open_answer, self.billed(headers, ())
        )

    def _read_by_its_body(self, recording: Recording, facts: ModelFacts) -> EmbeddingCodec | None:
        """For an ARN that does not contain its model: the embedding codec that decodes request and
        answer without leaving anything in `extra`.
        """
        body, answer = recording.request_body, recording.response_body
        if facts.base_id or body is None or answer is None:
            return None
        for codec in self.codecs.of_kind(EmbeddingCodec):
            with suppress(DecodeError, EncodeError, MalformedRequest):
                request, embeddings = (
                    codec.decode_request(body, facts),
                    codec.decode_response(answer, facts),
                )
                codec.encode_request(request, facts)
                if not request.extra and not embeddings.extra:
                    return codec
        return None

    def why_unreadable(self, recording: Recording) -> str | None:
        base_id = self._facts_of(recording).base_id
        if recording.status < 400:
            return None
        if recording.operation == "CountTokens":
            return "Bedrock refused to count, and the request has no readable content"
        if base_id and load_models().entry(base_id) is not None:
            return None
        return f"Bedrock refused the unknown id {recording.model_id}: there is no request or answer"

    def _count(self, recording: Recording) -> RecordedUnary | None:
        """A recorded CountTokens call, None where no codec fits its body."""
        facts = self._facts_of(recording)
        try:
            surface, request = unwrapped(recording.request_body)
            counter = self._counter_of(recording, facts, surface, request)
        except (MalformedRequest, UndetectedFamily):
            return None
        return self._recording(
            recording, counter, request, partial(counter.decode_response, facts=facts)
        )

    def _counter_of(
        self, recording: Recording, facts: ModelFacts, surface: str, request: Json
    ) -> TokenCounter:
        """The token counter of the model; for a model that Bedrock does not count for, one made of
        the codec that fits the body.
        """
        with suppress(UndetectedFamily):
            return self.codecs.find(TokenCounter, facts.base_id, surface)
        model = self._model_of(recording)
        if model is None:
            raise UndetectedFamily(f"{recording.model_id} is not a model id")
        codec = codec_of_call(self.codecs, model, request, surface)
        return TokenCounter(
            codec=codec, models=codec.models, count_key=COUNT_KEY, evidence=codec.evidence
        )

    def _recording(
        self,
        recording: Recording,
        codec: Unary[Any, Any],
        request: Json,
        open_answer: Callable[[Json], Any],
        billed: Usage = Usage(),  # noqa: B008 - frozen
    ) -> RecordedUnary:
        is_answered = recording.status < 400
        return RecordedUnary(
            codec=codec,
            facts=self._facts_of(recording),
            request_body=request,
            response_body=recording.response_body if is_answered else None,
            is_refused=not is_answered,
            is_body_at_fault=not is_answered and isinstance(self.error_of(recording), InvalidCall),
            billed=billed,
            open_answer=open_answer,
        )

    def codec_for(self, recording: Recording) -> tuple[FamilyCodec, ModelFacts] | None:
        surface, model, facts = (
            _SURFACES.get(recording.operation),
            self._model_of(recording),
            self._facts_of(recording),
        )
        if surface is None:
            return None
        try:
            codec = self._codec_of(recording, model, surface)
        except UndetectedFamily:
            return None
        return codec, facts

    def _codec_of(self, recording: Recording, model: ModelId | None, surface: str) -> FamilyCodec:
        """The codec by model id; by the body where the id is opaque; by the answer where the
        request was not recorded."""
        if model is None:
            return self.codecs.for_base_id("", surface)
        if model.base_id is None and surface == INVOKE_CODECS:
            return self._codec_of_opaque_model(recording, model)
        if recording.request_body is not None or model.base_id is None:
            return codec_of_call(self.codecs, model, recording.request_body, surface)
        forms = self.codecs.forms_of(model.base_id, surface)
        return next((codec for codec in forms[:-1] if _answers(codec, recording)), forms[-1])

    def _codec_of_opaque_model(self, recording: Recording, model: ModelId) -> FamilyCodec:
        """For an opaque id: the codec that fits the request, if it fits the answer too; else, or
        where the request was not recorded, the one that fits the answer. Models that were imported
        long ago answer in one form only, whatever the form of the request.
        """
        if model.kind not in (Kind.IMPORTED_MODEL, Kind.SAGEMAKER_ENDPOINT):
            return codec_of_call(self.codecs, model, recording.request_body)
        with suppress(UndetectedFamily):
            requested = codec_of_call(self.codecs, model, recording.request_body)
            if _answers(requested, recording):
                return requested
        forms = (
            form
            for form in imported.CODECS
            if _reads(form, recording) and _answers(form, recording)
        )
        return next(forms, None) or codec_of_call(self.codecs, model, recording.request_body)

    def native(self, body: Json) -> Json:
        return unknown_members(body, MEMBERS) if isinstance(body, dict) else body

    def open_answer(
        self, codec: FamilyCodec, facts: ModelFacts, body: Json, headers: Mapping[str, str]
    ) -> Completion:
        return surface_of(codec).read_answer(codec, body, facts, headers)

    def close_answer(self, codec: FamilyCodec, facts: ModelFacts, completion: Completion) -> Json:
        return surface_of(codec).form.close_answer(codec, completion, facts)

    def billed(self, headers: Mapping[str, str], chunks: Sequence[Json]) -> Usage:
        """The counts in the headers of a whole answer or the last chunks of a stream, which Bedrock
        bills by."""
        reported: Json = {}
        for chunk in chunks:
            if isinstance(chunk, dict):  # the last chunk of some families is a bare string
                reported |= chunk.get(METRICS) or chunk.get("metadata", {}).get("usage") or {}
        counts: Json = {
            fact: _first_count(headers.get(header), *map(reported.get, members))
            for fact, header, *members in _BILLED
        }
        return Usage(**counts)

    def counted_otherwise(
        self, codec: FamilyCodec, answer: Completion, *, is_streamed: bool
    ) -> frozenset[str]:
        return frozenset(
            row.count
            for row in COUNTED_OTHERWISE
            if row.family == codec.family and row.fits(answer, is_streamed)
        )

    def frame_decoder(self) -> FrameDecoder:
        return FrameDecoder()

    def chunk_of(self, frame: Frame) -> Json:
        return (chunk_of if frame.headers.get(":event-type") == "chunk" else event_of)(frame)

    def stream_decoder(self, codec: FamilyCodec, facts: ModelFacts) -> ChunkReader:
        return surface_of(codec).chunk_reader(codec, facts)

    def stream_encoder(
        self, codec: FamilyCodec, facts: ModelFacts, context: StreamContext
    ) -> Encoder:
        return surface_of(codec).form.stream_encoder(codec, context, facts)

    def is_last(self, chunk: Json) -> bool:
        return METRICS in chunk or "metadata" in chunk

    def error_of(self, recording: Recording) -> ProviderError:
        headers = recording.response_headers
        return diagnose(
            recording.status,
            headers.get("x-amzn-errortype"),
            dumps(recording.response_body),
            model=self._model_of(recording),
            region=recording.region,
            request_id=headers.get("x-amzn-requestid"),
        )

    def exception_of(self, chunk: Json) -> ProviderError:
        payload = dumps(unknown_members(chunk, frozenset({_EXCEPTION})))
        return diagnose_exception_frame(str(chunk[_EXCEPTION]), payload)

    def _facts_of(self, recording: Recording) -> ModelFacts:
        model = self._model_of(recording)
        return ModelFacts(model_id=recording.model_id, base_id=(model and model.base_id) or "")

    def _model_of(self, recording: Recording) -> ModelId | None:
        try:
            return parse_model_id(recording.model_id, vendors_of(self.codecs))
        except RequestError:
            return None


def _reads(codec: FamilyCodec, recording: Recording) -> bool:
    """Whether `codec` decodes the request, or there is none."""
    try:
        if recording.request_body is not None:
            codec.decode_request(recording.request_body, ModelFacts(model_id=recording.model_id))
    except MalformedRequest:
        return False
    return True


def _answers(codec: FamilyCodec, recording: Recording) -> bool:
    """Whether `codec` decodes the answer or the first chunk, or there is none."""
    facts = ModelFacts(model_id=recording.model_id)
    try:
        if recording.chunks:
            codec.stream_decoder(facts).feed(recording.chunks[0])
        elif recording.response_body is not None:
            codec.decode_response(unknown_members(recording.response_body, MEMBERS), facts)
    except DecodeError:
        return False
    return True


def _first_count(*counts: str | float | None) -> int | None:
    return next((int(count) for count in counts if count is not None), None)
