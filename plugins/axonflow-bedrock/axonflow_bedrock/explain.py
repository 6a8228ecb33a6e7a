"""What a call would be, told without making it."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import orjson

from axonflow_core.codec import FamilyCodec
from axonflow_core.provider import Explanation
from axonflow_core.transport import HttpRequest

from .credentials import Place
from .iam import statements_for
from .model_id import Kind, ModelId, profile_candidates

_SECRET_HEADERS = frozenset({"authorization", "x-amz-security-token"})
_SHOWN_CHARACTERS = 4


def explanation_of(
    model: ModelId,
    codec: FamilyCodec,
    request: HttpRequest,
    place: Place,
    identity_source: str,
    *,
    is_streamed: bool,
    guardrail: str | None = None,
) -> Explanation:
    return Explanation(
        facts={**dict(_facts(model, codec, request, place, identity_source)), "guardrail": guardrail or "none"},
        warnings=tuple(_warnings(model, place)),
        url=request.url,
        headers={name: _masked(name, value) for name, value in request.headers.items()},
        body=orjson.loads(request.body),
        permissions=statements_for(model, place.region, is_streamed=is_streamed, guardrail=guardrail),
    )


def _facts(
    model: ModelId, codec: FamilyCodec, request: HttpRequest, place: Place, identity_source: str
) -> Iterator[tuple[str, str]]:
    yield "model", model.given
    yield "kind", model.kind
    yield "base model", model.base_id or "not said by the id"
    if model.geo:
        yield "geography", model.geo
    yield "family", codec.name
    yield "surface", codec.surface
    yield "rests on", codec.evidence
    yield "region", f"{place.region} ({place.region_source})"
    yield "endpoint", place.endpoint_url
    yield "proxy", _host(request.network.proxy_url) if request.network.proxy_url else "none"
    yield "credentials", identity_source
    yield "attempts", f"{place.retries.max_attempts} ({place.retries.mode})"
    limits = request.timeouts
    yield (
        "time limits",
        (
            f"connect {limits.connect_s:g} s, first byte {limits.first_byte_s:g} s, idle {limits.idle_s:g} s, "
            f"total {limits.total_s:g} s"
        ),
    )


def _warnings(model: ModelId, place: Place) -> Iterator[str]:
    if model.region and model.region != place.region:
        yield f"the ARN of the model names {model.region}, and the call goes to {place.region}"
    candidates = profile_candidates(model, place.region)
    if candidates and model.kind is Kind.FOUNDATION_MODEL and model.geo is None:
        yield f"if AWS refuses this id on demand, call it through an inference profile: {candidates[0]}"
    if place.retries.mode == "adaptive":
        yield "AWS_RETRY_MODE=adaptive counts as `standard`: its rate limiter is boto3's own"
    for setting in place.unheeded:
        yield f"{setting} of the AWS client config is not heeded"


def _masked(name: str, value: str) -> str:
    """A header as it would be sent. Of what proves who we are only the end is shown."""
    if name.lower() not in _SECRET_HEADERS:
        return value
    return f"… {value[-_SHOWN_CHARACTERS:]}" if len(value) > 4 * _SHOWN_CHARACTERS else "…"


def _host(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2]
