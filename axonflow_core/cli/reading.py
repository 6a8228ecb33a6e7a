"""Text from the command line or stdin."""

from __future__ import annotations

import sys

import click


def read_stdin() -> str:
    """The whole of stdin. `click.UsageError` where it is closed or not UTF-8."""
    if sys.stdin is None:
        raise click.UsageError("`-` reads stdin, and stdin is closed")
    try:
        return sys.stdin.read()
    except UnicodeDecodeError:
        raise _no_utf8("the text on stdin") from None


def utf8(text: str) -> str:
    """`text` unchanged, `click.UsageError` where it cannot be encoded as UTF-8. Python decodes an
    argument's invalid bytes as lone surrogates (PEP 383), which JSON cannot carry.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        raise _no_utf8("the text") from None
    return text


def _no_utf8(what: str) -> click.UsageError:
    return click.UsageError(f"{what} is not UTF-8; convert it first, for example with iconv")
