"""Nova's bodies as Amazon documents them, written out, and the numbers of its streams, as they were
recorded.

Every body names its source and the day it was read.
"""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve
from native_streams import batches_of, chunks_of, sum_of

from axonflow_bedrock.families import anthropic, nova, titan
from axonflow_core.codec import Feature, ModelFacts
from axonflow_core.codec.registry import CodecRegistry, RegisteredCodec
from axonflow_core.errors import EncodeError, MalformedRequest, TruncatedStream, UndetectedFamily
from axonflow_core.messages import (
    BuiltinTool,
    CachePoint,
    Completion,
    CompletionRequest,
    Data,
    Image,
    Inference,
    Json,
    Media,
    MediaKind,
    Message,
    Opaque,
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
from axonflow_core.stream import (
    Batch,
    BlockStart,
    BlockStop,
    Ended,
    ReasoningDelta,
    Stopped,
    TextDelta,
    ToolInputDelta,
    UsageUpdate,
)

CODEC, FACTS = nova.CODEC, ModelFacts()
REGISTRY = CodecRegistry(
    RegisteredCodec(codec, "axonflow-bedrock", "0")
    for codec in (anthropic.CODEC, nova.CODEC, titan.CODEC)
)
PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJg"
    "gg=="
)
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
QUESTION = CompletionRequest((user("Hi"),))

REQUESTS: dict[str, tuple[Json, CompletionRequest]] = {
    # Amazon Nova user guide, "Complete request schema"; read 2026-11-25.
    "the parameters of the first generation": (
        {
            "schemaVersion": "messages-v1",
            "system": [{"text": "Be kind."}, {"cachePoint": {"type": "default"}}],
            "messages": [
                {"role": "user", "content": [{"text": "Hi"}]},
                {"role": "assistant", "content": [{"text": "Hel"}]},
            ],
            "inferenceConfig": {
                "maxTokens": 512,
                "temperature": 0.7,
                "topP": 0.9,
                "topK": 50,
                "stopSequences": ["|"],
            },
        },
        CompletionRequest(
            messages=(user("Hi"), assistant("Hel")),
            system=(Text("Be kind."), CachePoint()),
            inference=Inference(
                max_tokens=512, temperature=0.7, top_p=0.9, top_k=50, stop_sequences=("|",)
            ),
        ),
    ),
    # Amazon Nova user guide, "Complete request schema" and "Image understanding"; read 2026-11-25.
    "pictures by value and by place": (
        {
            "schemaVersion": "messages-v1",
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"image": {"format": "png", "source": {"bytes": PIXEL}}},
                        {
                            "image": {
                                "format": "jpeg",
                                "source": {
                                    "s3Location": {
                                        "uri": "s3://bucket/key",
                                        "bucketOwner": "123456789012",
                                    }
                                },
                            }
                        },
                        {
                            "video": {
                                "format": "mp4",
                                "source": {"s3Location": {"uri": "s3://bucket/film"}},
                            }
                        },
                        {"text": "What is it?"},
                    ],
                }
            ],
        },
        CompletionRequest(
            (
                Message(
                    Role.USER,
                    (
                        Image(Media(MediaKind.BASE64, PIXEL, "image/png")),
                        Image(
                            Media(
                                MediaKind.S3,
                                "s3://bucket/key",
                                "image/jpeg",
                                extra={"bucketOwner": "123456789012"},
                            )
                        ),
                        Opaque(
                            "nova",
                            {
                                "video": {
                                    "format": "mp4",
                                    "source": {"s3Location": {"uri": "s3://bucket/film"}},
                                }
                            },
                        ),
                        Text("What is it?"),
                    ),
                ),
            )
        ),
    ),
    # Amazon Nova user guide, "Tool use": defining, choosing, returning results; read 2026-11-25.
    "tools, a call, and what came of it": (
        {
            "schemaVersion": "messages-v1",
            "messages": [
                {"role": "user", "content": [{"text": "Oslo?"}]},
                {
                    "role": "assistant",
                    "content": [
                        {
                            "toolUse": {
                                "toolUseId": "t1",
                                "name": "weather",
                                "input": {"city": "Oslo"},
                            }
                        }
                    ],
                },
                {
                    "role": "user",
                    "content": [
                        {
                            "toolResult": {
                                "toolUseId": "t1",
                                "content": [{"json": {"sky": "rain"}}, {"text": "wet"}],
                                "status": "success",
                            }
                        },
                        {
                            "toolResult": {
                                "toolUseId": "t2",
                                "content": [{"text": "no"}],
                                "status": "error",
                            }
                        },
                    ],
                },
            ],
            "toolConfig": {
                "tools": [
                    {
                        "toolSpec": {
                            "name": "weather",
                            "description": "The weather.",
                            "inputSchema": {"json": SCHEMA},
                        }
                    },
                    {"cachePoint": {"type": "default"}},
                ],
                "toolChoice": {"tool": {"name": "weather"}},
            },
        },
        CompletionRequest(
            messages=(
                user("Oslo?"),
                Message(Role.ASSISTANT, (ToolUse("t1", "weather", {"city": "Oslo"}),)),
                Message(
                    Role.USER,
                    (
                        ToolResult("t1", (Data({"sky": "rain"}), Text("wet")), is_error=False),
                        ToolResult("t2", (Text("no"),), is_error=True),
                    ),
                ),
            ),
            tools=(Tool("weather", "The weather.", SCHEMA), CachePoint()),
            tool_choice=ToolChoice(ToolChoiceMode.TOOL, "weather"),
        ),
    ),
    # Amazon Nova 2 user guide, "Request and response schema", "Extended thinking", "Built-in
    # tools"; read 2026-11-25.
    "the second generation, which thinks and has tools of its own": (
        {
            "messages": [{"role": "user", "content": [{"text": "Prove it."}]}],
            "inferenceConfig": {
                "reasoningConfig": {"type": "enabled", "maxReasoningEffort": "high"}
            },
            "toolConfig": {
                "tools": [{"systemTool": {"name": "nova_grounding"}}],
                "toolChoice": {"auto": {}},
            },
        },
        CompletionRequest(
            messages=(user("Prove it."),),
            tools=(BuiltinTool("nova", "systemTool", "nova_grounding"),),
            tool_choice=ToolChoice(ToolChoiceMode.AUTO),
            reasoning=ReasoningRequest("enabled", effort="high"),
            options={"schemaVersion": None},
        ),
    ),
}

