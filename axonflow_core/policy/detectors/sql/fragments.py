"""Fragments of SQL that are an attack where a text is nothing else: `' or 'a`, `1) order by 7`.

In a sentence each of them may be harmless. A value of a query, or a whole prompt, that consists of
one is none that somebody means: it is there to be put into SQL.
"""

from __future__ import annotations

import re

from axonflow_core.policy.detectors.kinds import B, Kind, S
from axonflow_core.policy.detectors.sql.grammar import COMPARED, END, JOINT, NAME, NUMBER, STRING

MOST = 256
"""The longest text that may be a fragment, in bytes."""
_VALUE = r"[\s(@-]*[\w.@<>%$-]*"
"""What a value may be before the attack begins."""
_CLOSED = r"[\s+)]*"
_OPERATOR = (
    r"(?:[-+*/%^&|=<>!~]{1,3}|(?:x?or|and|div|mod|is|in|between|(?:not[\s+]+)?(?:r?like|regexp)"
    r"|sounds[\s+]+like)\b)"
)
_OPERAND = rf"(?:[\s+(!~@-]*(?:{STRING}|{NUMBER}|\\n)|[\s+(!~@-]+{NAME}(?:\([^()]*\))?)[\s+)]*"
_TAIL = r"(?:(?:--|/\*).*|#\W*)"
"""What makes a comment of the rest of the query."""
_FACTS = (
    r"(?:@@\w+|(?:version|user|database|current_user|session_user|system_user|current_database"
    r"|current_setting|schema|user_name|db_name|host_name|current[\s+]server)\b(?:\([^()]*\))?)"
)
"""What a database tells of itself."""
_WORDS = re.compile(rb"'[^']*'|\"[^\"]*\"|[a-z]{2,}", re.IGNORECASE)
_SQL_WORDS = frozenset(
    b"or and xor not null is in like rlike regexp between select from where union all distinct"
    b" group order by having limit case when then else end exists true false as into div mod sounds"
    b" binary char asc desc match against boolean mode exec insert update delete drop".split()
)
_MOST_WORDS = 5
"""Words of a fragment that are none of SQL's, strings apart. A sentence has more."""


def _is_no_sentence(data: bytes, start: int, end: int) -> tuple[int, int] | None:
    words = [word.lower() for word in _WORDS.findall(data, start, end)]
    said = [word for word in words if word[:1] not in (b"'", b'"') and word not in _SQL_WORDS]
    return (start, end) if len(said) <= _MOST_WORDS else None


