"""The OpenAI provider: chat completions and embeddings of one account.

Which codec and which facts a model has follows from its id (`models`). An id that nothing claims is
one of a server that imitates OpenAI, and is called as a model that chats. `OpenAIService` is the
account: where calls go, and what proves who calls. Azure's provider is made of the same parts.

OpenAI counts the tokens of a request too (`counting`), Azure does not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import urlsplit

from axonflow_core.calls.abilities import Counting, Embedding
from axonflow_core.calls.call import Caller
from axonflow_core.calls.chat_provider import CHAT as CHAT_SURFACE
from axonflow_core.calls.chat_provider import RoutedProvider
from axonflow_core.calls.route import Call, Route, UnaryRoute
from axonflow_core.calls.settings import CommonSettings
from axonflow_core.calls.surface import Surface
from axonflow_core.calls.upstream import Terms, Upstream
from axonflow_core.codec import FamilyCodec, ModelFacts
from axonflow_core.codec.errors import ErrorCodec
from axonflow_core.codec.unary import EmbeddingCodec, TokenCounter
from axonflow_core.errors import (
    AxonFlowError,
    CredentialsError,
    CredentialsMissing,
    ProviderError,
    RequestError,
)
from axonflow_core.frozen import evolve
from axonflow_core.http.client import HttpRequest
from axonflow_core.messages import EMPTY, Receipt
from axonflow_core.plugin_spec import ErrorEntry, Life, Services
from axonflow_core.provider import Checkup, Fact, Finding, Health, Price

from .codec import CHAT, EMBEDDINGS, codec_for
from .config import OpenAIConfig
from .counting import PATH as COUNT_PATH
from .counting import as_counted, counter
from .errors import CATALOGUE, ERRORS, KEY_HINT, hint_in
from .models import base_id, facts_of, life_today, price_of, row_of

SURFACE: Surface = evolve(
    CHAT_SURFACE, operation="/chat/completions", stream_operation="/chat/completions"
)
_EMBEDDINGS_PATH = "/embeddings"


class OpenAIService(Upstream):
    """An account of OpenAI's."""

    errors: ErrorCodec = ERRORS
    entries: Sequence[ErrorEntry] = CATALOGUE

    def __init__(
        self,
        base_url: str,
        key: str | None,
        region: str | None = None,
        billed: Mapping[str, str] = EMPTY,
    ) -> None:
        self.base_url = base_url
        self._key, self._billed = key, billed
        self._terms = Terms(region=region)

    async def identity(self) -> Mapping[str, str]:
        """The headers that prove who calls. `CredentialsError` where nothing does."""
        if not self._key:
            raise CredentialsMissing("there is no API key of OpenAI's", hint=KEY_HINT)
        return {"authorization": f"Bearer {self._key}", **self._billed}

    def url(self, call: Call) -> str:
        """Where `call` is posted."""
        return f"{self.base_url}{call.operation}"

    async def terms(self) -> Terms:
        return self._terms

    async def request(self, call: Call) -> HttpRequest:
        headers = {**call.headers, **await self.identity()}
        return HttpRequest("POST", self.url(call), headers, call.body, call.timeouts)

    async def error(
        self, call: Call, status: int, headers: Mapping[str, str], body: bytes
    ) -> AxonFlowError:
        return self.errors.decode_error(status, headers, body)

    def hint(self, error: ProviderError) -> str | None:
        return hint_in(self.entries, error)


def service_of(config: OpenAIConfig, services: Services) -> OpenAIService:
    """The account that a configuration names."""
    named = {"openai-organization": config.organization, "openai-project": config.project}
    billed = {header: value for header, value in named.items() if value}
    key = services.credentials.get("api_key")
    return OpenAIService(config.base_url, key, config.data_region, billed)


def opened(config: OpenAIConfig, services: Services) -> CountingProvider:
    """The provider of a configuration."""
    return CountingProvider(config, services, service_of(config, services))