ANSWERS: dict[str, tuple[Json, Completion]] = {
    # Amazon Nova user guide, "Response structure"; the names of the cache counts as recorded; read
    # 2026-11-25.
    "a call of a tool, thought over": (
        {
            "output": {
                "message": {
                    "role": "assistant",
                    "content": [
                        {"reasoningContent": {"reasoningText": {"text": "[REDACTED]"}}},
                        {"text": "I ask."},
                        {
                            "toolUse": {
                                "toolUseId": "t1",
                                "name": "weather",
                                "input": {"city": "Oslo"},
                            }
                        },
                    ],
                }
            },
            "stopReason": "tool_use",
            "usage": {
                "inputTokens": 9,
                "outputTokens": 4,
                "totalTokens": 20,
                "cacheReadInputTokenCount": 7,
                "cacheWriteInputTokenCount": 0,
            },
        },
        Completion(
            content=(
                Reasoning("[REDACTED]"),
                Text("I ask."),
                ToolUse("t1", "weather", {"city": "Oslo"}),
            ),
            stop_reason=StopReason.TOOL_USE,
            usage=Usage(9, 4, 7, 0),
            native_stop_reason="tool_use",
        ),
    ),
    # Amazon Nova user guide, "Error handling": what the content filters block comes with HTTP 200;
    # read 2026-11-25.
    "an answer that was blocked": (
        {"error": "The generated text has been blocked by our content filters."},
        Completion(
            content=(),
            stop_reason=StopReason.CONTENT_FILTERED,
            stop_details="The generated text has been blocked by our content filters.",
        ),
    ),
    "an answer that was blocked after it began": (
        {
            "output": {"message": {"role": "assistant", "content": [{"text": "Once"}]}},
            "error": "The generated text has been blocked by our content filters.",
            "stopReason": "content_filtered",
        },
        Completion(
            content=(Text("Once"),),
            stop_reason=StopReason.CONTENT_FILTERED,
            stop_details="The generated text has been blocked by our content filters.",
            native_stop_reason="content_filtered",
        ),
    ),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_a_documented_request_is_read_and_written_as_documented(name: str) -> None:
    native, value = REQUESTS[name]
    assert CODEC.decode_request(native, FACTS) == value
    assert CODEC.encode_request(value, FACTS) == native


@pytest.mark.parametrize("name", ANSWERS)
def test_a_documented_answer_is_read_and_written_as_documented(name: str) -> None:
    native, value = ANSWERS[name]
    assert CODEC.decode_response(native, FACTS) == value
    assert CODEC.encode_response(value, FACTS) == native


# ── parameters ────────────────────────────────────────────────────────────────────────────────────


def asked(**config: Json) -> Json:
    return {
        "schemaVersion": "messages-v1",
        "messages": [{"role": "user", "content": [{"text": "Hi"}]}],
        "inferenceConfig": config,
    }


def test_a_parameter_is_read_under_either_name_and_goes_back_under_the_one_it_came_by() -> None:
    # Recorded traffic of Nova Micro, 2025, says max_new_tokens beside topP; the user guide of 2024
    # says top_k too.
    body = asked(max_new_tokens=10, topP=1, top_k=20)

    request = CODEC.decode_request(body, FACTS)

    inference = request.inference
    assert (inference.max_tokens, inference.top_p, inference.top_k) == (10, 1, 20)
    assert CODEC.encode_request(request, FACTS) == body
    again = evolve(request, inference=evolve(inference, max_tokens=11))
    assert CODEC.encode_request(again, FACTS) == asked(max_new_tokens=11, topP=1, top_k=20)


def test_of_two_names_for_one_parameter_both_are_kept_and_nova_s_own_is_read() -> None:
    body = asked(max_new_tokens=10, maxTokens=20)

    request = CODEC.decode_request(body, FACTS)

    assert request.inference.max_tokens == 20
    assert CODEC.encode_request(request, FACTS) == body


def test_an_effort_alone_turns_reasoning_on() -> None:
    body = CODEC.encode_request(evolve(QUESTION, reasoning=ReasoningRequest(effort="low")), FACTS)

    assert body == asked(reasoningConfig={"type": "enabled", "maxReasoningEffort": "low"})


def test_a_tool_s_bare_string_becomes_the_one_text_that_it_is() -> None:
    body: Any = CODEC.encode_request(
        CompletionRequest((Message(Role.USER, (ToolResult("t1", "rain"),)),)), FACTS
    )

    assert body["messages"][0]["content"] == [
        {"toolResult": {"toolUseId": "t1", "content": [{"text": "rain"}]}}
    ]


@pytest.mark.parametrize(
    ("request_", "feature"),
    [
        (evolve(QUESTION, reasoning=ReasoningRequest("enabled", 1024)), "reasoning budget"),
        (evolve(QUESTION, tool_choice=ToolChoice(ToolChoiceMode.NONE)), "tool_choice"),
        (
            evolve(QUESTION, tool_choice=ToolChoice(ToolChoiceMode.AUTO, allows_parallel=False)),
            "tool_choice",
        ),
        (
            CompletionRequest(
                (Message(Role.USER, (Image(Media(MediaKind.URL, "https://a.example/b")),)),)
            ),
            "url source",
        ),
    ],
    ids=["a budget", "no tool", "one tool at a time", "a picture by URL"],
)
def test_what_nova_cannot_say_is_refused_by_name(request_: CompletionRequest, feature: str) -> None:
    with pytest.raises(EncodeError) as refused:
        CODEC.encode_request(request_, FACTS)
    assert (refused.value.feature, bool(refused.value.hint)) == (feature, True)


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        (ToolChoice(ToolChoiceMode.NONE), "Nova does not support the tool choice `none`"),
        (
            ToolChoice(ToolChoiceMode.ANY, allows_parallel=False),
            "Nova does not support a choice about parallel tool calls",
        ),
    ],
    ids=["none", "parallel"],
)
def test_a_choice_without_a_native_form_is_refused_in_words(
    choice: ToolChoice, message: str
) -> None:
    with pytest.raises(EncodeError) as refused:
        CODEC.encode_request(evolve(QUESTION, tool_choice=choice), FACTS)

    assert refused.value.message == message


