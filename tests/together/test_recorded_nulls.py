"""Null says the same as absent in every body that Bedrock really sent or took, member by member.

The law of the kit (`null is absent`) is held to drawn bodies; here are the recorded ones.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

from axonflow_bedrock.recorded import BedrockRecordingFormat
from axonflow_core.codec import FamilyCodec, ModelFacts
from axonflow_core.messages import Json
from axonflow_core.plugins import load_codecs
from axonflow_core.testing import Recording, read_recordings
from axonflow_core.testing.checking import Side
from axonflow_core.testing.value_laws import check_nulls

REGISTRY = load_codecs("bedrock").registry
FORMAT = BedrockRecordingFormat(REGISTRY)
ENDS = 3
"""So many chunks of the beginning and of the end of a stream are held to the law: in between they
repeat."""


def whole_sides(codec: Any, facts: ModelFacts) -> tuple[Side, Side]:
    return (
        Side(
            "request",
            st.nothing(),
            lambda body: codec.decode_request(body, facts),
            lambda value: codec.encode_request(value, facts),
        ),
        Side(
            "answer",
            st.nothing(),
            lambda body: codec.decode_response(body, facts),
            lambda value: codec.encode_response(value, facts),
        ),
    )


def chunks_side(codec: FamilyCodec, facts: ModelFacts) -> Side:
    def decode(chunks: Json) -> Json:
        decoder = codec.stream_decoder(facts)
        return [decoder.feed(chunk) for chunk in chunks]

    return Side("chunks", st.nothing(), decode, lambda batches: batches)


def natives_of(recording: Recording) -> Iterator[tuple[Side, Json, frozenset[str]]]:
    """Every recorded body with its side and the keys that its codec documents."""
    found, unary = FORMAT.codec_for(recording), FORMAT.unary_for(recording)
    if unary is not None:
        yield from _bodies(unary.codec, unary.facts, unary.request_body, unary.response_body)
    elif found is not None:
        codec, facts = found
        answer = FORMAT.native(recording.response_body) if is_answered(recording) else None
        yield from _bodies(codec, facts, recording.request_body, answer)
        chunks = [FORMAT.native(chunk) for chunk in recording.chunks or ()]
        if chunks and not any("__exception__" in chunk for chunk in chunks):
            few = chunks if len(chunks) <= 2 * ENDS else chunks[:ENDS] + chunks[-ENDS:]
            yield chunks_side(codec, facts), few, codec.documented


def is_answered(recording: Recording) -> bool:
    return recording.status < 400 and recording.response_body is not None


def _bodies(
    codec: Any, facts: ModelFacts, request: Json, answer: Json
) -> Iterator[tuple[Side, Json, frozenset[str]]]:
    for side, body in zip(whole_sides(codec, facts), (request, answer), strict=True):
        if isinstance(body, dict):
            yield side, body, codec.documented


def shape_of(native: Json, path: str = "") -> frozenset[str]:
    """The paths to every member of a body, whatever they hold."""
    if isinstance(native, dict):
        parts = [shape_of(item, f"{path}.{key}") for key, item in native.items()]
    elif isinstance(native, list):
        parts = [shape_of(item, path) for item in native]
    else:
        parts = []
    return frozenset({path}).union(*parts)


@pytest.mark.thorough
def test_a_null_member_of_every_recorded_body_says_the_same_as_none(recordings: Path) -> None:
    """Of bodies with the same members one is held to the law."""
    shapes, broken = set[object](), dict[str, str]()
    checked = Counter[str]()
    for path in sorted(recordings.glob("*.jsonl")):
        for recording in read_recordings(path):
            for side, native, documented in natives_of(recording):
                shape = (documented, side.name, shape_of(native))
                if shape in shapes:
                    continue
                shapes.add(shape)
                checked[side.name] += 1
                try:
                    check_nulls(side, native, documented)
                except AssertionError as found:
                    broken[f"{recording.case} ({side.name})"] = str(found)

    assert broken == {}
    assert min(checked[name] for name in ("request", "answer", "chunks")) > 20, checked
