"""The HTTP client against real servers that misbehave in every way that a socket allows."""

from __future__ import annotations

import asyncio
import gc
import re
import shutil
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager

import pytest
from on_time import ends_within, until

from axonflow_core.errors import (
    AnswerError,
    AxonFlowError,
    ProviderError,
    ProviderTimeout,
    RequestError,
    TruncatedStream,
    Unavailable,
)
from axonflow_core.http.client import HttpRequest, Timeouts, Transport

pytestmark = pytest.mark.timely

GRACE_S = 0.25
"""How much later than its deadline a fault may be reported."""
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

Answer = Callable[[asyncio.WriteTransport], Awaitable[None]]


class Peer:
    """A server that answers every request with the same coroutine, and counts."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.requests: list[bytes] = []
        self.connections = 0
        self.open: set[asyncio.WriteTransport] = set()
        self.is_over = False
        self.url = ""

    @property
    def open_connections(self) -> int:
        return len(self.open)

    def request(self, **limits: float) -> HttpRequest:
        return HttpRequest(
            "POST", self.url + "/secret-path", {}, b"{}", Timeouts(**{"connect_s": 1, **limits})
        )


class Connection(asyncio.Protocol):
    """One connection to a `Peer`: an answer for every request, and an end to the answer when the
    client leaves."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._heard = b""
        self._answering: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport
        self._peer.connections += 1
        self._peer.open.add(transport)
        if self._peer.is_over:
            transport.abort()

    def data_received(self, data: bytes) -> None:
        self._heard += data
        head, end, body = self._heard.partition(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head.lower())
        if end and len(body) >= int(length[1] if length else 0):
            self._peer.requests.append(self._heard)
            self._heard = b""
            self._answering = asyncio.ensure_future(self._peer.answer(self._transport))

    def connection_lost(self, exc: Exception | None) -> None:
        self._peer.open.remove(self._transport)
        if self._answering is not None:
            self._answering.cancel()


@asynccontextmanager
async def peer(answer: Answer, tls: ssl.SSLContext | None = None) -> AsyncIterator[Peer]:
    served = Peer(answer)
    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(served), "127.0.0.1", 0, ssl=tls, backlog=512
    )
    port = server.sockets[0].getsockname()[1]
    served.url = f"{'https' if tls else 'http'}://127.0.0.1:{port}"
    try:
        yield served
    finally:
        server.close()
        served.is_over = True
        for connection in served.open:  # which the client's pool keeps
            connection.abort()
        await until(lambda: not served.open)


@pytest.fixture
async def transport() -> AsyncIterator[Transport]:
    made = Transport()
    yield made
    await made.aclose()


def answers(body: bytes, *, status: str = "200 OK", headers: str = "") -> Answer:
    async def answer(client: asyncio.WriteTransport) -> None:
        client.write(
            f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode() + body
        )

    return answer


def writes(*pieces: bytes | float) -> Answer:
    """Bytes are written, numbers waited for in seconds; then the connection is closed."""

    async def answer(client: asyncio.WriteTransport) -> None:
        for piece in pieces:
            if isinstance(piece, bytes):
                client.write(piece)
            else:
                await asyncio.sleep(piece)
        client.close()

    return answer


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def drip(times: int, pause_s: float) -> list[bytes | float]:
    return [chunk(b"a"), pause_s] * times


def within(deadline_s: float) -> AbstractContextManager[None]:
    return ends_within(deadline_s + GRACE_S, not_before_s=deadline_s - 0.01)


# ── what is sent ──────────────────────────────────────────────────────────────────────────────────


async def test_an_answer_comes_back_with_lower_case_headers_and_its_time(
    transport: Transport,
) -> None:
    async with peer(answers(b"hello", headers="X-Amzn-RequestId: r-1\r\n")) as server:
        response = await transport.send(server.request())
    assert (response.status, response.body) == (200, b"hello")
    assert response.headers["x-amzn-requestid"] == "r-1"
    assert 0 < response.first_byte_s < 10


