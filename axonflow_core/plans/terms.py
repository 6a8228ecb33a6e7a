"""The words of plans. Modes and states of plans are the product's."""

from __future__ import annotations

from enum import StrEnum


class ExecutionMode(StrEnum):
    """How the steps of a plan follow each other."""

    AUTO = "auto"
    """As `depends_on` says: what waits for nothing runs at once."""
    PARALLEL = "parallel"
    """The same."""
    SEQUENTIAL = "sequential"
    """One after another; the first that fails ends the plan."""
    BALANCED = "balanced"
    """As `depends_on` says, and the steps of one agent one after another."""
    CONFIRM = "confirm"
    """As `auto`, once somebody agreed to the whole plan."""
    STEP = "step"
    """One after another, each once somebody agreed to it."""


class PlanStatus(StrEnum):
    """Where a plan stands."""

    PENDING = "pending"
    """Made, and not executed yet."""
    EXECUTING = "executing"
    AWAITING_APPROVAL = "awaiting_approval"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_over(self) -> bool:
        """Whether nothing more happens by itself, and results may be there."""
        return self in (PlanStatus.COMPLETED, PlanStatus.FAILED, PlanStatus.CANCELLED)


class StepStatus(StrEnum):
    """Where a step stands."""

    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    """The call failed, or there was no room for it."""
    BLOCKED = "blocked"
    """A policy stopped the call or its answer."""
    SKIPPED = "skipped"
    """What it waits for has no result."""
    CANCELLED = "cancelled"

    @property
    def is_over(self) -> bool:
        """Whether its end is recorded: it never runs again."""
        return self not in (StepStatus.PENDING, StepStatus.RUNNING)


class OnFailure(StrEnum):
    """What becomes of a plan one of whose steps has no result."""

    CONTINUE = "continue"
    """Steps that do not need the result go on; the answer is made of what there is."""
    STOP = "stop"
    """No further step begins, and the plan fails. What there is stays."""
