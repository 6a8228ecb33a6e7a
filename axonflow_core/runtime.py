"""The composition root: a configuration becomes providers that share one transport, and is taken
down again."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any, Self, TypeVar
from weakref import WeakSet

from axonflow_core.config import Config, ProviderConfig, load_config, structure_provider_config
from axonflow_core.errors import AxonFlowError, ConfigError, PluginError, RequestError
from axonflow_core.http.client import Transport
from axonflow_core.messages import EMPTY, Completion, CompletionRequest, Text, TokenCount, user
from axonflow_core.plugin_spec import Services
from axonflow_core.plugins import load_codecs, load_provider
from axonflow_core.provider import (
    CompletionStream,
    Provider,
    SupportsEmbedding,
    SupportsReranking,
    SupportsTokenCounting,
)
from axonflow_core.retrieval import EmbeddingRequest, Embeddings, Ranking, RerankRequest

T = TypeVar("T")


class Runtime:
    """Providers that are ready to be called. `providers` is in order of preference; the first
    answers by default."""

    def __init__(self, providers: Mapping[str, Provider], transport: Transport) -> None:
        self.providers = providers
        self._transport = transport
        self._streams: WeakSet[CompletionStream] = WeakSet()

    @classmethod
    def open(
        cls,
        config: Config | None = None,
        *,
        environment: Mapping[str, str] = os.environ,
        extras: Mapping[str, Any] = EMPTY,
    ) -> Self:
        """Build every enabled provider of `config`, else of the configuration that `load_config`
        finds. No I/O besides.

        `extras` holds ready objects that a provider takes, e.g. `{"boto3_session":
        boto3.Session(…)}`. Use it as `async with Runtime.open() as runtime`. Raises `ConfigError`
        or `PluginError`.
        """
        config = load_config(environment=environment) if config is None else config
        entries = sorted(config.enabled.values(), key=lambda entry: -entry.priority)
        if not entries:
            raise ConfigError(
                "no provider is enabled", hint="set `enabled: true` under one of `llm_providers`"
            )
        transport = Transport()
        return cls(
            {entry.name: _provider(entry, transport, environment, extras) for entry in entries},
            transport,
        )

    async def complete(
        self,
        request: CompletionRequest | str,
        *,
        model: str | None = None,
        provider: str | None = None,
    ) -> Completion:
        """The whole answer. `model` and `provider` are the configured ones where they are not
        named."""
        return await self.chosen(provider).complete(_as_request(request), model=model)

    async def stream(
        self,
        request: CompletionRequest | str,
        *,
        model: str | None = None,
        provider: str | None = None,
    ) -> CompletionStream:
        """Returns once the provider has accepted the call: `async with await runtime.stream(…) as
        stream`."""
        stream = await self.chosen(provider).stream(_as_request(request), model=model)
        self._streams.add(stream)
        return stream

    async def embed(
        self,
        request: EmbeddingRequest | Sequence[str] | str,
        *,
        model: str | None = None,
        provider: str | None = None,
    ) -> Embeddings:
        """A vector for each input, in order. `model` is to be an embedding model: the configured
        one seldom is."""
        chosen = self.chosen(provider)
        if not isinstance(chosen, SupportsEmbedding):
            raise _incapable("makes no vectors")
        return await chosen.embed(_as_embedding_request(request), model=model)

    async def rerank(
        self, request: RerankRequest, *, model: str | None = None, provider: str | None = None
    ) -> Ranking:
        """The documents in order of relevance, the best first."""
        chosen = self.chosen(provider)
        if not isinstance(chosen, SupportsReranking):
            raise _incapable("puts no documents in order")
        return await chosen.rerank(request, model=model)

    async def count_tokens(
        self,
        request: CompletionRequest | str,
        *,
        model: str | None = None,
        provider: str | None = None,
    ) -> TokenCount:
        """How many tokens `request` would be billed for as input. Nothing is answered."""
        chosen = self.chosen(provider)
        if not isinstance(chosen, SupportsTokenCounting):
            raise _incapable("counts no tokens")
        return await chosen.count(_as_request(request), model=model)

    async def aclose(self) -> None:
        """Cancels open streams, then closes the providers, then the transport; each even where
        another fails."""
        async with AsyncExitStack() as closing:
            closing.push_async_callback(self._transport.aclose)
            for provider in self.providers.values():
                closing.push_async_callback(provider.aclose)
            for stream in self._streams:
                closing.push_async_callback(stream.aclose)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()

    def chosen(self, name: str | None = None) -> Provider:
        """The provider of that name, or the one that answers by default."""
        if name is None:
            return next(iter(self.providers.values()))
        if name not in self.providers:
            raise RequestError(
                f"there is no provider {name!r}",
                hint=f"the enabled providers are {', '.join(self.providers)}",
            )
        return self.providers[name]


def _provider(
    entry: ProviderConfig,
    transport: Transport,
    environment: Mapping[str, str],
    extras: Mapping[str, Any],
) -> Provider:
    spec = load_provider(entry.type, environment)
    settings = structure_provider_config(entry, spec.config_type)
    codecs = load_codecs(entry.type, environment).registry
    try:
        return spec.create(
            settings, Services(name=entry.name, transport=transport, codecs=codecs, extras=extras)
        )
    except AxonFlowError as error:
        raise error.enrich(provider=entry.name) from None
    except Exception as error:
        raise PluginError(
            f"the provider {entry.name} could not be built: {type(error).__name__}: {error}",
            hint=f"a fault in the plugin of {spec.display_name}: report it there",
        ) from error


def _as_request(request: CompletionRequest | str) -> CompletionRequest:
    return CompletionRequest(messages=(user(request),)) if isinstance(request, str) else request


def _as_embedding_request(request: EmbeddingRequest | Sequence[str] | str) -> EmbeddingRequest:
    if isinstance(request, EmbeddingRequest):
        return request
    texts = (request,) if isinstance(request, str) else request
    return EmbeddingRequest(tuple(map(Text, texts)))


def _incapable(what: str) -> RequestError:
    return RequestError(f"this provider {what}", hint="name another one with `provider`")


# ── for callers that block ────────────────────────────────────────────────────────────────────────
