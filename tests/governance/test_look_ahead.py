"""What is planted in a streamed answer does not leave, wherever the answer is cut."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axonflow_core.governance.look_ahead import AnswerScreen
from axonflow_core.governance.runs import MAX_HELD
from axonflow_core.governance.screening import Screened
from axonflow_core.json import to_json
from axonflow_core.messages import Completion, Reasoning, StopReason, Text, ToolUse
from axonflow_core.policy.detectors.detector import Detector
from axonflow_core.policy.engine import Policy
from axonflow_core.policy.rules import Action, Phase, Rule, Severity
from axonflow_core.stream import (
    Batch,
    BlockStart,
    BlockStop,
    CitationDelta,
    Ended,
    Extra,
    ReasoningDelta,
    Started,
    Stopped,
    StreamEvent,
    TextDelta,
    ToolInputDelta,
    assemble,
)
from governance.governed import CARD, SSN, WORD, policy_of

BLOCK, REDACT = policy_of(Action.BLOCK), policy_of(Action.REDACT)
SECRETS = {"ssn": SSN, "card": CARD, "word": WORD, "spaced card": "4111-1111-1111-1111"}
BEFORE = "Of course, here is what you asked me for; the number is "
AFTER = ", and please be careful with it. " + "There is nothing more to say about that. " * 6
END: Batch = (Stopped(StopReason.END_TURN), Ended())


def passed_by(screen: AnswerScreen, reads: Sequence[tuple[Batch, ...]]) -> list[StreamEvent]:
    """The events that leave."""
    batches: list[Batch] = []
    for read in reads:
        screen.add(read, None)
        screen.judge()
        while passed := screen.taken():
            batches += passed.batches
    screen.end(is_complete=True)
    screen.judge()
    while passed := screen.taken():
        batches += passed.batches
    return [event for batch in batches for event in batch]


def text_of(events: Sequence[StreamEvent]) -> str:
    """All text in deltas that left, of every kind."""
    return "".join(
        event.json if type(event) is ToolInputDelta else event.text
        for event in events
        if type(event) in (TextDelta, ReasoningDelta, ToolInputDelta)
    )


def reads_of(kind: type, pieces: Sequence[str]) -> list[tuple[Batch, ...]]:
    """A stream of one block, a read for each piece."""
    first, delta = {
        Text: (Text(""), TextDelta),
        Reasoning: (Reasoning(), ReasoningDelta),
        ToolUse: (ToolUse("t", "look_up", {}), ToolInputDelta),
    }[kind]
    start: Any = ((Started(), BlockStart(0, first)),)
    middle: Any = [((delta(piece, index=0),),) for piece in pieces]
    return [start, *middle, ((BlockStop(0), *END),)]


def cut(text: str, size: int, first: int) -> list[str]:
    """`text` in pieces of that size, behind a first one."""
    rest = range(first, len(text), size)
    return [text[:first], *(text[at : at + size] for at in rest)]


def written(kind: type, secret: str) -> str:
    text = f"{BEFORE}{secret}{AFTER}"
    return json.dumps({"note": text, "n": [1, {"k": "v"}]}) if kind is ToolUse else text


KINDS = pytest.mark.parametrize("kind", [Text, Reasoning, ToolUse])
PLANTED = pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS)


@pytest.mark.sampled(2)
@KINDS
@PLANTED
def test_of_a_blocked_secret_no_character_leaves_wherever_it_is_cut(
    kind: type, secret: str
) -> None:
    text = written(kind, secret)
    before = text[: text.index(secret)]
    for first in range(len(before), len(before) + len(secret) + 1):
        for size in (2, 7, len(text)):
            screen = AnswerScreen(BLOCK)
            events = passed_by(screen, reads_of(kind, cut(text, size, first)))
            assert screen.stop is not None
            assert before.startswith(text_of(events)), (first, size)


@pytest.mark.sampled(2)
@KINDS
@PLANTED
def test_of_a_redacted_secret_the_mask_alone_leaves_wherever_it_is_cut(
    kind: type, secret: str
) -> None:
    text = written(kind, secret)
    masked = REDACT.evaluate(Phase.ANSWER, {"": text}).texts[""]
    for first in range(text.index(secret), text.index(secret) + len(secret) + 1):
        for size in (2, 40, len(text)):
            events = passed_by(AnswerScreen(REDACT), reads_of(kind, cut(text, size, first)))
            left = text_of(events)
            if kind is ToolUse:
                assert json.loads(left) == json.loads(masked)
            else:
                assert left == masked


@pytest.mark.parametrize("secret", [WORD, CARD])
def test_without_a_look_ahead_parts_of_it_leave(secret: str) -> None:
    left = []
    for place in range(0, 96, 2):
        screen = AnswerScreen(REDACT)
        screen._look_ahead = 0
        text = f"{'.' * place} {secret}{AFTER}"
        left.append(text_of(passed_by(screen, reads_of(Text, cut(text, 6, 5)))))
    assert any(secret[:6] in text for text in left)


# ── hidden and long secrets ───────────────────────────────────────────────────────────────────────

HIDDEN = {
    "of a URL": "".join(f"%{ord(one):02X}" for one in CARD),
    "of a URL, twice": "".join(f"%25{ord(one):02x}" for one in CARD),
    "of HTML": "".join(f"&#{ord(one)};" for one in CARD),
    "of HTML, padded, with blanks": "".join(
        one if one == " " else f"&#x{ord(one):08x};" for one in CARD
    ),
    "of HTML, twice": "".join(f"&amp;#{ord(one)};" for one in CARD),
    "of JSON": "".join(f"\\u{ord(one):04x}" for one in CARD),
    "not displayed": "\u200b\u2060".join(CARD),
    "full width": "".join(chr(ord(one) + 0xFEE0) if one != " " else one for one in CARD),
}
"""A card's number as it is read when a browser, a URL or a reader of JSON has decoded it."""


