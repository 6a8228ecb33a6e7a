"""Calls to models that do not talk, over real HTTP: split, made at once, put together; and counts
under two ids."""

from __future__ import annotations

import asyncio
from base64 import b64decode
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any
from urllib.parse import unquote

import orjson
import pytest
from aws_account import AccountSession, opened_provider
from on_time import ends_within

from axonflow_bedrock.config import SurfaceChoice
from axonflow_core import waiting
from axonflow_core.errors import (
    DecodeError,
    EncodeError,
    InvalidCall,
    ModelNotFound,
    ProviderTimeout,
    RequestError,
    Uncountable,
    UndetectedFamily,
)
from axonflow_core.http.blocking import BlockingTransport
from axonflow_core.http.client import HttpClient, Transport
from axonflow_core.http.local_server import Server
from axonflow_core.messages import CompletionRequest, Image, Inference, Media, MediaKind, Text, user
from axonflow_core.provider import SupportsEmbedding, SupportsReranking, SupportsTokenCounting
from axonflow_core.retrieval import EmbeddingRequest, RankedDocument, RerankRequest
from axonflow_core.runtime import Runtime
from axonflow_core.testing import MockTransport, json_answer

TITAN, COHERE = "amazon.titan-embed-text-v2:0", "cohere.embed-english-v3"
CLAUDE = "anthropic.claude-sonnet-4-20250514-v1:0"
PROFILE = f"us.{CLAUDE}"
OPAQUE = "arn:aws:bedrock:us-east-1:111122223333:application-inference-profile/a1metab2c3d4"
HELLO = CompletionRequest((user("Hello"),), inference=Inference(temperature=0.5))
UNCOUNTED = (400, {"message": "The provided model doesn't support counting tokens."})
UNKNOWN = (400, {"message": "The provided model identifier is invalid."})


def texts(*given: str) -> EmbeddingRequest:
    return EmbeddingRequest(tuple(map(Text, given)))


def vector_of_length(text: str) -> tuple[int, Any]:
    return 200, {"embedding": [float(len(text)), 0.0], "inputTextTokenCount": len(text)}


class Service:
    """Answers as it is told for a model and a body, and remembers what it was asked and how much at
    once."""

    def __init__(self) -> None:
        self.answer: Callable[[str, Any], tuple[int, Any]] = lambda model, body: vector_of_length(
            body["inputText"]
        )
        self.headers: Callable[[Any], dict[str, str]] = lambda body: {}
        self.asked: list[tuple[str, str, Any]] = []
        self.pause_s = 0.0
        self.most_at_once = self._at_once = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        received, is_more = b"", True
        while is_more:
            message = await receive()
            received, is_more = received + message.get("body", b""), message.get("more_body", False)
        _, _, model, operation = scope["raw_path"].decode().split("/")
        body = orjson.loads(received)
        self.asked.append((unquote(model), operation, body))
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        await asyncio.sleep(self.pause_s)
        self._at_once -= 1
        status, answer = self.answer(unquote(model), body)
        error = {} if status == 200 else {"x-amzn-errortype": "ValidationException"}
        headers = {
            "content-type": "application/json",
            "x-amzn-requestid": "r-1",
            **error,
            **self.headers(body),
        }
        encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": encoded})
        await send({"type": "http.response.body", "body": orjson.dumps(answer)})


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def base_url(service: Service) -> Iterator[str]:
    with Server(service) as server:
        yield server.base_url


# ── embeddings ────────────────────────────────────────────────────────────────────────────────────


async def test_several_texts_are_several_calls_and_one_answer_in_order(
    service: Service, base_url: str
) -> None:
    service.pause_s = 0.02

    async with opened_provider(base_url) as provider:
        answer = await provider.embed(
            texts(*("x" * length for length in range(1, 21))), model=TITAN
        )

    assert [values[0] for values in answer.floats] == list(range(1, 21))
    assert [vector.input_index for vector in answer.vectors] == list(range(20))
    assert answer.usage.input_tokens == sum(range(1, 21))
    assert len(service.asked) == 20
    assert 1 < service.most_at_once <= 8


async def test_the_counts_of_headers_are_added_up(service: Service, base_url: str) -> None:
    service.headers = lambda body: {
        "x-amzn-bedrock-input-token-count": str(10 * len(body["inputText"])),
        "x-amzn-bedrock-invocation-latency": "7",
    }

    async with opened_provider(base_url, model=TITAN) as provider:
        one, two = await provider.embed(texts("a")), await provider.embed(texts("a", "bb"))

    assert (one.usage.input_tokens, one.latency_ms) == (10, 7)
    assert (two.usage.input_tokens, two.latency_ms) == (30, None)


