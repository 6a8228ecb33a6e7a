"""`$NAME`, `${NAME}` and `${NAME:-default}` in the text of one scalar; `$$` is a dollar sign.

Only parsed scalars are substituted, so the content of a variable can never add keys or change the
structure of the file. A `$` that is not followed by a name, a brace or another `$` is left as it
is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_REFERENCE = re.compile(
    r"""\$(?: (?P<dollar>\$)
          | (?P<bare>[A-Za-z_][A-Za-z0-9_]*)
          | \{(?P<braced>[^}]*)(?P<end>\}?)
        )""",
    re.VERBOSE,
)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Unsubstitutable(Exception):
    """A reference that cannot be resolved. The message names the variable, never a value."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class TooLong(Exception):
    """References that expand to more than there is room for. `name` is the variable at which that
    is so."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def substitute(text: str, environment: Mapping[str, str], room: int) -> str:
    """`text` with every reference resolved; the default is used where a variable is unset or empty.

    Raises `Unsubstitutable` for a variable without value and default, and for broken syntax;
    `TooLong` where what the references stand for has more than `room` characters.
    """
    if "$" not in text:
        return text

    def resolve(reference: re.Match[str]) -> str:
        nonlocal room
        value = _resolve(reference, environment)
        room -= len(value)
        if room < 0:
            name = reference["bare"] or (reference["braced"] or "").partition(":-")[0]
            raise TooLong(f"${{{name}}}")
        return value

    return _REFERENCE.sub(resolve, text)


def _resolve(reference: re.Match[str], environment: Mapping[str, str]) -> str:
    if reference["dollar"]:
        return "$"
    if reference["bare"]:
        return _value(reference["bare"], None, environment)
    name, separator, default = reference["braced"].partition(":-")
    _check_braces(reference, name, default)
    return _value(name, default if separator else None, environment)


def _check_braces(reference: re.Match[str], name: str, default: str) -> None:
    """Refuse an open brace, a name that is none, and nested references."""
    if not reference["end"]:
        raise Unsubstitutable(
            "`${` has no closing `}`", "close it, or write `$$` for a dollar sign"
        )
    if not _NAME.fullmatch(name):
        raise Unsubstitutable(
            f"`${{{name}}}` names no environment variable",
            "write ${NAME} or ${NAME:-default}, with letters, digits and `_` in the name; "
            "`$$` is a dollar sign",
        )
    if "${" in default:
        raise Unsubstitutable(
            f"the default of `${{{name}}}` contains another reference", "defaults do not nest"
        )


def _value(name: str, default: str | None, environment: Mapping[str, str]) -> str:
    """The variable's value, else the default; an empty value counts as unset."""
    value = environment.get(name) or default
    if value is not None:
        return value
    state = "empty" if name in environment else "not set"
    raise Unsubstitutable(
        f"the environment variable {name} is {state}",
        f"set it, or give a default: ${{{name}:-default}} (for a literal dollar sign write `$$`)",
    )
