"""What is fed with mutations: each target makes one of them, reads it as a call would, and tells
what came of it. An exception that is none of ours passes, and is the finding."""

from __future__ import annotations

from asyncio import run, sleep
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from enum import Enum
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, Literal, TypeAlias

import yaml
from attrs import frozen

from axonflow_bedrock.aws.clock import Clock
from axonflow_bedrock.emulator import installed_codecs
from axonflow_bedrock.emulator.catalogue import CATALOGUE
from axonflow_bedrock.emulator.service import EmulatedBedrock
from axonflow_bedrock.errors.diagnose import diagnose, diagnose_exception_frame
from axonflow_bedrock.wire.endpoint import Handler, bedrock_app
from axonflow_bedrock.wire.envelope import measured
from axonflow_bedrock.wire.eventstream import FrameDecoder
from axonflow_core.codec.errors import ErrorCodec, retry_after_of
from axonflow_core.config import load_config
from axonflow_core.dialects import anthropic_messages, openai_chat
from axonflow_core.emulator.service import EmulatedService, EmulatedVendor
from axonflow_core.endpoint.app import dialect_app
from axonflow_core.endpoint.credentials import anybody
from axonflow_core.endpoint.framings import NAMED_SSE
from axonflow_core.endpoint.openai_chat import chat_operation
from axonflow_core.endpoint.operations import Kind, Operation
from axonflow_core.endpoint.wire import Wire
from axonflow_core.errors import (
    AnswerError,
    AxonFlowError,
    ConfigError,
    ProviderError,
    RequestError,
)
from axonflow_core.framing.ndjson import NdjsonDecoder
from axonflow_core.framing.sse import SseDecoder
from axonflow_core.json import dumps, from_json, to_json
from axonflow_core.messages import Completion, StopReason, Text
from axonflow_core.output_types import output_of
from axonflow_core.plugin_spec import ModelDescription
from axonflow_core.stream import Assembler

from . import seeds
from .mutate import ODD_WORDS, Mutator
from .seeds import CONTEXT, Seeds, wire_of

Target: TypeAlias = Callable[[Random], str]
"""Reads one mutation; the name of what came of it."""
OF_ANSWERS = (AnswerError, ProviderError)
"""What the answer of a provider may be told as: the caller is not to blame."""
DIALECTS = (openai_chat.CODEC, anthropic_messages.CODEC)
"""What clients of other vendors speak."""
MAX_MESSAGE = 1_000
"""Characters; bodies hold texts of 5,000."""


def outcome(
    read: Callable[[], object], errors: tuple[type[AxonFlowError], ...] = OF_ANSWERS
) -> str:
    """What came of reading: `read`, or the class of an error among those that blame whom it
    should."""
    try:
        read()
    except errors as error:
        _shown(error)
        for fault in getattr(error, "faults", (error,)):
            assert len(fault.message) < MAX_MESSAGE, "a message quotes what it tells of"
        return type(error).__name__
    return "read"


def _shown(error: AxonFlowError) -> None:
    """An error is text, whatever it tells of."""
    f"{error} {error.hint} {error!r} {error.__notes__}".encode()


def _used(answer: Completion) -> None:
    """What whoever called does with an answer: adds its counts up, looks at its ids, saves it."""
    usage = answer.usage
    assert usage.total_tokens >= 0
    assert (answer.id or "") + (answer.model or "") + answer.text is not None
    assert (answer.latency_ms or 0) + (answer.created or 0) >= 0
    dumps(to_json(answer))


def _choosing(of: Sequence[Seeds], kind: str) -> Callable[[Random], tuple[Seeds, Any]]:
    """Draws a codec that has seeds of the kind, and one of them."""
    having = [one for one in of if getattr(one, kind)]

    def choose(source: Random) -> tuple[Seeds, Any]:
        one = source.choice(having)
        return one, source.choice(getattr(one, kind))

    return choose


def answers(of: Sequence[Seeds] | None = None) -> Target:
    """Whole answers and their headers, in the envelope; read, and written for some client."""
    choose = _choosing(of or seeds.conversations(), "answers")

    def target(source: Random) -> str:
        one, body = choose(source)
        mutator = Mutator(source)
        native = mutator.value(body.native, body.ways)
        headers = mutator.headers(body.headers)
        wire, writer = wire_of(one.codec), source.choice((one.codec, *DIALECTS))

        def read() -> None:
            if wire is None:
                answer = one.codec.decode_response(native, one.facts)
            else:
                answer = wire.read_answer(one.codec, native, one.facts, headers)
            _used(answer)
            dumps(writer.encode_response(answer, one.facts))

        return outcome(read)

    return target


