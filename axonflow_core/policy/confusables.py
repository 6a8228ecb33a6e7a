"""Characters that look like others: `folded` writes letters and digits of ASCII for them.

A person and a model read `ЅЕLЕСТ` as SELECT, whatever its letters are. The table is what of
Unicode's confusables.txt (UTS #39, Unicode Security Mechanisms) stands for one letter or digit of
ASCII, for a hyphen or an apostrophe, and is a letter, a number or a sign of punctuation itself that
NFKC leaves as it is. Data: confusable-homoglyphs 3.3.1 (January 2024), which has it of unicode.org;
Unicode License v3.

Three rules are ours. Digits of any script are their value, not what they resemble. A small letter
that resembles none is the small form of what its capital resembles: `к` is k. And what resembles O
or I next to a digit is a digit.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import NamedTuple
from unicodedata import decimal

LOOK_ALIKES: Mapping[str, str] = {
    "'": "ʹʻʼʽʾˈˊˋ˴՚՝‘’‛′‵",
    "-": "˗‐‒–⁃−",
    "2": "ƧϨᒿꙄꛯꝚ",
    "3": "ƷȜЗӠⳌꝪꞫ𑣊𖼻",
    "4": "Ꮞ𑢯",
    "5": "Ƽ𑢻",
    "6": "бᏮⳒ𑣕",
    "7": "𐓒𑣆",
    "8": "Ȣȣ𐌚",
    "9": "ⳊꝮ𑢬𑣌𑣖",
    "A": "ΑАᎪᗅꓮ𐊠𖽀",
    "B": "ΒВᏴᗷꓐꞴ𐊂𐊡𐌁",
    "C": "СᏟⲤꓚ𐊢𐌂𐐕𐔜𑣲",
    "D": "Ꭰᗞᗪꓓ",
    "E": "ΕЕᎬⴹꓰ𐊆𑢦𑢮",
    "F": "ϜᖴꓝꞘ𐊇𐊥𐔥𑢢𑣂",
    "G": "ԌᏀᏳꓖ",
    "H": "ΗНᎻᕼⲎꓧ𐋏",
    "I": "ƖΙІӀⲒ",
    "J": "ͿЈᎫᒍꓙꞲ",
    "K": "ΚКᏦᛕⲔꓗ𐔘",
    "L": "ᏞᒪⳐꓡ𐐛𐔦𑢣𑢲𖼖",
    "M": "ΜϺМᎷᗰᛖⲘꓟ𐊰𐌑",
    "N": "ΝⲚꓠ𐔓",
    "O": "ΟОՕଠዐⲞⵔꓳ𐊒𐊫𐐄𐓂𐔖𑢵",
    "P": "ΡРᏢᑭⲢꓑ𐊕",
    "Q": "ⵕ",
    "R": "ƦᎡᏒᖇꓣ𐒴𖼵",
    "S": "ЅՏᏕᏚꓢ𐊖𐐠𖼺",
    "T": "ΤТᎢⲦꓔ𐊗𐊱𐌕𑢼𖼊",
    "U": "Սሀᑌꓴ𐓎𑢸𖽂",
    "V": "ѴᏙᐯⴸꓦꛟ𐔝𑢠𖼈",
    "W": "ԜᎳᏔꓪ𑣯",
    "X": "ΧХᚷⲬⵝꓫꞳ𐊐𐊴𐌗𐌢𐔧𑣬",
    "Y": "ΥУҮᎩᎽⲨꓬ𐊲𑢤𖽃",
    "Z": "ΖᏃꓜ𐋵𑢩",
    "a": "ɑαа",
    "b": "ƄЬᏏᑲᖯ",
    "c": "сᴄⲥꮯ𐐽",
    "d": "ԁᏧᑯꓒ",
    "e": "еҽꬲ",
    "f": "քẝꞙꬵ",
    "g": "ƍɡցᶃ",
    "h": "һհᏂ",
    "i": "ıɩɪιіӏᎥꙇꭵ𑣃",
    "j": "ϳј",
    "l": "ǀᛁⵏꓲ𐊊𐌉𐌠𖼨",
    "n": "ոռ",
    "o": "οσоօഠဝჿᴏᴑⲟꬽ𐐬𐓪𑣈𑣗",
    "p": "ρрⲣ",
    "q": "ԛգզ",
    "r": "гᴦⲅꭇꭈꮁ",
    "s": "ƽѕꜱꮪ𐑈𑣁",
    "u": "ʋυսᴜꞟꭎꭒ𐓶𑣘",
    "v": "νѵᴠꮩ𑜆𑣀",
    "w": "ɯѡԝաᴡꮃ𑜊𑜎𑜏",
    "x": "хᕁᕽ",
    "y": "ɣʏγуүყᶌỿꭚ𑣜",
    "z": "ᴢꮓ𑣄",
}
"""Character of ASCII -> what looks like it."""
_END = 0x20000
"""No script has its digits from here on."""
_OUTER = "\U00010000-\U0010ffff"
"""Characters behind the Basic Multilingual Plane. A class of some of them is slow to search for."""


class _Folding(NamedTuple):
    table: Mapping[int, str]
    changing: re.Pattern[str]
    """A character that is folded."""
    behind: re.Pattern[str]
    """What looks like O or I behind a digit, and is of no word: in its second group."""
    before: re.Pattern[str]
    """The same before a digit: in its first group."""


def folded(text: str) -> str:
    """`text`, a character for each of its own, with those of ASCII for what looks like them."""
    folding = _folding()
    if text.isascii() or folding.changing.search(text) is None:
        return text
    text = folding.behind.sub(lambda match: match[1] + _digits(match[2]), text)
    text = folding.before.sub(lambda match: _digits(match[1]) + match[2], text)
    return text.translate(folding.table)


def find_alike(text: str, start: int, end: int) -> re.Match[str] | None:
    """The first character from `start` to before `end` that looks like one of ASCII."""
    return _folding().changing.search(text, start, end)


def _digits(letters: str) -> str:
    """Digits for letters that look like them: 0 for each O, 1 for each I."""
    table = _folding().table
    return "".join("0" if table.get(ord(one)) in ("o", "O") else "1" for one in letters)


@cache
def _folding() -> _Folding:
    table = {one: ascii for ascii, alike in LOOK_ALIKES.items() for one in alike}
    for capital, ascii in list(table.items()):
        small = capital.lower()
        if ascii.isupper() and len(small) == 1 and not small.isascii():
            table.setdefault(small, ascii.lower())
    table |= {one: str(decimal(one)) for one in filter(str.isdecimal, map(chr, range(0x80, _END)))}
    inner = "".join(one for one in table if one < _OUTER[0])
    letters = "".join(one for one, ascii in table.items() if ascii in "oOiIl")
    return _Folding(
        {ord(one): ascii for one, ascii in table.items()},
        changing=re.compile(f"[{inner}{_OUTER}]"),
        behind=re.compile(rf"([0-9][ -]?)([{letters}]{{1,16}})(?![^\W\d])"),
        before=re.compile(rf"(?<![^\W\d])([{letters}]{{1,16}})([ -]?[0-9])"),
    )