@pytest.mark.sampled(3)
@pytest.mark.parametrize("hidden", HIDDEN.values(), ids=HIDDEN)
@pytest.mark.parametrize("kind", [Text, Reasoning])
def test_of_a_number_that_is_encoded_nothing_leaves_wherever_it_is_cut(
    kind: type, hidden: str
) -> None:
    text = f"{BEFORE}{hidden}{AFTER}"
    place = len(BEFORE)
    for first in range(place, place + len(hidden) + 1):
        for size in (5, len(text)):
            screen = AnswerScreen(BLOCK)
            events = passed_by(screen, reads_of(kind, cut(text, size, first)))
            assert screen.stop is not None, (first, size)
            assert BEFORE.startswith(text_of(events)), (first, size)
    left = text_of(passed_by(AnswerScreen(REDACT), reads_of(kind, cut(text, 5, place + 9))))
    assert left == f"{BEFORE}[REDACTED:payment_card]{AFTER}"


def long_detector(name: str, pattern: str, keyword: str) -> Detector:
    return Detector(
        type=name,
        category="sensitive_data",
        action=Action.REDACT,
        severity=Severity.CRITICAL,
        description="The text holds a secret.",
        pattern=pattern,
        keywords=(keyword,),
    )


LONG = Policy(
    (),
    (
        long_detector("jwt", r"\bey[\w-]{17,}\.ey[\w/\\-]{17,}\.[\w/\\-]{10,}", "ey"),
        long_detector(
            "key", r"-----BEGIN [A-Z ]*KEY-----[\w+/=\s]{40,}(?:-----END [A-Z ]*KEY-----)?", "begin"
        ),
        long_detector("token", r"\bsk-[A-Za-z0-9]{150}\b", "sk-"),
    ),
)
LINE = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\n"
LONG_SECRETS = {
    "jwt": f"eyJhbGciOiJIUzI1NiJ9.{'eyJzdWIiOiIx' * 60}.{'dozjgNryP4J3' * 8}",
    "key": f"-----BEGIN PRIVATE KEY-----\n{LINE * 26}-----END PRIVATE KEY-----",
    "token": "sk-" + "a1B2c" * 30,
}


@pytest.mark.sampled(3)
@pytest.mark.parametrize("name", LONG_SECRETS)
@pytest.mark.parametrize("size", [1, 7, 96, 400])
def test_of_a_secret_that_is_longer_than_the_look_ahead_nothing_leaves(
    name: str, size: int
) -> None:
    secret = LONG_SECRETS[name]
    assert len(secret) > LONG.look_ahead(Phase.ANSWER)
    text = f"{BEFORE}{secret} {AFTER}"
    events = passed_by(AnswerScreen(LONG), reads_of(Text, cut(text, size, 3)))
    assert text_of(events) == f"{BEFORE}[REDACTED:{name}] {AFTER}"


def test_a_word_that_is_longer_than_what_is_held_does_not_hold_up_the_stream() -> None:
    screen = AnswerScreen(LONG)
    pieces = ["word " * 30, *["QUJDRA" * 100] * 60]
    for read in reads_of(Text, pieces)[:-1]:
        screen.add(read, None)
        screen.judge()
    passed = screen.taken()
    assert passed is not None
    came, left = sum(map(len, pieces)), len(text_of([e for b in passed.batches for e in b]))
    assert came - left <= MAX_HELD + 600


