"""A whole provider for a vendor with one JSON API for chat, described as data.

    ChatApi(url=…, headers=…, codec=…, errors=…)      the vendor
    ChatProvider(name, client, settings, api)         the provider

Answers are JSON; streams are server-sent events unless the surface has another framing. A vendor
with another URL for each model, with several operations, or with signatures, writes an `Upstream`
and the `route` of a `RoutedProvider`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping

from attrs import field

from axonflow_core.codec import Codec, ModelFacts
from axonflow_core.codec.errors import ErrorCodec
from axonflow_core.codec.json_members import unknown_members
from axonflow_core.errors import AxonFlowError, ProviderError
from axonflow_core.frozen import frozen
from axonflow_core.http.client import HttpClient, HttpRequest
from axonflow_core.messages import Completion, CompletionRequest, Json
from axonflow_core.provider import (
    CompletionStream,
    EncodedCall,
    ForwardedAnswer,
    Health,
    NativeCall,
)

from .call import Caller
from .forwarding import forwarded
from .retries import Retries
from .route import Call, Route
from .settings import CommonSettings, HostedSettings
from .streams import WholeAnswer
from .surface import JSON_HEADERS, Surface
from .upstream import Terms, Upstream

_MAX_ROUTES = 1024
"""Model ids come from callers, so what is kept for each is bounded."""


def openai_members(body: Json, model: str, is_streamed: bool) -> Json:
    """`model` and `stream` as OpenAI's chat completions have them, whatever the body says of them.
    Streams ask for usage."""
    content = unknown_members(body, _TRANSPORT_MEMBERS)
    if not is_streamed:
        return {"model": model, **content}
    return {"model": model, **content, "stream": True, "stream_options": {"include_usage": True}}


_TRANSPORT_MEMBERS = frozenset({"model", "stream", "stream_options"})


CHAT = Surface(
    name="chat", headers=JSON_HEADERS, stream_headers=JSON_HEADERS, add_members=openai_members
)
"""Chat completions as OpenAI has them."""


@frozen(kw_only=True)
class ChatApi:
    """A vendor's API for chat."""

    url: str
    """Where a completion is posted, whole or streamed."""
    headers: Mapping[str, str] = field(repr=False)
    """What proves the caller's identity: `{"authorization": "Bearer …"}`."""
    codec: Codec
    errors: ErrorCodec
    surface: Surface = CHAT
    retries: Retries = Retries()
    request_id_header: str = "x-request-id"
    """The header of an answer with the vendor's id of the call; lower case."""
    hint: Callable[[AxonFlowError], str | None] = lambda error: None
    """How the operator mends an error, in the vendor's terms; None for no advice."""


