"""What a body looks like that cannot be read: its kind and size, never its words.

A captive portal, a proxy or another service may have written it, with whatever must not be logged.
Names of JSON members are shown, for they tell one family from another.
"""

from __future__ import annotations

import re

import orjson

_SHOWN_NAMES = 6
_NAME = re.compile(r"[A-Za-z_][\w.-]{0,39}", re.ASCII)
_PAGE = re.compile(rb"<!doctype html|<(html|head|body|title|script)\b", re.IGNORECASE)
_BINARY = re.compile(rb"[\0-\x08\x0e-\x1a\x1c-\x1f]")
_SNIFFED_BYTES = 1024


def likeness(body: bytes) -> str:
    """`an HTML page of 512 bytes`, `a JSON object (id, choices) of 2048 bytes`."""
    return f"{kind_of(body)} of {len(body)} bytes" if body.strip() else "an empty body"


def kind_of(body: bytes) -> str:
    """What `body`, which may be the beginning of one, looks like; with an article."""
    begin = body[:_SNIFFED_BYTES].lstrip(b"\xef\xbb\xbf \t\r\n")
    if begin[:1] == b"<":
        return "an HTML page" if _PAGE.search(begin) else "an XML document"
    try:
        return _kind_of_json(orjson.loads(body))
    except orjson.JSONDecodeError:
        pass
    if begin[:1] in (b"{", b"["):
        return "JSON that is cut or broken"
    return "binary data" if _is_binary(begin) else "plain text"


def is_member_name(word: object) -> bool:
    """Whether `word` looks like the name of a JSON member, and not like somebody's text."""
    return isinstance(word, str) and _NAME.fullmatch(word) is not None


def _kind_of_json(value: object) -> str:
    if isinstance(value, dict):
        names = [name for name in value if is_member_name(name)][:_SHOWN_NAMES]
        return f"a JSON object ({', '.join(names) or 'no members'})"
    return f"a JSON {_KINDS.get(type(value), 'number')}"


def _is_binary(begin: bytes) -> bool:
    try:
        begin[: _SNIFFED_BYTES - 4].decode()  # the last character may be cut
    except UnicodeDecodeError as error:
        return error.end < len(begin) or error.reason != "unexpected end of data"
    return _BINARY.search(begin) is not None


_KINDS = {list: "list", str: "string", bool: "boolean", type(None): "null"}
