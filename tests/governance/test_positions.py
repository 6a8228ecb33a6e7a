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
    CachePoint,
    CompletionRequest,
    Data,
    Document,
    Image,
    Inference,
    Media,
    Message,
    Opaque,
    OutputSchema,
    Reasoning,
    ReasoningRequest,
    Text,
    Tool,
    ToolChoice,
    ToolResult,
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

CARD = "4111 1111 1111 1111"
MASK = "[REDACTED:payment_card]"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)


def asked(*content: Any, **facts: Any) -> CompletionRequest:
    return CompletionRequest([user([*content, Text("go on")])], **facts)


def called(**facts: Any) -> CompletionRequest:
    given: dict[str, Any] = {"id": "t_1", "name": "look_up", "input": {}, **facts}
    return CompletionRequest([user("hi"), assistant([ToolUse(**given)]), user("go on")])


def result(content: Any, **facts: Any) -> CompletionRequest:
    return asked(ToolResult("t_1", content, **facts))


def document(source: Any = "plain", **facts: Any) -> CompletionRequest:
    return asked(Document(Media("text", source, "text/plain"), **facts))


def described(**schema: Any) -> CompletionRequest:
    return CompletionRequest("hi", tools=(Tool("look_up", "finds", schema),))


def properties(**members: Any) -> CompletionRequest:
    return described(type="object", properties={"of": {"type": "string", **members}})


def replaced(card: str) -> dict[str, CompletionRequest]:
    """Position -> a request with the card there, where a mask can stand."""
    said, number = f"it is {card}, yes", int(card.replace(" ", ""))
    return {
        "system": CompletionRequest("hi", system=said),
        "system block": CompletionRequest("hi", system=[Text("Be brief."), Text(said)]),
        "user": CompletionRequest(said),
        "earlier user": CompletionRequest([user(said), assistant("so?"), user("go on")]),
        "assistant": CompletionRequest([user("hi"), assistant(said), user("go on")]),
        "reasoning": CompletionRequest([user("hi"), assistant([Reasoning(said)]), user("go on")]),
        "tool arguments": called(input={"note": [said]}),
        "a key of tool arguments": called(input={said: 1}),
        "a number in tool arguments": called(input={"card": number}),
        "broken tool arguments": called(input=f'{{"note": "{said}'),
        "a member of a call": called(extra={"note": said}),
        "tool result": result(said),
        "tool result list": result([Text("one"), Text(said)]),
        "tool result json": result([Data({"rows": [{"card": said}]})]),
        "a document in a tool result": result([Document(Media("text", said, "text/plain"))]),
        "document": document(said),
        "document title": document(name=said),
        "document context": document(context=said),
        "document blocks": asked(Document(content=[Text(said)])),
        "citations of a document": document(citations={"enabled": True, "of": said}),
        "image address": asked(Image(Media("url", f"https://x.example/{card}"))),
        "image alt": asked(Image(Media("base64", PNG, "image/png"), extra={"alt": said})),
        "image source metadata": asked(
            Image(Media("base64", PNG, "image/png", extra={"note": said}))
        ),
        "name of a speaker": CompletionRequest(
            [Message("user", [Text("hi")], extra={"name": said})]
        ),
        "tool description": CompletionRequest("hi", tools=(Tool("look_up", said, {}),)),
        "schema description": described(type="object", description=said),
        "property description": properties(description=said),
        "property example": properties(examples=["x", said]),
        "answer schema": CompletionRequest("hi", output_schema=OutputSchema({"description": said})),
        "answer schema description": CompletionRequest(
            "hi", output_schema=OutputSchema({}, "name", said)
        ),
        "stop sequence": CompletionRequest("hi", inference=Inference(stop_sequences=("x", said))),
        "metadata": CompletionRequest("hi", metadata={"user_id": said}),
        "an option": CompletionRequest("hi", options={"note": said}),
        "an unknown member": CompletionRequest("hi", extra={"x": {"y": [said]}}),
        "an unknown block": asked(Opaque("native", {"type": "new", "note": said})),
        "how a member is spelled": CompletionRequest("hi", spelling={"x": said}),
    }


def fixed(card: str) -> dict[str, CompletionRequest]:
    """Position -> a request with the card there, where nothing can stand for it."""
    said, number = f"it is {card}, yes", int(card.replace(" ", ""))
    return {
        "name of a tool": CompletionRequest("hi", tools=(Tool(card, "finds", {}),)),
        "name of a called tool": called(name=card),
        "name of a tool's result": result("yes", name=card),
        "name of the tool to call": CompletionRequest("hi", tool_choice=ToolChoice("tool", card)),
        "id of a call": called(id=card),
        "name of the answer's schema": CompletionRequest(
            "hi", output_schema=OutputSchema({}, card)
        ),
        "enum": properties(enum=["x", said]),
        "const": properties(const=said),
        "a number in an enum": properties(enum=[number]),
        "pattern": properties(pattern=said),
        "name of a property": described(type="object", properties={said: {"type": "string"}}),
        "text file in base64": asked(Document(Media("base64", said.encode(), "text/plain"))),
        "text file that says it is a picture": asked(
            Image(Media("base64", said.encode(), "image/png"))
        ),
        "type of a file": asked(Image(Media("base64", PNG, card))),
        "signed reasoning": CompletionRequest(
            [user("hi"), assistant([Reasoning(said, "sealed")]), user("go on")]
        ),
        "effort": CompletionRequest("hi", reasoning=ReasoningRequest(effort=card)),
        "service tier": CompletionRequest("hi", service_tier=card),
        "time to live": asked(CachePoint(card)),
    }


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
