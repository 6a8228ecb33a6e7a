"""What a service can do wrong, as a table: what it does, what the caller must see, and how many
requests may reach it meanwhile. `calls/test_catalogue.py` runs it.

A row has the number that the fault has in the catalogue of faults, and cases: its kinds. A case is
run for whole and streamed answers, on InvokeModel and Converse, where it exists there, and over the
async and the blocking client. `was` names a former failure: `D…` of time, money or memory, `U…` an
exception of no type of ours, `R…` of manners.

A case with `ends_s` is about time: it ends so long after its begin. One without has time enough,
for whatever machine runs it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import Enum, auto
from functools import partial
from itertools import repeat
from typing import Any, TypeAlias

import orjson
from attrs import field, frozen
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
from axonflow_core.http.client import Timeouts

CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
ON_DEMAND = "anthropic.claude-sonnet-4-20250514-v1:0"

CALL, STREAM = "call", "stream"
INVOKE, CONVERSE = "invoke", "converse"
ASYNC, BLOCKING = "async", "blocking"

PLENTY = Timeouts(connect_s=20, first_byte_s=20, idle_s=20, total_s=30)
TIGHT = Timeouts(connect_s=0.25, first_byte_s=0.4, idle_s=0.25, total_s=5)
TOTAL = Timeouts(connect_s=5, first_byte_s=5, idle_s=5, total_s=0.6)
"""Limits of which only that of the whole call can end it."""


class Place(Enum):
    """Where the call goes."""

    SERVED = auto()
    TLS = auto()
    """To a service with a certificate for localhost that is trusted."""
    STRANGE_TLS = auto()
    """To one whose certificate nobody signed that is trusted."""
    OTHER_HOST = auto()
    """To one whose trusted certificate is for another host."""
    NOT_TLS = auto()
    """Over https to a port that does not speak it."""
    NO_NAME = auto()
    REFUSED = auto()
    BLACK_HOLE = auto()
    """To a port that answers no packet, as behind a firewall."""


@frozen(kw_only=True)
class Fails:
    """The caller must see this error, of exactly this class."""

    kind: type[AxonFlowError]
    says: str = ""
    """A pattern in its message."""
    hint: str = ""
    """A part of its hint."""
    has_id: bool = True
    """Whether it has the service's id of the call."""
    is_of_call: bool = True
    """Whether it says whose call it was: not where none was made."""
    facts: Mapping[str, Any] = field(factory=dict)
    """Attributes of the error."""
    text: str | None = None
    """What a stream gave before it."""


@frozen(kw_only=True)
class Says:
    """The caller must get this answer."""

    text: str = "Good."
    attempts: int = 1


@frozen
class Cancelled:
    """The caller leaves, and nothing else must happen."""


class Asking(Enum):
    """How the caller asks."""

    ONCE = auto()
    AGAIN = auto()
    """After a call that is answered."""
    AFTER_A_FAILURE = auto()
    """After a call that failed, in whatever way."""
    BY_TWO_READERS = auto()
    """Two tasks read one stream; what the second gets is not looked at."""
    AND_LEAVES = auto()
    """Its task is cancelled after `leaves_s`."""
    AND_CLOSES = auto()
    """It closes the stream after one read."""
    BADLY = auto()
    """With a text that no JSON can carry."""


Say: TypeAlias = Callable[[Wire], Script]
Account: TypeAlias = Callable[[str], AccountSession]


def account(url: str) -> AccountSession:
    """Keys that never expire, and as many attempts as botocore makes unasked."""
    return AccountSession(url, attempts=None)


@frozen(kw_only=True)
class Case:
    """One fault, what must come of it, and how many requests may reach the service."""

    name: str
    does: Say = lambda wire: [wire.good]
    must: Fails | Says | Cancelled
    calls: tuple[int, int] = (1, 1)
    """The fewest and the most."""
    forms: Sequence[str] = (CALL, STREAM)
    surfaces: Sequence[str] = (INVOKE, CONVERSE)
    clients: Sequence[str] = (ASYNC, BLOCKING)
    was: str = ""
    place: Place = Place.SERVED
    speaks_first: Answer | None = None
    limits: Timeouts = PLENTY
    timeout_s: float | None = None
    """`timeout=` of the call."""
    ends_s: float | None = None
    not_before_s: float = 0.0
    account: Account = account
    is_warm: bool = True
    """Whether settings and credentials were found before the call."""
    asking: Asking = Asking.ONCE
    config: Mapping[str, Any] = field(factory=dict)


@frozen
class Row:
    """A fault of the catalogue, in its kinds."""

    number: int
    name: str
    cases: tuple[Case, ...]


def row(number: int, name: str, *cases: Case) -> Row:
    return Row(number, name, cases)


def each(*answers: Answer) -> Say:
    """The same for every surface and form."""
    return lambda wire: answers


