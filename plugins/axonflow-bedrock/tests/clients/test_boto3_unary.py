"""Unmodified boto3 against the emulator: vectors, rankings and token counts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from math import isclose, sqrt
from typing import Any

import orjson
import pytest
from botocore.exceptions import ClientError

from axonflow_bedrock.emulator import emulator
from axonflow_bedrock.serving import RunningEmulator, serving

V1, V2, IMAGE = (
    "amazon.titan-embed-text-v1",
    "amazon.titan-embed-text-v2:0",
    "amazon.titan-embed-image-v1",
)
COHERE3, COHERE4 = "cohere.embed-english-v3", "us.cohere.embed-v4:0"
NOVA = "amazon.nova-2-multimodal-embeddings-v1:0"
CLAUDE = "anthropic.claude-sonnet-4-20250514-v1:0"
CONVERSATION = {"messages": [{"role": "user", "content": [{"text": "Why is the sky blue?"}]}]}
MESSAGES = {
    "anthropic_version": "bedrock-2023-05-31",
    "max_tokens": 1,
    "messages": [{"role": "user", "content": "Why is the sky blue?"}],
}


@pytest.fixture(scope="module")
def bedrock() -> Iterator[RunningEmulator]:
    with serving(
        emulator(script=[{"when": "slow", "error": {"code": "ThrottlingException"}}])
    ) as running:
        yield running


@pytest.fixture(scope="module")
def client(bedrock: RunningEmulator) -> Iterator[Any]:
    with closing(bedrock.boto3_client()) as opened:
        yield opened


def invoke(client: Any, model: str, body: Any) -> tuple[Any, dict[str, str]]:
    response = client.invoke_model(modelId=model, body=orjson.dumps(body))
    headers = response["ResponseMetadata"]["HTTPHeaders"]
    told = {
        name.removeprefix("x-amzn-bedrock-"): value
        for name, value in headers.items()
        if "bedrock" in name
    }
    return orjson.loads(response["body"].read()), told


def refusal(client: Any, model: str, body: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as raised:
        invoke(client, model, body)
    error: Any = raised.value.response["Error"]
    return error["Code"], error["Message"]


def nova(text: str, **params: Any) -> Any:
    return {
        "taskType": "SINGLE_EMBEDDING",
        "singleEmbeddingParams": {
            "embeddingPurpose": "GENERIC_INDEX",
            "text": {"value": text, "truncationMode": "END"},
            **params,
        },
    }


def vectors(client: Any, model: str, text: str) -> list[float]:
    bodies: dict[str, tuple[Any, Any]] = {
        V1: ({"inputText": text}, lambda answer: answer["embedding"]),
        V2: ({"inputText": text}, lambda answer: answer["embeddingsByType"]["float"]),
        IMAGE: ({"inputText": text}, lambda answer: answer["embedding"]),
        COHERE3: (
            {"texts": [text], "input_type": "search_query"},
            lambda answer: answer["embeddings"][0],
        ),
        COHERE4: (
            {"texts": [text], "input_type": "search_query"},
            lambda answer: answer["embeddings"]["float"][0],
        ),
        NOVA: (nova(text), lambda answer: answer["embeddings"][0]["embedding"]),
    }
    body, read = bodies[model]
    values: list[float] = read(invoke(client, model, body)[0])
    return values


def length(vector: list[float]) -> float:
    return sqrt(sum(value * value for value in vector))


@pytest.mark.parametrize(
    ("model", "dimensions"),
    [(V1, 1536), (V2, 1024), (IMAGE, 1024), (COHERE3, 1024), (COHERE4, 1536), (NOVA, 3072)],
)
def test_a_text_has_one_vector_of_the_models_length(
    client: Any, model: str, dimensions: int
) -> None:
    first, again = (
        vectors(client, model, "The sky is blue"),
        vectors(client, model, "The sky is blue"),
    )

    assert first == again != vectors(client, model, "Another text")
    assert len(first) == dimensions
    assert isclose(length(first), 1)


def test_texts_that_share_words_are_near(client: Any) -> None:
    sky, near, far = (
        vectors(client, V2, text)
        for text in ("the sky is blue", "the sky is red", "a dog ate cake")
    )

    def similarity(other: list[float]) -> float:
        return sum(one * two for one, two in zip(sky, other, strict=True))

    assert similarity(near) > 0.5 > similarity(far)


def test_titan_takes_dimensions_encodings_and_no_normalisation(client: Any) -> None:
    body = {
        "inputText": "two words",
        "dimensions": 256,
        "normalize": False,
        "embeddingTypes": ["float", "binary"],
    }

    answer, headers = invoke(client, V2, body)

    assert len(answer["embedding"]) == len(answer["embeddingsByType"]["binary"]) == 256
    assert set(answer["embeddingsByType"]["binary"]) == {0, 1}
    assert not isclose(length(answer["embedding"]), 1)
    assert (headers["input-token-count"], answer["inputTextTokenCount"]) == ("2", 2)


def test_titan_leaves_the_floats_out_where_only_bits_are_asked_for(client: Any) -> None:
    answer, _ = invoke(client, V2, {"inputText": "two words", "embeddingTypes": ["binary"]})

    assert answer.keys() == {"embeddingsByType", "inputTextTokenCount"}
    assert answer["embeddingsByType"].keys() == {"binary"}


def test_titan_makes_one_vector_of_a_text_and_a_picture(client: Any) -> None:
    together, _ = invoke(client, IMAGE, {"inputText": "kiwi", "inputImage": "AAAA"})

    assert together["embedding"] != vectors(client, IMAGE, "kiwi")


def test_cohere_answers_by_type_in_the_order_of_the_texts(client: Any) -> None:
    body = {
        "texts": ["a", "b", "c"],
        "input_type": "search_document",
        "embedding_types": ["int8", "ubinary", "base64"],
    }

    answer, headers = invoke(client, COHERE3, body)

    assert answer["response_type"] == "embeddings_by_type"
    assert answer["texts"] == ["a", "b", "c"]
    assert [len(rows) for rows in answer["embeddings"].values()] == [3, 3, 3]
    assert len(answer["embeddings"]["ubinary"][0]) == 1024 // 8
    assert all(-128 <= value <= 127 for value in answer["embeddings"]["int8"][0])
    assert headers.keys() == {"input-token-count", "invocation-latency"}


def test_nova_says_what_a_vector_is_of(client: Any) -> None:
    answer, _ = invoke(client, NOVA, nova("kiwi", embeddingDimension=256))

    assert [len(vector["embedding"]) for vector in answer["embeddings"]] == [256]
    assert answer["embeddings"][0]["embeddingType"] == "TEXT"


@pytest.mark.parametrize(
    ("model", "body", "says"),
    [
        (
            V1,
            {"inputText": "a", "dimensions": 256},
            "#: extraneous key [dimensions] is not permitted",
        ),
        (
            COHERE3,
            {"texts": ["a"], "input_type": "search_query", "max_tokens": 9},
            "extraneous key [max_tokens]",
        ),
        (
            NOVA,
            nova("a", colour="red"),
            "#/singleEmbeddingParams: extraneous key [colour] is not permitted",
        ),
        (V2, {"inputText": "a", "dimensions": 300}, "300 is not a valid enum value"),
        (V2, {"prompt": "a"}, "Malformed input request"),
        (COHERE3, {"texts": ["a"] * 97, "input_type": "search_query"}, "Malformed input request"),
        (
            "amazon.titan-embed-text-v9",
            {"inputText": "a"},
            "The provided model identifier is invalid.",
        ),
    ],
)
def test_what_a_model_does_not_know_is_refused(
    client: Any, model: str, body: Any, says: str
) -> None:
    code, message = refusal(client, model, body)

    assert code == "ValidationException"
    assert says in message


@pytest.mark.parametrize("model", ["cohere.rerank-v3-5:0", "amazon.rerank-v1:0"])
def test_documents_come_back_the_best_first(client: Any, model: str) -> None:
    version = {"api_version": 2} if model.startswith("cohere") else {}
    body = {
        "query": "red apple",
        "documents": ["a blue car", "a red apple", "apple"],
        "top_n": 2,
        **version,
    }

    answer, headers = invoke(client, model, body)

    assert [result["index"] for result in answer["results"]] == [1, 2]
    assert headers.keys() == {"invocation-latency"}


def test_a_script_holds_for_embeddings(client: Any) -> None:
    assert refusal(client, V2, {"inputText": "too slow"})[0] == "ThrottlingException"


def test_an_embedding_model_neither_talks_nor_streams(client: Any) -> None:
    with pytest.raises(ClientError, match="supported text or chat model"):
        client.converse(modelId=V2, **CONVERSATION)
    with pytest.raises(ClientError, match="unsupported for streaming"):
        client.invoke_model_with_response_stream(modelId=V2, body=b'{"inputText": "a"}')


# ── counts ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "given", [{"converse": CONVERSATION}, {"invokeModel": {"body": orjson.dumps(MESSAGES)}}]
)
def test_a_count_is_what_the_answer_will_be_billed(client: Any, given: Any) -> None:
    billed = client.converse(modelId=f"us.{CLAUDE}", **CONVERSATION)["usage"]["inputTokens"]

    assert client.count_tokens(modelId=CLAUDE, input=given)["inputTokens"] == billed == 5


@pytest.mark.parametrize(
    ("model", "says"),
    [
        (f"us.{CLAUDE}", "doesn't support counting tokens"),
        ("anthropic.claude-3-haiku-20240307-v1:0", "doesn't support counting tokens"),
        ("amazon.titan-text-express-v1", "doesn't support counting tokens"),
        ("does-not-exist-model-v1:0", "The provided model identifier is invalid."),
        ("anthropic.claude-9", "The provided model identifier is invalid."),
    ],
)
def test_nothing_but_the_base_id_of_a_model_that_is_counted_is_taken(
    client: Any, model: str, says: str
) -> None:
    with pytest.raises(ClientError, match=says):
        client.count_tokens(modelId=model, input={"converse": CONVERSATION})