class Unaware(Policy):
    """A policy that finds nothing in pieces."""

    def found(self, phase: Phase, text: str) -> Any:
        return ()


def test_without_the_screen_all_of_it_leaves() -> None:
    blind = Unaware(BLOCK.rules, BLOCK.detectors)
    events = passed_by(AnswerScreen(blind), reads_of(Text, cut(BEFORE + SSN + AFTER, 6, 5)))
    assert SSN in text_of(events)


# ── drawn answers ─────────────────────────────────────────────────────────────────────────────────

_FILLER = st.sampled_from(
    [
        " the sky ",
        "é",
        "\u200b",
        " 12-",
        ". ",
        "\n",
        " 4111 ",
        " project ",
        "a@b.",
        '"',
        "１２３",
        "%34111",
        "&#49;",
        r"\u0031",
        "%",
        "&amp;",
        ";",
        " ",
    ]
)
_TEXTS = st.lists(
    st.one_of(_FILLER, st.sampled_from([*SECRETS.values(), "x@example.com "])), max_size=30
).map("".join)
_BLOCKS = st.one_of(
    _TEXTS.map(Text),
    _TEXTS.map(Reasoning),
    st.dictionaries(_TEXTS, _TEXTS, max_size=3).map(lambda given: ToolUse("t", "look_up", given)),
)


def events_of(content: Sequence[Any]) -> Iterator[tuple[Any, Any, str]]:
    """Block -> its start, its delta and its text."""
    for index, block in enumerate(content):
        if isinstance(block, ToolUse):
            yield (
                BlockStart(index, ToolUse("t", "look_up", {})),
                ToolInputDelta,
                json.dumps(block.input),
            )
        else:
            delta = TextDelta if isinstance(block, Text) else ReasoningDelta
            yield BlockStart(index, type(block)("")), delta, block.text


def drawn_reads(content: Sequence[Any], data: st.DataObject) -> list[tuple[Batch, ...]]:
    """A stream of these blocks, cut anywhere."""
    reads: list[tuple[Batch, ...]] = [((Started(),),)]
    for index, (start, delta, text) in enumerate(events_of(content)):
        cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=12)))
        ends = [*cuts, len(text)]
        pieces = [text[a:b] for a, b in zip([0, *cuts], ends, strict=True)]
        events = [start, *(delta(piece, index=index) for piece in pieces), BlockStop(index)]
        size = data.draw(st.integers(1, 4))
        reads += [
            tuple((each,) for each in events[at : at + size]) for at in range(0, len(events), size)
        ]
    return [*reads, (END,)]


def shown(answer: Completion) -> list[str]:
    """The blocks as text. Where findings overlap, one mask stands for both, and names either."""
    return [
        re.sub(r"\[REDACTED:\w+\]", "[REDACTED]", json.dumps(to_json(block)))
        for block in answer.content
    ]


@given(content=st.lists(_BLOCKS, min_size=1, max_size=4), data=st.data())
def test_a_drawn_stream_keeps_its_grammar_and_comes_to_what_the_whole_answer_would(
    content: list[Any], data: st.DataObject
) -> None:
    reads = drawn_reads(content, data)
    screen = AnswerScreen(REDACT)
    events = passed_by(screen, reads)
    if screen.stop is not None:  # arguments that could not be replaced
        assert any(isinstance(block, ToolUse) for block in content)
        return
    came = [event for read in reads for batch in read for event in batch]
    assert [type(event) for event in events] == [type(event) for event in came]
    whole = Screened(assemble(came)).judge(REDACT, Phase.ANSWER).value
    assert whole is not None
    assert shown(assemble(events)) == shown(whole)


@given(content=st.lists(_BLOCKS, min_size=1, max_size=3), data=st.data())
def test_what_a_drawn_stream_is_cut_to_is_a_beginning_of_it(
    content: list[Any], data: st.DataObject
) -> None:
    reads = drawn_reads(content, data)
    events = passed_by(AnswerScreen(BLOCK), reads)
    came = [event for read in reads for batch in read for event in batch]
    assert [id(event) for event in events] == [id(event) for event in came[: len(events)]]


# ── special cases ─────────────────────────────────────────────────────────────────────────────────


def masked_text(*batches: Batch) -> str:
    """The text of an answer of these batches, redacted."""
    return assemble(passed_by(AnswerScreen(REDACT), [(batch,) for batch in (*batches, END)])).text


