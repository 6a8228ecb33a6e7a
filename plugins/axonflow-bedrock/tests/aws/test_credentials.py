"""Region, endpoint and identity, held against botocore, which is the authority on AWS's
settings."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.credentials import (
    CredentialProvider,
    CredentialResolver,
    Credentials,
    RefreshableCredentials,
)
from botocore.exceptions import (
    ClientError,
    CredentialRetrievalError,
    PartialCredentialsError,
    SSOTokenLoadError,
    UnauthorizedSSOTokenError,
)
from botocore.session import Session
from on_time import GUARD_S, timed, until

from axonflow_bedrock.aws.credentials import AwsSettings
from axonflow_bedrock.aws.signing import Signer
from axonflow_core.errors import (
    AxonFlowError,
    ConfigError,
    CredentialsError,
    CredentialsExpired,
    CredentialsMissing,
)

SECRET = "wJalrXUtnFEMI/hidden"
PLANTED_SECRETS = {"secret key of the chain": SECRET}


class Clock:
    """Seconds that pass when they are told to: for us as a number, for botocore as a time of
    day."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s

    def time_of_day(self) -> datetime:
        return datetime.fromtimestamp(self.now_s, UTC)


class Sts:
    """Gives out credentials that live an hour, counts, and may be slow or out of order."""

    def __init__(self, clock: Clock, *, delay_s: float = 0.0) -> None:
        self.clock = clock
        self.delay_s = delay_s
        self.calls = 0
        self.fault: Exception | None = None
        self.is_open = threading.Event()
        self.is_open.set()

    def __call__(self) -> dict[str, str]:
        self.calls += 1
        call = self.calls
        time.sleep(self.delay_s)
        self.is_open.wait(GUARD_S)
        if self.fault is not None:
            raise self.fault
        expiry = self.clock.time_of_day() + timedelta(hours=1)
        return {
            "access_key": f"AKIA{call}",
            "secret_key": SECRET,
            "token": "t",
            "expiry_time": expiry.isoformat(),
        }

    def settings(self) -> AwsSettings:
        """Settings over a session whose credentials come from here and have just run out."""
        credentials = RefreshableCredentials(
            "AKIA0",
            SECRET,
            "t",
            self.clock.time_of_day(),
            self,
            "assume-role",
            time_fetcher=self.clock.time_of_day,
        )
        return AwsSettings(session=session_of(Source(credentials)), clock=self.clock)


class Source(CredentialProvider):
    """The one credential provider of a session's chain: gives out what it was given, or raises
    it."""

    METHOD = "from-a-test"

    def __init__(self, outcome: Any) -> None:
        self.outcome = outcome

    def load(self) -> Any:
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


MODELS = Session().get_component("data_loader")
"""Read once: botocore takes 100 ms to load what it knows of a service."""


def session_of(*sources: Source, region: str | None = "eu-west-1") -> Session:
    session = Session()
    session.register_component("data_loader", MODELS)
    session.set_config_variable("region", region)
    session.register_component("credential_provider", CredentialResolver(list(sources)))
    return session


def settings_of(outcome: Any, **options: Any) -> AwsSettings:
    return AwsSettings(session=session_of(Source(outcome)), **options)


async def access_key(settings: AwsSettings) -> str:
    signer = await settings.signer()
    assert isinstance(signer, Signer)
    return signer.access_key


# ── region and endpoint: what an unmodified boto3 client says ─────────────────────────────────────

SHARED_CONFIG = """
[default]
region = ap-south-1
[profile named]
region = ca-central-1
[profile vpce]
region = eu-west-3
services = private
[profile everything]
region = eu-west-3
endpoint_url = http://localhost:9100
[profile ignoring]
region = eu-west-3
services = private
ignore_configured_endpoint_urls = true
[profile fips]
region = us-east-2
use_fips_endpoint = true
[profile both]
region = us-west-2
use_fips_endpoint = true
use_dualstack_endpoint = true
[services private]
bedrock_runtime =
  endpoint_url = https://vpce-1.bedrock-runtime.eu-west-3.vpce.amazonaws.com/
"""

