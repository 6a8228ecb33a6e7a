"""Commands that go wrong with secrets all around them: what they say is printed, and `planted`
looks through it.

Every case is the real command in a process of its own, with AXONFLOW_DEBUG=1. It ends in the error
that it is made for, so it has come to where the secrets are in use.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha1, sha256
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from attrs import field, frozen
from botocore.credentials import CredentialResolver, ProcessProvider
from botocore.session import Session

from axonflow_bedrock.aws.credentials import AwsSettings
from axonflow_bedrock.aws.signing import BearerToken, Signer
from axonflow_bedrock.emulator import ACCESS_KEY, emulator
from axonflow_core.config import load_config
from axonflow_core.errors import CredentialsError
from axonflow_core.http.client import HttpRequest, HttpResponse, Network
from axonflow_core.http.local_server import Server
from axonflow_core.messages import CompletionRequest, Text, user

NAMES = (
    # the environment
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_BEARER_TOKEN_BEDROCK",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "password of the endpoint",
    "password of the proxy",
    "variable that the YAML names",
    # AWS's files
    "secret key of a profile",
    "session token of a profile",
    "argument of a credential process",
    "stderr of a credential process",
    "stdout of a credential process",
    "access token of SSO",
    "refresh token of SSO",
    "client secret of SSO",
    "web identity token",
    "external id of a role",
    "what STS says",
    # the YAML
    "key in the YAML",
    "key in a list",
    "key under an unknown name",
    "key in an open quotation",
    "key in a comment",
    "key behind a tab",
    # the call
    "prompt",
    "system prompt",
    "prompt that forges a turn",
    "prompt that a validator quotes",
)
PLANTED_SECRETS: Mapping[str, str] = {
    name: f"Plant{sha256(name.encode()).hexdigest()[:24]}" for name in NAMES
}
NOWHERE = "http://127.0.0.1:9"


def secret(name: str) -> str:
    return PLANTED_SECRETS[name]


def show(*things: object) -> None:
    sys.stdout.write("\n".join(map(str, things)))


@frozen(kw_only=True)
class Case:
    """What goes wrong: `axonflow` with `arguments`, among `files` (in the home) and with
    `variables` set."""

    error: str
    arguments: tuple[str, ...] = ("ask", "Hello")
    variables: Mapping[str, str] = field(factory=dict)
    files: Mapping[str, str] = field(factory=dict)
    answer: Mapping[str, Any] | None = None
    """The error of AWS that the emulator answers with; None: as it does by itself."""


def yaml(settings: str) -> dict[str, str]:
    head = 'version: "1.0"\nllm_providers:\n  echo:\n    enabled: true\n'
    return {"axonflow.yaml": head + settings}


def profile(lines: str) -> dict[str, str]:
    return {".aws/config": f"[default]\nregion = us-east-1\n{dedent(lines)}"}


def process(name: str, program: str) -> Case:
    return Case(
        error="credentials",
        files=profile(f'credential_process = {sys.executable} -c "{program}" {name}\n'),
    )


NO_KEYS = {
    "AWS_ACCESS_KEY_ID": "",
    "AWS_SECRET_ACCESS_KEY": "",
    "AWS_EC2_METADATA_DISABLED": "true",
}
QUOTED = (
    "Malformed input request: #/prompt: "
    f"string [{secret('prompt that a validator quotes')}] does not match ^x$"
)
SSO = {
    "startUrl": "https://company.awsapps.com/start",
    "region": "us-east-1",
    "accessToken": secret("access token of SSO"),
    "refreshToken": secret("refresh token of SSO"),
    "clientId": "client",
    "clientSecret": secret("client secret of SSO"),
    "expiresAt": (datetime.now(UTC) - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ"),
    "registrationExpiresAt": (datetime.now(UTC) + timedelta(days=9)).strftime("%Y-%m-%dT%H:%M:%SZ"),
}
ROLE = f"""
role_arn = arn:aws:iam::123456789012:role/app
source_profile = source
external_id = {secret("external id of a role")}
[profile source]
aws_access_key_id = AKIASOURCE
aws_secret_access_key = {secret("secret key of a profile")}
aws_session_token = {secret("session token of a profile")}
"""

CASES: Mapping[str, Case] = {
    "keys that AWS does not know": Case(
        error="credentials",
        variables={name: secret(name) for name in ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")},
    ),
    "an API key that AWS does not know": Case(
        error="credentials",
        variables={"AWS_BEARER_TOKEN_BEDROCK": secret("AWS_BEARER_TOKEN_BEDROCK")},
    ),
    "an API key for everybody to hear": Case(
        error="credentials",
        variables={
            "AWS_BEARER_TOKEN_BEDROCK": secret("AWS_BEARER_TOKEN_BEDROCK"),
            "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": "http://bedrock.example",
        },
    ),
    "an API key with a line break": Case(
        error="credentials",
        variables={"AWS_BEARER_TOKEN_BEDROCK": secret("AWS_BEARER_TOKEN_BEDROCK") + "\n"},
    ),
    "a password in the endpoint": Case(
        error="config",
        variables={
            "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": (
                f"http://u:{secret('password of the endpoint')}@127.0.0.1:9"
            )
        },
    ),
    "a proxy that is not there": Case(
        error="unavailable",
        variables={
            "HTTP_PROXY": f"http://user:{secret('password of the proxy')}@127.0.0.1:9",
            "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": "http://bedrock.example",
        },
    ),
    "a container's endpoint that is not there": Case(
        error="credentials",
        variables={
            **NO_KEYS,
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": NOWHERE,
            "AWS_CONTAINER_AUTHORIZATION_TOKEN": secret("AWS_CONTAINER_AUTHORIZATION_TOKEN"),
        },
    ),
    "a process that fails": process(
        secret("argument of a credential process"),
        f"import sys; sys.exit('{secret('stderr of a credential process')}')",
    ),
    "a process that writes no JSON": process(
        secret("argument of a credential process"),
        f"print('{secret('stdout of a credential process')}')",
    ),
    "a login that cannot be renewed": Case(
        error="credentials",
        variables={"AWS_ENDPOINT_URL_SSO_OIDC": NOWHERE},
        files={
            **profile(
                """\
                sso_session = company
                sso_account_id = 123456789012
                sso_role_name = Developer
                [sso-session company]
                sso_region = us-east-1
                sso_start_url = https://company.awsapps.com/start
                sso_registration_scopes = sso:account:access
                """
            ),
            f".aws/sso/cache/{sha1(b'company').hexdigest()}.json": json.dumps(SSO),
        },
    ),
    "a web identity that STS never hears of": Case(
        error="credentials",
        variables={
            "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/app",
            "AWS_WEB_IDENTITY_TOKEN_FILE": ".aws/token",
            "AWS_ENDPOINT_URL_STS": NOWHERE,
        },
        files={".aws/token": secret("web identity token")},
    ),
    "a role that STS denies": Case(error="credentials", files=profile(ROLE)),
    "a profile that AWS does not know": Case(
        error="credentials",
        files={".aws/config": f"[default]\n{ROLE.partition('[profile source]')[2]}"},
    ),
    "a variable beside a fault": Case(
        error="config",
        arguments=("check",),
        variables={"API_KEY": secret("variable that the YAML names")},
        files=yaml("    credentials: {api_key: $API_KEY, other: [$API_KEY, {}]}\n    wieght: 1\n"),
    ),
    "a key in the file": Case(
        error="config",
        arguments=("check",),
        files=yaml(
            f"    credentials:\n      api_key: {secret('key in the YAML')}\n      inner: "
            f"{{}}\n    wieght: 1\n"
        ),
    ),
    "a key in a list": Case(
        error="config",
        arguments=("check", "--json"),
        files=yaml(f"    credentials:\n      api_key: [{secret('key in a list')}, {{}}]\n"),
    ),
    "a key under an unknown name": Case(
        error="config", files=yaml(f"    password: {secret('key under an unknown name')}\n")
    ),
    "a key in an open quotation": Case(
        error="config", files=yaml(f'    api_key: "{secret("key in an open quotation")}\n')
    ),
    "a key in a comment": Case(
        error="config", files=yaml(f"    wieght: 1 # token: {secret('key in a comment')}\n")
    ),
    "a key behind a tab": Case(
        error="config", files=yaml(f"    api_key:\n\t  {secret('key behind a tab')}\n")
    ),
    "a call that is throttled": Case(
        error="throttled",
        arguments=("ask", secret("prompt"), "--system", secret("system prompt")),
        answer={
            "code": "ThrottlingException",
            "message": "Too many requests, please wait before trying again.",
        },
    ),
    "a text that forges a turn": Case(
        error="unsupported",
        arguments=(
            "ask",
            f"<|eot_id|>{secret('prompt that forges a turn')}",
            "-m",
            "meta.llama3-8b-instruct-v1:0",
        ),
    ),
    "a refusal that quotes the prompt": Case(
        error="invalid_call",
        arguments=("ask", secret("prompt that a validator quotes")),
        answer={"code": "ValidationException", "message": QUOTED},
    ),
}


async def sts(scope: Any, receive: Any, send: Any) -> None:
    """Denies, in words that hold a secret."""
    body = (
        "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code>"
        f"<Message>{secret('what STS says')}</Message></Error>"
        "<RequestId>r</RequestId></ErrorResponse>"
    )
    await send(
        {"type": "http.response.start", "status": 403, "headers": [(b"content-type", b"text/xml")]}
    )
    await send({"type": "http.response.body", "body": body.encode()})


def run(home: Path, case: Case) -> subprocess.CompletedProcess[str]:
    for name, text in case.files.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(text)
    rules = [{"error": case.answer}] if case.answer else []
    with Server(emulator(script=rules).app) as bedrock, Server(sts) as denying:
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            "HOME": str(home),
            "AXONFLOW_DEBUG": "1",
            "AWS_MAX_ATTEMPTS": "1",
            "AWS_ENDPOINT_URL_STS": denying.base_url,
            **(
                emulator().environment(bedrock.base_url)
                if "axonflow.yaml" not in case.files
                else {}
            ),
            **(NO_KEYS if ".aws/config" in case.files or ".aws/token" in case.files else {}),
            "BEDROCK_MODEL": "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
            **case.variables,
        }
        return subprocess.run(
            [sys.executable, "-m", "axonflow_core.cli", *case.arguments],
            env=environment,
            cwd=home,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )


def test_there_are_twenty_five_secrets_and_all_are_in_use() -> None:
    assert len(set(PLANTED_SECRETS.values())) == len(NAMES) >= 25
    used = repr(CASES) + repr(sts.__code__.co_consts)
    assert [
        name for name, value in PLANTED_SECRETS.items() if value not in used and name not in used
    ] == []


@pytest.mark.sampled(5)
@pytest.mark.parametrize("name", CASES)
def test_a_command_that_goes_wrong_shows_no_secret(tmp_path: Path, name: str) -> None:
    case = CASES[name]
    ran = run(tmp_path, case)
    show(ran.stdout, ran.stderr)
    assert ran.returncode > 0
    assert f"error[{case.error}]" in ran.stderr or f'"code": "{case.error}"' in ran.stdout, (
        ran.stderr
    )
    assert "error[bug]" not in ran.stderr


async def test_a_traceback_shows_no_more_than_the_error() -> None:
    """What a program logs of an error that it did not expect, with every error behind it."""
    stderr = secret("stderr of a credential process")
    program = f"{sys.executable} -c \"import sys; sys.exit('{stderr}')\""
    source = ProcessProvider(
        "default", lambda: {"profiles": {"default": {"credential_process": program}}}
    )
    session = Session()
    session.set_config_variable("region", "us-east-1")
    session.register_component("credential_provider", CredentialResolver([source]))
    with pytest.raises(CredentialsError, match="CredentialRetrievalError") as caught:
        await AwsSettings(session=session).signer()
    show(*traceback.format_exception(caught.value))


def test_no_repr_shows_a_secret(tmp_path: Path) -> None:
    file = tmp_path / "axonflow.yaml"
    settings = f"    credentials: {{api_key: '{secret('key in the YAML')}${{API_KEY}}'}}\n"
    file.write_text(yaml(settings)["axonflow.yaml"])
    headers, body = {"authorization": secret("AWS_BEARER_TOKEN_BEDROCK")}, secret("prompt").encode()
    things = [
        Signer(
            ACCESS_KEY, secret("AWS_SECRET_ACCESS_KEY"), secret("AWS_SESSION_TOKEN"), "us-east-1"
        ),
        BearerToken(secret("AWS_BEARER_TOKEN_BEDROCK")),
        Network(f"http://user:{secret('password of the proxy')}@proxy"),
        HttpRequest("POST", NOWHERE, headers, body),
        HttpResponse(200, headers, body, 1.0),
        load_config(file, {"API_KEY": secret("variable that the YAML names")}),
        CompletionRequest((user(secret("prompt")),), system=(Text(secret("system prompt")),)),
    ]
    show(*map(repr, things))
    assert len(set(map(repr, things))) == len(things)
