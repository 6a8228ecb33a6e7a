"""Who is calling: AWS Signature Version 4 in both roles, and Bedrock's API keys. `Signer` and
`BearerToken` make a call, a `KeyRing` finds out whose it is.

Theory of operation. A signature is made in four steps, and verified by making it again:

    canonical request   method, path, query, headers, names of the headers, SHA-256 of the body
    string to sign      algorithm, time, scope, SHA-256 of the canonical request
    signing key         HMAC chain over secret, day, region, service: kept, it is the same all day
    signature           HMAC(signing key, string to sign)

The server role takes the names of the signed headers, the day and the region from the request,
because only the client knows them, and the secret from its own key. It checks what is cheap and
says most first: the key id, then scope and clock, then host and hash of the body, last the
signature. Each refusal is AWS's, so that clients and our own error table read it as such.

The result is botocore's, byte for byte, at a tenth of the cost: botocore builds a request object
and derives the key anew for each call. Two rules are easily missed. The path arrives
percent-encoded once and is encoded once more in the canonical request, so the `%3A` of an id is
signed as `%253A`. And what a proxy may change on the way is not signed.

Source: AWS General Reference, "Signature Version 4 signing process", and botocore 1.44, November
2026.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import formatdate, parsedate_to_datetime
from functools import lru_cache
from hashlib import sha256
from typing import Any, NamedTuple, TypeAlias
from urllib.parse import quote, urlsplit

from attrs import field

from axonflow_core.frozen import frozen

ALGORITHM = "AWS4-HMAC-SHA256"
_STAMP = "%Y%m%dT%H%M%SZ"

UNSIGNED_HEADERS = frozenset(
    {
        *(
            "connection",
            "expect",
            "keep-alive",
            "proxy-authenticate",
            "proxy-authorization",
            "te",
            "trailer",
        ),
        *("transfer-encoding", "upgrade", "user-agent"),
        *("baggage", "traceparent", "tracestate", "x-amzn-trace-id"),
    }
)
"""Lower case. What belongs to the hop or to tracing, not to the request; the list is botocore's."""

Headers: TypeAlias = Mapping[str, str]


# ── the canonical request, which both roles build ─────────────────────────────────────────────────


class _Target(NamedTuple):
    """What of a URL is signed."""

    host: str
    path: str
    query: str


_DEFAULT_PORTS = {"http": 80, "https": 443}


