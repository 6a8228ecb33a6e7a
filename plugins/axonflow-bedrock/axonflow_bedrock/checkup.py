"""Whether the first call would be made, for `axonflow check`.

What refuses a call before anything is sent is a fault, and is found by what would refuse it: the
resolver, AWS's settings, the credentials. What Bedrock would refuse, as far as the model table
knows, is a warning: the table may be older than the model.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import cast

from axonflow_core.codec import FamilyCodec
from axonflow_core.codec.registry import AnyCodec, CodecRegistry
from axonflow_core.codec.unary import EmbeddingCodec, RerankCodec
from axonflow_core.config.faults import suggest
from axonflow_core.errors import (
    AxonFlowError,
    ConfigError,
    CredentialsError,
    RequestError,
    UndetectedFamily,
)
from axonflow_core.frozen import frozen
from axonflow_core.provider import Checkup, Fact, Finding

from .aws.credentials import OF_CONFIG, AwsSettings, NoRegion, Place
from .aws.regions import hint_for, known_regions
from .config import BedrockConfig
from .models import clock
from .models.lifecycle import end_of, life_of, successor_id
from .models.model_id import Kind, ModelId, geographies_of, parse_model_id, vendors_of
from .models.profiles import candidates, meant_id
from .models.rules import needs_profile
from .models.table import ModelEntry, ModelTable, Status
from .resolver import ModelResolver
from .upstream import BedrockUpstream


@frozen(eq=False)
class Examiner:
    """Examines the settings of one provider."""

    config: BedrockConfig
    codecs: CodecRegistry
    models: ModelTable
    resolver: ModelResolver
    settings: AwsSettings
    upstream: BedrockUpstream

    async def checkup(self, *, with_credentials: bool) -> Checkup:
        """The facts and findings, in the order of the file's documentation."""
        facts: dict[str, Fact] = {}
        findings = list(self._names())
        place = await self._place(facts, findings)
        self._model(place, facts, findings)
        if with_credentials and place is not None:
            await self._credentials(place, facts, findings)
        return Checkup(facts=facts, findings=tuple(findings))

    # ── names ─────────────────────────────────────────────────────────────────────────────────────

    def _names(self) -> Iterator[Finding]:
        """Families and geographies that there are none of."""
        config, families = self.config, _families_of(self.codecs)
        if config.family is not None and config.family not in families:
            yield _unknown("family", "family", config.family, families)
        for index, family in enumerate(config.families or ()):
            if family not in families:
                yield _unknown(f"families.{index}", "family", family, families)
        geographies = {geo for entry in self.models for geo in entry.geographies}
        if config.residency is not None and config.residency not in geographies:
            yield _unknown("residency", "geography", config.residency, sorted(geographies))

    # ── where ─────────────────────────────────────────────────────────────────────────────────────

    async def _place(self, facts: dict[str, Fact], findings: list[Finding]) -> Place | None:
        try:
            place = await self.settings.place()
        except ConfigError as error:
            key = "region" if isinstance(error, NoRegion) else None
            findings.append(_of_error(error, key))
            return None
        is_configured = place.region_source == OF_CONFIG
        facts["region"] = (
            Fact(value=place.region, key="region")
            if is_configured
            else Fact(value=f"{place.region} ({place.region_source})")
        )
        facts["endpoint"] = Fact(value=place.endpoint_url)
        regions = known_regions()
        if regions and place.region not in regions:
            findings.append(
                _warning(
                    "region" if is_configured else None,
                    f"{place.region} is none of the regions that the installed botocore knows",
                    hint_for(place.region),
                )
            )
        return place

    async def _credentials(
        self, place: Place, facts: dict[str, Fact], findings: list[Finding]
    ) -> None:
        try:
            await self.upstream.signer(place)
            facts["credentials"] = Fact(value=await self.settings.identity_method())
        except CredentialsError as error:
            findings.append(_of_error(error, None))

    # ── the model ─────────────────────────────────────────────────────────────────────────────────

    def _model(self, place: Place | None, facts: dict[str, Fact], findings: list[Finding]) -> None:
        config = self.config
        facts["model"] = Fact(value=config.model, key="model")
        try:
            facts["family"] = Fact(value=_described(self._codec()))
        except RequestError as error:
            is_of_family = isinstance(error, UndetectedFamily) and config.family is not None
            if not any(finding.root_key in _REFUSING for finding in findings):  # told already
                findings.append(_of_error(error, "family" if is_of_family else "model"))
        vendors = vendors_of(self.codecs)
        model_id = parse_model_id(config.model, vendors)
        base, key = model_id, "model"
        if config.base_model is not None:
            base, key = parse_model_id(config.base_model, vendors), "base_model"
        entry = self.models.entry(base.base_id)
        region = place.region if place is not None else None
        if region is not None and model_id.region not in (None, region):
            message = f"the ARN names {model_id.region}, and the call goes to {region}"
            findings.append(_warning("model", message, f"region: {model_id.region}"))
        if entry is None:
            findings.extend(self._unknown_model(base, key, region))
            return
        facts["life"] = Fact(value=self._life(entry, region))
        findings.extend(self._of_entry(entry, model_id, region))

    def _life(self, entry: ModelEntry, region: str | None) -> str:
        """The life of a model in one line, with the id to write for one that has ended."""
        today = clock.today()
        successor = successor_id(self.models, entry, region, today)
        if entry.status_on(today) is Status.END_OF_LIFE and successor is not None:
            return f"{life_of(entry, today)}; write {successor}"
        return f"{life_of(entry, today)}, as of {self.models.as_of}"

    def _codec(self) -> AnyCodec:
        """The codec of the configured model: a chat model's, else one that embeds or reranks."""
        try:
            return cast(AnyCodec, self.resolver.chat().codec)
        except RequestError as refusal:
            for kind in (EmbeddingCodec, RerankCodec):
                try:
                    return self.resolver.unary(kind, None).codec
                except RequestError:
                    continue
            raise refusal

    def _unknown_model(self, model: ModelId, key: str, region: str | None) -> Iterator[Finding]:
        """A warning where the table does not have a model; none for an id that does not name
        one."""
        if model.base_id is not None or model.is_bare:
            near = meant_id(self.models, model, region, clock.today())
            message = (
                f"the model table of {self.models.as_of} has no {model.base_id or model.given}"
            )
            listed = "`axonflow models` lists what there is; a newer model may be right"
            yield _warning(key, message, f"did you mean `{near}`?" if near else listed)

    def _of_entry(
        self, entry: ModelEntry, model_id: ModelId, region: str | None
    ) -> Iterator[Finding]:
        """What Bedrock would refuse a known model for."""
        today = clock.today()
        end, successor = end_of(entry, today), successor_id(self.models, entry, region, today)
        if end is not None:
            yield _warning("model", end, f"model: {successor}" if successor else None)
        if entry.status_on(today) is not Status.END_OF_LIFE:
            yield from self._of_profile(entry, model_id, region)
        limit, asked = entry.output_tokens, self.config.max_tokens
        if limit is not None and asked is not None and asked > limit:
            message = f"{entry.base_id} writes {limit:,} tokens at most, and requests ask for those"
            yield _warning("max_tokens", message, f"max_tokens: {limit}")

    def _of_profile(
        self, entry: ModelEntry, model_id: ModelId, region: str | None
    ) -> Iterator[Finding]:
        """Whether the id can be called on demand, and from the region."""
        profiles = {f"{geo}.{entry.base_id}" for geo in entry.geographies}
        callable_here = candidates(parse_model_id(entry.base_id), region, entry)
        named = [profile for profile in callable_here if profile in profiles]
        hint = f"model: {named[0]}" if named else "`axonflow models` lists the profiles there are"
        is_plain = model_id.kind is Kind.FOUNDATION_MODEL and model_id.given == entry.base_id
        if is_plain and needs_profile(entry) and not self.config.profile_fallback:
            message = f"{entry.base_id} is not offered on demand: it is called through a profile"
            yield _warning("model", message, hint)
        geo = model_id.geo
        if geo is None or region is None:
            return
        if entry.geographies and geo not in entry.geographies:
            known = ", ".join(f"{known}." for known in entry.geographies)
            message = f"the model table has no profile {geo}. of {entry.base_id}, only {known}"
            yield _warning("model", message, hint)
        elif geo != "global" and geo not in geographies_of(region):
            yield _warning("model", f"a profile {geo}. cannot be called from {region}", hint)


