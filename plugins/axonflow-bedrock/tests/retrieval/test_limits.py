"""What embedding and rerank models refuse, refused by its number before it is sent."""

from __future__ import annotations

from struct import pack
from typing import Any

import pytest

from axonflow_bedrock.retrieval import cohere_embed, nova_embed, rerank, titan_embed
from axonflow_core.codec import ModelFacts
from axonflow_core.codec.unary import EmbeddingCodec, RerankCodec
from axonflow_core.errors import DecodeError, EncodeError
from axonflow_core.messages import Data, Image, Media, Text
from axonflow_core.retrieval import EmbeddingRequest, MixedInput, RerankRequest, text_of_document

FACTS = ModelFacts()
V3, V4, NOVA = cohere_embed.V3, cohere_embed.V4, nova_embed.CODEC
TITAN_1, TITAN_2, TITAN_IMAGE = titan_embed.CODECS
PNG = b"\x89PNG\r\n\x1a\n"


def wide(side: int) -> Image:
    return Image(PNG + b"\0\0\0\rIHDR" + pack(">II", side, 1))


@pytest.mark.parametrize(
    ("codec", "request_", "why"),
    [
        # langgenius/dify#3942, deepset-ai/haystack-core-integrations#912, read 2026-11-29.
        (V3, EmbeddingRequest(["a" * 2500]), "2,048 characters a text, and text 1 of 1 has 2,500"),
        (V3, EmbeddingRequest(["a", "b" * 2049]), "text 2 of 2 has 2,049"),
        (V3, EmbeddingRequest(["a"] * 150 + ["b" * 3000]), "text 151 of 151"),
        (V3, EmbeddingRequest(["a" * 2049], truncation="none"), "text 1 of 1 has 2,049"),
        (V3, EmbeddingRequest([Image(b"GIF89a")]), "image 1 of 1: its type is image/gif"),
        (V3, EmbeddingRequest([Image(PNG + bytes(5_242_880))]), "it has 5,242,888 bytes"),
        (V3, EmbeddingRequest([Image(Media("base64", "!", "image/png"))]), "is no base64"),
        # AWS user guide, Cohere Embed v4, read 2026-11-29.
        (V4, EmbeddingRequest(["a"], dimensions=999), "no vectors of 999 dimensions"),
        # AWS user guide, Amazon Titan Text Embeddings models, read 2026-11-29.
        (TITAN_1, EmbeddingRequest(["a" * 50_001]), "50,000 characters a text"),
        (TITAN_2, EmbeddingRequest(["a", ""]), "text 2 of 2 is empty"),
        (TITAN_2, EmbeddingRequest(["a"], dimensions=384), "no vectors of 384 dimensions"),
        # AWS user guide, Amazon Titan Multimodal Embeddings G1 model, read 2026-11-29.
        (TITAN_IMAGE, EmbeddingRequest(["a"], dimensions=512), "no vectors of 512 dimensions"),
        (TITAN_IMAGE, EmbeddingRequest([wide(2049)]), "2049 × 1 pixels"),
        (TITAN_IMAGE, EmbeddingRequest([MixedInput(("a", wide(3000)))]), "3000 × 1 pixels"),
        # AWS user guide of Nova, Complete embeddings request and response schema, read 2026-11-29.
        (NOVA, EmbeddingRequest(["a"], dimensions=512), "no vectors of 512 dimensions"),
        (NOVA, EmbeddingRequest([Image(Media("base64", "Qk0=", "image/bmp"))]), "image/bmp"),
    ],
)
def test_what_is_beyond_a_limit_is_refused_by_its_number(
    codec: EmbeddingCodec, request_: EmbeddingRequest, why: str
) -> None:
    with pytest.raises(EncodeError, match=why) as caught:
        codec.split(request_)

    assert caught.value.hint


def test_a_call_of_its_own_is_checked_too() -> None:
    with pytest.raises(EncodeError, match="text 1 of 1"):
        V3.encode_request(EmbeddingRequest(["a" * 2049]), FACTS)


@pytest.mark.parametrize(
    ("end", "kept", "native"), [("end", "a" * 2048, "END"), ("start", "a" * 2047 + "b", "START")]
)
def test_a_text_that_may_be_cut_is_cut_to_what_the_service_takes(
    end: str, kept: str, native: str
) -> None:
    body = V3.encode_request(EmbeddingRequest(["a" * 2500 + "b"], truncation=end), FACTS)

    assert (body["texts"], body["truncate"]) == ([kept], native)


