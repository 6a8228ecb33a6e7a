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
    """The surface and the request in `body`; `MalformedRequest` when there is none in it."""
    try:
        ((form, native),) = body["input"].items()
        if form == "converse":
            return CONVERSE_CODECS, native
        if form == "invokeModel":
            return INVOKE_CODECS, loads(b64decode(native["body"]))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise MalformedRequest("the request holds nothing to count") from error
    raise MalformedRequest("the request holds nothing to count")


def ids_to_try(model: ModelId, base_id: str | None) -> tuple[ModelId, ...]:
    """The ids that may name `model` here, the likelier first."""
    if base_id is None or base_id == model.given:
        return (model,)
    return parse_model_id(base_id), model
