"""The models of the table, described for people who choose one: `axonflow models`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from axonflow_core.codec import FamilyCodec
from axonflow_core.codec.registry import Claim, CodecRegistry
from axonflow_core.codec.unary import EmbeddingCodec, RerankCodec
from axonflow_core.plugin_spec import Life, ModelCatalogue, ModelDescription

from ..wire.surfaces import CONVERSE_CODECS, INVOKE_CODECS
from . import clock
from .lifecycle import successor_id
from .rules import needs_profile
from .table import ModelEntry, ModelTable, Status, load_models

_KINDS = {
    "chat": FamilyCodec.kind,
    "embedding": EmbeddingCodec.kind,
    "rerank": RerankCodec.kind,
}
"""A mode of the table -> the kind of the codecs of such models."""
_LIVES = {
    Status.ACTIVE: Life.ACTIVE,
    Status.LEGACY: Life.LEGACY,
    Status.END_OF_LIFE: Life.ENDED,
}


def catalogue_of(codecs: CodecRegistry, today: date | None = None) -> ModelCatalogue:
    """Every model of the table, by family and id. No codec is imported for it."""
    models, today = load_models(), today or clock.today()
    claims = [claim for claim in codecs.claims if claim.surface == INVOKE_CODECS]
    described = [_described(entry, models, claims, today) for entry in models]
    described.sort(key=lambda model: (model.family or model.vendor, model.kind, model.id))
    return ModelCatalogue(models=tuple(described), as_of=models.as_of)


def _described(
    entry: ModelEntry, models: ModelTable, claims: Sequence[Claim], today: date
) -> ModelDescription:
    kind = entry.mode or "other"
    family = _family_of(entry.base_id, _KINDS.get(kind, kind), claims)
    surfaces = (INVOKE_CODECS,) if family is not None else ()
    geographies = _in_order(entry.geographies)
    is_called_by_profile = needs_profile(entry) and bool(geographies)
    price = entry.price(geographies[0] if is_called_by_profile else None)
    life = _LIVES[entry.status_on(today)]
    is_mortal = life is not Life.ACTIVE or entry.end_of_life is not None
    return ModelDescription(
        id=entry.base_id,
        vendor=entry.vendor,
        family=family,
        kind=kind,
        surfaces=(*surfaces, CONVERSE_CODECS) if kind == "chat" else surfaces,
        profiles=tuple(f"{geo}.{entry.base_id}" for geo in geographies),
        needs_profile=is_called_by_profile,
        context_tokens=entry.context_tokens,
        output_tokens=entry.output_tokens,
        input_price=price.input,
        output_price=price.output,
        life=life,
        legacy_from=entry.legacy_from,
        ends_on=entry.end_of_life,
        successor=successor_id(models, entry, None, today) if is_mortal else None,
    )


def _in_order(geographies: Sequence[str]) -> list[str]:
    """Those with most regions first; `global`, which leaves every geography, last."""
    first = {"us": 0, "eu": 1, "global": 9}
    return sorted(geographies, key=lambda geo: (first.get(geo, 2), geo))


def _family_of(base_id: str, kind: str, claims: Sequence[Claim]) -> str | None:
    """The family of the codec with the longest prefix of `base_id`, as the registry chooses."""
    fits = [
        (len(prefix), claim.family)
        for claim in claims
        if claim.kind == kind
        for prefix in claim.models
        if prefix and base_id.startswith(prefix)
    ]
    return max(fits)[1] if fits else None
