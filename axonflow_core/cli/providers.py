"""The installed providers, as the commands ask them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from axonflow_core.plugin_spec import ProviderSpec


def installed_specs(provider: str | None = None) -> list[ProviderSpec]:
    """What `provider` says of itself, or every installed provider that is not blocked, in order
    of their names for people.

    `PluginError` where the named one cannot be loaded; of several, such a one is told on stderr and
    left out.
    """
    from axonflow_core.cli.display import warn
    from axonflow_core.errors import PluginError
    from axonflow_core.plugins import PROVIDERS, find_plugins, is_blocked, load_provider

    if provider is not None:
        return [load_provider(provider)]
    found = find_plugins(PROVIDERS)
    specs = []
    for name in sorted({plugin.name for plugin in found if not is_blocked(plugin, os.environ)}):
        try:
            specs.append(load_provider(name))
        except PluginError as error:
            warn(error.message)
    return sorted(specs, key=lambda spec: spec.display_name)