def test_a_bare_string_where_blocks_are_due_is_no_body_of_nova() -> None:
    with pytest.raises(MalformedRequest):
        CODEC.decode_request({"messages": [{"role": "user", "content": "Hi"}]}, FACTS)


def test_documents_are_refused_for_they_travel_by_converse_alone() -> None:
    assert Feature.DOCUMENTS not in CODEC.features | CODEC.joins


# ── streams ───────────────────────────────────────────────────────────────────────────────────────


def piece(index: int, **delta: Json) -> Json:
    return {"contentBlockDelta": {"delta": delta, "contentBlockIndex": index}}


def start(index: int, tool_use_id: str) -> Json:
    begun = {"toolUse": {"toolUseId": tool_use_id, "name": "weather"}}
    return {"contentBlockStart": {"start": begun, "contentBlockIndex": index}}


def stop(index: int) -> Json:
    return {"contentBlockStop": {"contentBlockIndex": index}}


BEGINNING: Json = {"messageStart": {"role": "assistant"}}
COUNTED: Json = {
    "metadata": {
        "usage": {
            "inputTokens": 9,
            "outputTokens": 4,
            "cacheReadInputTokenCount": 0,
            "cacheWriteInputTokenCount": 0,
        },
        "metrics": {},
        "trace": {},
    }
}
# The shape of recorded traffic of Nova Micro, 2025: every text has a number and a stop of its own.
CHUNKS: list[Json] = [
    BEGINNING,
    *(piece(0, text="I"), stop(0), piece(1, text=" ask."), stop(1)),
    *(start(2, "t1"), piece(2, toolUse={"input": '{"city":"Oslo"}'}), stop(2)),
    *(
        start(3, "t2"),
        piece(3, toolUse={"input": '{"city":'}),
        piece(3, toolUse={"input": '"Bergen"}'}),
        stop(3),
    ),
    {"messageStop": {"stopReason": "tool_use"}},
    COUNTED,
]


