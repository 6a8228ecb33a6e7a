"""Whose guardrail a call names, on both surfaces: the operator's, else the client's.

    Converse      the member `guardrailConfig` of the body
    InvokeModel   headers, `x-amzn-bedrock-guardrailidentifier` and two more

The operator's is named by every call, and a client that named another learns so from the
adjustments. A client's own is never lost on its way: where the body is written anew its headers go
along, and where Converse carries a call of InvokeModel they become the member.

Source: the bedrock-runtime service model, API 2023-09-30.
"""

from __future__ import annotations

from collections.abc import Mapping

from axonflow_core.calls.route import CompletionCall
from axonflow_core.calls.surface import Surface
from axonflow_core.codec.json_members import without_none
from axonflow_core.frozen import evolve
from axonflow_core.messages import Adjustment, CompletionRequest, Json
from axonflow_core.provider import NativeCall

from ..config import GuardrailConfig
from .surfaces import CONVERSE, INVOKE

MEMBER = "guardrailConfig"

_REPLACED = Adjustment(
    "guardrail",
    "the configured one is named in its place",
    "the provider's config names one for every call",
)


def in_body(native: NativeCall, surface: Surface) -> CompletionRequest:
    """The request of `native`, with the guardrail of its headers where it travels on Converse."""
    request: CompletionRequest = native.request
    named = _in_headers(native.headers)
    if named is None or surface is not CONVERSE or request.options.get(MEMBER):
        return request
    return _with_member(request, named)


def named_by_client(request: CompletionRequest, headers: Mapping[str, str]) -> Json:
    """The client's guardrail, as Converse writes it; None where it names none."""
    return request.options.get(MEMBER) or _in_headers(headers)


def guarded(
    request: CompletionRequest, guardrail: GuardrailConfig, surface: Surface
) -> CompletionRequest:
    """`request` with the operator's guardrail, where the body names it; unchanged where it does so
    already."""
    if surface is not CONVERSE or request.options.get(MEMBER) == guardrail.member:
        return request
    return _with_member(request, guardrail.member)


def with_guardrail(
    call: CompletionCall, guardrail: GuardrailConfig, clients: Json
) -> CompletionCall:
    """`call` with the operator's guardrail in its headers, where they name it, and a report where
    it replaces another of the client's (`named_by_client`)."""
    applied: Mapping[str, Json] = guardrail.member
    if call.route.surface is INVOKE:
        call = evolve(call, headers={**call.headers, **guardrail.headers})
        applied = {**(clients or {}), **applied}  # a trace that only the client asks for stays
    if clients is None or clients == applied:
        return call
    adjustments = (*call.fitted.adjustments, _REPLACED)
    return evolve(call, fitted=evolve(call.fitted, adjustments=adjustments))


def _with_member(request: CompletionRequest, member: Mapping[str, Json]) -> CompletionRequest:
    return evolve(request, options={**request.options, MEMBER: member})


def _in_headers(headers: Mapping[str, str]) -> dict[str, Json] | None:
    """The guardrail in a client's headers (names in lower case), as Converse writes it."""
    id = headers.get("x-amzn-bedrock-guardrailidentifier")
    if id is None:
        return None
    trace = headers.get("x-amzn-bedrock-trace")
    return without_none(
        {
            "guardrailIdentifier": id,
            "guardrailVersion": headers.get("x-amzn-bedrock-guardrailversion"),
            "trace": None if trace is None else trace.lower(),
        }
    )
