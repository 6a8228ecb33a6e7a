"""Calls whose id does not say in which form they speak, and what their body says instead.

The first Claudes take two forms, and an imported model or a marketplace endpoint says nothing by
its id at all. Who calls such a model chooses, or names its family. Who only sees the call (the
emulator, a recording) has the body, and an imported model goes by it as well: it answers in the
form that it is asked in. For the ARN of an application's inference profile, of provisioned
throughput or of a customised model stands a family of Bedrock's own, and each of those asks for
something that no other does.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from axonflow_core.codec import FamilyCodec, ModelFacts
from axonflow_core.codec.registry import CodecRegistry
from axonflow_core.codec.unary import EmbeddingCodec
from axonflow_core.errors import DecodeError, EncodeError, MalformedRequest, UndetectedFamily
from axonflow_core.messages import Json

from ..families import imported, marketplace
from ..models.model_id import Kind, ModelId
from .surfaces import CONVERSE_CODECS, INVOKE_CODECS

_OURS = frozenset(
    {
        *(
            Kind.APPLICATION_INFERENCE_PROFILE,
            Kind.PROVISIONED_MODEL,
            Kind.PROMPT_ROUTER,
            Kind.DEFAULT_PROMPT_ROUTER,
        ),
        *(Kind.CUSTOM_MODEL, Kind.CUSTOM_MODEL_DEPLOYMENT),
    }
)
"""What stands for a family of Bedrock's own and does not say which."""

_MARKS = {
    "anthropic_version": "anthropic",
    "max_tokens_to_sample": "anthropic/text",
    "schemaVersion": "nova",
    "inferenceConfig": "nova",
    "textGenerationConfig": "titan",
    "max_gen_len": "llama/llama3",
    "message": "cohere/command-r",
}
"""What only one family's requests say -> the name of its codec. Of Llama's templates any will do:
prompts stay raw."""


def codec_of_call(
    codecs: CodecRegistry, model: ModelId, body: Json, surface: str = INVOKE_CODECS
) -> FamilyCodec:
    """The codec for a call of `model` with `body`; `UndetectedFamily` when neither says which."""
    if model.base_id is not None:
        forms = codecs.forms_of(model.base_id, surface)
        # One form is read once; of several the last needs no trial.
        return next((codec for codec in forms[:-1] if _reads(codec, body)), forms[-1])
    if surface == CONVERSE_CODECS:
        return codecs.for_base_id("", surface)
    if isinstance(body, dict):
        if model.kind is Kind.IMPORTED_MODEL:
            return codecs.for_name(imported.form_of(body), surface)
        if model.kind is Kind.SAGEMAKER_ENDPOINT and "prompt" in body:
            return codecs.for_name(marketplace.TGI.name, surface)
        if model.given.startswith("arn:") and model.kind in _OURS and (name := _marked(body)):
            return codecs.for_name(name, surface)
    raise UndetectedFamily(f"neither the id {model.given} nor its body says which family it is")


def codec_in_body(codecs: CodecRegistry, body: Json, surface: str) -> FamilyCodec | None:
    """The codec of a call whose model has a name that is none of Bedrock's ids; None where the body
    does not say which it is."""
    if surface == CONVERSE_CODECS:
        return codecs.for_base_id("", surface)
    name = _marked(body) if isinstance(body, dict) else None
    return None if name is None else codecs.for_name(name, surface)


def unary_in_body(codecs: CodecRegistry, model: ModelId, body: Json) -> EmbeddingCodec | None:
    """The codec of an embedding model whose ARN does not say which it is: the one that knows every
    member of the body."""
    if model.base_id is not None or not model.given.startswith("arn:"):
        return None
    for codec in codecs.of_kind(EmbeddingCodec):
        with suppress(DecodeError, EncodeError, MalformedRequest):
            request = codec.decode_request(body, ModelFacts())
            codec.encode_request(request, ModelFacts())
            if not request.extra:
                return codec
    return None


def _marked(body: Mapping[str, Json]) -> str | None:
    """The codec of the family whose requests alone have a member that the body has."""
    return next((name for mark, name in _MARKS.items() if mark in body), None)


def _reads(codec: FamilyCodec, body: Json) -> bool:
    """Whether the codec accepts the body. Only the request's own form is tried, so facts are
    empty."""
    try:
        codec.decode_request(body, ModelFacts())
    except MalformedRequest:
        return False
    return True
