"""What is an attack among the candidates of a pattern: by what it says, and what stands around it.

Each function takes a text and a candidate in it, looks at a bounded piece around that, and returns
the span of the attack; None for none.
"""

from __future__ import annotations

import re

from axonflow_core.policy.detectors.kinds import behind_open_quote

_EQUAL = re.compile(
    rb"(?:or|and|having|where|\|\||&&)[\s+(!~@'\"-]*([\w.]+)['\")\s+]*=[\s+(!'\"-]*([\w.]+)",
    re.IGNORECASE,
)
_TERMINATED = re.compile(
    rb"[\s+'\")]*(?:--|#|/\*|;|union\b|(?:and|or)\b[\s+(]*['\"]?[\w%]*['\"]?=)", re.I
)


def equals_itself(data: bytes, start: int, end: int) -> tuple[int, int] | None:
    """A comparison of constants, if it is always true, in capitals, or ends the query: "or 1=1",
    "AND 1=2", "and 1=2--", but not "and 4=9"."""
    compared = _EQUAL.search(data, start, end)
    if compared is None:
        return start, end
    is_shouted = data[start : start + 3].strip(b" +(").isupper()
    if compared[1].lower() == compared[2].lower() or is_shouted:
        return start, end
    return (start, end) if _TERMINATED.match(data, end) else None


def same_name(data: bytes, start: int, end: int) -> tuple[int, int] | None:
    """A name that is compared with itself: `or x=x`, but not "and x=x"; in capitals, or with
    itself, also where the query ends: `OR x=y--`."""
    compared = _EQUAL.search(data, start, end)
    if compared is None:
        return None
    is_said = data[start : start + 2].islower()
    is_same = compared[1].lower() == compared[2].lower()
    is_or = data[start : start + 2].lower() == b"or"
    if is_same and (is_or or not is_said):
        return start, end
    is_ended = _TERMINATED.match(data, end) is not None
    return (start, end) if is_ended and (is_same or not is_said) else None


_SIGNS = re.compile(rb"['\"`][\s+)]*(?:\|\||&&)")
_WORD_OF_LIST = re.compile(rb"(['\"])(?:x?or|and|\|\||&&)\1")
_IN_LIST = re.compile(rb"[(,\[{]\s*\Z")


def joins_constants(data: bytes, start: int, end: int) -> tuple[int, int] | None:
    """A condition of constants behind a quote; by the signs that programs have, too, only behind
    one that the text did not open; but not in a list of words: `("or", "in")`."""
    if _WORD_OF_LIST.match(data, start) and _IN_LIST.search(data[max(0, start - 8) : start]):
        return None
    return behind_open_quote(data, start, end) if _SIGNS.match(data, start) else (start, end)


_FOREIGN = re.compile(
    rb"[\s+(]*(?:null\b|[-+~!\d'\"@*$`\\]|cha?r\(|concat|user\b|version|database\(|load_file)"
    rb"|.{0,200}\b(?:pass(?:w(?:or)?d)?|pwd|credit\w*|login|users?|mysql|information_schema"
    rb"|sys\w*)\b",
    re.IGNORECASE | re.DOTALL,
)
_QUERY = 1_000
"""Bytes before a candidate in which the query that it belongs to begins."""
_SELECT = re.compile(rb"select", re.IGNORECASE)
_CHANGES = re.compile(rb"\bupdate\s+\S+\s+set\b|\bdelete\s+from\b")


def joins_foreign(data: bytes, start: int, end: int) -> tuple[int, int] | None:
    """A second query without a first one in the text, or one for constants, credentials or users:
    two queries of reports are often joined."""
    selected = _SELECT.search(data, start)
    behind = end if selected is None else selected.end()
    is_foreign = outside_query(data, start, end) or _FOREIGN.match(data, behind)
    return (start, end) if is_foreign else None


def outside_query(data: bytes, start: int, end: int) -> tuple[int, int] | None:
    """The candidate, if no query begins before it, of which it could be a part."""
    before = data[max(0, start - _QUERY) : start].lower()
    is_query = b"select" in before and b"from" in before
    return None if is_query or _CHANGES.search(before) else (start, end)


