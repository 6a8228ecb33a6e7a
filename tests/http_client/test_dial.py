"""Opening connections: addresses, proxies, passwords, TLS, and what goes wrong with each."""

from __future__ import annotations

import asyncio
import base64
import re
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from on_time import ends_within

from axonflow_core.errors import AxonFlowError, ProviderError, ProviderTimeout, Unavailable
from axonflow_core.http.client import HttpRequest, Network, Timeouts, Transport
from axonflow_core.http.dial import first_connected, let_go
from axonflow_core.http.sockets import alternating

from .peers import OK, Authority, Proxy, always, open_sockets, proxying, serving

pytestmark = pytest.mark.timely

PASSWORD = "pass word/ü"
PROXIED_USER = f"user:{PASSWORD}"
IN_URL = "user:pass%20word%2F%C3%BC"
BASIC = base64.b64encode(PROXIED_USER.encode()).decode()


def through(proxy: Proxy, authority: Authority, userinfo: str = "") -> Network:
    scheme, _, rest = proxy.url.partition("://")
    return Network(f"{scheme}://{userinfo}{'@' * bool(userinfo)}{rest}", authority.client)


# ── proxies ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("is_https", [False, True], ids=["an http proxy", "an https proxy"])
async def test_a_proxy_tunnels_to_the_service_with_its_password(
    transport: Transport, authority: Authority, is_https: bool
) -> None:
    async with (
        serving(always(OK), authority.server) as peer,
        proxying(Proxy(BASIC), authority.server if is_https else None) as proxy,
    ):
        network = through(proxy, authority, IN_URL)
        for _ in range(3):
            assert (await transport.send(peer.request(network))).body == b"ok"
        await transport.aclose()
    authority_of_url = peer.url.removeprefix("https://")
    assert [head.split("\r\n")[:2] for head in proxy.heads] == [
        [f"CONNECT {authority_of_url} HTTP/1.1", f"Host: {authority_of_url}"]
    ]
    assert b"Proxy-Authorization" not in peer.requests[0]


async def test_a_proxy_of_an_http_url_gets_the_request_itself(
    transport: Transport, authority: Authority
) -> None:
    async with serving(always(OK)) as proxy:
        network = Network(f"http://{IN_URL}@{proxy.url.removeprefix('http://')}")
        request = HttpRequest("POST", "http://service.example/a?b", {}, b"{}", network=network)
        assert (await transport.send(request)).body == b"ok"
    head = proxy.requests[0].decode()
    assert head.startswith("POST http://service.example/a?b HTTP/1.1\r\nHost: service.example\r\n")
    assert f"Proxy-Authorization: Basic {BASIC}\r\n" in head


PROXY_FAULTS: list[tuple[bytes, str]] = [
    (b"HTTP/1.1 407 Who?\r\nContent-Length: 6\r\n\r\nsecret", "refused to connect to .*: 407"),
    (b"HTTP/1.1 403 No\r\n\r\nsecret", "refused to connect to .*: 403"),
    (b"HTTP/1.1 302 There\r\nLocation: http://secret/\r\n\r\n", "refused to connect to .*: 302"),
    (b"HTTP/1.0 503 Busy\r\n\r\n", "refused to connect to .*: 503"),
    (b"SSH-2.0-secret\r\n", "did not answer with HTTP"),
    (b"HTTP/1.1 101 Secret\r\n\r\n", "changes to another protocol"),
    (b"HTTP/1.1 200 OK\r\n\r\nsecret", "bytes follow after its end"),
    (b"", "did not connect to .*: it closed the connection"),
    (b"HTTP/1.1 200", "did not connect to .*: it closed the connection"),
    (b"HTTP/1.1 200 OK\r\nX-Secret: " + b"secret" * 20_000, "longer than 65536 bytes"),
]


@pytest.mark.parametrize(("reply", "message"), PROXY_FAULTS, ids=[row[1] for row in PROXY_FAULTS])
async def test_what_a_proxy_does_wrong_is_named_without_words_and_passwords(
    transport: Transport, authority: Authority, reply: bytes, message: str
) -> None:
    async with proxying(Proxy(reply=reply)) as proxy:
        network = through(proxy, authority, IN_URL)
        request = HttpRequest("GET", "https://service.example/", {}, network=network)
        with pytest.raises(Unavailable, match=f"the proxy 127.0.0.1:.*{message}") as caught:
            await transport.send(request)
    shown = f"{caught.value} {caught.value.hint} {network!r} {request!r}"
    assert not [
        word
        for word in ("secret", "pass word", "pass%20", "user:", BASIC.lower())
        if word in shown.lower()
    ]


