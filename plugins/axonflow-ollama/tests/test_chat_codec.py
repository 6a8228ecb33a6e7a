"""The codec of Ollama's chat keeps every law of codecs, and reads what Ollama documents: `golden/`.
What is particular to its JSON stands below."""

from __future__ import annotations

from typing import Any

import pytest

from axonflow_core.codec import ModelFacts, StreamContext
from axonflow_core.errors import DecodeError, EncodeError, MalformedRequest, Unavailable
from axonflow_core.messages import (
    Completion,
    CompletionRequest,
    Image,
    Inference,
    Json,
    Media,
    Message,
    OutputSchema,
    ReasoningRequest,
    StopReason,
    Text,
    Tool,
    ToolResult,
    ToolUse,
    Usage,
    user,
)
from axonflow_core.stream import Ended, Stopped, TextDelta, UsageUpdate, assemble, batch_of
from axonflow_core.testing import codec_test
from axonflow_ollama.chat import CODEC

test_chat = codec_test(CODEC, __file__)

FACTS = ModelFacts()
CONTEXT = StreamContext(id="1", model="m", created=1_761_498_924)
PNG = "iVBORw0KGgo="


def read(**members: Json) -> CompletionRequest:
    return CODEC.decode_request({"messages": [], **members}, FACTS)


def again(body: Json) -> Json:
    """The body, read and written."""
    return CODEC.encode_request(CODEC.decode_request(body, FACTS), FACTS)


# ── calls and results ─────────────────────────────────────────────────────────────────────────────


def call(name: str, **members: Json) -> dict[str, Json]:
    return {"function": {"name": name, "arguments": {}}, **members}


def result(**members: Json) -> dict[str, Json]:
    return {"role": "tool", "content": "so", **members}


def answered(*messages: dict[str, Json]) -> list[str]:
    """The ids of the calls that the results among `messages` answer."""
    request = CODEC.decode_request({"messages": list(messages)}, FACTS)
    blocks = [block for message in request.messages for block in message.content]
    return [block.tool_use_id for block in blocks if isinstance(block, ToolResult)]


def calling(*calls: Json) -> dict[str, Json]:
    return {"role": "assistant", "tool_calls": list(calls)}


def test_a_result_belongs_to_the_call_of_its_id() -> None:
    made = calling(call("f", id="call_x"), call("f", id="call_y"))

    assert answered(made, result(tool_call_id="call_y"), result(tool_call_id="call_x")) == [
        "call_y",
        "call_x",
    ]


def test_without_ids_it_belongs_to_the_first_call_of_its_name_that_has_none_yet() -> None:
    made = calling(call("f"), call("g"), call("f"))

    assert answered(made, *(result(tool_name=name) for name in "gff")) == [
        "call_2",
        "call_1",
        "call_3",
    ]


def test_without_a_name_it_belongs_to_the_first_call_that_has_none_yet() -> None:
    assert answered(calling(call("f"), call("g")), result(), result()) == ["call_1", "call_2"]


def test_a_call_of_an_earlier_round_gets_no_result_any_more() -> None:
    rounds = (calling(call("f"), call("f")), result(), calling(call("f")), result())

    assert answered(*rounds) == ["call_1", "call_3"]


def test_a_result_that_nobody_asked_for_is_no_other_calls() -> None:
    assert answered(calling(call("f")), result(tool_name="g")) == ["call_2"]


def test_a_call_without_an_id_gets_none_and_neither_does_its_result() -> None:
    body = {"messages": [calling(call("f")), result(tool_name="f")]}

    assert again(body) == body


def test_a_result_names_its_tool_and_says_that_it_failed() -> None:
    asked = Message("assistant", [ToolUse("call_x", "f", {})])
    request = CompletionRequest((asked, user([ToolResult("call_x", "no such city", True)])))

    assert CODEC.encode_request(request, FACTS)["messages"][1] == {
        "role": "tool",
        "content": "error: no such city",
        "tool_name": "f",
        "tool_call_id": "call_x",
    }


