"""Bodies that Bedrock takes or tells and that are easily lost: each comes back as it was, and what
it says was read.

Sources: the bedrock-runtime service model (botocore 1.44), the AWS user guide, OpenAI's and
Anthropic's API references, November 2026. None is recorded traffic.
"""

from __future__ import annotations

from typing import Any

import pytest

from axonflow_bedrock import converse
from axonflow_bedrock.families import anthropic, nova
from axonflow_bedrock.families.cohere import COMMAND
from axonflow_bedrock.families.gpt_oss import CODEC as GPT_OSS
from axonflow_bedrock.models.model_id import parse_model_id
from axonflow_bedrock.wire.body_form import codec_of_call
from axonflow_bedrock.wire.surfaces import surface_of
from axonflow_core.codec import FamilyCodec, ModelFacts
from axonflow_core.errors import UndetectedFamily
from axonflow_core.messages import Json, Reasoning, Role, StopReason
from axonflow_core.plugins import load_codecs
from axonflow_core.recordings.json_equality import difference
from axonflow_core.stream import assemble

FACTS = ModelFacts(base_id="anthropic.claude-sonnet-4-5-20250929-v1:0")
QWEN = ModelFacts(base_id="qwen.qwen3-32b-v1:0")
CONVERSE = converse.CODEC
ASKED = {"role": "user", "content": [{"text": "Hi"}]}
SIGNED = {
    "role": "assistant",
    "content": [{"reasoningContent": {"reasoningText": {"signature": "c2lnbmVk"}}}],
}
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
PARTS = [{"type": "text", "text": "sunny"}]

REQUESTS: dict[str, tuple[FamilyCodec, ModelFacts, Json]] = {
    "a prompt's ARN and no messages": (
        CONVERSE,
        FACTS,
        {"promptVariables": {"genre": {"text": "pop"}}},
    ),
    "a thought of which the signature alone is told": (
        CONVERSE,
        FACTS,
        {"messages": [ASKED, SIGNED, ASKED]},
    ),
    "free fields of no known form": (
        CONVERSE,
        FACTS,
        {"messages": [ASKED], "additionalModelRequestFields": {"thinking": True, "top_k": None}},
    ),
    "an effort that is no word": (
        CONVERSE,
        QWEN,
        {"messages": [ASKED], "additionalModelRequestFields": {"reasoning_config": {"a": 1}}},
    ),
    "a bare stop": (
        GPT_OSS,
        FACTS,
        {"messages": [{"role": "user", "content": "Hi"}], "stop": "END"},
    ),
    "a list of stops": (
        GPT_OSS,
        FACTS,
        {"messages": [{"role": "user", "content": "Hi"}], "stop": ["END"]},
    ),
    "a developer's words": (
        GPT_OSS,
        FACTS,
        {
            "messages": [
                {"role": "developer", "content": "Be brief."},
                {"role": "user", "content": "Hi"},
            ]
        },
    ),
    "a tool's answer in parts": (
        GPT_OSS,
        FACTS,
        {
            "messages": [
                {"role": "user", "content": "Hi"},
                {"role": "assistant", "content": None, "tool_calls": [{**CALL, "index": 0}]},
                {"role": "tool", "tool_call_id": "c1", "content": PARTS},
            ],
            "tools": [
                {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
            ],
        },
    ),
}


@pytest.mark.parametrize("case", REQUESTS)
def test_a_request_comes_back(case: str) -> None:
    codec, facts, native = REQUESTS[case]

    assert (
        difference(native, codec.encode_request(codec.decode_request(native, facts), facts)) is None
    )


def test_a_signature_without_a_thought_is_a_signature() -> None:
    _, thought, _ = CONVERSE.decode_request({"messages": [ASKED, SIGNED, ASKED]}, FACTS).messages

    assert thought.content == (Reasoning(signature="c2lnbmVk", spelling={"text": "absent"}),)


def test_a_developer_speaks_as_the_system() -> None:
    codec, facts, native = REQUESTS["a developer's words"]
    request = codec.decode_request(native, facts)

    assert [message.role for message in request.messages] == [Role.USER]
    assert [getattr(block, "text", None) for block in request.system] == ["Be brief."]


def test_what_was_cached_is_told_in_the_order_of_aws() -> None:
    details = [{"ttl": "1h", "inputTokens": 15}, {"ttl": "5m", "inputTokens": 6}]
    usage = {
        "inputTokens": 3,
        "outputTokens": 5,
        "totalTokens": 29,
        "cacheWriteInputTokens": 21,
        "cacheDetails": details,
    }
    native = {
        "output": {"message": {"role": "assistant", "content": []}},
        "stopReason": "end_turn",
        "usage": usage,
    }
    completion = CONVERSE.decode_response(native, FACTS)

    assert (completion.usage.cache_write_1h_tokens, completion.usage.cache_write_5m_tokens) == (
        15,
        6,
    )
    assert CONVERSE.encode_response(completion, FACTS)["usage"]["cacheDetails"] == details


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("guardrail_intervened", StopReason.GUARDRAIL),
        ("model_context_window_exceeded", StopReason.CONTEXT_EXCEEDED),
    ],
)
def test_nova_says_why_it_stopped(word: str, reason: StopReason) -> None:
    native = {"output": {"message": {"role": "assistant", "content": []}}, "stopReason": word}

    assert nova.CODEC.decode_response(native, FACTS).stop_reason is reason


def test_each_of_several_generations_is_heard_to_its_end() -> None:
    chunks: list[dict[str, Any]] = [
        {"is_finished": False, "text": "one", "index": 0},
        {"is_finished": True, "finish_reason": "MAX_TOKENS", "index": 0},
        {"is_finished": False, "text": "two", "index": 1},
        {
            "is_finished": True,
            "finish_reason": "COMPLETE",
            "index": 1,
            "amazon-bedrock-invocationMetrics": {"inputTokenCount": 1, "outputTokenCount": 2},
        },
    ]
    decoder = surface_of(COMMAND).chunk_reader(COMMAND, FACTS)
    batches = [decoder.feed(chunk) for chunk in chunks]
    decoder.finish()

    completion = assemble(event for batch in batches for event in batch)
    assert [getattr(block, "text", None) for block in completion.content] == ["one", "two"]


PROFILE = "arn:aws:bedrock:us-east-1:111122223333:application-inference-profile/a1b2c3d4"


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (
            {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 9, "messages": []},
            anthropic.CODEC.name,
        ),
        ({"schemaVersion": "messages-v1", "messages": []}, nova.CODEC.name),
        ({"inputText": "Hi", "textGenerationConfig": {}}, "titan"),
        ({"prompt": "Hi", "max_gen_len": 9}, "llama/llama3"),
        ({"message": "Hi"}, "cohere/command-r"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_arn_that_names_no_model_is_known_by_what_is_asked(body: Json, name: str) -> None:
    registry = load_codecs("bedrock").registry

    assert codec_of_call(registry, parse_model_id(PROFILE), body).name == name
    with pytest.raises(UndetectedFamily):
        codec_of_call(registry, parse_model_id(PROFILE), {"prompt": "Hi"})
    with pytest.raises(UndetectedFamily):
        codec_of_call(registry, parse_model_id("no-such-model"), body)
