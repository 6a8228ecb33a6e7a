"""Jurassic-2's bodies as documents have them. Each names its source and its day."""

from __future__ import annotations

import pytest

from axonflow_bedrock.families import j2
from axonflow_core.codec import ModelFacts, StreamContext
from axonflow_core.errors import EncodeError, UnencodableAnswer
from axonflow_core.messages import (
    Completion,
    CompletionRequest,
    Inference,
    StopReason,
    Text,
    assistant,
    user,
)
from axonflow_core.testing import codec_laws

FACTS = ModelFacts()
J2 = j2.CODEC


def test_a_documented_request_is_read_and_written() -> None:
    """AWS user guide, AI21 Labs Jurassic-2 models: request; read 2026-11-22."""
    native = {
        "prompt": "Translate: good day",
        "temperature": 0.7,
        "topP": 0.9,
        "maxTokens": 200,
        "stopSequences": ["##"],
        "countPenalty": {"scale": 0},
        "presencePenalty": {"scale": 1.5},
        "frequencyPenalty": {"scale": 2, "applyToNumbers": False},
    }
    value = CompletionRequest(
        (user("Translate: good day"),),
        inference=Inference(200, 0.7, 0.9, None, ("##",)),
        options={
            "countPenalty": {"scale": 0},
            "presencePenalty": {"scale": 1.5},
            "frequencyPenalty": {"scale": 2, "applyToNumbers": False},
        },
    )

    assert J2.decode_request(native, FACTS) == value
    assert J2.encode_request(value, FACTS) == native


def test_a_documented_answer_is_read_and_written() -> None:
    """AWS user guide, AI21 Labs Jurassic-2 models: response; read 2026-11-22."""
    token = {"generatedToken": {"token": "bon", "logprob": -0.5}, "topTokens": None}
    native = {
        "id": 1234,
        "prompt": {"text": "Translate: good day", "tokens": [token]},
        "completions": [
            {
                "data": {"text": "\nBonjour", "tokens": [token]},
                "finishReason": {"reason": "length", "length": 10},
            }
        ],
    }
    value = Completion(
        (Text("\nBonjour", extra={"tokens": [token], "finishReason.length": 10}),),
        StopReason.MAX_TOKENS,
        native_stop_reason="length",
        request_echo={"text": "Translate: good day", "tokens": [token]},
        extra={"id": 1234},
    )

    assert J2.decode_response(native, FACTS) == value
    assert J2.encode_response(value, FACTS) == native


@pytest.mark.parametrize(
    ("native", "reason"),
    [
        ("endoftext", StopReason.END_TURN),
        ("length", StopReason.MAX_TOKENS),
        ("stop", StopReason.STOP_SEQUENCE),
    ],
)
def test_a_reason_to_stop_has_a_meaning(native: str, reason: StopReason) -> None:
    body = {"completions": [{"data": {"text": ""}, "finishReason": {"reason": native}}]}

    assert J2.decode_response(body, FACTS).stop_reason is reason


def test_it_does_not_stream_and_the_kit_has_no_laws_of_streams_for_it() -> None:
    names = {law.name for law in codec_laws(J2)}

    assert not J2.streams
    assert "a completion survives" in names
    assert not any("stream" in name for name in names)
    with pytest.raises(EncodeError, match="ai21/j2 does not stream"):
        J2.stream_decoder(FACTS)
    with pytest.raises(UnencodableAnswer, match="ai21/j2 does not stream"):
        J2.stream_encoder(StreamContext("", "", 0), FACTS)


def test_a_conversation_is_refused_and_one_message_is_not() -> None:
    with pytest.raises(EncodeError, match="a conversation of 3 messages"):
        J2.encode_request(CompletionRequest((user("Hi"), assistant("Hello."), user("Who?"))), FACTS)
    assert J2.encode_request(CompletionRequest((user("Hi"),)), FACTS) == {"prompt": "Hi"}
