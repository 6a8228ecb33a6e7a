"""The entry point of the plugin. Nothing heavy is imported before it is used."""

from __future__ import annotations

from typing import Any

from axonflow_core.converters import described
from axonflow_core.frozen import Unfit
from axonflow_core.hookspecs import hookimpl
from axonflow_core.plugin_spec import ProviderSpec, lazily

from .config import VARIABLES, AzureOpenAIConfig


def _token_provider(given: Any) -> Any:
    """A function without arguments that returns a token."""
    if not callable(given):
        raise Unfit("a function that returns a token", described(given))
    return given


@hookimpl
def axonflow_register_provider() -> ProviderSpec:
    return ProviderSpec(
        name="azure-openai",
        display_name="Azure OpenAI",
        config_type=AzureOpenAIConfig,
        create=lazily("axonflow_azure_openai.provider:AzureOpenAIProvider"),
        needs_event_loop=False,
        extras={"token_provider": _token_provider},
        emulator=lazily("axonflow_azure_openai.emulator:emulator"),
        ingress=lazily("axonflow_azure_openai.endpoint:azure_openai_app"),
        models=lazily("axonflow_azure_openai.provider:catalogue"),
        error_catalogue=lazily("axonflow_azure_openai.errors:CATALOGUE"),
        **VARIABLES.in_spec(),
    )
