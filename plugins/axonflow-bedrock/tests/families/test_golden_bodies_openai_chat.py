"""Bodies of the families that speak OpenAI's chat JSON, written out as documents and captures have
them.

No InvokeModel answer of these families has been recorded but one of Jamba. Every body names its
source and the day it was read; texts and ids are our own.
"""

from __future__ import annotations

from typing import Any

import pytest
from attrs import frozen

from axonflow_bedrock.families import (
    deepseek_chat,
    gemma,
    glm,
    gpt_oss,
    imported,
    jamba,
    kimi,
    minimax,
    mistral,
    nemotron,
    qwen,
    writer,
)
from axonflow_bedrock.wire.envelope import METRICS, EnvelopeDecoder, EnvelopeEncoder
from axonflow_core.codec import FamilyCodec, ModelFacts, StreamContext
from axonflow_core.codec.registry import CodecRegistry, RegisteredCodec
from axonflow_core.errors import EncodeError, TruncatedStream, UndetectedFamily
from axonflow_core.messages import (
    Completion,
    CompletionRequest,
    Image,
    Inference,
    Json,
    Media,
    MediaKind,
    Message,
    OutputSchema,
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
    user,
)
from axonflow_core.stream import assemble

FACTS = ModelFacts()
REGISTRY = CodecRegistry(
    RegisteredCodec(codec, "axonflow-bedrock", "0")
    for codec in (
        *(module.CODEC for module in (gpt_oss, deepseek_chat, writer, jamba)),
        *(family.CODEC for family in (qwen, gemma, minimax, kimi, nemotron, glm)),
        *mistral.CODECS,
        imported.CHAT,
    )
)
PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJg"
    "gg=="
)
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
SAMPLE = (
    "AWS model card of {}: InvokeModel sample, and programs that call the model; read 2026-11-22"
)


@frozen
class Golden:
    source: str
    base_id: str
    native: Any
    value: Any


def asked(text: str, **parts: Any) -> CompletionRequest:
    return CompletionRequest((user(text),), **parts)


# ── requests ──────────────────────────────────────────────────────────────────────────────────────


def card(base_id: str) -> Golden:
    """The sample that every one of these model cards shows."""
    native = {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1024}
    return Golden(
        SAMPLE.format(base_id), base_id, native, asked("Hi", inference=Inference(max_tokens=1024))
    )


CARDS = (
    "qwen.qwen3-32b-v1:0",
    "deepseek.v3-v1:0",
    "deepseek.v3.2",
    "google.gemma-3-27b-it",
    "minimax.minimax-m2",
    "moonshot.kimi-k2-thinking",
    "moonshotai.kimi-k2.5",
    "nvidia.nemotron-nano-9b-v2",
    "zai.glm-4.7",
    "mistral.mistral-large-3-675b-instruct",
    "mistral.devstral-2-123b",
    "mistral.voxtral-mini-3b-2507",
)

