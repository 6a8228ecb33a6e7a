"""Every client's dialect reaches every family, and every answer comes back to it.

    request  client's JSON -> values -> fitted -> the family's JSON      moved, or refused by name
    answer   family's JSON -> values -> fitted -> the client's JSON      never an error
    stream   chunks -> batches -> fitted -> the client's chunks          never an error, complete

The clients are OpenAI's and Anthropic's own dialects, Converse, and every family of every installed
provider in its own JSON. Nothing is stripped before: options, unknown members, signatures and all.
The table of what moved is printed by

    pytest -s -k table tests/together/test_crossing.py
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import product

import pytest
from attrs import frozen
from hypothesis import HealthCheck, given, settings

from axonflow_bedrock.emulator.limits import MODELS
from axonflow_bedrock.models.rules import facts_of
from axonflow_core.codec import Codec, FamilyCodec, Feature, ModelFacts, StreamContext
from axonflow_core.dialects import anthropic_messages, openai_chat
from axonflow_core.errors import EncodeError, UnencodableAnswer
from axonflow_core.fitting import Fitted, fit
from axonflow_core.messages import (
    Completion,
    CompletionRequest,
    Image,
    Inference,
    Json,
    Media,
    Message,
    OutputSchema,
    Reasoning,
    ReasoningRequest,
    Role,
    StopReason,
    Text,
    Tool,
    ToolResult,
    ToolUse,
    user,
)
from axonflow_core.plugins import PROVIDERS, find_plugins, load_codecs
from axonflow_core.stream import Batch, TextDelta, assemble, batch_of
from axonflow_core.testing import Claims, completions, requests, streams

REGISTRY = load_codecs("bedrock").registry
OTHERS = tuple(
    codec
    for provider in sorted({plugin.name for plugin in find_plugins(PROVIDERS)} - {"bedrock"})
    for codec in load_codecs(provider).registry.of_kind(FamilyCodec)
)
CONTEXT = StreamContext("id_1", "model_1", 7)
CONVERSE_MODELS = (
    "anthropic.claude-sonnet-4-20250514-v1:0",
    "anthropic.claude-sonnet-4-5-20250929-v1:0",
    "amazon.nova-lite-v1:0",
    "meta.llama3-3-70b-instruct-v1:0",
)


@frozen
class Party:
    """A codec, and what is known of a model that speaks it."""

    codec: Codec
    facts: ModelFacts = ModelFacts()

    def __str__(self) -> str:
        return f"{self.codec.name} {self.facts.base_id}".strip()


def parties() -> Iterator[Party]:
    yield Party(openai_chat.CODEC)
    yield Party(anthropic_messages.CODEC)
    for codec in REGISTRY.of_kind(FamilyCodec):
        models = CONVERSE_MODELS if codec.surface == "converse" else codec.models[:1] or ("",)
        for base_id in models:
            yield of_model(codec, base_id)
    yield from map(Party, OTHERS)


def of_model(codec: FamilyCodec, base_id: str) -> Party:
    facts = ModelFacts(model_id=base_id, base_id=base_id)
    return Party(codec, facts_of(base_id, codec.surface, facts, MODELS.entry(base_id)))


PARTIES = tuple(parties())
FEW = settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.too_slow])
REQUESTS = {str(each): requests(Claims(codec=each.codec)) for each in PARTIES}
ANSWERS = {str(each): completions(Claims(codec=each.codec)) for each in PARTIES}
STREAMS = {str(each): streams(Claims(codec=each.codec)) for each in PARTIES if each.codec.streams}


def fitted_for(client: Party, model: Party, request: CompletionRequest, **how: bool) -> Fitted:
    return fit(request, model.codec, model.facts, client=client.codec, **how)


def moved(client: Party, model: Party, request: CompletionRequest) -> Json:
    """The model's JSON of what the client's says. `EncodeError` names what it cannot say."""
    body = client.codec.encode_request(request, ModelFacts())
    decoded = client.codec.decode_request(body, ModelFacts())
    fitted = fitted_for(client, model, decoded)
    return model.codec.encode_request(fitted.request, model.facts)


MOVED = "moved"


def moves_from(client: Party) -> Counter[str]:
    """How many of the client's requests moved to all models, and how often each feature was named
    in a refusal."""
    outcomes = Counter[str]()

    @FEW
    @given(REQUESTS[str(client)])
    def check(request: CompletionRequest) -> None:
        for model in PARTIES:
            try:
                moved(client, model, request)
            except EncodeError as refusal:
                outcomes[refusal.feature or ""] += 1
                assert refusal.feature and refusal.message
            else:
                outcomes[MOVED] += 1

    check()
    return outcomes


@pytest.mark.sampled(6)
@pytest.mark.parametrize("client", PARTIES, ids=str)
def test_a_request_of_any_client_moves_to_any_model_or_is_refused_by_name(client: Party) -> None:
    assert moves_from(client).total() >= len(PARTIES)


def answered(client: Party, model: Party, native: Json, fitted: Fitted) -> Json:
    """The client's JSON of an answer in the model's."""
    completion = model.codec.decode_response(native, model.facts)
    return client.codec.encode_response(fitted.answer(completion), client.facts)


@pytest.mark.sampled(6)
@pytest.mark.parametrize("model", PARTIES, ids=str)
def test_an_answer_reaches_any_client(model: Party) -> None:
    @FEW
    @given(ANSWERS[str(model)])
    def check(completion: Completion) -> None:
        native = model.codec.encode_response(completion, model.facts)
        text = model.codec.decode_response(native, model.facts).text
        for client in PARTIES:
            fitted = fitted_for(client, model, CompletionRequest((user("hi"),)))
            body = answered(client, model, native, fitted)
            assert client.codec.decode_response(body, client.facts).text == text

    check()


STREAMING = [each for each in PARTIES if each.codec.streams]


def encoded(party: Party, batches: list[Batch]) -> list[Json]:
    encoder = party.codec.stream_encoder(CONTEXT, party.facts)
    return [chunk for batch in batches for chunk in encoder.encode(batch)]


def decoded(party: Party, chunks: list[Json]) -> list[Batch]:
    decoder = party.codec.stream_decoder(party.facts)
    batches = [decoder.feed(chunk) for chunk in chunks]
    decoder.finish()
    return batches


def added_up(batches: list[Batch]) -> Completion:
    return assemble(event for batch in batches for event in batch)


@pytest.mark.sampled(6)
@pytest.mark.parametrize("model", STREAMING, ids=str)
def test_a_stream_reaches_any_client_that_streams_and_is_complete(model: Party) -> None:
    @FEW
    @given(STREAMS[str(model)])
    def check(drawn: tuple[Completion, list[Batch]]) -> None:
        batches = decoded(model, encoded(model, drawn[1]))
        request, text = CompletionRequest((user("hi"),)), added_up(batches).text
        for client in STREAMING:
            events = fitted_for(client, model, request, is_streamed=True).stream()
            chunks = encoded(client, [events.fit(batch) for batch in batches])
            assert added_up(decoded(client, chunks)).text == text

    check()


# ── the table ─────────────────────────────────────────────────────────────────────────────────────

_TOOL = Tool("look_up", "Looks up.", {"type": "object", "properties": {"city": {"type": "string"}}})
_CALL = ToolUse("call_1", "look_up", {"city": "Oslo"})
_PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJg"
    "gg=="
)
_SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
_ASKED = (user("Where is Oslo?"),)
SAID: Mapping[str, CompletionRequest] = {
    "text": CompletionRequest(_ASKED, inference=Inference(max_tokens=99)),
    "tools": CompletionRequest(
        (
            *_ASKED,
            Message(Role.ASSISTANT, (_CALL,)),
            Message(Role.USER, (ToolResult("call_1", (Text("In Norway."),)),)),
        ),
        inference=Inference(max_tokens=99),
        tools=(_TOOL,),
    ),
    "images": CompletionRequest(
        (user((Image(Media("base64", _PIXEL, "image/png")), Text("What is this?"))),),
        inference=Inference(max_tokens=99),
    ),
    "reasoning": CompletionRequest(
        _ASKED, inference=Inference(max_tokens=4_000), reasoning=ReasoningRequest(effort="low")
    ),
    "thinking": CompletionRequest(
        _ASKED,
        inference=Inference(max_tokens=4_000),
        reasoning=ReasoningRequest(mode="enabled", budget_tokens=2_048),
    ),
    "schema": CompletionRequest(
        _ASKED, inference=Inference(max_tokens=99), output_schema=OutputSchema(_SCHEMA)
    ),
}
"""What each kind of request says, before a client's dialect says it."""


