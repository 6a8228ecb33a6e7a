"""Credentials from where they really come from: a container's endpoint, a file, an SSO portal, an
instance's metadata.

botocore is unmodified, and its sources are processes, files and sockets. AWS is an emulator whose
account knows keys that it ceases to take after a while.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from hashlib import sha1
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson
import pytest
from botocore.credentials import ContainerProvider, CredentialResolver
from botocore.session import Session

from axonflow_bedrock.aws.credentials import AwsSettings
from axonflow_bedrock.aws.signing import ClientKey, KeyRing
from axonflow_bedrock.emulator.catalogue import CATALOGUE
from axonflow_bedrock.emulator.service import EmulatedBedrock
from axonflow_bedrock.wire.endpoint import (
    ReceivedRequest,
    ServiceException,
    bedrock_app,
    signature_verifier,
)
from axonflow_core.cli.failure import CREDENTIALS
from axonflow_core.http.local_server import Server
from axonflow_core.plugins import load_codecs

REGION = "us-east-1"
CODECS = load_codecs("bedrock").registry
KEYS = [ClientKey(f"AKIA{number}", f"secret-{number}", f"token-{number}") for number in range(9)]
EXPIRED = ServiceException(
    "ExpiredTokenException", "The security token included in the request is expired", status=403
)
DELETED = ServiceException(
    "UnrecognizedClientException",
    "The security token included in the request is invalid.",
    status=403,
)


class Account:
    """Takes each of `KEYS` for so many calls as `lives` says, and then answers with `farewell`."""

    def __init__(
        self, farewell: ServiceException = EXPIRED, lives: Mapping[str, int] | None = None
    ) -> None:
        self.served: Counter[str] = Counter()
        self.refused = 0
        self._farewell = farewell
        self._lives = lives or {}
        self._verify = signature_verifier(KeyRing(KEYS, region=REGION))
        self.app = bedrock_app(EmulatedBedrock(CODECS, CATALOGUE), self._admit)

    def _admit(self, request: ReceivedRequest) -> str:
        key = self._verify(request)
        if self.served[key] >= self._lives.get(key, 10**6):
            self.refused += 1
            raise self._farewell
        self.served[key] += 1
        return key


class Vault:
    """A container's credentials endpoint: hands out one key after another, and counts."""

    def __init__(self) -> None:
        self.calls = 0
        self.lifetime = timedelta(hours=1)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.calls += 1
        key, ends_at = KEYS[self.calls], datetime.now(UTC) + self.lifetime
        said = {
            "AccessKeyId": key.access_key,
            "SecretAccessKey": key.secret_key,
            "Token": key.session_token,
        }
        await answer(send, 200, {**said, "Expiration": ends_at.isoformat()})


async def answer(
    send: Any, status: int, body: Any, headers: Mapping[str, str] | None = None
) -> None:
    said = {"content-type": "application/json", **(headers or {})}
    encoded = [(name.encode(), value.encode()) for name, value in said.items()]
    await send({"type": "http.response.start", "status": status, "headers": encoded})
    await send({"type": "http.response.body", "body": orjson.dumps(body)})


@contextmanager
def serving(*apps: Any) -> Iterator[list[str]]:
    with ExitStack() as stack:
        yield [stack.enter_context(Server(app)).base_url for app in apps]


def surroundings(home: Path, bedrock_url: str, more: Mapping[str, str]) -> dict[str, str]:
    """An environment with a way to the emulator, and no credentials but what `more` brings."""
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "HOME": str(home),
        "BEDROCK_REGION": REGION,
        "BEDROCK_MODEL": "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": bedrock_url,
        **more,
    }


