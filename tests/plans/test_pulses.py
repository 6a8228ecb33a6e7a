"""Which executors count as alive, whatever clocks say."""

from __future__ import annotations

from axonflow_core.plans.pulses import Pulses


def test_an_executor_lives_for_as_long_as_its_beat_changes() -> None:
    pulses = Pulses(2)
    looks = [pulses.living({"a": beat, "b": 1}) for beat in (1, 1, 2, 2, 2)]
    assert looks == [{"a", "b"}, {"a", "b"}, {"a"}, {"a"}, set()]


def test_what_clock_a_beat_is_of_does_not_matter() -> None:
    pulses = Pulses(1)
    looks = [pulses.living({"ahead": beat, "back": -beat}) for beat in (10**15, 10**15 + 1, 5)]
    assert looks == [{"ahead", "back"}] * 3


def test_one_that_left_is_gone_at_once() -> None:
    pulses = Pulses(2)
    assert [pulses.living(beats) for beats in ({"a": 1}, {}, {"a": 1})] == [{"a"}, set(), {"a"}]
