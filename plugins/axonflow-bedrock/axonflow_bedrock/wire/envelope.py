"""What Bedrock adds to the JSON of every family: removed before a codec decodes, added after it
encodes.

Any InvokeModel answer or chunk may carry three members that are Bedrock's and not the family's:

    "amazon-bedrock-invocationMetrics": {"inputTokenCount": 9, "outputTokenCount": 128,
        "invocationLatency": 4431, "firstByteLatency": 512}     last chunk of a stream; times in ms
    "amazon-bedrock-guardrailAction": "INTERVENED" | "NONE"      when a guardrail is on
    "amazon-bedrock-trace": {"guardrail": {…}}                   the guardrail's report, in the last

A whole answer has its counts in headers instead (`x-amzn-bedrock-input-token-count` and others).
Both are what AWS bills, so they take precedence over the counts in the family's JSON.

Theory of operation. Codecs know nothing of Bedrock, so a family that another plugin adds has
metrics and guardrails without a line for them. For a whole answer the envelope is two functions,
`open_answer` and `close_answer`. For a stream it is a decoder around the family's own, which has to
answer two questions that the family's decoder cannot:

* Has the stream ended? Metrics come in the last chunk. If the model has stopped and metrics are
  there, the answer is complete (`_is_whole`), even if the family's own terminal event is missing.
* Did the guardrail replace the answer? Only then is the stop reason `guardrail`. A guardrail that
  merely masked a text leaves the model's stop reason. The recorded signs of a replaced answer are:
  its id begins with `bedrock-guardrails-` (Claude), or no tokens are billed (Titan, Llama, Nova).

Invariant: whatever the envelope adds goes before `Ended`, for a consumer stops reading there.
Most chunks have no member of Bedrock's and take a path that costs one set comparison.

Source: recorded traffic and the AWS user guide, "Use guardrails with InvokeModel", November 2026.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from axonflow_core.codec import FamilyCodec, ModelFacts, StreamContext
from axonflow_core.codec.json_members import (
    count_in_header,
    counted,
    kind_of,
    number_in_header,
    unknown_members,
    with_facts,
    without_none,
)
from axonflow_core.converters import MAX_COUNT
from axonflow_core.errors import DecodeError, RequestError
from axonflow_core.frozen import evolve
from axonflow_core.messages import EMPTY, Completion, Guardrail, Json, StopReason, Usage
from axonflow_core.retrieval import Embeddings, Ranking
from axonflow_core.stream import (
    Batch,
    Ended,
    Extra,
    GuardrailUpdate,
    MetricsUpdate,
    Started,
    Stopped,
    StreamEvent,
)

from .eventstream import NO_CHUNK

A = TypeVar("A", bound=Embeddings | Ranking)

METRICS = "amazon-bedrock-invocationMetrics"
ACTION = "amazon-bedrock-guardrailAction"
TRACE = "amazon-bedrock-trace"
MEMBERS = frozenset({METRICS, ACTION, TRACE})
GUARDRAIL_ID = "bedrock-guardrails-"
"""How the id of an answer begins that a guardrail gave in the model's place. Claude's says
`end_turn` besides."""

# Counts exclude cached tokens: recorded of Claude are 3 input tokens next to 9511 read from the
# cache. Embedding answers have the input count only; rerank answers have none.
_COUNT_HEADERS = {
    "x-amzn-bedrock-input-token-count": "input_tokens",
    "x-amzn-bedrock-output-token-count": "output_tokens",
    "x-amzn-bedrock-cache-read-input-token-count": "cache_read_tokens",
    "x-amzn-bedrock-cache-write-input-token-count": "cache_write_tokens",
}
_LATENCY_HEADER = "x-amzn-bedrock-invocation-latency"
_METRIC_COUNTS = {
    "inputTokenCount": "input_tokens",
    "outputTokenCount": "output_tokens",
    "cacheReadInputTokenCount": "cache_read_tokens",
    "cacheWriteInputTokenCount": "cache_write_tokens",
}
_METRIC_TIMES = {"invocationLatency": "latency_ms", "firstByteLatency": "first_byte_latency_ms"}
_METRIC_KEYS = frozenset({*_METRIC_COUNTS, *_METRIC_TIMES})


# ── whole answers ─────────────────────────────────────────────────────────────────────────────────


def open_answer(
    codec: FamilyCodec, body: Json, facts: ModelFacts, headers: Mapping[str, str] = EMPTY
) -> Completion:
    """The completion in an InvokeModel answer. Counts in `headers` (names in lower case) are
    billed, so they win."""
    native, guardrail = _without_members(codec, body)
    completion = codec.decode_response(native, facts)
    billed = _billed_counts(headers)
    stop_reason = completion.stop_reason
    if guardrail is not None and guardrail.has_intervened:
        is_unbilled = headers and not billed
        if stop_reason is None or is_unbilled or _is_canned(completion.id):
            stop_reason = StopReason.GUARDRAIL
    return evolve(
        completion,
        stop_reason=stop_reason,
        usage=_as_billed(completion.usage, billed),
        guardrail=guardrail,
        latency_ms=_latency_ms(headers),
    )


def close_answer(codec: FamilyCodec, completion: Completion, facts: ModelFacts) -> Json:
    """The InvokeModel body that says `completion`; its headers are `headers_of(completion)`."""
    body = codec.encode_response(_without_guardrail_stop(codec, completion), facts)
    return {**body, **_guardrail_members(completion.guardrail)} if completion.guardrail else body


def measured(answer: A, headers: Mapping[str, str]) -> A:
    """`answer` with what `headers` bill and measure."""
    usage = _as_billed(answer.usage, _billed_counts(headers))
    return evolve(answer, usage=usage, latency_ms=_latency_ms(headers))


def _as_billed(usage: Usage, billed: Mapping[str, int]) -> Usage:
    """`usage` with the counts that are billed, which are the model's own in nearly every call."""
    if all(getattr(usage, name) == count for name, count in billed.items()):
        return usage
    changes: dict[str, Any] = {**billed}
    return evolve(usage, **changes)


