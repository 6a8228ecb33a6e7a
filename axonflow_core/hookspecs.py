"""The hooks. A plugin is a module that implements any of these functions, decorated with
`@hookimpl`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import pluggy

from axonflow_core.codec import FamilyCodec
from axonflow_core.codec.unary import EmbeddingCodec, RerankCodec, TokenCounter
from axonflow_core.plugin_spec import ProviderSpec

if TYPE_CHECKING:
    from axonflow_core.policy.detectors.detector import Detector

F = TypeVar("F", bound=Callable[..., Any])
PluginCodec: TypeAlias = FamilyCodec | EmbeddingCodec | RerankCodec | TokenCounter
"""Every kind of codec that a plugin may register."""

HOOK_API = (1, 0)
"""The version of the hooks, (major, minor): additions raise the minor number, incompatible changes
the major one. It is independent of the version of the package.

A plugin may declare the version it is written for, as `AXONFLOW_HOOK_API = (1, 0)` in its module. A
plugin for another major or a newer minor version is `incompatible`: its hooks are not called.
"""

hookspec = pluggy.HookspecMarker("axonflow")
hookimpl: Callable[[F], F] = pluggy.HookimplMarker("axonflow")
"""Decorator that marks a function as the implementation of the hook of the same name."""


@hookspec
def axonflow_register_provider() -> ProviderSpec:  # type: ignore[empty-body]
    """Describe the provider of an entry point in the group `axonflow.providers`.

    Called when a configuration enables the provider, before it is built, and by commands that list
    or check plugins; it must be cheap and do no I/O. Returns one `ProviderSpec`. An exception
    becomes a `PluginError` with the plugin's name, distribution and version, and stops the
    start-up.
    """


@hookspec
def axonflow_register_codec() -> PluginCodec | Sequence[PluginCodec]:  # type: ignore[empty-body]
    """Register the codecs of an entry point in the group `axonflow.codecs.<provider>`.

    Called when a provider of that name is built, and by commands that list or check codecs; it must
    be cheap and do no I/O. Returns one codec or a list of them (surfaces, variants, kinds). An
    exception marks this entry point failed and is logged; the other families are loaded, unless
    `AXONFLOW_STRICT_PLUGINS=1`.
    """


@hookspec
def axonflow_register_detector() -> Detector | Sequence[Detector]:  # type: ignore[empty-body]
    """Register the detectors of an entry point in the group `axonflow.detectors`.

    Called when `policies: {detectors: […]}` names the entry point, at start and at each reload, and
    by commands that check the configuration; it must be cheap and do no I/O. Returns one `Detector`
    or a list of them. An exception becomes a `PluginError` and stops the start-up: a wall that is
    missing must not go unnoticed.
    """
