"""Values are attrs' own in everything but the time that it takes to make one, and what is inside
one is right."""

from __future__ import annotations

import copy
import inspect
import pickle
from collections import OrderedDict
from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest
from attrs import Converter, Factory, evolve, field, fields
from attrs.exceptions import FrozenInstanceError

from axonflow_core.converters import EMPTY
from axonflow_core.errors import RequestError
from axonflow_core.frozen import Unfit, frozen
from axonflow_core.json import dumps
from axonflow_core.json_text import canonical
from axonflow_core.messages import (
    BuiltinTool,
    Completion,
    CompletionRequest,
    Data,
    Document,
    Image,
    Inference,
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
    Tool,
    ToolChoice,
    ToolChoiceMode,
    ToolResult,
    ToolUse,
    Usage,
    text_message,
    user,
)
from axonflow_core.retrieval import (
    EmbeddingRequest,
    Encoding,
    MixedInput,
    Purpose,
    RerankRequest,
    Vector,
)
from axonflow_core.stream import (
    BlockStart,
    Extra,
    ReasoningDelta,
    Stopped,
    TextDelta,
    ToolInputDelta,
    UsageUpdate,
    assemble,
)
from axonflow_core.stream import Ended as StreamEnded

# ── the decorator ─────────────────────────────────────────────────────────────────────────────────


@frozen
class Point:
    x: int
    y: int = 2
    names: tuple[str, ...] = field(default=(), kw_only=True)


def test_a_value_is_filled_as_its_signature_says() -> None:
    assert (Point(1).x, Point(1).y, Point(1).names) == (1, 2, ())
    assert Point(3, 4, names=("a",)) == Point(x=3, y=4, names=("a",))
    assert str(inspect.signature(Point)) == (
        "(x: 'int', y: 'int' = 2, *, names: 'tuple[str, ...]' = ()) -> None"
    )
    point: Any = Point  # the calls below are wrong to a type checker too
    for wrong in (lambda: point(), lambda: point(1, 2, ("a",)), lambda: point(1, z=3)):
        with pytest.raises(TypeError):
            wrong()


