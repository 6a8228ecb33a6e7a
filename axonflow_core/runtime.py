"""The composition root: a configuration becomes providers that share one HTTP client.

    async with Runtime.open() as runtime:
        completion = await runtime.complete("Why is the sky blue?")

Nothing is opened before the first call, and whatever is open is closed with the `async with` block:
streams, then providers, then the client where it is the runtime's own.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Coroutine, Generator, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, NoReturn, Self, TypeVar, Unpack, overload
from weakref import WeakValueDictionary

from axonflow_core.asking import (
    CallOptions,
    Prompt,
    Question,
    RequestOptions,
    model_id,
    question_of,
    time_limit,
)
from axonflow_core.config import (
    Config,
    ProviderConfig,
    credentials_of,
    load_config,
    structure_provider_config,
)
from axonflow_core.config.faults import suggest
from axonflow_core.config.keywords import config_of_keywords
from axonflow_core.converters import described
from axonflow_core.errors import (
    AxonFlowError,
    ConfigError,
    DecodeError,
    PluginError,
    RequestError,
)
from axonflow_core.frozen import Unfit, evolve
from axonflow_core.http.client import HttpClient, Transport
from axonflow_core.messages import EMPTY, Completion, Parsed, TokenCount
from axonflow_core.plugin_spec import ProviderSpec, Services
from axonflow_core.plugins import codecs_on_demand, load_provider
from axonflow_core.provider import (
    CompletionStream,
    ForwardedAnswer,
    NativeCall,
    Provider,
)
from axonflow_core.retrieval import EmbeddingRequest, Embeddings, Ranking, RerankRequest
from axonflow_core.routing.health import Breakers
from axonflow_core.routing.router import Router
from axonflow_core.routing.rules import Standing
from axonflow_core.routing.targets import ANYONE, Wish
from axonflow_core.statements import refuses

T = TypeVar("T")


@refuses("await", write="runtime = Runtime.open()` or `async with Runtime.open() as runtime")
@refuses(
    "with",
    write="async with Runtime.open() as runtime` or, in a program without an event "
    "loop, `with BlockingRuntime.open() as runtime",
)
class Runtime:
    """Providers that are ready to be called. `providers` is in order of preference; what `router`
    decides, where one is given, comes before that order."""

    def __new__(cls, *given: object, **named: object) -> Self:
        """`ConfigError` where no providers are given: `Runtime.open()` is meant."""
        providers = given[0] if given else named.get("providers")
        if not isinstance(providers, Mapping):
            raise ConfigError(
                f"Runtime(…) takes providers that are built already, not {described(providers)}",
                hint="open one from axonflow.yaml or the environment: `Runtime.open()`, or from "
                "settings: `Runtime.open(region=…, model=…)`",
            )
        return super().__new__(cls)

    def __init__(
        self,
        providers: Mapping[str, Provider],
        client: HttpClient,
        *,
        owns_client: bool = True,
        needs_event_loop: bool = True,
        router: Router | None = None,
    ) -> None:
        self.providers = providers
        self.router = router or Router(providers)
        """Which provider and model answer a call."""
        self.needs_event_loop = needs_event_loop
        """Whether its coroutines may suspend. Where they never do, `BlockingRuntime` runs them in
        the caller's thread."""
        self._client = client
        self._owns_client = owns_client
        self._streams: WeakValueDictionary[int, CompletionStream] = WeakValueDictionary()

    @classmethod
    def open(
        cls,
        config: Config | str | Path | None = None,
        *,
        provider: str | None = None,
        environment: Mapping[str, str] | None = None,
        credentials: Mapping[str, str] = EMPTY,
        extras: Mapping[str, Mapping[str, Any]] = EMPTY,
        client: HttpClient | None = None,
        **settings: Any,
    ) -> Self:
        """Build every enabled provider. No I/O besides reading the configuration.

            Runtime.open()                      axonflow.yaml where found, else the environment
            Runtime.open("axonflow.yaml")       this file
            Runtime.open(region="us-east-1")    no file: these are one provider's `config:`

        `provider` names the provider that keywords are for; without it they go to the only
        installed one that has such settings. What the keywords leave out is read from that
        provider's environment variables (`BEDROCK_MODEL`). `credentials` are that provider's,
        e.g. `{"api_key": …}`. `environment` stands for `os.environ`. `extras` holds
        ready objects by provider name: `{"bedrock": {"boto3_session": boto3.Session(…)}}`. A
        `client` that is given may be shared by several runtimes, and its owner closes it.

        Raises `ConfigError` or `PluginError`.
        """
        return open_runtime(
            lambda needs_event_loop: Transport(),
            config,
            provider=provider,
            environment=environment,
            credentials=credentials,
            extras=extras,
            client=client,
            settings=settings,
            kind=cls,
        )

    @overload
    async def complete(
        self,
        prompt: Prompt | None = None,
        *,
        output_schema: type[T],
        model: str | None = None,
        provider: str | None = None,
        timeout: float | None = None,
        **options: Unpack[CallOptions],
    ) -> Completion[T]: ...
    @overload
    async def complete(
        self,
        prompt: Prompt | None = None,
        *,
        model: str | None = None,
        provider: str | None = None,
        timeout: float | None = None,
        **options: Unpack[RequestOptions],
    ) -> Completion: ...
    async def complete(
        self,
        prompt: Prompt | None = None,
        *,
        model: str | None = None,
        provider: str | None = None,
        timeout: float | None = None,
        **options: Unpack[RequestOptions],
    ) -> Completion[Any]:
        """The whole answer.

            await runtime.complete("Why is the sky blue?", system="Be brief.", max_tokens=100)

        `prompt` is the user's text, a message, a conversation, or a whole `CompletionRequest`.
        `options` are those of `RequestOptions`: messages, system, max_tokens, temperature, top_p,
        top_k, stop_sequences, seed, presence_penalty, frequency_penalty, tools, tool_choice,
        output_schema, reasoning, metadata, service_tier. Given with a whole request, each replaces
        what the request says, None unsets it, and all else of the request stays; `messages` alone
        are added, before the request's own.

        `model` is an id, or the name of a named model of the configuration. Where model and
        provider are not named, the configuration decides: docs/routing.md.
        `timeout` bounds the whole call, in seconds; a configured limit that is shorter holds all
        the same.

        Any `AxonFlowError`: `RequestError` before anything is sent, `ProviderError` where the
        provider refuses or fails, `AnswerError` where it answers what it does not document.
        """
        asked = question_of(prompt, options)
        timeout_s = time_limit(timeout)
        wish = wish_of(provider, model_id(model))
        completion = await self.router.complete(asked.request, wish, timeout_s=timeout_s)
        if asked.parse is None:
            return completion
        return evolve(completion, parsed=asked.parse(completion))

    @overload
    def stream(
        self,
        prompt: Prompt | None = None,
        *,
        output_schema: type[T],
        model: str | None = None,
        provider: str | None = None,
        timeout: float | None = None,
        **options: Unpack[CallOptions],
    ) -> OpeningStream[T]: ...
    @overload
    def stream(
        self,
        prompt: Prompt | None = None,
        *,
        model: str | None = None,
        provider: str | None = None,
        timeout: float | None = None,
        **options: Unpack[RequestOptions],
    ) -> OpeningStream: ...
    def stream(
        self,
        prompt: Prompt | None = None,
        *,
        model: str | None = None,
        provider: str | None = None,
        timeout: float | None = None,
        **options: Unpack[RequestOptions],
    ) -> OpeningStream[Any]:
        """The answer as it arrives; arguments as those of `complete`.

            async with runtime.stream("Why is the sky blue?") as stream:
                async for text in stream.text():
                    print(text, end="")

        An error before the first event is raised when the block is entered, a later one while the
        stream is read. The end of the block closes the stream. `await runtime.stream(…)` gives it
        without a block: whoever opens it so closes it with `aclose`.
        """
        return OpeningStream(
            self, question_of(prompt, options), provider, model_id(model), time_limit(timeout)
        )

    async def open_stream(
        self,
        asked: Question,
        *,
        model: str | None = None,
        provider: str | None = None,
        timeout: float | None = None,
    ) -> CompletionStream:
        """The stream of a question that was read already; `await stream(…)` is the public form. The
        runtime closes it when it is closed itself."""
        wish = wish_of(provider, model)
        stream = await self.router.stream(asked.request, wish, timeout_s=timeout)
        stream.parse = asked.parse
        self._streams[id(stream)] = stream
        return stream

    async def forward(
        self, call: NativeCall, *, model: str | None = None, provider: str | None = None
    ) -> ForwardedAnswer:
        """The whole answer to a client's own call: its body goes upstream byte for byte where its
        form is the model's, else it is encoded anew and the answer made to fit the client's
        dialect: what that has no place for is left out and stands in `adjustments`."""
        _require_native(call)
        return await self.router.forward(call, wish_of(provider, model))

    async def forward_stream(
        self, call: NativeCall, *, model: str | None = None, provider: str | None = None
    ) -> CompletionStream:
        """As `forward`, streamed."""
        _require_native(call)
        return self._kept(await self.router.forward_stream(call, wish_of(provider, model)))

    async def embed(
        self,
        request: EmbeddingRequest | Sequence[str] | str,
        *,
        model: str | None = None,
        provider: str | None = None,
        timeout: float | None = None,
    ) -> Embeddings:
        """A vector for each input, in order. `model` is to be an embedding model: the configured
        one seldom is. `timeout` bounds all calls that the inputs take, in seconds."""
        timeout_s = time_limit(timeout)
        wish = wish_of(provider, model_id(model))
        asked = _as_embedding_request(request)
        return await self.router.embed(asked, wish, timeout_s=timeout_s)

    async def rerank(
        self,
        request: RerankRequest,
        *,
        model: str | None = None,
        provider: str | None = None,
        timeout: float | None = None,
    ) -> Ranking:
        """The documents in order of relevance, the best first. `timeout` as for `complete`."""
        timeout_s = time_limit(timeout)
        if not isinstance(request, RerankRequest):
            raise RequestError(f"rerank takes a RerankRequest, not {described(request)}")
        wish = wish_of(provider, model_id(model))
        ranking = await self.router.rerank(request, wish, timeout_s=timeout_s)
        if any(ranked.index >= len(request.documents) for ranked in ranking.results):
            raise DecodeError(
                f"the ranking has an index beyond the {len(request.documents)} documents"
            )
        return ranking

    async def count_tokens(
        self,
        prompt: Prompt | None = None,
        *,
        model: str | None = None,
        provider: str | None = None,
        timeout: float | None = None,
        **options: Unpack[RequestOptions],
    ) -> TokenCount:
        """How many tokens the call would be billed for as input. Nothing is generated; arguments
        as those of `complete`."""
        timeout_s = time_limit(timeout)
        wish = wish_of(provider, model_id(model))
        asked = question_of(prompt, options)
        return await self.router.count(asked.request, wish, timeout_s=timeout_s)

    async def aclose(self) -> None:
        """Cancels open streams, then closes the providers, then the client where it is the
        runtime's own; each even where another fails."""
        async with AsyncExitStack() as closing:
            if self._owns_client:
                closing.push_async_callback(self._client.aclose)
            for provider in self.providers.values():
                closing.push_async_callback(provider.aclose)
            for kept in self._streams.valuerefs():  # a copy: other threads may open more
                if (stream := kept()) is not None:
                    closing.push_async_callback(stream.aclose)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()

    def chosen(self, name: str | None = None) -> Provider:
        """The provider of that name, or the one that is asked first by default."""
        return self.providers[self.router.first(wish_of(name, None)).provider]

    def _kept(self, stream: CompletionStream) -> CompletionStream:
        self._streams[id(stream)] = stream
        return stream


