"""Pictures and documents: types, sources, numbers and sizes."""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error
from collections.abc import Iterator, Mapping

from axonflow_core.messages import Json

from .body import Body, Form, Kind, Part, member, objects
from .row import CLAUDE, CLAUDE_FORMS, CONVERSE_ALONE, Row

_MOST_IMAGES = 20
_MOST_DOCUMENTS = 5
_MOST_IMAGE_BASE64 = 5 * 1024 * 1024
_MOST_DOCUMENT_BYTES = 4_500_000
_MAGIC: Mapping[bytes, str] = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF8": "image/gif",
    b"RIFF": "image/webp",
}
_NAME = re.compile(r"(?:[a-zA-Z0-9\-()\[\]]|\s(?!\s))+")
_FORMATS = ("png", "jpeg", "gif", "webp")


def _tagged(part: Part, *path: str) -> str:
    return ".".join((part.place, part.kind.value, *path))


def _pictures(body: Body) -> Iterator[Part]:
    return (part for part in body.parts() if part.kind is Kind.IMAGE)


def _documents(body: Body) -> Iterator[Part]:
    return (part for part in body.parts() if part.kind is Kind.DOCUMENT)


# ── Claude's own form ─────────────────────────────────────────────────────────────────────────────


def _sources(body: Body) -> Iterator[str]:
    for part in _pictures(body):
        if (kind := member(part.json, "source", "type")) != "base64":
            yield (
                f"{_tagged(part, 'source')}: Input tag '{kind}' found using 'type' does not match "
                "any of the expected tags: 'base64'"
            )


def _types(body: Body) -> Iterator[str]:
    for part in _pictures(body):
        if member(part.json, "source", "type") == "base64":
            yield from _wrong_type(part, tuple(f"image/{name}" for name in _FORMATS))


def _types_of_documents(body: Body) -> Iterator[str]:
    for part in _documents(body):
        if member(part.json, "source", "type") == "base64":
            yield from _wrong_type(part, ("application/pdf",))
        elif member(part.json, "source", "type") in ("url", "file"):
            yield (
                f"{_tagged(part, 'source')}: Input tag '{member(part.json, 'source', 'type')}' "
                "found using 'type' does not match any of the expected tags: 'base64', 'content', "
                "'text'"
            )


def _wrong_type(part: Part, known: tuple[str, ...]) -> Iterator[str]:
    given = member(part.json, "source", "media_type")
    place = _tagged(part, "source", "base64", "media_type")
    if given is None:
        yield f"{place}: Field required"
    elif given not in known:
        yield f"{place}: Input should be {' or '.join(map(repr, known))}"


# ── what the bytes are ────────────────────────────────────────────────────────────────────────────


def _mislabelled(body: Body) -> Iterator[str]:
    key = "bytes" if body.form is Form.CONVERSE else "base64"
    for part in _pictures(body):
        said, found = _said(part), _found(part)
        if said is not None and found is not None and said != found:
            yield (
                f"{_tagged(part, 'source', key)}: The image was specified using the {said} media "
                f"type, but the image appears to be a {found} image"
            )


def _said(part: Part) -> str | None:
    """The media type that the body states."""
    picture = part.json.get("format")
    stated = f"image/{picture}" if picture else member(part.json, "source", "media_type")
    return stated if isinstance(stated, str) else None


def _found(part: Part) -> str | None:
    """The media type that the first bytes show, None where they show none."""
    data = _bytes(part)[:16]
    return next((kind for magic, kind in _MAGIC.items() if data.startswith(magic)), None)


def _bytes(part: Part) -> bytes:
    source = part.json.get("source")
    data = member(source, "bytes") or member(source, "data")
    try:
        return b64decode(data) if isinstance(data, str) else b""
    except (Error, ValueError):
        return b""


# ── numbers and sizes ─────────────────────────────────────────────────────────────────────────────


def _too_many(body: Body) -> Iterator[str]:
    images, documents = len([*_pictures(body)]), len([*_documents(body)])
    if images > _MOST_IMAGES:
        yield f"too many images and documents: {images} + {documents} > {_MOST_IMAGES}"


def _too_many_documents(body: Body) -> Iterator[str]:
    for turn in body.turns:
        if (found := len(turn.of(Kind.DOCUMENT))) > _MOST_DOCUMENTS:
            yield (
                f"The number of documents at messages.{turn.number}.content is {found}, and the "
                f"maximum is {_MOST_DOCUMENTS}. Remove documents and try again."
            )


def _too_large(body: Body) -> Iterator[str]:
    for part in _pictures(body):
        source = part.json.get("source")
        data = member(source, "bytes") or member(source, "data")
        if isinstance(data, str) and len(data) > _MOST_IMAGE_BASE64:
            yield (
                f"{_tagged(part, 'source')}: image exceeds 5 MB maximum: {len(data)} bytes > "
                f"{_MOST_IMAGE_BASE64} bytes"
            )


def _too_large_documents(body: Body) -> Iterator[str]:
    for part in _documents(body):
        if part.json.get("format") in _of_any_size(body.base_id):
            continue
        if (size := len(_bytes(part))) > _MOST_DOCUMENT_BYTES:
            yield (
                f"The document at {part.place} has {size} bytes, and the maximum is "
                f"{_MOST_DOCUMENT_BYTES}."
            )


