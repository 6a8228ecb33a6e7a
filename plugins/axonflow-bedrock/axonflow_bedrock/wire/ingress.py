"""Bedrock Runtime as a way into a server: `ProviderSpec.ingress`.

The caller signs as it signs to AWS, in whatever region: its access key is the id of a client of the
server, its secret key that client's secret. An API key is a secret as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial

from axonflow_core.codec import ModelFacts
from axonflow_core.codec.registry import CodecRegistry
from axonflow_core.endpoint.calls import Call
from axonflow_core.endpoint.credentials import basic, bearer_token, first_of, header
from axonflow_core.endpoint.ingress import Asked, Clients, Ingress
from axonflow_core.http.asgi import ReceivedRequest

from ..aws.signing import ClientKey, KeyRing, access_key_of
from ..models.model_id import parse_model_id, vendors_of
from .conversation import codec_for, read_call, read_count, read_unary
from .endpoint import WIRE, refused_signature
from .operations import COUNT_TOKENS, INVOKE
from .surfaces import unary_codec_for

_MAX_RINGS = 1_024
_KEY = first_of(bearer_token, basic, header("x-api-key"))


def ingress(codecs: CodecRegistry) -> Ingress:
    """The way in, for the models that `codecs` read."""
    return Ingress(
        wire=WIRE,
        read=partial(_read, codecs, vendors_of(codecs)),
        verifier=_Signatures,
    )


def _read(codecs: CodecRegistry, vendors: frozenset[str], call: Call) -> Asked:
    model_id = parse_model_id(call.model, vendors)
    facts = ModelFacts(model_id=call.model, base_id=model_id.base_id or "")
    if call.operation is COUNT_TOKENS:
        return read_count(call, codecs, facts)
    if call.operation is INVOKE and (unary := unary_codec_for(codecs, facts.base_id)) is not None:
        return read_unary(call, unary, facts)
    return read_call(call, codec_for(call, model_id, codecs), facts)


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
