"""OpenAI's Responses JSON in its server role: what its documents show and Codex sends, and what a
stream of it must be.

Sources: OpenAI's API reference, "Responses" and "Streaming events", read November 2026; requests of
Codex 0.171.0, recorded on 2026-11-29, of which long texts and schemas are shortened here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given

from axonflow_core.codec import ModelFacts, StreamContext
from axonflow_core.dialects import openai_chat
from axonflow_core.dialects.openai_responses import (
    CODEC,
    Asked,
    ResponseEncoder,
    encode_response,
)
from axonflow_core.endpoint.openai_responses import ResponseStream
from axonflow_core.errors import (
    AxonFlowError,
    ContextExceeded,
    EncodeError,
    MalformedRequest,
    PolicyBlocked,
    Throttled,
    TruncatedStream,
    Unavailable,
)
from axonflow_core.fitting import fit
from axonflow_core.frozen import evolve
from axonflow_core.messages import (
    BuiltinTool,
    Completion,
    CompletionRequest,
    Document,
    Image,
    Json,
    Reasoning,
    Role,
    StopReason,
    Text,
    Tool,
    ToolChoice,
    ToolChoiceMode,
    ToolResult,
    ToolUse,
    Usage,
)
from axonflow_core.stream import (
    Batch,
    BlockStart,
    BlockStop,
    Ended,
    Started,
    Stopped,
    TextDelta,
    ToolInputDelta,
    batch_of,
    tool_input,
)
from axonflow_core.testing import strategies
from axonflow_core.testing.claims import Claims

from .grammar_openai import check_responses, events_of_responses, frames_of

FACTS = ModelFacts()
CONTEXT = StreamContext("resp_1", "model_1", 7)

CODEX: dict[str, Any] = {
    "input": [
        {
            "type": "message",
            "id": "msg_1",
            "role": "developer",
            "content": [{"type": "input_text", "text": "You are a coding agent."}],
        },
        {
            "type": "message",
            "id": "msg_2",
            "role": "user",
            "content": [{"type": "input_text", "text": "<environment_context/>"}],
        },
        {
            "type": "message",
            "id": "msg_3",
            "role": "user",
            "content": [{"type": "input_text", "text": "List files"}],
        },
        {
            "type": "reasoning",
            "id": "rs_1",
            "summary": [{"type": "summary_text", "text": "I list them."}],
            "encrypted_content": "axonflow.signature:c2ln",
        },
        {
            "type": "function_call",
            "id": "fc_1",
            "name": "exec_command",
            "arguments": '{"cmd": "ls"}',
            "call_id": "call_1",
        },
        {
            "type": "function_call",
            "name": "close_agent",
            "namespace": "multi_agent_v1",
            "arguments": "{}",
            "call_id": "call_2",
        },
        {"type": "function_call_output", "call_id": "call_1", "output": "a.txt"},
        {
            "type": "function_call_output",
            "call_id": "call_2",
            "output": [{"type": "input_text", "text": "closed"}],
        },
    ],
    "tools": [
        {
            "type": "function",
            "name": "exec_command",
            "description": "Runs a command.",
            "strict": False,
            "parameters": {"type": "object", "properties": {"cmd": {"type": "string"}}},
        },
        {
            "type": "namespace",
            "name": "multi_agent_v1",
            "description": "Tools for sub-agents.",
            "tools": [
                {
                    "type": "function",
                    "name": "close_agent",
                    "strict": False,
                    "parameters": {"type": "object", "properties": {}},
                }
            ],
        },
        {"type": "custom", "name": "apply_patch", "format": {"type": "text"}},
        {"type": "web_search", "external_web_access": False},
    ],
    "tool_choice": "auto",
    "parallel_tool_calls": True,
    "reasoning": {"summary": "auto"},
    "store": False,
    "include": ["reasoning.encrypted_content"],
    "prompt_cache_key": "01a2",
    "client_metadata": {"thread_id": "01a2"},
}
"""Codex 0.171.0, the second call of a turn; `apply_patch` is what it offers models of OpenAI's."""

CHOICE: dict[str, Any] = {
    "type": "allowed_tools",
    "mode": "required",
    "tools": [{"type": "function", "name": "exec_command"}],
}


