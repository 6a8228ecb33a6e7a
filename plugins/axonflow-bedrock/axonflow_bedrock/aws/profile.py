"""A profile of AWS's files, read without botocore where it says no more than keys and a region.

    ~/.aws/credentials    [default]         aws_access_key_id, aws_secret_access_key, …
    ~/.aws/config         [default]         region
                          [profile work]    where AWS_PROFILE is `work`

Roles, single sign-on, endpoints, retries, whatever else a profile may hold, is botocore's to read:
a profile with any other key is not plain, nor one that is written in an unusual way, nor any beside
a section `[DEFAULT]`, whose keys botocore reads into every profile.
"""

# os.path, as botocore: pathlib raises where there is no home, or no way into it.
# ruff: noqa: PTH110, PTH111, PTH113

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from configparser import DEFAULTSECT, Error, RawConfigParser

from attrs import field

from axonflow_core.frozen import frozen
from axonflow_core.messages import EMPTY

_KEYS = {
    "aws_access_key_id": "AWS_ACCESS_KEY_ID",
    "aws_secret_access_key": "AWS_SECRET_ACCESS_KEY",
    "aws_session_token": "AWS_SESSION_TOKEN",
}
"""Key of a profile -> the variable that means the same."""
_KNOWN = {*_KEYS, "region", "output", "cli_pager"}


@frozen
class Profile:
    """What a profile says, as the variables of the environment that would say the same."""

    is_plain: bool
    """False: botocore has to read it."""
    variables: Mapping[str, str] = field(default=EMPTY, repr=False)
    method: str = ""
    """botocore's name of the source of its keys."""


_NOT_PLAIN = Profile(is_plain=False)


def profile_of(environment: Mapping[str, str]) -> Profile:
    """The profile that AWS_PROFILE names, `default` where it is unset or empty. Reads files."""
    folder = os.path.expanduser("~/.aws")
    chosen = environment.get("AWS_PROFILE")
    name = chosen or "default"
    try:
        config = _section(f"{folder}/config", f"profile {name}" if name != "default" else name)
        credentials = _section(f"{folder}/credentials", name)
    except (Error, UnicodeDecodeError):
        return _NOT_PLAIN
    is_there = bool(config or credentials) or not chosen
    if not (is_there and all(map(_is_plain, (config, credentials)))) or os.path.exists(
        f"{folder}/models"
    ):
        return _NOT_PLAIN
    method, holder = (
        ("shared-credentials-file", credentials)
        if "aws_access_key_id" in credentials
        else ("config-file", config)
    )
    variables = {_KEYS[key]: value for key, value in holder.items() if key in _KEYS}
    region = credentials.get("region") or config.get("region")
    if region:
        variables["AWS_DEFAULT_REGION"] = region
    return Profile(is_plain=True, variables=variables, method=method)


def _section(path: str, name: str) -> Mapping[str, str]:
    """One section of a file; empty where either is missing. `Error` where another section may
    mean it too."""
    parser = RawConfigParser(default_section="")
    if os.path.isfile(path):  # a pipe would be waited for
        parser.read(path)
    if DEFAULTSECT in parser:
        raise Error(f"{DEFAULTSECT} is part of every profile")
    profile = name.removeprefix("profile ")
    if not re.fullmatch(r"[\w.-]+", profile) or any(
        section != name and section.startswith("profile") and profile in section
        for section in parser.sections()
    ):
        raise Error(f"the profile {profile} has an unusual name")
    return dict(parser[name]) if name in parser else {}


def _is_plain(section: Mapping[str, str]) -> bool:
    """Whether a section has known keys with one word each, and the two keys or neither."""
    has_keys = {name in section for name in ("aws_access_key_id", "aws_secret_access_key")}
    return (
        section.keys() <= _KNOWN
        and all(re.fullmatch(r"[!-~]+", value or "") for value in section.values())
        and len(has_keys) == 1
        and (True in has_keys or "aws_session_token" not in section)
    )
