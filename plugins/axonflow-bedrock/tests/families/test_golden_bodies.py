"""Bodies as AWS documents them, written out: a round trip cannot see a misreading that both its
halves share.

Every body names its source and the day it was read. The ids are all those of the product's page.
"""

from __future__ import annotations

from typing import Any

import pytest
from attrs import frozen

from axonflow_bedrock.families import anthropic, llama, mistral, titan
from axonflow_core.codec import ModelFacts
from axonflow_core.codec.registry import CodecRegistry, RegisteredCodec
from axonflow_core.errors import UndetectedFamily
from axonflow_core.messages import (
    CachePoint,
    Completion,
    CompletionRequest,
    Document,
    Image,
    Inference,
    Media,
    MediaKind,
    Message,
    Reasoning,
    ReasoningRequest,
    Role,
    StopReason,
    Text,
    Tool,
    ToolChoice,
    ToolChoiceMode,
    ToolResult,
    ToolUse,
    Usage,
    assistant,
    user,
)

FACTS = ModelFacts()
REGISTRY = CodecRegistry(
    RegisteredCodec(codec, "axonflow-bedrock", "0")
    for codec in (anthropic.CODEC, titan.CODEC, *llama.CODECS, *mistral.CODECS)
)
PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJg"
    "gg=="
)
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
THREE_TURNS = (user("Hi"), assistant("Hello."), user("Who are you?"))


@frozen
class Golden:
    source: str
    base_id: str
    native: Any
    value: CompletionRequest | Completion


CLAUDE_REQUEST = {
    "anthropic_version": "bedrock-2023-05-31",
    "max_tokens": 1024,
    "system": "Answer in French.",
    "messages": [{"role": "user", "content": [{"type": "text", "text": "Hello"}]}],
    "temperature": 0.5,
    "top_k": 250,
    "stop_sequences": ["END"],
}
CLAUDE_VALUE = CompletionRequest(
    messages=(user("Hello"),),
    system=(Text("Answer in French."),),
    inference=Inference(max_tokens=1024, temperature=0.5, top_k=250, stop_sequences=("END",)),
)

