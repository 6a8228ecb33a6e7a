"""A provider: something that answers a `CompletionRequest`.

A plugin describes itself with a `ProviderSpec`; the core reads the YAML into the spec's `config_type`, calls `create`
and owns what comes back, so that a plugin cannot half-start.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeAlias

from attrs import field, frozen

from axonflow_core.codec import CodecRegistry
from axonflow_core.messages import NOTHING_MORE, Completion, CompletionRequest, Json
from axonflow_core.stream import Batch

if TYPE_CHECKING:
    from axonflow_core.transport import Transport

AsgiApp: TypeAlias = Callable[[Any, Any, Any], Awaitable[None]]
"""An ASGI 3 application: `await app(scope, receive, send)`."""


@frozen
class Health:
    """Whether a provider could answer now, as far as it can tell without a billed call."""

    is_ready: bool
    detail: str = ""


class CompletionStream(Protocol):
    """An open streamed answer: batches of events, each the sum of one network read or less.

    Iteration raises `TruncatedStream` when the provider stops early. `aclose` cancels the upstream call at once.
    """

    request_id: str | None

    def __aiter__(self) -> AsyncIterator[Batch]: ...
    async def aclose(self) -> None: ...
    async def __aenter__(self) -> Self: ...
    async def __aexit__(self, *exc_info: object) -> None: ...


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
class Services:
    """What the core lends a provider."""

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
    emulator: Callable[[], Emulator] | None = None
