"""What only the client's dialect can read of a request: left out and reported, or refused."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve
from toy import CHAT

from axonflow_core.codec import Feature, ModelFacts
from axonflow_core.errors import EncodeError
from axonflow_core.fitting import Fitted, fit
from axonflow_core.messages import (
    BuiltinTool,
    CompletionRequest,
    Document,
    Image,
    Inference,
    Media,
    MediaKind,
    Message,
    Opaque,
    OutputSchema,
    ReasoningRequest,
    Role,
    Text,
    Tool,
    ToolChoice,
    ToolChoiceMode,
    ToolResult,
    ToolUse,
    user,
)

MODEL = evolve(CHAT, features=frozenset(Feature), dialect="ours", schema_members=frozenset())
CLIENT = evolve(CHAT, family="client", dialect="theirs")
PICTURE = Media(MediaKind.BASE64, "aWQ=", "image/png")


def crossing(*messages: Message, model: Any = MODEL, **parts: Any) -> Fitted:
    request = CompletionRequest(messages or (user("hi"),), **parts)
    return fit(request, model, ModelFacts(base_id="toy.chat"), client=CLIENT)


def told(made: Fitted) -> list[str]:
    return [f"{each.feature}: {each.what}" for each in made.adjustments]


# ── undocumented members ──────────────────────────────────────────────────────────────────────────

X = {"x": 1}
WITH_MEMBERS: dict[str, tuple[tuple[Message, ...], dict[str, Any]]] = {
    "request": ((), {"extra": X}),
    "message": ((Message(Role.USER, (Text("hi"),), extra=X),), {}),
    "block": ((Message(Role.USER, (Text("hi", extra=X),)),), {}),
    "source": ((Message(Role.USER, (Image(evolve(PICTURE, extra=X)),)),), {}),
    "document": ((Message(Role.USER, (Document(evolve(PICTURE, extra=X)),)),), {}),
    "system": ((), {"system": (Text("Be brief.", extra=X),)}),
    "inference": ((), {"inference": Inference(max_tokens=5, extra=X)}),
    "tool": ((), {"tools": (Tool("a", extra=X),)}),
    "choice": (
        (),
        {"tools": (Tool("a"),), "tool_choice": ToolChoice(ToolChoiceMode.AUTO, extra=X)},
    ),
    "reasoning": ((), {"reasoning": ReasoningRequest("enabled", 2048, extra=X)}),
    "schema": ((), {"output_schema": OutputSchema({"type": "object"}, extra=X)}),
}


@pytest.mark.parametrize("place", WITH_MEMBERS)
def test_an_undocumented_member_is_left_out_on_every_level(place: str) -> None:
    messages, parts = WITH_MEMBERS[place]
    made = crossing(*messages, **parts)
    assert told(made) == ["unknown members: not sent: x"]
    assert "'x'" not in repr(made.request)


@pytest.mark.parametrize("place", WITH_MEMBERS)
def test_of_a_request_in_the_models_own_dialect_it_stays(place: str) -> None:
    messages, parts = WITH_MEMBERS[place]
    request = CompletionRequest(messages or (user("hi"),), **parts)
    own = evolve(CLIENT, dialect="ours")
    made = fit(request, MODEL, ModelFacts(base_id="toy.chat"), client=own)
    assert (made.request, told(made)) == (request, [])


@pytest.mark.parametrize(("count", "more"), [(5, ""), (6, " and 1 more"), (9, " and 4 more")])
def test_a_report_lists_five_names(count: int, more: str) -> None:
    made = crossing(extra={f"member{number}": number for number in range(count)})
    names = ", ".join(f"member{number}" for number in range(5))
    assert told(made) == [f"unknown members: not sent: {names}{more}"]


def test_a_long_name_is_cut() -> None:
    assert told(crossing(extra={"m" * 99: 1})) == [f"unknown members: not sent: {'m' * 40}"]


# ── blocks and tools of a vendor ──────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("native", "kind"),
    [
        ({"type": "search_result"}, "search_result"),
        ({"audio": {}}, "audio"),
        ({"type": "k" * 99}, "k" * 40),
        ({"type": 7}, "unnamed"),
        ({}, "unnamed"),
        (["a"], "unnamed"),
    ],
)
def test_a_block_of_another_vendor_is_refused_by_its_kind(native: Any, kind: str) -> None:
    with pytest.raises(EncodeError, match=f"cannot take the {kind} block of theirs: "):
        crossing(Message(Role.USER, (Opaque("theirs", native),)))


def test_a_tool_that_another_vendor_runs_is_refused_by_its_type() -> None:
    with pytest.raises(EncodeError, match="the built-in tool search_1 of theirs"):
        crossing(tools=(BuiltinTool("theirs", "search_1", "search"),))


def test_blocks_and_tools_of_the_models_own_vendor_are_sent() -> None:
    block, tool = Opaque("ours", {"type": "a"}), BuiltinTool("ours", "search_1", "search")
    made = crossing(Message(Role.USER, (block,)), tools=(tool,))
    assert made.request.messages[0].content == (block,)
    assert made.request.tools == (tool,)


# ── citations and arguments ───────────────────────────────────────────────────────────────────────


def test_citations_of_earlier_answers_are_left_out_and_reported_once() -> None:
    cited = Text("It rains.", citations=({"title": "a"},))
    made = crossing(user("hi"), Message(Role.ASSISTANT, (cited, cited)), user("so?"))
    assert made.request.messages[1].content == (Text("It rains."), Text("It rains."))
    assert told(made) == ["citations: those of earlier answers not sent"]


@pytest.mark.parametrize("takes_text", [False, True])
def test_arguments_that_are_text_are_put_in_an_object_where_that_is_wanted(
    takes_text: bool,
) -> None:
    turns = (
        user("hi"),
        Message(Role.ASSISTANT, (ToolUse("c-1", "sh", "ls"), ToolUse("c-2", "sh", {"a": 1}))),
        Message(Role.USER, (ToolResult("c-1", "x"), ToolResult("c-2", "y"))),
    )
    model = evolve(MODEL, has_text_arguments=takes_text)
    made = crossing(*turns, model=model, tools=(Tool("sh"),))
    calls = made.request.messages[1].content
    assert [call.input for call in calls if isinstance(call, ToolUse)] == [
        "ls" if takes_text else {"arguments": "ls"},
        {"a": 1},
    ]


# ── what the answer will lack ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("asked", "reported"),
    [
        (ReasoningRequest("enabled", 2048), ["reasoning: left out of the answer"]),
        (ReasoningRequest("disabled"), []),
        (None, []),
    ],
)
def test_reasoning_that_the_client_has_no_place_for_is_foretold(
    asked: ReasoningRequest | None, reported: list[str]
) -> None:
    lacking = {Feature.REASONING, Feature.SIGNED_REASONING}
    plain = evolve(CLIENT, features=CLIENT.features - lacking)
    request = CompletionRequest((user("hi"),), reasoning=asked)
    made = fit(request, MODEL, ModelFacts(base_id="toy.chat"), client=plain)
    assert told(made) == reported


@pytest.mark.parametrize("citations", [True, False])
def test_citations_of_a_document_are_foretold(citations: bool) -> None:
    document = Document(PICTURE, name="a", citations=citations)
    made = crossing(Message(Role.USER, (document, Text("hi"))))
    assert told(made) == ["citations: left out of the answer"] * citations
