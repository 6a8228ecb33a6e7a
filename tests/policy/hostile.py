"""Texts made against one detector, from its own patterns: what its automata find dear, and what its
checks do. The same ones in each run."""

from __future__ import annotations

import re
import string
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import islice
from random import Random

from rstr import Rstr

from axonflow_core.policy.detectors import sql
from axonflow_core.policy.detectors.commands import COMMANDS
from axonflow_core.policy.detectors.detector import Detector
from axonflow_core.policy.detectors.kinds import B, S
from axonflow_core.policy.detectors.sql.dangers import DANGERS

from . import generated
from .noise import repeated
from .secret_texts import Steady, as_upstream, for_python

BLOCK = 65_536
"""Characters of a text that are not repeated."""
SAMPLES, TRIES = 2, 40
IDENTIFIERS = 500
"""Different ones in a text."""
SECRETS = "sensitive_data"
SIGNS = tuple(" =:'\"\n._-a1Z")
_KINDS = {"sql_injection": sql.PARAMETERS, "dangerous_statement": DANGERS}
_KINDS["dangerous_command"] = COMMANDS
_LISTS = {
    "a list of placeholders": "{0}=example{1:06}zq ",
    "a list of names": '"{0}.{1:06}": "settings.{0}.{1:06}",\n',
    "a list of files": "{0}_{1:06}_x=Zq7hR2{1:06}vKp9Tm4w/{1}.yml\n",
    "a list of names of one letter": "{0}=aaaaaaaa{1:06} ",
}
"""Lines for a keyword and a number, no two of which have the same value."""
_BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_ATTACK = "'+or+1=1--/**/\";0xabcdefabcdef"
_MADE: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "phone": {
        "a row that goes on": ("1234 567 ", "89-5"),
        "a row with a label behind it": ("12 34 ", "56 office"),
        "labels and years": ("call me 1999 ", ""),
    },
    "payment_card": {
        "rows that may be cards": ("4111 1111 1111 1111 000000 000000 0 000000 000000 0 1 ", ""),
        "zeros": ("0000 ", ""),
    },
    "crypto_wallet": {"with a wrong check": (f"bc1{_BECH32 * 3}"[:74] + " ", "")},
    "sql_injection": {
        "queries of two": ("select a from b union select c from d ", ""),
        "comments in everything": (f"{_ATTACK} x/**/y ", ""),
        "comments without words": ("#\n", "union"),
    },
    "dangerous_command": {
        "questions about commands": ("what is what is what is rm -rf / ", ""),
        "questions about commands to the end of a line": ("what is find / -delete ", ""),
    },
    "dangerous_statement": {"updates of one row": ("update a set b = ", "")},
}
"""Type -> texts that somebody makes who has read how it is found: what is repeated, and its end."""
_CODE_POINT = re.compile(r"\\x\{([0-9a-fA-F]+)\}")


def texts(detector: Detector, size: int) -> Iterator[tuple[str, str]]:
    """Names and texts of `size` characters."""
    every = list[str]()
    for number, pattern in enumerate(_patterns_of_kinds(detector)):
        every += samples(pattern)
        for made in samples(pattern)[:1]:
            yield f"{number}: again and again", repeated(f"{made} ", size)
            yield f"{number}: without its end", repeated(f"{made[:-1]} ", size)
    for number, pattern in enumerate((detector.pattern, *detector.others)):
        for made in samples(pattern) if pattern else ():
            every.append(made)
            yield f"{number}: again and again", repeated(f"{made} ", size)
            yield f"{number}: without its end", repeated(f"{made[:-1]} ", size)
            yield f"{number}: its beginning", repeated(made[: len(made) // 2 + 1], size)
            yield f"{number}: its beginnings", repeated(_beginnings(made, ""), size)
            yield f"{number}: its beginnings, apart", repeated(_beginnings(made, " "), size)
            yield f"{number}: with other digits", repeated(_renewed(made), size)
            yield f"{number}: its characters", repeated(_shuffled(list(made)), size)
    words = [*detector.keywords, *map(str.upper, detector.keywords)]
    if detector.category == SECRETS:
        label = (*words, "key")[0]
        for name, line in _LISTS.items():
            lines = (line.format(label, number) for number in range(size // len(line) + 1))
            yield name, "".join(lines)[:size]
    if words:
        yield "keywords", repeated(_shuffled(words), size)
        yield "keywords and signs", repeated(_shuffled([*words, *SIGNS]), size)
    if every:
        yield "all of it", repeated(_shuffled([f"{made}\n" for made in every]), size)
    for name, (text, end) in _MADE.get(detector.type, {}).items():
        yield name, repeated(text, size - len(end)) + end
    for name, numbers in _identifiers(detector.type).items():
        yield name, repeated(numbers, size)


def _patterns_of_kinds(detector: Detector) -> Sequence[str]:
    return [f"(?is){kind.pattern}" for kind in _KINDS.get(detector.type, ())]


@cache
def samples(pattern: str) -> Sequence[str]:
    """Texts that the pattern matches, made from it."""
    made, matches = Rstr(Steady(pattern)), as_upstream(pattern).search
    python = for_python(_CODE_POINT.sub(_character, pattern.replace(B, " ").replace(S, "")))
    python = python.replace(r"\s", " ")
    texts = (made.xeger(python) for _ in range(TRIES))
    return tuple(islice((text for text in texts if matches(text)), SAMPLES))


def _character(code: re.Match[str]) -> str:
    return re.escape(chr(int(code[1], 16)))


def _beginnings(sample: str, between: str) -> str:
    """Beginnings of the sample, of any length, one behind the other."""
    random = Random(sample)
    lengths = (random.randint(1, len(sample)) for _ in range(BLOCK // len(sample) + 1))
    return "".join(sample[:length] + between for length in lengths)


def _identifiers(kind: str) -> Mapping[str, str]:
    """Valid identifiers of a type, and those with another last digit, most of which are none."""
    random = Random(kind)
    make, label = generated.IDENTIFIERS.get(kind), ""
    if kind in generated.LABELLED:
        make, (label, *_) = generated.LABELLED[kind]
    if make is None:
        return {}
    valid = [f"{label} {make(random)}" for _ in range(IDENTIFIERS)]
    wrong = [f"{one[:-1]}{random.choice(string.digits)}" for one in valid]
    mixed = [random.choice(pair) for pair in zip(valid, wrong, strict=True)]
    names = {"valid ones": valid, "with other last digits": wrong, "of both kinds": mixed}
    return {name: " ".join(those) + " " for name, those in names.items()}


def _renewed(sample: str) -> str:
    """The sample again and again, each time with other digits and letters."""
    random, pieces = Random(sample), list[str]()
    for _ in range(BLOCK // (len(sample) + 1) + 1):
        pieces += (random.choice(_alike(one)) for one in sample)
        pieces.append(" ")
    return "".join(pieces)


def _alike(character: str) -> str:
    for alphabet in (string.digits, string.ascii_lowercase, string.ascii_uppercase):
        if character in alphabet:
            return alphabet
    return character


def _shuffled(pieces: Sequence[str]) -> str:
    length = sum(map(len, pieces)) / len(pieces)
    return "".join(Random(str(pieces)).choices(pieces, k=int(BLOCK / length) + 1))
