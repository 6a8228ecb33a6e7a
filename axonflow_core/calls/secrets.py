"""Credentials of a request do not stand in what is said of its answer.

A vendor, or a gateway in front of it, may quote in an error what it was sent: OpenAI's "Incorrect
API key provided: …" does, with most of the key masked, and others mask nothing. Such a message goes
to whoever made the call, who may be a client that must never see the operator's key.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote

from axonflow_core.errors import AxonFlowError

_PROVING = re.compile(r"auth|key|token|secret|signature")
"""In the name of a header that proves an identity: `authorization`, `x-api-key`."""
MASK = "[redacted]"
_LEAST = 6
"""Shorter values are no secrets, and would be found in words."""


def secrets_of(headers: Mapping[str, str]) -> tuple[str, ...]:
    """The credentials in the headers of a request, the longest first: with their scheme
    (`Bearer …`), without it, and as they stand in a URL."""
    values = [value for name, value in headers.items() if _PROVING.search(name.lower())]
    found = {form for value in values for form in (value, value.rpartition(" ")[2])}
    forms = {form for each in found for form in (each, quote(each, safe=""))}
    return tuple(sorted((each for each in forms if len(each) >= _LEAST), key=len, reverse=True))


def without_secrets(error: AxonFlowError, headers: Mapping[str, str]) -> AxonFlowError:
    """`error`, whose words no longer have a credential of the request with these `headers`."""
    for secret in secrets_of(headers):
        _mask(error, secret)
    return error


def _mask(error: AxonFlowError, secret: str) -> None:
    """Only what may be the provider's words: a hint is ours."""
    for name in _QUOTING:
        text = getattr(error, name, None)
        if isinstance(text, str) and secret in text:
            setattr(error, name, text.replace(secret, MASK))
    error.args = (error.message,)


_QUOTING = ("message", "request_id", "native_code", "native_message")
