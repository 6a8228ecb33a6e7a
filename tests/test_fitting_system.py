"""System messages of clients in mid-conversation, for models that take none."""

from __future__ import annotations

import pytest
from attrs import evolve
from toy import CHAT

from axonflow_core.codec import Codec, Feature, ModelFacts
from axonflow_core.errors import EncodeError
from axonflow_core.fitting import Fitted, fit
from axonflow_core.messages import (
    CompletionRequest,
    Message,
    Role,
    Text,
    ToolResult,
    ToolUse,
    assistant,
    text_message,
    user,
)

MODEL = evolve(CHAT, features=frozenset(Feature) - {Feature.MID_SYSTEM})
CLIENT = evolve(CHAT, family="client")
REMINDER = text_message(Role.SYSTEM, "Be brief.")
SAID = user("<system-reminder>\nBe brief.\n</system-reminder>")
CALL = Message(Role.ASSISTANT, (ToolUse("t", "f", {}),))
RESULT = Message(Role.USER, (ToolResult("t", (Text("rain"),)),))


def served(
    *messages: Message, model: Codec = MODEL, client: Codec | None = CLIENT, **facts: bool
) -> Fitted:
    return fit(CompletionRequest(messages), model, ModelFacts(**facts), client=client)


def test_they_are_said_by_the_user_marked_and_told() -> None:
    fitted = served(user("hi"), assistant("yes?"), REMINDER, user("go"))
    assert fitted.request.messages == (user("hi"), assistant("yes?"), SAID, user("go"))
    assert [each.feature for each in fitted.adjustments] == [Feature.MID_SYSTEM]


def test_they_come_after_results_and_join_the_turn_of_a_family_whose_roles_alternate() -> None:
    facts = {"pairs_results": True, "alternates": True, "tool_results_together": True}
    *_, turn = served(user("hi"), CALL, REMINDER, RESULT, **facts).request.messages
    assert turn == Message(Role.USER, (*RESULT.content, *SAID.content))


def test_a_model_that_takes_them_gets_them() -> None:
    messages = (user("hi"), assistant("yes?"), REMINDER, user("go"))
    assert served(*messages, model=CHAT).request.messages == messages


def test_a_program_that_sends_one_is_told_that_the_model_takes_none() -> None:
    request = served(user("hi"), REMINDER, user("go"), client=None).request
    with pytest.raises(EncodeError, match="system message in mid-conversation"):
        MODEL.encode_request(request, ModelFacts())
