"""Inference profiles for models that are not offered on demand: which to try, which are forbidden,
which were found.

The likeliest comes first: what was learned, then the profiles of the model table that are called in
the region, then those that the region's geography suggests. A profile decides where data goes, so
no geography is left in silence: never `global.` or another continent's, unless `residency:` of the
provider's config names it; with that key, no other at all.
"""

from __future__ import annotations

from axonflow_core.errors import ProfileRequired, RequestError

from .model_id import Kind, ModelId, parse_model_id, profile_candidates
from .rules import needs_profile
from .table import ModelEntry, ModelTable

_MAX_LEARNED = 1024
"""Model ids come from callers, so what is kept for each is bounded."""


def candidates(model: ModelId, region: str | None, entry: ModelEntry | None) -> tuple[str, ...]:
    """`profile_candidates`, those first that the table knows."""
    guesses = profile_candidates(model, region)
    known = {f"{geo}.{entry.base_id}" for geo in entry.geographies} if entry is not None else set()
    return tuple(sorted(guesses, key=lambda profile: profile not in known))


def callable_id(entry: ModelEntry, region: str | None) -> str:
    """The id under which a model of the table can be called, as far as is known."""
    if not needs_profile(entry):
        return entry.base_id
    return next(iter(candidates(parse_model_id(entry.base_id), region, entry)), entry.base_id)


class Profiles:
    """One provider's memory of profiles. A profile that answered is called at once the next
    time."""

    def __init__(self, models: ModelTable, *, is_on: bool, residency: str | None) -> None:
        self._models = models
        self._is_on = is_on
        self._residency = residency
        self._learned: dict[tuple[str, str], str] = {}

    def refuse_other_geographies(self, model: ModelId) -> None:
        """`RequestError` for a profile that the operator forbids."""
        if self._residency is not None and model.geo not in (None, self._residency):
            raise RequestError(
                f"{model.given} sends the call to the geography {model.geo}, and only "
                f"{self._residency} is allowed",
                hint=f"call a profile of `residency: {self._residency}`, or change that key of the "
                "provider's config",
            )

    def learned(self, model: ModelId, region: str) -> str | None:
        return self._learned.get((region, model.given))

    def learn(self, model: ModelId, region: str, profile: str) -> None:
        if len(self._learned) < _MAX_LEARNED:
            self._learned[region, model.given] = profile

    def instead_of(self, model: ModelId, region: str, refusal: ProfileRequired) -> str:
        """The profile to call now that `model` was refused. Raises `refusal` where none is to be
        tried, saying why."""
        if (
            not self._is_on
            or model.kind is not Kind.FOUNDATION_MODEL
            or model.given != model.base_id
        ):
            raise refusal
        allowed = [
            profile for profile in self._named(model, region) if self._is_allowed(profile, region)
        ]
        if not allowed:
            refusal.hint = self._forbidden(model)
            raise refusal
        return allowed[0]

    def _named(self, model: ModelId, region: str) -> tuple[str, ...]:
        if self._residency is not None:
            return (f"{self._residency}.{model.base_id}",)
        return candidates(model, region, self._models.entry(model.base_id))

    def _is_allowed(self, profile: str, region: str) -> bool:
        """`us.` profiles are called in Canada as well; a call there leaves the country."""
        if self._residency is not None:
            return self._residency in self._sold(profile)
        return not profile.startswith("us.") or region.startswith("us-")

    def _sold(self, profile: str) -> tuple[str, ...]:
        """The geographies of the model's profiles; where the table knows none, the one that is
        asked for."""
        geo, _, base_id = profile.partition(".")
        entry = self._models.entry(base_id)
        return entry.geographies if entry is not None and entry.geographies else (geo,)

    def _forbidden(self, model: ModelId) -> str:
        entry = self._models.entry(model.base_id)
        known = ", ".join(f"{geo}." for geo in entry.geographies) if entry is not None else ""
        rule = (
            f"`residency: {self._residency}`" if self._residency else "the geography of the region"
        )
        return (
            f"no inference profile of {model.given} stays within {rule}"
            + (f"; there are profiles of {known} only" if known else "")
            + "; name one in `model:`, or its geography in `residency:`, if data may go there"
        )
