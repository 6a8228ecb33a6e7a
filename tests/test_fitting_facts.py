"""Each fact about a model, and what fitting makes of a request that goes against it: the request as
it is sent and what was reported, or the words of the refusal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from attrs import evolve
from test_fitting import ANY, asked, call, family, fitted, result

from axonflow_core.codec import Feature, ModelFacts
from axonflow_core.codec.facts import BesideReasoning, NumberRange, ReasoningControls
from axonflow_core.codec.name_rules import NameRule
from axonflow_core.errors import EncodeError
from axonflow_core.fitting import Unsupported, fit
from axonflow_core.messages import (
    CachePoint,
    CompletionRequest,
    Document,
    Inference,
    Json,
    Media,
    MediaKind,
    Message,
    OutputSchema,
    Reasoning,
    ReasoningRequest,
    Role,
    Text,
    Tool,
    ToolChoice,
    ToolChoiceMode,
    ToolUse,
    assistant,
    user,
)

SCHEMA: Mapping[str, Json] = {"type": "object"}
WEATHER = Tool("weather", "the weather", SCHEMA)
AUTO, TOOL = ToolChoiceMode.AUTO, ToolChoiceMode.TOOL
TEXT = Document(Media(MediaKind.TEXT, "x"), name="a")
SIGNED = ReasoningControls(has_budget=True, modes=frozenset({"enabled"}), opens_calls=True)
BESIDE = BesideReasoning(
    without=frozenset({Feature.TOP_K, Feature.PREFILL}),
    ranges=(NumberRange("temperature", 1, 1), NumberRange("top_p", 0.95, 1)),
    tool_choices=frozenset({AUTO}),
    has_limit=False,
)
EXCLUSIVE = evolve(SIGNED, beside=BESIDE)
THINKING = ReasoningRequest("enabled", 2000)


def stops(*sequences: str) -> CompletionRequest:
    return asked(inference=Inference(stop_sequences=sequences))


def offering(*tools: Any, **parts: Any) -> CompletionRequest:
    return asked(tools=tools, **parts)


def cached(*times: str | None) -> CompletionRequest:
    return asked(
        Message(Role.USER, tuple(b for ttl in times for b in (Text("a"), CachePoint(ttl))))
    )


def turns(*contents: Any) -> CompletionRequest:
    """Messages of the user and the assistant in turn."""
    roles = (Role.USER, Role.ASSISTANT)
    return asked(*(Message(roles[n % 2], content) for n, content in enumerate(contents)))


REFUSED: list[tuple[CompletionRequest, dict[str, Any], str]] = [
    (stops(" "), {"has_blank_stops": False}, "blanks alone"),
    (stops("abc"), {"max_stop_characters": 2}, "of 3 characters: it takes 2"),
    (stops("a", "b"), {"max_stop_sequences": 1}, "2 stop sequences: it takes 1"),
    (offering(Tool("")), {}, "tool 1 of 1: it has no name"),
    (offering(WEATHER, WEATHER), {"has_unique_tools": True}, "two tools of the name weather"),
    (offering(Tool("t", None, {"type": "array"})), {"has_object_schemas": True}, "tool t"),
    (offering(Tool("t", None, {"not": {}})), {"refused_in_schemas": frozenset({"not"})}, "`not`"),
    (
        offering(Tool("t", None, {"properties": {"a b": {}}})),
        {"argument_names": NameRule("a-z", 9)},
        "an argument 'a b'",
    ),
    (offering(WEATHER, tool_choice=ToolChoice(TOOL, "x")), {}, "the tool choice x"),
    (asked(user("a"), call()), {"pairs_results": True}, "the call call-1 without its result"),
    (asked(user("a"), call(), user("b")), {"pairs_results": True}, "without its result"),
    (asked(result()), {"pairs_results": True}, "the result of the call call-1"),
    (turns((TEXT,)), {"documents_with_text": True}, "a document without a text"),
    (CompletionRequest(()), {"needs_messages": True}, "a request without messages"),
    (turns((Text(" "),)), {"refuses_blanks": True}, "a last message without content"),
    (
        offering(WEATHER, tool_choice=ToolChoice(TOOL, "weather"), reasoning=THINKING),
        {"reasoning": EXCLUSIVE},
        "tool choice `tool` next to reasoning",
    ),
    (
        asked(user("a"), assistant("b"), reasoning=THINKING),
        {"reasoning": EXCLUSIVE},
        "at the end next to reasoning",
    ),
]


@pytest.mark.parametrize(("request_", "facts", "words"), REFUSED)
def test_what_says_something_is_refused_by_name_and_told_how_to_mend(
    request_: CompletionRequest, facts: dict[str, Any], words: str
) -> None:
    with pytest.raises(EncodeError) as caught:
        fitted(request_, **facts)

    assert words in caught.value.message
    assert caught.value.feature and caught.value.hint


CHANGED: list[tuple[CompletionRequest, dict[str, Any], CompletionRequest, list[str]]] = [
    (stops("", "a"), {}, stops("a"), ["stop_sequences"]),
    (offering(Tool("t", " ")), {}, offering(Tool("t")), ["tools"]),
    (
        offering(Tool("t", is_strict=True)),
        {"has_strict_tools": False},
        offering(Tool("t")),
        ["tools"],
    ),
    (offering(Tool("t", is_strict=False)), {"has_strict_tools": False}, offering(Tool("t")), []),
    (
        offering(Tool("t", None, {"properties": {}})),
        {"has_object_schemas": True},
        offering(Tool("t", None, {"type": "object", "properties": {}})),
        ["tools"],
    ),
    (
        asked(output_schema=OutputSchema({"type": "object", "anyOf": [{"type": "object"}]})),
        {"has_closed_outputs": True},
        asked(
            output_schema=OutputSchema(
                {
                    "type": "object",
                    "anyOf": [{"type": "object", "additionalProperties": False}],
                    "additionalProperties": False,
                }
            )
        ),
        ["output schema"],
    ),
    (
        asked(output_schema=OutputSchema({"properties": {"minimum": {"type": "integer"}}})),
        {"refused_in_outputs": frozenset({"minimum"})},
        asked(output_schema=OutputSchema({"properties": {"minimum": {"type": "integer"}}})),
        [],
    ),
    (turns("a", (), "b"), {"refuses_blanks": True}, asked(user("a"), user("b")), ["blank content"]),
    (turns("a", "b "), {"refuses_blank_end": True}, turns("a", "b"), ["blank content"]),
    (
        turns("a", (Text("b\n"), CachePoint())),
        {"refuses_blank_end": True},
        turns("a", (Text("b"), CachePoint())),
        ["blank content"],
    ),
    (cached("1h"), {"cache_ttls": ()}, cached(None), ["cache points"]),
    (cached("5m"), {"cache_ttls": ()}, cached(None), []),
    (
        cached("5m", "1h", None),
        {"cache_ttls": ("5m", "1h")},
        cached("5m", None, None),
        ["cache points"],
    ),
    (
        offering(WEATHER, CachePoint()),
        {"uncached": frozenset({Feature.TOOLS})},
        offering(WEATHER),
        ["cache points"],
    ),
    (
        turns("a", (Reasoning("hm"), CachePoint(), Text("b"))),
        {"uncached": frozenset({Feature.REASONING})},
        turns("a", (Reasoning("hm"), Text("b"))),
        ["cache points"],
    ),
    (
        turns("a", (Reasoning("hm"), Text("b")), "c"),
        {"reasoning": ReasoningControls(has_history=False)},
        turns("a", "b", "c"),
        ["reasoning"],
    ),
    (turns((Reasoning("hm"), Text("a"))), {}, turns("a"), ["reasoning"]),
    (
        asked(
            reasoning=THINKING,
            inference=Inference(max_tokens=8000, temperature=0, top_p=0.5, top_k=1),
        ),
        {"reasoning": EXCLUSIVE},
        asked(reasoning=THINKING, inference=Inference(top_p=0.95)),
        ["top_k", "temperature", "top_p", "max_tokens"],
    ),
    (
        asked(user("a"), call(), result(), reasoning=THINKING),
        {"reasoning": SIGNED},
        asked(user("a"), call(), result()),
        ["reasoning"],
    ),
    (
        asked(reasoning=ReasoningRequest("enabled", 9000)),
        {"reasoning": SIGNED},
        asked(reasoning=ReasoningRequest("enabled", 9000), inference=Inference(13_096)),
        ["max_tokens"],
    ),
    (
        asked(
            reasoning=ReasoningRequest("enabled", 9000),
            inference=Inference(8000),
            options={"x": {"anthropic_beta": ["interleaved-thinking-2025-05-14"]}},
        ),
        {"reasoning": SIGNED},
        asked(
            reasoning=ReasoningRequest("enabled", 9000),
            inference=Inference(8000),
            options={"x": {"anthropic_beta": ["interleaved-thinking-2025-05-14"]}},
        ),
        [],
    ),
]


@pytest.mark.parametrize(("request_", "facts", "sent", "told"), CHANGED)
def test_what_can_be_sent_otherwise_is_and_the_change_is_told(
    request_: CompletionRequest, facts: dict[str, Any], sent: CompletionRequest, told: list[str]
) -> None:
    made = fit(request_, ANY, ModelFacts(base_id="any.model", **facts))

    assert made.request == sent
    assert [each.feature for each in made.adjustments] == told
    again = fit(made.request, ANY, ModelFacts(base_id="any.model", **facts))
    assert (again.request, again.adjustments) == (sent, ()), "what fits is left alone"


@pytest.mark.parametrize(("request_", "facts", "sent", "told"), CHANGED)
def test_a_model_without_that_fact_gets_the_request_as_it_is(
    request_: CompletionRequest, facts: dict[str, Any], sent: CompletionRequest, told: list[str]
) -> None:
    """The control: no family is held to the rules of another."""
    made = fit(request_, ANY, ModelFacts(base_id="any.model"))

    assert made.request == (sent if not facts else request_)


def test_arguments_that_a_limit_cut_stand_in_an_object_where_one_is_due() -> None:
    cut = Message(Role.ASSISTANT, (ToolUse("t", "f", '{"a": '),))

    made = fit(asked(user("a"), cut), ANY, ModelFacts(base_id="any.model"))
    text = fit(asked(user("a"), cut), evolve(ANY, has_text_arguments=True), ModelFacts())

    (block,) = made.request.messages[1].content
    assert isinstance(block, ToolUse) and block.input == {"arguments": '{"a": '}
    assert [each.feature for each in made.adjustments] == ["tools"]
    assert text.request.messages[1] == cut


def test_parameters_are_refused_where_the_operator_wants_that() -> None:
    request = asked(reasoning=THINKING, inference=Inference(top_k=1))

    with pytest.raises(EncodeError, match="top_k as asked"):
        fit(request, family(), ModelFacts(reasoning=EXCLUSIVE), Unsupported.ERROR)
