"""The keys of the Azure OpenAI provider under `config:`, and the environment variables for them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum

from attrs import Attribute, field

from axonflow_core.calls.settings import HostedSettings
from axonflow_core.calls.variables import Variables, is_service_url
from axonflow_core.errors import ConfigError
from axonflow_core.frozen import frozen
from axonflow_core.messages import EMPTY

DEFAULT_VERSION = "2024-08-01-preview"
"""The version of the product's documentation."""
V1 = "v1"
"""The version of the API whose paths are OpenAI's own and which has no dates."""
DATED = re.compile(r"(\d{4}-\d{2}-\d{2})(-preview)?")


class Identity(StrEnum):
    """Values of `identity:`."""

    KEY = "key"
    """The resource's key, in the header `api-key`."""
    ENTRA = "entra"
    """A token of Microsoft Entra ID, of whatever DefaultAzureCredential finds."""


def _is_version(_: object, __: Attribute[str], value: str) -> None:
    if value != V1 and not DATED.fullmatch(value):
        raise ConfigError(
            f"{value!r} is no version of the API",
            hint=f"api_version: v1, or a date: {DEFAULT_VERSION}",
        )


@frozen(kw_only=True)
class AzureOpenAIConfig(HostedSettings):
    """The provider's `config:` section; `HostedSettings` has the keys of all such
    providers. A global deployment is processed anywhere: it has no `data_region`."""

    model: str
    """The name of the deployment that is called unless the call names another."""
    endpoint: str = field(validator=is_service_url)
    """The resource: `https://NAME.openai.azure.com`."""
    api_version: str = field(default=DEFAULT_VERSION, validator=_is_version)
    """A dated version, whose calls go to `/openai/deployments/NAME/…`; or `v1`, whose calls go to
    `/openai/v1/…`."""
    deployments: Mapping[str, str] = EMPTY
    """Name of a deployment -> OpenAI's id of its model: `{prod-chat: gpt-4o}`. It decides which
    parameters are sent, and the price."""
    identity: Identity = Identity.KEY
    """What proves who calls: `key` or `entra`."""

    @property
    def base_url(self) -> str:
        """The resource without what people copy along: a slash, `/openai`, `/openai/v1`."""
        return re.sub(r"(/openai(/v1)?)?/*$", "", self.endpoint)


VARIABLES = Variables(
    settings={
        "endpoint": "AZURE_OPENAI_ENDPOINT",
        "model": "AZURE_OPENAI_DEPLOYMENT_NAME",
        "api_version": "AZURE_OPENAI_API_VERSION",
        "timeouts": "AZURE_OPENAI_TIMEOUT_SECONDS",
    },
    api_key="AZURE_OPENAI_API_KEY",
    enabling=("endpoint", "api_key", "model"),
)
