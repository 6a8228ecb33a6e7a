"""What Bedrock and the vendors refuse, written down from their own documents and from public
reports.

    body            a request as Bedrock sees it, whatever its form
    row             what a row of the table says
    conversation pairs tools schemas reasoning parameters caching media     the rows, one noun each
    service_model   the constraints of Converse in the service model of bedrock-runtime
    embeddings      the limits of embedding models

The rows share nothing with the tables that fitting reads (`models/rules`) nor with the codecs. So a
request that fitting made and a row refuses shows a fault of one of them, and the tests hold the two
against each other. A request that no document of Bedrock's says to be refused is answered.
"""

from __future__ import annotations

from collections.abc import Iterator

from axonflow_core.codec import FamilyCodec
from axonflow_core.messages import Json

from ...models.rules import CONVERSE
from ...wire.endpoint import ServiceException
from . import caching, conversation, media, pairs, parameters, reasoning, schemas, tools
from .body import body_of
from .embeddings import LIMITS as EMBEDDING_LIMITS
from .embeddings import refuse_embedding
from .row import Row
from .service_model import constraint_violations

_OF_ALL = (conversation, pairs, tools, schemas, media, caching, parameters, reasoning)
SERVICE_MODEL = "the service model of bedrock-runtime"
ROWS: tuple[Row, ...] = tuple(
    sorted((row for noun in _OF_ALL for row in noun.ROWS), key=lambda row: row.is_vendors)
)
"""The table. Bedrock's own checks come before the vendors', as its answers show (recorded)."""


def refuse(codec: FamilyCodec, base_id: str, json: Json, *, is_streamed: bool) -> None:
    """Raise `ServiceException`, in Bedrock's words, where Bedrock or the model's vendor refuses the
    body."""
    for _, refused in refusals(codec, base_id, json, is_streamed=is_streamed):
        raise refused


def refusals(
    codec: FamilyCodec, base_id: str, json: Json, *, is_streamed: bool
) -> Iterator[tuple[str, ServiceException]]:
    """Every refusal of a body, with the name of its row; Bedrock reports the first."""
    if codec.surface == CONVERSE:
        yield from ((SERVICE_MODEL, refused) for refused in constraint_violations(json))
    # Transcript forms (with control tokens) may have an empty turn.
    if not isinstance(json, dict) or codec.control_tokens:
        return
    body = body_of(codec, base_id, json, is_streamed=is_streamed)
    for row in ROWS:
        if row.fits(body):
            yield from ((row.name, refused) for refused in row.refusals(body))


__all__ = ["EMBEDDING_LIMITS", "ROWS", "Row", "refusals", "refuse", "refuse_embedding"]
