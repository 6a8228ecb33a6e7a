"""The budget of extra calls: at most a fifth of what is asked, and ten."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from axonflow_core.calls.budget import FREE, MOST, PAID, RetryBudget


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_ten_calls_may_be_repeated_and_then_one_in_five() -> None:
    budget = RetryBudget(Clock())
    assert [budget.take() for _ in range(11)] == [True] * 10 + [False]
    repeated = 0
    for _ in range(1_000):
        budget.asked()
        repeated += budget.take()
    assert 199 <= repeated <= 200


def test_a_call_now_and_then_can_always_be_repeated() -> None:
    clock = Clock()
    budget = RetryBudget(clock)
    for _ in range(100):
        clock.now_s += 10.0
        budget.asked()
        assert budget.take()


@given(st.lists(st.sampled_from(["ask", "repeat", "repeat", "repeat"]), max_size=300))
def test_whatever_the_order_extra_calls_are_a_fifth_and_ten_at_most(steps: list[str]) -> None:
    budget, asked, extra = RetryBudget(Clock()), 0, 0
    for step in steps:
        if step == "ask":
            budget.asked()
            asked += 1
        else:
            extra += budget.take()
        assert extra <= 0.2 * asked + MOST + 1e-6
        assert budget.level <= MOST


def test_calls_pass_on_freely_to_a_provider_that_answers_them() -> None:
    budget = RetryBudget(Clock())
    for _ in range(1_000):
        fare = budget.fare()
        assert fare == FREE
        budget.arrived(FREE)


def test_where_they_fail_too_they_are_paid_for_until_one_is_answered() -> None:
    budget = RetryBudget(Clock())
    budget.fell(FREE)
    fares = []
    while (fare := budget.fare()) is not None:
        fares.append(fare)
        budget.fell(fare)
    assert fares == [PAID] * 9
    for _ in range(5):
        budget.asked()
    fare = budget.fare()
    assert fare == PAID
    budget.arrived(PAID)
    assert budget.fare() == FREE
    assert budget.level >= 1.0


def test_calls_that_were_under_way_are_owed_for_up_to_ten() -> None:
    budget = RetryBudget(Clock())
    fares = [budget.fare() for _ in range(200)]
    assert fares == [FREE] * 200
    for _ in fares:
        budget.fell(FREE)
    assert budget.level == -MOST
    for _ in range(54):
        budget.asked()
        assert budget.fare() is None


def test_one_that_tells_nothing_is_given_back() -> None:
    budget = RetryBudget(Clock())
    budget.fell(FREE)
    level = budget.level
    fare = budget.fare()
    assert fare == PAID
    budget.refunded(PAID)
    assert budget.level == level
