"""The entry point of the plugin: what it is and how it is built. Nothing heavy is imported before it is used."""

from __future__ import annotations

from axonflow_core.hookspecs import hookimpl
from axonflow_core.provider import Emulator, Provider, ProviderSpec, Services

from .config import BedrockConfig, config_from_environment


def _create(config: BedrockConfig, services: Services) -> Provider:
    from .provider import BedrockProvider

    return BedrockProvider(config, services)


def _emulator() -> Emulator:
    from .emulator import emulator

    return emulator()


@hookimpl
def axonflow_register_provider() -> ProviderSpec:
    return ProviderSpec(
        name="bedrock",
        display_name="Amazon Bedrock",
        config_type=BedrockConfig,
        create=_create,
        config_from_environment=config_from_environment,
        emulator=_emulator,
    )
