"""LangChain's `ChatOpenAI`, over chat completions and over responses."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import Endpoint

langchain = pytest.importorskip("langchain_openai")
openai = pytest.importorskip("openai")
pydantic = pytest.importorskip("pydantic")
messages = pytest.importorskip("langchain_core.messages")
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(params=[False, True], ids=["chat", "responses"])
def chat(request: pytest.FixtureRequest, endpoint: Endpoint) -> Any:
    def made(model: str = "claude", key: str = endpoint.key) -> Any:
        return langchain.ChatOpenAI(
            model=model,
            base_url=f"{endpoint.url}/v1",
            api_key=key,
            max_retries=0,
            stream_usage=True,
            use_responses_api=request.param,
        )

    return made


def get_weather(city: str) -> str:
    """Tells the weather."""
    return city


class Weather(pydantic.BaseModel):  # type: ignore[misc,name-defined]
    city: str
    degrees: int


def test_a_text_is_answered_whole_and_streamed(chat: Any) -> None:
    whole = chat().invoke("hi")
    streamed = None
    for chunk in chat().stream("hi"):
        streamed = chunk if streamed is None else streamed + chunk

    assert "hi" in whole.text
    assert streamed is not None and streamed.text == whole.text
    assert streamed.usage_metadata["total_tokens"] == whole.usage_metadata["total_tokens"] > 0


def test_a_tool_is_called_and_its_result_answered(chat: Any) -> None:
    model, asked = chat().bind_tools([get_weather]), messages.HumanMessage("weather")
    called = model.invoke([asked])
    (call,) = called.tool_calls
    result = messages.ToolMessage("rain", tool_call_id=call["id"])

    assert (call["name"], call["args"]) == ("get_weather", {"city": "Oslo"})
    assert model.invoke([asked, called, result]).text == "Take an umbrella."


def test_a_streamed_call_adds_up(chat: Any) -> None:
    streamed = None
    for chunk in chat().bind_tools([get_weather]).stream("weather"):
        streamed = chunk if streamed is None else streamed + chunk

    assert streamed is not None
    assert [call["args"] for call in streamed.tool_calls] == [{"city": "Oslo"}]


@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
def test_an_answer_is_an_instance_of_its_model(chat: Any, method: str) -> None:
    answer = chat().with_structured_output(Weather, method=method).invoke("hi")

    assert isinstance(answer, Weather)


def test_errors_are_exceptions_of_their_own(chat: Any) -> None:
    with pytest.raises(openai.BadRequestError, match="no-aurora"):
        chat().invoke("project aurora")
    with pytest.raises(openai.NotFoundError):
        chat("gpt-99").invoke("hi")
    with pytest.raises(openai.AuthenticationError, match="API key"):
        chat(key="unknown").invoke("hi")


def test_texts_are_embedded(endpoint: Endpoint) -> None:
    embedding = langchain.OpenAIEmbeddings(
        model="amazon.titan-embed-text-v2:0",
        base_url=f"{endpoint.url}/v1",
        api_key=endpoint.key,
        check_embedding_ctx_length=False,  # else it sends numbers of OpenAI's own tokens
    )

    assert [len(each) for each in embedding.embed_documents(["a", "b"])] == [1024, 1024]
