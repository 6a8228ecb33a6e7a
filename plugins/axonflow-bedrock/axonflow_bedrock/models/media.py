"""What models take of pictures and documents, as a hand-written table: prefixes of base ids, the
surface, the terms, their source and date. The last row that fits decides, for each of the two.

Bedrock itself limits documents alone; the limits of pictures are the vendors' own. Where Bedrock's
API reference and its user guide differ, the stricter one counts.
"""

from __future__ import annotations

from axonflow_core.codec import ModelFacts
from axonflow_core.frozen import evolve, frozen
from axonflow_core.media import DOCUMENT_FORMATS, IMAGE_FORMATS, PDF, PLAIN_TEXT, MediaTerms
from axonflow_core.media import MediaKind as Kind

from .table import ModelEntry

INVOKE, CONVERSE = "invoke", "converse"


@frozen(kw_only=True)
class MediaRule:
    """One row."""

    models: tuple[str, ...]
    """Prefixes of base ids."""
    surface: str
    images: MediaTerms | None = None
    documents: MediaTerms | None = None
    source: str
    """Where the terms are documented or were observed, with the date."""
    least_context_tokens: int = 0
    """The row is for models with at least this limit of the prompt."""

    def fits(self, base_id: str, surface: str, context_tokens: int) -> bool:
        """Whether the row is for the model on the surface."""
        is_here = self.surface == surface and base_id.startswith(self.models)
        return is_here and context_tokens >= self.least_context_tokens


_EVERY = ("",)
_CLAUDE = ("anthropic.claude-",)
_CLAUDE_3 = ("anthropic.claude-3-",)
_NOVA = ("amazon.nova",)
_PICTURES = frozenset(IMAGE_FORMATS.values())
_PDF_AND_DOCX = frozenset({PDF, DOCUMENT_FORMATS["docx"]})

_MAX_BODY_BYTES = 25_000_000
"""bedrock-runtime service model, API 2023-09-30, shape Body."""

_IMAGES_OF_CONVERSE = MediaTerms(
    types=_PICTURES,
    sources=frozenset({Kind.BASE64, Kind.S3}),
    is_users_alone=True,
    max_base64=_MAX_BODY_BYTES,
    max_in_message=20,
    max_bytes=3_932_160,
    max_side_px=8000,
)
_DOCUMENTS_OF_CONVERSE = MediaTerms(
    types=frozenset(DOCUMENT_FORMATS.values()),
    sources=frozenset({Kind.BASE64, Kind.TEXT, Kind.S3}),
    is_users_alone=True,
    max_base64=_MAX_BODY_BYTES,
    max_in_request=5,
    max_bytes=4_718_592,
)
_IMAGES_OF_CLAUDE_ON_CONVERSE = evolve(
    _IMAGES_OF_CONVERSE,
    sources=frozenset({Kind.BASE64}),
    many=20,
    max_side_px_of_many=2000,
    max_in_request=100,
)
_IMAGES_OF_CLAUDE = MediaTerms(
    types=_PICTURES,
    sources=frozenset({Kind.BASE64}),
    is_users_alone=True,
    max_base64=_MAX_BODY_BYTES,
    max_bytes=3_932_160,
    max_side_px=8000,
    many=20,
    max_side_px_of_many=2000,
    max_in_request=100,
)
_OTHERS_BY_CONVERSE = (
    "Converse reads it: leave the provider's `surface:` at `auto`, or set `surface: converse`"
)
_DOCUMENTS_OF_CLAUDE = MediaTerms(
    types=frozenset({PDF, PLAIN_TEXT}),
    sources=frozenset({Kind.BASE64, Kind.TEXT}),
    has_text_sources=True,
    is_users_alone=True,
    max_base64=_MAX_BODY_BYTES,
    max_pages=100,
    instead=_OTHERS_BY_CONVERSE,
)

