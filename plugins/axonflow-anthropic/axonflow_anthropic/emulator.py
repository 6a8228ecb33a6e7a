"""Anthropic without Anthropic: scripted models on the real wire."""

from __future__ import annotations

from functools import partial

from axonflow_core.emulator.building import build_emulator
from axonflow_core.emulator.service import EmulatedVendor
from axonflow_core.emulator.words import words_beside
from axonflow_core.endpoint.conversation import Conversation
from axonflow_core.endpoint.refusals import VendorError
from axonflow_core.plugin_spec import ModelDescription

from .config import DEFAULT_MODEL, VARIABLES
from .endpoint import WIRE
from .provider import AnthropicProvider

API_KEY = "sk-ant-of-the-emulator"
"""The only key that is accepted."""


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


VENDOR = EmulatedVendor(
    models=lambda: AnthropicProvider.models.catalogue().models,
    checks=(_limit,),
    words=words_beside(__file__),
    keys={API_KEY: "emulator"},
    environment={
        VARIABLES.api_key: API_KEY,
        "ANTHROPIC_BASE_URL": "{url}",
        VARIABLES.settings["endpoint"]: "{url}",
        VARIABLES.settings["model"]: DEFAULT_MODEL,
    },
    chat_models=(DEFAULT_MODEL,),
    refused_model="claude-2",
)
emulator = partial(build_emulator, WIRE, VENDOR)
"""The emulator of Anthropic's API; arguments as `build_emulator` has them."""
