"""The provider: where the calls go, how they prove who makes them, and what is known of Claudes."""

from __future__ import annotations

from collections.abc import Mapping

from axonflow_core.calls.abilities import Counting
from axonflow_core.calls.hosted import HostedProvider, HostedService
from axonflow_core.calls.route import Call, UnaryRoute
from axonflow_core.calls.surface import JSON_HEADERS, Surface
from axonflow_core.codec import ModelFacts
from axonflow_core.codec.json_members import unknown_members
from axonflow_core.codec.unary import TokenCounter
from axonflow_core.dialects.anthropic_messages import ERRORS
from axonflow_core.dialects.anthropic_messages.claudes import CLAUDE_RULES
from axonflow_core.frozen import evolve
from axonflow_core.http.client import HttpRequest
from axonflow_core.media import IMAGE_FORMATS, PDF, PLAIN_TEXT, MediaKind, MediaTerms
from axonflow_core.messages import CompletionRequest, Json, TokenCount
from axonflow_core.plugin_spec import Services
from axonflow_core.tables.errors import ErrorTable
from axonflow_core.tables.models import ModelTable

from .codec import CODEC, COUNTER
from .config import API_VERSION, BETA_HEADER, BETAS, AnthropicConfig

MESSAGES, COUNT = "/v1/messages", "/v1/messages/count_tokens"


def _addressed(body: Json, model: str, is_streamed: bool) -> Json:
    """`body` with model and stream; as it is, where it has both."""
    if body.get("model") == model and body.get("stream", False) is is_streamed:
        return body
    content = unknown_members(body, frozenset({"model", "stream"}))
    return {"model": model, **content, **({"stream": True} if is_streamed else {})}


_SOURCES = frozenset({MediaKind.BASE64, MediaKind.URL, MediaKind.FILE})
_IMAGES = MediaTerms(types=frozenset(IMAGE_FORMATS.values()), sources=_SOURCES)
_DOCUMENTS = MediaTerms(
    types=frozenset({PDF, PLAIN_TEXT}), sources=_SOURCES | {MediaKind.TEXT}, has_text_sources=True
)
"""Source: Anthropic, Vision, PDF support, and the Messages API (`source` of a document), November
2026."""


class AnthropicService(HostedService):
    """Anthropic's API."""

    request_id_header = "request-id"
    errors = ERRORS
    fixes = ErrorTable.beside(__file__)

    def __init__(self, config: AnthropicConfig, services: Services) -> None:
        super().__init__(config, services)
        self.key = services.credential("api_key")
        self._betas = config.betas

    def proof(self, key: str) -> Mapping[str, str]:
        return {"x-api-key": key, "anthropic-version": API_VERSION}

    async def request(self, call: Call) -> HttpRequest:
        request = await super().request(call)
        if not self._betas:
            return request
        asked = request.headers.get(BETA_HEADER, "").split(",")
        betas = ",".join(dict.fromkeys(filter(None, (*self._betas, *asked))))
        return evolve(request, headers={**request.headers, BETA_HEADER: betas})


class AnthropicProvider(Counting, HostedProvider):
    """Claude, called at Anthropic."""

    service_type = AnthropicService
    models = ModelTable.beside(__file__)
    codec = CODEC
    surface = Surface(
        name=CODEC.surface,
        operation=MESSAGES,
        stream_operation=MESSAGES,
        headers=JSON_HEADERS,
        stream_headers=JSON_HEADERS,
        add_members=_addressed,
        header_members={BETAS: BETA_HEADER},
    )

    def counting_route(self, model: str | None) -> UnaryRoute[TokenCounter]:
        return self.unary_route(model, COUNTER, COUNT)

    async def count(
        self,
        request: CompletionRequest,
        *,
        model: str | None = None,
        timeout_s: float | None = None,
    ) -> TokenCount:
        """As `SupportsTokenCounting.count`, with the betas that the request names."""
        unary, route = self._caller.unary, self.counting_route(model)
        if betas := request.options.get(BETAS):
            route = evolve(route, headers={**route.headers, BETA_HEADER: ",".join(betas)})
        return await unary.ask(route, request, deadline=unary.deadline(timeout_s))

    def facts_of(self, model: str) -> ModelFacts:
        """What is known of a Claude: the dialect's rules, the limit of its row, and the files that
        Anthropic reads."""
        facts = self.models.facts(model, rules=CLAUDE_RULES, limit=self._settings.max_tokens)
        return evolve(facts, images=_IMAGES, documents=_DOCUMENTS)