def streams(of: Sequence[Seeds] | None = None) -> Target:
    """The chunks of a stream, added up, and written for some client."""
    choose = _choosing(of or seeds.conversations(), "streams")

    def target(source: Random) -> str:
        one, stream = choose(source)
        natives = Mutator(source).chunks(stream.natives, stream.ways)
        wire, writer = wire_of(one.codec), source.choice((one.codec, *DIALECTS))

        def read() -> None:
            decoder = (
                one.codec.stream_decoder(one.facts)
                if wire is None
                else wire.chunk_reader(one.codec, one.facts)
            )
            encoder = writer.stream_encoder(CONTEXT, one.facts)
            assembler = Assembler()
            for native in natives:
                batch = decoder.feed(native)
                dumps(encoder.encode(batch))
                for event in batch:
                    assembler.add(event)
            decoder.finish()
            _used(assembler.completion)

        return outcome(read)

    return target


def requests(of: Sequence[Seeds] | None = None) -> Target:
    """Requests of clients, read and written again."""
    choose = _choosing(of or seeds.conversations(), "requests")

    def target(source: Random) -> str:
        one, body = choose(source)
        native = Mutator(source).value(body.native, body.ways)

        def read() -> None:
            request = one.codec.decode_request(native, one.facts)
            dumps(one.codec.encode_request(request, one.facts))

        return outcome(read, (RequestError,))

    return target


def unary() -> Target:
    """Answers and requests of embedding models, rerankers and token counters."""
    answers, requests = _choosing(seeds.unary(), "answers"), _choosing(seeds.unary(), "requests")

    def target(source: Random) -> str:
        is_answer = source.random() < 0.7
        one, body = (answers if is_answer else requests)(source)
        mutator = Mutator(source)
        native = mutator.value(body.native, body.ways)
        headers = mutator.headers(body.headers)

        def read() -> None:
            if not is_answer:
                request = one.codec.decode_request(native, one.facts)
                dumps(one.codec.encode_request(request, one.facts))
                return
            answer = one.codec.decode_response(native, one.facts)
            dumps(to_json(answer if one.codec.kind == "count" else measured(answer, headers)))

        return outcome(read, OF_ANSWERS if is_answer else (RequestError,))

    return target


ERRORS: tuple[ErrorCodec, ...] = (openai_chat.ERRORS, anthropic_messages.ERRORS)
REFUSALS = (
    {"message": "Malformed input request: #/a: expected type: String [a b], please reformat"},
    {"Message": "no", "__type": "ns#AccessDeniedException:http://a/"},
    {"Output": {"__type": "ns#UnknownOperationException"}, "Version": "1.0"},
    {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}},
    {"error": {"message": "m", "type": "invalid_request_error", "param": None, "code": "c"}},
    {
        "message": "m",
        "axonflow": {"code": "throttled", "retry_after_s": 2.5, "is_retryable": True},
    },
    {"error": {"message": "m", "axonflow": {"code": "throttled", "retry_after_s": 2.5}}},
)


def errors() -> Target:
    """Refusals: status, headers and body, and the same in a stream."""
    bodies = [seeds.body(native) for native in REFUSALS]
    bodies += [
        seeds.body(recording.response_body)
        for recording in seeds.recordings()
        if recording.status >= 400 and recording.response_body is not None
    ]
    names = ("retry-after", "retry-after-ms", "x-amz-retry-after", "date", "x-should-retry")
    headers = {**dict.fromkeys(names, "5"), "x-amzn-errortype": "ThrottlingException:http://a/"}

    def target(source: Random) -> str:
        mutator, body = Mutator(source), source.choice(bodies)
        native = mutator.value(body.native, body.ways)
        sent = mutator.headers(headers)
        data = _text(native)
        data = mutator.data(data) if source.random() < 0.3 else data
        status = source.choice((400, 401, 403, 404, 413, 424, 429, 500, 503, 529, 302, 0, 999))

        def read() -> None:
            _shown(diagnose(status, sent.get("x-amzn-errortype"), data))
            _shown(diagnose_exception_frame(source.choice(ODD_WORDS), data))
            for codec in ERRORS:
                error = codec.decode_error(status, sent, data)
                _shown(error)
                dumps(codec.encode_error(error).body)
                dumps(codec.error_event(error))
                if (reported := codec.decode_event(native)) is not None:
                    _shown(reported)

        return outcome(read)

    return target


def _text(native: Any) -> bytes:
    """The JSON of a mutated body; of one that JSON has no text for, bytes that are none."""
    try:
        return dumps(native)
    except TypeError:
        return b'{"odd": nan'


