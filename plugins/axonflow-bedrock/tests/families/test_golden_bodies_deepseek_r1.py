"""DeepSeek R1's bodies as documents have them, and its tag cut anywhere. Each body names its source
and its day."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from native_streams import batches_of, chunks_of, sum_of

from axonflow_bedrock.families import deepseek_r1
from axonflow_core.codec import ModelFacts
from axonflow_core.errors import EncodeError, TruncatedStream, UnencodableAnswer
from axonflow_core.messages import (
    Completion,
    CompletionRequest,
    Inference,
    Json,
    Message,
    Reasoning,
    ReasoningRequest,
    Role,
    StopReason,
    Text,
    assistant,
    user,
)
from axonflow_core.stream import (
    Batch,
    BlockStart,
    Ended,
    ReasoningDelta,
    Stopped,
    TextDelta,
)

FACTS = ModelFacts()
R1 = deepseek_r1.CODEC


def stream_of(*pieces: str) -> list[Json]:
    """The pieces as chunks; the last one has the reason to stop."""
    last = len(pieces) - 1
    return [
        {"choices": [{"text": piece, "stop_reason": "stop" if number == last else None}]}
        for number, piece in enumerate(pieces)
    ]


# ── bodies ────────────────────────────────────────────────────────────────────────────────────────

NATIVE = {
    "prompt": "<\uff5cbegin\u2581of\u2581sentence\uff5c>Be "
    "brief.<\uff5cUser\uff5c>Hi<\uff5cAssistant\uff5c>Hello."
    "<\uff5cend\u2581of\u2581sentence\uff5c><\uff5cUser\uff5c>Who?<\uff5cAssistant\uff5c><think>\n",
    "max_tokens": 512,
    "temperature": 0.5,
    "top_p": 0.9,
    "stop": ["END"],
}
"""AWS user guide, DeepSeek models: request, with the turns of DeepSeek's chat template; read
2026-11-22."""
VALUE = CompletionRequest(
    (user("Hi"), assistant("Hello."), user("Who?")),
    system=(Text("Be brief."),),
    inference=Inference(512, 0.5, 0.9, None, ("END",)),
)


def test_a_documented_request_is_read_and_written() -> None:
    assert R1.decode_request(NATIVE, FACTS) == VALUE
    assert R1.encode_request(VALUE, FACTS) == NATIVE


def test_the_reasoning_of_earlier_turns_is_left_out_of_the_prompt() -> None:
    thoughtful = Message(Role.ASSISTANT, (Reasoning("They greet."), Text("Hello.")))

    native = R1.encode_request(CompletionRequest((user("Hi"), thoughtful, user("Who?"))), FACTS)

    assert native["prompt"] == NATIVE["prompt"].replace("Be brief.", "")


def test_how_much_it_thinks_cannot_be_asked() -> None:
    with pytest.raises(EncodeError, match="how much to think") as refused:
        R1.encode_request(
            CompletionRequest((user("Hi"),), reasoning=ReasoningRequest(effort="low")), FACTS
        )
    assert refused.value.feature == "reasoning"


@pytest.mark.parametrize(
    ("text", "content"),
    [
        ("They greet.\n</think>\n\nHello.", (Reasoning("They greet.\n"), Text("\n\nHello."))),
        ("They", (Reasoning("They"),)),
        ("</think>Hello.", (Text("Hello."),)),
        ("They</think>", (Reasoning("They"), Text(""))),
        ("a</think>b</think>c", (Reasoning("a"), Text("b</think>c"))),
        ("", (Reasoning(""),)),
    ],
)
def test_a_documented_answer_is_reasoning_and_text(
    text: str, content: tuple[Reasoning | Text, ...]
) -> None:
    """AWS user guide, DeepSeek models: response; read 2026-11-22."""
    native = {"choices": [{"text": text, "stop_reason": "length"}]}
    value = Completion(content, StopReason.MAX_TOKENS, native_stop_reason="length")

    assert R1.decode_response(native, FACTS) == value
    assert R1.encode_response(value, FACTS) == native


@pytest.mark.parametrize(
    "content",
    [
        (Reasoning("hm", "c2ln"),),
        (Reasoning(redacted="ZGF0YQ=="),),
        (Reasoning("a</think>b"), Text("c")),
    ],
)
def test_reasoning_that_it_could_not_have_thought_is_refused(
    content: tuple[Reasoning | Text, ...],
) -> None:
    with pytest.raises(UnencodableAnswer) as refused:
        R1.encode_response(Completion(content, None), FACTS)
    assert refused.value.feature == "reasoning"


# ── the tag, cut anywhere ─────────────────────────────────────────────────────────────────────────


@st.composite
def cut_streams(draw: st.DrawFn) -> tuple[str, list[Json]]:
    whole = "".join(
        draw(
            st.lists(
                st.sampled_from(["<", "</", "</th", "</think", "</think>", "a", "\n"]), max_size=8
            )
        )
    )
    cuts = sorted(draw(st.lists(st.integers(0, len(whole)), max_size=10)))
    return whole, stream_of(
        *(whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True))
    )


@given(cut_streams())
def test_a_stream_tells_reasoning_from_text_as_the_whole_answer_does(
    drawn: tuple[str, list[Json]],
) -> None:
    whole, chunks = drawn
    answer = R1.decode_response({"choices": [{"text": whole, "stop_reason": "stop"}]}, FACTS)

    batches = batches_of(R1, chunks)

    assert sum_of(batches).content == (answer.content if whole else ())
    assert chunks_of(R1, batches) == chunks


@pytest.mark.parametrize("cut", range(1, len("hm</think>so")))
def test_the_tag_may_be_cut_at_any_character(cut: int) -> None:
    whole = "hm</think>so"

    batches = batches_of(R1, stream_of(whole[:cut], whole[cut:]))

    assert sum_of(batches).content == (Reasoning("hm"), Text("so"))


def test_nothing_that_may_be_the_tag_is_told_as_reasoning() -> None:
    decoder = R1.stream_decoder(FACTS)

    first, second = (decoder.feed(chunk) for chunk in stream_of("a < b</th", "e end", "")[:2])

    assert [event for event in first if isinstance(event, ReasoningDelta)] == [
        ReasoningDelta("a < b")
    ]
    assert [event for event in second if isinstance(event, ReasoningDelta)] == [
        ReasoningDelta("</the end")
    ]


def test_a_stream_that_ends_in_half_a_tag_has_thought_it() -> None:
    chunks = stream_of("hm</th", "")

    batches = batches_of(R1, chunks)

    assert sum_of(batches).content == (Reasoning("hm</th"),)
    assert chunks_of(R1, batches) == chunks


def test_a_stream_without_its_reason_to_stop_is_truncated() -> None:
    with pytest.raises(TruncatedStream) as truncated:
        batches_of(R1, stream_of("hm</think>so", "")[:1])
    assert truncated.value.partial_text == "so"


def test_a_stream_of_another_family_gets_the_tag_before_its_text() -> None:
    ended: Batch = (Stopped(StopReason.END_TURN), Ended())
    batches: list[Batch] = [
        (BlockStart(0, Reasoning()), ReasoningDelta("hm")),
        (TextDelta("so", 1),),
        ended,
    ]

    texts = [chunk["choices"][0]["text"] for chunk in chunks_of(R1, batches)]

    assert texts == ["hm", "</think>so", ""]


def test_reasoning_behind_the_text_is_refused() -> None:
    with pytest.raises(UnencodableAnswer, match="thinks before it speaks"):
        chunks_of(R1, [(TextDelta("so", 0),), (ReasoningDelta("hm", index=1),)])
