"""OpenAI's chat JSON beyond the laws: reasoning cut anywhere, spellings that come back, counts that
stand apart."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations_with_replacement
from typing import Any

import pytest
from attrs import evolve

from axonflow_core.codec import FamilyCodec, ModelFacts, StreamContext
from axonflow_core.dialects.openai_chat import CODEC, ChatForm, Thinking, chat_codec
from axonflow_core.errors import (
    DecodeError,
    EncodeError,
    MalformedRequest,
    TruncatedStream,
    UnencodableAnswer,
)
from axonflow_core.messages import (
    Completion,
    CompletionRequest,
    Data,
    Document,
    Inference,
    Json,
    Media,
    MediaKind,
    Message,
    Opaque,
    OutputSchema,
    Reasoning,
    ReasoningRequest,
    Role,
    StopReason,
    Text,
    ToolChoice,
    ToolChoiceMode,
    ToolResult,
    ToolUse,
    Usage,
    user,
)
from axonflow_core.stream import (
    Batch,
    BlockStart,
    BlockStop,
    Ended,
    Extra,
    ReasoningDelta,
    Started,
    Stopped,
    TextDelta,
    ToolInputDelta,
    UsageUpdate,
    assemble,
)
from axonflow_core.testing.strategies import Feature

FACTS = ModelFacts()
CONTEXT = StreamContext("id_1", "model_1", 7)


def codec(**form: Any) -> FamilyCodec:
    return chat_codec(
        ChatForm(**form),
        family="made-up",
        models=("made-up.",),
        features=frozenset(Feature),
        evidence="made up for these tests",
    )


TAGGED, MEMBER = codec(thinking=Thinking.TAGGED), codec(thinking=Thinking.MEMBER)


def whole(message: Json, **more: Json) -> Json:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": "stop"}
    return {"object": "chat.completion", "choices": [choice], **more}


def chunk(delta: Json, stop: str | None = None, **more: Json) -> Json:
    head = {"id": "id_1", "created": 7, "model": "model_1", "object": "chat.completion.chunk"}
    return {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": stop}], **more}


def stream_of(pieces: list[str]) -> list[Json]:
    """The pieces as chunks, the first with the role and the last with nothing but the stop
    reason."""
    first, *others = pieces
    opening = chunk({"role": "assistant", "content": first})
    return [opening, *(chunk({"content": piece}) for piece in others), chunk({}, "stop")]


def batches(spoken: FamilyCodec, chunks: list[Json]) -> list[Batch]:
    decoder = spoken.stream_decoder(FACTS)
    return [decoder.feed(each) for each in chunks]


def written(spoken: FamilyCodec, heard: list[Batch]) -> list[Json]:
    encoder = spoken.stream_encoder(CONTEXT, FACTS)
    return [each for batch in heard for each in encoder.encode(batch)]


def added_up(heard: list[Batch]) -> Completion:
    return assemble(event for batch in heard for event in batch)


# ── reasoning between tags ────────────────────────────────────────────────────────────────────────

CONTENTS = (
    "<reasoning>Hm.</reasoning>Hello",
    "<reasoning></reasoning>",
    "<reasoning>a<b</reas<i></reasoning><reasoning>no more</reasoning>",
    "<reasoning></</reasoning>.",
    "<reasoning>cut off in the clos</reason",
    "<reasonable>",
    "<reason",
    "no <reasoning>tag</reasoning>",
    "<",
)


def cuttings(content: str) -> Iterator[list[str]]:
    """Character by character, and in three pieces at every two places; some pieces are empty."""
    yield list(content)
    for start, end in combinations_with_replacement(range(len(content) + 1), 2):
        yield [content[:start], content[start:end], content[end:]]


def meant(content: tuple[Any, ...]) -> tuple[Any, ...]:
    """The blocks without the way in which they were spelled."""
    return tuple(evolve(block, spelling={}) for block in content)


@pytest.mark.parametrize("content", CONTENTS)
def test_reasoning_is_heard_however_its_tags_are_cut(content: str) -> None:
    read = meant(TAGGED.decode_response(whole({"content": content}), FACTS).content)

    assert all(
        meant(added_up(batches(TAGGED, stream_of(pieces))).content) == read
        for pieces in cuttings(content)
    )


@pytest.mark.parametrize("content", CONTENTS)
def test_a_chunk_that_cuts_a_tag_comes_back_as_it_was(content: str) -> None:
    for pieces in cuttings(content):
        chunks = stream_of(pieces)
        assert written(TAGGED, batches(TAGGED, chunks)) == chunks


@pytest.mark.parametrize("content", CONTENTS)
def test_content_with_tags_comes_back_as_it_was(content: str) -> None:
    answer = whole({"content": content})

    assert TAGGED.encode_response(TAGGED.decode_response(answer, FACTS), FACTS) == answer


@pytest.mark.parametrize(
    ("content", "blocks"),
    [
        ("<reasoning>Hm.</reasoning>Hello", (Reasoning("Hm."), Text("Hello"))),
        ("<reasoning>Hm.</reasoning>", (Reasoning("Hm."),)),
        ("<reasoning>Hm", (Reasoning("Hm", spelling={"text": "unclosed"}),)),
        ("Hello", (Text("Hello"),)),
        (" <reasoning>Hm.</reasoning>", (Text(" <reasoning>Hm.</reasoning>"),)),
    ],
)
def test_a_tag_at_the_head_is_reasoning_and_any_other_is_text(
    content: str, blocks: tuple[Any, ...]
) -> None:
    assert TAGGED.decode_response(whole({"content": content}), FACTS).content == blocks


def test_a_stream_that_ends_inside_a_tag_has_no_text_of_it() -> None:
    decoder = TAGGED.stream_decoder(FACTS)
    for each in stream_of(["<reasoning>Hm.</reasoning>Hel", "lo"])[:-1]:
        decoder.feed(each)

    with pytest.raises(TruncatedStream) as caught:
        decoder.finish()

    assert caught.value.partial_text == "Hello"


def test_reasoning_of_a_family_that_announces_nothing_is_put_between_tags() -> None:
    heard: list[Batch] = [
        (Started("id_1", "model_1", 7), ReasoningDelta("H")),
        (ReasoningDelta("m."),),
        (TextDelta("Hello", 1), Stopped(StopReason.END_TURN), Ended()),
    ]

    contents = [each["choices"][0]["delta"]["content"] for each in written(TAGGED, heard)]

    assert contents == ["<reasoning>H", "m.", "</reasoning>Hello"]


def test_reasoning_that_a_tool_call_follows_is_closed() -> None:
    call = BlockStart(1, ToolUse("call_1", "weather", {}))
    heard: list[Batch] = [
        (ReasoningDelta("Hm."),),
        (call,),
        (Stopped(StopReason.TOOL_USE), Ended()),
    ]

    assert added_up(batches(TAGGED, written(TAGGED, heard))).content == (
        Reasoning("Hm."),
        ToolUse("call_1", "weather", {}),
    )


@pytest.mark.parametrize(
    ("pieces", "arguments"),
    [((), "{}"), (("",), "{}"), (('{"at"', ": 1}"), '{"at": 1}')],
)
def test_the_arguments_of_a_call_are_json_also_where_it_has_none(
    pieces: tuple[str, ...], arguments: str
) -> None:
    """OpenAI's clients parse what the pieces add up to."""
    started, over = BlockStart(1, ToolUse("call_1", "now", {})), BlockStop(1)
    given = [ToolInputDelta(piece, 1) for piece in pieces]
    for heard in ([(started, *given, over)], [(started,), *((each,) for each in given), (over,)]):
        calls = [
            call
            for each in written(MEMBER, heard)
            for call in each["choices"][0]["delta"]["tool_calls"]
        ]
        assert "".join(call["function"]["arguments"] for call in calls) == arguments


