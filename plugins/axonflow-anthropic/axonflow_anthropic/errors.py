"""Every failure of Anthropic's API that the provider tells apart: code, cause, fix.

Source: Anthropic's API reference, "Errors" and "Rate limits", November 2026.
"""

from __future__ import annotations

from axonflow_core.errors import (
    AccessDenied,
    ContextExceeded,
    CredentialsError,
    InvalidCall,
    ModelNotFound,
    ProviderTimeout,
    Throttled,
    Unavailable,
)
from axonflow_core.plugin_spec import ErrorEntry

CATALOGUE: tuple[ErrorEntry, ...] = (
    ErrorEntry(
        code=CredentialsError.code,
        cause="the API key is not valid, or was revoked",
        fix="check the key: credentials: {api_key: ${ANTHROPIC_API_KEY}}",
        native_codes=("authentication_error",),
        statuses="401",
        example="invalid x-api-key",
        issue="401 from Anthropic",
    ),
    ErrorEntry(
        code=ModelNotFound.code,
        cause="there is no model MODEL at Anthropic, or it has ended",
        fix="`axonflow models --provider anthropic` lists the models; Bedrock's ids "
        "(anthropic.claude-…) are others",
        native_codes=("not_found_error",),
        statuses="404",
        example="model: claude-2",
        issue="model not found",
    ),
    ErrorEntry(
        code=Throttled.code,
        cause="more requests or tokens a minute than the workspace's limit",
        fix="the call is repeated automatically, no sooner than Anthropic asks; spread the calls, "
        "or raise the limit in the console",
        native_codes=("rate_limit_error",),
        statuses="429",
        example="This request would exceed your organization's rate limit",
        is_retryable=True,
        issue="429 rate limit",
    ),
    ErrorEntry(
        code=AccessDenied.code,
        cause="the workspace's credit is used up, or its payment failed",
        fix="look at Plans & Billing in Anthropic's console",
        native_codes=("billing_error",),
        statuses="402",
    ),
    ErrorEntry(
        code=AccessDenied.code,
        cause="the API key may not use this model or feature",
        fix="use a key of a workspace that may, or another model",
        native_codes=("permission_error",),
        statuses="403",
    ),
    ErrorEntry(
        code=ContextExceeded.code,
        cause="the prompt is longer than the model's context",
        fix="shorten the conversation, or choose a model with a longer context: `axonflow models`",
        native_codes=("invalid_request_error",),
        statuses="400",
        example="prompt is too long: 208310 tokens > 200000 maximum",
    ),
    ErrorEntry(
        code=InvalidCall.code,
        cause="the model does not take a parameter or its value, or the body is too large",
        fix="the message names the parameter; a body may have 32 MB",
        native_codes=("invalid_request_error", "request_too_large"),
        statuses="400, 413",
    ),
    ErrorEntry(
        code=ProviderTimeout.code,
        cause="the model took longer than Anthropic allows for a call without a stream",
        fix="stream the answer, or ask for fewer tokens",
        native_codes=("timeout_error",),
        statuses="504",
    ),
    ErrorEntry(
        code=Unavailable.code,
        cause="Anthropic's API is overloaded for everybody",
        fix="the call is repeated automatically; name a second provider to fail over to",
        native_codes=("overloaded_error",),
        statuses="529",
        example="Overloaded",
        is_retryable=True,
    ),
    ErrorEntry(
        code=Unavailable.code,
        cause="Anthropic's API failed, or cannot be reached",
        fix="the call is repeated automatically; status.anthropic.com tells of incidents",
        native_codes=("api_error",),
        statuses="500, 502, 503",
        is_retryable=True,
    ),
)
