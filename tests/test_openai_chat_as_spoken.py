"""Bodies of OpenAI's chat form as servers and clients really write them, which its reference does
not have: each is read for what it means, and written again as it was.

Sources: vLLM's documents, "Reasoning outputs" (`reasoning`), and its and Ollama's chat servers;
OpenAI's API reference, "Chat completions", for `n`, `parallel_tool_calls` and the deprecated
`function_call`; public reports of pictures in Anthropic's form. Read November 2026.
"""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve

from axonflow_core.codec import FamilyCodec, Feature, ModelFacts, StreamContext
from axonflow_core.dialects.openai_chat import CODEC, ChatForm, Thinking, chat_codec
from axonflow_core.fitting import fit
from axonflow_core.messages import (
    Completion,
    Document,
    Image,
    Json,
    Media,
    Reasoning,
    ToolChoiceMode,
    ToolResult,
    ToolUse,
)
from axonflow_core.stream import assemble

FACTS = ModelFacts()


def codec(thinking: Thinking) -> FamilyCodec:
    return chat_codec(
        ChatForm(thinking=thinking),
        family="made-up",
        models=("made-up.",),
        features=frozenset(Feature),
        evidence="made up for these tests",
    )


FORMS = [codec(Thinking.MEMBER), codec(Thinking.TAGGED)]


def whole(*messages: Json) -> Json:
    choices = [
        {"index": index, "message": {"role": "assistant", **message}, "finish_reason": "stop"}
        for index, message in enumerate(messages)
    ]
    return {"object": "chat.completion", "choices": choices}


def chunk(delta: Json, stop: str | None = None, index: int = 0) -> Json:
    head = {"id": "id_1", "created": 7, "model": "model_1", "object": "chat.completion.chunk"}
    return {**head, "choices": [{"index": index, "delta": delta, "finish_reason": stop}]}


def decoded(native: Json, spoken: Any = CODEC) -> Completion:
    """The answer of a body, which comes back as it was."""
    completion: Completion = spoken.decode_response(native, FACTS)
    assert spoken.encode_response(completion, FACTS) == native
    return completion


def streamed(*deltas: Json, stop: str = "stop", spoken: Any = FORMS[0]) -> Completion:
    """The answer of a stream, whose chunks come back as they were."""
    first, *others = deltas
    chunks = [chunk({"role": "assistant", **first}), *map(chunk, others), chunk({}, stop)]
    return played(chunks, spoken)


def played(chunks: list[Json], spoken: Any) -> Completion:
    decoder = spoken.stream_decoder(FACTS)
    encoder = spoken.stream_encoder(StreamContext("id_1", "model_1", 7), FACTS)
    batches = [decoder.feed(each) for each in chunks]
    assert [each for batch in batches for each in encoder.encode(batch)] == chunks
    return assemble(event for batch in batches for event in batch)


# ── reasoning ─────────────────────────────────────────────────────────────────────────────────────

MEMBERS = [
    {"reasoning": "Hm."},
    {"reasoning_content": "Hm."},
    {"reasoning_content": "Hm.", "reasoning": "Hm."},
]


@pytest.mark.parametrize("spoken", FORMS, ids=["member", "tagged"])
@pytest.mark.parametrize("members", MEMBERS, ids=["newer", "older", "both"])
def test_reasoning_is_read_under_either_name_and_once(spoken: FamilyCodec, members: Json) -> None:
    completion = decoded(whole({**members, "content": "Yes."}), spoken)

    assert (completion.reasoning, completion.text) == ("Hm.", "Yes.")
    assert not completion.extra


@pytest.mark.parametrize("spoken", FORMS, ids=["member", "tagged"])
@pytest.mark.parametrize("members", MEMBERS, ids=["newer", "older", "both"])
def test_a_delta_of_reasoning_has_either_name(spoken: FamilyCodec, members: Json) -> None:
    completion = streamed(members, members, {"content": "Yes."}, spoken=spoken)

    assert (completion.reasoning, completion.text) == ("Hm.Hm.", "Yes.")


@pytest.mark.parametrize("members", MEMBERS, ids=["newer", "older", "both"])
def test_reasoning_in_a_history_has_either_name(members: Json) -> None:
    said = {"role": "assistant", "content": "Yes.", **members}
    body = {"messages": [{"role": "user", "content": "?"}, said]}
    request = FORMS[0].decode_request(body, FACTS)

    assert isinstance(request.messages[1].content[0], Reasoning)
    assert FORMS[0].encode_request(request, FACTS) == body


