"""Anthropic's SDK, unmodified, in both ways that it has to a server: its own dialect, and Bedrock's
with AWS's signatures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from .conftest import CLAUDE, House

anthropic = pytest.importorskip(
    "anthropic", reason="Anthropic's client is not installed: anthropic[bedrock]"
)
pytestmark = pytest.mark.filterwarnings("ignore")  # what other people's code does is theirs

WEATHER = {
    "name": "weather",
    "description": "The weather of a city.",
    "input_schema": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
    },
}


def plain(house: House, key: str | None = None) -> Any:
    return anthropic.Anthropic(base_url=house.url, api_key=key or house.key, max_retries=2)


def bedrock(house: House, secret: str | None = None) -> Any:
    return anthropic.AnthropicBedrock(
        base_url=house.url,
        aws_region="eu-west-3",
        aws_access_key="acme",
        aws_secret_key=secret or house.secret,
        max_retries=2,
    )


@pytest.fixture(scope="module", params=[plain, bedrock], ids=["Anthropic", "AnthropicBedrock"])
def client(request: pytest.FixtureRequest, house: House) -> Iterator[Any]:
    with request.param(house) as opened:
        yield opened


def asked(text: Any, **more: Any) -> dict[str, Any]:
    talk = [{"role": "user", "content": text}]
    return {"model": CLAUDE, "max_tokens": 9_999, "messages": talk, **more}


def answered(client: Any, is_streamed: bool, **ask: Any) -> Any:
    """The whole message, plain or added up by the SDK."""
    if not is_streamed:
        return client.messages.create(**ask)
    with client.messages.stream(**ask) as stream:
        return stream.get_final_message()


@pytest.mark.parametrize("is_streamed", [False, True])
def test_a_text_is_answered_with_the_same_counts(client: Any, is_streamed: bool) -> None:
    message = answered(client, is_streamed, **asked("Are you there?", system="Be brief."))
    assert "Are you there?" in message.content[0].text
    assert message.stop_reason == "end_turn"
    assert (message.usage.input_tokens, message.usage.output_tokens > 5) == (5, True)


@pytest.mark.parametrize("is_streamed", [False, True])
def test_a_tool_is_called_where_it_must_be_and_its_result_is_read(
    client: Any, is_streamed: bool
) -> None:
    ask = asked("Oslo?", tools=[WEATHER], tool_choice={"type": "any"})
    message = answered(client, is_streamed, **ask)
    call = message.content[-1]
    assert (call.type, call.name, call.input) == ("tool_use", "weather", {"city": "Oslo"})
    assert message.stop_reason == "tool_use"
    result = {"type": "tool_result", "tool_use_id": call.id, "content": "It rains."}
    talk = [
        *ask["messages"],
        {"role": "assistant", "content": message.content},
        {"role": "user", "content": [result]},
    ]
    again = answered(client, is_streamed, **asked("", tools=[WEATHER]) | {"messages": talk})
    assert "It rains." in again.content[0].text


@pytest.mark.parametrize("is_streamed", [False, True])
def test_a_thought_is_read_with_its_signature(client: Any, is_streamed: bool) -> None:
    thinking = {"type": "enabled", "budget_tokens": 1_024}
    message = answered(client, is_streamed, **asked("a riddle", thinking=thinking))
    thought, text = message.content
    assert (thought.type, thought.thinking) == ("thinking", "Four legs, then two.")
    assert thought.signature
    assert text.text == "A human."


@pytest.mark.parametrize("is_streamed", [False, True])
def test_a_prompt_that_a_policy_blocks_is_a_bad_request_that_says_so_once(
    client: Any, house: House, is_streamed: bool
) -> None:
    before = len(house.paths)
    with pytest.raises(anthropic.BadRequestError, match="no-aurora"):
        answered(client, is_streamed, **asked("tell me of project aurora"))
    assert len(house.paths) == before


def test_an_answer_that_a_policy_blocks_is_a_bad_request_or_a_refusal(client: Any) -> None:
    with pytest.raises(anthropic.BadRequestError, match="no-zeppelin"):
        client.messages.create(**asked("zeppelins"))


def test_a_stream_that_a_policy_stops_is_a_refusal(house: House) -> None:
    with plain(house) as client:
        message = answered(client, True, **asked("zeppelins"))
    assert message.stop_reason == "refusal"


def test_a_stream_that_breaks_off_raises(client: Any) -> None:
    with pytest.raises(anthropic.APIError):
        answered(client, True, **asked("cut it"))


def test_an_unknown_model_is_not_found_and_a_wrong_key_is_no_identity(house: House) -> None:
    with plain(house) as client, pytest.raises(anthropic.NotFoundError, match="model"):
        client.messages.create(**asked("hi", model="claude-nonesuch"))
    with plain(house, "acme:wrong") as client, pytest.raises(anthropic.AuthenticationError):
        client.messages.create(**asked("hi"))


def test_at_bedrock_an_unknown_model_and_a_wrong_signature_are_refused(house: House) -> None:
    with bedrock(house) as client, pytest.raises(anthropic.APIStatusError, match="identifier"):
        client.messages.create(**asked("hi", model="us.anthropic.claude-nonesuch"))
    with bedrock(house, "wrong") as client, pytest.raises(anthropic.PermissionDeniedError):
        client.messages.create(**asked("hi"))


@pytest.mark.parametrize("model", ["claude-house", "claude-llama"])
def test_a_model_has_the_name_that_it_was_asked_by(house: House, model: str) -> None:
    with plain(house) as client:
        for is_streamed in (False, True):
            assert answered(client, is_streamed, **asked("hi", model=model)).model == model


def test_betas_of_the_client_are_no_fault_of_the_call(house: House) -> None:
    with plain(house) as client:
        message = client.beta.messages.create(
            **asked("hi"),
            betas=["context-management-2025-06-27", "fine-grained-tool-streaming-2025-05-14"],
            context_management={"edits": [{"type": "clear_tool_uses_20250919"}]},
        )
    assert message.stop_reason == "end_turn"


def test_tokens_are_counted_and_models_listed(house: House) -> None:
    with plain(house) as client:
        talk = [{"role": "user", "content": "one two three"}]
        assert client.messages.count_tokens(model=CLAUDE, messages=talk).input_tokens == 3
        listed = [model.id for model in client.models.list(limit=1000)]
    assert "claude-house" in listed
