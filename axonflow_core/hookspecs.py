"""The hooks, on one screen. A plugin is a module with any of these functions marked `@hookimpl`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, TypeVar

import pluggy

from axonflow_core.codec import FamilyCodec
from axonflow_core.codec.unary import EmbeddingCodec, RerankCodec, TokenCounter
from axonflow_core.plugin_spec import ProviderSpec

F = TypeVar("F", bound=Callable[..., Any])
PluginCodec: TypeAlias = FamilyCodec | EmbeddingCodec | RerankCodec | TokenCounter

HOOK_API = (1, 0)
"""The version of this module: a minor step adds, a major one breaks. It is no product version.

A plugin may say which one it is written for: `AXONFLOW_HOOK_API = (1, 0)` in its module. Another
major, or a newer minor, makes it `incompatible`, and it is not asked.
"""

hookspec = pluggy.HookspecMarker("axonflow")
hookimpl: Callable[[F], F] = pluggy.HookimplMarker("axonflow")


@hookspec
def axonflow_register_provider() -> ProviderSpec:  # type: ignore[empty-body]
    """Describe the provider of an entry point in the group `axonflow.providers`.

    Called once, when the YAML enables the provider, before anything is built. Returns one
    `ProviderSpec`. An exception stops the start-up with the plugin's name, distribution and
    version.
    """


@hookspec
def axonflow_register_codec() -> PluginCodec | Sequence[PluginCodec]:  # type: ignore[empty-body]
    """Hand over the codecs of an entry point in the group `axonflow.codecs.<provider>`.

    Called once, when a provider of that name is built. Returns one codec or several (surfaces,
    variants, kinds). An exception marks this entry point failed; the other families serve, unless
    `AXONFLOW_STRICT_PLUGINS=1`.
    """
