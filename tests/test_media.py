"""What a file is and how large it is, told by its bytes and by the names that people give it."""

from __future__ import annotations

from base64 import b64encode
from struct import pack

import pytest

from axonflow_core import media
from axonflow_core.codec import ModelFacts
from axonflow_core.dialects import openai_chat
from axonflow_core.errors import EncodeError
from axonflow_core.fitting import Fitted, fit
from axonflow_core.media import MediaTerms
from axonflow_core.messages import (
    CompletionRequest,
    Document,
    Image,
    Media,
    MediaKind,
    ToolResult,
    assistant,
    user,
)

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + pack(">II", 640, 480)
JPEG = b"\xff\xd8\xff\xe0\0\x04ab\xff\xc0\0\x11\x08" + pack(">HH", 480, 640) + b"\3"
GIF = b"GIF89a" + pack("<HH", 640, 480)
VP8 = b"RIFF\0\0\0\0WEBPVP8 " + b"\0" * 10 + pack("<HH", 640, 480)
VP8X = b"RIFF\0\0\0\0WEBPVP8X" + b"\0" * 8 + pack("<I", 639)[:3] + pack("<I", 479)[:3]
VP8L = b"RIFF\0\0\0\0WEBPVP8L\0\0\0\0/" + pack("<I", 639 | 479 << 14) + b"\0" * 5
PDF = b"%PDF-1.7\n/Type /Pages /Type /Page /Type/Page\n"
DOCX = b"PK\x03\x04 [Content_Types].xml word/document.xml"


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("image/jpg", "image/jpeg"),
        (".JPG", "image/jpeg"),
        ("jpeg", "image/jpeg"),
        ("IMAGE/PNG", "image/png"),
        ("image/pjpeg", "image/jpeg"),
        ("text/markdown", "text/markdown"),
        ("text/x-markdown; charset=utf-8", "text/markdown"),
        ("md", "text/markdown"),
        ("application/csv", "text/csv"),
        ("text/plain; charset=utf-8", "text/plain"),
        ("application/x-pdf", "application/pdf"),
        ("image/heic", "image/heic"),
    ],
)
def test_a_type_has_one_name_whatever_it_is_called(name: str, known: str) -> None:
    assert media.canonical(name) == known


@pytest.mark.parametrize(
    ("type_", "format_"),
    [
        ("image/jpg", "jpeg"),
        ("image/webp", "webp"),
        (media.DOCUMENT_FORMATS["docx"], "docx"),
        ("text/plain", "txt"),
        ("text/x-markdown", "md"),
        ("audio/mpeg", "mp3"),
        ("video/quicktime", "mov"),
        ("video/3gpp", "3gp"),
    ],
)
def test_the_format_is_the_vendors_short_name(type_: str, format_: str) -> None:
    assert media.format_of(type_) == format_


@pytest.mark.parametrize(
    ("data", "type_"),
    [
        (PNG, "image/png"),
        (JPEG, "image/jpeg"),
        (GIF, "image/gif"),
        (VP8, "image/webp"),
        (PDF, "application/pdf"),
        (DOCX, media.DOCUMENT_FORMATS["docx"]),
        (b"PK\x03\x04 xl/workbook.xml", media.DOCUMENT_FORMATS["xlsx"]),
        (b"PK\x03\x04 anything", None),
        (b"a,b\n1,2\n", None),
        (b"", None),
    ],
)
def test_the_bytes_tell_the_type(data: bytes, type_: str | None) -> None:
    assert media.type_of_bytes(data) == type_


@pytest.mark.parametrize("data", [PNG, JPEG, GIF, VP8, VP8X, VP8L])
def test_the_head_of_a_picture_has_its_sides(data: bytes) -> None:
    assert media.sides_of(data) == (640, 480)


@pytest.mark.parametrize("data", [PNG[:20], JPEG[:14], GIF[:8], VP8[:20], b"RIFF", PDF, b""])
def test_a_picture_that_is_cut_has_unknown_sides(data: bytes) -> None:
    assert media.sides_of(data) is None


def test_the_pages_of_a_pdf_are_counted_and_its_tree_of_pages_is_none() -> None:
    assert media.least_pages_of(PDF) == 2


@pytest.mark.parametrize(
    ("written", "tidy"),
    [
        ("aGVs\nbG8=\n", "aGVsbG8="),
        ("aGVsbG8", "aGVsbG8="),
        ("_-8=", "/+8="),
        ("!!!", None),
        ("abcde", None),
        ("", None),
    ],
)
def test_base64_is_tidied_or_is_none(written: str, tidy: str | None) -> None:
    assert media.tidied_base64(written) == tidy


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("data:image/png;base64,AAAA", ("image/png", "AAAA")),
        ("DATA:image/png;BASE64,AAAA", ("image/png", "AAAA")),
        ("data:;base64,AAAA", ("", "AAAA")),
        ("data:text/csv,a%2Cb", ("text/csv", b64encode(b"a,b").decode())),
        ("https://a.example/b.png", None),
        ("data:broken", None),
    ],
)
def test_a_data_url_has_a_type_and_base64(url: str, parts: tuple[str, str] | None) -> None:
    assert media.split_data_url(url) == parts


# ── fitting ───────────────────────────────────────────────────────────────────────────────────────

TERMS = MediaTerms(
    types=frozenset({"image/png", "image/jpeg"}),
    sources=frozenset({MediaKind.BASE64}),
    max_bytes=100,
    max_side_px=1000,
    many=1,
    max_side_px_of_many=500,
    max_in_message=2,
    max_in_request=3,
    max_base64=200,
    is_users_alone=True,
)
PAPERS = MediaTerms(
    types=frozenset({"application/pdf", "text/plain", "text/csv"}),
    has_text_sources=True,
    max_pages=3,
)


