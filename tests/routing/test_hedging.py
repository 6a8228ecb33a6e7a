"""Hedging: after silence a second target is asked; the first answer wins, both are on record."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from on_time import GUARD_S, until

from axonflow_core import BlockingRuntime
from axonflow_core.errors import AxonFlowError, InvalidCall, ProviderTimeout, Unavailable
from axonflow_core.messages import Choice, Completion, FailedAttempt
from axonflow_core.routing.health import Breakers
from axonflow_core.routing.router import Router
from axonflow_core.routing.rules import Hedge
from axonflow_core.routing.targets import Target, Wish

from .places import HI, Place, router_of

AFTER_S = 0.02
FAST = Wish(model="fast")


class Held(Place):
    """Answers, or fails, once it may, or after so many seconds; it knows whether it was asked, and
    left alone."""

    def __init__(self, name: str, seconds: float = GUARD_S, **more: Any) -> None:
        super().__init__(name, **more)
        self.seconds = seconds
        self.has_begun = asyncio.Event()
        self.may_answer = asyncio.Event()
        self.was_cancelled = False

    async def complete(self, *given: Any, **named: Any) -> Completion:
        await self._wait()
        return await super().complete(*given, **named)

    async def stream(self, *given: Any, **named: Any) -> Any:
        await self._wait()
        return await super().stream(*given, **named)

    async def _wait(self) -> None:
        self.has_begun.set()
        try:
            with suppress(TimeoutError):
                await asyncio.wait_for(self.may_answer.wait(), self.seconds)
        except asyncio.CancelledError:
            self.was_cancelled = True
            raise


def hedging(*places: Place, **more: Any) -> Router:
    targets = [(place.name, f"{place.name}-fast") for place in places]
    rules = {"hedge": {"fast": Hedge(after_s=AFTER_S)}}
    return router_of(*places, models={"fast": targets}, rules=rules, **more)


async def asked(router: Router, *, is_streamed: bool) -> Completion:
    if is_streamed:
        return await (await router.stream(HI, FAST)).completion()
    return await router.complete(HI, FAST)


@pytest.mark.parametrize("is_streamed", [False, True])
async def test_after_silence_the_second_answers_and_the_first_is_ended(is_streamed: bool) -> None:
    a, b = Held("a"), Place("b")
    answer = await asked(hedging(a, b), is_streamed=is_streamed)
    assert (answer.text, a.was_cancelled, a.asked) == ("b", True, [])
    assert answer.receipt is not None
    assert answer.receipt.choice == Choice(by="failover", is_possibly_billed_twice=True)
    assert answer.receipt.failed_attempts == (
        FailedAttempt("outrun", provider="a", model="a-fast"),
    )


async def test_the_first_may_still_be_the_first_to_answer_and_whoever_listens_knows_it() -> None:
    heard: list[str] = []

    def tell(target: Target, beside: tuple[Target, ...] = (), /) -> None:
        heard.append(" beside ".join(each.provider for each in (target, *beside)))

    a, b = Held("a"), Held("b")
    task = asyncio.create_task(hedging(a, b).complete(HI, FAST, tell=tell))
    await b.has_begun.wait()
    a.may_answer.set()
    answer = await task
    assert (answer.text, b.was_cancelled, heard) == ("a", True, ["a", "b beside a", "a"])
    assert answer.receipt is not None
    assert answer.receipt.choice is not None
    assert answer.receipt.choice.is_possibly_billed_twice


async def test_an_answer_in_time_is_one_call() -> None:
    a, b = Place("a"), Place("b")
    answer = await hedging(a, b).complete(HI, FAST)
    assert (answer.text, b.asked) == ("a", [])
    assert answer.receipt is not None
    assert answer.receipt.choice == Choice(by="failover")


async def test_only_the_named_model_is_hedged() -> None:
    a, b = Held("a", 0.05), Place("b")
    assert (await hedging(a, b).complete(HI)).text == "a"
    assert b.asked == []


async def test_where_one_fails_the_other_goes_on() -> None:
    for a, b in (
        (Held("a", 0.05, fails=Unavailable("down")), Held("b", 0.1)),
        (Held("a", 0.1), Held("b", 0.01, fails=Unavailable("down"))),
        (Held("a", 0.1), Held("b", 0.01, fails=InvalidCall("no", status=400))),
    ):
        answer = await hedging(a, b).complete(HI, FAST)
        assert answer.text in {"a", "b"}


async def test_where_both_fail_the_error_knows_of_both() -> None:
    a, b = (Held(name, 0.05, fails=Unavailable("down")) for name in "ab")
    with pytest.raises(Unavailable) as caught:
        await hedging(a, b).complete(HI, FAST)
    assert len(caught.value.failed_attempts) == 1
    assert caught.value.is_exhausted


async def test_where_both_are_silent_the_error_tells_who_else_may_bill_the_call() -> None:
    a, b = (Held(name, 0.05, fails=ProviderTimeout("no answer")) for name in "ab")
    with pytest.raises(ProviderTimeout) as caught:
        await hedging(a, b).complete(HI, FAST)
    assert caught.value.failed_attempts == (FailedAttempt("timeout", provider="b", model="b-fast"),)


async def test_who_failed_before_the_other_answered_is_on_record() -> None:
    a = Held("a", 0.05, fails=InvalidCall("no", status=400))
    answer = await hedging(a, Held("b", 0.1)).complete(HI, FAST)
    assert answer.receipt is not None
    (attempt,) = answer.receipt.failed_attempts
    assert (attempt.provider, attempt.status) == ("a", 400)


async def test_whoever_leaves_ends_both() -> None:
    a, b = Held("a"), Held("b")
    task = asyncio.create_task(hedging(a, b).complete(HI, FAST))
    await b.has_begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (a.was_cancelled, b.was_cancelled) == (True, True)
    assert len(asyncio.all_tasks()) == 1


async def test_hedges_are_a_fifth_of_the_calls_at_most_and_ten() -> None:
    a, b = Held("a"), Place("b")
    router = hedging(a, b, now=lambda: 0.0, health=Breakers(now=lambda: 0.0))

    async def ask() -> str:
        try:
            return (await router.complete(HI, FAST)).text
        except AxonFlowError as error:
            return error.code

    tasks = [asyncio.create_task(ask()) for _ in range(60)]
    await until(lambda: sum(task.done() for task in tasks) == 10)
    await asyncio.sleep(2 * AFTER_S)
    a.may_answer.set()
    texts = await asyncio.gather(*tasks)
    assert sorted(texts) == ["a"] * 50 + ["b"] * 10


async def test_two_answers_at_once_are_one_and_the_other_stream_is_closed() -> None:
    a, b = Held("a", AFTER_S + 0.01), Held("b", 0.01)
    answer = await asked(hedging(a, b), is_streamed=True)
    assert answer.text in {"a", "b"}
    assert len(asyncio.all_tasks()) == 1


def test_a_blocking_runtime_that_hedges_has_an_event_loop_in_the_background(tmp_path: Path) -> None:
    file = tmp_path / "axonflow.yaml"
    file.write_text(
        'version: "1.0"\n'
        "llm_providers: {echo: {enabled: true, config: {model: m}}}\n"
        "models: {fast: [{provider: echo, model: m}]}\n"
        "routing: {hedge: {fast: {after_s: 0.5}}}\n"
    )

    with BlockingRuntime.open(file) as runtime:
        assert runtime.complete("hi", model="fast").text == "hi"