REQUESTS = [
    Golden(
        "AWS user guide, Anthropic Claude Messages API: request; read 2026-11-22",
        "anthropic.claude-sonnet-4-20250514-v1:0",
        {**CLAUDE_REQUEST, "system": [{"type": "text", "text": "Answer in French."}]},
        CLAUDE_VALUE,
    ),
    Golden(
        "AWS user guide, Anthropic Claude tool use and extended thinking; read 2026-11-22",
        "anthropic.claude-haiku-4-5-20251001-v1:0",
        {
            "anthropic_version": "bedrock-2023-05-31",
            "anthropic_beta": ["interleaved-thinking-2025-05-14"],
            "max_tokens": 4096,
            "thinking": {"type": "enabled", "budget_tokens": 1024},
            "tools": [{"name": "weather", "description": "The weather.", "input_schema": SCHEMA}],
            "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {
                            "type": "image",
                            "source": {"type": "base64", "media_type": "image/png", "data": PIXEL},
                        },
                        {
                            "type": "text",
                            "text": "Here?",
                            "cache_control": {"type": "ephemeral", "ttl": "1h"},
                        },
                    ],
                },
                {
                    "role": "assistant",
                    "content": [
                        {"type": "thinking", "thinking": "Ask the tool.", "signature": "c2ln"},
                        {"type": "redacted_thinking", "data": "ZGF0YQ=="},
                        {
                            "type": "tool_use",
                            "id": "toolu_1",
                            "name": "weather",
                            "input": {"city": "Oslo"},
                        },
                    ],
                },
                {
                    "role": "user",
                    "content": [
                        {
                            "type": "tool_result",
                            "tool_use_id": "toolu_1",
                            "content": "rain",
                            "is_error": False,
                        },
                        {
                            "type": "document",
                            "title": "map",
                            "source": {"type": "text", "media_type": "text/plain", "data": "Oslo"},
                        },
                    ],
                },
            ],
        },
        CompletionRequest(
            messages=(
                Message(
                    Role.USER,
                    (
                        Image(Media(MediaKind.BASE64, PIXEL, "image/png")),
                        Text("Here?"),
                        CachePoint(ttl="1h"),
                    ),
                ),
                Message(
                    Role.ASSISTANT,
                    (
                        Reasoning("Ask the tool.", "c2ln"),
                        Reasoning(redacted="ZGF0YQ=="),
                        ToolUse("toolu_1", "weather", {"city": "Oslo"}),
                    ),
                ),
                Message(
                    Role.USER,
                    (
                        ToolResult(
                            "toolu_1", "rain", is_error=False, spelling={"content": "string"}
                        ),
                        Document(Media(MediaKind.TEXT, "Oslo", "text/plain"), name="map"),
                    ),
                ),
            ),
            inference=Inference(max_tokens=4096),
            tools=(Tool("weather", "The weather.", SCHEMA),),
            tool_choice=ToolChoice(ToolChoiceMode.AUTO, allows_parallel=False),
            reasoning=ReasoningRequest("enabled", 1024),
            options={"anthropic_beta": ["interleaved-thinking-2025-05-14"]},
        ),
    ),
    Golden(
        "AWS user guide, Amazon Titan Text models: request; read 2026-11-22",
        "amazon.titan-text-express-v1",
        {
            "inputText": "User: Hi\nBot: Hello.\nUser: Who are you?\nBot:",
            "textGenerationConfig": {
                "maxTokenCount": 512,
                "temperature": 0.7,
                "topP": 0.9,
                "stopSequences": ["|"],
            },
        },
        CompletionRequest(
            messages=THREE_TURNS,
            inference=Inference(max_tokens=512, temperature=0.7, top_p=0.9, stop_sequences=("|",)),
        ),
    ),
    Golden(
        "Meta, Llama 2 prompt format; AWS user guide, Meta Llama models; read 2026-11-22",
        "meta.llama2-13b-chat-v1",
        {
            "prompt": "<s>[INST] <<SYS>>\nBe kind.\n<</SYS>>\n\nHi [/INST] Hello. </s><s>[INST] "
            "Who are you? [/INST]",
            "max_gen_len": 128,
        },
        CompletionRequest(THREE_TURNS, (Text("Be kind."),), Inference(max_tokens=128)),
    ),
    Golden(
        "Meta, Llama 3 prompt format; read 2026-11-22",
        "meta.llama3-8b-instruct-v1:0",
        {
            "prompt": "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nBe "
            "kind.<|eot_id|>"
            "<|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\nHello.<|eot_id|>"
            "<|start_header_id|>user<|end_header_id|>\n\nWho are you?<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\n",
        },
        CompletionRequest(THREE_TURNS, (Text("Be kind."),)),
    ),
    Golden(
        "Meta, Llama 3.1 prompt format; AWS user guide, Meta Llama models; read 2026-11-22",
        "meta.llama3-1-70b-instruct-v1:0",
        {
            "prompt": "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nBe "
            "kind.<|eot_id|>"
            "<|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\nHello.<|eot_id|>"
            "<|start_header_id|>user<|end_header_id|>\n\nWho are you?<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\n",
            "max_gen_len": 512,
            "temperature": 0.5,
            "top_p": 0.9,
        },
        CompletionRequest(
            THREE_TURNS, (Text("Be kind."),), Inference(max_tokens=512, temperature=0.5, top_p=0.9)
        ),
    ),
    Golden(
        "Meta, Llama 3.2 vision prompt format; AWS user guide, Meta Llama models; read 2026-11-22",
        "meta.llama3-2-11b-instruct-v1:0",
        {
            "prompt": "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\n<|image|>What "
            "is it?<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\n",
            "images": [PIXEL],
        },
        CompletionRequest(
            (
                Message(
                    Role.USER,
                    (Image(Media(MediaKind.BASE64, PIXEL, "image/png")), Text("What is it?")),
                ),
            )
        ),
    ),
    Golden(
        "Meta, Llama 4 model card: prompt format; read 2026-11-22",
        "meta.llama4-maverick-17b-instruct-v1:0",
        {
            "prompt": "<|begin_of_text|><|header_start|>system<|header_end|>\n\nBe kind.<|eot|>"
            "<|header_start|>user<|header_end|>\n\nHi<|eot|>"
            "<|header_start|>assistant<|header_end|>\n\nHello.<|eot|>"
            "<|header_start|>user<|header_end|>\n\nWho are you?<|eot|>"
            "<|header_start|>assistant<|header_end|>\n\n",
        },
        CompletionRequest(THREE_TURNS, (Text("Be kind."),)),
    ),
    Golden(
        "AWS user guide, Mistral AI chat completion: request; read 2026-11-22",
        "mistral.mistral-large-2407-v1:0",
        {
            "messages": [
                {"role": "system", "content": "Be kind."},
                {"role": "user", "content": "Weather in Oslo?"},
                {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [
                        {
                            "id": "v6RMMiRlT",
                            "type": "function",
                            "function": {"name": "weather", "arguments": '{"city": "Oslo"}'},
                        }
                    ],
                },
                {"role": "tool", "tool_call_id": "v6RMMiRlT", "content": "rain"},
            ],
            "tools": [
                {
                    "type": "function",
                    "function": {
                        "name": "weather",
                        "description": "The weather.",
                        "parameters": SCHEMA,
                    },
                }
            ],
            "tool_choice": "any",
            "max_tokens": 512,
            "top_p": 0.99,
        },
        CompletionRequest(
            messages=(
                user("Weather in Oslo?"),
                Message(
                    Role.ASSISTANT,
                    (
                        ToolUse(
                            "v6RMMiRlT",
                            "weather",
                            {"city": "Oslo"},
                            spelling={"input": '{"city": "Oslo"}'},
                        ),
                    ),
                ),
                Message(Role.USER, (ToolResult("v6RMMiRlT", "rain"),)),
            ),
            system=(Text("Be kind."),),
            inference=Inference(max_tokens=512, top_p=0.99),
            tools=(Tool("weather", "The weather.", SCHEMA),),
            tool_choice=ToolChoice(ToolChoiceMode.ANY),
        ),
    ),
]

