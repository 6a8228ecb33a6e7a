"""Hand-written answers: each is read, cut or refused by its rule, however it arrives."""

from __future__ import annotations

import signal
from collections import Counter

import httptools
import pytest

from axonflow_core.http.response_parser import BadResponse, ResponseParser, Rule

from .readers import Reading, h11s, ours, pieces_of, stdlibs
from .responses import MAX_BODY_BYTES, OK, Cut, Outcome, Whole, chunked, of_length, rows

ROWS = list(rows())
CODED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def outcome_of(reading: Reading) -> Outcome:
    if reading.rule is not None:
        return reading.rule
    if not reading.is_whole:
        return Cut(reading.body)
    assert reading.status is not None
    return Whole(reading.body, reading.status)


def test_there_are_hundreds_of_rows_and_each_rule_has_some() -> None:
    assert len(ROWS) >= 300
    assert len({name for name, _, _ in ROWS}) == len(ROWS)
    assert {outcome for _, _, outcome in ROWS if isinstance(outcome, Rule)} == set(Rule) - {
        Rule.UNASKED
    }


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    ("data", "outcome"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS]
)
def test_an_answer_is_read_cut_or_refused(data: bytes, outcome: Outcome) -> None:
    for size in (len(data) or 1, 1, 2, 7):
        assert outcome_of(ours(pieces_of(data, size), MAX_BODY_BYTES)) == outcome


# ── other readers ─────────────────────────────────────────────────────────────────────────────────

STRICTER = frozenset(Rule) - {Rule.UNASKED}
"""The rules under which we alone may refuse an answer."""


def meaning(reading: Reading) -> tuple[object, ...]:
    """What two readers have to agree on. h11 writes the coding in lower case."""
    headers = {**(reading.headers or {})}
    if "transfer-encoding" in headers:
        headers["transfer-encoding"] = headers["transfer-encoding"].lower()
    return reading.status, headers, reading.body, reading.is_whole


@pytest.mark.sampled(6)
@pytest.mark.parametrize("data", [row[1] for row in ROWS], ids=[row[0] for row in ROWS])
def test_what_we_accept_h11_reads_equally_and_what_we_alone_refuse_has_a_rule(data: bytes) -> None:
    reading, other = ours([data] if data else [], MAX_BODY_BYTES), h11s(data)
    if reading.is_whole:
        assert meaning(reading) == meaning(other)
    elif other.is_whole:
        assert reading.rule in STRICTER


LENIENT_READINGS = {
    "headers: blanks after the value": "it keeps blanks at the end of a value",
    "headers: the most headers": "it takes 100",
    "interim: 102": "it takes an interim answer for the answer",
    "interim: 103 with headers": "it takes an interim answer for the answer",
    "interim: 199": "it takes an interim answer for the answer",
    "length: a tab after": "it keeps blanks at the end of a value",
    "length: blanks around": "it keeps blanks at the end of a value",
}
"""Rows that the standard library reads otherwise -> why. It is wrong in all of them (RFC 9110,
sections 5.5 and 15.2), but for its limit."""


def test_the_standard_library_reads_what_we_accept_as_we_do_with_known_exceptions() -> None:
    readings = {name: (ours([data], MAX_BODY_BYTES), stdlibs(data)) for name, data, _ in ROWS[:-7]}
    others = {
        name for name, (reading, other) in readings.items() if reading.is_whole and reading != other
    }
    assert others == set(LENIENT_READINGS)


def test_the_control_of_the_oracle_a_lenient_reader_accepts_what_we_refuse() -> None:
    refused = Counter(
        reading.rule
        for name, data, _ in ROWS
        if (reading := ours([data] if data else [], MAX_BODY_BYTES)).rule and stdlibs(data).is_whole
    )
    assert len(refused) > 10 and refused[Rule.LENGTH_AND_CODING] >= 3


# ── one after the other ───────────────────────────────────────────────────────────────────────────


def read_next(parser: ResponseParser, data: bytes) -> tuple[int, bytes, bool]:
    parser.begin("POST")
    parser.feed(data)
    assert parser.head is not None
    return parser.head.status, parser.take(), parser.can_reuse


