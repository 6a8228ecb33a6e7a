"""A call goes to the next target where another target may help, and nowhere else."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any
from unittest.mock import AsyncMock

import pytest

from axonflow_core import errors
from axonflow_core.calls.retries import BEFORE_ANOTHER_S, LONGEST_WAIT, MAX_PAUSE_S
from axonflow_core.errors import (
    AccessDenied,
    AnswerError,
    AxonFlowError,
    ContextExceeded,
    CredentialsExpired,
    DecodeError,
    EncodeError,
    InvalidCall,
    ModelNotFound,
    ProviderError,
    ProviderTimeout,
    RequestError,
    Throttled,
    TruncatedStream,
    Unavailable,
)
from axonflow_core.messages import (
    CachePoint,
    Choice,
    CompletionRequest,
    FailedAttempt,
    SkippedTarget,
    Text,
    assistant,
    user,
)
from axonflow_core.provider import EVERYWHERE, CompletionStream
from axonflow_core.retrieval import EmbeddingRequest, Embeddings
from axonflow_core.routing.breaker import Trial
from axonflow_core.routing.health import TargetState
from axonflow_core.routing.router import Router
from axonflow_core.routing.rules import Strategy
from axonflow_core.routing.targets import Target, Wish
from axonflow_core.stream import Started

from .places import HI, Place, router_of

TWO = {"fast": [("a", "a-fast"), ("b", "b-fast")]}
FAST = Wish(model="fast")


def sent_silence() -> ProviderTimeout:
    return ProviderTimeout("no answer within 60 s")


def unsent_silence() -> ProviderTimeout:
    error = ProviderTimeout("no connection within 5 s")
    error.may_be_billed = False
    return error


PASSED_ON = (
    Throttled("slow down"),
    Unavailable("down"),
    unsent_silence(),
    CredentialsExpired("old"),
    AccessDenied("no"),
    ModelNotFound("gone"),
    ContextExceeded("long"),
    EncodeError("no images", feature="images"),
    ProviderError("the certificate is not trusted"),
)
NOT_PASSED_ON = (
    InvalidCall("temperature is 0 to 1"),
    ProviderError("a teapot", status=418),
    sent_silence(),
    DecodeError("no JSON"),
    TruncatedStream("cut"),
    errors.BlockingCallError("on the loop"),
    errors.AuditError("the disk is full"),
)


@pytest.mark.parametrize("error", PASSED_ON, ids=lambda error: type(error).__name__)
async def test_another_target_answers_where_this_one_cannot_now(error: AxonFlowError) -> None:
    a, b = Place("a", fails=error), Place("b")
    router = router_of(a, b, models=TWO)
    assert (await router.complete(HI, FAST)).text == "b"
    stream = await router.stream(HI, FAST)
    assert (await stream.completion()).text == "b"
    assert (a.asked, b.asked) == (["a-fast"] * 2, ["b-fast"] * 2)


@pytest.mark.parametrize("error", NOT_PASSED_ON, ids=lambda error: type(error).__name__)
async def test_what_another_target_cannot_mend_is_raised_at_once(error: AxonFlowError) -> None:
    a, b = Place("a", fails=error), Place("b")
    router = router_of(a, b, models=TWO)
    for call in (router.complete(HI, FAST), router.stream(HI, FAST)):
        with pytest.raises(type(error)) as caught:
            await call
        assert caught.value is error
    assert b.asked == []


@pytest.mark.parametrize("error", [sent_silence(), DecodeError("no JSON"), Unavailable("cut")])
async def test_after_silence_another_is_asked_where_the_operator_wants_it_and_it_is_on_record(
    error: AxonFlowError,
) -> None:
    error.may_be_billed = True
    router = router_of(
        Place("a", fails=error), Place("b"), models=TWO, rules={"failover_on_silence": True}
    )
    answer = await router.complete(HI, FAST)
    assert answer.receipt is not None
    assert answer.receipt.choice == Choice(by="failover", is_possibly_billed_twice=True)


async def test_the_receipt_says_who_was_tried_and_what_they_said() -> None:
    error = Throttled("slow", status=429, native_code="slow").enrich(request_id="r-1")
    error.failed_attempts = (FailedAttempt("unavailable", None, 503),)
    router = router_of(Place("a", fails=error), Place("b"), models=TWO)
    receipt = (await router.complete(HI, FAST)).receipt
    assert receipt is not None
    assert (receipt.provider, receipt.model) == ("b", "b-fast")
    assert receipt.failed_attempts == (
        FailedAttempt("unavailable", None, 503, None, "a", "a-fast"),
        FailedAttempt("throttled", "slow", 429, "r-1", "a", "a-fast"),
    )
    assert receipt.attempts == 3
    stream = await router.stream(HI, FAST)
    assert stream.receipt is not None
    assert stream.receipt.failed_attempts == receipt.failed_attempts


async def test_the_receipt_of_the_only_target_is_untouched() -> None:
    receipt = (await router_of(Place("a")).complete(HI)).receipt
    assert receipt is not None
    assert receipt.choice is None


async def test_the_error_that_may_pass_is_raised_and_knows_the_others() -> None:
    throttled = Throttled("slow")
    router = router_of(
        Place("a", fails=CredentialsExpired("old")),
        Place("b", fails=throttled),
        Place("c", fails=EncodeError("no images", feature="images")),
        models={"fast": [("a", "1"), ("b", "2"), ("c", "3")]},
    )
    with pytest.raises(Throttled) as caught:
        await router.complete(HI, FAST)
    assert caught.value is throttled
    told = [(each.provider, each.code) for each in caught.value.failed_attempts]
    assert told == [("a", "credentials_expired"), ("c", "unsupported")]
    assert "also asked: a 1: credentials_expired" in caught.value.__notes__


async def test_a_request_that_no_target_can_take_is_the_first_refusal() -> None:
    a, b = (Place(name, fails=EncodeError(name, feature="images")) for name in "ab")
    with pytest.raises(EncodeError, match="a"):
        await router_of(a, b, models=TWO).complete(HI, FAST)


class Lasting:
    """A clock that stands still but for what a call takes, and a script of calls that fail."""

    def __init__(self, seconds: float) -> None:
        self.now_s = 0.0
        self._seconds = seconds

    def fails(self, model: str) -> AxonFlowError:
        self.now_s += self._seconds
        return Throttled("slow")


async def test_a_time_limit_is_one_for_all_targets() -> None:
    clock = Lasting(4.0)
    a, b = Place("a", fails=clock.fails), Place("b")
    router = router_of(a, b, models=TWO, now=lambda: clock.now_s)
    await router.complete(HI, FAST, timeout_s=10.0)
    assert (a.time_limits, b.time_limits) == ([10.0], [6.0])


async def test_no_target_is_asked_when_time_is_over() -> None:
    clock = Lasting(11.0)
    a, b = Place("a", fails=clock.fails), Place("b")
    router = router_of(a, b, models=TWO, now=lambda: clock.now_s)
    with pytest.raises(Throttled):
        await router.complete(HI, FAST, timeout_s=10.0)
    assert b.asked == []


async def test_a_target_may_ask_for_a_long_wait_where_no_other_may_be_asked_now() -> None:
    waits: list[float] = []

    def fails(model: str) -> AxonFlowError:
        waits.append(LONGEST_WAIT.get())
        return Throttled("slow")

    for health in (None, Log("b")):
        a, b = Place("a", fails=fails), Place("b", fails=fails)
        with pytest.raises(Throttled):
            await router_of(a, b, models=TWO, health=health).complete(HI, FAST)
    assert waits == [BEFORE_ANOTHER_S, MAX_PAUSE_S, MAX_PAUSE_S]


async def test_whoever_asks_hears_of_each_target_before_it_is_asked() -> None:
    heard: list[tuple[str, tuple[str, ...]]] = []

    def tell(target: Target, beside: tuple[Target, ...] = (), /) -> None:
        heard.append((str(target), tuple(map(str, beside))))

    for error in (Throttled("slow"), ProviderTimeout("no answer")):
        router = router_of(
            Place("a", fails=error), Place("b"), models=TWO, rules={"failover_on_silence": True}
        )
        await router.complete(HI, FAST, tell=tell)
    refused, silent = heard[:2], heard[2:]
    assert refused == [("a a-fast", ()), ("b b-fast", ())]
    assert silent == [("a a-fast", ()), ("b b-fast", ("a a-fast",))]


class Log:
    """A health that notes what its trials are told, and shuts some targets."""

    def __init__(self, *shut: str) -> None:
        self.shut = shut
        self.told: list[str] = []

    def ordered(self, targets: tuple[Target, ...]) -> tuple[Target, ...]:
        return targets

    def admits(self, target: Target) -> Trial | None:
        return None if target.provider in self.shut else Noted(self.told, target.provider)

    def waits_s(self, target: Target) -> float:
        return 3.2

    def states(self) -> Sequence[TargetState]:
        return ()


class Noted:
    """A trial that notes what it is told."""

    def __init__(self, told: list[str], provider: str) -> None:
        self._told = told
        self._provider = provider

    def succeeded(self, elapsed_s: float) -> None:
        self._told.append(f"{self._provider} succeeded")

    def failed(self, error: AxonFlowError) -> None:
        self._told.append(f"{self._provider} {error.code}")

    def left(self) -> None:
        self._told.append(f"{self._provider} left")

    def broke(self, error: AxonFlowError) -> None:
        self._told.append(f"{self._provider} broke: {error.code}")


async def test_health_is_told_what_became_of_each_try() -> None:
    health = Log()
    router = router_of(Place("a", fails=Throttled("slow")), Place("b"), models=TWO, health=health)
    await router.complete(HI, FAST)
    assert health.told == ["a throttled", "b succeeded"]


async def test_health_is_told_of_a_caller_who_left() -> None:
    health = Log()
    place = Place("a")

    async def wait(*_: object, **__: object) -> None:
        await asyncio.Event().wait()

    place.complete = wait  # type: ignore[method-assign, assignment]
    task = asyncio.create_task(router_of(place, health=health).complete(HI))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert health.told == ["a left"]


async def test_a_target_that_is_shut_is_passed_over_and_the_receipt_says_so() -> None:
    a, b = Place("a"), Place("b")
    router = router_of(a, b, models=TWO, health=Log("a"))
    receipt = (await router.complete(HI, FAST)).receipt
    assert a.asked == []
    assert receipt is not None
    assert receipt.choice is not None
    assert receipt.choice.skipped == (SkippedTarget("a", "a-fast", "it may not be asked now"),)
    with pytest.raises(Unavailable, match="a a-fast, b b-fast"):
        await router_of(a, b, models=TWO, health=Log("a", "b")).complete(HI, FAST)


async def test_a_stream_that_breaks_after_its_first_event_is_not_begun_anew() -> None:
    class Breaking(Place):
        async def stream(self, *args: Any, **more: Any) -> CompletionStream:
            stream = await super().stream(*args, **more)
            cut = TruncatedStream("cut")
            reads = AsyncMock(side_effect=[((Started("i", "m"),),), cut])
            stream.read = reads  # type: ignore[method-assign]
            return stream

    a, b = Breaking("a"), Place("b")
    stream = await router_of(a, b, models=TWO).stream(HI, FAST)
    with pytest.raises(TruncatedStream):
        await stream.completion()
    assert b.asked == []


# ── conversations ─────────────────────────────────────────────────────────────────────────────────


def turn(number: int, *, system: str = "Be brief.") -> CompletionRequest:
    said = [user("What is a parrot?")]
    for _ in range(number):
        said += [assistant("A bird."), user("And more?")]
    return CompletionRequest(said, system=system)


def weighted(seed: int = 7) -> Router:
    return router_of(*map(Place, "abcd"), strategy=Strategy.WEIGHTED, seed=seed)


async def test_a_conversation_stays_with_the_target_that_answered_it() -> None:
    router = weighted()
    answers = [(await router.complete(turn(number))).receipt for number in range(1, 20)]
    providers = {receipt.provider for receipt in answers if receipt is not None}
    assert len(providers) == 1
    last = answers[-1]
    assert last is not None
    assert last.choice is not None
    assert last.choice.by == "conversation"


async def test_questions_without_history_are_drawn_anew() -> None:
    router = weighted()
    assert {(await router.complete(turn(0))).text for _ in range(50)} == set("abcd")


async def test_cache_points_bind_a_first_question_too() -> None:
    router = weighted()
    asked = CompletionRequest((user("hi"),), system=(Text("long"), CachePoint()))
    assert len({(await router.complete(asked)).text for _ in range(50)}) == 1


async def test_owners_and_beginnings_are_told_apart() -> None:
    router = weighted()

    def first(owner: str, request: CompletionRequest) -> str:
        plan = router.choose(request=request, owner=owner)
        router.heard(plan.targets[0], 0.1, is_streamed=False, plan=plan)
        return plan.by

    assert first("acme", turn(1)) == "weighted"
    assert first("acme", turn(2)) == "conversation"
    assert first("other", turn(2)) == "weighted"
    assert first("acme", turn(2, system="Be long.")) == "weighted"


async def test_a_conversation_leaves_a_target_that_fails() -> None:
    places = {name: Place(name) for name in "ab"}
    router = router_of(*places.values(), strategy=Strategy.WEIGHTED)
    first = (await router.complete(turn(1))).text
    places[first].fails = Unavailable("down")
    second = (await router.complete(turn(2))).text
    places[first].fails = None
    assert second != first
    assert (await router.complete(turn(3))).text == second


async def test_a_conversation_never_moves_to_a_lower_priority_for_its_cache() -> None:
    places = {name: Place(name) for name in "ab"}
    router = router_of(*places.values(), priorities={"a": 9, "b": 1})
    places["a"].fails = Unavailable("down")
    assert (await router.complete(turn(1))).text == "b"
    places["a"].fails = None
    assert (await router.complete(turn(2))).text == "a"


# ── what cannot be compared ───────────────────────────────────────────────────────────────────────


class Vectors(Place):
    async def embed(
        self, request: EmbeddingRequest, *, model: str | None = None, timeout_s: float | None = None
    ) -> Embeddings:
        self._ask(model, timeout_s)
        return Embeddings(())


@pytest.mark.parametrize(
    ("targets", "is_answered"),
    [({"e": [("a", "one"), ("b", "two")]}, False), ({"e": [("a", "one"), ("b", "one")]}, True)],
)
async def test_embeddings_go_to_another_provider_of_the_same_model_alone(
    targets: Mapping[str, list[tuple[str, str]]], is_answered: bool
) -> None:
    a, b = Vectors("a", fails=Unavailable("down")), Vectors("b")
    router = router_of(a, b, Place("c"), models=targets, strategy=Strategy.WEIGHTED)
    for _ in range(20):
        try:
            await router.embed(EmbeddingRequest("x"), Wish(model="e"))
        except Unavailable:
            assert not is_answered
        else:
            assert is_answered
    assert set(a.asked) == {"one"}


async def test_a_provider_without_an_ability_is_passed_over() -> None:
    a, b = Place("a"), Vectors("b")
    await router_of(a, b).embed(EmbeddingRequest("x"))
    assert b.asked == ["b-model"]
    with pytest.raises(RequestError, match="'a' does not support embeddings") as caught:
        await router_of(a, b).embed(EmbeddingRequest("x"), Wish(provider="a"))
    assert caught.value.hint == "name one that does with `provider=`: b"


def test_the_regions_of_a_model_without_bounds_are_no_name() -> None:
    assert frozenset({"*"}) == EVERYWHERE
    assert AnswerError("x").may_be_billed
