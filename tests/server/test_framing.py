"""What is not one request, clearly, gets one answer and no second: the connection ends."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from on_time import GUARD_S

from .cases import FRAMING, GUARDED, HOST, PARSED, SECOND, Case, get, post
from .served import Client, Echo, Seen, Served, plain_uvicorn, serving


def is_right(case: Case, seen: Seen) -> bool:
    """One answer, a right one, and the end."""
    return len(seen.statuses) == 1 and seen.statuses[0] in case.statuses and seen.is_closed


def probe(port: int, case: Case, patience_s: float = GUARD_S) -> Seen:
    with Client(port) as client:
        with suppress(ConnectionError):  # refused while it is still sending
            client.send(case.data)
        return client.see(patience_s)


@pytest.fixture(scope="module")
def app() -> Echo:
    return Echo()


@pytest.fixture(scope="module")
def served(app: Echo) -> Iterator[Served]:
    with serving(app) as server:
        yield server


@pytest.mark.parametrize("case", [*FRAMING, *PARSED, *GUARDED], ids=lambda case: case.name)
def test_a_request_that_can_be_read_in_two_ways_gets_one_answer(
    served: Served, app: Echo, case: Case
) -> None:
    seen = probe(served.port, case)
    assert is_right(case, seen), seen
    assert "/smuggled" not in [path for path, _ in app.requests]


def test_uvicorn_alone_answers_what_is_guarded_here() -> None:
    with plain_uvicorn(Echo()) as port, ThreadPoolExecutor(16) as threads:
        seen = threads.map(lambda case: probe(port, case, 0.5), GUARDED)
        assert [
            case.name for case, each in zip(GUARDED, seen, strict=True) if is_right(case, each)
        ] == []


WRONG = ["10,000 headers", "a header of 1 MB", "a target of 1 MB", "no Host"]


def test_uvicorn_alone_gets_four_of_the_twelve_wrong() -> None:
    def probed(case: Case) -> Seen:
        return probe(port, case, 0.5 if case.name in WRONG else GUARD_S)

    with plain_uvicorn(Echo()) as port, ThreadPoolExecutor(12) as threads:
        seen = zip(FRAMING, threads.map(probed, FRAMING), strict=True)
        assert [case.name for case, each in seen if not is_right(case, each)] == WRONG


ACCEPTED = (
    get(),
    get(b"X-A: " + "ä".encode()),
    get(b"Upgrade-Insecure-Requests: 1", b"Accept:", b"X-A:b  "),
    get(target=b"/a?b=c%20d", host=b"Host: LOCALHOST:8080\r\n"),
    get(target=b"http://localhost/a"),
    get(host=b"Host: [::1]:8080\r\n"),
    b"GET / HTTP/1.1\r\nhOST: my_service.namespace\r\n\r\n",
    b"\r\n" + get(),
    post(b"Content-Length: 4", b"abcd"),
    post(b"Content-Length: 0"),
    post(b"Transfer-Encoding: Chunked", b"4\r\nabcd\r\n0\r\n\r\n"),
    post(b"Transfer-Encoding: chunked", b"00004;name=value\r\nabcd\r\n0\r\nX-Trailer: a\r\n\r\n"),
    post(b"Transfer-Encoding: chunked", b"1\r\na\r\n" * 5_000 + b"0\r\n\r\n"),
    get(b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABk"),
    post(b"Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 4", b"abcd"),
    post(b"Connection: Upgrade\r\nUpgrade: h2c\r\nTransfer-Encoding: chunked", b"0\r\n\r\n"),
)


@pytest.mark.parametrize("data", ACCEPTED)
@pytest.mark.parametrize("step", [1_000_000, 7], ids=["whole", "in pieces"])
def test_what_clients_send_is_served_and_the_connection_stays(
    served: Served, data: bytes, step: int
) -> None:
    if step * 1_000 < len(data):
        step = 101
    with served.connect() as client:
        for start in range(0, len(data), step):
            client.send(data[start : start + step])
        assert b" 200 OK" in client.read_until(b" bytes")
        client.get("/next")
        assert b" 200 OK" in client.read_until(b" bytes")


def test_a_body_is_what_was_sent_and_trailers_are_no_headers(served: Served, app: Echo) -> None:
    trailer = b"3\r\nabc\r\n4;x\r\ndefg\r\n0\r\nAuthorization: Basic YTpi\r\n\r\n"
    with served.connect() as client:
        client.send(post(b"Transfer-Encoding: chunked", trailer))
        client.read_until(b"7 bytes")
    assert app.requests[-1] == ("/", b"abcdefg")
    assert b"authorization" not in dict(app.scopes[-1]["headers"])


def test_the_body_of_a_request_that_asks_for_another_protocol_is_read(
    served: Served, app: Echo
) -> None:
    """llhttp skips it, and uvicorn then reads it as the next request."""
    head = post(b"Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: %d" % len(SECOND))
    with served.connect() as client:
        client.send(head)
        client.send(SECOND)
        client.read_until(b"%d bytes" % len(SECOND))
    assert app.requests[-1] == ("/", SECOND)


def test_the_scope_is_what_was_sent(served: Served, app: Echo) -> None:
    with served.connect() as client:
        client.get("/a%20b/%C3%A4?c=%20d", "X-One: 1", "x-one: 2")
        client.read_until(b"0 bytes")
    scope = app.scopes[-1]
    assert (scope["path"], scope["raw_path"]) == ("/a b/ä", b"/a%20b/%C3%A4")
    assert (scope["method"], scope["query_string"]) == ("GET", b"c=%20d")
    assert scope["headers"][1:] == [(b"x-one", b"1"), (b"x-one", b"2")]
    assert (scope["http_version"], scope["scheme"]) == ("1.1", "http")


def test_a_refusal_is_in_the_products_form_and_counted(served: Served) -> None:
    before = served.state.refused["no_host"]
    seen = probe(served.port, Case("", b"GET / HTTP/1.1\r\n\r\n"))
    assert seen.data.startswith(b"HTTP/1.1 400 Bad Request\r\ndate: ")
    assert b"\r\ncontent-type: application/json\r\n" in seen.data
    assert b'{"success":false,"error":"no_host","message":"the request has no Host' in seen.data
    assert served.state.refused["no_host"] == before + 1


def test_a_refusal_arrives_although_the_client_is_still_sending(served: Served) -> None:
    """Bytes that meet a closed socket reset it, and the client's system drops what it has."""
    with served.connect() as client:
        client.send(post(b"Content-Length: 99999999999"))
        for _ in range(8):
            client.send(b"a" * 65_536)
        assert client.see().statuses == [413]


def test_a_host_that_is_not_served_is_refused() -> None:
    """A web page whose name was bound to 127.0.0.1 sends its own name."""
    with serving(Echo(), hosts=frozenset((b"localhost", b"127.0.0.1", b"[::1]"))) as served:
        for host, status in ((b"localhost:8080", 200), (b"[::1]", 200), (b"evil.example", 421)):
            with served.connect() as client:
                client.send(get(host=b"Host: %s\r\nConnection: close\r\n" % host))
                assert client.see().statuses == [status]


def test_a_request_that_waits_for_100_continue_gets_it_and_ends_its_connection(
    served: Served,
) -> None:
    """The client may send its body or not, once it has another answer: nobody can tell what the
    next bytes are."""
    with served.connect() as client:
        client.send(post(b"Content-Length: 4\r\nExpect: 100-continue"))
        assert client.read_until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.send(b"abcd")
        seen = client.see()
    assert (seen.statuses, seen.is_closed) == ([200], True)
    assert HOST not in seen.data
