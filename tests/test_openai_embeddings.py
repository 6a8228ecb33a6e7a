"""OpenAI's embeddings JSON: the laws of every such codec, and what OpenAI's documents show."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from axonflow_core.codec import ModelFacts
from axonflow_core.dialects.openai_embeddings import CODEC
from axonflow_core.errors import EncodeError, MalformedRequest
from axonflow_core.messages import Json
from axonflow_core.retrieval import EmbeddingRequest, Encoding, Purpose
from axonflow_core.testing.unary_laws import embedding_laws

FACTS = ModelFacts()

ANSWER: Json = {
    "object": "list",
    "data": [
        {
            "object": "embedding",
            "index": 0,
            "embedding": [0.0023064255, -0.009327292, -0.0028842222],
        }
    ],
    "model": "text-embedding-ada-002",
    "usage": {"prompt_tokens": 8, "total_tokens": 8},
}
"""OpenAI's API reference, "Create embeddings", read November 2026; three of 1,536 numbers."""


@pytest.mark.parametrize("law", embedding_laws(CODEC))
def test_the_dialect_keeps(law: Callable[[], None]) -> None:
    law()


def test_the_documented_answer_is_a_vector_and_a_count() -> None:
    answer = CODEC.decode_response(ANSWER, FACTS)

    assert answer.floats == ((0.0023064255, -0.009327292, -0.0028842222),)
    assert answer.usage.input_tokens == 8
    assert CODEC.encode_response(answer, FACTS) == ANSWER


@pytest.mark.parametrize(
    "body",
    [
        {"input": "The food was delicious", "encoding_format": "float"},
        {"input": ["a", "b"], "dimensions": 256, "encoding_format": "base64", "user": "u-1"},
        {"input": ["a"]},
    ],
)
def test_a_request_comes_back_as_it_was_written(body: Json) -> None:
    assert CODEC.encode_request(CODEC.decode_request(body, FACTS), FACTS) == body


def test_a_vector_in_base64_stays_one_text() -> None:
    native = {
        "object": "list",
        "data": [{"object": "embedding", "index": 0, "embedding": "AACAPw=="}],
    }

    (vector,) = CODEC.decode_response(native, FACTS).vectors

    assert (vector.values, vector.encoding) == ("AACAPw==", Encoding.BASE64)


@pytest.mark.parametrize("tokens", [[1212, 318], [[1212], [318]]])
def test_tokens_in_place_of_texts_are_refused(tokens: Json) -> None:
    with pytest.raises(MalformedRequest):
        CODEC.decode_request({"input": tokens}, FACTS)


def test_what_the_dialect_has_no_parameter_for_is_refused_by_name() -> None:
    with pytest.raises(EncodeError, match="purpose"):
        CODEC.encode_request(EmbeddingRequest("a", purpose=Purpose.QUERY), FACTS)