def test_the_signature_of_another_family_is_not_written() -> None:
    heard: list[Batch] = [
        (
            BlockStart(0, Reasoning()),
            ReasoningDelta("Hm."),
            ReasoningDelta(signature="c2ln"),
            BlockStop(0),
        ),
        (BlockStart(1, Reasoning(redacted="ZGF0YQ==")), BlockStop(1)),
        (TextDelta("Hello", 2), Stopped(StopReason.END_TURN), Ended()),
    ]

    assert added_up(batches(TAGGED, written(TAGGED, heard))).content == (
        Reasoning("Hm."),
        Text("Hello"),
    )


def test_a_redacted_block_alone_is_an_empty_answer() -> None:
    answer = TAGGED.encode_response(
        Completion((Reasoning(redacted="ZGF0YQ=="),), StopReason.END_TURN), FACTS
    )

    assert answer["choices"][0]["message"] == {"role": "assistant", "content": None}


# ── reasoning in a member of its own ──────────────────────────────────────────────────────────────

THOUGHTFUL = whole({"reasoning_content": "Hm.", "content": "Hello"})
THOUGHTFUL_CHUNKS = [
    chunk({"role": "assistant", "reasoning_content": "H"}),
    chunk({"reasoning_content": "m."}),
    chunk({"content": "Hello"}),
    chunk({}, "stop"),
]