def _names(body: Body) -> Iterator[str]:
    names = [part.json.get("name") for part in _documents(body)]
    if any(isinstance(name, str) and not _NAME.fullmatch(name) for name in names):
        yield (
            "The document file name can only contain alphanumeric characters, whitespace "
            "characters, hyphens, parentheses, and square brackets. The name can't contain more "
            "than one consecutive whitespace character."
        )


def _repeated_names(body: Body) -> Iterator[str]:
    names = [part.json.get("name") for part in _documents(body)]
    if any(name in names[:place] for place, name in enumerate(names)):
        yield (
            "Messages can't contain duplicate document names. Rename the document and retry your "
            "request."
        )


def _of_any_size(base_id: str) -> tuple[str, ...]:
    """The formats that the limit is not for: from Claude 4 on, and of Nova."""
    if base_id.startswith("amazon.nova"):
        return ("pdf", "docx")
    is_newer = base_id.startswith(CLAUDE) and not base_id.startswith("anthropic.claude-3")
    return ("pdf",) if is_newer else ()


def _alone(body: Body) -> Iterator[str]:
    for turn in body.turns:
        if turn.of(Kind.DOCUMENT) and not turn.of(Kind.TEXT):
            yield (
                "A text block must be included when using documents. Add a text block and retry "
                "your request."
            )


def _videos(body: Body) -> Iterator[str]:
    if any("video" in part.json for part in body.parts()):
        yield (
            "This model doesn't support the video content block that you provided. Update the "
            "content block and try again."
        )


def _buckets(body: Body) -> Iterator[str]:
    if any(member(image, "source", "s3Location") for image in _pictures_anywhere(body)):
        yield "This model doesn't support the s3Uri field. Remove s3Uri and try again."


def _pictures_anywhere(body: Body) -> Iterator[Json]:
    """Pictures of Converse, those in the results of tools too."""
    for part in body.parts():
        if part.kind is Kind.IMAGE:
            yield part.json
        for block in objects(part.json.get("content")):
            yield block.get("image")


ROWS: tuple[Row, ...] = (
    Row(
        name="videos, to a model that takes none",
        words=_videos,
        source="recorded traffic, 2026",
        forms=CONVERSE_ALONE,
        except_models=("amazon.nova", "twelvelabs."),
    ),
    Row(
        name="images in S3, to Claude",
        words=_buckets,
        source="recorded traffic, 2026",
        forms=CONVERSE_ALONE,
        models=CLAUDE,
    ),
    Row(
        name="documents without a text",
        words=_alone,
        source="recorded traffic, 2026",
        forms=CONVERSE_ALONE,
    ),
    Row(
        name="the name of a document",
        words=_names,
        source="AWS API reference, DocumentBlock, November 2026; public reports, 2024 to 2026",
        forms=CONVERSE_ALONE,
    ),
    Row(
        name="two documents of one name",
        words=_repeated_names,
        source="maximhq/bifrost#7003, September 2026; ag-ui-protocol/ag-ui#2425, August 2026; "
        "BerriAI/litellm#29418, June 2026",
        forms=CONVERSE_ALONE,
    ),
    Row(
        name="too many documents",
        words=_too_many_documents,
        source="AWS API reference, Message (up to five documents), November 2026; the words are "
        "ours",
        forms=CONVERSE_ALONE,
    ),
    Row(
        name="a document that is too large",
        words=_too_large_documents,
        source="AWS API reference, Message (4.5 MB a document), and AWS user guide, API "
        "restrictions (not for PDFs to Claude 4 and newer, PDF and DOCX to Nova), November 2026; "
        "the words are ours",
        forms=CONVERSE_ALONE,
    ),
    Row(
        name="an image that is too large",
        words=_too_large,
        source="public reports of the words, which count base64: aws/aws-sdk-js-v3#6785, "
        "aws-solutions-library-samples/accelerated-intelligent-document-processing-on-aws#778, "
        "2025 and 2026; AWS API reference, Message (3.75 MB an image), November 2026",
        forms=CLAUDE_FORMS,
        is_vendors=True,
    ),
    Row(
        name="too many images",
        words=_too_many,
        source="AWS API reference, Message (up to 20 images), November 2026; public reports of the "
        "words",
        forms=CONVERSE_ALONE,
        is_vendors=True,
    ),
    Row(
        name="images from elsewhere, to Claude",
        words=_sources,
        source="Anthropic's page Vision: Bedrock takes bytes alone; pollinations#5862, 2026",
        forms=(Form.MESSAGES,),
    ),
    Row(
        name="the type of an image, to Claude",
        words=_types,
        source="ziatdinovmax/SciLink#382, 1jehuang/jcode#465, 2026; Anthropic's page Vision",
        forms=(Form.MESSAGES,),
    ),
    Row(
        name="the type of a document, to Claude",
        words=_types_of_documents,
        source="danny-avila/LibreChat#16054, 2026; Anthropic's page PDF support",
        forms=(Form.MESSAGES,),
    ),
    Row(
        name="an image of another type than is said",
        words=_mislabelled,
        source="public reports of Converse (place source.bytes) and InvokeModel, 2025 and 2026",
        forms=CLAUDE_FORMS,
        models=CLAUDE,
        is_vendors=True,
    ),
)
