"""The configuration: a YAML file, or the environment alone, to values that are checked to the last
key.

    loading        finds the file, reads it to its end, tells every fault at once
    document       YAML text -> nodes; substitution: what `${NAME:-default}` becomes
    structuring    nodes -> attrs classes, by the types that their fields declare
    nodes, values, faults      what these pass to each other

Importing this package costs little. YAML and cattrs are loaded by whoever loads a configuration.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from axonflow_core.config.faults import Fault, FaultyConfig, Place, render
from axonflow_core.config.nodes import Section
from axonflow_core.config.values import Config, ProviderConfig

__all__ = [
    "Config",
    "Fault",
    "FaultyConfig",
    "Place",
    "ProviderConfig",
    "Section",
    "credentials_of",
    "enabled_plugins",
    "load_config",
    "render",
    "structure_provider_config",
]

T = TypeVar("T")


def load_config(
    path: Path | None = None,
    environment: Mapping[str, str] | None = None,
    *,
    folder: Path | None = None,
) -> Config:
    """The checked configuration: `path`, else the first file of the search path, else what the
    environment asks for.

    `folder` stands for the working folder. `FaultyConfig` lists every fault. Warnings are logged,
    and in the result.
    """
    from axonflow_core.config.loading import load

    return load(path, os.environ if environment is None else environment, folder)


def enabled_plugins(
    path: Path | None = None,
    environment: Mapping[str, str] | None = None,
    *,
    folder: Path | None = None,
) -> tuple[str, ...]:
    """The provider plugins that the configuration asks for, whatever else may be wrong with it."""
    from axonflow_core.config.loading import asked_for

    return asked_for(path, os.environ if environment is None else environment, folder)


def structure_provider_config(entry: ProviderConfig, config_type: type[T]) -> T:
    """The provider's own settings. `FaultyConfig` lists every fault of the entry's `config:`."""
    from axonflow_core.config.structuring import structure

    return structure(entry.config, config_type, key="config")


def credentials_of(entry: ProviderConfig) -> Mapping[str, str]:
    """The entry's `credentials:`, references to the environment resolved. `FaultyConfig` lists
    every fault and quotes no value."""
    from axonflow_core.config.structuring import structure

    return structure(entry.credentials, dict[str, str], key="credentials")