SOME_THOUGHTS: list[Json] = [
    {"reasoning_content": "H"},
    {"reasoning_content": "m."},
    {"content": "Hello"},
]


@pytest.mark.parametrize("spoken", [TAGGED, MEMBER], ids=["tagged", "member"])
def test_a_member_of_its_own_is_read_in_both_forms_and_goes_back_there(spoken: FamilyCodec) -> None:
    answer, heard = spoken.decode_response(THOUGHTFUL, FACTS), batches(spoken, THOUGHTFUL_CHUNKS)

    spelling = {"text": "reasoning_content"} if spoken is TAGGED else {}
    thought = Reasoning("Hm.", spelling=spelling)
    assert answer.content == added_up(heard).content == (thought, Text("Hello"))
    assert spoken.encode_response(answer, FACTS) == THOUGHTFUL
    assert written(spoken, heard) == THOUGHTFUL_CHUNKS


@pytest.mark.parametrize("spoken", [TAGGED, MEMBER], ids=["tagged", "member"])
def test_an_empty_text_before_the_reasoning_is_no_block(spoken: FamilyCodec) -> None:
    chunks = [
        chunk({"role": "assistant", "content": ""}),
        *(chunk(each) for each in SOME_THOUGHTS),
        chunk({}, "stop"),
    ]

    heard = batches(spoken, chunks)

    assert meant(added_up(heard).content) == (Reasoning("Hm."), Text("Hello"))
    assert written(spoken, heard) == chunks


def test_an_answer_that_is_empty_is_an_empty_text() -> None:
    chunks = [chunk({"role": "assistant", "content": ""}), chunk({}, "stop")]

    assert added_up(batches(MEMBER, chunks)).content == (Text(""),)


def test_a_form_without_reasoning_leaves_tags_in_the_text_and_members_beside_it() -> None:
    plain = codec()

    answer = plain.decode_response(
        whole({"content": CONTENTS[0], "reasoning_content": "Hm."}), FACTS
    )

    assert answer.content == (Text(CONTENTS[0]),)
    assert answer.extra == {"message.reasoning_content": "Hm."}
    with pytest.raises(UnencodableAnswer, match="Reasoning"):
        plain.encode_response(Completion((Reasoning("Hm."),), StopReason.END_TURN), FACTS)


def test_reasoning_of_earlier_turns_stands_in_front_of_what_was_said() -> None:
    turn = Message(Role.ASSISTANT, (Text("It "), Reasoning("Hm.", "c2ln"), Text("rains.")))

    body = TAGGED.encode_request(CompletionRequest((user("Weather?"), turn, user("So?"))), FACTS)

    assert body["messages"][1]["content"] == [
        {"type": "text", "text": "<reasoning>Hm.</reasoning>"},
        {"type": "text", "text": "It "},
        {"type": "text", "text": "rains."},
    ]


# ── how much it may think ─────────────────────────────────────────────────────────────────────────


def test_effort_has_the_name_that_the_form_gives_it() -> None:
    spoken = codec(effort_parameter="reasoning_effort")
    asked = CompletionRequest((user("Hi"),), reasoning=ReasoningRequest(effort="low"))

    body = spoken.encode_request(asked, FACTS)

    assert body["reasoning_effort"] == "low"
    assert spoken.decode_request(body, FACTS) == asked


@pytest.mark.parametrize(
    "reasoning", [ReasoningRequest("enabled", 1024), ReasoningRequest(effort="low")]
)
def test_what_the_form_has_no_parameter_for_is_refused(reasoning: ReasoningRequest) -> None:
    with pytest.raises(EncodeError) as refused:
        TAGGED.encode_request(CompletionRequest((user("Hi"),), reasoning=reasoning), FACTS)

    assert refused.value.feature == "reasoning"


# ── spellings, options, choices ───────────────────────────────────────────────────────────────────

MESSAGES = [{"role": "user", "content": "Hi"}]


