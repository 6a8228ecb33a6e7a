"""Where the service of a fault is, and what a call leaves behind there."""

from __future__ import annotations

import asyncio
import gc
import logging
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeAlias

import pytest
from fault_cases import Place
from faulty_service import FaultyService
from http_client.peers import Authority

from axonflow_core import waiting

SETTLES_S = 1.0
NewAuthority: TypeAlias = Callable[[], Authority]


@asynccontextmanager
async def placed(
    place: Place, service: FaultyService, authority: NewAuthority
) -> AsyncIterator[str]:
    """The URL of the service, or of what is in its place."""
    match place:
        case Place.NO_NAME:
            yield "http://nowhere.invalid"
        case Place.REFUSED:
            with socket.socket() as taken:  # nobody else listens there
                taken.bind(("127.0.0.1", 0))
                yield f"http://127.0.0.1:{taken.getsockname()[1]}"
        case Place.BLACK_HOLE:
            with full_backlog() as port:
                yield f"http://127.0.0.1:{port}"
        case Place.TLS | Place.STRANGE_TLS | Place.OTHER_HOST:
            host = "127.0.0.1" if place is Place.OTHER_HOST else "localhost"
            async with service.served(authority().server) as port:
                yield f"https://{host}:{port}"
        case _:
            scheme = "https" if place is Place.NOT_TLS else "http"
            async with service.served() as port:
                yield f"{scheme}://127.0.0.1:{port}"


@contextmanager
def full_backlog() -> Iterator[int]:
    """A port where the system drops each request for a connection, as a firewall does."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        address = listening.getsockname()
        waiting_ones = [socket.socket() for _ in range(4)]
        for one in waiting_ones:
            one.setblocking(False)
            one.connect_ex(address)
        try:
            yield address[1]
        finally:
            for one in waiting_ones:
                one.close()


def resting_in(client: Any) -> int:
    """How many connections wait for another call: such a one answered before, and is whole."""
    pool = getattr(client, "_client", client)._pool
    return 0 if pool is None else len(pool._resting)


async def becomes(condition: Callable[[], bool]) -> bool:
    ends_at = waiting.now() + SETTLES_S
    while not condition():
        if waiting.now() > ends_at:
            return False
        await asyncio.sleep(0.002)
    return True


def complaints(logged: pytest.LogCaptureFixture) -> list[str]:
    """What asyncio has to say of tasks, futures and connections that nobody looked after."""
    gc.collect()
    own = [record for record in logged.records if record.name.startswith("asyncio")]
    return [
        record.getMessage().splitlines()[0] for record in own if record.levelno >= logging.WARNING
    ]
