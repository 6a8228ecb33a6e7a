"""The provider: a server of Ollama's, and what it says of itself.

Every model id is the server's to accept or refuse. Without credentials calls carry none; with an
`api_key` they carry it as a bearer token, for Ollama's cloud and for proxies. `health` and `check`
ask the server for its version and for what is pulled, which calls no model.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from axonflow_core.calls.abilities import Embedding
from axonflow_core.calls.hosted import HostedProvider, HostedService
from axonflow_core.calls.route import UnaryRoute
from axonflow_core.calls.surface import JSON_LINES
from axonflow_core.codec import ModelFacts
from axonflow_core.codec.json_members import mapping_or_empty
from axonflow_core.codec.unary import EmbeddingCodec
from axonflow_core.errors import AxonFlowError, ModelNotFound, ProviderError, Unavailable
from axonflow_core.frozen import evolve
from axonflow_core.messages import Json, Receipt
from axonflow_core.plugin_spec import Services
from axonflow_core.provider import Checkup, Fact, Health, Price
from axonflow_core.tables.errors import ErrorTable

from .chat import CODEC
from .chat.errors import ERRORS
from .chat.settings import kept_alive, members_for
from .config import OllamaConfig
from .embedding import EMBED
from .listing import pulled_in
from .models import MODELS, facts_of, full_name

CHAT, EMBED_PATH, TAGS, VERSION = "/api/chat", "/api/embed", "/api/tags", "/api/version"
_FREE = Price(input=0.0, output=0.0, cache_read=0.0, cache_write_5m=0.0, cache_write_1h=0.0)


class OllamaService(HostedService):
    """A server of Ollama's."""

    errors = ERRORS
    fixes = ErrorTable.beside(__file__)

    def proof(self, key: str) -> Mapping[str, str]:
        return {"authorization": f"Bearer {key}"}

    async def identity(self) -> Mapping[str, str]:
        return self.proof(self.key) if self.key else {}

    def hint(self, error: ProviderError) -> str | None:
        if type(error) is Unavailable and error.message.startswith("no connection to"):
            error.hint = None  # the network's says less: Ollama has a command for it
        return super().hint(error)


class OllamaProvider(Embedding, HostedProvider):
    """The models of one server of Ollama's."""

    service_type = OllamaService
    models = MODELS
    codec = CODEC
    is_table_whole = False

    def __init__(self, config: OllamaConfig, services: Services) -> None:
        self._config = config
        self.surface = evolve(
            JSON_LINES, operation=CHAT, stream_operation=CHAT, add_members=members_for(config)
        )
        super().__init__(config, services)

    def facts_of(self, model: str) -> ModelFacts:
        return facts_of(model, self._config.max_tokens)

    def embedding_route(self, model: str | None) -> UnaryRoute[EmbeddingCodec]:
        called = model or self.default_model

        def wrap(body: Json) -> Json:
            return {"model": called, **kept_alive(self._config), **body}

        return self.unary_route(called, EMBED, EMBED_PATH, wrap=wrap)

    def serves(self, model: str) -> bool | None:
        """Only the server knows what is pulled there."""
        return None

    def price(self, receipt: Receipt) -> Price | None:
        """Nothing, for a model that runs on a machine of one's own. None, which is unknown, for one
        of Ollama's cloud, which is paid by plans: on ollama.com itself, or through a server of
        one's own by its tag (`gpt-oss:120b-cloud`)."""
        host = urlsplit(self._config.endpoint).hostname or ""
        is_cloud = receipt.called.endswith("cloud") or f".{host}".endswith(".ollama.com")
        return None if is_cloud else _FREE

    # ── what the server says of itself ────────────────────────────────────────────────────────────

    async def health(self) -> Health:
        """Whether the server answers; no model is loaded for it."""
        try:
            version = mapping_or_empty(await self._service.ask(VERSION)).get("version")
        except AxonFlowError as error:
            found = self.finding_of(error)
            detail = ": ".join(filter(None, (found.message, found.hint)))
            return Health(is_ready=False, detail=detail)
        return Health(is_ready=True, detail=f"Ollama {version}")

    async def check(self, *, with_credentials: bool = True) -> Checkup:
        """As `SupportsCheck.check`. The server is asked what is pulled."""
        model, source = self.default_model, "an API key" if self._service.key else "none"
        facts = {**self.facts(), "credentials": Fact(value=source)}
        try:
            pulled = pulled_in(await self._service.ask(TAGS))
        except AxonFlowError as error:
            found = self.finding_of(error, key="endpoint", is_fault=False)
            return Checkup(facts=facts, findings=(found,))
        facts["pulled"] = Fact(value=", ".join(pulled) or "no model")
        if full_name(model) in pulled:
            return Checkup(facts=facts)
        missing = ModelNotFound(f"{model} is not pulled", status=404).enrich(model=model)
        found = self.finding_of(missing, key="model", is_fault=False)
        return Checkup(facts=facts, findings=(found,))
