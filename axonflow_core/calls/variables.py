"""The environment variables of a vendor's provider, as data.

VARIABLES = Variables(
    settings={"model": "ACME_MODEL", "endpoint": "ACME_ENDPOINT"},
    api_key="ACME_API_KEY",
    enabling=("api_key",),
)
ProviderSpec(name="acme", …, **VARIABLES.in_spec())
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from attrs import Attribute

from axonflow_core.errors import ConfigError
from axonflow_core.frozen import frozen
from axonflow_core.messages import EMPTY, Json

API_KEY = "api_key"
"""The credential of nearly every vendor."""


@frozen(kw_only=True)
class Variables:
    """Which variables make a provider's settings, and which is its key. An empty one is unset."""

    settings: Mapping[str, str]
    """Key of `config:` -> variable. The one of `timeouts` is the limit of a whole call, in
    seconds."""
    older: Mapping[str, str] = EMPTY
    """Key of `config:` -> an older name of its variable, which counts where the other is unset."""
    api_key: str
    """The variable of the API key."""
    enabling: tuple[str, ...] = (API_KEY,)
    """What must be there for the environment alone to enable the provider: keys of `settings`, or
    `api_key`."""

    def defaults(self, environment: Mapping[str, str]) -> Mapping[str, Json]:
        """The keys of `config:` that variables are set for."""
        found: dict[str, Json] = {
            key: environment[variable]
            for variables in (self.older, self.settings)
            for key, variable in variables.items()
            if environment.get(variable)
        }
        if "timeouts" in found:
            found["timeouts"] = {"total_s": found["timeouts"]}
        return found

    def config(self, environment: Mapping[str, str]) -> Mapping[str, Json] | None:
        """The configuration of the environment alone; None where it enables nothing."""
        found = self.defaults(environment)
        has = {*found, *self.credentials(environment)}
        return found if has.issuperset(self.enabling) else None

    def credentials(self, environment: Mapping[str, str]) -> Mapping[str, str]:
        """The API key of the environment."""
        key = environment.get(self.api_key)
        return {API_KEY: key} if key else {}

    def in_spec(self) -> dict[str, Any]:
        """The members of the `ProviderSpec` that follow."""
        names = {**self.settings, API_KEY: self.api_key}
        return {
            "credentials": (API_KEY,),
            "credentials_from_environment": self.credentials,
            "config_from_environment": self.config,
            "enabling_variables": tuple(names[each] for each in self.enabling),
            "variables": self.settings,
            "defaults_from_environment": self.defaults,
        }


def is_service_url(_: object, attribute: Attribute[Any], value: str) -> None:
    """A validator. `ConfigError` where `value` is no URL of a service: https or http, a host, and
    no query."""
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query:
        like = attribute.default if isinstance(attribute.default, str) else "https://HOST"
        raise ConfigError(
            f"`{attribute.name}` is no URL of a service", hint=f"{attribute.name}: {like}"
        )