async def test_the_request_is_sent_exactly_as_given(transport: Transport) -> None:
    headers = {
        "Host": "signed.example",
        "X-Amz-Date": "20260101T000000Z",
        "Authorization": "AWS4 x",
    }
    async with peer(answers(b"")) as server:
        url = server.url + "/model/arn%3Aaws%3Abedrock%2Fa~b/invoke?q=%7e"
        await transport.send(HttpRequest("POST", url, headers, b'{"a":1}'))
    head, _, body = server.requests[0].decode().partition("\r\n\r\n")
    first, *lines = head.split("\r\n")
    assert first == "POST /model/arn%3Aaws%3Abedrock%2Fa~b/invoke?q=%7e HTTP/1.1"
    assert sorted(lines) == sorted(
        [*(f"{name}: {value}" for name, value in headers.items()), "Content-Length: 7"]
    )
    assert body == '{"a":1}'


async def test_cookies_are_neither_kept_nor_sent_back(transport: Transport) -> None:
    async with peer(answers(b"", headers="Set-Cookie: a=1\r\n")) as server:
        server.url = server.url.replace(
            "127.0.0.1", "localhost"
        )  # a cookie jar keeps nothing from a bare address
        await transport.send(server.request())
        await transport.send(server.request())
    assert b"ookie" not in server.requests[1]


async def test_a_compressed_body_is_handed_over_as_it_came(transport: Transport) -> None:
    async with peer(answers(b"not gzip at all", headers="Content-Encoding: gzip\r\n")) as server:
        response = await transport.send(server.request())
    assert response.body == b"not gzip at all"


async def test_a_large_body_is_sent_whole(transport: Transport) -> None:
    body = bytes(range(256)) * 4096 * 2
    async with peer(answers(b"")) as server:
        await transport.send(HttpRequest("POST", server.url, {}, body))
    assert server.requests[0].endswith(body)


async def test_calls_share_connections(transport: Transport) -> None:
    async with peer(answers(b"{}")) as server:
        for _ in range(20):
            await transport.send(server.request())
    assert server.connections == 1


async def test_the_pool_is_bounded_and_calls_wait_for_a_place() -> None:
    transport = Transport(max_connections=3)
    async with peer(answers(b"{}")) as server:
        responses = await asyncio.gather(*(transport.send(server.request()) for _ in range(20)))
        await transport.aclose()
    assert len(responses) == 20
    assert server.connections == 3


async def test_two_hundred_calls_are_in_flight_at_once(transport: Transport) -> None:
    everybody_is_here = asyncio.Barrier(200)

    async def wait_for_all(client: asyncio.WriteTransport) -> None:
        await everybody_is_here.wait()
        await answers(b"{}")(client)

    async with peer(wait_for_all) as server:
        responses = await asyncio.gather(*(transport.send(server.request()) for _ in range(200)))
    assert {response.status for response in responses} == {200}


# ── clocks ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("limit", "phase"), [("first_byte_s", "first byte"), ("total_s", "total")])
async def test_a_full_pool_says_so_when_the_time_to_answer_is_over(limit: str, phase: str) -> None:
    transport = Transport(max_connections=1)
    message = rf"the pool of 1 is full: .* free within 0.1 s \({phase} timeout\)"
    async with peer(writes(CHUNKED, 3)) as server, await transport.open_stream(server.request()):
        with within(0.1), pytest.raises(ProviderTimeout, match=message):
            await transport.send(server.request(**{limit: 0.1}))
    await transport.aclose()


async def test_a_full_pool_is_waited_for_longer_than_a_connection_may_take() -> None:
    transport = Transport(max_connections=1)
    async with peer(writes(CHUNKED, 0.3, b"0\r\n\r\n")) as server:
        calls = (transport.send(server.request(connect_s=0.1)) for _ in range(2))
        responses = await asyncio.gather(*calls)
        await transport.aclose()
    assert [response.status for response in responses] == [200, 200]


