"""Wire faults: a good answer that is damaged on its way to the client.

    handler    decides by the call, and requests a fault for its answer with `inject_fault`
    app        answers as without faults; `with_faults` buffers the whole answer, damages it and
               delivers it

A fault is a function from a whole answer to a `_Delivery`, in the table at the end; what differs
between dialects is in `Damage`. A delivery runs inside the app, which cancels it when the client
disconnects.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from enum import StrEnum
from typing import Any

from axonflow_core.frozen import evolve, frozen
from axonflow_core.http.asgi import AsgiApp


class FaultKind(StrEnum):
    """The kinds of damage to an answer."""

    TRUNCATE = "truncate"
    """The body ends early, and HTTP marks it as complete."""
    RESET = "reset"
    """The connection is closed within the body, so HTTP marks it as incomplete."""
    STALL = "stall"
    """Sending stops within the body, and the connection stays open."""
    CORRUPT = "corrupt"
    """One bit of the body is flipped: JSON is no UTF-8 any more, the checksum of a frame fails."""
    JSON = "json"
    """A JSON error as the body, with status 200 and the headers of the answer, which for a stream
    announce a stream."""
    DRIP = "drip"
    """The body is sent one byte at a time."""
    CONTENT_TYPE = "content-type"
    """A page as of a captive portal: status 200, `text/html`."""
    HUGE = "huge"
    """A stream with a frame of more than 2 MiB; a whole answer padded to more than 32 MiB."""
    EMPTY = "empty"
    """Status 200 and no body."""


@frozen
class WireFault:
    """A fault to inject into one answer."""

    kind: FaultKind
    at_byte: int | None = None
    """Where in the body; None: in the middle."""
    pause_s: float = 0.05
    """`drip`: seconds between two bytes."""


@frozen(kw_only=True)
class Damage:
    """What the faults of one dialect are made of."""

    error: bytes
    """An error as a whole body of its JSON."""
    huge_frames: Mapping[str, bytes]
    """Content type of a stream, without parameters -> one frame of more than its readers take."""


_CHOSEN: ContextVar[list[WireFault]] = ContextVar("chosen")


def inject_fault(fault: WireFault) -> None:
    """Damage the answer to the call that is being handled. Only inside an app of `with_faults`."""
    _CHOSEN.get().append(fault)


def with_faults(app: AsgiApp, damage: Damage) -> AsgiApp:
    """`app`, whose handler may call `inject_fault`."""

    async def damaging(scope: Any, receive: Any, send: Any) -> None:
        # A list of this call's own: the handler runs in a copy of the context, where a value that
        # it sets would be lost, and an item that it appends is not.
        chosen: list[WireFault] = []
        _CHOSEN.set(chosen)
        await app(scope, receive, _DamagingSend(send, chosen, damage))

    return damaging


# ── an answer, and how it is delivered ────────────────────────────────────────────────────────────


@frozen
class _Delivery:
    """How an answer is sent: `body` in `pieces`, `pause_s` seconds apart, and then the end."""

    headers: Mapping[bytes, bytes]
    body: bytes
    damage: Damage
    piece_bytes: int | None = None
    """The size of a piece; None: the whole body."""
    pause_s: float = 0.0
    is_ended: bool = True
    """Whether HTTP marks the body as complete."""
    is_open: bool = False
    """Whether the connection stays open without sending anything more."""

    @property
    def pieces(self) -> Iterator[bytes]:
        size = self.piece_bytes or max(len(self.body), 1)
        return (self.body[start : start + size] for start in range(0, len(self.body), size))


class _DamagingSend:
    """Replaces ASGI's `send`. Buffers the answer where a fault was injected, else passes messages
    on unchanged.
    """

    def __init__(self, send: Any, chosen: list[WireFault], damage: Damage) -> None:
        self._send = send
        self._chosen = chosen
        self._damage = damage
        self._start: dict[str, Any] = {}
        self._body = bytearray()

    async def __call__(self, message: dict[str, Any]) -> None:
        if not self._chosen:
            await self._send(message)
        elif message["type"] == "http.response.start":
            self._start = message
        else:
            self._body += message.get("body", b"")
            if not message.get("more_body", False):
                await self._deliver(self._chosen[0])

    async def _deliver(self, fault: WireFault) -> None:
        """Send the buffered answer as the fault has it."""
        whole = _Delivery(dict(self._start["headers"]), bytes(self._body), self._damage)
        delivery = _DAMAGE[fault.kind](whole, fault)
        # Without Content-Length the body is sent chunked, so HTTP itself shows whether it was cut.
        headers = [
            (name, value) for name, value in delivery.headers.items() if name != b"content-length"
        ]
        await self._send({**self._start, "headers": headers})
        for piece in delivery.pieces:
            await self._send({"type": "http.response.body", "body": piece, "more_body": True})
            await asyncio.sleep(delivery.pause_s)
        if delivery.is_open:
            await asyncio.Event().wait()
        if delivery.is_ended:
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})


# ── the faults ────────────────────────────────────────────────────────────────────────────────────

_BODY_TOO_LARGE = 32 * 2**20 + 1
_PORTAL = b"<!doctype html><title>Sign in</title><p>Sign in to use this network."


def _place(answer: _Delivery, fault: WireFault) -> int:
    """The byte at which the fault happens; the middle of the body by default."""
    return len(answer.body) // 2 if fault.at_byte is None else min(fault.at_byte, len(answer.body))


def _truncate(answer: _Delivery, fault: WireFault) -> _Delivery:
    """The body ends early and the connection is closed in order."""
    return evolve(answer, body=answer.body[: _place(answer, fault)])


def _reset(answer: _Delivery, fault: WireFault) -> _Delivery:
    """The body ends early and the connection is broken off, without the end of the HTTP message."""
    return evolve(_truncate(answer, fault), is_ended=False)


def _stall(answer: _Delivery, fault: WireFault) -> _Delivery:
    """The body stops and the connection stays open: only a timeout of the client ends it."""
    return evolve(_truncate(answer, fault), is_open=True)


def _corrupt(answer: _Delivery, fault: WireFault) -> _Delivery:
    body, place = bytearray(answer.body), min(_place(answer, fault), len(answer.body) - 1)
    body[place] ^= 0x80  # the highest bit, so that a JSON body is no longer UTF-8
    return evolve(answer, body=bytes(body))


def _json(answer: _Delivery, fault: WireFault) -> _Delivery:
    return evolve(answer, body=answer.damage.error)


def _drip(answer: _Delivery, fault: WireFault) -> _Delivery:
    return evolve(answer, piece_bytes=1, pause_s=fault.pause_s)


def _content_type(answer: _Delivery, fault: WireFault) -> _Delivery:
    """A login page of a network (captive portal) under the status of the answer."""
    return evolve(
        answer,
        headers={**answer.headers, b"content-type": b"text/html; charset=utf-8"},
        body=_PORTAL,
    )


def _huge(answer: _Delivery, fault: WireFault) -> _Delivery:
    """More bytes than a client should accept: one frame, or a body padded with blanks."""
    content_type = answer.headers.get(b"content-type", b"").decode("latin-1").partition(";")[0]
    frame = answer.damage.huge_frames.get(content_type)
    return evolve(answer, body=answer.body + b" " * _BODY_TOO_LARGE if frame is None else frame)


def _empty(answer: _Delivery, fault: WireFault) -> _Delivery:
    return evolve(answer, body=b"")


_DAMAGE: Mapping[FaultKind, Callable[[_Delivery, WireFault], _Delivery]] = {
    FaultKind.TRUNCATE: _truncate,
    FaultKind.RESET: _reset,
    FaultKind.STALL: _stall,
    FaultKind.CORRUPT: _corrupt,
    FaultKind.JSON: _json,
    FaultKind.DRIP: _drip,
    FaultKind.CONTENT_TYPE: _content_type,
    FaultKind.HUGE: _huge,
    FaultKind.EMPTY: _empty,
}
