"""Types of Python as output schemas, and answers read into them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from enum import Enum
from typing import Annotated, Any, Literal, cast

import attrs
import pytest

from axonflow_core import Completion, Json, OutputSchema, schema_of
from axonflow_core.errors import DecodeError, RequestError
from axonflow_core.json import dumps
from axonflow_core.output_types import output_of

SECRET = "planted-content"


class Size(Enum):
    SMALL = "small"
    LARGE = "large"


@attrs.frozen
class City:
    """A city and its people.

    The rest of the docstring is for readers of the code.
    """

    name: str
    population: int
    area_km2: float | None = None
    label: str = attrs.field(init=False, default="")


@dataclass
class Trip:
    start: City
    stops: list[City]
    budget: dict[str, int] = field(default_factory=dict)
    size: Size = Size.SMALL
    mode: Literal["rail", "road"] = "rail"
    day: date | None = None
    note: Annotated[str, "What else matters."] = ""
    cost: int = field(init=False, default=0)


@attrs.define
class Folder:
    name: str
    folders: list[Folder] = attrs.Factory(list)


@dataclass
class Cat:
    kind: Literal["cat"]
    lives: int


@dataclass
class Dog:
    kind: Literal["dog"]
    tricks: int


@dataclass
class Pets:
    pets: list[Cat | Dog]
    label: int | str


def read(kind: Any, answer: Json) -> Any:
    """`answer`, as JSON or as the text that it is, read as a `kind`."""
    _, parse = output_of(kind)
    text = answer if isinstance(answer, str) else dumps(answer).decode()
    return parse(Completion(text, "end_turn"))


# ── schemas ───────────────────────────────────────────────────────────────────────────────────────


def test_a_class_is_an_object_whose_fields_without_a_default_are_required() -> None:
    assert schema_of(City) == {
        "type": "object",
        "description": "A city and its people.",
        "properties": {
            "name": {"type": "string"},
            "population": {"type": "integer"},
            "area_km2": {"anyOf": [{"type": "number"}, {"type": "null"}]},
        },
        "required": ["name", "population"],
        "additionalProperties": False,
    }


def test_every_kind_of_field_has_a_schema() -> None:
    properties = cast(dict[str, Json], schema_of(Trip)["properties"])
    del properties["start"], properties["stops"]

    assert properties == {
        "budget": {"type": "object", "additionalProperties": {"type": "integer"}},
        "size": {"enum": ["small", "large"]},
        "mode": {"enum": ["rail", "road"]},
        "day": {"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}]},
        "note": {"type": "string", "description": "What else matters."},
    }


@pytest.mark.parametrize(
    ("kind", "schema"),
    [
        (bool, {"type": "boolean"}),
        (None.__class__, {"type": "null"}),
        (list, {"type": "array"}),
        (set[str], {"type": "array", "items": {"type": "string"}}),
        (tuple[int, ...], {"type": "array", "items": {"type": "integer"}}),
        (dict, {"type": "object"}),
        (Any, {}),
        (
            tuple[int, str],
            {
                "type": "array",
                "prefixItems": [{"type": "integer"}, {"type": "string"}],
                "minItems": 2,
                "maxItems": 2,
            },
        ),
    ],
)
def test_a_plain_type_has_its_schema(kind: Any, schema: Json) -> None:
    assert schema_of(kind) == schema


def test_a_type_that_contains_itself_is_a_reference() -> None:
    schema = schema_of(Folder)

    definition = cast(dict[str, Any], schema["$defs"])["Folder"]
    assert definition["properties"]["folders"]["items"] == {"$ref": "#/$defs/Folder"}
    assert OutputSchema(schema).schema == schema  # it is finite, so it can be sent


def test_two_classes_of_one_name_keep_their_own_schemas() -> None:
    other = attrs.make_class("City", {"code": attrs.field(type=int)})
    both = attrs.make_class("Both", {"a": attrs.field(type=City), "b": attrs.field(type=other)})

    properties = cast(dict[str, Any], schema_of(both)["properties"])

    assert list(properties["a"]["properties"]) == ["name", "population", "area_km2"]
    assert list(properties["b"]["properties"]) == ["code"]


@pytest.mark.parametrize("kind", [object, bytes, dict[int, str], list[complex], City("Oslo", 1)])
def test_a_type_without_a_schema_is_refused_before_anything_is_sent(kind: Any) -> None:
    with pytest.raises(RequestError) as caught:
        output_of(kind)

    assert caught.value.hint


def test_an_annotation_that_cannot_be_resolved_is_named() -> None:
    lost = attrs.make_class("Lost", {"at": attrs.field(type="Nowhere")})  # type: ignore[arg-type]

    with pytest.raises(RequestError, match=r"annotations of Lost name Nowhere"):
        schema_of(lost)


def test_a_json_schema_is_sent_as_it_is_under_its_title() -> None:
    schema: dict[str, Json] = {"title": "Answer", "type": "object"}

    asked, _ = output_of(schema)

    assert asked == OutputSchema(schema, name="Answer")


# ── answers ───────────────────────────────────────────────────────────────────────────────────────


def test_an_answer_becomes_an_instance() -> None:
    oslo = {"name": "Oslo", "population": 717710}

    trip = read(Trip, {"start": oslo, "stops": [oslo], "size": "large", "day": "2026-11-28"})

    city = City("Oslo", 717710)
    assert trip == Trip(city, [city], size=Size.LARGE, day=date(2026, 11, 28))


def test_a_recursive_answer_becomes_instances() -> None:
    assert read(Folder, {"name": "a", "folders": [{"name": "b"}]}) == Folder("a", [Folder("b")])


def test_a_choice_of_types_is_the_first_that_the_answer_fits() -> None:
    pets = {"pets": [{"kind": "cat", "lives": 9}, {"kind": "dog", "tricks": 2}], "label": "home"}

    assert read(Pets, pets) == Pets([Cat("cat", 9), Dog("dog", 2)], "home")
    assert read(list[int | str], [1, "a"]) == [1, "a"]


def test_a_whole_number_is_a_float_where_one_was_asked_for() -> None:
    area = read(City, {"name": "Oslo", "population": 1, "area_km2": 454}).area_km2

    assert (area, type(area)) == (454.0, float)


def test_the_answer_to_a_json_schema_is_json() -> None:
    assert read({"type": "object"}, {"a": [1, None]}) == {"a": [1, None]}
    assert read(OutputSchema(), '{"a": 12345678901234567890}') == {"a": 12345678901234567890}


@pytest.mark.parametrize(
    ("answer", "place"),
    [
        ({"name": "Oslo"}, "missing @ $.population"),
        ({"name": SECRET, "population": SECRET}, "string, not integer @ $.population"),
        ({"name": "Oslo", "population": 1, SECRET: 1}, "unknown members @ $"),
        ({"name": "Oslo", "population": True}, "$.population"),
        ([SECRET], "City"),
        (f"The city is {SECRET}.", "not the JSON that was asked for: 28"),
        ("", "0 characters, stop reason end_turn"),
    ],
)
def test_a_wrong_answer_says_where_and_never_what(answer: Json, place: str) -> None:
    with pytest.raises(DecodeError) as caught:
        read(City, answer)

    assert place in caught.value.message
    assert SECRET not in f"{caught.value!r} {caught.value.hint}"
    assert caught.value.__cause__ is None and caught.value.__suppress_context__


def test_the_keys_of_a_mapping_are_content_and_not_shown() -> None:
    oslo = {"name": "Oslo", "population": 1}

    with pytest.raises(DecodeError, match=r"\$\.budget\[…\]") as caught:
        read(Trip, {"start": oslo, "stops": [], "budget": {f"a]{SECRET}": "x"}})

    assert SECRET not in str(caught.value)


class Model:
    """What pydantic's models have, without pydantic."""

    def __init__(self, value: Json) -> None:
        self.value = value

    @classmethod
    def model_json_schema(cls) -> dict[str, Json]:
        return {"type": "object", "title": "Model"}

    @classmethod
    def model_validate(cls, value: Json) -> Model:
        if "wrong" in value:
            raise ValueError(SECRET)
        return cls(value)


