"""AWS's settings where environment variables and a plain profile decide them, without botocore.

Importing botocore and making one of its clients is half of a first call. Where credentials stand in
the environment of a function or a container, or in the files that `aws configure` wrote, there is
nothing for it to find out. Whether that is so is judged strictly, because botocore's word is AWS's:
a profile that is not plain (`profile`), any variable of AWS's or of proxies beyond those below,
another system than Linux, an endpoint or region of unusual form, certificates without a name, and
botocore is asked. A test
compares both over many environments.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping

from attrs import field

from axonflow_core.frozen import frozen

from .profile import Profile

_TOKEN = "AWS_BEARER_TOKEN_BEDROCK"  # noqa: S105 - the name of the variable
_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
_ENDPOINTS = ("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "AWS_ENDPOINT_URL")
REGIONS = ("AWS_REGION", "AWS_DEFAULT_REGION")
_AUTHORITIES = ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE")
_SESSION = "AWS_SESSION_TOKEN"
_READ = frozenset({_TOKEN, *_KEYS, _SESSION, "AWS_PROFILE", *_ENDPOINTS, *REGIONS, *_AUTHORITIES})
_OF_OTHERS = ("AWS_ENDPOINT_URL_", "AWS_EXECUTION_ENV", "AWS_LAMBDA_", "AWS_XRAY_", "AWS_EC2_META")
"""Beginnings of variables that have no effect on calls of Bedrock with credentials at hand: other
services' endpoints, what Lambda says of itself, the instance metadata that is not asked."""


@frozen
class StaticCredentials:
    """Credentials that never change, with the names that botocore's have."""

    access_key: str
    secret_key: str = field(repr=False)
    token: str | None = field(repr=False)
    method: str


def settings_of(environment: Mapping[str, str], profile: Profile) -> Mapping[str, str] | None:
    """The variables, and what the profile says beyond them, where there are credentials and no
    other setting of AWS's is in sight. None: botocore has to be asked."""
    if (
        sys.platform != "linux"  # elsewhere the system has proxies of its own
        or not profile.is_plain
        or any(map(_is_beyond, environment))
        or any(not environment.get(name, "set").strip() for name in _AUTHORITIES)
    ):
        return None
    variables = dict(profile.variables)
    if any(name in environment for name in (*_KEYS, _SESSION)):  # never parts of both
        variables = {name: value for name, value in variables.items() if name in REGIONS}
    variables |= environment
    has_credentials = variables.get(_TOKEN) or all(variables.get(name) for name in _KEYS)
    return variables if has_credentials else None


def _is_beyond(name: str) -> bool:
    """Whether a variable is one that only botocore understands."""
    if name in _READ or name.startswith(_OF_OTHERS):
        return False
    return name.startswith(("AWS_", "BOTO")) or name.upper().endswith("_PROXY")


def credentials_of(
    settings: Mapping[str, str], environment: Mapping[str, str], profile: Profile
) -> str | StaticCredentials:
    """The API key, else the access key, of `settings_of` the other two."""
    token = settings.get(_TOKEN)
    if token:
        return token
    access_key, secret_key = (settings[name] for name in _KEYS)
    method = "env" if _KEYS[0] in environment else profile.method
    return StaticCredentials(access_key, secret_key, settings.get(_SESSION) or None, method)


def endpoint_of(
    settings: Mapping[str, str], region: str | None, endpoint_url: str | None
) -> tuple[str, str] | None:
    """Region and endpoint, those asked for before those of the settings. None where either is not
    of the usual form."""
    region = region or _first(settings, REGIONS)
    if not region or not re.fullmatch(r"(?!cn-)[a-z]{2}-[a-z]+-\d", region):
        return None
    endpoint = endpoint_url or _first(settings, _ENDPOINTS)
    if not endpoint:
        return region, f"https://bedrock-runtime.{region}.amazonaws.com"
    if not re.fullmatch(r"https?://[a-z0-9]+([.-][a-z0-9]+)*(:\d{1,5})?/?", endpoint):
        return None
    return region, endpoint.rstrip("/")


def authorities_of(settings: Mapping[str, str]) -> str | None:
    """The file or folder of certificates that the settings name."""
    return _first(settings, _AUTHORITIES)


def _first(settings: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    return next((settings[name] for name in names if settings.get(name)), None)
