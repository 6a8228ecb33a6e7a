"""The keys under `config:`, and the environment variables that stand for them."""

from __future__ import annotations

from attrs import field, frozen

from axonflow_core.calls.settings import HostedSettings
from axonflow_core.calls.variables import Variables, is_service_url

DEFAULT_MODEL = "claude-sonnet-5-5"
ENDPOINT = "https://api.anthropic.com"
BETAS, BETA_HEADER = "anthropic_beta", "anthropic-beta"
"""Where betas of Anthropic's are named: the member of a request, and the header of a call."""
API_VERSION = "2023-06-01"
"""The version of the API that the codec is written for: the only one since 2023."""


@frozen(kw_only=True)
class AnthropicConfig(HostedSettings):
    """The provider's `config:` section. Every key is optional; `HostedSettings` has the keys of all
    such providers."""

    model: str = DEFAULT_MODEL
    """A model id of Anthropic's API, sent as it is."""
    endpoint: str = field(default=ENDPOINT, validator=is_service_url)
    """The base URL of the API, without `/v1`."""
    betas: tuple[str, ...] = ()
    """Betas of Anthropic's that every call names, in the header `anthropic-beta`."""


VARIABLES = Variables(
    settings={
        "model": "ANTHROPIC_MODEL",
        "endpoint": "ANTHROPIC_ENDPOINT",
        "timeouts": "ANTHROPIC_TIMEOUT_SECONDS",
    },
    api_key="ANTHROPIC_API_KEY",
)
