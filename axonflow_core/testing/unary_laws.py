"""The laws that codecs of one request and one answer keep: `EmbeddingCodec`, `RerankCodec` and
`TokenCounter`.

    @pytest.mark.parametrize("law", embedding_laws(CODEC))
    def test_my_vectors(law): law()

They are those of `laws`, as far as there is no stream and no turn to forge.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from typing import Any

from attrs import field, frozen
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from axonflow_core.codec import ModelFacts
from axonflow_core.codec.unary import (
    INPUT_NAMES,
    EmbeddingCodec,
    EmbeddingFeature,
    RerankCodec,
    TokenCounter,
    Unary,
)
from axonflow_core.errors import (
    DecodeError,
    EncodeError,
    MalformedRequest,
    RequestError,
    UnencodableAnswer,
)
from axonflow_core.frozen import evolve
from axonflow_core.messages import CompletionRequest, Json, Text, TokenCount
from axonflow_core.retrieval import EmbeddingRequest, Encoding, Purpose, RerankRequest, Truncation

from ..recordings.meaning import leftovers
from .checking import (
    UNKNOWN_KEY,
    Side,
    any_native,
    for_all,
    no,
    require,
    same_json,
    same_value,
    strange,
    with_unknown_key,
)
from .claims import NO_FACTS, Claims
from .laws import Law
from .strategies import requests
from .unary_strategies import (
    SAMPLES,
    embedding_requests,
    embeddings,
    inputs_of,
    rankings,
    rerank_requests,
)
from .value_laws import null_is_absent


@frozen(kw_only=True)
class UnaryClaims:
    """What a codec claims: what it can be asked and answer, and what it has to refuse."""

    codec: Unary[Any, Any]
    facts: ModelFacts
    requests: SearchStrategy[Any] = field(repr=False)
    answers: SearchStrategy[Any] = field(repr=False)
    refused: Mapping[str, Any] = field(factory=dict, repr=False)
    """The feature that a refusal is to name -> the smallest request that holds it."""


def embedding_laws(codec: EmbeddingCodec, facts: ModelFacts = NO_FACTS) -> list[Law[UnaryClaims]]:
    """The laws of an embedding codec, ready to be called."""
    claims = UnaryClaims(
        codec=codec,
        facts=facts,
        requests=embedding_requests(codec),
        answers=embeddings(codec),
        refused=dict(_undeclared(codec)),
    )
    return _laws(
        claims,
        {**_LAWS, "a split request is the same request": _a_split_request_is_the_same_request},
    )


def rerank_laws(codec: RerankCodec, facts: ModelFacts = NO_FACTS) -> list[Law[UnaryClaims]]:
    """The laws of a rerank codec, ready to be called."""
    claims = UnaryClaims(
        codec=codec,
        facts=facts,
        requests=rerank_requests(codec),
        answers=rankings(codec),
        refused={UNKNOWN_KEY: RerankRequest("kiwi", ("fruit",), options={UNKNOWN_KEY: 1})},
    )
    return _laws(claims, _LAWS)


def counting_laws(counter: TokenCounter, facts: ModelFacts = NO_FACTS) -> list[Law[UnaryClaims]]:
    """A counter is held to what its family's codec encodes; what holds no token need not come
    back."""
    claims = UnaryClaims(
        codec=counter,
        facts=facts,
        requests=requests(Claims(codec=counter.codec, facts=facts)),
        answers=st.builds(TokenCount, st.integers(0, 10**6)),
    )
    return _laws(claims, {**_LAWS, "a request survives": _what_is_counted_survives})


Check = Callable[[UnaryClaims], None]


def _laws(claims: UnaryClaims, checks: Mapping[str, Check]) -> list[Law[UnaryClaims]]:
    return [Law(name, claims, check) for name, check in checks.items()]


def _sides(claims: UnaryClaims) -> tuple[Side, ...]:
    """The two native forms of a codec without streams: request and answer."""
    codec, facts = claims.codec, claims.facts
    return (
        Side(
            "request",
            claims.requests.map(lambda request: codec.encode_request(request, facts)),
            lambda body: codec.decode_request(body, facts),
            lambda request: codec.encode_request(request, facts),
        ),
        Side(
            "answer",
            claims.answers.map(lambda answer: codec.encode_response(answer, facts)),
            lambda body: codec.decode_response(body, facts),
            lambda answer: codec.encode_response(answer, facts),
        ),
    )


# ── the laws ──────────────────────────────────────────────────────────────────────────────────────


def _a_request_survives(claims: UnaryClaims) -> None:
    """`decode(encode(request)) == request`."""
    codec, facts = claims.codec, claims.facts

    def check(request: Any) -> None:
        same_value(request, codec.decode_request(codec.encode_request(request, facts), facts))

    for_all(claims.requests, check)


def _what_is_counted_survives(claims: UnaryClaims) -> None:
    """System text, messages and tools survive; parameters that hold no token need not."""
    codec, facts = claims.codec, claims.facts

    def check(request: CompletionRequest) -> None:
        native = codec.encode_request(request, facts)
        again = codec.decode_request(native, facts)
        same_value((request.system, request.messages), (again.system, again.messages))
        require(len(request.tools) == len(again.tools), "a tool is not counted")
        same_json(native, codec.encode_request(again, facts))

    for_all(claims.requests, check)


def _an_answer_survives(claims: UnaryClaims) -> None:
    """`decode(encode(answer)) == answer`."""
    codec, facts = claims.codec, claims.facts

    def check(answer: Any) -> None:
        same_value(answer, codec.decode_response(codec.encode_response(answer, facts), facts))

    for_all(claims.answers, check)


def _unknown_fields_survive(claims: UnaryClaims) -> None:
    """An undocumented key is there again after decode and encode."""

    def check(drawn: tuple[Side, Json]) -> None:
        side, native = drawn
        same_json(native, side.again(deepcopy(native)))

    for_all(with_unknown_key(_sides(claims)), check)


def _documented_keys_are_understood(claims: UnaryClaims) -> None:
    """No documented key is left over in an `extra`."""

    def check(drawn: tuple[Side, Json]) -> None:
        side, native = drawn
        no(next(leftovers(side.decode(native), claims.codec.documented), None))

    for_all(any_native(_sides(claims)), check)


def _null_is_absent(claims: UnaryClaims) -> None:
    null_is_absent(_sides(claims), claims.codec.documented)


def _a_strange_body_is_the_error_of_its_role(claims: UnaryClaims) -> None:
    """Any JSON, and a good body with one part replaced or gone: a request is the client's fault, an
    answer the provider's. What is accepted all the same can be written again."""

    def check(drawn: tuple[Side, Json]) -> None:
        side, native = drawn
        try:
            side.decode(deepcopy(native))
            side.again(deepcopy(native))
        except (MalformedRequest, EncodeError, DecodeError, UnencodableAnswer) as error:
            is_callers = isinstance(error, RequestError)
            require(is_callers is (side.name == "request"), f"{error!r} of a {side.name}")

    for_all(strange(_sides(claims)), check)


