"""Recording and replaying: a cassette that copies an app's traffic, or answers in place of an app.

recorded    the app answers; each exchange is on the cassette before the client receives its end
Replay      the cassette answers; signatures are verified as the emulator verifies them
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from axonflow_core.endpoint.replies import Reply
from axonflow_core.http.asgi import AsgiApp, ReceivedRequest
from axonflow_core.recordings.json_equality import strict_difference

from ..wire.endpoint import ServiceException, Verifier, invalid_call, unknown_operation
from .cassette import Cassette, Exchange, address_of, asked_body, read_cassette, without_secrets

_ABOUT_THE_CALLER = (
    *(
        "InvalidSignatureException",
        "UnrecognizedClientException",
        "MissingAuthenticationTokenException",
    ),
    *("IncompleteSignatureException", "ExpiredTokenException"),
)
"""Refusals that concern the caller and not the call. They are not recorded: in a replay the same
call may be signed correctly."""


# ── recording ─────────────────────────────────────────────────────────────────────────────────────


def recorded(app: AsgiApp, cassette: Cassette, region: str) -> AsgiApp:
    """`app`, with its exchanges added to `cassette`. Exchanges that either side breaks off are not
    added.
    """

    async def recording(scope: Any, receive: Any, send: Any) -> None:
        tape = _Tape()

        async def recording_receive() -> Any:
            message = await receive()
            tape.request += message.get("body", b"")
            return message

        async def recording_send(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                tape.start = message
            else:
                tape.response += message.get("body", b"")
                if not message.get("more_body", False):
                    for exchange in tape.exchanges(scope, region):
                        cassette.add(exchange)
            await send(message)

        await app(scope, recording_receive, recording_send)

    return recording


class _Tape:
    """The request and answer of one call, as they pass."""

    def __init__(self) -> None:
        self.request = bytearray()
        self.start: dict[str, Any] = {}
        self.response = bytearray()

    def exchanges(self, scope: Any, region: str) -> list[Exchange]:
        """The exchange, in a list that is empty where it is not recorded."""
        address = address_of(scope["method"], scope["raw_path"].decode("latin-1"))
        headers = _decoded(self.start["headers"])
        if address is None or headers.get("x-amzn-errortype", "").startswith(_ABOUT_THE_CALLER):
            return []
        operation, model_id = address
        return [
            Exchange(
                operation=operation,
                model_id=model_id,
                status=self.start["status"],
                region=region,
                request_headers=_decoded(scope["headers"]),
                request_body=asked_body(bytes(self.request)),
                response_headers=headers,
                response=bytes(self.response),
            )
        ]


def _decoded(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in headers}


# ── replaying ─────────────────────────────────────────────────────────────────────────────────────


class Replay:
    """Answers from a cassette, for requests whose signature `verifier` accepts.

    Several answers to one call are given in their order, and the last one repeatedly.
    """

    def __init__(self, path: Path, verifier: Verifier) -> None:
        self._verifier = verifier
        self._exchanges = read_cassette(path)
        self._left: dict[tuple[str, str, str], deque[Exchange]] = {}
        for exchange in self._exchanges:
            self._left.setdefault(exchange.key, deque()).append(exchange)

    async def __call__(self, request: ReceivedRequest) -> Reply:
        # Before the cassette is searched, so that a replay refuses the credentials that AWS would
        # refuse.
        self._verifier(request)
        asked = _asked(request)
        answers = self._left.get(asked.key)
        if answers is None:
            raise self._unknown(asked)
        # The last one stays: a program that polls more often than the recorded one is answered too.
        answer = answers.popleft() if len(answers) > 1 else answers[0]
        return Reply(answer.status, answer.response_headers, answer.response)

    def _unknown(self, asked: Exchange) -> ServiceException:
        """The refusal of a call that is not on the cassette: whether operation, model or body does
        not match, with the path of the first difference. Never quotes a body.
        """
        same_operation = [one for one in self._exchanges if one.operation == asked.operation]
        if not same_operation:
            held = _names(one.operation for one in self._exchanges)
            return invalid_call(f"The cassette has no call of {asked.operation}; it has {held}.")
        same_model = [one for one in same_operation if one.model_id == asked.model_id]
        if not same_model:
            held = _names(one.model_id for one in same_operation)
            return invalid_call(
                f"The cassette has no {asked.operation} of {asked.model_id}; it has {held}."
            )
        return invalid_call(
            f"The cassette has {len(same_model)} {asked.operation} of {asked.model_id}, and none "
            "with this body; the nearest differs at "
            f"{max((_place_of_difference(one, asked) for one in same_model), key=len)}."
        )


def _asked(request: ReceivedRequest) -> Exchange:
    """The call as an exchange without an answer."""
    address = address_of(request.method, request.target)
    if address is None:
        raise unknown_operation()
    operation, model_id = address
    body = asked_body(request.body)
    return without_secrets(
        Exchange(operation=operation, model_id=model_id, status=0, request_body=body, response=b"")
    )


def _place_of_difference(held: Exchange, asked: Exchange) -> str:
    difference = strict_difference(held.request_body, asked.request_body)
    return difference.path if difference else "$"


def _names(names: Iterable[str]) -> str:
    return ", ".join(sorted({*names})) or "none"