def outcome(client: Party, model: Party, request: CompletionRequest, *, is_streamed: bool) -> str:
    """What became of the request: `moved`, `refused` by name, or `unsaid` by the client."""
    try:
        body = client.codec.encode_request(request, ModelFacts())
    except EncodeError:
        return "unsaid"
    asked = client.codec.decode_request(body, ModelFacts())
    try:
        fitted = fitted_for(client, model, asked, is_streamed=is_streamed)
        model.codec.encode_request(fitted.request, model.facts)
    except EncodeError as refusal:
        assert refusal.feature and refusal.message
        return "refused"
    return MOVED


def table() -> Mapping[str, Counter[str]]:
    """Kind of request -> how often it moved, over every pair of a client and a model."""
    kinds = {**SAID, "stream": SAID["text"]}
    return {
        kind: Counter(
            outcome(client, model, request, is_streamed=kind == "stream")
            for client, model in product(STREAMING if kind == "stream" else PARTIES, repeat=2)
        )
        for kind, request in kinds.items()
    }


def test_the_table_of_what_moves_from_any_client_to_any_model() -> None:
    counts = table()
    print(f"{len(PARTIES)} parties")  # noqa: T201 - the figures are to be seen
    for kind, counted in counts.items():
        print(f"{kind:10}", *(f"{what} {counted[what]}" for what in OUTCOMES))  # noqa: T201

    assert counts["text"][MOVED] == counts["text"].total()
    assert counts["stream"][MOVED] == counts["stream"].total()
    assert all(counted[MOVED] for counted in counts.values())
    assert counts["images"]["refused"]  # the control: not everything moves


