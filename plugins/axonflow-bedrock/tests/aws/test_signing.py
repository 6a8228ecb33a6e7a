"""Signatures: botocore's `SigV4Auth` is the judge of ours, and we are the judge of botocore's."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from attrs import evolve
from botocore.auth import SIGNED_HEADERS_BLACKLIST, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import example, given
from hypothesis import strategies as st

from axonflow_bedrock.aws.signing import (
    UNSIGNED_HEADERS,
    BearerToken,
    ClientKey,
    ClientToken,
    KeyRing,
    Refusal,
    Signer,
)
from axonflow_bedrock.models.model_id import parse_model_id

NOW = datetime(2026, 11, 24, 10, 15, 30, tzinfo=UTC)
HOST = "https://bedrock-runtime.us-east-1.amazonaws.com"
URL = f"{HOST}/model/anthropic.claude-v2%3A1/invoke"
SIGNER = Signer("AKIDEXAMPLE", "a-secret", "a-session-token", "us-east-1")
HEADERS = {"content-type": "application/json", "accept": "application/json"}


def signed_by_botocore(
    signer: Signer, method: str, url: str, headers: Mapping[str, str], body: bytes
) -> tuple[dict[str, str], datetime]:
    """What botocore sends, and when: it reads the clock itself, so its time is what we sign for."""
    request = AWSRequest(method=method, url=url, headers=dict(headers), data=body)
    credentials = Credentials(signer.access_key, signer.secret_key, signer.session_token)
    SigV4Auth(credentials, signer.service, signer.region).add_auth(request)
    return dict(request.headers.items()), datetime.strptime(
        request.context["timestamp"] + "+0000", "%Y%m%dT%H%M%SZ%z"
    )


def lowered(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def assert_same_signature(
    signer: Signer, method: str, url: str, headers: Mapping[str, str], body: bytes
) -> None:
    theirs, now = signed_by_botocore(signer, method, url, headers, body)

    ours = lowered(signer.sign(method, url, headers, body, now))

    assert ours == {
        "host": ours["host"],
        **lowered(theirs),
    }  # botocore leaves the host to the HTTP client


# ── the client role ───────────────────────────────────────────────────────────────────────────────

WORDS = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=10)
PLAIN_IDS = st.builds("{}.{}-v{}:{}".format, WORDS, WORDS, st.integers(1, 9), st.integers(0, 9))
ARNS = st.builds(
    "arn:{}:{}:us-east-1:012345678901:{}/{}".format,
    st.sampled_from(["aws", "aws-us-gov", "aws-cn"]),
    st.just("bedrock"),
    st.sampled_from(
        ["inference-profile", "application-inference-profile", "imported-model", "prompt-router"]
    ),
    st.one_of(WORDS, PLAIN_IDS),
)
OPERATIONS = st.sampled_from(["invoke", "invoke-with-response-stream", "converse", ""])
HOSTS = st.sampled_from(
    [HOST, "http://127.0.0.1:8080", "http://localhost:80", "https://[::1]:8443", "https://vpce.x"]
)
QUERIES = st.sampled_from(
    ["", "?a=1", "?b=2&a=1", "?a=2&a=1", "?flag", "?a=%2F&A=b", "?", "?x=a=b"]
)
URLS = st.builds(
    lambda host, model, operation, query: (
        f"{host}/model/{parse_model_id(model).path_segment}/{operation}{query}"
    ),
    HOSTS,
    PLAIN_IDS | ARNS,
    OPERATIONS,
    QUERIES,
)
HEADER_NAMES = st.one_of(
    st.sampled_from(
        [
            "Content-Type",
            "accept",
            "X-Amzn-Bedrock-Trace",
            "X-Forwarded-For",
            "Date",
            "Host",
            "Authorization",
        ]
    ),
    st.sampled_from(["X-Amz-Date", "X-Amz-Security-Token"]),
    st.sampled_from(SIGNED_HEADERS_BLACKLIST).map(str.title),
    WORDS,
    WORDS.map(str.upper),
)
HEADER_VALUES = st.text("ab c\t,;=\"'é中%/", max_size=20)
HASHES = st.fixed_dictionaries({}, optional={"X-Amz-Content-SHA256": WORDS})
SIGNERS = st.builds(
    Signer, WORDS, WORDS, st.none() | WORDS, st.sampled_from(["us-east-1", "eusc-de-east-1"])
)


@given(
    signer=SIGNERS,
    method=st.sampled_from(["POST", "get"]),
    url=URLS,
    headers=st.builds(
        dict.__or__, st.dictionaries(HEADER_NAMES, HEADER_VALUES, max_size=6), HASHES
    ),
    body=st.binary(max_size=200),
)
@example(SIGNER, "POST", HOST, {}, b"")
@example(SIGNER, "POST", f"{HOST}//model/./a/../b//", {}, b"{}")
@example(SIGNER, "POST", f"{HOST}/a/b/c/../d/../../../../e", {}, b"{}")
@example(SIGNER, "POST", URL, {"A": "1", "a": " 2  3 "}, b"{}")
def test_a_signature_is_botocores_byte_for_byte(
    signer: Signer, method: str, url: str, headers: dict[str, str], body: bytes
) -> None:
    assert_same_signature(signer, method, url, headers, body)


def random_call(random: random.Random) -> tuple[Signer, str, dict[str, str], bytes]:
    def word() -> str:
        return "".join(random.choices("abcdefghijklmnop0123456789-", k=random.randint(1, 12)))

    plain = f"a{word()}.{word()}-v1:{random.randint(0, 9)}"
    model = random.choice(
        [plain, f"us.{plain}", f"arn:aws:bedrock:us-east-1:012345678901:imported-model/{word()}"]
    )
    url = f"{HOST}/model/{parse_model_id(model).path_segment}/invoke"
    names = [
        "Content-Type",
        "User-Agent",
        "Connection",
        "x-amzn-bedrock-trace",
        "X-Amzn-Trace-Id",
        f"x{word()}",
    ]
    headers = {name: f"{word()}  {word()}" for name in random.sample(names, random.randint(0, 6))}
    signer = Signer(
        word(), word(), random.choice([None, word()]), random.choice(["us-east-1", "eu-west-3"])
    )
    return signer, url, headers, random.randbytes(random.randint(0, 2000))


@pytest.mark.thorough
def test_five_thousand_drawn_calls_are_signed_as_botocore_signs_them() -> None:
    seeded = random.Random(20261124)

    for _ in range(5000):
        signer, url, headers, body = random_call(seeded)
        theirs, now = signed_by_botocore(signer, "POST", url, headers, body)
        ours = signer.sign("POST", url, headers, body, now)
        assert ours["Authorization"] == theirs["Authorization"]


def test_an_id_encoded_once_is_another_signature_so_the_judge_can_tell() -> None:
    theirs, now = signed_by_botocore(SIGNER, "POST", URL, HEADERS, b"{}")

    ours = SIGNER.sign("POST", URL.replace("%3A", ":"), HEADERS, b"{}", now)

    assert ours["Authorization"] != theirs["Authorization"]


def test_no_header_that_botocore_leaves_unsigned_is_signed() -> None:
    assert set(SIGNED_HEADERS_BLACKLIST) <= UNSIGNED_HEADERS


@pytest.mark.parametrize("days", [0, 1, 0])
def test_a_signer_that_was_used_on_one_day_signs_rightly_on_the_next(days: int) -> None:
    now = NOW + timedelta(days=days)
    unused = Signer("AKIDEXAMPLE", "a-secret", "a-session-token", "us-east-1")

    assert SIGNER.sign("POST", URL, HEADERS, b"{}", now) == unused.sign(
        "POST", URL, HEADERS, b"{}", now
    )


def test_a_time_of_another_zone_is_the_same_moment() -> None:
    tokyo = NOW.astimezone(datetime.strptime("+0900", "%z").tzinfo)

    assert SIGNER.sign("POST", URL, HEADERS, b"", tokyo) == SIGNER.sign(
        "POST", URL, HEADERS, b"", NOW
    )


def test_secrets_are_in_no_repr() -> None:
    SIGNER.sign("POST", URL, HEADERS, b"", NOW)

    assert "a-secret" not in repr(SIGNER)
    assert "a-session-token" not in repr(SIGNER)
    assert "a-key" not in repr(BearerToken("a-key"))


def test_an_api_key_is_sent_in_place_of_a_signature() -> None:
    headers = BearerToken("a-key").sign("POST", URL, {**HEADERS, "AUTHORIZATION": "old"}, b"", NOW)

    assert headers == {**HEADERS, "Authorization": "Bearer a-key"}


# ── the server role ───────────────────────────────────────────────────────────────────────────────

KEY = ClientKey("AKIDEXAMPLE", "a-secret", "a-session-token", client="client-1")
KEYS = KeyRing([KEY, ClientToken("a-key", "client-2")], region="us-east-1")
PATH = URL.removeprefix(HOST)


def judged(
    headers: Mapping[str, str], *, body: bytes = b"{}", path: str = PATH, now: datetime = NOW
) -> object:
    return KEYS.verify("POST", path, {"Host": HOST.removeprefix("https://"), **headers}, body, now)


@given(
    url=URLS,
    headers=st.dictionaries(WORDS, HEADER_VALUES, max_size=4),
    body=st.binary(max_size=100),
)
@example(URL, {"host": " and  its namesake"}, b"")
def test_what_botocore_signed_is_accepted(url: str, headers: dict[str, str], body: bytes) -> None:
    sent, now = signed_by_botocore(
        SIGNER, "POST", url, {"Host": "whatever.example", **headers}, body
    )

    assert KEYS.verify("POST", url, sent, body, now) == "client-1"


@pytest.mark.parametrize("path", [PATH, "//model/a/invoke", "/model/a%2Fb/invoke?x=1"])
def test_a_request_known_by_its_path_alone_is_accepted(path: str) -> None:
    assert judged(SIGNER.sign("POST", HOST + path, HEADERS, b"{}", NOW), path=path) == "client-1"


def test_an_old_client_that_sends_a_date_header_is_accepted() -> None:
    assert judged(SIGNER.sign("POST", URL, {"Date": ""}, b"{}", NOW)) == "client-1"


def test_what_a_proxy_adds_drops_or_rewrites_on_the_way_does_not_count() -> None:
    sent = SIGNER.sign(
        "POST", URL, {**HEADERS, "Connection": "keep-alive", "User-Agent": "x"}, b"{}", NOW
    )

    del sent["Connection"]
    arrived = {
        **sent,
        "User-Agent": "proxy",
        "X-Forwarded-For": "10.0.0.1",
        "Via": "1.1 proxy",
        "TE": "trailers",
    }

    assert judged(arrived) == "client-1"


def test_a_known_api_key_is_accepted() -> None:
    assert judged({"Authorization": "Bearer a-key"}) == "client-2"


@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1", "ap-south-2"])
def test_a_client_is_known_by_its_key_in_any_region(region: str) -> None:
    anywhere = KeyRing([KEY])
    signer = evolve(SIGNER, region=region)
    sent = signer.sign("POST", URL, HEADERS, b"{}", NOW)

    assert anywhere.verify("POST", URL, sent, b"{}", NOW) == "client-1"
    assert isinstance(judged(sent), Refusal) is (region != "us-east-1")


def test_a_client_is_called_by_its_access_key_or_by_a_name_of_its_own() -> None:
    assert ClientKey("AKID", "secret").client == "AKID"
    assert ClientKey("AKID", "secret", "token", client="name").client == "name"
    with pytest.raises(TypeError):
        ClientKey("AKID", "secret", "token", "name")  # type: ignore[misc]


def test_an_access_key_may_contain_slashes() -> None:
    sent = Signer("team/a/key", "secret", None, "us-west-2").sign("POST", URL, {}, b"", NOW)

    assert KeyRing([ClientKey("team/a/key", "secret")]).verify("POST", URL, sent, b"", NOW) == (
        "team/a/key"
    )


def test_a_client_is_found_among_many_by_its_key_alone() -> None:
    many = [ClientKey(f"AKID{number}", f"secret-{number}") for number in range(1000)]
    sent = Signer("AKID777", "secret-777", None, "us-west-2").sign("POST", URL, {}, b"", NOW)

    assert KeyRing(many).verify("POST", URL, sent, b"", NOW) == "AKID777"


def test_a_key_ring_shows_no_secret_and_hands_on_none() -> None:
    client = judged(SIGNER.sign("POST", URL, HEADERS, b"{}", NOW))

    assert "secret" not in repr((client, KEYS, KEY, ClientToken("a-secret", "c")))
    assert type(client) is str


def with_changed(part: str, by: str) -> dict[str, str]:
    sent = SIGNER.sign("POST", URL, HEADERS, b"{}", NOW)
    assert part in sent["Authorization"]
    return {**sent, "Authorization": sent["Authorization"].replace(part, by)}


def signed_otherwise(**other: str | None) -> dict[str, str]:
    fields = {
        name: getattr(SIGNER, name)
        for name in ("access_key", "secret_key", "session_token", "region", "service")
    }
    return Signer(**{**fields, **other}).sign("POST", URL, HEADERS, b"{}", NOW)


HASH = "x-amz-content-sha256"

FAULTS = [
    # what is wrong, the headers that arrive, AWS's name for it, words of the message
    ("nothing", {}, "MissingAuthenticationTokenException", "Missing Authentication Token"),
    (
        "another key",
        signed_otherwise(access_key="AKIDOTHER"),
        "UnrecognizedClientException",
        "token",
    ),
    (
        "another secret",
        signed_otherwise(secret_key="other"),
        "InvalidSignatureException",
        "does not match",
    ),
    (
        "another session",
        signed_otherwise(session_token="other"),
        "UnrecognizedClientException",
        "token",
    ),
    ("no session", signed_otherwise(session_token=None), "UnrecognizedClientException", "token"),
    (
        "another region",
        signed_otherwise(region="us-east-2"),
        "InvalidSignatureException",
        "not 'us-east-2'",
    ),
    (
        "another service",
        signed_otherwise(service="s3"),
        "InvalidSignatureException",
        "correct service: 'bedrock'",
    ),
    (
        "another day",
        with_changed("/20261124/", "/20261123/"),
        "InvalidSignatureException",
        "Date in Credential scope",
    ),
    (
        "host unsigned",
        with_changed(";host;", ";"),
        "InvalidSignatureException",
        "must be a 'SignedHeader'",
    ),
    (
        "no signature",
        with_changed("Signature=", "S="),
        "IncompleteSignatureException",
        "'Signature' parameter",
    ),
    (
        "half a scope",
        with_changed("/aws4_request", ""),
        "IncompleteSignatureException",
        "slash-delimited",
    ),
    (
        "another term",
        with_changed("/aws4_request", "/aws5_request"),
        "IncompleteSignatureException",
        "slash-delimited",
    ),
    ("no scheme", {"Authorization": "Basic eA=="}, "IncompleteSignatureException", "'Basic'"),
    (
        "no date",
        {**with_changed("a", "a"), "X-Amz-Date": "soon"},
        "IncompleteSignatureException",
        "'Date' header",
    ),
    ("another api key", {"Authorization": "Bearer no"}, "AccessDeniedException", "API Key"),
    (
        "another header",
        {**with_changed("a", "a"), "accept": "text/html"},
        "InvalidSignatureException",
        "match",
    ),
    *(
        (
            f"a hash of another body: {digit}…",
            SIGNER.sign("POST", URL, {**HEADERS, HASH: digit * 64}, b"{}", NOW),
            "InvalidSignatureException",
            HASH,
        )
        for digit in "0f"
    ),
]


@pytest.mark.parametrize(
    ("headers", "code", "words"), [row[1:] for row in FAULTS], ids=[row[0] for row in FAULTS]
)
def test_a_refusal_says_what_is_wrong_in_awss_words(
    headers: dict[str, str], code: str, words: str
) -> None:
    refusal = judged(headers)

    assert isinstance(refusal, Refusal)
    assert refusal.code == code
    assert words in refusal.message
    assert refusal.status == (400 if code.startswith("Incomplete") else 403)


@pytest.mark.parametrize(
    ("seconds", "message"),
    [
        (
            301,
            "Signature expired: 20261124T101530Z is now earlier than 20261124T101531Z "
            "(20261124T102031Z - 5 min.)",
        ),
        (
            -301,
            "Signature not yet current: 20261124T101530Z is still later than 20261124T101529Z "
            "(20261124T101029Z + 5 min.)",
        ),
    ],
)
def test_a_clock_that_is_wrong_by_more_than_five_minutes_is_named(
    seconds: int, message: str
) -> None:
    sent = SIGNER.sign("POST", URL, HEADERS, b"{}", NOW)

    refusal = judged(sent, now=NOW + timedelta(seconds=seconds))

    assert refusal == Refusal(403, "InvalidSignatureException", message)


@pytest.mark.parametrize("seconds", [-300, -1, 1, 300])
def test_a_clock_within_five_minutes_is_right(seconds: int) -> None:
    sent = SIGNER.sign("POST", URL, HEADERS, b"{}", NOW)

    assert judged(sent, now=NOW + timedelta(seconds=seconds)) == "client-1"


def test_a_signer_keeps_what_its_calls_have_in_common_of_so_many_urls() -> None:
    signer = evolve(SIGNER)
    kept = []
    for number in (*range(256), 255, 256):
        signer.sign("POST", f"{HOST}/model/{number}/invoke", HEADERS, b"{}", NOW)
        kept.append(len(signer._plans))

    assert kept == [*range(1, 257), 256, 1]


def test_a_key_ring_keeps_so_many_regions_that_clients_made_up() -> None:
    ring, kept = KeyRing([KEY]), []
    for number in (*range(1024), 1023, 1024):
        sent = evolve(SIGNER, region=f"region-{number}").sign("POST", URL, HEADERS, b"", NOW)
        assert ring.verify("POST", URL, sent, b"", NOW) == "client-1"
        kept.append(len(ring._signers))

    assert kept == [*range(1, 1025), 1024, 1]


@pytest.mark.parametrize(
    ("body", "path"), [(b"{ }", PATH), (b"{}", PATH + "/"), (b"{}", PATH.replace("%3A", ":"))]
)
def test_a_changed_body_or_path_is_no_longer_what_was_signed(body: bytes, path: str) -> None:
    refusal = judged(SIGNER.sign("POST", URL, HEADERS, b"{}", NOW), body=body, path=path)

    assert isinstance(refusal, Refusal)
    assert refusal.code == "InvalidSignatureException"


@given(st.text(max_size=80))
def test_any_authorization_header_is_judged(text: str) -> None:
    assert isinstance(judged({"Authorization": text, "X-Amz-Date": text, "Date": text}), Refusal)
    assert isinstance(judged({"Authorization": f"AWS4-HMAC-SHA256 {text}"}), Refusal)
