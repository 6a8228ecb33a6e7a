"""Addresses of people and of their machines: e-mail, IP, hardware."""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv6Address

from axonflow_core.policy.detectors.detector import Detector
from axonflow_core.policy.detectors.numbers import BEGINS, ENDS, bare
from axonflow_core.policy.detectors.pii.hints import ADDRESS
from axonflow_core.policy.detectors.pii.labels import words_before
from axonflow_core.policy.rules import Action, Severity

# ── e-mail ────────────────────────────────────────────────────────────────────────────────────────

_LETTERS = "\u00c0-\u1fff\u2c00-\u2dff\u3040-\ud7ff\uf900-\ufdff"
"""Letters beyond ASCII, near enough, as ranges of a class."""
_LOCAL = re.compile(rf"[0-9A-Za-z_{_LETTERS}][0-9A-Za-z_.%+'{_LETTERS}-]{{0,63}}\Z")
_LABEL = rf"[0-9A-Za-z{_LETTERS}][0-9A-Za-z{_LETTERS}-]*"
_TOP = rf"[A-Za-z]{{2,}}\b|(?i:xn--)[0-9A-Za-z-]+|[A-Za-z{_LETTERS}]{{2,}}"
_FILES = frozenset(
    b"png jpg jpeg gif svg webp pdf js mjs ts jsx tsx css html json yaml yml txt service".split()
)
"""Last parts of names that have an @ and are no addresses: `logo@2x.png`, `user@1000.service`."""
_IS_IN_URL = re.compile(rb"://[^\s/@]*\Z")


def _email(data: bytes, start: int, end: int) -> tuple[int, int] | None:
    """The address, if it is not the user of a URL, a repository, a file or a product of matrices
    (`x@w.transpose()`)."""
    local, _, domain = data[start:end].partition(b"@")
    before = data[max(0, start - 63) : start] + local
    local_part = _LOCAL.search(before.decode(errors="replace"))
    if local_part is None:
        return None
    start += len(local) - len(local_part[0].encode())
    is_file = domain.rpartition(b".")[2].lower() in _FILES
    is_repository = data.startswith(b"git@", start) and data[end : end + 1] == b":"
    is_version = domain[:1].isdigit() and domain.partition(b".")[2][:1].isdigit()
    is_call = data[end : end + 1] in (b"(", b"[")
    is_in_url = _IS_IN_URL.search(data, max(0, start - 100), start) is not None
    is_other = is_file or is_repository or is_version or is_call or is_in_url
    return None if is_other else (start, end)


# ── IP ────────────────────────────────────────────────────────────────────────────────────────────

_IS_JOINED_BEFORE = re.compile(rb"-\Z|[A-Za-z]/\Z")
_IS_JOINED_BEHIND = re.compile(rb"[.-]?_{0,3}[0-9A-Za-z]")
_IS_IN_ROW_BEFORE = re.compile(rb"(?<![0-9.])[0-9]*\.[0-9]+[ ,]\Z")
_IS_IN_ROW_BEHIND = re.compile(rb"[ ,]?-?\.?[0-9]")
"""In a row of decimal numbers, as in the paths of SVG: `2.12 3.51.98.32 2.03`."""
_is_version = words_before(
    r"(?:\bversion|\bver|\brelease|\bbuild|\bfirmware|\bdriver|\bsection|\bchapter|\bclause"
    r"|\brev|§)[\W_]{0,4}(?:is |no )?\z|\bv\.?\z|[=~^<>]=\z"
    r"|\b(?:version|upgrad|downgrad|patch)\w*[^\n]{0,40}\z",
    56,
)
_is_address = words_before(
    r"\bip\b|ip[ _-]?addr|addr|\bhost|server|client|\bdns|gateway|subnet|ping|\bssh|curl|https?"
    r"|proxy|router|node|remote|\bsrc|\bdst|source|destination|peer|network|\blogin|ipv4",
    40,
)
_HAS_PORT = re.compile(rb":\d{1,5}\b|/\d{1,2}\b")
_MAX_OF_VERSION = 40
"""Four numbers up to this one are a version as likely as an address."""
_OWN = frozenset(b"127.0.0.1 255.255.255.255 255.255.255.0 255.255.0.0 255.0.0.0".split())
"""Every machine's own address, and masks."""


def _ipv4(data: bytes, start: int, end: int) -> tuple[int, int] | None:
    """The address, if it is none that every machine has, and no version."""
    address = data[start:end]
    if address in _OWN or _is_joined(data, start, end):
        return None
    octets = [int(octet) for octet in address.split(b".")]
    if max(octets) > 255 or _HAS_LEADING_ZERO.search(address):
        return None
    is_like_version = max(octets) <= _MAX_OF_VERSION and not _HAS_PORT.match(data, end)
    if is_like_version or _is_version(data, start):
        return (start, end) if _is_address(data, start) else None
    return start, end


_HAS_LEADING_ZERO = re.compile(rb"\b0\d")