ANSWERS = [
    Golden(
        "AWS user guide, Anthropic Claude Messages API: response; read 2026-11-22",
        "anthropic.claude-sonnet-4-20250514-v1:0",
        {
            "id": "msg_bdrk_1",
            "type": "message",
            "role": "assistant",
            "model": "claude-sonnet-4-20250514",
            "content": [{"type": "text", "text": "Bonjour"}],
            "stop_reason": "stop_sequence",
            "stop_sequence": "END",
            "usage": {
                "input_tokens": 3,
                "cache_creation_input_tokens": 5,
                "cache_read_input_tokens": 7,
                "cache_creation": {"ephemeral_5m_input_tokens": 5, "ephemeral_1h_input_tokens": 0},
                "output_tokens": 2,
            },
        },
        Completion(
            content=(Text("Bonjour"),),
            stop_reason=StopReason.STOP_SEQUENCE,
            native_stop_reason="stop_sequence",
            stop_sequence="END",
            usage=Usage(3, 2, 7, 5, 5, 0),
            id="msg_bdrk_1",
            model="claude-sonnet-4-20250514",
        ),
    ),
    Golden(
        "AWS user guide, Amazon Titan Text models: response; read 2026-11-22",
        "amazon.titan-text-express-v1",
        {
            "inputTextTokenCount": 5,
            "results": [{"tokenCount": 3, "outputText": "\nHello", "completionReason": "FINISHED"}],
        },
        Completion(
            (Text("\nHello"),), StopReason.END_TURN, Usage(5, 3), native_stop_reason="FINISHED"
        ),
    ),
    Golden(
        "AWS user guide, Meta Llama models: response; read 2026-11-22",
        "meta.llama3-1-70b-instruct-v1:0",
        {
            "generation": "Hello",
            "prompt_token_count": 5,
            "generation_token_count": 1,
            "stop_reason": "length",
        },
        Completion(
            (Text("Hello"),), StopReason.MAX_TOKENS, Usage(5, 1), native_stop_reason="length"
        ),
    ),
    Golden(
        "AWS user guide, Mistral AI text completion: response; read 2026-11-22",
        "mistral.mixtral-8x7b-instruct-v0:1",
        {"outputs": [{"text": " Hello", "stop_reason": "stop"}]},
        Completion((Text(" Hello"),), StopReason.END_TURN, native_stop_reason="stop"),
    ),
    Golden(
        "AWS user guide, Mistral AI chat completion: response; read 2026-11-22",
        "mistral.mistral-large-2407-v1:0",
        {
            "id": "cmpl-1",
            "object": "chat.completion",
            "created": 1721900000,
            "model": "mistral-large-2407",
            "choices": [
                {
                    "index": 0,
                    "message": {
                        "role": "assistant",
                        "content": "I ask.",
                        "tool_calls": [
                            {
                                "id": "a1",
                                "type": "function",
                                "function": {"name": "weather", "arguments": "{}"},
                            }
                        ],
                    },
                    "stop_reason": "tool_calls",
                }
            ],
            "usage": {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13},
        },
        Completion(
            content=(Text("I ask."), ToolUse("a1", "weather", {})),
            stop_reason=StopReason.TOOL_USE,
            usage=Usage(9, 4),
            native_stop_reason="tool_calls",
            id="cmpl-1",
            model="mistral-large-2407",
            created=1721900000,
        ),
    ),
]


