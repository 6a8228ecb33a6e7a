"""What the YAML may say about Bedrock: the keys under `config:`.

Nothing here names an endpoint, a proxy or a credential. Those are AWS's own settings, and a VPC
endpoint that boto3 finds is found here too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum

from attrs import Attribute, field, frozen, validators

from axonflow_core.calls.settings import CommonSettings
from axonflow_core.errors import RequestError

from .models.model_id import parse_model_id

DEFAULT_MODEL = "anthropic.claude-sonnet-4-20250514-v1:0"


class SurfaceChoice(StrEnum):
    AUTO = "auto"
    """The family's own JSON where a codec for it is installed and it can hold the request, else
    Converse."""
    INVOKE = "invoke"
    CONVERSE = "converse"


class Trace(StrEnum):
    DISABLED = "disabled"
    ENABLED = "enabled"
    ENABLED_FULL = "enabled_full"


@frozen(kw_only=True)
class GuardrailConfig:
    """A guardrail of the account that every call names."""

    id: str
    """Its id or ARN."""
    version: str
    """`DRAFT` or a number in quotation marks. Bedrock refuses an id without a version."""
    trace: Trace | None = None
    """Whether answers bring the guardrail's report. It may quote the text that was stopped."""

    @property
    def headers(self) -> dict[str, str]:
        """How InvokeModel is told. Source: the bedrock-runtime service model, API 2023-09-30."""
        named = {
            "x-amzn-bedrock-guardrailidentifier": self.id,
            "x-amzn-bedrock-guardrailversion": self.version,
        }
        return (
            named if self.trace is None else {**named, "x-amzn-bedrock-trace": self.trace.upper()}
        )

    @property
    def member(self) -> dict[str, str]:
        """How Converse is told: its `guardrailConfig`."""
        named = {"guardrailIdentifier": self.id, "guardrailVersion": self.version}
        return named if self.trace is None else {**named, "trace": str(self.trace)}


def _is_region(_: object, __: Attribute[str], value: str) -> None:
    if not re.fullmatch("[a-z0-9]+(-[a-z0-9]+)+", value):
        raise ValueError("this is no AWS region, which is spelled like us-east-1")


def _is_model_id(_: object, __: Attribute[str], value: str) -> None:
    try:
        parse_model_id(value)
    except RequestError as error:
        raise ValueError(error.message) from None


@frozen(kw_only=True)
class BedrockConfig(CommonSettings):
    region: str | None = field(default=None, validator=validators.optional(_is_region))
    """The AWS region of the calls. Without it the AWS settings decide (`AWS_REGION`, the
    profile)."""
    model: str = field(default=DEFAULT_MODEL, validator=_is_model_id)
    """A model id, inference profile id or ARN, passed to Bedrock as it is."""
    base_model: str | None = field(default=None, validator=validators.optional(_is_model_id))
    """The model behind `model`, where that is an ARN that does not say."""
    family: str | None = None
    """The family of `model`, where the id does not say; `llama/llama3` where a family has several
    forms."""
    surface: SurfaceChoice = SurfaceChoice.AUTO
    """Which of Bedrock's operations carry the calls: `invoke` (InvokeModel), `converse`, or
    `auto`."""
    guardrail: GuardrailConfig | None = None
    profile_fallback: bool = False
    """Whether a model that is not offered on demand is called again, once, through an inference
    profile."""
    residency: str | None = None
    """The only geography whose inference profiles may be called: `eu`, `us`, `global`."""


def config_from_environment(environment: Mapping[str, str]) -> Mapping[str, str] | None:
    """`BEDROCK_REGION` asks for Bedrock; `BEDROCK_MODEL` is optional. An empty variable is an unset
    one."""
    region, model = environment.get("BEDROCK_REGION"), environment.get("BEDROCK_MODEL")
    if not region:
        return None
    return {"region": region, "model": model} if model else {"region": region}
