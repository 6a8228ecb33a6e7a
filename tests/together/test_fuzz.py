"""A slice of the fuzzing: what a peer may get wrong is read, or told as an error of ours that
blames whom it should. `.ci/run --full fuzz` runs a million."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve

from axonflow_bedrock.wire.endpoint import Call, NativeAnswer
from axonflow_core.testing.breaking import netless
from tests.fuzz import seeds
from tests.fuzz.fuzzing import fuzzed
from tests.fuzz.seeds import Seeds
from tests.fuzz.targets import SLOW, TARGETS, answers, emulator, requests

COUNT = 200


@pytest.mark.parametrize("name", TARGETS)
def test_nothing_of_any_type_or_size_is_an_exception_of_another_s(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("CRITICAL"):
        found = fuzzed(TARGETS[name](), f"{name} 1", COUNT // SLOW.get(name, 1))

    assert [finding.traceback for finding in found.findings.values()] == []
    assert found.outcomes.total() == found.executions > 0


def test_an_answer_that_is_nearly_as_documented_is_read_as_often_as_it_is_refused() -> None:
    outcomes = fuzzed(answers(), "answers 1", COUNT).outcomes

    assert min(outcomes["read"], outcomes["DecodeError"]) > COUNT / 4


# ── controls: what must be found ──────────────────────────────────────────────────────────────────


def broken() -> list[Seeds]:
    """Codecs without the guard around their readers, which index blindly."""
    return [evolve(one, codec=netless(one.codec)) for one in seeds.conversations()[-2:]]


def test_the_control_a_reader_that_indexes_blindly_is_found() -> None:
    found = fuzzed(answers(broken()), "answers 1", COUNT).findings

    assert {finding.partition(" ")[0] for finding in found} >= {"AttributeError", "UnexpectedKind"}


def test_the_control_a_request_that_is_told_as_an_answer_is_found() -> None:
    assert fuzzed(requests(broken()), "requests 1", COUNT).findings != {}


def test_the_control_a_handler_that_indexes_blindly_is_found(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def blind(call: Call) -> NativeAnswer:
        said: Any = call.json["messages"][0]["content"]
        return NativeAnswer({"said": said})

    with caplog.at_level("CRITICAL"):
        found = fuzzed(emulator(blind), "emulator 1", COUNT).findings

    assert [finding.partition(" ")[0] for finding in found] == ["AssertionError"]
