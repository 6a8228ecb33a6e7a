"""The built-in detectors: data about people, payment cards, and SQL that attacks or destroys.

A detector finds candidates with an RE2 pattern and accepts those that its check lets pass, such as
the check digit of a card. `hint` is a smaller pattern that every text with a finding matches: one
search for all hints together spares a text that matches none the detectors.

The set is small and quiet on purpose: what it finds is stopped, so each pattern wants more than a
word that people use ("we grant access", "select from the menu or drop by").
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from attrs import field

from axonflow_core.frozen import frozen
from axonflow_core.policy.patterns import Regexp, compiled
from axonflow_core.policy.rules import Action, Phase
from axonflow_core.policy.views import View

Check = Callable[[bytes, int, int], bool]
"""Whether the candidate in the text, from its start to its end, is what is looked for."""
Find = Callable[[View], Iterator[tuple[int, int]]]
"""The spans of a view, in bytes, in which something was found, in their order."""


def _any(data: bytes, start: int, end: int) -> bool:
    return True


@frozen(kw_only=True)
class Detector:
    """Something that is looked for in every configuration."""

    type: str
    """Names it in findings, in masks and under `policies.actions`: `us_ssn`."""
    category: str
    """What `policies.actions` may name instead: `pii`, `sqli`."""
    action: Action
    """What follows from a finding where the configuration names nothing else."""
    severity: str
    """`critical`, `high`, `medium` or `low`, for whoever lists the detectors."""
    description: str
    """What a person whose call is stopped is told."""
    pattern: str
    """The RE2 pattern of candidates."""
    hint: str
    """An RE2 pattern that matches every text with a finding."""
    on: tuple[Phase, ...] = (Phase.REQUEST, Phase.ANSWER)
    accepts: Check = field(default=_any)

    def finder(self) -> Find:
        """The function that finds, with its pattern compiled."""
        regexp, accepts = compiled(self.pattern), self.accepts
        return lambda view: _accepted(regexp, accepts, view.data)


def _accepted(regexp: Regexp, accepts: Check, data: bytes) -> Iterator[tuple[int, int]]:
    """The accepted candidates. Behind one that is refused the next may begin inside it, at the next
    word, as a card may behind a number."""
    position = 0
    while (match := regexp.search(data, position)) is not None:
        start, end = match.span()
        if accepts(data, start, end):
            yield start, end
            position = max(end, start + 1)
        else:
            position = _next_word(data, start, end)


_WORD = re.compile(rb"\w*\W*")


def _next_word(data: bytes, start: int, end: int) -> int:
    word = _WORD.match(data, start, end)
    return max(start + 1, word.end() if word else end)


# ── people ────────────────────────────────────────────────────────────────────────────────────────


def _digits(data: bytes, start: int, end: int) -> bytes:
    return bytes(byte for byte in data[start:end] if 48 <= byte <= 57)


def _is_alone(data: bytes, start: int, end: int) -> bool:
    """Whether no digit, and no separator with a digit behind it, adjoins the span."""
    before, after = data[max(0, start - 2) : start], data[end : end + 2]
    return not (_ENDS_IN_NUMBER.search(before) or _GOES_ON.match(after))


_ENDS_IN_NUMBER = re.compile(rb"(?:\d|[\d.-][.-]|\d-)\Z")
_GOES_ON = re.compile(rb"\d|[.-]\d")


def _is_ssn(data: bytes, start: int, end: int) -> bool:
    """Whether the last nine digits are a number that the Social Security Administration may have
    given: no area 000, 666 or 900 and above, no group 00, no serial 0000. Source: SSA, "Social
    Security Number Randomization", 2011."""
    number = _digits(data, start, end)[-9:].decode()
    area, group, serial = number[:3], number[3:5], number[5:]
    is_given = area not in ("000", "666") and area < "900" and group != "00" and serial != "0000"
    return is_given and _is_alone(data, start, end)


