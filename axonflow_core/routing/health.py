"""Who may be asked now.

The router asks before each target and tells what came of it, always one of the three. What stands
here lets everything pass; breakers and the like take its place.
"""

from __future__ import annotations

from typing import Protocol

from axonflow_core.errors import AxonFlowError

from .targets import Target


class TargetHealth(Protocol):
    """Asked before each try, told after it. Its methods wait for nothing and raise nothing."""

    def admits(self, target: Target) -> bool:
        """Whether a call may go there now. One that may is followed by one of the others."""
        ...

    def succeeded(self, target: Target, elapsed_s: float) -> None:
        """It answered, or began to stream, after so many seconds."""
        ...

    def failed(self, target: Target, error: AxonFlowError) -> None:
        """The call ended with `error`."""
        ...

    def left(self, target: Target) -> None:
        """Whoever waited for it left before it answered."""
        ...


class AlwaysAdmitted:
    """No target is ever kept from being asked."""

    def admits(self, target: Target) -> bool:
        """Always."""
        return True

    def succeeded(self, target: Target, elapsed_s: float) -> None:
        """Nothing is remembered."""

    def failed(self, target: Target, error: AxonFlowError) -> None:
        """Nothing is remembered."""

    def left(self, target: Target) -> None:
        """Nothing is remembered."""
