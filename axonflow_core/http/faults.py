"""What went wrong with a call, in the classes and words of this project. No I/O.

Every message names the host, and what the operating system, OpenSSL or a rule of `response_parser`
says. None quotes the request, the words of a server, or the user and password of a URL.
"""

from __future__ import annotations

import os
import ssl

from axonflow_core.errors import (
    AnswerError,
    ProviderError,
    ProviderTimeout,
    RequestError,
    TruncatedStream,
    Unavailable,
)

from .limits import DialStep, Limit, span_of
from .messages import HttpRequest
from .request_bytes import Endpoint, endpoint_of
from .response_parser import BadResponse, ResponseHead, Rule

_OVERDUE = {
    "lookup": "was not found by DNS",
    "connect": "did not accept a connection",
    "handshake": "did not finish the TLS handshake",
    "tunnel": "did not answer CONNECT",
    "head": "did not begin its answer",
    "body": "did not finish its answer",
}
"""Step of a call -> what did not happen in time."""
_SENT = frozenset(("head", "body"))
"""The steps in which the request is sent."""
_NO_PROXY_HINT = "NO_PROXY lists hosts to reach without a proxy"

# ── time ──────────────────────────────────────────────────────────────────────────────────────────


def timeout(
    limit: Limit, endpoint: Endpoint, request: HttpRequest, at: DialStep | None = None
) -> ProviderTimeout:
    """The error of a time limit: it names the step, the seconds and the setting that raises
    them."""
    step, hop = limit.step, endpoint.authority
    if at is not None:
        step, hop = at.what, f"the proxy {at.hop.authority}" if at.is_proxy else at.hop.authority
    what = "sent no more of its answer" if limit.name == "idle_s" else _OVERDUE[step]
    error = ProviderTimeout(
        f"{hop} {what} within {_span(limit, request)}",
        hint=f"if that is too short, raise {_setting(limit)}",
    )
    error.may_be_billed = step in _SENT
    return error


def pool_full(limit: Limit, size: int, endpoint: Endpoint, request: HttpRequest) -> ProviderTimeout:
    """The error of a call that got no place in the pool in time. Nothing was sent."""
    error = ProviderTimeout(
        f"the pool of {size} is full: no connection for {endpoint.authority} became free within "
        f"{_span(limit, request)}",
        hint="make fewer calls at once, close streams that are read no further, or raise "
        f"`max_connections` of the transport or {_setting(limit)}",
    )
    error.may_be_billed = False
    return error


def _span(limit: Limit, request: HttpRequest) -> str:
    """How long that was, and by which limit."""
    given_s = request.given_s if limit.name == "total_s" else None
    span = span_of(getattr(request.timeouts, limit.name), given_s)
    return f"{span} ({limit.name.removesuffix('_s').replace('_', ' ')} timeout)"


def _setting(limit: Limit) -> str:
    of_call = "`timeout=` of the call, or " if limit.name == "total_s" else ""
    return f"{of_call}`timeouts: {{{limit.name}: …}}` in the provider's config"


# ── no connection ─────────────────────────────────────────────────────────────────────────────────


def unresolved(endpoint: Endpoint, error: Exception) -> Unavailable:
    """DNS has no address of the host."""
    return Unavailable(
        f"cannot resolve {endpoint.authority}: {_reason(error)}",
        hint="check the region and the endpoint in the provider's config, and this machine's DNS",
    )


def unconnected(endpoint: Endpoint, error: Exception) -> Unavailable:
    """No address of the host accepts a connection."""
    return Unavailable(
        f"no connection to {endpoint.authority}: {_reason(error)}",
        hint="check the endpoint, and that no firewall blocks this machine",
    )


def untrusted(endpoint: Endpoint, error: ssl.SSLCertVerificationError) -> ProviderError:
    """The host's certificate is not signed by a trusted authority, or is for another host."""
    reason = error.verify_message or type(error).__name__
    return ProviderError(
        f"the TLS certificate of {endpoint.authority} is not trusted: {reason}",
        hint="if a proxy or a private authority signed it, set SSL_CERT_FILE to that authority's "
        "file",
    )


def handshake_failed(endpoint: Endpoint, error: Exception | None) -> Unavailable:
    """TLS broke off before the connection was open."""
    return Unavailable(f"the TLS handshake with {endpoint.authority} failed: {_reason(error)}")


def proxy_unconnected(proxy: Endpoint, error: Exception) -> Unavailable:
    """The proxy cannot be resolved, or accepts no connection."""
    return Unavailable(
        f"no connection to the proxy {proxy.authority}: {_reason(error)}",
        hint=f"check HTTPS_PROXY; {_NO_PROXY_HINT}",
    )


def proxy_refused(endpoint: Endpoint, proxy: Endpoint, status: int) -> Unavailable:
    """The proxy answered CONNECT with another status than 2xx."""
    return Unavailable(
        f"the proxy {proxy.authority} refused to connect to {endpoint.authority}: {status}",
        hint="check HTTPS_PROXY, the proxy's user and password, and that it allows this host; "
        f"{_NO_PROXY_HINT}",
    )


def proxy_left(endpoint: Endpoint, proxy: Endpoint, error: Exception | None) -> Unavailable:
    """The proxy closed the connection instead of answering CONNECT."""
    return Unavailable(
        f"the proxy {proxy.authority} did not connect to {endpoint.authority}: {_reason(error)}",
        hint=f"check HTTPS_PROXY; {_NO_PROXY_HINT}",
    )


