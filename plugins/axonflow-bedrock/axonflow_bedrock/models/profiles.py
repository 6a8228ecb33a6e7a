"""Inference profiles for models that are not offered on demand: candidates, permission, and memory.

The candidates, best first: the profile that answered before, then the profiles in the model table
that can be called from the region, then those that the region's geography suggests. A profile
decides where data is processed, so the geography is never left silently: not to `global.` or
another continent, unless `residency:` of the provider's config names it; with that key, to no other
one.
"""

from __future__ import annotations

from datetime import date

from axonflow_core.errors import ProfileRequired, RequestError

from .model_id import Kind, ModelId, parse_model_id, profile_candidates
from .rules import needs_profile
from .table import ModelEntry, ModelTable

_MAX_LEARNED = 1024
"""Entries kept. Model ids come from callers, so their number must be bounded."""


def candidates(model: ModelId, region: str | None, entry: ModelEntry | None) -> tuple[str, ...]:
    """`profile_candidates`, with the profiles that the model table has first."""
    guesses = profile_candidates(model, region)
    known = {f"{geo}.{entry.base_id}" for geo in entry.geographies} if entry is not None else set()
    return tuple(sorted(guesses, key=lambda profile: profile not in known))


def callable_id(entry: ModelEntry, region: str | None) -> str:
    """The id to call a model of the table with: its plain id, or a profile's where it needs one. An
    unknown region is one of the US, where most models are."""
    if not needs_profile(entry):
        return entry.base_id
    named = candidates(parse_model_id(entry.base_id), region or "us-east-1", entry)
    return next(iter(named), entry.base_id)


def meant_id(models: ModelTable, model: ModelId, region: str | None, today: date) -> str | None:
    """The id that is meant by one that the table does not have: with its geography, where the model
    that is meant has a profile of that, else as it can be called. None for an id that the table
    has, that names no model, or that is like none."""
    name = model.base_id or model.given
    if (model.base_id is None and not model.is_bare) or models.entry(model.base_id) is not None:
        return None
    near = models.nearest(name, today)
    if near is None:
        return None
    return (
        f"{model.geo}.{near.base_id}"
        if model.geo in near.geographies
        else callable_id(near, region)
    )


class Profiles:
    """The choice of profiles for one provider, with a memory: a profile that answered is called
    directly the next time.
    """

    def __init__(self, models: ModelTable, *, is_on: bool, residency: str | None) -> None:
        self._models = models
        self._is_on = is_on
        self._residency = residency
        self._learned: dict[tuple[str, str], str] = {}

    def refuse_other_geographies(self, model: ModelId) -> None:
        """Raise `RequestError` for a profile outside the configured `residency:`."""
        if self._residency is not None and model.geo not in (None, self._residency):
            raise RequestError(
                f"{model.given} sends the call to the geography {model.geo}, and only "
                f"{self._residency} is allowed",
                hint=f"call a profile of `residency: {self._residency}`, or change that key of the "
                "provider's config",
            )

    def learned(self, model: ModelId, region: str) -> str | None:
        """The profile that answered for the model in the region before, None without one."""
        return self._learned.get((region, model.given))

    def learn(self, model: ModelId, region: str, profile: str) -> None:
        """Remember that the profile answered for the model in the region."""
        if len(self._learned) < _MAX_LEARNED:
            self._learned[region, model.given] = profile

    def instead_of(self, model: ModelId, region: str, refusal: ProfileRequired) -> str:
        """The profile to call after `model` was refused. Raises `refusal` where none may be tried,
        with the reason as its hint.
        """
        if not self._stands_for_profiles(model):
            raise refusal
        allowed = self.may_become(model, region)
        if not allowed:
            refusal.hint = self._forbidden(model)
            raise refusal
        return allowed[0]

    def may_become(self, model: ModelId, region: str) -> tuple[str, ...]:
        """The profiles that may be called in place of `model`; none where it is called as it is."""
        if not self._stands_for_profiles(model):
            return ()
        named = self._named(model, region)
        return tuple(profile for profile in named if self._is_allowed(profile, region))

    def _stands_for_profiles(self, model: ModelId) -> bool:
        is_plain = model.kind is Kind.FOUNDATION_MODEL and model.given == model.base_id
        return self._is_on and is_plain

    def _named(self, model: ModelId, region: str) -> tuple[str, ...]:
        """The profiles to try: the one of `residency:`, or the candidates of the region."""
        if self._residency is not None:
            return (f"{self._residency}.{model.base_id}",)
        return candidates(model, region, self._models.entry(model.base_id))

    def _is_allowed(self, profile: str, region: str) -> bool:
        """Whether calling the profile keeps to `residency:`, or without that key to the region's
        own geography. (`us.` profiles can be called from Canada, but the call leaves the country.)
        """
        if self._residency is not None:
            return self._residency in self._sold(profile)
        return not profile.startswith("us.") or region.startswith("us-")

    def _sold(self, profile: str) -> tuple[str, ...]:
        """The geographies of the model's profiles; where the table has none, the profile's own."""
        geo, _, base_id = profile.partition(".")
        entry = self._models.entry(base_id)
        return entry.geographies if entry is not None and entry.geographies else (geo,)

    def _forbidden(self, model: ModelId) -> str:
        """The hint for a refusal where no profile may be called."""
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
