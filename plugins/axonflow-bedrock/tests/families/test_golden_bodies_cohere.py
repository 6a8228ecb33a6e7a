"""Cohere's bodies as documents have them, written out, and what they are read as. Each names its
source and its day."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve
from native_streams import batches_of, chunks_of, sum_of

from axonflow_bedrock.families import cohere
from axonflow_core.codec import FamilyCodec, Feature, ModelFacts
from axonflow_core.errors import EncodeError, MalformedRequest, TruncatedStream, UnencodableAnswer
from axonflow_core.messages import (
    Completion,
    CompletionRequest,
    Inference,
    Json,
    Message,
    Reasoning,
    Role,
    StopReason,
    Text,
    Tool,
    ToolResult,
    ToolUse,
    Usage,
    assistant,
    user,
)
from axonflow_core.recordings.meaning import leftovers
from axonflow_core.stream import (
    Batch,
    BlockStart,
    BlockStop,
    Ended,
    Started,
    Stopped,
    TextDelta,
    ToolInputDelta,
)

FACTS = ModelFacts()
COMMAND, COMMAND_R = cohere.CODECS
SALES_TOOL = {
    "name": "sales_of_day",
    "description": "The sales of one day.",
    "parameter_definitions": {
        "day": {"description": "As YYYY-MM-DD.", "type": "str", "required": True},
        "stores": {"description": "Which ones.", "type": "List[int]"},
    },
}
SALES_SCHEMA = {
    "type": "object",
    "properties": {
        "day": {"type": "string", "description": "As YYYY-MM-DD."},
        "stores": {"type": "array", "items": {"type": "integer"}, "description": "Which ones."},
    },
    "required": ["day"],
}
CALL = {"name": "sales_of_day", "parameters": {"day": "2023-09-29"}}


# ── requests ──────────────────────────────────────────────────────────────────────────────────────

REQUESTS: list[tuple[str, FamilyCodec, Any, CompletionRequest]] = [
    (
        "AWS user guide, Cohere Command models: request; read 2026-11-22",
        COMMAND,
        {
            "prompt": "Write a haiku.",
            "temperature": 0.9,
            "p": 0.75,
            "k": 50,
            "max_tokens": 200,
            "stop_sequences": ["--"],
            "return_likelihoods": "GENERATION",
            "stream": True,
            "num_generations": 2,
            "logit_bias": {"11": -2.5},
            "truncate": "START",
        },
        CompletionRequest(
            (user("Write a haiku."),),
            inference=Inference(200, 0.9, 0.75, 50, ("--",)),
            options={
                "return_likelihoods": "GENERATION",
                "stream": True,
                "num_generations": 2,
                "logit_bias": {"11": -2.5},
                "truncate": "START",
            },
        ),
    ),
    (
        "AWS user guide, Cohere Command R and Command R+ models: request; read 2026-11-22",
        COMMAND_R,
        {
            "message": "And how tall?",
            "chat_history": [
                {"role": "USER", "message": "Which tower?"},
                {"role": "CHATBOT", "message": "Eiffel's."},
            ],
            "preamble": "Answer in one word.",
            "documents": [{"title": "Towers", "snippet": "330 m"}],
            "max_tokens": 400,
            "temperature": 0.3,
            "p": 0.75,
            "k": 0,
            "stop_sequences": ["END"],
            "seed": 7,
            "prompt_truncation": "AUTO_PRESERVE_ORDER",
        },
        CompletionRequest(
            (user("Which tower?"), assistant("Eiffel's."), user("And how tall?")),
            system=(Text("Answer in one word."),),
            inference=Inference(400, 0.3, 0.75, 0, ("END",), seed=7),
            options={
                "documents": [{"title": "Towers", "snippet": "330 m"}],
                "prompt_truncation": "AUTO_PRESERVE_ORDER",
            },
        ),
    ),
    (
        "AWS user guide, Cohere Command R and Command R+ models: tools and tool_results; read "
        "2026-11-22",
        COMMAND_R,
        {
            "message": "How were sales?",
            "tools": [SALES_TOOL],
            "tool_results": [{"call": CALL, "outputs": [{"date": "2023-09-29", "total": 10000}]}],
        },
        CompletionRequest(
            (
                user("How were sales?"),
                Message(
                    Role.ASSISTANT, (ToolUse("call_1", "sales_of_day", {"day": "2023-09-29"}),)
                ),
                Message(Role.USER, (ToolResult("call_1", '{"date":"2023-09-29","total":10000}'),)),
            ),
            tools=(Tool("sales_of_day", "The sales of one day.", SALES_SCHEMA),),
        ),
    ),
    (
        "Cohere API reference, Chat: chat_history with tool calls and results; read 2026-11-22",
        COMMAND_R,
        {
            "message": "And the day before?",
            "chat_history": [
                {"role": "USER", "message": "How were sales?"},
                {"role": "CHATBOT", "message": "I will look.", "tool_calls": [CALL, CALL]},
                {"role": "TOOL", "tool_results": [{"call": CALL, "outputs": [{"text": "fine"}]}]},
                {"role": "TOOL", "tool_results": [{"call": CALL, "outputs": []}]},
                {"role": "CHATBOT", "message": "Fine."},
            ],
        },
        CompletionRequest(
            (
                user("How were sales?"),
                Message(
                    Role.ASSISTANT,
                    (
                        Text("I will look."),
                        ToolUse("call_1", "sales_of_day", {"day": "2023-09-29"}),
                        ToolUse("call_2", "sales_of_day", {"day": "2023-09-29"}),
                    ),
                ),
                Message(Role.USER, (ToolResult("call_1", "fine"),)),
                Message(Role.USER, (ToolResult("call_2", None),)),
                assistant("Fine."),
                user("And the day before?"),
            )
        ),
    ),
]


@pytest.mark.parametrize(
    ("source", "codec", "native", "value"), REQUESTS, ids=[case[0][:60] for case in REQUESTS]
)
def test_a_documented_request_is_read_and_written(
    source: str, codec: FamilyCodec, native: Any, value: CompletionRequest
) -> None:
    assert codec.decode_request(native, FACTS) == value
    assert codec.encode_request(value, FACTS) == native


def test_only_a_streamed_call_of_command_asks_for_pieces() -> None:
    request = CompletionRequest((user("Hi"),))

    assert COMMAND.encode_request(request, FACTS) == {"prompt": "Hi"}
    assert COMMAND.encode_request(request, FACTS, is_streamed=True) == {
        "prompt": "Hi",
        "stream": True,
    }
    assert COMMAND_R.encode_request(request, FACTS, is_streamed=True) == {"message": "Hi"}


def test_a_conversation_is_no_prompt_of_command_and_the_refusal_says_so() -> None:
    conversation = CompletionRequest((user("Hi"), assistant("Hello."), user("Who are you?")))

    with pytest.raises(
        EncodeError, match="one prompt, not a conversation of 3 messages"
    ) as refused:
        COMMAND.encode_request(conversation, FACTS)
    assert refused.value.feature == "conversation"
    assert COMMAND_R.encode_request(conversation, FACTS)["message"] == "Who are you?"


# ── tool turns ────────────────────────────────────────────────────────────────────────────────────

OSLO, BERGEN = (
    ToolUse("a", "weather", {"city": "Oslo"}),
    ToolUse("b", "weather", {"city": "Bergen"}),
)


def asked(*messages: Message) -> Json:
    return COMMAND_R.encode_request(CompletionRequest((user("Weather?"), *messages)), FACTS)


def test_results_find_their_calls_by_id_in_whatever_order_they_come() -> None:
    results = Message(Role.USER, (ToolResult("b", "rain"), ToolResult("a", "sun")))

    native = asked(Message(Role.ASSISTANT, (OSLO, BERGEN)), results)

    assert native["message"] == "Weather?"
    assert [
        (each["call"]["parameters"]["city"], each["outputs"]) for each in native["tool_results"]
    ] == [
        ("Bergen", [{"text": "rain"}]),
        ("Oslo", [{"text": "sun"}]),
    ]


def test_words_beside_a_result_are_the_question() -> None:
    answered = Message(Role.USER, (ToolResult("a", "sun"), Text("In Celsius?")))

    native = asked(Message(Role.ASSISTANT, (OSLO,)), answered)

    assert native["message"] == "In Celsius?"
    assert native["chat_history"] == [{"role": "USER", "message": "Weather?"}]


def test_a_failed_tool_says_that_it_failed() -> None:
    native = asked(
        Message(Role.ASSISTANT, (OSLO,)),
        Message(Role.USER, (ToolResult("a", "no sky", is_error=True),)),
    )

    assert native["tool_results"][0]["outputs"] == [{"error": "no sky"}]


@pytest.mark.parametrize(
    ("messages", "what"),
    [
        ([Message(Role.USER, (ToolResult("a", "sun"),))], "without the call"),
        (
            [
                Message(Role.ASSISTANT, (OSLO, BERGEN)),
                Message(Role.USER, (ToolResult("a", "sun"),)),
            ],
            "a tool call without its result",
        ),
        (
            [
                Message(Role.ASSISTANT, (Text("Let me see."), OSLO)),
                Message(Role.USER, (ToolResult("a", "sun"),)),
            ],
            "text in the message of the tool calls",
        ),
    ],
    ids=lambda given: given if isinstance(given, str) else "",
)
def test_a_tool_turn_that_command_r_cannot_be_told_is_refused_by_name(
    messages: list[Message], what: str
) -> None:
    with pytest.raises(EncodeError, match=what) as refused:
        asked(*messages)
    assert refused.value.feature == "tools"


def test_a_result_in_the_history_that_answers_no_call_is_a_strange_body() -> None:
    history = [{"role": "TOOL", "tool_results": [{"call": CALL, "outputs": []}]}]

    with pytest.raises(MalformedRequest):
        COMMAND_R.decode_request({"message": "Hi", "chat_history": history}, FACTS)


# ── answers ───────────────────────────────────────────────────────────────────────────────────────

CITATION = {"start": 0, "end": 5, "text": "330 m", "document_ids": ["doc_0"]}

ANSWERS: list[tuple[str, FamilyCodec, Any, Completion]] = [
    (
        "AWS user guide, Cohere Command models: response; read 2026-11-22",
        COMMAND,
        {
            "generations": [
                {"finish_reason": "ERROR_TOXIC", "id": "g-1", "text": " Rain", "likelihood": -2.5}
            ],
            "id": "r-1",
            "prompt": "Write a haiku.",
        },
        Completion(
            (Text(" Rain", extra={"id": "g-1", "likelihood": -2.5}),),
            StopReason.CONTENT_FILTERED,
            native_stop_reason="ERROR_TOXIC",
            id="r-1",
            request_echo="Write a haiku.",
        ),
    ),
    (
        "AWS user guide, Cohere Command models: num_generations; read 2026-11-22",
        COMMAND,
        {
            "generations": [
                {"id": "g-1", "text": "Rain", "finish_reason": "COMPLETE"},
                {"id": "g-2", "text": "Sun", "finish_reason": "MAX_TOKENS"},
            ],
            "id": "r-1",
        },
        Completion(
            (Text("Rain", extra={"id": "g-1"}), Text("Sun", extra={"id": "g-2"})),
            StopReason.END_TURN,
            native_stop_reason="COMPLETE",
            stop_details=["COMPLETE", "MAX_TOKENS"],
            id="r-1",
        ),
    ),
    (
        "AWS user guide, Cohere Command R and Command R+ models: response; read 2026-11-22",
        COMMAND_R,
        {
            "response_id": "1f/2e",
            "generation_id": "g-1",
            "text": "330 m",
            "citations": [CITATION],
            "chat_history": [
                {"role": "USER", "message": "How tall?"},
                {"role": "CHATBOT", "message": "330 m"},
            ],
            "finish_reason": "max_tokens",
            "meta": {
                "api_version": {"version": "1"},
                "billed_units": {"input_tokens": 2, "output_tokens": 4},
                "tokens": {"input_tokens": 68, "output_tokens": 4},
            },
        },
        Completion(
            (Text("330 m", (CITATION,)),),
            StopReason.MAX_TOKENS,
            Usage(2, 4, extra={"tokens.input_tokens": 68, "tokens.output_tokens": 4}),
            native_stop_reason="max_tokens",
            id="g-1",
            request_echo={
                "chat_history": [
                    {"role": "USER", "message": "How tall?"},
                    {"role": "CHATBOT", "message": "330 m"},
                ]
            },
            extra={"response_id": "1f/2e", "meta.api_version": {"version": "1"}},
        ),
    ),
    (
        "AWS user guide, Cohere Command R and Command R+ models: tool_calls; read 2026-11-22",
        COMMAND_R,
        {
            "text": "I will look.",
            "generation_id": "g-1",
            "tool_calls": [CALL],
            "finish_reason": "COMPLETE",
        },
        Completion(
            (Text("I will look."), ToolUse("call_1", "sales_of_day", {"day": "2023-09-29"})),
            StopReason.TOOL_USE,
            native_stop_reason="COMPLETE",
            id="g-1",
        ),
    ),
]


@pytest.mark.parametrize(
    ("source", "codec", "native", "value"), ANSWERS, ids=[case[0][:60] for case in ANSWERS]
)
def test_a_documented_answer_is_read_and_written(
    source: str, codec: FamilyCodec, native: Any, value: Completion
) -> None:
    assert codec.decode_response(native, FACTS) == value
    assert codec.encode_response(value, FACTS) == native


@pytest.mark.parametrize("codec", cohere.CODECS, ids=lambda codec: codec.name)
def test_an_error_of_the_model_keeps_its_name(codec: FamilyCodec) -> None:
    body = {
        "generations": [{"text": "", "finish_reason": "ERROR"}],
        "text": "",
        "finish_reason": "ERROR",
    }

    answer = codec.decode_response(body, FACTS)

    assert (answer.stop_reason, answer.native_stop_reason) == (StopReason.OTHER, "ERROR")


def test_texts_of_another_family_are_one_generation() -> None:
    answer = Completion((Text("Rain"), Text(" falls")), StopReason.END_TURN)

    assert COMMAND.encode_response(answer, FACTS)["generations"] == [
        {"text": "Rain falls", "finish_reason": "COMPLETE"}
    ]


@pytest.mark.parametrize("codec", cohere.CODECS, ids=lambda codec: codec.name)
def test_reasoning_has_no_place_in_an_answer(codec: FamilyCodec) -> None:
    with pytest.raises(UnencodableAnswer, match="reasoning"):
        codec.encode_response(Completion((Reasoning("hm"), Text("hi")), None), FACTS)


# ── streams ───────────────────────────────────────────────────────────────────────────────────────

RESPONSE = {
    "response_id": "1f/2e",
    "generation_id": "g-1",
    "text": "330 m",
    "citations": [CITATION],
    "tool_calls": [CALL],
    "chat_history": [{"role": "USER", "message": "How tall?"}],
    "finish_reason": "COMPLETE",
    "meta": {"billed_units": {"input_tokens": 2, "output_tokens": 4}},
}
CHAT_STREAM = [
    {"is_finished": False, "event_type": "stream-start", "generation_id": "g-1"},
    {"is_finished": False, "event_type": "text-generation", "text": "330"},
    {"is_finished": False, "event_type": "text-generation", "text": " m"},
    {"is_finished": False, "event_type": "citation-generation", "citations": [CITATION]},
    {"is_finished": False, "event_type": "tool-calls-generation", "tool_calls": [CALL]},
    {
        "is_finished": True,
        "event_type": "stream-end",
        "finish_reason": "COMPLETE",
        "response": RESPONSE,
    },
]
"""AWS user guide and Cohere API reference, Chat: streaming; read 2026-11-22."""


def test_a_documented_stream_of_command_r_adds_up_to_the_answer_that_its_end_repeats() -> None:
    batches = batches_of(COMMAND_R, CHAT_STREAM)

    assert sum_of(batches) == COMMAND_R.decode_response(RESPONSE, FACTS)
    assert chunks_of(COMMAND_R, batches) == CHAT_STREAM
    assert not any(leftovers(batches, COMMAND_R.documented))


@pytest.mark.parametrize(
    "missing", ["text-generation", "citation-generation", "tool-calls-generation"]
)
def test_what_only_the_end_of_a_stream_tells_is_not_lost(missing: str) -> None:
    chunks = [chunk for chunk in CHAT_STREAM if chunk["event_type"] != missing]

    batches = batches_of(COMMAND_R, chunks)

    assert sum_of(batches).content == COMMAND_R.decode_response(RESPONSE, FACTS).content
    assert chunks_of(COMMAND_R, batches) == chunks


def test_an_end_that_tells_another_text_keeps_it_in_the_echo() -> None:
    end = {**CHAT_STREAM[-1], "response": {**RESPONSE, "text": "330 metres"}}
    chunks = [*CHAT_STREAM[:-1], end]

    batches = batches_of(COMMAND_R, chunks)

    assert sum_of(batches).text == "330 m"
    assert sum_of(batches).request_echo["text"] == "330 metres"
    assert chunks_of(COMMAND_R, batches) == chunks


def test_an_end_without_its_response_is_an_end() -> None:
    chunks = [
        CHAT_STREAM[1],
        {"is_finished": True, "event_type": "stream-end", "finish_reason": "MAX_TOKENS"},
    ]

    batches = batches_of(COMMAND_R, chunks)

    assert sum_of(batches).stop_reason is StopReason.MAX_TOKENS
    assert chunks_of(COMMAND_R, batches) == chunks


def test_a_stream_of_another_family_becomes_the_events_of_command_r() -> None:
    batches: list[Batch] = [
        (Started("m-1"),),
        (BlockStart(0, Text("")), TextDelta("Let me see.", 0), BlockStop(0)),
        (BlockStart(1, ToolUse("toolu_1", "weather", {})), ToolInputDelta('{"city": ', 1)),
        (ToolInputDelta('"Oslo"}', 1),),
        (BlockStop(1),),
        (Stopped(StopReason.TOOL_USE, "tool_use"),),
        (Ended(),),
    ]

    chunks = chunks_of(COMMAND_R, batches)

    assert [chunk["event_type"] for chunk in chunks] == [
        "text-generation",
        "tool-calls-generation",
        "stream-end",
    ]
    assert chunks[1]["tool_calls"] == [{"name": "weather", "parameters": {"city": "Oslo"}}]
    assert (chunks[2]["finish_reason"], chunks[2]["response"]["generation_id"]) == (
        "COMPLETE",
        "m-1",
    )


PIECES = [
    {"is_finished": False, "text": " Rain"},
    {"is_finished": False, "text": " falls"},
    {"is_finished": True, "finish_reason": "COMPLETE"},
]
"""AWS user guide, Cohere Command models: streaming; read 2026-11-22."""


def test_a_documented_stream_of_command_comes_in_pieces() -> None:
    batches = batches_of(COMMAND, PIECES)

    assert (sum_of(batches).text, sum_of(batches).stop_reason) == (
        " Rain falls",
        StopReason.END_TURN,
    )
    assert chunks_of(COMMAND, batches) == PIECES


def test_pieces_of_several_generations_are_several_texts() -> None:
    texts = [("Ra", 0), ("Su", 1), ("in", 0), ("n", 1)]
    chunks = [
        *({"is_finished": False, "index": index, "text": text} for text, index in texts),
        PIECES[-1],
    ]

    batches = batches_of(COMMAND, chunks)

    assert sum_of(batches).content == (Text("Rain"), Text("Sun"))
    assert chunks_of(COMMAND, batches) == chunks


@pytest.mark.parametrize("answer", [native for _, codec, native, _ in ANSWERS if codec is COMMAND])
def test_a_whole_answer_in_one_chunk_is_that_answer(answer: Json) -> None:
    batches = batches_of(COMMAND, [answer])

    assert sum_of(batches) == COMMAND.decode_response(answer, FACTS)
    assert chunks_of(COMMAND, batches) == [answer]


@pytest.mark.parametrize(("codec", "chunks"), [(COMMAND, PIECES), (COMMAND_R, CHAT_STREAM)])
def test_a_stream_without_its_end_is_truncated(codec: FamilyCodec, chunks: list[Json]) -> None:
    with pytest.raises(TruncatedStream):
        batches_of(codec, chunks[:-1])


def test_a_model_without_tools_may_be_told_apart() -> None:
    offered = CompletionRequest((user("Hi"),), tools=(Tool("sales_of_day", None, SALES_SCHEMA),))

    with pytest.raises(EncodeError, match="tools"):
        COMMAND_R.encode_request(offered, evolve(FACTS, without=frozenset({Feature.TOOLS})))
