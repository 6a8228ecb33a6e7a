"""An answer that the codec cannot read: what it looks like, never what it says.

A captive portal, a proxy's page or another service may have written it, so none of its text is
quoted. Names of JSON members are shown, for they tell one family from another.
"""

from __future__ import annotations

import re

import orjson

from axonflow_core.errors import DecodeError

_SHOWN_KEYS = 6
_KEY = re.compile(r"[A-Za-z_][\w.-]{0,39}")


def unreadable(family: str, body: bytes, cause: Exception | None, hint: str) -> DecodeError:
    """The error for an answer of status 200 that is not one of `family`."""
    what = f"the answer is not one of the {family} family"
    if isinstance(cause, DecodeError):
        what = cause.message
    return DecodeError(f"{what}; it is {_likeness(body)} of {len(body)} bytes", hint=hint)


def _likeness(body: bytes) -> str:
    """What a body looks like, with an article."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        is_page = body.lstrip()[:1] == b"<"
        return "an HTML or XML page" if is_page else "no JSON"
    if isinstance(value, dict):
        keys = [key for key in value if _KEY.fullmatch(key)][:_SHOWN_KEYS]
        return f"a JSON object ({', '.join(keys) or 'no members'})"
    return f"a JSON {_NAMES.get(type(value), 'number')}"


_NAMES = {list: "list", str: "string", bool: "boolean", type(None): "null"}
