"""instructor: answers that are instances of a type."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import Endpoint

instructor = pytest.importorskip("instructor")
openai = pytest.importorskip("openai")
pydantic = pytest.importorskip("pydantic")
pytestmark = pytest.mark.filterwarnings("ignore")

HI = [{"role": "user", "content": "hi"}]


class Weather(pydantic.BaseModel):  # type: ignore[misc,name-defined]
    city: str
    degrees: int


@pytest.fixture(params=["TOOLS", "JSON_SCHEMA"])
def client(request: pytest.FixtureRequest, endpoint: Endpoint) -> Any:
    client = openai.OpenAI(base_url=f"{endpoint.url}/v1", api_key=endpoint.key, max_retries=0)
    return instructor.from_openai(client, mode=instructor.Mode[request.param])


def test_an_answer_is_an_instance_of_its_model(client: Any) -> None:
    answer = client.chat.completions.create(
        model="claude", messages=HI, response_model=Weather, max_retries=0
    )

    assert isinstance(answer, Weather)


def test_a_streamed_answer_becomes_one(client: Any) -> None:
    partial = list(
        client.chat.completions.create_partial(
            model="claude", messages=HI, response_model=Weather, max_retries=0
        )
    )

    assert Weather(**partial[-1].model_dump())


def test_a_block_can_be_read(client: Any) -> None:
    blocked = [{"role": "user", "content": "project aurora"}]
    with pytest.raises(Exception, match="no-aurora"):
        client.chat.completions.create(
            model="claude", messages=blocked, response_model=Weather, max_retries=0
        )
