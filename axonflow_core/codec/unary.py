"""Codecs for what is one request and one answer: vectors, rankings, token counts.

They are records of functions like `FamilyCodec`, with both roles and the same guards: what a codec
does not declare is refused with an `EncodeError` that names it, a strange body is a `DecodeError`,
undocumented members are kept in `extra`. There are no streams and no turns, so they are small.

    EmbeddingCodec    the functions of one family of embedding models
    RerankCodec       the functions of one family of rerank models
    TokenCounter      a `FamilyCodec`, whose requests are counted and not answered
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from itertools import groupby
from typing import ClassVar, Generic, Protocol, TypeVar

from axonflow_core.codec import FamilyCodec, ModelFacts
from axonflow_core.errors import DecodeError, EncodeError
from axonflow_core.frozen import evolve, frozen
from axonflow_core.media import MediaTerms
from axonflow_core.messages import CompletionRequest, Document, Image, Json, Text, TokenCount
from axonflow_core.retrieval import (
    AudioVideo,
    EmbeddingInput,
    EmbeddingRequest,
    Embeddings,
    Encoding,
    MixedInput,
    Purpose,
    Ranking,
    RerankRequest,
)

from .embedding_limits import cut_to_limit, refuse_beyond_limits, refuse_broken_data
from .json_members import integer, unknown_members
from .record import Decode, Encode, decoded_answer, decoded_request, encoded_answer

Q = TypeVar("Q")
A = TypeVar("A")
E = TypeVar("E", bound=StrEnum)


class Unary(Protocol[Q, A]):
    """What all of them have: one request, one answer, in either role. The laws of
    `testing.unary_laws` need no more of a codec."""

    @property
    def name(self) -> str: ...
    @property
    def documented(self) -> frozenset[str]: ...
    def encode_request(self, request: Q, facts: ModelFacts, /) -> Json: ...
    def decode_response(self, body: Json, facts: ModelFacts, /) -> A: ...
    def decode_request(self, body: Json, facts: ModelFacts, /) -> Q: ...
    def encode_response(self, answer: A, facts: ModelFacts, /) -> Json: ...


@frozen(kw_only=True)
class UnaryCodec(Generic[Q, A]):
    """What the records of functions have in common. Fields are those of `FamilyCodec`."""

    family: str
    """The name of the family: `cohere`."""
    surface: str = "invoke"
    """The operation that carries the body: `invoke`."""
    variant: str | None = None
    """The name of this form where the family has several."""
    models: tuple[str, ...]
    """Prefixes of base ids. The longest one of all registered codecs wins."""
    except_models: tuple[str, ...] = ()
    """Prefixes below those that this codec does not serve."""
    documented: frozenset[str]
    """The keys that the documents of the form name, on any level."""
    options: frozenset[str] = frozenset()
    """The documented parameters that have no neutral name; they stand in `options`."""
    evidence: str
    """What the codec rests on, with its date: recorded traffic, or documents alone."""

    _encode_request: Encode[Q]
    _decode_response: Decode[A]
    _decode_request: Decode[Q]
    _encode_response: Encode[A]

    @property
    def name(self) -> str:
        """How errors and documents call the codec: `cohere`, `family/variant`."""
        return f"{self.family}/{self.variant}" if self.variant else self.family

    def decode_response(self, body: Json, facts: ModelFacts) -> A:
        """The answer in a native body. `DecodeError` where the body is none."""
        return decoded_answer(self.name, self._decode_response, body, facts)

    def decode_request(self, body: Json, facts: ModelFacts) -> Q:
        """The request in a native body. `MalformedRequest` where the body is none."""
        return decoded_request(self.name, self._decode_request, body, facts)

    def encode_response(self, answer: A, facts: ModelFacts) -> Json:
        """The native body of an answer. `UnencodableAnswer` where the form has no place for it."""
        return encoded_answer(self.name, self._encode_response, answer, facts)

    def _refuse_options(self, options: Mapping[str, Json]) -> None:
        """`EncodeError` for an option that the codec does not declare."""
        for option in options:
            if option not in self.options:
                raise self._cannot(
                    option, "its own parameters are: " + (", ".join(sorted(self.options)) or "none")
                )

    def _cannot(self, feature: str, hint: str) -> EncodeError:
        """The error of an unsupported feature, with a hint that lists what is supported."""
        return EncodeError(f"{self.name} does not support: {feature}", feature=feature, hint=hint)


# ── embeddings ────────────────────────────────────────────────────────────────────────────────────


class EmbeddingFeature(StrEnum):
    """What a request may ask in addition to its inputs. The value is its name in errors and
    documents."""

    PURPOSE = "purpose"
    DIMENSIONS = "dimensions"
    NORMALIZATION = "normalization"
    TRUNCATION = "truncation"


INPUT_NAMES: Mapping[type[EmbeddingInput], str] = {
    Text: "texts",
    Image: "images",
    Document: "documents",
    AudioVideo: "clips",
    MixedInput: "mixed inputs",
}
"""Kind of input -> its name in errors."""


@frozen(kw_only=True)
class EmbeddingLimits:
    """What a family refuses of inputs and of what is asked for; None, or nothing, is no limit."""

    text_characters: int | None = None
    """The longest text. One that may be cut (`EmbeddingRequest.truncation`) is cut to it."""
    has_empty_texts: bool = True
    dimensions: frozenset[int] = frozenset()
    """The lengths that a vector may have; empty: any."""
    images: MediaTerms = MediaTerms()
    """The types and sizes of its pictures."""
    source: str = ""
    """Where the limits are documented, with the date."""


@frozen(kw_only=True)
class EmbeddingCodec(UnaryCodec[EmbeddingRequest, Embeddings]):
    """The codec of one family of embedding models: what it supports, and its functions in both
    roles."""

    kind: ClassVar[str] = "embedding"
    takes: Mapping[type[EmbeddingInput], int]
    """Kind of input -> how many of it one call takes. Kinds do not share a call."""
    features: frozenset[EmbeddingFeature] = frozenset()
    """What a request may ask; anything else is refused by name."""
    encodings: frozenset[Encoding] = frozenset({Encoding.FLOAT})
    """The encodings that its answers have. Where there is one, it cannot be asked for either: the
    form has no parameter for it."""
    default_purposes: Mapping[type[EmbeddingInput], Purpose] = {}
    """Not empty: the family requires a purpose, and this is sent where the request has none."""
    limits: EmbeddingLimits = EmbeddingLimits()
    """What it refuses although its form has a place for it."""

    def without_limits(self) -> EmbeddingCodec:
        """The form alone, which takes whatever it has a place for."""
        return evolve(self, limits=EmbeddingLimits())

    def split(self, request: EmbeddingRequest) -> tuple[EmbeddingRequest, ...]:
        """The calls that `request` takes, inputs in their order; a request that is one call is
        itself. `EncodeError` names what is beyond the family's limits, or broken, by its
        number."""
        refuse_broken_data(request)
        refuse_beyond_limits(self, request)
        # Runs of one kind, in order: the vectors come back in the order of the inputs.
        parts = [
            inputs[start : start + self.takes.get(kind, 1)]
            for kind, run in groupby(request.inputs, key=type)
            for inputs in [tuple(run)]
            for start in range(0, len(inputs), self.takes.get(kind, 1))
        ]
        return (
            tuple(evolve(request, inputs=part) for part in parts) if len(parts) > 1 else (request,)
        )

    def encode_request(self, request: EmbeddingRequest, facts: ModelFacts) -> Json:
        """The native body of one call. `EncodeError` names what this family does not support, or
        not in one call."""
        self._refuse_inputs(request.inputs)
        for feature in _asked(request):
            if feature not in self.features:
                raise self._cannot(
                    feature,
                    f"{self.name} knows {', '.join(sorted(self.features)) or 'no parameters'}",
                )
        for encoding in request.encodings:
            if encoding not in self.encodings or len(self.encodings) == 1:
                raise self._cannot(encoding, f"its vectors are {', '.join(sorted(self.encodings))}")
        self._refuse_options(request.options)
        refuse_beyond_limits(self, request)
        return self._encode_request(self._with_purpose(cut_to_limit(self, request)), facts)

    def decode_response(self, body: Json, facts: ModelFacts) -> Embeddings:
        """The vectors in a native body. `DecodeError` where the body is none, or a vector is
        empty: the provider made none."""
        embeddings = super().decode_response(body, facts)
        if not embeddings.vectors or not all(vector.values for vector in embeddings.vectors):
            raise DecodeError(
                f"the answer of {self.name} has no numbers for an input",
                hint="the provider failed without saying so; call again",
            )
        return embeddings

    def _refuse_inputs(self, inputs: tuple[EmbeddingInput, ...]) -> None:
        """`EncodeError` for a kind of input that the family has not, for two kinds in one call, and
        for too many."""
        kinds = {type(one) for one in inputs}
        for kind in kinds - self.takes.keys():
            raise self._cannot(
                INPUT_NAMES[kind], f"it takes {', '.join(INPUT_NAMES[each] for each in self.takes)}"
            )
        if len(kinds) != 1 or len(inputs) > self.takes[type(inputs[0])]:
            raise EncodeError(
                f"the {self.name} family does not take these {len(inputs)} inputs in one call",
                feature="inputs",
                hint="give it one input at least, and `EmbeddingCodec.split` the request",
            )

    def _with_purpose(self, request: EmbeddingRequest) -> EmbeddingRequest:
        """`request` with the default purpose of its kind of input, where it has none."""
        if request.purpose is not None:
            return request
        return evolve(request, purpose=self.default_purposes.get(type(request.inputs[0])))


def _asked(request: EmbeddingRequest) -> Iterator[EmbeddingFeature]:
    """The features that the request sets; None means unset."""
    asked = (
        (EmbeddingFeature.PURPOSE, request.purpose),
        (EmbeddingFeature.DIMENSIONS, request.dimensions),
        (EmbeddingFeature.NORMALIZATION, request.is_normalized),
        (EmbeddingFeature.TRUNCATION, request.truncation),
    )
    return (feature for feature, value in asked if value is not None)


# ── rankings ──────────────────────────────────────────────────────────────────────────────────────


@frozen(kw_only=True)
class RerankCodec(UnaryCodec[RerankRequest, Ranking]):
    """The codec of one family of rerank models. Options that it does not declare are refused."""

    kind: ClassVar[str] = "rerank"
    most_documents: int | None = None
    """How many documents one call may rank, from 1; None: no limits are known."""

    def encode_request(self, request: RerankRequest, facts: ModelFacts) -> Json:
        """The body of one call. `EncodeError` names an option that the family does not declare, and
        what is beyond its limits."""
        self._refuse_options(request.options)
        if self.most_documents is not None:
            self._refuse_beyond(request, self.most_documents)
        return self._encode_request(request, facts)

    def without_limits(self) -> RerankCodec:
        """As `EmbeddingCodec.without_limits`."""
        return evolve(self, most_documents=None)

    def _refuse_beyond(self, request: RerankRequest, most: int) -> None:
        if not 1 <= len(request.documents) <= most:
            raise EncodeError(
                f"{self.name} does not rank {len(request.documents):,} documents: it takes 1 to "
                f"{most:,}",
                feature="documents",
                hint="give one at least, and rank a large number in parts",
            )
        if not request.query:
            raise EncodeError(
                f"{self.name} ranks by a query, and this one is empty",
                feature="query",
                hint="give the text that the documents are to be relevant to",
            )


# ── token counts ──────────────────────────────────────────────────────────────────────────────────


@frozen(kw_only=True)
class TokenCounter:
    """Counts the requests of a family, in the family's own JSON."""

    kind: ClassVar[str] = "count"
    codec: FamilyCodec
    """The codec whose requests are counted; it encodes them."""
    models: tuple[str, ...]
    """Prefixes of base ids whose requests can be counted."""
    except_models: tuple[str, ...] = ()
    """Prefixes below those whose requests cannot."""
    uncounted: frozenset[str] = frozenset()
    """Documented top-level keys of a request that hold no token, and that the count does not
    take."""
    count_key: str
    """Where in the answer the count stands."""
    evidence: str
    """What the counter rests on, with its date."""

    @property
    def family(self) -> str:
        """The family whose requests are counted."""
        return self.codec.family

    @property
    def variant(self) -> str | None:
        """The form of that family; None where it has one alone."""
        return self.codec.variant

    @property
    def name(self) -> str:
        """How errors and documents call the counter: as its codec."""
        return self.codec.name

    @property
    def surface(self) -> str:
        """The operation whose requests are counted: `invoke`, `converse`."""
        return self.codec.surface

    @property
    def documented(self) -> frozenset[str]:
        """The documented keys of requests and of the count, on any level."""
        return self.codec.documented | {self.count_key}

    def encode_request(self, request: CompletionRequest, facts: ModelFacts) -> Json:
        """The body of a request without `uncounted` keys. Errors as `codec.encode_request`."""
        return unknown_members(self.codec.encode_request(request, facts), self.uncounted)

    def decode_request(self, body: Json, facts: ModelFacts) -> CompletionRequest:
        """The request in a body. Errors as `codec.decode_request`."""
        return self.codec.decode_request(body, facts)

    def decode_response(self, body: Json, facts: ModelFacts) -> TokenCount:
        """The count in an answer, in tokens. `DecodeError` where it has none."""
        return decoded_answer(self.name, self._read, body, facts, "count")

    def encode_response(self, answer: TokenCount, facts: ModelFacts) -> Json:
        """The native answer that gives this count."""
        return {self.count_key: answer.input_tokens, **answer.extra}

    def _read(self, body: Json, facts: ModelFacts) -> TokenCount:
        return TokenCount(
            integer(body[self.count_key]), extra=unknown_members(body, frozenset({self.count_key}))
        )
