"""Bedrock Runtime as a way into a server: `ProviderSpec.ingress`.

The caller signs as it signs to AWS, in whatever region: its access key is the id of a client of the
server, its secret key that client's secret. An API key is a secret as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial

from axonflow_core.codec import ModelFacts
from axonflow_core.codec.registry import CodecRegistry
from axonflow_core.endpoint.anthropic_messages import closed
from axonflow_core.endpoint.calls import Call
from axonflow_core.endpoint.credentials import basic, bearer_token, first_of, header
from axonflow_core.endpoint.ingress import Asked, Clients, Ingress
from axonflow_core.errors import RequestError, UndetectedFamily
from axonflow_core.frozen import evolve
from axonflow_core.http.asgi import ReceivedRequest

from ..aws.signing import ClientKey, KeyRing, access_key_of
from ..models.model_id import parse_model_id, vendors_of
from .body_form import codec_in_body, unary_in_body
from .conversation import codec_for, read_call, read_count, read_unary
from .endpoint import WIRE, ServiceException, invalid_call, refused_signature
from .list_queries import QUERY
from .listings import LISTINGS
from .operations import COUNT_TOKENS, INVOKE, OPERATIONS
from .required_counts import counted
from .surfaces import CONVERSE_CODECS, unary_codec_for

_MAX_RINGS = 1_024
_MESSAGES = "anthropic"
"""The codec whose answers Anthropic's own clients read."""
_KEY = first_of(bearer_token, basic, header("x-api-key"))


def ingress(codecs: CodecRegistry) -> Ingress:
    """The way in, for the models that `codecs` read."""
    return Ingress(
        wire=evolve(WIRE, operations=(*OPERATIONS, *LISTINGS), call_query=QUERY),
        read=partial(_read, codecs, vendors_of(codecs)),
        verifier=_Signatures,
    )


def _read(codecs: CodecRegistry, vendors: frozenset[str], call: Call) -> Asked:
    try:
        model_id = parse_model_id(call.model, vendors)
    except RequestError:
        raise _unknown_model() from None
    facts = ModelFacts(model_id=call.model, base_id=model_id.base_id or "")
    if call.operation is COUNT_TOKENS:
        with suppress(UndetectedFamily):
            return read_count(call, codecs, facts)
        raise invalid_call("The provided model doesn't support counting tokens.")
    if call.operation is INVOKE:
        unary = unary_codec_for(codecs, facts.base_id) or unary_in_body(codecs, model_id, call.json)
        if unary is not None:
            return read_unary(call, unary, facts)
    try:
        codec = codec_for(call, model_id, codecs)
    except UndetectedFamily:  # a name of the server's own, or nothing
        in_body = codec_in_body(codecs, call.json, call.operation.surface)
        if in_body is None:
            raise _unknown_model() from None
        codec, facts = in_body, ModelFacts(model_id=call.model)
    conversation = read_call(call, codec, facts)
    if codec.surface == CONVERSE_CODECS:
        return evolve(conversation, form=counted(conversation.form))
    if codec.name == _MESSAGES:
        return evolve(conversation, form=closed(conversation.form))
    return conversation


def _unknown_model() -> ServiceException:
    """Bedrock's own words for an id that names nothing (recorded)."""
    return invalid_call("The provided model identifier is invalid.")


class _Signatures:
    """Verifies signatures and API keys of a server's clients."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._rings: dict[tuple[str, Sequence[str]], list[KeyRing]] = {}

    def __call__(self, request: ReceivedRequest) -> str:
        key = _KEY(request)
        if key is not None and (owner := self._clients.owner(key)) is not None:
            return owner
        access_key = access_key_of(request.headers.get("authorization", ""))
        return self._verified(self._rings_of(access_key), request)

    def _rings_of(self, access_key: str) -> list[KeyRing]:
        """A ring for each secret of the client, which is nobody where it has none."""
        secrets = tuple(self._clients.secrets(access_key))
        if not secrets:
            return [KeyRing(())]
        rings = self._rings.get((access_key, secrets))
        if rings is None:
            if len(self._rings) >= _MAX_RINGS:
                self._rings.clear()
            rings = [KeyRing([ClientKey(access_key, secret)]) for secret in secrets]
            self._rings[access_key, secrets] = rings
        return rings

    def _verified(self, rings: Sequence[KeyRing], request: ReceivedRequest) -> str:
        now, refusals = datetime.now(UTC), []
        for ring in rings:
            verdict = ring.verify(
                request.method, request.target, request.headers, request.body, now
            )
            if isinstance(verdict, str):
                return verdict
            refusals.append(verdict)
        raise refused_signature(refusals[0])