def test_a_parser_reads_the_answers_of_a_connection_one_after_the_other() -> None:
    parser = ResponseParser()
    for body in (b"one", b"", b"three"):
        assert read_next(parser, of_length(len(body), body)) == (200, body, True)
        assert read_next(parser, chunked(*[body] * bool(body))) == (200, body, True)


@pytest.mark.parametrize(
    ("data", "can_reuse"),
    [
        (of_length(2, b"hi"), True),
        (of_length(2, b"hi", b"Connection: close\r\n"), False),
        (of_length(2, b"hi", b"Connection: keep-alive, close\r\n"), False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", False),
        (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nhi", True),
        (OK + b"\r\nhi", False),
    ],
)
def test_the_server_tells_whether_its_connection_may_be_used_again(
    data: bytes, can_reuse: bool
) -> None:
    assert read_next(ResponseParser(), data) == (200, b"hi", can_reuse)


def test_of_namesakes_the_last_is_kept() -> None:
    reading = ours([of_length(0, b"", b"Date: first\r\nDATE: last\r\n")])
    assert reading.headers == {"date": "last", "content-length": "0"}


def test_one_read_is_one_piece_whatever_its_chunks() -> None:
    parser = ResponseParser()
    parser.begin("POST")
    parser.feed(chunked(*[b"a"] * 200))
    assert parser.take() == b"a" * 200
    assert parser.take() == b""


def test_what_precedes_a_fault_is_kept() -> None:
    reading = ours([chunked(b"hello", last=b"rubbish")])
    assert (reading.status, reading.body, reading.rule) == (200, b"hello", Rule.CHUNK)


@pytest.mark.parametrize("secret", [b"secret", b"\x01secret"])
def test_a_refusal_does_not_quote_the_server(secret: bytes) -> None:
    for data in (secret, OK + secret + b"\r\n\r\n", chunked(last=secret + b"\r\n")):
        parser = ResponseParser()
        with pytest.raises(BadResponse) as caught:
            parser.feed(data)
        assert "secret" not in f"{caught.value}{caught.value!r}"


def test_an_answer_to_connect_ends_with_its_head() -> None:
    parser = ResponseParser()
    parser.begin("CONNECT")
    parser.feed(b"HTTP/1.1 200 Connection established\r\n\r\n")
    assert parser.is_complete


def test_a_proxy_that_speaks_before_the_service_is_refused() -> None:
    parser = ResponseParser()
    parser.begin("CONNECT")
    with pytest.raises(BadResponse) as caught:
        parser.feed(b"HTTP/1.1 200 Connection established\r\n\r\nHTTP/1.1 200 OK\r\n")
    assert caught.value.rule is Rule.AFTER_END


CALLBACKS = [
    "on_message_begin",
    "on_status",
    "on_header",
    "on_headers_complete",
    "on_message_complete",
]


class Interrupted(ResponseParser):
    """A parser at whose `callback` somebody presses Ctrl-C, before or after it did its work."""

    def __init__(self, callback: str, *, is_after: bool) -> None:
        super().__init__()
        own = getattr(self, callback)

        def interrupted(*args: bytes) -> None:
            try:
                if is_after:
                    own(*args)
            finally:
                signal.raise_signal(signal.SIGINT)

        setattr(self, callback, interrupted)
        self._parser = httptools.HttpResponseParser(self)


@pytest.mark.parametrize("is_after", [False, True])
@pytest.mark.parametrize("callback", CALLBACKS)
def test_ctrl_c_while_an_answer_is_parsed_is_ctrl_c(callback: str, *, is_after: bool) -> None:
    parser = Interrupted(callback, is_after=is_after)
    with pytest.raises(KeyboardInterrupt):
        parser.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")


def test_ctrl_c_in_a_callback_that_refuses_is_ctrl_c() -> None:
    parser = Interrupted("on_headers_complete", is_after=True)
    with pytest.raises(KeyboardInterrupt):
        parser.feed(b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n")


def test_ctrl_c_behind_a_body_that_is_too_large_is_ctrl_c() -> None:
    parser = Interrupted("on_message_complete", is_after=True)
    parser.begin("GET", 3)
    with pytest.raises(KeyboardInterrupt):
        parser.feed(CODED + b"4\r\nmore\r\n0\r\n\r\n")
