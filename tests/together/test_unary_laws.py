"""The laws of embeddings, rankings and token counts: over all that we ship, and over codecs broken
on purpose."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import pytest
from attrs import evolve, frozen
from hypothesis import Phase, settings

from axonflow_bedrock.retrieval import cohere_embed, nova_embed, rerank, titan_embed
from axonflow_bedrock.wire.counting import CLAUDE, CONVERSE
from axonflow_core.codec.unary import EmbeddingCodec, TokenCounter, UnaryCodec
from axonflow_core.messages import Json, Usage
from axonflow_core.retrieval import EmbeddingRequest, Embeddings, Encoding
from axonflow_core.testing import Law, counting_laws, embedding_laws, rerank_laws
from axonflow_core.testing.breaking import null_as, null_refused

TITAN, TITAN_IMAGE, COHERE, NOVA = (
    titan_embed.TEXT_V2,
    titan_embed.IMAGE,
    cohere_embed.V4,
    nova_embed.CODEC,
)
EMBEDDINGS = (*titan_embed.CODECS, *cohere_embed.CODECS, NOVA)
LAWS: list[Law[Any]] = [
    *(law for codec in EMBEDDINGS for law in embedding_laws(codec)),
    *(law for codec in rerank.CODECS for law in rerank_laws(codec)),
    *(law for counter in (CLAUDE, CONVERSE) for law in counting_laws(counter)),
]


@pytest.mark.sampled(6)
@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_every_codec_keeps_every_law(law: Law[Any]) -> None:
    law()


# ── mutants ───────────────────────────────────────────────────────────────────────────────────────

Break: TypeAlias = Callable[[Any], Any]
REQUEST, ANSWER, UNKNOWN = "a request survives", "an answer survives", "unknown fields survive"
UNDERSTOOD, NULLS = "documented keys are understood", "null is absent"
STRANGE = "a strange body is the error of its role"
REFUSED, SPLIT = "what is not declared is refused by name", "a split request is the same request"


def sends(codec: Any, change: Break) -> Any:
    encode = codec._encode_request
    return evolve(codec, encode_request=lambda request, facts: encode(change(request), facts))


def reads(codec: Any, change: Break) -> Any:
    decode = codec._decode_request
    return evolve(codec, decode_request=lambda body, facts: change(decode(body, facts)))


def hears(codec: Any, change: Break) -> Any:
    decode = codec._decode_response
    return evolve(codec, decode_response=lambda body, facts: change(decode(body, facts)))


def rebuilt(kind: Any, codec: Any) -> Any:
    """The same record, of a class that lacks something."""
    return kind(
        **{
            name.lstrip("_"): getattr(codec, name)
            for name in (f.name for f in codec.__attrs_attrs__)
        }
    )


class Netless(EmbeddingCodec):
    def decode_request(self, body: Json, facts: Any) -> Any:
        return self._decode_request(body, facts)

    def decode_response(self, body: Json, facts: Any) -> Any:
        return self._decode_response(body, facts)


class Obliging(EmbeddingCodec):
    def _refuse_options(self, options: Any) -> None:
        pass


class Careless(EmbeddingCodec):
    """Takes what it does not declare."""

    def encode_request(self, request: EmbeddingRequest, facts: Any) -> Json:
        return self._encode_request(request, facts)


class Forgetful(EmbeddingCodec):
    def split(self, request: EmbeddingRequest) -> tuple[EmbeddingRequest, ...]:
        return super().split(request)[:2]


class Hasty(EmbeddingCodec):
    def split(self, request: EmbeddingRequest) -> tuple[EmbeddingRequest, ...]:
        return (request,)


def first_vector_alone(answer: Embeddings) -> Embeddings:
    return evolve(answer, vectors=answer.vectors[:1])


def all_of_the_first(answer: Embeddings) -> Embeddings:
    return evolve(answer, vectors=tuple(evolve(vector, input_index=0) for vector in answer.vectors))


def all_floats(answer: Embeddings) -> Embeddings:
    return evolve(
        answer, vectors=tuple(evolve(vector, encoding=Encoding.FLOAT) for vector in answer.vectors)
    )


@frozen
class Mutant:
    law: str
    good: Any
    bad: Any


MUTANTS = {
    "dimensions lost": Mutant(REQUEST, TITAN, sends(TITAN, lambda r: evolve(r, dimensions=None))),
    "not normalised taken for unset": Mutant(
        REQUEST, TITAN, sends(TITAN, lambda r: evolve(r, is_normalized=r.is_normalized or None))
    ),
    "purpose is always the default": Mutant(
        REQUEST, NOVA, reads(NOVA, lambda r: evolve(r, purpose=None))
    ),
    "truncation lost": Mutant(REQUEST, COHERE, sends(COHERE, lambda r: evolve(r, truncation=None))),
    "encodings lost": Mutant(REQUEST, COHERE, reads(COHERE, lambda r: evolve(r, encodings=()))),
    "all but the first input forgotten": Mutant(
        REQUEST, COHERE, sends(COHERE, lambda r: evolve(r, inputs=r.inputs[:1]))
    ),
    "option lost": Mutant(REQUEST, NOVA, sends(NOVA, lambda r: evolve(r, options={}))),
    "all but the first vector forgotten": Mutant(ANSWER, COHERE, hears(COHERE, first_vector_alone)),
    "vectors all of the first input": Mutant(ANSWER, COHERE, hears(COHERE, all_of_the_first)),
    "bits taken for floats": Mutant(ANSWER, TITAN, hears(TITAN, all_floats)),
    "count lost": Mutant(
        ANSWER, TITAN_IMAGE, hears(TITAN_IMAGE, lambda a: evolve(a, usage=Usage()))
    ),
    "unknown request keys dropped": Mutant(
        UNKNOWN, TITAN, reads(TITAN, lambda r: evolve(r, extra={}))
    ),
    "unknown answer keys dropped": Mutant(
        UNKNOWN, NOVA, hears(NOVA, lambda a: evolve(a, extra={}))
    ),
    "pass-through": Mutant(
        UNDERSTOOD,
        COHERE,
        evolve(COHERE, decode_response=lambda body, facts: Embeddings((), extra=body)),
    ),
    "null read as an empty text": Mutant(NULLS, TITAN, null_as("")(TITAN)),
    "null read as a text": Mutant(NULLS, rerank.COHERE, null_as("null")(rerank.COHERE)),
    "null read as 7": Mutant(NULLS, COHERE, null_as(7)(COHERE)),
    "null read as true": Mutant(NULLS, NOVA, null_as(stand_in=True)(NOVA)),
    "null refused": Mutant(NULLS, TITAN_IMAGE, null_refused(TITAN_IMAGE)),
    "null of a ranking refused": Mutant(NULLS, rerank.AMAZON, null_refused(rerank.AMAZON)),
    "KeyError at the front door": Mutant(STRANGE, NOVA, rebuilt(Netless, NOVA)),
    "undeclared features taken": Mutant(REFUSED, TITAN, rebuilt(Careless, TITAN)),
    "unknown options taken": Mutant(REFUSED, TITAN, rebuilt(Obliging, TITAN)),
    "inputs lost in the split": Mutant(SPLIT, TITAN, rebuilt(Forgetful, TITAN)),
    "nothing split": Mutant(SPLIT, COHERE, rebuilt(Hasty, COHERE)),
    "documents lost": Mutant(
        REQUEST, rerank.COHERE, sends(rerank.COHERE, lambda r: evolve(r, documents=r.documents[:1]))
    ),
    "tools not counted": Mutant(
        REQUEST, CONVERSE, evolve(CONVERSE, uncounted=CONVERSE.uncounted | {"toolConfig"})
    ),
    "system not counted": Mutant(REQUEST, CLAUDE, evolve(CLAUDE, uncounted=frozenset({"system"}))),
}


@pytest.fixture
def many_examples() -> Iterator[None]:
    before = settings.get_current_profile_name()
    settings.register_profile(
        "mutants", max_examples=200, derandomize=True, phases=[Phase.generate]
    )
    settings.load_profile("mutants")
    yield
    settings.load_profile(before)


def law_of(codec: Any, name: str) -> Law[Any]:
    match codec:
        case EmbeddingCodec():
            laws = embedding_laws(codec)
        case TokenCounter():
            laws = counting_laws(codec)
        case UnaryCodec():
            laws = rerank_laws(codec)  # type: ignore[arg-type]
    return next(law for law in laws if law.name == name)


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_breaks_the_law_that_is_to_see_it(name: str, many_examples: None) -> None:
    mutant = MUTANTS[name]
    law = law_of(mutant.bad, mutant.law)

    with pytest.raises(Exception):  # noqa: B017 - in whatever way the codec fails it
        law()
