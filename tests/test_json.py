"""JSON text keeps every digit, and values come back from JSON as they were."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import attrs
import orjson
import pytest
from costs import is_within
from hypothesis import given
from hypothesis import strategies as st

from axonflow_core.errors import RequestError
from axonflow_core.json import _kinds, dumps, from_json, loads, to_json
from axonflow_core.json_text import has_one_reading, loads_answer
from axonflow_core.messages import (
    Adjustment,
    BuiltinTool,
    CachePoint,
    Choice,
    Completion,
    CompletionRequest,
    Data,
    Document,
    FailedAttempt,
    Guardrail,
    Image,
    Inference,
    Media,
    Message,
    Opaque,
    OutputSchema,
    Reasoning,
    ReasoningRequest,
    Receipt,
    SkippedTarget,
    Text,
    TokenCount,
    Tool,
    ToolChoice,
    ToolResult,
    ToolUse,
    Usage,
)
from axonflow_core.retrieval import (
    AudioVideo,
    EmbeddingRequest,
    Embeddings,
    MixedInput,
    RankedDocument,
    Ranking,
    RerankRequest,
    Vector,
)
from axonflow_core.stream import (
    BlockStart,
    BlockStop,
    CitationDelta,
    Ended,
    Extra,
    GuardrailUpdate,
    MetricsUpdate,
    ReasoningDelta,
    RequestEcho,
    Started,
    Stopped,
    TextDelta,
    ToolInputDelta,
    ToolResultDelta,
    UsageUpdate,
)

# ── text ──────────────────────────────────────────────────────────────────────────────────────────

INTEGERS = [
    *(2**53 + 1, 2**63 - 1, -(2**63), 2**63, 2**64 - 1, -(2**63) - 1, 2**64),
    *(12345678901234567890123, -(10**40), 10**4299),
]


@pytest.mark.parametrize("number", INTEGERS, ids=lambda number: f"{len(str(number))} digits")
@pytest.mark.parametrize("inside", ["%s", "[%s]", "[1, %s ,2]", '{"a":%s}', '{"a": [{"b" : %s }]}'])
def test_an_integer_keeps_its_digits(number: int, inside: str) -> None:
    text = inside % number

    value = loads(text.encode())

    assert value == json.loads(text) == loads(text)
    assert str(number).encode() in dumps(value)
    assert loads(dumps(value)) == value


TEXTS = st.text(st.characters(exclude_categories=["Cs"]))


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
        | st.integers(10**17, 10**22) | TEXTS,
        lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
        max_leaves=12,
    ),
    st.sampled_from([None, 1]),
)  # fmt: skip
def test_any_json_is_read_as_the_standard_library_reads_it(value: Any, indent: int | None) -> None:
    text = json.dumps(value, ensure_ascii=False, indent=indent)

    assert repr(loads(text)) == repr(json.loads(text))
    assert repr(loads(dumps(value))) == repr(json.loads(text))


NAMES = st.sampled_from(["a", "b", 'say "a"', "\\", '\\"', "\\u0022", "é"])
SPELLED = st.recursive(
    NAMES | st.integers(),
    lambda inner: st.lists(inner) | st.lists(st.tuples(NAMES, inner)).map(tuple),
    max_leaves=8,
)
"""JSON whose objects are tuples of members, in which a key may stand twice."""


def spelled(value: Any, quote: str) -> str:
    """The text of a value of `SPELLED`; `quote` is how a quotation mark in a string is written."""
    if isinstance(value, tuple):
        members = (f"{spelled(key, quote)}: {spelled(item, quote)}" for key, item in value)
        return "{" + ", ".join(members) + "}"
    if isinstance(value, list):
        return "[" + ",".join(spelled(item, quote) for item in value) + "]"
    if isinstance(value, int):
        return str(value)
    written = (quote if each == '"' else json.dumps(each)[1:-1] for each in value)
    return '"' + "".join(written) + '"'


def repeats(value: Any) -> bool:
    """Whether an object of a value of `SPELLED` has a key twice."""
    items = [item for _, item in value] if isinstance(value, tuple) else value
    if not isinstance(items, list):
        return False
    keys = [key for key, _ in value] if isinstance(value, tuple) else []
    return len(set(keys)) < len(keys) or any(map(repeats, items))


@given(SPELLED, st.sampled_from(['\\"', "\\u0022"]))
def test_json_has_one_reading_where_no_object_has_a_key_twice(value: Any, quote: str) -> None:
    text = spelled(value, quote).encode()

    assert has_one_reading(text, loads(text)) is not repeats(value)


@pytest.mark.parametrize(
    "text",
    [
        '{"a": "clean", "a": "dirty"}',
        '{"a": "clean", "\\u0061": "dirty"}',
        '[{"b": {"a": "clean", "a": "dirty"}}]',
        '{"b": "\\u0022\\u0022\\u0022\\u0022", "a": "clean", "a": "dirty"}',
        '{"b": 12345678901234567890123, "a": 1, "a": 2}',
    ],
)
def test_a_repeated_key_is_found_however_it_is_spelled(text: str) -> None:
    assert not has_one_reading(text.encode(), loads(text))
    assert has_one_reading(b'{"a": "clean"}', {"a": "clean"})


def test_json_that_is_nested_too_deeply_to_be_written_has_no_certain_reading() -> None:
    text = b"[" * 900 + b"]" * 900

    assert not has_one_reading(text, loads(text))


def test_orjson_alone_would_lose_digits() -> None:
    """The control: without the second look the two tests above fail."""
    assert orjson.loads("12345678901234567890123") != 12345678901234567890123
    with pytest.raises(TypeError):
        orjson.dumps(2**64)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (r'"a\ud83d"', "a\ufffd"),
        (r'"\uDE00b"', "\ufffdb"),
        (r'"\ud83d\ud83d\ude00"', "\ufffd\U0001f600"),
        (r'{"\ud83d": ["\ude00"]}', {"\ufffd": ["\ufffd"]}),
        (r'["\\ud83d", "\ud83d"]', [r"\ud83d", "\ufffd"]),
        (r'[12345678901234567890123, "\ud83d"]', [12345678901234567890123, "\ufffd"]),
    ],
)
def test_half_a_character_of_an_answer_costs_that_character_alone(written: str, read: Any) -> None:
    assert loads_answer(written) == read
    assert loads_answer(written.encode()) == read
    with pytest.raises(ValueError, match="surrogate"):
        loads(written)


def test_what_is_no_json_is_refused_though_an_integer_is_long() -> None:
    long = 2**70
    for value in ({1: long}, [long, {1, 2}], [long, float("nan")], [long, "\ud83d"], [b"", long]):
        with pytest.raises(TypeError):
            dumps(value)
    for text in (b"{", b"[123456789012345678901234567890,]", b"1" * 5000, b"\xff"):
        with pytest.raises(orjson.JSONDecodeError):
            loads(text)


# ── values ────────────────────────────────────────────────────────────────────────────────────────

TAGGED = {"$type": "Text", "text": "not a value", "a": [None, True, 2**70, 0.5]}
MEDIA = Media("base64", b"\x00\xff", "image/png", extra=TAGGED)
USAGE = Usage(1, 2, 3, 4, 5, 6, 7, extra=TAGGED)
BLOCKS = [
    Text("a", (TAGGED,), extra=TAGGED, spelling={"a": "b"}),
    Data(TAGGED, extra=TAGGED),
    Image(MEDIA, extra=TAGGED, spelling={"image_url": "bare"}),
    Document(MEDIA, name="n", context="c", citations=TAGGED, extra=TAGGED),
    Document(content=["a", MEDIA and Image(MEDIA)], spelling={"content": "string"}),
    ToolUse("t", "f", TAGGED, extra=TAGGED),
    ToolUse("t", "f", {"a": 1}, spelling={"input": '{"a" :1}'}),
    ToolResult("t", [Data(TAGGED), "a"], True, "f", extra=TAGGED, spelling={"content": "parts"}),
    Reasoning("a", "s", extra=TAGGED, spelling={"text": "unclosed"}),
    Reasoning(redacted="r"),
    CachePoint("1h", "k", extra=TAGGED),
    Opaque("x", TAGGED),
]
MESSAGE = Message("assistant", BLOCKS, extra=TAGGED, spelling={"role": "developer"})
SKIPPED = SkippedTarget("p", "m", "r")
CHOICE = Choice(by="b", skipped=[SKIPPED], regions=["r"], is_possibly_billed_twice=True)
RECEIPT = Receipt(
    provider="p", family="f", surface="s", model="m", called="c", region="r", request_id="i",
    failed_attempts=[FailedAttempt("throttled", "n", 429, "j", "p", "m", "r")], latency_ms=2,
    first_byte_ms=1, choice=CHOICE, body_digest="d",
)  # fmt: skip
VALUES: list[Any] = [
    *(RECEIPT, FailedAttempt("throttled", "n", 429, "j", "p", "m", "r"), CHOICE, SKIPPED),
    OutputSchema(TAGGED, "n", "d", True, spelling={"a": 1}, extra=TAGGED),
    *BLOCKS,
    *(MEDIA, USAGE, MESSAGE, Message("user", ())),
    Tool("f", "d", TAGGED, False, extra=TAGGED, spelling={"type": "custom"}),
    BuiltinTool("x", "t", "n", TAGGED),
    ToolChoice("tool", "f", False, extra=TAGGED, spelling={"mode": "absent"}),
    Inference(1, 0, 0.5, 0, ("a", ""), -7, -0.5, 1, extra=TAGGED, spelling={"max_tokens": "x"}),
    ReasoningRequest("m", 1, "e", extra=TAGGED),
    CompletionRequest("hi"),
    CompletionRequest(
        [MESSAGE, {"role": "user", "content": "hi"}],
        "s",
        Inference(1),
        [Tool("f"), BuiltinTool("x", "t", "n"), CachePoint()],
        "any",
        ReasoningRequest(effort="high"),
        OutputSchema(TAGGED, "n", "d", True, spelling={"a": 1}, extra=TAGGED),
        "flex",
        TAGGED,
        True,
        TAGGED,
        extra=TAGGED,
        spelling={"system": "developer"},
    ),
    TokenCount(5, extra=TAGGED),
    Guardrail("INTERVENED", TAGGED),
    Adjustment("a", "b", "c"),
    Completion((), None),
    Completion(
        BLOCKS, "end_turn", USAGE, "s", TAGGED, "n", "i", "m", 1, "t", Guardrail("NONE"), 2, 3,
        TAGGED, [Adjustment("a", "b", "c")], extra=TAGGED, receipt=RECEIPT,
    ),
    *(Started("i", "m", 1), BlockStart(1, BLOCKS[3]), TextDelta("", 0), TextDelta("a", 2)),
    *(ReasoningDelta("a", "s", "r", 2, spelling={"text": "x"}), ToolInputDelta('{"', 1)),
    *(ToolResultDelta(BLOCKS, 1), CitationDelta(TAGGED, 1), BlockStop(0), UsageUpdate(USAGE, "t")),
    *(MetricsUpdate(USAGE, 1, 2, extra=TAGGED), GuardrailUpdate(Guardrail("NONE", TAGGED))),
    *(RequestEcho(TAGGED), Stopped("other", "n", "s", TAGGED), Ended()),
    Extra(TAGGED, "delta", "scent"),
    *(AudioVideo(MEDIA, "m", extra=TAGGED), MixedInput(["a", Image(MEDIA)], extra=TAGGED)),
    EmbeddingRequest(
        ["a", Image(MEDIA), AudioVideo(MEDIA)], "query", "q", 8, False, "end", "e",
        ["int8", "float"], TAGGED, extra=TAGGED,
    ),
    *(Vector((0.1, 2, -1), 1, "int8", "c", 0, extra=TAGGED), Vector("AAAA", encoding="base64")),
    Embeddings([Vector((1,))], USAGE, ["a"], "i", "f", "m", 1, extra=TAGGED),
    *(RerankRequest("q", ["a"], 1, TAGGED, extra=TAGGED), RankedDocument(0, 0.5, extra=TAGGED)),
    Ranking([RankedDocument(1, 1)], "i", USAGE, 1, extra=TAGGED),
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_a_value_comes_back_from_json(value: Any) -> None:
    again = from_json(loads(dumps(to_json(value))), type(value))

    assert again == value
    assert to_json(again) == to_json(value)
    assert from_json(dumps(to_json(value))) == value


def test_every_class_and_every_field_is_among_the_values_that_come_back() -> None:
    """The control: a field that is at its default everywhere would show nothing."""
    changed = {
        (type(value).__name__, field.name)
        for value in VALUES
        for field in attrs.fields(type(value))
        if getattr(value, field.name) != field.default
    }
    changed.add(("Completion", "parsed"))  # made of the text, for the caller's own type
    all_fields = {
        (name, field.name) for name, kind in _kinds().items() for field in attrs.fields(kind)
    }
    assert {type(value) for value in VALUES} == set(_kinds().values())
    assert all_fields - changed == set()


def test_a_saved_value_shares_nothing_with_the_value() -> None:
    request = CompletionRequest("hi", options={"a": {"b": [1]}})

    to_json(request)["options"]["a"]["b"].append(2)

    assert request.options == {"a": {"b": [1]}}


def test_a_saved_message_reads_as_documented() -> None:
    assert to_json(Message("user", "hi")) == {
        "$type": "Message",
        "role": "user",
        "content": [{"$type": "Text", "text": "hi"}],
    }


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (5, "takes an object"),
        ({"role": "user", "content": "hi"}, r"takes an object with `\$type`"),
        ({"$type": "Secret"}, "of a class that"),
        ({"$type": ["Text"], "text": "a"}, "of a class that"),
        ({"$type": "Text"}, "a saved Text has no text"),
        ({"$type": "Text", "text": "a", "secret": 1}, "a saved Text has 1 members"),
        ({"$type": "Text", "text": 5}, "Text.text takes text"),
        ({"$type": "Message", "role": "user", "content": [{"text": "a"}]}, "Message.content takes"),
        (b"{", "takes JSON"),
    ],
)
def test_what_was_not_saved_is_refused(data: Any, why: str) -> None:
    with pytest.raises(RequestError, match=why):
        from_json(data)


def test_another_class_than_the_one_that_was_expected_is_refused() -> None:
    with pytest.raises(RequestError, match="a Message was expected, and a Text is saved"):
        from_json(to_json(Text("a")), Message)
    with pytest.raises(RequestError, match="to_json takes a value"):
        to_json({"role": "user"})


def tool_results(levels: int) -> ToolResult:
    """Results of tools, one in another."""
    result = ToolResult("t", [Text("x")])
    for _ in range(levels):
        result = ToolResult("t", [result])
    return result


def test_a_value_that_is_nested_too_deeply_is_neither_saved_nor_read() -> None:
    native: Any = {"$type": "Text", "text": "x"}
    for _ in range(2000):
        native = {"$type": "ToolResult", "tool_use_id": "t", "content": [native]}

    with pytest.raises(RequestError, match="nested so deeply"):
        to_json(tool_results(2000))
    with pytest.raises(RequestError, match="nested so deeply"):
        from_json(native)
    assert to_json(tool_results(3))["$type"] == "ToolResult"


def test_text_of_deep_json_with_a_long_integer_is_refused_as_other_text_is() -> None:
    with pytest.raises(RequestError, match="takes JSON"):
        from_json("[" * 100_000 + "123456789012345678901234" + "]" * 100_000)


@pytest.mark.parametrize(
    "text",
    ['"\\ud800"', "1e999", "-1e999", "01", "NaN", "1.", "[1,]", "{1: 2}", "'a'", '"\t"'],
)
def test_the_grammar_is_the_same_next_to_a_long_integer(text: str) -> None:
    for number in ("1", "123456789012345678901234"):
        with pytest.raises(orjson.JSONDecodeError):
            loads(f"[{text}, {number}]")
    with pytest.raises(orjson.JSONDecodeError):
        loads("\ufeff[123456789012345678901234]")


def test_a_long_integer_is_read_where_a_text_looks_like_one() -> None:
    text = '{"12345678901234567890123": ["-1234567890123456789012\\"", -1234567890123456789012]}'

    assert loads(text) == json.loads(text)


LARGE = 200_000


@pytest.mark.parametrize(
    "text",
    [
        b'{"a":%b"1234567890123456789"}' % (b" " * LARGE),
        b'[123456789012345678901234,"' + rb"\"" * LARGE,
        b'[123456789012345678901234,"' + rb"\"" * LARGE + b"\\",
        b"[%b1]" % (b"1234567890123456789 ," * (LARGE // 20)),
        b"[%b1]" % (b'"-12345678901234567890",' * (LARGE // 20)),
    ],
    ids=["blanks", "a string without an end", "and a backslash", "long integers", "long strings"],
)
def test_no_text_takes_more_than_linear_time(text: bytes) -> None:
    """Each of the first three took minutes where a regular expression began anew at each byte."""

    def read() -> None:
        for of_text in (loads, loads_answer):
            with suppress(ValueError):
                of_text(text)

    assert is_within(read, 1_000_000)


def test_a_long_integer_may_stand_as_deep_as_a_short_one() -> None:
    inner = loads("[" * 1000 + "123456789012345678901234" + "]" * 1000)
    while isinstance(inner, list):
        (inner,) = inner

    assert inner == 123456789012345678901234


@pytest.mark.parametrize("tag", [5, None, ["Text"], {"a": 1}, 10**5000], ids=range(5))
def test_a_tag_that_is_no_text_is_no_class(tag: object) -> None:
    with pytest.raises(RequestError, match="a class that the neutral model does not have"):
        from_json({"$type": tag, "text": "hi"})
