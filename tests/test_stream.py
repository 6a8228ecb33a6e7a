"""Answers as events, and events as answers."""

from __future__ import annotations

import pytest
from hypothesis import given
from toy import CHAT

from axonflow_core.converters import MAX_DEPTH
from axonflow_core.errors import TruncatedStream
from axonflow_core.messages import (
    Completion,
    Guardrail,
    Reasoning,
    StopReason,
    Text,
    ToolUse,
    Usage,
)
from axonflow_core.stream import (
    BlockStart,
    Ended,
    Extra,
    MetricsUpdate,
    ReasoningDelta,
    TextDelta,
    ToolInputDelta,
    assemble,
    batch_of,
    merge_usage,
    tool_input,
)
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


@pytest.mark.parametrize("known", [{"latency_ms": 40}, {"first_byte_latency_ms": 7}])
def test_one_latency_is_told_without_the_other(known: dict[str, int]) -> None:
    completion = Completion((), StopReason.END_TURN, **known)
    assert assemble(batch_of(completion)) == completion


def test_an_answer_without_latencies_has_no_event_for_them() -> None:
    batch = batch_of(Completion((), StopReason.END_TURN))
    assert not any(isinstance(event, MetricsUpdate) for event in batch)


@pytest.mark.parametrize(
    ("block", "deltas"),
    [
        (Reasoning(), 1),
        (Reasoning("Hm."), 0),
        (Reasoning(signature="c2ln"), 0),
        (Reasoning(redacted="c2VhbGVk"), 0),
    ],
)
def test_only_reasoning_without_anything_in_it_has_an_empty_delta(
    block: Reasoning, deltas: int
) -> None:
    batch = batch_of(Completion((block,), StopReason.END_TURN))
    assert sum(isinstance(event, ReasoningDelta) for event in batch) == deltas


def test_a_delta_without_an_index_is_of_the_first_block() -> None:
    assert TextDelta("Hi").index == ReasoningDelta("Hm.").index == 0


SPELLED = {"type": "custom"}


def test_free_text_for_a_tool_goes_on_where_the_start_of_the_call_ended() -> None:
    start = BlockStart(0, ToolUse("call_1", "shell", "ls ", spelling=SPELLED))
    answer = assemble([start, ToolInputDelta("-l", 0), ToolInputDelta(" /", 0), Ended()])
    assert answer.content == (ToolUse("call_1", "shell", "ls -l /", spelling=SPELLED),)


@pytest.mark.parametrize("level", ["a", "block", "chunk"])
def test_members_of_any_other_level_than_the_answers_are_the_codecs_own(level: str) -> None:
    assert assemble([Extra({"x": 1}, level), Extra({"y": 2}), Ended()]).extra == {"y": 2}


def test_arguments_of_a_tool_that_are_nested_too_deeply_stay_text() -> None:
    deepest = "[" * MAX_DEPTH + "]" * MAX_DEPTH
    wide = f"[{'[],' * MAX_DEPTH}[]]"

    assert isinstance(tool_input(deepest), list)
    assert isinstance(tool_input(wide), list)
    assert tool_input(f"[{deepest}]") == f"[{deepest}]"


def test_newer_counts_replace_older_ones_and_unknown_members_join() -> None:
    older = Usage(3, 1, extra={"a": 1, "b": 1})
    assert merge_usage(older, Usage()) == older
    assert merge_usage(older, Usage(output_tokens=4, extra={"b": 2, "c": 2})) == Usage(
        3, 4, extra={"a": 1, "b": 2, "c": 2}
    )


def test_events_without_the_terminal_one_are_no_answer() -> None:
    with pytest.raises(TruncatedStream) as caught:
        assemble([TextDelta("Hel"), TextDelta("lo")])
    assert caught.value.partial_text == "Hello"
