"""What a codec costs, as a ratio to what orjson costs for the same JSON, in the same run.

    body      decode and encode of a request of ten messages, against `orjson.loads` and `orjson.dumps` of it
    chunk     decode of one text chunk of a stream, against `orjson.loads` of it

The ten messages are of a real conversation's length: questions of 40 words, answers of 300, 8 kB in all. Every codec on
every surface that is installed; the median of interleaved rounds.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from functools import partial

import orjson

from axonflow_bedrock.emulator.streaming import batches_of
from axonflow_core.codec import FamilyCodec, ModelFacts, StreamContext
from axonflow_core.messages import Completion, CompletionRequest, Inference, Json, StopReason, Text, assistant, user
from axonflow_core.plugins import load_codecs
from axonflow_core.stream import TextDelta

ROUNDS, REPEATS = 15, 60
_QUESTION, _ANSWER = "and why is that so? " * 8, "because of what was said before, " * 50
CONVERSATION = CompletionRequest(
    messages=(*(user(_QUESTION), assistant(_ANSWER)) * 4, user(_QUESTION), user(_QUESTION)),
    inference=Inference(max_tokens=1000),
)
FACTS = ModelFacts()


def measure() -> None:
    bodies, chunks = [], []
    for codec in load_codecs("bedrock").registry.of_kind(FamilyCodec):
        name = f"{codec.name} ({codec.surface})"
        bodies.append(_report(f"body   {name}", *_body(codec)))
        chunk = _text_chunk(codec)
        if chunk is not None:
            chunks.append(_report(f"chunk  {name}", *_chunk(codec, chunk)))
    sys.stdout.write(f"\nbody:  median {statistics.median(bodies):.2f}, highest {max(bodies):.2f}\n")
    sys.stdout.write(f"chunk: median {statistics.median(chunks):.2f}, highest {max(chunks):.2f}\n")


def _body(codec: FamilyCodec) -> tuple[Callable[[], object], Callable[[], object]]:
    native = codec.encode_request(CONVERSATION, FACTS)
    text = orjson.dumps(native)

    def ours() -> None:
        codec.encode_request(codec.decode_request(native, FACTS), FACTS)

    def baseline() -> None:
        orjson.dumps(orjson.loads(text))

    return ours, baseline


def _text_chunk(codec: FamilyCodec) -> Json:
    """A chunk in the middle of a stream that says a word and nothing else."""
    completion = Completion((Text("one two three four five six"),), StopReason.END_TURN)
    encoder = codec.stream_encoder(StreamContext(id="1", model="m", created=1), FACTS)
    said = [encoder.encode(batch) for batch in batches_of(completion) if isinstance(batch[0], TextDelta)]
    return said[3][0] if len(said) > 3 and said[3] else None


def _chunk(codec: FamilyCodec, chunk: Json) -> tuple[Callable[[], object], Callable[[], object]]:
    decoder = codec.stream_decoder(FACTS)
    decoder.feed(chunk)
    return partial(decoder.feed, chunk), partial(orjson.loads, orjson.dumps(chunk))


def _report(name: str, ours: Callable[[], object], baseline: Callable[[], object]) -> float:
    rounds = [(_seconds(ours), _seconds(baseline)) for _ in range(ROUNDS)]
    ratio = statistics.median(mine / theirs for mine, theirs in rounds)
    mine, theirs = (statistics.median(each) / REPEATS * 1e6 for each in zip(*rounds, strict=True))
    sys.stdout.write(f"{name:<40} {mine:8.2f} us   orjson {theirs:8.2f} us   ratio {ratio:.2f}\n")
    return ratio


def _seconds(work: Callable[[], object]) -> float:
    before = time.perf_counter()
    for _ in range(REPEATS):
        work()
    return time.perf_counter() - before