@refuses(
    "with",
    "for",
    "async for",
    write="async with runtime.stream(…) as stream: async for text in stream.text()",
)
class OpeningStream(Generic[Parsed]):
    """A stream that is opened by `async with`, and closed at the end of the block; or opened by
    `await`, and closed by whoever awaits it."""

    def __init__(
        self,
        runtime: Runtime,
        asked: Question,
        provider: str | None,
        model: str | None,
        timeout_s: float | None,
    ) -> None:
        self._runtime = runtime
        self._asked = asked
        self._provider = provider
        self._model = model
        self._timeout_s = timeout_s
        self._stream: CompletionStream[Parsed] | None = None
        self._is_opened = False

    def __await__(self) -> Generator[Any, Any, CompletionStream[Parsed]]:
        return self._open().__await__()

    def _open(self) -> Coroutine[Any, Any, CompletionStream[Parsed]]:
        if self._is_opened:
            raise RequestError(
                "this stream was opened already: each call opens one",
                hint="call `runtime.stream(…)` again",
            )
        self._is_opened = True
        return self._runtime.open_stream(
            self._asked, provider=self._provider, model=self._model, timeout=self._timeout_s
        )

    async def __aenter__(self) -> CompletionStream[Parsed]:
        self._stream = await self._open()
        return self._stream

    async def __aexit__(self, *exc_info: object) -> None:
        if self._stream is not None:
            await self._stream.aclose()

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> NoReturn:
            instead = (
                f": write `async with runtime.stream(…) as stream`, then `stream.{name}`"
                if hasattr(CompletionStream, name)
                else ""
            )
            raise AttributeError(f"a stream that is not open has no {name!r}{instead}")


