"""The provider: where the calls go, how they prove who makes them, and what they cost."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import TypeVar
from urllib.parse import quote

from axonflow_core.calls.abilities import Counting, Embedding
from axonflow_core.calls.call import Caller
from axonflow_core.calls.chat_provider import RoutedProvider
from axonflow_core.calls.route import Call, Route, UnaryRoute
from axonflow_core.calls.surface import Surface
from axonflow_core.calls.upstream import Terms, Upstream
from axonflow_core.codec.unary import EmbeddingCodec, TokenCounter
from axonflow_core.errors import AxonFlowError, CredentialsMissing, ProviderError, RequestError
from axonflow_core.http.client import HttpRequest
from axonflow_core.messages import Receipt
from axonflow_core.plugin_spec import Life, Services
from axonflow_core.provider import Checkup, Fact, Finding, Health, Price

from .codec import CODEC, ERRORS
from .codec.counting import COUNTER
from .codec.embeddings import EMBEDDINGS
from .config import VARIABLES, GeminiConfig
from .errors import KEY_FIX, hint
from .models import base_id, facts_of, known_model, price_of

_JSON = {"content-type": "application/json", "accept": "application/json"}
VERSION = "v1beta"
SURFACE = Surface(
    name=CODEC.surface,
    operation="generateContent",
    stream_operation="streamGenerateContent?alt=sse",
    headers=_JSON,
    stream_headers=_JSON,
)


class GeminiUpstream(Upstream):
    """The Gemini API."""

    def __init__(self, config: GeminiConfig, api_key: str | None) -> None:
        self._endpoint = config.endpoint.rstrip("/").removesuffix(f"/{VERSION}")
        self._terms = Terms(region=config.data_region)
        self._key = api_key

    def key(self) -> str:
        """The API key. `CredentialsMissing` where there is none."""
        if not self._key:
            raise CredentialsMissing(
                "there is no API key of Google's",
                hint=f"set {VARIABLES.api_key}, or write `credentials: {{api_key: ${{…}}}}`",
            )
        return self._key

    async def terms(self) -> Terms:
        return self._terms

    async def request(self, call: Call) -> HttpRequest:
        headers = {**call.headers, "x-goog-api-key": self.key()}
        url = f"{self._endpoint}/{VERSION}/{path_of(call.route.called)}:{call.operation}"
        return HttpRequest("POST", url, headers, call.body, call.timeouts)

    async def error(
        self, call: Call, status: int, headers: Mapping[str, str], body: bytes
    ) -> AxonFlowError:
        error = ERRORS.decode_error(status, headers, body)
        return error.enrich(request_id=headers.get(self.request_id_header))

    def hint(self, error: ProviderError) -> str | None:
        return hint(error)


def path_of(model: str) -> str:
    """The resource name of a model, encoded: `models/gemini-3.8-flash`, `tunedModels/mine`."""
    collection, slash, id = model.partition("/")
    named = (collection, id) if slash and collection in ("models", "tunedModels") else None
    collection, id = named or ("models", model)
    return f"{collection}/{quote(id, safe='')}"


C = TypeVar("C")


def _unary(model: str, codec: C, operation: str) -> UnaryRoute[C]:
    return UnaryRoute(
        model=model,
        called=model,
        codec=codec,
        facts=facts_of(base_id(model)),
        operation=operation,
        headers=_JSON,
    )


class GeminiProvider(Embedding, Counting, RoutedProvider):
    """Gemini, called at the Gemini API."""

    def __init__(
        self,
        config: GeminiConfig,
        services: Services,
        *,
        today: Callable[[], date] = date.today,
    ) -> None:
        self._config, self._today = config, today
        self._upstream = GeminiUpstream(config, services.credentials.get("api_key"))
        super().__init__(Caller(services.name, services.client, config, self._upstream), config)

    def route(self, model: str) -> Route:
        """Where the calls of `model` go: every id is Google's to accept or refuse."""
        facts = facts_of(base_id(model), self._config.max_tokens)
        return Route(model=model, called=model, codec=CODEC, facts=facts, surface=SURFACE)

    def embedding_route(self, model: str | None) -> UnaryRoute[EmbeddingCodec]:
        name = model or self.default_model
        known = known_model(name)
        if known is not None and known.kind != "embedding":
            raise RequestError(
                f"{name} is a chat model and makes no embeddings",
                hint="name a model that does: gemini-embedding-2",
            )
        return _unary(name, EMBEDDINGS, "batchEmbedContents")

    def counting_route(self, model: str | None) -> UnaryRoute[TokenCounter]:
        return _unary(model or self.default_model, COUNTER, "countTokens")

    def serves(self, model: str) -> bool | None:
        """Yes for a model of the table that has not ended; of any other only a call tells."""
        known = known_model(model)
        return None if known is None else known.life_on(self._today()) is not Life.ENDED

    def context_tokens(self, model: str) -> int | None:
        """The limit of the prompt, as the table has it."""
        known = known_model(model)
        return None if known is None else known.context_tokens

    def price(self, receipt: Receipt) -> Price | None:
        """As `SupportsPricing.price`: the list price of the standard tier, today."""
        return price_of(receipt.called, self._today())

    async def health(self) -> Health:
        """Whether there is a key; nothing is sent."""
        try:
            self._upstream.key()
        except CredentialsMissing as error:
            return Health(is_ready=False, detail=error.message)
        return Health(is_ready=True)

    async def check(self, *, with_credentials: bool = True) -> Checkup:
        """As `SupportsCheck.check`."""
        config, findings = self._config, [*self._findings()]
        facts = {
            "model": Fact(value=config.model, key="model"),
            "endpoint": Fact(value=config.endpoint, key="endpoint"),
        }
        if with_credentials:
            try:
                self._upstream.key()
                facts["credentials"] = Fact(value="an API key")
            except CredentialsMissing as error:
                findings.append(Finding(message=error.message, hint=KEY_FIX, code=error.code))
        return Checkup(facts=facts, findings=tuple(findings))

    def _findings(self) -> Iterator[Finding]:
        """What the first call would meet, of the model."""
        name, known = self._config.model, known_model(self._config.model)
        if known is None:
            message = f"{name} is no model that is known here"
            fix = "`axonflow models --provider gemini` lists those that are"
            yield Finding(message=message, hint=fix, key="model", is_fault=False)
        elif (life := known.life_on(self._today())) is not Life.ACTIVE:
            message = f"{name} {'ended' if life is Life.ENDED else 'ends'} on {known.ends_on}"
            next_one = None if known.successor is None else f"{known.successor} takes its place"
            yield Finding(message=message, hint=next_one, key="model", is_fault=False)