def _names(goldens: list[Golden]) -> list[str]:
    return [f"{golden.base_id}: {golden.source}" for golden in goldens]


@pytest.mark.parametrize("golden", REQUESTS, ids=_names(REQUESTS))
def test_a_documented_request_is_read_and_written_as_documented(golden: Golden) -> None:
    codec = REGISTRY.for_base_id(golden.base_id)
    assert codec.decode_request(golden.native, FACTS) == golden.value
    assert codec.encode_request(golden.value, FACTS) == golden.native  # type: ignore[arg-type]


@pytest.mark.parametrize("golden", ANSWERS, ids=_names(ANSWERS))
def test_a_documented_answer_is_read_and_written_as_documented(golden: Golden) -> None:
    codec = REGISTRY.for_base_id(golden.base_id)
    assert codec.decode_response(golden.native, FACTS) == golden.value
    assert codec.encode_response(golden.value, FACTS) == golden.native  # type: ignore[arg-type]


def test_a_bare_system_string_is_one_text_block() -> None:
    assert anthropic.CODEC.decode_request(CLAUDE_REQUEST, FACTS) == CLAUDE_VALUE


def test_a_mistral_prompt_opens_its_first_instruction_with_the_system_text() -> None:
    # Source: AWS user guide, Mistral AI text completion; no system role exists there. Read
    # 2026-11-22.
    body = mistral.PROMPT.encode_request(CompletionRequest(THREE_TURNS, (Text("Be kind."),)), FACTS)
    assert body == {
        "prompt": "<s>[INST] Be kind.\n\nHi [/INST] Hello.</s>[INST] Who are you? [/INST]"
    }


@pytest.mark.parametrize(
    ("base_id", "name"),
    [
        ("anthropic.claude-sonnet-4-20250514-v1:0", "anthropic"),
        ("anthropic.claude-haiku-4-5-20251001-v1:0", "anthropic"),
        ("amazon.titan-text-express-v1", "titan"),
        ("meta.llama3-1-70b-instruct-v1:0", "llama/llama3"),
        ("meta.llama3-2-90b-instruct-v1:0", "llama/llama3-vision"),
        ("meta.llama3-2-3b-instruct-v1:0", "llama/llama3"),
        ("mistral.mistral-large-2407-v1:0", "mistral/chat"),
        ("mistral.mistral-large-2402-v1:0", "mistral/prompt"),
        ("mistral.ministral-3-8b-instruct", "mistral/openai"),
    ],
)
def test_the_longest_prefix_names_the_family(base_id: str, name: str) -> None:
    assert REGISTRY.for_base_id(base_id).name == name


@pytest.mark.parametrize(
    "base_id",
    ["anthropic.claude-v2:1", "anthropic.claude-instant-v1", "amazon.titan-embed-text-v1"],
)
def test_a_model_whose_form_is_not_spoken_has_no_codec(base_id: str) -> None:
    with pytest.raises(UndetectedFamily, match=base_id):
        REGISTRY.for_base_id(base_id)


@pytest.mark.parametrize(
    "prompt",
    [
        "Just a question",
        "<s>[INST] No space before the end[/INST]",
        "<|begin_of_text|><|start_header_id|>ipython<|end_header_id|>\n\n{}<|eot_id|>",
        "<|begin_of_text|><|start_header_id|>assistant<|end_header_id|>\n\nDone<|eot_id|>",
        "<|begin_of_text|><|start_header_id|>assistant<|end_header_id|>\n\na<|eot_id|>b",
    ],
)
@pytest.mark.parametrize("codec", [*llama.CODECS, mistral.PROMPT], ids=lambda codec: codec.name)
def test_a_prompt_that_does_not_follow_the_template_comes_back_as_it_was(
    codec: Any, prompt: str
) -> None:
    request = codec.decode_request({"prompt": prompt}, FACTS)
    assert codec.encode_request(request, FACTS) == {"prompt": prompt}
    assert request.is_raw_prompt or codec.decode_request({"prompt": prompt}, FACTS) == request
