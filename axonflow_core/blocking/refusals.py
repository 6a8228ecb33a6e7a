"""What a blocking runtime refuses, in words."""

from __future__ import annotations

from axonflow_core.errors import BlockingCallError, RequestError
from axonflow_core.waiting import running_loop


def refuse_on_event_loop() -> None:
    """`BlockingCallError` in a thread that runs an event loop."""
    if running_loop() is None:
        return
    raise BlockingCallError(
        "a blocking call on a thread that runs an event loop: every other task would stand still",
        hint="use `async with Runtime.open() as runtime` and `await`, or hand the call to "
        "`asyncio.to_thread`",
    )


def closed() -> RequestError:
    """Of a call through a closed runtime."""
    return RequestError(
        "this runtime is closed",
        hint="make the call inside the runtime's `with` block; a closed runtime is not opened "
        "again: `BlockingRuntime.open()` makes another",
    )


def forked() -> RequestError:
    """Of a call in a forked process through a runtime that had a thread in the parent."""
    return RequestError(
        "this runtime was opened before the process was forked, and one of its providers needs the "
        "thread that it had there",
        hint="open a runtime in each process, after the fork",
    )
