"""The sections `agents` and `plans`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import field, validators

from axonflow_core.config.nodes import YAML_KEY
from axonflow_core.frozen import frozen
from axonflow_core.plans.terms import ExecutionMode, OnFailure

GENERIC = "generic"
"""The domain of plans that name none."""


@frozen
class AgentTool:
    """A tool that an agent's model may call. The server runs none: a call is part of the step's
    result."""

    description: str | None = field(default=None, kw_only=True)
    parameters: Mapping[str, Any] = field(factory=dict, kw_only=True)
    """A JSON schema of its arguments."""


@frozen
class AgentConfig:
    """One entry of `agents`: who does a kind of step."""

    domain: str = field(default=GENERIC, kw_only=True)
    """The plans that it works on."""
    description: str = field(kw_only=True)
    """What it can do, for the model that writes plans."""
    system_prompt: str = field(kw_only=True, repr=False)
    provider: str | None = field(default=None, kw_only=True)
    """Default: as routing decides."""
    model: str | None = field(default=None, kw_only=True)
    """An id, or the name of a named model."""
    tools: Mapping[str, AgentTool] = field(factory=dict, kw_only=True)
    max_tokens: int | None = field(
        default=None, kw_only=True, validator=validators.optional(validators.ge(1))
    )
    """Of one answer."""
    temperature: float | None = field(
        default=None, kw_only=True, validator=validators.optional(validators.ge(0))
    )
    timeout_s: float = field(default=55.0, kw_only=True, validator=validators.gt(0))
    """The longest call."""


@frozen
class PlansConfig:
    """The section `plans`. Times are in seconds."""

    is_enabled: bool = field(default=False, kw_only=True, metadata={YAML_KEY: "enabled"})
    url: str | None = field(default=None, kw_only=True, repr=False)
    """Where the engine keeps how far plans are, as an SQLAlchemy URL. Default: a file beside the
    audit's, or a schema in its database."""
    provider: str | None = field(default=None, kw_only=True)
    """The provider that writes plans. Default: as routing decides."""
    model: str | None = field(default=None, kw_only=True)
    """The model that writes plans."""
    mode: ExecutionMode = field(default=ExecutionMode.AUTO, kw_only=True)
    """How plans are executed that name no mode."""
    on_failure: OnFailure = field(default=OnFailure.CONTINUE, kw_only=True)
    """The modes `sequential` and `step` stop always."""
    max_steps: int = field(default=12, kw_only=True, validator=validators.in_(range(1, 101)))
    """Steps of a plan, without the one that makes the answer."""
    max_depth: int = field(default=6, kw_only=True, validator=validators.ge(1))
    """Steps that wait for one another."""
    max_wall_s: float = field(default=600.0, kw_only=True, validator=validators.gt(0))
    """From the beginning of the execution to the end of the last step."""
    max_tokens: int = field(default=500_000, kw_only=True, validator=validators.ge(1))
    """Of all steps together, in and out."""
    max_cost_usd: float | None = field(
        default=None, kw_only=True, validator=validators.optional(validators.gt(0))
    )
    """Of all steps together."""
    expires_s: float = field(default=7_200.0, kw_only=True, validator=validators.gt(0))
    """How long a plan that is not executed can be, and how long an approval is waited for."""
    takeover_s: float = field(default=15.0, kw_only=True, validator=validators.ge(1))
    """After how much silence of an executor others run its plans."""
    keep_days: int = field(default=30, kw_only=True, validator=validators.ge(1))
    """How long plans and their results are kept."""
    answer_s: float = field(default=100.0, kw_only=True, validator=validators.gt(0))
    """How long a request waits for the end of a plan: below the 120 s after which the SDK gives
    up. The plan goes on."""