async def test_a_wrong_password_is_refused(transport: Transport, authority: Authority) -> None:
    """The control of the passwords above: the proxy looks at them."""
    async with proxying(Proxy(BASIC)) as proxy:
        network = through(proxy, authority, "user:wrong")
        with pytest.raises(Unavailable, match="407"):
            await transport.send(
                HttpRequest("GET", "https://service.example/", {}, b"", network=network)
            )


async def test_a_proxy_that_is_not_there_is_named(transport: Transport) -> None:
    network = Network("http://user:hidden@127.0.0.1:1")
    with pytest.raises(Unavailable, match=r"no connection to the proxy 127.0.0.1:1: .*refused"):
        await transport.send(HttpRequest("GET", "https://service.example/", {}, network=network))


@pytest.mark.parametrize(
    ("scheme", "what"),
    [("http", "answer CONNECT"), ("https", "finish the TLS handshake")],
)
async def test_a_proxy_that_is_silent_is_named_with_the_step(
    transport: Transport, authority: Authority, scheme: str, what: str
) -> None:
    async with serving(always(OK)) as silent:  # waits for a body that never comes
        silent.answer = always(5.0)
        proxy = silent.url.replace("http:", f"{scheme}:")
        network = Network(proxy, authority.client)
        request = HttpRequest(
            "GET", "https://service.example/", {}, b"", Timeouts(connect_s=0.1), network
        )
        words = f"the proxy {proxy.partition('://')[2]} did not {what} within 0.1 s (connect"
        with pytest.raises(ProviderTimeout, match=re.escape(words)):
            await transport.send(request)


async def test_dns_that_does_not_answer_is_named(
    transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_over = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: is_over.wait(5))
    request = HttpRequest("GET", "https://service.example/", {}, b"", Timeouts(connect_s=0.1))
    try:
        with pytest.raises(ProviderTimeout, match=r"^service.example was not found by DNS within"):
            await transport.send(request)
    finally:
        is_over.set()


# ── TLS ───────────────────────────────────────────────────────────────────────────────────────────


async def test_a_private_authority_is_trusted_where_the_context_says_so(
    transport: Transport, authority: Authority
) -> None:
    async with serving(always(OK), authority.server) as peer:
        assert (await transport.send(peer.request(authority.network))).body == b"ok"
        with pytest.raises(ProviderError, match="not trusted: self-signed") as caught:
            await transport.send(peer.request())
    assert not caught.value.is_retryable


async def test_a_certificate_of_another_host_is_refused(
    transport: Transport, authority: Authority
) -> None:
    async with serving(always(OK), authority.server) as peer:
        peer.url = peer.url.replace("localhost", "127.0.0.1")
        with pytest.raises(ProviderError, match="not trusted: IP address mismatch"):
            await transport.send(peer.request(authority.network))


async def test_calls_with_different_contexts_share_no_connection(
    transport: Transport, authority: Authority
) -> None:
    careless = ssl.create_default_context()
    careless.check_hostname, careless.verify_mode = False, ssl.CERT_NONE
    async with serving(always(OK), authority.server) as peer:
        await transport.send(peer.request(Network(tls=careless)))
        await transport.send(peer.request(authority.network))
        with pytest.raises(ProviderError):
            await transport.send(peer.request())
    assert len(peer.requests) == 2
    assert peer.connections >= 2


async def test_a_server_that_chooses_http2_is_refused(
    transport: Transport, authority: Authority, tmp_path: object
) -> None:
    client = ssl.create_default_context()
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    client.set_alpn_protocols(["h2", "http/1.1"])
    server = authority.server
    server.set_alpn_protocols(["h2"])
    try:
        async with serving(always(OK), server) as peer:
            with pytest.raises(Unavailable, match=r"another protocol than HTTP/1\.1"):
                await transport.send(peer.request(Network(tls=client)))
    finally:
        server.set_alpn_protocols(["http/1.1"])


async def test_a_handshake_that_stalls_is_named(transport: Transport, authority: Authority) -> None:
    async with serving(always(OK)) as peer:
        url = peer.url.replace("http:", "https:")
        request = HttpRequest("GET", url, {}, b"", Timeouts(connect_s=0.1), authority.network)
        words = r"^127.0.0.1:\d+ did not finish the TLS handshake within 0.1 s \(connect timeout\)"
        with pytest.raises(ProviderTimeout, match=words):
            await transport.send(request)


