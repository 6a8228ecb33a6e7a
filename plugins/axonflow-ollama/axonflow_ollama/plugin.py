"""The entry point of the plugin. Nothing heavy is imported before it is used."""

from __future__ import annotations

from axonflow_core.hookspecs import hookimpl
from axonflow_core.plugin_spec import ProviderSpec, lazily

from .config import VARIABLES, OllamaConfig


@hookimpl
def axonflow_register_provider() -> ProviderSpec:
    return ProviderSpec(
        name="ollama",
        display_name="Ollama",
        config_type=OllamaConfig,
        create=lazily("axonflow_ollama.provider:OllamaProvider"),
        needs_event_loop=False,
        emulator=lazily("axonflow_ollama.emulator:emulator"),
        ingress=lazily("axonflow_ollama.endpoint:INGRESS"),
        models=lazily("axonflow_ollama.models:MODELS.catalogue"),
        error_catalogue=lazily("axonflow_ollama.provider:OllamaService.fixes"),
        **VARIABLES.in_spec(),
    )
