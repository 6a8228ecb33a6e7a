"""Azure OpenAI's errors: its own rows before OpenAI's, and what an operator does about each.

    HTTP 404   {"error": {"code": "DeploymentNotFound", "message": "…"}}
    HTTP 400   {"error": {"code": "content_filter", "status": 400, "innererror": {
                   "code": "ResponsibleAIPolicyViolation",
                   "content_filter_result": {"violence": {"filtered": true, "severity": "high"}}}}}

The gateway before a deployment writes the status as a code (`"401"`). Source: learn.microsoft.com,
"Azure OpenAI REST API reference" and "Content filtering"; openai-python 3.57; messages as users
report them (chatboxai/chatbox#861, SciSharp/BotSharp#386), November 2026.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from axonflow_core.codec.errors import ErrorRow
from axonflow_core.errors import (
    AccessDenied,
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
from axonflow_core.json import loads
from axonflow_core.plugin_spec import ErrorEntry
from axonflow_openai.errors import ERRORS as OPENAI_ERRORS

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

KEY_HINT = (
    "set AZURE_OPENAI_API_KEY, or write `credentials: {api_key: ${AZURE_OPENAI_API_KEY}}`; for "
    "Entra ID write `identity: entra`"
)

CATALOGUE = (
    ErrorEntry(
        issue="The API deployment for this resource does not exist",
        code=ModelNotFound.code,
        native_codes=("DeploymentNotFound",),
        statuses="404",
        cause="the resource has no deployment MODEL: the name of a deployment is not always that "
        "of its model",
        fix="use a name from the page `Deployments` of the resource; a new one is ready after some "
        "minutes",
        example="The API deployment for this resource does not exist. If you created the "
        "deployment within the last 5 minutes, please wait a moment and try again.",
    ),
    ErrorEntry(
        issue="The response was filtered due to the prompt triggering content management policy",
        code=InvalidCall.code,
        native_codes=("content_filter",),
        statuses="400",
        cause="Azure's content filter refuses the prompt; the error names the categories",
        fix="rephrase the prompt, or give the deployment another content filter",
        example="The response was filtered due to the prompt triggering Azure OpenAI's content "
        "management policy.",
    ),
    ErrorEntry(
        issue="Access denied due to invalid subscription key or wrong API endpoint",
        code=CredentialsError.code,
        native_codes=("401", "invalid_api_key"),
        statuses="401",
        cause="the key is of another resource, or was renewed; a token of Entra ID is of another "
        "tenant",
        fix="take key and endpoint from the same page `Keys and Endpoint` of the resource",
    ),
    ErrorEntry(code=CredentialsMissing.code, cause="nothing proves who calls", fix=KEY_HINT),
    ErrorEntry(
        code=AccessDenied.code,
        native_codes=("PermissionDenied",),
        statuses="401",
        cause="the identity has no role at the resource",
        fix="give it the role `Cognitive Services OpenAI User`",
    ),
    ErrorEntry(
        code=AccessDenied.code,
        native_codes=("AuthenticationTypeDisabled",),
        statuses="403",
        cause="the resource takes no keys",
        fix="write `identity: entra` in the provider's `config:`",
    ),
    ErrorEntry(
        code=AccessDenied.code,
        statuses="401, 403",
        cause="the network of the resource does not admit this server",
        fix="allow its address, or call through the private endpoint",
    ),
    ErrorEntry(
        code=ModelNotFound.code,
        statuses="404",
        cause="the path is not known: the endpoint is wrong, or the version of the API",
        fix="check `endpoint` (https://NAME.openai.azure.com) and `api_version`",
        example="Resource not found",
    ),
    ErrorEntry(
        code=ContextExceeded.code,
        native_codes=("context_length_exceeded",),
        statuses="400",
        cause="the conversation and the limit of the answer exceed the model's context",
        fix="send less, lower `max_tokens`, or deploy a model with a larger context",
    ),
    ErrorEntry(
        code=InvalidCall.code,
        native_codes=("OperationNotSupported",),
        statuses="400",
        cause="the deployment's model has no such operation: it makes embeddings, or chats",
        fix="call a deployment of a model that has it",
    ),
    ErrorEntry(
        code=InvalidCall.code,
        statuses="400, 413, 422",
        cause="the model or the version of the API does not take a parameter",
        fix="the message names it; say which model the deployment is of (`deployments:`), and use "
        "a newer `api_version`",
        example="Unrecognized request argument supplied: max_completion_tokens",
    ),
    ErrorEntry(
        code=Throttled.code,
        native_codes=("insufficient_quota",),
        statuses="429",
        cause="the quota of the subscription is spent",
        fix="ask for more quota in the portal; the call is not repeated",
    ),
    ErrorEntry(
        code=Throttled.code,
        statuses="429",
        cause="the limit of tokens or requests a minute of the deployment was reached",
        fix="the call is repeated automatically; raise the deployment's limit, or spread the calls",
        is_retryable=True,
    ),
    ErrorEntry(
        code=ProviderTimeout.code,
        statuses="408, 504",
        cause="the model took longer than Azure waits",
        fix="ask for a shorter answer or less effort, or stream it",
    ),
    ErrorEntry(
        code=Unavailable.code,
        statuses="500, 502, 503",
        cause="the service failed, or is overloaded",
        fix="the call is repeated automatically; azure.status.microsoft tells of incidents",
        is_retryable=True,
    ),
)
"""What `axonflow explain error` shows; `fix` is the hint of the error too."""


def filtered_categories(body: bytes) -> list[str]:
    """The categories for which Azure's content filter refused a prompt, with their severity:
    `violence (high)`. Empty where the body is about something else."""
    try:
        results = loads(body)["error"]["innererror"]["content_filter_result"]
        return list(_filtered(results))
    except (ValueError, KeyError, TypeError, AttributeError):
        return []


def _filtered(results: Any) -> Iterator[str]:
    for category, result in results.items():
        if isinstance(result, dict) and result.get("filtered") is True:
            severity = result.get("severity")
            yield f"{category} ({severity})" if isinstance(severity, str) else str(category)
