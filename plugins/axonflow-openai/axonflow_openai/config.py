"""The keys of the OpenAI provider under `config:`, and the environment variables for them."""

from __future__ import annotations

from urllib.parse import urlsplit

from attrs import field

from axonflow_core.calls.settings import HostedSettings
from axonflow_core.calls.variables import Variables, is_service_url
from axonflow_core.frozen import frozen

DEFAULT_MODEL = "gpt-4o"
"""The model of the product's documentation."""
ENDPOINT = "https://api.openai.com/v1"


@frozen(kw_only=True)
class OpenAIConfig(HostedSettings):
    """The provider's `config:` section. Every key is optional; `HostedSettings` has the keys of all
    such providers."""

    model: str = DEFAULT_MODEL
    """A model id, passed to OpenAI as it is: `gpt-4o`, `gpt-6.1-sol`, `ft:gpt-4o-mini…`."""
    endpoint: str = field(default=ENDPOINT, validator=is_service_url)
    """The base URL of the API; one without a path means `/v1`."""
    organization: str | None = None
    """The organization that is billed, for keys of several: `org-…`."""
    project: str | None = None
    """The project that is billed: `proj_…`."""

    @property
    def base_url(self) -> str:
        """`endpoint` with its path, without a slash at its end."""
        url = self.endpoint.rstrip("/")
        return url if urlsplit(url).path else f"{url}/v1"


VARIABLES = Variables(
    settings={
        "model": "OPENAI_MODEL",
        "endpoint": "OPENAI_ENDPOINT",
        "timeouts": "OPENAI_TIMEOUT_SECONDS",
    },
    api_key="OPENAI_API_KEY",
)
