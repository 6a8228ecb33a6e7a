"""Pictures and documents, as the model takes them.

What is only written otherwise is rewritten: a `data:` URL as its base64, line breaks out of base64,
a file of text as its text. The bytes decide over the label: a missing one is found, a wrong one is
mended and reported. What cannot be mended is refused by its number and why, before it is sent: a
source or type that the model does not read, broken base64, too many, too large.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeAlias

from axonflow_core.codec import Feature, blocks_of
from axonflow_core.errors import EncodeError
from axonflow_core.frozen import evolve
from axonflow_core.media import (
    DOCUMENT_FORMATS,
    IMAGE_FORMATS,
    PDF,
    PLAIN_TEXT,
    MediaKind,
    MediaTerms,
    bytes_of_base64,
    canonical,
    format_of,
    is_text,
    least_pages_of,
    sides_of,
    split_data_url,
    text_of_bytes,
    tidied_base64,
    type_of_bytes,
)
from axonflow_core.messages import (
    CompletionRequest,
    ContentBlock,
    Document,
    Image,
    Media,
    Message,
    Role,
    ToolResult,
)

from .blocks import rewritten
from .model import Model

_Counted: TypeAlias = Image | Document
_NAMES: Mapping[type[_Counted], str] = {Image: "image", Document: "document"}
_FEATURES = {Image: Feature.IMAGES, Document: Feature.DOCUMENTS}
_NO_TERMS = MediaTerms()


def fit_media(request: CompletionRequest, model: Model) -> CompletionRequest:
    """Every picture and document as the model takes it. `EncodeError` names the first that it
    cannot take, by its number in the request."""
    for kind in (Image, Document):
        _refuse_too_many(request, kind, model)
        _refuse_places(request, kind, model)
    fitting = _Fitting(model, {kind: _count(request, kind) for kind in _NAMES})
    fitted = rewritten(request, fitting.block)
    return fitted if fitting.has_changed else request


def _terms(model: Model, kind: type[_Counted]) -> MediaTerms:
    facts = model.facts
    return (facts.images if kind is Image else facts.documents) or _NO_TERMS


# ── how many ──────────────────────────────────────────────────────────────────────────────────────


def _count(request: CompletionRequest, kind: type[_Counted]) -> int:
    return sum(type(block) is kind for block in blocks_of(request))


def _refuse_too_many(request: CompletionRequest, kind: type[_Counted], model: Model) -> None:
    terms, name = _terms(model, kind), _NAMES[kind]
    counts = [(_count(request, kind), terms.max_in_request, "a request")]
    for number, message in enumerate(request.messages, 1):
        where = f"a message, and message {number} has more"
        counts.append((sum(_of_kind(message, kind)), terms.max_in_message, where))
    for found, most, where in counts:
        if most is not None and found > most:
            raise EncodeError(
                f"{model.name} cannot take {found} {name}s: it takes {most} in {where}",
                feature=str(_FEATURES[kind]),
                hint=f"leave the oldest {name}s out, or make several calls",
            )


def _of_kind(message: Message, kind: type[_Counted]) -> Iterator[bool]:
    """One for each block of the kind, those inside results of tools included."""
    for block in message.content:
        inner = block.content if isinstance(block, ToolResult) else (block,)
        yield from (type(each) is kind for each in inner)


# ── where they stand ──────────────────────────────────────────────────────────────────────────────


def _refuse_places(request: CompletionRequest, kind: type[_Counted], model: Model) -> None:
    """`EncodeError` for a message that may not have one."""
    terms, name = _terms(model, kind), _NAMES[kind]
    if not terms.is_users_alone:
        return
    if any(type(block) is kind for block in request.system):
        raise EncodeError(
            f"{model.name} cannot take a{'n' if kind is Image else ''} {name} in the system prompt",
            feature=str(_FEATURES[kind]),
            hint=f"give the {name} in a message of the user's",
        )
    for number, message in enumerate(request.messages, 1):
        if message.role is not Role.USER and any(_of_kind(message, kind)):
            raise EncodeError(
                f"{model.name} cannot take message {number}: it is the {message.role}'s, and has "
                f"a{'n' if kind is Image else ''} {name}",
                feature=str(_FEATURES[kind]),
                hint=f"give the {name} in a message of the user's",
            )


# ── each of them ──────────────────────────────────────────────────────────────────────────────────


class _Fitting:
    """Fits the blocks of one request, and counts them as it meets them."""

    def __init__(self, model: Model, totals: Mapping[type[_Counted], int]) -> None:
        self._model = model
        self._totals = totals
        self._met = dict.fromkeys(_NAMES, 0)
        self._pages = 0
        self._base64 = dict.fromkeys(_NAMES, 0)
        self.has_changed = False

    def block(self, block: ContentBlock) -> ContentBlock:
        """The block with its source made to fit."""
        if not isinstance(block, Image | Document):
            return block
        kind = type(block)
        self._met[kind] += 1
        one = _One(self._model, kind, self._met[kind], self._totals[kind])
        one.refuse_without_feature()
        if block.source is None:
            return block
        source = one.fitted(block.source, block.name if isinstance(block, Document) else None)
        self._pages += one.pages
        one.refuse_pages(self._pages)
        if source.kind is MediaKind.BASE64:
            self._base64[kind] += len(source.data)
            one.refuse_payload(self._base64[kind])
        if source is block.source:
            return block
        self.has_changed = True
        return evolve(block, source=source)


class _One:
    """One picture or document of a request: `number` of `total`."""

    def __init__(self, model: Model, kind: type[_Counted], number: int, total: int) -> None:
        self._model = model
        self._terms = _terms(model, kind)
        self._kind = kind
        self._name = _NAMES[kind]
        self._called = f"{self._name} {number}" if total > 1 else f"the {self._name}"
        self._total = total
        self.pages = 0
        """How many pages it has at least, where it is a PDF."""

    def fitted(self, media: Media, name: str | None) -> Media:
        """`media` as the model takes it; `name` is that of the file, if it has one."""
        media = _out_of_data_url(media)
        self._refuse_source(media)
        if not media.data:
            raise self._refusal("it is empty", "give the bytes of the file, or leave it out")
        data = None
        if media.kind is MediaKind.BASE64:
            media, data = self._decoded(media)
        media = self._labelled(media, data, name)
        media = self._in_type_of_model(media, data)
        if data is not None:
            self._refuse_size(data, media.media_type)
        return media

    # what it is given as

    def _refuse_source(self, media: Media) -> None:
        takes = self._terms.sources
        if takes is not None and media.kind not in takes:
            named = ", ".join(sorted(map(_KINDS.__getitem__, takes)))
            hint = _HINTS.get(media.kind, "give the bytes of the file: `Path(…).read_bytes()`")
            hint = hint.format(self._kind.__name__)
            raise self._refusal(
                f"it is given as {_KINDS[media.kind]}, which the model cannot read",
                f"{hint}; it takes {named}",
            )

    def _decoded(self, media: Media) -> tuple[Media, bytes]:
        data = bytes_of_base64(media.data)
        if data is not None:
            return media, data
        tidied = tidied_base64(media.data)
        data = None if tidied is None else bytes_of_base64(tidied)
        if tidied is None or data is None:
            raise self._refusal(
                "its data is no base64",
                "give the bytes of the file and leave the encoding to `Media`, or encode them with "
                "`base64.b64encode`",
            )
        return evolve(media, data=tidied), data

    # what it is

    def _labelled(self, media: Media, data: bytes | None, name: str | None) -> Media:
        """`media` with the type that its bytes have, else with the usual name of its label, else
        with the type that the end of the file's name says."""
        given = media.media_type
        known = canonical(given) if given else None
        found = None if data is None else type_of_bytes(data)
        right = found or known or _type_of_name(name) or self._guessed(media, data)
        right = right or (_type_of_name(media.data) if media.kind is MediaKind.S3 else None)
        if right == given or right is None:
            return media
        if given:
            why = f"{given} is no name of a type" if right == known else "the bytes are that"
            self._model.changes(f"type of {self._called}", f"{given} sent as {right}", why)
        return evolve(media, media_type=right)

    def _guessed(self, media: Media, data: bytes | None) -> str | None:
        """The type of what has neither label nor known first bytes: a document may be text."""
        if self._terms.types is None:
            return None
        if media.kind is MediaKind.TEXT:
            return PLAIN_TEXT
        if data is None:
            return None
        if self._kind is Document and text_of_bytes(data) is not None:
            return PLAIN_TEXT
        raise self._refusal("its type is unset, and its bytes do not tell it", _NAME_IT)

    def _in_type_of_model(self, media: Media, data: bytes | None) -> Media:
        """`media` in a type that the model reads; text of another type is plain text to it."""
        types, type_ = self._terms.types, media.media_type
        if types is None or type_ is None:
            return media
        if type_ not in types and is_text(type_) and PLAIN_TEXT in types:
            self._model.changes(
                f"type of {self._called}",
                f"{type_} sent as {PLAIN_TEXT}",
                f"{self._model.name} has no other name for text",
            )
            media = evolve(media, media_type=PLAIN_TEXT)
        elif type_ not in types:
            known = ", ".join(sorted(map(format_of, types))) or "none"
            convert = f"convert it to one of these, or leave it out: {known}"
            raise self._refusal(
                f"its type is {type_}, and the model takes {known}",
                self._as_other_block(type_) or self._terms.instead or convert,
            )
        return self._as_text(media, data)

    def _as_other_block(self, type_: str) -> str | None:
        """What to write for a picture that is given as a document, or the reverse."""
        if self._kind is Document:
            return "give it as an `Image`" if type_.startswith("image/") else None
        return "give it as a `Document`" if type_ in DOCUMENT_FORMATS.values() else None

    def _as_text(self, media: Media, data: bytes | None) -> Media:
        """A file of text as its text, where the form has a source for that."""
        is_due = self._terms.has_text_sources and media.media_type == PLAIN_TEXT
        if not is_due or data is None:
            return media
        text = text_of_bytes(data)
        if text is None:
            raise self._refusal(
                "it is labelled as text, and its bytes are no text in UTF-8",
                "give it in UTF-8, or name its real type",
            )
        return Media(MediaKind.TEXT, text, PLAIN_TEXT, extra=media.extra)

    # how large it is

    def _refuse_size(self, data: bytes, type_: str | None) -> None:
        most, terms = self._terms.max_bytes, self._terms
        if most is not None and len(data) > most and type_ not in terms.of_any_size:
            raise self._refusal(
                f"it has {len(data):,} bytes, and the model takes {most:,}",
                "make it smaller, or divide it",
            )
        if self._kind is Image and terms.max_side_px is not None:
            self._refuse_sides(data, terms.max_side_px)
        if type_ == PDF:
            self.pages = least_pages_of(data)

    def _refuse_sides(self, data: bytes, most: int) -> None:
        where = ""
        if self._terms.many is not None and self._total > self._terms.many:
            most = self._terms.max_side_px_of_many or most
            where = f" where there are more than {self._terms.many}"
        sides = sides_of(data)
        if sides is not None and max(sides) > most:
            width, height = sides
            raise self._refusal(
                f"it has {width} × {height} pixels, and the model takes {most:,} a side{where}",
                "scale it down",
            )

    def refuse_pages(self, pages: int) -> None:
        """Refuse a PDF with which the request has more than the model's number of pages."""
        most = self._terms.max_pages
        if self._kind is Document and most is not None and pages > most:
            raise self._refusal(
                f"with it there are {pages:,} pages, and the model takes {most:,} in a request",
                "divide the document over several calls",
            )

    def refuse_payload(self, base64: int) -> None:
        """Refuse the one with which all of the kind are more than the body of a request holds."""
        most = self._terms.max_base64
        if most is not None and base64 > most:
            raise self._refusal(
                f"with it there are {base64:,} bytes of base64, and a request holds {most:,}",
                "make it smaller, or make several calls",
            )

    def refuse_without_feature(self) -> None:
        """Refuse what the form has no place for, where it is known how it gets there."""
        if self._terms.instead is not None and not self._model.takes(_FEATURES[self._kind]):
            raise self._refusal("its form has no place for one", self._terms.instead)

    def _refusal(self, why: str, hint: str) -> EncodeError:
        feature = str(_FEATURES[self._kind])
        message = f"{self._model.name} cannot take {self._called}: {why}"
        return EncodeError(message, feature=feature, hint=hint)


