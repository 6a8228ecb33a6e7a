"""The limits of an embedding model: what is beyond them is refused by its number in the request,
before it is sent, and a text that may be cut is cut."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from axonflow_core.errors import EncodeError
from axonflow_core.frozen import evolve
from axonflow_core.media import (
    MediaKind,
    MediaTerms,
    bytes_of_base64,
    canonical,
    format_of,
    sides_of,
    type_of_bytes,
)
from axonflow_core.messages import Image, Media, Text
from axonflow_core.retrieval import EmbeddingInput, EmbeddingRequest, MixedInput, Truncation

if TYPE_CHECKING:
    from .unary import EmbeddingCodec

_CUTS = frozenset({Truncation.START, Truncation.END})
"""The ends of a text that a request may ask to be cut off."""


def refuse_beyond_limits(codec: EmbeddingCodec, request: EmbeddingRequest) -> None:
    """`EncodeError` for the first thing that is beyond the limits of the family."""
    limits, total = codec.limits, len(request.inputs)
    if limits.dimensions and request.dimensions not in (None, *limits.dimensions):
        known = ", ".join(map(str, sorted(limits.dimensions)))
        raise EncodeError(
            f"{codec.name} makes no vectors of {request.dimensions} dimensions",
            feature="dimensions",
            hint=f"ask for {known}, or leave it out",
        )
    is_cut = request.truncation in _CUTS
    for number, given in enumerate(request.inputs, 1):
        for part in _parts(given):
            if isinstance(part, Text):
                _refuse_text(codec, part.text, f"text {number} of {total}", is_cut=is_cut)
            elif part.source.kind is MediaKind.BASE64:
                _refuse_image(codec, part.source, f"image {number} of {total}")


def refuse_broken_data(request: EmbeddingRequest) -> None:
    """`EncodeError` for a picture whose data is no base64."""
    total = len(request.inputs)
    for number, given in enumerate(request.inputs, 1):
        for part in _parts(given):
            if isinstance(part, Text) or part.source.kind is not MediaKind.BASE64:
                continue
            if bytes_of_base64(part.source.data) is None:
                raise EncodeError(
                    f"the data of image {number} of {total} is no base64",
                    feature="images",
                    hint="give the bytes of the file, and leave the encoding to `Media`",
                )


def _parts(given: EmbeddingInput) -> Iterator[Text | Image]:
    """The texts and pictures of one input."""
    if isinstance(given, MixedInput):
        yield from given.parts
    elif isinstance(given, Text | Image):
        yield given


def _refuse_text(codec: EmbeddingCodec, text: str, which: str, *, is_cut: bool) -> None:
    most = codec.limits.text_characters
    if not text and not codec.limits.has_empty_texts:
        raise EncodeError(
            f"{codec.name} takes no empty text, and {which} is empty",
            feature="texts",
            hint="leave it out",
        )
    if most is not None and len(text) > most and not is_cut:
        raise EncodeError(
            f"{codec.name} takes {most:,} characters a text, and {which} has {len(text):,}",
            feature="texts",
            hint="divide it"
            + (", or ask for `truncation`, which cuts it" if _may_cut(codec) else ""),
        )


def _may_cut(codec: EmbeddingCodec) -> bool:
    return "truncation" in codec.features


def _refuse_image(codec: EmbeddingCodec, media: Media, which: str) -> None:
    data = bytes_of_base64(media.data)
    why = None if data is None else _unfit(codec.limits.images, media.media_type, data)
    if why is not None:
        raise EncodeError(
            f"{codec.name} cannot take {which}: {why}",
            feature="images",
            hint="convert it or scale it down",
        )


def _unfit(terms: MediaTerms, label: str | None, data: bytes) -> str | None:
    """Why a picture is beyond the terms; None where it is not."""
    type_ = type_of_bytes(data) or (canonical(label) if label else None)
    if terms.types is not None and type_ is not None and type_ not in terms.types:
        known = ", ".join(sorted(map(format_of, terms.types)))
        return f"its type is {type_}, and it takes {known}"
    if terms.max_bytes is not None and len(data) > terms.max_bytes:
        return f"it has {len(data):,} bytes, and it takes {terms.max_bytes:,}"
    sides = sides_of(data) if terms.max_side_px is not None else None
    if sides is not None and max(sides) > (terms.max_side_px or 0):
        return f"it has {sides[0]} × {sides[1]} pixels, and it takes {terms.max_side_px:,} a side"
    return None


def cut_to_limit(codec: EmbeddingCodec, request: EmbeddingRequest) -> EmbeddingRequest:
    """`request` with texts that are too long cut at the end that it names. Services refuse by the
    number of characters before the model cuts by that of tokens."""
    most, end = codec.limits.text_characters, request.truncation
    if most is None or end not in _CUTS:
        return request

    def cut(given: EmbeddingInput) -> EmbeddingInput:
        if not isinstance(given, Text) or len(given.text) <= most:
            return given
        text = given.text[:most] if end is Truncation.END else given.text[-most:]
        return evolve(given, text=text)

    inputs = tuple(map(cut, request.inputs))
    return request if inputs == request.inputs else evolve(request, inputs=inputs)
