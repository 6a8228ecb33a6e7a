"""Stop reasons that a family has no word for."""

from __future__ import annotations

import pytest

from axonflow_core.codec import NativeNames
from axonflow_core.messages import StopReason

NAMES = NativeNames({"end_turn": StopReason.END_TURN, "refusal": StopReason.REFUSAL})


@pytest.mark.parametrize(
    ("reason", "name"),
    [
        (StopReason.CONTENT_FILTERED, "refusal"),
        (StopReason.GUARDRAIL, "refusal"),
        (StopReason.CONTEXT_EXCEEDED, "end_turn"),
        (StopReason.TOOL_USE, "end_turn"),
        (StopReason.REFUSAL, "refusal"),
    ],
)
def test_a_reason_without_a_word_is_written_as_the_nearest_that_has_one(
    reason: StopReason, name: str
) -> None:
    assert NAMES.encode(reason) == name