def streamed(pieces: Callable[[Wire], Sequence[Piece]]) -> Say:
    """A streamed answer in chunks."""
    return lambda wire: [list(chunked(*pieces(wire)))]


def then_good(*answers: Answer) -> Say:
    """These, then the good one."""
    return lambda wire: [*answers, wire.good]


def then(first: Sequence[Piece], second: Callable[[Wire], Answer]) -> Say:
    return lambda wire: [first, second(wire)]


HELD: Answer = [End.HOLD]
RETRIED = (1, 3)
"""The calls of an error that passes: as many as botocore makes, or as there is time for."""
SILENT_ATTEMPT: Mapping[str, Any] = {"limits": TOTAL, "ends_s": TOTAL.total_s}
"""Of a call that has only the time of one deadline for all its attempts."""


def only(*forms: str) -> dict[str, Any]:
    return {"forms": forms}


# ── the way there ─────────────────────────────────────────────────────────────────────────────────

NOT_REACHED: Mapping[str, Any] = {"calls": (0, 0), **SILENT_ATTEMPT}

THE_WAY = (
    row(
        1,
        "the name of the host is unknown",
        Case(
            name="no such name",
            place=Place.NO_NAME,
            must=Fails(kind=Unavailable, says="cannot resolve", has_id=False),
            **NOT_REACHED,
        ),
    ),
    row(
        2,
        "the connection is refused",
        Case(
            name="nobody listens",
            place=Place.REFUSED,
            must=Fails(kind=Unavailable, says="no connection to .* refused", has_id=False),
            **NOT_REACHED,
        ),
    ),
    row(
        3,
        "TLS to what does not speak it",
        Case(
            name="a plain answer to a handshake",
            place=Place.NOT_TLS,
            speaks_first=[b"HTTP/1.1 400 Bad Request\r\n\r\nhunter2", End.CLOSE],
            must=Fails(kind=Unavailable, says="TLS handshake .* failed", has_id=False),
            **NOT_REACHED,
        ),
        Case(
            name="a handshake that is cut",
            place=Place.NOT_TLS,
            speaks_first=[End.CLOSE],
            must=Fails(kind=Unavailable, says="TLS handshake .* failed", has_id=False),
            **NOT_REACHED,
        ),
        Case(
            name="a handshake that nobody answers",
            place=Place.NOT_TLS,
            speaks_first=HELD,
            limits=TIGHT,
            ends_s=TIGHT.connect_s,
            must=Fails(
                kind=ProviderTimeout, says=r"within 0\.25 s \(connect timeout\)", has_id=False
            ),
            calls=(0, 0),
        ),
        Case(
            name="a handshake that nobody answers, to the end of the call",
            place=Place.NOT_TLS,
            speaks_first=HELD,
            limits=TOTAL,
            ends_s=TOTAL.total_s,
            must=Fails(
                kind=ProviderTimeout,
                says=r"did not accept a connection within .* \(total timeout\)",
                has_id=False,
            ),
            calls=(0, 0),
        ),
    ),
    row(
        4,
        "the certificate is not the service's",
        Case(
            name="one that nobody signed",
            place=Place.STRANGE_TLS,
            must=Fails(kind=ProviderError, says="certificate .* is not trusted", has_id=False),
            calls=(0, 0),
        ),
        Case(
            name="one of another host",
            place=Place.OTHER_HOST,
            must=Fails(kind=ProviderError, says="certificate .* is not trusted", has_id=False),
            calls=(0, 0),
        ),
        Case(name="the right one", place=Place.TLS, must=Says()),
    ),
    row(
        5,
        "nothing answers at all",
        Case(
            name="no answer to a connection",
            place=Place.BLACK_HOLE,
            limits=TIGHT,
            ends_s=TIGHT.connect_s,
            must=Fails(
                kind=ProviderTimeout,
                says=r"did not accept a connection within 0\.25 s \(connect timeout\)",
                has_id=False,
            ),
            calls=(0, 0),
        ),
        Case(
            name="no answer to a connection, to the end of the call",
            place=Place.BLACK_HOLE,
            limits=TOTAL,
            ends_s=TOTAL.total_s,
            must=Fails(
                kind=ProviderTimeout,
                says=r"did not accept a connection within .* \(total timeout\)",
                has_id=False,
            ),
            calls=(0, 0),
        ),
    ),
)

# ── slow and broken answers ───────────────────────────────────────────────────────────────────────

