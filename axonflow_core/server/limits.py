"""What one worker of the server takes from the network: sizes, numbers and times, as one value."""

from __future__ import annotations

from attrs import field, validators

from axonflow_core.frozen import frozen

_COUNT = validators.ge(1)
_TIME = validators.gt(0.0)


@frozen(kw_only=True)
class Limits:
    """Times are in seconds, sizes in bytes. All of them hold for one worker."""

    silent_s: float = field(default=8.0, validator=_TIME)
    """From the accept to the first byte of a request. Then the connection is closed unanswered."""
    header_s: float = field(default=5.0, validator=_TIME)
    """From the first byte of a request to the end of its headers. Then 408."""
    body_idle_s: float = field(default=7.0, validator=_TIME)
    """Between two pieces of a body, while the app is ready to read. Then 408. With
    `linger_s` below ten seconds, as the others: so a crowd of slow and silent connections is gone
    after ten."""
    body_s: float = field(default=60.0, validator=_TIME)
    """From the end of the headers to the end of the body. Then 408."""
    keep_alive_s: float = field(default=75.0, validator=_TIME)
    """How long a connection rests between two requests. Longer than the 60 s of AWS's load
    balancers (idle timeout, default), which else send on a connection that is being closed and
    answer 502. Clients that call directly keep theirs for less: httpx 5 s."""
    unread_s: float = field(default=30.0, validator=_TIME)
    """How long a client may leave a full write buffer (64 KiB) unread, and how long the last bytes
    of a connection that is being closed wait for their reader. Then it is reset."""
    linger_s: float = field(default=2.0, validator=_TIME)
    """How long a connection that ends early is still read, so that its last answer arrives: bytes
    that meet a closed socket make the client's system throw away what it has received."""
    drain_s: float = field(default=30.0, validator=validators.ge(0.0))
    """How long a stop waits for requests under way before it cancels them."""
    last_call_s: float = field(default=0.5, validator=validators.ge(0.0))
    """How long a drain leaves connections without a request open. Who is about to send gets an
    answer, which says that the connection ends; a connection that is closed at once breaks it."""
    grace_s: float = field(default=2.0, validator=validators.ge(0.0))
    """How long a cancelled request may take for its last word, at the end of a drain."""
    close_s: float = field(default=10.0, validator=_TIME)
    """How long the app's own shutdown may take."""

    max_target_bytes: int = field(default=8_192, validator=_COUNT)
    """Path and query. Beyond: 414."""
    max_head_bytes: int = field(default=32_768, validator=_COUNT)
    """Request line and headers together. Beyond: 431."""
    max_headers: int = field(default=100, validator=_COUNT)
    """Beyond: 431."""
    max_body_bytes: int = field(default=16_777_216, validator=_COUNT)
    """Beyond: 413, without the app. An app that refuses earlier does so in its own words."""
    max_connections: int = field(default=4_096, validator=_COUNT)
    """Open connections, resting ones included. Beyond: 503."""
    max_in_flight: int = field(default=512, validator=_COUNT)
    """Requests that the app is answering. Beyond: 503."""
    reserve: int = field(default=16, validator=validators.ge(0))
    """Connections and requests beyond these two limits that `open_paths` are answered on."""
    open_paths: frozenset[bytes] = field(
        default=frozenset((b"/health", b"/health/live", b"/health/ready", b"/metrics"))
    )
    """Paths, as sent, that are answered under overload."""
    hosts: frozenset[bytes] | None = field(default=None)
    """Names that the Host header may have, in lower case and without a port; None for any. A server
    without authentication on a loopback address needs it: a web page whose name resolves to
    127.0.0.1 (DNS rebinding) sends its own name. Another name: 421."""