R = TypeVar("R", bound=Runtime)


def open_runtime(
    new_client: Callable[[bool], HttpClient],
    config: Config | str | Path | None,
    *,
    provider: str | None,
    environment: Mapping[str, str] | None,
    credentials: Mapping[str, str],
    extras: Mapping[str, Mapping[str, Any]],
    client: HttpClient | None,
    settings: Mapping[str, Any],
    kind: type[R],
) -> R:
    """As `Runtime.open`, which documents the arguments. Where no client is given, `new_client` is
    asked for one; it is told whether the providers need an event loop."""
    environment = os.environ if environment is None else environment
    _refuse_misfits(config, provider, credentials, extras, environment, client)
    loaded = _config_of(config, provider, settings, credentials, environment)
    entries = sorted(loaded.enabled.values(), key=lambda entry: -entry.priority)
    if not entries:
        raise ConfigError(
            "no provider is enabled", hint="set `enabled: true` under one of `llm_providers`"
        )
    _refuse_unknown_extras(extras, [entry.name for entry in entries])
    specs = {entry.name: load_provider(entry.type, environment) for entry in entries}
    needs_event_loop = any(spec.needs_event_loop for spec in specs.values())
    needs_event_loop = needs_event_loop or bool(loaded.routing.hedge)  # two calls at once
    shared = new_client(needs_event_loop) if client is None else client
    providers = {
        entry.name: _provider(
            entry, specs[entry.name], shared, environment, extras.get(entry.name, EMPTY)
        )
        for entry in entries
    }
    needs_event_loop = needs_event_loop or getattr(shared, "needs_event_loop", True)
    return kind(
        providers,
        shared,
        owns_client=client is None,
        needs_event_loop=needs_event_loop,
        router=router_of(loaded, providers),
    )