def test_two_different_thoughts_are_both_kept() -> None:
    completion = decoded(whole({"reasoning_content": "A", "reasoning": "B", "content": "Yes."}))

    assert completion.reasoning == "A"
    assert completion.extra == {"message.reasoning": "B"}


# ── tool calls ────────────────────────────────────────────────────────────────────────────────────


def call(**members: Json) -> Json:
    return {"tool_calls": [{"index": 0, **members}]}


FIRST = call(id="c1", type="function", function={"name": "f", "arguments": '{"a"'})


@pytest.mark.parametrize(
    ("deltas", "input_"),
    [
        ([call(id="c1", type="function", function={"name": "f"})], {}),
        (
            [
                call(id="c1", type="function", function={"name": "f"}),
                call(function={"arguments": '{"a":1}'}),
            ],
            {"a": 1},
        ),
        ([FIRST, call(id="c1", function={"arguments": ":1}"})], {"a": 1}),
        ([FIRST, call(id="", function={"name": None, "arguments": ":1}"})], {"a": 1}),
        (
            [FIRST, call(id="c1", type="function", function={"name": "f", "arguments": ":1}"})],
            {"a": 1},
        ),
    ],
    ids=["no arguments", "later arguments", "id again", "empty id", "all again"],
)
def test_a_call_is_one_however_its_pieces_are_labelled(deltas: list[Json], input_: Json) -> None:
    (used,) = streamed(*deltas, stop="tool_calls").content

    assert isinstance(used, ToolUse)
    assert (used.id, used.name, used.input) == ("c1", "f", input_)


def test_a_call_without_arguments_has_none() -> None:
    native = whole(
        {
            "content": None,
            "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f"}}],
        }
    )

    assert decoded(native).tool_uses[0].input == {}


def test_a_streamed_function_call_is_a_call() -> None:
    completion = streamed(
        {"function_call": {"name": "f", "arguments": ""}},
        {"function_call": {"arguments": '{"a"'}},
        {"function_call": {"arguments": ":1}"}},
        stop="function_call",
    )

    assert [(use.name, use.input) for use in completion.tool_uses] == [("f", {"a": 1})]


def test_a_number_is_the_id_of_a_call_and_of_its_result() -> None:
    function = {"name": "f", "arguments": "{}"}
    said = {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": 1, "type": "function", "function": function}],
    }
    body = {
        "messages": [
            {"role": "user", "content": "?"},
            said,
            {"role": "tool", "tool_call_id": 1, "content": "x"},
        ]
    }
    request = CODEC.decode_request(body, FACTS)
    used, result = request.messages[1].content[0], request.messages[2].content[0]

    assert isinstance(used, ToolUse) and isinstance(result, ToolResult)
    assert used.id == result.tool_use_id == "1"
    assert CODEC.encode_request(request, FACTS) == body


def test_a_number_is_the_id_of_a_streamed_call() -> None:
    function = {"name": "f", "arguments": "{}"}
    completion = streamed(call(id=7, type="function", function=function), stop="tool_calls")

    assert completion.tool_uses[0].id == "7"


# ── several answers ───────────────────────────────────────────────────────────────────────────────


def test_of_several_choices_the_first_is_the_answer_and_the_others_are_named() -> None:
    completion = decoded(whole({"content": "A"}, {"content": "B"}, {"content": "C"}))

    assert completion.text == "A"
    assert [adjustment.feature for adjustment in completion.adjustments] == [
        "choices.1",
        "choices.2",
    ]
    assert completion.extra["choices.1"]["message"]["content"] == "B"


def test_the_chunks_of_another_choice_are_carried_and_named() -> None:
    completion = played(
        [
            chunk({"role": "assistant", "content": "A"}),
            chunk({"role": "assistant", "content": "B"}, index=1),
            chunk({"content": "a"}),
            chunk({"content": "b"}, index=1),
            chunk({}, "stop"),
            chunk({}, "stop", index=1),
        ],
        FORMS[0],
    )

    assert completion.text == "Aa"
    assert [adjustment.feature for adjustment in completion.adjustments] == ["choices.1"]


# ── requests ──────────────────────────────────────────────────────────────────────────────────────

TOOLS = [{"type": "function", "function": {"name": "f"}}]


