"""The keys of the Bedrock provider under `config:`, and the environment variables for them.

There is no key for an endpoint, a proxy or credentials: those are read from AWS's own settings, so
that a VPC endpoint that boto3 finds is found here too. `docs/configure.md` lists all keys.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum

from attrs import Attribute, field, validators

from axonflow_core.calls.settings import CommonSettings
from axonflow_core.errors import ConfigError
from axonflow_core.frozen import frozen

from .aws.regions import hint_for, is_region
from .models.model_id import parse_model_id

DEFAULT_MODEL = "anthropic.claude-sonnet-4-20250514-v1:0"
"""The model of the product's documentation, called where neither the caller nor the configuration
names one."""


class SurfaceChoice(StrEnum):
    """Values of `surface:`."""

    AUTO = "auto"
    """The family's own JSON where a codec for it is installed and it can hold the request, else
    Converse."""
    INVOKE = "invoke"
    CONVERSE = "converse"


class Trace(StrEnum):
    """Values of `guardrail.trace`, as Bedrock's API has them."""

    DISABLED = "disabled"
    ENABLED = "enabled"
    ENABLED_FULL = "enabled_full"


class StreamProcessing(StrEnum):
    """Values of `guardrail.stream_processing_mode`."""

    SYNC = "sync"
    """A chunk is sent once the guardrail has read it: AWS's default."""
    ASYNC = "async"
    """Chunks are sent at once, before the guardrail has read them, and cannot be masked."""


_GUARDRAIL_ID = re.compile(
    "[a-z0-9]+|arn:aws(-[^:]+)?:bedrock:[a-z0-9-]{1,20}:[0-9]{12}:guardrail/[a-z0-9]+"
)
_GUARDRAIL_VERSION = re.compile("[1-9][0-9]{0,7}|DRAFT")
"""Both patterns: the bedrock-runtime service model, API 2023-09-30."""


def _is_guardrail(_: object, __: Attribute[str], value: str) -> None:
    if not _GUARDRAIL_ID.fullmatch(value):
        raise ConfigError(
            f"{value!r} is neither the id of a guardrail nor its ARN",
            hint="an id has small letters and digits: gr8example01",
        )


def _is_guardrail_version(_: object, __: Attribute[str], value: str) -> None:
    if not _GUARDRAIL_VERSION.fullmatch(value):
        raise ConfigError(
            f"{value!r} is no version of a guardrail", hint='version: DRAFT, or a number: "1"'
        )


@frozen(kw_only=True)
class GuardrailConfig:
    """A guardrail of the account that is applied to every call."""

    id: str = field(validator=_is_guardrail)
    """Its id or ARN."""
    version: str = field(validator=_is_guardrail_version)
    """`DRAFT` or a number in quotation marks. Bedrock refuses an id without a version."""
    trace: Trace | None = None
    """Whether answers contain the guardrail's report, which may quote the text that was blocked."""
    stream_processing_mode: StreamProcessing | None = None
    """Whether the guardrail reads a chunk of a stream before it is sent; None: AWS's default,
    `sync`."""

    @property
    def headers(self) -> dict[str, str]:
        """The headers that name the guardrail to InvokeModel. Source: the bedrock-runtime service
        model, API 2023-09-30.
        """
        named = {
            "x-amzn-bedrock-guardrailidentifier": self.id,
            "x-amzn-bedrock-guardrailversion": self.version,
        }
        return (
            named if self.trace is None else {**named, "x-amzn-bedrock-trace": self.trace.upper()}
        )

    @property
    def member(self) -> dict[str, str]:
        """The `guardrailConfig` that names the guardrail to Converse."""
        named = {"guardrailIdentifier": self.id, "guardrailVersion": self.version}
        return named if self.trace is None else {**named, "trace": str(self.trace)}


def _is_region(_: object, __: Attribute[str], value: str) -> None:
    if not is_region(value):
        raise ConfigError(f"{value!r} is not an AWS region", hint=hint_for(value))


def _is_model_id(_: object, __: Attribute[str], value: str) -> None:
    parse_model_id(value)


@frozen(kw_only=True)
class BedrockConfig(CommonSettings):
    """The provider's `config:` section. Every key is optional; `CommonSettings` has the keys of all
    providers."""

    region: str | None = field(default=None, validator=validators.optional(_is_region))
    """The AWS region of the calls. Without it the AWS settings decide (`AWS_REGION`, the
    profile)."""
    failover_regions: tuple[str, ...] = field(
        default=(), validator=validators.deep_iterable(_is_region)
    )
    """AWS regions that a call goes to where it fails in `region`, in this order, with the same
    model id; within `routing: {regions: …}`."""
    model: str = field(default=DEFAULT_MODEL, validator=_is_model_id)
    """A model id, inference profile id or ARN, passed to Bedrock as it is."""
    base_model: str | None = field(default=None, validator=validators.optional(_is_model_id))
    """The foundation model of `model`, where that is an ARN that does not contain it."""
    family: str | None = None
    """The family of `model`, where the id does not tell; `llama/llama3` where a family has several
    forms."""
    surface: SurfaceChoice = SurfaceChoice.AUTO
    """Which of Bedrock's operations carry the calls: `invoke` (InvokeModel), `converse`, or
    `auto`."""
    guardrail: GuardrailConfig | None = None
    """The guardrail that every call names; None: no guardrail."""
    profile_fallback: bool = False
    """Whether a call that is refused because the model needs an inference profile is repeated,
    once, through one."""
    residency: str | None = None
    """The only geography whose inference profiles may be called: `eu`, `us`, `global`."""
    betas: tuple[str, ...] = ()
    """Betas of Anthropic's that the account has besides those that are known of a model: calls of
    Anthropic's clients keep them."""


VARIABLES = {"region": "BEDROCK_REGION", "model": "BEDROCK_MODEL"}
"""Key -> environment variable."""


def defaults_from_environment(environment: Mapping[str, str]) -> Mapping[str, str]:
    """The keys that environment variables are set for. An empty one counts as unset."""
    values = {key: environment.get(variable) for key, variable in VARIABLES.items()}
    return {key: value for key, value in values.items() if value}


def config_from_environment(environment: Mapping[str, str]) -> Mapping[str, str] | None:
    """The configuration of the environment alone; None without BEDROCK_REGION."""
    config = defaults_from_environment(environment)
    return config if "region" in config else None
