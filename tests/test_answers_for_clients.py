"""An answer made to fit the client's dialect: what has no place there is left out and reported."""

from __future__ import annotations

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from toy import CHAT

from axonflow_core.codec import FamilyCodec, Feature, ModelFacts
from axonflow_core.dialects import openai_chat
from axonflow_core.fitting import Fitted, fit
from axonflow_core.messages import (
    Completion,
    CompletionRequest,
    ContentBlock,
    Opaque,
    StopReason,
    Text,
    ToolUse,
    user,
)
from axonflow_core.stream import (
    BlockStart,
    BlockStop,
    Ended,
    ReasoningDelta,
    Stopped,
    StreamEvent,
    TextDelta,
    ToolInputDelta,
)

REQUEST = CompletionRequest((user("hi"),))
FACTS = ModelFacts(base_id="toy.chat")


def client(*lacks: Feature, dialect: str | None = None) -> FamilyCodec:
    """A client that has no places for these, of a dialect of its own."""
    return evolve(CHAT, family="client", features=CHAT.features - {*lacks}, dialect=dialect)


def served(client: FamilyCodec) -> Fitted:
    return fit(REQUEST, CHAT, FACTS, client=client)


# ── which answers need to be fitted ───────────────────────────────────────────────────────────────


@pytest.mark.parametrize("lacks", [[], [Feature.TOP_K], [Feature.IMAGES, Feature.TEMPERATURE]])
def test_an_answer_in_the_clients_own_dialect_stays_as_it_is(lacks: list[Feature]) -> None:
    assert served(client(*lacks, dialect=CHAT.dialect)).client is None


@pytest.mark.parametrize("lack", [Feature.TOOLS, Feature.REASONING, Feature.SIGNED_REASONING])
def test_a_client_that_lacks_a_kind_of_block_has_its_answers_fitted(lack: Feature) -> None:
    assert served(client(lack, dialect=CHAT.dialect)).client is not None


def test_another_dialect_and_none_at_all_have_their_answers_fitted() -> None:
    assert served(client(dialect="other")).client is not None
    assert served(client()).client is not None


# ── blocks ────────────────────────────────────────────────────────────────────────────────────────


def whole(to: FamilyCodec, *content: ContentBlock) -> tuple[tuple[ContentBlock, ...], list[str]]:
    """The content as the client gets it, and what it is told was left out."""
    answer = served(to).answer(Completion(content, StopReason.END_TURN))
    return answer.content, [str(adjustment.feature) for adjustment in answer.adjustments]


def test_a_vendors_private_block_is_for_clients_of_that_vendor_alone() -> None:
    ours, theirs = Opaque("other", {"type": "a"}), Opaque("third", {"type": "b"})
    assert whole(client(dialect="other"), ours, theirs) == ((ours,), ["opaque"])
    assert whole(client(dialect="third"), ours, theirs) == ((theirs,), ["opaque"])


def test_a_text_keeps_its_words_and_a_call_its_spelling() -> None:
    cited = Text("Hi", citations=({"title": "a"},), extra={"x": 1})
    call = ToolUse("call-1", "shell", "ls", spelling={"type": "custom"}, extra={"x": 1})
    assert whole(client(), cited, Text("there", extra={"y": 1}), call) == (
        (Text("Hi"), Text("there"), evolve(call, input={"arguments": "ls"}, extra={})),
        ["citations"],
    )


# ── reasoning in a stream ─────────────────────────────────────────────────────────────────────────


def streamed(to: FamilyCodec, *events: StreamEvent) -> tuple[list[StreamEvent], list[str]]:
    """The events as the client gets them, and what it is told was left out."""
    stream = served(to).stream()
    got = [event for one in events for event in stream.fit((one,))]
    return got, [str(adjustment.feature) for adjustment in stream.adjustments]


SIGNED, SEALED = ReasoningDelta(signature="c2ln"), ReasoningDelta(redacted="c2VhbGVk")


