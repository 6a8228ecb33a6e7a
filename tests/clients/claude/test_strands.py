"""Agents of Strands, unmodified: they stream from Converse and run tools themselves."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import CLAUDE, House

strands = pytest.importorskip("strands", reason="Strands is not installed: strands-agents")
boto3 = pytest.importorskip("boto3", reason="boto3 is not installed")
pytestmark = pytest.mark.filterwarnings("ignore")  # what other people's code does is theirs


@strands.tool
def weather(city: str) -> str:
    """The weather of a city."""
    return f"It rains in {city}."


@pytest.fixture
def agent(house: House) -> Any:
    from strands.models import BedrockModel

    def made(model: str = CLAUDE, secret: str | None = None, **more: Any) -> Any:
        session = boto3.Session(
            aws_access_key_id="acme",
            aws_secret_access_key=secret or house.secret,
            region_name="us-east-1",
        )
        bedrock = BedrockModel(model_id=model, boto_session=session, endpoint_url=house.url, **more)
        return strands.Agent(model=bedrock, tools=[weather], callback_handler=None)

    return made


@pytest.mark.parametrize("is_streamed", [False, True])
def test_it_answers_and_runs_its_tool(agent: Any, is_streamed: bool) -> None:
    assert "Are you there?" in str(agent(streaming=is_streamed)("Are you there?"))
    assert "It rains in Oslo." in str(agent(streaming=is_streamed)("Oslo?"))


@pytest.mark.parametrize("is_streamed", [False, True])
def test_what_a_policy_blocks_is_an_error_that_says_so(agent: Any, is_streamed: bool) -> None:
    with pytest.raises(Exception, match="no-aurora"):
        agent(streaming=is_streamed)("tell me of project aurora")


def test_a_stream_that_a_policy_stops_gives_nothing_of_it(agent: Any) -> None:
    assert "zeppelin rises" not in str(agent()("zeppelins"))


def test_an_unknown_model_and_a_wrong_signature_are_errors_that_say_so(agent: Any) -> None:
    with pytest.raises(Exception, match="identifier"):
        agent("us.anthropic.claude-nonesuch")("hi")
    with pytest.raises(Exception, match="signature"):
        agent(secret="wrong")("hi")
