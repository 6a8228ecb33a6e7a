"""The blocking client behind the methods of the other one: each call in a thread of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Mapping
from functools import partial
from typing import Any, Self, TypeVar

from axonflow_core import waiting
from axonflow_core.http.blocking import BlockingHttpStream, BlockingTransport
from axonflow_core.http.client import HttpRequest, HttpResponse

T = TypeVar("T")


async def _threaded(coroutine: Coroutine[Any, Any, T]) -> T:
    work = waiting.in_thread(partial(waiting.drive, coroutine))
    return await asyncio.wrap_future(work)


class ThreadedStream:
    def __init__(self, stream: BlockingHttpStream) -> None:
        self._stream = stream

    @property
    def status(self) -> int:
        return self._stream.status

    @property
    def headers(self) -> Mapping[str, str]:
        return self._stream.headers

    async def read(self) -> bytes:
        return await _threaded(self._stream.read())

    async def read_all(self) -> bytes:
        return await _threaded(self._stream.read_all())

    async def aclose(self) -> None:
        await _threaded(self._stream.aclose())

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while data := await self.read():
            yield data

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()


class ThreadedTransport:
    def __init__(self, **limits: int) -> None:
        self.blocking = BlockingTransport(**limits)

    async def send(self, request: HttpRequest) -> HttpResponse:
        return await _threaded(self.blocking.send(request))

    async def open_stream(self, request: HttpRequest) -> ThreadedStream:
        return ThreadedStream(await _threaded(self.blocking.open_stream(request)))

    async def aclose(self) -> None:
        await _threaded(self.blocking.aclose())
