"""Output types, form by form: the schema of each, and answers that are read into it or refused
without a word of theirs."""

from __future__ import annotations

import dataclasses
import traceback
from datetime import date, datetime
from enum import Enum, IntEnum, StrEnum
from typing import Annotated, Any, Literal, Optional

import attrs
import orjson
import pytest
from toy_chat import answered, asked_of, runtime_on

from axonflow_core.blocking import BlockingRuntime
from axonflow_core.errors import DecodeError, RequestError
from axonflow_core.messages import Completion, CompletionRequest, StopReason, Text
from axonflow_core.output_types import output_of, schema_of


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Level(IntEnum):
    LOW = 1
    HIGH = 2


@attrs.frozen
class City:
    """A city.

    Nothing of this is in a schema.
    """

    name: str
    population: Annotated[int, "Inhabitants."] = 0
    tags: list[str] = attrs.Factory(list)


@dataclasses.dataclass(frozen=True)
class Point:
    x: float
    y: float = 0.0
    labels: dict[str, str] = dataclasses.field(default_factory=dict)


@attrs.frozen
class Route:
    """A way between cities."""

    start: City
    stops: tuple[City, ...]
    at: Point | None = None


@attrs.define
class Node:
    name: str
    children: list[Node] = attrs.Factory(list)


@dataclasses.dataclass
class Employee:
    name: str
    boss: Optional[Employee] = None  # noqa: UP045 - the older spelling


@attrs.define
class Account:
    _number: int
    is_open: bool = attrs.field(default=True, init=False)


@attrs.define
class Strict:
    percentage: int = attrs.field(validator=attrs.validators.le(100))


CITY = {
    "type": "object",
    "description": "A city.",
    "properties": {
        "name": {"type": "string"},
        "population": {"type": "integer", "description": "Inhabitants."},
        "tags": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["name"],
    "additionalProperties": False,
}
NODE = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "children": {"type": "array", "items": {"$ref": "#/$defs/Node"}},
    },
    "required": ["name"],
    "additionalProperties": False,
}


def parsed(kind: Any, value: Any) -> Any:
    """What an answer of `value` as JSON is read as."""
    _, parse = output_of(kind)
    return parse(Completion((Text(orjson.dumps(value).decode()),), StopReason.END_TURN))


# ── schemas ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("kind", "schema"),
    [
        (Any, {}),
        (str, {"type": "string"}),
        (int, {"type": "integer"}),
        (float, {"type": "number"}),
        (bool, {"type": "boolean"}),
        (Literal["a", 1], {"enum": ["a", 1]}),
        (Colour, {"enum": ["red", "blue"]}),
        (int | None, {"anyOf": [{"type": "integer"}, {"type": "null"}]}),
        (Optional[str], {"anyOf": [{"type": "string"}, {"type": "null"}]}),  # noqa: UP045
        (list, {"type": "array"}),
        (list[int], {"type": "array", "items": {"type": "integer"}}),
        (set[int], {"type": "array", "items": {"type": "integer"}}),
        (tuple[int, ...], {"type": "array", "items": {"type": "integer"}}),
        (
            tuple[int, str],
            {
                "type": "array",
                "prefixItems": [{"type": "integer"}, {"type": "string"}],
                "minItems": 2,
                "maxItems": 2,
            },
        ),
        (dict, {"type": "object"}),
        (dict[str, int], {"type": "object", "additionalProperties": {"type": "integer"}}),
        (City, CITY),
        (list[City], {"type": "array", "items": CITY}),
    ],
    ids=str,
)
def test_a_type_has_a_schema(kind: Any, schema: Any) -> None:
    assert schema_of(kind) == schema


def test_a_dataclass_has_the_schema_of_its_fields() -> None:
    assert schema_of(Point)["required"] == ["x"]
    assert "description" not in schema_of(Point)  # what `dataclass` generates describes nothing


def test_a_class_that_is_met_again_is_a_reference() -> None:
    schema = schema_of(Route)

    assert schema["properties"]["start"] == CITY
    assert schema["properties"]["stops"]["items"] == {"$ref": "#/$defs/City"}
    assert schema["$defs"] == {"City": CITY}


def test_a_type_that_contains_itself_has_a_schema_that_can_be_written() -> None:
    schema = schema_of(Node)

    assert orjson.loads(orjson.dumps(schema)) == {**NODE, "$defs": {"Node": NODE}}