def _billed_counts(headers: Mapping[str, str]) -> dict[str, int]:
    """The counts of `Usage` that the headers of an InvokeModel answer have."""
    return {
        name: count
        for key, name in _COUNT_HEADERS.items()
        if key in headers and (count := count_in_header(headers[key])) is not None
    }


def _latency_ms(headers: Mapping[str, str]) -> int | None:
    """How long the model took; None where AWS does not say, or not as a number."""
    latency = number_in_header(headers.get(_LATENCY_HEADER))
    return None if latency is None or latency > MAX_COUNT else round(latency)


def headers_of(completion: Completion | Embeddings | Ranking) -> dict[str, str]:
    """The `x-amzn-bedrock-*` headers that AWS sends with such an answer."""
    counts = {key: getattr(completion.usage, name) for key, name in _COUNT_HEADERS.items()}
    numbers = {**counts, _LATENCY_HEADER: completion.latency_ms}
    return {key: str(number) for key, number in numbers.items() if number is not None}


def _without_members(codec: FamilyCodec, body: Json) -> tuple[Json, Guardrail | None]:
    """The family's JSON without Bedrock's members, and the guardrail that they report."""
    if not isinstance(body, dict):
        raise DecodeError(
            f"the answer is not one of the {codec.name} family ({kind_of(body)} for an object)"
        )
    if MEMBERS.isdisjoint(body):
        return body, None
    return unknown_members(body, MEMBERS), _guardrail_of(body)


def _guardrail_of(native: Mapping[str, Json]) -> Guardrail | None:
    """Action and trace; None where the body has neither, that is, no guardrail was asked for."""
    if ACTION not in native and TRACE not in native:
        return None
    try:
        return Guardrail(native.get(ACTION), native.get(TRACE))
    except RequestError as error:  # whether it intervened is not known
        raise DecodeError(error.message) from error


def _metrics_of(native: Mapping[str, Json]) -> MetricsUpdate | Extra | None:
    """The metrics, where the body has them. What is no object is none, and is kept as it is."""
    metrics = native.get(METRICS)
    try:
        if type(metrics) is dict:
            return _decode_metrics(metrics)
        return None if metrics is None else Extra({METRICS: metrics})
    except RequestError as error:
        raise DecodeError(error.message) from error


def _guardrail_members(guardrail: Guardrail) -> dict[str, Json]:
    return without_none({ACTION: guardrail.action, TRACE: guardrail.trace})


def _is_canned(id: str | None) -> bool:
    """Whether the id is one that a guardrail assigns to a message of its own."""
    return id is not None and id.startswith(GUARDRAIL_ID)


def _without_guardrail_stop(codec: FamilyCodec, completion: Completion) -> Completion:
    """InvokeModel has no native value for this stop reason: the action reports it. The family's own
    stop reason is kept if there was one."""
    if completion.stop_reason is not StopReason.GUARDRAIL:
        return completion
    native = completion.native_stop_reason
    return evolve(
        completion, stop_reason=None if native is None else codec.stop_reasons.decode(native)
    )


# ── streams ───────────────────────────────────────────────────────────────────────────────────────


