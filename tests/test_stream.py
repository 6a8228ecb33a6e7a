"""Answers as events, and events as answers."""

from __future__ import annotations

from hypothesis import given
from toy import CHAT

from axonflow_core.messages import Completion, Guardrail, StopReason, Text, ToolUse, Usage
from axonflow_core.stream import Ended, TextDelta, assemble, batch_of
from axonflow_core.testing import Claims, completions


@given(completions(Claims(codec=CHAT)))
def test_a_whole_answer_as_one_batch_adds_up_to_itself(completion: Completion) -> None:
    assert assemble(batch_of(completion)) == completion


def test_what_the_provider_adds_to_an_answer_is_in_its_batch() -> None:
    completion = Completion(
        (Text("Hi", extra={"id": "g-1"}), ToolUse("call_1", "weather", {"city": "Oslo"})),
        StopReason.TOOL_USE,
        Usage(3, 2),
        guardrail=Guardrail("NONE", {"guardrail": {}}),
        latency_ms=40,
        first_byte_latency_ms=7,
        request_echo="How is the weather?",
        extra={"x": 1},
    )

    batch = batch_of(completion)

    assert assemble(batch) == completion
    assert TextDelta("Hi", 0) in batch
    assert batch[-1] == Ended()
