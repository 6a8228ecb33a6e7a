"""A provider: something that answers a `CompletionRequest`.

A plugin describes itself with a `ProviderSpec`; the core reads the YAML into the spec's `config_type`, calls `create`
and owns what comes back, so that a plugin cannot half-start.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeAlias, runtime_checkable

from attrs import field, frozen

from axonflow_core.messages import NOTHING_MORE, Adjustment, Completion, CompletionRequest, Json, TokenCount
from axonflow_core.retrieval import EmbeddingRequest, Embeddings, Ranking, RerankRequest
from axonflow_core.stream import Batch

if TYPE_CHECKING:
    from axonflow_core.registry import CodecRegistry
    from axonflow_core.testing.recorded import Opener
    from axonflow_core.transport import Transport

AsgiApp: TypeAlias = Callable[[Any, Any, Any], Awaitable[None]]
"""An ASGI 3 application: `await app(scope, receive, send)`."""


@frozen
class Health:
    """Whether a provider could answer now, as far as it can tell without a billed call."""

    is_ready: bool
    detail: str = ""


class CompletionStream(ABC):
    """An open streamed answer. A provider implements `read` and `aclose`; iteration and `async with` follow from them.

    Whoever opens a stream closes it: `async with await provider.stream(…) as stream`.
    """

    request_id: str | None = None
    adjustments: tuple[Adjustment, ...] = ()
    """What of the request was not sent as it was asked."""
    _ready: Iterator[Batch] = iter(())

    @abstractmethod
    async def read(self) -> tuple[Batch, ...]:
        """Every batch that one network read produced, in order; `()` at the end, and again ever after.

        Waits until there is at least one batch. What precedes a fault in the same network read is returned first; the
        next call raises the fault: `TruncatedStream` when the provider stops early.
        """

    @abstractmethod
    async def aclose(self) -> None:
        """Cancels the upstream call at once, without reading it to its end. May be called twice."""

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Batch:
        for batch in self._ready:
            return batch
        batches = await self.read()
        if not batches:
            raise StopAsyncIteration
        self._ready = iter(batches)
        return next(self._ready)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()


class Provider(Protocol):
    """One configured provider. `model` is an id as the provider itself spells it; None is the configured one."""

    @property
    def default_model(self) -> str: ...

    async def complete(self, request: CompletionRequest, *, model: str | None = None) -> Completion: ...

    async def stream(self, request: CompletionRequest, *, model: str | None = None) -> CompletionStream:
        """Returns once the provider has accepted the call; an error before the first byte is raised here."""
        ...

    async def health(self) -> Health: ...

    async def aclose(self) -> None: ...


@frozen(kw_only=True)
class Explanation:
    """What a call would be. Nothing was sent for it."""

    facts: Mapping[str, str]
    """What was decided, and by whom; in the order to be read."""
    warnings: tuple[str, ...] = ()
    url: str
    headers: Mapping[str, str] = field(repr=False)
    """As they would be sent, with what proves who we are masked."""
    body: Json = field(repr=False)
    permissions: tuple[Json, ...] = ()
    """The statements of a policy that allows this call and no other."""


@runtime_checkable
class Explaining(Protocol):
    """A provider that can say what a call would be."""

    async def explain(
        self, request: CompletionRequest, *, model: str | None = None, is_streamed: bool = True
    ) -> Explanation: ...


@runtime_checkable
class Embedding(Protocol):
    """A provider that makes vectors."""

    async def embed(self, request: EmbeddingRequest, *, model: str | None = None) -> Embeddings:
        """One answer for all inputs, however many calls they take."""
        ...


@runtime_checkable
class Reranking(Protocol):
    """A provider that puts documents in order."""

    async def rerank(self, request: RerankRequest, *, model: str | None = None) -> Ranking: ...


@runtime_checkable
class Counting(Protocol):
    """A provider that counts the tokens of a request without answering it."""

    async def count(self, request: CompletionRequest, *, model: str | None = None) -> TokenCount:
        """`Uncountable` where it counts for other models and not for this one."""
        ...


@frozen(kw_only=True)
class Services:
    """What the core lends a provider."""

    name: str
    """The provider's key in the YAML, which errors call it by."""
    transport: Transport
    codecs: CodecRegistry
    extras: Mapping[str, Any] = field(default=NOTHING_MORE, repr=False)
    """Ready objects handed to `Runtime`, e.g. `{"boto3_session": boto3.Session(…)}`. Never read from YAML."""


@frozen(kw_only=True)
class Emulator:
    """A stand-in for the provider's service that needs no account and no network."""

    app: AsgiApp
    environment: Callable[[str], Mapping[str, str]]
    """Base URL of the served app -> the environment that points the provider's own clients, and us, at it."""
    models: tuple[str, ...]
    """One model id for each family it answers for."""
    refused_model: str
    """A model id that it refuses as the real service would, to show how an error reads."""


class BuildEmulator(Protocol):
    """How a plugin builds its emulator."""

    def __call__(
        self,
        script: Path | None = None,
        *,
        record: Path | None = None,
        replay: Path | None = None,
        upstream: str | None = None,
    ) -> Emulator:
        """`script` is a file that says how the emulator is to behave, in the plugin's own terms.

        `record` is a file that exchanges are added to, in the shape that `recordings` opens; `replay` is one that
        answers; `upstream` is the URL of the real service, that answers. `ConfigError`.
        """
        ...


@frozen(kw_only=True)
class ErrorEntry:
    """One way in which calls fail, as a page of documentation tells it."""

    code: str
    """The `code` of the error that is raised; empty where the call succeeds and disappoints."""
    cause: str
    fix: str
    """As in the error itself; a word in capitals stands for a value of the call."""
    native_codes: tuple[str, ...] = ()
    """The provider's own names for it."""
    statuses: str = ""
    """HTTP statuses, where they tell this entry from others."""
    example: str = ""
    """The provider's own words."""
    is_retryable: bool = False
    issue: str = ""
    """Set for the few that most people meet, in the words of who meets them; such entries come first."""


@frozen(kw_only=True)
class ProviderSpec:
    """A plugin's description of its provider."""

    name: str
    display_name: str
    config_type: type[Any]
    """An attrs class; its attributes are the keys of `config:`, its types convert, its docstrings explain."""
    create: Callable[[Any, Services], Provider]
    """Builds the provider from a `config_type` instance. Does no I/O; opens nothing before the first call."""
    config_from_environment: Callable[[Mapping[str, str]], Mapping[str, Json] | None] = lambda environment: None
    """The `config:` that the environment alone asks for (`BEDROCK_REGION`), or None: this provider is not wanted."""
    emulator: BuildEmulator | None = None
    recordings: Callable[[CodecRegistry], Opener] | None = None
    """How recorded traffic of this provider is opened, for `axonflow codecs check`."""
    error_catalogue: Callable[[], Sequence[ErrorEntry]] | None = None
    """Every failure that the provider tells apart, for `axonflow explain error` and the page made from it."""
