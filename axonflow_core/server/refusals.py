"""Requests that are refused before the app sees them: the reasons, and the response of each.

A reason is counted (`ServerState.refused`) and never logged with what the client sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus

import orjson

from axonflow_core.frozen import frozen


@frozen
class Refusal:
    """Why, and what the client is told."""

    reason: str
    """A stable word: the counter's label and the `error` of the body."""
    status: int
    message: str


class Refused(Exception):
    """Ends the parsing of a request."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.reason)
        self.refusal = refusal


MALFORMED = Refusal("malformed_request", 400, "the request is not HTTP/1.1")
NO_HOST = Refusal("no_host", 400, "the request has no Host header")
BAD_HOST = Refusal("bad_host", 400, "the Host header is no host name")
UNKNOWN_HOST = Refusal("unknown_host", 421, "this server does not serve the host of the request")
BAD_TARGET = Refusal("bad_target", 400, "the request target is no path")
REPEATED_HEADER = Refusal("repeated_header", 400, "a header that stands once is repeated")
LENGTH_UNCLEAR = Refusal("length_unclear", 400, "the length of the body is not clear")
FRAMING_TOO_LONG = Refusal("framing_too_long", 400, "there is more framing than body")
HEADERS_LATE = Refusal("headers_late", 408, "the headers took too long")
BODY_LATE = Refusal("body_late", 408, "the body took too long")
BODY_TOO_LONG = Refusal("body_too_long", 413, "the body is too long")
TARGET_TOO_LONG = Refusal("target_too_long", 414, "the request target is too long")
UNKNOWN_EXPECTATION = Refusal("unknown_expectation", 417, "the expectation is not known")
HEADERS_TOO_LONG = Refusal("headers_too_long", 431, "the headers are too long")
TOO_MANY_HEADERS = Refusal("too_many_headers", 431, "there are too many headers")
TOO_EARLY = Refusal("too_early", 400, "the request came before the last answer was complete")
INTERNAL = Refusal("internal", 500, "the server failed; the request may have been carried out")
UNKNOWN_METHOD = Refusal("unknown_method", 501, "the method is not known")
UNKNOWN_CODING = Refusal("unknown_coding", 501, "the transfer coding is not known")
OVERLOADED = Refusal("overloaded", 503, "the server is busy; try again in a second")
SHUTTING_DOWN = Refusal("shutting_down", 503, "the server is shutting down")
UNKNOWN_VERSION = Refusal("unknown_version", 505, "the version of HTTP is not 1.1")

SILENT = "silent"
"""Reasons without a response: nothing was sent on the connection,"""
UNREAD = "unread"
"""the client did not read,"""
PIPELINED = "pipelined"
"""bytes came before the last answer was complete,"""
SURPLUS = "surplus"
"""and too many of them."""


def headers_of(refusal: Refusal, body: bytes) -> list[tuple[bytes, bytes]]:
    """The headers of a refusal. Every refusal ends its connection."""
    wait = [(b"retry-after", b"1")] if refusal.status == 503 else []
    return [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        *wait,
        (b"connection", b"close"),
    ]


def body_of(refusal: Refusal) -> bytes:
    """The product's form of an error; its clients read `message`."""
    return orjson.dumps({"success": False, "error": refusal.reason, "message": refusal.message})


def response_of(refusal: Refusal, more_headers: Sequence[tuple[bytes, bytes]] = ()) -> bytes:
    """The whole response, as bytes of HTTP/1.1."""
    body = body_of(refusal)
    lines = [b"HTTP/1.1 %d %s" % (refusal.status, HTTPStatus(refusal.status).phrase.encode())]
    lines += [b"%s: %s" % header for header in (*more_headers, *headers_of(refusal, body))]
    return b"\r\n".join([*lines, b"", body])
