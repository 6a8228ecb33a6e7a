"""LangChain's `ChatBedrock` (InvokeModel) and `ChatBedrockConverse`, unmodified."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import CLAUDE, House

langchain_aws = pytest.importorskip(
    "langchain_aws", reason="LangChain's client is not installed: langchain-aws"
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


@pytest.fixture(scope="module", params=["ChatBedrock", "ChatBedrockConverse"])
def chat(request: pytest.FixtureRequest, house: House) -> Any:
    def made(model: str = CLAUDE, secret: str | None = None) -> Any:
        return getattr(langchain_aws, request.param)(
            model=model,
            provider="anthropic",
            endpoint_url=house.url,
            region_name="us-east-1",
            aws_access_key_id="acme",
            aws_secret_access_key=secret or house.secret,
        )

    return made


def test_it_gets_an_answer_and_the_same_one_as_a_stream(chat: Any) -> None:
    model = chat()
    answer = model.invoke("Are you there?")
    assert "Are you there?" in answer.text
    assert "".join(str(chunk.text) for chunk in model.stream("Are you there?")) == answer.text
    assert answer.usage_metadata["input_tokens"] == 3


def test_it_gets_a_tool_call_plain_and_streamed(chat: Any) -> None:
    model = chat().bind_tools([WEATHER], tool_choice="any")
    (call,) = model.invoke("Oslo?").tool_calls
    assert (call["name"], call["args"]) == ("weather", {"city": "Oslo"})
    first, *rest = model.stream("Oslo?")
    for chunk in rest:
        first += chunk
    assert [(each["name"], each["args"]) for each in first.tool_calls] == [
        ("weather", {"city": "Oslo"})
    ]


@pytest.mark.parametrize("is_streamed", [False, True])
def test_what_a_policy_blocks_is_an_error_that_says_so(chat: Any, is_streamed: bool) -> None:
    with pytest.raises(Exception, match="no-aurora"):
        list(chat().stream("project aurora")) if is_streamed else chat().invoke("project aurora")


def test_an_unknown_model_and_a_wrong_signature_are_errors_that_say_so(chat: Any) -> None:
    with pytest.raises(Exception, match="identifier"):
        chat("us.anthropic.claude-nonesuch").invoke("hi")
    with pytest.raises(Exception, match="signature"):
        chat(secret="wrong").invoke("hi")
