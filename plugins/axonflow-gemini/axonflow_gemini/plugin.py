"""The entry point of the plugin: what it is and how it is built. Nothing heavy is imported before
it is used."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from axonflow_core.codec.registry import CodecRegistry
from axonflow_core.hookspecs import hookimpl
from axonflow_core.plugin_spec import Emulator, ErrorEntry, ModelCatalogue, ProviderSpec, Services
from axonflow_core.provider import Provider

from .config import (
    KEY_VARIABLE,
    VARIABLES,
    GeminiConfig,
    config_from_environment,
    credentials_from_environment,
    defaults_from_environment,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from axonflow_core.http.asgi import AsgiApp


def _create(config: GeminiConfig, services: Services) -> Provider:
    from .provider import GeminiProvider

    return GeminiProvider(config, services)


def _emulator(
    script: Path | None = None,
    *,
    record: Path | None = None,
    replay: Path | None = None,
    upstream: str | None = None,
) -> Emulator:
    from .emulator import emulator

    return emulator(script, record=record, replay=replay, upstream=upstream)


def _ingress(handler: Any, verifier: Any) -> AsgiApp:
    from .endpoint import gemini_app

    return gemini_app(handler, verifier)


def _models(codecs: CodecRegistry) -> ModelCatalogue:
    from datetime import date

    from .models import catalogue

    return catalogue(date.today())


def _error_catalogue() -> Sequence[ErrorEntry]:
    from .errors import CATALOGUE

    return CATALOGUE


@hookimpl
def axonflow_register_provider() -> ProviderSpec:
    return ProviderSpec(
        name="gemini",
        display_name="Google Gemini",
        config_type=GeminiConfig,
        create=_create,
        needs_event_loop=False,
        credentials=("api_key",),
        credentials_from_environment=credentials_from_environment,
        config_from_environment=config_from_environment,
        enabling_variables=(KEY_VARIABLE,),
        variables=VARIABLES,
        defaults_from_environment=defaults_from_environment,
        emulator=_emulator,
        ingress=_ingress,
        models=_models,
        error_catalogue=_error_catalogue,
    )
