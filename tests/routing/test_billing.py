"""Which errors of a real connection may be billed: those after the request was sent whole, without
an answer that refuses it. Another target is asked after the others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from axonflow_core.errors import AxonFlowError, DecodeError, ProviderTimeout, Unavailable
from axonflow_core.http.client import HttpRequest, Timeouts, Transport
from axonflow_core.routing.passing_on import passes_on


@asynccontextmanager
async def peer(answer: bytes | None) -> AsyncIterator[str]:
    """A server that reads a request and answers so, then closes; None: it answers the first of a
    connection with nothing in it, and the second not at all."""

    ends: list[asyncio.Future[None]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends.append(end := asyncio.get_running_loop().create_future())
        await reader.readuntil(b"\r\n\r\n{}")
        if answer is None:
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
            await reader.read()  # until the client has had enough
        else:
            writer.write(answer)
        writer.close()
        await asyncio.wait([asyncio.ensure_future(writer.wait_closed())])
        end.set_result(None)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await asyncio.gather(*ends)


async def failure_at(url: str, *, is_silent: bool = False) -> AxonFlowError:
    """The error of one request there; where it is silent, on a connection that was used before."""
    client = Transport()
    timeouts = Timeouts(first_byte_s=0.2) if is_silent else Timeouts()
    try:
        if is_silent:
            await client.send(HttpRequest("POST", url, {}, b"{}"))
        with pytest.raises(AxonFlowError) as caught:
            await client.send(HttpRequest("POST", url, {}, b"{}", timeouts))
    finally:
        await client.aclose()
    return caught.value


HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n"


@pytest.mark.parametrize(
    ("answer", "kind"),
    [(None, ProviderTimeout), (b"", Unavailable), (HEAD, Unavailable), (b"HTTP/1.", Unavailable)],
    ids=["silence", "closed", "a head alone", "half of a head"],
)
async def test_what_was_sent_whole_and_not_refused_may_be_billed(
    answer: bytes | None, kind: type[AxonFlowError]
) -> None:
    async with peer(answer) as url:
        error = await failure_at(url, is_silent=answer is None)
    assert isinstance(error, kind)
    assert error.may_be_billed
    assert not passes_on(error, on_silence=False)
    assert passes_on(error, on_silence=True)


async def test_what_was_never_sent_is_not_billed() -> None:
    async with peer(b"") as url:
        pass
    refused = await failure_at(url)
    assert isinstance(refused, Unavailable)
    assert not refused.may_be_billed
    assert passes_on(refused, on_silence=False)


async def test_a_refusal_is_not_billed() -> None:
    head = b"HTTP/1.1 503 No\r\ncontent-length: 9\r\n\r\n"
    async with peer(head) as url:
        error = await failure_at(url)
    assert not error.may_be_billed


def test_an_answer_that_cannot_be_read_was_billed() -> None:
    assert DecodeError("no JSON").may_be_billed
