"""The server's log: one JSON object a line on standard error.

    {"at": "2026-11-29T13:05:31.123Z", "level": "ERROR", "logger": "axonflow.server",
     "event": "a request failed in the app", "error": "KeyError at app.py:64 _answer"}

What may stand in a line:

* **Our loggers** write ids, counts and words of ours, by the rule that holds for messages of
  errors, so `event` is their message.
* **Of other loggers** the first line of the format alone is written, without the arguments:
  botocore's are signed headers, those of others whatever they were given. They are held at WARNING
  whatever the level is.
* **An exception** is its types and places (`traces`). Its message is written only where it is an
  error of ours. So it is where a thread ends by one, or the interpreter can raise it nowhere.

A line is at most 4,096 bytes, so several workers that share a pipe never mix theirs (PIPE_BUF,
pipe(7)). Where the pipe is full because nobody reads it, a line is dropped and counted instead of
waited for: a log that stands still must not stop the server. The next line tells how many.
"""

from __future__ import annotations

import logging
import os
import select
import sys
import threading
from datetime import UTC, datetime
from typing import Any

import orjson

from axonflow_core.errors import AxonFlowError
from axonflow_core.server.traces import trace_of

_LOG = logging.getLogger(__name__)
OURS = "axonflow"
"""The beginning of the names of our loggers, of plugins too."""
MAX_LINE = 4_096
"""Bytes of a line, its end included."""
MAX_TEXT = 1_024
"""Characters of one text of a line."""
_MAX_FIELDS = 16
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def begin_log(*, is_debugging: bool = False, descriptor: int | None = None) -> None:
    """Make this the log of the process, instead of what handlers there were. The level is INFO, or
    DEBUG for our own loggers."""
    root = logging.getLogger()
    for handler in list(root.handlers):
        root.removeHandler(handler)
    root.addHandler(LineHandler(sys.stderr.fileno() if descriptor is None else descriptor))
    root.setLevel(logging.WARNING)
    for name in (OURS, f"{OURS}_core", f"{OURS}_bedrock"):
        logging.getLogger(name).setLevel(logging.DEBUG if is_debugging else logging.INFO)
    threading.excepthook = _log_end_of_thread
    sys.unraisablehook = _log_ignored


def _log_end_of_thread(ended: threading.ExceptHookArgs) -> None:
    """Instead of a traceback on standard error, whose last line is the error's message."""
    _LOG.error("a thread ended by an error: %s", trace_of(ended.exc_value))


def _log_ignored(ignored: sys.UnraisableHookArgs) -> None:
    """Instead of a traceback and the repr of whatever was being thrown away."""
    _LOG.error("an error was ignored: %s", trace_of(ignored.exc_value))


class LineHandler(logging.Handler):
    """Writes lines to a descriptor, and never waits for its reader."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._room = select.poll()
        self._room.register(descriptor, select.POLLOUT)
        self.dropped = 0
        """Lines that were dropped since the last one that was written."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line. Never raises: there is nobody to tell."""
        try:
            self.write(record)
        except Exception:
            self.dropped += 1

    def write(self, record: logging.LogRecord) -> None:
        """Write one line, or drop it where there is no room. `OSError` from the descriptor."""
        if not self._has_room():
            self.dropped += 1
            return
        os.write(self._descriptor, line_of(record, dropped=self.dropped))
        self.dropped = 0

    def _has_room(self) -> bool:
        """Whether a line can be written at once. A pipe says so when a whole line fits."""
        return any(event & select.POLLOUT for _, event in self._room.poll(0))


def line_of(record: logging.LogRecord, *, dropped: int = 0) -> bytes:
    """The line of a record, its end included."""
    values: dict[str, Any] = {
        "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
        "level": record.levelname,
        "logger": record.name,
        "event": _event_of(record),
    }
    if record.exc_info is not None and record.exc_info[1] is not None:
        values |= _error_of(record.exc_info[1])
    if dropped:
        values["dropped"] = dropped
    line = _encoded(values | _fields_of(record), MAX_TEXT)
    return line if len(line) <= MAX_LINE else _encoded(values, MAX_TEXT // 8)


def _encoded(values: dict[str, Any], longest: int) -> bytes:
    shown = {
        name[:64]: _shown(value, longest) if isinstance(value, str) else value
        for name, value in values.items()
    }
    return orjson.dumps(shown, option=orjson.OPT_APPEND_NEWLINE)


def _event_of(record: logging.LogRecord) -> str:
    if is_ours(record.name):
        return record.getMessage()
    return str(record.msg).partition("\n")[0]


def is_ours(logger: str) -> bool:
    """Whether a logger is one of ours, by its name."""
    return logger.partition(".")[0].partition("_")[0] == OURS


def _error_of(error: BaseException) -> dict[str, Any]:
    values = {"error": trace_of(error)}
    if isinstance(error, AxonFlowError):
        values |= {"code": error.code, "message": error.message}
    return values


def _fields_of(record: logging.LogRecord) -> dict[str, Any]:
    """What `extra=` gave to a record of ours: texts and numbers."""
    if not is_ours(record.name):
        return {}
    given = [(name, value) for name, value in vars(record).items() if name not in _STANDARD]
    return {
        name: value
        for name, value in given[:_MAX_FIELDS]
        if isinstance(value, str | int | float | None)
    }


def _shown(text: str, longest: int) -> str:
    """So much of a text, with escapes for what a terminal would obey or JSON cannot hold."""
    shown = text[:longest]
    if shown.isprintable():
        return shown
    escaped = (one if one.isprintable() else ascii(one)[1:-1] for one in shown)
    return "".join(escaped)[:longest]