NO_HEAD = partial(Fails, has_id=False)
BILLED = {"is_retryable": False}
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
        Case(
            name="silence",
            does=each(HELD),
            limits=TOTAL,
            ends_s=TOTAL.total_s,
            must=NO_HEAD(
                kind=ProviderTimeout, says=r"did not begin its answer within .*\(total timeout\)"
            ),
        ),
        Case(
            name="silence, with a limit of the caller's",
            does=each(HELD),
            timeout_s=0.3,
            ends_s=0.3,
            must=NO_HEAD(kind=ProviderTimeout, says=r"within .*0\.3 s \(total timeout\)"),
        ),
    ),
    row(
        7,
        "a slow answer, within its limits",
        Case(name="a pause first", does=lambda wire: [[0.1, *wire.good]], must=Says()),
    ),
    row(
        8,
        "an answer that begins too late",
        Case(
            name="an answer after two seconds",
            does=lambda wire: [[2.0, *wire.good]],
            limits=TIGHT,
            ends_s=TIGHT.first_byte_s,
            must=NO_HEAD(kind=ProviderTimeout, says=r"within 0\.4 s \(first byte timeout\)"),
        ),
        Case(
            name="a head that never ends",
            does=each(SLOW_HEAD),
            limits=TIGHT,
            ends_s=TIGHT.first_byte_s,
            must=NO_HEAD(kind=ProviderTimeout, says=r"within 0\.4 s \(first byte timeout\)"),
        ),
    ),
    row(
        9,
        "a body that drips",
        Case(
            name="a byte now and then",
            does=lambda wire: [dripping(wire)],
            was="D1",
            must=Fails(kind=ProviderTimeout, says=r"did not finish .*\(total timeout\)"),
            **SILENT_ATTEMPT,
        ),
    ),
    row(
        10,
        "the connection is reset in the middle of the body",
        Case(
            name="most of a body",
            does=lambda wire: [cut_body(wire, End.RESET)],
            was="D2",
            **only(CALL),
            must=Fails(kind=Unavailable, says="cut in mid-answer", facts=BILLED),
        ),
        Case(
            name="half a frame",
            does=lambda wire: [cut_body(wire, End.RESET)],
            **only(STREAM),
            must=Fails(kind=TruncatedStream, says="cut in mid-answer", text="Good."),
        ),
    ),
    row(
        11,
        "a body shorter than it says",
        Case(
            name="the connection is closed",
            does=lambda wire: [[whole(wire.body, length=len(wire.body) + 1), End.CLOSE]],
            was="D2",
            **only(CALL),
            must=Fails(kind=Unavailable, says="its body is incomplete|closed", facts=BILLED),
        ),
        Case(
            name="a stream with a length",
            does=lambda wire: [
                [
                    whole(
                        wire.stream,
                        content_type="application/vnd.amazon.eventstream",
                        length=len(wire.stream) + 1,
                    ),
                    End.CLOSE,
                ]
            ],
            **only(STREAM),
            must=Fails(kind=TruncatedStream, says="cut in mid-answer", text="Good."),
        ),
        Case(
            name="a body in chunks without their end",
            does=lambda wire: [
                [head(200, "application/json", CHUNKED), chunk(wire.body), End.CLOSE]
            ],
            was="D2",
            **only(CALL),
            must=Fails(kind=Unavailable, facts=BILLED),
        ),
    ),
    row(
        12,
        "JSON that is cut, or of another shape",
        Case(
            name="half of the JSON as if it were all",
            does=lambda wire: [[whole(wire.body[:-40])]],
            **only(CALL),
            must=Fails(kind=DecodeError, says=r"it is JSON that is cut or broken of \d+ bytes"),
        ),
        *(
            Case(
                name=name,
                does=each([whole(body)]),
                was="R4",
                **only(CALL),
                must=Fails(kind=DecodeError, says=rf"it is .* of {len(body)} bytes"),
            )
            for name, body in JSON_OF_ANOTHER_SHAPE.items()
        ),
        *(
            Case(
                name=f"headers that count {shown}",
                does=lambda wire, number=number: [[whole(wire.body, *counted(number))]],
                was="U1",
                surfaces=(INVOKE,),
                **only(CALL),
                must=Says(),
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
        Case(
            name="no byte",
            does=each([whole(b"")]),
            **only(CALL),
            must=Fails(kind=DecodeError, says="it is an empty body"),
        ),
    ),
    row(
        14,
        "a page for an answer",
        Case(
            name="a captive portal's",
            does=each([page()]),
            was="R4",
            must=Fails(kind=DecodeError, says=f"it is an HTML page of {len(PAGE)} bytes"),
        ),
        Case(
            name="with the content type of an answer",
            does=lambda wire: [
                [whole(PAGE, content_type="application/vnd.amazon.eventstream")]
                if wire.is_streamed
                else [whole(PAGE)]
            ],
            was="R4",
            must=Fails(kind=DecodeError, says="an HTML page"),
        ),
    ),
    row(
        15,
        "a redirect",
        *(
            Case(
                name=f"status {status}",
                does=each([whole(b"hunter2", LOGIN, status=status)]),
                must=Fails(
                    kind=Unavailable,
                    says=f"answered {status}, a redirect to login.example.com",
                    facts={**BILLED, "status": status},
                ),
            )
            for status in (301, 302, 307)
        ),
    ),
    row(
        16,
        "no HTTP",
        *(
            Case(
                name=name,
                does=each([said, End.CLOSE]),
                must=NO_HEAD(kind=AnswerError, says="did not answer with HTTP"),
            )
            for name, said in {
                "another protocol": b"SSH-2.0-OpenSSH_9.2\r\n\r\nhunter2",
                "binary data": bytes(range(256)),
                "another version": b"HTTP/3.0 200 OK\r\n\r\nhunter2",
            }.items()
        ),
        Case(
            name="a status of four digits",
            does=each([b"HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n", End.CLOSE]),
            must=NO_HEAD(kind=AnswerError, says="is refused"),
        ),
    ),
    row(
        17,
        "a head without measure",
        Case(
            name="500 headers",
            does=many_headers,
            must=NO_HEAD(kind=AnswerError, says="more than 128 headers"),
        ),
        Case(
            name="a header of a megabyte",
            does=each([head(200, "application/json", "X: " + "x" * 2**20)]),
            must=NO_HEAD(kind=AnswerError, says="its head is longer than"),
        ),
    ),
    row(
        18,
        "the connection is closed without a byte",
        *(
            Case(
                name=name,
                does=each(answer),
                was="D2",
                must=NO_HEAD(kind=Unavailable, facts=BILLED),
            )
            for name, answer in {
                "a new one": [End.CLOSE],
                "a new one, reset": [End.RESET],
                "within the head": [b"HTTP/1.1 200 OK\r\nContent-", End.CLOSE],
            }.items()
        ),
        Case(
            name="one that was used before",
            does=lambda wire: [wire.good, [End.CLOSE], wire.good],
            asking=Asking.AGAIN,
            calls=(3, 3),
            must=Says(),
        ),
        Case(
            name="one that was used before, reset",
            does=lambda wire: [wire.good, [End.RESET], wire.good],
            asking=Asking.AGAIN,
            calls=(3, 3),
            must=Says(),
        ),
        Case(
            name="one that rested, and the new one too",
            does=lambda wire: [wire.good, [End.CLOSE]],
            asking=Asking.AGAIN,
            calls=(3, 3),
            must=NO_HEAD(kind=Unavailable, facts=BILLED),
        ),
        Case(
            name="one that was closed while it rested",
            does=lambda wire: [[*wire.good, End.CLOSE], wire.good],
            asking=Asking.AGAIN,
            calls=(2, 2),
            must=Says(),
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
TOO_LATE: Mapping[str, Any] = {"was": "D1", "calls": (1, 2), **SILENT_ATTEMPT}
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
        Case(
            name="again and again",
            does=each(THROTTLED),
            calls=RETRIED,
            must=Fails(kind=Throttled, facts={"status": 429, "is_retryable": True}),
            **SILENT_ATTEMPT,
        ),
        *(
            Case(
                name=f"it asks to wait: {header}",
                does=each(waits(header)),
                was="R1",
                must=Fails(kind=Throttled, facts={"retry_after_s": wait_s}),
                **SILENT_ATTEMPT,
            )
            for header, wait_s in {
                "Retry-After: 7": 7.0,
                "x-amz-retry-after: 2500": 2.5,
                "x-amz-retry-after: 90000": 90.0,
            }.items()
        ),
        *(
            Case(
                name=f"it asks for no time at all: {header}",
                does=each(waits(header)),
                was="R1",
                calls=RETRIED,
                must=Fails(kind=Throttled, facts={"retry_after_s": None}),
                **SILENT_ATTEMPT,
            )
            for header in ("x-amz-retry-after: 99999999999999999999", "Retry-After: soon")
        ),
        Case(
            name="a long time at once, however much the call has",
            does=each(waits("Retry-After: 21")),
            was="R1",
            must=Fails(kind=Throttled, facts={"retry_after_s": 21.0}),
        ),
    ),
    row(
        20,
        "429, then an answer",
        Case(
            name="after a pause",
            does=then_good(THROTTLED),
            calls=(2, 2),
            must=Says(attempts=2),
        ),
        Case(
            name="after the pause that was asked for",
            does=then_good(waits("x-amz-retry-after: 1100")),
            was="R1",
            calls=(2, 2),
            not_before_s=1.1,
            must=Says(attempts=2),
        ),
        Case(
            name="then silence",
            does=each(THROTTLED, HELD),
            must=Fails(kind=Throttled),
            **TOO_LATE,
        ),
        Case(
            name="then an answer that drips",
            does=then(THROTTLED, dripping),
            must=Fails(kind=Throttled),
            **only(CALL),
            **TOO_LATE,
        ),
    ),
    row(
        21,
        "429, the model is not ready",
        Case(
            name="again and again",
            does=each(refusal(429, "ModelNotReadyException", "Not ready.")),
            calls=RETRIED,
            must=Fails(kind=Unavailable, facts={"status": 429, "is_retryable": True}),
            **SILENT_ATTEMPT,
        ),
    ),
    row(
        22,
        "503",
        Case(
            name="again and again",
            does=each(BUSY),
            calls=RETRIED,
            must=Fails(kind=Unavailable, facts={"status": 503, "is_retryable": True}),
            **SILENT_ATTEMPT,
        ),
        Case(name="once", does=then_good(BUSY), calls=(2, 2), must=Says(attempts=2)),
    ),
    row(
        23,
        "500 with a page",
        *(
            Case(
                name=f"status {status}",
                does=each([page(status)]),
                was="R4",
                calls=RETRIED,
                must=Fails(
                    kind=Unavailable,
                    says=f"HTTP {status}.*: an HTML page of {len(PAGE)} bytes",
                    facts={"status": status},
                ),
                **SILENT_ATTEMPT,
            )
            for status in (500, 502)
        ),
        Case(
            name="a gateway that waited for the model",
            does=each([page(504)]),
            was="R4",
            must=Fails(kind=ProviderTimeout, says="an HTML page"),
        ),
        Case(
            name="a page that is cut",
            does=each([whole(PAGE, status=500, length=len(PAGE) + 1), End.CLOSE]),
            calls=RETRIED,
            must=Fails(kind=Unavailable, says="cut in mid-answer"),
            **SILENT_ATTEMPT,
        ),
    ),
    row(
        24,
        "424, the model failed",
        Case(
            name="with the status that the model itself answered",
            does=each(refusal(424, "ModelErrorException", "Broken.", originalStatusCode=503)),
            must=Fails(
                kind=Unavailable,
                says=r"its? own status|own status: 503",
                facts={**BILLED, "original_status": 503, "status": 424},
            ),
        ),
        Case(
            name="with a status that is none",
            does=each(refusal(424, "ModelErrorException", "Broken.", originalStatusCode="503")),
            must=Fails(kind=Unavailable, facts={**BILLED, "original_status": None}),
        ),
    ),
    row(
        25,
        "408, the model took too long",
        Case(
            name="it is billed all the same",
            does=each(refusal(408, "ModelTimeoutException", "The model has timed out.")),
            must=Fails(kind=ProviderTimeout, facts={**BILLED, "status": 408}),
        ),
    ),
    row(
        26,
        "400, the request is refused",
        Case(
            name="the model is called by a profile only",
            does=each(NO_PROFILE),
            config={"model": ON_DEMAND},
            must=Fails(kind=ProfileRequired, hint=f"us.{ON_DEMAND}", facts={"status": 400}),
        ),
        Case(
            name="the profile that stands in answers",
            does=then_good(NO_PROFILE),
            config={"model": ON_DEMAND, "profile_fallback": True},
            calls=(2, 2),
            must=Says(attempts=2),
        ),
        Case(
            name="the profile that stands in is silent",
            does=each(NO_PROFILE, HELD),
            config={"model": ON_DEMAND, "profile_fallback": True},
            was="D1",
            calls=(2, 2),
            limits=TOTAL,
            ends_s=TOTAL.total_s,
            must=NO_HEAD(kind=ProviderTimeout, says="did not begin its answer"),
        ),
        Case(
            name="something else is wrong with it",
            does=each(refusal(400, "ValidationException", "Wrong.")),
            must=Fails(kind=InvalidCall, facts={"status": 400}),
        ),
        Case(
            name="no JSON can carry it",
            asking=Asking.BADLY,
            was="U7",
            calls=(0, 0),
            must=NO_HEAD(kind=RequestError, is_of_call=False),
        ),
    ),
    row(
        27,
        "403, denied",
        Case(
            name="the statement that is missing is named",
            does=each(DENIED),
            must=Fails(kind=AccessDenied, hint="bedrock:InvokeModel", facts={"status": 403}),
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
        Case(
            name="another one is fetched",
            does=then_good(EXPIRED),
            calls=(2, 2),
            must=Says(attempts=2),
            **RENEWED,
        ),
        Case(
            name="another one has expired too",
            does=each(EXPIRED),
            calls=(2, 2),
            must=Fails(kind=CredentialsExpired, facts={"status": 403}),
            **RENEWED,
        ),
        Case(
            name="there is no other",
            does=each(EXPIRED),
            must=Fails(kind=CredentialsExpired, facts={"status": 403}),
        ),
        Case(
            name="another one is fetched, then silence",
            does=each(EXPIRED, HELD),
            must=Fails(kind=CredentialsExpired),
            **RENEWED,
            **TOO_LATE,
        ),
        Case(
            name="another one is fetched, then a stream that drips",
            does=then(EXPIRED, dripping),
            was="D1",
            **only(STREAM),
            calls=(2, 2),
            must=Fails(kind=ProviderTimeout, says="did not finish its answer"),
            **RENEWED,
            **SILENT_ATTEMPT,
        ),
        Case(
            name="another one never comes",
            does=each(EXPIRED),
            account=expiring(never_renewed),
            was="D1",
            must=Fails(kind=CredentialsExpired),
            **SILENT_ATTEMPT,
        ),
        Case(
            name="another one cannot be fetched",
            does=each(EXPIRED),
            account=expiring(broken_refresh),
            was="R9",
            must=NO_HEAD(kind=CredentialsError, says="cannot refresh AWS credentials"),
        ),
    ),
    row(
        29,
        "403, this machine's clock is wrong",
        Case(
            name="it is corrected",
            does=lambda wire: [skewed(), wire.good],
            calls=(2, 2),
            must=Says(attempts=2),
        ),
        Case(
            name="it is corrected in vain",
            does=lambda wire: [skewed()],
            calls=(2, 2),
            must=Fails(kind=CredentialsError, facts={"status": 403}),
        ),
        Case(
            name="it is corrected, then silence",
            does=lambda wire: [skewed(), HELD],
            must=Fails(kind=CredentialsError),
            **TOO_LATE,
        ),
    ),
    row(
        30,
        "no credentials",
        Case(
            name="none anywhere",
            account=lambda url: SlowAccount(url, 0.0),
            calls=(0, 0),
            is_warm=False,
            must=NO_HEAD(kind=CredentialsMissing, says="no AWS credentials"),
        ),
    ),
    row(
        31,
        "the metadata service is silent",
        Case(
            name="longer than the call",
            account=lambda url: SlowAccount(url, 1.5),
            is_warm=False,
            was="D1",
            calls=(0, 0),
            must=NO_HEAD(
                kind=ProviderTimeout,
                says=r"credentials took longer than 0\.6 s .*; nothing was sent",
            ),
            **SILENT_ATTEMPT,
        ),
        Case(
            name="for most of the call, and then the service",
            account=lambda url: SlowAccount(url, 0.3, KEYS),
            is_warm=False,
            does=each(HELD),
            was="D1",
            must=NO_HEAD(
                kind=ProviderTimeout,
                says=r"did not begin its answer within the 0\.\d+ s that were left of 0\.6 s",
            ),
            limits=TOTAL,
            ends_s=TOTAL.total_s,
        ),
        Case(
            name="for a while",
            account=lambda url: SlowAccount(url, 0.3, KEYS),
            is_warm=False,
            must=Says(),
        ),
        Case(
            name="and is not waited for again",
            account=lambda url: SlowAccount(url, 1.1),
            asking=Asking.AFTER_A_FAILURE,
            is_warm=False,
            was="R2",
            calls=(0, 0),
            ends_s=0.0,
            must=NO_HEAD(kind=CredentialsMissing),
        ),
        Case(
            name="or refuses",
            account=BrokenAccount,
            is_warm=False,
            calls=(0, 0),
            must=NO_HEAD(kind=CredentialsError),
        ),
    ),
    row(
        32,
        "credentials cannot be renewed",
        Case(
            name="before they have to be",
            account=expiring(broken_refresh, in_minutes=12),
            is_warm=False,
            must=Says(),
        ),
        Case(
            name="though they have expired",
            account=expiring(broken_refresh, in_minutes=-1),
            is_warm=False,
            was="R9",
            calls=(0, 0),
            must=NO_HEAD(kind=CredentialsError, says="cannot refresh AWS credentials"),
        ),
        Case(
            name="for the renewal hangs",
            account=expiring(never_renewed, in_minutes=-1),
            is_warm=False,
            was="D1",
            calls=(0, 0),
            must=NO_HEAD(kind=ProviderTimeout, says="credentials took longer"),
            **SILENT_ATTEMPT,
        ),
    ),
)

# ── streams ───────────────────────────────────────────────────────────────────────────────────────

IN_STREAM: Mapping[str, Any] = only(STREAM)


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :]


def refused_frame(name: str, frame: bytes, says: str = "", **more: Any) -> Case:
    """A frame after the first word that cannot be read: the word is handed out, the frame is not
    waited for."""
    must = Fails(kind=DecodeError, says=says, text="Good.")
    return Case(
        name=name,
        does=streamed(lambda wire: [wire.begin + wire.word + frame, End.HOLD]),
        must=must,
        **{**IN_STREAM, **more},
    )


def reported(
    name: str, frame: bytes, kind: type[AxonFlowError], says: str = "", **facts: Any
) -> Case:
    """A frame that reports an error, after the first word."""
    return Case(
        name=name,
        does=streamed(lambda wire: [wire.begin + wire.word + frame]),
        must=Fails(kind=kind, says=says, facts=facts, text="Good."),
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
            Case(
                name=name,
                does=cut_at(place),
                must=Fails(kind=TruncatedStream, says="bytes into a frame", text=text),
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
            Case(
                name=name,
                does=cut_at(place),
                must=Fails(kind=TruncatedStream, text=text),
                **IN_STREAM,
            )
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
            Case(
                name=name,
                does=cut_at(place, End.CLOSE),
                must=Fails(kind=TruncatedStream, says="cut in mid-answer", text=text),
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
            Case(
                name=name,
                does=streamed(lambda wire, at=at: [wire.begin + flipped(wire.word, at), End.HOLD]),
                must=Fails(kind=DecodeError, says="fails its checksum", text=""),
                **IN_STREAM,
            )
            for name, at in (("in its payload", -10), ("in its headers", 20), ("in the sum", -1))
        ),
    ),
    row(
        37,
        "a prelude with a wrong sum",
        *(
            Case(
                name=name,
                does=streamed(lambda wire, at=at: [wire.begin + flipped(wire.word, at), End.HOLD]),
                must=Fails(kind=DecodeError, says="no valid prelude", text=""),
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
        Case(
            name="a body that says it has 33 MiB",
            does=each([whole(b"{", length=33 * 2**20), End.HOLD]),
            must=NO_HEAD(kind=AnswerError, says="is larger than 33554432 bytes"),
            **only(CALL),
        ),
        Case(
            name="a body of more than 32 MiB in chunks",
            does=lambda wire: [
                [
                    head(200, "application/json", CHUNKED),
                    *repeat(chunk(bytes(2**20)), 33),
                    End.HOLD,
                ]
            ],
            must=Fails(kind=AnswerError, says="is larger than 33554432 bytes"),
            **only(CALL),
        ),
    ),
    row(
        41,
        "a throttle in the stream",
        reported("after a word", exception("throttlingException"), Throttled, status=429),
        Case(
            name="in place of an answer",
            does=streamed(lambda wire: [exception("throttlingException")]),
            calls=RETRIED,
            must=Fails(kind=Throttled, text=None),
            **IN_STREAM,
            **SILENT_ATTEMPT,
        ),
        Case(
            name="in place of an answer, once",
            does=lambda wire: [list(chunked(exception("throttlingException"))), wire.good],
            calls=(2, 2),
            must=Says(attempts=2),
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
            Case(
                name=name,
                does=streamed(lambda wire, at=at: at(wire, wire.event("initial-response", b"{}"))),
                was="R3",
                must=Says(),
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
            Case(
                name=name,
                does=streamed(
                    lambda wire, payload=payload: [
                        wire.begin + wire.word + wire.said(payload),
                        End.HOLD,
                    ]
                ),
                was=was,
                surfaces=surfaces,
                must=Fails(kind=DecodeError, text="Good."),
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
            Case(
                name=f"{name} that is {shown}",
                does=streamed(
                    lambda wire, write=write, value=value: [write(wire, value), End.HOLD]
                ),
                was="U8",
                surfaces=(surface,),
                must=Fails(kind=DecodeError, says="a whole number was expected", text="Good."),
                **IN_STREAM,
            )
            for surface, name, write in (
                (INVOKE, "an index", claude_index),
                (CONVERSE, "a block's index", converse_index),
            )
            for shown, value in {"a list": [0], "a string": "0", "null": None}.items()
        ),
        *(
            Case(
                name=f"metrics that are {shown}",
                does=streamed(lambda wire, value=value: [claude_metrics(wire, value)]),
                was="U2",
                surfaces=(INVOKE,),
                must=Says(),
                **IN_STREAM,
            )
            for shown, value in {
                "a number": 0,
                "a list": [],
                "words": {"inputTokenCount": "x"},
            }.items()
        ),
        *(
            Case(
                name=f"an id that is {shown}",
                does=streamed(lambda wire, value=value: [claude_id(wire, value)]),
                was="U3",
                surfaces=(INVOKE,),
                must=Says(),
                **IN_STREAM,
            )
            for shown, value in {"a list": [1], "a number": 5, "an object": {}}.items()
        ),
    ),
    row(
        48,
        "an event that comes twice",
        Case(
            name="a word",
            does=streamed(lambda wire: [wire.begin + wire.word + wire.word + wire.end]),
            must=Says(text="Good.Good."),
            **IN_STREAM,
        ),
    ),
    row(
        49,
        "the stream is reset",
        Case(
            name="between two frames",
            does=cut_at(lambda wire: wire.begin + wire.word, End.RESET),
            must=Fails(
                kind=TruncatedStream,
                says="cut in mid-answer",
                facts={"partial_text": "Good."},
                text="Good.",
            ),
            **IN_STREAM,
        ),
    ),
    row(
        50,
        "the answer stalls",
        Case(
            name="in the middle",
            does=lambda wire: [cut_body(wire, End.HOLD)],
            limits=TIGHT,
            ends_s=TIGHT.idle_s,
            must=Fails(
                kind=ProviderTimeout,
                says=r"sent no more of its answer within 0\.25 s \(idle timeout\)",
            ),
        ),
        Case(
            name="in the middle, to the end of the call",
            does=lambda wire: [cut_body(wire, End.HOLD)],
            limits=TOTAL,
            ends_s=TOTAL.total_s,
            must=Fails(kind=ProviderTimeout, says=r"did not finish its answer .*\(total timeout\)"),
        ),
        Case(
            name="while two tasks read it",
            does=streamed(lambda wire: [wire.begin, 0.1, wire.word + wire.end]),
            asking=Asking.BY_TWO_READERS,
            clients=(ASYNC,),
            was="R7",
            must=Says(),
            **IN_STREAM,
        ),
    ),
    row(
        51,
        "a stream in drops",
        Case(name="of 7 bytes", does=streamed(bits), must=Says(), **IN_STREAM),
    ),
    row(
        52,
        "a stream that does not end",
        Case(
            name="one word after the other",
            does=lambda wire: [chunked(wire.begin, *[wire.word, 0.01] * 300)],
            must=Fails(kind=ProviderTimeout, says=r"did not finish its answer .*\(total timeout\)"),
            **IN_STREAM,
            **SILENT_ATTEMPT,
        ),
        Case(
            name="as fast as can be",
            does=lambda wire: [chunked(wire.begin, *repeat(padded(wire), 80))],
            was="D4",
            must=Fails(kind=TruncatedStream, says="was cut after 128 MiB"),
            **IN_STREAM,
        ),
    ),
    row(
        53,
        "an empty stream",
        Case(
            name="in chunks",
            does=streamed(lambda wire: []),
            must=Fails(kind=TruncatedStream, text=None),
            **IN_STREAM,
        ),
        Case(
            name="of a length of 0",
            does=each([whole(b"", content_type="application/vnd.amazon.eventstream")]),
            must=Fails(kind=TruncatedStream, text=None),
            **IN_STREAM,
        ),
    ),
    row(
        54,
        "JSON in place of a stream",
        *(
            Case(
                name=name,
                does=each([whole(orjson.dumps({"message": "hunter2"}), content_type=kind)]),
                was="R4",
                must=Fails(kind=DecodeError, says=says, text=None),
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
        Case(
            name="whole",
            does=lambda wire: [until_closed(wire.stream, End.CLOSE)],
            must=Says(),
            **IN_STREAM,
        ),
        Case(
            name="what has arrived is handed out before the rest stalls",
            does=lambda wire: [until_closed(wire.begin + wire.word, End.HOLD)],
            limits=TIGHT,
            ends_s=TIGHT.idle_s,
            must=Fails(kind=ProviderTimeout, says="idle timeout", text="Good."),
            **IN_STREAM,
        ),
    ),
)

# ── the caller ────────────────────────────────────────────────────────────────────────────────────

LEAVES_S = 0.1

THE_CALLER = (
    row(
        57,
        "the caller leaves",
        Case(
            name="before the answer begins",
            does=each(HELD),
            asking=Asking.AND_LEAVES,
            clients=(ASYNC,),
            ends_s=LEAVES_S,
            must=Cancelled(),
        ),
        Case(
            name="in the middle of the answer",
            does=lambda wire: [dripping(wire)],
            asking=Asking.AND_LEAVES,
            clients=(ASYNC,),
            ends_s=LEAVES_S,
            must=Cancelled(),
        ),
        Case(
            name="while it waits to call again",
            does=each(waits("x-amz-retry-after: 5000")),
            asking=Asking.AND_LEAVES,
            clients=(ASYNC,),
            ends_s=LEAVES_S,
            must=Cancelled(),
        ),
        Case(
            name="by closing the stream",
            does=streamed(lambda wire: [wire.begin + wire.word, End.HOLD]),
            asking=Asking.AND_CLOSES,
            ends_s=0.0,
            must=Cancelled(),
            **IN_STREAM,
        ),
        Case(
            name="after a time of its own, in the middle of the answer",
            does=lambda wire: [cut_body(wire, End.HOLD)],
            timeout_s=0.3,
            ends_s=0.3,
            must=Fails(kind=ProviderTimeout, says=r"0\.3 s \(total timeout\)"),
        ),
    ),
)

ROWS: tuple[Row, ...] = (*THE_WAY, *BROKEN, *REFUSED, *CREDENTIALS, *STREAMS, *THE_CALLER)


@frozen
class Run:
    """A case in one of the ways in which it exists."""

    row: Row
    case: Case
    form: str
    surface: str
    client: str

    def __str__(self) -> str:
        was = f" [{self.case.was}]" if self.case.was else ""
        way = "-".join((self.form, self.surface, self.client))
        return f"{self.row.number} {self.row.name}: {self.case.name}{was}, {way}"


def runs() -> Iterator[Run]:
    """The whole table, the ways of a case next to each other."""
    for one in ROWS:
        for case in one.cases:
            for client in case.clients:
                for surface in case.surfaces:
                    for form in case.forms:
                        yield Run(one, case, form, surface, client)