FRAGMENTS = (
    Kind(  # the condition alone: `or x=y`, `) and 1=0`, `admin' or 1`
        hint=rf"\A[\s+)]*(?:{JOINT}|having)[\s\d+(!~@'\"-]",
        pattern=(
            rf"\A[\s+)]*(?:{JOINT}|having)(?:{_OPERAND}{COMPARED}.*"
            rf"|[\s+(]+(?:(?:true|false|null)\b\W*\w*|not[\s+(]+(?:null|true|false|\d|exists).*"
            rf"|\(exists\b.*)"
            rf"|{_OPERAND}{_TAIL})\z"
        ),
        accept=_is_no_sentence,
        most=MOST,
    ),
    Kind(
        hint=(
            rf"\A{_VALUE}\s*['\"`][\s+);]*(?:[-+*/%^&|=<>!~#]|(?:x?or|and|div|mod|is|in|between"
            rf"|not|r?like|regexp|sounds|select|union|order|having|limit|into)[^a-z]|\(select)"
        ),
        pattern=(
            # a value, its end, and an operator before the string that the query ends
            rf"\A{_VALUE}['\"]{_CLOSED}{_OPERATOR}(?:[^'\"]*{_OPERATOR})?[\s+(!~@-]*['\"]"
            rf"[\w.%()-]*\s*\z"
            rf"|\A{_VALUE}['\"]{_CLOSED}{_OPERATOR}[^'\"]*(?:{END}|;)\W*\w*\W*\z"
            rf"|\A\w+\s+['\"]{_CLOSED}{_OPERATOR}{S}['\"]\s*\w*\z"
            rf"|\A{_VALUE}['\"]{_CLOSED}{_OPERATOR}[\s+(!~@-]*['\"]\w*['\"]{S}{_OPERATOR}"
            rf"|\A{_VALUE}['\"]{_CLOSED}{JOINT}[\s+(!~@-]+{NAME}{S}"
            rf"(?:[<>=!]|(?:is|r?like|regexp|sounds|in|between)\b).+\z"
            rf"|\A{_VALUE}['\"]{_CLOSED}(?:{JOINT})[\s+(!~@-]*{NUMBER}?['\"]?\z"
            rf"|\A\w*['\"](?:[+]|\|\|)\w+\z"
            rf"|\A{_VALUE}['\"][\s+);]*(?:--(?:[\s+-]\W*\w*\W*)?|(?:/\*|#)\W*)\z"
            rf"|\A['\"`]{_CLOSED}(?:\(?select|union(?:{B}(?:all|select|distinct)|{S}\z)|order{B}by"
            rf"|having|limit{B}\d|into{B}outfile)\b"
        ),
        accept=_is_no_sentence,
        most=MOST,
    ),
    Kind(  # a number, and what a query would go on with
        hint=(
            r"\A[\s(]*(?:-?[\d.]+|true|[\w']+\))['\"]?[\s+)]*(?:(?:x?or|and)[^a-z]|\|\||&&|;"
            r"|\([\s+(]*select|union\b|into\b|from\b"
            r"|(?:[-+*/]|div)[\s+(\d/]*(?:ascii|ord|substr|select))"
        ),
        pattern=(
            rf"\A[\s(]*-?[\d.]+['\"]?[\s+)]*(?:{JOINT}(?:{_OPERAND}(?:{COMPARED}|is{B}(?:not|null"
            rf"|\d)|like\b|{_TAIL})"
            rf"|[\s+(]*select\b)|(?:\|\||&&)[\s+(]*[\w(]|;{S}(?:select|insert|update|delete|exec"
            rf"|if)\b"
            rf"|\([\s+(]*select\b|union\b\W*\z|into{B}outfile\b)"
            rf"|\A[\s(]*(?:\d+|true)[\s+)]*(?:[-+*/]|div)[\s+(\d/]*(?:ascii|ord|substr\w*|select)\b"
            rf"|\A[\w']+[\s+]*\)[\s+)]*from{B}\w+{B}where\b"
        ),
        most=MOST,
    ),
    Kind(
        hint=r"(?:--|/\*|#)\W*\z",
        pattern=(
            rf"\A[\s(]*(?:-?\d[\d.]*|@@?\w+)(?:{S}[-+*/]{S}\d+)?[\s+)]*(?:--|/\*)\W*\z"
            rf"|\A[\s+)]*(?:select|insert|update|delete|drop|exec|union|grant|procedure)\b.*"
            rf"(?:--|/\*|#)\W*\z"
        ),
        most=MOST,
    ),
    Kind(
        hint=rf"(?:order|group){B}by{B}[\di]",
        pattern=rf"\A{_VALUE}['\"]?{_CLOSED}(?:order|group){B}by{B}(?:\d+{S}\z|if)",
        most=MOST,
    ),
    Kind(
        hint=r"\A\W*select\b",
        pattern=(
            rf"\A[\s;'\"(]*select{B}{_FACTS}(?:{S},{S}{_FACTS})*[\s+);]*(?:from{B}[\w.]+)?\W*\z"
            rf"|\A\W*select\b.*\bfrom{B}[\w.]+{B}where\W*\z"
            rf"|\A\W*\([\s(]*select{B}.*(?:\)\W*|,)\z|\A\W*select{B}(?:cha?r|load_file)\("
            rf"|\A\W*select{B}(?:[-(@]*(?:{STRING}|\w+)[)]*{S},{S})+[-(@]*(?:{STRING}|\w+)\W*\z"
        ),
        most=MOST,
    ),
    Kind(
        hint=r"\A\W*(?:(?:exec|execute|print|declare|backup|case)\b|\w+\()",
        pattern=(
            rf"\A\W*(?:pg_)?sleep\([^()]*\)[^\w.]*\z|\A\W*exec(?:ute)?{S}[\s(](?:sp|xp|@)\w*\b"
            rf"|\A\W*print{B}@@|\A\W*declare{B}@\w+{B}"
            rf"|\A\W*backup{B}database{B}\w+{B}to{B}disk"
            rf"|\A\W*\w+\((?:@@\w|{_FACTS}\W*\z)|\A\W*case{B}.*\bwhen\b.*\bthen\b.*\bend\W*\z"
        ),
        most=MOST,
    ),
)
"""Of prompts and of values."""

_SQL = re.compile(rb"select|waitfor|exec|union|declare|insert|drop", re.IGNORECASE)


def _spells_sql(data: bytes, start: int, end: int) -> tuple[int, int] | None:
    """Hexadecimal digits, if they are the bytes of SQL, in UTF-8 or UTF-16."""
    digits = data[start + 2 : end]
    text = bytes.fromhex(digits[: len(digits) & ~1].decode()).replace(b"\0", b"")
    return (start, end) if _SQL.search(text) else None


ENCODED = Kind(
    hint=r"0x[\da-f]{12}",
    pattern=r"\b0x[\da-f]{12,400}",
    accept=_spells_sql,
)
"""Statements in hexadecimal digits, which MySQL and SQL Server take for strings."""
VALUES = (
    Kind(  # signs alone, a quote among them
        hint=r"\A\W+\w?\W*\z",
        pattern=r"\A\W*(?:['\"]\W*[-+*/%^&|=<>;#\\]|[|\\]{1,2}\W*['\"])\W*\w?\z|\A\W*\|\|\w?\W*\z",
        accept=_is_no_sentence,
        most=MOST,
    ),
    Kind(
        hint=rf"\A{_VALUE}['\"]{_CLOSED};?{S}(?:{JOINT}|having|order{B}by|union|exec|grant)\b",
        pattern=(
            rf"\A{_VALUE}['\"]{_CLOSED};?{S}(?:{JOINT}|having|order{B}by|union|exec"
            rf"|grant)\b[^a-z].+\z"
        ),
        accept=_is_no_sentence,
        most=MOST,
    ),
    Kind(  # the beginning or the end of what goes on
        hint=r"(?:union|select)\W*\z|\A\W*(?:r?like\b|\(?select[\s+]+top\b|;|--|@|=)|\*/",
        pattern=(
            rf"\A\W*union(?:{B}all)?(?:{B}select)?\W*\z|\A\W*\(?select{B}top{B}\d+\W*\z"
            rf"|\A\s*r?like{B}['\"]%|\A\W*;{S}--\W*\z|\A\W*--\W*&\w+=\W*\z"
            rf"|\A@\w+{B}select\b.*--\W*\z|\*/\W*=.*--\W*\z"
            rf"|\A\W*=['\"](?:x?or|and)\W*\z"
        ),
        most=MOST,
    ),
)
"""Of values alone."""
