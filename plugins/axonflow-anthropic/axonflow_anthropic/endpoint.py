"""Anthropic's API over a handler and a verifier.

Clients name betas in the header `anthropic-beta`, whose place in a request is the option
`anthropic_beta`: another form of the model says them in its own way, or leaves them out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import uuid4

from axonflow_core.dialects.anthropic_messages import ERRORS
from axonflow_core.endpoint.anthropic_messages import FORM
from axonflow_core.endpoint.calls import Call
from axonflow_core.endpoint.credentials import bearer_token, first_of, header
from axonflow_core.endpoint.framings import NAMED_SSE
from axonflow_core.endpoint.ingress import Asked, Ingress, read_call
from axonflow_core.endpoint.operations import Kind, ModelListing, Operation, listing_operations
from axonflow_core.endpoint.wire import Wire
from axonflow_core.frozen import evolve
from axonflow_core.messages import Json
from axonflow_core.plugin_spec import ModelDescription

from .codec import CODEC, COUNTER
from .config import BETA_HEADER, BETAS

_HELLO = {"message": "hello"}
_TRANSPORT = frozenset({"model", "stream"})
_CREATED = "2026-11-28T00:00:00Z"
"""When every model is said to be made: nothing here knows it."""


def _model(model: ModelDescription) -> Json:
    return {
        "type": "model",
        "id": model.id,
        "display_name": model.id.replace("-", " ").title(),
        "created_at": _CREATED,
    }


def _list(models: Sequence[ModelDescription], query: Mapping[str, str]) -> Json:
    return {
        "data": list(map(_model, models)),
        "has_more": False,
        "first_id": models[0].id if models else None,
        "last_id": models[-1].id if models else None,
    }


_LISTING = ModelListing(encode_list=_list, encode_model=_model)
WIRE = Wire(
    name="anthropic",
    errors=ERRORS,
    request_id_header="request-id",
    new_request_id=lambda: f"req_{uuid4().hex}",
    presented=first_of(header("x-api-key"), bearer_token),
    marks=frozenset(("anthropic-version",)),
    call_headers=("content-type", BETA_HEADER),
    greetings={"/": _HELLO, "/api/hello": _HELLO},
    operations=(
        Operation(
            name="messages",
            kind=Kind.CHAT,
            path="/v1/messages",
            codec=CODEC,
            surface=CODEC.surface,
            form=FORM,
            framing=NAMED_SSE,
            stream_member="stream",
            transport_members=_TRANSPORT,
            id_prefix="msg_",
        ),
        Operation(
            name="count_tokens",
            kind=Kind.COUNT,
            path="/v1/messages/count_tokens",
            codec=COUNTER,
            transport_members=_TRANSPORT,
        ),
        *listing_operations("/v1/models", _LISTING),
    ),
)


def _read(call: Call) -> Asked:
    """What is asked in a call, with the betas of its header."""
    named = call.headers.get(BETA_HEADER, "").split(",")
    betas = [beta for beta in map(str.strip, named) if beta]
    if betas and isinstance(call.json, dict):
        own = call.json.get(BETAS)
        merged = list(dict.fromkeys((*(own if isinstance(own, list) else ()), *betas)))
        call = evolve(call, json={**call.json, BETAS: merged})
    return read_call(call)


INGRESS = Ingress(wire=WIRE, read=_read)
