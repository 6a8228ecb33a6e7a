"""What Azure adds to OpenAI's bodies: the findings of its content filter, errors of its own, and
what a version of the API leaves out.

    HTTP 404   {"error": {"code": "DeploymentNotFound", "message": "…"}}
    HTTP 400   {"error": {"code": "content_filter", "status": 400, "innererror": {
                   "code": "ResponsibleAIPolicyViolation",
                   "content_filter_result": {"violence": {"filtered": true, "severity": "high"}}}}}

Answers say what the filter found, of the prompt and of the answer; a stream says the former in a
chunk of its own, before all others. The gateway before a deployment writes the status as a code
(`"401"`).

Source: learn.microsoft.com, "Azure OpenAI REST API reference" and "Content filtering";
openai-python 3.57; messages as users report them (chatboxai/chatbox#861, SciSharp/BotSharp#386),
November 2026.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from axonflow_core.calls.chat_provider import openai_members
from axonflow_core.calls.surface import Surface
from axonflow_core.codec import ModelFacts, StreamContext
from axonflow_core.codec.errors import ErrorRow
from axonflow_core.endpoint.operations import Encoder
from axonflow_core.errors import (
    AccessDenied,
    CredentialsError,
    InvalidCall,
    ModelNotFound,
    ProviderError,
    ProviderTimeout,
    Throttled,
    Unavailable,
)
from axonflow_core.framing.sse import SseEvent
from axonflow_core.frozen import evolve
from axonflow_core.json import loads
from axonflow_core.messages import Completion, Json
from axonflow_core.stream import Batch
from axonflow_openai.codec import ERRORS as OPENAI_ERRORS
from axonflow_openai.provider import SURFACE

from .config import DATED, V1, AzureOpenAIConfig

# ── errors ────────────────────────────────────────────────────────────────────────────────────────

_FIRST_ROWS = (
    ErrorRow(error=CredentialsError, status=401, code="401"),
    ErrorRow(error=ModelNotFound, status=404, code="DeploymentNotFound"),
    ErrorRow(error=Throttled, status=429, code="429"),
    ErrorRow(error=ProviderTimeout, status=408, code="Timeout"),
    ErrorRow(error=Unavailable, status=500, code="InternalServerError"),
)
"""What an error of ours without a name is written as, instead of OpenAI's row of its class."""
_OWN_ROWS = (
    ErrorRow(error=AccessDenied, status=401, code="PermissionDenied"),
    ErrorRow(error=AccessDenied, status=403, code="AuthenticationTypeDisabled"),
    ErrorRow(error=AccessDenied, status=403, code="403"),
    ErrorRow(error=ModelNotFound, status=404, code="404"),
    ErrorRow(error=InvalidCall, status=400, code="content_filter"),
    ErrorRow(error=InvalidCall, status=400, code="OperationNotSupported"),
    ErrorRow(error=InvalidCall, status=400, code="BadRequest"),
    ErrorRow(error=Throttled, status=429, code="RateLimitReached"),
    ErrorRow(error=Unavailable, status=503, code="ServiceUnavailable"),
)

ERRORS = evolve(
    OPENAI_ERRORS,
    name="azure-openai",
    rows=(*_FIRST_ROWS, *OPENAI_ERRORS.rows, *_OWN_ROWS),
    evidence="documents: Azure OpenAI's REST reference and reported messages, November 2026",
)


def filter_hint(body: bytes) -> str | None:
    """How a prompt is mended that Azure's content filter refused, with the categories and their
    severity: `violence (high)`. None where the body is about something else."""
    try:
        results = loads(body)["error"]["innererror"]["content_filter_result"]
        found = ", ".join(_filtered(results))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    hint = "rephrase the prompt, or give the deployment another content filter"
    return f"Azure's filter found {found}: {hint}" if found else None


def _filtered(results: Any) -> Iterator[str]:
    for category, result in results.items():
        if isinstance(result, dict) and result.get("filtered") is True:
            severity = result.get("severity")
            yield f"{category} ({severity})" if isinstance(severity, str) else str(category)


def write_filtered(row: ErrorRow, error: ProviderError) -> Json:
    """As Azure writes a prompt that its filter refused: with the categories."""
    native = ERRORS.native_error(row, error).body
    if row.code == "content_filter":
        result = {"violence": {"filtered": True, "severity": "medium"}}
        inner = {"code": "ResponsibleAIPolicyViolation", "content_filter_result": result}
        native["error"].update(status=400, param="prompt", innererror=inner)
    return native


# ── answers, for a server ─────────────────────────────────────────────────────────────────────────

_CATEGORIES = ("hate", "self_harm", "sexual", "violence")
_SAFE: Mapping[str, Json] = {
    category: {"filtered": False, "severity": "safe"} for category in _CATEGORIES
}
_PROMPT: Json = [{"prompt_index": 0, "content_filter_results": dict(_SAFE)}]


def filtered_answer(codec: Any, completion: Completion, facts: ModelFacts) -> Json:
    """The native answer, and that the filter found nothing."""
    body = codec.encode_response(completion, facts)
    choices = [{"content_filter_results": dict(_SAFE), **choice} for choice in body["choices"]]
    return {"prompt_filter_results": _PROMPT, **body, "choices": choices}


class _FilteredStream:
    """A stream that begins with what the filter found of the prompt."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._first: list[Json] = [
            {
                "choices": [],
                "created": 0,
                "id": "",
                "model": "",
                "object": "",
                "prompt_filter_results": _PROMPT,
            }
        ]

    def encode(self, batch: Batch, /) -> Sequence[Json]:
        first, self._first = self._first, []
        return [*first, *self._encoder.encode(batch)]


def filtered_stream(codec: Any, context: StreamContext, facts: ModelFacts) -> Encoder:
    """The encoder of a stream that the filter looked at."""
    return _FilteredStream(codec.stream_encoder(context, facts))


# ── bodies and chunks, as the configured version of the API has them ──────────────────────────────


def _chunk_in_event(frame: SseEvent, /, *, model: object, request_id: str | None) -> Json:
    """The chunk of an event. The first one tells how the filter found the prompt, with empty texts
    where the facts of the answer will stand."""
    chunk = frame.json()
    if isinstance(chunk, dict) and chunk.get("id") == "":
        return {key: value for key, value in chunk.items() if value not in ("", 0)}
    return chunk


def _members_of_deployment(body: Json, model: str, is_streamed: bool) -> Json:
    members = openai_members(body, model, is_streamed)
    return {key: value for key, value in members.items() if key != "model"}


def _older_members(body: Json, model: str, is_streamed: bool) -> Json:
    members = _members_of_deployment(body, model, is_streamed)
    return {key: value for key, value in members.items() if key != "stream_options"}


NEWER_PARAMETERS = "2024-09-01"
"""From this version on the API takes `stream_options`, `max_completion_tokens` and
`parallel_tool_calls`, and refuses them before as unrecognized arguments. Source:
Azure/azure-rest-api-specs#30909, openai/openai-python#1724, 2024."""


def has_newer_parameters(version: str) -> bool:
    """Whether a version of the API takes what came in September 2024."""
    dated = DATED.fullmatch(version)
    return dated is None or dated.group(1) >= NEWER_PARAMETERS


def surface_for(config: AzureOpenAIConfig) -> Surface:
    """How bodies go to the configured version of the API."""
    members = _members_of_deployment
    if config.api_version == V1:
        members = openai_members
    elif not has_newer_parameters(config.api_version):
        members = _older_members
    return evolve(SURFACE, add_members=members, read_frame=_chunk_in_event)
