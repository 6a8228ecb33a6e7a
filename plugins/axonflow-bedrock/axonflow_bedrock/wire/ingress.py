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
from axonflow_core.endpoint.ingress import Asked, Clients, Ingress
from axonflow_core.http.asgi import ReceivedRequest

from ..aws.signing import ClientKey, KeyRing, access_key_of
from ..models.model_id import parse_model_id, vendors_of
from .conversation import codec_for, read_call
from .endpoint import WIRE, bedrock_app, refused_signature

_MAX_RINGS = 1_024
_BEARER = "Bearer "


def ingress(codecs: CodecRegistry) -> Ingress:
    """The way in, for the models that `codecs` read."""
    return Ingress(
        wire=WIRE,
        app=bedrock_app,
        read=partial(_read, codecs, vendors_of(codecs)),
        verifier=_Signatures,
    )


def _read(codecs: CodecRegistry, vendors: frozenset[str], call: Call) -> Asked:
    model_id = parse_model_id(call.model, vendors)
    facts = ModelFacts(model_id=call.model, base_id=model_id.base_id or "")
    return read_call(call, codec_for(call, model_id, codecs), facts)


class _Signatures:
    """Verifies signatures and API keys of a server's clients."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._rings: dict[tuple[str, Sequence[str]], list[KeyRing]] = {}

    def __call__(self, request: ReceivedRequest) -> str:
        authorization = request.headers.get("authorization", "")
        if authorization.startswith(_BEARER):
            owner = self._clients.owner(authorization.removeprefix(_BEARER))
            return owner or self._verified([KeyRing(())], request)
        return self._verified(self._rings_of(access_key_of(authorization)), request)

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
