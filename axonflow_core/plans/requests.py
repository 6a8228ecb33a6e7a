"""What clients ask of plans, and what they are told."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from axonflow_core.frozen import frozen
from axonflow_core.governance.trail import Outcome
from axonflow_core.messages import Json, hidden
from axonflow_core.plans.plan import Plan, StepState, Wish
from axonflow_core.plans.terms import ExecutionMode


class Why(StrEnum):
    """Why nothing was done."""

    UNKNOWN = "unknown_plan"
    EXPIRED = "plan_expired"
    EXECUTED = "plan_executed"
    CONFLICT = "version_conflict"
    STATE = "plan_state"
    FOREIGN = "foreign_plan"


@frozen
class Refused:
    """Nothing was done."""

    why: Why
    message: str
    plan: Plan | None = None
    """The plan as it stands, where there is one."""
    expected: int | None = None
    """Of a conflict: the version that the client took for the newest."""


@frozen(kw_only=True)
class Wanted:
    """What a client wants a plan for."""

    query: str = hidden()
    user: str | None = hidden(default=None)
    domain: str
    mode: ExecutionMode | None = None
    """None: as the configuration says."""
    wish: Wish
    metadata: Mapping[str, Json] = hidden(factory=dict)


@frozen(kw_only=True)
class Made:
    """A plan that was made, and kept."""

    plan: Plan
    outcome: Outcome
    """Of the call that wrote it."""


@frozen(kw_only=True)
class Standing:
    """A plan and its steps."""

    plan: Plan
    steps: Mapping[str, StepState]
