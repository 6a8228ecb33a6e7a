"""When a call is made again."""

from __future__ import annotations

import pytest
from on_time import ends_within
from toy_upstream import ANSWER, CHUNKS, ROUTE, Delayed, Pauses, scripted, streamed

from axonflow_core.calls.retries import BEFORE_ANOTHER_S, LONGEST_WAIT, MAX_PAUSE_S, Retries
from axonflow_core.errors import (
    AccessDenied,
    AxonFlowError,
    DecodeError,
    InvalidCall,
    ProviderError,
    ProviderTimeout,
    Throttled,
    TruncatedStream,
    Unavailable,
)
from axonflow_core.messages import Completion, CompletionRequest, user
from axonflow_core.testing import MockAnswer

pytestmark = pytest.mark.timely

HI = CompletionRequest((user("hi"),))


async def complete(*answers: MockAnswer | Exception, **how: object) -> Completion:
    caller, *_ = scripted(answers, **how)  # type: ignore[arg-type]
    return await caller.complete(caller.prepare(HI, ROUTE))


# ── which errors ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("passing", [Throttled("slow down"), Unavailable("no capacity")], ids=str)
async def test_an_error_that_passes_is_followed_by_another_attempt(passing: ProviderError) -> None:
    pauses = Pauses()

    answer = await complete(passing, passing, ANSWER, pauses=pauses)

    assert answer.text == "Hello."
    assert pauses == [1.0, 2.0]


async def test_the_error_of_the_last_attempt_is_raised() -> None:
    pauses = Pauses()

    with pytest.raises(Throttled, match="third"):
        await complete(Throttled("first"), Throttled("second"), Throttled("third"), pauses=pauses)

    assert len(pauses) == 2


@pytest.mark.parametrize(
    "lasting", [AccessDenied("no"), ProviderTimeout("too slow"), DecodeError("odd")], ids=str
)
async def test_an_error_that_lasts_or_was_billed_is_raised_at_once(lasting: AxonFlowError) -> None:
    pauses = Pauses()

    with pytest.raises(type(lasting)):
        await complete(lasting, ANSWER, pauses=pauses)

    assert pauses == []


async def test_a_daily_quota_is_raised_at_once() -> None:
    spent, pauses = Throttled("Too many tokens per day"), Pauses()
    spent.is_retryable = False

    with pytest.raises(Throttled):
        await complete(spent, ANSWER, pauses=pauses)

    assert pauses == []


# ── how long the pauses are ───────────────────────────────────────────────────────────────────────


async def test_no_pause_outlasts_the_call() -> None:
    pauses = Pauses()

    with pytest.raises(Throttled, match="first"):
        await complete(Throttled("first"), ANSWER, pauses=pauses, total_s=0.5)

    assert pauses == []


async def test_a_pause_is_no_shorter_than_the_provider_asks_for() -> None:
    pauses = Pauses()

    await complete(Throttled("wait", retry_after_s=7.5), ANSWER, pauses=pauses)

    assert pauses == [7.5]


@pytest.mark.parametrize(("asked_s", "waited"), [(20.0, [20.0]), (20.5, []), (0.5, [1.0])])
async def test_a_provider_that_asks_for_more_than_20_s_is_not_waited_for(
    asked_s: float, waited: list[float]
) -> None:
    pauses, busy = Pauses(), Throttled("wait", retry_after_s=asked_s)
    if waited:
        await complete(busy, ANSWER, pauses=pauses)
    else:
        with pytest.raises(Throttled) as caught:
            await complete(busy, ANSWER, pauses=pauses)
        assert caught.value.retry_after_s == asked_s
    assert pauses == waited


async def test_where_another_target_may_answer_a_long_wait_is_none() -> None:
    pauses, outer = Pauses(), LONGEST_WAIT.set(BEFORE_ANOTHER_S)
    try:
        await complete(Throttled("wait", retry_after_s=2.0), ANSWER, pauses=pauses)
        with pytest.raises(Throttled):
            await complete(Throttled("wait", retry_after_s=2.5), ANSWER, pauses=pauses)
    finally:
        LONGEST_WAIT.reset(outer)

    assert pauses == [2.0]


@pytest.mark.parametrize("attempts", [1, 2, 4])
async def test_a_call_is_made_as_often_as_the_settings_say(attempts: int) -> None:
    caller, network, _ = scripted([Throttled("no")] * 9, attempts=attempts)

    with pytest.raises(Throttled):
        await caller.complete(caller.prepare(HI, ROUTE))

    assert len(network.requests) == attempts


