"""The keys under `config:`, and the environment variables that stand for them."""

from __future__ import annotations

from attrs import field, frozen

from axonflow_core.calls.settings import HostedSettings
from axonflow_core.calls.variables import Variables, is_service_url

DEFAULT_MODEL = "gemini-3.8-flash"
"""The model that Google's documents begin with (November 2026). AxonFlow's page still names
gemini-2.0-flash, which Google shut down on 1 June 2026."""
ENDPOINT = "https://generativelanguage.googleapis.com"


@frozen(kw_only=True)
class GeminiConfig(HostedSettings):
    """The provider's `config:` section. Every key is optional; `HostedSettings` has the keys of all
    such providers."""

    model: str = DEFAULT_MODEL
    """A model id of the Gemini API, with or without `models/`."""
    endpoint: str = field(default=ENDPOINT, validator=is_service_url)
    """The base URL of the API, without `/v1beta`."""


VARIABLES = Variables(
    settings={
        "model": "GOOGLE_MODEL",
        "endpoint": "GOOGLE_ENDPOINT",
        "timeouts": "GOOGLE_TIMEOUT_SECONDS",
    },
    api_key="GOOGLE_API_KEY",
)