@pytest.mark.parametrize(
    ("pieces", "limits", "message"),
    [
        (
            [2.0],
            {"first_byte_s": 0.1},
            r"did not begin its answer within 0.1 s \(first byte timeout\)",
        ),
        ([b"HTTP/1.1 200", 2.0], {"first_byte_s": 0.1}, r"did not begin its answer within 0.1 s"),
        ([2.0], {"total_s": 0.1}, r"did not begin its answer within 0.1 s \(total timeout\)"),
        (
            [CHUNKED, chunk(b"a"), 2.0],
            {"total_s": 0.1},
            r"did not finish its answer within 0.1 s \(total timeout\)",
        ),
        (
            [CHUNKED, chunk(b"a"), 2.0],
            {"idle_s": 0.1},
            r"sent no more of its answer within 0.1 s \(idle timeout\)",
        ),
        (
            [CHUNKED, *drip(40, 0.02)],
            {"total_s": 0.2, "idle_s": 0.1},
            r"within 0.2 s \(total timeout\)",
        ),
    ],
    ids=[
        "stall before headers",
        "stall in headers",
        "stall past total",
        "stall in body past total",
        "stall in body",
        "slow drip",
    ],
)
@pytest.mark.parametrize("is_streamed", [False, True])
async def test_a_stall_is_reported_in_time_with_its_phase(
    transport: Transport,
    pieces: list[bytes | float],
    limits: dict[str, float],
    message: str,
    is_streamed: bool,
) -> None:
    async def call(request: HttpRequest) -> None:
        if not is_streamed:
            await transport.send(request)
        async with await transport.open_stream(request) as stream:
            async for _ in stream:
                pass

    async with peer(writes(*pieces)) as server:
        with (
            within(limits.get("total_s", min(limits.values()))),
            pytest.raises(ProviderTimeout, match=message),
        ):
            await call(server.request(**limits))
        await until(lambda: server.open_connections == 0)


async def test_the_idle_clock_starts_anew_with_every_read(transport: Transport) -> None:
    async with peer(writes(CHUNKED, *drip(5, 0.06), b"0\r\n\r\n")) as server:
        response = await transport.send(server.request(idle_s=0.15))
    assert response.body == b"aaaaa"


async def test_a_consumer_that_takes_its_time_is_no_idle_provider(transport: Transport) -> None:
    async with peer(writes(CHUNKED, chunk(b"a"), 0.1, chunk(b"b"), b"0\r\n\r\n")) as server:
        stream = await transport.open_stream(server.request(idle_s=0.05))
        assert await stream.read() == b"a"
        await asyncio.sleep(0.2)
        assert await stream.read_all() == b"b"


async def test_no_clock_runs_over_a_body_that_has_arrived(transport: Transport) -> None:
    async with peer(answers(b"whole")) as server:
        stream = await transport.open_stream(server.request(total_s=0.1))
        assert await stream.read() == b"whole"
        await asyncio.sleep(0.15)
        assert await stream.read() == b""


@pytest.mark.parametrize(
    ("limits", "span"),
    [
        ({"connect_s": 0.1}, "0.1 s (connect timeout)"),
        ({"first_byte_s": 0.1}, "0.1 s (first byte timeout)"),
        ({"total_s": 0.1}, "the 0.1 s that were left of 4 s (total timeout)"),
    ],
)
async def test_an_address_that_does_not_answer_is_told_as_one_whatever_ends_the_wait(
    transport: Transport, limits: dict[str, float], span: str
) -> None:
    """A full backlog drops the SYN, as a firewall does."""
    with _full_backlog() as port:
        url = f"http://127.0.0.1:{port}/"
        request = HttpRequest("POST", url, {}, timeouts=Timeouts(**limits), given_s=4.0)
        message = re.escape(f"did not accept a connection within {span}")
        with within(0.1), pytest.raises(ProviderTimeout, match=message):
            await transport.send(request)


