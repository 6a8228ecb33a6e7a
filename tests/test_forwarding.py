"""A client's call at a provider that takes values alone: its answer fits the client's dialect."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve

from axonflow_core.calls.streams import WholeAnswer
from axonflow_core.codec import Codec, Feature, ModelFacts, StreamContext
from axonflow_core.dialects import openai_chat
from axonflow_core.errors import EncodeError, RequestError
from axonflow_core.messages import (
    Completion,
    CompletionRequest,
    Opaque,
    Reasoning,
    ReasoningRequest,
    Receipt,
    StopReason,
    Text,
    user,
)
from axonflow_core.provider import CompletionStream, NativeCall
from axonflow_core.retrieval import EmbeddingRequest, RerankRequest
from axonflow_core.runtime import Runtime
from axonflow_core.testing import MockTransport

CLIENT = evolve(
    openai_chat.CODEC, features=openai_chat.CODEC.features - {Feature.REASONING}, joins=frozenset()
)
FOREIGN = Completion(
    (Reasoning("so"), Opaque("acme", {"type": "acme"}), Text("Hi", citations=({"at": 1},))),
    StopReason.PAUSE_TURN,
    extra={"acme": 1},
)


class Plain:
    """A provider of values, which gives one answer."""

    default_model = "m"

    def __init__(self, answer: Completion = FOREIGN) -> None:
        self.answer = answer
        self.asked: list[Any] = []

    async def complete(self, request: CompletionRequest, **_: Any) -> Completion:
        self.asked.append(request)
        return self.answer

    async def stream(self, request: CompletionRequest, **_: Any) -> CompletionStream:
        return WholeAnswer(await self.complete(request))


class Vectors(Plain):
    """A provider of vectors too."""

    async def embed(self, request: EmbeddingRequest, *, model: str | None, **_: Any) -> Any:
        return [request, model]


def served(provider: Plain) -> Runtime:
    return Runtime({"plain": provider}, MockTransport(lambda _: None))  # type: ignore[dict-item]


def call_of(codec: Codec = CLIENT, **options: Any) -> NativeCall:
    request = CompletionRequest(user("hi"), **options)
    return NativeCall(codec=codec, surface="chat", request=request)


async def test_what_the_client_s_dialect_has_no_place_for_is_left_out_and_reported() -> None:
    answer = (await served(Plain()).forward(call_of())).answer

    assert CLIENT.encode_response(answer, ModelFacts())["choices"][0]["message"]["content"] == "Hi"
    names = {adjustment.feature for adjustment in answer.adjustments}
    assert names == {"reasoning", "opaque", "citations", "stop reason"}


async def test_a_stream_is_made_to_fit_as_a_whole_answer_is() -> None:
    stream = await served(Plain()).forward_stream(call_of())

    encoder = CLIENT.stream_encoder(StreamContext("a", "m", 1), ModelFacts())
    chunks = [chunk for batch in await stream.read() for chunk in encoder.encode(batch)]

    assert "Hi" in str(chunks) and "acme" not in str(chunks)
    names = {adjustment.feature for adjustment in stream.adjustments}
    assert names == {"reasoning", "opaque", "citations", "stop reason"}


async def test_what_is_asked_for_in_vain_is_reported_once() -> None:
    asked = call_of(reasoning=ReasoningRequest(effort="high"))

    answer = (await served(Plain(Completion((Reasoning("so"),), None))).forward(asked)).answer

    assert [adjustment.feature for adjustment in answer.adjustments] == ["reasoning"]


async def test_keys_that_address_the_call_do_not_reach_the_provider() -> None:
    provider = Plain()

    await served(provider).forward(call_of(options={"model": "gpt-9", "stream": True}))

    assert provider.asked == [CompletionRequest(user("hi"))]


async def test_a_stream_that_its_client_could_not_read_is_refused_before_the_call() -> None:
    provider = Plain()
    whole = evolve(CLIENT, stream_encoder=None, stream_decoder=None)

    with pytest.raises(EncodeError, match="no streamed answers"):
        await served(provider).forward_stream(call_of(whole))

    assert provider.asked == []


async def test_an_answer_in_the_client_s_own_form_stays_as_it_is() -> None:
    name = "".join(CLIENT.name)  # equal, and not the same object
    receipt = Receipt(provider="plain", family=name, surface="chat", model="m", called="m")
    own = Completion((Text("Hi"),), StopReason.OTHER, native_stop_reason="odd", extra={"x": 1})

    answer = (await served(Plain(evolve(own, receipt=receipt))).forward(call_of())).answer

    assert answer == own


async def test_vectors_and_rankings_are_asked_for_as_such() -> None:
    vectors, ranking = EmbeddingRequest(("a",)), RerankRequest("q", ("a",))
    runtime = served(Vectors())

    answer = await runtime.forward(evolve(call_of(), request=vectors), model="v-1")

    assert answer.answer == [vectors, "v-1"]
    with pytest.raises(RequestError, match="does not support reranking"):
        await runtime.forward(evolve(call_of(), request=ranking))