def headers() -> Target:
    """Numbers and dates of headers: waits, and the clock."""

    def target(source: Random) -> str:
        sent = {
            name: source.choice(ODD_WORDS)
            for name in ("retry-after", "retry-after-ms", "x-amz-retry-after", "date")
            if source.random() < 0.7
        }

        def read() -> None:
            wait_s = retry_after_of(sent)
            assert wait_s is None or 0 <= wait_s < 1e9
            clock = Clock()
            clock.learn(source.choice(ODD_WORDS))
            clock.now()

        return outcome(read)

    return target


def frames() -> Target:
    """The bytes of a stream with bits flipped, cut, or with frames that a peer sealed itself."""
    choose = _choosing(
        [
            Seeds(one.codec, one.facts, [], [], [stream for stream in one.streams if stream.frames])
            for one in seeds.conversations()
        ],
        "streams",
    )

    def target(source: Random) -> str:
        one, stream = choose(source)
        mutator, sent, wire = Mutator(source), [*stream.frames], wire_of(one.codec)
        place = source.randrange(len(sent))
        if source.random() < 0.6:
            sent[place] = mutator.sealed(sent[place])
        else:
            sent[place] = mutator.data(sent[place])
        data = b"".join(sent)
        cut = source.randrange(len(data) + 1)

        def read() -> None:
            decoder, chunks, assembler = (
                FrameDecoder(),
                wire.chunk_reader(one.codec, one.facts),
                Assembler(),
            )
            for piece in (data[:cut], data[cut:]):
                for frame in decoder.feed(piece):
                    for event in chunks.feed(wire.read_frame(frame)):
                        assembler.add(event)
            decoder.finish()
            chunks.finish()
            _used(assembler.completion)

        return outcome(read)

    return target


def lines() -> Target:
    """Server-sent events and JSON lines, as the dialects have them."""
    recorded = [
        stream
        for one in seeds.conversations()
        if wire_of(one.codec) is None
        for stream in one.streams
    ]
    written = [
        b"".join(b"event: message\ndata: " + dumps(native) + b"\n\n" for native in stream.natives)
        for stream in recorded
    ]
    written += [b"".join(dumps(native) + b"\n" for native in stream.natives) for stream in recorded]

    def target(source: Random) -> str:
        data = Mutator(source).data(source.choice(written))
        cut = source.randrange(len(data) + 1)

        def read() -> None:
            events, values = SseDecoder(), NdjsonDecoder()
            for piece in (data[:cut], data[cut:]):
                for event in events.feed(piece):
                    event.json()
            events.finish()
            for piece in (data[:cut], data[cut:]):
                values.feed(piece)
            values.finish()

        return outcome(read)

    return target


class Unit(Enum):
    """Of a temperature."""

    CELSIUS = "C"
    FAHRENHEIT = "F"


@frozen
class Day:
    """A day's weather, in every type that an answer may be read into."""

    name: str
    on: date
    at: datetime | None
    unit: Unit
    highs: list[float]
    pair: tuple[int, str]
    names: set[str]
    notes: dict[str, Any]
    is_sunny: bool
    sky: Literal["blue", "grey"] = "blue"
    next: Day | None = None


WEATHER: Any = {
    "name": "Monday",
    "on": "2026-11-30",
    "at": "2026-11-30T08:00:00Z",
    "unit": "C",
    "highs": [4, 5.5],
    "pair": [1, "a"],
    "names": ["a", "b"],
    "notes": {"wind": {"from": "N"}},
    "is_sunny": True,
    "sky": "grey",
}


def types() -> Target:
    """Answers that are read into the type that was asked for."""
    body = seeds.body({**WEATHER, "next": WEATHER})
    kinds = (Day, list[Day], Day | int, dict[str, Day], set[date], tuple[Day, ...], {"a": 1})
    readers = [output_of(kind)[1] for kind in kinds]

    def target(source: Random) -> str:
        mutator = Mutator(source)
        data = _text(mutator.value(body.native, body.ways))
        data = mutator.data(data) if source.random() < 0.1 else data
        answer = Completion((Text(data.decode("utf-8", "replace")),), StopReason.END_TURN)
        read = source.choice((readers[0], *readers))
        return outcome(lambda: read(answer))

    return target


def values() -> Target:
    """Values that were saved as JSON, and come from a file of somebody's."""
    saved = [*seeds.REQUESTS, *seeds.ANSWERS, seeds.VECTORS, seeds.RANKING]
    bodies = [seeds.body(to_json(value)) for value in saved]

    def target(source: Random) -> str:
        mutator, body = Mutator(source), source.choice(bodies)
        native = mutator.value(body.native, body.ways)
        written = mutator.data(_text(native)) if source.random() < 0.2 else native
        return outcome(lambda: dumps(to_json(from_json(written))), (RequestError,))

    return target