def test_a_result_may_be_a_picture() -> None:
    picture = Image(Media("base64", PNG, "image/png"))
    request = CompletionRequest(user([ToolResult("call_x", ["A map:", picture])]))

    (said,) = CODEC.encode_request(request, FACTS)["messages"]

    assert (said["content"], said["images"]) == ("A map:", [PNG])


def test_a_tool_that_is_strict_is_refused_by_name() -> None:
    strict = Tool("f", None, {"type": "object"}, is_strict=True)

    with pytest.raises(EncodeError) as caught:
        CODEC.encode_request(CompletionRequest(user("hi"), tools=(strict,)), FACTS)

    assert caught.value.feature == "strict tools"


# ── the rest of a request ─────────────────────────────────────────────────────────────────────────


def test_a_picture_comes_before_the_text_and_its_type_is_read_off_its_bytes() -> None:
    (said,) = read(messages=[{"role": "user", "content": "?", "images": [PNG]}]).messages

    assert said.content == (Image(Media("base64", PNG, "image/png")), Text("?"))


def test_a_picture_that_is_somewhere_else_is_refused() -> None:
    picture = Image(Media("url", "https://a.example/cat.png"))

    with pytest.raises(EncodeError) as caught:
        CODEC.encode_request(CompletionRequest(user(picture)), FACTS)

    assert caught.value.feature == "images"


@pytest.mark.parametrize(
    ("native", "asked"),
    [
        (True, ReasoningRequest("enabled")),
        (False, ReasoningRequest("disabled")),
        ("low", ReasoningRequest(effort="low")),
        (None, None),
    ],
)
def test_think_is_a_mode_or_an_effort(native: Json, asked: ReasoningRequest | None) -> None:
    assert read(think=native).reasoning == asked
    assert again({"messages": [], "think": native}).get("think") == native


@pytest.mark.parametrize(
    ("native", "asked"),
    [
        ("json", OutputSchema()),
        ({"type": "object"}, OutputSchema({"type": "object"})),
        ("", None),
        (None, None),
    ],
)
def test_a_format_is_any_json_or_a_schema(native: Json, asked: OutputSchema | None) -> None:
    assert read(format=native).output_schema == asked


def test_a_format_of_another_name_is_the_clients_fault() -> None:
    with pytest.raises(MalformedRequest):
        read(format="xml")


def test_parameters_stand_in_options_and_what_ollama_alone_has_keeps_its_name() -> None:
    request = read(options={"num_predict": 9, "stop": "END", "num_ctx": 8192}, keep_alive=0)

    assert (request.inference.max_tokens, request.inference.stop_sequences) == (9, ("END",))
    assert request.options == {"num_ctx": 8192, "keep_alive": 0}


@pytest.mark.parametrize(
    "body",
    [
        {"messages": [], "options": {"num_predict": -1, "top_k": -1, "stop": "END"}},
        {"messages": [], "tools": [], "format": "", "options": {}},
        {"messages": [], "options": {"seed": -1, "x_unknown": {"a": None}}, "truncate": False},
        {"messages": [{"role": "assistant", "thinking": "hm", "images": [PNG]}]},
        {"messages": [], "tools": [{"function": {"name": "f", "parameters": {"items": {}}}}]},
    ],
)
def test_what_a_client_wrote_comes_back_as_it_was_written(body: Json) -> None:
    assert again(body) == body


def test_no_limit_is_what_is_meant_where_none_is_stated() -> None:
    assert read(options={"num_predict": -1}).inference.max_tokens is None
    limited = Inference(max_tokens=5, spelling=read(options={"num_predict": -1}).inference.spelling)
    written = CODEC.encode_request(CompletionRequest((), inference=limited), FACTS)
    assert written["options"] == {"num_predict": 5}