def proxy_unreadable(proxy: Endpoint, bad: BadResponse) -> Unavailable:
    """The answer to CONNECT breaks a rule."""
    return Unavailable(
        f"the proxy {proxy.authority} did not answer with HTTP: {bad}",
        hint=f"check HTTPS_PROXY, its scheme and port; {_NO_PROXY_HINT}",
    )


# ── no answer, or half of one ─────────────────────────────────────────────────────────────────────


def unanswered(endpoint: Endpoint, cause: Exception | None, *, has_begun: bool) -> Unavailable:
    """The connection ended before the head of the answer was whole. Not retryable: the request was
    sent, so an answer may have been generated and billed."""
    host = endpoint.authority
    if has_begun:
        message = f"the connection to {host} was cut in mid-answer: {_reason(cause)}"
    elif cause is None:
        message = f"{host} closed the connection without an answer"
    else:
        message = f"the connection to {host} broke before the answer: {_reason(cause)}"
    return _billed(Unavailable(message))


def incomplete(cut: TruncatedStream, status: int) -> Unavailable:
    """A whole answer of `status` was wanted and is `cut`. Retryable unless the status is 2xx: that
    answer was generated and billed."""
    error = Unavailable(cut.message, status=status)
    return _billed(error) if 200 <= status < 300 else error


def _billed(error: Unavailable) -> Unavailable:
    error.may_be_billed = True
    return _not_again(error)


def _not_again(error: Unavailable) -> Unavailable:
    error.is_retryable = False
    return error


def cut(endpoint: Endpoint, cause: Exception | None) -> TruncatedStream:
    """The connection ended inside the body."""
    reason = "its body is incomplete" if cause is None else _reason(cause)
    return TruncatedStream(
        f"the connection to {endpoint.authority} was cut in mid-answer: {reason}"
    )


def refused(endpoint: Endpoint, bad: BadResponse, max_body_bytes: int | None) -> AnswerError:
    """The answer breaks a rule."""
    host = endpoint.authority
    if bad.rule is Rule.BODY_SIZE:
        return too_large(host, max_body_bytes)
    if bad.rule is Rule.NOT_HTTP:
        return AnswerError(
            f"{host} did not answer with HTTP: {bad}", hint="check the endpoint's scheme and port"
        )
    return AnswerError(
        f"the answer of {host} is refused: {bad}",
        hint="if a proxy or gateway stands between, it may have written or changed the answer",
    )


def too_large(host: str, max_body_bytes: int | None) -> AnswerError:
    """The body is larger than `max_body_bytes`."""
    return AnswerError(f"the answer of {host} is larger than {max_body_bytes} bytes")


def refused_in_stream(endpoint: Endpoint, bad: BadResponse) -> TruncatedStream:
    """The body of a stream breaks a rule, after what was read of it."""
    return TruncatedStream(f"the answer of {endpoint.authority} is refused in its middle: {bad}")


def redirect(endpoint: Endpoint, head: ResponseHead) -> Unavailable:
    """The error of an answer with a status of 3xx. It is not retryable: the next attempt is
    redirected too."""
    error = Unavailable(
        f"{endpoint.authority} answered {head.status}, a redirect to "
        f"{_host_of(head.headers.get('location', ''))}; redirects are not followed",
        hint="a signed request is valid for one host: set the provider's endpoint to the service "
        "itself",
        status=head.status,
    )
    error.answer_headers = head.headers
    return _not_again(error)


def closed_in_stream(endpoint: Endpoint) -> TruncatedStream:
    """This side closed a stream that was not read to its end."""
    return TruncatedStream(
        f"this program closed the stream from {endpoint.authority} before its end",
        hint="read it inside its `async with` block: `await stream.completion()` reads what is "
        "left",
    )


def closed_in_call(endpoint: Endpoint) -> Unavailable:
    """The transport was closed while a call waited for its answer."""
    error = Unavailable(
        f"this runtime was closed before {endpoint.authority} had answered",
        hint="make the call inside the runtime's `with` block",
    )
    error.is_retryable = False
    return error


def closed() -> RequestError:
    """A call on a closed transport."""
    return RequestError(
        "this runtime is closed",
        hint="make the call inside the runtime's `async with` block; a closed runtime is not "
        "opened again: `Runtime.open()` makes another",
    )


def another_loop() -> RequestError:
    """A call on another event loop than that of the first."""
    return RequestError(
        "this runtime was opened on another event loop",
        hint="open one runtime for each event loop, or use BlockingRuntime from several threads",
    )


def two_reads() -> RequestError:
    """A read of a stream while another waits."""
    return RequestError(
        "this stream is being read already",
        hint="read a stream in one task, or one read after the other",
    )


def _host_of(location: str) -> str:
    """The host that a redirect names, if it is a name."""
    try:
        return endpoint_of(location).host
    except RequestError:
        return "nowhere"


def _reason(error: Exception | None) -> str:
    """OpenSSL's reason, else the operating system's message. (asyncio's own message for a refused
    connection repeats the address instead of the reason.)
    """
    if error is None:
        return "it closed the connection"
    if isinstance(error, ssl.SSLError):
        return error.reason or type(error).__name__
    if isinstance(error, OSError):
        named = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
        return named or type(error).__name__
    return str(error) if type(error) is ValueError else type(error).__name__
