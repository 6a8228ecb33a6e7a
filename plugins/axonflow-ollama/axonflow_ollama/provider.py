"""The provider: a server of Ollama's, and what it says of itself.

Every model id is the server's to accept or refuse. Without credentials calls carry none; with an
`api_key` they carry it as a bearer token, for Ollama's cloud and for proxies. `health` and `check`
ask the server for its version and for what is pulled, which calls no model.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from axonflow_core.calls.abilities import Embedding
from axonflow_core.calls.call import Caller
from axonflow_core.calls.chat_provider import RoutedProvider
from axonflow_core.calls.route import Call, Route, UnaryRoute
from axonflow_core.calls.surface import Surface
from axonflow_core.calls.upstream import Terms, Upstream
from axonflow_core.codec.json_members import mapping_or_empty, unknown_members, without_none
from axonflow_core.codec.unary import EmbeddingCodec
from axonflow_core.errors import AxonFlowError, ModelNotFound, ProviderError, Unavailable
from axonflow_core.framing.ndjson import NdjsonDecoder
from axonflow_core.frozen import evolve
from axonflow_core.http.client import HttpClient, HttpRequest, Timeouts
from axonflow_core.json_text import loads_answer
from axonflow_core.messages import Json, Receipt
from axonflow_core.plugin_spec import Services
from axonflow_core.provider import Checkup, Fact, Finding, Health, Price

from .chat import CODEC
from .config import OllamaConfig
from .embedding import EMBED
from .errors import ERRORS, PULL, hint
from .models import facts_of, full_name, price_of

CHAT, EMBED_PATH, TAGS, VERSION = "/api/chat", "/api/embed", "/api/tags", "/api/version"
_JSON = {"content-type": "application/json"}
_TRANSPORT = frozenset({"model", "stream"})
_ASK_S = 3.0
"""How long the server may take to say what it is."""


def _chunk_in_line(line: Json, /, *, model: Any, request_id: str | None) -> Json:
    return line


SURFACE = Surface(
    name="chat",
    operation=CHAT,
    stream_operation=CHAT,
    headers=_JSON,
    stream_headers=_JSON,
    stream_type="application/x-ndjson",
    frame_reader=NdjsonDecoder,
    read_frame=_chunk_in_line,
)


def with_settings(body: Json, settings: Mapping[str, Json], num_ctx: int | None) -> Json:
    """`body` with what the operator says of every call, where the call does not say it."""
    filled = {**settings, **body}
    if num_ctx is not None:
        filled["options"] = {"num_ctx": num_ctx, **mapping_or_empty(body.get("options"))}
    return filled


class OllamaService(Upstream):
    """A server of Ollama's."""

    def __init__(self, config: OllamaConfig, services: Services) -> None:
        self._client: HttpClient = services.client
        self._endpoint = config.endpoint
        key = services.credentials.get("api_key")
        self.identity = {"authorization": f"Bearer {key}"} if key else {}
        self._terms = Terms(region=config.data_region)

    async def terms(self) -> Terms:
        return self._terms

    async def request(self, call: Call) -> HttpRequest:
        headers = {**call.headers, **self.identity}
        return HttpRequest(
            "POST", f"{self._endpoint}{call.operation}", headers, call.body, call.timeouts
        )

    async def error(
        self, call: Call, status: int, headers: Mapping[str, str], body: bytes
    ) -> AxonFlowError:
        error = ERRORS.decode_error(status, headers, body)
        return error.enrich(hint=hint(error, call.route.called))

    def hint(self, error: ProviderError) -> str | None:
        if type(error) is Unavailable and error.message.startswith("no connection to"):
            error.hint = None  # the network's says less: Ollama has a command for it
        return hint(error, "MODEL")

    async def ask(self, path: str) -> Json:
        """What the server says at `path`, without a model. Any `AxonFlowError`."""
        timeouts = Timeouts(connect_s=_ASK_S, first_byte_s=_ASK_S, idle_s=_ASK_S, total_s=_ASK_S)
        url = f"{self._endpoint}{path}"
        answer = await self._client.send(HttpRequest("GET", url, self.identity, b"", timeouts))
        if answer.status != 200:
            raise ERRORS.decode_error(answer.status, answer.headers, answer.body)
        try:
            return loads_answer(answer.body)
        except ValueError:
            raise Unavailable(f"{self._endpoint} does not answer as an Ollama does") from None