# ── addresses ─────────────────────────────────────────────────────────────────────────────────────


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
async def test_an_address_of_ipv6_is_reached(transport: Transport) -> None:
    async with serving(always(OK), host="::1") as peer:
        assert (await transport.send(peer.request())).body == b"ok"
    assert f"Host: {peer.url.removeprefix('http://')}\r\n".encode() in peer.requests[0]


def address(port: int, host: str = "127.0.0.1") -> tuple[object, ...]:
    return (socket.AF_INET, socket.SOCK_STREAM, 0, "", (host, port))


@contextmanager
def listening(*, is_full: bool = False) -> Iterator[int]:
    """A port that accepts, or one whose backlog is full: it drops what comes, like a firewall."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0 if is_full else 16)
        waiting = [socket.socket() for _ in range(4 * is_full)]
        for one in waiting:
            one.settimeout(0)
            one.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]
        for one in waiting:
            one.close()


async def test_a_silent_address_has_a_head_start_only() -> None:
    loop = asyncio.get_running_loop()
    with listening(is_full=True) as silent, listening() as good:
        sockets = open_sockets()
        with ends_within(0.45, not_before_s=0.2):
            made = await first_connected(loop, [address(silent), address(good), address(silent)])
        assert made.getpeername()[1] == good
        made.close()
        await asyncio.sleep(0.01)
        assert open_sockets() <= sockets


async def test_an_address_that_refuses_is_passed_over_at_once() -> None:
    loop = asyncio.get_running_loop()
    with listening() as good, ends_within(0.2):
        made = await first_connected(loop, [address(1), address(1), address(good)])
        made.close()


async def test_where_no_address_answers_the_first_error_is_raised() -> None:
    loop = asyncio.get_running_loop()
    with pytest.raises(ConnectionRefusedError):
        await first_connected(loop, [address(1), address(2)])
    assert len(asyncio.all_tasks()) == 1


async def test_a_race_that_is_cancelled_leaves_no_socket() -> None:
    loop = asyncio.get_running_loop()
    with listening(is_full=True) as silent:
        sockets = open_sockets()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(first_connected(loop, [address(silent)] * 3), 0.6)
        await asyncio.sleep(0.01)
        assert open_sockets() <= sockets
        assert len(asyncio.all_tasks()) == 1


async def test_a_connection_that_comes_too_late_is_closed() -> None:
    async def connected() -> socket.socket:
        return socket.socket()

    lost = asyncio.create_task(connected())
    await lost
    let_go(lost)
    assert lost.result().fileno() == -1


def test_the_families_alternate_beginning_with_the_systems_choice() -> None:
    found = [(family, 0, 0, "", (name,)) for family, name in zip("664444", "abcdef", strict=True)]
    assert [one[4][0] for one in alternating(found)] == list("acbdef")


@pytest.mark.parametrize("host", ["nowhere.invalid", "a..b.invalid", "x" * 70 + ".invalid"])
async def test_a_name_without_an_address_is_named(transport: Transport, host: str) -> None:
    with pytest.raises(AxonFlowError, match="cannot resolve"):
        await transport.send(HttpRequest("GET", f"http://{host}/", {}))


@contextmanager
def hanging_dns() -> Iterator[None]:
    """Within it the lookup of a `hanging` name does not return."""
    found, is_over = socket.getaddrinfo, threading.Event()

    def find(host: str, *arguments: Any, **options: Any) -> Any:
        if host.startswith("hanging"):
            is_over.wait(30)
        return found("127.0.0.1", *arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", find)
        try:
            yield
        finally:
            is_over.set()


async def test_lookups_that_hang_are_given_up_and_hold_up_no_other_host(
    transport: Transport,
) -> None:
    timeouts = Timeouts(connect_s=0.3)
    hanging = HttpRequest("GET", "http://hanging.example/", {}, timeouts=timeouts)
    async with serving(always(OK)) as peer:
        url = peer.url.replace("127.0.0.1", "healthy.example")
        healthy = HttpRequest("GET", url, {}, timeouts=timeouts)
        with hanging_dns():
            asked = [asyncio.create_task(transport.send(hanging)) for _ in range(40)]
            await asyncio.sleep(0)
            assert (await transport.send(healthy)).body == b"ok"
            for end in await asyncio.gather(*asked, return_exceptions=True):
                assert isinstance(end, ProviderTimeout)
        await transport.aclose()


def test_a_lookup_that_hangs_holds_up_no_exit() -> None:
    async def main() -> None:
        request = HttpRequest(
            "GET", "http://hanging.example/", {}, timeouts=Timeouts(connect_s=0.1)
        )
        with pytest.raises(ProviderTimeout):
            await Transport().send(request)

    with hanging_dns(), ends_within(2):
        asyncio.run(main())
