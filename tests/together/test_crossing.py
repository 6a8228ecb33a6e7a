"""Every client's dialect reaches every family, and every answer comes back to it.

    request  client's JSON -> values -> fitted -> the family's JSON      moved, or refused by name
    answer   family's JSON -> values -> fitted -> the client's JSON      never an error
    stream   chunks -> batches -> fitted -> the client's chunks          never an error, and complete

The clients are OpenAI's and Anthropic's own dialects, Converse, and every family of Bedrock in its
own JSON. Nothing is stripped before: options, unknown members, signatures and all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest
from attrs import frozen
from hypothesis import HealthCheck, given, settings

from axonflow_bedrock.emulator.limits import MODELS
from axonflow_bedrock.models.rules import facts_of
from axonflow_core.codec import Codec, FamilyCodec, ModelFacts, StreamContext
from axonflow_core.dialects import anthropic_messages, openai_chat
from axonflow_core.errors import EncodeError
from axonflow_core.fitting import Fitted, fit
from axonflow_core.messages import Completion, CompletionRequest, Json, user
from axonflow_core.plugins import load_codecs
from axonflow_core.stream import Batch, assemble
from axonflow_core.testing import Claims, completions, requests, streams

REGISTRY = load_codecs("bedrock").registry
CONTEXT = StreamContext("id_1", "model_1", 7)
CONVERSE_MODELS = (
    "anthropic.claude-sonnet-4-20250514-v1:0",
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
            facts = ModelFacts(model_id=base_id, base_id=base_id)
            yield Party(codec, facts_of(base_id, codec.surface, facts, MODELS.entry(base_id)))


PARTIES = tuple(parties())
OUTCOMES: Counter[str] = Counter()
REFUSALS: Counter[str] = Counter()
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


@pytest.mark.parametrize("client", PARTIES, ids=str)
def test_a_request_of_any_client_moves_to_any_model_or_is_refused_by_name(client: Party) -> None:
    @FEW
    @given(REQUESTS[str(client)])
    def check(request: CompletionRequest) -> None:
        for model in PARTIES:
            try:
                moved(client, model, request)
            except EncodeError as refusal:
                OUTCOMES["refused"] += 1
                REFUSALS[refusal.feature or ""] += 1
                assert refusal.feature and refusal.message
            else:
                OUTCOMES["moved"] += 1

    check()


def answered(client: Party, model: Party, native: Json, fitted: Fitted) -> Json:
    """The client's JSON of an answer in the model's."""
    completion = model.codec.decode_response(native, model.facts)
    return client.codec.encode_response(fitted.answer(completion), client.facts)


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
            OUTCOMES["answers"] += 1
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
            OUTCOMES["streams"] += 1
            assert added_up(decoded(client, chunks)).text == text

    check()


def test_zz_print() -> None:
    print(OUTCOMES, REFUSALS.most_common(40))
