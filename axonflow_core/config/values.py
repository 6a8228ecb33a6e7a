"""The configuration as values: what the file, or the environment, or Python asked for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import Factory, field, frozen, validators

from axonflow_core.config.faults import Fault, Place
from axonflow_core.config.nodes import YAML_KEY, Section, section_of

VERSION = "1.0"
_BY_HAND = Place("<python>")


def _as_section(value: Mapping[str, Any]) -> Section:
    return value if isinstance(value, Section) else section_of(value, _BY_HAND)


def _nothing() -> Section:
    return Section({}, _BY_HAND)


@frozen
class ProviderConfig:
    """One entry of `llm_providers`."""

    name: str = field(default="", metadata={YAML_KEY: None})
    """The key of the entry."""
    type: str = field(default=Factory(lambda entry: entry.name, takes_self=True))
    """The provider plugin that serves it: the name of an entry point. Not said, it is the key."""
    is_enabled: bool = field(default=False, kw_only=True, metadata={YAML_KEY: "enabled"})
    display_name: str = field(default="", kw_only=True)
    priority: int = field(default=5, kw_only=True, validator=validators.ge(0))
    weight: float = field(default=1.0, kw_only=True, validator=[validators.ge(0), validators.le(1)])
    config: Section = field(factory=_nothing, converter=_as_section, kw_only=True)
    """As written, with places; `structure_provider_config` reads it. A plain mapping is taken
    too."""
    credentials: Section = field(factory=_nothing, converter=_as_section, kw_only=True, repr=False)


@frozen
class Config:
    version: str = VERSION
    providers: Mapping[str, ProviderConfig] = field(factory=dict)
    path: Path | None = None
    """The file it was read from; None where the environment alone, or Python, made it."""
    warnings: tuple[Fault, ...] = ()

    @property
    def enabled(self) -> Mapping[str, ProviderConfig]:
        return {name: entry for name, entry in self.providers.items() if entry.is_enabled}
