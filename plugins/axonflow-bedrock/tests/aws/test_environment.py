"""What is read of the environment without botocore is what botocore reads; where it might not be,
botocore is asked."""

from __future__ import annotations

import os
from collections.abc import Mapping
from itertools import product
from pathlib import Path

import pytest
from botocore.session import Session

from axonflow_bedrock.aws.credentials import Place, _Botocore, _place_of
from axonflow_bedrock.aws.environment import decides, endpoint_of
from axonflow_bedrock.aws.signing import Identity
from axonflow_core.errors import ConfigError

KEYS = {"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "not-a-secret"}
CREDENTIALS: Mapping[str, Mapping[str, str]] = {
    "keys": KEYS,
    "keys of a session": KEYS | {"AWS_SESSION_TOKEN": "token"},
    "keys of an empty session": KEYS | {"AWS_SESSION_TOKEN": ""},
    "an API key": {"AWS_BEARER_TOKEN_BEDROCK": "api-key"},
    "both": KEYS | {"AWS_BEARER_TOKEN_BEDROCK": "api-key"},
}
PLACES: Mapping[str, Mapping[str, str]] = {
    "AWS_REGION": {"AWS_REGION": "eu-central-1"},
    "AWS_DEFAULT_REGION": {"AWS_DEFAULT_REGION": "ap-southeast-2"},
    "both regions": {"AWS_REGION": "us-west-2", "AWS_DEFAULT_REGION": "us-east-1"},
    "an empty region": {"AWS_REGION": "", "AWS_DEFAULT_REGION": "us-east-2"},
    "any endpoint": {"AWS_REGION": "us-east-1", "AWS_ENDPOINT_URL": "http://127.0.0.1:43210/"},
    "an endpoint of Bedrock": {
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:8000",
        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": "https://bedrock.example.com",
    },
    "what Lambda says": {"AWS_REGION": "us-east-1", "AWS_LAMBDA_FUNCTION_NAME": "parrot"},
}
BEYOND = (
    {"AWS_PROFILE": "work"},
    {"AWS_CONFIG_FILE": "/nowhere"},
    {"AWS_SECURITY_TOKEN": "older"},
    {"AWS_CREDENTIAL_EXPIRATION": "2026-12-01T00:00:00Z"},
    {"AWS_USE_FIPS_ENDPOINT": "true"},
    {"AWS_RETRY_MODE": "adaptive"},
    {"https_proxy": "http://proxy:3128"},
    {"NO_PROXY": "*"},
    {"AWS_A_SETTING_OF_TOMORROW": "1"},
    {"AWS_SECRET_ACCESS_KEY": ""},
)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home, and an environment without any setting of AWS's."""
    for name in [*os.environ]:
        if name.startswith(("AWS_", "BOTO")) or name.upper().endswith(("_PROXY", "CA_BUNDLE")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def read_by(settings: _Botocore) -> tuple[tuple[str, ...], bool, Identity]:
    place = settings.place()
    return names_of(place), place.network.tls is not None, settings.identity()


def names_of(place: Place) -> tuple[str, ...]:
    retries = place.retries
    return (
        *(place.region, place.endpoint_url, place.region_source, str(place.unheeded)),
        *(str(place.network.proxy_url), retries.mode, str(retries.max_attempts)),
    )


@pytest.mark.sampled(3)
@pytest.mark.parametrize(("credentials", "place"), [*product(CREDENTIALS, PLACES)])
def test_the_environment_alone_says_what_botocore_says(
    home: Path, monkeypatch: pytest.MonkeyPatch, credentials: str, place: str
) -> None:
    for name, value in {**CREDENTIALS[credentials], **PLACES[place]}.items():
        monkeypatch.setenv(name, value)
    ours = _Botocore(None, None, None)

    assert read_by(ours) == read_by(_Botocore(None, Session(), None))
    assert ours._session is None, "botocore was not asked"


@pytest.mark.parametrize("region", ["us-east-1", "sa-east-1", "me-central-1", "il-central-1"])
def test_a_region_that_is_asked_for_goes_first(
    home: Path, monkeypatch: pytest.MonkeyPatch, region: str
) -> None:
    for name, value in {**KEYS, "AWS_REGION": "eu-west-1"}.items():
        monkeypatch.setenv(name, value)
    ours, theirs = _Botocore(region, None, None).place(), _place_of(Session(), region, None)
    assert names_of(ours) == names_of(theirs)


def test_every_region_of_bedrock_has_botocores_endpoint_or_is_left_to_botocore(home: Path) -> None:
    session = Session()
    for partition in session.get_available_partitions():
        for region in session.get_available_regions("bedrock-runtime", partition):
            found = endpoint_of({}, region, None)
            place = _place_of(session, region, None)
            assert found in (None, (place.region, place.endpoint_url))
            assert (found is None) == (partition != "aws"), region


@pytest.mark.parametrize("more", BEYOND, ids=lambda more: next(iter(more)))
def test_any_other_setting_leaves_it_to_botocore(home: Path, more: Mapping[str, str]) -> None:
    assert decides(KEYS)
    assert not decides({**KEYS, **more})


def test_a_folder_of_awss_leaves_it_to_botocore(home: Path) -> None:
    (home / ".aws").mkdir()
    assert not decides(KEYS)


@pytest.mark.parametrize(
    ("region", "endpoint"),
    [
        ("cn-north-1", None),
        ("us-gov-west-1", None),
        ("Europe", None),
        ("us-east-1", "unix:/socket"),
        ("us-east-1", "https://[::1]:80"),
        ("us-east-1", "https://host/path?query"),
        ("us-east-1", "https://user@host"),
    ],
)
def test_what_has_no_usual_form_is_left_to_botocore(region: str, endpoint: str | None) -> None:
    assert endpoint_of({}, region, endpoint) is None


@pytest.mark.parametrize("variable", ["AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"])
def test_the_authorities_of_the_environment_are_trusted_as_botocore_trusts_them(
    home: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    for name, value in {**KEYS, "AWS_REGION": "eu-west-1", variable: str(home / "no.pem")}.items():
        monkeypatch.setenv(name, value)
    for settings in (_Botocore(None, None, None), _Botocore(None, Session(), None)):
        with pytest.raises(ConfigError, match=r"the certificates in .*no\.pem cannot be used"):
            settings.place()


def test_secrets_are_not_shown(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**KEYS, "AWS_REGION": "eu-west-1", "AWS_SESSION_TOKEN": "hush"}.items():
        monkeypatch.setenv(name, value)
    settings = _Botocore(None, None, None)
    settings.identity()
    assert "not-a-secret" not in repr(settings._credentials)
    assert "hush" not in repr(settings._credentials)
    assert settings.source() == "env, key … MPLE"
