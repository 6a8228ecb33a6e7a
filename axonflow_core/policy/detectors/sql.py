"""SQL that attacks or destroys: patterns, each as its beginning and the rest.

The beginnings alone are the hints of the detectors. They are rare in prose, and short, so that one
automaton has room for all of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from axonflow_core.policy.detectors.detector import Detector
from axonflow_core.policy.rules import Action, Severity


class Clue(NamedTuple):
    """An RE2 pattern in two parts, in any case."""

    beginning: str
    rest: str = ""


_B = r"(?:\s|/\*[^*]*\*/|\+)"
"""A blank: white space, a comment, or the blank of a URL."""
_NAME = r"[\w.\"`\[\]]+"
_LIST = rf"[\w.*()@'\"`]+(?:{_B}*,{_B}*[\w.*()@'\"`]+)*"
_QUOTE = rf"['\"](?:{_B}|\))*"
"""A quote that ends a value, with what closes behind it."""
_LITERAL = r"(?:-?\d+|'[^']*'|\"[^\"]*\")"
_COMPARED = r"(?:=|<>|!=|<|>|like\b)"

INJECTIONS = (
    # a second query joined to the first; "the union select committee" is none
    Clue(rf"\bunion{_B}+(?:all|distinct){_B}+select\b"),
    Clue(
        rf"\bunion{_B}+select{_B}+",
        rf"(?:null\b|[-\d('\"@*]|{_LIST}{_B}+from{_B}|{_LIST}{_B}*(?:--|#))",
    ),
    # a statement behind the first
    Clue(rf";{_B}*(?:drop|truncate){_B}+(?:table|database|schema|view|user)\b"),
    Clue(rf";{_B}*alter{_B}+(?:table|user|database)\b"),
    Clue(rf";{_B}*exec(?:ute)?{_B}*\(?{_B}*(?:xp_|sp_|master)"),
    Clue(rf";{_B}*shutdown\b", rf"{_B}*(?:;|--|with{_B}+nowait)"),
    Clue(rf";{_B}*delete{_B}+from\b", rf"{_B}+{_NAME}{_B}*(?:;|--|where\b)"),
    Clue(
        rf"['\"]{_B}*;{_B}*(?:insert|delete|update)\b",
        rf"{_B}+(?:into|from|{_NAME}{_B}+set){_B}",
    ),
    # a condition that compares constants, behind a quote
    Clue(
        rf"{_QUOTE}(?:or|and|\|\||&&)(?:{_B}|\()*",
        rf"{_LITERAL}{_B}*{_COMPARED}{_B}*[-\d'\"]",
    ),
    Clue(rf"{_QUOTE}(?:or|\|\|){_B}+\(*(?:true|1)\b", rf"\)*{_B}*(?:--|#|/\*)"),
    Clue(rf"\bor{_B}+['\"]?1['\"]?{_B}*=", rf"{_B}*['\"]?1\b"),
    Clue(r"\w'\s*(?:--|#)\s*\z"),
    # functions that wait, run commands or write files
    Clue(r"\bwaitfor\s+delay\b", r"\s*\(?\s*'"),
    Clue(r"\b(?:pg_sleep|dbms_pipe\.receive_message|dbms_lock\.sleep)\s*\("),
    Clue(r"\bbenchmark\s*\(", r"\s*\d+\s*,\s*\w+\s*\("),
    Clue(rf"(?:\bselect|\band|\bor|'\s*\+|\|\|){_B}*\(*{_B}*sleep\s*\(\s*\d"),
    Clue(rf"\bif\s*\([^()]*,{_B}*sleep\s*\(\s*\d"),
    Clue(r"\bxp_cmdshell\b"),
    Clue(r"\binto\s+(?:outfile|dumpfile)\s+['\"]"),
)
DANGERS = (
    Clue(rf"\bdrop{_B}+table{_B}+", rf"(?:if{_B}+exists{_B}+)?{_NAME}"),
    Clue(
        rf"\bdrop{_B}+(?:database|schema){_B}+",
        rf"(?:if{_B}+exists{_B}+)?{_NAME}{_B}*(?:;|--|cascade\b|\z)",
    ),
    Clue(rf"(?-i:\bDROP{_B}+(?:DATABASE|SCHEMA))\b"),
    Clue(rf"\btruncate{_B}+table{_B}+", _NAME),
    Clue(rf"\bdelete{_B}+from\b", rf"{_B}+{_NAME}{_B}*;"),
    Clue(rf"\bgrant{_B}+all\b", rf"{_B}+(?:privileges{_B}+)?on{_B}+[\w.*\"`]+{_B}+to\b"),
)


def pattern_of(clues: Iterable[Clue]) -> str:
    """The pattern that finds any of the clues."""
    return "(?i)" + "|".join(clue.beginning + clue.rest for clue in clues)


def hint_of(clues: Iterable[Clue]) -> str:
    """The pattern that finds the beginning of any of the clues."""
    return "(?i)" + "|".join(clue.beginning for clue in clues)


DETECTORS: tuple[Detector, ...] = (
    Detector(
        type="sql_injection",
        category="sqli",
        action=Action.BLOCK,
        severity=Severity.CRITICAL,
        description="The text looks like an SQL injection.",
        pattern=pattern_of(INJECTIONS),
        hint=hint_of(INJECTIONS),
    ),
    Detector(
        type="dangerous_statement",
        category="dangerous_queries",
        action=Action.BLOCK,
        severity=Severity.HIGH,
        description="The text holds a dangerous SQL statement: it drops or empties tables.",
        pattern=pattern_of(DANGERS),
        hint=hint_of(DANGERS),
    ),
)