class EnvelopeDecoder:
    """A family's stream decoder that reads Bedrock's members too. Same contract: `feed` chunks,
    then `finish`."""

    def __init__(self, codec: FamilyCodec, facts: ModelFacts) -> None:
        self._codec = codec
        self._inner = codec.stream_decoder(facts)
        self._is_whole = False
        self._is_canned: bool | None = None
        """Whether the answer is a guardrail's own by its id; None before the first chunk."""
        self._has_intervened = False
        self._is_billed = False

    @property
    def has_ended(self) -> bool:
        return self._inner.has_ended or self._is_whole

    @property
    def partial_text(self) -> str:
        return self._inner.partial_text

    @property
    def is_text_cut(self) -> bool:
        return self._inner.is_text_cut

    def feed(self, chunk: Json) -> Batch:
        """The batch of the family's decoder, with metrics and guardrail events added before the
        end."""
        if chunk is NO_CHUNK:
            return ()
        if not isinstance(chunk, dict) or chunk.keys().isdisjoint(MEMBERS):
            if self._is_canned is not None and not self._has_intervened:
                return self._inner.feed(chunk)  # nearly every chunk
            batch = self._fed(chunk)
            return _before_the_end(batch, self._judged()) if self._has_intervened else batch
        native = unknown_members(chunk, MEMBERS)
        batch = self._fed(native) if native else ()
        metrics = _metrics_of(chunk)
        added: list[StreamEvent] = [] if metrics is None else [metrics]
        if type(metrics) is MetricsUpdate:
            self._is_billed = True
            if not self.has_ended and any(isinstance(event, Stopped) for event in batch):
                # The model has stopped and is billed: whatever terminal event its family
                # has besides, nothing is missing.
                self._is_whole = True
                added.append(Ended())
        guardrail = _guardrail_of(chunk)
        if guardrail is not None:
            added.append(GuardrailUpdate(guardrail))
            self._has_intervened |= guardrail.has_intervened
            if guardrail.has_intervened and not self.has_ended and self._codec.is_blocked(native):
                self._is_whole = True
                return (*batch, *added, Stopped(StopReason.GUARDRAIL), Ended())
        return _before_the_end(batch, (*added, *self._judged()))

    def _judged(self) -> Batch:
        """The guardrail's stop, which replaces the model's own: an answer that is not billed is no
        answer of the model."""
        if self._has_intervened and self.has_ended and (self._is_canned or not self._is_billed):
            return (Stopped(StopReason.GUARDRAIL),)
        return ()

    def _fed(self, native: Json) -> Batch:
        """Decodes the family's part and, of the first chunk, records whether its id is a
        guardrail's."""
        batch = self._inner.feed(native)
        if self._is_canned is None:
            started = batch[0] if batch and type(batch[0]) is Started else None
            self._is_canned = started is not None and _is_canned(started.id)
        return batch

    def finish(self) -> None:
        if not self._is_whole:
            self._inner.finish()


def _before_the_end(batch: Batch, added: Batch) -> Batch:
    """`batch` with `added` before `Ended`: a consumer stops reading at that event. Members of the
    family's last chunk that nobody documented may follow it."""
    ends = (place for place, event in enumerate(batch) if type(event) is Ended)
    place = next(ends, len(batch))
    return (*batch[:place], *added, *batch[place:])


class EnvelopeEncoder:
    """The other direction: a family's chunks, with Bedrock's members in the last chunk of each
    batch."""

    def __init__(self, codec: FamilyCodec, context: StreamContext, facts: ModelFacts) -> None:
        self._inner = codec.stream_encoder(context, facts)

    def encode(self, batch: Batch) -> list[Json]:
        members: dict[str, Json] = {}
        rest: list[StreamEvent] = []
        for event in batch:
            match event:
                case MetricsUpdate():
                    members[METRICS] = _encode_metrics(event)
                case GuardrailUpdate(guardrail):
                    members |= _guardrail_members(guardrail)
                case Stopped(StopReason.GUARDRAIL, None):
                    pass
                case _:
                    rest.append(event)
        chunks = list(self._inner.encode(tuple(rest)))
        return _with_members(chunks, members) if members else chunks


def _with_members(chunks: list[Json], members: Mapping[str, Json]) -> list[Json]:
    """`chunks` with the members in the last one that is an object; a family's very last may be a
    bare string."""
    for place in reversed(range(len(chunks))):
        if isinstance(chunks[place], dict):
            chunks[place] = {**chunks[place], **members}
            return chunks
    return [dict(members), *chunks]


def _decode_metrics(native: Mapping[str, Json]) -> MetricsUpdate:
    """Counts in tokens, times in milliseconds; members that are not documented, and those that are
    no count, go into `extra`."""
    usage = counted(native, _METRIC_COUNTS, _METRIC_KEYS)
    counts = evolve(usage, extra=EMPTY) if usage.extra else usage
    return with_facts(MetricsUpdate, native, _METRIC_TIMES, usage.extra, usage=counts)


def _encode_metrics(metrics: MetricsUpdate) -> Json:
    """As `_decode_metrics` reads it; values that are unset are left out."""
    counts = {key: getattr(metrics.usage, name) for key, name in _METRIC_COUNTS.items()}
    times = {key: getattr(metrics, name) for key, name in _METRIC_TIMES.items()}
    return {**without_none({**counts, **times}), **metrics.extra}
