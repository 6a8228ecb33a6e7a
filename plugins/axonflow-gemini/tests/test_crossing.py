"""Requests of other dialects move to Gemini and back: tools, pictures, thoughts, schema."""

from __future__ import annotations

from typing import Any

import pytest

from axonflow_core.codec import Codec, ModelFacts
from axonflow_core.dialects import anthropic_messages, openai_chat
from axonflow_core.fitting import fit
from axonflow_core.fitting.answers import fit_answer
from axonflow_core.messages import Completion, Reasoning, StopReason, Text, ToolUse, Usage
from axonflow_gemini.codec import CODEC
from axonflow_gemini.codec.requests import SKIP_SIGNATURE
from axonflow_gemini.provider import GeminiProvider

facts_of = GeminiProvider.models.facts

PNG = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAA"
    "AABJRU5ErkJggg=="
)
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
OF_OPENAI: dict[str, Any] = {
    "messages": [
        {"role": "system", "content": "Be brief."},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "hi"},
                {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
            ],
        },
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "id": id,
                    "type": "function",
                    "function": {"name": "weather", "arguments": f'{{"city":"{city}"}}'},
                }
                for id, city in (("1", "Oslo"), ("2", "Ulm"))
            ],
        },
        {"role": "tool", "tool_call_id": "1", "content": "rain"},
        {"role": "tool", "tool_call_id": "2", "content": "sun"},
    ],
    "tools": [
        {"type": "function", "function": {"name": "weather", "parameters": SCHEMA, "strict": True}}
    ],
    "tool_choice": {"type": "function", "function": {"name": "weather"}},
    "reasoning_effort": "high",
    "temperature": 0.3,
    "n": 1,
    "response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": SCHEMA}},
}
OF_ANTHROPIC: dict[str, Any] = {
    "max_tokens": 3000,
    "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
    "messages": [
        {"role": "user", "content": "hi"},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "hm", "signature": "of Anthropic"},
                {"type": "tool_use", "id": "1", "name": "weather", "input": {"city": "Oslo"}},
            ],
        },
        {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": "1", "content": "rain"}],
        },
    ],
    "tools": [{"name": "weather", "input_schema": SCHEMA}],
    "thinking": {"type": "enabled", "budget_tokens": 2048},
    "top_k": 5,
}


def moved(body: Any, client: Codec, model: str) -> tuple[Any, set[str]]:
    """The body of Gemini's for a client's, and what is reported."""
    facts = facts_of(model)
    fitted = fit(client.decode_request(body, ModelFacts()), CODEC, facts, client=client)
    reported = {each.feature for each in fitted.adjustments}
    return CODEC.encode_request(fitted.request, facts), reported


def test_a_request_of_openais_moves_to_a_model_with_levels() -> None:
    body, reported = moved(OF_OPENAI, openai_chat.CODEC, "gemini-3.8-flash")

    asked, called, answered = body["contents"]
    assert asked["parts"][1] == {"inlineData": {"mimeType": "image/png", "data": PNG}}
    assert [part.get("thoughtSignature") for part in called["parts"]] == [SKIP_SIGNATURE, None]
    responses = [part["functionResponse"] for part in answered["parts"]]
    assert [(each["id"], each["response"]) for each in responses] == [
        ("1", {"result": "rain"}),
        ("2", {"result": "sun"}),
    ]
    assert body["generationConfig"] == {
        "thinkingConfig": {"includeThoughts": True, "thinkingLevel": "high"},
        "responseMimeType": "application/json",
        "responseJsonSchema": SCHEMA,
    }
    assert body["toolConfig"]["functionCallingConfig"] == {
        "mode": "ANY",
        "allowedFunctionNames": ["weather"],
    }
    assert reported == {"temperature", "tools"}


@pytest.mark.parametrize(
    ("model", "thinking", "sampling"),
    [
        ("gemini-3.8-flash", {"includeThoughts": True, "thinkingLevel": "medium"}, None),
        ("gemini-2.5-flash", {"includeThoughts": True, "thinkingBudget": 2048}, 5),
    ],
)
def test_a_request_of_anthropics_moves_without_its_signatures(
    model: str, thinking: Any, sampling: int | None
) -> None:
    body, reported = moved(OF_ANTHROPIC, anthropic_messages.CODEC, model)

    thought, call = body["contents"][1]["parts"]
    assert thought == {"text": "hm", "thought": True}
    assert call.get("thoughtSignature") == (SKIP_SIGNATURE if sampling is None else None)
    assert body["generationConfig"]["thinkingConfig"] == thinking
    assert body["generationConfig"].get("topK") == sampling
    assert {"cache points", "signed or redacted reasoning"} <= reported


@pytest.mark.parametrize("client", [openai_chat.CODEC, anthropic_messages.CODEC])
def test_an_answer_of_geminis_reaches_clients_of_others(client: Codec) -> None:
    parts = [
        {"text": "Hm", "thought": True},
        {"text": "Hello"},
        {"functionCall": {"name": "weather", "args": {}}, "thoughtSignature": "c2ln"},
    ]
    candidate = {"content": {"role": "model", "parts": parts}, "finishReason": "STOP"}
    answer = CODEC.decode_response({"candidates": [candidate], "responseId": "r"}, ModelFacts())

    native = client.encode_response(fit_answer(answer, client), ModelFacts())

    again = client.decode_response(native, ModelFacts())
    assert (again.text, again.stop_reason) == ("Hello", StopReason.TOOL_USE)
    assert [call.name for call in again.tool_uses] == ["weather"]
    assert again.reasoning.strip() == "Hm"


def test_an_answer_of_another_model_reaches_googles_client() -> None:
    content = (Reasoning("hm", "s"), Text("yo"), ToolUse("1", "f", {}))
    answer = Completion(content, StopReason.TOOL_USE, Usage(5, 7, reasoning_tokens=2))

    native = CODEC.encode_response(fit_answer(answer, CODEC), ModelFacts())

    (candidate,) = native["candidates"]
    assert candidate["finishReason"] == "STOP"
    assert [next(iter(part)) for part in candidate["content"]["parts"]] == [
        "text",
        "text",
        "functionCall",
    ]
    assert native["usageMetadata"]["totalTokenCount"] == 12