_KINDS: Mapping[MediaKind, str] = {
    MediaKind.BASE64: "base64",
    MediaKind.TEXT: "text",
    MediaKind.URL: "a URL",
    MediaKind.S3: "an S3 location",
    MediaKind.FILE: "the id of an uploaded file",
}
_HINTS: Mapping[MediaKind, str] = {
    MediaKind.URL: "fetch it and give its bytes: `{}(response.content)`",
    MediaKind.S3: "read the object and give its bytes",
}
_NAME_IT = 'name the type: `Media("base64", data, "image/…")`'


def _type_of_name(name: str | None) -> str | None:
    """The type that the end of a file's name says: `report.csv`."""
    stem, dot, end = (name or "").rpartition(".")
    return _TYPES_OF_ENDS.get(end.lower()) if stem and dot else None


_TYPES_OF_ENDS: Mapping[str, str] = {**DOCUMENT_FORMATS, **IMAGE_FORMATS, "jpg": "image/jpeg"}


def _out_of_data_url(media: Media) -> Media:
    """A `data:` URL as the base64 that it holds, wherever the caller put it."""
    if media.kind not in (MediaKind.URL, MediaKind.BASE64):
        return media
    parts = split_data_url(media.data)
    if parts is None:
        return media
    type_, data = parts
    return Media(MediaKind.BASE64, data, type_ or media.media_type, extra=media.extra)