ENVIRONMENTS: dict[str, Mapping[str, str]] = {
    "default profile": {},
    "AWS_DEFAULT_REGION": {"AWS_DEFAULT_REGION": "us-west-2"},
    "named profile": {"AWS_PROFILE": "named"},
    "variable before profile": {"AWS_PROFILE": "named", "AWS_DEFAULT_REGION": "us-west-2"},
    "GovCloud": {"AWS_DEFAULT_REGION": "us-gov-west-1"},
    "China": {"AWS_DEFAULT_REGION": "cn-north-1"},
    "ISO": {"AWS_DEFAULT_REGION": "us-iso-east-1"},
    "region of tomorrow": {"AWS_DEFAULT_REGION": "xx-north-9"},
    "service endpoint": {"AWS_ENDPOINT_URL_BEDROCK_RUNTIME": "http://127.0.0.1:4010"},
    "service endpoint with a path": {
        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": "https://proxy.example/bedrock/"
    },
    "endpoint of all services": {"AWS_ENDPOINT_URL": "http://localhost:4566"},
    "service before all": {
        "AWS_ENDPOINT_URL": "http://a:1",
        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": "http://b:2",
    },
    "another service's endpoint": {"AWS_ENDPOINT_URL_BEDROCK": "http://control-plane:1"},
    "endpoints ignored": {
        "AWS_ENDPOINT_URL": "http://a:1",
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
    },
    "services section": {"AWS_PROFILE": "vpce"},
    "endpoint_url of a profile": {"AWS_PROFILE": "everything"},
    "services section ignored": {"AWS_PROFILE": "ignoring"},
    "FIPS by variable": {"AWS_USE_FIPS_ENDPOINT": "true"},
    "dual stack by variable": {"AWS_USE_DUALSTACK_ENDPOINT": "true"},
    "FIPS by profile": {"AWS_PROFILE": "fips"},
    "FIPS and dual stack": {"AWS_PROFILE": "both"},
    "FIPS in GovCloud": {"AWS_USE_FIPS_ENDPOINT": "true", "AWS_DEFAULT_REGION": "us-gov-east-1"},
    "API key": {"AWS_BEARER_TOKEN_BEDROCK": "ABSKhidden"},
    "API key and a preference": {
        "AWS_BEARER_TOKEN_BEDROCK": "ABSKhidden",
        "AWS_AUTH_SCHEME_PREFERENCE": "sigv4",
    },
}

PROBE = """
import asyncio, json, os, sys
import boto3
import botocore.session
from axonflow_bedrock.aws.credentials import AwsSettings

# What botocore's files say is the same for all sessions, and takes 100 ms to read.
models = botocore.session.Session().get_component("data_loader")
botocore.session.create_loader = lambda path: models

async def ours():
    settings = AwsSettings()
    place = await settings.place()
    return [place.region, place.endpoint_url, type(await settings.signer()).__name__]

class Sent(Exception):
    pass

def show(request, **_):
    raise Sent(str(request.headers["Authorization"]))

def theirs():
    client = boto3.Session().client("bedrock-runtime")
    client.meta.events.register("before-send.bedrock-runtime.*", show)
    try:
        client.invoke_model(modelId="m", body=b"{}")
    except Sent as sent:
        scheme = "BearerToken" if "Bearer" in str(sent) else "Signer"
    return [client.meta.region_name, client.meta.endpoint_url.rstrip("/"), scheme]

own = dict(os.environ)
answers = {}
for name, environment in json.load(sys.stdin).items():
    os.environ.clear()
    os.environ.update(own | environment)
    answers[name] = [asyncio.run(ours()), theirs()]
print(json.dumps(answers))
"""


