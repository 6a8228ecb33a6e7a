"""Signs of life in a stream that is silent.

A client gives up a stream that brings nothing, Claude Code after 300 s, and a proxy in between does
so sooner; some providers send none of their own. A silent stream is a model that thinks, a call
that fails over to another target, or a text that a policy holds back.

Before the first chunk the sign is a comment, which readers of events do not see: for them the
stream still begins with its first chunk, wherever that comes from. But a status goes before it, so
an error that is found later stands in the stream.

One task watches a stream, and looks at the clock once for each time of silence, not for each chunk.
It sends between two writes, each of which is whole frames.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

SILENCE_S = 15.0
"""The longest silence, in seconds."""


@asynccontextmanager
async def kept_alive(
    ping: Callable[[], Awaitable[None]], last_write: Callable[[], float], silence_s: float
) -> AsyncIterator[None]:
    """What is inside writes a stream. Whenever nothing was written for `silence_s` seconds, `ping`
    is called; `last_write` is a moment of the loop's clock."""
    watching = asyncio.create_task(_watch(ping, last_write, silence_s))
    try:
        yield
    finally:
        watching.cancel()


async def _watch(
    ping: Callable[[], Awaitable[None]], last_write: Callable[[], float], silence_s: float
) -> None:
    now = asyncio.get_running_loop().time
    while True:
        left_s = last_write() + silence_s - now()
        if left_s > 0:
            await asyncio.sleep(left_s)
        else:
            await ping()