OUTCOMES = (MOVED, "refused", "unsaid")


# ── controls ──────────────────────────────────────────────────────────────────────────────────────


def test_many_requests_moved_and_some_were_refused() -> None:
    """The control: a law that saw nothing but refusals would hold of anything."""
    outcomes = sum(map(moves_from, (OPENAI, ANTHROPIC, *PARTIES[::6])), Counter[str]())

    assert outcomes[MOVED] > outcomes.total() / 3
    assert len(outcomes) > 10, "moved, and refused for many different features"


def party(name: str, base_id: str = "") -> Party:
    return next(
        each for each in PARTIES if each.codec.name == name and base_id in each.facts.base_id
    )


OPENAI, ANTHROPIC = party("openai_chat"), party("anthropic_messages")
CLAUDE, LLAMA, TITAN = party("anthropic", "claude"), party("llama/llama3"), party("titan")
NOVA, GPT_OSS = party("nova"), party("gpt-oss")
SONNET_4, SONNET_45 = (
    of_model(REGISTRY.for_name("anthropic"), f"anthropic.claude-sonnet-{version}-v1:0")
    for version in ("4-20250514", "4-5-20250929")
)
THOUGHTFUL = Completion((Reasoning("hm", "sig"), Text("ho")), StopReason.END_TURN)


def test_without_fitting_an_answer_with_reasoning_is_an_error_after_it_was_billed() -> None:
    """The control of the answers' zero."""
    with pytest.raises(UnencodableAnswer):
        TITAN.codec.encode_response(THOUGHTFUL, TITAN.facts)
    with pytest.raises(UnencodableAnswer):
        encoded(TITAN, [batch_of(THOUGHTFUL)])


def test_without_fitting_a_request_of_openai_s_is_refused_for_its_address() -> None:
    """The control of the requests' zero: `model` reaches the codec and is an unknown member."""
    request = OPENAI.codec.decode_request({"model": "x", "messages": HI}, OPENAI.facts)

    assert "model" in CLAUDE.codec.encode_request(request, CLAUDE.facts)


# ── bodies of the vendors' own clients ────────────────────────────────────────────────────────────

HI: Json = [{"role": "user", "content": "hi"}]
OPENAI_BODIES: Mapping[str, Json] = {
    "minimal": {"model": "gpt-5", "messages": HI},
    "streamed": {
        "model": "gpt-5",
        "messages": HI,
        "stream": True,
        "stream_options": {"include_usage": True},
    },
    "defaults said": {
        "model": "gpt-5",
        "messages": HI,
        "n": 1,
        "logprobs": False,
        "response_format": {"type": "text"},
        "store": False,
        "service_tier": "auto",
    },
    "labelled": {
        "model": "gpt-5",
        "messages": HI,
        "user": "u1",
        "metadata": {"team": "a"},
        "seed": 7,
        "frequency_penalty": 0.5,
        "max_completion_tokens": 20,
    },
    "a developer's word": {
        "model": "gpt-5",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "developer", "content": "b"},
            *HI,
        ],
    },
}
ANTHROPIC_BODIES: Mapping[str, Json] = {
    "minimal": {"model": "claude", "max_tokens": 20, "messages": HI},
    "streamed": {"model": "claude", "max_tokens": 20, "messages": HI, "stream": True},
    "labelled": {
        "model": "claude",
        "max_tokens": 20,
        "messages": HI,
        "metadata": {"user_id": "u1"},
        "service_tier": "standard_only",
        "top_k": 5,
    },
    "a system text": {"model": "claude", "max_tokens": 20, "messages": HI, "system": "Be brief."},
}


