"""Bedrock without AWS: scripted models on the real wire, one for every installed family.

    endpoint             the wire, signatures, errors (in `wire`: nothing of it is emulated)
    catalogue            which model ids there are, and what they need
    service              id -> codec -> neutral request -> scripted answer -> native JSON or chunks
    cache_counts         which models report tokens of the prompt cache
    unary, vectors       embedding, rerank and counting calls, and the lengths of vectors
    script               AWS's exceptions and the emulated account, in the core's script
    limits               how many tokens each model takes and writes, and when its life ends
    quotas               calls and tokens a minute, tokens a day, in AWS's words
    gates, schema        what a family's body may hold; shapes of JSON, and how they are refused
    refused              what Bedrock and the vendors refuse although the schema allows it
    guardrails           what is stopped on the way in and out

    cassette             exchanges in a file; `record_replay` writes and replays them, `upstream`
                         forwards to a real Bedrock
    control_plane, sts   which models and profiles there are, and who the caller is: services of
                         their own, chosen by path

What a model answers, rules, wire faults and the log are the core's (`axonflow_core.emulator`). The
models know no family: the server role of a family's codec decodes the call and encodes the answer.
So a codec of a third party has its emulator at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import partial
from pathlib import Path
from urllib.parse import unquote

from axonflow_core.codec.registry import CodecRegistry
from axonflow_core.emulator.call_log import with_log
from axonflow_core.emulator.faults import Damage, with_faults
from axonflow_core.emulator.script import ScriptSource
from axonflow_core.endpoint.replies import replying
from axonflow_core.errors import ConfigError
from axonflow_core.frozen import evolve
from axonflow_core.http.asgi import AsgiApp, by_path
from axonflow_core.json import dumps
from axonflow_core.plugin_spec import CallLog, Emulator

from ..aws.signing import ClientKey, ClientToken, KeyRing
from ..models.profiles import callable_id
from ..models.table import load_models
from ..serving import RunningEmulator as RunningEmulator
from ..serving import serving as serving
from ..wire.endpoint import WIRE, Verifier, bedrock_app, signature_verifier
from ..wire.eventstream import MAX_FRAME_BYTES, frame_of_chunk
from ..wire.operations import EVENT_STREAM
from .cassette import Cassette
from .catalogue import CATALOGUE, Catalogue
from .control_plane import ControlPlane
from .record_replay import Replay, recorded
from .script import Account, load_script
from .service import EmulatedBedrock
from .sts import SecurityTokenService, xml_refusal
from .upstream import Upstream, region_of

REGION = "us-east-1"
ACCESS_KEY = "AKIAAXONFLOWEMULATOR"
SECRET_KEY = "not-a-secret/known-to-everybody/emulator"  # noqa: S105 - of the emulator only
API_KEY = "bedrock-api-key-of-the-emulator"
"""The only Bedrock API key (`AWS_BEARER_TOKEN_BEDROCK`) that is accepted."""

MODELS = (
    "us.anthropic.claude-sonnet-4-6",
    "us.amazon.nova-lite-v1:0",
    "us.meta.llama4-maverick-17b-instruct-v1:0",
    "mistral.mistral-large-2407-v1:0",
)
"""A model of each vendor that the product's documentation has examples of; none of them ends before
2027."""
CONFIGURED_MODEL = "anthropic.claude-sonnet-4-6"
"""The model of the environment, called through the inference profile of the region's geography."""
REFUSED_MODEL = CONFIGURED_MODEL
"""Refused under its plain id, because newer Claude models need an inference profile."""


