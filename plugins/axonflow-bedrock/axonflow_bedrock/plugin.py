"""The entry point of the plugin: what it is and how it is built. Nothing heavy is imported before
it is used."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from axonflow_core.codec.registry import CodecRegistry
from axonflow_core.converters import described
from axonflow_core.frozen import Unfit
from axonflow_core.hookspecs import hookimpl
from axonflow_core.plugin_spec import (
    Emulator,
    ErrorEntry,
    ModelCatalogue,
    ProviderSpec,
    Services,
    Setting,
    lazily,
)
from axonflow_core.provider import Provider

from .config import BedrockConfig, config_from_environment, defaults_from_environment

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from axonflow_core.codec.registry import Claim
    from axonflow_core.recordings.recording_format import RecordingFormat


def _session(given: Any) -> Any:
    """A boto3 or botocore session, known by its methods: neither library is imported for it."""
    session = getattr(given, "_session", given)
    if isinstance(given, type) or not hasattr(session, "get_credentials"):
        raise Unfit("a boto3.Session or a botocore session", described(given))
    return given


def _create(config: BedrockConfig, services: Services) -> Provider:
    from .provider import BedrockProvider

    return BedrockProvider(config, services)


def _emulator(
    script: Path | None = None,
    *,
    record: Path | None = None,
    replay: Path | None = None,
    upstream: str | None = None,
) -> Emulator:
    from .emulator import emulator

    return emulator(script=script, record=record, replay=replay, upstream=upstream)


def _opener(codecs: CodecRegistry) -> RecordingFormat:
    from .recorded import BedrockRecordingFormat

    return BedrockRecordingFormat(codecs)


def _error_catalogue() -> Sequence[ErrorEntry]:
    from .errors.page import error_catalogue

    return error_catalogue()


async def _first_settings(environment: Mapping[str, str]) -> Sequence[Setting]:
    from .first_settings import first_settings

    return await first_settings(environment)


def _models(codecs: CodecRegistry) -> ModelCatalogue:
    from .models.catalogue import catalogue_of

    return catalogue_of(codecs)


def _codec_claims() -> Mapping[str, Sequence[Claim]]:
    from .claims import codec_claims

    return codec_claims()


_CREDENTIALS = (
    "Bedrock's come from AWS's own chain: AWS_BEARER_TOKEN_BEDROCK for an API key, else "
    "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, or the role of the machine"
)


@hookimpl
def axonflow_register_provider() -> ProviderSpec:
    return ProviderSpec(
        name="bedrock",
        display_name="Amazon Bedrock",
        config_type=BedrockConfig,
        create=_create,
        needs_event_loop=False,
        credentials_elsewhere=_CREDENTIALS,
        extras={"boto3_session": _session},
        config_from_environment=config_from_environment,
        enabling_variables=("BEDROCK_REGION",),
        defaults_from_environment=defaults_from_environment,
        codec_claims=_codec_claims,
        emulator=_emulator,
        ingress=lazily("axonflow_bedrock.wire.ingress:ingress"),
        recordings=_opener,
        first_settings=_first_settings,
        models=_models,
        error_catalogue=_error_catalogue,
    )
