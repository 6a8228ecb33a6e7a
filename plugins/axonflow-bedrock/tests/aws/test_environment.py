"""What is read of the environment without botocore is what botocore reads; where it might not be,
botocore is asked."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Mapping
from itertools import product
from pathlib import Path

import pytest
from botocore.session import Session

from axonflow_bedrock.aws.credentials import Place, _Botocore, _place_of
from axonflow_bedrock.aws.environment import endpoint_of, settings_of
from axonflow_bedrock.aws.profile import profile_of
from axonflow_bedrock.aws.signing import Identity
from axonflow_core.errors import ConfigError, CredentialsError

pytestmark = pytest.mark.sampled(3)  # every test asks botocore, too
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
    {"AWS_DEFAULT_PROFILE": "work"},
    {"AWS_CONFIG_FILE": "/nowhere"},
    {"AWS_SECURITY_TOKEN": "older"},
    {"AWS_CREDENTIAL_EXPIRATION": "2026-12-01T00:00:00Z"},
    {"AWS_USE_FIPS_ENDPOINT": "true"},
    {"AWS_RETRY_MODE": "adaptive"},
    {"https_proxy": "http://proxy:3128"},
    {"NO_PROXY": "*"},
    {"AWS_A_SETTING_OF_TOMORROW": "1"},
    {"AWS_SECRET_ACCESS_KEY": ""},
    {"AWS_CA_BUNDLE": ""},
    {"REQUESTS_CA_BUNDLE": " "},
)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home, and an environment without any setting of AWS's."""
    for name in [*os.environ]:
        if name.startswith(("AWS_", "BOTO")) or name.upper().endswith(("_PROXY", "CA_BUNDLE")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def decides(environment: Mapping[str, str]) -> bool:
    """Whether botocore need not be asked."""
    return settings_of(environment, profile_of(environment)) is not None


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


PLAIN = "aws_access_key_id = AKIAFILE\naws_secret_access_key = not-a-secret\n"
FILES: Mapping[str, tuple[str, str]] = {
    "keys and region": (f"[default]\n{PLAIN}", "[default]\nregion = eu-west-1\noutput=json\n"),
    "a session": (f"[default]\n{PLAIN}aws_session_token = t=\n", "[default]\nregion = eu-west-1\n"),
    "region with the keys": (
        f"[default]\n{PLAIN}region=eu-west-2",
        "[default]\nregion=us-east-1\n",
    ),
    "all in the config": ("", f"[default]\nregion = eu-west-1\n{PLAIN}"),
    "keys in both": (
        f"[default]\n{PLAIN}",
        f"[default]\nregion=eu-west-1\n{PLAIN}".replace("E\n", "2\n"),
    ),
    "two profiles": (
        f"[default]\n{PLAIN}[work]\n{PLAIN.replace('FILE', 'WORK')}",
        "[default]\nregion=eu-west-1\n[profile work]\nregion=us-west-2\n[sso-session x]\na=b\n",
    ),
}
"""Texts of `~/.aws/credentials` and `~/.aws/config`."""
VARIABLES: Mapping[str, Mapping[str, str]] = {
    "nothing": {},
    "keys": KEYS,
    "a region": {"AWS_REGION": "sa-east-1"},
    "another region": {"AWS_DEFAULT_REGION": "sa-east-1"},
    "an API key": {"AWS_BEARER_TOKEN_BEDROCK": "api-key"},
    "the profile": {"AWS_PROFILE": "default"},
}


def write_files(home: Path, credentials: str, config: str) -> None:
    (home / ".aws").mkdir()
    (home / ".aws/credentials").write_text(credentials)
    (home / ".aws/config").write_text(config)


@pytest.mark.sampled(3)
@pytest.mark.parametrize(("files", "variables"), [*product(FILES, VARIABLES)])
def test_a_plain_profile_says_what_botocore_says(
    home: Path, monkeypatch: pytest.MonkeyPatch, files: str, variables: str
) -> None:
    write_files(home, *FILES[files])
    for name, value in VARIABLES[variables].items():
        monkeypatch.setenv(name, value)
    ours, theirs = _Botocore(None, None, None), _Botocore(None, Session(), None)

    assert read_by(ours) == read_by(theirs)
    assert ours.source() == theirs.source()
    assert ours._session is None, "botocore was not asked"


def test_the_profile_that_is_named_is_read(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_files(home, *FILES["two profiles"])
    monkeypatch.setenv("AWS_PROFILE", "work")
    ours = _Botocore(None, None, None)
    assert read_by(ours) == read_by(_Botocore(None, Session(), None))
    assert (ours.place().region, ours.source()) == (
        "us-west-2",
        "shared-credentials-file, key … WORK",
    )


@pytest.mark.parametrize(
    ("credentials", "config"),
    [
        (f"[default]\n{PLAIN}", "[default]\nrole_arn = arn:aws:iam::1:role/parrot\n"),
        (f"[default]\n{PLAIN}", "[default]\nregion = eu-west-1\nretry_mode = adaptive\n"),
        (f"[default]\n{PLAIN}", "[default]\nregion = eu-west-1\nca_bundle = /a.pem\n"),
        (f"[default]\n{PLAIN}", "[default]\nregion = eu-west-1\ns3 =\n  use_fips = true\n"),
        (f"[default]\n{PLAIN}", "[default]\nregion =\n"),
        (f"[default]\n{PLAIN}", "[profile default]\nregion = eu-west-1\n"),
        (f"[default]\n{PLAIN}", "no section\n"),
        (f"[default]\n{PLAIN}", "[DEFAULT]\nuse_fips_endpoint = true\n[default]\noutput = json\n"),
        (f"[DEFAULT]\naws_session_token = t\n[default]\n{PLAIN}", ""),
        (f"[default]\n{PLAIN}", "[DEFAULT]\n"),
        (f"[default]\n{PLAIN}[default]\n{PLAIN}", ""),
        ("[default]\naws_access_key_id = AKIAFILE\n", "[default]\nregion = eu-west-1\n"),
        ("[default]\ncredential_process = cat keys\n", "[default]\nregion = eu-west-1\n"),
        (f"[default]\n{PLAIN}aws_security_token = older\n", "[default]\nregion = eu-west-1\n"),
    ],
)
def test_any_other_profile_is_left_to_botocore(home: Path, credentials: str, config: str) -> None:
    write_files(home, credentials, config)
    assert not decides({})
    assert not decides(KEYS)


@pytest.mark.parametrize("name", ["missing", "a name", "DEFAULT"])
def test_a_profile_that_is_not_there_is_left_to_botocore(home: Path, name: str) -> None:
    write_files(home, *FILES["two profiles"])
    assert not decides({"AWS_PROFILE": name})


@pytest.mark.parametrize("key", ["use_fips_endpoint = true", "endpoint_url = https://a.example"])
def test_a_section_of_defaults_counts_for_every_profile_as_in_botocore(
    home: Path, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    write_files(home, f"[work]\n{PLAIN}", f"[DEFAULT]\n{key}\n[profile work]\nregion=us-west-2\n")
    monkeypatch.setenv("AWS_PROFILE", "work")
    ours, theirs = _Botocore(None, None, None), _Botocore(None, Session(), None)
    assert read_by(ours) == read_by(theirs)
    assert ours.place().endpoint_url != "https://bedrock-runtime.us-west-2.amazonaws.com"


@pytest.mark.parametrize("name", ["credentials", "config"])
@pytest.mark.parametrize("made", [os.mkfifo, os.mkdir])
def test_what_is_no_regular_file_counts_as_absent(
    home: Path, monkeypatch: pytest.MonkeyPatch, name: str, made: Callable[[Path], None]
) -> None:
    (home / ".aws").mkdir()
    made(home / ".aws" / name)
    for variable, value in {**KEYS, "AWS_REGION": "eu-west-1"}.items():
        monkeypatch.setenv(variable, value)
    ours = _Botocore(None, None, None)
    assert read_by(ours) == read_by(_Botocore(None, Session(), None))
    assert ours._session is None, "botocore was not asked"


@pytest.mark.parametrize("at", ["~", "~nosuch", "", "nowhere", f"/{'long' * 100}", None])
def test_without_a_home_there_are_no_files(
    home: Path, monkeypatch: pytest.MonkeyPatch, at: str | None
) -> None:
    monkeypatch.chdir(home)
    for name, value in {**KEYS, "AWS_REGION": "eu-west-1"}.items():
        monkeypatch.setenv(name, value)
    if at is not None:
        monkeypatch.setenv("HOME", at)
    else:  # as a user who is not in the list of users
        monkeypatch.delenv("HOME")
        monkeypatch.setattr("pwd.getpwuid", {}.__getitem__)
    ours = _Botocore(None, None, None)
    assert read_by(ours) == read_by(_Botocore(None, Session(), None))
    assert ours._session is None, "botocore was not asked"


def test_models_of_a_users_own_leave_it_to_botocore(home: Path) -> None:
    write_files(home, *FILES["keys and region"])
    assert decides({})
    (home / ".aws/models").mkdir()
    assert not decides({})


@pytest.mark.parametrize("name", ["AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"])
def test_keys_are_never_made_of_both(home: Path, name: str) -> None:
    write_files(home, *FILES["keys and region"])
    assert not decides({name: "a part"})


def test_files_are_read_anew_where_aws_refused_their_keys(home: Path) -> None:
    write_files(home, *FILES["keys and region"])
    ours = _Botocore(None, None, None)
    before = ours.identity()
    (home / ".aws/credentials").write_text(f"[default]\n{PLAIN}".replace("FILE", "NEXT"))
    assert ours.identity() == before
    ours.renew()
    assert ours.identity() != before


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


# ── what cannot be used ───────────────────────────────────────────────────────────────────────────


@pytest.fixture(params=["without botocore", "with botocore"])
def settled(request: pytest.FixtureRequest, home: Path) -> Callable[[], _Botocore]:
    """Settings read on either way."""
    return lambda: _Botocore(None, None if request.param == "without botocore" else Session(), None)


def refusal(
    monkeypatch: pytest.MonkeyPatch, settled: Callable[[], _Botocore], **variables: str
) -> str:
    """The typed error for these variables beside keys and a region, as a traceback shows it."""
    for name, value in {**KEYS, "AWS_DEFAULT_REGION": "eu-west-1", **variables}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises((ConfigError, CredentialsError)) as caught:
        settled().identity()
    assert caught.value.hint
    return "".join(traceback.format_exception(caught.value)) + caught.value.hint


@pytest.mark.sampled(4)
@pytest.mark.parametrize(
    "url",
    [
        *("http://[::1", "http://[::g]", "http://x:99999", "http://x:0", "http://x:port", "x"),
        *("ftp://x", "http://", "http://a b", "http://x/a b", "http://hush:hush@x:80"),
        *("http://hush:hush@a b", "http://hush:hush@\u2100", "http://x/\udcff"),
    ],
)
def test_an_endpoint_that_http_cannot_use_is_named_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, settled: Callable[[], _Botocore], url: str
) -> None:
    said = refusal(monkeypatch, settled, AWS_ENDPOINT_URL_BEDROCK_RUNTIME=url)
    assert "ConfigError: the endpoint of AWS's settings cannot be used" in said
    assert "AWS_ENDPOINT_URL_BEDROCK_RUNTIME" in said
    assert "hush" not in said


@pytest.mark.sampled(4)
@pytest.mark.parametrize(
    "url",
    [
        *("http://[::1", "http://hush:hush@127.0.0.1:99999", "http://:80", "http://a b", "http://"),
        *("socks5://hush:hush@x:1", "hush:hush://x", "http://hush:hush@\u2100", "http://x:port"),
        *("http://hush\n@x", "http://\udcff", "[::1"),
    ],
)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_http_cannot_use_is_named_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, settled: Callable[[], _Botocore], scheme: str, url: str
) -> None:
    variable = f"{scheme.upper()}_PROXY"
    endpoint = f"{scheme}://bedrock.example.com"
    said = refusal(monkeypatch, settled, AWS_ENDPOINT_URL=endpoint, **{variable: url})
    assert "ConfigError: the URL of the proxy cannot be used" in said
    assert f"check {variable} " in said
    assert "hush" not in said


@pytest.mark.parametrize("url", ["proxy:3128", "//proxy:3128", "http://proxy:3128"])
def test_a_proxy_without_a_scheme_is_http_as_in_botocore(
    home: Path, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", url)
    assert _Botocore("eu-west-1", None, None).place().network.proxy_url == "http://proxy:3128"


@pytest.mark.parametrize("variable", ["AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"])
@pytest.mark.parametrize("path", ["/no.pem", f"/{'long' * 100}.pem"])
def test_authorities_that_cannot_be_read_are_named(
    monkeypatch: pytest.MonkeyPatch, settled: Callable[[], _Botocore], variable: str, path: str
) -> None:
    said = refusal(monkeypatch, settled, **{variable: path})
    assert f"ConfigError: the certificates in {path} cannot be used" in said
    assert "check AWS_CA_BUNDLE" in said


@pytest.mark.parametrize(
    ("variable", "value"),
    [("AWS_RETRY_MODE", "none"), ("AWS_MAX_ATTEMPTS", "0"), ("AWS_DEFAULTS_MODE", "none")],
)
def test_a_setting_that_botocore_refuses_is_not_blamed_on_the_region(
    monkeypatch: pytest.MonkeyPatch, settled: Callable[[], _Botocore], variable: str, value: str
) -> None:
    said = refusal(monkeypatch, settled, **{variable: value})
    assert "ConfigError" in said
    assert "correct the setting that is named" in said
    assert "BEDROCK_REGION" not in said


@pytest.mark.sampled(4)
@pytest.mark.parametrize("end", ["\n", "\r", "\x7f", "\udcff"])
@pytest.mark.parametrize("variable", [*KEYS, "AWS_SESSION_TOKEN", "AWS_BEARER_TOKEN_BEDROCK"])
def test_a_key_that_cannot_be_sent_is_named_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, settled: Callable[[], _Botocore], variable: str, end: str
) -> None:
    said = refusal(monkeypatch, settled, **{variable: f"hush{end}"})
    assert f"CredentialsError: {variable}" in said
    assert f"set {variable} again" in said
    assert "hush" not in said


@pytest.mark.parametrize("variable", ["AWS_REGION", "AWS_DEFAULT_REGION"])
def test_a_region_with_a_line_break_is_not_blamed_on_the_endpoint(
    monkeypatch: pytest.MonkeyPatch, settled: Callable[[], _Botocore], variable: str
) -> None:
    said = refusal(monkeypatch, settled, **{variable: "eu-west-1\n"})
    assert "ConfigError: the region of AWS's settings ends in a line break" in said
    assert "AWS_REGION" in said


def test_a_number_that_is_none_is_named(
    monkeypatch: pytest.MonkeyPatch, settled: Callable[[], _Botocore]
) -> None:
    said = refusal(monkeypatch, settled, AWS_MAX_ATTEMPTS="many")
    assert "ConfigError: AWS's settings have a number that is none" in said
    assert "check AWS_MAX_ATTEMPTS" in said


def test_secrets_are_not_shown(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**KEYS, "AWS_REGION": "eu-west-1", "AWS_SESSION_TOKEN": "hush"}.items():
        monkeypatch.setenv(name, value)
    settings = _Botocore(None, None, None)
    settings.identity()
    assert "not-a-secret" not in repr(settings._credentials)
    assert "hush" not in repr(settings._credentials)
    assert settings.source() == "env, key … MPLE"
