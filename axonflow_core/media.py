"""Types of media: how they are named, and what the first bytes of a file tell.

    type      its MIME type: `image/jpeg`. `canonical` makes one of any name in use: `image/jpg`,
              `.JPG`, `text/x-markdown; charset=utf-8`
    format    the short name in the JSON of some vendors: `jpeg`, `docx`, `three_gp`
    terms     what a model takes of pictures or of documents, as data (`MediaTerms`)

The bytes decide what a file is (`type_of_bytes`); a label is a claim. A text has no first bytes, so
its label is believed. Sources: the IANA registry of media types; the formats that Bedrock's service
model names (API 2023-09-30); PNG (ISO 15948), JPEG (T.81), GIF89a, the WebP container and PDF
(ISO 32000) for the bytes, November 2026.
"""

from __future__ import annotations

import re
from base64 import b64encode
from binascii import Error, a2b_base64
from collections.abc import Mapping
from enum import StrEnum

from axonflow_core.frozen import frozen


class MediaKind(StrEnum):
    """How a `Media` gives its data."""

    BASE64 = "base64"
    TEXT = "text"
    URL = "url"
    S3 = "s3"
    FILE = "file"


# ── names ─────────────────────────────────────────────────────────────────────────────────────────

_OFFICE = "application/vnd.openxmlformats-officedocument"
PLAIN_TEXT, PDF = "text/plain", "application/pdf"

IMAGE_FORMATS: Mapping[str, str] = {
    name: f"image/{name}" for name in ("png", "jpeg", "gif", "webp")
}
DOCUMENT_FORMATS: Mapping[str, str] = {
    "pdf": PDF,
    "csv": "text/csv",
    "doc": "application/msword",
    "docx": f"{_OFFICE}.wordprocessingml.document",
    "xls": "application/vnd.ms-excel",
    "xlsx": f"{_OFFICE}.spreadsheetml.sheet",
    "html": "text/html",
    "txt": PLAIN_TEXT,
    "md": "text/markdown",
}
"""Format -> type, of pictures and of documents."""

_OTHER_NAMES: Mapping[str, str] = {
    "jpg": "image/jpeg",
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    "image/x-png": "image/png",
    "application/x-pdf": PDF,
    "application/csv": "text/csv",
    "text/x-csv": "text/csv",
    "text/comma-separated-values": "text/csv",
    "htm": "text/html",
    "application/xhtml+xml": "text/html",
    "text": PLAIN_TEXT,
    "text/txt": PLAIN_TEXT,
    "markdown": "text/markdown",
    "text/md": "text/markdown",
    "text/x-markdown": "text/markdown",
    "json": "application/json",
    "text/json": "application/json",
    "xml": "application/xml",
    "audio/mpeg": "audio/mp3",
    "audio/x-wav": "audio/wav",
    "audio/wave": "audio/wav",
    "video/quicktime": "video/mov",
    "video/x-matroska": "video/mkv",
    "video/x-flv": "video/flv",
    "video/x-ms-wmv": "video/wmv",
    "video/3gpp": "video/3gp",
    "video/three_gp": "video/3gp",
}
"""A name in use -> the type as it is sent. Of sound and film the vendors' own names are: they put
the format behind the slash (`audio/mp3`)."""

_TYPES = {**IMAGE_FORMATS, **DOCUMENT_FORMATS, **_OTHER_NAMES}
_FORMATS = {
    type_: name for table in (IMAGE_FORMATS, DOCUMENT_FORMATS) for name, type_ in table.items()
}
_STRUCTURED_TEXT = re.compile(r"text/.+|application/(.+\+)?(json|xml|yaml|x-yaml|toml|sql|rtf)")


def canonical(name: str) -> str:
    """The type that `name` means: a MIME type in any spelling, its parameters cut off, or the end
    of a file's name. A name that is not known is its own."""
    plain = name.partition(";")[0].strip().lower()
    return _TYPES.get(plain.removeprefix("."), plain)


def format_of(type_: str) -> str:
    """The short name of a type: `jpeg` for `image/jpg`. Where there is none, what stands behind the
    slash."""
    known = canonical(type_)
    return _FORMATS.get(known) or known.rpartition("/")[2]


def is_text(type_: str) -> bool:
    """Whether files of this type are text that anybody can read: `text/csv`, JSON, XML."""
    return _STRUCTURED_TEXT.fullmatch(type_) is not None


# ── bytes ─────────────────────────────────────────────────────────────────────────────────────────

_SIGNATURES = (
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF8", "image/gif"),
    (8, b"WEBP", "image/webp"),
    (0, b"%PDF-", PDF),
)
"""Offset and bytes that files of a type have there."""
_ZIP = b"PK\x03\x04"
_IN_ZIP = ((b"word/", DOCUMENT_FORMATS["docx"]), (b"xl/", DOCUMENT_FORMATS["xlsx"]))
"""The folder that an office file has in its archive."""
_HEAD_CHARS = 64
"""Characters of base64 that hold every signature."""


