"""What clients of OpenAI's and Anthropic's dialects ask reaches Ollama, what Ollama's clients ask
reaches them, and answers come back. What cannot be moved is refused by its name."""

from __future__ import annotations

import logging
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings

from axonflow_core.codec import Codec, ModelFacts, StreamContext
from axonflow_core.dialects import anthropic_messages, openai_chat
from axonflow_core.errors import EncodeError
from axonflow_core.fitting import fit
from axonflow_core.fitting.answers import fit_answer
from axonflow_core.messages import (
    Completion,
    CompletionRequest,
    Json,
    ToolResult,
    ToolUse,
    joined_text,
)
from axonflow_core.stream import assemble, batch_of
from axonflow_core.testing import Claims, completions, requests
from axonflow_ollama.chat import CODEC
from axonflow_ollama.models import facts_of

_LOG = logging.getLogger(__name__)
FACTS = ModelFacts()
QWEN, GPT_OSS = facts_of("qwen3:8b"), facts_of("gpt-oss:20b")
PNG = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5Er"
    "kJggg=="
)
WARMTH = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOL = {
    "type": "function",
    "function": {"name": "warmth", "description": "How warm it is.", "parameters": WARMTH},
}
OSLO, BERGEN = {"city": "Oslo"}, {"city": "Bergen"}
SCHEMA = {"type": "object", "properties": {"warmer": {"type": "string"}}}

OPENAI = {
    "messages": [
        {"role": "system", "content": "Be brief."},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Which is warmer?"},
                {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
            ],
        },
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "id": "call_a",
                    "type": "function",
                    "function": {"name": "warmth", "arguments": '{"city":"Oslo"}'},
                },
                {
                    "id": "call_b",
                    "type": "function",
                    "function": {"name": "warmth", "arguments": '{"city":"Bergen"}'},
                },
            ],
        },
        {"role": "tool", "tool_call_id": "call_b", "content": "3"},
        {"role": "tool", "tool_call_id": "call_a", "content": "-4"},
    ],
    "tools": [TOOL],
    "reasoning_effort": "high",
    "response_format": {
        "type": "json_schema",
        "json_schema": {"name": "warmer", "schema": SCHEMA, "strict": True},
    },
    "max_completion_tokens": 256,
    "seed": 7,
}
ANTHROPIC = {
    "system": "Be brief.",
    "messages": [
        {
            "role": "user",
            "content": [
                {
                    "type": "image",
                    "source": {"type": "base64", "media_type": "image/png", "data": PNG},
                },
                {"type": "text", "text": "Which is warmer?"},
            ],
        },
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "A tool knows.", "signature": "sig="},
                {"type": "tool_use", "id": "call_a", "name": "warmth", "input": OSLO},
                {"type": "tool_use", "id": "call_b", "name": "warmth", "input": BERGEN},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "call_b", "content": "3"},
                {"type": "tool_result", "tool_use_id": "call_a", "content": "-4"},
            ],
        },
    ],
    "tools": [{"name": "warmth", "description": "How warm it is.", "input_schema": WARMTH}],
    "thinking": {"type": "enabled", "budget_tokens": 2048},
    "max_tokens": 4096,
}


def moved(client: Codec, model: Codec, body: Json, facts: ModelFacts = FACTS) -> Json:
    """The model's JSON of what a client's says."""
    request = client.decode_request(body, FACTS)
    return model.encode_request(fit(request, model, facts, client=client).request, facts)


def test_openais_tools_pictures_schema_and_effort_reach_ollama() -> None:
    body = moved(openai_chat.CODEC, CODEC, OPENAI, GPT_OSS)

    assert body["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Which is warmer?", "images": [PNG]},
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [
                {"id": "call_a", "function": {"index": 0, "name": "warmth", "arguments": OSLO}},
                {"id": "call_b", "function": {"index": 1, "name": "warmth", "arguments": BERGEN}},
            ],
        },
        {"role": "tool", "content": "3", "tool_name": "warmth", "tool_call_id": "call_b"},
        {"role": "tool", "content": "-4", "tool_name": "warmth", "tool_call_id": "call_a"},
    ]
    assert (body["tools"], body["format"], body["think"]) == ([TOOL], SCHEMA, "high")
    assert body["options"] == {"num_predict": 256, "seed": 7}


