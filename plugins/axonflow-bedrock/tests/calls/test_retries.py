"""When a call is made again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest

from axonflow_bedrock.retries import MAX_PAUSE_S, Retrier, Retries
from axonflow_core.errors import (
    AccessDenied,
    ProviderError,
    ProviderTimeout,
    Throttled,
    Unavailable,
)


def failing(*errors: ProviderError) -> Callable[[], Awaitable[str]]:
    left = list(errors)

    async def attempt() -> str:
        if left:
            raise left.pop(0)
        return "answer"

    return attempt


class Pauses(list[float]):
    async def __call__(self, seconds: float) -> None:
        self.append(seconds)


def retrier(attempts: int, pauses: Pauses, total_s: float = 60.0, drawn: float = 1.0) -> Retrier:
    return Retrier(
        retries=Retries(max_attempts=attempts), total_s=total_s, pause=pauses, draw=lambda: drawn
    )


@pytest.mark.parametrize(
    ("settled", "expected"),
    [
        (None, Retries(mode="standard", max_attempts=3)),
        ({"mode": "standard"}, Retries(mode="standard", max_attempts=3)),
        ({"mode": "legacy"}, Retries(mode="legacy", max_attempts=5)),
        ({"mode": "adaptive", "total_max_attempts": 2}, Retries(mode="adaptive", max_attempts=2)),
    ],
)
def test_the_settings_are_those_of_a_botocore_client(
    settled: dict[str, object] | None, expected: Retries
) -> None:
    assert Retries.of_client(settled) == expected


@pytest.mark.parametrize("passing", [Throttled("slow down"), Unavailable("no capacity")])
async def test_a_fault_that_passes_is_tried_again(passing: ProviderError) -> None:
    pauses = Pauses()
    assert await retrier(3, pauses).call(failing(passing, passing)) == "answer"
    assert pauses == [1.0, 2.0]


async def test_the_last_attempt_tells_why_it_failed() -> None:
    pauses = Pauses()
    with pytest.raises(Throttled, match="third"):
        await retrier(3, pauses).call(
            failing(Throttled("first"), Throttled("second"), Throttled("third"))
        )
    assert len(pauses) == 2


@pytest.mark.parametrize("lasting", [AccessDenied("no"), ProviderTimeout("too slow")])
async def test_a_fault_that_lasts_or_was_billed_is_not_tried_again(lasting: ProviderError) -> None:
    pauses = Pauses()
    with pytest.raises(type(lasting)):
        await retrier(3, pauses).call(failing(lasting))
    assert pauses == []


async def test_a_quota_per_day_is_not_tried_again() -> None:
    spent, pauses = Throttled("Too many tokens per day"), Pauses()
    spent.is_retryable = False
    with pytest.raises(Throttled):
        await retrier(3, pauses).call(failing(spent))
    assert pauses == []


async def test_no_pause_outlasts_the_call() -> None:
    pauses = Pauses()
    with pytest.raises(Throttled, match="first"):
        await retrier(9, pauses, total_s=0.5).call(failing(Throttled("first")))
    assert pauses == []


async def test_no_attempt_outlasts_the_call_and_what_is_told_is_why_it_was_made_again() -> None:
    attempts = iter([0.0, 5.0])

    async def attempt() -> str:
        await asyncio.sleep(next(attempts))
        raise Throttled("at the first attempt")

    started = time.monotonic()
    with pytest.raises(Throttled, match="at the first attempt"):
        await retrier(3, Pauses(), total_s=0.2, drawn=0.0).call(attempt)
    assert 0.2 <= time.monotonic() - started < 1.0


async def test_a_pause_never_grows_beyond_its_limit() -> None:
    pauses = Pauses()
    await retrier(9, pauses, total_s=1000).call(failing(*[Throttled("again")] * 8))
    assert max(pauses) == MAX_PAUSE_S