def type_of_bytes(data: bytes) -> str | None:
    """The type of a file by its bytes; None where they do not tell, as of text and the older
    formats of office programs."""
    for offset, signature, type_ in _SIGNATURES:
        if data.startswith(signature, offset):
            return type_
    if data.startswith(_ZIP):
        return next((type_ for folder, type_ in _IN_ZIP if folder in data), None)
    return None


def type_of_base64(data: str) -> str | None:
    """The type of a picture or PDF whose bytes are `data`, by the first of them; None where they do
    not tell, or are no base64."""
    try:
        return type_of_bytes(a2b_base64(data[:_HEAD_CHARS] + "==="))
    except (Error, ValueError):
        return None


_URL_SAFE = str.maketrans("-_", "+/")


def tidied_base64(data: str) -> str | None:
    """`data` as the standard alphabet has it: without line breaks, padded, `+` and `/` for the
    signs that are safe in URLs. None where it is no base64."""
    plain = "".join(data.split()).translate(_URL_SAFE).rstrip("=")
    padded = plain + "=" * (-len(plain) % 4)
    return padded if plain and bytes_of_base64(padded) is not None else None


def bytes_of_base64(data: str) -> bytes | None:
    """The bytes of strict base64; None where it is none."""
    try:
        return a2b_base64(data, strict_mode=True)
    except (Error, ValueError):
        return None


def text_of_bytes(data: bytes) -> str | None:
    """The text of a file in UTF-8, or in UTF-16 with its mark; None where the bytes are no text."""
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text


def split_data_url(url: str) -> tuple[str, str] | None:
    """Type and base64 data of a `data:` URL; None for anything else. A URL that holds text gets its
    base64."""
    if url[:5].lower() != "data:":
        return None
    head, comma, data = url[5:].partition(",")
    if not comma:
        return None
    if head.lower().endswith(";base64"):
        return head[:-7], data
    from urllib.parse import unquote_to_bytes  # seldom needed

    return head or PLAIN_TEXT, b64encode(unquote_to_bytes(data)).decode()


# ── sizes ─────────────────────────────────────────────────────────────────────────────────────────


def sides_of(data: bytes) -> tuple[int, int] | None:
    """Width and height of a picture in pixels; None where they cannot be read."""
    match type_of_bytes(data):
        case "image/png" if data[12:16] == b"IHDR" and len(data) >= 24:
            return _big(data, 16, 4), _big(data, 20, 4)
        case "image/gif" if len(data) >= 10:
            return _little(data, 6, 2), _little(data, 8, 2)
        case "image/jpeg":
            return _sides_of_jpeg(data)
        case "image/webp" if len(data) >= 30:
            return _sides_of_webp(data)
    return None


def _big(data: bytes, start: int, size: int) -> int:
    return int.from_bytes(data[start : start + size], "big")


def _little(data: bytes, start: int, size: int) -> int:
    return int.from_bytes(data[start : start + size], "little")


_FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
"""Markers of a JPEG that begin a frame, whose head has the sides."""


def _sides_of_jpeg(data: bytes) -> tuple[int, int] | None:
    """A JPEG is a list of segments, each with its marker and length: walk to the first frame."""
    place = 2
    while place + 9 <= len(data) and data[place] == 0xFF:
        if data[place + 1] in _FRAMES:
            return _big(data, place + 7, 2), _big(data, place + 5, 2)
        place += 2 + _big(data, place + 2, 2)
    return None


def _sides_of_webp(data: bytes) -> tuple[int, int] | None:
    match data[12:16]:
        case b"VP8X":
            return 1 + _little(data, 24, 3), 1 + _little(data, 27, 3)
        case b"VP8 ":
            return _little(data, 26, 2) & 0x3FFF, _little(data, 28, 2) & 0x3FFF
        case b"VP8L":
            bits = _little(data, 21, 4)
            return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    return None


_PAGE = re.compile(rb"/Type\s*/Page\b")


def least_pages_of(data: bytes) -> int:
    """How many pages a PDF has at least: those that stand in it uncompressed."""
    return sum(1 for _ in _PAGE.finditer(data))


# ── what a model takes ────────────────────────────────────────────────────────────────────────────


@frozen(kw_only=True)
class MediaTerms:
    """What a model takes of pictures, or of documents. None, or nothing, restricts nothing."""

    types: frozenset[str] | None = None
    """The types that it reads."""
    sources: frozenset[MediaKind] | None = None
    """The kinds of source that it takes."""
    has_text_sources: bool = False
    """Whether a file of text goes as its text, and not as base64."""
    is_users_alone: bool = False
    """Whether messages of the user's alone may have one."""
    max_bytes: int | None = None
    """The size of one, in bytes of the file."""
    of_any_size: frozenset[str] = frozenset()
    """The types that `max_bytes` is not for."""
    max_base64: int | None = None
    """The base64 of all of them together, in characters: they share the body of a request."""
    max_in_message: int | None = None
    max_in_request: int | None = None
    """How many of them, those inside results of tools included."""
    max_side_px: int | None = None
    """The longest side of a picture, in pixels."""
    many: int | None = None
    max_side_px_of_many: int | None = None
    """With more than `many` pictures in a request the longest side is this."""
    max_pages: int | None = None
    """The pages of all PDFs of a request."""
    instead: str | None = None
    """How such a file reaches the model all the same, where the form has no place for it."""