def test_texts_that_are_numbered_apart_are_one_text() -> None:
    assert sum_of(batches_of(CODEC, CHUNKS)) == Completion(
        content=(
            Text("I ask."),
            ToolUse("t1", "weather", {"city": "Oslo"}),
            ToolUse("t2", "weather", {"city": "Bergen"}),
        ),
        stop_reason=StopReason.TOOL_USE,
        usage=Usage(9, 4, 0, 0),
        native_stop_reason="tool_use",
    )


OTHER_NUMBERS = {
    "one number for all texts": [piece(0, text="a"), piece(0, text="b"), stop(0)],
    "a number left out": [piece(0, text="a"), stop(0), piece(5, text="b"), stop(5)],
    "a stop left out": [piece(0, text="a"), piece(1, text="b"), stop(1)],
    "a stop of another number": [piece(0, text="a"), stop(7), piece(8, text="b"), stop(8)],
    "a tool's call that begins anywhere": [
        piece(0, text="ab"),
        start(4, "t1"),
        piece(4, toolUse={"input": ""}),
        stop(4),
    ],
    "an announced picture": [
        piece(0, text="ab"),
        stop(0),
        {"contentBlockStart": {"start": {"image": {"format": "png"}}, "contentBlockIndex": 1}},
        stop(1),
    ],
    "a delta of a kind to come": [
        piece(0, text="ab"),
        stop(0),
        piece(1, poem={"rhyme": "abba"}),
        stop(1),
    ],
    "what nobody documents": [
        {
            "contentBlockDelta": {"delta": {"text": "ab", "x": 1}, "contentBlockIndex": 0, "y": 2},
            "z": 3,
        },
        {"contentBlockStop": {"contentBlockIndex": 0, "y": 2}},
        {"weather": "rain"},
    ],
}


@pytest.mark.parametrize(
    "chunks", [CHUNKS[1:-2], *OTHER_NUMBERS.values()], ids=["as recorded", *OTHER_NUMBERS]
)
def test_a_stream_goes_back_as_it_came_however_it_is_numbered(chunks: list[Json]) -> None:
    said = [BEGINNING, *chunks, {"messageStop": {"stopReason": "end_turn"}}, COUNTED]

    batches = batches_of(CODEC, said)

    assert chunks_of(CODEC, batches) == said
    assert sum_of(batches).text in ("ab", "I ask.")