def router_of(config: Config, providers: Mapping[str, Provider]) -> Router:
    """The router of a configuration whose enabled `providers` are built."""
    standings = {
        name: Standing(priority=entry.priority, weight=entry.weight)
        for name, entry in sorted(config.enabled.items())
    }
    return Router(
        providers,
        rules=config.routing,
        standings=standings,
        named=config.models,
        health=Breakers(),
    )


def wish_of(provider: str | None, model: str | None) -> Wish:
    """What a call of the program itself wishes. `RequestError` for a provider that is no text."""
    if provider is None and model is None:
        return ANYONE
    if not isinstance(provider, str | None):
        raise RequestError(f"provider takes the name of a provider, not {described(provider)}")
    return Wish(provider=provider, model=model)


def _config_of(
    config: Config | str | Path | None,
    provider: str | None,
    settings: Mapping[str, Any],
    credentials: Mapping[str, str],
    environment: Mapping[str, str],
) -> Config:
    if settings or credentials or provider is not None:
        if config is not None:
            raise ConfigError(
                "settings were given twice: as a configuration and as keywords",
                hint="write the keywords into the configuration, or leave it out",
            )
        return config_of_keywords(provider, settings, credentials, environment)
    if isinstance(config, Config):
        return config
    return load_config(None if config is None else Path(config), environment)


