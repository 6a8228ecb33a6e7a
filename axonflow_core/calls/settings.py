"""The keys under `config:` that every provider takes, so that no plugin writes them again.

A plugin's `config_type` inherits `CommonSettings` and adds its own keys. The core's hints may name
these keys, whatever the provider.
"""

from __future__ import annotations

from enum import StrEnum

from attrs import field, validators

from axonflow_core.fitting import Unsupported
from axonflow_core.frozen import frozen
from axonflow_core.http.client import Timeouts


class ControlTokens(StrEnum):
    """What happens to text that would forge a turn in a family's prompt template."""

    REFUSE = "refuse"
    NEUTRALISE = "neutralise"


@frozen(kw_only=True)
class CommonSettings:
    """Settings of calls. A plugin overrides `model` where it has a default."""

    model: str
    """The model that is called unless the call names another, as the provider spells it."""
    max_tokens: int | None = field(default=None, validator=validators.optional(validators.ge(1)))
    """The limit of output tokens, sent when the call gives none."""
    timeouts: Timeouts = field(factory=Timeouts)
    """How long a call may take, in seconds."""
    control_tokens: ControlTokens = ControlTokens.REFUSE
    """What happens to text that would forge a turn in a family's prompt template."""
    unsupported: Unsupported = Unsupported.REPORT
    """What happens to a parameter, or a cache point too many, that a model does not take."""
    families: tuple[str, ...] | None = None
    """The only families that may be called. Without it, every installed one."""


@frozen(kw_only=True)
class HostedSettings(CommonSettings):
    """Settings of calls at a vendor whose address does not say where it processes them. A plugin
    overrides `endpoint`, with its default and `variables.is_service_url`."""

    endpoint: str
    """The base URL of the API."""
    data_region: str | None = None
    """Where the service processes calls, as you know it from its contract or its address: `eu`. It
    stands in receipts and records, and `routing.regions` is compared with it. None: unknown."""