CONFIG = """\
version: "1.0"
llm_providers:
  bedrock: &bedrock
    enabled: true
    priority: 1
    weight: 0.5
    config:
      region: us-east-1
      model: ${MODEL:-amazon.nova-lite-v1:0}
      max_tokens: 10
      timeouts: {connect_s: 5, total_s: 1e2}
      families: [nova, titan]
      guardrail: {id: abc123, version: "1"}
    credentials: {}
  echo:
    <<: *bedrock
    enabled: no
    credentials: {api_key: "$KEY"}
"""


def config() -> Target:
    """Configuration files, as bytes and as the values that they are read as."""
    values = seeds.body(yaml.safe_load(CONFIG))
    environment = {"KEY": "a-key", "MODEL": "x" * 1000}

    def target(source: Random) -> str:
        mutator = Mutator(source)
        is_bytes = source.random() < 0.5
        written = CONFIG.encode() if is_bytes else mutator.value(values.native, values.ways)
        with TemporaryDirectory() as folder:
            path = Path(folder, "axonflow.yaml")
            path.write_bytes(mutator.data(written) if is_bytes else _text(written))
            return outcome(lambda: load_config(path, environment), (ConfigError,))

    return target


def emulator(handler: Handler | None = None) -> Target:
    """Bodies that a client sends to the emulator: no status of 500 or more."""
    every = seeds.calls()
    handler = handler or EmulatedBedrock(installed_codecs(), CATALOGUE)
    app = bedrock_app(handler, lambda request: "client-1", new_request_id=lambda: "request-1")

    def target(source: Random) -> str:
        call = source.choice(every)
        body = source.choice(call.bodies)
        mutator = Mutator(source)
        data = _text(mutator.value(body.native, body.ways))
        data = mutator.data(data) if source.random() < 0.1 else data
        status = run(_status(app, call.path, data))
        assert status < 500, f"{call.path} {status}"
        return str(status)

    return target


DIALECT_WIRE = Wire(
    name="dialects",
    errors=openai_chat.ERRORS,
    operations=(
        chat_operation("/openai_chat"),
        Operation(
            name="messages",
            kind=Kind.CHAT,
            path="/anthropic_messages",
            codec=anthropic_messages.CODEC,
            framing=NAMED_SSE,
            stream_member="stream",
            transport_members=frozenset({"model", "stream"}),
        ),
    ),
)
"""The dialects of the core, each at the path of its name."""


def _model() -> Sequence[ModelDescription]:
    return (ModelDescription(id="m", vendor="v", family="f", kind="chat", surfaces=("chat",)),)


def dialects(handler: Handler | None = None) -> Target:
    """Bodies that a client sends to the emulator of a dialect: no status of 500 or more."""
    every = [one for one in seeds.conversations() if one.codec in DIALECTS]
    handler = handler or EmulatedService(DIALECT_WIRE, EmulatedVendor(models=_model))
    app = dialect_app(DIALECT_WIRE, handler, anybody)

    def target(source: Random) -> str:
        one = source.choice(every)
        body = source.choice(one.requests)
        native = Mutator(source).value(body.native, body.ways)
        if isinstance(native, dict) and source.random() < 0.9:
            native = {"model": "m", "stream": source.random() < 0.5, **native}
        status = run(_status(app, f"/{one.codec.name}", _text(native)))
        assert status < 500, f"{one.codec.name} {status}"
        return str(status)

    return target


async def _status(app: Any, path: str, body: bytes) -> int:
    """The status that `app` answers a body with; 500 for an exception in the middle of a stream."""
    statuses: list[int] = []
    requests = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Any:
        return requests.pop() if requests else await sleep(3600)

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])
        elif any(word in message.get("body", b"") for word in _BROKEN):
            statuses.append(500)

    scope = {
        "type": "http",
        "method": "POST",
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [],
    }
    await app(scope, receive, send)
    return max(statuses)


_BROKEN = (b"internalServerException", b"server_error")
"""What a stream says that breaks off by a fault of ours."""


TARGETS: Mapping[str, Callable[[], Target]] = {
    "answers": answers,
    "streams": streams,
    "requests": requests,
    "unary": unary,
    "errors": errors,
    "headers": headers,
    "frames": frames,
    "lines": lines,
    "types": types,
    "values": values,
    "config": config,
    "emulator": emulator,
    "dialects": dialects,
}
"""Name -> what makes the target; making one reads its seeds."""
SLOW: Mapping[str, int] = {"config": 50}
"""Name -> of how many executions one is made: a file is read with the plugins' metadata."""