def test_a_signature_without_a_place_is_left_out_in_silence() -> None:
    to = client(Feature.SIGNED_REASONING)
    assert streamed(to, ReasoningDelta("Hm."), SIGNED) == ([ReasoningDelta("Hm.")], [])


def test_a_thought_that_comes_with_its_signature_is_kept_without_it() -> None:
    to = client(Feature.SIGNED_REASONING)
    both = ReasoningDelta("Hm.", signature="c2ln")
    assert streamed(to, both) == ([ReasoningDelta("Hm.")], [])


def test_a_sealed_thought_without_a_place_is_reported() -> None:
    assert streamed(client(Feature.SIGNED_REASONING), SEALED) == ([], ["reasoning"])


def test_signatures_and_sealed_thoughts_are_kept_where_they_have_a_place() -> None:
    assert streamed(client(), SIGNED, SEALED) == ([SIGNED, SEALED], [])


def test_a_client_without_reasoning_gets_the_text_alone_numbered_from_0() -> None:
    to = client(Feature.REASONING, Feature.SIGNED_REASONING)
    events = ReasoningDelta("Hm.", index=0), TextDelta("Hi", index=1)
    assert streamed(to, *events) == ([TextDelta("Hi", index=0)], ["reasoning"])


def test_between_tags_there_is_a_place_for_one_thought_before_the_text() -> None:
    to = evolve(client(Feature.SIGNED_REASONING), reasoning_tags=("<t>", "</t>"))
    first, more = ReasoningDelta("a<t>b", index=3), ReasoningDelta("c</t>", index=3)
    kept = [ReasoningDelta("ab", index=0), ReasoningDelta("c", index=0)]
    for late in (ReasoningDelta("d", index=4), ReasoningDelta("d", index=2)):
        assert streamed(to, first, more, late) == (kept, ["reasoning"])
    text = TextDelta("Hi", index=0)
    assert streamed(to, text, first) == ([text], ["reasoning"])
    assert streamed(to, first, more) == (kept, [])


def test_a_block_keeps_its_number_when_a_later_one_is_left_out() -> None:
    words = TextDelta("Hi", index=1)
    private = [BlockStart(index, Opaque("third", {})) for index in (0, 2)]
    got, _ = streamed(client(dialect="other"), private[0], words, private[1], words)
    assert got == [TextDelta("Hi", index=0)] * 2


def test_an_index_that_is_used_again_is_of_the_later_block() -> None:
    private, text = BlockStart(0, Opaque("third", {})), BlockStart(0, Text(""))
    events = (private, BlockStop(0), text, TextDelta("Hi", index=0), BlockStop(0))
    assert streamed(client(dialect="other"), *events)[0] == [*events[2:]]


# ── blocks in turn ────────────────────────────────────────────────────────────────────────────────


def begun(index: int) -> BlockStart:
    return BlockStart(index, ToolUse(f"call-{index}", "look", {}))


def pieces(index: int, *written: str) -> list[ToolInputDelta]:
    return [ToolInputDelta(each, index) for each in written]


STOP = Stopped(StopReason.TOOL_USE)


def test_calls_that_come_in_turns_piece_by_piece_come_one_after_the_other() -> None:
    (a, b), (c, d) = pieces(1, '{"a', '": 1}'), pieces(2, '{"b"', ": 2}")
    mixed: list[StreamEvent] = [TextDelta("I look."), begun(1), begun(2), a, c, b, d, STOP]
    in_turn = [TextDelta("I look."), begun(1), a, b, begun(2), c, d, STOP]
    assert streamed(client(), *mixed)[0] == in_turn


def test_calls_that_come_one_after_the_other_wait_for_nothing() -> None:
    first, second = pieces(0, '{"a', '": 1}'), pieces(1, "{}")
    events: list[StreamEvent] = [begun(0), *first, begun(1), *second, STOP]
    stream = served(client()).stream()
    assert [stream.fit((event,)) for event in events] == [(event,) for event in events]


