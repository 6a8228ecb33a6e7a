"""Whose fault an error is follows from the role of the codec that fails."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from attrs import evolve

from axonflow_core.codec import Codec, ModelFacts, StreamContext
from axonflow_core.dialects import anthropic_messages, openai_chat
from axonflow_core.errors import (
    AnswerError,
    AxonFlowError,
    DecodeError,
    EncodeError,
    MalformedRequest,
    RequestError,
    UnencodableAnswer,
)
from axonflow_core.messages import Completion, Json, Reasoning, StopReason, Text
from axonflow_core.stream import Ended, TextDelta

FACTS = ModelFacts()
CONTEXT = StreamContext("answer-1", "model-1", 0)
DIALECTS = (openai_chat.CODEC, anthropic_messages.CODEC)
dialects = pytest.mark.parametrize("codec", DIALECTS, ids=lambda codec: codec.name)

STRANGE = pytest.mark.parametrize("body", [None, 7, [], {}, {"messages": 7}, {"messages": [7]}])


@dialects
@STRANGE
def test_a_strange_request_is_the_fault_of_the_client_that_sent_it(
    codec: Codec, body: Json
) -> None:
    with pytest.raises(MalformedRequest) as raised:
        codec.decode_request(body, FACTS)

    assert isinstance(raised.value, RequestError)
    assert "base_model" not in str(raised.value.hint)


@dialects
@pytest.mark.parametrize("body", [None, 7, [], {}, {"content": 7}, {"choices": [7]}])
def test_a_strange_answer_is_the_fault_of_the_provider_that_sent_it(
    codec: Codec, body: Json
) -> None:
    with pytest.raises(DecodeError) as raised:
        codec.decode_response(body, FACTS)

    assert not any(key in str(raised.value.hint) for key in ("family:", "base_model:"))


def test_an_answer_that_the_client_has_no_place_for_is_no_fault_of_the_client() -> None:
    codec = openai_chat.chat_codec(
        openai_chat.ChatForm(),
        family="plain",
        models=(),
        features=frozenset(),
        evidence="made up",
    )
    thought = Completion((Reasoning("hm"), Text("hi")), StopReason.END_TURN)

    with pytest.raises(UnencodableAnswer) as raised:
        codec.encode_response(thought, FACTS)

    assert isinstance(raised.value, AnswerError)
    assert raised.value.feature == "reasoning"


REFUSALS: list[tuple[Exception, str]] = [
    (KeyError("kiwi"), "no 'kiwi'"),
    (KeyError("a secret"), "a member has an undocumented name"),
    (TypeError("a secret"), "a member is missing, null or of another type"),
    (EncodeError("no place for it", feature="citations"), "no place for it"),
    (RequestError("temperature is no number"), "temperature is no number"),
]


class Stumbling:
    def __init__(self, error: Exception) -> None:
        self._error = error

    def encode(self, batch: Any) -> list[Json]:
        raise self._error

    feed = encode


@pytest.mark.parametrize(("error", "message"), REFUSALS)
def test_whatever_a_stream_encoder_raises_is_an_error_of_the_answer(
    error: Exception, message: str
) -> None:
    codec = evolve(openai_chat.CODEC, stream_encoder=lambda context, facts: Stumbling(error))

    with pytest.raises(UnencodableAnswer) as raised:
        codec.stream_encoder(CONTEXT, FACTS).encode((TextDelta("hi"), Ended()))

    assert message in raised.value.message
    assert "secret" not in raised.value.message


def raising(error: Exception) -> Callable[..., Any]:
    def function(*args: Any) -> Any:
        raise error

    return function


ROLES: list[tuple[str, Callable[[Codec], Any], type[AxonFlowError]]] = [
    ("decode_request", lambda codec: codec.decode_request({}, FACTS), MalformedRequest),
    ("decode_response", lambda codec: codec.decode_response({}, FACTS), DecodeError),
    (
        "encode_response",
        lambda codec: codec.encode_response(Completion((), None), FACTS),
        UnencodableAnswer,
    ),
    ("stream_decoder", lambda codec: codec.stream_decoder(FACTS).feed({}), DecodeError),
]


@pytest.mark.parametrize(("member", "call", "kind"), ROLES)
def test_what_a_value_refuses_is_the_error_of_the_role_that_builds_it(
    member: str, call: Callable[[Codec], Any], kind: type[AxonFlowError]
) -> None:
    refusal = RequestError("max_tokens is negative")
    function: Any = raising(refusal)
    if member == "stream_decoder":
        function = lambda facts: Stumbling(refusal)  # noqa: E731
    codec = evolve(openai_chat.CODEC, **{member: function})

    with pytest.raises(AxonFlowError) as raised:
        call(codec)

    assert (type(raised.value), raised.value.message) == (kind, "max_tokens is negative")