def _what_is_not_declared_is_refused_by_name(claims: UnaryClaims) -> None:
    """Each of `claims.refused` is an `EncodeError` that names its feature."""
    for feature, request in claims.refused.items():
        try:
            claims.codec.encode_request(request, claims.facts)
        except EncodeError as refusal:
            require(
                refusal.feature == feature,
                f"the refusal names {refusal.feature!r}, not {feature!r}",
            )
        else:
            raise AssertionError(f"not declared and taken: {feature}")


def _a_split_request_is_the_same_request(claims: UnaryClaims) -> None:
    """All inputs are there, in order, and every part is one call."""
    codec = claims.codec
    assert isinstance(codec, EmbeddingCodec)  # noqa: S101 - `embedding_laws` alone has this law
    samples = [sample for kind in codec.takes for sample in inputs_of(codec, kind)]

    def check(inputs: list[Any]) -> None:
        request = EmbeddingRequest(tuple(inputs))
        parts = codec.split(request)
        same_value(request.inputs, tuple(given for part in parts for given in part.inputs))
        for part in parts:
            codec.encode_request(part, claims.facts)

    for_all(st.lists(st.sampled_from(samples), min_size=1, max_size=8), check)
    check([Text("kiwi")] * (2 * max(codec.takes.values()) + 1))


def _undeclared(codec: EmbeddingCodec) -> Iterator[tuple[str, EmbeddingRequest]]:
    """The smallest request for everything that `codec` does not declare."""
    kind = next(iter(codec.takes))
    plain = EmbeddingRequest(SAMPLES[kind][:1], codec.default_purposes.get(kind))
    asked = {
        EmbeddingFeature.PURPOSE: evolve(plain, purpose=Purpose.QUERY),
        EmbeddingFeature.DIMENSIONS: evolve(plain, dimensions=256),
        EmbeddingFeature.NORMALIZATION: evolve(plain, is_normalized=True),
        EmbeddingFeature.TRUNCATION: evolve(plain, truncation=Truncation.END),
    }
    yield from (
        (feature, request) for feature, request in asked.items() if feature not in codec.features
    )
    for encoding in Encoding:
        if encoding not in codec.encodings:
            yield encoding, evolve(plain, encodings=(encoding,))
    for other in INPUT_NAMES.keys() - codec.takes.keys():
        yield INPUT_NAMES[other], evolve(plain, inputs=SAMPLES[other][:1])
    yield UNKNOWN_KEY, evolve(plain, options={UNKNOWN_KEY: 1})
    yield "inputs", evolve(plain, inputs=plain.inputs * (codec.takes[kind] + 1))


_LAWS: Mapping[str, Check] = {
    "a request survives": _a_request_survives,
    "an answer survives": _an_answer_survives,
    "unknown fields survive": _unknown_fields_survive,
    "null is absent": _null_is_absent,
    "documented keys are understood": _documented_keys_are_understood,
    "a strange body is the error of its role": _a_strange_body_is_the_error_of_its_role,
    "what is not declared is refused by name": _what_is_not_declared_is_refused_by_name,
}
