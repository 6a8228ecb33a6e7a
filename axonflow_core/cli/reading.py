"""Text that is given on the command line or on stdin."""

from __future__ import annotations

import sys

import click


def read_stdin() -> str:
    if sys.stdin is None:
        raise click.UsageError("stdin is closed, and the text was to come from there")
    try:
        return sys.stdin.read()
    except UnicodeDecodeError:
        raise _no_utf8("the text on stdin") from None


def utf8(text: str) -> str:
    """`text`, which in JSON must be UTF-8: bytes that are none stand in an argument as half a
    character."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise _no_utf8("the text") from None
    return text


def _no_utf8(what: str) -> click.UsageError:
    return click.UsageError(f"{what} is not UTF-8; convert it first, for example with iconv")
