"""The keys of the Ollama provider under `config:`, and the environment variables for them."""

from __future__ import annotations

from attrs import field, validators

from axonflow_core.calls.settings import HostedSettings
from axonflow_core.calls.variables import Variables, is_service_url
from axonflow_core.frozen import frozen
from axonflow_core.http.client import Timeouts

DEFAULT_MODEL = "llama3.1:latest"
"""The model of the product's documentation."""
TOTAL_S = 300.0
"""How long a call may take unless it is said: a model may have to be loaded first."""


def _base_url(value: str) -> str:
    """The base URL without a slash at its end, nor the `/api` that all paths begin with."""
    return value.rstrip("/").removesuffix("/api") if isinstance(value, str) else value


@frozen(kw_only=True)
class OllamaConfig(HostedSettings):
    """The provider's `config:` section. Every key is optional; `CommonSettings` has the keys of all
    providers."""

    model: str = DEFAULT_MODEL
    """A model as `ollama list` shows it: `llama3.1:latest`, `qwen3:8b`."""
    endpoint: str = field(
        default="http://localhost:11434", converter=_base_url, validator=is_service_url
    )
    """Where Ollama listens: its base URL, without `/api`."""
    timeouts: Timeouts = field(factory=lambda: Timeouts(total_s=TOTAL_S))
    """How long a call may take, in seconds: 300 in all."""
    keep_alive: str | None = None
    """How long the model stays loaded after a call that does not say it: `10m`, `-1` for ever.
    None: as the server has it, 5 minutes by default."""
    num_ctx: int | None = field(default=None, validator=validators.optional(validators.ge(1)))
    """The tokens of context to load the model with, where a call does not say it. None: as the
    server has it; it cuts longer prompts without a word."""


VARIABLES = Variables(
    settings={
        "model": "OLLAMA_MODEL",
        "endpoint": "OLLAMA_ENDPOINT",
        "timeouts": "OLLAMA_TIMEOUT_SECONDS",
    },
    older={"endpoint": "LOCAL_LLM_ENDPOINT"},
    # As Ollama's own clients read it, for its cloud; a local server wants none.
    api_key="OLLAMA_API_KEY",
    enabling=("endpoint",),
)