@pytest.mark.parametrize("codec", [V3, V4])
def test_a_picture_is_labelled_as_what_it_is(codec: EmbeddingCodec) -> None:
    picture = Image(Media("base64", "/9j/4AAQ", "image/jpg"))
    body = codec.encode_request(EmbeddingRequest([picture]), FACTS)

    assert body["images"] == ["data:image/jpeg;base64,/9j/4AAQ"]


def test_the_format_of_a_clip_is_the_vendors_word() -> None:
    picture = EmbeddingRequest([Image(Media("base64", "/9j/4AAQ", "image/jpg"))])

    assert NOVA.encode_request(picture, FACTS)["singleEmbeddingParams"]["image"]["format"] == "jpeg"


# ── answers ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("codec", "body"),
    [
        (TITAN_2, {"embedding": [], "inputTextTokenCount": 3}),
        (TITAN_1, {"embedding": []}),
        (V3, {"embeddings": [[]], "id": "1"}),
        (V3, {"embeddings": []}),
        (V4, {"embeddings": {"float": [[0.1], []]}}),
        (V4, {"embeddings": {}}),
        (NOVA, {"embeddings": []}),
        (NOVA, {"embeddings": [{"embedding": [], "embeddingType": "TEXT"}]}),
    ],
)
def test_an_answer_without_numbers_is_the_providers_fault(codec: EmbeddingCodec, body: Any) -> None:
    with pytest.raises(DecodeError, match="has no numbers for an input"):
        codec.decode_response(body, FACTS)


# ── bodies of Cohere's own clients ────────────────────────────────────────────────────────────────

URL = "data:image/png;base64,iVBORw0KGgo="


@pytest.mark.parametrize(
    ("native", "extra"),
    [
        (URL, {}),
        ({"url": URL}, {}),
        ({"url": URL, "detail": "low"}, {"detail": "low"}),
    ],
)
def test_the_url_of_a_picture_may_stand_in_an_object(native: Any, extra: Any) -> None:
    """Cohere's API reference, Embed v2, November 2026: `image_url` is an object there."""

    inputs = [{"content": [{"type": "image_url", "image_url": native}]}]
    body = {"inputs": inputs, "input_type": "search_document"}
    request = V4.decode_request(body, FACTS)

    (mixed,) = request.inputs
    assert isinstance(mixed, MixedInput) and isinstance(mixed.parts[0], Image)
    assert mixed.parts[0].source == Media("base64", "iVBORw0KGgo=", "image/png", extra=extra)
    assert V4.encode_request(request, FACTS) == body


DOCUMENTS = ["a", {"text": "b", "title": "T"}, {"title": "c", "year": 1999}]


@pytest.mark.parametrize("codec", rerank.CODECS)
def test_documents_of_fields_come_back_as_they_were(codec: RerankCodec) -> None:
    """Cohere's API reference, Rerank v1, November 2026."""
    body = codec.encode_request(
        codec.decode_request({"query": "q", "documents": DOCUMENTS}, FACTS), FACTS
    )

    assert body["documents"] == DOCUMENTS


def test_a_document_of_fields_is_its_text_or_its_json() -> None:
    request = rerank.COHERE.decode_request({"query": "q", "documents": DOCUMENTS}, FACTS)

    assert request.documents == (
        "a",
        Text("b", extra={"title": "T"}),
        Data({"title": "c", "year": 1999}),
    )
    assert [*map(text_of_document, request.documents)] == ["a", "b", '{"title":"c","year":1999}']


@pytest.mark.parametrize("codec", rerank.CODECS)
@pytest.mark.parametrize(
    ("request_", "why"),
    [
        (RerankRequest("q", []), "does not rank 0 documents: it takes 1 to 1,000"),
        (RerankRequest("q", ["a"] * 1001), "does not rank 1,001 documents"),
        (RerankRequest("", ["a"]), "this one is empty"),
    ],
)
def test_a_ranking_has_its_limits_too(
    codec: RerankCodec, request_: RerankRequest, why: str
) -> None:
    """bedrock-agent-runtime service model, API 2023-07-26, RerankSourcesList, November 2026."""
    with pytest.raises(EncodeError, match=why):
        codec.encode_request(request_, FACTS)