@pytest.fixture(scope="module")
def aws_home(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """An environment without any setting of the tester's, over the shared config file above."""
    home = tmp_path_factory.mktemp("home")
    (home / "config").write_text(SHARED_CONFIG)
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "AWS_CONFIG_FILE": str(home / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(home / "credentials"),
        "AWS_ACCESS_KEY_ID": "AKIA",
        "AWS_SECRET_ACCESS_KEY": SECRET,
    }


def run(program: str, environment: Mapping[str, str], given: object = None) -> Any:
    finished = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        env=environment,
        input=json.dumps(given),
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    return json.loads(finished.stdout)


@pytest.fixture(scope="module")
def probed(aws_home: Mapping[str, str]) -> Mapping[str, tuple[list[str], list[str]]]:
    """Region, endpoint and kind of identity in every environment: ours, and those of a boto3
    client."""
    answers: Mapping[str, tuple[list[str], list[str]]] = run(PROBE, aws_home, ENVIRONMENTS)
    return answers


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_region_endpoint_and_identity_are_those_of_a_boto3_client(
    probed: Mapping[str, tuple[list[str], list[str]]], name: str
) -> None:
    ours, theirs = probed[name]
    assert ours == theirs


def test_the_environments_tell_endpoints_and_identities_apart(
    probed: Mapping[str, tuple[list[str], list[str]]],
) -> None:
    _, endpoints, identities = map(
        set, zip(*(theirs for _, theirs in probed.values()), strict=True)
    )
    assert len(endpoints) >= 15
    assert identities == {"BearerToken", "Signer"}


OURS = """
import asyncio, json, os, sys
from axonflow_bedrock.aws.credentials import AwsSettings

async def ours(region):
    settings = AwsSettings(region=region)
    return [(await settings.place()).region, type(await settings.signer()).__name__]

own = dict(os.environ)
answers = []
for asked, environment in json.load(sys.stdin):
    os.environ.clear()
    os.environ.update(own | environment)
    answers.append(asyncio.run(ours(asked)))
print(json.dumps(answers))
"""


def test_where_we_read_more_than_boto3(aws_home: Mapping[str, str]) -> None:
    """AWS_REGION, which AWS's other tools set, and a variable that is set to nothing."""
    both = {"AWS_REGION": "us-east-2", "AWS_DEFAULT_REGION": "us-west-2"}
    cases: list[tuple[str | None, Mapping[str, str], str]] = [
        ("eu-north-1", both, "eu-north-1"),
        (None, both, "us-east-2"),
        (None, {**both, "AWS_REGION": ""}, "us-west-2"),
        (None, {"AWS_BEARER_TOKEN_BEDROCK": ""}, "ap-south-1"),
    ]
    answers = run(OURS, aws_home, [case[:2] for case in cases])
    assert answers == [[region, "Signer"] for _, _, region in cases]


async def test_a_ready_session_brings_its_region_and_its_credentials() -> None:
    session = boto3.Session("AKIAREADY", SECRET, "token", region_name="eu-central-1")
    settings = AwsSettings(session=session)
    assert (await settings.place()).region == "eu-central-1"
    assert await settings.signer() == Signer("AKIAREADY", SECRET, "token", "eu-central-1")


async def test_a_profile_that_does_not_exist_is_named_with_those_that_do() -> None:
    session = session_of(Source(None))
    session.set_config_variable("profile", "prd")
    session.set_config_variable("config_file", "nowhere")

    with pytest.raises(ConfigError, match="prd") as caught:
        await AwsSettings(session=session, region="us-east-1").place()

    assert str(caught.value.hint).startswith("correct the session; the profiles there are: ")


@pytest.fixture
def profiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home with the profiles `default` and `production`, and nothing of AWS's in the
    environment."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".aws").mkdir()
    text = "[default]\nregion = eu-west-1\n[profile production]\nregion = us-west-2\n"
    (tmp_path / ".aws" / "config").write_text(text)


@pytest.mark.usefixtures("profiles")
@pytest.mark.parametrize("variable", ["AWS_PROFILE", "AWS_DEFAULT_PROFILE"])
async def test_a_profile_that_a_variable_names_wrongly_is_told_with_the_variable(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "prodution")
    with pytest.raises(ConfigError, match=f"{variable} names the profile 'prodution'") as caught:
        await AwsSettings(region="us-east-1").place()
    assert str(caught.value.hint).startswith("did you mean `production`? the profiles there are: ")


@pytest.mark.usefixtures("profiles")
@pytest.mark.parametrize(
    ("more", "region", "source"),
    [
        ({"AWS_PROFILE": ""}, "eu-west-1", "the AWS profile default"),
        ({"AWS_DEFAULT_PROFILE": ""}, "eu-west-1", "the AWS profile default"),
        ({"AWS_PROFILE": "", "AWS_RETRY_MODE": "standard"}, "eu-west-1", "the AWS profile default"),
        ({"AWS_DEFAULT_PROFILE": "", "AWS_PROFILE": "production"}, "us-west-2", None),
        ({"AWS_PROFILE": "", "AWS_REGION": "us-east-2"}, "us-east-2", "AWS_REGION"),
        ({"AWS_PROFILE": "", "AWS_DEFAULT_REGION": "us-east-2"}, "us-east-2", "AWS_DEFAULT_REGION"),
    ],
)
async def test_an_empty_profile_is_unset_and_the_source_of_the_region_is_told(
    more: Mapping[str, str], region: str, source: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in more.items():
        monkeypatch.setenv(name, value)
    place = await AwsSettings().place()
    told = source or "the AWS profile production"
    assert (place.region, place.region_source) == (region, told)


READY = """
import asyncio, json
import boto3
from axonflow_bedrock.aws.credentials import AwsSettings
settings = AwsSettings(session=boto3.Session(region_name="eu-central-1"))
print(json.dumps(asyncio.run(settings.place()).region))
"""


def test_the_region_of_a_ready_session_goes_before_aws_region(aws_home: Mapping[str, str]) -> None:
    assert run(READY, {**aws_home, "AWS_REGION": "us-east-2"}) == "eu-central-1"


async def test_the_config_is_asked_before_the_region_of_a_session() -> None:
    settings = AwsSettings(
        region="us-east-1", session=session_of(Source(Credentials("AKIA", SECRET)))
    )
    assert (
        await settings.place()
    ).endpoint_url == "https://bedrock-runtime.us-east-1.amazonaws.com"


async def test_no_region_is_a_configuration_error_with_the_ways_to_say_one() -> None:
    with pytest.raises(ConfigError, match="no region is configured") as caught:
        await AwsSettings(session=session_of(region=None)).place()
    assert "BEDROCK_REGION" in str(caught.value.hint)


async def test_a_region_that_is_none_is_a_configuration_error() -> None:
    with pytest.raises(ConfigError, match="region"):
        await AwsSettings(region="us east/1", session=session_of()).place()


async def test_the_endpoint_is_found_without_looking_for_credentials() -> None:
    settings = settings_of(AssertionError("nobody needs to know who we are to know where to call"))
    assert (
        await settings.place()
    ).endpoint_url == "https://bedrock-runtime.eu-west-1.amazonaws.com"


SIGNED_IN_CODE = """
import asyncio, json
from botocore.config import Config
from botocore.session import Session
from axonflow_bedrock.aws.credentials import AwsSettings

def signer(**options):
    session = Session()
    session.set_default_client_config(Config(**options))
    return type(asyncio.run(AwsSettings(session=session).signer())).__name__

print(json.dumps([signer(), signer(signature_version="v4")]))
"""


def test_a_signature_version_in_code_goes_before_a_bearer_token(
    aws_home: Mapping[str, str],
) -> None:
    environment = {**aws_home, "AWS_BEARER_TOKEN_BEDROCK": "ABSKhidden"}
    assert run(SIGNED_IN_CODE, environment) == ["BearerToken", "Signer"]


# ── credentials that refresh ──────────────────────────────────────────────────────────────────────


async def test_two_hundred_callers_refresh_once_and_the_loop_stays_responsive() -> None:
    sts = Sts(Clock(), delay_s=0.2)
    settings = sts.settings()
    await settings.place()  # opening a client is work for the processor, whatever thread does it
    with timed() as measured:
        longest = asyncio.create_task(_longest_stall_s(0.3))
        keys = await asyncio.gather(*(access_key(settings) for _ in range(200)))
        longest_s = await longest
    assert set(keys) == {"AKIA1"}
    assert sts.calls == 1
    assert longest_s < 0.1 + measured.late_s


async def _longest_stall_s(duration_s: float) -> float:
    longest, ends_at = 0.0, time.monotonic() + duration_s
    while (before := time.monotonic()) < ends_at:
        await asyncio.sleep(0.001)
        longest = max(longest, time.monotonic() - before)
    return longest


async def test_the_measure_of_the_loop_sees_a_stall() -> None:
    longest = asyncio.create_task(_longest_stall_s(0.2))
    await asyncio.sleep(0.01)
    time.sleep(0.5)  # noqa: ASYNC251 - this is the stall
    assert await longest >= 0.5


async def test_botocore_is_asked_once_a_second() -> None:
    class Counting(Credentials):
        asked = 0

        def get_frozen_credentials(self) -> Any:
            self.asked += 1
            return super().get_frozen_credentials()

    clock, credentials = Clock(), Counting("AKIA", SECRET)
    settings = settings_of(credentials, clock=clock)
    for _ in range(3):
        for _ in range(100):
            await settings.signer()
        await until(lambda: settings._asking._present is None)
        clock.now_s += 1.0
    assert credentials.asked == 3


async def test_the_signer_is_the_same_object_while_the_credentials_are_the_same() -> None:
    clock = Clock()
    settings = settings_of(Credentials("AKIA", SECRET), clock=clock)
    first = await settings.signer()
    clock.now_s += 5
    await settings.signer()
    await asyncio.sleep(0.05)
    assert await settings.signer() is first


async def test_credentials_refresh_before_they_expire_and_nobody_waits() -> None:
    clock = Clock()
    sts = Sts(clock)
    settings = sts.settings()
    assert await access_key(settings) == "AKIA1"
    clock.now_s += 3600 - 800  # within botocore's advisory 15 minutes before the end
    sts.is_open.clear()
    assert await access_key(settings) == "AKIA1"
    sts.is_open.set()
    await until(lambda: sts.calls == 2 and settings._asking._present is None)
    assert await access_key(settings) == "AKIA2"


async def test_expired_credentials_are_waited_for() -> None:
    clock = Clock()
    sts = Sts(clock)
    settings = sts.settings()
    await settings.signer()
    clock.now_s += 3601
    assert await access_key(settings) == "AKIA2"


async def test_an_outage_of_sts_costs_no_call_while_the_credentials_are_valid(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = Clock()
    sts = Sts(clock)
    settings = sts.settings()
    await settings.signer()
    sts.fault = ConnectionError("no route")
    clock.now_s += 3600 - 60  # botocore itself would raise within the last ten minutes
    with caplog.at_level(logging.WARNING, "axonflow_bedrock"):
        assert await access_key(settings) == "AKIA1"
        await until(lambda: "stay in use" in caplog.text)
        await until(lambda: settings._asking._present is None)
    clock.now_s += 61
    with pytest.raises(CredentialsError, match="ConnectionError"):
        await settings.signer()


async def test_a_caller_that_gives_up_does_not_take_the_refresh_from_the_others() -> None:
    sts = Sts(Clock(), delay_s=0.1)
    settings = sts.settings()
    first, second = (asyncio.create_task(access_key(settings)) for _ in range(2))
    await until(lambda: sts.calls == 1)
    first.cancel()
    assert await second == "AKIA1"
    assert sts.calls == 1


# ── refresh on demand: AWS says ExpiredToken ──────────────────────────────────────────────────────


async def test_many_callers_force_one_refresh_even_when_some_come_late() -> None:
    clock = Clock()
    sts = Sts(clock, delay_s=0.05)
    settings = sts.settings()
    await settings.signer()
    assert await asyncio.gather(*(settings.refresh() for _ in range(200))) == [True] * 200
    assert await settings.refresh()
    assert (sts.calls, await access_key(settings)) == (2, "AKIA2")


async def test_a_second_expiry_later_forces_a_second_refresh() -> None:
    clock = Clock()
    sts = Sts(clock)
    settings = sts.settings()
    await settings.signer()
    await settings.refresh()
    clock.now_s += 60
    assert await settings.refresh()
    assert await access_key(settings) == "AKIA3"


async def test_static_credentials_have_nothing_newer() -> None:
    settings = settings_of(Credentials("AKIA", SECRET))
    before = await settings.signer()
    assert not await settings.refresh()
    assert await settings.signer() == before


async def test_a_refresh_that_fails_says_why() -> None:
    sts = Sts(Clock())
    settings = sts.settings()
    await settings.signer()
    sts.fault = UnauthorizedSSOTokenError()
    with pytest.raises(CredentialsExpired) as caught:
        await settings.refresh()
    assert caught.value.hint == "aws sso login --profile default"


# ── faults ────────────────────────────────────────────────────────────────────────────────────────


async def test_missing_credentials_name_what_was_tried() -> None:
    settings = AwsSettings(session=session_of(Source(None), Source(None)))
    with pytest.raises(
        CredentialsMissing, match=r"profile default; sources tried: from-a-test"
    ) as caught:
        await settings.signer()
    assert "AWS_BEARER_TOKEN_BEDROCK" in str(caught.value.hint)


def denied(code: str) -> ClientError:
    return ClientError(
        {"Error": {"Code": code, "Message": f"User {SECRET} is not authorized"}}, "AssumeRole"
    )


SSO_LOGIN = "aws sso login --profile default"
PARTIAL = PartialCredentialsError(provider="env", cred_var="AWS_SECRET_ACCESS_KEY")
PROCESS = CredentialRetrievalError(provider="custom-process", error_msg=SECRET)


FAULTS: list[tuple[Exception, type[AxonFlowError], str, str]] = [
    (
        UnauthorizedSSOTokenError(),
        CredentialsExpired,
        "login of the AWS profile default",
        SSO_LOGIN,
    ),
    (SSOTokenLoadError(error_msg="does not exist"), CredentialsExpired, "never made", SSO_LOGIN),
    (PARTIAL, CredentialsMissing, "missing: AWS_SECRET_ACCESS_KEY", "set both"),
    (PROCESS, CredentialsError, "CredentialRetrievalError", "get-caller-identity"),
    (
        denied("AccessDenied"),
        CredentialsError,
        "AWS answered AssumeRole with AccessDenied",
        "that this identity may assume it",
    ),
    (
        denied("ExpiredToken"),
        CredentialsExpired,
        "AWS answered AssumeRole with ExpiredToken",
        "source profile",
    ),
    (
        RuntimeError("refreshed credentials are still expired"),
        CredentialsExpired,
        "are still expired after a refresh",
        "clock",
    ),
]


@pytest.mark.parametrize(
    ("fault", "kind", "message", "hint"), FAULTS, ids=[str(row[2]) for row in FAULTS]
)
@pytest.mark.parametrize("is_found_late", [False, True])
async def test_every_fault_of_the_chain_says_what_to_do(
    fault: Exception,
    kind: type[AxonFlowError],
    message: str,
    hint: str,
    caplog: pytest.LogCaptureFixture,
    *,
    is_found_late: bool,
) -> None:
    caplog.set_level(
        logging.CRITICAL, "botocore.credentials"
    )  # it logs its own faults in full, as it does for boto3
    sts = Sts(Clock())
    sts.fault = fault
    settings = sts.settings() if is_found_late else settings_of(fault)
    with pytest.raises(kind, match=message) as caught:
        await settings.signer()
    assert hint in str(caught.value.hint)
    assert SECRET not in f"{caught.value}{caught.value.hint}"


async def test_a_fault_is_not_kept_once_it_is_mended() -> None:
    source = Source(PARTIAL)
    settings = AwsSettings(session=session_of(source))
    with pytest.raises(CredentialsMissing):
        await settings.signer()
    source.outcome = Credentials("AKIA", SECRET)
    assert await access_key(settings) == "AKIA"


def test_botocore_is_not_imported_before_it_is_asked(aws_home: Mapping[str, str]) -> None:
    program = """
import json, sys
from axonflow_bedrock.aws.credentials import AwsSettings
AwsSettings(region="eu-west-1")
print(json.dumps([name in sys.modules for name in ("boto3", "botocore")]))
"""
    assert run(program, aws_home) == [False, False]
