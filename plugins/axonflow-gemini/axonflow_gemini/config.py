"""The keys under `config:`, and the environment variables that stand for them."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field, frozen, validators

from axonflow_core.calls.settings import CommonSettings
from axonflow_core.messages import Json

DEFAULT_MODEL = "gemini-3.8-flash"
"""The model that Google's documents begin with (November 2026). AxonFlow's page still names
gemini-2.0-flash, which Google shut down on 1 June 2026."""
ENDPOINT = "https://generativelanguage.googleapis.com"


@frozen(kw_only=True)
class GeminiConfig(CommonSettings):
    """The provider's `config:` section. Every key is optional; `CommonSettings` has the keys of all
    providers."""

    model: str = DEFAULT_MODEL
    """A model id of the Gemini API, with or without `models/`."""
    endpoint: str = field(
        default=ENDPOINT, validator=validators.matches_re(r"https?://[^/\s]+(/\S*[^/\s])?")
    )
    """The base URL of the API, without `/v1beta` and without a slash at its end."""
    data_region: str | None = None
    """Where Google processes the calls, as your contract has it; compared with `routing.regions`,
    and on record with every call."""


KEY_VARIABLE = "GOOGLE_API_KEY"
VARIABLES = {
    "model": "GOOGLE_MODEL",
    "endpoint": "GOOGLE_ENDPOINT",
    "timeouts": "GOOGLE_TIMEOUT_SECONDS",
}
"""Key -> environment variable."""


def defaults_from_environment(environment: Mapping[str, str]) -> Mapping[str, Json]:
    """The keys that environment variables are set for. An empty one counts as unset."""
    values: dict[str, Json] = {
        key: value for key, name in VARIABLES.items() if (value := environment.get(name))
    }
    if "timeouts" in values:
        values["timeouts"] = {"total_s": values["timeouts"]}
    return values


def config_from_environment(environment: Mapping[str, str]) -> Mapping[str, Json] | None:
    """The configuration of the environment alone; None without an API key."""
    return defaults_from_environment(environment) if environment.get(KEY_VARIABLE) else None


def credentials_from_environment(environment: Mapping[str, str]) -> Mapping[str, str]:
    """The API key of the environment."""
    key = environment.get(KEY_VARIABLE)
    return {"api_key": key} if key else {}