async def test_cohere_gets_96_texts_a_call(service: Service, base_url: str) -> None:
    service.answer = lambda model, body: (
        200,
        {"embeddings": [[float(len(text))] for text in body["texts"]]},
    )

    async with opened_provider(base_url) as provider:
        answer = await provider.embed(
            texts(*("x" * length for length in range(1, 201))), model=COHERE
        )

    assert sorted(len(body["texts"]) for _, _, body in service.asked) == [8, 96, 96]
    assert [values[0] for values in answer.floats] == list(range(1, 201))


async def test_one_call_that_fails_fails_the_request_and_ends_the_others(
    service: Service, base_url: str
) -> None:
    def answer(model: str, body: Any) -> tuple[int, Any]:
        return (
            vector_of_length(body["inputText"])
            if body["inputText"] != "bad"
            else (400, {"message": "no"})
        )

    service.answer, service.pause_s = answer, 0.05

    async with opened_provider(base_url) as provider:
        with pytest.raises(InvalidCall) as raised:
            await provider.embed(texts("bad", *["good"] * 40), model=TITAN)

    assert (raised.value.provider, raised.value.model) == ("bedrock", TITAN)
    assert len(service.asked) < 41


async def test_nothing_is_sent_when_one_input_cannot_be_said(
    service: Service, base_url: str
) -> None:
    picture = Image(Media(MediaKind.BASE64, "AAAA", "image/png"))

    async with opened_provider(base_url) as provider:
        with pytest.raises(EncodeError) as raised:
            await provider.embed(EmbeddingRequest((Text("a"), picture)), model=TITAN)

    assert raised.value.feature == "images"
    assert service.asked == []


async def test_a_model_that_talks_makes_no_vectors(base_url: str) -> None:
    async with opened_provider(base_url, model=CLAUDE) as provider:
        with pytest.raises(UndetectedFamily, match="is a chat model") as raised:
            await provider.embed(texts("a"))

    assert "amazon.titan-embed-text-v2:0" in str(raised.value.hint)


async def test_an_opaque_arn_needs_a_base_model(service: Service, base_url: str) -> None:
    async with opened_provider(base_url, model=OPAQUE) as provider:
        with pytest.raises(UndetectedFamily, match="does not say which model"):
            await provider.embed(texts("a"))
    async with opened_provider(base_url, model=OPAQUE, base_model=TITAN) as provider:
        await provider.embed(texts("a"))
    async with opened_provider(base_url, model=OPAQUE, family="titan-embed/v2") as provider:
        await provider.embed(texts("a"))

    assert [model for model, _, _ in service.asked] == [OPAQUE, OPAQUE]


async def test_families_of_the_config_hold_for_embeddings_too(
    service: Service, base_url: str
) -> None:
    async with opened_provider(base_url, families=("titan-embed",)) as provider:
        await provider.embed(texts("a"), model=TITAN)
        with pytest.raises(RequestError, match="may not call"):
            await provider.embed(texts("a"), model=COHERE)


async def test_a_strange_answer_is_shown(service: Service, base_url: str) -> None:
    service.answer = lambda model, body: (200, {"outputText": "Hi"})

    async with opened_provider(base_url) as provider:
        with pytest.raises(DecodeError, match="titan-embed/v2") as raised:
            await provider.embed(texts("a"), model=TITAN)

    assert raised.value.request_id == "r-1"


# ── rankings ──────────────────────────────────────────────────────────────────────────────────────


async def test_documents_are_put_in_order(service: Service, base_url: str) -> None:
    service.answer = lambda model, body: (200, {"results": [{"index": 1, "relevance_score": 0.9}]})

    async with opened_provider(base_url) as provider:
        ranking = await provider.rerank(
            RerankRequest("q", ("a", "b"), top_n=1), model="cohere.rerank-v3-5:0"
        )

    assert ranking.results == (RankedDocument(1, 0.9),)
    assert service.asked == [
        (
            "cohere.rerank-v3-5:0",
            "invoke",
            {"api_version": 2, "query": "q", "documents": ["a", "b"], "top_n": 1},
        )
    ]


# ── counts ────────────────────────────────────────────────────────────────────────────────────────


def counting_only(
    *models: str, refusal: tuple[int, Any] = UNCOUNTED
) -> Callable[[str, Any], tuple[int, Any]]:
    return lambda model, body: (200, {"inputTokens": 7}) if model in models else refusal


@pytest.mark.parametrize(
    "model", [CLAUDE, PROFILE, f"arn:aws:bedrock:us-east-1::foundation-model/{CLAUDE}"]
)
async def test_a_count_goes_to_the_base_id(service: Service, base_url: str, model: str) -> None:
    service.answer = counting_only(CLAUDE)

    async with opened_provider(base_url) as provider:
        count = await provider.count(HELLO, model=model)

    assert count.input_tokens == 7
    assert [(asked, operation) for asked, operation, _ in service.asked] == [
        (CLAUDE, "count-tokens")
    ]