def read(**members: Json) -> CompletionRequest:
    return CODEC.decode_request({"input": "Hi.", **members}, FACTS)


def events(*batches: Batch, asked: Asked | None = None) -> list[Any]:
    encoder = ResponseEncoder(CONTEXT, asked or Asked())
    return [event for batch in batches for event in encoder.encode(batch)]


def types(written: list[Any]) -> list[str]:
    return [event["type"].removeprefix("response.") for event in written]


# ── requests ──────────────────────────────────────────────────────────────────────────────────────


def test_a_call_of_codex_is_a_conversation_with_tools() -> None:
    request = CODEC.decode_request(CODEX, FACTS)

    assert request.system == (Text("You are a coding agent."),)
    context, asked, did, results = request.messages
    assert [context.text, asked.text] == ["<environment_context/>", "List files"]
    assert did.role is Role.ASSISTANT and did.content == (
        Reasoning("I list them.", "c2ln"),
        ToolUse("call_1", "exec_command", {"cmd": "ls"}, spelling={"input": '{"cmd": "ls"}'}),
        ToolUse("call_2", "multi_agent_v1.close_agent", {}, spelling={"input": "{}"}),
    )
    assert results.content == (ToolResult("call_1", "a.txt"), ToolResult("call_2", "closed"))
    assert [tool.name for tool in request.tools if isinstance(tool, Tool)] == [
        "exec_command",
        "multi_agent_v1.close_agent",
        "apply_patch",
    ]
    assert request.tools[-1] == BuiltinTool(
        "openai_responses", "web_search", "", {"external_web_access": False}
    )
    assert (request.tool_choice, request.reasoning, request.extra) == (None, None, {})


def test_what_a_model_lacks_of_codexs_tools_is_left_out_and_reported() -> None:
    fitted = fit(CODEC.decode_request(CODEX, FACTS), openai_chat.CODEC, FACTS, client=CODEC)

    assert all(isinstance(tool, Tool) for tool in fitted.request.tools)
    told = {(each.feature, each.what) for each in fitted.adjustments}
    assert ("built-in tools", "web_search not offered") in told
    assert ("tools", "tools of a namespace named for it: 1") in told
    assert ("tools", "custom tools sent as functions with the argument `input`: 1") in told


def test_a_call_without_such_tools_has_no_such_report() -> None:
    request = read(tools=[CODEX["tools"][0]])

    assert fit(request, openai_chat.CODEC, FACTS, client=CODEC).adjustments == ()


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("previous_response_id", "resp_1"),
        ("conversation", "conv_1"),
        ("prompt", {"id": "pmpt_1"}),
        ("background", True),
        ("include", ["message.output_text.logprobs"]),
        ("tool_choice", {"type": "web_search"}),
        ("tool_choice", {"type": "mcp", "server_label": "x"}),
    ],
)
def test_what_only_openais_server_can_keep_or_run_is_refused_by_name(
    member: str, value: Json
) -> None:
    with pytest.raises(MalformedRequest, match=f"`{member}`"):
        read(**{member: value}, tools=CODEX["tools"])


@pytest.mark.parametrize(
    ("member", "value"),
    [("previous_response_id", None), ("background", False), ("store", True), ("store", None)],
)
def test_what_asks_for_nothing_kept_is_taken(member: str, value: Json) -> None:
    assert read(**{member: value}) == read()


def test_a_call_that_is_required_of_hosted_tools_alone_is_refused() -> None:
    with pytest.raises(MalformedRequest, match="web_search"):
        read(tool_choice="required", tools=[{"type": "web_search"}])

    assert read(tool_choice="required", tools=CODEX["tools"]).tool_choice == ToolChoice("any")


