"""A conversation moves from any family to any other that can say it, and passes its gate; or is
refused by name.

    draw a request of the first family  ->  its own JSON and back  ->  fitted to the second's model
        ->  the second's JSON  ->  the emulated Bedrock, as strict as the real one
        ->  an answer, and every text of the conversation arrived

Nothing is left behind before: parameters, options, signatures and unknown members come along.
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
from axonflow_bedrock.wire.endpoint import Call, NativeAnswer, Operation, ServiceException
from axonflow_core.codec import FamilyCodec, ModelFacts
from axonflow_core.errors import EncodeError, UndetectedFamily
from axonflow_core.fitting import fit
from axonflow_core.messages import (
    CompletionRequest,
    ContentBlock,
    Document,
    Json,
    Message,
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


# The kit draws objects for an option; the schemas of these ask for something else.
_TYPED_OPTIONS = (
    *("max_completion_tokens", "documents", "prompt_truncation", "anthropic_beta"),
    *("search_queries_only", "return_prompt", "raw_prompting"),
)


def sayable(request: CompletionRequest) -> CompletionRequest:
    """`request` with numbers that every model takes and no blank message: Bedrock refuses those
    from every family. The options in `_TYPED_OPTIONS` are set aside, and nothing else."""
    inference, options = evolve(request.inference, max_tokens=2000), dict(request.options)
    for typed in _TYPED_OPTIONS:
        options.pop(typed, None)
    if inference.top_p is not None and not 0.01 <= inference.top_p <= 0.99:
        inference = evolve(inference, top_p=0.5)
    if inference.top_k is not None and not 1 <= inference.top_k <= 200:
        inference = evolve(inference, top_k=min(max(inference.top_k, 1), 200))
    reasoning = request.reasoning
    if reasoning is not None and reasoning.budget_tokens:  # must stay below max_tokens
        reasoning = evolve(reasoning, budget_tokens=1024)
    return evolve(
        request,
        messages=tuple(map(saying_something, request.messages)),
        inference=inference,
        reasoning=reasoning,
        options=options,
    )


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


def moved(request: CompletionRequest, first: Party, second: Party) -> Json:
    """The second family's JSON of what the first one's says. `EncodeError` where it cannot say
    it."""
    native = first.codec.encode_request(request, ModelFacts())
    heard = sayable(first.codec.decode_request(native, ModelFacts()))
    fitted = fit(heard, second.codec, second.facts, client=first.codec)
    return second.codec.encode_request(fitted.request, second.facts)


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
    operation = Operation.CONVERSE if party.codec.surface == "converse" else Operation.INVOKE
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
            body = moved(request, first, second)
        except EncodeError as refusal:
            outcomes["refused"] += 1
            assert refusal.feature and refusal.message
            return
        outcomes["moved"] += 1
        assert answered(second, body).body
        said = "\n".join(strings_of(body))
        spoken = (block for message in request.messages for block in message.content)
        assert [
            text for text in texts_of((*request.system, *spoken)) if text.strip() not in said
        ] == []

    check()
    return outcomes


@pytest.mark.sampled(3)
@pytest.mark.parametrize("second", PARTIES, ids=str)
def test_a_conversation_moves_and_passes_the_gate_or_is_refused_by_name(second: Party) -> None:
    assert outcomes_of(second).total()


def test_many_conversations_are_moved_and_some_are_refused() -> None:
    """The control: a law that only ever saw refusals would have seen nothing. Forms that take a
    prompt alone refuse every conversation, and the kit's options mean nothing, so that most of them
    are refused: several times as many as are moved."""
    outcomes = sum((outcomes_of(second, max_examples=4) for second in PARTIES[::3]), Counter[str]())

    assert outcomes["moved"] > outcomes.total() / 8, outcomes
    assert outcomes["refused"] > 0


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