def test_a_secret_over_two_blocks_of_text_is_found() -> None:
    batches = [(TextDelta("it is 123-4", 0),), (TextDelta("5-6789, yes", 1),)]
    assert masked_text(*batches) == "it is [REDACTED:us_ssn], yes"


def test_a_secret_in_one_that_began_in_the_block_before_has_no_mask_of_its_own() -> None:
    batches = [(TextDelta("é", 0),), (TextDelta(f"{SSN}éx@example.com ", 1),)]
    assert masked_text(*batches) == "[REDACTED:email] "
    batches = [(TextDelta("a@b.", 0),), (TextDelta("Project Aurora.", 1),)]
    assert masked_text(*batches) == "[REDACTED:email]."


def test_a_secret_that_begins_where_a_block_does_is_found() -> None:
    batches = [(TextDelta("number", 0),), (TextDelta("123-45-6789 ", 1),)]
    assert masked_text(*batches) == "number[REDACTED:us_ssn] "


def test_a_secret_in_blocks_that_come_in_turns_is_found() -> None:
    starts: Batch = (BlockStart(0, Text("")), BlockStart(1, Text("")))
    turns: list[Batch] = [
        (TextDelta("it is 123-", 0),),
        (TextDelta("words " * 60, 1),),
        (TextDelta("45-6789 yes", 0),),
    ]
    answer = masked_text(starts, *turns)
    assert answer.startswith("it is [REDACTED:us_ssn]")
    assert "6789" not in answer


def test_characters_that_are_not_displayed_do_not_count_for_the_look_ahead() -> None:
    hidden = "\u200b".join("Project Aurora")
    spread = hidden.replace("\u200b", "\u200b" * 100)
    reads = [(TextDelta(spread[at : at + 50], 0),) for at in range(0, len(spread), 50)]
    assert masked_text(*reads) == "[REDACTED:aurora]"


def test_what_repeats_a_replaced_text_in_pieces_leaves_with_it() -> None:
    pieces = Extra({"logprobs": [{"token": "123-"}, {"token": "45-"}]}, level="choice")
    batch: Batch = (TextDelta("it is 123-45-6789 ", 0), pieces)
    events = passed_by(AnswerScreen(REDACT), [(batch,), (END,)])
    assert Extra not in map(type, events)
    kept = passed_by(AnswerScreen(REDACT), [((TextDelta("it is blue", 0), pieces),), (END,)])
    assert pieces in kept


def test_a_citation_is_searched_and_replaced() -> None:
    batch: Batch = (TextDelta("see", 0), CitationDelta({"cited_text": f"ssn {SSN}"}, 0))
    events = passed_by(AnswerScreen(REDACT), [(batch,), (END,)])
    (citation,) = [event for event in events if type(event) is CitationDelta]
    assert citation.citation == {"cited_text": "ssn [REDACTED:us_ssn]"}


@pytest.mark.parametrize(
    "arguments",
    [
        r'{"note": "\u0031\u0032\u0033-45-6789"}',
        '{"card": 4111111111111111}',
        '{"a": "123-45-6789", "a": "x"}',
        '{"123-45-6789": 1}',
        '{"cut": "123-45-6789',
    ],
    ids=["escaped", "a number", "a key twice", "a key", "broken"],
)
def test_arguments_are_judged_as_a_tool_reads_them(arguments: str) -> None:
    reads = reads_of(ToolUse, cut(arguments, 4, 2))
    assert AnswerScreen(BLOCK).stop is None
    screen = AnswerScreen(BLOCK)
    assert text_of(passed_by(screen, reads)) == ""
    assert screen.stop is not None
    left = text_of(passed_by(AnswerScreen(REDACT), reads))
    assert "6789" not in left
    assert "4111" not in left
    assert left


def test_what_cannot_be_replaced_in_arguments_stops_the_call() -> None:
    rules = policy_of(Action.REDACT).rules
    across = Policy((*rules, _rule(r'"from": "a", "to": "b"')))
    screen = AnswerScreen(across)
    events = passed_by(screen, reads_of(ToolUse, ['{"from": "a", "to": "b"}']))
    assert screen.stop is None
    assert text_of(events) == '{"from":"a","to":"b"}'  # the rule is of the text, and it is gone
    loose = Policy((*rules, _rule(r'"from":\s*"a",\s*"to":\s*"b"')))
    screen = AnswerScreen(loose)
    assert text_of(passed_by(screen, reads_of(ToolUse, ['{"from": "a", "to": "b"}']))) == ""
    assert screen.stop is not None