def carried(client: Party, model: Party, body: Json) -> tuple[Fitted, Json]:
    request = client.codec.decode_request(body, client.facts)
    fitted = fitted_for(client, model, request)
    return fitted, model.codec.encode_request(fitted.request, model.facts)


@pytest.mark.parametrize("model", PARTIES, ids=str)
@pytest.mark.parametrize("name", ["minimal", "streamed", "defaults said", "labelled"])
def test_a_body_of_openai_s_client_reaches_every_model(name: str, model: Party) -> None:
    native = carried(OPENAI, model, OPENAI_BODIES[name])[1]

    assert native.keys().isdisjoint({"model", "stream", "stream_options"})


@pytest.mark.parametrize("model", PARTIES, ids=str)
@pytest.mark.parametrize("name", ["minimal", "streamed", "labelled"])
def test_a_body_of_anthropic_s_client_reaches_every_model(name: str, model: Party) -> None:
    native = carried(ANTHROPIC, model, ANTHROPIC_BODIES[name])[1]

    assert native.keys().isdisjoint({"model", "stream"})


@pytest.mark.parametrize(
    "model", [each for each in PARTIES if Feature.SYSTEM in each.codec.features], ids=str
)
def test_leading_system_messages_are_the_system_text(model: Party) -> None:
    if Feature.SYSTEM in model.facts.without:
        pytest.skip("this model has no system text")

    fitted, _ = carried(OPENAI, model, OPENAI_BODIES["a developer's word"])

    system = [*fitted.request.system, *fitted.request.messages[:-1]]
    assert [each.text for each in system if isinstance(each, Text | Message)] == ["Be brief.", "b"]


# ── single parameters ─────────────────────────────────────────────────────────────────────────────


def openai_body(**members: Json) -> Json:
    return {"model": "gpt-5", "messages": HI, **members}


def reported(fitted: Fitted) -> list[str]:
    return [str(adjustment.feature) for adjustment in fitted.adjustments]


@pytest.mark.parametrize(
    ("members", "feature"),
    [
        ({"n": 2}, "n"),
        ({"logprobs": True}, "logprobs"),
        ({"top_logprobs": 3}, "top_logprobs"),
        ({"web_search_options": {}}, "web_search_options"),
        ({"modalities": ["text", "audio"]}, "modalities"),
        ({"tools": [{"type": "custom", "custom": {"name": "x"}}]}, "the built-in tool custom"),
    ],
)
def test_what_would_change_the_answer_is_refused_by_name(members: Json, feature: str) -> None:
    with pytest.raises(EncodeError) as caught:
        carried(OPENAI, CLAUDE, openai_body(**members))

    assert feature in str(caught.value.feature)


def test_the_user_becomes_the_metadata_of_anthropic_and_comes_back() -> None:
    assert carried(OPENAI, CLAUDE, openai_body(user="u1"))[1]["metadata"] == {"user_id": "u1"}
    body = {"max_tokens": 1, "messages": HI, "metadata": {"user_id": "u1"}}
    request = ANTHROPIC.codec.decode_request(body, ANTHROPIC.facts)

    assert carried(ANTHROPIC, GPT_OSS, body)[1]["user"] == "u1"
    assert request.metadata == {"user_id": "u1"}


def test_parameters_that_change_no_meaning_are_reported() -> None:
    body = openai_body(seed=7, metadata={"team": "a"}, service_tier="flex", verbosity="low")

    fitted, native = carried(OPENAI, CLAUDE, body)

    assert reported(fitted) == ["verbosity", "metadata", "service tier", "seed"]
    assert native.keys() == {"anthropic_version", "messages", "max_tokens"}


