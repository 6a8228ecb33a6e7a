"""The agents of a domain: those of the configuration, else those that come with the package."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from axonflow_core.config.agents import AgentConfig
from axonflow_core.config.document import read_document
from axonflow_core.config.structuring import structure
from axonflow_core.errors import RequestError

SHIPPED = ("travel", "healthcare", "finance", "generic")
"""The domains that come with the package, which are the product's."""
_FOLDER = Path(__file__).parent / "shipped"


def agents_of(configured: Mapping[str, AgentConfig], domain: str) -> Mapping[str, AgentConfig]:
    """Name -> agent of a domain. `RequestError` where nobody works on it."""
    own = {name: agent for name, agent in configured.items() if agent.domain == domain}
    if own:
        return own
    if domain in SHIPPED:
        return shipped(domain)
    known = sorted({*SHIPPED, *(agent.domain for agent in configured.values())})
    raise RequestError(
        f"no agent works on that domain; there are {', '.join(known)}",
        hint="name one of them in context.domain, or an agent of it under `agents`",
    )


@cache
def shipped(domain: str) -> Mapping[str, AgentConfig]:
    """Name -> agent of a domain of `SHIPPED`."""
    document = read_document(_FOLDER / f"{domain}.yaml", {})
    return structure(document.root, dict[str, AgentConfig], key="agents")
