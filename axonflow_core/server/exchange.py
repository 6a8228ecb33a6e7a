"""One request and its response: the app's task, and what the client gets where it fails."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from .refusals import INTERNAL, SHUTTING_DOWN, Refusal, body_of, headers_of

if TYPE_CHECKING:
    from .state import ServerState


class Exchange(RequestResponseCycle):
    """uvicorn's cycle. An app that raises, or ends without an answer, is answered for: by 503
    where the drain cancelled it, else by 500. A response that had begun is broken off."""

    server_state: ServerState

    async def run_asgi(self, app: Any) -> None:
        """Runs the app. Never raises."""
        try:
            await app(self.scope, self.receive, self.send)
            if not (self.response_complete or self.disconnected):
                self._note_failure(None)
                await self._answer(INTERNAL)
        except asyncio.CancelledError:
            await self._answer(SHUTTING_DOWN)
        except BaseException as error:
            self._note_failure(error)
            await self._answer(INTERNAL)
        finally:
            self.on_response = _nothing

    def _note_failure(self, error: BaseException | None) -> None:
        self.server_state.failed += 1
        self.logger.error("a request failed in the app", exc_info=error)

    async def _answer(self, refusal: Refusal) -> None:
        if self.disconnected or self.response_complete:
            return
        if self.response_started:
            self.transport.abort()
            return
        body = body_of(refusal)
        headers = headers_of(refusal, body)
        start = {"type": "http.response.start", "status": refusal.status, "headers": headers}
        await self.send(start)  # type: ignore[arg-type]
        await self.send({"type": "http.response.body", "body": body, "more_body": False})


def _nothing() -> None:
    """Instead of the connection's callback, so that a finished exchange keeps nothing alive."""
