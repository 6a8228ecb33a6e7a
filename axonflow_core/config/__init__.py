"""The configuration: a YAML file, or environment variables alone, checked and read into values.

    loading                    finds the file, reads it, reports every fault at once
    document                   YAML text -> nodes
    substitution               resolves `${NAME:-default}` in one scalar
    structuring                nodes -> attrs classes, by the declared types of their fields
    snippets                   the line of a fault, without secrets
    nodes, values, faults      the values that these pass to each other

A file is read in two steps, so that every value knows its line and column until it has been
checked: YAML events become nodes (`Scalar`, `Listing`, `Section`) whose scalars are still text,
then the field that a node is read into decides by its type what the text means.

Importing this package is cheap: YAML and cattrs are imported when a configuration is loaded.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from axonflow_core.config.faults import Fault, FaultyConfig, Place, render
from axonflow_core.config.nodes import Section
from axonflow_core.config.values import Config, ProviderConfig

if TYPE_CHECKING:
    from axonflow_core.config.loading import Enabled

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
    text: str | None = None,
) -> Config:
    """Load and check the configuration.

    Reads `path`; without it the file that $AXONFLOW_CONFIG_FILE names, else the first of
    `axonflow.yaml`, `config/axonflow.yaml` (both in `folder`, by default the working directory) and
    `/etc/axonflow/axonflow.yaml` that exists; without any, the providers whose variables are set.
    References such as `${NAME}` are resolved from `environment`. `text` stands for what is written
    in the file, which is not read then.

    Raises `FaultyConfig` with every fault of the file, or `ConfigError` where no provider is
    configured. Warnings are logged and kept in `Config.warnings`.
    """
    from axonflow_core.config.loading import load

    return load(path, os.environ if environment is None else environment, folder, text)


def enabled_plugins(
    path: Path | None = None,
    environment: Mapping[str, str] | None = None,
    *,
    folder: Path | None = None,
) -> Enabled:
    """The names of the plugins that the configuration enables, even where the rest of it is faulty.
    The arguments are those of `load_config`.
    """
    from axonflow_core.config.loading import enabled

    return enabled(path, os.environ if environment is None else environment, folder)


def structure_provider_config(entry: ProviderConfig, config_type: type[T]) -> T:
    """Read the entry's `config:` into the plugin's attrs class `config_type`.

    Raises `FaultyConfig` with every fault of the section: unknown and missing keys, wrong types,
    values that a validator refuses.
    """
    from axonflow_core.config.structuring import structure

    return structure(entry.config, config_type, key="config")


def credentials_of(
    entry: ProviderConfig, known: Sequence[str], elsewhere: str = ""
) -> Mapping[str, str]:
    """The entry's `credentials:`, references to the environment resolved. `FaultyConfig` lists
    every fault, a name that is not one of `known` among them, and quotes no value; `elsewhere` says
    where a provider that takes none gets them."""
    from axonflow_core.config.structuring import structure_credentials

    return structure_credentials(entry.credentials, known, elsewhere)