VALUES = [
    Text("a", extra={"b": 1}),
    Message("user", "hi"),
    CompletionRequest("hi"),
    Completion("ho", StopReason.END_TURN),
    ToolUse("t", "f", {"a": 1}, spelling={"input": '{ "a": 1 }'}),
    TextDelta("a", 3),
    Extra({"a": 1}),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_a_value_is_of_its_class_and_takes_no_assignment(value: Any) -> None:
    for attribute in fields(type(value)):
        with pytest.raises(FrozenInstanceError):
            setattr(value, attribute.name, 1)
        with pytest.raises(FrozenInstanceError):
            delattr(value, attribute.name)


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_a_value_comes_back_from_a_pickle_and_a_copy(value: object) -> None:
    for again in (pickle.loads(pickle.dumps(value)), copy.copy(value), copy.deepcopy(value)):
        assert again == value
        assert type(again) is type(value)


def test_values_compare_hash_print_match_and_change_as_those_of_attrs() -> None:
    value = Point(1, 3)
    assert value == Point(1, 3) != Point(1, 4)
    assert {value: "found"}[Point(1, 3)] == "found"
    assert repr(value) == "Point(x=1, y=3, names=())"
    assert evolve(value, y=5) == Point(1, 5)
    match value:
        case Point(x, y):
            assert (x, y) == (1, 3)
        case _:
            pytest.fail("no match")


def _even(instance: Any, attribute: Any, value: int) -> None:
    if value % 2:
        raise ValueError(f"{attribute.name} is odd")


def _plus(value: int, other: Any) -> int:
    return value + other.number


@frozen
class Checked:
    number: int = field(converter=int, validator=_even)
    sum: int = field(default=1, converter=Converter(_plus, takes_self=True))  # type: ignore[misc]
    items: list[int] = Factory(list)
    total: int = field(init=False, default=Factory(lambda self: self.number + 1, takes_self=True))
    _private: int = 7

    @sum.validator
    def _small(self, attribute: Any, value: int) -> None:
        if value > 100:
            raise ValueError("too big")


def test_converters_validators_and_factories_mean_what_they_mean_to_attrs() -> None:
    value = Checked("4", private=8)  # type: ignore[arg-type]

    assert (value.number, value.sum, value.items, value.total, value._private) == (4, 5, [], 5, 8)
    assert Checked(2).items is not Checked(2).items
    for wrong in (lambda: Checked(3), lambda: Checked(200)):
        with pytest.raises(ValueError, match=r"number is odd|too big"):
            wrong()


def test_a_class_may_finish_what_was_filled() -> None:
    @frozen
    class Finished:
        seen: list[int] = Factory(list)

        def __attrs_post_init__(self) -> None:
            self.seen.append(type(self) is Finished)

    assert Finished().seen == [True]


def test_what_cannot_be_supported_is_refused_where_the_class_is_made() -> None:
    with pytest.raises(TypeError, match=r"__attrs_pre_init__"):

        @frozen
        class Early:
            def __attrs_pre_init__(self) -> None: ...


def test_an_unfit_value_is_a_request_error_that_names_the_field() -> None:
    def refuse(value: object) -> int:
        raise Unfit("a prime", "9")

    @frozen
    class Prime:
        number: int = field(converter=refuse)

    with pytest.raises(RequestError, match=r"^Prime\.number takes a prime, not 9$"):
        Prime(9)


def test_options_of_attrs_are_passed_on() -> None:
    @frozen(kw_only=True)
    class Named:
        x: int

    assert Named(x=1).x == 1
    with pytest.raises(TypeError):
        Named(1)  # type: ignore[misc]


def test_nothing_can_be_put_into_the_empty_mapping() -> None:
    """It stands in every value that has no more to say."""
    nothing: Any = EMPTY
    changes: list[Callable[[], object]] = [
        lambda: nothing.update(a=1),
        lambda: nothing.setdefault("a", 1),
        lambda: nothing.__setitem__("a", 1),
        lambda: nothing.__ior__({"a": 1}),
    ]
    for change in changes:
        with pytest.raises(TypeError, match="nothing can be put"):
            change()
    assert not EMPTY and {**EMPTY} == {} == EMPTY


# ── what is converted ─────────────────────────────────────────────────────────────────────────────

HI = text_message(Role.USER, "hi")

CONVERTED: dict[str, tuple[object, object]] = {
    "a text as content": (Message(Role.USER, "hi"), HI),
    "a role by its name": (Message("user", "hi"), HI),
    "a block as content": (Message("user", Text("hi")), HI),
    "a list as content": (Message("user", [Text("hi")]), HI),
    "texts in a list": (Message("user", ["hi"]), HI),
    "a text as a request": (CompletionRequest("hi"), CompletionRequest((HI,))),
    "a list of messages": (CompletionRequest([HI]), CompletionRequest((HI,))),
    "a bare message": (CompletionRequest(HI), CompletionRequest((HI,))),
    "a message as a mapping": (
        CompletionRequest([{"role": "user", "content": "hi"}]),
        CompletionRequest((HI,)),
    ),
    "a bare mapping": (
        CompletionRequest({"role": "user", "content": "hi"}),
        CompletionRequest((HI,)),
    ),
    "a text as system": (CompletionRequest("hi", system="Be brief.").system, (Text("Be brief."),)),
    "no system": (CompletionRequest("hi", system=None).system, ()),
    "one stop sequence": (Inference(stop_sequences="END").stop_sequences, ("END",)),
    "stop sequences in a list": (Inference(stop_sequences=["a", "b"]).stop_sequences, ("a", "b")),
    "a whole float as a count": (Inference(max_tokens=5.0).max_tokens, 5),  # type: ignore[arg-type]
    "one tool": (CompletionRequest("hi", tools=Tool("f")).tools, (Tool("f"),)),
    "tools in a list": (CompletionRequest("hi", tools=[Tool("f")]).tools, (Tool("f"),)),
    "a choice by its mode": (
        CompletionRequest("hi", tool_choice="any").tool_choice,
        ToolChoice(ToolChoiceMode.ANY),
    ),
    "a result of text": (ToolResult("t", "rain"), ToolResult("t", (Text("rain"),))),
    "a result of nothing": (ToolResult("t", None).content, ()),
    "a document of text": (Document(content="a").content, (Text("a"),)),
    "bytes": (Media("base64", b"\x89PNG").data, "iVBORw=="),
    "a kind by its name": (Media("url", "https://a.example").kind, MediaKind.URL),
    "the bytes of a PNG": (
        Image(b"\x89PNG\r\n\x1a\nrest").source,
        Media("base64", b"\x89PNG\r\n\x1a\nrest", "image/png"),
    ),
    "the bytes of a JPEG": (Image(b"\xff\xd8\xff\xe0").source.media_type, "image/jpeg"),
    "the bytes of a GIF": (Image(b"GIF89a").source.media_type, "image/gif"),
    "the bytes of a WebP": (Image(b"RIFF1234WEBPVP8 ").source.media_type, "image/webp"),
    "the bytes of a PDF": (
        Document(b"%PDF-1.7").source,
        Media("base64", b"%PDF-1.7", "application/pdf"),
    ),
    "an answer of text": (Completion("ho", "end_turn").content, (Text("ho"),)),
    "a stop reason by its name": (Stopped("end_turn").reason, StopReason.END_TURN),
    "a tuple in JSON": (ToolUse("t", "f", {"a": (1, 2)}).input, {"a": [1, 2]}),
    "a mapping in JSON": (ToolUse("t", "f", OrderedDict(a=1)).input, {"a": 1}),
    "no options": (CompletionRequest("hi", options=None).options, EMPTY),
    "an input to embed": (EmbeddingRequest("a").inputs, (Text("a"),)),
    "inputs to embed": (EmbeddingRequest(["a", Text("b")]).inputs, (Text("a"), Text("b"))),
    "a purpose by its name": (EmbeddingRequest("a", "query").purpose, Purpose.QUERY),
    "an encoding": (EmbeddingRequest("a", encodings="int8").encodings, (Encoding.INT8,)),
    "parts": (MixedInput(["a"]).parts, (Text("a"),)),
    "numbers of a vector": (Vector([1, 0.5]).values, (1, 0.5)),
    "documents in a list": (RerankRequest("q", ["a"]).documents, ("a",)),
    "a block by its text": (BlockStart(0, "a").block, Text("a")),
}


@pytest.mark.parametrize(("got", "expected"), CONVERTED.values(), ids=list(CONVERTED))
def test_a_value_is_converted_where_it_is_made(got: object, expected: object) -> None:
    assert got == expected
    assert type(got) is type(expected)


class Loud(str):
    """Equal to its text, and another class."""


class Kind(StrEnum):
    A = "a"


@pytest.mark.parametrize(
    ("got", "kind"),
    [
        (Text(Loud("a")).text, str),
        (Text(Kind.A).text, str),
        (Inference(max_tokens=type("Big", (int,), {})(3)).max_tokens, int),
        (Inference(stop_sequences=type("Some", (tuple,), {})(("a",))).stop_sequences, tuple),
        (Inference(temperature=type("Warm", (float,), {})(0.5)).temperature, float),
        (ToolUse("t", "f", Loud("a")).input, str),
        (ToolUse("t", "f", [Loud("a")]).input[0], str),
        (Text("a", extra=OrderedDict(a=1)).extra, dict),
    ],
)
def test_nothing_can_be_hidden_in_a_subclass(got: object, kind: type) -> None:
    assert type(got) is kind


# ── what is refused ───────────────────────────────────────────────────────────────────────────────

HALF = "a\ud83d"
PDF = Media("base64", "UERG", "application/pdf")
NAN, INFINITY = float("nan"), float("inf")
CYCLE: list[Any] = []
CYCLE.append(CYCLE)

REFUSED: dict[str, tuple[Callable[..., object], tuple[Any, ...], dict[str, Any], str]] = {
    "a number as content": (Message, (Role.USER, 5), {}, "Message.content takes text or content"),
    "no content": (Message, (Role.USER, None), {}, "Message.content"),
    "a mapping as a block": (Message, ("user", [{"type": "text"}]), {}, "a dict among them"),
    "an unknown role": (Message, ("developer", "hi"), {}, "Message.role takes 'user' or"),
    "a number as a role": (Message, (1, "hi"), {}, "Message.role"),
    "no messages": (CompletionRequest, (None,), {}, "CompletionRequest.messages"),
    "a number as messages": (CompletionRequest, (5,), {}, "CompletionRequest.messages"),
    "texts as messages": (CompletionRequest, (["hi"],), {}, "CompletionRequest.messages"),
    "blocks as messages": (CompletionRequest, ([Text("hi")],), {}, "a Text among them"),
    "a mapping with more": (
        CompletionRequest,
        ([{"role": "user", "content": "hi", "name": "x"}],),
        {},
        "content, name, role",
    ),
    "a message as system": (CompletionRequest, ("hi", HI), {}, "CompletionRequest.system"),
    "a mapping as inference": (
        CompletionRequest,
        ("hi",),
        {"inference": {"max_tokens": 1}},
        "CompletionRequest.inference takes an Inference, not a dict",
    ),
    "a mapping as a tool": (CompletionRequest, ("hi",), {"tools": [{}]}, "CompletionRequest.tools"),
    "an unknown choice": (CompletionRequest, ("hi",), {"tool_choice": "x"}, "tool_choice takes"),
    "a raw prompt of 1": (CompletionRequest, ("hi",), {"is_raw_prompt": 1}, "is_raw_prompt"),
    "a negative limit": (Inference, (-1,), {}, "Inference.max_tokens takes a whole number .* -1"),
    "half a token": (Inference, (1.5,), {}, "Inference.max_tokens"),
    "a limit in words": (Inference, ("100",), {}, "Inference.max_tokens .* not a str"),
    "a bool as a limit": (Inference, (True,), {}, "Inference.max_tokens .* not True"),
    "a temperature in words": (Inference, (), {"temperature": "hot"}, "Inference.temperature"),
    "a bool as a temperature": (Inference, (), {"temperature": False}, "Inference.temperature"),
    "a negative temperature": (Inference, (), {"temperature": -0.1}, "Inference.temperature"),
    "NaN": (Inference, (), {"temperature": NAN}, "Inference.temperature .* not nan"),
    "infinity": (Inference, (), {"top_p": INFINITY}, "Inference.top_p .* not inf"),
    "a negative top_k": (Inference, (), {"top_k": -5}, "Inference.top_k"),
    "a number that stops": (Inference, (), {"stop_sequences": 5}, "Inference.stop_sequences"),
    "numbers that stop": (Inference, (), {"stop_sequences": [5]}, "Inference.stop_sequences"),
    "a negative budget": (ReasoningRequest, (), {"budget_tokens": -1}, "budget_tokens"),
    "half a surrogate pair": (user, (HALF,), {}, "Text.text .* lone surrogate at character 1"),
    "half of one in a name": (ToolUse, ("t", HALF, {}), {}, "ToolUse.name"),
    "half of one in JSON": (ToolUse, ("t", "f", {"a": [HALF]}), {}, "ToolUse.input"),
    "half of one as a key": (ToolUse, ("t", "f", {HALF: 1}), {}, "ToolUse.input"),
    "half of one that stops": (Inference, (), {"stop_sequences": [HALF]}, "stop_sequences"),
    "half of one in a delta": (TextDelta, (HALF,), {}, "TextDelta.text"),
    "half of one in a query": (RerankRequest, (HALF, ["a"]), {}, "RerankRequest.query"),
    "half of one in a document": (RerankRequest, ("q", ["a", HALF]), {}, "RerankRequest.documents"),
    "half of one in an input": (EmbeddingRequest, (["a", HALF],), {}, "Text.text"),
    "NaN in JSON": (ToolUse, ("t", "f", {"a": [NAN]}), {}, "ToolUse.input .* not nan"),
    "NaN in a schema": (Tool, ("f", None, {"a": INFINITY}), {}, "Tool.input_schema"),
    "NaN in an option": (CompletionRequest, ("hi",), {"options": {"seed": NAN}}, "options"),
    "a number as a key": (ToolUse, ("t", "f", {1: 2}), {}, "ToolUse.input .* 1 as a key"),
    "a set as JSON": (Data, ({1, 2},), {}, "Data.value takes JSON, not a set"),
    "JSON that holds itself": (Data, (CYCLE,), {}, "Data.value"),
    "bytes in JSON": (Opaque, ("x", b"a"), {}, "Opaque.data"),
    "a list as extra": (Text, ("a",), {"extra": []}, "Text.extra takes a mapping"),
    "a list as metadata": (CompletionRequest, ("hi",), {"metadata": []}, "metadata"),
    "bytes as a URL": (Media, ("url", b"a"), {}, "Media.data takes text where `kind` is 'url'"),
    "bytes of another file": (Image, (b"RIFF1234WAVE",), {}, "Image.source takes bytes of a PNG"),
    "bytes of no file": (Document, (b"",), {}, "Document.source takes bytes of a PNG"),
    "a text as a source": (Image, ("https://a.example",), {}, "Image.source takes a Media"),
    "a number as text": (Text, (5,), {}, "Text.text takes text, not 5"),
    "a text as citations": (Text, ("a", "b"), {}, "Text.citations"),
    "a failure of 1": (ToolResult, ("t", "a", 1), {}, "ToolResult.is_error"),
    "settings of a list": (BuiltinTool, ("a", "b", "c", []), {}, "BuiltinTool.settings"),
    "a negative count": (Usage, (-1,), {}, "Usage.input_tokens"),
    "a count in words": (Usage, ("5",), {}, "Usage.input_tokens"),
    "counts of a mapping": (UsageUpdate, ({},), {}, "UsageUpdate.usage takes a Usage"),
    "a block of a mapping": (BlockStart, (0, {}), {}, "BlockStart.block"),
    "a negative index": (ToolInputDelta, ("{}", -1), {}, "ToolInputDelta.index"),
    "an unknown stop reason": (Stopped, ("bored",), {}, "Stopped.reason"),
    "NaN in a vector": (Vector, ((NAN,),), {}, "Vector.values"),
    "a text among numbers": (Vector, (("a",),), {}, "Vector.values"),
    "a mapping as a vector": (Vector, ({1: 2},), {}, "Vector.values .* not a dict"),
    "bytes as a vector": (Vector, (b"x",), {}, "Vector.values .* not a bytes"),
    "texts in no order": (Message, ("user", {"a", "b"}), {}, "Message.content .* not a set"),
    "a text as a tool's schema": (Tool, ("f", None, "str"), {}, "Tool.input_schema takes a map"),
    "a text as an output schema": (OutputSchema, ("str",), {}, "OutputSchema.schema takes a map"),
    "half a seed": (Inference, (), {"seed": 1.5}, "Inference.seed takes a whole number"),
    "a document of nothing": (Document, (), {}, "either `source` or `content`, not neither"),
    "a document of two": (Document, (PDF,), {"content": "a"}, "`content`, not both"),
    "a text as documents": (RerankRequest, ("q", 5), {}, "RerankRequest.documents"),
}


@pytest.mark.parametrize(("make", "given", "named", "why"), REFUSED.values(), ids=list(REFUSED))
def test_what_a_field_does_not_take_is_refused_by_name(
    make: Callable[..., object], given: tuple[Any, ...], named: dict[str, Any], why: str
) -> None:
    with pytest.raises(RequestError, match=why):
        make(*given, **named)


def test_a_refusal_holds_no_text_of_the_value() -> None:
    for make in (
        lambda: Message("my secret", "hi"),
        lambda: user("my secret\ud83d"),
        lambda: Inference(max_tokens="my secret"),  # type: ignore[arg-type]
        lambda: CompletionRequest({"role": "user", "my secret": 1}),
    ):
        with pytest.raises(RequestError) as refused:
            make()
        assert "secret" not in f"{refused.value} {refused.value.hint}"


def test_a_change_is_checked_as_the_first_value_was() -> None:
    with pytest.raises(RequestError, match=r"Text\.text"):
        evolve(Text("a"), text=5)
    assert evolve(HI, content="ho") == text_message(Role.USER, "ho")


# ── equality ──────────────────────────────────────────────────────────────────────────────────────


def test_true_is_not_1_in_json() -> None:
    assert ToolUse("t", "f", {"a": True}) != ToolUse("t", "f", {"a": 1})
    assert Text("a", extra={"b": [False]}) != Text("a", extra={"b": [0]})
    assert Data(True) != Data(1) and Data(True) == Data(True)


def test_a_whole_number_is_no_decimal_in_json() -> None:
    assert ToolUse("t", "f", {"a": 1}) != ToolUse("t", "f", {"a": 1.0})
    assert Data([1.0]) == Data([1.0]) != Data([1])


def test_the_order_of_an_object_s_members_says_nothing() -> None:
    one, other = {"a": 1, "b": {"c": 2, "d": 3}}, {"b": {"d": 3, "c": 2}, "a": 1}

    assert ToolUse("t", "f", one) == ToolUse("t", "f", other)
    assert canonical(one) == canonical(other) == '{"a":1,"b":{"c":2,"d":3}}'


def test_values_that_hold_json_hash_as_they_compare() -> None:
    one, other = {"a": 1, "b": [True, {}]}, {"b": [True, {}], "a": 1}

    assert hash(user([ToolUse("t", "f", one)])) == hash(user([ToolUse("t", "f", other)]))
    assert len({Data(1), Data(1.0), Data(True), Data([1]), Data({}), Data(None)}) == 6


def test_a_mapping_without_members_is_equal_however_it_was_given() -> None:
    assert Text("a", extra={}) == Text("a") == Text("a", extra=None)  # type: ignore[arg-type]


def test_json_is_held_and_not_copied() -> None:
    arguments = {"city": "Ulm"}

    assert ToolUse("t", "f", arguments).input is arguments


def test_how_a_value_is_spelled_is_compared() -> None:
    developer = evolve(text_message(Role.SYSTEM, "a"), spelling={"role": "developer"})
    assert developer != text_message(Role.SYSTEM, "a")


def test_the_text_of_arguments_is_dropped_once_they_are_others() -> None:
    call = ToolUse("t", "f", {"city": "Ulm"}, spelling={"input": '{ "city": "Ulm" }'})
    assert call.spelling == {"input": '{ "city": "Ulm" }'}

    redacted = evolve(call, input={"city": "***"})

    assert redacted == ToolUse("t", "f", {"city": "***"})
    assert "Ulm" not in str(dict(redacted.spelling))


# ── streams ───────────────────────────────────────────────────────────────────────────────────────


def test_reasoning_and_text_under_one_index_are_two_blocks() -> None:
    answer = assemble([ReasoningDelta("th", index=0), TextDelta("ans", 0), StreamEnded()])

    assert answer.content == (Reasoning("th"), Text("ans"))
    assert answer.text == "ans"


def test_streamed_arguments_keep_the_digits_of_their_numbers() -> None:
    written = '{"a": 12345678901234567890123, "b": -9223372036854775809, "c": 1.5}'
    start = BlockStart(0, ToolUse("t", "f", {}))
    pieces = [ToolInputDelta(written[:12], 0), ToolInputDelta(written[12:], 0)]

    (call,) = assemble([start, *pieces, StreamEnded()]).content

    assert isinstance(call, ToolUse)
    assert call.input == {"a": 12345678901234567890123, "b": -9223372036854775809, "c": 1.5}


def nested(levels: int, inner: Any = 1) -> Any:
    """`levels` objects and lists, one in another."""
    value = inner
    for level in range(levels):
        value = {"a": value} if level % 2 else [value]
    return value


@pytest.mark.parametrize("levels", [200, 201, 254, 3000])
def test_json_is_taken_to_the_depth_that_can_be_written(levels: int) -> None:
    if levels <= 200:
        value = Data(nested(levels)).value
        assert dumps({"messages": [{"content": [value]}]})
        return

    with pytest.raises(RequestError, match="at most 200 levels") as caught:
        Data(nested(levels))

    assert "Data.value" in caught.value.message


@pytest.mark.parametrize("subclass", [tuple, OrderedDict])
def test_a_deep_value_of_a_subclass_is_refused_too(subclass: Any) -> None:
    value: Any = 1
    for _ in range(201):
        value = subclass([value]) if subclass is tuple else subclass(a=value)

    with pytest.raises(RequestError, match="at most 200 levels"):
        Data(value)


def test_an_integer_that_cannot_be_written_is_refused() -> None:
    assert dumps(Data(10**4300 - 1).value)
    assert dumps(Data(1 - 10**4300).value)
    for value in (10**4300, -(10**4300), [10**5000]):
        with pytest.raises(RequestError, match="4,300 digits"):
            Data(value)
    with pytest.raises(RequestError, match="4,300 digits"):
        Inference(seed=10**4300)


def test_a_count_has_64_bits() -> None:
    assert Usage(input_tokens=2**63 - 1).input_tokens == 2**63 - 1

    with pytest.raises(RequestError, match=r"up to 2\^63-1"):
        Usage(input_tokens=2**63)
    with pytest.raises(RequestError, match=r"up to 2\^63-1"):
        Inference(max_tokens=10**5000)


def raising() -> Iterator[Any]:
    yield user("hi")
    raise KeyError("secret")


def test_an_iterable_that_raises_is_an_error_without_its_text() -> None:
    with pytest.raises(RequestError, match="a generator that raises KeyError") as caught:
        CompletionRequest(raising())  # type: ignore[arg-type]

    assert "secret" not in caught.value.message


def test_an_error_of_ours_from_an_iterable_stays() -> None:
    with pytest.raises(RequestError, match=r"Text\.text takes text"):
        CompletionRequest(Message(Role.USER, [Text(text)]) for text in (7,))  # type: ignore


@pytest.mark.parametrize(
    ("make", "takes"),
    [
        (lambda: ToolResult("call_1", {"a": 1}), r"or JSON as Data\(value\), not a dict"),
        (lambda: ToolResult("call_1", [{"a": 1}]), r"or JSON as Data\(value\), not a dict among"),
        (lambda: user({"a": 1}), r"content blocks \(Text\(…\), Image\(…\), .* not a dict"),
        (lambda: CompletionRequest(["a", Text("b")]), r"are `user\(\[…\]\)`\), not a str among"),
    ],
)
def test_what_is_given_in_another_form_is_told_of_the_right_one(make: Any, takes: str) -> None:
    with pytest.raises(RequestError, match=takes):
        make()


def test_a_tool_result_of_json_is_a_data_block() -> None:
    assert ToolResult("call_1", Data({"a": 1})).content == (Data({"a": 1}),)


def test_a_message_takes_texts_and_blocks_mixed() -> None:
    assert user(["a", Text("b")]).content == (Text("a"), Text("b"))


HINTS: dict[str, tuple[Callable[[], object], str]] = {
    "a path as an image": (lambda: Image("photo.png"), "Path(…).read_bytes()"),
    "a path as a document": (lambda: Document(Path("report.pdf")), "Path(…).read_bytes()"),
    "bytes of no image": (lambda: Image(b"notanimage"), 'Media("base64", data, "image/…")'),
    "bytes of a text": (lambda: Document(b"just text"), 'Media("text", …, "text/plain")'),
    "a block of a vendor's": (lambda: user([{"type": "text", "text": "hi"}]), "write `Text(…)`"),
    "the role tool": (
        lambda: CompletionRequest([{"role": "tool", "tool_call_id": "1", "content": "hi"}]),
        "user([ToolResult(id, answer)])",
    ),
}


@pytest.mark.parametrize("name", HINTS)
def test_a_slip_is_told_what_to_write(name: str) -> None:
    make, written = HINTS[name]
    with pytest.raises(RequestError) as caught:
        make()

    assert written in str(caught.value.hint)
