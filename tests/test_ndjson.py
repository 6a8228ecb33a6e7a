"""JSON lines: the same values for every way of cutting, and errors that quote nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axonflow_core.errors import DecodeError, TruncatedStream
from axonflow_core.framing.ndjson import NdjsonDecoder, encode_line
from axonflow_core.messages import Json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8"), max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.just("key"), inner),
    max_leaves=5,
)


def read(*pieces: bytes) -> list[Json]:
    decoder = NdjsonDecoder()
    values = [value for piece in pieces for value in decoder.feed(piece)]
    decoder.finish()
    return values


@given(st.lists(VALUES, max_size=5), st.sampled_from([b"", b"\n", b"\r\n", b" \n"]))
def test_what_is_encoded_is_read_again_however_it_is_cut(values: list[Json], blank: bytes) -> None:
    stream = blank.join([b"", *map(encode_line, values), b""])

    assert read(stream) == values
    assert read(*(stream[at : at + 1] for at in range(len(stream)))) == values


def test_lines_may_end_with_crlf() -> None:
    assert read(b'{"a": 1}\r\n{"b": 2}\r\n') == [{"a": 1}, {"b": 2}]


def test_a_number_keeps_its_digits() -> None:
    assert read(b"12345678901234567890123\n") == [12345678901234567890123]


def test_consumed_bytes_stand_in_values_that_were_handed_out() -> None:
    decoder = NdjsonDecoder()
    decoder.feed(b'{"a": 1}\n{"b"')

    assert decoder.consumed_bytes == len(b'{"a": 1}\n')


def test_a_stream_that_ends_in_a_line_is_truncated() -> None:
    decoder = NdjsonDecoder()
    decoder.feed(b'{"a": 1}\n{"b"')

    with pytest.raises(TruncatedStream, match="4 bytes into a line"):
        decoder.finish()


def test_a_line_that_is_no_json_is_an_error_after_the_values_before_it() -> None:
    decoder = NdjsonDecoder()

    assert decoder.feed(b"1\nprivate\n2\n") == [1]
    with pytest.raises(DecodeError, match="7 bytes that are no JSON") as caught:
        decoder.feed(b"")
    with pytest.raises(DecodeError):
        decoder.finish()

    assert "private" not in str(caught.value)


def test_an_endless_line_is_refused() -> None:
    decoder = NdjsonDecoder(max_line_bytes=100_000)

    with pytest.raises(DecodeError, match="longer than 100000 bytes"):
        for _ in range(200):
            decoder.feed(b"x" * 4096)