def run(environment: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    ran = subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        env=dict(environment),
        cwd=environment["HOME"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    sys.stdout.write(ran.stdout + ran.stderr)  # where planted secrets are looked for
    return ran


# ── a container's endpoint: two hundred callers, one refresh ──────────────────────────────────────

TWO_HUNDRED = """
import asyncio
from axonflow_core import Runtime

async def main():
    async with Runtime.open() as runtime:
        for callers in (1, 200):
            await asyncio.gather(*(runtime.complete("Hi") for _ in range(callers)))

asyncio.run(main())
"""


@pytest.mark.thorough
def test_two_hundred_calls_that_aws_refuses_as_expired_refresh_once_and_all_succeed(
    tmp_path: Path,
) -> None:
    account, vault = Account(lives={"AKIA1": 1}), Vault()
    with serving(account.app, vault) as (bedrock_url, vault_url):
        container = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{vault_url}/credentials"}
        ran = run(surroundings(tmp_path, bedrock_url, container), "-c", TWO_HUNDRED)
    assert ran.returncode == 0, ran.stderr
    assert account.served == {"AKIA1": 1, "AKIA2": 200}
    assert account.refused == 200  # the control: each of them did have to have new credentials
    assert vault.calls == 2


async def test_two_hundred_callers_with_credentials_that_ran_out_fetch_once() -> None:
    vault = Vault()
    with serving(vault) as (url,):
        session = Session()
        session.set_config_variable("region", REGION)
        source = ContainerProvider(environ={"AWS_CONTAINER_CREDENTIALS_FULL_URI": url})
        session.register_component("credential_provider", CredentialResolver([source]))
        settings = AwsSettings(session=session)
        vault.lifetime = timedelta(seconds=1)
        old = await settings.signer()
        await asyncio.sleep(1.1)
        vault.lifetime, fetched = timedelta(hours=1), vault.calls
        new = await asyncio.gather(*(settings.signer() for _ in range(200)))
    assert set(map(id, new)) == {id(new[0])}
    assert new[0] != old
    assert vault.calls == fetched + 1


# ── a file that is rotated ────────────────────────────────────────────────────────────────────────

ROTATING = """
import os, pathlib, sys
from axonflow_core import BlockingRuntime

with BlockingRuntime.open() as runtime:
    runtime.complete("Hi")
    os.replace(sys.argv[1], pathlib.Path.home() / ".aws" / "credentials")
    runtime.complete("Hi")
"""


def credentials_file(path: Path, key: ClientKey) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(
        f"[default]\naws_access_key_id = {key.access_key}\naws_secret_access_key = "
        f"{key.secret_key}\n"
        f"aws_session_token = {key.session_token}\n"
    )
    return path


@pytest.mark.sampled(4)
@pytest.mark.parametrize("farewell", [EXPIRED, DELETED], ids=["expired", "deleted"])
@pytest.mark.parametrize("is_rotated", [True, False])
def test_rotated_keys_are_picked_up_without_a_restart(
    tmp_path: Path, farewell: ServiceException, *, is_rotated: bool
) -> None:
    account = Account(farewell, lives={"AKIA1": 1})
    credentials_file(tmp_path / ".aws" / "credentials", KEYS[1])
    latest = credentials_file(tmp_path / "latest", KEYS[2] if is_rotated else KEYS[1])
    with serving(account.app) as (bedrock_url,):
        ran = run(surroundings(tmp_path, bedrock_url, {}), "-c", ROTATING, str(latest))
    assert (ran.returncode == 0) is is_rotated
    assert account.served == ({"AKIA1": 1, "AKIA2": 1} if is_rotated else {"AKIA1": 1})
    assert (
        account.refused == 1
    )  # and credentials that are what they were are not tried a second time


# ── an SSO portal ─────────────────────────────────────────────────────────────────────────────────

START_URL = "https://company.awsapps.com/start"
SSO_PROFILE = f"""\
[profile work]
sso_account_id = 123456789012
sso_role_name = Developer
sso_region = {REGION}
sso_start_url = {START_URL}
"""
SSO_SESSION = f"""\
[profile work]
sso_session = company
sso_account_id = 123456789012
sso_role_name = Developer
[sso-session company]
sso_region = {REGION}
sso_start_url = {START_URL}
sso_registration_scopes = sso:account:access
"""
OF_A_ROLE = (
    SSO_PROFILE.replace("work", "person")
    + """\
[profile work]
role_arn = arn:aws:iam::123456789012:role/app
source_profile = person
"""
)


class Portal:
    """The SSO portal: hands out keys for a login that holds `logins` times."""

    def __init__(self, logins: int = 0) -> None:
        self.calls = 0
        self._logins = logins

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.calls += 1
        if self.calls > self._logins:
            await answer(
                send, 401, {"message": "no session"}, {"x-amzn-errortype": "UnauthorizedException"}
            )
            return
        key, ends_at = KEYS[self.calls], datetime.now(UTC) + timedelta(hours=1)
        said = {
            "accessKeyId": key.access_key,
            "secretAccessKey": key.secret_key,
            "sessionToken": key.session_token,
        }
        await answer(
            send, 200, {"roleCredentials": {**said, "expiration": int(ends_at.timestamp() * 1000)}}
        )


def log_in(home: Path, name: str) -> None:
    """What `aws sso login` leaves behind."""
    cache = home / ".aws" / "sso" / "cache"
    cache.mkdir(parents=True)
    ends_at = (datetime.now(UTC) + timedelta(hours=8)).strftime("%Y-%m-%dT%H:%M:%SZ")
    token = {
        "startUrl": START_URL,
        "region": REGION,
        "accessToken": "a-login",
        "expiresAt": ends_at,
    }
    (cache / f"{sha1(name.encode()).hexdigest()}.json").write_text(json.dumps(token))


def ask(
    home: Path, profile: str, account: Account, portal: Portal
) -> subprocess.CompletedProcess[str]:
    """`axonflow ask` with the AWS profile `work`."""
    (home / ".aws").mkdir(exist_ok=True)
    (home / ".aws" / "config").write_text(profile)
    with serving(account.app, portal) as (bedrock_url, portal_url):
        more = {"AWS_PROFILE": "work", "AWS_ENDPOINT_URL_SSO": portal_url}
        return run(surroundings(home, bedrock_url, more), "-m", "axonflow_core.cli", "ask", "Hi")


def login_of(profile: str) -> str:
    return "company" if profile is SSO_SESSION else START_URL


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    ("profile", "person"),
    [(SSO_PROFILE, "work"), (SSO_SESSION, "work"), (OF_A_ROLE, "person")],
    ids=["profile", "session", "the profile behind a role"],
)
def test_who_never_logged_in_is_told_the_command_with_the_profile(
    tmp_path: Path, profile: str, person: str
) -> None:
    account = Account()
    said = ask(tmp_path, profile, account, Portal())
    assert (said.returncode, account.served) == (CREDENTIALS, {})
    assert said.stderr.startswith("error[credentials_expired]: ")
    assert f"  fix: aws sso login --profile {person}\n" in said.stderr


@pytest.mark.parametrize("profile", [SSO_PROFILE, SSO_SESSION], ids=["profile", "session"])
def test_the_control_a_login_that_holds_answers(tmp_path: Path, profile: str) -> None:
    account, portal = Account(), Portal(logins=1)
    log_in(tmp_path, login_of(profile))
    said = ask(tmp_path, profile, account, portal)
    assert (said.returncode, said.stderr, account.served) == (0, "", {"AKIA1": 1})


@pytest.mark.sampled(6)
@pytest.mark.parametrize("profile", [SSO_PROFILE, SSO_SESSION], ids=["profile", "session"])
@pytest.mark.parametrize(
    "logins", [0, 1, 2], ids=["at once", "at the refresh", "for what was refreshed"]
)
def test_who_has_to_log_in_again_is_told_the_command_whoever_says_so(
    tmp_path: Path, profile: str, logins: int
) -> None:
    """The portal when it is asked first, the portal after AWS took the key no more, or AWS of the
    next key too."""
    account, portal = Account(lives={"AKIA1": 0, "AKIA2": 0}), Portal(logins)
    log_in(tmp_path, login_of(profile))
    said = ask(tmp_path, profile, account, portal)
    assert (said.returncode, account.refused) == (CREDENTIALS, logins)
    assert portal.calls == min(logins + 1, 2)
    assert said.stderr.startswith("error[credentials_expired]: ")
    assert "  fix: aws sso login --profile work\n" in said.stderr


# ── an instance metadata service that accepts and never answers ───────────────────────────────────

BESIDE = """
import asyncio, json, sys, time
import boto3
from botocore.session import Session
from axonflow_core import CredentialsMissing, Runtime

async def on_the_loop():
    Session().get_credentials()

async def asked(runtime):
    try:
        await runtime.complete("Hi")
    except CredentialsMissing as error:
        return str(error)

async def main(is_blocking):
    key = boto3.Session("AKIA1", "secret-1", "token-1", region_name="us-east-1")
    extras = {"bedrock": {"boto3_session": key}}
    async with Runtime.open(extras=extras) as ready, Runtime.open() as without:
        await ready.complete("Hi")
        started, longest_s, calls = time.monotonic(), 0.0, 0
        hanging = asyncio.create_task(on_the_loop() if is_blocking else asked(without))
        while not hanging.done():
            before = time.monotonic()
            await ready.complete("Hi")
            longest_s, calls = max(longest_s, time.monotonic() - before), calls + 1
        hung_s = time.monotonic() - started
        said = await hanging
        return {"hung_s": hung_s, "longest_s": longest_s, "calls": calls, "said": said}

print(json.dumps(asyncio.run(main(sys.argv[1] == "blocking"))))
"""
HANG_S = 1.9
"""botocore waits a second for a token and a second for the role."""


@contextmanager
def silent() -> Iterator[tuple[str, Callable[[], bytes]]]:
    """A port whose connections the kernel accepts and nobody answers; what the first of them
    said."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def heard() -> bytes:
            listening.settimeout(1)
            connection, _ = listening.accept()
            with connection:
                return connection.recv(1000)

        yield f"http://127.0.0.1:{listening.getsockname()[1]}/", heard


def beside_a_silent_imds(tmp_path: Path, how: str) -> Mapping[str, Any]:
    with silent() as (imds_url, heard), serving(Account().app) as (bedrock_url,):
        assert urlsplit(imds_url).port
        ran = run(
            surroundings(tmp_path, bedrock_url, {"AWS_EC2_METADATA_SERVICE_ENDPOINT": imds_url}),
            "-c",
            BESIDE,
            how,
        )
        assert ran.returncode == 0, ran.stderr
        assert heard().startswith(b"PUT /latest/api/token")
    measured: Mapping[str, Any] = json.loads(ran.stdout)
    return measured


@pytest.mark.thorough
def test_a_silent_metadata_service_holds_up_nobody_but_who_asked_it(tmp_path: Path) -> None:
    measured = beside_a_silent_imds(tmp_path, "as it is")
    assert measured["hung_s"] >= HANG_S
    assert "no AWS credentials" in measured["said"]
    assert measured["longest_s"] < HANG_S * 0.75  # a busy machine holds it up too
    assert measured["calls"] > 20


@pytest.mark.thorough
def test_the_control_asked_on_the_loop_it_holds_up_everybody(tmp_path: Path) -> None:
    assert beside_a_silent_imds(tmp_path, "blocking")["longest_s"] >= HANG_S
