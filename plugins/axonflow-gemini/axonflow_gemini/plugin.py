"""The entry point of the plugin. Nothing heavy is imported before it is used."""

from __future__ import annotations

from axonflow_core.hookspecs import hookimpl
from axonflow_core.plugin_spec import ProviderSpec, lazily

from .config import VARIABLES, GeminiConfig


@hookimpl
def axonflow_register_provider() -> ProviderSpec:
    return ProviderSpec(
        name="gemini",
        display_name="Google Gemini",
        config_type=GeminiConfig,
        create=lazily("axonflow_gemini.provider:GeminiProvider"),
        needs_event_loop=False,
        emulator=lazily("axonflow_gemini.emulator:emulator"),
        ingress=lazily("axonflow_gemini.endpoint:INGRESS"),
        models=lazily("axonflow_gemini.provider:GeminiProvider.models.catalogue"),
        error_catalogue=lazily("axonflow_gemini.provider:GeminiService.fixes"),
        **VARIABLES.in_spec(),
    )