@pytest.mark.parametrize("refusal", [UNCOUNTED, UNKNOWN])
async def test_a_refused_base_id_is_tried_once_as_it_was_given(
    service: Service, base_url: str, refusal: tuple[int, Any]
) -> None:
    service.answer = counting_only(PROFILE, refusal=refusal)

    async with opened_provider(base_url) as provider:
        count = await provider.count(HELLO, model=PROFILE)

    assert count.input_tokens == 7
    assert [model for model, _, _ in service.asked] == [CLAUDE, PROFILE]


@pytest.mark.parametrize(("refusal", "error"), [(UNCOUNTED, Uncountable), (UNKNOWN, ModelNotFound)])
async def test_a_model_that_is_not_counted_under_any_id_is_a_typed_error(
    service: Service, base_url: str, refusal: tuple[int, Any], error: type[Exception]
) -> None:
    service.answer = counting_only(refusal=refusal)

    async with opened_provider(base_url) as provider:
        with pytest.raises(error):
            await provider.count(HELLO, model=PROFILE)
        with pytest.raises(error):
            await provider.count(HELLO, model=CLAUDE)

    assert [model for model, _, _ in service.asked] == [CLAUDE, PROFILE, CLAUDE]


async def test_another_refusal_is_not_tried_again(service: Service, base_url: str) -> None:
    service.answer = lambda model, body: (
        400,
        {"message": "Malformed input request, please reformat your input"},
    )

    async with opened_provider(base_url) as provider:
        with pytest.raises(InvalidCall):
            await provider.count(HELLO, model=PROFILE)

    assert len(service.asked) == 1


async def test_claude_is_counted_in_its_own_json(service: Service, base_url: str) -> None:
    service.answer = counting_only(CLAUDE)

    async with opened_provider(base_url) as provider:
        await provider.count(HELLO, model=CLAUDE)

    body = orjson.loads(b64decode(service.asked[0][2]["input"]["invokeModel"]["body"]))
    assert body["anthropic_version"] == "bedrock-2023-05-31"
    assert body["messages"] == [{"role": "user", "content": [{"type": "text", "text": "Hello"}]}]


@pytest.mark.parametrize(
    "config", [{"surface": SurfaceChoice.CONVERSE}, {"model": "amazon.titan-text-express-v1"}]
)
async def test_what_has_no_counter_of_its_own_is_counted_as_converse_without_what_holds_no_token(
    service: Service, base_url: str, config: dict[str, Any]
) -> None:
    service.answer = lambda model, body: (200, {"inputTokens": 7})

    async with opened_provider(base_url, **config) as provider:
        await provider.count(HELLO)

    body = {"messages": [{"role": "user", "content": [{"text": "Hello"}]}]}
    assert service.asked[0][2] == {"input": {"converse": body}}


async def test_the_provider_says_what_it_can(base_url: str) -> None:
    async with opened_provider(base_url) as provider:
        assert isinstance(provider, SupportsEmbedding)
        assert isinstance(provider, SupportsReranking)
        assert isinstance(provider, SupportsTokenCounting)


# ── time limits ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.timely
@pytest.mark.parametrize("new_client", [Transport, BlockingTransport])
async def test_a_time_limit_bounds_all_calls_of_one_request(
    service: Service, base_url: str, new_client: Callable[[], HttpClient]
) -> None:
    async def embed(count: int, timeout_s: float) -> None:
        asked = provider.embed(texts(*"a" * count), model=TITAN, timeout_s=timeout_s)
        if new_client is Transport:
            await asked
        else:
            await asyncio.wrap_future(waiting.in_thread(partial(waiting.drive, asked)))

    service.pause_s = 0.15
    async with opened_provider(base_url, new_client=new_client) as provider:
        await embed(8, 10)
        with (
            ends_within(0.25 + 0.25),
            pytest.raises(ProviderTimeout, match=r"s that were left of 0\.25 s"),
        ):
            await embed(24, 0.25)


async def test_a_time_limit_bounds_a_count_and_a_ranking(service: Service, base_url: str) -> None:
    service.pause_s = 5

    async with opened_provider(base_url) as provider:
        with pytest.raises(ProviderTimeout):
            await provider.count(HELLO, model=CLAUDE, timeout_s=0.05)
        with pytest.raises(ProviderTimeout):
            asked = RerankRequest("a", ["b"])
            await provider.rerank(asked, model="cohere.rerank-v3-5:0", timeout_s=0.05)


async def test_a_ranking_of_a_document_that_there_is_not_is_refused() -> None:
    client = MockTransport(
        lambda request: json_answer({"results": [{"index": 2, "relevance_score": 0.5}]})
    )
    opened = Runtime.open(
        provider="bedrock",
        region="us-east-1",
        model="cohere.rerank-v3-5:0",
        client=client,
        extras={"bedrock": {"boto3_session": AccountSession("http://127.0.0.1:1")}},
        environment={},
    )
    async with opened as runtime:
        with pytest.raises(DecodeError, match="an index beyond the 2 documents"):
            await runtime.rerank(RerankRequest("q", ("a", "b")))
