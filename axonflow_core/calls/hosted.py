"""A provider at a vendor's address: a key proves who calls, and tables tell the rest.

    HostedService     the vendor: its address, its key, its errors (`errors.toml`)
    HostedProvider    its models (`models.toml`): where calls go, what is served, what it costs,
                      what a check finds

A plugin's classes state what is the vendor's own, as attributes and in `proof`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

from axonflow_core.codec import Codec, ModelFacts
from axonflow_core.codec.errors import ErrorCodec
from axonflow_core.errors import (
    AxonFlowError,
    CredentialsError,
    CredentialsMissing,
    ProviderError,
    RequestError,
    Unavailable,
)
from axonflow_core.http.client import HttpRequest, Timeouts
from axonflow_core.json_text import loads_answer
from axonflow_core.messages import Json, Receipt
from axonflow_core.nearest import nearest
from axonflow_core.plugin_spec import Life, Services
from axonflow_core.provider import Checkup, Fact, Finding, Health, Price, warning
from axonflow_core.tables.errors import ErrorTable
from axonflow_core.tables.models import ModelRow, ModelTable, today

from .call import Caller
from .chat_provider import RoutedProvider
from .route import Call, Route, UnaryRoute
from .settings import HostedSettings
from .surface import JSON_HEADERS, Surface
from .tokens import Tokens
from .upstream import Terms, Upstream

C = TypeVar("C")
_ASK_S = 3.0
"""How long a vendor may take to say what it is."""
_HERE = ("localhost", "127.0.0.1", "::1")


class HostedService(Upstream):
    """A vendor's API, as one account calls it."""

    errors: ErrorCodec
    """What its refusals mean."""
    fixes: ErrorTable
    """How they are mended. The `fix` of `credentials_missing` is the hint of a missing key."""
    keyless = "there is no API key"
    """What is said where there is none."""
    identity_source = "an API key"
    """What proves who calls, for people."""

    def __init__(self, config: HostedSettings, services: Services) -> None:
        self.base_url = config.endpoint.rstrip("/")
        self.key = services.credentials.get("api_key")
        self.tokens: Tokens | None = None
        """Tokens that a vendor takes instead of a key; a subclass sets them."""
        self._terms = Terms(region=config.data_region)
        self._client = services.client

    @abstractmethod
    def proof(self, key: str) -> Mapping[str, str]:
        """The headers that prove who calls, and whatever else every call carries."""

    async def identity(self) -> Mapping[str, str]:
        """A token, or else the headers of `proof`. `CredentialsError` where there is neither."""
        if self.tokens is not None:
            return {"authorization": f"Bearer {await self.tokens.token()}"}
        if not self.key:
            raise CredentialsMissing(self.keyless)
        return self.proof(self.key)

    def url(self, call: Call) -> str:
        """Where `call` is posted."""
        return f"{self.base_url}{call.operation}"

    async def terms(self) -> Terms:
        return self._terms

    async def request(self, call: Call) -> HttpRequest:
        headers = {**call.headers, **await self.identity()}
        return HttpRequest("POST", self.url(call), headers, call.body, call.timeouts)

    async def ask(self, path: str) -> Json:
        """What the vendor says at `path` of the address, without a model. Any `AxonFlowError`."""
        timeouts = Timeouts(connect_s=_ASK_S, first_byte_s=_ASK_S, idle_s=_ASK_S, total_s=_ASK_S)
        url, headers = f"{self.base_url}{path}", await self.identity()
        answer = await self._client.send(HttpRequest("GET", url, headers, b"", timeouts))
        if answer.status != 200:
            raise self.errors.decode_error(answer.status, answer.headers, answer.body)
        try:
            return loads_answer(answer.body)
        except ValueError:
            raise Unavailable(f"{self.base_url} does not answer as the service does") from None

    async def error(
        self, call: Call, status: int, headers: Mapping[str, str], body: bytes
    ) -> AxonFlowError:
        error = self.errors.decode_error(status, headers, body)
        return error.enrich(request_id=headers.get(self.request_id_header))

    def hint(self, error: ProviderError) -> str | None:
        return self.fixes.fix(error)

    async def recover(self, error: AxonFlowError, request: HttpRequest) -> bool:
        """A token that was refused is replaced, once a call."""
        if self.tokens is None or not isinstance(error, CredentialsError):
            return False
        return self.tokens.forget(request.headers["authorization"].removeprefix("Bearer "))


def segment_of(id: str, hint: str) -> str:
    """An id, encoded as one segment of a path. `RequestError` with `hint` for one that a proxy
    resolves, and calls another path."""
    if id in (".", ".."):
        raise RequestError(f"nothing is called {id!r}", hint=hint)
    return quote(id, safe="")