def _families_of(codecs: CodecRegistry) -> Sequence[str]:
    """Every name of a family that the configuration may use, with and without its variant."""
    claims = [claim for claim in codecs.claims if claim.kind in _KINDS]
    return sorted({name for claim in claims for name in (claim.name, claim.family)})


_REFUSING = ("family", "families", "residency")
"""Keys that a model may be refused for."""
_KINDS = frozenset({FamilyCodec.kind, EmbeddingCodec.kind, RerankCodec.kind})


def _described(codec: AnyCodec) -> str:
    said = {EmbeddingCodec.kind: ", embeds", RerankCodec.kind: ", reranks"}
    return f"{codec.name}, by {codec.surface}{said.get(codec.kind, '')}"


def _unknown(key: str, noun: str, word: str, known: Sequence[str]) -> Finding:
    plural = {"family": "families", "geography": "geographies"}[noun]
    return Finding(
        key=key, message=f"there is no {noun} {word!r}", hint=suggest(word, known, noun=plural)
    )


def _of_error(error: AxonFlowError, key: str | None) -> Finding:
    return Finding(key=key, message=error.message, hint=error.hint, code=error.code)


def _warning(key: str | None, message: str, hint: str | None) -> Finding:
    return Finding(key=key, message=message, hint=hint, is_fault=False)
