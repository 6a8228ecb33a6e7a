"""AWS's settings where environment variables alone decide them, read without botocore.

Importing botocore and making one of its clients is half of a first call. In a function or a
container that has its credentials in its environment there is nothing for it to find out. Whether
that is so is judged strictly, because botocore's word is AWS's: a file of AWS's, any variable of
AWS's or of proxies beyond those below, another system than Linux, an endpoint or region of unusual
form, and botocore is asked. A test compares both over many environments.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path

from attrs import field

from axonflow_core.frozen import frozen

_TOKEN = "AWS_BEARER_TOKEN_BEDROCK"  # noqa: S105 - the name of the variable
_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
_ENDPOINTS = ("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "AWS_ENDPOINT_URL")
_REGIONS = ("AWS_REGION", "AWS_DEFAULT_REGION")
_AUTHORITIES = ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE")
_READ = frozenset({_TOKEN, *_KEYS, "AWS_SESSION_TOKEN", *_ENDPOINTS, *_REGIONS, *_AUTHORITIES})
_OF_OTHERS = ("AWS_ENDPOINT_URL_", "AWS_EXECUTION_ENV", "AWS_LAMBDA_", "AWS_XRAY_", "AWS_EC2_META")
"""Beginnings of variables that have no effect on calls of Bedrock with credentials at hand: other
services' endpoints, what Lambda says of itself, the instance metadata that is not asked."""


@frozen
class EnvironmentCredentials:
    """Credentials of the environment, with the names that botocore's have."""

    access_key: str
    secret_key: str = field(repr=False)
    token: str | None = field(repr=False)
    method: str = "env"


def decides(environment: Mapping[str, str]) -> bool:
    """Whether the environment has credentials, and no other setting of AWS's is in sight."""
    has_credentials = environment.get(_TOKEN) or all(environment.get(name) for name in _KEYS)
    return (
        bool(has_credentials)
        and sys.platform == "linux"  # elsewhere the system has proxies of its own
        and not any(map(_is_beyond, environment))
        and not Path("~/.aws").expanduser().exists()
    )


def _is_beyond(name: str) -> bool:
    """Whether a variable is one that only botocore understands."""
    if name in _READ or name.startswith(_OF_OTHERS):
        return False
    return name.startswith(("AWS_", "BOTO")) or name.upper().endswith("_PROXY")


def credentials_of(environment: Mapping[str, str]) -> str | EnvironmentCredentials:
    """The API key, else the access key, of an environment that `decides`."""
    token = environment.get(_TOKEN)
    if token:
        return token
    access_key, secret_key = (environment[name] for name in _KEYS)
    return EnvironmentCredentials(
        access_key, secret_key, environment.get("AWS_SESSION_TOKEN") or None
    )


def endpoint_of(
    environment: Mapping[str, str], region: str | None, endpoint_url: str | None
) -> tuple[str, str] | None:
    """Region and endpoint, those asked for before those of an environment that `decides`. None
    where either is not of the usual form."""
    region = region or _first(environment, _REGIONS)
    if not region or not re.fullmatch(r"(?!cn-)[a-z]{2}-[a-z]+-\d", region):
        return None
    endpoint = endpoint_url or _first(environment, _ENDPOINTS)
    if not endpoint:
        return region, f"https://bedrock-runtime.{region}.amazonaws.com"
    if not re.fullmatch(r"https?://[a-z0-9]+([.-][a-z0-9]+)*(:\d{1,5})?/?", endpoint):
        return None
    return region, endpoint.rstrip("/")


def authorities_of(environment: Mapping[str, str]) -> str | None:
    """The file or folder of certificates that an environment names."""
    return _first(environment, _AUTHORITIES)


def _first(environment: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    return next((environment[name] for name in names if environment.get(name)), None)
