"""What comes from outside may be of any type and size: numbers and dates in headers, and answers in
the dialects whose content is not of the kind that is documented."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from attrs import evolve

from axonflow_core.calls.surface import Surface
from axonflow_core.codec import ModelFacts
from axonflow_core.codec.errors import retry_after_of
from axonflow_core.codec.json_members import count_in_header, number_in_header, time_in_header
from axonflow_core.dialects import anthropic_messages, openai_chat
from axonflow_core.errors import DecodeError, RequestError
from axonflow_core.framing.sse import SseEvent
from axonflow_core.messages import Completion, Json, StopReason, Text, Usage
from axonflow_core.retrieval import Vector
from axonflow_core.stream import Extra, assemble
from axonflow_core.texts import texts_in

FACTS = ModelFacts()
NO_NUMBERS = ("", " ", "abc", "-1", "1_0", "0x10", "9" * 5000, "\N{SUPERSCRIPT TWO}", "5\x00")


@pytest.mark.parametrize("word", [None, *NO_NUMBERS, "5.0", "1e2", "nan", "inf", str(2**63)])
def test_what_is_no_count_is_as_if_its_header_were_absent(word: str | None) -> None:
    assert count_in_header(word) is None


def test_a_count_in_a_header_is_digits() -> None:
    assert [count_in_header(word) for word in ("0", "9", str(2**63 - 1))] == [0, 9, 2**63 - 1]


@pytest.mark.parametrize("word", [None, *NO_NUMBERS, "nan", "inf", "-inf", "1e400"])
def test_what_is_no_number_is_as_if_its_header_were_absent(word: str | None) -> None:
    assert number_in_header(word) is None


def test_a_number_in_a_header_may_have_a_fraction() -> None:
    assert [number_in_header(word) for word in ("0", "2.5", "1e3")] == [0.0, 2.5, 1000.0]


@pytest.mark.parametrize(
    "word",
    [
        *(None, "", "soon", "Thu, 99 Foo 99999 99:99:99 GMT", "Thu, 01 Jan 1970"),
        *("Fri, 31 Dec 9999 23:59:59 GMT", "Fri, 31 Dec 9999 23:59:59 -2359"),
    ],
)
def test_what_is_no_date_is_as_if_its_header_were_absent(word: str | None) -> None:
    assert time_in_header(word) is None


@pytest.mark.parametrize("zone", ["GMT", "-0000", "+0000"])
def test_a_date_in_a_header_is_in_utc(zone: str) -> None:
    moment = datetime(2026, 11, 29, 8, 0, tzinfo=UTC)

    assert time_in_header(f"Sun, 29 Nov 2026 08:00:00 {zone}") == moment


def test_the_wait_until_a_date_needs_two_dates() -> None:
    then = {"retry-after": "Sun, 29 Nov 2026 08:00:05 GMT"}

    assert retry_after_of(then) is None
    assert retry_after_of({**then, "date": "Fri, 31 Dec 9999 23:59:59 -2359"}) is None
    assert retry_after_of({**then, "date": "Sun, 29 Nov 2026 08:00:00 GMT"}) == 5.0


# ── content ───────────────────────────────────────────────────────────────────────────────────────

CHUNKS: tuple[tuple[Json, str], ...] = (
    ({"type": "message_start", "message": [1]}, "an object was expected as `message`, not a list"),
    ({"type": "content_block_delta", "index": 0, "delta": []}, "as `delta`, not a list"),
    ({"type": "content_block_delta", "index": [0], "delta": {}}, "as `index`, not a list"),
    ({"type": "content_block_delta", "index": "0", "delta": {}}, "as `index`, not a string"),
    ({"type": "content_block_start", "index": 0, "content_block": 5}, "`content_block`, not a num"),
    ({"type": "content_block_stop", "index": None}, "as `index`, not null"),
    (
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": [1]}},
        "TextDelta.text takes text, not a list",
    ),
)


@pytest.mark.parametrize(("chunk", "told"), CHUNKS, ids=range(len(CHUNKS)))
def test_an_odd_chunk_is_told_by_its_member_and_the_kind_that_stood_there(
    chunk: Json, told: str
) -> None:
    decoder = anthropic_messages.CODEC.stream_decoder(FACTS)

    with pytest.raises(DecodeError) as refused:
        decoder.feed(chunk)

    assert told in refused.value.message


ANSWERS: tuple[tuple[Any, Json, str], ...] = (
    (anthropic_messages, {"content": "secret words"}, "as `content`, not a string"),
    (anthropic_messages, {"content": 5}, "as `content`, not a number"),
    (openai_chat, {"choices": {}}, "as `choices`, not an object"),
    (openai_chat, {"choices": [{"message": "secret words"}]}, "as `message`, not a string"),
    (openai_chat, {"choices": [{"message": {"content": 5}}]}, "as `content`, not a number"),
    (openai_chat, ["secret words"], "an object was expected, not a list"),
    (openai_chat, {"choices": []}, "a list of one was expected as `choices`, not one of 0"),
    (openai_chat, {"choices": ["secret words"]}, "one object was expected as `choices`, not a str"),
    (openai_chat, {"choices": [{"message": {"role": [1]}}]}, "a list stands where another kind"),
    (openai_chat, {"choices": [{"message": {"content": [5]}}]}, "a number stands where another"),
    (anthropic_messages, {"type": "secret words", "content": []}, "as `type`, not another"),
    (anthropic_messages, {"role": {"a": 1}, "content": []}, "as `role`, not an object"),
    (anthropic_messages, {"content": [{"type": ["secret"]}]}, "a list stands where another kind"),
)


@pytest.mark.parametrize(("dialect", "body", "told"), ANSWERS, ids=range(len(ANSWERS)))
def test_an_odd_answer_is_told_without_its_words(dialect: Any, body: Json, told: str) -> None:
    with pytest.raises(DecodeError) as refused:
        dialect.CODEC.decode_response(body, FACTS)

    assert told in refused.value.message
    assert "secret" not in refused.value.message


def test_a_start_with_an_odd_id_is_a_start() -> None:
    chunks = [
        {"type": "message_start", "message": {"id": [1], "model": 5, "usage": 5}},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": [5]},
        {"type": "message_stop"},
    ]
    decoder = anthropic_messages.CODEC.stream_decoder(FACTS)

    answer = assemble(event for chunk in chunks for event in decoder.feed(chunk))

    assert (answer.id, answer.model, answer.usage) == (None, None, Usage())
    assert answer.extra == {"id": [1], "model": 5, "usage": 5}


def test_a_vector_of_numbers_beyond_floats_is_refused() -> None:
    with pytest.raises(RequestError, match="beyond the range of floats"):
        Vector([0.5, 10**400])


def test_a_value_is_text_that_utf_8_can_carry() -> None:
    with pytest.raises(RequestError):
        Completion((Text("a\ud800"),), StopReason.END_TURN)


def test_an_error_whose_words_utf_8_cannot_carry_has_a_message_that_a_log_can() -> None:
    event = {"error": {"message": "a\ud800", "type": "a\ud800", "code": "a\ud800"}}

    error = openai_chat.ERRORS.decode_event(event)

    assert error is not None
    assert (error.message, error.native_code) == ("a?", "a?")
    assert error.native_message == "a\ud800"


def test_a_count_of_thousands_of_digits_beside_half_a_token_is_no_count() -> None:
    usage = {"prompt_tokens": 5.5, "completion_tokens": 10**4000, "total_tokens": 7}
    body = {"choices": [{"message": {"content": "Hi"}}], "usage": usage}

    answer = openai_chat.CODEC.decode_response(body, FACTS)

    assert (answer.text, answer.usage.input_tokens, answer.usage.output_tokens) == (
        "Hi",
        None,
        None,
    )


def test_a_number_that_an_author_s_reader_cannot_hold_is_told_as_one() -> None:
    def read(body: Json, facts: ModelFacts) -> Completion:
        return Completion((Text(str(int(body["a"]))),), StopReason.END_TURN)

    codec = evolve(openai_chat.CODEC, decode_response=read)

    with pytest.raises(DecodeError, match="a number is too large"):
        codec.decode_response({"a": float("inf")}, FACTS)


# ── what a client may read and nobody has read here ───────────────────────────────────────────────


@pytest.mark.parametrize(
    ("early", "has_some"),
    [
        ({}, False),
        ({"content": [], "stop_reason": None, "stop_sequence": None}, False),
        ({"content": [{"type": "text", "text": "a secret"}]}, True),
        ({"stop_sequence": "a secret"}, True),
    ],
)
def test_what_stands_too_early_in_the_head_of_a_message_is_told(
    early: Json, has_some: bool
) -> None:
    chunk: Json = {"type": "message_start", "message": {"id": "m-1", "usage": {}, **early}}

    batch = anthropic_messages.CODEC.stream_decoder(FACTS).feed(chunk)

    told = [event for event in batch if isinstance(event, Extra)]
    assert [event.members for event in told] == ([early] if has_some else [])
    assert "a secret" in str([texts_in(event) for event in told]) or not has_some


@pytest.mark.parametrize(
    ("name", "is_read_so_by_all"),
    [("message", True), ("message_stop", True), ("error", False), ("a secret", False)],
)
def test_an_event_with_the_name_of_another_may_be_read_otherwise(
    name: str, is_read_so_by_all: bool
) -> None:
    frame = SseEvent('{"type":"message_stop"}', name)
    assert Surface(name="chat").has_one_reading(frame, frame.json()) is is_read_so_by_all
