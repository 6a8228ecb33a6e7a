"""The codec of Ollama's embeddings keeps every law of codecs."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from axonflow_core.codec import ModelFacts
from axonflow_core.retrieval import EmbeddingRequest, Truncation
from axonflow_core.testing import embedding_laws
from axonflow_ollama.embedding import EMBED

FACTS = ModelFacts()


@pytest.mark.parametrize("law", embedding_laws(EMBED), ids=lambda law: law.name)
def test_embed(law: Callable[[], None]) -> None:
    law()


def test_one_text_alone_is_a_list_of_one() -> None:
    # docs.ollama.com, "Generate embeddings", 2026-11-29
    assert EMBED.decode_request({"input": "Why is the sky blue?"}, FACTS) == EmbeddingRequest(
        "Why is the sky blue?"
    )


def test_what_is_too_long_is_cut_or_refused_as_asked() -> None:
    request = EmbeddingRequest(["a", "b"], dimensions=256, truncation=Truncation.NONE)

    assert EMBED.encode_request(request, FACTS) == {
        "input": ["a", "b"],
        "truncate": False,
        "dimensions": 256,
    }


def test_an_answer_has_a_vector_for_each_text_and_the_count_of_tokens() -> None:
    # github.com/ollama/ollama, docs/api.md, "Generate Embeddings", commit 01e52d2
    answer = EMBED.decode_response(
        {
            "model": "all-minilm",
            "embeddings": [[0.010071029, -0.0017594862], [0.05007221, 0.04692972]],
            "total_duration": 14143917,
            "load_duration": 1019500,
            "prompt_eval_count": 8,
        },
        FACTS,
    )

    assert answer.floats == ((0.010071029, -0.0017594862), (0.05007221, 0.04692972))
    assert answer.usage.input_tokens == 8
