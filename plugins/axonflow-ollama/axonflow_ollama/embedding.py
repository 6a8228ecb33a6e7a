"""The codec of `POST /api/embed`: texts in, a vector for each.

    {"input": ["…", "…"], "truncate": true, "dimensions": 256, "options": {…}, "keep_alive": "5m"}
    {"model": "…", "embeddings": [[0.01, …], …], "prompt_eval_count": 8, "total_duration": …}

`input` may be one text, which is a list of one. `truncate` is true by default and cuts the end of a
text that is too long; false refuses it. The older `/api/embeddings` takes one text, as `prompt`,
and is answered and never called.

Source: `api/types.go` (github.com/ollama/ollama, commit 017eb8a: `EmbedRequest`, `EmbedResponse`),
read November 2026.
"""

from __future__ import annotations

from axonflow_core.codec import ModelFacts, NativeNames
from axonflow_core.codec.json_members import (
    array_in,
    numbers,
    string,
    unknown_members,
    with_facts,
    without_none,
)
from axonflow_core.codec.unary import EmbeddingCodec, EmbeddingFeature
from axonflow_core.frozen import evolve
from axonflow_core.hookspecs import hookimpl
from axonflow_core.messages import EMPTY, Json, Text, Usage
from axonflow_core.retrieval import EmbeddingRequest, Embeddings, Truncation, Vector

_REQUEST_KEYS = frozenset({"input", "truncate", "dimensions"})
_OPTIONS = frozenset({"options", "keep_alive"})
_ANSWER_KEYS = frozenset({"embeddings", "prompt_eval_count"})
_COUNT = {"prompt_eval_count": "input_tokens"}
_TRUNCATIONS = NativeNames(
    {"true": Truncation.END, "false": Truncation.NONE}, what="truncation", other=None
)
MAX_INPUTS = 512
"""How many texts one call takes. Ollama has no limit, and works on all of a call at once."""


def _decode_request(body: Json, facts: ModelFacts) -> EmbeddingRequest:
    given, truncate = body["input"], body.get("truncate")
    texts = [given] if isinstance(given, str) else array_in(body, "input")
    if truncate is not None and not isinstance(truncate, bool):
        raise TypeError("`truncate` is true or false")
    named = {key: body[key] for key in _OPTIONS if body.get(key) is not None}
    return EmbeddingRequest(
        tuple([Text(string(text)) for text in texts]),
        dimensions=body.get("dimensions"),
        truncation=None if truncate is None else _TRUNCATIONS.decode(str(truncate).lower()),
        options=named,
        extra=unknown_members(body, _REQUEST_KEYS | named.keys()),
    )


def _encode_request(request: EmbeddingRequest, facts: ModelFacts) -> Json:
    truncation = request.truncation
    truncate = None if truncation is None else _TRUNCATIONS.encode(truncation) == "true"
    return {
        "input": [given.text for given in request.inputs if isinstance(given, Text)],
        **without_none({"truncate": truncate, "dimensions": request.dimensions}),
        **request.options,
        **request.extra,
    }


def _decode_response(body: Json, facts: ModelFacts) -> Embeddings:
    vectors = [
        Vector(numbers(values), index) for index, values in enumerate(array_in(body, "embeddings"))
    ]
    return Embeddings(
        tuple(vectors),
        with_facts(Usage, body, _COUNT, EMPTY),
        extra=unknown_members(body, _ANSWER_KEYS),
    )


def _encode_response(answer: Embeddings, facts: ModelFacts) -> Json:
    vectors = sorted(answer.vectors, key=lambda vector: vector.input_index)
    return {
        **({"model": facts.model_id} if facts.model_id else {}),
        "embeddings": [list(vector.values) for vector in vectors],
        **without_none({"prompt_eval_count": answer.usage.input_tokens}),
        **answer.usage.extra,
        **answer.extra,
    }


EMBED = EmbeddingCodec(
    family="ollama-embed",
    surface="embed",
    models=("",),
    takes={Text: MAX_INPUTS},
    features=frozenset({EmbeddingFeature.DIMENSIONS, EmbeddingFeature.TRUNCATION}),
    documented=_REQUEST_KEYS | _OPTIONS | _ANSWER_KEYS,
    options=_OPTIONS,
    evidence="the sources of Ollama's server, commit 017eb8a, November 2026",
    encode_request=_encode_request,
    decode_response=_decode_response,
    decode_request=_decode_request,
    encode_response=_encode_response,
)


def _decode_older_request(body: Json, facts: ModelFacts) -> EmbeddingRequest:
    texts = {"input": string(body["prompt"])}
    return _decode_request({**unknown_members(body, frozenset({"prompt"})), **texts}, facts)


def _encode_older_response(answer: Embeddings, facts: ModelFacts) -> Json:
    return {"embedding": list(answer.vectors[0].values)}


OLDER = evolve(
    EMBED,
    variant="older",
    takes={Text: 1},
    decode_request=_decode_older_request,
    encode_response=_encode_older_response,
)
"""`POST /api/embeddings`, in the server's role alone: Ollama's clients still have it."""


@hookimpl
def axonflow_register_codec() -> EmbeddingCodec:
    return EMBED
