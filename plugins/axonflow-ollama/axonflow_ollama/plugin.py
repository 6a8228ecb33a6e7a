"""The entry point of the plugin: what it is and how it is built. Nothing heavy is imported before
it is used."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from axonflow_core.codec.registry import CodecRegistry
from axonflow_core.hookspecs import hookimpl
from axonflow_core.plugin_spec import (
    Emulator,
    ErrorEntry,
    ModelCatalogue,
    ProviderSpec,
    Services,
)
from axonflow_core.provider import Provider

from .config import VARIABLES, OllamaConfig

if TYPE_CHECKING:
    from collections.abc import Sequence

    from axonflow_core.endpoint.calls import Handler
    from axonflow_core.endpoint.credentials import Verifier
    from axonflow_core.http.asgi import AsgiApp


def _create(config: OllamaConfig, services: Services) -> Provider:
    from .provider import OllamaProvider

    return OllamaProvider(config, services)


def _models(codecs: CodecRegistry) -> ModelCatalogue:
    from .models import catalogue

    return catalogue()


def _error_catalogue() -> Sequence[ErrorEntry]:
    from .errors import CATALOGUE

    return CATALOGUE


def _emulator(
    script: Path | None = None,
    *,
    record: Path | None = None,
    replay: Path | None = None,
    upstream: str | None = None,
) -> Emulator:
    from .emulator import emulator

    return emulator(script, record=record, replay=replay, upstream=upstream)


def _ingress(handler: Handler, verifier: Verifier) -> AsgiApp:
    from .endpoint import ollama_app

    return ollama_app(handler, verifier)


@hookimpl
def axonflow_register_provider() -> ProviderSpec:
    return ProviderSpec(
        name="ollama",
        display_name="Ollama",
        config_type=OllamaConfig,
        create=_create,
        needs_event_loop=False,
        emulator=_emulator,
        ingress=_ingress,
        models=_models,
        error_catalogue=_error_catalogue,
        **VARIABLES.in_spec(),
    )