@pytest.mark.parametrize(
    "members",
    [
        {"parallel_tool_calls": False},
        {"parallel_tool_calls": True, "tools": TOOLS},
        {"parallel_tool_calls": False, "tools": TOOLS, "tool_choice": "auto"},
    ],
)
def test_parallel_tool_calls_come_back_with_no_more_than_was_said(members: Json) -> None:
    body = {"messages": [{"role": "user", "content": "?"}], **members}
    request = CODEC.decode_request(body, FACTS)

    assert request.tool_choice is not None
    assert request.tool_choice.mode is ToolChoiceMode.AUTO
    assert CODEC.encode_request(request, FACTS) == body


PICTURE = Media("base64", "iVBORw0KGgo=", "image/png")
INLINE = {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}


@pytest.mark.parametrize(
    ("part", "block"),
    [
        ({"type": "image", "source": INLINE}, Image(PICTURE)),
        (
            {"type": "image", "source": {"type": "url", "url": "https://a.example/b"}},
            Image(Media("url", "https://a.example/b")),
        ),
        (
            {"type": "image", "source": INLINE, "cache_control": {"type": "ephemeral"}},
            Image(PICTURE, extra={"cache_control": {"type": "ephemeral"}}),
        ),
        (
            {
                "type": "document",
                "title": "t",
                "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="},
            },
            Document(Media("base64", "JVBERi0=", "application/pdf"), name="t"),
        ),
        (
            {"type": "image_url", "image_url": "https://a.example/b"},
            Image(Media("url", "https://a.example/b")),
        ),
        (
            {"type": "image_url", "image_url": "data:image/png;base64,iVBORw0KGgo="},
            Image(PICTURE),
        ),
    ],
)
def test_a_picture_in_another_form_is_a_picture(part: Json, block: Image | Document) -> None:
    body = {"messages": [{"role": "user", "content": [{"type": "text", "text": "?"}, part]}]}
    request = CODEC.decode_request(body, FACTS)

    read = request.messages[0].content[1]
    assert isinstance(read, Image | Document)
    assert evolve(read, spelling={}) == block
    assert CODEC.encode_request(request, FACTS) == body


def test_a_model_gets_pictures_and_numbers_as_its_dialect_documents_them() -> None:
    function = {"name": "f", "arguments": "{}"}
    calls = [{"id": 1, "type": "function", "function": function}]
    body = {
        "messages": [
            {"role": "user", "content": [{"type": "image", "source": INLINE}]},
            {"role": "assistant", "content": None, "tool_calls": calls},
            {"role": "tool", "tool_call_id": 1, "content": "x"},
        ],
        "tools": TOOLS,
    }
    fitted = fit(CODEC.decode_request(body, FACTS), FORMS[0], FACTS, client=CODEC)
    asked, said, result = FORMS[0].encode_request(fitted.request, FACTS)["messages"]

    url = {"url": "data:image/png;base64,iVBORw0KGgo="}
    assert asked["content"] == [{"type": "image_url", "image_url": url}]
    assert (said["tool_calls"][0]["id"], result["tool_call_id"]) == ("1", "1")


def test_a_file_of_bare_base64_is_a_document_and_comes_back_bare() -> None:
    part = {"type": "file", "file": {"file_data": "JVBERi0=", "filename": "a.pdf"}}
    body = {"messages": [{"role": "user", "content": [{"type": "text", "text": "?"}, part]}]}
    request = CODEC.decode_request(body, FACTS)

    read = request.messages[0].content[1]
    assert isinstance(read, Document)
    assert (read.source, read.name) == (Media("base64", "JVBERi0="), "a.pdf")
    assert CODEC.encode_request(request, FACTS) == body


@pytest.mark.parametrize("role", [{"role": "assistant"}, {"role": "assistant", "content": ""}])
def test_what_azures_filter_found_of_the_prompt_comes_before_the_answer(role: Json) -> None:
    """Azure OpenAI's reference, "Content filtering", November 2026: the first chunk has no choice,
    and the role stands in the one after it."""
    found = {"prompt_index": 0, "content_filter_results": {}}
    first = {**chunk({}), "choices": [], "prompt_filter_results": [found]}
    chunks = [first, chunk(role), chunk({"content": "Hi"}), chunk({}, "stop")]
    decoder = CODEC.stream_decoder(FACTS)
    encoder = CODEC.stream_encoder(StreamContext("other", "other", 1), FACTS)

    written = [each for one in chunks for each in encoder.encode(decoder.feed(one))]

    assert written[: len(chunks)] == chunks
    assert [list(each["choices"][0]["delta"]) for each in written[1:3]] == [
        list(role),
        ["content"],
    ]
