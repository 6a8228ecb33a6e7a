"""What a text has in which somebody's number may stand: RE2 patterns that are rare in prose. Many
detectors share one, since each costs a search of every text."""

from __future__ import annotations

_REST = r"(?:[\s.()/\-\x{2010}\x{2013}]{0,3}\d)"
SEVEN_DIGITS = rf"\d{_REST}{{6}}"
"""So many digits, grouped or not."""
NINE_DIGITS = rf"\d{_REST}{{8}}"
"""As before, and rarer: a date has no more than eight."""
CODE = (
    r"(?:\b|_)(?:[A-Za-z]{2}|[A-Z]{2}[\s.-])\d\d[\s.-]?[0-9A-Za-z]{4}"  # an IBAN
    r"|[A-Za-z]{2} ?\d{2} ?\d{2} ?\d{2} ?[A-Da-d]"
    r"|[A-Za-z]{5}\d{4}[A-Za-z]|[A-Za-z]{6}\d{2}[A-Za-z]\d{2}|[A-Z]{4}\d{6}[HM]"
    r"|\d{7}[ -]?[A-Za-z]|\d{6}[-+A-FU-Y]\d{3}"
)
"""Letters and digits, as in the numbers of accounts and states."""
ADDRESS = (
    "[0-9A-Za-z_.%+'\u0080-\uffff-]@[0-9A-Za-z\u0080-\uffff]"
    r"|\d\.\d{1,3}\.\d{1,3}\.\d|[0-9A-Fa-f]::[0-9A-Fa-f]|(?:[0-9A-Fa-f]{1,4}:){5}"
    r"|(?:[0-9A-Fa-f]{2}-){5}|[0-9a-f]{4}\.[0-9a-f]{4}\.[0-9a-f]{4}"
    r"|\b(?:[13][1-9A-HJ-NP-Za-km-z]{25}|(?:bc1|BC1)[0-9A-Za-z]{11})"
)
"""Of e-mail, of machines and of wallets."""
