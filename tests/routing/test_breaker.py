"""Breakers: when a target is asked, by how its last calls ended; and outliers, which are asked
last."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axonflow_core.errors import (
    AccessDenied,
    AuditError,
    AxonFlowError,
    BlockingCallError,
    ContextExceeded,
    CredentialsExpired,
    DecodeError,
    EncodeError,
    InvalidCall,
    ModelNotFound,
    ProfileRequired,
    ProviderError,
    ProviderTimeout,
    Throttled,
    TruncatedStream,
    Unavailable,
    UnencodableAnswer,
)
from axonflow_core.routing.breaker import Breaker, BreakerRules, State, Window
from axonflow_core.routing.health import MAX_KNOWN, Breakers
from axonflow_core.routing.outliers import LEAST_CALLS, LEFT_OUT_S
from axonflow_core.routing.targets import Target

DOWN = Unavailable("down")
COUNTS = (
    DOWN,
    Throttled("slow"),
    ProviderTimeout("late"),
    DecodeError("no JSON"),
    TruncatedStream("cut"),
    ProviderError("odd", status=502),
)
SAYS_NOTHING = (
    AccessDenied("no", status=403),
    InvalidCall("no", status=400),
    ContextExceeded("long", status=400),
    CredentialsExpired("old", status=403),
    ModelNotFound("no", status=404),
    ProfileRequired("no", status=400),
    EncodeError("no images", feature="images"),
    UnencodableAnswer("no place"),
    BlockingCallError("loop"),
    AuditError("full"),
)


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def opened(clock: Clock, **rules: float) -> Breaker:
    """A breaker that is open."""
    breaker = Breaker(clock, BreakerRules(**rules))  # type: ignore[arg-type]
    fail(breaker, 10)
    return breaker


def fail(breaker: Breaker, times: int, error: AxonFlowError = DOWN) -> None:
    for _ in range(times):
        trial = breaker.admits()
        if trial is not None:
            trial.failed(error)


def succeed(breaker: Breaker, times: int) -> None:
    for _ in range(times):
        trial = breaker.admits()
        assert trial is not None
        trial.succeeded(0.1)


@pytest.mark.parametrize("error", COUNTS, ids=lambda error: type(error).__name__)
def test_what_a_target_does_to_everybody_opens_it(error: AxonFlowError) -> None:
    breaker = Breaker(Clock())
    fail(breaker, 9, error)
    assert breaker.state == "closed"
    fail(breaker, 1, error)
    assert breaker.state == "open"
    assert breaker.admits() is None


@pytest.mark.parametrize("error", SAYS_NOTHING, ids=lambda error: type(error).__name__)
def test_a_fault_of_the_caller_or_the_operator_never_does(error: AxonFlowError) -> None:
    breaker = Breaker(Clock())
    fail(breaker, 100, error)
    assert breaker.state == "closed"
    assert breaker.totals() == (0, 0)


def test_half_of_the_last_calls_have_to_fail() -> None:
    breaker = Breaker(Clock())
    succeed(breaker, 20)
    fail(breaker, 19)
    assert breaker.state == "closed"
    fail(breaker, 1)
    assert breaker.state == "open"


def test_what_is_older_than_the_window_is_forgotten() -> None:
    clock = Clock()
    breaker = Breaker(clock)
    fail(breaker, 9)
    clock.now_s = 36.0
    fail(breaker, 9)
    assert breaker.state == "closed"
    assert breaker.totals() == (9, 9)


def test_a_stream_that_breaks_is_no_success() -> None:
    breaker = Breaker(Clock())
    for _ in range(10):
        trial = breaker.admits()
        assert trial is not None
        trial.succeeded(0.1)
        trial.broke(TruncatedStream("cut"))
    assert breaker.state == "open"


def test_after_a_while_one_call_at_a_time_is_a_probe() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.now_s = 4.9
    assert breaker.admits() is None
    assert breaker.waits_s == pytest.approx(0.1)
    clock.now_s = 5.0
    probe = breaker.admits()
    assert probe is not None
    assert breaker.state == "half_open"
    assert [breaker.admits() for _ in range(100)] == [None] * 100
    probe.succeeded(0.1)
    assert breaker.state == "closed"
    assert breaker.totals() == (1, 0)


def test_a_probe_that_fails_opens_it_for_twice_as_long_up_to_a_limit() -> None:
    clock = Clock()
    breaker = opened(clock)
    waits = []
    for _ in range(6):
        clock.now_s += breaker.waits_s
        probe = breaker.admits()
        assert probe is not None
        probe.failed(DOWN)
        waits.append(breaker.waits_s)
    assert waits == [10.0, 20.0, 40.0, 60.0, 60.0, 60.0]


def test_a_probe_that_tells_nothing_leaves_its_place_to_the_next() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.now_s = 5.0
    for error in (None, InvalidCall("no")):
        probe = breaker.admits()
        assert probe is not None
        assert breaker.admits() is None
        if error is None:
            probe.left()
        else:
            probe.failed(error)
    assert breaker.admits() is not None


def test_whoever_was_under_way_when_it_opened_neither_closes_it_nor_ends_a_probe() -> None:
    clock = Clock()
    breaker = Breaker(clock)
    straggler = breaker.admits()
    assert straggler is not None
    fail(breaker, 10)
    straggler.succeeded(9.0)
    straggler.left()
    assert breaker.state == "open"
    clock.now_s = 5.0
    probe = breaker.admits()
    assert probe is not None
    for end in (straggler.succeeded, lambda _: straggler.left(), lambda _: straggler.failed(DOWN)):
        end(9.0)
        assert breaker.admits() is None
    probe.succeeded(0.1)
    straggler.failed(DOWN)
    assert breaker.totals() == (1, 0)


def test_a_target_that_asks_to_wait_is_left_alone_that_long() -> None:
    clock = Clock()
    breaker = Breaker(clock)
    fail(breaker, 10, Throttled("slow", retry_after_s=17.0))
    assert breaker.waits_s == 17.0
    patient = Breaker(clock)
    fail(patient, 10, Throttled("slow", retry_after_s=86_400.0))
    assert patient.waits_s == 60.0


@given(
    st.lists(
        st.tuples(st.floats(0, 12), st.sampled_from(["answered", "down", "callers", "left"])),
        max_size=80,
    )
)
def test_at_no_time_is_there_more_than_one_probe_and_an_open_one_lets_nothing_through(
    calls: list[tuple[float, str]],
) -> None:
    clock = Clock()
    breaker = Breaker(clock, BreakerRules(least_calls=3))
    ends: dict[str, Callable[..., None]] = {
        "answered": lambda trial: trial.succeeded(0.1),
        "down": lambda trial: trial.failed(DOWN),
        "callers": lambda trial: trial.failed(InvalidCall("no")),
        "left": lambda trial: trial.left(),
    }
    under_way: deque[tuple[str, object]] = deque()
    for pause_s, end in calls:
        clock.now_s += pause_s
        state, period = breaker.state, breaker.closed
        trial = breaker.admits()
        if state is State.OPEN:
            assert trial is None
        if state is State.CLOSED:
            assert trial is period
        if trial is not None and trial is not period:
            assert breaker.admits() is None  # one probe at a time
        if trial is not None:
            under_way.append((end, trial))
        if len(under_way) > 3:
            how, oldest = under_way.popleft()
            ends[how](oldest)


@given(st.lists(st.tuples(st.floats(0, 20), st.booleans()), max_size=60))
def test_a_window_has_every_call_of_its_time_and_none_that_is_a_slot_older(
    calls: list[tuple[float, bool]],
) -> None:
    window, now, made = Window(30.0), 0.0, []
    for pause_s, failed in calls:
        now += pause_s
        made.append((now, failed))
        window.count(now, calls=1, failures=int(failed))
        total, failures = window.totals(now)
        least = [each for each in made if each[0] > now - 25.0]
        most = [each for each in made if each[0] >= now - 30.0]
        assert len(least) <= total <= len(most)
        assert sum(f for _, f in least) <= failures <= sum(f for _, f in most)


# ── the targets of a configuration ────────────────────────────────────────────────────────────────


A, B, C = (Target(name, "m") for name in "abc")


def used(health: Breakers, target: Target, seconds: float, *, failures: int = 0) -> None:
    """Fifty calls; the last so many break off. It ends where no more may be made."""
    for number in range(50):
        trial = health.admits(target)
        if trial is None:
            return
        trial.succeeded(seconds)
        if number >= 50 - failures:
            trial.broke(DOWN)


def test_each_region_and_each_model_of_a_provider_has_a_breaker_of_its_own() -> None:
    health = Breakers(now=Clock())
    here, there, other = Target("a", "m"), Target("a", "m", region="eu-west-1"), Target("a", "n")
    for _ in range(10):
        trial = health.admits(here)
        assert trial is not None
        trial.failed(DOWN)
    assert health.admits(here) is None
    assert health.admits(Target("a", "m", weight=0.3, rank=7)) is None  # the same, elsewhere named
    assert health.admits(there) is not None
    assert health.admits(other) is not None
    (state, *_) = health.states()
    assert (state.provider, state.region, state.model) == ("a", None, "m")
    assert (state.state, state.calls, state.failures, state.opened) == (State.OPEN, 10, 10, 1)


def test_so_many_targets_are_remembered_and_an_open_one_longer_than_others() -> None:
    health = Breakers(now=Clock())
    for _ in range(10):
        trial = health.admits(A)
        assert trial is not None
        trial.failed(DOWN)
    for number in range(2 * MAX_KNOWN):
        health.admits(Target("b", str(number)))
    assert len(health.states()) == MAX_KNOWN
    assert health.admits(A) is None


def test_a_target_that_fails_much_more_than_others_is_asked_last_for_a_while() -> None:
    clock = Clock()
    health = Breakers(now=clock)
    for target, failures in ((A, 20), (B, 1), (C, 2)):
        used(health, target, 1.0, failures=failures)
    assert health.ordered((A, B, C)) == (B, C, A)
    assert [each.is_left_out for each in health.states()] == [True, False, False]
    clock.now_s = LEFT_OUT_S + 1
    assert health.ordered((A, B, C)) == (A, B, C)


def test_one_that_becomes_much_slower_than_others_is_too() -> None:
    clock = Clock()
    health = Breakers(now=clock)
    for target in (A, B):
        used(health, target, 1.0)
    assert health.ordered((A, B)) == (A, B)
    used(health, A, 9.0)
    clock.now_s = 1.0
    assert health.ordered((A, B)) == (B, A)


def test_one_that_was_always_slower_is_not() -> None:
    clock = Clock()
    health = Breakers(now=clock)
    for turn in range(5):
        clock.now_s = float(turn)
        used(health, A, 9.0)
        used(health, B, 1.0)
        assert health.ordered((A, B)) == (A, B)


def test_few_calls_condemn_nobody() -> None:
    health = Breakers(now=Clock())
    used(health, B, 1.0)
    for number in range(LEAST_CALLS - 1):
        trial = health.admits(A)
        assert trial is not None
        trial.succeeded(1.0)
        if number > 10:
            trial.broke(DOWN)
    assert health.ordered((A, B)) == (A, B)


@given(
    st.lists(
        st.tuples(
            st.lists(st.tuples(st.integers(0, 24), st.floats(0.01, 50)), min_size=4, max_size=4),
            st.floats(0, 60),
        ),
        max_size=6,
    )
)
def test_no_target_is_lost_and_never_are_more_than_half_left_out(
    rounds: list[tuple[list[tuple[int, float]], float]],
) -> None:
    clock = Clock()
    health = Breakers(now=clock)
    targets = tuple(Target(name, "m") for name in "abcd")
    for done, pause_s in rounds:
        for target, (failures, seconds) in zip(targets, done, strict=True):
            used(health, target, seconds, failures=failures)
        clock.now_s += 1.0
        assert set(health.ordered(targets)) == set(targets)
        assert sum(each.is_left_out for each in health.states()) <= 2
        clock.now_s += pause_s


def test_a_flood_of_new_models_pushes_out_no_busy_target() -> None:
    health = Breakers(now=Clock())
    used(health, A, 1.0)
    (busy,) = health.states()
    for number in range(3 * MAX_KNOWN):
        trial = health.admits(Target("b", str(number)))
        assert trial is not None
        trial.succeeded(1.0)
    assert [state.calls for state in health.states() if state.provider == "a"] == [busy.calls]
