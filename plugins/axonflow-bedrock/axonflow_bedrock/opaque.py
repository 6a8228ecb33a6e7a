"""Ids that say nothing of the model behind them, and what the body of a call says instead.

Who calls such a model names its family. Who only sees the call (the emulator, a recording) has the body, and an
imported model goes by it as well: it answers in the form that it is asked in.
"""

from __future__ import annotations

from axonflow_core.codec import CodecRegistry, FamilyCodec
from axonflow_core.errors import UndetectedFamily
from axonflow_core.messages import Json

from .families import imported
from .model_id import Kind, ModelId


def codec_of_call(codecs: CodecRegistry, model: ModelId, body: Json, surface: str = "invoke") -> FamilyCodec:
    """The codec for a call of `model` with `body`; `UndetectedFamily` when neither says which."""
    if model.base_id is not None:
        return codecs.for_base_id(model.base_id, surface)
    if isinstance(body, dict):
        if model.kind is Kind.IMPORTED_MODEL:
            return codecs.for_name(imported.form_of(body), surface)
        if model.kind is Kind.SAGEMAKER_ENDPOINT and "prompt" in body:
            return codecs.for_name(imported.TGI.name, surface)
    raise UndetectedFamily(f"neither the id {model.given} nor its body says which family it is")