def test_the_metadata_goes_back_with_what_stood_beside_the_counts() -> None:
    counted = {"metadata": {"usage": {"inputTokens": 1}, "metrics": {"latencyMs": 3}}}
    said = [BEGINNING, {"messageStop": {"stopReason": "end_turn"}}, counted]

    assert chunks_of(CODEC, batches_of(CODEC, said)) == said


def test_another_family_s_stream_gets_the_numbers_and_stops_that_nova_has() -> None:
    foreign: list[Batch] = [
        (TextDelta("Hi", 0),),
        (TextDelta(" there", 0),),
        (BlockStart(1, ToolUse("t1", "weather", {})), ToolInputDelta("{}", 1), BlockStop(1)),
        (Stopped(StopReason.TOOL_USE), UsageUpdate(Usage(9, 4, 0, 0)), Ended()),
    ]

    assert chunks_of(CODEC, foreign) == [
        BEGINNING,
        *(piece(0, text="Hi"), stop(0), piece(1, text=" there"), stop(1)),
        *(start(2, "t1"), piece(2, toolUse={"input": "{}"}), stop(2)),
        {"messageStop": {"stopReason": "tool_use"}},
        COUNTED,
    ]


def test_two_texts_side_by_side_stay_two() -> None:
    foreign: list[Batch] = [
        (TextDelta("a", 0), TextDelta("b", 1)),
        (Stopped(StopReason.END_TURN), Ended()),
    ]

    chunks = chunks_of(CODEC, foreign)

    assert chunks[3] == {"contentBlockStart": {"start": {}, "contentBlockIndex": 1}}
    assert sum_of(batches_of(CODEC, chunks)).content == (Text("a"), Text("b"))


def test_reasoning_is_a_block_before_the_text() -> None:
    # Amazon Nova 2 user guide, "Extended thinking"; the delta is Converse's, API reference; read
    # 2026-11-25.
    chunks = [
        BEGINNING,
        piece(0, reasoningContent={"text": "[REDACTED]"}),
        stop(0),
        piece(1, text="Yes."),
        stop(1),
    ]
    said = [*chunks, {"messageStop": {"stopReason": "end_turn"}}, COUNTED]

    batches = batches_of(CODEC, said)

    assert batches[1] == (ReasoningDelta("[REDACTED]", index=0),)
    assert sum_of(batches).content == (Reasoning("[REDACTED]"), Text("Yes."))
    assert chunks_of(CODEC, batches) == said


def test_a_stream_that_is_blocked_ends_there_and_says_so() -> None:
    error = {"error": "The generated text has been blocked by our content filters."}
    said = [BEGINNING, piece(0, text="Once"), stop(0), error]

    batches = batches_of(CODEC, said)

    blocked = sum_of(batches)
    assert (blocked.text, blocked.stop_reason) == ("Once", StopReason.CONTENT_FILTERED)
    assert blocked.stop_details == error["error"]
    assert chunks_of(CODEC, batches) == said


@pytest.mark.parametrize("count", range(len(CHUNKS)))
def test_the_counts_are_the_last_word(count: int) -> None:
    with pytest.raises(TruncatedStream):
        batches_of(CODEC, CHUNKS[:count])


# ── which models ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "base_id",
    [
        "amazon.nova-micro-v1:0",
        "amazon.nova-pro-v1:0",
        "amazon.nova-2-lite-v1:0",
        "amazon.nova-3-pro-v1:0",
    ],
)
def test_a_model_of_the_name_speaks_this_form(base_id: str) -> None:
    assert REGISTRY.for_base_id(base_id) is CODEC


@pytest.mark.parametrize(
    "base_id",
    [
        *(
            "amazon.nova-sonic-v1:0",
            "amazon.nova-2-sonic-v1:0",
            "amazon.nova-canvas-v1:0",
            "amazon.nova-reel-v1:1",
        ),
        "amazon.nova-2-multimodal-embeddings-v1:0",
    ],
)
def test_a_model_of_speech_pictures_or_vectors_does_not(base_id: str) -> None:
    with pytest.raises(UndetectedFamily, match=base_id):
        REGISTRY.for_base_id(base_id)