class OllamaProvider(Embedding, RoutedProvider):
    """The models of one server of Ollama's."""

    def __init__(self, config: OllamaConfig, services: Services) -> None:
        self._config = config
        self._service = OllamaService(config, services)
        self._keep_alive = without_none({"keep_alive": _duration(config.keep_alive)})
        self._surface = evolve(SURFACE, add_members=self._addressed)
        super().__init__(Caller(services.name, services.client, config, self._service), config)

    def route(self, model: str) -> Route:
        facts = facts_of(model, self._config.max_tokens)
        return Route(model=model, called=model, codec=CODEC, facts=facts, surface=self._surface)

    def embedding_route(self, model: str | None) -> UnaryRoute[EmbeddingCodec]:
        called = model or self.default_model
        return UnaryRoute(
            model=called,
            called=called,
            codec=EMBED,
            facts=facts_of(called),
            operation=EMBED_PATH,
            headers=_JSON,
            wrap=lambda body: {"model": called, **self._keep_alive, **body},
        )

    def _addressed(self, body: Json, model: str, is_streamed: bool) -> Json:
        content = unknown_members(body, _TRANSPORT)
        filled = with_settings(content, self._keep_alive, self._config.num_ctx)
        return {"model": model, **filled, "stream": is_streamed}

    def price(self, receipt: Receipt) -> Price | None:
        """As `SupportsPricing.price`: nothing, for a server of one's own."""
        return price_of(receipt.called, self._config.endpoint)

    async def health(self) -> Health:
        """Whether the server answers; no model is loaded for it."""
        try:
            version = mapping_or_empty(await self._service.ask(VERSION)).get("version")
        except ProviderError as error:
            return Health(is_ready=False, detail=f"{error.message}: {self._service.hint(error)}")
        except AxonFlowError as error:
            return Health(is_ready=False, detail=error.message)
        return Health(is_ready=True, detail=f"Ollama {version}")

    async def check(self, *, with_credentials: bool = True) -> Checkup:
        """As `SupportsCheck.check`. The server is asked what is pulled."""
        config = self._config
        facts = {
            "endpoint": Fact(value=config.endpoint, key="endpoint"),
            "model": Fact(value=config.model, key="model"),
            "credentials": Fact(value="an API key" if self._service.identity else "none"),
        }
        try:
            pulled = pulled_in(await self._service.ask(TAGS))
        except AxonFlowError as error:
            return Checkup(facts=facts, findings=(self._unreachable(error),))
        facts["pulled"] = Fact(value=", ".join(pulled) or "no model")
        is_there = full_name(config.model) in pulled
        return Checkup(facts=facts, findings=() if is_there else (_not_pulled(config.model),))

    def _unreachable(self, error: AxonFlowError) -> Finding:
        advice = self._service.hint(error) if isinstance(error, ProviderError) else error.hint
        return Finding(
            message=error.message,
            hint=advice,
            key="endpoint",
            code=error.code,
            is_fault=False,
        )


def _duration(given: str | None) -> Json:
    """A duration as Ollama reads it: a text with a unit, a number without one."""
    if given is None:
        return None
    return int(given) if given.removeprefix("-").isdecimal() else given


def pulled_in(tags: Json) -> tuple[str, ...]:
    """The names of the models in the answer to `/api/tags`."""
    models = mapping_or_empty(tags).get("models")
    names = (mapping_or_empty(each).get("name") for each in models or ())
    return tuple(full_name(name) for name in names if isinstance(name, str))


def _not_pulled(model: str) -> Finding:
    return Finding(
        message=f"{model} is not pulled",
        hint=PULL.replace("MODEL", model),
        key="model",
        code=ModelNotFound.code,
        is_fault=False,
    )
