"""The service that a provider calls, over a socket: whole, streamed, with tools, refused."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import toy_chat

from axonflow_core.config import Config, ProviderConfig
from axonflow_core.errors import CredentialsError, Throttled
from axonflow_core.http.local_server import Server
from axonflow_core.messages import CompletionRequest, Message, Tool, ToolResult, user
from axonflow_core.runtime import Runtime
from axonflow_core.testing import json_answer

pytestmark = pytest.mark.usefixtures("toy_chat_provider")

LOOK_UP = Tool("look_up", "Looks a word up.", {"type": "object"})


def runtime_for(url: str) -> Runtime:
    entry = ProviderConfig(
        "toy-chat",
        is_enabled=True,
        config={"endpoint": url},
        credentials={"api_key": toy_chat.SECRET},
    )
    return Runtime.open(Config(providers={"toy-chat": entry}), environment={})


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with Server(toy_chat.SERVICE.app()) as server:
        yield server.base_url


async def test_an_answer_repeats_the_question(url: str) -> None:
    async with runtime_for(url) as runtime:
        completion = await runtime.complete("Hello.")

    assert completion.text == "You said: Hello."
    assert completion.receipt is not None and completion.receipt.request_id == "request-1"


async def test_a_streamed_answer_is_the_same(url: str) -> None:
    async with runtime_for(url) as runtime, runtime.stream("Hello.") as stream:
        assert (await stream.completion()).text == "You said: Hello."


async def test_a_tool_is_called_and_its_result_repeated(url: str) -> None:
    asked = CompletionRequest((user("parrot"),), tools=(LOOK_UP,))
    async with runtime_for(url) as runtime:
        called = await runtime.complete(asked)
        (use,) = called.tool_uses
        result = Message("user", [ToolResult(use.id, "a bird")])
        turns = (*asked.messages, Message("assistant", called.content), result)
        answer = await runtime.complete(CompletionRequest(turns, tools=(LOOK_UP,)))

    assert (use.name, use.input) == ("look_up", {"text": "parrot"})
    assert answer.text == "You said: a bird"


async def test_a_script_answers_errors_and_bytes() -> None:
    script = iter(
        [Throttled("wait", retry_after_s=0.01), json_answer({"error": {"message": "no"}}, 401)]
    )
    with Server(toy_chat.SERVICE.app(lambda request: next(script))) as server:
        async with runtime_for(server.base_url) as runtime:
            with pytest.raises(CredentialsError) as caught:
                await runtime.complete("Hello.")

    assert (caught.value.provider, caught.value.status) == ("toy-chat", 401)