@pytest.mark.parametrize(
    ("name", "spelling"),
    [("max_tokens", {}), ("max_completion_tokens", {"max_tokens": "max_completion_tokens"})],
)
def test_a_limit_goes_back_in_the_spelling_it_came_in(name: str, spelling: Any) -> None:
    body = {"messages": MESSAGES, name: 100}

    request = TAGGED.decode_request(body, FACTS)

    assert request.inference == Inference(max_tokens=100, spelling=spelling)
    assert TAGGED.encode_request(request, FACTS) == body


def test_of_two_limits_the_older_name_counts_and_both_go_back() -> None:
    body = {"messages": MESSAGES, "max_tokens": 100, "max_completion_tokens": 200}

    request = TAGGED.decode_request(body, FACTS)

    assert request.inference.max_tokens == 100
    assert TAGGED.encode_request(request, FACTS) == body


def test_documented_parameters_without_a_neutral_name_are_options_and_others_are_extra() -> None:
    body = {
        "messages": MESSAGES,
        "seed": 7,
        "n": 1,
        "response_format": {"type": "json_object"},
        "chat_template": "x",
    }

    request = TAGGED.decode_request(body, FACTS)

    assert (request.inference.seed, request.output_schema) == (7, OutputSchema())
    assert request.options == {"n": 1}
    assert request.extra == {"chat_template": "x"}
    assert TAGGED.encode_request(request, FACTS) == body


def test_several_answers_are_refused_before_they_are_paid_for() -> None:
    with pytest.raises(EncodeError, match="one answer"):
        TAGGED.encode_request(CompletionRequest((user("Hi"),), options={"n": 2}), FACTS)

    assert (
        TAGGED.encode_request(CompletionRequest((user("Hi"),), options={"n": 1}), FACTS)["n"] == 1
    )


def test_a_call_without_content_is_heard() -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}

    request = TAGGED.decode_request(
        {"messages": [*MESSAGES, {"role": "assistant", "tool_calls": [call]}]}, FACTS
    )

    assert request.messages[1].content == (ToolUse("call_1", "weather", {}),)


def test_a_developer_is_the_system() -> None:
    request = TAGGED.decode_request(
        {"messages": [{"role": "developer", "content": "Be kind."}, *MESSAGES]}, FACTS
    )

    assert request.system == (Text("Be kind."),)


def test_an_unknown_role_is_a_malformed_request_that_does_not_quote_it() -> None:
    with pytest.raises(MalformedRequest) as refused:
        TAGGED.decode_request({"messages": [{"role": "a secret", "content": ""}]}, FACTS)

    assert "secret" not in refused.value.message


def test_a_family_that_has_no_word_for_some_tool_says_so() -> None:
    spoken = codec(any_tool=None)

    def body(mode: ToolChoiceMode) -> Json:
        return spoken.encode_request(
            CompletionRequest((user("Hi"),), tool_choice=ToolChoice(mode)), FACTS
        )

    with pytest.raises(EncodeError, match="no tool choice `any`"):
        body(ToolChoiceMode.ANY)
    assert body(ToolChoiceMode.AUTO)["tool_choice"] == "auto"


# ── answers ───────────────────────────────────────────────────────────────────────────────────────


def test_texts_of_another_family_are_one_string_in_an_answer() -> None:
    answer = TAGGED.encode_response(
        Completion((Text("It "), Text("rains.")), StopReason.END_TURN), FACTS
    )

    assert answer["choices"][0]["message"]["content"] == "It rains."


def test_cached_tokens_are_no_input_tokens_and_every_detail_comes_back() -> None:
    usage = {
        "prompt_tokens": 12,
        "completion_tokens": 9,
        "total_tokens": 21,
        "prompt_tokens_details": {"cached_tokens": 10, "audio_tokens": 1},
        "completion_tokens_details": {"reasoning_tokens": 4, "rejected_prediction_tokens": 2},
    }
    answer = whole({"content": "Hi"}, usage=usage)

    completion = TAGGED.decode_response(answer, FACTS)

    assert completion.usage.input_tokens == 2
    assert completion.usage.cache_read_tokens == 10
    assert completion.usage.reasoning_tokens == 4
    assert completion.usage.total_tokens == 21
    assert TAGGED.encode_response(completion, FACTS) == answer


