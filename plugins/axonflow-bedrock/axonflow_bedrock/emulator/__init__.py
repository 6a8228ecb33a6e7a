"""Bedrock without AWS: scripted models behind the real wire, one for every installed family.

    endpoint    the wire, signatures and AWS's errors          (one level up: nothing in it is emulated)
    catalogue   which model ids there are, and what they need
    service     id -> codec -> neutral request -> scripted answer -> native JSON or chunks
    scripted    what a model answers, the same for all families
    streaming   an answer as the events of a stream

The models know no family: the server role of a family's codec speaks for them. So a codec that somebody else registers
has its emulator at once.
"""

from __future__ import annotations

from collections.abc import Mapping

from axonflow_core.codec import CodecRegistry
from axonflow_core.provider import Emulator

from ..endpoint import bedrock_app, signature_verifier
from ..signing import Signer
from .catalogue import CATALOGUE, Catalogue
from .service import EmulatedBedrock

REGION = "us-east-1"
ACCESS_KEY = "AKIAAXONFLOWEMULATOR"
SECRET_KEY = "not-a-secret/known-to-everybody/emulator"  # noqa: S105 - it opens nothing but the emulator

MODELS = (
    "us.anthropic.claude-sonnet-4-20250514-v1:0",
    "amazon.titan-text-express-v1",
    "meta.llama3-1-70b-instruct-v1:0",
    "mistral.mistral-large-2407-v1:0",
)
"""The product page's examples, one for each family that it documents."""
REFUSED_MODEL = "anthropic.claude-sonnet-4-20250514-v1:0"
"""The product page's default: refused since Anthropic's newer models want an inference profile."""


def emulator(
    codecs: CodecRegistry | None = None, *, catalogue: Catalogue = CATALOGUE, chunk_pause_s: float = 0.0
) -> Emulator:
    """The emulator of `codecs`, or of every installed codec. A model thinks `chunk_pause_s` about each word."""
    service = EmulatedBedrock(installed_codecs() if codecs is None else codecs, catalogue, chunk_pause_s=chunk_pause_s)
    verifier = signature_verifier([Signer(ACCESS_KEY, SECRET_KEY, None, REGION)])
    return Emulator(
        app=bedrock_app(service, verifier),
        environment=environment,
        models=MODELS,
        refused_model=REFUSED_MODEL,
    )


def installed_codecs() -> CodecRegistry:
    from axonflow_core.plugins import load_codecs

    return load_codecs("bedrock").registry


def environment(base_url: str) -> Mapping[str, str]:
    """What points boto3, the AWS CLI and AxonFlow at an emulator.

    An `AWS_BEARER_TOKEN_BEDROCK` must be unset besides: botocore prefers it to these keys, even when it is empty.
    """
    return {
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_SESSION_TOKEN": "",  # another account's would be sent along
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "BEDROCK_REGION": REGION,
        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": base_url,
    }
