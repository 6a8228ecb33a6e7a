"""The entry point of the plugin. Nothing heavy is imported before it is used."""

from __future__ import annotations

from axonflow_core.hookspecs import hookimpl
from axonflow_core.plugin_spec import ProviderSpec, lazily

from .config import VARIABLES, AnthropicConfig


@hookimpl
def axonflow_register_provider() -> ProviderSpec:
    return ProviderSpec(
        name="anthropic",
        display_name="Anthropic",
        config_type=AnthropicConfig,
        create=lazily("axonflow_anthropic.provider:AnthropicProvider"),
        needs_event_loop=False,
        emulator=lazily("axonflow_anthropic.emulator:emulator"),
        ingress=lazily("axonflow_anthropic.endpoint:INGRESS"),
        models=lazily("axonflow_anthropic.provider:AnthropicProvider.models.catalogue"),
        error_catalogue=lazily("axonflow_anthropic.provider:AnthropicService.fixes"),
        **VARIABLES.in_spec(),
    )
