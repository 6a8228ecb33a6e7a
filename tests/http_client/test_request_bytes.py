"""What is sent: the bytes that were signed, or nothing."""

from __future__ import annotations

import pytest

from axonflow_core.errors import RequestError
from axonflow_core.http.request_bytes import connect_head, encode_head, endpoint_of


def head_of(method: str, headers: dict[str, str], size: int = 0, url: str = "http://h/p") -> bytes:
    endpoint = endpoint_of(url)
    return encode_head(method, endpoint, headers, size, target=endpoint.target)


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("http://h", ("h", 80, "h", "/")),
        ("https://h/", ("h", 443, "h", "/")),
        ("http://H.example:8080/a", ("h.example", 8080, "H.example:8080", "/a")),
        ("http://h/a%2Fb/../c;d?e=%7e&f#g", ("h", 80, "h", "/a%2Fb/../c;d?e=%7e&f")),
        ("http://h?a=b", ("h", 80, "h", "/?a=b")),
        ("http://h/a?", ("h", 80, "h", "/a?")),
        ("http://h//a//b", ("h", 80, "h", "//a//b")),
        ("http://user:pw@h:1/a@b", ("h", 1, "h:1", "/a@b")),
        ("https://[::1]:8443/a", ("::1", 8443, "[::1]:8443", "/a")),
    ],
)
def test_a_url_is_taken_apart_and_its_target_kept(
    url: str, parts: tuple[str, int, str, str]
) -> None:
    endpoint = endpoint_of(url)
    assert (endpoint.host, endpoint.port, endpoint.authority, endpoint.target) == parts


@pytest.mark.parametrize(
    "url",
    [
        *("", "h", "/a", "ftp://h/", "http://", "http:///a", "http://h:x/", "http://h:0/"),
        *("http://h:99999/", "http://h/a b", "http://h/a\nb", "http://h\r\n/", "http://h/\x00"),
        *("http://h/ä", "http://[::1/", "http://h /", "\thttp://h/"),
    ],
)
def test_a_url_that_http_cannot_carry_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(RequestError, match="cannot be written as HTTP") as caught:
        endpoint_of(url)
    assert len(url) < 5 or url not in str(caught.value)


def test_headers_are_sent_in_their_order_and_spelling() -> None:
    headers = {"x-B": "1", "HOST": "signed", "a": " two  blanks ", "X-Ü".replace("Ü", "U"): "ü\t!"}
    assert (
        head_of("GET", headers)
        == (
            "GET /p HTTP/1.1\r\nx-B: 1\r\nHOST: signed\r\na:  two  blanks \r\nX-U: ü\t!\r\n\r\n"
        ).encode()
    )


@pytest.mark.parametrize(
    ("method", "size", "line"),
    [
        ("POST", 3, b"Content-Length: 3\r\n"),
        ("POST", 0, b"Content-Length: 0\r\n"),
        ("PUT", 0, b"Content-Length: 0\r\n"),
        ("GET", 0, b""),
        ("DELETE", 0, b""),
        ("GET", 2, b"Content-Length: 2\r\n"),
    ],
)
def test_host_and_length_are_all_that_is_added(method: str, size: int, line: bytes) -> None:
    assert head_of(method, {}, size) == b"%s /p HTTP/1.1\r\nHost: h\r\n%s\r\n" % (
        method.encode(),
        line,
    )


@pytest.mark.parametrize("character", ["\r", "\n", "\r\n", "\0", "\x01", "\x7f", "\x0b", "\ud800"])
@pytest.mark.parametrize("header", ["a{}b: c", "a: b{}c", "a: {}", "a: b{}"])
def test_what_would_end_a_header_is_refused_without_showing_it(header: str, character: str) -> None:
    name, _, value = header.format(character).partition(": ")
    with pytest.raises(RequestError, match="a character that is not allowed") as caught:
        head_of("GET", {name: f"secret{value}"})
    assert "secret" not in f"{caught.value}{caught.value.hint}"


@pytest.mark.parametrize("name", ["", "a b", "a:", "ä", "a\t", '"a"', "a\r\nb", "(a)"])
def test_a_name_that_is_no_token_is_refused(name: str) -> None:
    with pytest.raises(RequestError):
        head_of("GET", {name: "b"})


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Length": "4"},
        {"content-length": "+3"},
        {"Content-Length": "3", "content-length": "3"},
        {"Content-Length": ""},
        {"Transfer-Encoding": "chunked"},
    ],
)
def test_a_length_that_is_not_the_bodys_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(RequestError):
        head_of("POST", headers, 3)


def test_a_length_that_is_the_bodys_is_sent_as_it_was_signed() -> None:
    assert head_of("POST", {"content-LENGTH": "3"}, 3).count(b"ength") == 0
    assert b"content-LENGTH: 3\r\n" in head_of("POST", {"content-LENGTH": "3"}, 3)


@pytest.mark.parametrize(
    "method", ["", "get", "HEAD", "CONNECT", "GET /x HTTP/1.1\r\nA: b\r\n", "PÜT"]
)
def test_a_method_whose_answer_this_client_does_not_read_is_refused(method: str) -> None:
    with pytest.raises(RequestError, match="method"):
        head_of(method, {})


def test_a_tunnel_is_asked_for_by_host_and_port() -> None:
    head = connect_head(endpoint_of("https://[::1]/a"), endpoint_of("http://u:p@proxy:3128"))
    assert head == (
        b"CONNECT [::1]:443 HTTP/1.1\r\nHost: [::1]:443\r\nProxy-Authorization: Basic dTpw\r\n\r\n"
    )
