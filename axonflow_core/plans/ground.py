"""What plans stand on: the generation of the configuration in force, as far as they need it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager

from axonflow_core.config.agents import AgentConfig, PlansConfig
from axonflow_core.frozen import frozen
from axonflow_core.governance.caller import Caller
from axonflow_core.governance.calls import Governance


@frozen(kw_only=True)
class Ground:
    """One generation."""

    governance: Governance
    plans: PlansConfig
    agents: Mapping[str, AgentConfig]
    caller: Callable[[str], Caller | None]
    """The client of that id; None where the configuration does not have it any more. A step that
    runs later than its request is made in the client's name, with what the client may do then."""
    hold: Callable[[], AbstractContextManager[None]]
    """Keeps the providers open for a block."""
