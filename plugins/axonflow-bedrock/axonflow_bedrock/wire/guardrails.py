"""Whose guardrail a call names, on both surfaces: the operator's, else the client's.

    Converse      the member `guardrailConfig` of the body, in a stream with its processing mode
    InvokeModel   headers, `x-amzn-bedrock-guardrailidentifier` and two more; the processing mode of
                  a stream in the body's `amazon-bedrock-guardrailConfig`

The operator's is named by every call, with the operator's processing mode or AWS's default: a
client that could have chunks sent before they are read would go around it. A client that asked for
another guardrail or mode learns so from the adjustments. A client's own is never lost on its way:
where the body is written anew its headers go along, and where Converse carries a call of
InvokeModel they become the member.

Source: the bedrock-runtime service model, API 2023-09-30; AWS user guide, "Configure streaming
response behavior", November 2026.
"""

from __future__ import annotations

from collections.abc import Mapping

from axonflow_core.calls.route import CompletionCall
from axonflow_core.calls.surface import Surface
from axonflow_core.codec.json_members import without_none
from axonflow_core.frozen import evolve, frozen
from axonflow_core.messages import EMPTY, Adjustment, CompletionRequest, Json
from axonflow_core.provider import NativeCall

from ..config import GuardrailConfig, StreamProcessing
from .surfaces import CONVERSE, INVOKE

MEMBER = "guardrailConfig"
OF_BODY = "amazon-bedrock-guardrailConfig"
"""The member of an InvokeModel body beside the model's own."""
_MODE = "streamProcessingMode"
_SPELLINGS = {StreamProcessing.SYNC: "SYNCHRONOUS", StreamProcessing.ASYNC: "ASYNCHRONOUS"}
"""A mode as Converse writes it -> as an InvokeModel body does."""
_MODES = {spelling: str(mode) for mode, spelling in _SPELLINGS.items()}

_WHY = "the provider's config names one for every call"
_REPLACED = Adjustment("guardrail", "the configured one is named in its place", _WHY)


@frozen
class Wish:
    """What a client asks of a guardrail, as Converse writes it."""

    named: Mapping[str, Json] = EMPTY
    """The guardrail and its trace; empty where the client names none."""
    mode: str | None = None
    """The processing mode of a stream."""


def in_body(native: NativeCall, surface: Surface) -> CompletionRequest:
    """The request of `native`, with the guardrail of its headers where it travels on Converse."""
    request: CompletionRequest = native.request
    named = _in_headers(native.headers)
    if named is None or surface is not CONVERSE or request.options.get(MEMBER):
        return request
    return _with_member(request, named)


def wish_of(request: CompletionRequest, headers: Mapping[str, str]) -> Wish:
    """What the client asks for, in its body and its headers."""
    member = request.options.get(MEMBER) or _in_headers(headers)
    named = dict(member) if isinstance(member, Mapping) else {}
    mode = named.pop(_MODE, None)
    of_body = request.extra.get(OF_BODY)
    if mode is None and isinstance(of_body, Mapping):
        spelling = of_body.get(_MODE)
        mode = _MODES.get(spelling) if isinstance(spelling, str) else None
    return Wish(named, mode)


def guarded(
    request: CompletionRequest, guardrail: GuardrailConfig, surface: Surface, *, is_streamed: bool
) -> CompletionRequest:
    """`request` with what its body says of the operator's guardrail; unchanged where it does so
    already."""
    mode = guardrail.stream_processing_mode if is_streamed else None
    if surface is not CONVERSE:
        return _with_mode_of_body(request, mode)
    member = without_none({**guardrail.member, _MODE: None if mode is None else str(mode)})
    return request if request.options.get(MEMBER) == member else _with_member(request, member)


def with_guardrail(
    call: CompletionCall, guardrail: GuardrailConfig, wish: Wish, *, is_streamed: bool
) -> CompletionCall:
    """`call` with the operator's guardrail in its headers, where they name it, and a report of what
    the client asked for and does not get."""
    applied: Mapping[str, Json] = guardrail.member
    if call.route.surface is INVOKE:
        call = evolve(call, headers={**call.headers, **guardrail.headers})
        applied = {**wish.named, **applied}  # a trace that only the client asks for stays
    mode = guardrail.stream_processing_mode or StreamProcessing.SYNC
    reports = [_REPLACED] if wish.named and wish.named != applied else []
    if is_streamed and wish.mode not in (None, mode):
        reports.append(_other_mode(mode))
    if not reports:
        return call
    adjustments = (*call.fitted.adjustments, *reports)
    return evolve(call, fitted=evolve(call.fitted, adjustments=adjustments))


def _other_mode(mode: StreamProcessing) -> Adjustment:
    return Adjustment("guardrail.stream_processing_mode", f"{mode} in its place", _WHY)


def _with_mode_of_body(
    request: CompletionRequest, mode: StreamProcessing | None
) -> CompletionRequest:
    """`request` with the operator's mode for InvokeModel, and no other; the client's tag suffix
    stays."""
    given = request.extra.get(OF_BODY)
    kept = dict(given) if isinstance(given, Mapping) else {}
    wanted = {key: value for key, value in kept.items() if key != _MODE}
    if mode is not None:
        wanted[_MODE] = _SPELLINGS[mode]
    if wanted == kept:
        return request
    others = {key: value for key, value in request.extra.items() if key != OF_BODY}
    return evolve(request, extra={**others, OF_BODY: wanted} if wanted else others)


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
