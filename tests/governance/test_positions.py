"""A number of a card is found wherever it stands in a call: it stops the call, or a mask stands in
its place and all else is as it was. Where no mask can stand, the call is stopped."""

from __future__ import annotations

import json
from typing import Any

import pytest

from axonflow_core.frozen import evolve
from axonflow_core.governance.trail import Outcome
from axonflow_core.json import to_json
from axonflow_core.messages import (
    EMPTY,
    CompletionRequest,
    Document,
    Text,
    ToolUse,
    assistant,
    user,
)
from axonflow_core.policy.engine import Policy
from axonflow_core.policy.masks import mask_of
from axonflow_core.policy.rules import Action, Decision, Mode, Phase, Verdict
from axonflow_core.stream import batch_of
from governance.governed import (
    FakeProvider,
    Governed,
    all_of,
    answer_of,
    policy_of,
    streamed,
)
from governance.positions import CARD, MASK, asked, fixed, replaced, result

REPLACED, FIXED = replaced(CARD), fixed(CARD)
EVERYWHERE = {**REPLACED, **FIXED}
CLEAN = {**replaced("4111 1111 1111 1112"), **fixed("4111 1111 1111 1112")}
"""The same with a number that is none of a card."""


async def made(request: CompletionRequest, action: Action) -> tuple[Outcome, Any]:
    governed = Governed(provider=FakeProvider(answer_of()), policy=policy_of(action))
    outcome = await governed.complete(request)
    return outcome, governed


@pytest.mark.parametrize("request_", EVERYWHERE.values(), ids=EVERYWHERE)
async def test_a_card_is_found_in_each_position_and_stops_the_call(request_: Any) -> None:
    outcome, governed = await made(request_, Action.BLOCK)
    assert outcome.verdict is Verdict.BLOCKED
    assert governed.provider.asked == []
    assert outcome.rules == ("payment_card",)
    assert "4111" not in "".join(governed.last.texts.values())


def plain(value: Any) -> str:
    return json.dumps(to_json(value))


def with_mask(request: CompletionRequest) -> str:
    number = '"[REDACTED:payment_card]"'
    return plain(request).replace(CARD, MASK).replace("4111111111111111", number)


@pytest.mark.parametrize("request_", REPLACED.values(), ids=REPLACED)
async def test_a_mask_stands_for_a_card_and_all_else_is_as_it_was(request_: Any) -> None:
    outcome, governed = await made(request_, Action.REDACT)
    assert outcome.verdict is Verdict.REDACTED
    (sent,) = governed.provider.asked
    assert plain(sent) == with_mask(request_)


@pytest.mark.parametrize("request_", FIXED.values(), ids=FIXED)
async def test_where_no_mask_can_stand_the_call_is_stopped(request_: Any) -> None:
    outcome, governed = await made(request_, Action.REDACT)
    assert outcome.verdict is Verdict.BLOCKED
    assert governed.provider.asked == []
    assert outcome.stopping is not None
    assert (outcome.stopping.reason or "").endswith("cannot be replaced.")


@pytest.mark.sampled(3)
@pytest.mark.parametrize("request_", CLEAN.values(), ids=CLEAN)
async def test_without_the_card_each_of_them_is_sent_as_it_is(request_: Any) -> None:
    outcome, governed = await made(request_, Action.BLOCK)
    assert outcome.verdict is Verdict.ALLOWED
    assert governed.provider.asked == [request_]


def test_the_positions_include_the_eleven_of_the_gateways_faults() -> None:
    """Source: BerriAI/litellm#41274 and #41265."""
    assert {
        *("system", "user", "earlier user", "assistant", "tool arguments", "tool result"),
        *("tool result list", "document", "image alt", "name of a speaker", "schema description"),
    } <= REPLACED.keys()


async def test_a_card_over_two_texts_next_to_each_other_is_found_in_a_request() -> None:
    halves = [Text("it is 4111 1111 "), Text("1111 1111, yes")]
    for request in (
        CompletionRequest([user(halves)]),
        CompletionRequest("hi", system=halves),
        result(halves),
        asked(Document(content=halves)),
    ):
        assert (await made(request, Action.BLOCK))[0].verdict is Verdict.BLOCKED
        _, governed = await made(request, Action.REDACT)
        (sent,) = governed.provider.asked
        assert plain(sent) == plain(request).replace("4111 1111 ", MASK).replace("1111 1111", "")


class Noting(Policy):
    """Notes which texts are values that go into a tool."""

    values: set[str]

    def evaluate(
        self, phase: Phase, parts: Any, modes: Any = EMPTY, write: Any = mask_of
    ) -> Decision:
        self.values |= {parts[label] for label, mode in modes.items() if mode is Mode.PARAMETER}
        return super().evaluate(phase, parts, modes, write)


@pytest.mark.parametrize("is_streamed", [False, True], ids=["whole", "streamed"])
async def test_arguments_of_tools_are_judged_as_values(*, is_streamed: bool) -> None:
    content = (Text("prose"), ToolUse("t_1", "look_up", {"key": "value", "n": [{"in": "it"}]}))
    answer = answer_of(content=content)
    request = CompletionRequest([user("hi"), assistant([ToolUse("t_1", "x", {"a": "b"})])])
    policy = Noting(())
    policy.values = set()
    if is_streamed:
        reads = [(batch_of(answer),)]
        governed = evolve(streamed(reads), policy=policy)
        await all_of(await governed.stream(request))
    else:
        governed = Governed(provider=FakeProvider(answer), policy=policy)
        await governed.complete(request)
    assert policy.values == {"a", "b", "key", "value", "n", "in", "it"}