_ABOUT_QUERIES = re.compile(
    rb"\b(?:select|from|sql|quer(?:y|ies)|clauses?|columns?|sort\w*|mean\w*|statements?|tables?"
    rb"|rows?"
    rb"|order(?:ing|ed|s)|syntax|means|used?|works?|group|limit|desc|asc|index\w*|position\w*)\b",
    re.IGNORECASE,
)
_AROUND = 300


def beside_no_query(data: bytes, start: int, end: int) -> tuple[int, int] | None:
    """The end of a query where neither a query nor anything about one stands: "… ORDER BY 7 …"."""
    around = data[max(0, start - _AROUND) : start] + data[end : end + _AROUND]
    return None if _ABOUT_QUERIES.search(around) else (start, end)


_BEGINNING = re.compile(rb"[(=\[{,:][\s]*[bruf]{0,2}\Z|(?:^|[^\w'\"])[bruf]{1,2}\Z", re.IGNORECASE)
_ENDS = re.compile(rb"--|#|;")
_LOOK_AHEAD = 200
"""Bytes behind a candidate in which the query is ended."""


def begins_string(data: bytes, quote: int) -> bool:
    """Whether a string of a program begins with the quote: `f("a`, `x = b'a`."""
    return _BEGINNING.search(data[max(0, quote - 8) : quote]) is not None


def ends_early(data: bytes, start: int, end: int) -> tuple[int, int] | None:
    """A query behind a quote that the text did not open, which it ends."""
    ending = _ENDS.search(data, end, end + _LOOK_AHEAD)
    if ending is None or begins_string(data, start):
        return None
    return behind_open_quote(data, start, ending.end())


_KEYWORDS = frozenset(
    b"union select insert update delete drop where from having order group and exec concat sleep"
    b" benchmark information_schema".split()
)
_BREAK = re.compile(rb"/\*.*?\*/", re.DOTALL)


def broken_keyword(data: bytes, start: int, end: int) -> tuple[int, int] | None:
    """A keyword with a comment in it: `UN/**/ION`."""
    word = _BREAK.sub(b"", data[start:end]).lower()
    return (start, end) if word in _KEYWORDS else None


def ends_query(data: bytes, start: int, end: int) -> tuple[int, int] | None:
    """A quote that the text did not open, and a comment behind it: `admin'--`."""
    quote = min(at for at in (data.find(b"'", start, end), data.find(b'"', start, end)) if at >= 0)
    return None if begins_string(data, quote) else behind_open_quote(data, quote, end)


_PROSE = re.compile(
    rb"[\s+]*(?:\d+\b|(?:and|or|in|on|to|from|for|with|when|if(?!\s+exists)|is|are|was|as|at|by|of"
    rb"|vs|the|a|an|will|would"
    rb"|can|could|should|does|do|may|might|has|have|statements?|commands?|quer(?:y|ies)|clauses?"
    rb"|syntax|operations?|keywords?|privileges?|permissions?|rights?|support|works?|removes?"
    rb"|deletes?"
    rb"|that|this|these|those|it|its|which|your|my|our|their|you|we|they|entirely|completely"
    rb"|instead|because|since|also|not|but|then|so)\b|[\"'`*]*(?:[.,:;?!)]|\Z))",
    re.IGNORECASE,
)
"""What follows `drop table` in a sentence about it."""
_ARTICLE = re.compile(rb"\s+(?:the|an?|all|its|every|each|your|only|both)\b", re.IGNORECASE)
"""What follows a verb, where a name would stand: "TRUNCATE TABLE keeps the table"."""
_VERB = re.compile(rb"[\s+;]*\w+[\s+]+\w+")


def of_a_thing(data: bytes, start: int, end: int) -> tuple[int, int] | None:
    """`drop table customers`, but not "the DROP TABLE statement"."""
    words = _VERB.match(data, start, end)
    is_prose = words is not None and _PROSE.match(data, words.end()) is not None
    return None if is_prose or _ARTICLE.match(data, end) else (start, end)