@pytest.mark.parametrize(
    ("item", "named"),
    [
        ({"type": "item_reference", "id": "msg_1"}, "item_reference"),
        ({"type": "web_search_call", "id": "ws_1", "status": "completed"}, "web_search_call"),
        ({"role": "user", "content": [{"type": "input_file", "file_id": "f"}]}, "input_file"),
        ({"role": "user", "content": [{"type": "input_image", "file_id": "f"}]}, "input_image"),
        ({"role": "user", "content": [{"type": "input_audio", "data": "x"}]}, "input_audio"),
    ],
)
def test_an_item_or_part_that_cannot_be_read_here_is_refused_by_name(
    item: Json, named: str
) -> None:
    with pytest.raises(MalformedRequest, match=f"`{named}`"):
        CODEC.decode_request({"input": [item]}, FACTS)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"input": 1},
        {"input": [1]},
        {"input": [{"role": "narrator", "content": "x"}]},
        {"input": [{"type": "function_call", "name": "f"}]},
        {"input": "x", "tools": [{"type": "function"}]},
        {"input": "x", "tool_choice": "sometimes"},
        {"input": "x", "text": {"format": {"type": "xml"}}},
        {"input": "x", "reasoning": "high"},
    ],
)
def test_a_body_of_another_form_is_the_clients_fault(body: Json) -> None:
    with pytest.raises(MalformedRequest):
        CODEC.decode_request(body, FACTS)