class OpenAIProvider(Embedding, RoutedProvider):
    """Models of OpenAI's."""

    def __init__(self, config: CommonSettings, services: Services, service: OpenAIService) -> None:
        self._config, self._codecs, self._service = config, services.codecs, service
        super().__init__(Caller(services.name, services.client, config, service), config)

    def openai_id(self, model: str) -> str:
        """The id by which OpenAI knows `model`."""
        return model

    def chat_codec(self, model: str) -> FamilyCodec:
        """The codec of a chat model, by OpenAI's id."""
        return codec_for(self._codecs, FamilyCodec, base_id(model), SURFACE.name) or CHAT

    def route(self, model: str) -> Route:
        id = self.openai_id(model)
        facts = evolve(facts_of(id, self._config.max_tokens), model_id=model)
        codec = self.chat_codec(id)
        return Route(model=model, called=model, codec=codec, facts=facts, surface=SURFACE)

    def embedding_route(self, model: str | None) -> UnaryRoute[EmbeddingCodec]:
        name = model or self.default_model
        id = self.openai_id(name)
        base = base_id(id)
        codec = codec_for(self._codecs, EmbeddingCodec, base, "embeddings")
        if codec is None and codec_for(self._codecs, FamilyCodec, base, SURFACE.name):
            raise RequestError(
                f"{name} is a chat model and makes no embeddings",
                hint="name a model that does: text-embedding-3-small",
            )
        return UnaryRoute(
            model=name,
            called=name,
            codec=codec or EMBEDDINGS,
            facts=evolve(facts_of(id), model_id=name),
            operation=_EMBEDDINGS_PATH,
            headers=SURFACE.headers,
            wrap=lambda body: {"model": name, **body},
        )

    def serves(self, model: str) -> bool | None:
        """Yes for a model of the table; of any other only a call tells."""
        return None if row_of(self.openai_id(model)) is None else True

    def context_tokens(self, model: str) -> int | None:
        """The context window, as the table has it."""
        row = row_of(self.openai_id(model))
        return None if row is None else row.context

    def price(self, receipt: Receipt) -> Price | None:
        """The price of the standard tier; None for a model that the table lacks."""
        return price_of(self.openai_id(receipt.called))

    async def health(self) -> Health:
        """Whether there is something that proves who calls; nothing is sent to a model."""
        try:
            await self._service.identity()
        except CredentialsError as error:
            return Health(is_ready=False, detail=error.message)
        return Health(is_ready=True)

    # ── what the first call would find ────────────────────────────────────────────────────────────

    async def check(self, *, with_credentials: bool = True) -> Checkup:
        """Facts and findings; nothing is sent."""
        findings = [*self.findings()]
        facts = {**self.facts()}
        if with_credentials:
            try:
                await self._service.identity()
                facts["credentials"] = Fact(value=self.identity_source)
            except CredentialsError as error:
                findings.append(Finding(message=error.message, hint=error.hint, code=error.code))
        return Checkup(facts=facts, findings=tuple(findings))

    identity_source = "an API key"
    """What proves who calls, for people."""

    def facts(self) -> Mapping[str, Fact]:
        """What is settled before the first call."""
        route = self.route(self.default_model)
        return {
            "endpoint": Fact(value=self._service.base_url, key="endpoint"),
            "model": Fact(value=self.default_model, key="model"),
            "family": Fact(value=route.codec.name),
        }

    def findings(self) -> Iterator[Finding]:
        """What the first call would meet, of the endpoint and the model."""
        parts = urlsplit(self._service.base_url)
        if parts.scheme == "http" and parts.hostname not in ("localhost", "127.0.0.1", "::1"):
            message = "the API key is sent unencrypted"
            yield Finding(message=message, hint="use https", key="endpoint", is_fault=False)
        yield from self.life_findings()

    def life_findings(self) -> Iterator[Finding]:
        """Whether the model has ended, or will."""
        row = row_of(self.openai_id(self.default_model))
        if row is not None and (life := life_today(row)) is not Life.ACTIVE:
            ends = "ended" if life is Life.ENDED else "ends"
            hint = f"{row.successor} takes its place" if row.successor else None
            message = f"{row.id} {ends} on {row.ends_on}"
            yield Finding(message=message, hint=hint, key="model", is_fault=False)


class CountingProvider(Counting, OpenAIProvider):
    """Models of OpenAI's own API."""

    def counting_route(self, model: str | None) -> UnaryRoute[TokenCounter]:
        called = model or self.default_model
        # Without the facts of a model: the Responses API takes more than chat completions do.
        return UnaryRoute(
            model=called,
            called=called,
            codec=counter(self.chat_codec(called)),
            facts=ModelFacts(model_id=called, base_id=base_id(called)),
            operation=COUNT_PATH,
            headers=SURFACE.headers,
            wrap=lambda body: {"model": called, **as_counted(body)},
        )