def fitted(*content: Image | Document | ToolResult | str) -> Fitted:
    facts = ModelFacts(base_id="toy", images=TERMS, documents=PAPERS)
    return fit(CompletionRequest((user(content),)), openai_chat.CODEC, facts)


def base64(data: bytes, type_: str | None = None) -> Media:
    return Media(MediaKind.BASE64, data, type_)


def source_of(fit: Fitted) -> Media | None:
    block = fit.request.messages[0].content[0]
    assert isinstance(block, Image | Document)
    return block.source


@pytest.mark.parametrize(
    ("given", "reports"),
    [
        (base64(PNG, "image/png"), 0),
        (base64(PNG), 0),
        (base64(PNG, "image/x-png"), 1),
        (base64(PNG, "image/jpeg"), 1),
        (base64(PNG, "application/octet-stream"), 1),
        (Media(MediaKind.URL, f"data:image/png;base64,{b64encode(PNG).decode()}"), 0),
        (Media(MediaKind.BASE64, f"data:image/png;base64,{b64encode(PNG).decode()}"), 0),
        (Media(MediaKind.BASE64, f"{b64encode(PNG).decode()}\n", "image/png"), 0),
    ],
)
def test_a_picture_gets_the_label_and_base64_that_it_should_have(
    given: Media, reports: int
) -> None:
    fit = fitted(Image(given))

    assert source_of(fit) == base64(PNG, "image/png")
    assert len(fit.adjustments) == reports


def test_a_report_says_what_was_sent_for_what() -> None:
    (report,) = fitted(Image(base64(PNG, "image/jpeg"))).adjustments

    assert str(report) == (
        "type of the image: image/jpeg sent as image/png, for the bytes are that"
    )


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ([Image(Media("url", "https://a.example/b.png"))], "the image: it is given as a URL"),
        ([Image(Media("file", "file-1"))], "the image: it is given as the id of an uploaded file"),
        ([Image(Media("base64", "!!", "image/png"))], "the image: its data is no base64"),
        ([Image(base64(GIF))], "the image: its type is image/gif"),
        ([Image(base64(b"BM6"))], "the image: its type is unset"),
        ([Image(JPEG[:8]), Image(base64(PNG + b"0" * 90))], "image 2: it has 114 bytes"),
        ([Image(PNG[:16] + pack(">II", 1001, 4))], "the image: it has 1001 × 4 pixels"),
        ([Image(PNG), Image(PNG)], "image 1: it has 640 × 480 pixels.* more than 1"),
        ([Image(PNG)] * 3, "3 images: it takes 2 in a message"),
        ([ToolResult("t", (Image(PNG), Image(PNG), Image(PNG)))], "it takes 2 in a message"),
        (
            [Image(base64(JPEG[:8] + b"0" * 80)), Image(base64(JPEG[:8] + b"0" * 80))],
            "image 2: with it there are 240 bytes of base64",
        ),
        ([Document(base64(DOCX))], "the document: its type is application/vnd"),
        ([Document(PDF), Document(PDF)], "document 2: with it there are 4 pages"),
        ([Document(base64(b"\xff\xfa", "text/plain"))], "its bytes are no text in UTF-8"),
    ],
)
def test_what_the_model_cannot_take_is_refused_by_its_number(
    content: list[Image | Document | ToolResult], why: str
) -> None:
    with pytest.raises(EncodeError, match=why) as caught:
        fitted(*content)

    assert caught.value.hint


@pytest.mark.parametrize(
    ("type_", "reports"), [("text/html", 1), ("application/json", 1), ("text/plain", 0), (None, 0)]
)
def test_a_file_of_text_goes_as_its_text(type_: str | None, reports: int) -> None:
    fit = fitted(Document(base64("a;ü".encode(), type_)))

    assert source_of(fit) == Media(MediaKind.TEXT, "a;ü", "text/plain")
    assert len(fit.adjustments) == reports


def test_a_text_in_utf_16_is_read_by_its_mark() -> None:
    assert source_of(fitted(Document(base64("ü".encode("utf-16"), "text/plain")))) == Media(
        MediaKind.TEXT, "ü", "text/plain"
    )


def test_the_name_of_a_file_labels_what_its_bytes_do_not_tell() -> None:
    fit = fitted(Document(base64(b"a,b"), name="table.CSV"))

    assert source_of(fit) == base64(b"a,b", "text/csv")


@pytest.mark.parametrize(
    ("block", "hint"),
    [(Image(PDF), "give it as a `Document`"), (Document(base64(PNG)), "give it as an `Image`")],
)
def test_one_in_the_block_of_the_other_is_told_which_block_it_is(
    block: Image | Document, hint: str
) -> None:
    with pytest.raises(EncodeError) as caught:
        fitted(block)

    assert caught.value.hint == hint


def test_a_picture_in_a_message_of_the_models_is_refused_by_its_message() -> None:
    request = CompletionRequest((user("?"), assistant([Image(PNG)]), user("!")))

    with pytest.raises(EncodeError, match="cannot take message 2: it is the assistant's"):
        fit(request, openai_chat.CODEC, ModelFacts(base_id="toy", images=TERMS))


def test_a_request_that_fits_is_the_one_that_was_given() -> None:
    request = CompletionRequest((user([Image(base64(PNG, "image/png"))]),))

    assert fit(request, openai_chat.CODEC, ModelFacts(images=TERMS)).request is request