def test_a_member_that_nobody_documented_is_reported() -> None:
    fitted, native = carried(OPENAI, CLAUDE, openai_body(x_trace="1"))

    assert [str(each) for each in fitted.adjustments] == [
        f"unknown members: not sent: x_trace, for {CLAUDE.facts.base_id} does not document them"
    ]
    assert "x_trace" not in native


def test_calls_one_at_a_time_have_a_counterpart_or_are_reported() -> None:
    tools = [{"type": "function", "function": {"name": "weather"}}]
    body = openai_body(tools=tools, parallel_tool_calls=False)

    assert carried(OPENAI, CLAUDE, body)[1]["tool_choice"]["disable_parallel_tool_use"] is True
    assert reported(carried(OPENAI, NOVA, body)[0]) == ["parallel tool calls"]


# ── reasoning ─────────────────────────────────────────────────────────────────────────────────────


def test_an_effort_becomes_a_budget_that_leaves_room_for_the_answer() -> None:
    fitted, native = carried(OPENAI, SONNET_4, openai_body(reasoning_effort="medium"))
    roomy = carried(OPENAI, SONNET_4, openai_body(reasoning_effort="medium", max_tokens=32_000))[1]

    assert native["thinking"] == {"type": "enabled", "budget_tokens": 2048}
    assert roomy["thinking"] == {"type": "enabled", "budget_tokens": 8192}
    assert reported(fitted) == ["reasoning"]


def test_without_room_for_the_least_budget_reasoning_is_not_asked_for() -> None:
    body = openai_body(reasoning_effort="low", max_tokens=1000)

    fitted, native = carried(OPENAI, SONNET_4, body)

    assert ("thinking" in native, reported(fitted)) == (False, ["reasoning"])


@pytest.mark.parametrize(("budget", "effort"), [(1024, "low"), (5000, "medium"), (20_000, "high")])
def test_a_budget_becomes_an_effort(budget: int, effort: str) -> None:
    thinking = {"type": "enabled", "budget_tokens": budget}
    body = {"max_tokens": 32_000, "messages": HI, "thinking": thinking}

    assert carried(ANTHROPIC, GPT_OSS, body)[1]["reasoning_effort"] == effort


def test_reasoning_is_turned_off_where_that_can_be_said() -> None:
    assert carried(OPENAI, SONNET_4, openai_body(reasoning_effort="none"))[1]["thinking"] == {
        "type": "disabled"
    }
    assert reported(carried(OPENAI, GPT_OSS, openai_body(reasoning_effort="none"))[0]) == [
        "reasoning"
    ]


@pytest.mark.parametrize(
    "model",
    [
        of_model(REGISTRY.for_name("kimi"), "moonshot.kimi-k2-thinking"),
        of_model(REGISTRY.for_name("deepseek/r1"), "deepseek.r1-v1:0"),
    ],
)
def test_reasoning_that_cannot_be_turned_off_is_reported(model: Party) -> None:
    fitted, _ = carried(OPENAI, model, openai_body(reasoning_effort="none"))

    assert reported(fitted) == ["reasoning"]


def test_an_effort_that_no_vendor_documents_is_refused() -> None:
    with pytest.raises(EncodeError, match="reasoning effort"):
        carried(OPENAI, SONNET_4, openai_body(reasoning_effort="herculean"))


THOUGHT: Json = {"type": "thinking", "thinking": "hm", "signature": "sig"}


def spoken(*blocks: Json) -> Json:
    said = {"role": "assistant", "content": [*blocks, {"type": "text", "text": "ho"}]}
    return {"max_tokens": 20, "messages": [*HI, said, *HI]}


def test_a_thought_goes_back_to_the_vendor_that_signed_it() -> None:
    body = spoken(THOUGHT)

    assert carried(ANTHROPIC, CLAUDE, body)[1]["messages"][1]["content"][0] == THOUGHT


@pytest.mark.parametrize("model", [NOVA, LLAMA, GPT_OSS], ids=str)
def test_a_thought_that_another_vendor_signed_loses_its_signature(model: Party) -> None:
    fitted, native = carried(ANTHROPIC, model, spoken(THOUGHT))

    assert "sig'" not in repr(native)
    assert any("reasoning" in name for name in reported(fitted))


def test_a_thought_without_a_signature_is_not_sent_to_a_vendor_that_wants_one() -> None:
    said = {"role": "assistant", "content": "ho", "reasoning_content": "hm"}
    body = {"model": "x", "messages": [*HI, said, *HI]}

    fitted, native = carried(OPENAI, CLAUDE, body)

    assert (reported(fitted), "hm" in repr(native)) == (["reasoning"], False)


