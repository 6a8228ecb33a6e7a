"""Services that fail as they are told to, and count what reaches them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import orjson

from axonflow_core.http.local_server import Server

ANSWER = {
    "id": "c-1",
    "object": "chat.completion",
    "created": 1,
    "model": "toy-1",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Hello."},
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
}


class Failing:
    """An app of OpenAI's chat completions that answers each call with one status."""

    def __init__(self, status: int, *, pause_s: float = 0.0) -> None:
        self.status = status
        self.pause_s = pause_s
        self.calls = 0
        self.breaks = False
        """Whether it begins a stream, and ends it in the middle."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.calls += 1
        if self.breaks:
            await self._break_off(send)
            return
        if self.pause_s:
            await asyncio.sleep(self.pause_s)
        said = ANSWER if self.status == 200 else {"error": {"message": "down", "type": "x"}}
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": orjson.dumps(said)})

    async def _break_off(self, send: Any) -> None:
        chunk = {**ANSWER, "object": "chat.completion.chunk", "usage": None}
        chunk["choices"] = [{"index": 0, "delta": {"content": "Hel"}, "finish_reason": None}]
        headers = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        body = b"data: " + orjson.dumps(chunk) + b"\n\n"
        await send({"type": "http.response.body", "body": body})


@contextmanager
def serving(services: Mapping[str, Failing]) -> Iterator[Mapping[str, str]]:
    """The URL of each."""
    with ExitStack() as stack:
        yield {name: stack.enter_context(Server(app)).base_url for name, app in services.items()}
