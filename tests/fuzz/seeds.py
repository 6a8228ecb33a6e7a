"""What is mutated: bodies and streams that each installed codec writes, and those of the recordings
in the folder that AXONFLOW_RECORDINGS names.

Seeds are grouped by codec and drawn codec by codec, for most recordings are of two of them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache, partial
from pathlib import Path as FilePath
from typing import Any
from urllib.parse import quote

from attrs import frozen

from axonflow_bedrock.emulator.catalogue import LISTINGS
from axonflow_bedrock.recorded import BedrockRecordingFormat
from axonflow_bedrock.wire.surfaces import surface_of
from axonflow_core.codec import Codec, ModelFacts, StreamContext
from axonflow_core.codec.unary import EmbeddingCodec, RerankCodec, TokenCounter
from axonflow_core.dialects import anthropic_messages, openai_chat
from axonflow_core.errors import AxonFlowError
from axonflow_core.messages import (
    Completion,
    CompletionRequest,
    Image,
    Inference,
    Json,
    Media,
    Reasoning,
    StopReason,
    Text,
    TokenCount,
    Tool,
    ToolChoice,
    ToolResult,
    ToolUse,
    Usage,
    assistant,
    user,
)
from axonflow_core.plugins import load_codecs
from axonflow_core.recordings.recording import Recording, read_recordings
from axonflow_core.retrieval import (
    EmbeddingRequest,
    Embeddings,
    RankedDocument,
    Ranking,
    RerankRequest,
    Vector,
)
from axonflow_core.stream import batch_of

from .mutate import Path, places

MAX_PLACES = 3000
"""Longer bodies are left out: hundreds of like members are drawn in place of all others."""
CODECS = load_codecs("bedrock").registry
FORMAT = BedrockRecordingFormat(CODECS)
CONTEXT = StreamContext(id="answer-1", model="model-1", created=1)


@frozen
class Body:
    """A JSON body and the places in it."""

    native: Json
    ways: Sequence[Path]
    headers: Mapping[str, str]


@frozen
class Stream:
    """The chunks of a stream, the places in each, and its bytes where they were recorded."""

    natives: Sequence[Json]
    ways: Sequence[Sequence[Path]]
    frames: Sequence[bytes] = ()


@frozen
class Seeds:
    """What one codec reads."""

    codec: Any
    facts: ModelFacts
    requests: list[Body]
    answers: list[Body]
    streams: list[Stream]


def body(native: Json, headers: Mapping[str, str] | None = None) -> Body:
    """A body with its places."""
    return Body(native, [*places(native)], headers or {})


def stream(natives: Sequence[Json], frames: Sequence[bytes] = ()) -> Stream:
    return Stream(natives, [[*places(native)] for native in natives], frames)


HEADERS = {
    "x-amzn-bedrock-input-token-count": "9",
    "x-amzn-bedrock-output-token-count": "2",
    "x-amzn-bedrock-cache-read-input-token-count": "0",
    "x-amzn-bedrock-cache-write-input-token-count": "0",
    "x-amzn-bedrock-invocation-latency": "431",
}

CALL = ToolUse("call_1", "weather", {"city": "Oslo", "days": [1, 2]})
USAGE = Usage(9, 2, 4, 1, 1, None, 1)
ANSWERS = (
    Completion((Text("It rains."),), StopReason.END_TURN, Usage(9, 2), id="a1", model="m"),
    Completion((Text("It "), CALL), StopReason.TOOL_USE, USAGE, id="a1", model="m", created=1),
    Completion((Reasoning("Hm.", "s1"), Text("Yes")), StopReason.END_TURN, USAGE),
)
PICTURE = Image(Media("base64", "iVBORw0KGgo=", "image/png"))
WEATHER = Tool(
    "weather",
    "The weather.",
    {
        "type": "object",
        "properties": {
            "city": {"type": "string", "minLength": 2, "format": "date"},
            "days": {"type": "array", "items": {"type": "integer", "minimum": 1}, "minItems": 1},
            "unit": {"anyOf": [{"type": "null"}, {"enum": ["C", "F"]}]},
            "place": {"$ref": "#/$defs/Place"},
        },
        "required": ["city", "days", "unit", "place"],
        "$defs": {"Place": {"type": ["object", "null"], "properties": {}, "required": []}},
    },
)
REQUESTS = (
    CompletionRequest("Why?", inference=Inference(max_tokens=10, temperature=0.5)),
    CompletionRequest(
        (user("Why?"), assistant("So."), user("And?")),
        system="Be brief.",
        inference=Inference(max_tokens=10, stop_sequences=("END",)),
    ),
    CompletionRequest(
        (user(["Why?", PICTURE]), assistant([CALL]), user([ToolResult("call_1", "rain")])),
        inference=Inference(max_tokens=10),
        tools=(WEATHER,),
        tool_choice=ToolChoice("auto"),
    ),
    CompletionRequest("Ask the tool weather", inference=Inference(max_tokens=10), tools=(WEATHER,)),
)


def _written(codec: Codec, facts: ModelFacts) -> Seeds:
    """The bodies that a codec writes of the values that it can express."""
    seeds = Seeds(codec, facts, [], [], [])
    seeds.requests.extend(map(body, _each(codec.encode_request, REQUESTS, facts)))
    for native in _each(codec.encode_response, ANSWERS, facts):
        seeds.answers.append(body(native, HEADERS))
    wire = wire_of(codec)
    for natives in _each(partial(_chunks, codec), ANSWERS, facts) if codec.streams else ():
        frames = [] if wire is None else [wire.write_frame(native) for native in natives]
        seeds.streams.append(stream(natives, frames))
    return seeds


def _each(
    write: Callable[[Any, ModelFacts], Any], values: Sequence[Any], facts: ModelFacts
) -> Iterator[Any]:
    """What is written of each of the values; nothing of those that the form has no place for."""
    for value in values:
        with suppress(AxonFlowError):
            yield write(value, facts)


def _chunks(codec: Codec, answer: Completion, facts: ModelFacts) -> list[Json]:
    """A stream that is written event by event."""
    encoder = codec.stream_encoder(CONTEXT, facts)
    return [chunk for event in batch_of(answer) for chunk in encoder.encode((event,))]


def _frames(recorded: bytes) -> list[bytes]:
    """The frames of a recorded stream, each as its bytes."""
    frames, rest = [], recorded
    while rest:
        length = int.from_bytes(rest[:4])
        frames.append(rest[:length])
        rest = rest[length:]
    return frames


@cache
def recordings() -> Sequence[Recording]:
    """All recordings; none where AXONFLOW_RECORDINGS names no folder."""
    folder = os.environ.get("AXONFLOW_RECORDINGS")
    files = sorted(FilePath(folder).glob("*.jsonl")) if folder else []
    return [recording for file in files for recording in read_recordings(file)]


@cache
def conversations() -> Sequence[Seeds]:
    """Seeds of every installed codec of conversations, and of the dialects of clients."""
    facts = ModelFacts(model_id="model-1")
    every = [entry.codec for entry in CODECS if entry.codec.kind == "model"]
    seeds = {codec.name + codec.surface: _written(codec, facts) for codec in every}
    for recording in recordings():
        found = FORMAT.codec_for(recording)
        if found is not None:
            _add(seeds[found[0].name + found[0].surface], recording)
    dialects = [_written(module.CODEC, facts) for module in (openai_chat, anthropic_messages)]
    return [*seeds.values(), *dialects]


def _add(seeds: Seeds, recording: Recording) -> None:
    if recording.request_body is not None:
        _keep(seeds.requests, body(recording.request_body))
    if recording.status < 400 and recording.response_body is not None:
        headers = {**HEADERS, **recording.response_headers}
        _keep(seeds.answers, body(recording.response_body, headers))
    if recording.status < 400 and recording.chunks and recording.stream is not None:
        seeds.streams.append(stream(recording.chunks, _frames(recording.stream)))


def _keep(bodies: list[Body], one: Body) -> None:
    if len(one.ways) <= MAX_PLACES:
        bodies.append(one)


VECTORS = Embeddings((Vector([0.5, -0.5]),), Usage(9), id="a1")
RANKING = Ranking((RankedDocument(1, 0.75), RankedDocument(0, 0.5)), id="a1")


@cache
def unary() -> Sequence[Seeds]:
    """Seeds of every installed embedding model, reranker and token counter."""
    facts = ModelFacts(model_id="model-1")
    seeds: dict[str, Seeds] = {}
    for kind, request, answer in (
        (EmbeddingCodec, EmbeddingRequest("Why?"), VECTORS),
        (RerankCodec, RerankRequest("Why?", ["So.", "And?"], top_n=1), RANKING),
        (TokenCounter, REQUESTS[0], TokenCount(9)),
    ):
        for codec in CODECS.of_kind(kind):
            of_codec = seeds[codec.name] = Seeds(codec, facts, [], [], [])
            of_codec.requests.extend(map(body, _each(codec.encode_request, [request], facts)))
            for native in _each(codec.encode_response, [answer], facts):
                of_codec.answers.append(body(native, HEADERS))
    for recording in recordings():
        found = FORMAT.unary_for(recording)
        if found is None:
            continue
        of_codec = seeds.setdefault(found.codec.name, Seeds(found.codec, found.facts, [], [], []))
        if found.request_body is not None:
            _keep(of_codec.requests, body(found.request_body))
        if found.response_body is not None:
            _keep(of_codec.answers, body(found.response_body, HEADERS))
    return [*seeds.values()]


def wire_of(codec: Any) -> Any:
    """How Bedrock carries what a codec writes; None for the dialect of a client."""
    return surface_of(codec) if hasattr(codec, "surface") else None


# ── what can be called ────────────────────────────────────────────────────────────────────────────


@frozen
class Call:
    """One operation of a model, and bodies that it takes."""

    path: str
    bodies: list[Body]


def calls() -> list[Call]:
    """Every operation of a model of every codec, as the emulator serves them: bodies that the codec
    writes, and recorded ones."""
    ids = _ids()
    found: dict[str, Call] = {}
    for seeds in conversations():
        codec = seeds.codec
        wire = wire_of(codec)
        if wire is None or not seeds.requests:
            continue
        model = _model_of(codec, ids)
        for operation in (wire.operation, wire.stream_operation):
            path = f"/model/{quote(model, safe='')}/{operation}"
            found[f"{codec.name} {operation}"] = Call(path, seeds.requests)
    for recording in recordings():
        operation = OPERATIONS[recording.operation]
        if recording.request_body is not None:
            path = f"/model/{quote(recording.model_id, safe='')}/{operation}"
            _keep(found.setdefault(path, Call(path, [])).bodies, body(recording.request_body))
    return [call for call in found.values() if call.bodies]


OPERATIONS = {
    "InvokeModel": "invoke",
    "InvokeModelWithResponseStream": "invoke-with-response-stream",
    "Converse": "converse",
    "ConverseStream": "converse-stream",
    "CountTokens": "count-tokens",
}
ACCOUNT = "111122223333"
OPAQUE = {
    "imported": f"arn:aws:bedrock:us-east-1:{ACCOUNT}:imported-model/a1b2c3d4e5f6",
    "marketplace": f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:endpoint/endpoint-1",
}
"""Family whose models have no ids of their own -> an ARN."""


def _ids() -> dict[str, str]:
    """Base id of every model that the emulator lists -> an id that it is called by."""
    ids: dict[str, str] = {}
    for listing in LISTINGS.values():
        ids |= {base_id: base_id for base_id in listing.on_demand}
        for base_id, geos in listing.profiles.items():
            ids.setdefault(base_id, f"{'us' if 'us' in geos.split() else 'global'}.{base_id}")
    return ids


def _model_of(codec: Any, ids: Mapping[str, str]) -> str:
    """An id by which a model of the codec is called."""
    if codec.family in OPAQUE:
        return OPAQUE[codec.family]
    names = codec.models or ("anthropic.claude-3-haiku",)
    return next((ids[base_id] for base_id in ids if base_id.startswith(names)), names[0])
