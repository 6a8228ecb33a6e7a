"""The provider: where the calls go, how they prove who makes them, and what they cost."""

from __future__ import annotations

from collections.abc import Mapping

from axonflow_core.calls.abilities import Counting
from axonflow_core.calls.call import Caller
from axonflow_core.calls.chat_provider import RoutedProvider
from axonflow_core.calls.route import Call, Route, UnaryRoute
from axonflow_core.calls.surface import Surface
from axonflow_core.calls.upstream import Terms, Upstream
from axonflow_core.codec import ModelFacts
from axonflow_core.codec.json_members import unknown_members
from axonflow_core.codec.model_rules import facts_by
from axonflow_core.codec.unary import TokenCounter
from axonflow_core.dialects.anthropic_messages import ERRORS
from axonflow_core.dialects.anthropic_messages.claudes import CLAUDE_RULES
from axonflow_core.errors import AxonFlowError, ProviderError
from axonflow_core.frozen import evolve
from axonflow_core.http.client import HttpRequest
from axonflow_core.messages import Json, Receipt
from axonflow_core.plugin_spec import Services, find_fix
from axonflow_core.provider import Checkup, Fact, Finding, Price

from .codec import CODEC, COUNTER
from .config import API_VERSION, AnthropicConfig
from .errors import CATALOGUE
from .models import limits_of, price_of

_JSON = {"content-type": "application/json", "accept": "application/json"}
_BETA_HEADER = "anthropic-beta"
MESSAGES, COUNT = "/v1/messages", "/v1/messages/count_tokens"


def _addressed(body: Json, model: str, is_streamed: bool) -> Json:
    content = unknown_members(body, frozenset({"model", "stream"}))
    return {"model": model, **content, **({"stream": True} if is_streamed else {})}


SURFACE = Surface(
    name=CODEC.surface,
    operation=MESSAGES,
    stream_operation=MESSAGES,
    headers=_JSON,
    stream_headers=_JSON,
    add_members=_addressed,
    header_members={"anthropic_beta": _BETA_HEADER},
)


class AnthropicUpstream(Upstream):
    """Anthropic's API."""

    request_id_header = "request-id"

    def __init__(self, config: AnthropicConfig, api_key: str) -> None:
        self._endpoint = config.endpoint.rstrip("/")
        self._betas = config.betas
        self._terms = Terms(region=config.data_region)
        self._headers = {"x-api-key": api_key, "anthropic-version": API_VERSION}

    async def terms(self) -> Terms:
        return self._terms

    async def request(self, call: Call) -> HttpRequest:
        headers = {**call.headers, **self._headers}
        if self._betas:
            asked = headers.get(_BETA_HEADER, "").split(",")
            headers[_BETA_HEADER] = ",".join(dict.fromkeys(filter(None, (*self._betas, *asked))))
        url = f"{self._endpoint}{call.operation}"
        return HttpRequest("POST", url, headers, call.body, call.timeouts)

    async def error(
        self, call: Call, status: int, headers: Mapping[str, str], body: bytes
    ) -> AxonFlowError:
        error = ERRORS.decode_error(status, headers, body)
        return error.enrich(request_id=headers.get(self.request_id_header))

    def hint(self, error: ProviderError) -> str | None:
        return find_fix(CATALOGUE, error)


class AnthropicProvider(Counting, RoutedProvider):
    """Claude, called at Anthropic."""

    def __init__(self, config: AnthropicConfig, services: Services) -> None:
        self._config = config
        upstream = AnthropicUpstream(config, services.credential("api_key"))
        super().__init__(Caller(services.name, services.client, config, upstream), config)

    def route(self, model: str) -> Route:
        """Where the calls of `model` go: every model id is Anthropic's to accept or refuse."""
        return Route(
            model=model, called=model, codec=CODEC, facts=self._facts(model), surface=SURFACE
        )

    def counting_route(self, model: str | None) -> UnaryRoute[TokenCounter]:
        called = model or self._config.model
        return UnaryRoute(
            model=called,
            called=called,
            codec=COUNTER,
            facts=self._facts(called),
            operation=COUNT,
            headers=_JSON,
            wrap=lambda body: {"model": called, **body},
        )

    def _facts(self, model: str) -> ModelFacts:
        facts = ModelFacts(
            model_id=model, base_id=model, default_max_tokens=self._config.max_tokens
        )
        facts = facts_by(CLAUDE_RULES, model, SURFACE.name, facts)
        limits = limits_of(model)
        return facts if limits is None else evolve(facts, max_output_tokens=limits.output_tokens)

    def serves(self, model: str) -> bool | None:
        """Yes for a Claude of the table; of any other only a call tells."""
        return None if limits_of(model) is None else True

    def context_tokens(self, model: str) -> int | None:
        """The context window, as the table has it."""
        limits = limits_of(model)
        return None if limits is None else limits.context_tokens

    def price(self, receipt: Receipt) -> Price | None:
        """As `SupportsPricing.price`: the list price of the standard tier."""
        return price_of(receipt.called)

    async def check(self, *, with_credentials: bool = True) -> Checkup:
        """As `SupportsCheck.check`."""
        config = self._config
        facts = {
            "model": Fact(value=config.model, key="model"),
            "endpoint": Fact(value=config.endpoint, key="endpoint"),
            "credentials": Fact(value="an API key"),
        }
        is_known = limits_of(config.model) is not None
        return Checkup(facts=facts, findings=() if is_known else (_unknown(config.model),))


def _unknown(model: str) -> Finding:
    return Finding(
        message=f"{model} is no model that is known here",
        hint="`axonflow models --provider anthropic` lists those that are",
        key="model",
        is_fault=False,
    )
