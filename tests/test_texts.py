"""Every place of a value that carries text is named, and can be given another text."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import Any, get_args, get_type_hints

import attrs
import pytest
from costs import is_within

from axonflow_core.frozen import evolve
from axonflow_core.messages import (
    Adjustment,
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
    MediaKind,
    Message,
    Opaque,
    OutputSchema,
    Reasoning,
    Receipt,
    SkippedTarget,
    StopReason,
    Text,
    Tool,
    ToolChoice,
    ToolResult,
    ToolUse,
    Usage,
    assistant,
    user,
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
    StreamEvent,
    TextDelta,
    ToolInputDelta,
    ToolResultDelta,
    UsageUpdate,
)
from axonflow_core.texts import _NO_TEXT, screened_texts, texts_in, with_texts

PICTURE = Media(MediaKind.BASE64, "aWQ=", "image/id")
DEEP = {"say key": ["say 1", {"say inner": "say 2"}], "say null": None, "say number": 7}

EVENTS: list[Any] = [
    Started("id-1", "id-model"),
    BlockStart(0, Text("say this", citations=({"say cited": "say it"},))),
    BlockStart(0, ToolUse("id-1", "id-tool", DEEP)),
    BlockStart(0, Reasoning("say why", "id-signature", "id-redacted")),
    BlockStart(0, Opaque("id-dialect", DEEP)),
    BlockStart(0, Document(PICTURE, name="say name", context="say context")),
    BlockStart(0, Document(content="say content")),
    TextDelta("say this"),
    ReasoningDelta("say why", "id-signature", "id-redacted"),
    ToolInputDelta('{"say": ', 0),
    ToolResultDelta((Text("say this"), Data(DEEP), Image(PICTURE)), 0),
    BlockStart(0, ToolResult("id-1", "say bare", extra={"say x": "say y"})),
    CitationDelta({"say cited": "say it"}, 0),
    BlockStop(0),
    UsageUpdate(Usage(1, extra={"say x": "say y"}), "id-tier"),
    MetricsUpdate(Usage(1), 7, extra={"say x": "say y"}),
    GuardrailUpdate(Guardrail("id-action", {"say match": "say word"})),
    RequestEcho(DEEP),
    Stopped(StopReason.STOP_SEQUENCE, "id-native", "say stop", {"say why": "say so"}),
    Ended(),
    Extra({"say held": "say <rea"}, "id-level"),
]


def strings(value: Any) -> Iterator[str]:
    """Every string in a value, whatever it means, found without `texts_in`."""
    if isinstance(value, str):
        if not isinstance(value, Enum):
            yield value
    elif isinstance(value, dict):
        yield from (text for key, member in value.items() for text in (key, *strings(member)))
    elif isinstance(value, list | tuple):
        yield from (text for item in value for text in strings(item))
    elif attrs.has(type(value)):
        for member in attrs.fields(type(value)):
            yield from strings(getattr(value, member.name))
    elif hasattr(value, "items"):
        yield from strings(dict(value))


def test_the_examples_are_of_every_kind_of_event() -> None:
    assert {type(event) for event in EVENTS} == set(get_args(StreamEvent))


@pytest.mark.parametrize("event", EVENTS, ids=repr)
def test_every_string_of_an_event_is_a_text_or_a_name(event: StreamEvent) -> None:
    found = [text for _, text in texts_in(event)]

    names = ("id-", "aWQ=", "image/")
    said = [text for text in strings(event) if text and not text.startswith(names)]
    assert sorted(found) == sorted(said)


@pytest.mark.parametrize("event", EVENTS, ids=repr)
def test_a_screen_can_replace_every_text_and_nothing_else(event: StreamEvent) -> None:
    places = dict(texts_in(event))

    redacted = with_texts(event, {place: f"[{i}]" for i, place in enumerate(places)})

    assert type(redacted) is type(event)
    assert not any("say" in text for text in strings(redacted))
    assert names_in(redacted) == names_in(event)


def names_in(event: StreamEvent) -> list[str]:
    """Names and what is sealed; without the signature, which is of a text."""
    names = (text for text in strings(event) if text.startswith("id-"))
    return [name for name in names if name != "id-signature"]


def test_an_event_that_nobody_redacts_is_itself() -> None:
    event = BlockStart(0, ToolUse("id-1", "id-tool", DEEP))

    assert with_texts(event, {}) is event
    assert with_texts(event, dict(texts_in(event))) == event


def test_seven_kinds_of_events_besides_the_deltas_carry_text() -> None:
    deltas = {TextDelta, ReasoningDelta, ToolInputDelta}
    usage = {UsageUpdate, MetricsUpdate}  # in unknown members alone

    carriers = {type(event) for event in EVENTS if any(texts_in(event))}

    assert carriers - deltas - usage == {
        BlockStart,
        ToolResultDelta,
        CitationDelta,
        GuardrailUpdate,
        RequestEcho,
        Stopped,
        Extra,
    }


REQUEST = CompletionRequest(
    messages=(
        user([Text("say this"), Document(Media("text", "say document", "image/plain"))]),
        assistant([ToolUse("id-1", "id-tool", DEEP)]),
        user([ToolResult("id-1", [Data(DEEP), Image(PICTURE)], name="id-tool")]),
    ),
    system="say system",
    inference=Inference(max_tokens=7, stop_sequences=("say stop",)),
    tools=(Tool("id-tool", "say tool", {"say type": "say object"}),),
    tool_choice=ToolChoice("tool", "id-tool"),
    output_schema=OutputSchema({"say title": "say schema"}, "id-name", "say description"),
    metadata={"say user": "say them"},
)


def test_every_string_of_a_request_is_a_text_or_a_name() -> None:
    found = {text for _, text in texts_in(REQUEST)}

    names = ("id-", "aWQ=", "image/")
    assert found == {text for text in strings(REQUEST) if text and not text.startswith(names)}
    assert {"say system", "say document", "say inner", "say tool", "say schema"} <= found


def test_the_texts_of_a_request_can_be_replaced() -> None:
    places = [place for place, _ in texts_in(REQUEST)]

    redacted = with_texts(REQUEST, {place: f"[{i}]" for i, place in enumerate(places)})

    assert not any("say" in text for text in strings(redacted))
    assert len(texts_in(redacted)) == len(places)


def test_a_long_number_in_json_is_text_and_another_text_in_its_place_a_string() -> None:
    call = ToolUse("id", "tool", {"card": 4111111111111111, "count": 12})
    places = dict(texts_in(call))
    assert list(places.values()) == ["card", "4111111111111111", "count"]
    changed = with_texts(call, {("input", "card"): "[CARD]"})
    assert changed.input == {"card": "[CARD]", "count": 12}


def test_a_thought_with_another_text_has_no_signature() -> None:
    thought = Reasoning("Ann asks.", signature="c2ln")
    assert with_texts(thought, {("text",): "[NAME] asks."}) == Reasoning("[NAME] asks.")
    assert with_texts(thought, {("text",): "Ann asks."}) == thought, "the control"


def test_a_long_whole_number_with_a_fraction_or_an_exponent_is_text_in_digits() -> None:
    value = {"card": 4111111111111111.0, "large": 4.111111111111111e15, "share": 0.5}
    assert [text for _, text in texts_in(value) if text.isdecimal()] == ["4111111111111111"] * 2
    assert [text for _, text in texts_in([1e11 + 0.5, float("inf"), True])] == []


def test_many_texts_are_replaced_in_time_linear_in_their_number() -> None:
    """A copy of the list for each of them would take twenty seconds."""
    many = [["say"] * 40_000]
    others = dict.fromkeys((place for place, _ in texts_in(many)), "other")
    assert with_texts(many, others) == [["other"] * 40_000]
    assert is_within(lambda: with_texts(many, others), 1_000_000)


def test_arguments_with_another_text_lose_the_spelling_that_still_has_the_first() -> None:
    spelling = {"input": r'{"a":  "\u0031\u0032"}'}
    call = ToolUse("id", "tool", {"a": "12"}, spelling=spelling)
    assert call.spelling == spelling
    changed = with_texts(call, {("input", "a"): "[N]"})
    assert (changed.input, changed.spelling) == ({"a": "[N]"}, {})


# ── what a screen reads ───────────────────────────────────────────────────────────────────────────


def classes_of(hint: Any, known: set[type]) -> None:
    """Every class of values that a type hint leads to."""
    if isinstance(hint, type) and attrs.has(hint) and hint not in known:
        known.add(hint)
        for each in get_type_hints(hint).values():
            classes_of(each, known)
    for each in get_args(hint):
        classes_of(each, known)


def may_be_text(hint: Any) -> bool:
    """Whether a field of that type may hold a string that is no word of an enum."""
    return hint in (str, Any) or any(map(may_be_text, get_args(hint)))


def fields_of_text() -> list[tuple[type, str]]:
    known: set[type] = set()
    for hint in (CompletionRequest, Completion, StreamEvent):
        classes_of(hint, known)
    return [
        (kind, name)
        for kind in sorted(known, key=lambda each: each.__name__)
        for name, hint in get_type_hints(kind).items()
        if may_be_text(hint)
    ]


def planted(kind: type, name: str) -> Any:
    """A value of that class with a text in that field and nothing in the others."""
    value: Any = object.__new__(kind)
    for member in attrs.fields(kind):
        object.__setattr__(value, member.name, None)
    object.__setattr__(value, name, "4111 1111 1111 1111")
    return value


def is_read(value: Any) -> bool:
    found = screened_texts(value)
    return any(
        "4111" in text for text in (*dict(found.texts).values(), *(t.text for t in found.fixed))
    )


OF_RECEIPTS = {Adjustment, Choice, FailedAttempt, Receipt, SkippedTarget}
"""Values that stand under `Completion.receipt` and `.adjustments` alone."""


@pytest.mark.parametrize(("kind", "name"), fields_of_text(), ids=str)
def test_every_field_that_may_hold_a_text_is_read_by_a_screen_or_has_a_reason_why_not(
    kind: type, name: str
) -> None:
    if (kind, name) in _NO_TEXT:
        assert _NO_TEXT[kind, name]
        assert not is_read(planted(kind, name))
    elif kind not in OF_RECEIPTS:
        assert is_read(planted(kind, name))


def test_the_reasons_are_of_fields_that_there_are() -> None:
    assert set(_NO_TEXT) <= set(fields_of_text()) | {
        (Message, "role"),
        (Completion, "stop_reason"),
        (Completion, "adjustments"),
        (Completion, "receipt"),
        (Completion, "parsed"),
    }


def fixed_in(value: Any) -> dict[str, str]:
    return {each.text: each.what for each in screened_texts(value).fixed}


def texts_of(value: Any) -> set[str]:
    return {text for _, text in screened_texts(value).texts}


def test_names_are_fixed_and_ids_that_servers_make_are_not_read() -> None:
    call = ToolUse("toolu_01A09q90qw90lq917835lq9", "look_up", {"a": "b"})
    assert fixed_in(call) == {"look_up": "the name of a tool"}
    odd = evolve(call, id="4111 1111 1111 1111")
    assert fixed_in(odd)["4111 1111 1111 1111"] == "the id of a tool's call"


def test_the_arguments_of_tools_are_told_from_prose() -> None:
    request = CompletionRequest([user("say"), assistant([Text("do"), ToolUse("t_1", "n", DEEP)])])
    found = screened_texts(request)
    (arguments,) = found.arguments
    assert [found.texts[at][1] for at in arguments] == [text for _, text in texts_in(DEEP)]


SCHEMA = {
    "type": "object",
    "description": "say one",
    "properties": {
        "title": {"type": "string", "enum": ["fix a", "fix b"], "title": "say two"},
        "fix key": {"default": {"say three": 1}, "pattern": "fix c", "const": "fix d"},
    },
    "required": ["title", "fix key"],
    "$defs": {"description": {"description": "say four", "examples": ["say five"]}},
}


def test_of_a_schema_what_describes_can_be_replaced_and_what_is_valid_cannot() -> None:
    tool = Tool("name", "say tool", SCHEMA)
    assert {text for text in texts_of(tool) if text.startswith("say")} == {
        *("say tool", "say one", "say two", "say three", "say four", "say five")
    }
    fixed = fixed_in(tool)
    assert {text for text in fixed if text.startswith("fix")} == {
        *("fix a", "fix b", "fix c", "fix d", "fix key")
    }
    assert not any(text.startswith("say") for text in fixed)


@pytest.mark.parametrize(
    "data",
    ["say ü".encode(), "\ufeffsay ü".encode("utf-16-le"), b"<svg>say \xc3\xbc</svg>"],
    ids=["utf-8", "utf-16", "svg"],
)
def test_the_text_of_a_file_in_base64_is_read_whatever_its_type_says(data: bytes) -> None:
    for media_type in (None, "text/plain", "image/png", "application/json"):
        (text,) = fixed_in(Document(Media("base64", data, media_type))).keys() - {media_type}
        assert "say ü" in text


@pytest.mark.parametrize(
    "data",
    [
        "c2F5!IDQxMTE=",  # a character that is none of base64
        "c2F5IDQxMTE",  # no padding
        "c2F5IA==NDExMQ==",  # padding in the middle
        "c2F5IDQxMTEQ=A",  # more than belongs there
        "say 4111",  # no base64
    ],
)
@pytest.mark.parametrize("media_type", [None, "text/plain", "image/png"])
def test_what_is_nearly_base64_is_read_as_a_lenient_decoder_reads_it(
    data: str, media_type: str | None
) -> None:
    texts = fixed_in(Document(Media("base64", data, media_type))).keys()
    assert any("say 4111" in text for text in texts)


@pytest.mark.parametrize("url", ["data:,say%204111", "data:text/x;base64,c2F5IDQxMTE="])
def test_the_text_of_a_file_in_a_url_is_read(url: str) -> None:
    assert fixed_in(Image(Media("url", url)))["say 4111"] == "a file"
    assert fixed_in(Image(Media("url", "https://x.example/a.png"))) == {}


def test_a_text_in_an_older_encoding_is_read_where_its_type_says_that_it_is_one() -> None:
    document = Document(Media("base64", b"say \xfc 4111", "text/csv"))
    assert "say ü 4111" in fixed_in(document)


@pytest.mark.parametrize(
    "data",
    [
        b"\x89PNG\r\n\x1a\n" + bytes(30),
        b"%PDF-1.4\n1 0 obj",
        b"PK\x03\x04" + bytes(30),
        b"\xff\xd8",
    ],
)
def test_a_file_of_another_kind_is_not_read(data: bytes) -> None:
    assert fixed_in(Document(Media("base64", data))) == {}


def test_reasoning_with_a_signature_is_fixed() -> None:
    assert fixed_in(Reasoning("say why", "sealed")) == {"say why": "reasoning that has a signature"}
    assert texts_of(Reasoning("say why")) == {"say why"}
