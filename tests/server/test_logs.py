"""The server's log: lines of JSON, whatever is logged."""

from __future__ import annotations

import gc
import json
import logging
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axonflow_core.errors import RequestError
from axonflow_core.server.logs import MAX_LINE, LineHandler, begin_log, line_of


def logged(logger: str, message: str, *args: object, **more: object) -> dict[str, object]:
    record = logging.LogRecord(logger, logging.WARNING, __file__, 1, message, args, None)
    vars(record).update(more)
    return dict(json.loads(line_of(record)))


def raised(error: Exception) -> object:
    try:
        raise error
    except Exception as caught:
        return type(caught), caught, caught.__traceback__


def test_a_line_says_when_how_grave_who_and_what() -> None:
    line = logged("axonflow_core.audit", "the audit writes again after %d s", 3, records=7)
    assert line.pop("at")
    assert line == {
        "level": "WARNING",
        "logger": "axonflow_core.audit",
        "event": "the audit writes again after 3 s",
        "records": 7,
    }


@given(st.text(max_size=5_000), st.text(max_size=3_000))
def test_any_text_is_one_short_line_without_a_control_character(one: str, other: str) -> None:
    record = logging.LogRecord("axonflow", logging.INFO, "", 1, "%s", (one,), None)
    vars(record).update({"detail": other, "depth": 10.5})
    line = line_of(record)
    assert len(line) <= MAX_LINE
    assert line.count(b"\n") == 1
    assert json.loads(line)["event"].isprintable()


NASTY = ("a\r\nb", "\x1b[31mred", "\u202egnp", "\x00", "\ud800", '", "level": "DEBUG', "\u2028")


@pytest.mark.parametrize("text", NASTY)
def test_a_text_cannot_forge_a_line_or_a_member(text: str) -> None:
    line = logged("axonflow", "client %s", text)
    assert line["level"] == "WARNING"
    assert str(line["event"]).isprintable()


def test_an_exception_is_its_type_and_places_and_not_its_message() -> None:
    line = logged("axonflow", "failed", exc_info=raised(ValueError("my prompt")))
    assert str(line["error"]).startswith("ValueError at test_logs.py")
    assert "my prompt" not in json.dumps(line)


def test_an_error_of_ours_has_its_message_and_code() -> None:
    line = logged("axonflow", "failed", exc_info=raised(RequestError("no provider is named")))
    assert (line["code"], line["message"]) == (RequestError.code, "no provider is named")


@pytest.mark.parametrize("logger", ["botocore.auth", "urllib3.connectionpool", "asyncio", "x"])
def test_of_other_loggers_only_the_first_line_of_the_format_is_written(logger: str) -> None:
    line = logged(logger, "Authorization: %s\nand %s", "AWS4-HMAC-SHA256", "more", secret="x")
    assert line["event"] == "Authorization: %s"
    assert "AWS4" not in json.dumps(line) and "secret" not in line


def test_a_log_that_nobody_reads_drops_lines_and_says_how_many() -> None:
    with pipe() as (reading, handler):
        record = logging.LogRecord("axonflow", logging.INFO, "", 1, "x" * 1_000, (), None)
        for _ in range(1_000):
            handler.handle(record)
        dropped = handler.dropped
        os.read(reading, 1_000_000)
        handler.handle(record)
        assert dropped > 0
        assert json.loads(os.read(reading, MAX_LINE))["dropped"] == dropped
        assert handler.dropped == 0


@contextmanager
def pipe() -> Iterator[tuple[int, LineHandler]]:
    reading, writing = os.pipe()
    try:
        yield reading, LineHandler(writing)
    finally:
        os.close(reading)
        os.close(writing)


@contextmanager
def as_it_was() -> Iterator[None]:
    """The process's loggers and hooks, as they were before, at the end of the block."""
    hooks = threading.excepthook, sys.unraisablehook
    root = logging.getLogger()
    names = ("", "axonflow", "axonflow_core", "axonflow_bedrock")
    levels = {name: logging.getLogger(name).level for name in names}
    handlers = list(root.handlers)
    try:
        yield
    finally:
        root.handlers = handlers
        threading.excepthook, sys.unraisablehook = hooks
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)


@pytest.mark.parametrize("is_debugging", [False, True])
def test_loggers_of_others_are_held_at_warning(is_debugging: bool) -> None:
    reading, writing = os.pipe()
    with as_it_was():
        begin_log(is_debugging=is_debugging, descriptor=writing)
        for name in ("botocore.auth", "urllib3", "uvicorn", "sqlalchemy.engine", "axonflow_core"):
            logging.getLogger(name).debug("%s signs", name)
            logging.getLogger(name).info("%s is busy", name)
        logging.getLogger("botocore.auth").warning("%s", "credentials")
    os.close(writing)
    with os.fdopen(reading, "rb") as log:
        lines = [json.loads(line) for line in log]
    ours = ["DEBUG", "INFO"] if is_debugging else ["INFO"]
    assert [(line["logger"], line["level"]) for line in lines] == [
        *(("axonflow_core", level) for level in ours),
        ("botocore.auth", "WARNING"),
    ]


class Failing:
    def __del__(self) -> None:
        raise ValueError("my prompt")

    def __repr__(self) -> str:
        return "my prompt"

    def run(self) -> None:
        raise ValueError("my prompt")


def test_an_error_that_nobody_catches_is_a_line_without_its_message() -> None:
    gc.collect()  # what others left behind
    reading, writing = os.pipe()
    with as_it_was():
        begin_log(descriptor=writing)
        failing = Failing()
        thread = threading.Thread(target=failing.run)
        thread.start()
        thread.join()
        del failing, thread
        gc.collect()
    os.close(writing)
    with os.fdopen(reading, "rb") as log:
        lines = [json.loads(line) for line in log]
    events = [line["event"] for line in lines]
    assert events[0].startswith("a thread ended by an error: ValueError at test_logs.py")
    assert events[1].startswith("an error was ignored: ValueError at test_logs.py")
    assert "my prompt" not in json.dumps(lines)
