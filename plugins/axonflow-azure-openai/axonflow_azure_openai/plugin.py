"""The entry point of the plugin: what it is and how it is built. Nothing heavy is imported before
it is used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from axonflow_core.codec.registry import CodecRegistry
from axonflow_core.converters import described
from axonflow_core.frozen import Unfit
from axonflow_core.hookspecs import hookimpl
from axonflow_core.plugin_spec import ErrorEntry, ModelCatalogue, ProviderSpec, Services
from axonflow_core.provider import Provider

from .config import (
    ENABLING,
    VARIABLES,
    AzureOpenAIConfig,
    config_from_environment,
    credentials_from_environment,
    defaults_from_environment,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

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
    from axonflow_openai.models import catalogue

    return catalogue(codecs)


def _error_catalogue() -> Sequence[ErrorEntry]:
    from .errors import CATALOGUE

    return CATALOGUE


def _ingress(handler: Any, verifier: Any) -> AsgiApp:
    from .endpoint import azure_openai_app

    return azure_openai_app(handler, verifier)


def _emulator(*args: Any, **named: Any) -> Any:
    from .emulator import emulator

    return emulator(*args, **named)


@hookimpl
def axonflow_register_provider() -> ProviderSpec:
    return ProviderSpec(
        name="azure-openai",
        display_name="Azure OpenAI",
        config_type=AzureOpenAIConfig,
        create=_create,
        needs_event_loop=False,
        credentials=("api_key",),
        credentials_from_environment=credentials_from_environment,
        extras={"token_provider": _token_provider},
        config_from_environment=config_from_environment,
        enabling_variables=ENABLING,
        variables=VARIABLES,
        defaults_from_environment=defaults_from_environment,
        emulator=_emulator,
        ingress=_ingress,
        models=_models,
        error_catalogue=_error_catalogue,
    )