def test_a_class_that_makes_its_own_schema_reads_its_own_answer() -> None:
    asked, _ = output_of(Model)

    assert asked == OutputSchema({"type": "object", "title": "Model"}, name="Model")
    assert read(Model, {"a": 1}).value == {"a": 1}
    with pytest.raises(DecodeError, match=r"not a Model: ValueError of Model @ \$"):
        read(Model, {"wrong": 1})


def test_a_class_of_a_function_may_contain_itself() -> None:
    @dataclass
    class Branch:
        name: str
        branches: list[Branch]

    schema = cast(dict[str, Any], schema_of(Branch))

    assert schema["properties"]["branches"]["items"] == {"$ref": "#/$defs/Branch"}
    assert read(Branch, {"name": "a", "branches": []}) == Branch("a", [])


def test_a_class_of_a_function_that_names_another_is_told_where_to_define_it() -> None:
    @dataclass
    class Leaf:
        name: str

    @dataclass
    class Tree:
        leaves: list[Leaf]

    with pytest.raises(RequestError, match="Tree name Leaf, which its module does not") as caught:
        schema_of(Tree)

    assert "define or import Leaf at the level of the module" in str(caught.value.hint)


@dataclass
class Snake:
    tail: Snake


@attrs.frozen
class Hen:
    egg: Egg


@attrs.frozen
class Egg:
    hen: Hen


@pytest.mark.parametrize(
    ("kind", "message", "hint"),
    [
        (Snake, "Snake.tail must hold a Snake", "Snake | None, a default, or a list"),
        (list[Hen], "Egg.hen must hold a Hen", "Hen | None"),
    ],
)
def test_a_class_that_must_contain_itself_is_refused(kind: Any, message: str, hint: str) -> None:
    with pytest.raises(RequestError, match="would never end") as caught:
        schema_of(kind)

    assert message in caught.value.message
    assert hint in str(caught.value.hint)
