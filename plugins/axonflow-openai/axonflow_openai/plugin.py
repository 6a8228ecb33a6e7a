"""The entry point of the plugin. Nothing heavy is imported before it is used."""

from __future__ import annotations

from axonflow_core.hookspecs import hookimpl
from axonflow_core.plugin_spec import ProviderSpec, lazily

from .config import VARIABLES, OpenAIConfig


@hookimpl
def axonflow_register_provider() -> ProviderSpec:
    return ProviderSpec(
        name="openai",
        display_name="OpenAI",
        config_type=OpenAIConfig,
        create=lazily("axonflow_openai.provider:CountingProvider"),
        needs_event_loop=False,
        emulator=lazily("axonflow_openai.emulator:emulator"),
        ingress=lazily("axonflow_openai.endpoint:INGRESS"),
        models=lazily("axonflow_openai.provider:catalogue"),
        error_catalogue=lazily("axonflow_openai.provider:OpenAIService.fixes"),
        **VARIABLES.in_spec(),
    )
