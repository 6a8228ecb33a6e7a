"""Services for servers that run as processes: apps with a way to fail, to wait and to be asked."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

from axonflow_core.errors import ConfigError
from axonflow_core.server.limits import Limits
from axonflow_core.server.serving import WorkerSpec, serve
from axonflow_core.server.state import ServerState
from axonflow_core.server.supervisor import supervise


class App:
    """Notes in the file `events` what happens to it.

    GET /pid, /draining and /die do what they say; /wait answers once the file `go_on` is there, or
    notes that it was cancelled; /stubborn does not let itself be cancelled.
    """

    def __init__(self, state: ServerState, events: Path) -> None:
        self.state = state
        self.events = events
        state.on_reload = lambda: self.note("reloaded")

    def note(self, what: str) -> None:
        add_line(self.events, what)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            self.note("closed")
            await send({"type": "lifespan.shutdown.complete"})
            return
        text = await getattr(self, scope["path"][1:])()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": str(text).encode()})

    async def pid(self) -> int:
        return os.getpid()

    async def draining(self) -> bool:
        return self.state.is_draining

    async def die(self) -> None:
        os._exit(9)

    async def wait(self) -> str:
        self.note("waiting")
        try:
            while not self.events.with_name("go_on").exists():  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        except asyncio.CancelledError:
            self.note("cancelled")
            await asyncio.sleep(0.05)
            self.note("last word")
            raise
        return "waited"

    async def hang(self) -> None:
        self.note("waiting")
        try:
            await asyncio.sleep(60)
        finally:
            self.note("cancelled")

    async def stubborn(self) -> None:
        self.note("waiting")
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                self.note("stubborn")


def add_line(path: Path, line: str) -> None:
    with path.open("a") as file:
        file.write(f"{line}\n")


def service(argument: Any) -> WorkerSpec:
    """`argument`: `events`, a path, and how the start goes."""
    events = Path(argument["events"])
    if argument.get("fails") == "config":
        raise ConfigError("the audit cannot be opened", hint="make the folder")

    async def build(state: ServerState) -> App:
        if argument.get("fails") == "soon":
            asyncio.get_running_loop().call_later(0.3, os._exit, 9)
        if argument.get("fails") == "never":
            add_line(events, "starting")
            await asyncio.sleep(60)
        if argument.get("fails") == "text":
            raise ValueError("a secret")
        app = App(state, events)
        app.note(f"started {state.worker}")
        return app

    times = {name: argument[name] for name in ("drain_s", "last_call_s") if name in argument}
    limits = Limits(**{"drain_s": 60.0, **times}, grace_s=20.0, close_s=20.0)
    return WorkerSpec(build, limits)


def main(workers: int, argument: Any) -> int:
    """A command that serves; prints its URL, or the error."""

    def say(text: str) -> None:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()

    try:
        if workers > 1:
            factory = "server.services:service"
            return supervise(
                factory, argument, workers=workers, port=0, on_ready=say, patience_s=60.0
            )
        made = service(argument)
        return serve(made.app_factory, port=0, limits=made.limits, on_ready=say)
    except ConfigError as error:
        say(f"{error} / {error.hint}")
        return 3


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), json.loads(sys.argv[2])))
