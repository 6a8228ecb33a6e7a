"""pydantic-ai's models of OpenAI: chat and responses."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import Endpoint

pydantic_ai = pytest.importorskip("pydantic_ai")
pydantic = pytest.importorskip("pydantic")
openai_models = pytest.importorskip("pydantic_ai.models.openai")
providers = pytest.importorskip("pydantic_ai.providers.openai")
pytestmark = pytest.mark.filterwarnings("ignore")

KINDS = ["OpenAIChatModel", "OpenAIResponsesModel"]


class Weather(pydantic.BaseModel):  # type: ignore[misc,name-defined]
    city: str
    degrees: int


@pytest.fixture(params=KINDS)
def agent(request: pytest.FixtureRequest, endpoint: Endpoint) -> Any:
    def made(model: str = "claude", key: str = endpoint.key, **more: Any) -> Any:
        provider = providers.OpenAIProvider(base_url=f"{endpoint.url}/v1", api_key=key)
        kind = getattr(openai_models, request.param)
        return pydantic_ai.Agent(kind(model, provider=provider), **more)

    return made


async def test_a_text_is_answered_whole_and_streamed(agent: Any) -> None:
    whole = await agent().run("hi")
    async with agent().run_stream("hi") as streamed:
        text = [piece async for piece in streamed.stream_text(delta=True)]

    assert "hi" in whole.output and "".join(text) == whole.output


async def test_a_tool_is_run(agent: Any) -> None:
    asked: list[str] = []

    def get_weather(city: str) -> str:
        """Tells the weather."""
        asked.append(city)
        return "rain"

    answer = await agent(tools=[get_weather]).run("weather")

    assert (asked, answer.output) == (["Oslo"], "Take an umbrella.")


async def test_an_answer_is_an_instance_of_its_model(agent: Any) -> None:
    answer = await agent(output_type=Weather).run("hi")

    assert isinstance(answer.output, Weather)


async def test_errors_are_exceptions_that_can_be_read(agent: Any) -> None:
    refused = pydantic_ai.exceptions.ModelHTTPError
    with pytest.raises(refused, match="no-aurora") as caught:
        await agent().run("project aurora")
    assert caught.value.status_code == 400
    with pytest.raises(refused) as missing:
        await agent("gpt-99").run("hi")
    assert missing.value.status_code == 404
    with pytest.raises(refused, match="API key") as stranger:
        await agent(key="unknown").run("hi")
    assert stranger.value.status_code == 401
