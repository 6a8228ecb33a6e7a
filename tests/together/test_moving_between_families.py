"""A conversation moves from any family to any other that can say it, and passes its gate; or is
refused by name.

    draw a request of the first family  ->  its own JSON and back  ->  fitted to the second's model
        ->  the second's JSON  ->  the emulated Bedrock, as strict as the real one
        ->  an answer, and every text of the conversation arrived

Nothing is left behind before: parameters, options, signatures and unknown members come along. A
number that the second model does not take is moved into its range by fitting, and reported: both
are counted, by parameter. Of what is sent the service may refuse two things: a guardrail that the
account does not have, which nothing but the account knows, and the name of a schema that Nova does
not have, which goes out as the caller wrote it.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping

import orjson
import pytest
from attrs import evolve, frozen
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from axonflow_bedrock.emulator.catalogue import CATALOGUE, LISTINGS
from axonflow_bedrock.emulator.limits import MODELS
from axonflow_bedrock.emulator.service import EmulatedBedrock
from axonflow_bedrock.models.model_id import parse_model_id
from axonflow_bedrock.models.rules import facts_of
from axonflow_bedrock.wire import operations
from axonflow_bedrock.wire.endpoint import Call, NativeAnswer, ServiceException
from axonflow_core.codec import FamilyCodec, ModelFacts
from axonflow_core.dialects import openai_chat
from axonflow_core.errors import EncodeError, UndetectedFamily
from axonflow_core.fitting import fit
from axonflow_core.messages import (
    CompletionRequest,
    ContentBlock,
    Document,
    Inference,
    Json,
    Message,
    ReasoningRequest,
    Text,
    ToolResult,
)
from axonflow_core.plugins import load_codecs
from axonflow_core.testing import Claims, requests

REGISTRY = load_codecs("bedrock").registry
SERVICE = EmulatedBedrock(REGISTRY, CATALOGUE)
CALLER = "a test"

IMPORTED = "arn:aws:bedrock:us-east-1:123456789012:imported-model/abcdefghijkl"
ENDPOINT = "arn:aws:sagemaker:us-east-1:123456789012:endpoint/some-model"
CONVERSE_MODELS = (
    "us.anthropic.claude-sonnet-4-20250514-v1:0",
    "amazon.nova-lite-v1:0",
    "us.meta.llama3-3-70b-instruct-v1:0",
    "mistral.mistral-large-2402-v1:0",
    "amazon.titan-text-express-v1",
    "us.deepseek.r1-v1:0",
    "openai.gpt-oss-120b-1:0",
)


@frozen
class Party:
    """One codec, and a model that speaks it."""

    codec: FamilyCodec
    model: str
    facts: ModelFacts

    def __str__(self) -> str:
        return f"{self.codec.name} ({self.model})"


def party(codec: FamilyCodec, model: str) -> Party:
    base_id = parse_model_id(model).base_id or ""
    facts = ModelFacts(model_id=model, base_id=base_id)
    return Party(codec, model, facts_of(base_id, codec.surface, facts, MODELS.entry(base_id)))


def parties() -> Iterator[Party]:
    """Every codec once, Converse with a model of each kind."""
    for codec in REGISTRY.of_kind(FamilyCodec):
        if codec.surface == "converse":
            yield from (party(codec, model) for model in CONVERSE_MODELS)
        elif codec.family in ("imported", "marketplace"):
            yield party(codec, IMPORTED if codec.family == "imported" else ENDPOINT)
        else:
            spoken = (
                model for model in listed() if codec is speaks(model) or is_beside(codec, model)
            )
            # A family of somebody else's may be installed, whose models Bedrock does not list.
            yield party(codec, next(spoken, None) or f"{codec.models[0]}-v1:0")


def listed() -> Iterator[str]:
    """Every model that can be called in us-east-1, by an id that it is called under."""
    for listing in LISTINGS.values():
        yield from sorted(listing.on_demand)
        yield from (
            f"us.{base_id}"
            for base_id, where in sorted(listing.profiles.items())
            if "us" in where.split()
        )


def speaks(model: str) -> FamilyCodec | None:
    try:
        return REGISTRY.for_base_id(parse_model_id(model).base_id or "")
    except UndetectedFamily:  # a model that does not talk
        return None


def is_beside(codec: FamilyCodec, model: str) -> bool:
    """Whether `codec`, which no model has for its own, is another form of what `model` speaks."""
    own = speaks(model)
    return not codec.models and own is not None and codec.name in own.other_forms


PARTIES = tuple(parties())
SPEECH = st.sampled_from([(each, requests(Claims(codec=each.codec))) for each in PARTIES]).flatmap(
    lambda drawn: st.tuples(st.just(drawn[0]), drawn[1])
)
"""A party, and what it says."""


def spoken(request: CompletionRequest) -> CompletionRequest:
    """`request` with a word in each blank message. Nothing is set aside or made smaller."""
    return evolve(request, messages=tuple(map(saying_something, request.messages)))


def saying_something(message: Message) -> Message:
    """`message` with a word where it is blank or a document stands alone: Bedrock takes that from
    nobody."""
    word = Text("-")
    content = [
        word if isinstance(block, Text) and not block.text.strip() else block
        for block in message.content
    ]
    kinds = {type(block) for block in content}
    is_silent = not content or (Document in kinds and Text not in kinds)
    return evolve(message, content=(*content, word) if is_silent else tuple(content))


def moved(request: CompletionRequest, first: Party, second: Party) -> tuple[Json, list[str]]:
    """The second family's JSON of what the first one's says, and the parameters that are sent
    otherwise than asked. `EncodeError` where it cannot say it."""
    native = first.codec.encode_request(request, ModelFacts())
    heard = spoken(first.codec.decode_request(native, ModelFacts()))
    fitted = fit(heard, second.codec, second.facts, client=first.codec)
    adjusted = [str(each.feature) for each in fitted.adjustments if " sent as " in each.what]
    return second.codec.encode_request(fitted.request, second.facts), adjusted


def texts_of(blocks: tuple[ContentBlock, ...]) -> Iterator[str]:
    for block in blocks:
        if isinstance(block, Text):
            yield block.text
        elif isinstance(block, ToolResult):
            yield from texts_of(block.content)


def strings_of(native: Json) -> Iterator[str]:
    if isinstance(native, str):
        yield native
    elif isinstance(native, Mapping | list):
        for item in native.values() if isinstance(native, Mapping) else native:
            yield from strings_of(item)


def answered(party: Party, body: Json) -> NativeAnswer:
    is_converse = party.codec.surface == "converse"
    operation = operations.CONVERSE if is_converse else operations.INVOKE
    call = Call(
        operation=operation,
        model=party.model,
        body=orjson.dumps(body),
        caller=CALLER,
        request_id="1",
    )
    answer = asyncio.run(SERVICE(call))
    assert isinstance(answer, NativeAnswer)
    return answer


REFUSED_BY_BEDROCK = {
    "guardrailConfig": "The guardrail identifier or version provided in the request does not exist",
    "schemaVersion": "#/schemaVersion: the value is not a valid enum value",
}
"""What Bedrock alone refuses, by the member that asks for it."""


def refused_by_bedrock(body: Json) -> Iterator[str]:
    """The member of `body` that Bedrock refuses, where there is one."""
    if "guardrailConfig" in body:
        yield "guardrailConfig"
    if body.get("schemaVersion", "messages-v1") != "messages-v1":
        yield "schemaVersion"


def outcomes_of(second: Party, max_examples: int | None = None) -> Counter[str]:
    """Moves conversations of every party to `second`, as many as the profile says: how many were
    moved, and how many refused by name."""
    outcomes = Counter[str]()

    @settings(
        settings() if max_examples is None else settings(max_examples=max_examples),
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(SPEECH)
    def check(drawn: tuple[Party, CompletionRequest]) -> None:
        first, request = drawn
        try:
            body, adjusted = moved(request, first, second)
        except EncodeError as refusal:
            outcomes["refused"] += 1
            assert refusal.feature and refusal.message
            return
        outcomes.update(["moved", *adjusted])
        if member := next(refused_by_bedrock(body), None):
            with pytest.raises(ServiceException, match=REFUSED_BY_BEDROCK[member]):
                answered(second, body)
            outcomes[member] += 1
        else:
            assert answered(second, body).body
        said = "\n".join(strings_of(body))
        blocks = (block for message in request.messages for block in message.content)
        texts = texts_of((*request.system, *blocks))
        assert [text for text in texts if text.strip() not in said] == []

    check()
    return outcomes


@pytest.mark.sampled(3)
@pytest.mark.parametrize("second", PARTIES, ids=str)
def test_a_conversation_moves_and_passes_the_gate_or_is_refused_by_name(second: Party) -> None:
    assert outcomes_of(second).total()


def test_many_conversations_are_moved_and_some_are_refused() -> None:
    """The control: a law that only ever saw refusals would have seen nothing. Forms that take a
    prompt alone refuse every conversation."""
    outcomes = sum((outcomes_of(second, max_examples=6) for second in PARTIES[::3]), Counter[str]())

    assert outcomes["moved"] > (outcomes["moved"] + outcomes["refused"]) / 4, outcomes
    assert outcomes["refused"] > 0


ASKED = CompletionRequest("Hi", inference=Inference(max_tokens=10**6, top_k=501, temperature=2))
THINKING = evolve(ASKED, reasoning=ReasoningRequest("enabled", 10**6))


@pytest.mark.parametrize(
    ("name", "adjusted"),
    [
        ("mistral/prompt", {"max_tokens", "temperature", "top_k"}),
        ("cohere/command-r", {"max_tokens", "temperature", "top_k"}),
        ("anthropic", {"max_tokens", "temperature", "top_k"}),
        ("gpt-oss", {"max_tokens"}),
    ],
)
def test_a_number_beyond_the_models_range_is_moved_into_it_and_reported(
    name: str, adjusted: set[str]
) -> None:
    second = next(each for each in PARTIES if each.codec.name == name)

    assert adjusted_in(second, ASKED, "sent as") == adjusted


def test_a_budget_beyond_the_models_limit_leaves_room_and_takes_the_place_of_sampling() -> None:
    second = party(REGISTRY.for_name("anthropic"), "us.anthropic.claude-sonnet-4-5-20250929-v1:0")

    assert adjusted_in(second, THINKING, "sent as") == {"max_tokens", "reasoning"}
    assert adjusted_in(second, THINKING, "not sent") == {"temperature", "top_k"}


def adjusted_in(second: Party, asked: CompletionRequest, how: str) -> set[str]:
    """What was adjusted in that way, in a request that the model then answers."""
    fitted = fit(asked, second.codec, second.facts, client=openai_chat.CODEC)
    assert answered(second, second.codec.encode_request(fitted.request, second.facts)).body
    return {str(each.feature) for each in fitted.adjustments if how in each.what}


def test_what_was_not_made_to_fit_is_stopped_at_the_gate() -> None:
    """The control: the gate does refuse."""
    claude = next(each for each in PARTIES if each.codec.name == "anthropic")

    with pytest.raises(ServiceException, match="Extra inputs are not permitted"):
        answered(
            claude,
            {
                "anthropic_version": "bedrock-2023-05-31",
                "max_tokens": 1,
                "messages": [],
                "x_nobody": 1,
            },
        )
