"""Rerank models on InvokeModel: `{"query", "documents", "top_n"}` there, `{"results": [{"index",
"relevance_score"}]}` back, the best first. Cohere's wants `"api_version": 2` besides; Amazon's
knows no version. A document is a text, or an object of fields as Cohere's own service takes it.

Source: AWS user guide, "Improve the relevance of query responses with a reranker model", and AWS's
code examples for both models, November 2026.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from axonflow_core.codec import ModelFacts
from axonflow_core.codec.json_members import (
    array,
    integer,
    numbers,
    string,
    unknown_members,
    with_facts,
    without_none,
)
from axonflow_core.codec.unary import RerankCodec
from axonflow_core.hookspecs import hookimpl
from axonflow_core.messages import Data, Json, Text
from axonflow_core.retrieval import RankedDocument, Ranking, RerankRequest

_VERSION = {"api_version": 2}
_COHERE_OPTIONS = frozenset({"api_version", "max_tokens_per_doc"})
_REQUEST_KEYS = frozenset({"query", "documents", "top_n"})
_TEXT_KEYS = frozenset({"text"})
_RESULT_KEYS = frozenset({"index", "relevance_score"})
_ANSWER_KEYS = frozenset({"results", "id"})


def _decode_request(
    body: Json, facts: ModelFacts, *, options: frozenset[str] = frozenset()
) -> RerankRequest:
    """`{"query": "…", "documents": ["…"], "api_version": 2, "top_n": 3}`. A usual `api_version` is
    not kept, for encoding adds it again."""
    asked = {key: body[key] for key in options if body.get(key) is not None}
    return RerankRequest(
        string(body["query"]),
        tuple(map(_decode_document, array(body["documents"]))),
        body.get("top_n"),
        {key: value for key, value in asked.items() if _VERSION.get(key) != value},
        extra=unknown_members(body, _REQUEST_KEYS | options),
    )


def _decode_document(native: Json) -> str | Text | Data:
    """A document: a text, an object with its text, or an object of other fields."""
    if not isinstance(native, dict):
        return string(native)
    if not isinstance(native.get("text"), str):
        return Data(native)
    return Text(native["text"], extra=unknown_members(native, _TEXT_KEYS))


def _encode_document(document: str | Text | Data) -> Json:
    match document:
        case Text(text):
            return {"text": text, **document.extra}
        case Data(value):
            return value
    return document


def _encode_request(request: RerankRequest, facts: ModelFacts) -> Json:
    asked = {
        "query": request.query,
        "documents": list(map(_encode_document, request.documents)),
        **without_none({"top_n": request.top_n}),
    }
    return {**asked, **request.options, **request.extra}


def _encode_cohere_request(request: RerankRequest, facts: ModelFacts) -> Json:
    """As for Amazon's model, with `api_version`: Cohere's body on Bedrock holds 2 (recorded)."""
    return {**_VERSION, **_encode_request(request, facts)}


def _decode_response(body: Json, facts: ModelFacts) -> Ranking:
    """`{"results": [{"index": 1, "relevance_score": 0.87}]}`, ordered by falling score (recorded).
    Neither body nor headers count tokens."""
    results = tuple([_decode_result(native) for native in array(body["results"])])
    extra = unknown_members(body, _ANSWER_KEYS)
    return with_facts(Ranking, body, {"id": "id"}, extra, results=results)


def _encode_response(ranking: Ranking, facts: ModelFacts) -> Json:
    results = [
        {"index": ranked.index, "relevance_score": ranked.score, **ranked.extra}
        for ranked in ranking.results
    ]
    return {"results": results, **without_none({"id": ranking.id}), **ranking.extra}


def _decode_result(native: Mapping[str, Json]) -> RankedDocument:
    (score,) = numbers([native["relevance_score"]])
    return RankedDocument(
        integer(native["index"]), score, extra=unknown_members(native, _RESULT_KEYS)
    )


_DOCUMENTED = _REQUEST_KEYS | _RESULT_KEYS | _ANSWER_KEYS

MOST_DOCUMENTS = 1000
"""bedrock-agent-runtime service model, API 2023-07-26, RerankSourcesList, November 2026."""

COHERE = RerankCodec(
    family="cohere-rerank",
    models=("cohere.rerank",),
    options=_COHERE_OPTIONS,
    documented=_DOCUMENTED | _COHERE_OPTIONS,
    most_documents=MOST_DOCUMENTS,
    evidence="documents: AWS user guide, November 2026",
    encode_request=_encode_cohere_request,
    decode_response=_decode_response,
    decode_request=partial(_decode_request, options=_COHERE_OPTIONS),
    encode_response=_encode_response,
)
AMAZON = RerankCodec(
    family="amazon-rerank",
    models=("amazon.rerank",),
    documented=_DOCUMENTED,
    most_documents=MOST_DOCUMENTS,
    evidence="documents: AWS user guide, November 2026",
    encode_request=_encode_request,
    decode_response=_decode_response,
    decode_request=_decode_request,
    encode_response=_encode_response,
)
CODECS = (COHERE, AMAZON)


@hookimpl
def axonflow_register_codec() -> Sequence[RerankCodec]:
    return CODECS
