"""Bedrock without AWS: scripted models behind the real wire, one for every installed family.

    endpoint    the wire, signatures and AWS's errors          (one level up: nothing in it is emulated)
    catalogue   which model ids there are, and what they need
    service     id -> codec -> neutral request -> scripted answer -> native JSON or chunks
    scripted    what a model answers, the same for all families
    streaming   an answer as the events of a stream
    exchanges   the calls to models that do not talk; vectors: what those answer
    script      what a test wants: rules for calls, limits of the account
    limits      how much each model takes and writes, and when its life ends
    quotas      calls and tokens in a minute, tokens in a day
    faults      what goes wrong on the wire

The models know no family: the server role of a family's codec speaks for them. So a codec that somebody else registers
has its emulator at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import partial

from attrs import evolve

from axonflow_core.codec import CodecRegistry
from axonflow_core.provider import Emulator

from ..endpoint import bedrock_app, signature_verifier
from ..signing import BearerToken, Signer
from .catalogue import CATALOGUE, Catalogue
from .faults import faulty
from .script import Account, ScriptSource, load_script
from .service import EmulatedBedrock

REGION = "us-east-1"
ACCESS_KEY = "AKIAAXONFLOWEMULATOR"
SECRET_KEY = "not-a-secret/known-to-everybody/emulator"  # noqa: S105 - it opens nothing but the emulator
API_KEY = "bedrock-api-key-of-the-emulator"
"""The one Bedrock API key (`AWS_BEARER_TOKEN_BEDROCK`) that is accepted."""

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
    codecs: CodecRegistry | None = None,
    *,
    catalogue: Catalogue = CATALOGUE,
    chunk_pause_s: float = 0.0,
    script: ScriptSource = None,
) -> Emulator:
    """The emulator of `codecs`, or of every installed codec. A model thinks `chunk_pause_s` about each word.

    `script` is a file, or rules as values: `[{"when": "weather", "answer": "It rains."}]`. `FaultyConfig` when wrong.
    """
    loaded = load_script(script)
    service = EmulatedBedrock(
        installed_codecs() if codecs is None else codecs,
        _catalogue_of(loaded.account, catalogue),
        chunk_pause_s=chunk_pause_s,
        script=loaded,
    )
    region = loaded.account.region
    verifier = signature_verifier([Signer(ACCESS_KEY, SECRET_KEY, None, region), BearerToken(API_KEY)])
    return Emulator(
        app=faulty(bedrock_app(service, verifier)),
        environment=partial(environment, region=region),
        models=MODELS,
        refused_model=REFUSED_MODEL,
    )


def _catalogue_of(account: Account, catalogue: Catalogue) -> Catalogue:
    return evolve(
        catalogue,
        without_access=catalogue.without_access | frozenset(account.without_access),
        region=account.region,
        today=catalogue.today if account.today is None else date.fromisoformat(account.today),
    )


def installed_codecs() -> CodecRegistry:
    from axonflow_core.plugins import load_codecs

    return load_codecs("bedrock").registry


def environment(base_url: str, region: str = REGION) -> Mapping[str, str]:
    """What points boto3, the AWS CLI and AxonFlow at an emulator.

    An `AWS_BEARER_TOKEN_BEDROCK` must be unset besides: botocore prefers it to these keys, even when it is empty.
    """
    return {
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_SESSION_TOKEN": "",  # another account's would be sent along
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "BEDROCK_REGION": region,
        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": base_url,
    }