REQUESTS = [
    *map(card, CARDS),
    Golden(
        "AWS user guide, OpenAI models: InvokeModel request; read 2026-11-22",
        "openai.gpt-oss-20b-1:0",
        {
            "model": "openai.gpt-oss-20b-1:0",
            "messages": [
                {"role": "system", "content": "Be kind."},
                {"role": "user", "content": "Hi"},
                {"role": "assistant", "content": "<reasoning>They greet.</reasoning>Hello!"},
                {"role": "user", "content": "Who are you?"},
            ],
            "max_completion_tokens": 150,
            "temperature": 0.7,
            "top_p": 0.9,
            "stop": ["END"],
            "reasoning_effort": "low",
            "stream": False,
        },
        CompletionRequest(
            messages=(
                user("Hi"),
                Message(Role.ASSISTANT, (Reasoning("They greet."), Text("Hello!"))),
                user("Who are you?"),
            ),
            system=(Text("Be kind."),),
            inference=Inference(
                max_tokens=150,
                temperature=0.7,
                top_p=0.9,
                stop_sequences=("END",),
                spelling={"max_tokens": "max_completion_tokens"},
            ),
            reasoning=ReasoningRequest(effort="low"),
            options={"model": "openai.gpt-oss-20b-1:0", "stream": False},
        ),
    ),
    Golden(
        "OpenAI API reference, Chat completions: tools; AWS user guide, OpenAI models; read "
        "2026-11-22",
        "openai.gpt-oss-120b-1:0",
        {
            "messages": [
                {"role": "user", "content": "Weather in Oslo?"},
                {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [
                        {
                            "id": "call_1",
                            "type": "function",
                            "function": {"name": "weather", "arguments": '{"city":"Oslo"}'},
                        }
                    ],
                },
                {"role": "tool", "tool_call_id": "call_1", "content": "rain"},
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
            "tool_choice": {"type": "function", "function": {"name": "weather"}},
            "parallel_tool_calls": False,
            "response_format": {"type": "json_object"},
            "seed": 7,
        },
        CompletionRequest(
            messages=(
                user("Weather in Oslo?"),
                Message(Role.ASSISTANT, (ToolUse("call_1", "weather", {"city": "Oslo"}),)),
                Message(Role.USER, (ToolResult("call_1", "rain"),)),
            ),
            tools=(Tool("weather", "The weather.", SCHEMA),),
            tool_choice=ToolChoice(ToolChoiceMode.TOOL, "weather", allows_parallel=False),
            inference=Inference(seed=7),
            output_schema=OutputSchema(),
        ),
    ),
    Golden(
        "recorded Converse traffic of Qwen 3, where the parameter passes through to the model; "
        "read 2026-11-22",
        "qwen.qwen3-32b-v1:0",
        {"messages": [{"role": "user", "content": "Hi"}], "reasoning_config": "high"},
        asked("Hi", reasoning=ReasoningRequest(effort="high")),
    ),
    Golden(
        "OpenAI API reference, Chat completions: images; AWS model card of Gemma 3; read "
        "2026-11-22",
        "google.gemma-3-4b-it",
        {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {
                            "type": "image_url",
                            "image_url": {"url": f"data:image/png;base64,{PIXEL}"},
                        }
                    ],
                }
            ]
        },
        CompletionRequest(
            (Message(Role.USER, (Image(Media(MediaKind.BASE64, PIXEL, "image/png")),)),)
        ),
    ),
    Golden(
        "AWS user guide, Writer Palmyra models: request; read 2026-11-22",
        "writer.palmyra-x5-v1:0",
        {
            "messages": [{"role": "user", "content": "Hi"}],
            "max_tokens": 512,
            "min_tokens": 5,
            "temperature": 1,
            "top_p": 1,
            "stop": ["END"],
            "seed": 7,
            "presence_penalty": 0.5,
            "frequency_penalty": -0.5,
        },
        asked(
            "Hi",
            inference=Inference(
                max_tokens=512,
                temperature=1,
                top_p=1,
                stop_sequences=("END",),
                seed=7,
                presence_penalty=0.5,
                frequency_penalty=-0.5,
            ),
            options={"min_tokens": 5},
        ),
    ),
    Golden(
        "AWS user guide, AI21 Labs Jamba models: request; read 2026-11-22",
        "ai21.jamba-1-5-mini-v1:0",
        {
            "messages": [
                {"role": "system", "content": "Be kind."},
                {"role": "user", "content": "Hi"},
            ],
            "max_tokens": 4096,
            "temperature": 1.0,
            "stop": ["END"],
            "n": 1,
            "response_format": {"type": "json_object"},
            "documents": [{"content": "Oslo lies in Norway."}],
        },
        asked(
            "Hi",
            system=(Text("Be kind."),),
            inference=Inference(max_tokens=4096, temperature=1.0, stop_sequences=("END",)),
            output_schema=OutputSchema(),
            options={
                "n": 1,
                "documents": [{"content": "Oslo lies in Norway."}],
            },
        ),
    ),
]


def names(goldens: list[Golden]) -> list[str]:
    return [f"{golden.base_id}: {golden.source}" for golden in goldens]


@pytest.mark.parametrize("golden", REQUESTS, ids=names(REQUESTS))
def test_a_documented_request_is_read_and_comes_back_as_documented(golden: Golden) -> None:
    codec = REGISTRY.for_base_id(golden.base_id)
    read = codec.decode_request(golden.native, FACTS)
    assert read == golden.value
    assert codec.encode_request(read, FACTS) == golden.native  # type: ignore[arg-type]


# ── answers ───────────────────────────────────────────────────────────────────────────────────────


def answer(choice: Json, model: str, **more: Json) -> Json:
    head = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1764000000, "model": model}
    return {**head, "choices": [{"index": 0, **choice}], **more}


def counts(prompt: int, completion: int, **more: Json) -> Json:
    total = prompt + completion
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": total, **more}


def said(content: tuple[Any, ...], model: str, usage: Usage, **more: Any) -> Completion:
    defaults: dict[str, Any] = {
        "stop_reason": StopReason.END_TURN,
        "native_stop_reason": "stop",
        "id": "chatcmpl-1",
        "created": 1764000000,
    }
    return Completion(content, usage=usage, model=model, **{**defaults, **more})


