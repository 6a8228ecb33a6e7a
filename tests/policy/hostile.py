"""Texts made against one detector, from its own patterns: what its automata find dear, and what its
checks do. The same ones in each run."""

from __future__ import annotations

import re
import string
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import islice
from random import Random

from rstr import Rstr

from axonflow_core.policy.detectors import sql
from axonflow_core.policy.detectors.commands import COMMANDS
from axonflow_core.policy.detectors.detector import Detector
from axonflow_core.policy.detectors.kinds import B, S
from axonflow_core.policy.detectors.sql.dangers import DANGERS

from .noise import repeated
from .secret_texts import as_upstream, for_python

BLOCK = 65_536
"""Characters of a text that are not repeated."""
SAMPLES, TRIES = 2, 40
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
_CODE_POINT = re.compile(r"\\x\{([0-9a-fA-F]+)\}")


def texts(detector: Detector, size: int) -> Iterator[tuple[str, str]]:
    """Names and texts of `size` characters."""
    for number, pattern in enumerate(_patterns_of_kinds(detector)):
        for made in samples(pattern)[:1]:
            yield f"{number}: again and again", repeated(f"{made} ", size)
            yield f"{number}: without its end", repeated(f"{made[:-1]} ", size)
    for number, pattern in enumerate((detector.pattern, *detector.others)):
        for made in samples(pattern) if pattern else ():
            yield f"{number}: again and again", repeated(f"{made} ", size)
            yield f"{number}: without its end", repeated(f"{made[:-1]} ", size)
            yield f"{number}: its beginning", repeated(made[: len(made) // 2 + 1], size)
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


def _patterns_of_kinds(detector: Detector) -> Sequence[str]:
    return [f"(?is){kind.pattern}" for kind in _KINDS.get(detector.type, ())]


@cache
def samples(pattern: str) -> Sequence[str]:
    """Texts that the pattern matches, made from it."""
    made, matches = Rstr(Random(pattern)), as_upstream(pattern).search
    python = for_python(_CODE_POINT.sub(_character, pattern.replace(B, " ").replace(S, "")))
    python = python.replace(r"\s", " ")
    texts = (made.xeger(python) for _ in range(TRIES))
    return tuple(islice((text for text in texts if matches(text)), SAMPLES))


def _character(code: re.Match[str]) -> str:
    return re.escape(chr(int(code[1], 16)))


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
