"""An Azure OpenAI resource without an account: every model of the table is a deployment of its own
name, and of each name that begins with it (`gpt-4o-eu`).

It refuses what Azure refuses, in its words: a wrong key, a deployment that there is not, a path
without `api-version`, arguments that are newer than the version, and what a model does not take.
"""

from __future__ import annotations

from functools import partial

from axonflow_core.emulator.building import build_emulator
from axonflow_core.emulator.words import words_beside
from axonflow_core.endpoint.conversation import Conversation
from axonflow_core.endpoint.refusals import Refused, VendorError
from axonflow_core.frozen import evolve
from axonflow_core.plugin_spec import ModelDescription
from axonflow_openai.emulator import VENDOR as OPENAI
from axonflow_openai.emulator import refused_parameter

from .codec import ERRORS, has_newer_parameters, write_filtered
from .config import DATED, VARIABLES
from .endpoint import WIRE
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
    if not DATED.fullmatch(version):
        return VendorError(code="404", message="Resource not found")
    for name in () if has_newer_parameters(version) else _NEWER:
        if name in call.json:
            words = f"Unrecognized request argument supplied: {name}"
            return VendorError(status=400, type="invalid_request_error", message=words)
    return None


VENDOR = evolve(
    OPENAI,
    words=words_beside(__file__, OPENAI.words),
    normalized=lambda deployment: named_model(deployment) or deployment,
    checks=(refused_version, refused_parameter),
    keys={API_KEY: "emulator", ENTRA_TOKEN: "entra"},
    environment={
        VARIABLES.settings["endpoint"]: "{url}",
        VARIABLES.api_key: API_KEY,
        VARIABLES.settings["model"]: DEPLOYMENTS[0],
    },
    chat_models=DEPLOYMENTS,
    refused_model="no-such-deployment",
)
emulator = partial(
    build_emulator, evolve(WIRE, errors=evolve(ERRORS, write=write_filtered)), VENDOR
)
"""The emulator of a resource; arguments as `build_emulator` has them."""
