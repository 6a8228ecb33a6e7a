"""The keys of the OpenAI provider under `config:`, and the environment variables for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from attrs import Attribute, field

from axonflow_core.calls.settings import CommonSettings
from axonflow_core.errors import ConfigError
from axonflow_core.frozen import frozen
from axonflow_core.messages import Json

DEFAULT_MODEL = "gpt-4o"
"""The model of the product's documentation."""


def is_url(_: object, attribute: Attribute[Any], value: str) -> None:
    """`ConfigError` where `value` is no URL of a service: https or http, a host, and no query."""
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query:
        raise ConfigError(
            f"`{attribute.name}` is no URL of a service",
            hint=f"{attribute.name}: https://api.openai.com/v1",
        )


@frozen(kw_only=True)
class OpenAIConfig(CommonSettings):
    """The provider's `config:` section. Every key is optional; `CommonSettings` has the keys of all
    providers."""

    model: str = DEFAULT_MODEL
    """A model id, passed to OpenAI as it is: `gpt-4o`, `gpt-6.1-sol`, `ft:gpt-4o-mini…`."""
    endpoint: str = field(default="https://api.openai.com/v1", validator=is_url)
    """The base URL of the API; one without a path means `/v1`."""
    organization: str | None = None
    """The organization that is billed, for keys of several: `org-…`."""
    project: str | None = None
    """The project that is billed: `proj_…`."""
    region: str | None = None
    """Where the endpoint processes data, as you know it: `eu` for `https://eu.api.openai.com/v1`.
    It stands in receipts and reports; None: unknown."""

    @property
    def base_url(self) -> str:
        """`endpoint` with its path, without a slash at its end."""
        url = self.endpoint.rstrip("/")
        return url if urlsplit(url).path else f"{url}/v1"


VARIABLES = {
    "model": "OPENAI_MODEL",
    "endpoint": "OPENAI_ENDPOINT",
    "timeouts": "OPENAI_TIMEOUT_SECONDS",
}
"""Key -> environment variable."""


def settings_of(environment: Mapping[str, str], variables: Mapping[str, str]) -> dict[str, Json]:
    """The keys whose variables are set; an empty one counts as unset. The one of `timeouts` is the
    time limit of a whole call, in seconds."""
    found: dict[str, Json] = {
        key: environment[variable]
        for key, variable in variables.items()
        if environment.get(variable)
    }
    if "timeouts" in found:
        found["timeouts"] = {"total_s": found["timeouts"]}
    return found


def defaults_from_environment(environment: Mapping[str, str]) -> Mapping[str, Json]:
    """The keys that environment variables are set for."""
    return settings_of(environment, VARIABLES)


def config_from_environment(environment: Mapping[str, str]) -> Mapping[str, Json] | None:
    """The configuration of the environment alone; None without OPENAI_API_KEY."""
    return defaults_from_environment(environment) if environment.get("OPENAI_API_KEY") else None


def credentials_from_environment(environment: Mapping[str, str]) -> Mapping[str, str]:
    """The API key that the environment has."""
    key = environment.get("OPENAI_API_KEY")
    return {"api_key": key} if key else {}
