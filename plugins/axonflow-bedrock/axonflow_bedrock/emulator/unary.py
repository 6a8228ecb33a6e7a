"""Embedding and rerank calls: decoded, answered by `vectors`, encoded.

AWS holds these bodies to a schema: a key that a model does not know is refused, where a chat model
would ignore it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from axonflow_core.codec import ModelFacts, StreamContext
from axonflow_core.codec.registry import CodecRegistry
from axonflow_core.codec.unary import EmbeddingCodec, RerankCodec, Unary
from axonflow_core.emulator.quotas import Quotas
from axonflow_core.emulator.script import Heard, Rules, apply_rule
from axonflow_core.emulator.vectors import ranking_of
from axonflow_core.endpoint.operations import Operation
from axonflow_core.errors import EncodeError, MalformedRequest
from axonflow_core.frozen import evolve, frozen
from axonflow_core.messages import Text
from axonflow_core.retrieval import EmbeddingRequest, RerankRequest

from ..models.model_id import ModelId
from ..wire.endpoint import Call, NativeAnswer, ServiceException, invalid_call, malformed
from ..wire.envelope import headers_of
from ..wire.operations import INVOKE, INVOKE_STREAM
from ..wire.surfaces import unary_codec_for
from .catalogue import Catalogue
from .refused import refuse_embedding
from .script import exception_of
from .vectors import embeddings_of


@frozen
class EmulatedUnary:
    """Answers embedding and rerank calls, within the account's quotas."""

    codecs: CodecRegistry
    catalogue: Catalogue
    rules: Rules
    quotas: Quotas
    context_of: Callable[[Call, ModelFacts], StreamContext]

    async def answer(self, call: Call, model_id: ModelId) -> NativeAnswer | None:
        """The answer to `call`, or None for a chat model."""
        base_id = model_id.base_id or ""
        codec = unary_codec_for(self.codecs, base_id)
        if codec is None:
            return None
        self.catalogue.admit(model_id, codec.family)
        if call.operation is not INVOKE:
            raise _only_whole(call.operation)
        facts = ModelFacts(model_id=call.model, base_id=base_id)
        if isinstance(codec, EmbeddingCodec):
            return await self._embedded(call, codec, facts)
        return await self._ranked(call, codec, facts)

    async def _embedded(self, call: Call, codec: EmbeddingCodec, facts: ModelFacts) -> NativeAnswer:
        refuse_embedding(facts.base_id, call.json)
        request = _read(codec.without_limits(), call, facts)
        texts = tuple(given.text for given in request.inputs if isinstance(given, Text))
        await apply_rule(self.rules.take(Heard(texts[0] if texts else "")), exception_of)
        embeddings = embeddings_of(request, facts.base_id)
        self._spend(facts, embeddings.usage.input_tokens or 0)
        identified = evolve(embeddings, id=self.context_of(call, facts).id, texts=texts or None)
        return NativeAnswer(codec.encode_response(identified, facts), headers_of(identified))

    async def _ranked(self, call: Call, codec: RerankCodec, facts: ModelFacts) -> NativeAnswer:
        request = _read(codec.without_limits(), call, facts)
        await apply_rule(self.rules.take(Heard(request.query)), exception_of)
        self._spend(facts, 0)
        ranking = ranking_of(request)
        return NativeAnswer(codec.encode_response(ranking, facts), headers_of(ranking))

    def _spend(self, facts: ModelFacts, tokens: int) -> None:
        self.quotas.spend(facts.base_id, asked=tokens, used=tokens)


Q = TypeVar("Q", EmbeddingRequest, RerankRequest)


def _read(codec: Unary[Q, Any], call: Call, facts: ModelFacts) -> Q:
    try:
        request = codec.decode_request(call.json, facts)
        for key in request.extra:
            raise _extraneous(key)
        codec.encode_request(request, facts)
    except MalformedRequest as error:
        raise malformed(error.message) from None
    except EncodeError as error:
        raise _extraneous(error.feature) from None
    return request


def _extraneous(key: str) -> ServiceException:
    level, dot, name = key.rpartition(".")
    return malformed(f"#{'/' if dot else ''}{level}: extraneous key [{name}] is not permitted")


def _only_whole(operation: Operation) -> ServiceException:
    if operation is INVOKE_STREAM:
        return invalid_call("The model is unsupported for streaming.")
    return invalid_call(
        "This action doesn't support the model that you provided. Try again with a supported text "
        "or chat model."
    )