def test_what_was_written_to_a_cache_counts_as_prompt() -> None:
    usage = Usage(input_tokens=1, output_tokens=2, cache_write_tokens=4)

    answer = TAGGED.encode_response(Completion((Text("Hi"),), StopReason.END_TURN, usage), FACTS)

    assert answer["usage"] == {
        "prompt_tokens": 5,
        "completion_tokens": 2,
        "total_tokens": 7,
        "prompt_tokens_details": {"cache_write_tokens": 4},
    }
    assert TAGGED.decode_response(answer, FACTS).usage == usage


def test_more_tokens_in_a_cache_than_the_prompt_has_are_no_counts() -> None:
    details = {"cached_tokens": 3, "cache_write_tokens": 4}
    usage = {"prompt_tokens": 5, "completion_tokens": 1, "prompt_tokens_details": details}

    counts = TAGGED.decode_response(whole({"content": "Hi"}, usage=usage), FACTS).usage

    assert (counts.input_tokens, counts.cache_read_tokens, counts.cache_write_tokens) == (
        2,
        3,
        None,
    )
    assert counts.extra["prompt_tokens_details.cache_write_tokens"] == 4


# ── refusals ──────────────────────────────────────────────────────────────────────────────────────

REFUSED = {"role": "assistant", "content": None, "refusal": "I cannot help with that."}


def test_a_refusal_is_the_text_of_the_answer_and_its_stop_reason() -> None:
    answer = whole(REFUSED)

    completion = TAGGED.decode_response(answer, FACTS)

    assert completion.text == "I cannot help with that."
    assert completion.stop_reason is StopReason.REFUSAL
    assert TAGGED.encode_response(completion, FACTS) == answer


def test_a_streamed_refusal_is_the_same_answer() -> None:
    chunks = [
        chunk({"role": "assistant", "content": "", "refusal": None}),
        chunk({"refusal": "I cannot help "}),
        chunk({"refusal": "with that."}),
        chunk({}, "stop"),
    ]

    heard = batches(MEMBER, chunks)

    assert added_up(heard).text == "I cannot help with that."
    assert added_up(heard).stop_reason is StopReason.REFUSAL
    assert written(MEMBER, heard) == chunks


@pytest.mark.parametrize(
    "message",
    [
        REFUSED,
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "I cannot."}]},
        {"role": "assistant", "content": "So far.", "refusal": "I cannot go on."},
    ],
)
def test_a_refusal_in_a_conversation_keeps_its_place(message: Any) -> None:
    body = {"messages": [{"role": "user", "content": "Hi"}, message]}

    request = CODEC.decode_request(body, FACTS)

    assert CODEC.encode_request(request, FACTS) == body
    assert all(isinstance(block, Text) for block in request.messages[-1].content)


# ── names that a form chooses ─────────────────────────────────────────────────────────────────────

NEWER = codec(limit_parameter="max_completion_tokens", system_role="developer")


def test_a_form_writes_its_own_names_of_the_limit_and_of_the_system() -> None:
    asked = CompletionRequest(
        (user("Hi"), Message(Role.SYSTEM, "Be kind.")), "Be brief.", inference=Inference(9)
    )

    body = NEWER.encode_request(asked, FACTS)

    assert body["max_completion_tokens"] == 9
    assert [message["role"] for message in body["messages"]] == ["developer", "user", "developer"]


@pytest.mark.parametrize("limit", ["max_tokens", "max_completion_tokens"])
@pytest.mark.parametrize("role", ["system", "developer"])
@pytest.mark.parametrize("form", [NEWER, TAGGED], ids=["newer", "older"])
def test_the_other_names_come_back_as_they_were_written(
    form: FamilyCodec, limit: str, role: str
) -> None:
    middle = {"role": role, "content": "And kind."}
    messages = [{"role": role, "content": "Be brief."}, {"role": "user", "content": "Hi"}, middle]
    body = {"messages": messages, limit: 9}

    request = form.decode_request(body, FACTS)

    assert request.inference.max_tokens == 9
    assert form.encode_request(request, FACTS) == body


def test_the_names_of_one_form_are_not_those_of_the_next() -> None:
    body = {"messages": [{"role": "system", "content": "Be brief."}], "max_tokens": 9}

    request = CODEC.decode_request(body, FACTS)

    assert NEWER.encode_request(request, FACTS) == {
        "messages": [{"role": "developer", "content": "Be brief."}],
        "max_completion_tokens": 9,
    }


