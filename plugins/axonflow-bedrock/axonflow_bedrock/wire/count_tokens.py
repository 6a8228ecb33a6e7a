"""CountTokens: a request in one of two forms, wrapped, and a number back. Nothing is answered, and
nothing is billed.

    {"input": {"invokeModel": {"body": BASE64}}}    the family's own JSON, as InvokeModel takes it
    {"input": {"converse": {…}}}                    what of a Converse request holds tokens

The wrapping is Bedrock's and not the codec's, like the base64 around a stream's chunks. Which id
names the model is a matter of its own: recorded traffic refuses an inference profile and takes the
base id; others report the reverse for models that their region has by profile alone. So the base id
is tried first, and the id as given once, where they differ.

Source: the bedrock-runtime service model, API 2023-09-30, the AWS user guide, "Monitor your token
usage by counting tokens before running inference", November 2026, and recorded traffic (9
exchanges).
"""

from __future__ import annotations

from base64 import b64decode, b64encode

from axonflow_core.errors import MalformedRequest
from axonflow_core.json import dumps, loads
from axonflow_core.json_text import has_one_reading
from axonflow_core.messages import Json

from ..models.model_id import ModelId, parse_model_id
from .surfaces import CONVERSE_CODECS, INVOKE_CODECS

COUNT_KEY = "inputTokens"
"""The member of an answer that holds the count."""


def wrapped(surface: str, native: Json) -> Json:
    """The CountTokens body for a native request of that surface. InvokeModel's is base64 text."""
    if surface == INVOKE_CODECS:
        return {"input": {"invokeModel": {"body": b64encode(dumps(native)).decode()}}}
    return {"input": {"converse": native}}


def unwrapped(body: Json) -> tuple[str, Json]:
    """The surface and the request in `body`; `MalformedRequest` where there is none, or more."""
    try:
        match body:
            case {"input": {"converse": native, **others}, **more} if not others and not more:
                return CONVERSE_CODECS, native
            case {"input": {"invokeModel": {"body": str(written), **others}}, **more} if (
                not others and not more and len(body["input"]) == 1
            ):
                return INVOKE_CODECS, _read(b64decode(written, validate=True))
    except ValueError as error:
        raise MalformedRequest("the request holds nothing to count") from error
    raise MalformedRequest("the request holds nothing to count")


def _read(text: bytes) -> Json:
    """The JSON in `text`. ValueError where another parser may read something else."""
    native = loads(text)
    if not has_one_reading(text, native):
        raise ValueError("a key is repeated")
    return native


def ids_to_try(model: ModelId, base_id: str | None) -> tuple[ModelId, ...]:
    """The ids that may name `model` here, the likelier first."""
    if base_id is None or base_id == model.given:
        return (model,)
    return parse_model_id(base_id), model