@lru_cache(maxsize=256)
def _target(url: str) -> _Target:
    """Kept for the server role, which has no plan: parsing and encoding an id costs as much as the
    signature."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if ":" in host:
        host = f"[{host}]"
    # HTTP clients leave the default port out of `Host`, and what is signed must be what is sent.
    if parts.port is not None and parts.port != _DEFAULT_PORTS.get(parts.scheme):
        host = f"{host}:{parts.port}"
    return _Target(host, quote(_without_dots(parts.path), safe="/~"), _sorted_query(parts.query))


def _without_dots(path: str) -> str:
    """RFC 3986 §5.2.4, and empty segments go too."""
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del kept[-1:]
        elif segment not in ("", "."):
            kept.append(segment)
    if not kept:
        return "/"
    return (
        ("/" if path.startswith("/") else "") + "/".join(kept) + ("/" if path.endswith("/") else "")
    )


def _sorted_query(query: str) -> str:
    """Sorted by name, then by value; a name without a value gets an empty one."""
    if not query:
        return ""
    pairs = sorted(pair.partition("=")[::2] for pair in query.split("&"))
    return "&".join(f"{name}={value}" for name, value in pairs)


def _canonical_headers(
    headers: Headers, *, without: frozenset[str] = frozenset()
) -> dict[str, str]:
    """Names in lower case, blanks collapsed, namesakes joined by commas."""
    canonical: dict[str, str] = {}
    for name, value in headers.items():
        name = name.lower()
        if name not in without:
            value = " ".join(value.split())
            canonical[name] = f"{canonical[name]},{value}" if name in canonical else value
    return canonical


# The path is percent-encoded twice in what is signed: `:` in a model id is %3A on the wire and
# %253A here. Signing the path as sent is refused as InvalidSignatureException.
def _canonical_request(
    method: str, target: _Target, signable: Mapping[str, str], names: list[str], digest: str
) -> str:
    """The canonical request of Signature Version 4, whose SHA-256 is signed: method, path, query,
    headers, their names, hash of the body."""
    lines = "".join([f"{name}:{signable.get(name, '')}\n" for name in names])
    return f"{method.upper()}\n{target.path}\n{target.query}\n{lines}\n{';'.join(names)}\n{digest}"


def _digest(headers: Mapping[str, str], body: bytes) -> str:
    declared = headers.get("x-amz-content-sha256")
    return sha256(body).hexdigest() if declared is None else declared


@lru_cache(maxsize=4)
def _stamp(second: int) -> str:
    """Seconds since 1970 as `20261124T101500Z`. Many calls share a second, and formatting one costs
    2 µs."""
    return time.strftime(_STAMP, time.gmtime(second))


# ── identities ────────────────────────────────────────────────────────────────────────────────────


class _Plan(NamedTuple):
    """What the signatures of a day have in common whose URL and headers are the same."""

    sent: dict[str, str]
    """The headers to send, without the two that differ from call to call."""
    date_name: str
    before: str
    after: str
    """The canonical request up to its time, and from there to the hash of its body."""
    digest: str | None
    """The hash of the body, where the caller declares it."""
    scope: str
    authorization: str
    """The header up to the signature."""


@frozen
class Signer:
    """One set of AWS credentials for one region. Build it once and keep it: it holds the signing
    key of the day, and a plan for each URL that was called."""

    access_key: str
    secret_key: str = field(repr=False)
    session_token: str | None = field(repr=False)
    region: str
    service: str = "bedrock"
    _key_of_day: dict[str, hmac.HMAC] = field(factory=dict, init=False, repr=False, eq=False)
    _plans: dict[tuple[Any, ...], _Plan] = field(factory=dict, init=False, repr=False, eq=False)

    def sign(
        self, method: str, url: str, headers: Headers, body: bytes, now: datetime
    ) -> dict[str, str]:
        """All headers to send. `url` is what is sent, percent-encoded once; `now` is aware.

        `Host` is among them, so that the host that is signed is the host that is sent.
        """
        second = int(now.timestamp())
        stamp = _stamp(second)
        day = stamp[:8]
        known = (day, method, url, *headers.items())
        plan = self._plans.get(known)
        if plan is None:
            if len(self._plans) >= _MAX_PLANS:
                self._plans.clear()
            plan = self._plans[known] = self._plan(method, url, headers, day)
        date = stamp if plan.date_name == "X-Amz-Date" else formatdate(second)
        digest = plan.digest or sha256(body).hexdigest()
        canonical = f"{plan.before}{date}{plan.after}{digest}"
        signature = self._signature(stamp, plan.scope, canonical)
        return {
            **plan.sent,
            plan.date_name: date,
            "Authorization": f"{plan.authorization}{signature}",
        }

    def _plan(self, method: str, url: str, headers: Headers, day: str) -> _Plan:
        """The time and the session token of this signature take the place of those of an earlier
        one."""
        replaced = _REPLACED_WITH_TOKEN if self.session_token else _REPLACED
        sent = {name: value for name, value in headers.items() if name.lower() not in replaced}
        # botocore keeps the header that the caller chose.
        has_date = any(name.lower() == "date" for name in headers)
        date_name = "Date" if has_date else "X-Amz-Date"
        if self.session_token:
            sent["X-Amz-Security-Token"] = self.session_token
        signable = _canonical_headers({**sent, date_name: _TIME}, without=UNSIGNED_HEADERS)
        target = _target(url)
        if "host" not in signable:
            signable["host"] = sent["Host"] = target.host
        names = sorted(signable)
        before, _, after = _canonical_request(method, target, signable, names, "").partition(_TIME)
        scope = f"{day}/{self.region}/{self.service}/aws4_request"
        return _Plan(
            sent,
            date_name,
            before,
            after,
            signable.get("x-amz-content-sha256"),
            scope,
            f"{ALGORITHM} Credential={self.access_key}/{scope}, SignedHeaders={';'.join(names)}, "
            "Signature=",
        )

    def _signature(self, stamp: str, scope: str, canonical: str) -> str:
        text = f"{ALGORITHM}\n{stamp}\n{scope}\n{sha256(canonical.encode()).hexdigest()}"
        signature = self._keyed(stamp[:8]).copy()
        signature.update(text.encode())
        return signature.hexdigest()

    def _keyed(self, day: str) -> hmac.HMAC:
        """An HMAC with the key of a UTC day, which is derived by four HMACs and kept until the day
        changes."""
        keyed = self._key_of_day.get(day)
        if keyed is None:
            key = f"AWS4{self.secret_key}".encode()
            for step in (day, self.region, self.service, "aws4_request"):
                key = hmac.digest(key, step.encode(), "sha256")
            # Yesterday's key is of no use: a signature is valid for minutes.
            self._key_of_day.clear()
            keyed = self._key_of_day[day] = hmac.new(key, digestmod="sha256")
        return keyed


_MAX_PLANS = 256
"""How many plans a signer keeps: a program calls few models."""
_TIME = "\x01"
"""What stands for the time in a canonical request; HTTP allows it in no header."""
_REPLACED = frozenset({"authorization", "x-amz-date", "date"})
_REPLACED_WITH_TOKEN = _REPLACED | {"x-amz-security-token"}


@frozen
class BearerToken:
    """A Bedrock API key (`AWS_BEARER_TOKEN_BEDROCK`). Nothing is signed; the key itself is sent."""

    token: str = field(repr=False)

    def sign(
        self, method: str, url: str, headers: Headers, body: bytes, now: datetime
    ) -> dict[str, str]:
        """All headers to send. Takes what `Signer.sign` takes."""
        sent = {name: value for name, value in headers.items() if name.lower() != "authorization"}
        sent["Authorization"] = f"Bearer {self.token}"
        return sent


Identity: TypeAlias = Signer | BearerToken


# ── the server role ───────────────────────────────────────────────────────────────────────────────


@frozen
class ClientKey:
    """A key that a client signs its calls with, in whatever region."""

    access_key: str
    secret_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)
    client: str = field(kw_only=True)
    """What the client is called from then on; default: its access key, which is no secret."""

    @client.default
    def _access_key(self) -> str:
        return self.access_key


@frozen
class ClientToken:
    """A Bedrock API key that a client sends as a bearer token."""

    token: str = field(repr=False)
    client: str


@frozen
class Refusal:
    """Why a request is not authenticated, in AWS's own words: HTTP status, exception name,
    message."""

    status: int
    code: str
    message: str


@frozen
class _Claim:
    """What an `Authorization` header says."""

    access_key: str
    day: str
    region: str
    service: str
    names: list[str]
    signature: str


MAX_SKEW_S = 300
"""How far the clocks of caller and server may be apart; AWS allows five minutes."""
_MAX_SIGNERS = 1024
"""How many signing keys are kept: one for each key and region that was used."""


class KeyRing:
    """The keys of all clients, each found by its id. It hands on who a client is, and no secret.

    `region` refuses what is signed for another one, as an endpoint of AWS does; None takes every
    region, for a client signs for the one that its own settings name.
    """

    def __init__(
        self,
        keys: Iterable[ClientKey | ClientToken],
        *,
        region: str | None = None,
        service: str = "bedrock",
    ) -> None:
        self._region = region
        self._service = service
        self._keys: dict[str, ClientKey] = {}
        self._clients_of_tokens: dict[bytes, str] = {}
        self._signers: dict[tuple[str, str], Signer] = {}
        for key in keys:
            if isinstance(key, ClientKey):
                self._keys[key.access_key] = key
            else:
                self._clients_of_tokens[_fingerprint(key.token)] = key.client

    def verify(
        self, method: str, url: str, headers: Headers, body: bytes, now: datetime
    ) -> str | Refusal:
        """The client that made the request, or why it is none that is known.

        `url` is what arrived, not decoded; its scheme and host do not count, for the host is in the
        headers.
        """
        lowered = _canonical_headers(headers)
        authorization = lowered.get("authorization", "")
        if not authorization:
            return _MISSING_TOKEN
        if authorization.startswith("Bearer "):
            token = authorization.removeprefix("Bearer ")
            return self._clients_of_tokens.get(_fingerprint(token), _UNKNOWN_API_KEY)
        claim = _read_claim(authorization)
        if isinstance(claim, Refusal):
            return claim
        key = self._keys.get(claim.access_key)
        # An unknown key and a wrong session token are refused alike, so that a refusal does not
        # tell which key ids exist.
        if key is None or not _same(
            key.session_token or "", lowered.get("x-amz-security-token", "")
        ):
            return _UNKNOWN_TOKEN
        return (
            self._scope_fault(claim, lowered, now)
            or _signature_fault(self._signer(key, claim), claim, method, url, lowered, body)
            or key.client
        )

    def _signer(self, key: ClientKey, claim: _Claim) -> Signer:
        """Of the key, in the region that the client signed for."""
        known = (key.access_key, claim.region)
        signer = self._signers.get(known)
        if signer is None:
            # A client writes its region itself, so it could make us keep a signer for each word it
            # invents.
            if len(self._signers) >= _MAX_SIGNERS:
                self._signers.clear()
            signer = Signer(
                key.access_key, key.secret_key, key.session_token, claim.region, self._service
            )
            self._signers[known] = signer
        return signer

    def _scope_fault(
        self, claim: _Claim, headers: Mapping[str, str], now: datetime
    ) -> Refusal | None:
        sent_at = _sent_at(headers)
        if sent_at is None:
            return _incomplete(
                "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' "
                "header."
            )
        if self._region is not None and claim.region != self._region:
            return _invalid(f"Credential should be scoped to a valid region, not '{claim.region}'.")
        if claim.service != self._service:
            return _invalid(f"Credential should be scoped to correct service: '{self._service}'.")
        if claim.day != f"{sent_at:%Y%m%d}":
            return _invalid(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date "
                f"from HTTP: '{claim.day}' != '{sent_at:%Y%m%d}', from '{sent_at:{_STAMP}}'."
            )
        return _clock_fault(sent_at, now.astimezone(UTC))


def access_key_of(authorization: str) -> str:
    """The access key that a request claims to be signed with; `""` where it claims none."""
    claim = _read_claim(authorization)
    return "" if isinstance(claim, Refusal) else claim.access_key


def _fingerprint(token: str) -> bytes:
    """What a token is found by: the time of a look-up tells nothing about the token itself."""
    return sha256(token.encode("utf-8", "surrogatepass")).digest()


def _read_claim(authorization: str) -> _Claim | Refusal:
    """The parts of an `Authorization` header; a `Refusal` in the wording of AWS if one is
    missing."""
    algorithm, _, rest = authorization.partition(" ")
    if algorithm != ALGORITHM:
        return _incomplete(f"Unsupported AWS 'algorithm': '{algorithm[:40]}'.")
    fields = dict(part.strip().partition("=")[::2] for part in rest.split(","))
    absent = [name for name in ("Credential", "Signature", "SignedHeaders") if not fields.get(name)]
    if absent:
        return _incomplete(
            " ".join(f"Authorization header requires '{name}' parameter." for name in absent)
        )
    # From the right: only the access key, which the client chooses, may contain a slash.
    match fields["Credential"].rsplit("/", 4):
        case [access_key, day, region, service, "aws4_request"]:
            names, signature = fields["SignedHeaders"].split(";"), fields["Signature"]
            return _Claim(access_key, day, region, service, names, signature)
    return _incomplete(
        "Credential must have exactly 5 slash-delimited elements, e.g. "
        "keyid/date/region/service/term."
    )


def _sent_at(headers: Mapping[str, str]) -> datetime | None:
    """The time that the request states, in UTC; None if it states none that can be read."""
    try:
        if "x-amz-date" in headers:
            return _moment(headers["x-amz-date"])
        return parsedate_to_datetime(headers["date"]).replace(tzinfo=UTC)
    except (KeyError, ValueError):
        return None


def _clock_fault(sent_at: datetime, now: datetime) -> Refusal | None:
    """A refusal where the stated time is further from ours than AWS allows."""
    skew = timedelta(seconds=MAX_SKEW_S)
    if sent_at < now - skew:
        bound, relation, sign = now - skew, "Signature expired: {} is now earlier than", "-"
    elif sent_at > now + skew:
        bound, relation, sign = now + skew, "Signature not yet current: {} is still later than", "+"
    else:
        return None
    fields = relation.format(f"{sent_at:{_STAMP}}")
    return _invalid(f"{fields} {bound:{_STAMP}} ({now:{_STAMP}} {sign} {MAX_SKEW_S // 60} min.)")


def _signature_fault(
    signer: Signer, claim: _Claim, method: str, url: str, headers: Mapping[str, str], body: bytes
) -> Refusal | None:
    # A signature that does not cover the host could be sent to another one again.
    if "host" not in claim.names:
        return _invalid("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
    # The declared hash is what was signed. Believed without a look, it would sign any body.
    if _digest(headers, body) != sha256(body).hexdigest():
        return _invalid(
            "The value of the x-amz-content-sha256 header is not the SHA-256 of the body."
        )
    # A path alone may begin with `//`, which would read as a host.
    target = _target(f"http://any{url}" if url.startswith("/") else url)
    canonical = _canonical_request(method, target, headers, claim.names, sha256(body).hexdigest())
    stamp = f"{_sent_at(headers):{_STAMP}}"
    scope = f"{claim.day}/{claim.region}/{claim.service}/aws4_request"
    return None if _same(signer._signature(stamp, scope, canonical), claim.signature) else _MISMATCH


def _moment(stamp: str) -> datetime:
    return datetime.strptime(stamp, _STAMP).replace(tzinfo=UTC)


def _same(one: str, other: str) -> bool:
    """In constant time: how long it takes tells nothing about how much fits."""
    return hmac.compare_digest(one.encode(), other.encode())


def _invalid(message: str) -> Refusal:
    return Refusal(403, "InvalidSignatureException", message)


def _incomplete(message: str) -> Refusal:
    return Refusal(400, "IncompleteSignatureException", message)


_MISSING_TOKEN = Refusal(403, "MissingAuthenticationTokenException", "Missing Authentication Token")
_UNKNOWN_TOKEN = Refusal(
    403, "UnrecognizedClientException", "The security token included in the request is invalid."
)
_UNKNOWN_API_KEY = Refusal(
    403, "AccessDeniedException", "Authentication failed: Please make sure your API Key is valid."
)
_MISMATCH = _invalid(
    "The request signature we calculated does not match the signature you provided. Check your AWS "
    "Secret Access Key and signing method. Consult the service documentation for details."
)
