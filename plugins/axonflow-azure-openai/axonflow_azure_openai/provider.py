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

from axonflow_core.calls.hosted import HostedService, segment_of
from axonflow_core.calls.route import Call
from axonflow_core.codec import FamilyCodec, Feature, ModelFacts
from axonflow_core.codec.registry import CodecRegistry
from axonflow_core.errors import AxonFlowError
from axonflow_core.frozen import evolve
from axonflow_core.plugin_spec import Life, ModelCatalogue, Services
from axonflow_core.provider import Fact, Finding, warning
from axonflow_core.tables.errors import ErrorTable
from axonflow_openai.codec import ANY, CHAT
from axonflow_openai.provider import MODELS, OpenAIProvider
from axonflow_openai.provider import catalogue as openai_catalogue

from .codec import ERRORS, filter_hint, has_newer_parameters, surface_for
from .config import V1, AzureOpenAIConfig, Identity
from .entra import entra_tokens

_OTHER_MODELS = ("-chat", "-audio", "-realtime", "-codex", "-pro", "-transcribe", "-search")
"""In a name, models that are not in the table although their names begin like one that is."""


def named_model(deployment: str) -> str | None:
    """The model whose id a deployment's name begins with: `gpt-4o-mini-eu`."""
    name = deployment.lower().replace("gpt-35-", "gpt-3.5-")  # Azure's own spelling
    row = None if any(other in name for other in _OTHER_MODELS) else MODELS.begun(name)
    return None if row is None else row.id


def catalogue(codecs: CodecRegistry) -> ModelCatalogue:
    """OpenAI's models that live, at OpenAI's list prices. Azure retires models on days of its own,
    which are not known here."""
    openais = openai_catalogue(codecs)
    living = (model for model in openais.models if model.life is not Life.ENDED)
    nothing: dict[str, Any] = {"life": Life.ACTIVE, "ends_on": None, "successor": None}
    return evolve(openais, models=tuple(evolve(model, **nothing) for model in living))


class AzureService(HostedService):
    """A resource of Azure OpenAI."""

    errors = ERRORS
    fixes = ErrorTable.beside(__file__)
    keyless = "there is no key of the Azure resource"
    request_id_header = "apim-request-id"
    preparation = "getting a token of Entra ID"

    def __init__(self, config: AzureOpenAIConfig, services: Services) -> None:
        super().__init__(config, services)
        self.base_url = config.base_url
        self._version = config.api_version
        provide = services.extras.get("token_provider")
        if provide or config.identity is Identity.ENTRA:
            self.tokens = entra_tokens(provide)
            self.identity_source = "a token of Entra ID"

    def proof(self, key: str) -> Mapping[str, str]:
        return {"api-key": key}

    def url(self, call: Call) -> str:
        if self._version == V1:
            return f"{self.base_url}/openai/v1{call.operation}"
        hint = "name a deployment as the resource's page `Deployments` has it"
        deployment = segment_of(call.route.called, hint)
        path = f"/openai/deployments/{deployment}{call.operation}"
        return f"{self.base_url}{path}?api-version={self._version}"

    async def error(
        self, call: Call, status: int, headers: Mapping[str, str], body: bytes
    ) -> AxonFlowError:
        error = await super().error(call, status, headers, body)
        return error.enrich(hint=filter_hint(body))


class AzureOpenAIProvider(OpenAIProvider):
    """Deployments of one resource."""

    service_type = AzureService

    def __init__(self, config: AzureOpenAIConfig, services: Services) -> None:
        self._azure = config
        self.surface = surface_for(config)
        super().__init__(config, services)

    def openai_id(self, model: str) -> str:
        """OpenAI's id of the model of a deployment; empty where it is not known."""
        return self._azure.deployments.get(model) or named_model(model) or ""

    def codec_of(self, model: str) -> FamilyCodec:
        """The codec of OpenAI's model; for an unknown one of what every model takes. A version
        before the newer parameters serves no model that reasons."""
        is_newer = has_newer_parameters(self._azure.api_version)
        unknown = ANY if is_newer else CHAT
        codec = super().codec_of(model) if self.openai_id(model) else unknown
        return codec if is_newer else evolve(codec, takes_parallel_choice=False)

    def facts_of(self, model: str) -> ModelFacts:
        # "This model does not support file content types": Azure/azure-sdk-for-net#51873 and
        # openai/openai-python#2826, 2025 and 2026.
        facts = super().facts_of(model)
        return evolve(facts, without=facts.without | {Feature.DOCUMENTS})

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

    def model_findings(self, model: str) -> Iterator[Finding]:
        """What is not known of the deployment, and what its version does not serve. Not when its
        model ends: Azure retires models on days of its own."""
        version, known = self._azure.api_version, self.openai_id(model)
        reasons = Feature.REASONING in super().codec_of(model).features
        if not known:
            message = (
                f"of the deployment {model} it is not known which model it is of: sampling "
                "parameters are left out, and it has no price"
            )
            fix = f"write `deployments: {{{model}: gpt-4o}}` with the id of its model"
            yield warning(message, fix, key="deployments")
        elif self.row(model) and reasons and not has_newer_parameters(version):
            message = f"version {version} of the API serves no model that reasons"
            fix = "api_version: v1"
            yield warning(f"{message}, and {model} is of {known}", fix, key="api_version")