async def test_a_pause_never_grows_beyond_its_limit() -> None:
    pauses = Pauses()

    await complete(*[Throttled("again")] * 8, ANSWER, attempts=9, pauses=pauses, total_s=1000.0)

    assert pauses == [1.0, 2.0, 4.0, 8.0, 16.0, MAX_PAUSE_S, MAX_PAUSE_S, MAX_PAUSE_S]


def test_jitter_takes_any_part_of_a_pause() -> None:
    drawn = iter([0.0, 0.25, 1.0])
    retries = Retries(draw=lambda: next(drawn))

    assert [retries.pause_s(3) for _ in range(3)] == [0.0, 1.0, 4.0]


# ── one deadline ──────────────────────────────────────────────────────────────────────────────────


class SlowSecond(Delayed):
    delays = (0.0, 5.0)


async def test_no_attempt_outlasts_the_call_and_the_error_before_it_is_raised() -> None:
    with (
        ends_within(1.0, not_before_s=0.2),
        pytest.raises(Throttled, match="at the first attempt"),
    ):
        await complete(
            Throttled("at the first attempt"), ANSWER, total_s=0.2, jitter=0.0, client=SlowSecond
        )


async def test_a_later_attempt_has_what_is_left_of_the_deadline() -> None:
    class Slow(Delayed):
        delays = (0.1, 0.0)

    caller, network, _ = scripted([Throttled("no"), ANSWER], total_s=50.0, jitter=0.0, client=Slow)

    await caller.complete(caller.prepare(HI, ROUTE))

    first, second = (request.timeouts.total_s for request in network.requests)
    assert first == 50.0
    assert 49.0 < second <= 49.9


async def test_the_limit_of_one_call_shortens_that_of_the_configuration_and_never_extends_it() -> (
    None
):
    caller, *_ = scripted([], total_s=50.0)

    limits = [caller.prepare(HI, ROUTE, timeout_s=limit).timeouts.total_s for limit in (1.5, 99.0)]

    assert limits == [1.5, 50.0]


# ── what is mended ────────────────────────────────────────────────────────────────────────────────


async def test_a_call_whose_refusal_was_mended_is_made_again_at_once() -> None:
    pauses = Pauses()

    answer = await complete(MockAnswer(status=403), ANSWER, pauses=pauses, mends=1)

    assert (answer.text, pauses) == ("Hello.", [])


async def test_a_call_is_mended_once() -> None:
    caller, network, upstream = scripted([MockAnswer(status=403)] * 3, mends=5)

    with pytest.raises(InvalidCall):
        await caller.complete(caller.prepare(HI, ROUTE))

    assert len(network.requests) == 2
    assert len(upstream.asked_to_recover) == 1


async def test_what_was_mended_takes_no_attempt_from_those_that_wait() -> None:
    pauses, throttled = Pauses(), [Throttled("no")] * 2

    await complete(MockAnswer(status=403), *throttled, ANSWER, pauses=pauses, mends=1)

    assert pauses == [1.0, 2.0]


# ── streams ───────────────────────────────────────────────────────────────────────────────────────


async def test_a_stream_is_opened_again_before_its_first_event() -> None:
    pauses = Pauses()
    caller, *_ = scripted([Throttled("no"), streamed(*CHUNKS)], pauses=pauses)

    stream = await caller.stream(caller.prepare(HI, ROUTE, is_streamed=True))

    assert (await stream.completion()).text == "Hello."
    assert pauses == [1.0]


async def test_a_stream_that_breaks_off_after_its_first_event_is_not_asked_for_again() -> None:
    caller, network, _ = scripted([streamed(CHUNKS[0], breaks_off=True), streamed(*CHUNKS)])

    stream = await caller.stream(caller.prepare(HI, ROUTE, is_streamed=True))
    with pytest.raises(TruncatedStream) as caught:
        await stream.completion()

    assert caught.value.partial_text == "Hel"
    assert len(network.requests) == 1


async def test_an_attempt_whose_stream_is_refused_closes_its_connection() -> None:
    caller, network, _ = scripted([MockAnswer(status=400)])

    with pytest.raises(InvalidCall):
        await caller.stream(caller.prepare(HI, ROUTE, is_streamed=True))

    assert [stream.is_closed for stream in network.streams] == [True]