# ── chunks ────────────────────────────────────────────────────────────────────────────────────────

ODD_CHUNKS = {
    "no role at the beginning": [chunk({"content": "Hi"}), chunk({}, "stop")],
    "a role in every chunk": [
        chunk({"role": "assistant", "content": "Hi"}),
        chunk({"role": "assistant"}, "stop"),
    ],
    "a choice that says nothing": [
        chunk({"role": "assistant"}),
        chunk({}),
        chunk({"content": "Hi"}, "stop"),
    ],
    "counts without a choice": [
        chunk({"role": "assistant", "content": "Hi"}, "stop"),
        {
            **chunk({}),
            "choices": [],
            "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
        },
    ],
    "a tier in every chunk": [
        chunk({"role": "assistant", "content": "Hi"}, service_tier="auto"),
        chunk({}, "stop", service_tier="auto"),
    ],
    "a token that ended it": [
        chunk({"role": "assistant", "content": "Hi"}),
        {
            **chunk({}),
            "choices": [{"index": 0, "delta": {}, "finish_reason": "stop", "stop_reason": 518}],
        },
    ],
}


@pytest.mark.parametrize("name", ODD_CHUNKS)
@pytest.mark.parametrize("spoken", [TAGGED, MEMBER], ids=["tagged", "member"])
def test_odd_chunks_come_back_as_they_were(name: str, spoken: FamilyCodec) -> None:
    back = written(spoken, batches(spoken, ODD_CHUNKS[name]))

    assert [without_null_role(each) for each in back] == ODD_CHUNKS[name]


def without_null_role(native: Json) -> Json:
    for choice in native["choices"]:
        if choice["delta"].get("role", "") is None:
            del choice["delta"]["role"]
    return native


def test_the_tier_of_a_stream_is_heard() -> None:
    heard = batches(TAGGED, ODD_CHUNKS["a tier in every chunk"])

    assert added_up(heard).service_tier == "auto"
    assert sum(isinstance(event, UsageUpdate) for batch in heard for event in batch) == 2


def test_the_last_word_comes_behind_the_counts_of_its_chunk() -> None:
    counts = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    chunks = [
        chunk({"role": "assistant", "content": "Hi"}),
        chunk({}, "stop", usage=counts, unknown=1),
    ]

    heard = batches(TAGGED, chunks)

    assert [type(event) for event in heard[-1]] == [Stopped, UsageUpdate, Extra, Ended]
    assert written(TAGGED, heard) == chunks


def test_blocks_are_numbered_as_they_begin() -> None:
    call = {
        "index": 0,
        "id": "call_1",
        "type": "function",
        "function": {"name": "weather", "arguments": "{}"},
    }
    heard = batches(
        TAGGED,
        [
            chunk({"role": "assistant", "content": "<reasoning>Hm.</reasoning>"}),
            chunk({"content": "I ask."}),
            chunk({"tool_calls": [call]}),
            chunk({}, "tool_calls"),
        ],
    )

    numbers = [
        getattr(event, "index", None)
        for batch in heard
        for event in batch
        if not isinstance(event, Extra)
    ]

    assert [number for number in numbers if number is not None] == [0, 0, 0, 1, 2, 2]


def test_a_last_chunk_that_is_a_string_ends_the_stream_and_nothing_else_does() -> None:
    spoken = codec(last_chunk="[DONE]")
    chunks = [*stream_of(["Hi"]), "[DONE]"]
    decoder = spoken.stream_decoder(FACTS)
    heard = [decoder.feed(each) for each in chunks[:-1]]

    with pytest.raises(TruncatedStream):
        decoder.finish()
    heard.append(decoder.feed("[DONE]"))
    decoder.finish()

    assert written(spoken, heard) == chunks


@pytest.mark.parametrize("strange", [None, "[done]", 7, [], {}])
def test_a_chunk_that_is_no_chunk_is_a_decode_error(strange: Json) -> None:
    with pytest.raises(DecodeError):
        TAGGED.stream_decoder(FACTS).feed(strange)


# ── tool calls ────────────────────────────────────────────────────────────────────────────────────

ONE, OTHER = {"city": "Ulm", "at": 1}, {"at": 1, "city": "Ulm"}


def called(arguments: Json) -> CompletionRequest:
    call = Message(Role.ASSISTANT, (ToolUse("call_1", "weather", arguments),))
    return CompletionRequest((user("?"), call, user(ToolResult("call_1", Data(arguments)))))