# ── answers ───────────────────────────────────────────────────────────────────────────────────────

ANSWER = {"model": "m", "message": {"role": "assistant", "content": "Hi"}, "done": True}


def test_an_answer_that_calls_a_tool_stops_for_it() -> None:
    said = {"role": "assistant", "content": "", "tool_calls": [call("f")]}
    answer = CODEC.decode_response({**ANSWER, "message": said, "done_reason": "stop"}, FACTS)

    assert answer.content == (ToolUse("call_1", "f", {}, spelling=answer.tool_uses[0].spelling),)
    assert answer.stop_reason is StopReason.TOOL_USE


@pytest.mark.parametrize("word", ["load", "unload"])
def test_a_model_that_was_loaded_and_asked_nothing_did_not_end_its_turn(word: str) -> None:
    body = {**ANSWER, "message": {"role": "assistant", "content": ""}, "done_reason": word}
    answer = CODEC.decode_response(body, FACTS)

    assert answer.stop_reason is StopReason.OTHER
    assert CODEC.encode_response(answer, FACTS) == body


def test_an_answer_that_is_not_done_is_none() -> None:
    with pytest.raises(DecodeError):
        CODEC.decode_response({**ANSWER, "done": False}, FACTS)


def test_an_error_in_place_of_an_answer_is_raised() -> None:
    with pytest.raises(Unavailable, match="broke off"):
        CODEC.decode_response({"error": "the model broke off"}, FACTS)


def test_times_are_seconds_and_milliseconds_and_come_back_to_the_nanosecond() -> None:
    body = {**ANSWER, "created_at": "2025-10-26T17:15:24.097767Z", "total_duration": 5_191_566_416}

    answer = CODEC.decode_response(body, FACTS)

    assert (answer.created, answer.latency_ms) == (1_761_498_924, 5_191)
    assert CODEC.encode_response(answer, FACTS) == body


def test_tokens_of_a_cache_are_tokens_of_the_prompt() -> None:
    answer = Completion("Hi", None, Usage(input_tokens=3, cache_read_tokens=4, output_tokens=1))

    assert CODEC.encode_response(answer, FACTS)["prompt_eval_count"] == 7


# ── streams ───────────────────────────────────────────────────────────────────────────────────────


def chunks_of(*batches: Any) -> list[Json]:
    encoder = CODEC.stream_encoder(CONTEXT, FACTS)
    return [chunk for batch in batches for chunk in encoder.encode(batch)]


def test_counts_and_the_reason_to_stop_are_in_the_last_line() -> None:
    chunks = chunks_of(
        (TextDelta("Hi"),),
        (UsageUpdate(Usage(3, 1)),),
        (Stopped(StopReason.MAX_TOKENS),),
        (Ended(),),
    )

    assert [chunk["done"] for chunk in chunks] == [False, True]
    assert chunks[1] == {
        "model": "m",
        "created_at": "2025-10-26T17:15:24Z",
        "message": {"role": "assistant", "content": ""},
        "done": True,
        "done_reason": "length",
        "prompt_eval_count": 3,
        "eval_count": 1,
    }


def test_an_empty_text_next_to_a_call_is_a_line_of_its_own() -> None:
    answer = Completion([Text(""), ToolUse("call_x", "f", {"a": 1})], StopReason.TOOL_USE)
    decoder = CODEC.stream_decoder(FACTS)

    chunks = chunks_of(batch_of(answer))

    assert len(chunks) == 2
    read = assemble(event for chunk in chunks for event in decoder.feed(chunk))
    assert read.content == answer.content


def test_a_line_that_is_empty_next_to_reasoning_begins_no_text() -> None:
    said = {"role": "assistant", "content": "", "thinking": "Hm"}
    events = CODEC.stream_decoder(FACTS).feed({"model": "m", "message": said, "done": False})

    assert not any(isinstance(event, TextDelta) for event in events)
