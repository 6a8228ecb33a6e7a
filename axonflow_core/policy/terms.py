"""The words in which a configuration speaks of policies."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from attrs import field

from axonflow_core.frozen import frozen
from axonflow_core.policy.rules import Action

CATEGORIES = (
    "pii",
    "sqli",
    "dangerous_queries",
    "dangerous_commands",
    "sensitive_data",
    "high_risk",
)
"""What `policies.actions` may name for all detectors of a kind. Source: the product's documented
variables (`PII_ACTION`, `AXONFLOW_ENFORCE`)."""


class Profile(StrEnum):
    """An action for each category, under one name (`profiles.MATRIX`)."""

    DEV = "dev"
    DEFAULT = "default"
    STRICT = "strict"
    COMPLIANCE = "compliance"


class Surface(StrEnum):
    """What of the server asks."""

    GATEWAY = "gateway"
    """Whatever leads to a call of a model: Proxy Mode, Gateway Mode, the vendors' endpoints."""
    MCP = "mcp"
    """The checks of what goes into a tool and comes out of it."""


class Told(NamedTuple):
    """An action, and who says so."""

    action: Action | None
    """None: it is not looked for."""
    source: str
    """A key of the configuration, a variable, or that nobody does."""


@frozen(kw_only=True)
class PolicyVariables:
    """What the environment says of policies."""

    actions: Mapping[tuple[Surface | None, str], Told] = field(factory=dict)
    """Surface and category -> action; the surface None is all of them."""
    enforced: frozenset[str] = frozenset()
    """The categories of AXONFLOW_ENFORCE."""
    enforced_profile: Profile | None = None
    """What AXONFLOW_ENFORCE says of all categories."""
    profile: Profile | None = None
    """AXONFLOW_PROFILE."""
    skipped: Mapping[Surface, frozenset[str]] = field(factory=dict)
    """The categories and types that are not looked for."""
    off: frozenset[Surface] = frozenset()
    """Where no detector looks for anything."""


NO_VARIABLES = PolicyVariables()
