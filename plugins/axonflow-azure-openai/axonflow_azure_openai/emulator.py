"""An Azure OpenAI resource without an account: every model of the table is a deployment of its own
name, and of each name that begins with it (`gpt-4o-eu`).

It refuses what Azure refuses, in its words: a wrong key, a deployment that there is not, a path
without `api-version`, arguments that are newer than the version, and what a model does not take.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path

from axonflow_core.codec.errors import ErrorRow
from axonflow_core.codec.registry import CodecRegistry
from axonflow_core.emulator.building import build_emulator
from axonflow_core.emulator.quotas import Quota
from axonflow_core.emulator.script import ScriptSource
from axonflow_core.emulator.service import EmulatedVendor
from axonflow_core.endpoint.conversation import Conversation
from axonflow_core.endpoint.credentials import key_verifier
from axonflow_core.endpoint.refusals import Refused, VendorError
from axonflow_core.errors import ProviderError
from axonflow_core.frozen import evolve
from axonflow_core.messages import Json
from axonflow_core.plugin_spec import Emulator, ModelDescription
from axonflow_openai.emulator import VECTORS, refused_parameter
from axonflow_openai.emulator import WORDS as OPENAIS_WORDS
from axonflow_openai.models import catalogue

from .config import NEWER_PARAMETERS, VARIABLES
from .endpoint import WIRE
from .errors import ERRORS
from .provider import named_model

API_KEY = "azure-emulator-key"
ENTRA_TOKEN = "azure-emulator-token"  # noqa: S105 - of an emulator
DEPLOYMENTS = ("gpt-4o", "gpt-5.4-mini")
_NEWER = ("max_completion_tokens", "stream_options", "parallel_tool_calls")


def refused_version(conversation: Conversation, model: ModelDescription) -> Refused | None:
    """A path without a version; an argument that is newer than the version."""
    call = conversation.call
    if not call.operation.has_model_in_path:
        return None
    version = call.query.get("api-version", "")
    try:
        is_newer = date.fromisoformat(version[:10]) >= NEWER_PARAMETERS
    except ValueError:
        return VendorError(code="404", message="Resource not found")
    for name in () if is_newer else _NEWER:
        if name in call.json:
            words = f"Unrecognized request argument supplied: {name}"
            return VendorError(status=400, type="invalid_request_error", message=words)
    return None


# ── words ─────────────────────────────────────────────────────────────────────────────────────────


def _unknown(deployment: str) -> VendorError:
    words = (
        "The API deployment for this resource does not exist. If you created the deployment "
        "within the last 5 minutes, please wait a moment and try again."
    )
    return VendorError(code="DeploymentNotFound", message=words)


def _wrong_kind(deployment: str, operation: str) -> VendorError:
    words = f"The {operation} operation does not work with the specified model, {deployment}."
    return VendorError(
        code="OperationNotSupported",
        message=f"{words} Please choose different model and try again.",
    )


def _throttled(quota: Quota) -> VendorError:
    words = (
        "Requests to the ChatCompletions_Create Operation have exceeded call rate limit of your "
        "current OpenAI S0 pricing tier. Please retry after 1 second."
    )
    return VendorError(code="429", message=words, retry_after_s=1.0)


WORDS = evolve(OPENAIS_WORDS, unknown_model=_unknown, wrong_kind=_wrong_kind, throttled=_throttled)


def _write(row: ErrorRow, error: ProviderError) -> Json:
    """As Azure writes a prompt that its filter refused: with the categories."""
    native = ERRORS.native_error(row, error).body
    if row.code == "content_filter":
        result = {"violence": {"filtered": True, "severity": "medium"}}
        inner = {"code": "ResponsibleAIPolicyViolation", "content_filter_result": result}
        native["error"].update(status=400, param="prompt", innererror=inner)
    return native


def _models() -> tuple[ModelDescription, ...]:
    return catalogue(CodecRegistry()).models


def _model_of(deployment: str) -> str:
    return named_model(deployment) or deployment


VENDOR = EmulatedVendor(
    models=_models,
    words=WORDS,
    normalized=_model_of,
    vectors=VECTORS,
    checks=(refused_version, refused_parameter),
)


def environment(base_url: str) -> Mapping[str, str]:
    """For `openai.AzureOpenAI` and for the provider."""
    return {
        VARIABLES.settings["endpoint"]: base_url,
        VARIABLES.api_key: API_KEY,
        VARIABLES.settings["model"]: DEPLOYMENTS[0],
    }


def emulator(
    script: ScriptSource = None,
    *,
    chunk_pause_s: float = 0.0,
    record: Path | None = None,
    replay: Path | None = None,
    upstream: str | None = None,
) -> Emulator:
    """The emulator of a resource; arguments as `build_emulator` has them."""
    denied = (
        "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide "
        "a valid key for an active subscription and use a correct regional API endpoint for your "
        "resource."
    )
    return build_emulator(
        evolve(WIRE, errors=evolve(ERRORS, write=_write)),
        VENDOR,
        environment=environment,
        models=DEPLOYMENTS,
        refused_model="no-such-deployment",
        verifier=key_verifier(
            {API_KEY: "emulator", ENTRA_TOKEN: "entra"}, missing=denied, wrong=lambda key: denied
        ),
        script=script,
        chunk_pause_s=chunk_pause_s,
        record=record,
        replay=replay,
        upstream=upstream,
    )