def _is_joined(data: bytes, start: int, end: int) -> bool:
    before = data[max(0, start - 16) : start]
    is_part = _IS_JOINED_BEFORE.search(before) or _IS_JOINED_BEHIND.match(data, end)
    is_in_row = _IS_IN_ROW_BEFORE.search(before) and _IS_IN_ROW_BEHIND.match(data, end)
    return is_part is not None or is_in_row is not None


_IS_HEX_JOINED_BEHIND = re.compile(rb":|\.?_{0,3}[0-9A-Za-z]")


def _ipv6(data: bytes, start: int, end: int) -> tuple[int, int] | None:
    """The address, if it is whole or begins as those of networks do: `a[1::2]`, `std::end` and
    `::1` are none."""
    text = data[start:end].decode()
    if _IS_HEX_JOINED_BEHIND.match(data, end):
        return None
    try:
        IPv6Address(text)
    except AddressValueError:
        return None
    groups = [group for group in text.split(":") if group]
    is_long = len(groups) >= 3 and any(len(group) >= 3 for group in groups)
    is_network = len(groups) == 2 and len(groups[0]) == 4 and groups[0][0] in "23fF"
    return (start, end) if is_long or is_network else None


_BEFORE = re.compile(rb"(?:[G-Zg-z_]\w*:|[^0-9A-Fa-f:]*(?::(?!:))?)")


def _address(data: bytes, start: int, end: int) -> tuple[int, int] | None:
    """The address behind what separates it from the words before it."""
    before = _BEFORE.match(data, start, end)
    start = before.end() if before else start
    return (_ipv6 if b":" in data[start:end] else _ipv4)(data, start, end)


_APART = r"(?:\A:?|[^\w.:]|\b_{1,3}|[^0-9A-Fa-f:]:|[G-Zg-z_]\w*:)"
"""Before an address; a word with a colon, `node:`, is no group of one."""
_FIRST = r"(?:12[0-689]|1[013-9]\d|[1-9]\d?|[2-9]\d\d)"
_OCTET = r"\d{1,3}"
_IPV4 = (
    rf"(?:{_FIRST}\.{_OCTET}\.{_OCTET}|127\.(?:{_OCTET}\.[1-9]\d{{0,2}}|[1-9]\d{{0,2}}\.0))"
    rf"\.{_OCTET}|127\.0\.0\.(?:[02-9]|\d\d{{1,2}})"
)
"""Not `127.0.0.1`, which each line of a log may have."""
_IN_IPV6 = rf"{_OCTET}(?:\.{_OCTET}){{3}}"
_HEX = r"[0-9A-Fa-f]{1,4}"
_IPV6 = (
    rf"(?:{_HEX}:){{7}}{_HEX}|(?:{_HEX}:){{6}}{_IN_IPV6}"
    rf"|(?:(?:{_HEX}:){{1,7}}|:):(?:(?:{_HEX}:){{0,6}}(?:{_IN_IPV6}|{_HEX}))?"
)
"""Eight groups, or two colons in the place of some: a time of day is none."""

# ── hardware ──────────────────────────────────────────────────────────────────────────────────────

_BYTE = "[0-9A-Fa-f]{2}"
_IN_FOURS = r"(?:[0-9a-f]{4}\.){2}[0-9a-f]{0,3}[a-f][0-9a-f]{0,3}"
_MAC = rf"{BEGINS}(?:(?:{_BYTE}:){{5}}{_BYTE}|(?:{_BYTE}-){{5}}{_BYTE}|{_IN_FOURS}){ENDS}"


def _mac(data: bytes, start: int, end: int) -> tuple[int, int] | None:
    is_part = _IS_MAC_JOINED.search(data, max(0, start - 2), start)
    is_part = is_part or _IS_MAC_JOINED_BEHIND.match(data, end)
    is_nobodys = len(set(data[start:end].lower())) <= 2
    return None if is_part or is_nobodys else (start, end)


_IS_MAC_JOINED = re.compile(rb"\.\Z|[0-9A-Fa-f][:-]\Z")
_IS_MAC_JOINED_BEHIND = re.compile(rb"[:.-]?_{0,3}[0-9A-Za-z]")

DETECTORS = (
    Detector(
        type="email",
        category="pii",
        action=Action.WARN,
        severity=Severity.MEDIUM,
        description="The text holds an e-mail address (personal data).",
        pattern=rf"[0-9A-Za-z_.%+'{_LETTERS}-]@(?:{_LABEL}\.)+(?:{_TOP})",
        hint=ADDRESS,
        accept=_email,
    ),
    Detector(
        type="ip_address",
        category="pii",
        action=Action.LOG,
        severity=Severity.LOW,
        description="The text holds an IP address (personal data).",
        pattern=rf"{_APART}(?:{_IPV4}|{_IPV6})",
        hint=ADDRESS,
        accept=bare(_address),
        cost_us=6,
    ),
    Detector(
        type="mac_address",
        category="pii",
        action=Action.LOG,
        severity=Severity.LOW,
        description="The text holds the hardware address of a machine (personal data).",
        pattern=_MAC,
        hint=ADDRESS,
        accept=bare(_mac),
    ),
)
