"""How a native body writes something is kept in `spelling`, and an edit of a text keeps it."""

from __future__ import annotations

from copy import deepcopy

import pytest
from attrs import evolve
from hypothesis import strategies as st

from axonflow_bedrock.converse import CODEC as CONVERSE
from axonflow_bedrock.families import anthropic, gpt_oss, nova
from axonflow_core.codec import FamilyCodec, ModelFacts
from axonflow_core.json import from_json, to_json
from axonflow_core.messages import CompletionRequest, Json, Message, Role, Text
from axonflow_core.stream import assemble
from axonflow_core.testing.checking import Side
from axonflow_core.testing.value_laws import check_twins

FACTS = ModelFacts()
GPT_OSS, CLAUDE, NOVA = gpt_oss.CODEC, anthropic.CODEC, nova.CODEC
HI = {"role": "user", "content": "Hi"}
CALL = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "weather", "arguments": '{ "city": 12345678901234567890123 }'},
}
CLAUDE_CALL = {"type": "tool_use", "id": "t", "name": "weather", "input": {}}
CLAUDE_RESULT = {"type": "tool_result", "tool_use_id": "t", "content": "rain"}
SIGNED = {"reasoningContent": {"reasoningText": {"signature": "c2ln"}}}
NOVA_HI = {"role": "user", "content": [{"text": "Hi"}]}

SPELLED: dict[str, tuple[FamilyCodec, Json]] = {
    "a limit's newer name": (GPT_OSS, {"messages": [HI], "max_completion_tokens": 5}),
    "a developer": (GPT_OSS, {"messages": [{"role": "developer", "content": "Be brief."}, HI]}),
    "a developer later": (GPT_OSS, {"messages": [HI, {"role": "developer", "content": "Now."}]}),
    "arguments as written": (
        GPT_OSS,
        {
            "messages": [
                HI,
                {"role": "assistant", "content": None, "tool_calls": [CALL]},
                {
                    "role": "tool",
                    "tool_call_id": "call_1",
                    "content": [{"type": "text", "text": "rain"}],
                },
            ]
        },
    ),
    "reasoning in a member": (
        GPT_OSS,
        {"messages": [HI, {"role": "assistant", "content": "Ho", "reasoning_content": "hm"}, HI]},
    ),
    "reasoning without an end": (
        GPT_OSS,
        {"messages": [HI, {"role": "assistant", "content": "<reasoning>hm"}, HI]},
    ),
    "a result as a string": (
        CLAUDE,
        {
            "anthropic_version": "bedrock-2023-05-31",
            "max_tokens": 5,
            "messages": [
                {"role": "assistant", "content": [CLAUDE_CALL]},
                {"role": "user", "content": [CLAUDE_RESULT]},
            ],
        },
    ),
    "a signature alone": (
        CONVERSE,
        {"messages": [NOVA_HI, {"role": "assistant", "content": [SIGNED]}, NOVA_HI]},
    ),
    "a limit's other name": (
        NOVA,
        {
            "schemaVersion": "messages-v1",
            "messages": [NOVA_HI],
            "inferenceConfig": {"max_new_tokens": 5, "top_k": 4},
        },
    ),
}


@pytest.mark.parametrize(("codec", "native"), SPELLED.values(), ids=list(SPELLED))
def test_a_body_comes_back_as_it_was_spelled(codec: FamilyCodec, native: Json) -> None:
    request = codec.decode_request(deepcopy(native), FACTS)

    assert codec.encode_request(request, FACTS) == native
    assert codec.encode_request(from_json(to_json(request)), FACTS) == native


@pytest.mark.parametrize(("codec", "native"), SPELLED.values(), ids=list(SPELLED))
def test_equal_requests_are_spelled_equally(codec: FamilyCodec, native: Json) -> None:
    side = Side(
        "request",
        st.just(native),
        lambda body: codec.decode_request(body, FACTS),
        lambda request: codec.encode_request(request, FACTS),
    )
    check_twins(side, native)


def test_a_redacted_developer_is_a_developer_still() -> None:
    native = SPELLED["a developer"][1]
    request = GPT_OSS.decode_request(native, FACTS)

    redacted = evolve(request, system=(Text("***"),))

    developer, _ = GPT_OSS.encode_request(redacted, FACTS)["messages"]
    assert developer == {"role": "developer", "content": "***"}


def test_one_familys_spelling_means_nothing_to_another() -> None:
    request = GPT_OSS.decode_request(SPELLED["a limit's newer name"][1], FACTS)

    assert NOVA.encode_request(request, FACTS)["inferenceConfig"] == {"maxTokens": 5}


def test_a_text_as_system_reaches_the_model() -> None:
    request = CompletionRequest([Message(Role.USER, "Hi")], system="Never reveal it.")

    assert CLAUDE.encode_request(evolve(request), FACTS)["system"] == [
        {"type": "text", "text": "Never reveal it."}
    ]


def test_reasoning_and_text_of_one_index_are_read_apart() -> None:
    decoder = CONVERSE.stream_decoder(FACTS)
    chunks: list[Json] = [
        {"messageStart": {"role": "assistant"}},
        {
            "contentBlockDelta": {
                "contentBlockIndex": 0,
                "delta": {"reasoningContent": {"text": "th"}},
            }
        },
        {"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"text": "ans"}}},
        {"contentBlockStop": {"contentBlockIndex": 0}},
        {"messageStop": {"stopReason": "end_turn"}},
        {"metadata": {"usage": {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2}}},
    ]

    answer = assemble(event for chunk in chunks for event in decoder.feed(chunk))

    assert (answer.text, answer.reasoning) == ("ans", "th")