def _is_card(data: bytes, start: int, end: int) -> bool:
    """Whether the digits begin as the cards of a network do, have their length, and end in the
    check digit of ISO/IEC 7812-1."""
    number = _digits(data, start, end).decode()
    is_known = _NETWORKS.fullmatch(number) is not None
    return is_known and _is_alone(data, start, end) and _luhn(number) == 0


_NETWORKS = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})"  # Visa
    r"|(?:5[1-5]\d\d|222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12}"  # Mastercard
    r"|3[47]\d{13}"  # American Express
    r"|3(?:0[0-5]|[689]\d)\d{11,16}"  # Diners Club
    r"|35(?:2[89]|[3-8]\d)\d{12,15}"  # JCB
    r"|(?:6011|64[4-9]\d|65\d\d)\d{12,15}"  # Discover
    r"|62\d{14,17}"  # UnionPay
    r"|(?:50\d\d|5[6-9]\d\d|6[0137]\d\d)\d{9,15}"  # Maestro
)
"""First digits and lengths. Source: ISO/IEC 7812-1 and the networks' public tables of BINs, as
Wikipedia's "Payment card number" lists them, 2026-11."""
_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)


def _luhn(number: str) -> int:
    """The check sum of the digits, 0 where it is right."""
    backwards = [int(digit) for digit in reversed(number)]
    return (sum(backwards[::2]) + sum(_DOUBLED[digit] for digit in backwards[1::2])) % 10


# ── SQL ───────────────────────────────────────────────────────────────────────────────────────────

_B = r"(?:\s|/\*[^*]*\*/|\+)"
"""A blank: white space, a comment, or the blank of a URL."""
_NAME = r"[\w.\"`\[\]]+"
_LIST = rf"[\w.*()@'\"`]+(?:{_B}*,{_B}*[\w.*()@'\"`]+)*"
_LITERAL = r"(?:-?\d+|'[^']*'|\"[^\"]*\")"
_INJECTIONS = (
    # another query joined to the first; "the union select committee" is none
    rf"\bunion{_B}+(?:all|distinct){_B}+select\b",
    rf"\bunion{_B}+select{_B}+(?:null\b|[-\d('\"@*]|{_LIST}{_B}+from{_B}|{_LIST}{_B}*(?:--|#))",
    # a statement behind the first
    rf";{_B}*(?:drop{_B}+(?:table|database|schema|view|user)|truncate{_B}+table)\b",
    rf";{_B}*(?:alter{_B}+(?:table|user|database)|exec(?:ute)?{_B}*\(?{_B}*(?:xp_|sp_|master))",
    rf";{_B}*delete{_B}+from{_B}+{_NAME}{_B}*(?:;|--|where\b)",
    rf";{_B}*shutdown{_B}*(?:;|--|with{_B}+nowait)",
    rf"['\")]{_B}*;{_B}*(?:insert{_B}+into|delete{_B}+from|update{_B}+{_NAME}{_B}+set){_B}",
    # a condition that compares constants, behind a quote that ends the value
    rf"['\"]{_B}*\)*{_B}*(?:or|and|\|\||&&){_B}*\(*{_LITERAL}{_B}*(?:=|<>|!=|<|>|like){_B}*[-\d'\"]",
    rf"['\"]{_B}*\)*{_B}*(?:or|\|\|){_B}+\(*(?:true|1)\)*{_B}*(?:--|#|/\*)",
    rf"=\s*['\"]?\w+['\"]?{_B}+or{_B}+(?:1{_B}*=[^=]|'1'{_B}*=[^=]|true{_B}*--)",
    r"\w'\s*(?:--|#)\s*\z",
    # functions that wait, run commands or write files
    r"\bwaitfor\s+delay\s*\(?\s*'",
    r"\b(?:pg_sleep|dbms_pipe\.receive_message|dbms_lock\.sleep)\s*\(",
    r"\bbenchmark\s*\(\s*\d+\s*,\s*\w+\s*\(",
    rf"(?:\bselect|\band|\bor|\bif\s*\([^()]*,|'\s*\+|\|\|){_B}*\(*{_B}*sleep\s*\(\s*\d",
    r"\bxp_cmdshell\b",
    r"\binto\s+(?:outfile|dumpfile)\s+['\"]",
)
_DANGERS = (
    rf"\bdrop{_B}+table{_B}+(?:if{_B}+exists{_B}+)?{_NAME}",
    rf"\bdrop{_B}+(?:database|schema){_B}+(?:if{_B}+exists{_B}+)?{_NAME}{_B}*(?:;|--|cascade\b|\z)",
    rf"(?-i:\bDROP{_B}+(?:DATABASE|SCHEMA))\b",
    rf"\btruncate{_B}+table{_B}+{_NAME}",
    rf"\bdelete{_B}+from{_B}+{_NAME}{_B}*;",
    rf"\bgrant{_B}+all{_B}+(?:privileges{_B}+)?on{_B}+[\w.*\"`]+{_B}+to\b",
)


