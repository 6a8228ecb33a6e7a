"""A request that was read and whose sender is known, and the answer to be written."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any

from attrs import field

from axonflow_core.frozen import frozen
from axonflow_core.governance.caller import Caller
from axonflow_core.json_text import dumps
from axonflow_core.messages import EMPTY, Json, hidden

if TYPE_CHECKING:
    from axonflow_core.server.delivery import Delivery
    from axonflow_core.server.service import Service

USER_TOKEN = "x-user-token"  # noqa: S105 - the name of a header
"""The header in which the SDK sends a user token that was given for the whole client."""
MAX_USER = 16_384
"""Characters of a user token that count."""


@frozen
class Answer:
    """What is written. `headers` have names in lower case."""

    status: int
    body: bytes = hidden(default=b"")
    headers: Mapping[str, str] = EMPTY
    content_type: str = "application/json"
    pieces: AsyncIterator[bytes] | None = field(default=None, repr=False)
    """What follows the body, as it comes; the length of such an answer is not known."""


@frozen(kw_only=True)
class ClientRequest:
    """One request of a client."""

    service: Service = field(repr=False)
    caller: Caller
    method: str
    path: str
    parameters: Mapping[str, str] = EMPTY
    """The parts of the path that the route names."""
    query: Mapping[str, str] = EMPTY
    headers: Mapping[str, str] = field(default=EMPTY, repr=False)
    body: bytes = hidden(default=b"")
    receive: Any = field(default=None, repr=False)
    """ASGI's `receive`: after the body it tells when the client leaves."""
    delivery: Delivery | None = field(default=None, repr=False)
    """Tells whether the answer was read; None where another server serves the app."""

    @property
    def user(self) -> str | None:
        """The user that the client names for whatever it asks; a body may name another."""
        return self.headers.get(USER_TOKEN, "")[:MAX_USER] or None

    def mark(self, generation: int) -> bytes:
        """Which request it is: what was sent, by whom, under which generation of the
        configuration."""
        return self.service.seal.mark(
            self.caller.tenant.encode(),
            b"%d" % generation,
            self.caller.client.encode(),
            self.headers.get(USER_TOKEN, "").encode("latin-1"),
            self.body,
        )


def json_answer(value: Json, status: int = 200, **headers: str) -> Answer:
    """`value` as JSON."""
    return Answer(status, dumps(value), headers)


def refusal(status: int, message: str, *, code: str | None = None, **headers: str) -> Answer:
    """An error of the product's API. The text stands in `error` and in `message`: the SDK reads the
    one or the other, by the status. Of a 403 it also reads `allowed`, where it checks a tool."""
    body: dict[str, Json] = {"success": False, "error": message, "message": message}
    if status == 403:
        body |= {"allowed": False, "block_reason": message}
    if code is not None:
        body["code"] = code
    return json_answer(body, status, **headers)