def emulator(
    codecs: CodecRegistry | None = None,
    *,
    catalogue: Catalogue = CATALOGUE,
    chunk_pause_s: float = 0.0,
    script: ScriptSource = None,
    record: Path | None = None,
    replay: Path | None = None,
    upstream: str | None = None,
) -> Emulator:
    """The emulator of `codecs`, or of every installed codec.

    `chunk_pause_s` is the time between two chunks of a stream, in seconds. `script` is a file,
    rules as values (`[{"when": "weather", "answer": "It rains."}]`), the sections of a file as
    values (`{"rules": […], "account": {…}}`), or a function of the request.
    `record` is a cassette file to append every exchange to. `replay` is a cassette file, and
    `upstream` the URL of a real Bedrock, that answers in place of the models.

    Raises `FaultyConfig` for a faulty script, and `ConfigError` for options that exclude each other
    and files that cannot be read or written.
    """
    _refuse_two_answers(script=script, replay=replay, upstream=upstream)
    loaded = load_script(script)
    codecs = installed_codecs() if codecs is None else codecs
    catalogue = _catalogue_of(loaded.account, catalogue)
    service = EmulatedBedrock(codecs, catalogue, chunk_pause_s=chunk_pause_s, script=loaded)
    region = (upstream and region_of(upstream)) or loaded.account.region
    key = ClientKey(ACCESS_KEY, SECRET_KEY)
    keys = KeyRing([key, ClientToken(API_KEY, "the Bedrock API key")], region=region)
    verifier = signature_verifier(keys)
    runtime = _runtime(service, verifier, replay=replay, upstream=upstream)
    if record is not None:
        runtime = recorded(runtime, Cassette(record), region)
    control_plane = replying(WIRE, ControlPlane(catalogue, codecs, verifier))
    # One port serves all of AWS that a program meets. STS has only the path `/`.
    others = {
        "": _token_service(key, region),
        "foundation-models": control_plane,
        "inference-profiles": control_plane,
    }
    log = CallLog()
    return Emulator(
        app=by_path(with_log(runtime, log, _addressed), others),
        log=log,
        environment=partial(environment, region=region),
        models=MODELS,
        refused_model=REFUSED_MODEL,
    )


def _runtime(
    service: EmulatedBedrock, verifier: Verifier, *, replay: Path | None, upstream: str | None
) -> AsgiApp:
    """The app that answers calls of models: a cassette, a real Bedrock, or the scripted models."""
    if replay is not None:
        return replying(WIRE, Replay(replay, verifier))
    if upstream is not None:
        return replying(WIRE, Upstream(upstream, verifier))
    return with_faults(bedrock_app(service, verifier), _damage())


def _damage() -> Damage:
    """What wire faults of Bedrock are made of."""
    message = "The system encountered an unexpected error during processing."
    huge = frame_of_chunk({"huge": "x" * (MAX_FRAME_BYTES + 1)})
    return Damage(error=dumps({"message": message}), huge_frames={EVENT_STREAM: huge})


def _addressed(method: str, raw_path: str, body: bytes) -> tuple[str, str]:
    """The operation and model that a path names, whether or not there are such."""
    *before, operation = raw_path.split("/")
    return operation, unquote(before[-1]) if before else ""


def _token_service(key: ClientKey, region: str) -> AsgiApp:
    """STS, whose signatures have a scope of their own and whose refusals are XML."""
    verifier = signature_verifier(KeyRing([key], region=region, service="sts"))
    return replying(WIRE, SecurityTokenService(verifier, region), xml_refusal)


def _refuse_two_answers(**sources: object) -> None:
    """`ConfigError` where more than one source of answers is given."""
    named = [name for name, source in sources.items() if source is not None]
    if len(named) > 1:
        raise ConfigError(
            f"{' and '.join(named)} exclude each other: each is a source of answers",
            hint=f"leave out {named[0]}",
        )


def _catalogue_of(account: Account, catalogue: Catalogue) -> Catalogue:
    """The catalogue with the account's region, date and access."""
    return evolve(
        catalogue,
        without_access=catalogue.without_access | frozenset(account.without_access),
        region=account.region,
        today=catalogue.today if account.today is None else date.fromisoformat(account.today),
    )


def installed_codecs() -> CodecRegistry:
    """Every installed codec of the Bedrock provider."""
    from axonflow_core.plugins import load_codecs

    return load_codecs("bedrock").registry


def environment(base_url: str, region: str = REGION) -> Mapping[str, str]:
    """The environment variables that point boto3, the AWS CLI and AxonFlow at an emulator.

    AWS_BEARER_TOKEN_BEDROCK must be unset as well: botocore prefers it to these keys, even when it
    is empty.
    """
    entry = load_models().entry(CONFIGURED_MODEL)
    model = CONFIGURED_MODEL if entry is None else callable_id(entry, region)
    return {
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_SESSION_TOKEN": "",  # the token of another account would be sent along
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "BEDROCK_REGION": region,
        "BEDROCK_MODEL": model,
        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": base_url,
        "AWS_ENDPOINT_URL_BEDROCK": base_url,
        "AWS_ENDPOINT_URL_STS": base_url,
    }