def test_two_classes_of_one_name_are_two_definitions() -> None:
    other = attrs.make_class("City", {"mayor": attrs.field(type=str)})
    both = attrs.make_class(
        "Both",
        {
            "a": attrs.field(type=City),
            "b": attrs.field(type=other),
            "again": attrs.field(type=tuple[City, other]),
        },
    )

    assert set(schema_of(both)["$defs"]) == {"City", "City2"}
    assert schema_of(both)["$defs"]["City2"]["required"] == ["mayor"]


def test_only_what_a_constructor_takes_is_asked_for() -> None:
    assert list(schema_of(Account)["properties"]) == ["number"]


@pytest.mark.parametrize("kind", [bytes, object, complex, [int], "City", 7, list[bytes]], ids=str)
def test_a_type_without_a_schema_is_refused(kind: Any) -> None:
    with pytest.raises(RequestError, match="an output schema cannot be made of"):
        schema_of(kind)


def test_keys_that_are_no_text_are_refused() -> None:
    with pytest.raises(RequestError, match="keys of a JSON object are strings"):
        schema_of(dict[int, str])


def test_a_type_that_only_a_function_knows_is_refused_by_its_name() -> None:
    @attrs.define
    class Inner: ...

    @attrs.define
    class Outer:
        inner: Inner

    with pytest.raises(RequestError, match="annotations of Outer name Inner"):
        schema_of(Outer)


# ── answers ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("kind", "value", "instance"),
    [
        (City, {"name": "Oslo"}, City("Oslo")),
        (City, {"name": "Oslo", "tags": ["sea"]}, City("Oslo", 0, ["sea"])),
        (Point, {"x": 1, "labels": {"a": "b"}}, Point(1.0, 0.0, {"a": "b"})),
        (
            Route,
            {"start": {"name": "A"}, "stops": [{"name": "B"}], "at": {"x": 0.5}},
            Route(City("A"), (City("B"),), Point(0.5)),
        ),
        (Route, {"start": {"name": "A"}, "stops": [], "at": None}, Route(City("A"), ())),
        (Node, {"name": "a", "children": [{"name": "b"}]}, Node("a", [Node("b")])),
        (Employee, {"name": "a", "boss": {"name": "b"}}, Employee("a", Employee("b"))),
        (Account, {"number": 7}, Account(7)),
        (Colour, "blue", Colour.BLUE),
        (Level, 2, Level.HIGH),
        (Literal["a", 1], 1, 1),
        (Literal[Colour.RED], "red", Colour.RED),
        (int | str, "5", "5"),
        (float | int, 5, 5),
        (City | Point, {"x": 1.0}, Point(1.0)),
        (list[City], [{"name": "Oslo"}], [City("Oslo")]),
        (set[int], [1, 2, 1], {1, 2}),
        (tuple[int, str], [1, "a"], (1, "a")),
        (dict[str, City], {"a": {"name": "Oslo"}}, {"a": City("Oslo")}),
        (Any, [1, {"a": None}], [1, {"a": None}]),
        ({"type": "object"}, {"a": 1}, {"a": 1}),
    ],
    ids=str,
)
def test_an_answer_is_read_into_its_type(kind: Any, value: Any, instance: Any) -> None:
    found = parsed(kind, value)

    assert found == instance
    assert type(found) is type(instance)


SECRET = "planted-secret"


@pytest.mark.parametrize(
    ("kind", "value", "reason"),
    [
        (City, {}, "missing @ $.name"),
        (City, [SECRET], "array, not object @ $"),
        (City, {"name": 5}, "integer, not string @ $.name"),
        (City, {"name": "a", "population": SECRET}, "string, not integer @ $.population"),
        (City, {"name": "a", "population": 1.5}, "number, not integer @ $.population"),
        (City, {"name": "a", "population": True}, "boolean, not integer @ $.population"),
        (City, {"name": "a", "tags": SECRET}, "string, not array @ $.tags"),
        (City, {"name": "a", "tags": [None]}, "null, not string @ $.tags[0]"),
        (City, {"name": "a", SECRET: 1}, "unknown members @ $"),
        (Route, {"start": {"name": "a"}, "stops": [{}]}, "missing @ $.stops[0].name"),
        (Route, {"start": {"name": "a"}, "stops": [], "at": SECRET}, "string, not object @ $.at"),
        (Point, {"x": 10**400}, "beyond the range of floats @ $.x"),
        (Point, {"x": 1, "labels": {SECRET: 1}}, "integer, not string @ $.labels[…]"),
        (Colour, SECRET, "none of the 2 values"),
        (Level, True, "none of the 2 values"),
        (int | bool, SECRET, "none of the 2 types"),
        (tuple[int, str], [1], "1 items, not 2 @ $"),
        (dict[str, int], [SECRET], "array, not object @ $"),
        (Strict, {"percentage": 700}, "ValueError of Strict @ $"),
        (
            Node,
            {"name": "a", "children": [{"name": SECRET, "children": 1}]},
            "integer, not array @ $.children[0].children",
        ),
    ],
    ids=str,
)
def test_a_wrong_answer_is_an_error_that_quotes_none_of_it(
    kind: Any, value: Any, reason: str
) -> None:
    text = orjson.dumps(value).decode() if value != {"x": 10**400} else f'{{"x": {10**400}}}'

    with pytest.raises(DecodeError) as wrong:
        output_of(kind)[1](Completion((Text(text),), StopReason.END_TURN))

    shown = "".join(traceback.format_exception(wrong.value))
    assert reason in str(wrong.value)
    assert SECRET not in shown
    assert "700" not in shown


