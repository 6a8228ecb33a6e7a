"""The Azure OpenAI provider: the deployments of one resource.

A deployment has a name of its own. Which model it is of says the configuration (`deployments:`), or
the name itself where it begins with that of a model; to any other only what every model takes is
sent. With a dated version of the API the deployment stands in the path, with `v1` in the body.

Source: learn.microsoft.com, "Azure OpenAI in Microsoft Foundry Models REST API reference" and "v1
API"; openai-python 3.57, `lib/azure.py`, November 2026.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from axonflow_core.calls.chat_provider import openai_members
from axonflow_core.calls.route import Call, Route
from axonflow_core.calls.surface import Surface
from axonflow_core.codec import FamilyCodec, Feature
from axonflow_core.codec.registry import CodecRegistry
from axonflow_core.errors import AxonFlowError, CredentialsError, CredentialsMissing, RequestError
from axonflow_core.framing.sse import SseEvent
from axonflow_core.frozen import evolve
from axonflow_core.http.client import HttpRequest
from axonflow_core.messages import Json
from axonflow_core.plugin_spec import Life, ModelCatalogue, Services
from axonflow_core.provider import Fact, Finding
from axonflow_openai import models
from axonflow_openai.codec import ANY, CHAT
from axonflow_openai.models import ROWS, row_of
from axonflow_openai.provider import SURFACE, OpenAIProvider, OpenAIService

from .config import V1, AzureOpenAIConfig, Identity
from .entra import EntraTokens, default_tokens, provided
from .errors import CATALOGUE, ERRORS, KEY_HINT, filtered_categories

# ── deployments ───────────────────────────────────────────────────────────────────────────────────

_AZURES_NAME, _OPENAIS_NAME = "gpt-35-", "gpt-3.5-"
_OTHER_MODELS = ("-chat", "-audio", "-realtime", "-codex", "-pro", "-transcribe", "-search")
"""In a name, models that are not in the table although their names begin like one that is."""


def named_model(deployment: str) -> str | None:
    """The model whose id a deployment's name begins with: `gpt-4o-mini-eu`."""
    name = deployment.lower().replace(_AZURES_NAME, _OPENAIS_NAME)
    if any(other in name for other in _OTHER_MODELS):
        return None
    ids = [
        row.id for row in ROWS if name == row.id or name.startswith((f"{row.id}-", f"{row.id}_"))
    ]
    return max(ids, key=len, default=None)


def catalogue(codecs: CodecRegistry) -> ModelCatalogue:
    """OpenAI's models that live, at OpenAI's list prices. Azure retires models on days of its own,
    which are not known here."""
    openais = models.catalogue(codecs)
    living = (model for model in openais.models if model.life is not Life.ENDED)
    nothing: dict[str, Any] = {"life": Life.ACTIVE, "ends_on": None, "successor": None}
    return evolve(openais, models=tuple(evolve(model, **nothing) for model in living))


# ── the wire ──────────────────────────────────────────────────────────────────────────────────────


def _chunk_in_event(frame: SseEvent, /, *, model: object, request_id: str | None) -> Json:
    """The chunk of an event. The first one tells how the filter found the prompt, with empty texts
    where the facts of the answer will stand."""
    chunk = frame.json()
    if isinstance(chunk, dict) and chunk.get("id") == "":
        return {key: value for key, value in chunk.items() if value not in ("", 0)}
    return chunk


def _members_of_deployment(body: Json, model: str, is_streamed: bool) -> Json:
    members = openai_members(body, model, is_streamed)
    return {key: value for key, value in members.items() if key != "model"}


def _older_members(body: Json, model: str, is_streamed: bool) -> Json:
    members = _members_of_deployment(body, model, is_streamed)
    return {key: value for key, value in members.items() if key != "stream_options"}


def surface_for(config: AzureOpenAIConfig) -> Surface:
    """How bodies go to the configured version of the API."""
    members = openai_members
    if config.api_version != V1:
        members = _members_of_deployment if config.has_newer_parameters else _older_members
    return evolve(SURFACE, add_members=members, read_frame=_chunk_in_event)


