"""A chat request is counted as one of the Responses API."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from axonflow_core.codec import ModelFacts
from axonflow_core.codec.registry import CodecRegistry
from axonflow_core.errors import MalformedRequest, Uncountable
from axonflow_core.json import loads
from axonflow_core.messages import CompletionRequest, Tool, user
from axonflow_core.plugin_spec import Services
from axonflow_core.testing import MockTransport, json_answer
from axonflow_openai.config import OpenAIConfig
from axonflow_openai.counting import CountCodec, as_chat, as_counted
from axonflow_openai.plugin import axonflow_register_provider

PICTURE = {"type": "image_url", "image_url": {"url": "https://x.example/a.png", "detail": "low"}}
FILE = {"file_data": "data:application/pdf;base64,JVBERi0=", "filename": "a.pdf"}
CALL = {"id": "call_1", "type": "function", "function": {"name": "look_up", "arguments": "{}"}}
SCHEMA: Any = {"type": "object", "properties": {}}
CHAT: Any = {
    "messages": [
        {"role": "system", "content": "Be brief."},
        {
            "role": "user",
            "content": [{"type": "text", "text": "Hi"}, PICTURE, {"type": "file", "file": FILE}],
        },
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "call_1", "content": "rain"},
        {"role": "assistant", "content": [{"type": "text", "text": "It rains."}]},
    ],
    "tools": [{"type": "function", "function": {"name": "look_up", "parameters": SCHEMA}}],
    "tool_choice": {"type": "function", "function": {"name": "look_up"}},
    "response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": SCHEMA}},
    "max_completion_tokens": 9,
}


def test_every_member_with_tokens_has_its_place() -> None:
    assert as_counted(CHAT) == {
        "input": [
            {"role": "system", "content": "Be brief."},
            {
                "role": "user",
                "content": [
                    {"type": "input_text", "text": "Hi"},
                    {
                        "type": "input_image",
                        "image_url": "https://x.example/a.png",
                        "detail": "low",
                    },
                    {"type": "input_file", **FILE},
                ],
            },
            {"type": "function_call", "call_id": "call_1", "name": "look_up", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "call_1", "output": "rain"},
            {"role": "assistant", "content": [{"type": "output_text", "text": "It rains."}]},
        ],
        "tools": [{"type": "function", "strict": None, "name": "look_up", "parameters": SCHEMA}],
        "tool_choice": {"type": "function", "name": "look_up"},
        "text": {"format": {"type": "json_schema", "name": "a", "schema": SCHEMA}},
    }


def test_a_server_reads_the_same_conversation() -> None:
    again = as_chat(as_counted(CHAT))

    assert [message["role"] for message in again["messages"]] == [
        message["role"] for message in CHAT["messages"]
    ]
    assert again["tools"] == CHAT["tools"]


def test_a_part_that_cannot_be_counted_is_named() -> None:
    audio = {"type": "input_audio", "input_audio": {"data": "", "format": "wav"}}

    with pytest.raises(Uncountable, match="input_audio"):
        as_counted({"messages": [{"role": "user", "content": [audio]}]})


@pytest.mark.parametrize("body", [{}, {"input": 7}, {"input": [{"type": "function_call"}]}, 7])
def test_what_is_no_request_is_malformed(body: Any) -> None:
    with pytest.raises(MalformedRequest):
        CountCodec().decode_request(body, ModelFacts())


def test_a_count_is_asked_of_the_account() -> None:
    answer = {"object": "response.input_tokens", "input_tokens": 11}
    client = MockTransport(lambda request: json_answer(answer, 200))
    services = Services(
        name="openai", client=client, codecs=CodecRegistry(), credentials={"api_key": "sk-1"}
    )
    provider: Any = axonflow_register_provider().create(OpenAIConfig(), services)
    asked = CompletionRequest((user("Hi"),), tools=(Tool("look_up"),))

    # A model whose tools only the Responses API takes is counted with them.
    counted = asyncio.run(provider.count(asked, model="gpt-6-astra"))

    assert counted.input_tokens == 11
    assert client.requests[0].url == "https://api.openai.com/v1/responses/input_tokens"
    assert loads(client.requests[0].body) == {
        "model": "gpt-6-astra",
        "input": [{"role": "user", "content": "Hi"}],
        "tools": [{"type": "function", "name": "look_up"}],
    }