def _rule(pattern: str) -> Any:
    return Rule(name="pair", action=Action.REDACT, pattern=pattern)


def test_a_block_that_begins_with_a_text_is_masked_once() -> None:
    start: Batch = (BlockStart(0, Text("123-45-6789 is it", citations=({"of": SSN},))),)
    (event, *_) = passed_by(AnswerScreen(REDACT), [(start,), ((TextDelta(", yes", 0),),), (END,)])
    assert event == BlockStart(
        0, Text("[REDACTED:us_ssn] is it", citations=({"of": "[REDACTED:us_ssn]"},))
    )


@pytest.mark.parametrize("index", [0, 1])
def test_reasoning_leaves_when_text_begins_behind_it(index: int) -> None:
    screen = AnswerScreen(REDACT)
    for event in (ReasoningDelta("let me see", index=0), TextDelta("word " * 60, index)):
        screen.add(((event,),), None)
        screen.judge()
    passed = screen.taken()
    assert passed is not None
    assert [type(event) for batch in passed.batches for event in batch] == [ReasoningDelta]


def test_text_does_not_wait_for_the_text_behind_a_tool_call() -> None:
    screen = AnswerScreen(REDACT)
    text: Batch = (BlockStart(0, Text("")), TextDelta("let me look", 0), BlockStop(0))
    call: Batch = (BlockStart(1, ToolUse("t", "look", {})), BlockStop(1))
    screen.add((text, call), None)
    screen.judge()
    passed = screen.taken()
    assert passed is not None
    assert passed.batches == (text, call)


def test_nothing_leaves_behind_a_stop() -> None:
    screen = AnswerScreen(BLOCK)
    reads: list[Batch] = [(TextDelta("word " * 60, 0),), (TextDelta(f"{SSN} {AFTER}", 0),)]
    for batch in reads:
        screen.add((batch,), None)
    screen.judge()
    assert screen.stop is not None
    assert screen.taken() is None


def test_nothing_stands_for_the_name_of_a_tool() -> None:
    policy = Policy((_rule("drop_everything"),))
    reads = reads_of(ToolUse, ["{}"])
    named: Any = ((BlockStart(0, ToolUse("t", "drop_everything", {})),),)
    screen = AnswerScreen(policy)
    assert passed_by(screen, [named, *reads[1:]]) == []
    assert screen.stop is not None
    assert screen.stop.reason == "What was found in the name of a tool cannot be replaced."


def test_a_call_that_is_not_complete_does_not_leave() -> None:
    screen = AnswerScreen(REDACT)
    reads = reads_of(ToolUse, ['{"a": ', "1"])[:-1]
    for read in reads:
        screen.add(read, None)
        screen.judge()
    screen.end(is_complete=False)
    screen.judge()
    assert screen.taken() is None


@pytest.mark.parametrize("kind", [Text, Reasoning, ToolUse])
def test_what_is_searched_is_the_pieces_joined_with_nothing_between(kind: type) -> None:
    """Source: NVIDIA-NeMo/Guardrails#1197, where "ass" and "isting" were two words."""
    words = Policy((Rule(name="rude", action=Action.BLOCK, pattern=r"\bass\b"),), ())
    for pieces, is_stopped in ((['{"a": "ass', 'isting"}'], False), (['{"a": "as', 's"}'], True)):
        screen = AnswerScreen(words)
        passed_by(screen, reads_of(kind, pieces))
        assert (screen.stop is not None) is is_stopped


CODE = "Here:\n```sql\n" + "SELECT 1;\n" * 150
"""Code that began long before what is searched."""


@pytest.mark.parametrize(
    ("text", "is_stopped"),
    [
        (CODE + "DROP TABLE users;\n" * 9 + "```\nThat is all. " + AFTER, False),
        (CODE + "```\nNow run DROP TABLE users; at once. " + AFTER, True),
        ("Never send `UPDATE users SET active = 0` alone. " * 30, False),
        ("<pre>" + "SELECT 1;\n" * 150 + "DROP TABLE users;\n</pre>" + AFTER, False),
    ],
)
@pytest.mark.parametrize("size", [1, 7, 64])
def test_code_goes_on_in_a_stream_until_it_is_over(text: str, is_stopped: bool, size: int) -> None:
    policy = Policy(())
    assert policy.evaluate(Phase.ANSWER, {"answer": text}).is_stopped is is_stopped
    screen = AnswerScreen(policy)
    left = text_of(passed_by(screen, reads_of(Text, cut(text, size, size))))
    assert (screen.stop is not None) is is_stopped
    assert is_stopped or left == text