RULES: tuple[MediaRule, ...] = (
    MediaRule(
        models=_EVERY,
        surface=CONVERSE,
        images=_IMAGES_OF_CONVERSE,
        documents=_DOCUMENTS_OF_CONVERSE,
        source="bedrock-runtime service model, API 2023-09-30, Message and DocumentBlock; AWS user "
        "guide, API restrictions, November 2026. The size of a picture is 5 MiB of base64 "
        '("image exceeds 5 MB maximum: 6737924 bytes > 5242880 bytes", aws/aws-sdk-js-v3#6785)',
    ),
    MediaRule(
        models=_CLAUDE,
        surface=CONVERSE,
        images=_IMAGES_OF_CLAUDE_ON_CONVERSE,
        documents=evolve(_DOCUMENTS_OF_CONVERSE, of_any_size=frozenset({PDF}), max_pages=100),
        source="AWS user guide, API restrictions: the size is not for PDFs from Claude 4 on; "
        "Anthropic, Vision, General limits, November 2026; recorded traffic: a picture in S3 is "
        'refused ("This model doesn\'t support the s3Uri field")',
    ),
    MediaRule(
        models=_CLAUDE_3,
        surface=CONVERSE,
        images=evolve(_IMAGES_OF_CLAUDE_ON_CONVERSE, max_in_request=20),
        documents=evolve(_DOCUMENTS_OF_CONVERSE, max_pages=100),
        source='AWS user guide, API restrictions; "too many images and documents: 21 + 0 > 20" '
        "(cline/cline#1844), 2025",
    ),
    MediaRule(
        models=_NOVA,
        surface=CONVERSE,
        images=evolve(_IMAGES_OF_CONVERSE, max_in_message=None, max_bytes=None),
        documents=evolve(_DOCUMENTS_OF_CONVERSE, of_any_size=_PDF_AND_DOCX),
        source="AWS user guide, API restrictions; Amazon Nova user guide, Multimodal support and "
        "Image understanding (the payload alone is limited; 8,000 × 8,000 pixels), November 2026",
    ),
    MediaRule(
        models=_EVERY,
        surface=INVOKE,
        images=MediaTerms(types=_PICTURES, is_users_alone=True, max_base64=_MAX_BODY_BYTES),
        documents=MediaTerms(instead=_OTHERS_BY_CONVERSE),
        source="AWS user guide, API restrictions: documents are for Converse; bedrock-runtime "
        "service model, API 2023-09-30, ImageFormat, November 2026",
    ),
    MediaRule(
        models=("meta.llama",),
        surface=INVOKE,
        images=MediaTerms(
            types=_PICTURES,
            sources=frozenset({Kind.BASE64}),
            is_users_alone=True,
            max_base64=_MAX_BODY_BYTES,
        ),
        source="AWS user guide, Meta Llama models: `images` is a list of base64, November 2026",
    ),
    MediaRule(
        models=_CLAUDE,
        surface=INVOKE,
        images=_IMAGES_OF_CLAUDE,
        documents=_DOCUMENTS_OF_CLAUDE,
        source='Anthropic, Vision ("On Amazon Bedrock … only base64-encoded sources"), General '
        "limits, PDF support and Messages API; AWS user guide, API restrictions, November 2026",
    ),
    MediaRule(
        models=_CLAUDE,
        surface=INVOKE,
        least_context_tokens=200_001,
        images=evolve(_IMAGES_OF_CLAUDE, max_in_request=600),
        source="Anthropic, Vision, General limits: 100 pictures with a context of 200k tokens, 600 "
        "with a larger one, November 2026",
    ),
    MediaRule(
        models=_CLAUDE_3,
        surface=INVOKE,
        images=evolve(_IMAGES_OF_CLAUDE, max_in_request=20, many=None),
        source='"too many images and documents: 21 + 0 > 20" (cline/cline#1844), 2025',
    ),
    MediaRule(
        models=_NOVA,
        surface=INVOKE,
        images=MediaTerms(
            types=_PICTURES,
            sources=frozenset({Kind.BASE64, Kind.S3}),
            is_users_alone=True,
            max_base64=_MAX_BODY_BYTES,
            max_side_px=8000,
        ),
        source="Amazon Nova user guide, Multimodal support and Image understanding, November 2026",
    ),
)


def with_media(
    facts: ModelFacts, base_id: str, surface: str, entry: ModelEntry | None
) -> ModelFacts:
    """`facts` with what the model takes of pictures and of documents."""
    context_tokens = (entry.context_tokens if entry is not None else None) or 0
    fitting = [rule for rule in RULES if rule.fits(base_id, surface, context_tokens)]
    images = [rule.images for rule in fitting if rule.images is not None]
    documents = [rule.documents for rule in fitting if rule.documents is not None]
    return evolve(
        facts,
        images=images[-1] if images else None,
        documents=documents[-1] if documents else None,
    )
