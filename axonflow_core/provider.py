"""A provider: something that answers a `CompletionRequest`.

A plugin describes itself with a `ProviderSpec`; the core reads the YAML into the spec's
`config_type`, calls `create` and owns what comes back, so that a plugin cannot half-start.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Protocol, Self, runtime_checkable

from attrs import field, frozen

from axonflow_core.messages import Adjustment, Completion, CompletionRequest, Json, TokenCount
from axonflow_core.retrieval import EmbeddingRequest, Embeddings, Ranking, RerankRequest
from axonflow_core.stream import Batch

if TYPE_CHECKING:
    pass


@frozen
class Health:
    """Whether a provider could answer now, as far as it can tell without a billed call."""

    is_ready: bool
    detail: str = ""


class CompletionStream(ABC):
    """An open streamed answer. A provider implements `read` and `aclose`; iteration and `async
    with` follow from them.

    Whoever opens a stream closes it: `async with await provider.stream(…) as stream`.
    """

    request_id: str | None = None
    adjustments: tuple[Adjustment, ...] = ()
    """What of the request was not sent as it was asked."""
    _ready: Iterator[Batch] = iter(())

    @abstractmethod
    async def read(self) -> tuple[Batch, ...]:
        """Every batch that one network read produced, in order; `()` at the end, and again ever
        after.

        Waits until there is at least one batch. What precedes a fault in the same network read is
        returned first; the next call raises the fault: `TruncatedStream` when the provider stops
        early.
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
    """One configured provider. `model` is an id as the provider itself spells it; None is the
    configured one."""

    @property
    def default_model(self) -> str: ...

    async def complete(
        self, request: CompletionRequest, *, model: str | None = None
    ) -> Completion: ...

    async def stream(
        self, request: CompletionRequest, *, model: str | None = None
    ) -> CompletionStream:
        """Returns once the provider has accepted the call; an error before the first byte is raised
        here."""
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
class SupportsExplanation(Protocol):
    """A provider that can say what a call would be."""

    async def explain(
        self, request: CompletionRequest, *, model: str | None = None, is_streamed: bool = True
    ) -> Explanation: ...


@runtime_checkable
class SupportsEmbedding(Protocol):
    """A provider that makes vectors."""

    async def embed(self, request: EmbeddingRequest, *, model: str | None = None) -> Embeddings:
        """One answer for all inputs, however many calls they take."""
        ...


@runtime_checkable
class SupportsReranking(Protocol):
    """A provider that puts documents in order."""

    async def rerank(self, request: RerankRequest, *, model: str | None = None) -> Ranking: ...


@runtime_checkable
class SupportsTokenCounting(Protocol):
    """A provider that counts the tokens of a request without answering it."""

    async def count(self, request: CompletionRequest, *, model: str | None = None) -> TokenCount:
        """`Uncountable` where it counts for other models and not for this one."""
        ...
