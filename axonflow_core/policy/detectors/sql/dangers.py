"""Statements that destroy data or give rights away, as SQL that somebody means to run.

Words of the same letters are usual in prose: "drop the table", "the DROP TABLE statement", "we
grant all staff access". A name must follow that is no word about statements.
"""

from __future__ import annotations

import re

from axonflow_core.policy.detectors.kinds import B, Kind, S
from axonflow_core.policy.detectors.sql.candidates import of_a_thing
from axonflow_core.policy.patterns import united, within

_NAME = r"[\w.\"`\[\]$*-]+"
_IF = rf"(?:if{B}exists{B})?"
_END_OF_STATEMENT = re.compile(rb"[\s+)]*(?:;|--|#|\Z)")
_WHERE_OR_END = r"(?i)\bwhere\b|;"
_LONG = 1_000
"""Bytes in which a statement ends; of a longer one nothing is said."""
_IN_ENDS = re.compile(rb"[\s+]*(?:;|--|cascade\b|[.?!]?[\s+]*\Z)", re.IGNORECASE)


def _of_a_database(data: bytes, start: int, end: int) -> tuple[int, int] | None:
    """`drop database shop;`, and in capitals anywhere; but not "drop database support"."""
    if not data[start : start + 4].isupper() and _IN_ENDS.match(data, end) is None:
        return None
    return of_a_thing(data, start, end)


def _of_all_rows(data: bytes, start: int, end: int) -> tuple[int, int] | None:
    """A statement that ends without a condition: `delete from orders;`, in capitals also where
    the text ends."""
    ending = _END_OF_STATEMENT.match(data, end)
    if ending is None or of_a_thing(data, start, end) is None:
        return None
    is_alone = start == 0 or data[start : start + 6].isupper()
    return (start, end) if ending[0].strip() or is_alone else None


def _changes_all_rows(data: bytes, start: int, end: int) -> tuple[int, int] | None:
    """`update users set admin = 1;`, without `where`."""
    search = within(united((_WHERE_OR_END,)))
    decisive, behind = search(data, end, min(len(data), end + _LONG))[0]
    if decisive < 0:
        return (start, len(data)) if len(data) <= end + _LONG else None
    return (start, decisive) if data[decisive:behind] == b";" else None


DANGERS = (
    Kind(
        hint=rf"\b(?:drop|truncate){B}table{B}",
        pattern=rf"\b(?:drop|truncate){B}table{B}{_IF}{_NAME}",
        accept=of_a_thing,
    ),
    Kind(
        hint=rf"(?-i:\bTRUNCATE){B}\w",
        pattern=rf"(?-i:\bTRUNCATE){B}{_NAME}{S};",
    ),
    Kind(
        hint=rf"\bdrop{B}(?:database|schema|user|role){B}",
        pattern=rf"\bdrop{B}(?:database|schema|user|role){B}{_IF}{_NAME}",
        accept=_of_a_database,
    ),
    Kind(
        hint=rf"\bdelete{B}from{B}",
        pattern=rf"\bdelete{B}from{B}{_NAME}",
        accept=_of_all_rows,
    ),
    Kind(
        hint=rf"\bupdate{B}{_NAME}{B}set\b",
        pattern=rf"\bupdate{B}{_NAME}{B}set{B}{_NAME}{S}=",
        accept=_changes_all_rows,
    ),
    Kind(
        hint=rf"\balter{B}(?:table|user|role|login)\b",
        pattern=(
            rf"\balter{B}table{B}{_NAME}{B}drop{B}(?:column|constraint|partition|primary)\b"
            rf"|\balter{B}(?:user|role|login){B}{_NAME}{B}(?:identified\b|with\b|superuser\b"
            rf"|password\b)"
        ),
    ),
    Kind(
        hint=(
            rf"\bgrant{B}(?:all|select|insert|update|delete|execute|dba)\b|\bcreate{B}(?:user"
            rf"|login|role)\b|(?-i:\bREVOKE){B}"
        ),
        pattern=(
            rf"\bgrant{B}(?:all(?:{B}privileges)?|(?:select|insert|update|delete|execute|{S},{S})+)"
            rf"{B}on{B}[\w.*\"`]+{B}to\b|\bgrant{B}dba{B}to\b"
            rf"|(?-i:\bREVOKE{B}[A-Z, ]+{B}ON){B}[\w.*\"`]+{B}from\b"
            rf"|\bcreate{B}(?:user|login|role){B}[\w'\"@%.`]+{B}(?:identified{B}by"
            rf"|with{B}\w*{S}password"
            rf"|with{B}superuser|superuser|password)\b"
        ),
    ),
)