def test_an_answer_that_is_no_json_tells_its_length_and_end() -> None:
    cut = Completion((Text(f'{{"name": "{SECRET}'),), StopReason.MAX_TOKENS)

    with pytest.raises(DecodeError, match="24 characters, stop reason max_tokens") as wrong:
        output_of(City)[1](cut)

    assert SECRET not in "".join(traceback.format_exception(wrong.value))


def test_an_answer_that_is_nested_too_deeply_is_an_error() -> None:
    text = '{"name":"a","children":[' * 500 + "]}" * 500

    with pytest.raises(DecodeError, match="nested too deeply"):
        output_of(Node)[1](Completion((Text(text),), StopReason.END_TURN))


# ── through the runtime ───────────────────────────────────────────────────────────────────────────


def oslo(request: CompletionRequest) -> Completion:
    return Completion((Text('{"name": "Oslo", "population": 700000}'),), StopReason.END_TURN)


async def test_an_answer_is_parsed_whole_and_streamed() -> None:
    client = answered(oslo)
    async with runtime_on(client) as runtime:
        whole = await runtime.complete("Describe Oslo.", output_schema=City)
        async with runtime.stream("Describe Oslo.", output_schema=City) as stream:
            streamed = await stream.completion()

    assert whole.parsed == streamed.parsed == City("Oslo", 700_000)
    asked = [request.output_schema for request in asked_of(client)]
    assert [output and output.schema for output in asked] == [CITY, CITY]


def test_an_answer_is_parsed_by_a_blocking_runtime_too() -> None:
    with BlockingRuntime(runtime_on(answered(oslo))) as runtime:
        whole = runtime.complete("Describe Oslo.", output_schema=City)
        with runtime.stream("Describe Oslo.", output_schema=City) as stream:
            streamed = stream.completion()

    assert whole.parsed == streamed.parsed == City("Oslo", 700_000)


async def test_an_answer_to_a_json_schema_is_parsed_as_json() -> None:
    async with runtime_on(answered(oslo)) as runtime:
        completion = await runtime.complete("Describe Oslo.", output_schema={"type": "object"})

    assert completion.parsed == {"name": "Oslo", "population": 700_000}


async def test_without_an_output_schema_nothing_is_parsed() -> None:
    async with runtime_on(answered(oslo)) as runtime:
        assert (await runtime.complete("Describe Oslo.")).parsed is None


async def test_a_wrong_answer_is_an_error_whole_and_streamed() -> None:
    async with runtime_on(answered(oslo)) as runtime:
        with pytest.raises(DecodeError, match="not a Point"):
            await runtime.complete("Describe Oslo.", output_schema=Point)
        async with runtime.stream("Describe Oslo.", output_schema=Point) as stream:
            with pytest.raises(DecodeError, match="not a Point"):
                await stream.completion()


class Size(StrEnum):
    SMALL = "small"


def test_an_enum_of_texts_is_read_as_its_member() -> None:
    assert type(parsed(Size, "small")) is Size
    with pytest.raises(DecodeError, match="none of the 1 values"):
        parsed(Size, "huge")


def test_fields_may_have_any_name() -> None:
    named = attrs.make_class(
        "Named", {"kind": attrs.field(type=str), "place": attrs.field(type=str)}
    )

    assert parsed(named, {"kind": "a", "place": "b"}) == named("a", "b")


@pytest.mark.parametrize(
    ("kind", "value"), [(date, "2026-11-28"), (datetime, "2026-11-28T09:30:00+00:00")]
)
def test_dates_are_read_from_texts_alone(kind: Any, value: str) -> None:
    assert parsed(kind, value) == kind.fromisoformat(value)
    for wrong in (SECRET, 5, None):
        with pytest.raises(DecodeError) as refused:
            parsed(kind, wrong)
        assert SECRET not in "".join(traceback.format_exception(refused.value))