class HostedProvider(RoutedProvider):
    """The models of a `HostedService`."""

    service_type: type[HostedService]
    models: ModelTable
    codec: Codec
    """The codec of chat models; `codec_of` says it where there are several."""
    surface: Surface
    is_table_whole = True
    """Whether a check warns of a model that the table lacks."""

    def __init__(
        self,
        config: HostedSettings,
        services: Services,
        *,
        today: Callable[[], date] = today,
    ) -> None:
        self._name, self._today = services.name, today
        self._service = self.service_type(config, services)
        super().__init__(Caller(services.name, services.client, config, self._service), config)

    # ── where calls go ────────────────────────────────────────────────────────────────────────────

    def vendor_id(self, model: str) -> str:
        """The id by which the table knows `model`."""
        return model

    def codec_of(self, model: str) -> Codec:
        """The codec of a chat model."""
        return self.codec

    def facts_of(self, model: str) -> ModelFacts:
        """What is known of a model."""
        return self.models.facts(self.vendor_id(model), limit=self._settings.max_tokens)

    def route(self, model: str) -> Route:
        """Where the calls of `model` go: every id is the vendor's to accept or refuse."""
        return Route(
            model=model,
            called=model,
            codec=self.codec_of(model),
            facts=self.facts_of(model),
            surface=self.surface,
        )

    def unary_route(
        self,
        model: str | None,
        codec: C,
        operation: str,
        **more: Any,
    ) -> UnaryRoute[C]:
        """Where calls of `model` go that are no completions; None is the configured model. Their
        body gets a member `model`, unless `more`, as `UnaryRoute` has it, says otherwise."""
        called = model or self.default_model
        named: dict[str, Any] = {
            "facts": self.facts_of(called),
            "headers": JSON_HEADERS,
            "wrap": lambda body: {"model": called, **body},
            **more,
        }
        return UnaryRoute(model=called, called=called, codec=codec, operation=operation, **named)

    def no_vectors(self, model: str) -> RequestError:
        """The error of a chat model that is asked for embeddings."""
        makers = (row.id for row in self.models.rows if row.kind == "embedding")
        return RequestError(
            f"{model} is a chat model and makes no embeddings",
            hint=f"name a model that does: {next(makers)}",
        )

    # ── what the table tells ──────────────────────────────────────────────────────────────────────

    def row(self, model: str) -> ModelRow | None:
        """The row of a model; None where the table has none."""
        return self.models.row(self.vendor_id(model))

    def serves(self, model: str) -> bool | None:
        """Yes for a model of the table that has not ended; of any other only a call tells."""
        row = self.row(model)
        return None if row is None else row.life_on(self._today()) is not Life.ENDED

    def context_tokens(self, model: str) -> int | None:
        """The limit of the prompt, as the table has it."""
        row = self.row(model)
        return None if row is None else row.context_tokens

    def price(self, receipt: Receipt) -> Price | None:
        """As `SupportsPricing.price`: the list price of the standard tier, today."""
        row = self.row(receipt.called)
        return None if row is None else row.price_on(self._today())

    # ── what the first call would find ────────────────────────────────────────────────────────────

    async def health(self) -> Health:
        """Whether there is something that proves who calls; nothing is sent to a model."""
        try:
            await self._service.identity()
        except CredentialsError as error:
            return Health(is_ready=False, detail=error.message)
        return Health(is_ready=True)

    async def check(self, *, with_credentials: bool = True) -> Checkup:
        """As `SupportsCheck.check`."""
        facts, findings = {**self.facts()}, [*self.findings()]
        if with_credentials:
            try:
                await self._service.identity()
                facts["credentials"] = Fact(value=self._service.identity_source)
            except CredentialsError as error:
                findings.append(self.finding_of(error))
        return Checkup(facts=facts, findings=tuple(findings))

    def finding_of(
        self, error: AxonFlowError, *, key: str | None = None, is_fault: bool = True
    ) -> Finding:
        """What `error` tells before the first call."""
        advice = self._service.hint(error) if isinstance(error, ProviderError) else None
        return Finding(
            message=error.message,
            hint=error.hint or advice,
            key=key,
            code=error.code,
            is_fault=is_fault,
        )

    def facts(self) -> Mapping[str, Fact]:
        """What is settled before the first call."""
        return {
            "endpoint": Fact(value=self._service.base_url, key="endpoint"),
            "model": Fact(value=self.default_model, key="model"),
            "family": Fact(value=self.codec_of(self.default_model).name),
        }

    def findings(self) -> Iterator[Finding]:
        """What the first call would meet, of the endpoint and the model."""
        parts = urlsplit(self._service.base_url)
        if parts.scheme == "http" and parts.hostname not in _HERE:
            yield warning("the API key is sent unencrypted", "use https", key="endpoint")
        yield from self.model_findings(self.default_model)

    def model_findings(self, model: str) -> Iterator[Finding]:
        """Whether a model is known, and whether it has ended or will."""
        row = self.row(model)
        if row is None and self.is_table_whole:
            near = nearest(model, (each.id for each in self.models.rows))
            listed = f"`axonflow models --provider {self._name}` lists those that are"
            fix = f"did you mean `{near}`? {listed}" if near else listed
            yield warning(f"{model} is no model that is known here", fix, key="model")
        elif row is not None and row.ends_on is not None:
            ends = "ended" if row.life_on(self._today()) is Life.ENDED else "ends"
            instead = row.successor and f"{row.successor} takes its place"
            yield warning(f"{model} {ends} on {row.ends_on}", instead, key="model")