def test_a_block_of_another_vendor_is_refused_by_its_kind() -> None:
    with pytest.raises(EncodeError, match="the server_tool_use block of anthropic"):
        carried(ANTHROPIC, NOVA, spoken({"type": "server_tool_use", "id": "1", "name": "x"}))


# ── an output schema ──────────────────────────────────────────────────────────────────────────────

SCHEMA: Json = {"type": "object", "properties": {"city": {"type": "string"}}}
WANTED: Json = {
    "type": "json_schema",
    "json_schema": {"name": "place", "schema": SCHEMA, "strict": True},
}


def test_a_schema_stands_where_each_form_has_it() -> None:
    body, converse = openai_body(response_format=WANTED), party("converse", "sonnet-4-5")

    text = carried(OPENAI, converse, body)[1]["outputConfig"]["textFormat"]["structure"]
    claude = carried(OPENAI, SONNET_45, body)[1]["output_config"]["format"]

    assert text["jsonSchema"]["name"] == "place"
    closed = {**SCHEMA, "additionalProperties": False}  # Claude refuses any other object
    assert claude == {"type": "json_schema", "schema": closed}
    assert carried(OPENAI, GPT_OSS, body)[1]["response_format"] == WANTED


@pytest.mark.parametrize("format_", [WANTED, {"type": "json_object"}], ids=["schema", "JSON"])
def test_a_forced_tool_stands_in_for_a_schema(format_: Json) -> None:
    fitted, native = carried(OPENAI, SONNET_4, openai_body(response_format=format_))
    name = native["tools"][0]["name"]
    call = Completion((Text("Well:"), ToolUse("1", name, {"city": "Ulm"})), StopReason.TOOL_USE)

    answer = fitted.answer(call)

    assert native["tool_choice"] == {"type": "tool", "name": name}
    assert (answer.text, answer.stop_reason) == ('{"city":"Ulm"}', StopReason.END_TURN)
    assert answer.adjustments == fitted.adjustments != ()


def test_a_forced_tool_stands_in_for_a_schema_in_a_stream() -> None:
    fitted = carried(OPENAI, SONNET_4, openai_body(response_format=WANTED))[0]
    call = Completion((Text("Well:"), ToolUse("1", "place", {"city": "Ulm"})), StopReason.TOOL_USE)

    answer = assemble(fitted.stream().fit(batch_of(call)))

    assert (answer.text, answer.stop_reason) == ('{"city":"Ulm"}', StopReason.END_TURN)


def test_text_is_the_answer_where_the_model_did_not_call_the_tool() -> None:
    fitted = carried(OPENAI, SONNET_4, openai_body(response_format=WANTED))[0]
    refusal = Completion((Text("I may not."),), StopReason.REFUSAL)

    assert assemble(fitted.stream().fit(batch_of(refusal))).text == "I may not."
    assert fitted.answer(refusal).text == "I may not."


@pytest.mark.parametrize(
    ("members", "model"),
    [
        ({}, LLAMA),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, SONNET_4),
        ({"reasoning_effort": "low", "max_tokens": 9000}, SONNET_4),
    ],
    ids=["no tools", "tools besides", "reasoning besides"],
)
def test_where_no_tool_can_stand_in_a_schema_is_refused(members: Json, model: Party) -> None:
    with pytest.raises(EncodeError) as caught:
        carried(OPENAI, model, openai_body(response_format=WANTED, **members))

    assert caught.value.feature == "output schema"


# ── answers ───────────────────────────────────────────────────────────────────────────────────────


def test_that_an_answer_will_lack_reasoning_is_reported_before_the_call() -> None:
    request = CompletionRequest((user("hi"),), reasoning=ReasoningRequest("adaptive"))

    fitted = fitted_for(TITAN, CLAUDE, request)

    assert [str(each) for each in fitted.adjustments] == [
        "reasoning: left out of the answer, for titan has no place for it"
    ]
    assert fitted.answer(THOUGHTFUL).adjustments == fitted.adjustments


def test_a_stream_that_the_client_has_no_form_for_is_refused_before_the_call() -> None:
    j2 = party("ai21/j2")

    with pytest.raises(EncodeError, match="streamed"):
        fitted_for(j2, CLAUDE, CompletionRequest((user("hi"),)), is_streamed=True)