ANSWERS = [
    Golden(
        "AWS user guide, OpenAI models: InvokeModel response; read 2026-11-22",
        "openai.gpt-oss-120b-1:0",
        answer(
            {
                "message": {
                    "role": "assistant",
                    "content": "<reasoning>They greet.</reasoning>Hello!",
                },
                "finish_reason": "stop",
            },
            "openai.gpt-oss-120b-1:0",
            service_tier="default",
            usage=counts(70, 12),
        ),
        said(
            (Reasoning("They greet."), Text("Hello!")),
            "openai.gpt-oss-120b-1:0",
            Usage(70, 12),
            service_tier="default",
        ),
    ),
    Golden(
        "litellm 1.109.1, Kimi on InvokeModel: reasoning tags; ids as in recorded Converse "
        "traffic; read 2026-11-22",
        "moonshot.kimi-k2-thinking",
        answer(
            {
                "message": {
                    "role": "assistant",
                    "content": "<reasoning>Ask the tool.</reasoning>",
                    "tool_calls": [
                        {
                            "id": "functions.weather:0",
                            "type": "function",
                            "function": {"name": "weather", "arguments": "{}"},
                        }
                    ],
                },
                "finish_reason": "tool_calls",
            },
            "moonshot.kimi-k2-thinking",
            usage=counts(9, 4),
        ),
        said(
            (Reasoning("Ask the tool."), ToolUse("functions.weather:0", "weather", {})),
            "moonshot.kimi-k2-thinking",
            Usage(9, 4),
            stop_reason=StopReason.TOOL_USE,
            native_stop_reason="tool_calls",
        ),
    ),
    Golden(
        "AWS user guide, Writer Palmyra models: response; read 2026-11-22",
        "writer.palmyra-x4-v1:0",
        answer(
            {
                "message": {
                    "role": "assistant",
                    "content": "Hello!",
                    "reasoning_content": "They greet.",
                },
                "finish_reason": "length",
            },
            "writer.palmyra-x4",
            usage=counts(43, 16, prompt_tokens_details={"cached_tokens": 40}),
        ),
        said(
            (Reasoning("They greet."), Text("Hello!")),
            "writer.palmyra-x4",
            Usage(3, 16, cache_read_tokens=40),
            stop_reason=StopReason.MAX_TOKENS,
            native_stop_reason="length",
        ),
    ),
    Golden(
        "AWS user guide, AI21 Labs Jamba models: response; its members as in recorded traffic; "
        "read 2026-11-22",
        "ai21.jamba-1-5-mini-v1:0",
        {
            "id": "chatcmpl-1",
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": " Hello!"},
                    "finish_reason": "stop",
                },
            ],
            "usage": counts(16, 3),
            "meta": {"requestDurationMillis": 307},
            "model": "jamba-1.5-mini",
        },
        said(
            (Text(" Hello!"),),
            "jamba-1.5-mini",
            Usage(16, 3),
            created=None,
            extra={"meta": {"requestDurationMillis": 307}},
        ),
    ),
    *(
        Golden(
            f"programs that read answers of {base_id}; read 2026-11-22",
            base_id,
            answer(
                {"message": {"role": "assistant", "content": "Hello!"}, "finish_reason": "stop"},
                base_id,
                usage=counts(9, 2, completion_tokens_details={"reasoning_tokens": 1}),
            ),
            said((Text("Hello!"),), base_id, Usage(9, 2, reasoning_tokens=1)),
        )
        for base_id in CARDS
    ),
]


@pytest.mark.parametrize("golden", ANSWERS, ids=names(ANSWERS))
def test_a_documented_answer_is_read_and_written_as_documented(golden: Golden) -> None:
    codec = REGISTRY.for_base_id(golden.base_id)
    assert codec.decode_response(golden.native, FACTS) == golden.value
    assert codec.encode_response(golden.value, FACTS) == golden.native  # type: ignore[arg-type]


def test_the_nulls_of_palmyra_say_nothing() -> None:
    # Source: AWS user guide, Writer Palmyra models: response; read 2026-11-22.
    message = {
        "role": "assistant",
        "reasoning_content": None,
        "content": "Hello!",
        "tool_calls": [],
    }
    native = answer(
        {"message": message, "finish_reason": "stop", "stop_reason": None},
        "writer.palmyra-x5",
        usage=counts(5, 2, prompt_tokens_details=None),
        prompt_logprobs=None,
    )

    read = writer.CODEC.decode_response(native, FACTS)

    assert (read.content, read.usage) == ((Text("Hello!"),), Usage(5, 2))