def _refuse_misfits(
    config: Any, provider: Any, credentials: Any, extras: Any, environment: Any, client: Any
) -> None:
    """`ConfigError` for an argument of `Runtime.open` that is of another type than it takes."""
    is_path = isinstance(config, str | os.PathLike)
    if (not isinstance(config, Config | None) and not is_path) or (is_path and "\0" in str(config)):
        got = "a text with a null character" if is_path else described(config)
        raise ConfigError(
            f"config takes the path of a file or a Config, not {got}",
            hint="give the keys of one provider's `config:` as keywords: provider=…, model=…",
        )
    if not isinstance(provider, str | None):
        raise ConfigError(f"provider takes the name of a provider, not {described(provider)}")
    if client is not None and not callable(getattr(client, "open_stream", None)):
        raise ConfigError(f"client takes an HttpClient, not {described(client)}")
    _require_texts("credentials", credentials, "names to secrets, {'api_key': …}")
    _require_texts("environment", environment, "variables to values, as `os.environ` is one")
    if not isinstance(extras, Mapping):
        raise _no_mapping("extras", "providers' names to their objects", extras)
    for name, objects in extras.items():
        if not isinstance(objects, Mapping):
            raise _no_mapping(f"extras[{name!r}]", "names to objects", objects)


def _require_texts(name: str, value: object, of: str) -> None:
    if not isinstance(value, Mapping):
        raise _no_mapping(name, of, value)
    for key, item in value.items():
        if not isinstance(key, str) or not isinstance(item, str):
            got = described(item if isinstance(key, str) else key)
            raise ConfigError(f"{name} takes a mapping of texts to texts, not one with {got}")


def _no_mapping(name: str, of: str, value: object) -> ConfigError:
    return ConfigError(f"{name} takes a mapping of {of}, not {described(value)}")


def _require_native(call: object) -> None:
    if not isinstance(call, NativeCall):
        raise RequestError(
            f"a client's own call is a NativeCall, not {described(call)}",
            hint="to ask a model, use `complete` or `stream`",
        )


def _refuse_unknown_extras(extras: Mapping[str, Any], names: Sequence[str]) -> None:
    for name in extras:
        if name not in names:
            raise ConfigError(
                f"`extras` holds objects for a provider {name!r}, which is not enabled",
                hint=f"its keys are names of providers: {', '.join(names)}",
            )


def _objects_of(
    provider: str, extras: Mapping[str, Any], known: Mapping[str, Callable[[Any], Any]]
) -> Mapping[str, Any]:
    """The objects in `extras`, each converted. `ConfigError` for one that the provider does not
    take, by its name or by its type."""
    objects = {}
    for name, given in extras.items():
        if name not in known:
            raise ConfigError(
                f"the provider {provider} takes no object {name!r} in `extras`",
                hint=suggest(str(name), known, noun=f"objects that {provider} takes"),
            )
        try:
            objects[name] = known[name](given)
        except Unfit as unfit:
            field = f"extras[{provider!r}][{name!r}]"
            raise ConfigError(f"{field} takes {unfit.takes}, not {unfit.got}") from None
    return objects


def _provider(
    entry: ProviderConfig,
    spec: ProviderSpec,
    client: HttpClient,
    environment: Mapping[str, str],
    extras: Mapping[str, Any],
) -> Provider:
    settings = structure_provider_config(entry, spec.config_type)
    services = Services(
        name=entry.name,
        client=client,
        codecs=codecs_on_demand(entry.type, spec.codec_claims(), environment),
        credentials={
            **spec.credentials_from_environment(environment),
            **credentials_of(entry, spec.credentials, spec.credentials_elsewhere),
        },
        extras=_objects_of(entry.name, extras, spec.extras),
    )
    try:
        return spec.create(settings, services)
    except AxonFlowError as error:
        raise error.enrich(provider=entry.name) from None
    except Exception as error:
        raise PluginError(
            f"the provider {entry.name} could not be built: {type(error).__name__}: {error}",
            hint=f"a fault in the plugin of {spec.display_name}: report it there",
        ) from error


def _as_embedding_request(request: EmbeddingRequest | Sequence[str] | str) -> EmbeddingRequest:
    asked = request if isinstance(request, EmbeddingRequest) else EmbeddingRequest(request)
    if not asked.inputs:
        raise RequestError("embed takes one or several inputs, and got none")
    return asked