STRANGE: list[Json] = [None, True, 1, "x", [], {}, ["x"], [None], {"type": "x"}, {"x": []}]


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where in a body something stands."""
    if at:
        yield at
    for key in (
        value if isinstance(value, dict) else range(len(value) if type(value) is list else 0)
    ):
        yield from places(value[key], (*at, key))


def put(value: Any, at: tuple[Any, ...], strange: Json) -> Any:
    if not at:
        return strange
    copy = value.copy()
    copy[at[0]] = put(value[at[0]], at[1:], strange)
    return copy


def test_whatever_stands_anywhere_in_a_body_it_is_read_or_the_clients_fault() -> None:
    body = {**CODEX, "text": {"format": {"type": "text"}}, "tool_choice": CHOICE}
    outcomes = Counter[str]()
    for at in places(body):
        for strange in STRANGE:
            changed = put(body, at, strange)
            try:
                CODEC.decode_request(changed, FACTS)
            except MalformedRequest:
                outcomes["malformed"] += 1
            else:
                outcomes["read"] += 1
                encode_response(ANSWER, Asked.of(changed))

    assert min(outcomes["malformed"], outcomes["read"]) > 200, outcomes


def test_instructions_come_before_what_the_system_says() -> None:
    developer = {"role": "developer", "content": "Be kind."}
    request = read(instructions="Be brief.", input=[developer, {"role": "user", "content": "Hi."}])

    assert request.system == (Text("Be brief."), Text("Be kind."))
    assert [message.text for message in request.messages] == ["Hi."]


def test_pictures_and_documents_are_read() -> None:
    png, pdf = "data:image/png;base64,iVBORw0KGgo=", "data:application/pdf;base64,JVBERi0="
    content = [
        {"type": "input_image", "image_url": png, "detail": "auto"},
        {"type": "input_file", "file_data": pdf, "filename": "a.pdf"},
    ]
    (message,) = read(input=[{"role": "user", "content": content}]).messages

    assert [type(block) for block in message.content] == [Image, Document]


def test_parameters_have_their_neutral_names() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    request = read(
        max_output_tokens=9,
        temperature=0.5,
        top_p=0.9,
        reasoning={"effort": "low", "summary": "auto"},
        text={
            "format": {"type": "json_schema", "name": "n", "schema": schema, "strict": True},
            "verbosity": "low",
        },
        parallel_tool_calls=False,
        tools=[{"type": "function", "name": "f"}],
        metadata={"a": "b"},
        user="u",
        made_up=1,
    )

    assert (request.inference.max_tokens, request.inference.temperature) == (9, 0.5)
    assert request.reasoning is not None and request.reasoning.effort == "low"
    assert request.output_schema is not None and request.output_schema.schema == schema
    assert request.tool_choice == ToolChoice("auto", allows_parallel=False)
    assert request.options == {"user": "u", "verbosity": "low"}
    assert (request.metadata, request.extra) == ({"a": "b"}, {"made_up": 1})


def test_allowed_tools_are_those_that_are_offered() -> None:
    request = read(tools=CODEX["tools"], tool_choice=CHOICE)

    assert [tool.name for tool in request.tools if isinstance(tool, Tool)] == ["exec_command"]
    assert request.tool_choice == ToolChoice(ToolChoiceMode.ANY)


def test_what_openai_encrypted_is_left_and_its_summary_read() -> None:
    sealed = {"type": "reasoning", "summary": [], "encrypted_content": "gAAAA"}
    said = {**sealed, "summary": [{"type": "summary_text", "text": "Hm."}]}
    request = read(input=[{"role": "user", "content": "x"}, sealed, said])

    assert request.messages[1].content == (Reasoning("Hm."),)


def test_no_provider_is_called_in_this_form() -> None:
    with pytest.raises(EncodeError, match="responses"):
        CODEC.encode_request(read(), FACTS)


# ── answers ───────────────────────────────────────────────────────────────────────────────────────

ANSWER = Completion(
    (
        Reasoning("Hm.", "c2ln"),
        Text("Hello"),
        ToolUse("call_1", "multi_agent_v1.close_agent", {"a": 1}),
        ToolUse("call_2", "apply_patch", {"input": "*** Begin"}),
    ),
    StopReason.TOOL_USE,
    Usage(9, 2, 4, 1, reasoning_tokens=1),
    id="resp_1",
    model="model_1",
    created=7,
)


def test_an_answer_has_the_form_that_its_request_asks_for() -> None:
    body: Any = encode_response(ANSWER, Asked.of(CODEX))

    thought, said, called, patched = body["output"]
    assert thought["summary"] == [{"type": "summary_text", "text": "Hm."}]
    assert thought["encrypted_content"] == "axonflow.signature:c2ln"
    assert said["content"][0]["text"] == "Hello"
    assert (called["namespace"], called["name"]) == ("multi_agent_v1", "close_agent")
    assert (called["type"], called["arguments"]) == ("function_call", '{"a":1}')
    assert (patched["type"], patched["input"]) == ("custom_tool_call", "*** Begin")
    assert body["tools"] == CODEX["tools"] and body["reasoning"] == {"summary": "auto"}
    assert (body["id"], body["object"], body["status"]) == ("resp_1", "response", "completed")
    assert body["usage"] == {
        "input_tokens": 14,
        "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 1},
        "output_tokens": 2,
        "output_tokens_details": {"reasoning_tokens": 1},
        "total_tokens": 16,
    }


def test_an_answer_goes_back_as_the_blocks_that_it_was_made_of() -> None:
    output: Any = encode_response(ANSWER, Asked.of(CODEX))
    request = read(input=[{"role": "user", "content": "x"}, *output["output"]])

    assert [evolve(block, spelling={}) for block in request.messages[1].content] == list(
        ANSWER.content
    )


def test_encrypted_content_is_there_where_it_is_asked_for_alone() -> None:
    body: Any = encode_response(ANSWER, Asked())

    assert "encrypted_content" not in body["output"][0]


@pytest.mark.parametrize(
    ("stop", "status", "why"),
    [
        (StopReason.END_TURN, "completed", None),
        (StopReason.STOP_SEQUENCE, "completed", None),
        (StopReason.REFUSAL, "completed", None),
        (StopReason.MAX_TOKENS, "incomplete", "max_output_tokens"),
        (StopReason.CONTEXT_EXCEEDED, "incomplete", "max_output_tokens"),
        (StopReason.GUARDRAIL, "incomplete", "content_filter"),
    ],
)
def test_an_answer_that_was_cut_is_incomplete(
    stop: StopReason, status: str, why: str | None
) -> None:
    written = events(batch_of(Completion("Hel", stop)))

    response = written[-1]["response"]
    assert (response["status"], written[-1]["type"]) == (status, f"response.{status}")
    assert response["incomplete_details"] == (None if why is None else {"reason": why})


# ── streams ───────────────────────────────────────────────────────────────────────────────────────


def test_a_stream_of_text_is_the_documented_one() -> None:
    written = events(
        (Started(),),
        (TextDelta("Hel", 0),),
        (TextDelta("lo", 0), Stopped("end_turn")),
        (Ended(),),
    )

    assert types(written) == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    assert events_of_responses(written).end == "completed"
    assert written[6]["text"] == "Hello"


def test_calls_whose_deltas_are_mixed_are_two_items() -> None:
    written = events(
        (Started(), BlockStart(0, ToolUse("a", "f", {})), BlockStart(1, ToolUse("b", "g", {}))),
        (ToolInputDelta('{"x"', 0), ToolInputDelta('{"y"', 1)),
        (ToolInputDelta(":1}", 0), ToolInputDelta(":2}", 1)),
        (BlockStop(0), BlockStop(1), Stopped("tool_use"), Ended()),
    )

    assert events_of_responses(written).end == "completed"
    output = written[-1]["response"]["output"]
    assert [call["arguments"] for call in output] == ['{"x":1}', '{"y":2}']


def test_a_call_without_arguments_has_an_empty_object() -> None:
    start = BlockStart(0, ToolUse("a", "f", {}))
    written = events((Started(), start, BlockStop(0), Stopped("tool_use"), Ended()))

    assert written[-1]["response"]["output"][0]["arguments"] == "{}"
    assert events_of_responses(written).end == "completed"


def test_the_text_of_a_custom_call_is_whole_at_its_end() -> None:
    asked = Asked.of(CODEX)
    written = events(
        (Started(), BlockStart(0, ToolUse("a", "apply_patch", {}))),
        (ToolInputDelta('{"inp', 0),),
        (ToolInputDelta('ut":"x\\ny"}', 0), BlockStop(0)),
        (Stopped("tool_use"), Ended()),
        asked=asked,
    )

    assert [event["delta"] for event in written if "delta" in event] == ["x\ny"]
    assert events_of_responses(written).end == "completed"


def test_text_that_goes_on_after_a_call_is_an_item_of_its_own() -> None:
    written = events(
        (Started(), TextDelta("a", 0), BlockStart(1, ToolUse("b", "f", {}))),
        (TextDelta("c", 0), Stopped("tool_use"), Ended()),
    )

    output = written[-1]["response"]["output"]
    assert [item["type"] for item in output] == ["message", "function_call", "message"]
    assert events_of_responses(written).end == "completed"


@given(strategies.streams(Claims(codec=CODEC)))
def test_every_stream_is_of_the_grammar_and_ends_with_the_whole_answer(
    drawn: tuple[Completion, list[Batch]],
) -> None:
    completion, batches = drawn
    written = events(*batches)

    assert events_of_responses(written).end in ("completed", "incomplete")
    whole = events(batch_of(completion))
    assert meant(written[-1]["response"]) == meant(whole[-1]["response"])


def meant(response: Any) -> Any:
    """A response without how the JSON of arguments was spelled."""
    items = [
        {**item, "arguments": tool_input(item["arguments"])} if "arguments" in item else item
        for item in response["output"]
    ]
    return {**response, "output": items}


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (PolicyBlocked("no"), "invalid_prompt"),
        (ContextExceeded("long"), "context_length_exceeded"),
        (Throttled("slow"), "rate_limit_exceeded"),
        (Unavailable("down"), "server_error"),
        (TruncatedStream("cut"), "server_error"),
    ],
)
def test_an_error_ends_a_stream_as_a_response_that_failed(error: AxonFlowError, code: str) -> None:
    framing = ResponseStream()
    begun = events((Started(), TextDelta("Hel", 0)))
    body = b"".join(map(framing.frame, begun))
    body += framing.frame_error(openai_chat.ERRORS.error_event(error))

    assert check_responses(body) == "failed"
    failed = frames_of(body)[-1][1]["response"]
    assert (failed["id"], failed["error"]["code"]) == ("resp_1", code)


# ── the automaton itself ──────────────────────────────────────────────────────────────────────────


_HELLO: tuple[Batch, ...] = ((Started(), TextDelta("Hello", 0), Stopped("end_turn"), Ended()),)


@pytest.mark.parametrize("place", range(len(events(*_HELLO))))
def test_a_stream_without_one_of_its_events_is_none(place: int) -> None:
    left = [event for event in events(*_HELLO) if event["sequence_number"] != place]
    numbered = [{**event, "sequence_number": number} for number, event in enumerate(left)]

    assert not is_of_the_grammar(numbered)
    assert is_of_the_grammar(events(*_HELLO))


def is_of_the_grammar(written: list[Any]) -> bool:
    try:
        return events_of_responses(written).end is not None
    except (AssertionError, KeyError):
        return False