def test_anthropics_tools_pictures_and_thoughts_reach_ollama() -> None:
    body = moved(anthropic_messages.CODEC, CODEC, ANTHROPIC, QWEN)

    assert body["messages"][1] == {
        "role": "user",
        "content": "Which is warmer?",
        "images": [PNG],
    }
    assert body["messages"][2]["tool_calls"][1]["id"] == "call_b"
    assert [said.get("tool_name") for said in body["messages"][3:]] == ["warmth", "warmth"]
    assert (body["think"], body["options"]["num_predict"]) == (True, 4096)


@pytest.mark.parametrize(
    "other", [openai_chat.CODEC, anthropic_messages.CODEC], ids=lambda it: it.name
)
def test_what_a_client_without_ids_asks_has_ids_that_belong_together_elsewhere(
    other: Codec,
) -> None:
    """As Ollama's own Python client writes it: no ids, results in another order than calls."""
    asked = {
        "messages": [
            {"role": "user", "content": "Which?"},
            {
                "role": "assistant",
                "tool_calls": [
                    {"function": {"name": "warmth", "arguments": OSLO}},
                    {"function": {"name": "wind", "arguments": OSLO}},
                    {"function": {"name": "warmth", "arguments": BERGEN}},
                ],
            },
            {"role": "tool", "tool_name": "wind", "content": "north"},
            {"role": "tool", "tool_name": "warmth", "content": "-4"},
            {"role": "tool", "tool_name": "warmth", "content": "3"},
            {"role": "assistant", "tool_calls": [{"function": {"name": "wind", "arguments": {}}}]},
            {"role": "tool", "content": "south"},
        ],
        "tools": [TOOL],
    }

    body = moved(CODEC, other, asked)
    read = other.decode_request(body, FACTS)
    blocks = [block for message in read.messages for block in message.content]
    calls = {block.id: block for block in blocks if isinstance(block, ToolUse)}
    results = [block for block in blocks if isinstance(block, ToolResult)]
    said = [
        (calls[each.tool_use_id].name, calls[each.tool_use_id].input, joined_text(each.content))
        for each in results
    ]

    assert len(calls) == 4
    assert sorted(said, key=str) == sorted(
        [
            ("wind", OSLO, "north"),
            ("warmth", OSLO, "-4"),
            ("warmth", BERGEN, "3"),
            ("wind", {}, "south"),
        ],
        key=str,
    )


# ── every request, every answer ───────────────────────────────────────────────────────────────────

FEW = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
PAIRS = [
    (openai_chat.CODEC, CODEC),
    (anthropic_messages.CODEC, CODEC),
    (CODEC, openai_chat.CODEC),
    (CODEC, anthropic_messages.CODEC),
]


@pytest.mark.thorough
@pytest.mark.parametrize(("client", "model"), PAIRS, ids=lambda codec: codec.name)
def test_every_request_is_moved_or_refused_by_its_name(client: Codec, model: Codec) -> None:
    outcomes, facts = Counter[str](), QWEN if model is CODEC else FACTS

    @FEW
    @given(requests(Claims(codec=client)))
    def check(request: CompletionRequest) -> None:
        try:
            moved(client, model, client.encode_request(request, FACTS), facts)
        except EncodeError as refusal:
            assert refusal.feature and refusal.message
            outcomes[refusal.feature or ""] += 1
        else:
            outcomes["moved"] += 1

    check()
    _LOG.info("%s -> %s: %s", client.name, model.name, dict(outcomes))
    assert outcomes["moved"]


@pytest.mark.thorough
@pytest.mark.parametrize(("model", "client"), PAIRS, ids=lambda codec: codec.name)
def test_every_answer_comes_back_whole_and_in_pieces(model: Codec, client: Codec) -> None:
    @FEW
    @given(completions(Claims(codec=model), is_streamed=True))
    def check(completion: Completion) -> None:
        body = model.encode_response(completion, FACTS)
        fitted = fit_answer(model.decode_response(body, FACTS), client)
        whole = client.decode_response(client.encode_response(fitted, FACTS), FACTS)
        encoder = client.stream_encoder(StreamContext("id_1", "model_1", 7), FACTS)
        decoder = client.stream_decoder(FACTS)
        chunks = encoder.encode(batch_of(fitted))
        read = assemble(event for chunk in chunks for event in decoder.feed(chunk))
        decoder.finish()
        assert read.text == whole.text == completion.text
        assert [call.input for call in read.tool_uses] == [
            call.input for call in completion.tool_uses
        ]
        assert whole.stop_reason is read.stop_reason

    check()
