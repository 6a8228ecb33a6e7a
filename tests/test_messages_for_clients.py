"""Answers of any family as Anthropic's own clients add them up."""

from __future__ import annotations

from typing import Any

import pytest
from grammar_messages import read_events

from axonflow_core.codec import ModelFacts, StreamContext
from axonflow_core.dialects.anthropic_messages import CODEC
from axonflow_core.endpoint.anthropic_messages import FORM
from axonflow_core.messages import Completion, Reasoning, StopReason, Text, Usage
from axonflow_core.stream import (
    Batch,
    BlockStart,
    BlockStop,
    Ended,
    ReasoningDelta,
    Started,
    Stopped,
    TextDelta,
    UsageUpdate,
)

FACTS, CONTEXT = ModelFacts(), StreamContext("msg_1", "model-1", 7)
COUNTS = UsageUpdate(Usage(9, 4))
STOPPED = Stopped(StopReason.END_TURN)


def streamed(*batches: Batch) -> list[Any]:
    """The chunks of a stream, which are grammatical."""
    encoder = FORM.stream_encoder(CODEC, CONTEXT, FACTS)
    chunks: list[Any] = [chunk for batch in batches for chunk in encoder.encode(batch)]
    read_events((chunk["type"], chunk) for chunk in chunks)
    return chunks


@pytest.mark.parametrize(
    "batches",
    [
        [(Started(),), (COUNTS,), (TextDelta("hi"),), (STOPPED,), (Ended(),)],
        [(Started(),), (TextDelta("hi"),), (STOPPED, COUNTS), (Ended(),)],
        [(Started(),), (TextDelta("hi"),), (STOPPED,), (COUNTS,), (Ended(),)],
        [(TextDelta("hi"),), (STOPPED,), (COUNTS, Ended())],  # Converse, Nova
        [(TextDelta("hi"), STOPPED, Ended(), COUNTS)],
    ],
)
def test_counts_reach_the_client_wherever_the_family_has_them(batches: list[Batch]) -> None:
    (last,) = [chunk for chunk in streamed(*batches) if chunk["type"] == "message_delta"]
    assert (last["usage"]["input_tokens"], last["usage"]["output_tokens"]) == (9, 4)


def test_a_count_that_is_said_twice_is_counted_once() -> None:
    later = UsageUpdate(Usage(output_tokens=6))
    chunks = streamed((Started(), COUNTS), (TextDelta("hi"),), (STOPPED, later), (COUNTS, Ended()))
    (last,) = [chunk for chunk in chunks if chunk["type"] == "message_delta"]
    assert last["usage"] == {"input_tokens": 9, "output_tokens": 4}


@pytest.mark.parametrize("signature", [None, "c2ln"])
def test_a_thought_has_a_signature_which_is_empty_where_nobody_signed_it(
    signature: str | None,
) -> None:
    answer = Completion((Reasoning("Hm.", signature), Text("hi")), STOPPED.reason, Usage(9, 4))
    thought, text = FORM.close_answer(CODEC, answer, FACTS)["content"]
    assert thought == {"type": "thinking", "thinking": "Hm.", "signature": signature or ""}
    assert text == {"type": "text", "text": "hi"}

    started = (BlockStart(0, Reasoning()), ReasoningDelta("Hm.", signature, index=0))
    for first in (started, started[1:]):
        chunks = streamed((*first, BlockStop(0)), (STOPPED, COUNTS), (Ended(),))
        (start,) = [chunk for chunk in chunks if chunk["type"] == "content_block_start"]
        assert start["content_block"] == {"type": "thinking", "thinking": "", "signature": ""}
