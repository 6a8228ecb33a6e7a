"""A fact of an answer that is of another kind than documented: a text for a count, a list for an
id. The answer is billed, so of every family it is read without that fact, and comes back as it
was."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from axonflow_bedrock.wire.surfaces import surface_of
from axonflow_core.codec import FamilyCodec, ModelFacts, StreamContext
from axonflow_core.messages import Completion, Json, StopReason, Text, Usage
from axonflow_core.plugins import load_codecs
from axonflow_core.stream import assemble, batch_of

FACTS = ModelFacts()
CODECS = {
    f"{codec.name} {codec.surface}": codec
    for codec in load_codecs("bedrock").registry.of_kind(FamilyCodec)
}
ANSWER = Completion(
    (Text("It rains."),),
    StopReason.END_TURN,
    Usage(1013, 1019),
    id="the-id",
    model="the-model",
    created=1031,
    latency_ms=1033,
)
NUMBERS, SUM, NAMES = {1013, 1019, 1031, 1033}, 2032, {"the-id", "the-model"}
NO_NUMBERS: Sequence[Json] = ("5", True, 5.5, -1, [1], {"a": 1}, 2**63, 10**30)
NO_COUNTS: Sequence[Json] = (5, "text", True, [1])
NO_NAMES: Sequence[Json] = (5, True, 5.5, [1], {"a": 1})


def odd_bodies(native: Json) -> Iterator[Json]:
    """`native` with each of the facts, and each object of them, replaced by what is none, one at a
    time."""
    if (
        isinstance(native, dict)
        and native
        and all(one in [*NUMBERS, SUM] for one in native.values())
    ):
        yield from NO_COUNTS
    if isinstance(native, dict | list):
        for key, value in native.items() if isinstance(native, dict) else enumerate(native):
            for odd in odd_bodies(value):
                copy = native.copy()
                copy[key] = odd
                yield copy
    elif native in NUMBERS:
        yield from NO_NUMBERS
    elif native in NAMES:
        yield from NO_NAMES


def facts_of(answer: Completion) -> list[Any]:
    usage = answer.usage
    return [
        *(usage.input_tokens, usage.output_tokens),
        *(answer.id, answer.model, answer.created, answer.latency_ms),
    ]


def lost(read: Completion, whole: Completion) -> list[Any]:
    """What is read in place of the facts that are not as they were."""
    assert read.text == whole.text
    pairs = zip(facts_of(read), facts_of(whole), strict=True)
    return [found for found, fact in pairs if found != fact]


@pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)
def test_an_answer_is_read_without_a_fact_that_is_none(codec: FamilyCodec) -> None:
    native = codec.encode_response(ANSWER, FACTS)
    whole = codec.decode_response(native, FACTS)

    for body in odd_bodies(native):
        answer = codec.decode_response(body, FACTS)

        assert {*lost(answer, whole)} == {None}
        assert codec.encode_response(answer, FACTS) == body


@pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)
def test_a_stream_is_read_without_a_fact_that_is_none(codec: FamilyCodec) -> None:
    if not codec.streams:
        pytest.skip("the family does not stream")
    chunks = chunks_of(codec, ANSWER)
    whole = read(codec, chunks)

    for place, chunk in enumerate(chunks):
        for odd in odd_bodies(chunk):
            answer = read(codec, [*chunks[:place], odd, *chunks[place + 1 :]])

            # A later chunk may have the fact again.
            assert {*lost(answer, whole)} <= {None}


def chunks_of(codec: FamilyCodec, answer: Completion) -> list[Json]:
    context = StreamContext("the-id", "the-model", 1031)
    encoder = surface_of(codec).form.stream_encoder(codec, context, FACTS)
    return [chunk for event in batch_of(answer) for chunk in encoder.encode((event,))]


def read(codec: FamilyCodec, chunks: Sequence[Json]) -> Completion:
    reader = surface_of(codec).chunk_reader(codec, FACTS)
    events = [event for chunk in chunks for event in reader.feed(chunk)]
    reader.finish()
    return assemble(events)
