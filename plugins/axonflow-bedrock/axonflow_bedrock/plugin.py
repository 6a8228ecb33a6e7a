"""The entry point of the plugin: what it is and how it is built. Nothing heavy is imported before it is used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from axonflow_core.codec import CodecRegistry
from axonflow_core.hookspecs import hookimpl
from axonflow_core.provider import Emulator, Provider, ProviderSpec, Services

from .config import BedrockConfig, config_from_environment

if TYPE_CHECKING:
    from axonflow_core.testing.recorded import Opener


def _create(config: BedrockConfig, services: Services) -> Provider:
    from .provider import BedrockProvider

    return BedrockProvider(config, services)


def _emulator() -> Emulator:
    from .emulator import emulator

    return emulator()


def _opener(codecs: CodecRegistry) -> Opener:
    from .recorded import BedrockOpener

    return BedrockOpener(codecs)


@hookimpl
def axonflow_register_provider() -> ProviderSpec:
    return ProviderSpec(
        name="bedrock",
        display_name="Amazon Bedrock",
        config_type=BedrockConfig,
        create=_create,
        config_from_environment=config_from_environment,
        emulator=_emulator,
        recordings=_opener,
    )
