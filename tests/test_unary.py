"""Embeddings, rankings and token counts in the core: values, the registry of several kinds, and the
runtime."""

from __future__ import annotations

import pytest
from attrs import evolve
from toy import CHAT, COUNTER, PROMPT, VECTORS, registry_of

from axonflow_core.codec import FamilyCodec, NativeNames
from axonflow_core.codec.unary import EmbeddingCodec, TokenCounter
from axonflow_core.config import load_config
from axonflow_core.errors import (
    ConfigError,
    EncodeError,
    RequestError,
    UndetectedFamily,
)
from axonflow_core.messages import Text, Usage
from axonflow_core.retrieval import (
    EmbeddingRequest,
    Embeddings,
    Encoding,
    Purpose,
    RerankRequest,
    Vector,
    merge_embeddings,
)
from axonflow_core.runtime import Runtime

SMALL, LARGE = evolve(VECTORS, variant="small"), evolve(VECTORS, variant="large")


# ── values ────────────────────────────────────────────────────────────────────────────────────────


def test_answers_are_joined_in_order_and_their_counts_added_up() -> None:
    one = Embeddings((Vector((1.0,)), Vector((2.0,), 1)), Usage(input_tokens=3), id="a")
    two = Embeddings((Vector((3.0,)),), Usage(input_tokens=4), id="b")

    whole = merge_embeddings([(2, one), (1, two)])

    assert whole.floats == ((1.0,), (2.0,), (3.0,))
    assert (whole.usage, whole.id) == (Usage(input_tokens=7), None)
    assert merge_embeddings([(2, one)]) is one


def test_a_count_that_nobody_told_is_not_zero() -> None:
    answer = Embeddings((Vector((1.0,)),))

    assert merge_embeddings([(1, answer), (1, answer)]).usage.input_tokens is None


def test_vectors_are_found_by_encoding_in_the_order_of_the_inputs() -> None:
    answer = Embeddings(
        (Vector((2,), 1, Encoding.INT8), Vector((1,), 0, Encoding.INT8), Vector((0.5,), 0))
    )

    assert answer.in_encoding(Encoding.INT8) == ((1,), (2,))
    assert answer.floats == ((0.5,),)


def test_neither_texts_nor_vectors_are_shown() -> None:
    shown = repr(
        (
            EmbeddingRequest((Text("secret"),)),
            Vector((0.125,)),
            RerankRequest("secret", ("secret",)),
        )
    )

    assert "secret" not in shown
    assert "0.125" not in shown


def test_a_familys_other_word_comes_back_and_a_word_that_it_lacks_is_refused() -> None:
    words = NativeNames(
        what="purpose", table={"index": Purpose.DOCUMENT, "archive": Purpose.DOCUMENT}
    )

    assert words.decode_optional("index") == (Purpose.DOCUMENT, None)
    assert words.encode_optional(*words.decode_optional("archive")) == "archive"
    with pytest.raises(EncodeError) as refused:
        words.encode(Purpose.QUERY, None)
    assert refused.value.feature == "purpose"


# ── the registry ──────────────────────────────────────────────────────────────────────────────────


def test_one_model_may_have_a_codec_of_each_kind() -> None:
    registry = registry_of(PROMPT, COUNTER, VECTORS)

    assert registry.find(FamilyCodec, "toy.prompt-1") is PROMPT
    assert registry.find(TokenCounter, "toy.prompt-1") is COUNTER
    assert len(registry) == 3


def test_two_codecs_of_one_kind_and_name_are_an_error_that_names_both() -> None:
    with pytest.raises(ConfigError, match=r"toy-vectors .*distribution-0 1 and distribution-1 1"):
        registry_of(VECTORS, VECTORS)


def test_the_families_of_a_kind_are_named() -> None:
    registry = registry_of(PROMPT, CHAT, SMALL, LARGE)

    assert registry.names == ("toy", "toy-chat")
    assert registry.names_of(EmbeddingCodec) == ("toy-vectors/large", "toy-vectors/small")
    with pytest.raises(UndetectedFamily, match="several forms"):
        registry.find_by_name(EmbeddingCodec, "toy-vectors")


# ── the runtime ──────────────────────────────────────────────────────────────────────────────────


async def test_a_provider_that_cannot_says_so() -> None:
    async with Runtime.open(load_config(environment={"ECHO_MODEL": "echo"})) as runtime:
        with pytest.raises(RequestError, match="does not support embeddings"):
            await runtime.embed("hello")
        with pytest.raises(RequestError, match="does not support reranking"):
            await runtime.rerank(RerankRequest("q", ("a",)))
        with pytest.raises(RequestError, match="does not support token counting") as caught:
            await runtime.count_tokens("hello")
        assert "the usage of an answer has its tokens" in str(caught.value.hint)
