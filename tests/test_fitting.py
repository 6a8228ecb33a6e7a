"""A request made to fit its model: nothing lost, everything told, and what cannot be said refused
by name."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from itertools import groupby, pairwise
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from axonflow_core.codec import (
    FamilyCodec,
    Feature,
    ModelFacts,
    NativeNames,
    blocks_of,
    features_of,
)
from axonflow_core.codec.facts import NumberRange, ReasoningControls
from axonflow_core.codec.name_rules import NameRule
from axonflow_core.errors import EncodeError
from axonflow_core.fitting import Fitted, Unsupported, fit
from axonflow_core.messages import (
    Adjustment,
    CachePoint,
    Completion,
    CompletionRequest,
    ContentBlock,
    Data,
    Document,
    Image,
    Inference,
    Media,
    MediaKind,
    Message,
    ReasoningRequest,
    Role,
    StopReason,
    Text,
    Tool,
    ToolChoice,
    ToolChoiceMode,
    ToolResult,
    ToolUse,
    assistant,
    user,
)
from axonflow_core.stream import BlockStart, CitationDelta, TextDelta

NAMES = NameRule("a-zA-Z0-9_-", 64)
EVERYTHING = frozenset(Feature)


def family(features: Iterable[Feature] = EVERYTHING) -> FamilyCodec:
    """A family whose JSON is the request itself."""

    def itself(value: Any, facts: ModelFacts) -> Any:
        return value

    return FamilyCodec(
        family="any",
        models=("any.",),
        features=frozenset(features),
        stop_reasons=NativeNames({"stop": StopReason.END_TURN}),
        documented=frozenset(),
        evidence="none: made up",
        encode_request=itself,
        decode_request=itself,
        decode_response=itself,
        encode_response=itself,
        stream_decoder=lambda facts: None,  # type: ignore[arg-type, return-value]
        stream_encoder=lambda context, facts: None,  # type: ignore[arg-type, return-value]
    )


ANY = family()


def fitted(request: CompletionRequest, codec: FamilyCodec = ANY, **facts: Any) -> Fitted:
    """The fitted request, which the codec then takes as it is."""
    model = ModelFacts(base_id="any.model", **facts)
    result = fit(request, codec, model)
    assert codec.encode_request(result.request, model) == result.request
    return result


def asked(*messages: Message, **parts: Any) -> CompletionRequest:
    return CompletionRequest(messages or (user("hi"),), **parts)


def call(name: str = "weather", id: str = "call-1") -> Message:
    return Message(Role.ASSISTANT, (ToolUse(id, name, {"city": "Ulm"}),))


def result(*beside: ContentBlock, id: str = "call-1") -> Message:
    return Message(Role.USER, (ToolResult(id, "rain"), *beside))


SAMPLED = asked(inference=Inference(temperature=0.5, top_p=0.9, top_k=5, stop_sequences=("END",)))
SAMPLING = frozenset({Feature.TEMPERATURE, Feature.TOP_P, Feature.TOP_K})


# ── parameters ────────────────────────────────────────────────────────────────────────────────────


def test_a_number_beyond_its_range_is_sent_as_the_bound_and_told() -> None:
    made = fitted(SAMPLED, ranges=(NumberRange("top_k", 1, 3), NumberRange("top_p", 0, 1)))

    assert made.request == evolve(SAMPLED, inference=evolve(SAMPLED.inference, top_k=3))
    assert [(each.feature, each.what) for each in made.adjustments] == [("top_k", "5 sent as 3")]


@pytest.mark.parametrize("client", [None, family()])
def test_a_limit_beyond_the_models_is_lowered_to_it_and_told(client: FamilyCodec | None) -> None:
    request = asked(inference=Inference(max_tokens=9000))

    made = fit(request, ANY, ModelFacts(max_output_tokens=4096), client=client)

    assert made.request.inference.max_tokens == 4096
    assert [each.feature for each in made.adjustments] == ["max_tokens"]


@pytest.mark.parametrize(("limit", "budget"), [(9000, 8000), (8000, 4000), (2000, None)])
def test_a_budget_that_reaches_the_limit_leaves_half_of_it_for_the_answer(
    limit: int, budget: int | None
) -> None:
    thinking = ReasoningRequest("enabled", 8000)
    request = asked(inference=Inference(max_tokens=limit), reasoning=thinking)
    controls = ReasoningControls(has_budget=True, modes=frozenset({"enabled"}))

    made = fitted(request, reasoning=controls)

    assert made.request.reasoning == (budget and evolve(thinking, budget_tokens=budget))
    assert len(made.adjustments) == (budget != 8000)


def test_a_sampling_parameter_that_the_model_refuses_is_dropped_and_told() -> None:
    made = fitted(SAMPLED, without=SAMPLING)
    assert made.request.inference == Inference(stop_sequences=("END",))
    assert [adjustment.feature for adjustment in made.adjustments] == [
        "temperature",
        "top_p",
        "top_k",
    ]
    assert str(made.adjustments[0]) == "temperature: not sent, for any.model does not take it"


def test_a_sampling_parameter_that_the_family_does_not_know_is_dropped_and_told() -> None:
    made = fitted(SAMPLED, family(EVERYTHING - {Feature.TOP_K}))
    assert (made.request.inference.top_k, made.request.inference.top_p) == (None, 0.9)
    assert [adjustment.feature for adjustment in made.adjustments] == ["top_k"]


def test_of_two_parameters_that_exclude_each_other_the_first_stays() -> None:
    pair = ((Feature.TEMPERATURE, Feature.TOP_P),)
    made = fitted(SAMPLED, one_of=pair)
    assert (made.request.inference.temperature, made.request.inference.top_p) == (0.5, None)
    assert made.adjustments == (
        Adjustment("top_p", "not sent", "any.model takes it or temperature, not both"),
    )


@pytest.mark.parametrize(
    "inference", [Inference(temperature=0.5), Inference(top_p=0.5), Inference()]
)
def test_one_parameter_alone_excludes_nothing(inference: Inference) -> None:
    request = asked(inference=inference)
    assert fitted(request, one_of=((Feature.TEMPERATURE, Feature.TOP_P),)).request is request


@pytest.mark.parametrize(
    ("request_", "facts"),
    [
        (SAMPLED, {"without": SAMPLING}),
        (SAMPLED, {"one_of": ((Feature.TEMPERATURE, Feature.TOP_P),)}),
        (asked(system=(Text("a"), CachePoint())), {"max_cache_points": 0}),
    ],
)
def test_what_would_be_dropped_is_refused_where_the_operator_says_so(
    request_: CompletionRequest, facts: dict[str, Any]
) -> None:
    model = ModelFacts(base_id="any.model", **facts)
    assert fit(request_, ANY, model, Unsupported.REPORT).adjustments
    with pytest.raises(EncodeError) as caught:
        fit(request_, ANY, model, Unsupported.ERROR)
    assert "any.model" in caught.value.message and "unsupported: report" in (
        caught.value.hint or ""
    )


# ── cache points ──────────────────────────────────────────────────────────────────────────────────


def test_of_ten_cache_points_those_of_tools_and_system_stay_and_the_newest() -> None:
    points = [CachePoint(ttl=str(number)) for number in range(10)]
    request = CompletionRequest(
        messages=tuple(Message(Role.USER, (Text("hi"), point)) for point in points[4:]),
        system=(Text("a"), points[2], Text("b"), points[3]),
        tools=(Tool("a"), points[0], Tool("b"), points[1]),
    )
    made = fitted(request, max_cache_points=4)
    assert kept(made.request) == ["1", "3", "8", "9"]
    assert made.adjustments == (
        Adjustment("cache points", "6 of 10 not sent", "any.model takes 4"),
    )
    assert said(made.request) == said(request)


def kept(request: CompletionRequest) -> list[str | None]:
    tools = [tool.ttl for tool in request.tools if isinstance(tool, CachePoint)]
    return tools + [block.ttl for block in blocks_of(request) if isinstance(block, CachePoint)]


def said(request: CompletionRequest) -> list[str]:
    return [block.text for block in blocks_of(request) if isinstance(block, Text)]


def test_as_many_cache_points_as_the_model_takes_stay() -> None:
    request = asked(system=(Text("a"), CachePoint()))
    assert fitted(request, max_cache_points=1).request is request


def test_a_family_without_cache_points_gets_none_and_no_empty_message() -> None:
    request = asked(user("hi"), Message(Role.USER, (CachePoint(),)))
    made = fitted(request, family(EVERYTHING - {Feature.CACHE_POINTS}))
    assert made.request.messages == (user("hi"),)
    assert made.adjustments == (
        Adjustment("cache points", "1 of 1 not sent", "any.model takes none"),
    )


def test_a_cache_point_inside_a_tool_result_counts() -> None:
    inside = Message(Role.USER, (ToolResult("call-1", (Text("rain"), CachePoint())),))
    made = fitted(
        asked(user("hi"), call(), inside, Message(Role.USER, (Text("so?"), CachePoint()))),
        max_cache_points=1,
    )
    assert kept(made.request) == [None]
    assert isinstance(made.request.messages[-1].content[-1], CachePoint)


# ── tools ─────────────────────────────────────────────────────────────────────────────────────────

WEATHER = Tool("weather", None, {"type": "object"})
CLOCK = Tool("clock", None, {"type": "object"})
MODES = ToolChoiceMode


def choosing(
    mode: ToolChoiceMode, name: str | None = None, tools: tuple[Tool, ...] = (WEATHER, CLOCK)
) -> Any:
    return asked(tools=tools, tool_choice=ToolChoice(mode, name))


@pytest.mark.parametrize("mode", list(ToolChoiceMode))
def test_a_choice_that_the_model_knows_is_sent_as_it_is(mode: ToolChoiceMode) -> None:
    request = choosing(mode, "weather" if mode is MODES.TOOL else None)
    assert fitted(request).request is request
    assert fitted(request, tool_choices=frozenset({mode})).request is request


def test_auto_is_said_by_silence() -> None:
    made = fitted(choosing(MODES.AUTO), without=frozenset({Feature.TOOL_CHOICE}))
    assert (made.request.tool_choice, made.request.tools, made.adjustments) == (
        None,
        (WEATHER, CLOCK),
        (),
    )


def test_none_is_said_by_offering_no_tools() -> None:
    made = fitted(choosing(MODES.NONE), tool_choices=frozenset({MODES.AUTO}))
    assert (made.request.tool_choice, made.request.tools) == (None, ())
    assert [adjustment.feature for adjustment in made.adjustments] == ["tool choice"]


def test_a_tool_is_named_by_offering_it_alone() -> None:
    made = fitted(choosing(MODES.TOOL, "clock"), tool_choices=frozenset({MODES.ANY}))
    assert (made.request.tool_choice, made.request.tools) == (ToolChoice(MODES.ANY), (CLOCK,))
    assert [adjustment.feature for adjustment in made.adjustments] == ["tool choice"]


def test_any_of_one_tool_is_that_tool() -> None:
    made = fitted(choosing(MODES.ANY, tools=(CLOCK,)), tool_choices=frozenset({MODES.TOOL}))
    assert made.request.tool_choice == ToolChoice(MODES.TOOL, "clock")


@pytest.mark.parametrize(
    ("mode", "known"),
    [(MODES.ANY, {MODES.TOOL}), (MODES.ANY, {MODES.AUTO}), (MODES.TOOL, {MODES.AUTO})],
)
def test_a_choice_that_cannot_be_said_is_refused_with_those_that_can(
    mode: ToolChoiceMode, known: set[ToolChoiceMode]
) -> None:
    with pytest.raises(EncodeError, match=f"tool choice `{mode}`: it knows {', '.join(known)}"):
        fitted(choosing(mode, "weather"), tool_choices=frozenset(known))


def test_a_conversation_with_calls_goes_on_without_tools() -> None:
    request = asked(user("hi"), call("weather"), result(), user("thanks"))
    made = fitted(request, tools_with_history=True)
    assert [tool.name for tool in made.request.tools if isinstance(tool, Tool)] == ["weather"]
    assert made.request.tool_choice == ToolChoice(MODES.NONE)
    assert made.request.messages == request.messages
    assert [adjustment.feature for adjustment in made.adjustments] == ["tools"]


def test_where_nobody_can_be_told_not_to_call_the_tool_says_so_itself() -> None:
    made = fitted(
        asked(user("hi"), call(), result()),
        tools_with_history=True,
        tool_choices=frozenset({MODES.AUTO}),
    )
    (tool,) = made.request.tools
    assert isinstance(tool, Tool) and "do not call" in (tool.description or "")
    assert made.request.tool_choice is None


def test_a_conversation_with_calls_that_offers_tools_stays_as_it_is() -> None:
    request = asked(user("hi"), call(), result(), tools=(CLOCK,))
    assert (
        fitted(request, tools_with_history=True, tool_names=NAMES, tool_use_ids=NAMES).request
        == request
    )
    assert fitted(asked(user("hi"), call(), result())).request.tools == (), (
        "the control: nobody wants them"
    )


def test_tools_in_a_stream_are_refused_where_the_model_has_none() -> None:
    facts = ModelFacts(base_id="any.model", has_streamed_tools=False)
    request = asked(tools=(WEATHER,))
    assert fit(request, ANY, facts, is_streamed=False).request == request
    assert fit(asked(), ANY, facts, is_streamed=True).request == asked()
    with pytest.raises(EncodeError, match="tools in a stream"):
        fit(request, ANY, facts, is_streamed=True)


@pytest.mark.parametrize(
    ("content", "told"),
    [("no", "error: no"), ((), "error: "), (Data(1), (Text("error: "), Data(1)))],
)
def test_a_failed_tool_says_so_itself_where_there_is_no_flag(content: Any, told: Any) -> None:
    failed = Message(Role.USER, (ToolResult("call-1", content, is_error=True),))
    made = fitted(asked(user("hi"), call(), failed), family(EVERYTHING - {Feature.TOOL_ERRORS}))
    assert made.request.messages[-1].content == (ToolResult("call-1", told),)
    assert [adjustment.feature for adjustment in made.adjustments] == ["failed tool results"]


def test_a_tool_that_did_not_fail_needs_no_flag() -> None:
    fine = Message(Role.USER, (ToolResult("call-1", "rain", is_error=False),))
    made = fitted(asked(user("hi"), call(), fine), family(EVERYTHING - {Feature.TOOL_ERRORS}))
    assert (made.request.messages[-1], made.adjustments) == (result(), ())


PICTURE = Image(Media(MediaKind.BASE64, "iVBORw0KGgo=", "image/png"))
PAPER = Document(Media(MediaKind.BASE64, "JVBERi0xLjQK", "application/pdf"), name="a")


@pytest.mark.parametrize("is_error", [None, True])
def test_media_in_the_result_of_a_tool_follow_it_where_the_model_takes_none_there(
    is_error: bool | None,
) -> None:
    seen = ToolResult("call-1", (Text("seen"), PICTURE, PAPER), is_error=is_error)
    request = asked(user("hi"), call(), Message(Role.USER, (seen, Text("so?"))))
    assert fitted(request).request == request, "the control: the model takes them"

    picture = Text("(picture 1 of those that follow)")
    paper = Text("(document 1 of those that follow)")
    takes: Any
    for takes, told, lifted in (
        ((False, True), (picture, PAPER), (PICTURE,)),
        ((True, False), (PICTURE, paper), (PAPER,)),
        ((False, False), (picture, paper), (PICTURE, PAPER)),
    ):
        made = fitted(request, has_images_in_results=takes[0], has_documents_in_results=takes[1])
        there = evolve(seen, content=(Text("seen"), *told))
        assert made.request.messages[-1].content == (there, Text("so?"), *lifted)
        assert len(made.adjustments) == len(lifted)


# ── names ─────────────────────────────────────────────────────────────────────────────────────────


def with_tools(*names: str) -> CompletionRequest:
    """Offered, called and answered, each of them."""
    calls = Message(Role.ASSISTANT, tuple(ToolUse(f"id.{name}", name, {}) for name in names))
    results = Message(Role.USER, tuple(ToolResult(f"id.{name}", "ok", name=name) for name in names))
    tools = tuple(Tool(name, None, {"type": "object"}) for name in names)
    choice = ToolChoice(MODES.TOOL, names[0]) if names else None
    return asked(user("hi"), calls, results, tools=tools, tool_choice=choice)


TOOL_NAMES = st.lists(
    st.one_of(st.text("ab.-_", min_size=1, max_size=3), st.text(max_size=70)),
    unique=True,
    max_size=6,
)


@given(TOOL_NAMES)
def test_names_are_right_in_every_place_and_known_again_in_the_answer(names: list[str]) -> None:
    made = fitted(with_tools(*names), tool_names=NAMES, tool_use_ids=NAMES)
    sent = [tool.name for tool in made.request.tools if isinstance(tool, Tool)]
    assert all(map(NAMES.accepts, sent)) and len(set(sent)) == len(names)
    calls = [block for block in blocks_of(made.request) if isinstance(block, ToolUse)]
    results = [block for block in blocks_of(made.request) if isinstance(block, ToolResult)]
    assert [block.name for block in calls] == sent == [block.name for block in results]
    assert [block.id for block in calls] == [block.tool_use_id for block in results]
    assert all(NAMES.accepts(block.id) for block in calls)
    if names:
        assert made.request.tool_choice is not None and made.request.tool_choice.name == sent[0]
    answer = Completion(tuple(ToolUse("x", name, {}) for name in sent), StopReason.TOOL_USE)
    assert [
        block.name for block in made.answer(answer).content if isinstance(block, ToolUse)
    ] == names
    starts = made.stream().fit(tuple(BlockStart(0, ToolUse("x", name, {})) for name in sent))
    begun = [event.block for event in starts if isinstance(event, BlockStart)]
    assert [block.name for block in begun if isinstance(block, ToolUse)] == names


def test_two_requests_with_names_that_collide_never_cross() -> None:
    dot, colon = (fitted(with_tools(name), tool_names=NAMES) for name in ("fs.read", "fs:read"))
    (sent,) = {
        tool.name for made in (dot, colon) for tool in made.request.tools if isinstance(tool, Tool)
    }
    answer = Completion((ToolUse("x", sent, {}),), StopReason.TOOL_USE)
    assert dot.answer(answer).content == (ToolUse("x", "fs.read", {}),)
    assert colon.answer(answer).content == (ToolUse("x", "fs:read", {}),)


def test_what_was_never_spelled_otherwise_comes_back_as_it_is() -> None:
    made = fitted(with_tools("a.b", "c"), tool_names=NAMES)
    batch = (BlockStart(0, ToolUse("x", "c", {})), TextDelta("a_b"), BlockStart(1, Text("")))
    assert made.stream().fit(batch) == batch
    plain = fitted(with_tools("c"), tool_names=NAMES)
    answer = Completion((ToolUse("x", "a_b", {}),), StopReason.TOOL_USE)
    assert plain.answer(answer) is answer
    assert plain.stream().fit(batch) is batch


DOCUMENT_NAMES = NameRule(r"a-zA-Z0-9 \-()\[\]", 200, stand_in="-", single=" ")


@given(st.lists(st.one_of(st.none(), st.text(max_size=4)), max_size=5))
def test_documents_have_right_names_and_no_two_the_same(names: list[str | None]) -> None:
    papers = [
        Document(Media(MediaKind.TEXT, str(number)), name=name) for number, name in enumerate(names)
    ]
    nested = Message(
        Role.USER, (*papers[:2], ToolResult("call-1", tuple(papers[2:])), Text("read"))
    )
    made = fitted(asked(user("hi"), call(), nested), document_names=DOCUMENT_NAMES)
    found = {
        block.source.data: block.name
        for block in blocks_of(made.request)
        if isinstance(block, Document) and block.source is not None
    }
    sent = [name for name in found.values() if name is not None]
    assert all(map(DOCUMENT_NAMES.accepts, sent)) and len(set(sent)) == len(sent)
    nameless = [found[str(number)] for number, name in enumerate(names) if name is None]
    assert nameless[:1] in ([], [None], ["document (2)"]), "the family names the first"
    assert all(name and name.startswith("document (") for name in nameless[1:])


def test_a_citation_names_its_document_as_the_caller_knows_it() -> None:
    paper = Document(Media(MediaKind.TEXT, "x"), name="a_b.pdf")
    made = fitted(asked(Message(Role.USER, (paper, Text("read")))), document_names=DOCUMENT_NAMES)
    cited = {"title": "a-b-pdf", "cited_text": "a-b-pdf", "location": {"documentIndex": 0}}
    known = {**cited, "title": "a_b.pdf"}
    answer = Completion((Text("so", (cited, "odd")),), StopReason.END_TURN)
    assert made.answer(answer).content == (Text("so", (known, "odd")),)
    assert made.stream().fit((CitationDelta(cited, 0),)) == (CitationDelta(known, 0),)


def test_documents_with_right_names_stay_as_they_are() -> None:
    papers = [Document(Media(MediaKind.TEXT, "x"), name=name) for name in ("a", "b", None)]
    request = asked(Message(Role.USER, (*papers, Text("read"))))
    assert fitted(request, document_names=DOCUMENT_NAMES).request is request


# ── messages ──────────────────────────────────────────────────────────────────────────────────────


HEARD = assistant("I have the results.")


@pytest.mark.parametrize(
    "turn",
    [
        [result(Text("so?"), ToolResult("call-2", "snow"))],
        [result(), user("so?"), Message(Role.USER, (ToolResult("call-2", "snow"),))],
    ],
)
def test_tool_results_stand_alone_where_they_must(turn: list[Message]) -> None:
    made = fitted(asked(user("hi"), call(), *turn), tool_results_alone=True)
    alone = Message(Role.USER, (ToolResult("call-1", "rain"), ToolResult("call-2", "snow")))
    assert made.request.messages == (user("hi"), call(), alone, HEARD, user("so?"))
    assert [adjustment.feature for adjustment in made.adjustments] == [
        "tool results next to other blocks"
    ]


def test_results_that_stand_alone_already_stay_as_they_are() -> None:
    request = asked(user("hi"), call(), result(), assistant("rain"), user("thanks"))
    assert fitted(request, tool_results_alone=True).request is request


def test_the_results_of_one_turn_stand_together_where_they_must() -> None:
    request = asked(user("hi"), call(), result(), result(Text("so?"), id="call-2"))
    made = fitted(request, tool_results_together=True)
    together = Message(
        Role.USER, (ToolResult("call-1", "rain"), ToolResult("call-2", "rain"), Text("so?"))
    )
    assert made.request.messages == (user("hi"), call(), together)
    assert fitted(request).request is request, "the control"


def test_messages_of_one_role_are_joined_where_turns_are_wanted() -> None:
    request = asked(user("a"), user("b"), assistant("c"), assistant("d"), user("e"))
    made = fitted(request, alternates=True)
    assert [message.text for message in made.request.messages] == ["ab", "cd", "e"]
    assert [len(message.content) for message in made.request.messages] == [2, 2, 1]
    assert [adjustment.feature for adjustment in made.adjustments] == ["any order of roles"]
    assert fitted(request).request is not None and fitted(request).request == request, "the control"


def test_a_conversation_that_the_assistant_begins_is_refused_by_name() -> None:
    request = asked(assistant("welcome"), user("hi"))
    assert fitted(request).request == request
    with pytest.raises(EncodeError, match="cannot take a conversation that the assistant begins"):
        fitted(request, starts_with_user=True)


BLOCKS = st.one_of(
    st.builds(Text, st.text("xyz", min_size=1, max_size=3)),
    st.just(ToolUse("call-1", "weather", {"city": "Ulm"})),
    st.just(ToolResult("call-1", (Text("rain"),))),
    st.just(CachePoint()),
)
CONVERSATIONS = st.lists(
    st.builds(
        lambda role, content: Message(role, tuple(content)),
        st.sampled_from([Role.USER, Role.ASSISTANT]),
        st.lists(BLOCKS, min_size=1, max_size=3),
    ),
    min_size=1,
    max_size=5,
)
FACTS = st.builds(
    ModelFacts,
    base_id=st.just("any.model"),
    without=st.sets(st.sampled_from(sorted(SAMPLING))).map(frozenset),
    tool_results_alone=st.booleans(),
    alternates=st.booleans(),
    starts_with_user=st.booleans(),
    tool_results_together=st.booleans(),
    tools_with_history=st.booleans(),
    max_cache_points=st.sampled_from([None, 0, 1, 2]),
)


@given(CONVERSATIONS, FACTS)
def test_any_sequence_of_roles_is_valid_or_refused_by_name_and_never_loses_content(
    messages: list[Message], facts: ModelFacts
) -> None:
    request = CompletionRequest(tuple(messages), inference=Inference(temperature=0.5, top_k=3))
    try:
        made = fit(request, ANY, facts)
    except EncodeError as refusal:
        assert "any.model" in refusal.message and refusal.feature
        return
    sent = made.request
    assert sorted(map(repr, contents(sent))) == sorted(map(repr, contents(request)))
    assert breaks(sent, facts) == []
    again = fit(sent, ANY, facts)
    assert (again.request, again.adjustments) == (sent, ())


def contents(request: CompletionRequest) -> list[ContentBlock]:
    said = [block for message in request.messages if message != HEARD for block in message.content]
    return [block for block in said if not isinstance(block, CachePoint)]


def breaks(request: CompletionRequest, facts: ModelFacts) -> list[str]:
    """The rules that `request` breaks, looked at on their own."""
    roles = [message.role for message in request.messages]
    turns = [
        list(turn)
        for role, turn in groupby(request.messages, lambda message: message.role)
        if role is Role.USER
    ]
    kinds = [
        {isinstance(block, ToolResult) for message in turn for block in message.content}
        for turn in turns
    ]
    parts = [len(turn) for turn, kind in zip(turns, kinds, strict=True) if True in kind]
    holds_tools = any(isinstance(block, ToolUse | ToolResult) for block in contents(request))
    broken = {
        "order": facts.alternates and any(a is b for a, b in pairwise(roles)),
        "begin": facts.starts_with_user and roles[:1] == [Role.ASSISTANT],
        "alone": facts.tool_results_alone and {True, False} in kinds,
        "together": facts.tool_results_together and max(parts, default=1) > 1,
        "tools": facts.tools_with_history and holds_tools and not request.tools,
        "cache": facts.max_cache_points is not None and len(kept(request)) > facts.max_cache_points,
        "temperature": Feature.TEMPERATURE in facts.without
        and request.inference.temperature is not None,
        "top_k": Feature.TOP_K in facts.without and request.inference.top_k is not None,
    }
    return [rule for rule, is_broken in broken.items() if is_broken]


def test_the_answer_tells_what_was_not_sent() -> None:
    made = fitted(SAMPLED, without=SAMPLING)
    answer = Completion((Text("hi"),), StopReason.END_TURN)
    assert made.answer(answer) == evolve(answer, adjustments=made.adjustments)


# ── nothing to do ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "request_",
    [
        asked(),
        asked(user("a"), assistant("b"), user("c"), system=(Text("s"),)),
        SAMPLED,
        asked(tools=(WEATHER,)),
    ],
)
def test_a_request_that_fits_is_the_same_object(request_: CompletionRequest) -> None:
    full = {
        "tool_names": NAMES,
        "tool_use_ids": NAMES,
        "document_names": NAMES,
        "tools_with_history": True,
    }
    made = fitted(request_, **full)
    assert made.request is request_
    assert made == Fitted(request_)


def test_a_request_that_fits_costs_little_more_than_a_look_at_it() -> None:
    request, facts = (
        asked(user("a"), assistant("b"), user("c")),
        ModelFacts(max_cache_points=4, tool_names=NAMES),
    )

    def functions_called(work: Callable[[], object]) -> int:
        work()  # what is built once is built
        events: list[str] = []
        sys.setprofile(lambda frame, event, argument: events.append(event))
        try:
            work()
        finally:
            sys.setprofile(None)
        return events.count("call")

    fitting = functions_called(lambda: fit(request, ANY, facts))
    assert fitting < 3 * functions_called(lambda: features_of(request))


def test_citations_that_the_model_does_not_give_are_not_asked_for_and_reported() -> None:
    cited = Document(
        Media(MediaKind.BASE64, "JVBERi0=", "application/pdf"), citations={"enabled": True}
    )
    request = CompletionRequest(user(cited))

    fitted = fit(request, family(EVERYTHING - {Feature.CITATIONS}), ModelFacts())

    assert fitted.request.messages[0].content == (evolve(cited, citations=None),)
    assert [adjustment.feature for adjustment in fitted.adjustments] == ["citations"]
    assert fit(request, family(), ModelFacts()).adjustments == ()
