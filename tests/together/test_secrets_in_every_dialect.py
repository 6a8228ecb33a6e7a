"""What a policy blocks in an answer leaves in no dialect: in a text, in what a model thought, in
the arguments of a tool, whole and streamed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from tests.governed_server import GovernedServer
from tests.together import drop_in as served
from tests.together.dialect_bodies import ASK, DIALECTS, FURTHER_DIALECTS
from tests.together.drop_in import SECRET, drop_in

pytestmark = pytest.mark.thorough

OPEN = "petunia-7716"
"""What no policy blocks: the control."""
MODELS = ("claude", "nova", "gpt-oss", "anthropic", "gemini")
ALL = {**DIALECTS, **FURTHER_DIALECTS}
PLACES = ("text", "reasoning", "tools")
MEMBER = re.compile(rb'"(\w+)":("(?:[^"\\]|\\.)*")')
"""Name and text, of a member of an object."""


def rules(word: str, secret: str) -> list[object]:
    """What the emulated models say when a word is in the question."""
    call = {"name": "look", "input": {"city": f"at {secret} street"}}
    return [
        {"when": f"{word} text", "answer": f"It is {secret}, as you know."},
        {"when": f"{word} reasoning", "reasoning": f"He means {secret}.", "answer": "Well."},
        {"when": f"{word} tools", "calls": [call]},
    ]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GovernedServer]:
    folder = tmp_path_factory.mktemp("secrets")
    script = [*rules("shut", SECRET), *rules("open", OPEN)]
    providers = ("bedrock", "anthropic", "gemini")
    dialects = (*served.DIALECTS, *served.FURTHER_DIALECTS)
    with drop_in(folder, script, providers=providers, dialects=dialects) as running:
        yield running


def has(secret: str, body: bytes) -> bool:
    """Whether it is in the body, or in the texts of one name, one behind the other."""
    said: dict[bytes, str] = {}
    for name, text in MEMBER.findall(body):
        said[name] = said.get(name, "") + str(orjson.loads(text))
    return secret.encode() in body or any(secret in text for text in said.values())


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("dialect", ALL)
def test_a_secret_in_an_answer_stays_here(
    server: GovernedServer, dialect: str, model: str, place: str
) -> None:
    body_of, addressed, read = ALL[dialect]
    for is_streamed in (False, True):
        path, more = addressed(model, is_streamed)
        heard = {}
        for word in ("shut", "open"):
            asked = orjson.dumps({**unforced(body_of(place)), **more})
            asked = asked.replace(ASK.encode(), f"{word} {place}".encode())
            reply = server.ask("POST", path, asked, client="acme")
            heard[word] = reply.body
            if reply.status == 200 and is_streamed:
                heard[word] = read(reply.body)
        assert not has(SECRET, heard["shut"])
        if place == "text":
            assert has(OPEN, heard["open"]), heard["open"][-2500:]


def unforced(body: dict[str, Any]) -> dict[str, Any]:
    """A body that leaves it to the model whether it calls a tool: not every one can be forced."""
    left = {name: value for name, value in body.items() if name != "tool_choice"}
    config = left.pop("toolConfig", {})
    if "tools" in config:  # Converse has them there, too
        left["toolConfig"] = {"tools": config["tools"]}
    return left
