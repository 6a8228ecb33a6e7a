"""The HTTP client for a thread without an event loop: the same calls over blocking sockets.

Its coroutines never suspend, so `waiting.drive` runs each to its end in the caller's thread. What
an answer may be, and what its errors say, is decided where `client` decides it: in
`response_parser`, `request_bytes`, `limits`, `tls` and `faults`. Only the waits are other ones:

    resolve         in a thread of its own, for DNS knows no time limit
    connect         several addresses at once, one poll over their sockets
    read, write     poll until bytes can pass or the limit is over, then one system call
    the pool        a lock; the queue is served in order, each thread waits for its own turn

Threads. A connection belongs to one call, and so to one thread at a time. What another thread does
to it (`aclose` of the transport) is to shut its socket down, which ends the wait at it.

Interrupts. A signal handler may raise between any two calls, so what must be undone is known before
it is done: a `Lease` is made first, takes its place in the pool, and holds whatever was opened.
`end` undoes each of that once, however often and in which state it is called; the collector calls
it for a lease that was lost.

Forks. A child has copies of the parent's sockets and locks. It closes the copies, which the parent
does not notice, sends nothing through them, waits for no lock, and opens a pool of its own.

Its modules: `client` makes calls, `pool` decides whose turn it is, `connection` moves bytes, `dial`
opens a connection.
"""

from .client import BlockingHttpStream as BlockingHttpStream
from .client import BlockingTransport as BlockingTransport
