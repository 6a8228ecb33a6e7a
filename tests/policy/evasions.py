"""Ways to write a text so that it looks or means the same and reads otherwise: each a function of
the text, by its name."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from html import escape
from html.entities import codepoint2name
from itertools import cycle, islice
from urllib.parse import quote, quote_plus

Evasion = Callable[[str], str]

CYRILLIC = str.maketrans(
    "AaBCcEeHIiJjKMOoPpSsTXxYy", "АаВСсЕеНІіЈјКМОоРрЅѕТХхУу", ""
)  # looks like Latin
HIDDEN = "\u200b\u200c\u200d\u2060\ufeff\u180e"
CONTROLS = "\0\x01\x08\x0e\x1f\x7f\u00ad"


def url(text: str) -> str:
    """Every character that is no letter or digit, as browsers do."""
    return quote(text, safe="")


def url_whole(text: str) -> str:
    """Every character."""
    return "".join(f"%{byte:02x}" for byte in text.encode())


def html_named(text: str) -> str:
    """The characters that have a name in HTML 4, and the quotes."""
    names = {**codepoint2name, ord("'"): "apos"}
    return "".join(f"&{names[ord(one)]};" if ord(one) in names else one for one in text)


def html_decimal(text: str) -> str:
    return "".join(f"&#{ord(one)};" for one in text)


def html_hex(text: str) -> str:
    return "".join(f"&#x{ord(one):X};" for one in text)


def full_width(text: str) -> str:
    return "".join(chr(ord(one) + 0xFEE0) if "!" <= one <= "~" else one for one in text)


def between(signs: str) -> Evasion:
    """One of `signs` between any two characters."""

    def evasion(text: str) -> str:
        return "".join(map("".join, zip(text, islice(cycle(signs), len(text)), strict=True)))[:-1]

    return evasion


def cyrillic(text: str) -> str:
    return text.translate(CYRILLIC)


def struck(text: str) -> str:
    return "".join(f"{one}\u0336" for one in text)


def on_keys(text: str) -> str:
    """As their emoji have them; the last one stays bare."""
    key = "\ufe0f\u20e3"
    return "".join(one + key if one.isdigit() else one for one in text).removesuffix(key)


def blanks_as(blank: str) -> Evasion:
    return lambda text: text.replace(" ", blank)


def escaped(text: str) -> str:
    """As JSON has it."""
    return "".join(f"\\u{ord(one):04x}" for one in text)


EVASIONS: Mapping[str, Evasion] = {
    "URL": url,
    "URL, every character": url_whole,
    "URL, blanks as plus": quote_plus,
    "URL, twice": lambda text: url(url(text)),
    "URL, every character twice": lambda text: url_whole(url_whole(text)),
    "HTML, named": html_named,
    "HTML, decimal": html_decimal,
    "HTML, hexadecimal": html_hex,
    "HTML, twice": lambda text: escape(html_decimal(text)),
    "full width": full_width,
    "zero width between": between(HIDDEN),
    "Cyrillic": cyrillic,
    "struck through": struck,
    "digits on keys": on_keys,
    "blanks as tabs": blanks_as("\t"),
    "blanks as new lines": blanks_as("\r\n"),
    "controls between": between(CONTROLS),
    "blanks as controls": blanks_as("\x0b\0"),
    "JSON": escaped,
    "JSON's new lines": lambda text: json.dumps(text.replace(" ", "\n"))[1:-1],
    "full width in a URL": lambda text: url(full_width(text)),
    "URL in full width": lambda text: full_width(url(text)),
    "HTML in a URL": lambda text: url(html_decimal(text)),
    "URL in HTML": lambda text: html_hex(url(text)),
    "Cyrillic in a URL": lambda text: url(cyrillic(text)),
    "zero width in HTML": lambda text: html_decimal(between(HIDDEN)(text)),
    "soft hyphens in a URL": lambda text: url(between("\u00ad")(text)),
    "Cyrillic and zero width": lambda text: between("\u200b")(cyrillic(text)),
}
