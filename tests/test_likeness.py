"""What is said of a body that cannot be read: what it looks like and its size, never its words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axonflow_core.codec.likeness import is_member_name, kind_of, likeness

BODIES: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "an empty body"),
    "blanks": (b" \r\n", "an empty body"),
    "a page": (b"<!DOCTYPE html><p>hunter2", "an HTML page of 25 bytes"),
    "a page with a byte order mark": (
        b"\xef\xbb\xbf\n<HTML lang='en'>hunter2",
        "an HTML page of 27 bytes",
    ),
    "an error of S3": (
        b'<?xml version="1.0"?><Error>hunter2</Error>',
        "an XML document of 43 bytes",
    ),
    "an object": (b'{"id": "hunter2", "n": 1}', "a JSON object (id, n) of 25 bytes"),
    "an object with words for names": (
        b'{"my password": "hunter2"}',
        "a JSON object (no members) of 26 bytes",
    ),
    "many members": (b'{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1}', "a JSON object (a, b, c, d"),
    "a list": (b'["hunter2"]', "a JSON list of 11 bytes"),
    "a string": (b'"hunter2"', "a JSON string of 9 bytes"),
    "a number": (b"12", "a JSON number of 2 bytes"),
    "a boolean": (b"true", "a JSON boolean of 4 bytes"),
    "null": (b"null", "a JSON null of 4 bytes"),
    "half an object": (b'{"id": "hunter2', "JSON that is cut or broken of 15 bytes"),
    "words": ("hünter2".encode(), "plain text of 8 bytes"),
    "gzip": (b"\x1f\x8b\x08\0hunter2", "binary data of 11 bytes"),
    "a letter that is cut": ("ü".encode() * 1024, "plain text of 2048 bytes"),
    "a picture": (b"\x89PNG\r\n\x1a\nhunter2", "binary data of 15 bytes"),
}


@pytest.mark.parametrize(("body", "expected"), BODIES.values(), ids=BODIES)
def test_a_body_is_told_by_what_it_looks_like(body: bytes, expected: str) -> None:
    shown = likeness(body)
    assert shown.startswith(expected)
    assert "hunter2" not in shown


def test_a_key_that_is_no_name_is_no_member_name() -> None:
    assert is_member_name("stop_reason")
    assert not any(is_member_name(word) for word in ("my password", "", "é", 3, None, "x" * 41))


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_any_body_looks_like_something(body: bytes) -> None:
    assert kind_of(body)
    assert likeness(body).endswith(("bytes", "an empty body"))
