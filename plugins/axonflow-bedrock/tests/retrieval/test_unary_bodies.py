"""Bodies of embeddings, rankings and token counts: as AWS documents them, and as Bedrock really
sent them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from attrs import frozen

from axonflow_bedrock.recorded import BedrockRecordingFormat
from axonflow_bedrock.retrieval import cohere_embed, nova_embed, rerank, titan_embed
from axonflow_bedrock.wire.count_tokens import unwrapped, wrapped
from axonflow_bedrock.wire.counting import CLAUDE, CONVERSE
from axonflow_core.codec import ModelFacts
from axonflow_core.codec.registry import CodecRegistry, RegisteredCodec
from axonflow_core.codec.unary import EmbeddingCodec, RerankCodec, TokenCounter, UnaryCodec
from axonflow_core.errors import MalformedRequest, UndetectedFamily
from axonflow_core.messages import Document, Image, Media, MediaKind, Text, Usage
from axonflow_core.retrieval import (
    AudioVideo,
    EmbeddingRequest,
    Embeddings,
    Encoding,
    MixedInput,
    Purpose,
    RankedDocument,
    Ranking,
    RerankRequest,
    Truncation,
    Vector,
)
from axonflow_core.testing import Tally, check_recording, read_recordings

FACTS = ModelFacts()
CODECS = (
    *titan_embed.CODECS,
    *cohere_embed.CODECS,
    nova_embed.CODEC,
    *rerank.CODECS,
    CLAUDE,
    CONVERSE,
)
REGISTRY = CodecRegistry(RegisteredCodec(codec, "axonflow-bedrock", "0") for codec in CODECS)
PNG = "data:image/png;base64,iVBORw0KGgo="
PICTURE = Image(Media(MediaKind.BASE64, "iVBORw0KGgo=", "image/png"))


@frozen
class Golden:
    source: str
    codec: UnaryCodec[Any, Any]
    native: Any
    value: Any


GOLDEN = {
    "titan picture and text": Golden(
        "AWS user guide, Amazon Titan Multimodal Embeddings G1, November 2026",
        titan_embed.IMAGE,
        {
            "inputText": "kiwi",
            "inputImage": "iVBORw0KGgo=",
            "embeddingConfig": {"outputEmbeddingLength": 384},
        },
        EmbeddingRequest(
            (MixedInput((Text("kiwi"), Image(Media(MediaKind.BASE64, "iVBORw0KGgo=")))),),
            dimensions=384,
        ),
    ),
    "titan picture": Golden(
        "AWS user guide, Amazon Titan Multimodal Embeddings G1, November 2026",
        titan_embed.IMAGE,
        {"inputImage": "iVBORw0KGgo="},
        EmbeddingRequest((Image(Media(MediaKind.BASE64, "iVBORw0KGgo=")),)),
    ),
    "titan picture answer": Golden(
        "AWS user guide, Amazon Titan Multimodal Embeddings G1, November 2026",
        titan_embed.IMAGE,
        {"embedding": [0.5, -1], "inputTextTokenCount": 3, "message": "none"},
        Embeddings((Vector((0.5, -1)),), Usage(input_tokens=3), message="none"),
    ),
    "titan bits": Golden(
        "AWS user guide, Amazon Titan Embeddings Text, November 2026",
        titan_embed.TEXT_V2,
        {"embeddingsByType": {"binary": [1, 0, 1]}, "inputTextTokenCount": 3},
        Embeddings((Vector((1, 0, 1), encoding=Encoding.BINARY),), Usage(input_tokens=3)),
    ),
    "cohere pictures": Golden(
        "AWS user guide, Cohere Embed v3, November 2026",
        cohere_embed.V3,
        {"images": [PNG], "input_type": "image"},
        EmbeddingRequest((PICTURE,), Purpose.IMAGE),
    ),
    "cohere mixed": Golden(
        "AWS user guide, Cohere Embed v4, November 2026",
        cohere_embed.V4,
        {
            "input_type": "search_document",
            "inputs": [
                {
                    "content": [
                        {"type": "text", "text": "page 1"},
                        {"type": "image_url", "image_url": PNG},
                    ]
                },
            ],
            "embedding_types": ["float", "int8"],
            "output_dimension": 1024,
            "max_tokens": 128000,
            "truncate": "RIGHT",
        },
        EmbeddingRequest(
            (MixedInput((Text("page 1"), PICTURE)),),
            Purpose.DOCUMENT,
            dimensions=1024,
            truncation=Truncation.END,
            native_truncation="RIGHT",
            encodings=(Encoding.FLOAT, Encoding.INT8),
            options={"max_tokens": 128000},
        ),
    ),
    "cohere by type": Golden(
        "AWS user guide, Cohere Embed v4, November 2026",
        cohere_embed.V4,
        {
            "id": "a1",
            "embeddings": {"float": [[0.5], [0.25]], "int8": [[64], [32]]},
            "response_type": "embeddings_by_type",
            "texts": ["a", "b"],
        },
        Embeddings(
            (
                Vector((0.5,), 0),
                Vector((0.25,), 1),
                Vector((64,), 0, Encoding.INT8),
                Vector((32,), 1, Encoding.INT8),
            ),
            id="a1",
            texts=("a", "b"),
        ),
    ),
    "nova film": Golden(
        "AWS user guide of Nova, Multimodal embeddings schema, November 2026",
        nova_embed.CODEC,
        {
            "schemaVersion": "nova-multimodal-embed-v1",
            "taskType": "SINGLE_EMBEDDING",
            "singleEmbeddingParams": {
                "embeddingPurpose": "VIDEO_RETRIEVAL",
                "embeddingDimension": 1024,
                "video": {
                    "format": "mp4",
                    "source": {"s3Location": {"uri": "s3://shelf/kiwi.mp4"}},
                    "embeddingMode": "AUDIO_VIDEO_SEPARATE",
                },
            },
        },
        EmbeddingRequest(
            (
                AudioVideo(
                    Media(MediaKind.S3, "s3://shelf/kiwi.mp4", "video/mp4"), "AUDIO_VIDEO_SEPARATE"
                ),
            ),
            Purpose.QUERY,
            native_purpose="VIDEO_RETRIEVAL",
            dimensions=1024,
            options={"schemaVersion": "nova-multimodal-embed-v1"},
        ),
    ),
    "nova text in S3": Golden(
        "AWS user guide of Nova, Multimodal embeddings schema, November 2026",
        nova_embed.CODEC,
        {
            "taskType": "SINGLE_EMBEDDING",
            "singleEmbeddingParams": {
                "embeddingPurpose": "GENERIC_INDEX",
                "text": {
                    "truncationMode": "END",
                    "source": {"s3Location": {"uri": "s3://shelf/kiwi.txt"}},
                },
            },
        },
        EmbeddingRequest(
            (Document(Media(MediaKind.S3, "s3://shelf/kiwi.txt")),),
            Purpose.DOCUMENT,
            truncation=Truncation.END,
        ),
    ),
    "nova film answer": Golden(
        "AWS user guide of Nova, Multimodal embeddings schema, November 2026",
        nova_embed.CODEC,
        {
            "embeddings": [
                {"embeddingType": "VIDEO", "embedding": [0.5]},
                {"embeddingType": "AUDIO", "embedding": [0.25]},
                {"embeddingType": "TEXT", "embedding": [0.125], "truncatedCharLength": 100},
            ]
        },
        Embeddings(
            (
                Vector((0.5,), content="VIDEO"),
                Vector((0.25,), content="AUDIO"),
                Vector((0.125,), content="TEXT", kept_characters=100),
            )
        ),
    ),
    "cohere ranking": Golden(
        "AWS user guide, Improve the relevance of query responses with a reranker model, November "
        "2026",
        rerank.COHERE,
        {
            "query": "q",
            "documents": ["a", "b"],
            "top_n": 1,
            "api_version": 2,
            "max_tokens_per_doc": 100,
        },
        RerankRequest("q", ("a", "b"), 1, {"max_tokens_per_doc": 100}),
    ),
    "amazon ranking": Golden(
        "AWS user guide, Improve the relevance of query responses with a reranker model, November "
        "2026",
        rerank.AMAZON,
        {"query": "q", "documents": ["a", "b"], "top_n": 1},
        RerankRequest("q", ("a", "b"), 1),
    ),
    "amazon ranking answer": Golden(
        "AWS user guide, Improve the relevance of query responses with a reranker model, November "
        "2026",
        rerank.AMAZON,
        {"results": [{"index": 1, "relevance_score": 0.75}, {"index": 0, "relevance_score": 0.5}]},
        Ranking((RankedDocument(1, 0.75), RankedDocument(0, 0.5))),
    ),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_a_documented_body_is_read_and_written(name: str) -> None:
    golden = GOLDEN[name]
    is_request = isinstance(golden.value, EmbeddingRequest | RerankRequest)
    decode = golden.codec.decode_request if is_request else golden.codec.decode_response
    encode = golden.codec.encode_request if is_request else golden.codec.encode_response

    assert decode(golden.native, FACTS) == golden.value
    assert encode(golden.value, FACTS) == golden.native


@pytest.mark.parametrize(
    ("kind", "base_id", "name"),
    [
        (EmbeddingCodec, "amazon.titan-embed-text-v1", "titan-embed/v1"),
        (EmbeddingCodec, "amazon.titan-embed-g1-text-02", "titan-embed/v1"),
        (EmbeddingCodec, "amazon.titan-embed-text-v2:0", "titan-embed/v2"),
        (EmbeddingCodec, "amazon.titan-embed-image-v1", "titan-embed/image"),
        (EmbeddingCodec, "cohere.embed-multilingual-v3", "cohere-embed/v3"),
        (EmbeddingCodec, "cohere.embed-v4:0", "cohere-embed/v4"),
        (EmbeddingCodec, "amazon.nova-2-multimodal-embeddings-v1:0", "nova-embed"),
        (RerankCodec, "cohere.rerank-v3-5:0", "cohere-rerank"),
        (RerankCodec, "amazon.rerank-v1:0", "amazon-rerank"),
        (TokenCounter, "anthropic.claude-sonnet-4-20250514-v1:0", "anthropic"),
    ],
)
def test_a_base_id_finds_its_codec_by_kind(kind: Any, base_id: str, name: str) -> None:
    assert REGISTRY.find(kind, base_id).name == name


def test_a_model_that_talks_has_no_embedding_codec() -> None:
    with pytest.raises(UndetectedFamily, match="no embedding family is known"):
        REGISTRY.find(EmbeddingCodec, "amazon.titan-text-express-v1")


@pytest.mark.parametrize("word", cohere_embed._PURPOSES.table)
def test_every_documented_purpose_of_cohere_comes_back(word: str) -> None:
    native = {"texts": ["a"], "input_type": word}

    assert (
        cohere_embed.V3.encode_request(cohere_embed.V3.decode_request(native, FACTS), FACTS)
        == native
    )


@pytest.mark.parametrize("word", nova_embed._PURPOSES.table)
def test_every_documented_purpose_of_nova_comes_back(word: str) -> None:
    params = {"embeddingPurpose": word, "text": {"value": "a"}}
    native = {"taskType": "SINGLE_EMBEDDING", "singleEmbeddingParams": params}

    assert (
        nova_embed.CODEC.encode_request(nova_embed.CODEC.decode_request(native, FACTS), FACTS)
        == native
    )


def test_a_purpose_that_a_family_requires_is_said_when_nobody_says_one() -> None:
    asked = cohere_embed.V3.encode_request(EmbeddingRequest((Text("a"),)), FACTS)
    shown = cohere_embed.V3.encode_request(EmbeddingRequest((PICTURE,)), FACTS)

    assert (asked["input_type"], shown["input_type"]) == ("search_document", "image")


@pytest.mark.parametrize(
    "url", ["https://a.example/kiwi", "https://a.example/kiwi;base64,AAAA", "data:,kiwi", PNG]
)
def test_the_address_of_a_picture_comes_back(url: str) -> None:
    native = {"images": [url], "input_type": "image"}

    assert (
        cohere_embed.V3.encode_request(cohere_embed.V3.decode_request(native, FACTS), FACTS)
        == native
    )


@pytest.mark.parametrize("surface", ["invoke", "converse"])
def test_what_is_wrapped_for_a_count_comes_out_again(surface: str) -> None:
    native = {"messages": [], "x": "é"}

    assert unwrapped(wrapped(surface, native)) == (surface, native)


@pytest.mark.parametrize(
    "body", [None, {}, {"input": {}}, {"input": {"invokeModel": {"body": "%"}}}, {"input": []}]
)
def test_a_strange_wrapping_is_a_malformed_request(body: Any) -> None:
    with pytest.raises(MalformedRequest):
        unwrapped(body)


# ── recorded traffic ──────────────────────────────────────────────────────────────────────────────

FILES = {
    # two of them through profiles whose ARN does not say which model it is
    "amazon-titan-embed": 18,
    "cohere-embed": 26,
    "amazon-nova-embed": 16,
}
"""File -> its exchanges."""


@pytest.mark.parametrize("name", FILES)
def test_every_recorded_embedding_keeps_every_law(name: str, recordings: Path) -> None:
    tally = Tally()
    for recording in read_recordings(recordings / f"{name}.jsonl"):
        tally.add(check_recording(recording, BedrockRecordingFormat(REGISTRY)))

    assert tally.as_json()["failures"] == []
    assert (tally.cases, tally.unsupported) == (FILES[name], {})


@pytest.mark.parametrize(("name", "count"), [("anthropic-messages", 8), ("unknown-model", 1)])
def test_every_recorded_count_keeps_every_law(name: str, count: int, recordings: Path) -> None:
    counted = [
        each
        for each in read_recordings(recordings / f"{name}.jsonl")
        if each.operation == "CountTokens"
    ]
    tally = Tally()
    for recording in counted:
        tally.add(check_recording(recording, BedrockRecordingFormat(REGISTRY)))

    assert tally.as_json()["failures"] == []
    assert (tally.cases, tally.unsupported) == (count, {})


def test_a_lost_count_fails_meaning(recordings: Path) -> None:
    """The control: the runner compares with the bill."""
    recording = next(
        each
        for each in read_recordings(recordings / "cohere-embed.jsonl")
        if "x-amzn-bedrock-input-token-count" in each.response_headers
    )
    exchange = BedrockRecordingFormat(REGISTRY).unary_for(recording)
    assert exchange is not None

    opened = exchange.open_answer(recording.response_body)

    assert (
        str(opened.usage.input_tokens)
        == recording.response_headers["x-amzn-bedrock-input-token-count"]
    )
    assert exchange.codec.decode_response(recording.response_body, FACTS).usage == Usage()