# ── streams ───────────────────────────────────────────────────────────────────────────────────────

BILLED = {
    "inputTokenCount": 70,
    "outputTokenCount": 12,
    "invocationLatency": 400,
    "firstByteLatency": 90,
}


def chunk(delta: Json, stop: str | None = None, **more: Json) -> Json:
    head = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1764000000,
        "model": "made-up",
    }
    return {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": stop}], **more}


def jamba_chunk(delta: Json, completion: int, **choice: Json) -> Json:
    choices = [{"index": 0, "delta": delta, "finish_reason": None, **choice}]
    return {"id": "chatcmpl-1", "choices": choices, "usage": counts(16, completion)}


STREAMS = [
    Golden(
        "the shape of a published capture of gpt-oss (test fixture of langchain-aws), with tags; "
        "read 2026-11-22",
        "openai.gpt-oss-120b-1:0",
        [
            chunk({"role": "assistant", "content": ""}, service_tier="auto"),
            chunk({"content": "<reasoning>They"}, service_tier="auto"),
            chunk({"content": " greet.</reason"}, service_tier="auto"),
            chunk({"content": "ing>Hello!"}, service_tier="auto"),
            chunk({}, "stop", service_tier="auto", **{METRICS: BILLED}),
        ],
        (Reasoning("They greet."), Text("Hello!")),
    ),
    Golden(
        "the shape of a published capture of Qwen 3 (test fixture of langchain-aws); read "
        "2026-11-22",
        "qwen.qwen3-32b-v1:0",
        [
            chunk({"role": "assistant", "content": ""}, service_tier="auto"),
            chunk({"content": "Hello"}, service_tier="auto"),
            chunk({"content": "!"}, "stop", service_tier="auto", **{METRICS: BILLED}),
        ],
        (Text("Hello!"),),
    ),
    Golden(
        "AWS user guide, Writer; the end as in a published capture of its prompt form "
        "(langchain-aws); read 2026-11-22",
        "writer.palmyra-x5-v1:0",
        [
            chunk({"role": "assistant", "content": ""}),
            chunk({"content": "Hello!"}),
            chunk({}, "stop", **{METRICS: BILLED}),
            "[DONE]",
        ],
        (Text("Hello!"),),
    ),
    Golden(
        "a report of a recorded stream of Jamba 1.5; read 2026-11-22",
        "ai21.jamba-1-5-mini-v1:0",
        [
            jamba_chunk({"role": "assistant", "content": " Hel"}, 1),
            jamba_chunk({"content": "lo!"}, 2),
            {
                **jamba_chunk({"content": ""}, 3, finish_reason="stop", stop_reason=518),
                "meta": {"requestDurationMillis": 307},
            },
            {METRICS: {**BILLED, "inputTokenCount": 16, "outputTokenCount": 3}},
        ],
        (Text(" Hello!"),),
    ),
    Golden(
        "OpenAI API reference, Chat completions: chunks with tool calls; none seen on InvokeModel; "
        "read 2026-11-22",
        "zai.glm-4.7",
        [
            chunk({"role": "assistant", "reasoning_content": "Ask"}),
            chunk({"reasoning_content": " the tool."}),
            chunk(
                {
                    "tool_calls": [
                        {
                            "index": 0,
                            "id": "call_1",
                            "type": "function",
                            "function": {"name": "weather", "arguments": ""},
                        }
                    ]
                }
            ),
            chunk({"tool_calls": [{"index": 0, "function": {"arguments": '{"city":'}}]}),
            chunk({"tool_calls": [{"index": 0, "function": {"arguments": '"Oslo"}'}}]}),
            chunk({}, "tool_calls", **{METRICS: BILLED}),
        ],
        (
            Reasoning("Ask the tool.", spelling={"text": "reasoning_content"}),
            ToolUse("call_1", "weather", {"city": "Oslo"}),
        ),
    ),
]


def played(codec: FamilyCodec, chunks: list[Json]) -> tuple[Completion, list[Json]]:
    """What a stream adds up to, and its chunks written again."""
    decoder = EnvelopeDecoder(codec, FACTS)
    encoder = EnvelopeEncoder(codec, StreamContext("", "", 0), FACTS)
    batches = [decoder.feed(each) for each in chunks]
    decoder.finish()
    back = [each for batch in batches for each in encoder.encode(batch)]
    return assemble(event for batch in batches for event in batch), back


@pytest.mark.parametrize("golden", STREAMS, ids=names(STREAMS))
def test_a_captured_stream_is_heard_and_comes_back_chunk_by_chunk(golden: Golden) -> None:
    heard, back = played(REGISTRY.for_base_id(golden.base_id), golden.native)

    assert heard.content == golden.value
    assert heard.first_byte_latency_ms == 90
    assert back == golden.native


@pytest.mark.parametrize("golden", STREAMS, ids=names(STREAMS))
def test_a_captured_stream_without_its_end_is_truncated(golden: Golden) -> None:
    decoder = EnvelopeDecoder(REGISTRY.for_base_id(golden.base_id), FACTS)
    for each in golden.native[:2]:
        decoder.feed(each)

    with pytest.raises(TruncatedStream):
        decoder.finish()


def test_a_palmyra_stream_that_is_billed_is_whole_without_its_last_chunk() -> None:
    chunks = STREAMS[2].native

    heard, _ = played(writer.CODEC, chunks[:-1])

    assert heard.content == (Text("Hello!"),)
    with pytest.raises(TruncatedStream):
        played(writer.CODEC, [*chunks[:2], chunk({}, "stop")])


# ── what a family refuses ─────────────────────────────────────────────────────────────────────────


def test_palmyra_is_always_given_a_limit_for_its_own_is_16_tokens() -> None:
    assert (
        writer.CODEC.encode_request(asked("Hi"), FACTS)["max_tokens"] == writer.DEFAULT_MAX_TOKENS
    )


REFUSED = {
    "kimi has no stop sequences": (
        "moonshot.kimi-k2-thinking",
        asked("Hi", inference=Inference(stop_sequences=("x",))),
    ),
    "kimi cannot be told to use some tool": (
        "moonshot.kimi-k2-thinking",
        asked("Hi", tools=(Tool("t"),), tool_choice=ToolChoice(ToolChoiceMode.ANY)),
    ),
    "gpt-oss sees no pictures": (
        "openai.gpt-oss-20b-1:0",
        CompletionRequest(
            (Message(Role.USER, (Image(Media(MediaKind.BASE64, PIXEL, "image/png")),)),)
        ),
    ),
    "gpt-oss has no budget for thinking": (
        "openai.gpt-oss-20b-1:0",
        asked("Hi", reasoning=ReasoningRequest("enabled", 1024)),
    ),
    "jamba has no choice of tools": (
        "ai21.jamba-1-5-mini-v1:0",
        asked("Hi", tools=(Tool("t"),), tool_choice=ToolChoice(ToolChoiceMode.AUTO)),
    ),
    "gemma does not think": (
        "google.gemma-3-4b-it",
        asked("Hi", reasoning=ReasoningRequest(effort="low")),
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_a_family_cannot_say_is_refused(name: str) -> None:
    base_id, request = REFUSED[name]

    with pytest.raises(EncodeError):
        REGISTRY.for_base_id(base_id).encode_request(request, FACTS)


# ── which id is whose ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("base_id", "name"),
    [
        ("openai.gpt-oss-safeguard-20b", "gpt-oss"),
        ("qwen.qwen3-coder-next", "qwen"),
        ("deepseek.v3.2", "deepseek/chat"),
        ("google.gemma-3-12b-it", "gemma"),
        ("minimax.minimax-m2.5", "minimax"),
        ("moonshotai.kimi-k3", "kimi"),
        ("nvidia.nemotron-super-3-120b", "nemotron"),
        ("zai.glm-5.3", "glm"),
        ("writer.palmyra-vision-7b", "writer"),
        ("ai21.jamba-instruct-v1:0", "jamba"),
        ("mistral.pixtral-large-2502-v1:0", "mistral/chat"),
        ("mistral.mistral-large-3-675b-instruct", "mistral/openai"),
        ("mistral.magistral-small-2509", "mistral/openai"),
    ],
)
def test_the_longest_prefix_names_the_family(base_id: str, name: str) -> None:
    assert REGISTRY.for_base_id(base_id).name == name


@pytest.mark.parametrize(
    "base_id", ["openai.gpt-6-sol", "google.gemma-4-31b", "ai21.j2-mid-v1", "deepseek.r1-v1:0"]
)
def test_a_model_that_speaks_something_else_has_no_codec_here(base_id: str) -> None:
    with pytest.raises(UndetectedFamily):
        REGISTRY.for_base_id(base_id)


def test_an_imported_model_is_named_in_the_configuration() -> None:
    assert REGISTRY.for_name("imported/chat") is imported.CHAT