class RoutedProvider(ABC):
    """A provider of chat models whose author says where the calls of a model go: `route`."""

    def __init__(self, caller: Caller, settings: CommonSettings) -> None:
        self._settings = settings
        self._caller = caller
        self._routes: dict[str, Route] = {}

    @abstractmethod
    def route(self, model: str) -> Route:
        """Where the calls of `model` go. Asked once a model; `RequestError` for one that there is
        not."""

    @property
    def default_model(self) -> str:
        """The configured model."""
        return self._settings.model

    async def complete(
        self,
        request: CompletionRequest,
        *,
        model: str | None = None,
        timeout_s: float | None = None,
    ) -> Completion:
        """As `Provider.complete`."""
        call = self._caller.prepare(request, self._route(model), timeout_s=timeout_s)
        return await self._caller.complete(call)

    async def stream(
        self,
        request: CompletionRequest,
        *,
        model: str | None = None,
        timeout_s: float | None = None,
    ) -> CompletionStream:
        """As `Provider.stream`. A model that does not stream answers in one batch."""
        route = self._route(model)
        if not route.codec.streams:
            return WholeAnswer(await self.complete(request, model=model, timeout_s=timeout_s))
        call = self._caller.prepare(request, route, is_streamed=True, timeout_s=timeout_s)
        return await self._caller.stream(call)

    async def forward(
        self, call: NativeCall, *, model: str | None = None, timeout_s: float | None = None
    ) -> ForwardedAnswer:
        """As `SupportsForwarding.forward`."""
        if call.is_counted or not isinstance(call.request, CompletionRequest):
            return await forwarded(self, call, model, timeout_s)
        prepare = self._caller.prepare_native
        native = prepare(call, self._route(model), is_streamed=False, timeout_s=timeout_s)
        return await self._caller.forward(native)

    async def forward_stream(
        self, call: NativeCall, *, model: str | None = None, timeout_s: float | None = None
    ) -> CompletionStream:
        """As `SupportsForwarding.forward_stream`."""
        route = self._route(model)
        if not route.codec.streams:
            return WholeAnswer((await self.forward(call, model=model, timeout_s=timeout_s)).answer)
        prepare = self._caller.prepare_native
        return await self._caller.stream(
            prepare(call, route, is_streamed=True, timeout_s=timeout_s)
        )

    def encode(
        self, request: CompletionRequest, *, model: str | None = None, is_streamed: bool = False
    ) -> EncodedCall:
        """As `SupportsEncoding.encode`."""
        route = self._route(model)
        is_streamed = is_streamed and route.codec.streams
        return self._caller.prepare(request, route, is_streamed=is_streamed).encoded

    def encode_native(
        self, call: NativeCall, *, model: str | None = None, is_streamed: bool = False
    ) -> EncodedCall:
        """As `SupportsEncoding.encode_native`."""
        route = self._route(model)
        is_streamed = is_streamed and route.codec.streams
        return self._caller.prepare_native(call, route, is_streamed=is_streamed).encoded

    def regions(self, model: str) -> frozenset[str] | None:
        """As `SupportsResidency.regions`: where the operator says it is."""
        settings = self._settings
        region = settings.data_region if isinstance(settings, HostedSettings) else None
        return None if region is None else frozenset((region,))

    async def health(self) -> Health:
        """Ready: an API key is only tried by a call."""
        return Health(is_ready=True)

    async def aclose(self) -> None:  # noqa: B027 - a provider may have nothing to close
        """Nothing to close: the HTTP client is the runtime's."""

    def _route(self, model: str | None) -> Route:
        name = model or self._settings.model
        route = self._routes.get(name)
        if route is None:
            route = self.route(name)
            if len(self._routes) < _MAX_ROUTES:
                self._routes[name] = route
        return route


class ChatProvider(RoutedProvider):
    """A provider of the chat models of one `ChatApi`."""

    def __init__(
        self, name: str, client: HttpClient, settings: CommonSettings, api: ChatApi
    ) -> None:
        super().__init__(Caller(name, client, settings, _ChatUpstream(api)), settings)
        self._api = api

    def route(self, model: str) -> Route:
        """Where the calls of `model` go: every model id is the vendor's to accept or refuse."""
        api, limit = self._api, self._settings.max_tokens
        facts = ModelFacts(model_id=model, base_id=model, default_max_tokens=limit)
        return Route(model=model, called=model, codec=api.codec, facts=facts, surface=api.surface)


class _ChatUpstream(Upstream):
    def __init__(self, api: ChatApi) -> None:
        self._api = api
        self._terms = Terms(retries=api.retries)
        self.request_id_header = api.request_id_header

    async def terms(self) -> Terms:
        return self._terms

    async def request(self, call: Call) -> HttpRequest:
        headers = {**call.headers, **self._api.headers}
        return HttpRequest("POST", self._api.url, headers, call.body, call.timeouts)

    async def error(
        self, call: Call, status: int, headers: Mapping[str, str], body: bytes
    ) -> AxonFlowError:
        error = self._api.errors.decode_error(status, headers, body)
        return error.enrich(request_id=headers.get(self.request_id_header))

    def hint(self, error: ProviderError) -> str | None:
        return self._api.hint(error)
