"""The entry point of the plugin. Nothing heavy is imported before it is used."""

from __future__ import annotations

from axonflow_core.calls.tokens import token_provider
from axonflow_core.hookspecs import hookimpl
from axonflow_core.plugin_spec import ProviderSpec, lazily

from .config import VARIABLES, AzureOpenAIConfig


@hookimpl
def axonflow_register_provider() -> ProviderSpec:
    return ProviderSpec(
        name="azure-openai",
        display_name="Azure OpenAI",
        config_type=AzureOpenAIConfig,
        create=lazily("axonflow_azure_openai.provider:AzureOpenAIProvider"),
        needs_event_loop=False,
        extras={"token_provider": token_provider},
        emulator=lazily("axonflow_azure_openai.emulator:emulator"),
        ingress=lazily("axonflow_azure_openai.endpoint:INGRESS"),
        models=lazily("axonflow_azure_openai.provider:catalogue"),
        error_catalogue=lazily("axonflow_azure_openai.provider:AzureService.fixes"),
        **VARIABLES.in_spec(),
    )