def test_equal_arguments_and_results_are_one_text() -> None:
    assert called(ONE) == called(OTHER)
    assert CODEC.encode_request(called(ONE), FACTS) == CODEC.encode_request(called(OTHER), FACTS)


@pytest.mark.parametrize("content", ["", [], [{"type": "text", "text": "rain"}], "rain"])
def test_a_result_comes_back_as_it_was_and_one_without_content_is_an_empty_text(
    content: Json,
) -> None:
    """A list has one part at least, and clients send an empty one all the same."""
    message = {"role": "tool", "tool_call_id": "call_1", "content": content}
    request = CODEC.decode_request({"messages": [message]}, FACTS)
    assert CODEC.encode_request(request, FACTS) == {"messages": [message]}

    nothing = CompletionRequest((user(ToolResult("call_1", ())),))
    assert CODEC.encode_request(nothing, FACTS) == {"messages": [{**message, "content": ""}]}


def test_arguments_come_back_in_the_order_in_which_the_model_wrote_them() -> None:
    function = {"name": "weather", "arguments": '{"city":"Ulm","at":1.0}'}
    call = {"id": "call_1", "type": "function", "function": function}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}

    request = CODEC.decode_request({"messages": [message]}, FACTS)

    assert CODEC.encode_request(request, FACTS) == {"messages": [message]}


# ── files ─────────────────────────────────────────────────────────────────────────────────────────

PAPER = Media(MediaKind.BASE64, "JVBERi0=", "application/pdf")
PDF = "data:application/pdf;base64,JVBERi0="


def body_of(file: Json, **beside: Json) -> Json:
    part = {"type": "file", "file": file, **beside}
    return {"messages": [{"role": "user", "content": [{"type": "text", "text": "?"}, part]}]}


@pytest.mark.parametrize(
    ("file", "document"),
    [
        ({"file_data": PDF, "filename": "x.pdf"}, Document(PAPER, name="x.pdf")),
        ({"file_data": PDF}, Document(PAPER)),
        (
            {"file_data": PDF, "filename": "x.pdf", "odd": 1},
            Document(evolve(PAPER, extra={"odd": 1}), name="x.pdf"),
        ),
    ],
)
def test_a_file_in_the_body_is_a_document_and_comes_back(file: Json, document: Document) -> None:
    request = CODEC.decode_request(body_of(file), FACTS)

    assert request.messages[0].content == (Text("?"), document)
    assert CODEC.encode_request(request, FACTS) == body_of(file)


def test_members_beside_a_file_come_back() -> None:
    body = body_of({"file_data": PDF}, odd=True)

    assert CODEC.encode_request(CODEC.decode_request(body, FACTS), FACTS) == body


@pytest.mark.parametrize("file", [{"file_id": "file-1"}, {"file_data": "data:x,y"}, {}])
def test_a_file_that_no_other_vendor_can_read_is_kept_whole(file: Json) -> None:
    request = CODEC.decode_request(body_of(file), FACTS)

    assert isinstance(request.messages[0].content[1], Opaque)
    assert CODEC.encode_request(request, FACTS) == body_of(file)


@pytest.mark.parametrize(
    ("document", "name"),
    [
        (Document(Media(MediaKind.FILE, "file-1")), "file source"),
        (Document(Media(MediaKind.TEXT, "hi", "text/plain")), "text source"),
        (Document(content="hi"), "blocks source"),
        (Document(PAPER, context="about it"), "document context"),
        (Document(PAPER, citations={"enabled": True}), "citations"),
    ],
)
def test_a_document_in_a_form_that_openai_lacks_is_refused_by_name(
    document: Document, name: str
) -> None:
    with pytest.raises(EncodeError) as refusal:
        CODEC.encode_request(CompletionRequest(user(document)), FACTS)

    assert refusal.value.feature == name


def test_a_codec_has_the_features_that_are_listed_and_no_other_of_its_form() -> None:
    listed = frozenset({Feature.SEED})

    made = chat_codec(ChatForm(), family="a", models=(), features=listed, evidence="none")

    assert made.features == listed
    assert made.encode_request(CompletionRequest("Hi", inference=Inference(seed=7)), FACTS)["seed"]
    with pytest.raises(EncodeError, match="presence_penalty"):
        made.encode_request(CompletionRequest("Hi", inference=Inference(presence_penalty=1)), FACTS)
