"""What an emulator was asked: each call with its status and the rule that decided on it."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeAlias

from axonflow_core.http.asgi import AsgiApp
from axonflow_core.plugin_spec import CallLog, EmulatedCall

if TYPE_CHECKING:
    from .script import Rule

Addressed: TypeAlias = Callable[[str, str, bytes], tuple[str, str] | None]
"""Method, undecoded path and body -> the operation and the model; None for what is not logged."""

_RULES: ContextVar[list[Rule]] = ContextVar("rules")


def note_rule(rule: Rule) -> None:
    """Note the rule that decides on the call that is being handled."""
    if (noted := _RULES.get(None)) is not None:
        noted.append(rule)


def with_log(app: AsgiApp, log: CallLog, addressed: Addressed) -> AsgiApp:
    """`app`, each of whose calls of a model is handed to `log` once it is answered."""

    async def logged(scope: Any, receive: Any, send: Any) -> None:
        # Lists of this call's own: the handler runs in a copy of the context, where a value that it
        # sets would be lost, and an item that it appends is not.
        rules: list[Rule] = []
        body, is_kept = bytearray(), False
        _RULES.set(rules)

        def keep(status: int | None) -> None:
            nonlocal is_kept
            is_kept = True
            path = scope["raw_path"].decode("latin-1")
            address = addressed(scope["method"], path, bytes(body))
            if address is not None:
                rule = rules[0] if rules else None
                log(_call(address, bytes(body), status, rule))

        async def received() -> Any:
            message = await receive()
            body.extend(message.get("body", b""))
            return message

        async def sent(message: Any) -> None:
            # Before it is sent, so that whoever has the answer finds the call.
            if message["type"] == "http.response.start":
                keep(message["status"])
            await send(message)

        try:
            await app(scope, received, sent)
        finally:
            if not is_kept:
                keep(None)

    return logged


def _call(
    address: tuple[str, str], body: bytes, status: int | None, rule: Rule | None
) -> EmulatedCall:
    operation, model = address
    return EmulatedCall(operation=operation, model=model, body=body, status=status, rule=rule)
