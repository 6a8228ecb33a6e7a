"""Anthropic without Anthropic: scripted models on the real wire."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from axonflow_core.emulator.building import build_emulator
from axonflow_core.emulator.script import ScriptSource
from axonflow_core.emulator.service import EmulatedVendor
from axonflow_core.emulator.words import Words
from axonflow_core.endpoint.conversation import Conversation
from axonflow_core.endpoint.credentials import key_verifier
from axonflow_core.endpoint.refusals import VendorError
from axonflow_core.plugin_spec import Emulator, ModelDescription

from .config import DEFAULT_MODEL, VARIABLES
from .endpoint import WIRE
from .models import catalogue

API_KEY = "sk-ant-of-the-emulator"
"""The only key that is accepted."""
REFUSED_MODEL = "claude-2"


def _limit(conversation: Conversation, model: ModelDescription) -> VendorError | None:
    """Anthropic's refusal of a call without a limit of output tokens."""
    limit = conversation.request.inference.max_tokens
    if limit is None:
        message = "max_tokens: Field required"
    elif limit < 1:
        message = "max_tokens: Input should be greater than or equal to 1"
    else:
        return None
    return VendorError(code="invalid_request_error", message=message)


_VENDOR = EmulatedVendor(
    models=lambda: catalogue().models,
    checks=(_limit,),
    words=Words(
        unknown_model=lambda model: VendorError(code="not_found_error", message=f"model: {model}")
    ),
)
_VERIFIER = key_verifier(
    {API_KEY: "emulator"},
    missing="x-api-key header is required",
    wrong=lambda key: "invalid x-api-key",
)


def emulator(
    script: ScriptSource = None,
    *,
    chunk_pause_s: float = 0.0,
    record: Path | None = None,
    replay: Path | None = None,
    upstream: str | None = None,
) -> Emulator:
    """The emulator; arguments as those of `BuildEmulator`, and the time between two chunks of a
    stream, in seconds."""
    return build_emulator(
        WIRE,
        _VENDOR,
        environment=environment,
        models=(DEFAULT_MODEL,),
        refused_model=REFUSED_MODEL,
        verifier=_VERIFIER,
        script=script,
        chunk_pause_s=chunk_pause_s,
        record=record,
        replay=replay,
        upstream=upstream,
    )


def environment(base_url: str) -> Mapping[str, str]:
    """The variables that point Anthropic's SDK and AxonFlow at an emulator."""
    return {
        VARIABLES.api_key: API_KEY,
        "ANTHROPIC_BASE_URL": base_url,
        VARIABLES.settings["endpoint"]: base_url,
        VARIABLES.settings["model"]: DEFAULT_MODEL,
    }