def _alternatives(patterns: tuple[str, ...]) -> str:
    return "(?i)" + "|".join(patterns)


# ── the table ─────────────────────────────────────────────────────────────────────────────────────

DETECTORS: tuple[Detector, ...] = (
    Detector(
        type="us_ssn",
        category="pii",
        action=Action.BLOCK,
        severity="critical",
        description="The text holds a US social security number (SSN).",
        pattern=r"\b\d{3}-\d{2}-\d{4}\b"
        r"|(?i:\b(?:ssn|social\s+security(?:\s+(?:number|no\.?|num))?)\b[^\w\n]{0,4}"
        r"(?:(?:is|number|no|was|of)\b[^\w\n]{0,4}){0,2}\d{3}[- ]?\d{2}[- ]?\d{4})\b",
        hint=r"\d{3}-\d{2}-\d{4}|(?i:ssn|social\s+security)",
        accepts=_is_ssn,
    ),
    Detector(
        type="payment_card",
        category="pii",
        action=Action.BLOCK,
        severity="critical",
        description="The text holds the number of a payment card (personal data).",
        pattern=r"\b(?:\d{4}[ -]\d{4}[ -]\d{4}[ -]\d{1,7}|\d{4}[ -]\d{6}[ -]\d{4,5}|\d{13,19})\b",
        hint=r"\d{4}[ -]?\d{4}[ -]?\d{4}|\d{4}[ -]\d{6}[ -]\d{4}",
        accepts=_is_card,
    ),
    Detector(
        type="email",
        category="pii",
        action=Action.WARN,
        severity="medium",
        description="The text holds an e-mail address (personal data).",
        pattern=r"[\w.%+'-]*\w@(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,}\b",
        hint="@",
    ),
    Detector(
        type="sql_injection",
        category="sqli",
        action=Action.BLOCK,
        severity="critical",
        description="The text looks like an SQL injection.",
        pattern=_alternatives(_INJECTIONS),
        hint=r"(?i:select|union|drop|truncate|alter|exec|delete|shutdown|insert|update|sleep"
        r"|waitfor|receive_message|benchmark|xp_cmdshell|outfile|dumpfile)"
        r"|(?i)(?:['\"]|=).*(?:or|and|\|\||&&)|'\s*(?:--|#)",
    ),
    Detector(
        type="dangerous_statement",
        category="sqli",
        action=Action.BLOCK,
        severity="high",
        description="The text holds a dangerous SQL statement, which drops or empties tables.",
        pattern=_alternatives(_DANGERS),
        hint=r"(?i:drop|truncate|delete|grant)",
    ),
)
TYPES = tuple(detector.type for detector in DETECTORS)
CATEGORIES = tuple(dict.fromkeys(detector.category for detector in DETECTORS))
