"""OpenAI's errors: the rows that are its own, and what an operator does about each.

    HTTP 429   {"error": {"type": "insufficient_quota", "code": "insufficient_quota", …}}

A quota or a bill does not come back within a minute, and a request that is larger than its limit a
minute never passes: neither is repeated. Source: developers.openai.com/api/docs/guides/error-codes;
openai-python 3.57; messages as users report them, November 2026.
"""

from __future__ import annotations

from collections.abc import Sequence

from axonflow_core.codec.errors import ErrorRow
from axonflow_core.dialects import openai_chat
from axonflow_core.errors import (
    AccessDenied,
    AxonFlowError,
    ContextExceeded,
    CredentialsError,
    CredentialsMissing,
    InvalidCall,
    ModelNotFound,
    ProviderTimeout,
    Throttled,
    Unavailable,
)
from axonflow_core.frozen import evolve
from axonflow_core.plugin_spec import ErrorEntry, find_fix

_INVALID = "invalid_request_error"


def _throttled(status: int, code: str) -> ErrorRow:
    return ErrorRow(error=Throttled, status=status, type=code, code=code, is_retryable=False)


OWN_ROWS = (
    ErrorRow(
        error=Throttled,
        status=429,
        pattern="request too large for .* per min",
        is_retryable=False,
    ),
    _throttled(429, "billing_not_active"),
    _throttled(400, "billing_hard_limit_reached"),
    ErrorRow(
        error=AccessDenied,
        status=403,
        type="request_forbidden",
        code="unsupported_country_region_territory",
    ),
    ErrorRow(error=InvalidCall, status=400, type=_INVALID, code="unsupported_parameter"),
    ErrorRow(error=InvalidCall, status=400, type=_INVALID, code="unsupported_value"),
    ErrorRow(error=InvalidCall, status=400, type=_INVALID, code="invalid_prompt"),
    ErrorRow(error=InvalidCall, status=400, type=_INVALID, code="content_policy_violation"),
)
"""Those that the dialect does not have. They stand after its rows, for an error of ours without a
name is written as the first row of its class."""

ERRORS = evolve(
    openai_chat.ERRORS,
    name="openai",
    rows=(*openai_chat.ERRORS.rows, *OWN_ROWS),
    evidence="documents: OpenAI's guide of error codes and openai-python 3.57, November 2026",
)

KEY_HINT = "set OPENAI_API_KEY, or write `credentials: {api_key: ${OPENAI_API_KEY}}`"

CATALOGUE = (
    ErrorEntry(
        issue="You exceeded your current quota",
        code=Throttled.code,
        native_codes=("insufficient_quota", "billing_not_active", "billing_hard_limit_reached"),
        statuses="400, 429",
        cause="the account has no credit left, or has reached its monthly limit",
        fix="add credit or raise the limit at platform.openai.com/settings/organization/billing; "
        "the call is not repeated, and another provider may take it",
        example="You exceeded your current quota, please check your plan and billing details.",
    ),
    ErrorEntry(
        issue="Incorrect API key provided",
        code=CredentialsError.code,
        native_codes=("invalid_api_key",),
        statuses="401",
        cause="the key is wrong, was revoked, or is of another organization or project",
        fix="check OPENAI_API_KEY, and `organization` and `project` of `config:` where you set "
        "them; keys are at platform.openai.com/api-keys",
        example="Incorrect API key provided: sk-…. You can find your API key at …",
    ),
    ErrorEntry(
        issue="Unsupported parameter, Unsupported value",
        code=InvalidCall.code,
        native_codes=("unsupported_parameter", "unsupported_value"),
        statuses="400",
        cause="the model does not take a parameter, or not this value: models that reason refuse "
        "`max_tokens`, `temperature`, `stop`",
        fix="leave the parameter out: the message names it. AxonFlow leaves out what it knows a "
        "model refuses; `axonflow explain call` shows what is sent",
        example="Unsupported parameter: 'max_tokens' is not supported with this model. Use "
        "'max_completion_tokens' instead.",
    ),
    ErrorEntry(
        code=CredentialsMissing.code,
        cause="there is no API key",
        fix=KEY_HINT,
    ),
    ErrorEntry(
        code=CredentialsError.code,
        statuses="401",
        cause="the caller is no member of the organization, or its address is not allowed",
        fix="check `organization` and `project`, and the list of allowed addresses",
    ),
    ErrorEntry(
        code=AccessDenied.code,
        native_codes=("unsupported_country_region_territory",),
        statuses="403",
        cause="OpenAI does not serve the country of this server, or the key lacks a permission",
        fix="call from a supported country, or give the key the permission `Model capabilities`",
    ),
    ErrorEntry(
        code=ModelNotFound.code,
        native_codes=("model_not_found",),
        statuses="404",
        cause="there is no model MODEL, it was shut down, or the project may not use it",
        fix="choose one of `axonflow models`, and look at the limits of the project",
        example="The model `MODEL` does not exist or you do not have access to it.",
    ),
    ErrorEntry(
        code=ContextExceeded.code,
        native_codes=("context_length_exceeded",),
        statuses="400",
        cause="the conversation and the limit of the answer exceed the model's context",
        fix="send less, lower `max_tokens`, or choose a model with a larger context: "
        "`axonflow models`",
    ),
    ErrorEntry(
        code=InvalidCall.code,
        native_codes=("invalid_prompt", "content_policy_violation"),
        statuses="400",
        cause="OpenAI's policy refuses the prompt",
        fix="rephrase it; repeated violations may block the account",
    ),
    ErrorEntry(
        code=InvalidCall.code,
        statuses="400, 413, 422",
        cause="the request breaks a rule of the API or of the model",
        fix="the message names the member",
    ),
    ErrorEntry(
        code=Throttled.code,
        native_codes=("rate_limit_exceeded",),
        statuses="429",
        cause="too many requests or tokens a minute, or one request larger than that limit",
        fix="the call is repeated automatically where that can help; make fewer calls at once, or "
        "raise the limit at platform.openai.com/settings/organization/limits",
        is_retryable=True,
    ),
    ErrorEntry(
        code=Unavailable.code,
        statuses="500, 502, 503",
        cause="OpenAI failed, or its engine is overloaded",
        fix="the call is repeated automatically; status.openai.com tells of incidents",
        is_retryable=True,
    ),
    ErrorEntry(
        code=ProviderTimeout.code,
        statuses="408, 504",
        cause="the model took longer than OpenAI waits",
        fix="ask for a shorter answer or less effort, or stream it",
    ),
)
"""What `axonflow explain error` shows; `fix` is the hint of the error too."""


def hint_in(entries: Sequence[ErrorEntry], error: AxonFlowError) -> str | None:
    """The `fix` of the entry that names the error's native code, else of the first one that is for
    its class and status."""
    native = getattr(error, "native_code", None)
    for entry in entries:
        if entry.code == error.code and native in entry.native_codes:
            return entry.fix
    general = [entry for entry in entries if not entry.native_codes]
    return find_fix(general, error) or find_fix(entries, error)