async def test_an_address_is_not_looked_up_however_little_time_there_is(
    transport: Transport,
) -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/"
        request = HttpRequest("POST", url, {}, timeouts=Timeouts(connect_s=1e-6))
        with pytest.raises(ProviderTimeout, match="did not accept a connection within"):
            await transport.send(request)


@pytest.mark.parametrize(
    "rest", [[b"3\r\nab"], [b"3\r\nab", 2.0], [b"bad"]], ids=["cut", "held back", "malformed"]
)
async def test_the_headers_of_an_answer_that_breaks_off_stay_with_its_error(
    transport: Transport, rest: list[bytes | float]
) -> None:
    head = CHUNKED[:-2] + b"X-Request-Id: r-1\r\n\r\n"
    async with peer(writes(head, *rest)) as server:
        with pytest.raises(AxonFlowError) as raised:
            await transport.send(server.request(idle_s=0.1))
    assert raised.value.answer_headers["x-request-id"] == "r-1"


@contextmanager
def _full_backlog() -> Iterator[int]:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        address = listening.getsockname()
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(address)
        yield address[1]
        for one in waiting:
            one.close()


# ── refusals ──────────────────────────────────────────────────────────────────────────────────────


async def reset(client: asyncio.WriteTransport) -> None:
    client.abort()


