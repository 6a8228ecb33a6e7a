"""Every place of a value that carries text is named, and can be given another text."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from time import perf_counter
from typing import Any, get_args

import attrs
import pytest

from axonflow_core.messages import (
    CompletionRequest,
    Data,
    Document,
    Guardrail,
    Image,
    Inference,
    Media,
    MediaKind,
    Opaque,
    OutputSchema,
    Reasoning,
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
from axonflow_core.texts import texts_in, with_texts

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
    assert [text for text in strings(redacted) if text.startswith("id-")] == [
        text for text in strings(event) if text.startswith("id-")
    ]


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
    output_schema=OutputSchema({"say title": "say schema"}, "say name", "say description"),
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


def test_many_texts_are_replaced_in_time_linear_in_their_number() -> None:
    """A copy of the list for each of them would take twenty seconds."""
    many = [["say"] * 40_000]
    began = perf_counter()
    changed = with_texts(many, dict.fromkeys((place for place, _ in texts_in(many)), "other"))
    assert changed == [["other"] * 40_000]
    assert perf_counter() - began < 5


def test_arguments_with_another_text_lose_the_spelling_that_still_has_the_first() -> None:
    spelling = {"input": r'{"a":  "\u0031\u0032"}'}
    call = ToolUse("id", "tool", {"a": "12"}, spelling=spelling)
    assert call.spelling == spelling
    changed = with_texts(call, {("input", "a"): "[N]"})
    assert (changed.input, changed.spelling) == ({"a": "[N]"}, {})
