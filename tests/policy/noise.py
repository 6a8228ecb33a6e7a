"""Texts of any length that searches find hard or easy: English, noise, and what makes an automaton
large. The same ones in each run."""

from __future__ import annotations

import base64
import json
import random
import string
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, partial

ENGLISH = """\
There are three usual suspects, and it pays to look at them in this order, because each one is \
cheaper to rule out than the next. The plan of a query that was right for a million rows may be \
wrong for forty; ask the database for it, and read it from the inside to the outside. If the first \
page is as slow as the last, paging is not the problem. Objects are built one by one, and a naive \
loop shows this as time in "fetch", though the answer has long since come.

- Keep one page in memory and no more (so the worker's limit is a matter of its size alone).
- Write the last number down after each page: what was cut off goes on where it stopped.
- Before anything is changed, measure: log the time of each page for one night, 7 to 8 hours.

Whatever comes out, change one thing at a time, and keep the old export beside the new one for a \
week or two. The rule of the kitchen, "never renovate on the same day as the menu", holds here, \
too. Most of the people who came in 2024 had read about it, and some of them stayed for 3 weeks.
"""


def repeated(text: str, size: int) -> str:
    """`text` again and again, `size` characters."""
    return (text * (size // len(text) + 1))[:size]


def english(size: int) -> str:
    return repeated(ENGLISH, size)


def of_letters(letters: str) -> Callable[[int], str]:
    """Noise of these characters."""

    return partial(_noise, letters)


@cache
def _noise(letters: str, size: int) -> str:
    return "".join(random.Random(size).choices(letters, k=size))


def base64_text(size: int) -> str:
    return base64.b64encode(random.Random(size).randbytes(size))[:size].decode()


def json_text(size: int) -> str:
    rows = [
        {
            "id": number,
            "name": f"part {number}",
            "price": number / 4,
            "tags": ["a", "b"],
            "ok": True,
        }
        for number in range(size // 60)
    ]
    return json.dumps(rows)[:size]


KINDS: Mapping[str, Callable[[int], str]] = {
    "English": english,
    "random printable": of_letters(string.printable[:95]),
    "base64": base64_text,
    "hex": of_letters(string.hexdigits[:16]),
    "DNA": of_letters("ACGT"),
    "JSON": json_text,
}
"""Kinds of clean text."""


def hostile(keywords: Sequence[str], size: int) -> Iterator[tuple[str, str]]:
    """Texts, by names, that keep many states of an automaton alive: signs that patterns begin with,
    and the keywords of one, each again and again, or with noise between."""
    for sign in ("a", "0", " ", "'", "-", "1 ", "0-", "1.", "a@a.", "0:", "' or ", "x='", "AB12 "):
        yield f"{sign!r} repeated", repeated(sign, size)
    for letters in (string.digits + " -.", string.ascii_letters + string.digits + "-_.=", "ab '\""):
        yield f"noise of {len(letters)} characters", of_letters(letters)(size)
    for keyword in keywords[:3]:
        value = of_letters(string.ascii_letters + string.digits)(200)
        for between in ("", " ", "=", "='", f" = '{value}", f"_{value[:30]}"):
            yield f"{keyword!r} and {between[:8]!r} repeated", repeated(keyword + between, size)
