"""LlamaIndex's `OpenAILike`."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import Endpoint

like = pytest.importorskip("llama_index.llms.openai_like")
openai = pytest.importorskip("openai")
core = pytest.importorskip("llama_index.core.llms")
tools = pytest.importorskip("llama_index.core.tools")
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def llm(endpoint: Endpoint) -> Any:
    def made(model: str = "claude", key: str = endpoint.key) -> Any:
        return like.OpenAILike(
            model=model,
            api_base=f"{endpoint.url}/v1",
            api_key=key,
            is_chat_model=True,
            is_function_calling_model=True,
            context_window=100_000,
            max_retries=0,
        )

    return made


def said(text: str) -> list[Any]:
    return [core.ChatMessage(role="user", content=text)]


def test_a_text_is_answered_whole_and_streamed(llm: Any) -> None:
    whole = llm().chat(said("hi"))
    pieces = [chunk.delta for chunk in llm().stream_chat(said("hi"))]

    assert "hi" in whole.message.content
    assert "".join(pieces) == whole.message.content


def test_a_tool_is_called(llm: Any) -> None:
    def get_weather(city: str) -> str:
        """Tells the weather."""
        return city

    tool = tools.FunctionTool.from_defaults(fn=get_weather)
    answer = llm().chat_with_tools([tool], user_msg="weather")
    (call,) = llm().get_tool_calls_from_response(answer)

    assert (call.tool_name, call.tool_kwargs) == ("get_weather", {"city": "Oslo"})


def test_errors_are_exceptions_of_their_own(llm: Any) -> None:
    with pytest.raises(openai.BadRequestError, match="no-aurora"):
        llm().chat(said("project aurora"))
    with pytest.raises(openai.NotFoundError):
        llm("gpt-99").chat(said("hi"))
    with pytest.raises(openai.AuthenticationError, match="API key"):
        llm(key="unknown").chat(said("hi"))
