"""The configuration as values, whether it comes from a file, the environment or Python."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import Factory, field, validators

from axonflow_core.config.faults import Fault, Place
from axonflow_core.config.nodes import YAML_KEY, Section, section_of
from axonflow_core.frozen import frozen

VERSION = "1.0"
"""The `version:` of a configuration file that this release reads."""
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
    """The provider plugin, by the name of its entry point. Default: the key of the entry."""
    is_enabled: bool = field(default=False, kw_only=True, metadata={YAML_KEY: "enabled"})
    display_name: str = field(default="", kw_only=True)
    """The name shown to people. Default: the plugin's."""
    priority: int = field(default=5, kw_only=True, validator=validators.ge(0))
    """The order of providers, 0 or more; read by routing, which is not built yet."""
    weight: float = field(default=1.0, kw_only=True, validator=[validators.ge(0), validators.le(1)])
    """The share of traffic, 0 to 1; read by routing, which is not built yet."""
    config: Section = field(factory=_nothing, converter=_as_section, kw_only=True)
    """The provider's own settings, as written and with their places; `structure_provider_config`
    reads them. A plain mapping is accepted and converted."""
    credentials: Section = field(factory=_nothing, converter=_as_section, kw_only=True, repr=False)
    """Name -> secret. Kept out of every repr and message."""


@frozen
class Config:
    """A checked configuration, as `load_config` returns it. Build one in Python to configure a
    runtime without a file."""

    version: str = VERSION
    providers: Mapping[str, ProviderConfig] = field(factory=dict)
    """Key under `llm_providers` -> entry, enabled or not."""
    path: Path | None = None
    """The file it was read from; None for a configuration from the environment or from Python."""
    warnings: tuple[Fault, ...] = ()
    """What is accepted and probably not intended, such as a secret in the file."""

    @property
    def enabled(self) -> Mapping[str, ProviderConfig]:
        """The enabled entries of `providers`."""
        return {name: entry for name, entry in self.providers.items() if entry.is_enabled}