def test_blocks_that_stay_are_numbered_without_gaps() -> None:
    events = fitted_for(TITAN, CLAUDE, CompletionRequest((user("hi"),))).stream()

    batch = events.fit(batch_of(THOUGHTFUL))

    assert [event.index for event in batch if isinstance(event, TextDelta)] == [0]
    assert [adjustment.feature for adjustment in events.adjustments] == ["reasoning"]


@pytest.mark.parametrize(
    ("client", "reason", "nearest"),
    [
        (OPENAI, StopReason.GUARDRAIL, StopReason.CONTENT_FILTERED),
        (OPENAI, StopReason.CONTEXT_EXCEEDED, StopReason.MAX_TOKENS),
        (ANTHROPIC, StopReason.CONTENT_FILTERED, StopReason.REFUSAL),
        (TITAN, StopReason.TOOL_USE, StopReason.END_TURN),
    ],
)
def test_a_stop_reason_that_the_client_has_no_name_for_becomes_the_nearest(
    client: Party, reason: StopReason, nearest: StopReason
) -> None:
    fitted = fitted_for(client, party("converse"), CompletionRequest((user("hi"),)))

    assert fitted.answer(Completion((Text("ho"),), reason)).stop_reason is nearest


def test_arguments_that_are_no_object_reach_a_client_that_reads_objects() -> None:
    cut = Completion((ToolUse("1", "f", '{"a": '),), StopReason.MAX_TOKENS)
    fitted = fitted_for(ANTHROPIC, GPT_OSS, CompletionRequest((user("hi"),)))

    body = ANTHROPIC.codec.encode_response(fitted.answer(cut), ANTHROPIC.facts)

    assert body["content"][0]["input"] == {"arguments": '{"a": '}


CITATION: Json = {"type": "char_location", "cited_text": "x", "document_title": "paper"}


def test_citations_of_another_dialect_are_left_out_in_both_directions() -> None:
    text = {"type": "text", "text": "ho", "citations": [CITATION]}
    answer = Completion((Text("ho", (CITATION,)),), StopReason.END_TURN)

    fitted, native = carried(ANTHROPIC, party("converse", "sonnet-4-2"), spoken(text))
    told = fitted_for(OPENAI, CLAUDE, CompletionRequest((user("hi"),))).answer(answer)

    assert ("char_location" in repr(native), reported(fitted)) == (False, ["citations"])
    assert (told.content, [each.feature for each in told.adjustments]) == (
        (Text("ho"),),
        ["citations"],
    )


def test_a_tag_that_a_stream_cuts_reaches_no_client_as_text() -> None:
    pieces = ["<reas", "oning>hm</reason", "ing>ho"]
    chunks = [
        {"choices": [{"index": 0, "delta": {"content": piece}, "finish_reason": None}]}
        for piece in pieces
    ]
    last = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    batches = decoded(GPT_OSS, [*chunks, last])
    events = fitted_for(OPENAI, GPT_OSS, CompletionRequest((user("hi"),))).stream()

    again = added_up(decoded(OPENAI, encoded(OPENAI, [events.fit(batch) for batch in batches])))

    assert again.content == (Reasoning("hm"), Text("ho"))


def test_members_that_the_model_s_answer_has_beyond_its_documents_stay_with_it() -> None:
    answer = Completion((Text("ho", extra={"x": 1}),), StopReason.END_TURN, extra={"y": 2})

    fitted = fitted_for(OPENAI, CLAUDE, CompletionRequest((user("hi"),))).answer(answer)

    assert fitted == Completion((Text("ho"),), StopReason.END_TURN)


def test_a_pdf_of_an_openai_client_reaches_claude() -> None:
    data = "data:application/pdf;base64,JVBERi0="
    part = {"type": "file", "file": {"file_data": data, "filename": "x.pdf"}}
    body = {"messages": [{"role": "user", "content": [part]}]}
    claude = of_model(REGISTRY.for_base_id(CONVERSE_MODELS[0]), CONVERSE_MODELS[0])

    decoded = openai_chat.CODEC.decode_request(body, ModelFacts())
    fitted = fitted_for(Party(openai_chat.CODEC), claude, decoded)

    (block,) = claude.codec.encode_request(fitted.request, claude.facts)["messages"][0]["content"]
    assert (block["type"], block["title"]) == ("document", "x.pdf")
    assert block["source"]["data"] == "JVBERi0="