def test_a_text_between_two_calls_is_a_block_of_its_own() -> None:
    """All texts of OpenAI's chat have one index."""
    call: list[StreamEvent] = [begun(1), *pieces(1, "{}")]
    got = [TextDelta("A"), *call, TextDelta("B", 2), evolve(begun(2), index=3), STOP]
    assert streamed(client(), TextDelta("A"), *call, TextDelta("B"), begun(2), STOP)[0] == got


def test_a_text_within_a_call_waits_for_its_end() -> None:
    first, second = pieces(0, '{"a', '": 1}')
    got = [begun(0), first, second, TextDelta("B", 1), STOP]
    assert streamed(client(), begun(0), first, TextDelta("B", 1), second, STOP)[0] == got


def test_a_thought_and_a_text_under_one_index_are_two_blocks() -> None:
    events = ReasoningDelta("Hm."), TextDelta("Hi"), TextDelta("!"), BlockStop(0)
    got = [ReasoningDelta("Hm."), TextDelta("Hi", 1), TextDelta("!", 1), BlockStop(1)]
    assert streamed(client(), *events)[0] == got


def test_an_empty_piece_begins_no_block_unless_the_answer_is_empty() -> None:
    blanks, call = (TextDelta(""), ReasoningDelta("", index=1)), begun(2)
    first, second = pieces(2, '{"a', '": 1}')
    got = [evolve(each, index=0) for each in (call, first, second)]
    assert streamed(client(), *blanks, call, first, *blanks, second, STOP)[0] == [*got, STOP]
    assert streamed(client(), *blanks, Ended())[0] == [TextDelta(""), Ended()]


INDEXES = st.integers(0, 3)
MIXED = st.lists(
    st.builds(TextDelta, st.sampled_from(["", "a", "b"]), INDEXES)
    | st.builds(ReasoningDelta, st.sampled_from(["", "x"]), index=INDEXES)
    | st.builds(ToolInputDelta, st.sampled_from(["", "{", "}", "{}"]), INDEXES)
    | st.builds(begun, INDEXES)
    | st.builds(BlockStop, INDEXES),
    max_size=14,
)


@given(MIXED)
def test_whatever_is_mixed_comes_block_by_block_with_every_word(mixed: list[StreamEvent]) -> None:
    got, _ = streamed(client(), *mixed, STOP)
    numbers: list[int] = []
    for event in got[:-1]:
        number, is_start = event.index, isinstance(event, BlockStart)  # type: ignore[union-attr]
        is_next = number == (numbers[-1] + 1 if numbers else 0)
        assert is_next if is_start else is_next or number == numbers[-1]
        numbers.append(number)
    for words in (TextDelta, ReasoningDelta):
        said, heard = ["".join(e.text for e in each if type(e) is words) for each in (mixed, got)]
        assert sorted(said) == sorted(heard)
    calls, heard_calls = [[e for e in each if type(e) is BlockStart] for each in (mixed, got)]
    assert len(calls) == len(heard_calls)


@pytest.mark.parametrize(
    ("reason", "called", "plain"),
    [
        (StopReason.END_TURN, StopReason.TOOL_USE, StopReason.END_TURN),
        (StopReason.TOOL_USE, StopReason.TOOL_USE, StopReason.END_TURN),
        (StopReason.MAX_TOKENS, StopReason.MAX_TOKENS, StopReason.MAX_TOKENS),
    ],
)
def test_a_call_is_the_reason_of_an_answer_that_has_one_and_of_no_other(
    reason: StopReason, called: StopReason, plain: StopReason
) -> None:
    to = openai_chat.CODEC
    fitted = Fitted(CompletionRequest("x"), client=to)
    call = ToolUse("call_1", "f", {})

    assert fitted.answer(Completion((call,), reason)).stop_reason is called
    assert fitted.answer(Completion("Hi", reason)).stop_reason is plain
    for block, expected in ((call, called), (Text("Hi"), plain)):
        events = fitted.stream().fit((BlockStart(0, block), BlockStop(0), Stopped(reason)))
        assert events[-1] == Stopped(expected)
