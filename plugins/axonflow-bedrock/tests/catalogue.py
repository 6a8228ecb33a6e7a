"""What a service can do wrong, as a table: what it does, what the caller must see, and how many
requests may reach it meanwhile. `calls/test_catalogue.py` runs it.

A row has the number that the fault has in the catalogue of faults, and cases: its kinds. A case is
run for whole and streamed answers, on InvokeModel and Converse, where it exists there, and over the
async and the blocking client. `was` names a former failure: `D…` of time, money or memory, `U…` an
exception of no type of ours, `R…` of manners.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import product, repeat
from typing import Any

import orjson
from aws_account import AccountSession
from botocore.credentials import Credentials, RefreshableCredentials
from botocore.exceptions import MetadataRetrievalError
from claude_wire import (
    CHUNKED,
    PAGE,
    Wire,
    chunk,
    chunked,
    error_frame,
    exception,
    head,
    message_start,
    page,
    prelude,
    refusal,
    until_closed,
    whole,
)
from fault_cases import (
    ASYNC,
    CONNECTING,
    CONVERSE,
    FIRST_BYTE,
    HELD,
    IDLE,
    INVOKE,
    LEAVES_S,
    ON_DEMAND,
    ONE_DEADLINE,
    RETRIED,
    STREAMED,
    THREE,
    TWO,
    UNSENT,
    WHOLE,
    Account,
    Asking,
    Cancelled,
    Case,
    Place,
    Row,
    Run,
    Say,
    Says,
    case,
    each,
    fails,
    good,
    row,
    streamed,
    then,
    then_good,
    unheard,
)
from faulty_service import Answer, End, Piece, Script

from axonflow_bedrock.wire.eventstream import MAX_FRAME_BYTES, frame_of_chunk, frame_of_event
from axonflow_core.errors import (
    AccessDenied,
    AnswerError,
    AxonFlowError,
    CredentialsError,
    CredentialsExpired,
    CredentialsMissing,
    DecodeError,
    InvalidCall,
    ProfileRequired,
    ProviderError,
    ProviderTimeout,
    RequestError,
    Throttled,
    TruncatedStream,
    Unavailable,
)

# ── the way there ─────────────────────────────────────────────────────────────────────────────────

NOT_REACHED: Mapping[str, Any] = {"calls": (0, 0), **ONE_DEADLINE}

THE_WAY = (
    row(
        1,
        "the name of the host is unknown",
        case(
            "no such name",
            good,
            fails(Unavailable, "cannot resolve", has_id=False),
            place=Place.NO_NAME,
            **NOT_REACHED,
        ),
    ),
    row(
        2,
        "the connection is refused",
        case(
            "nobody listens",
            good,
            fails(Unavailable, "no connection to .* refused", has_id=False),
            place=Place.REFUSED,
            **NOT_REACHED,
        ),
    ),
    row(
        3,
        "TLS to what does not speak it",
        case(
            "a plain answer to a handshake",
            good,
            fails(Unavailable, "TLS handshake .* failed", has_id=False),
            place=Place.NOT_TLS,
            speaks_first=[b"HTTP/1.1 400 Bad Request\r\n\r\nhunter2", End.CLOSE],
            **NOT_REACHED,
        ),
        case(
            "a handshake that is cut",
            good,
            fails(Unavailable, "TLS handshake .* failed", has_id=False),
            place=Place.NOT_TLS,
            speaks_first=[End.CLOSE],
            **NOT_REACHED,
        ),
        case(
            "a handshake that nobody answers",
            good,
            fails(
                ProviderTimeout,
                r"did not finish the TLS handshake within 0\.25 s \(connect timeout\)",
                has_id=False,
            ),
            place=Place.NOT_TLS,
            speaks_first=HELD,
            **CONNECTING,
            **UNSENT,
        ),
        case(
            "a handshake that nobody answers, to the end of the call",
            good,
            fails(
                ProviderTimeout,
                r"did not finish the TLS handshake within .* \(total timeout\)",
                has_id=False,
            ),
            place=Place.NOT_TLS,
            speaks_first=HELD,
            **ONE_DEADLINE,
            **UNSENT,
        ),
    ),
    row(
        4,
        "the certificate is not the service's",
        case(
            "one that nobody signed",
            good,
            fails(ProviderError, "certificate .* is not trusted", has_id=False),
            place=Place.STRANGE_TLS,
            **UNSENT,
        ),
        case(
            "one of another host",
            good,
            fails(ProviderError, "certificate .* is not trusted", has_id=False),
            place=Place.OTHER_HOST,
            **UNSENT,
        ),
        case("the right one", good, Says(), place=Place.TLS),
    ),
    row(
        5,
        "nothing answers at all",
        case(
            "no answer to a connection",
            good,
            fails(
                ProviderTimeout,
                r"did not accept a connection within 0\.25 s \(connect timeout\)",
                has_id=False,
            ),
            place=Place.BLACK_HOLE,
            **CONNECTING,
            **UNSENT,
        ),
        case(
            "no answer to a connection, to the end of the call",
            good,
            fails(
                ProviderTimeout,
                r"did not accept a connection within .* \(total timeout\)",
                has_id=False,
            ),
            place=Place.BLACK_HOLE,
            **ONE_DEADLINE,
            **UNSENT,
        ),
    ),
)

# ── slow and broken answers ───────────────────────────────────────────────────────────────────────

BILLED: Mapping[str, Any] = {"is_retryable": False}
"""An answer may have been generated: such a call is not made again."""


def cut_body(wire: Wire, *end: Piece) -> list[Piece]:
    """Most of a whole answer, or a stream up to the middle of a frame, and what comes then."""
    if wire.is_streamed:
        return list(chunked(wire.begin + wire.word + wire.end[:20], *end))
    return [whole(wire.body)[:-20], *end]


def dripping(wire: Wire) -> list[Piece]:
    """An answer whose rest comes so slowly that it never ends."""
    if wire.is_streamed:
        return list(chunked(wire.begin, *drops(wire.word[:-1]), End.HOLD))
    return [whole(wire.body)[:-20], *drops(b" " * 20), End.HOLD]


def drops(data: bytes) -> Iterator[Piece]:
    for byte in data:
        yield bytes([byte])
        yield 0.04


def many_headers(wire: Wire) -> Script:
    return [[head(200, "application/json", *["X-Header: x"] * 500) + wire.body]]


SLOW_HEAD: Answer = [b"HTTP/1.1 200 OK\r\nX: ", *[b"x", 0.04] * 100]
JSON_OF_ANOTHER_SHAPE = {
    "a list": b"[]",
    "an object without a member": b"{}",
    "a number": b"3",
    "null": b"null",
    "another service's": b'{"id":"hunter2","choices":[{"text":"hunter2"}]}',
    "content of a wrong kind": b'{"content":5,"output":5}',
}


def counted(number: str) -> list[str]:
    """The headers in which AWS counts, all with one value."""
    names = ("input-token-count", "output-token-count", "invocation-latency")
    return [f"x-amzn-bedrock-{name}: {number}" for name in names]


LOGIN = "Location: https://login.example.com/hunter2"

BROKEN = (
    row(
        6,
        "no answer",
        case(
            "silence",
            each(HELD),
            unheard(ProviderTimeout, r"did not begin its answer within .*\(total timeout\)"),
            **ONE_DEADLINE,
        ),
        case(
            "silence, with a limit of the caller's",
            each(HELD),
            unheard(ProviderTimeout, r"within .*0\.3 s \(total timeout\)"),
            timeout_s=0.3,
            ends_s=0.3,
        ),
    ),
    row(
        7,
        "a slow answer, within its limits",
        case("a pause first", lambda wire: [[0.1, *wire.good]], Says()),
    ),
    row(
        8,
        "an answer that begins too late",
        case(
            "an answer after two seconds",
            lambda wire: [[2.0, *wire.good]],
            unheard(ProviderTimeout, r"within 0\.4 s \(first byte timeout\)"),
            **FIRST_BYTE,
        ),
        case(
            "a head that never ends",
            each(SLOW_HEAD),
            unheard(ProviderTimeout, r"within 0\.4 s \(first byte timeout\)"),
            **FIRST_BYTE,
        ),
    ),
    row(
        9,
        "a body that drips",
        case(
            "a byte now and then",
            lambda wire: [dripping(wire)],
            fails(ProviderTimeout, r"did not finish .*\(total timeout\)"),
            was="D1",
            **ONE_DEADLINE,
        ),
    ),
    row(
        10,
        "the connection is reset in the middle of the body",
        case(
            "most of a body",
            lambda wire: [cut_body(wire, End.RESET)],
            fails(Unavailable, "cut in mid-answer", **BILLED),
            was="D2",
            forms=WHOLE,
        ),
        case(
            "half a frame",
            lambda wire: [cut_body(wire, End.RESET)],
            fails(TruncatedStream, "cut in mid-answer", text="Good."),
            forms=STREAMED,
        ),
    ),
    row(
        11,
        "a body shorter than it says",
        case(
            "the connection is closed",
            lambda wire: [[whole(wire.body, length=len(wire.body) + 1), End.CLOSE]],
            fails(Unavailable, "its body is incomplete|closed", **BILLED),
            was="D2",
            forms=WHOLE,
        ),
        case(
            "a stream with a length",
            lambda wire: [
                [
                    whole(
                        wire.stream,
                        content_type="application/vnd.amazon.eventstream",
                        length=len(wire.stream) + 1,
                    ),
                    End.CLOSE,
                ]
            ],
            fails(TruncatedStream, "cut in mid-answer", text="Good."),
            forms=STREAMED,
        ),
        case(
            "a body in chunks without their end",
            lambda wire: [[head(200, "application/json", CHUNKED), chunk(wire.body), End.CLOSE]],
            fails(Unavailable, **BILLED),
            was="D2",
            forms=WHOLE,
        ),
    ),
    row(
        12,
        "JSON that is cut, or of another shape",
        case(
            "half of the JSON as if it were all",
            lambda wire: [[whole(wire.body[:-40])]],
            fails(DecodeError, r"it is JSON that is cut or broken of \d+ bytes"),
            forms=WHOLE,
        ),
        *(
            case(
                name,
                each([whole(body)]),
                fails(DecodeError, rf"it is .* of {len(body)} bytes"),
                was="R4",
                forms=WHOLE,
            )
            for name, body in JSON_OF_ANOTHER_SHAPE.items()
        ),
        *(
            case(
                f"headers that count {shown}",
                lambda wire, number=number: [[whole(wire.body, *counted(number))]],
                Says(),
                was="U1",
                surfaces=(INVOKE,),
                forms=WHOLE,
            )
            for shown, number in {
                "words": "abc",
                "nothing": "",
                "5,000 digits": "9" * 5000,
                "nan": "nan",
                "infinity": "inf",
                "below zero": "-1",
            }.items()
        ),
    ),
    row(
        13,
        "an empty answer of status 200",
        case("no byte", each([whole(b"")]), fails(DecodeError, "it is an empty body"), forms=WHOLE),
    ),
    row(
        14,
        "a page for an answer",
        case(
            "a captive portal's",
            each([page()]),
            fails(DecodeError, f"it is an HTML page of {len(PAGE)} bytes"),
            was="R4",
        ),
        case(
            "with the content type of an answer",
            lambda wire: [
                [whole(PAGE, content_type="application/vnd.amazon.eventstream")]
                if wire.is_streamed
                else [whole(PAGE)]
            ],
            fails(DecodeError, "an HTML page"),
            was="R4",
        ),
    ),
    row(
        15,
        "a redirect",
        *(
            case(
                f"status {status}",
                each([whole(b"hunter2", LOGIN, status=status)]),
                fails(
                    Unavailable,
                    f"answered {status}, a redirect to login.example.com",
                    status=status,
                    **BILLED,
                ),
            )
            for status in (301, 302, 307)
        ),
    ),
    row(
        16,
        "no HTTP",
        *(
            case(name, each([said, End.CLOSE]), unheard(AnswerError, "did not answer with HTTP"))
            for name, said in {
                "another protocol": b"SSH-2.0-OpenSSH_9.2\r\n\r\nhunter2",
                "binary data": bytes(range(256)),
                "another version": b"HTTP/3.0 200 OK\r\n\r\nhunter2",
            }.items()
        ),
        case(
            "a status of four digits",
            each([b"HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n", End.CLOSE]),
            unheard(AnswerError, "is refused"),
        ),
    ),
    row(
        17,
        "a head without measure",
        case("500 headers", many_headers, unheard(AnswerError, "more than 128 headers")),
        case(
            "a header of a megabyte",
            each([head(200, "application/json", "X: " + "x" * 2**20)]),
            unheard(AnswerError, "its head is longer than"),
        ),
    ),
    row(
        18,
        "the connection is closed without a byte",
        *(
            case(name, each(answer), unheard(Unavailable, **BILLED), was="D2")
            for name, answer in {
                "a new one": [End.CLOSE],
                "a new one, reset": [End.RESET],
                "within the head": [b"HTTP/1.1 200 OK\r\nContent-", End.CLOSE],
            }.items()
        ),
        case(
            "one that was used before",
            lambda wire: [wire.good, [End.CLOSE], wire.good],
            Says(),
            asking=Asking.AGAIN,
            calls=THREE,
        ),
        case(
            "one that was used before, reset",
            lambda wire: [wire.good, [End.RESET], wire.good],
            Says(),
            asking=Asking.AGAIN,
            calls=THREE,
        ),
        case(
            "one that rested, and the new one too",
            lambda wire: [wire.good, [End.CLOSE]],
            unheard(Unavailable, **BILLED),
            asking=Asking.AGAIN,
            calls=THREE,
        ),
        case(
            "one that was closed while it rested",
            lambda wire: [[*wire.good, End.CLOSE], wire.good],
            Says(),
            asking=Asking.AGAIN,
            calls=TWO,
        ),
    ),
)

# ── refusals ──────────────────────────────────────────────────────────────────────────────────────

THROTTLED = refusal(429, "ThrottlingException", "Too many requests, please wait.")
BUSY = refusal(503, "ServiceUnavailableException", "Busy.")
EXPIRED = refusal(403, "ExpiredTokenException", "The security token included is expired")
NO_PROFILE = refusal(
    400,
    "ValidationException",
    f"Invocation of model ID {ON_DEMAND} with on-demand throughput isn't supported. Retry your "
    "request with the ID or ARN of an inference profile that contains this model.",
)
DENIED = refusal(
    403,
    "AccessDeniedException",
    "User: arn:aws:iam::123456789012:user/app is not authorized to perform: bedrock:InvokeModel on "
    "resource: arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude because no "
    "identity-based policy allows the bedrock:InvokeModel action",
)
TOO_LATE: Mapping[str, Any] = {"was": "D1", "calls": (1, 2), **ONE_DEADLINE}
"""Of a second attempt that is not answered in time: the error that made it necessary is raised."""


def skewed() -> list[Piece]:
    ahead = (datetime.now(UTC) + timedelta(hours=1)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    message = "Signature expired: 20260101T000000Z is now earlier than 20260101T010000Z"
    return refusal(403, "InvalidSignatureException", message, f"Date: {ahead}")


def waits(*headers: str) -> list[Piece]:
    return refusal(429, "ThrottlingException", "Too many requests.", *headers)


REFUSED = (
    row(
        19,
        "429, throttled",
        case(
            "again and again",
            each(THROTTLED),
            fails(Throttled, status=429, is_retryable=True),
            calls=RETRIED,
            **ONE_DEADLINE,
        ),
        *(
            case(
                f"it asks to wait: {header}",
                each(waits(header)),
                fails(Throttled, retry_after_s=wait_s),
                was="R1",
                **ONE_DEADLINE,
            )
            for header, wait_s in {
                "Retry-After: 7": 7.0,
                "x-amz-retry-after: 2500": 2.5,
                "x-amz-retry-after: 90000": 90.0,
            }.items()
        ),
        *(
            case(
                f"it asks for no time at all: {header}",
                each(waits(header)),
                fails(Throttled, retry_after_s=None),
                was="R1",
                calls=RETRIED,
                **ONE_DEADLINE,
            )
            for header in ("x-amz-retry-after: 99999999999999999999", "Retry-After: soon")
        ),
        case(
            "a long time at once, however much the call has",
            each(waits("Retry-After: 21")),
            fails(Throttled, retry_after_s=21.0),
            was="R1",
        ),
    ),
    row(
        20,
        "429, then an answer",
        case("after a pause", then_good(THROTTLED), Says(attempts=2), calls=TWO),
        case(
            "after the pause that was asked for",
            then_good(waits("x-amz-retry-after: 1100")),
            Says(attempts=2),
            was="R1",
            not_before_s=1.1,
            calls=TWO,
        ),
        case("then silence", each(THROTTLED, HELD), fails(Throttled), **TOO_LATE),
        case(
            "then an answer that drips",
            then(THROTTLED, dripping),
            fails(Throttled),
            forms=WHOLE,
            **TOO_LATE,
        ),
    ),
    row(
        21,
        "429, the model is not ready",
        case(
            "again and again",
            each(refusal(429, "ModelNotReadyException", "Not ready.")),
            fails(Unavailable, status=429, is_retryable=True),
            calls=RETRIED,
            **ONE_DEADLINE,
        ),
    ),
    row(
        22,
        "503",
        case(
            "again and again",
            each(BUSY),
            fails(Unavailable, status=503, is_retryable=True),
            calls=RETRIED,
            **ONE_DEADLINE,
        ),
        case("once", then_good(BUSY), Says(attempts=2), calls=TWO),
    ),
    row(
        23,
        "500 with a page",
        *(
            case(
                f"status {status}",
                each([page(status)]),
                fails(
                    Unavailable,
                    f"HTTP {status}.*: an HTML page of {len(PAGE)} bytes",
                    status=status,
                ),
                was="R4",
                calls=RETRIED,
                **ONE_DEADLINE,
            )
            for status in (500, 502)
        ),
        case(
            "a gateway that waited for the model",
            each([page(504)]),
            fails(ProviderTimeout, "an HTML page"),
            was="R4",
        ),
        case(
            "a page that is cut",
            each([whole(PAGE, status=500, length=len(PAGE) + 1), End.CLOSE]),
            fails(Unavailable, "the service failed"),
            calls=RETRIED,
            **ONE_DEADLINE,
        ),
    ),
    row(
        24,
        "424, the model failed",
        case(
            "with the status that the model itself answered",
            each(refusal(424, "ModelErrorException", "Broken.", originalStatusCode=503)),
            fails(
                Unavailable,
                r"own status: 503",
                original_status=503,
                status=424,
                **BILLED,
            ),
        ),
        case(
            "with a status that is none",
            each(refusal(424, "ModelErrorException", "Broken.", originalStatusCode="503")),
            fails(Unavailable, original_status=None, **BILLED),
        ),
    ),
    row(
        25,
        "408, the model took too long",
        case(
            "it is billed all the same",
            each(refusal(408, "ModelTimeoutException", "The model has timed out.")),
            fails(ProviderTimeout, status=408, **BILLED),
        ),
    ),
    row(
        26,
        "400, the request is refused",
        case(
            "the model is called by a profile only",
            each(NO_PROFILE),
            fails(ProfileRequired, hint=f"us.{ON_DEMAND}", status=400),
            config={"model": ON_DEMAND},
        ),
        case(
            "the profile that stands in answers",
            then_good(NO_PROFILE),
            Says(attempts=2),
            config={"model": ON_DEMAND, "profile_fallback": True},
            calls=TWO,
        ),
        case(
            "the profile that stands in is silent",
            each(NO_PROFILE, HELD),
            unheard(ProviderTimeout, "did not begin its answer"),
            config={"model": ON_DEMAND, "profile_fallback": True},
            was="D1",
            calls=TWO,
            **ONE_DEADLINE,
        ),
        case(
            "something else is wrong with it",
            each(refusal(400, "ValidationException", "Wrong.")),
            fails(InvalidCall, status=400),
        ),
        case(
            "no JSON can carry it",
            good,
            fails(RequestError),
            asking=Asking.BADLY,
            was="U7",
            **UNSENT,
        ),
    ),
    row(
        27,
        "403, denied",
        case(
            "the statement that is missing is named",
            each(DENIED),
            fails(AccessDenied, hint="bedrock:InvokeModel", status=403),
        ),
    ),
)

# ── credentials ───────────────────────────────────────────────────────────────────────────────────

KEYS = Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI")


def expiring(
    refresh: Callable[[], dict[str, str]], in_minutes: float = 60, method: str = "assume-role"
) -> Account:
    """Credentials that expire, and how they are renewed."""

    def opened(url: str) -> AccountSession:
        expiry = datetime.now(UTC) + timedelta(minutes=in_minutes)
        keys = RefreshableCredentials("AKID0", "secret", "t", expiry, refresh, method)
        return AccountSession(url, keys, attempts=None)

    return opened


def renewed() -> dict[str, str]:
    expiry = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    return {"access_key": "AKID1", "secret_key": "s", "token": "t", "expiry_time": expiry}


def never_renewed() -> dict[str, str]:
    time.sleep(1.5)
    return renewed()


def broken_refresh() -> dict[str, str]:
    raise RuntimeError("the vault is sealed: hunter2")


class SlowAccount(AccountSession):
    """A source of credentials that says nothing for `silent_s`, as a metadata service does that is
    not there; then it has none, or `found`."""

    def __init__(self, url: str, silent_s: float, found: Credentials | None = None) -> None:
        super().__init__(url, found, attempts=None)
        self._silent_s = silent_s

    def get_credentials(self) -> Any:
        time.sleep(self._silent_s)
        return self._credentials


class BrokenAccount(AccountSession):
    def get_credentials(self) -> Any:
        raise MetadataRetrievalError(error_msg="hunter2")


RENEWED: Mapping[str, Any] = {"account": expiring(renewed)}

CREDENTIALS = (
    row(
        28,
        "403, the token has expired",
        case("another one is fetched", then_good(EXPIRED), Says(attempts=2), calls=TWO, **RENEWED),
        case(
            "another one has expired too",
            each(EXPIRED),
            fails(CredentialsExpired, status=403),
            calls=TWO,
            **RENEWED,
        ),
        case("there is no other", each(EXPIRED), fails(CredentialsExpired, status=403)),
        case(
            "another one is fetched, then silence",
            each(EXPIRED, HELD),
            fails(CredentialsExpired),
            **RENEWED,
            **TOO_LATE,
        ),
        case(
            "another one is fetched, then a stream that drips",
            then(EXPIRED, dripping),
            fails(ProviderTimeout, "did not finish its answer"),
            was="D1",
            forms=STREAMED,
            calls=TWO,
            **RENEWED,
            **ONE_DEADLINE,
        ),
        case(
            "another one never comes",
            each(EXPIRED),
            fails(CredentialsExpired),
            account=expiring(never_renewed),
            was="D1",
            **ONE_DEADLINE,
        ),
        case(
            "another one cannot be fetched",
            each(EXPIRED),
            unheard(CredentialsError, "cannot refresh AWS credentials"),
            account=expiring(broken_refresh),
            was="R9",
        ),
    ),
    row(
        29,
        "403, this machine's clock is wrong",
        case("it is corrected", lambda wire: [skewed(), wire.good], Says(attempts=2), calls=TWO),
        case(
            "it is corrected in vain",
            lambda wire: [skewed()],
            fails(CredentialsError, status=403),
            calls=TWO,
        ),
        case(
            "it is corrected, then silence",
            lambda wire: [skewed(), HELD],
            fails(CredentialsError),
            **TOO_LATE,
        ),
    ),
    row(
        30,
        "no credentials",
        case(
            "none anywhere",
            good,
            unheard(CredentialsMissing, "no AWS credentials"),
            account=lambda url: SlowAccount(url, 0.0),
            is_warm=False,
            **UNSENT,
        ),
    ),
    row(
        31,
        "the metadata service is silent",
        case(
            "longer than the call",
            good,
            unheard(ProviderTimeout, r"credentials took longer than 0\.6 s .*; nothing was sent"),
            account=lambda url: SlowAccount(url, 1.5),
            is_warm=False,
            was="D1",
            **ONE_DEADLINE,
            **UNSENT,
        ),
        case(
            "for most of the call, and then the service",
            each(HELD),
            unheard(
                ProviderTimeout,
                r"did not begin its answer within the 0\.\d+ s that were left of 0\.6 s",
            ),
            account=lambda url: SlowAccount(url, 0.3, KEYS),
            is_warm=False,
            was="D1",
            **ONE_DEADLINE,
        ),
        case(
            "for a while",
            good,
            Says(),
            account=lambda url: SlowAccount(url, 0.3, KEYS),
            is_warm=False,
        ),
        case(
            "and is not waited for again",
            good,
            unheard(CredentialsMissing),
            account=lambda url: SlowAccount(url, 1.1),
            asking=Asking.AFTER_A_FAILURE,
            is_warm=False,
            was="R2",
            ends_s=0.0,
            **UNSENT,
        ),
        case(
            "or refuses",
            good,
            unheard(CredentialsError),
            account=BrokenAccount,
            is_warm=False,
            **UNSENT,
        ),
    ),
    row(
        32,
        "credentials cannot be renewed",
        case(
            "before they have to be",
            good,
            Says(),
            account=expiring(broken_refresh, in_minutes=12),
            is_warm=False,
        ),
        case(
            "though they have expired",
            good,
            unheard(CredentialsError, "cannot refresh AWS credentials"),
            account=expiring(broken_refresh, in_minutes=-1),
            is_warm=False,
            was="R9",
            **UNSENT,
        ),
        case(
            "for the renewal hangs",
            good,
            unheard(ProviderTimeout, "credentials took longer"),
            account=expiring(never_renewed, in_minutes=-1),
            is_warm=False,
            was="D1",
            **ONE_DEADLINE,
            **UNSENT,
        ),
    ),
)

# ── streams ───────────────────────────────────────────────────────────────────────────────────────

IN_STREAM: Mapping[str, Any] = {"forms": STREAMED}


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :]


def refused_frame(name: str, frame: bytes, says: str = "", **more: Any) -> Case:
    """A frame after the first word that cannot be read: the word is handed out, the frame is not
    waited for."""
    must = fails(DecodeError, says, text="Good.")
    return case(
        name,
        streamed(lambda wire: [wire.begin + wire.word + frame, End.HOLD]),
        must,
        **{**IN_STREAM, **more},
    )


def reported(
    name: str, frame: bytes, kind: type[AxonFlowError], says: str = "", **facts: Any
) -> Case:
    """A frame that reports an error, after the first word."""
    return case(
        name,
        streamed(lambda wire: [wire.begin + wire.word + frame]),
        fails(kind, says, text="Good.", **facts),
        **IN_STREAM,
    )


def cut_at(place: Callable[[Wire], bytes], *end: Piece) -> Say:
    """A stream up to `place`."""
    return streamed(lambda wire: [place(wire), *end])


def padded(wire: Wire) -> bytes:
    """A frame of nearly 2 MiB that says one word."""
    padding = "a" * (MAX_FRAME_BYTES - 1000)
    if wire.surface == INVOKE:
        delta = {"type": "text_delta", "text": "x"}
        said = {"type": "content_block_delta", "index": 0, "delta": delta}
        return frame_of_chunk(said, padding=padding)
    said = {"contentBlockIndex": 0, "delta": {"text": "x"}}
    return frame_of_event({"contentBlockDelta": said}, padding=padding)


def bits(wire: Wire) -> list[Piece]:
    """The stream in pieces of 7 bytes."""
    data = wire.stream
    return [data[at : at + 7] for at in range(0, len(data), 7)]


METRICS = "amazon-bedrock-invocationMetrics"


def claude_index(wire: Wire, index: Any) -> bytes:
    """A word, and another in a block of an `index` that is none."""
    delta = {"type": "text_delta", "text": "x"}
    said = {"type": "content_block_delta", "index": index, "delta": delta}
    return wire.begin + wire.word + frame_of_chunk(said)


def converse_index(wire: Wire, index: Any) -> bytes:
    said = {"contentBlockIndex": index, "delta": {"text": "x"}}
    return wire.begin + wire.word + frame_of_event({"contentBlockDelta": said})


def claude_metrics(wire: Wire, metrics: Any) -> bytes:
    """The stream, with such metrics in its last frame."""
    last = frame_of_chunk({"type": "message_stop", METRICS: metrics})
    return wire.stream.removesuffix(wire.last) + last


def claude_id(wire: Wire, identity: Any) -> bytes:
    """The stream, with such an id in its first frame."""
    return message_start(id=identity) + wire.stream.removeprefix(message_start())


STREAMS = (
    row(
        33,
        "the stream ends within a frame, in order",
        *(
            case(
                name,
                cut_at(place),
                fails(TruncatedStream, "bytes into a frame", text=text),
                **IN_STREAM,
            )
            for name, place, text in (
                ("after a byte", lambda wire: wire.stream[:1], None),
                ("in the first prelude", lambda wire: wire.stream[:9], None),
                ("in the headers", lambda wire: wire.begin + wire.word + wire.end[:20], "Good."),
                ("before the last byte", lambda wire: wire.stream[:-1], "Good."),
            )
        ),
    ),
    row(
        34,
        "the stream ends between two frames, in order",
        *(
            case(name, cut_at(place), fails(TruncatedStream, text=text), **IN_STREAM)
            for name, place, text in (
                ("before a word", lambda wire: wire.begin, ""),
                ("after a word", lambda wire: wire.begin + wire.word, "Good."),
                (
                    "before the last frame",
                    lambda wire: wire.stream.removesuffix(wire.last),
                    "Good.",
                ),
            )
        ),
    ),
    row(
        35,
        "the stream ends without the end of HTTP",
        *(
            case(
                name,
                cut_at(place, End.CLOSE),
                fails(TruncatedStream, "cut in mid-answer", text=text),
                **IN_STREAM,
            )
            for name, place, text in (
                ("before a frame", lambda wire: b"", None),
                ("after a word", lambda wire: wire.begin + wire.word, "Good."),
                ("after the last frame", lambda wire: wire.stream, "Good."),
            )
        ),
    ),
    row(
        36,
        "a frame with a wrong sum",
        *(
            case(
                name,
                streamed(lambda wire, at=at: [wire.begin + flipped(wire.word, at), End.HOLD]),
                fails(DecodeError, "fails its checksum", text=""),
                **IN_STREAM,
            )
            for name, at in (("in its payload", -10), ("in its headers", 20), ("in the sum", -1))
        ),
    ),
    row(
        37,
        "a prelude with a wrong sum",
        *(
            case(
                name,
                streamed(lambda wire, at=at: [wire.begin + flipped(wire.word, at), End.HOLD]),
                fails(DecodeError, "no valid prelude", text=""),
                **IN_STREAM,
            )
            for name, at in (("in the length", 2), ("in the sum", 9))
        ),
    ),
    row(
        38,
        "a frame shorter than a frame can be, rightly summed",
        refused_frame("8 bytes", prelude(8), "says it has 8 bytes"),
        refused_frame("headers longer than the frame", prelude(100, 99), "99 of them headers"),
    ),
    row(
        39,
        "a frame of 2 GiB, rightly summed",
        refused_frame("2 GiB", prelude(2**31), "has 2147483648 bytes"),
        refused_frame("4 GiB", prelude(2**32 - 1), "has 4294967295 bytes"),
    ),
    row(
        40,
        "an answer that is too large",
        refused_frame(
            "a frame of 16 MB", prelude(16 * 2**20) + bytes(2**16), "no more than", was="R5"
        ),
        refused_frame("a frame of 2 MiB and a byte", prelude(MAX_FRAME_BYTES + 1), "no more than"),
        case(
            "a body that says it has 33 MiB",
            each([whole(b"{", length=33 * 2**20), End.HOLD]),
            unheard(AnswerError, "is larger than 33554432 bytes"),
            forms=WHOLE,
        ),
        case(
            "a body of more than 32 MiB in chunks",
            lambda wire: [
                [head(200, "application/json", CHUNKED), *repeat(chunk(bytes(2**20)), 33), End.HOLD]
            ],
            fails(AnswerError, "is larger than 33554432 bytes"),
            forms=WHOLE,
        ),
    ),
    row(
        41,
        "a throttle in the stream",
        reported("after a word", exception("throttlingException"), Throttled, status=429),
        case(
            "in place of an answer",
            streamed(lambda wire: [exception("throttlingException")]),
            fails(Throttled, text=None),
            calls=RETRIED,
            **IN_STREAM,
            **ONE_DEADLINE,
        ),
        case(
            "in place of an answer, once",
            lambda wire: [list(chunked(exception("throttlingException"))), wire.good],
            Says(attempts=2),
            calls=TWO,
            **IN_STREAM,
        ),
    ),
    row(
        42,
        "the model fails in the stream",
        reported(
            "with the status that it answered itself",
            exception("modelStreamErrorException", originalStatusCode=500),
            Unavailable,
            r"own status: 500",
            original_status=500,
            **BILLED,
        ),
    ),
    row(
        43,
        "the service fails in the stream",
        reported("after a word", exception("internalServerException"), Unavailable, status=500),
    ),
    row(
        44,
        "an exception in the stream that nobody knows",
        reported("after a word", exception("newException"), Unavailable),
        reported("without a name", exception(""), Unavailable),
    ),
    row(
        45,
        "a frame of an error",
        reported(
            "with a code and a message",
            error_frame(error_code="InternalFailure", error_message="An internal error."),
            Unavailable,
            "An internal error",
        ),
        reported("with neither", error_frame(), Unavailable, "no message"),
    ),
    row(
        46,
        "an event of a kind that nobody knows",
        *(
            case(
                name,
                streamed(lambda wire, at=at: at(wire, wire.event("initial-response", b"{}"))),
                Says(),
                was="R3",
                **IN_STREAM,
            )
            for name, at in (
                ("first", lambda wire, new: [new + wire.stream]),
                ("in the middle", lambda wire, new: [wire.begin + new + wire.word + wire.end]),
                ("last", lambda wire, new: [wire.stream + new]),
            )
        ),
    ),
    row(
        47,
        "an event that is not what it should be",
        *(
            case(
                name,
                streamed(
                    lambda wire, payload=payload: [
                        wire.begin + wire.word + wire.said(payload),
                        End.HOLD,
                    ]
                ),
                fails(DecodeError, text="Good."),
                was=was,
                surfaces=surfaces,
                **IN_STREAM,
            )
            for surfaces, was, name, payload in (
                ((INVOKE,), "", "no base64", b'{"bytes":"!"}'),
                ((INVOKE,), "", "base64 of no JSON", b'{"bytes":"eA=="}'),
                ((INVOKE,), "", "no bytes", b"{}"),
                ((INVOKE, CONVERSE), "", "no JSON", b"{"),
                ((INVOKE, CONVERSE), "U4", "a list", b"[]"),
                ((INVOKE, CONVERSE), "U4", "a number", b"3"),
                ((INVOKE, CONVERSE), "U4", "null", b"null"),
                ((INVOKE, CONVERSE), "U4", "a string", b'"p"'),
            )
        ),
        *(
            case(
                f"{name} that is {shown}",
                streamed(lambda wire, write=write, value=value: [write(wire, value), End.HOLD]),
                fails(DecodeError, "a whole number was expected", text="Good."),
                was="U8",
                surfaces=(surface,),
                **IN_STREAM,
            )
            for surface, name, write in (
                (INVOKE, "an index", claude_index),
                (CONVERSE, "a block's index", converse_index),
            )
            for shown, value in {"a list": [0], "a string": "0", "null": None}.items()
        ),
        *(
            case(
                f"metrics that are {shown}",
                streamed(lambda wire, value=value: [claude_metrics(wire, value)]),
                Says(),
                was="U2",
                surfaces=(INVOKE,),
                **IN_STREAM,
            )
            for shown, value in {
                "a number": 0,
                "a list": [],
                "words": {"inputTokenCount": "x"},
            }.items()
        ),
        *(
            case(
                f"an id that is {shown}",
                streamed(lambda wire, value=value: [claude_id(wire, value)]),
                Says(),
                was="U3",
                surfaces=(INVOKE,),
                **IN_STREAM,
            )
            for shown, value in {"a list": [1], "a number": 5, "an object": {}}.items()
        ),
    ),
    row(
        48,
        "an event that comes twice",
        case(
            "a word",
            streamed(lambda wire: [wire.begin + wire.word + wire.word + wire.end]),
            Says(text="Good.Good."),
            **IN_STREAM,
        ),
    ),
    row(
        49,
        "the stream is reset",
        case(
            "between two frames",
            cut_at(lambda wire: wire.begin + wire.word, End.RESET),
            fails(TruncatedStream, "cut in mid-answer", partial_text="Good.", text="Good."),
            **IN_STREAM,
        ),
    ),
    row(
        50,
        "the answer stalls",
        case(
            "in the middle",
            lambda wire: [cut_body(wire, End.HOLD)],
            fails(ProviderTimeout, r"sent no more of its answer within 0\.25 s \(idle timeout\)"),
            **IDLE,
        ),
        case(
            "in the middle, to the end of the call",
            lambda wire: [cut_body(wire, End.HOLD)],
            fails(ProviderTimeout, r"did not finish its answer .*\(total timeout\)"),
            **ONE_DEADLINE,
        ),
        case(
            "while two tasks read it",
            streamed(lambda wire: [wire.begin, 0.1, wire.word + wire.end]),
            Says(),
            asking=Asking.BY_TWO_READERS,
            clients=(ASYNC,),
            was="R7",
            **IN_STREAM,
        ),
    ),
    row(51, "a stream in drops", case("of 7 bytes", streamed(bits), Says(), **IN_STREAM)),
    row(
        52,
        "a stream that does not end",
        case(
            "one word after the other",
            lambda wire: [chunked(wire.begin, *[wire.word, 0.01] * 300)],
            fails(ProviderTimeout, r"did not finish its answer .*\(total timeout\)"),
            **IN_STREAM,
            **ONE_DEADLINE,
        ),
        case(
            "as fast as can be",
            lambda wire: [chunked(wire.begin, *repeat(padded(wire), 80))],
            fails(TruncatedStream, "was cut after 128 MiB"),
            was="D4",
            **IN_STREAM,
        ),
    ),
    row(
        53,
        "an empty stream",
        case(
            "in chunks", streamed(lambda wire: []), fails(TruncatedStream, text=None), **IN_STREAM
        ),
        case(
            "of a length of 0",
            each([whole(b"", content_type="application/vnd.amazon.eventstream")]),
            fails(TruncatedStream, text=None),
            **IN_STREAM,
        ),
    ),
    row(
        54,
        "JSON in place of a stream",
        *(
            case(
                name,
                each([whole(orjson.dumps({"message": "hunter2"}), content_type=kind)]),
                fails(DecodeError, says, text=None),
                was="R4",
                **IN_STREAM,
            )
            for name, kind, says in (
                (
                    "as if it were one",
                    "application/vnd.amazon.eventstream",
                    "it begins like a JSON object",
                ),
                ("as what it is", "application/json", r"it is a JSON object \(message\)"),
            )
        ),
    ),
    row(
        55,
        "a stream without chunks",
        case("whole", lambda wire: [until_closed(wire.stream, End.CLOSE)], Says(), **IN_STREAM),
        case(
            "what has arrived is handed out before the rest stalls",
            lambda wire: [until_closed(wire.begin + wire.word, End.HOLD)],
            fails(ProviderTimeout, "idle timeout", text="Good."),
            **IN_STREAM,
            **IDLE,
        ),
    ),
)

# ── the caller ────────────────────────────────────────────────────────────────────────────────────


THE_CALLER = (
    row(
        57,
        "the caller leaves",
        case(
            "before the answer begins",
            each(HELD),
            Cancelled(),
            asking=Asking.AND_LEAVES,
            clients=(ASYNC,),
            ends_s=LEAVES_S,
        ),
        case(
            "in the middle of the answer",
            lambda wire: [dripping(wire)],
            Cancelled(),
            asking=Asking.AND_LEAVES,
            clients=(ASYNC,),
            ends_s=LEAVES_S,
        ),
        case(
            "while it waits to call again",
            each(waits("x-amz-retry-after: 5000")),
            Cancelled(),
            asking=Asking.AND_LEAVES,
            clients=(ASYNC,),
            ends_s=LEAVES_S,
        ),
        case(
            "by closing the stream",
            streamed(lambda wire: [wire.begin + wire.word, End.HOLD]),
            Cancelled(),
            asking=Asking.AND_CLOSES,
            ends_s=0.0,
            **IN_STREAM,
        ),
        case(
            "after a time of its own, in the middle of the answer",
            lambda wire: [cut_body(wire, End.HOLD)],
            fails(ProviderTimeout, r"0\.3 s \(total timeout\)"),
            timeout_s=0.3,
            ends_s=0.3,
        ),
    ),
)

ROWS: tuple[Row, ...] = (*THE_WAY, *BROKEN, *REFUSED, *CREDENTIALS, *STREAMS, *THE_CALLER)


def runs() -> Iterator[Run]:
    """The whole table, the ways of a case next to each other."""
    for one in ROWS:
        for fault in one.cases:
            for way in product(fault.clients, fault.surfaces, fault.forms):
                client, surface, form = way
                yield Run(one, fault, form, surface, client)
