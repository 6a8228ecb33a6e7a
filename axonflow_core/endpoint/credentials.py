"""How a caller presents its key, and who the caller is.

    presented    a received request -> the key, or None           of a dialect, as data
    verifier     the key -> the id of the client                  injected

A verifier raises `CredentialsError` for a key that it does not know; the endpoint writes that in
the vendor's form.
"""

from __future__ import annotations

import hmac
from base64 import b64decode
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias
from urllib.parse import parse_qs

from axonflow_core.errors import CredentialsError, CredentialsMissing
from axonflow_core.http.asgi import ReceivedRequest

Presented: TypeAlias = Callable[[ReceivedRequest], Any]
"""What of a request proves who calls: for a dialect with keys the key, None where there is none."""
Verifier: TypeAlias = Callable[[Any], str]
"""What is presented -> the id of the client, never a secret. `CredentialsError`."""


def bearer_token(request: ReceivedRequest) -> str | None:
    """`authorization: Bearer KEY`."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    return key.strip() or None if scheme.lower() == "bearer" else None


def basic(request: ReceivedRequest) -> str | None:
    """`authorization: Basic BASE64`, where what is encoded is `ID:KEY`."""
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        return b64decode(encoded.strip(), validate=True).decode() or None
    except ValueError:
        return None


def header(name: str) -> Presented:
    """The key alone in a header: `x-api-key`, `x-goog-api-key`, `api-key`."""
    return lambda request: request.headers.get(name) or None


def query_member(name: str) -> Presented:
    """The key as a member of the query: `?key=`."""
    return lambda request: _query(request).get(name, [None])[-1]


def first_of(*ways: Presented) -> Presented:
    """The first key that is presented in one of these ways."""
    return lambda request: next(filter(None, (way(request) for way in ways)), None)


def nothing(request: ReceivedRequest) -> None:
    """A service without keys."""
    return


def _query(request: ReceivedRequest) -> dict[str, list[str]]:
    return parse_qs(request.target.partition("?")[2])


def key_verifier(
    keys: Mapping[str, str],
    *,
    missing: str = "The request has no API key.",
    wrong: str = "The API key is not known.",
) -> Verifier:
    """A verifier that knows the clients of `keys`, key -> id, and refuses with these messages;
    `{key:.3}` in `wrong` is how the key begins."""

    def verified(presented: str | None) -> str:
        if presented is None:
            raise CredentialsMissing(missing)
        known = [id for key, id in keys.items() if _is_same(key, presented)]
        if not known:
            raise CredentialsError(wrong.format(key=presented))
        return known[0]

    return verified


def _is_same(key: str, presented: str) -> bool:
    """Whether two keys are equal, in a time that does not tell where they differ."""
    return hmac.compare_digest(key.encode(), presented.encode("utf-8", "replace"))


def anybody(presented: object) -> str:
    """The verifier of a service without keys."""
    return "anybody"
