"""The chunks of a stream whose frames are written in advance, against those that an encoder writes
and a framing frames."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from axonflow_core.codec import ModelFacts, StreamContext
from axonflow_core.dialects.anthropic_messages import CODEC as MESSAGES
from axonflow_core.dialects.openai_chat.content import REFUSAL
from axonflow_core.endpoint.anthropic_messages import closed
from axonflow_core.endpoint.chunk_writer import ChunkWriter
from axonflow_core.endpoint.framings import NAMED_SSE, SSE
from axonflow_core.endpoint.openai_chat import chat_operation
from axonflow_core.endpoint.operations import AnswerForm, Encoder, Framing
from axonflow_core.frozen import evolve
from axonflow_core.messages import Json, StopReason, Text, ToolUse, Usage
from axonflow_core.stream import (
    Batch,
    BlockStart,
    BlockStop,
    Ended,
    Started,
    Stopped,
    TextDelta,
    ToolInputDelta,
    UsageUpdate,
)

CHAT = chat_operation("/v1/chat/completions")
CONTEXT = StreamContext("a-1", "model-1", 1_790_000_000)
COUNTED = {"stream_options": {"include_usage": True}}
DIALECTS = {
    "chat": (CHAT.codec, CHAT.form, SSE, {}),
    "chat, with counts": (CHAT.codec, CHAT.form, SSE, COUNTED),
    "messages": (MESSAGES, closed(AnswerForm()), NAMED_SSE, {}),
}
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
PIECES = st.tuples(st.builds(TextDelta, TEXTS, st.integers(0, 2)))
OTHERS: list[Batch] = [
    (Started("b-2", "model-2", 3),),
    (BlockStart(1, Text("", spelling=REFUSAL)),),
    (BlockStart(2, ToolUse("call-1", "look_up", {})), ToolInputDelta('{"a', 2)),
    (BlockStop(0),),
    (TextDelta("two", 0), TextDelta(" at once", 0)),
    (UsageUpdate(Usage(3, 2)),),
    (),
]
STREAMS = st.lists(PIECES | st.sampled_from(OTHERS), max_size=12)
END: Batch = (Stopped(StopReason.END_TURN), UsageUpdate(Usage(3, 2)), Ended())


class Counting:
    """An encoder that counts what it encodes."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self.count = 0

    def encode(self, batch: Batch, /) -> Sequence[Json]:
        self.count += 1
        return self._encoder.encode(batch)

    def __getattr__(self, name: str) -> object:
        return getattr(self._encoder, name)


def encoder_of(dialect: str) -> tuple[Counting, Framing]:
    codec, form, framing, body = DIALECTS[dialect]
    encoder = form.stream_encoder(codec, CONTEXT, ModelFacts())
    return Counting(form.as_asked(encoder, body)), framing


def framed(framing: Framing, chunks: Sequence[Json | bytes]) -> list[bytes]:
    return [each if isinstance(each, bytes) else framing.frame(each) for each in chunks]


@pytest.mark.parametrize("dialect", DIALECTS)
@given(stream=STREAMS)
def test_a_frame_that_is_written_in_advance_is_the_one_of_its_chunk(
    dialect: str, stream: list[Batch]
) -> None:
    (plain, framing), (encoder, _) = encoder_of(dialect), encoder_of(dialect)
    writer = ChunkWriter(encoder, framing)

    for batch in (*stream, END):
        expected = framed(framing, plain.encode(batch))
        assert framed(framing, writer.write((batch,))) == expected


@pytest.mark.parametrize("dialect", DIALECTS)
def test_most_pieces_of_a_text_are_not_encoded(dialect: str) -> None:
    encoder, framing = encoder_of(dialect)
    writer = ChunkWriter(encoder, framing)

    written = writer.write([(TextDelta(f"word {number} ", 0),) for number in range(50)])

    assert len(written) == 50 + (dialect == "messages") * 2  # a start of the message and the block
    assert encoder.count == 2


def test_chunks_whose_frames_hide_their_json_are_encoded_one_by_one() -> None:
    encoder, framing = encoder_of("chat")
    writer = ChunkWriter(encoder, evolve(framing, has_patterns=False))

    writer.write([(TextDelta(f"word {number} ", 0),) for number in range(50)])

    assert encoder.count == 50


@pytest.mark.parametrize("dialect", DIALECTS)
@example(
    stream=[
        (True, (TextDelta("one", 0),)),
        (False, (TextDelta("two", 1),)),
        (True, (TextDelta("three", 0),)),
        (False, (TextDelta("four", 2),)),
    ]
)
@given(stream=st.lists(st.tuples(st.booleans(), PIECES | st.sampled_from(OTHERS)), max_size=12))
def test_what_is_written_goes_on_from_whatever_passed_before_it(
    dialect: str, stream: list[tuple[bool, Batch]]
) -> None:
    (plain, framing), (encoder, _) = encoder_of(dialect), encoder_of(dialect)
    writer = ChunkWriter(encoder, framing)

    for passes, batch in stream:
        expected = framed(framing, plain.encode(batch))
        if passes:
            writer.follow((batch,))
        else:
            assert framed(framing, writer.write((batch,))) == expected


def test_what_passed_as_it_is_changes_what_is_written_after_it() -> None:
    encoder, framing = encoder_of("messages")
    writer = ChunkWriter(encoder, framing)
    writer.write([(TextDelta("one ", 0),), (TextDelta("two ", 0),)])

    writer.follow([(BlockStop(0),), (TextDelta("three ", 1),), (TextDelta("four ", 1),)])
    written = framed(framing, writer.write([(TextDelta("five", 1),)]))

    assert len(written) == 1
    assert b'"index":1' in written[0] and b"five" in written[0]
