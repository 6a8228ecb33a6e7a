"""A service that misbehaves as it is told to, byte for byte, and counts what reaches it.

A script has an answer for each request, the last again and again. An answer is what is sent: bytes,
seconds to wait, and how it ends.
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from enum import Enum, auto
from typing import TypeAlias


class End(Enum):
    """How an answer ends, or a connection with it. Without one the connection waits for more."""

    CLOSE = auto()
    """In order: FIN."""
    RESET = auto()
    """RST, once the client had the time to read what was sent."""
    HOLD = auto()
    """Never: the connection stays, and nothing more is sent."""


Piece: TypeAlias = bytes | float | End
Answer: TypeAlias = Iterable[Piece]
Script: TypeAlias = Sequence[Answer]

TIME_TO_READ_S = 0.03


class FaultyService:
    """A TCP server on the loop of the test. `speaks_first`: what it says to a connection instead of
    reading a request."""

    def __init__(self, script: Script, speaks_first: Answer | None = None) -> None:
        self._script = script
        self._speaks_first = speaks_first
        self._tasks: set[asyncio.Task[None] | None] = set()
        self.calls = 0
        """Requests that arrived whole."""
        self.open_connections = 0

    @asynccontextmanager
    async def served(self, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
        """Its port."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=tls)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()
            for task in filter(None, self._tasks):
                task.cancel()
            await server.wait_closed()
            while self.open_connections:  # noqa: ASYNC110 - the tasks end in the next turns
                await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open_connections += 1
        self._tasks.add(asyncio.current_task())
        try:
            with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await self._converse(reader, writer)
        finally:
            self._tasks.discard(asyncio.current_task())
            self.open_connections -= 1
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._speaks_first is not None:
            await _send(self._speaks_first, reader, writer)
            return
        while not writer.is_closing():
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(int(re.findall(rb"(?i)content-length: (\d+)", head)[0]))
            answer = self._script[min(self.calls, len(self._script) - 1)]
            self.calls += 1
            await _send(answer, reader, writer)


async def _send(answer: Answer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    for piece in answer:
        match piece:
            case bytes():
                writer.write(piece)
                await writer.drain()
            case float():
                await _wait(piece, reader)
            case End.CLOSE:
                writer.close()
            case End.RESET:
                await _wait(TIME_TO_READ_S, reader)
                made: socket.socket = writer.get_extra_info("socket")
                made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                writer.transport.abort()
            case End.HOLD:
                await reader.read()  # until the client leaves


async def _wait(seconds: float, reader: asyncio.StreamReader) -> None:
    """Waits so long; `ConnectionAbortedError` where the client leaves meanwhile. It sends nothing
    else in the middle of an answer."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await reader.read(1)
        raise ConnectionAbortedError