REFUSALS: list[tuple[str, Answer, type[AxonFlowError], str]] = [
    ("closed without a word", writes(), Unavailable, "closed the connection without an answer"),
    ("reset", reset, Unavailable, "127.0.0.1:"),
    ("not HTTP", writes(b"SSH-2.0-OpenSSH_9.2\r\n"), AnswerError, "did not answer with HTTP"),
    (
        "short body",
        writes(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"),
        Unavailable,
        "mid-answer",
    ),
    ("chunked body without its end", writes(CHUNKED + chunk(b"abc")), Unavailable, "mid-answer"),
    ("chunk cut in two", writes(CHUNKED + b"ff\r\nabc"), Unavailable, "mid-answer"),
    (
        "redirect",
        answers(
            b"", status="307 Temporary", headers="Location: http://u:pw@evil.example/x?secret=1\r\n"
        ),
        Unavailable,
        "answered 307, a redirect to evil.example; redirects are not followed",
    ),
    (
        "not modified",
        answers(b"", status="304 Not Modified"),
        Unavailable,
        "answered 304, a redirect to nowhere",
    ),
]


@pytest.mark.parametrize(
    ("answer", "kind", "message"), [row[1:] for row in REFUSALS], ids=[row[0] for row in REFUSALS]
)
async def test_a_broken_answer_has_a_name(
    transport: Transport, answer: Answer, kind: type[AxonFlowError], message: str
) -> None:
    async with peer(answer) as server:
        with within(0), pytest.raises(kind, match=message) as caught:
            await transport.send(server.request())
        assert "secret" not in str(caught.value)
        await transport.aclose()
        await until(lambda: server.open_connections == 0)


async def test_a_redirect_is_not_followed(transport: Transport) -> None:
    async with peer(answers(b"")) as target, peer(answers(b"")) as server:
        server.answer = answers(b"", status="302 Found", headers=f"Location: {target.url}\r\n")
        with pytest.raises(Unavailable) as caught:
            await transport.send(server.request())
    assert (len(server.requests), len(target.requests)) == (1, 0)
    assert not caught.value.is_retryable


async def test_a_refused_connection_names_host_and_reason(transport: Transport) -> None:
    async with peer(answers(b"")) as server:
        pass
    host = server.url.removeprefix("http://")
    with pytest.raises(Unavailable, match=f"no connection to {host}: .*[Rr]efused"):
        await transport.send(HttpRequest("POST", f"http://{host}/", {}))


async def test_a_password_in_a_url_is_refused_and_not_shown(transport: Transport) -> None:
    with pytest.raises(RequestError, match=r"the URL of h\.example has a user") as caught:
        await transport.send(HttpRequest("POST", "http://user:hidden@h.example/", {}))
    assert "hidden" not in f"{caught.value}{caught.value.hint}"


async def test_an_unknown_host_is_named(transport: Transport) -> None:
    with pytest.raises(Unavailable, match=r"cannot resolve nowhere\.invalid"):
        await transport.send(HttpRequest("POST", "http://nowhere.invalid/", {}))


async def test_a_line_break_in_a_header_is_refused_without_showing_it(transport: Transport) -> None:
    async with peer(answers(b"")) as server:
        with pytest.raises(RequestError, match="a header contains") as caught:
            await transport.send(
                HttpRequest("POST", server.url, {"Authorization": "Bearer hidden\n"})
            )
    assert "hidden" not in f"{caught.value}{caught.value.hint}"


async def test_a_huge_body_is_refused_and_its_connection_closed() -> None:
    transport = Transport(max_body_bytes=100_000)
    async with peer(writes(CHUNKED, *[chunk(b"x" * 50_000)] * 1000, b"0\r\n\r\n")) as server:
        with pytest.raises(AnswerError, match="larger than 100000 bytes"):
            await transport.send(server.request())
        await until(lambda: server.open_connections == 0)
        await transport.aclose()


async def test_a_body_of_the_largest_size_is_taken() -> None:
    transport = Transport(max_body_bytes=100_000)
    async with peer(answers(b"x" * 100_000)) as server:
        assert len((await transport.send(server.request())).body) == 100_000
    await transport.aclose()


# ── TLS ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    folder = tmp_path_factory.mktemp("tls")
    if shutil.which("openssl") is None:
        pytest.skip("makes its certificate with the openssl command")
    command = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost "
        "-keyout key.pem -out cert.pem"
    )
    subprocess.run(command.split(), cwd=folder, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context


async def test_a_certificate_nobody_trusts_is_named(
    transport: Transport, certificate: ssl.SSLContext
) -> None:
    async with peer(answers(b""), tls=certificate) as server:
        with pytest.raises(
            ProviderError, match=r"certificate of 127.0.0.1:\d+ is not trusted: self-signed"
        ) as caught:
            await transport.send(server.request())
    assert not caught.value.is_retryable


async def test_a_server_without_tls_is_named(transport: Transport) -> None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example ESMTP\r\n")
        writer.close()

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(
            Unavailable, match=f"TLS handshake with 127.0.0.1:{port} failed: WRONG_VERSION_NUMBER"
        ):
            await transport.send(HttpRequest("POST", f"https://127.0.0.1:{port}/", {}))


# ── streams ───────────────────────────────────────────────────────────────────────────────────────


async def test_a_stream_yields_bytes_as_they_arrive(transport: Transport) -> None:
    gate = asyncio.Event()

    async def answer(client: asyncio.WriteTransport) -> None:
        client.write(CHUNKED + chunk(b"first"))
        await gate.wait()
        client.write(chunk(b"second") + b"0\r\n\r\n")

    async with peer(answer) as server, await transport.open_stream(server.request()) as stream:
        assert (stream.status, await stream.read()) == (200, b"first")
        gate.set()
        assert [await stream.read() for _ in range(3)] == [b"second", b"", b""]


async def test_a_stream_read_to_its_end_gives_its_connection_back(transport: Transport) -> None:
    async with peer(answers(b"hello")) as server:
        for _ in range(3):
            async with await transport.open_stream(server.request()) as stream:
                assert await stream.read_all() == b"hello"
        assert server.connections == 1


async def test_closing_a_stream_cuts_the_upstream_at_once(transport: Transport) -> None:
    async with peer(writes(CHUNKED, *drip(500, 0.01))) as server:
        stream = await transport.open_stream(server.request())
        await stream.read()
        await stream.aclose()
        await until(lambda: server.open_connections == 0)
        with pytest.raises(TruncatedStream, match="this program closed the stream"):
            await stream.read()
        await stream.aclose()


async def test_an_abandoned_stream_does_not_leak_its_connection(transport: Transport) -> None:
    async def look_at_one(server: Peer) -> None:
        async for _ in await transport.open_stream(server.request()):
            return

    async with peer(writes(CHUNKED, chunk(b"a"), 3)) as server:
        await asyncio.gather(*(look_at_one(server) for _ in range(5)))
        assert server.open_connections == 5
        gc.collect()
        await until(lambda: server.open_connections == 0)


async def test_cancelling_a_call_closes_its_connection(transport: Transport) -> None:
    async with peer(writes(3)) as server:
        call = asyncio.create_task(transport.send(server.request()))
        await until(lambda: len(server.requests) == 1)
        call.cancel()
        await until(lambda: server.open_connections == 0)
        assert call.cancelled()


async def test_a_stream_that_is_cut_is_truncated_after_what_had_arrived(
    transport: Transport,
) -> None:
    async with peer(writes(CHUNKED + chunk(b"all that came"))) as server:
        stream = await transport.open_stream(server.request())
        await until(lambda: server.open_connections == 0)
        await asyncio.sleep(0.02)
        assert await stream.read() == b"all that came"
        for _ in range(2):
            with pytest.raises(TruncatedStream, match="cut in mid-answer"):
                await stream.read()


@pytest.mark.parametrize("cut_at", range(1, len(chunk(b"abc") + b"0\r\n\r\n")))
async def test_no_cut_of_a_chunked_body_passes_for_its_end(
    transport: Transport, cut_at: int
) -> None:
    whole = chunk(b"abc") + b"0\r\n\r\n"
    async with peer(writes(CHUNKED + whole[:cut_at])) as server:
        stream = await transport.open_stream(server.request())
        with pytest.raises(TruncatedStream):
            [data async for data in stream]


async def test_closing_the_transport_breaks_open_streams_off() -> None:
    transport = Transport()
    async with peer(writes(CHUNKED, chunk(b"a"), 3)) as server:
        stream = await transport.open_stream(server.request())
        await stream.read()
        reading = asyncio.create_task(stream.read())
        await asyncio.sleep(0.01)
        await transport.aclose()
        with pytest.raises(TruncatedStream, match="this program closed the stream"):
            await reading
        await until(lambda: server.open_connections == 0)


async def test_a_closed_transport_says_so() -> None:
    transport = Transport()
    await transport.aclose()
    with pytest.raises(RequestError, match="closed"):
        await transport.send(HttpRequest("POST", "http://127.0.0.1/", {}))


def test_another_event_loop_is_refused_with_a_hint() -> None:
    async def call(transport: Transport) -> None:
        async with peer(answers(b"")) as server:
            await transport.send(server.request())

    transport, first = Transport(), asyncio.Runner()
    first.run(call(transport))
    with asyncio.Runner() as second, pytest.raises(RequestError, match="another event loop"):
        second.run(call(transport))
    first.run(transport.aclose())
    first.close()


def test_neither_headers_nor_body_show_in_a_repr() -> None:
    request = HttpRequest("POST", "http://h/", {"Authorization": "hidden"}, b"hidden")
    assert "hidden" not in repr(request)


@pytest.mark.parametrize("limit", ["connect_s", "first_byte_s", "idle_s", "total_s"])
def test_a_timeout_of_zero_is_refused(limit: str) -> None:
    with pytest.raises(ValueError, match=limit):
        Timeouts(**{limit: 0})


@pytest.mark.parametrize("limit_s", [float("inf"), float("nan"), -1.0, 1e10])
def test_a_timeout_that_no_clock_can_wait_for_is_refused(limit_s: float) -> None:
    with pytest.raises(ValueError, match="total_s"):
        Timeouts(total_s=limit_s)
