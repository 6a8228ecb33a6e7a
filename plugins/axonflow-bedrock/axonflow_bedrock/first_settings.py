"""The `config:` that `axonflow init` writes: the region of this machine, a model that lives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date

from axonflow_core.errors import ConfigError
from axonflow_core.plugin_spec import Setting

from .aws.credentials import AwsSettings
from .aws.regions import is_region
from .config import DEFAULT_MODEL, VARIABLES
from .models import clock
from .models.lifecycle import life_of, successor_id
from .models.model_id import geographies_of, parse_model_id
from .models.table import ModelEntry, Status, load_models


async def first_settings(environment: Mapping[str, str]) -> Sequence[Setting]:
    """Region and model, and below them, as comments, the keys that many add."""
    region, source = await _region(environment)
    return [_region_setting(region, source), _model_setting(environment, region), *_further(region)]


async def _region(environment: Mapping[str, str]) -> tuple[str | None, str]:
    """The region of the environment, else of AWS's settings, and which of them it is from."""
    variable = VARIABLES["region"]
    if is_region(environment.get(variable, "")):
        return environment[variable], variable
    try:
        place = await AwsSettings().place()
    except ConfigError:
        return None, ""
    return place.region, place.region_source


def _region_setting(region: str | None, source: str) -> Setting:
    if region is None:
        comment = "none was found: set the variable, or write a region here"
        return Setting(key="region", value=f"${{{VARIABLES['region']}}}", comment=comment)
    return Setting(key="region", value=region, comment=f"from {source}")


def _model_setting(environment: Mapping[str, str], region: str | None) -> Setting:
    """The model of the environment where it lives, as far as is known; else the successor of the
    documented default."""
    models, today = load_models(), clock.today()
    given = environment.get(VARIABLES["model"])
    if given:
        entry = models.entry(parse_model_id(given).base_id)
        if entry is None or entry.status_on(today) is not Status.END_OF_LIFE:
            return _model(given, entry, today)
    default = models.entry(parse_model_id(DEFAULT_MODEL).base_id)
    successor = default and successor_id(models, default, region, today)
    chosen = successor or DEFAULT_MODEL
    return _model(chosen, models.entry(parse_model_id(chosen).base_id), today)


def _model(model_id: str, entry: ModelEntry | None, today: date) -> Setting:
    life = f"{life_of(entry, today)}; " if entry is not None else ""
    return Setting(key="model", value=model_id, comment=f"{life}`axonflow models` lists all")


def _further(region: str | None) -> Iterator[Setting]:
    geography = next(iter(geographies_of(region or "us-east-1")), "global")
    for key, value, comment in (
        ("max_tokens", "4096", "the limit of an answer, where a call gives none"),
        ("profile_fallback", "on", "call a profile where Bedrock refuses the plain id"),
        ("residency", geography, "the only geography whose profiles may be called"),
        ("guardrail", '{id: gr8example01, version: "1"}', "named by every call"),
        ("timeouts", "{first_byte_s: 600}", "in seconds"),
    ):
        yield Setting(key=key, value=value, comment=comment, is_active=False)
