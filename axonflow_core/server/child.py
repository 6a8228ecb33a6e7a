"""The process of one worker, started by `supervisor` as `python -m axonflow_core.server.child`.

It reads its orders from its lifeline, reports, and serves until a signal or the lifeline's end.
"""

from __future__ import annotations

import importlib
import os
import socket
import sys
from typing import Any

import orjson

from axonflow_core.errors import AxonFlowError, ConfigError

from .serving import WorkerSpec, serve_on
from .traces import trace_of

NOT_STARTED = 3
"""The exit code of a worker that reported why it did not start."""


def main(lifeline: int, report: int) -> int:
    """Serve; returns the exit code."""
    try:
        orders = orjson.loads(_line_of(lifeline))
        with socket.socket(fileno=orders["socket"]) as listening:
            return serve_on(
                [listening],
                _spec_of(orders["factory"], orders["argument"]),
                worker=orders["index"],
                on_ready=lambda: _say(report, None),
                lifeline=lifeline,
            )
    except AxonFlowError as error:
        _say(report, {"message": error.message, "hint": error.hint})
    except Exception as error:
        _say(report, {"message": f"a worker did not start: {trace_of(error)}", "hint": None})
    return NOT_STARTED


def _line_of(descriptor: int) -> bytes:
    """The first line of a pipe, byte by byte: what follows is its end, for the event loop."""
    line = b""
    while not line.endswith(b"\n"):
        line += os.read(descriptor, 1) or b"\n"
    return line


def _spec_of(factory: str, argument: Any) -> WorkerSpec:
    module, _, function = factory.partition(":")
    made = getattr(importlib.import_module(module), function)(argument)
    if not isinstance(made, WorkerSpec):
        raise ConfigError(f"{factory} returns no WorkerSpec")
    return made


def _say(report: int, error: dict[str, Any] | None) -> None:
    os.write(report, orjson.dumps({"error": error}) + b"\n")


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2])))
