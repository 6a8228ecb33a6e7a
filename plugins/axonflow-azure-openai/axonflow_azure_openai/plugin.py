"""The entry point of the plugin: what it is and how it is built. Nothing heavy is imported before
it is used."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from axonflow_core.codec.registry import CodecRegistry
from axonflow_core.converters import described
from axonflow_core.frozen import Unfit
from axonflow_core.hookspecs import hookimpl
from axonflow_core.plugin_spec import Emulator, ErrorEntry, ModelCatalogue, ProviderSpec, Services
from axonflow_core.provider import Provider

from .config import VARIABLES, AzureOpenAIConfig

if TYPE_CHECKING:
    from collections.abc import Sequence

    from axonflow_core.endpoint.calls import Handler
    from axonflow_core.endpoint.credentials import Verifier
    from axonflow_core.http.asgi import AsgiApp


def _token_provider(given: Any) -> Any:
    """A function without arguments that returns a token."""
    if not callable(given):
        raise Unfit("a function that returns a token", described(given))
    return given


def _create(config: AzureOpenAIConfig, services: Services) -> Provider:
    from .provider import AzureOpenAIProvider

    return AzureOpenAIProvider(config, services)


def _models(codecs: CodecRegistry) -> ModelCatalogue:
    from .provider import catalogue

    return catalogue(codecs)


def _error_catalogue() -> Sequence[ErrorEntry]:
    from .errors import CATALOGUE

    return CATALOGUE


def _ingress(handler: Handler, verifier: Verifier) -> AsgiApp:
    from .endpoint import azure_openai_app

    return azure_openai_app(handler, verifier)


def _emulator(
    script: Path | None = None,
    *,
    record: Path | None = None,
    replay: Path | None = None,
    upstream: str | None = None,
) -> Emulator:
    from .emulator import emulator

    return emulator(script, record=record, replay=replay, upstream=upstream)


@hookimpl
def axonflow_register_provider() -> ProviderSpec:
    return ProviderSpec(
        name="azure-openai",
        display_name="Azure OpenAI",
        config_type=AzureOpenAIConfig,
        create=_create,
        needs_event_loop=False,
        extras={"token_provider": _token_provider},
        emulator=_emulator,
        ingress=_ingress,
        models=_models,
        error_catalogue=_error_catalogue,
        **VARIABLES.in_spec(),
    )