class AzureService(OpenAIService):
    """A resource of Azure OpenAI."""

    errors = ERRORS
    entries = CATALOGUE
    request_id_header = "apim-request-id"
    preparation = "getting a token of Entra ID"

    def __init__(self, config: AzureOpenAIConfig, services: Services) -> None:
        super().__init__(config.base_url, services.credentials.get("api_key"), config.data_region)
        self._config = config
        self._tokens = _tokens_of(config, services)

    async def identity(self) -> Mapping[str, str]:
        if self._tokens is not None:
            return {"authorization": f"Bearer {await self._tokens.token()}"}
        if not self._key:
            raise CredentialsMissing("there is no key of the Azure resource", hint=KEY_HINT)
        return {"api-key": self._key}

    def url(self, call: Call) -> str:
        if self._config.api_version == V1:
            return f"{self.base_url}/openai/v1{call.operation}"
        deployment = quote(call.route.called, safe="")
        if deployment in (".", ".."):  # a segment that a proxy resolves: another path
            raise RequestError(
                f"no deployment is called {deployment!r}",
                hint="name a deployment as the resource's page `Deployments` has it",
            )
        version = f"api-version={self._config.api_version}"
        return f"{self.base_url}/openai/deployments/{deployment}{call.operation}?{version}"

    async def error(
        self, call: Call, status: int, headers: Mapping[str, str], body: bytes
    ) -> AxonFlowError:
        error = await super().error(call, status, headers, body)
        found = filtered_categories(body)
        if not found:
            return error
        hint = "rephrase the prompt, or give the deployment another content filter"
        return error.enrich(hint=f"Azure's filter found {', '.join(found)}: {hint}")

    async def recover(self, error: AxonFlowError, request: HttpRequest) -> bool:
        """A token that was refused is replaced, once a call."""
        if self._tokens is None or not isinstance(error, CredentialsError):
            return False
        return self._tokens.forget(request.headers["authorization"].removeprefix("Bearer "))


def _tokens_of(config: AzureOpenAIConfig, services: Services) -> EntraTokens | None:
    provide = services.extras.get("token_provider")
    if provide is not None:
        return provided(provide)
    return default_tokens() if config.identity is Identity.ENTRA else None


class AzureOpenAIProvider(OpenAIProvider):
    """Deployments of one resource."""

    def __init__(self, config: AzureOpenAIConfig, services: Services) -> None:
        self._azure = config
        self._surface = surface_for(config)
        super().__init__(config, services, AzureService(config, services))
        is_entra = config.identity is Identity.ENTRA or "token_provider" in services.extras
        self.identity_source = "a token of Entra ID" if is_entra else "an API key"

    def openai_id(self, model: str) -> str:
        """OpenAI's id of the model of a deployment; empty where it is not known."""
        return self._azure.deployments.get(model) or named_model(model) or ""

    def chat_codec(self, model: str) -> FamilyCodec:
        """The codec of OpenAI's model; for an unknown one of what every model takes. A version
        before the newer parameters serves no model that reasons."""
        if not self._azure.has_newer_parameters:
            codec = super().chat_codec(model) if model else CHAT
            return evolve(codec, takes_parallel_choice=False)
        return super().chat_codec(model) if model else ANY

    def route(self, model: str) -> Route:
        route = super().route(model)
        # "This model does not support file content types": Azure/azure-sdk-for-net#51873 and
        # openai/openai-python#2826, 2025 and 2026.
        facts = evolve(route.facts, without=route.facts.without | {Feature.DOCUMENTS})
        return evolve(route, facts=facts, surface=self._surface)

    def serves(self, model: str) -> bool | None:
        """Yes for a deployment that the configuration names; of any other only a call tells."""
        return True if model in (self.default_model, *self._azure.deployments) else None

    def facts(self) -> Mapping[str, Fact]:
        known = self.openai_id(self.default_model)
        return {
            **super().facts(),
            "of model": Fact(value=known or "not known"),
            "version": Fact(value=self._azure.api_version, key="api_version"),
        }

    def findings(self) -> Iterator[Finding]:
        yield from super().findings()
        deployment = self.default_model
        known = self.openai_id(deployment)
        if not known:
            yield Finding(
                message=f"of the deployment {deployment} it is not known which model it is of: "
                "sampling parameters are left out, and it has no price",
                hint=f"write `deployments: {{{deployment}: gpt-4o}}` with the id of its model",
                key="deployments",
                is_fault=False,
            )
        elif row_of(known) and not self._azure.has_newer_parameters and self._reasons(known):
            yield Finding(
                message=f"version {self._azure.api_version} of the API serves no model that "
                f"reasons, and {deployment} is of {known}",
                hint="api_version: v1",
                key="api_version",
                is_fault=False,
            )

    def life_findings(self) -> Iterator[Finding]:
        """None: Azure retires models on days of its own."""
        return iter(())

    def _reasons(self, model: str) -> bool:
        return Feature.REASONING in super().chat_codec(model).features
