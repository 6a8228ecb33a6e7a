"""Faults of `agents` and `plans` that only the rest of the file makes faults."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from axonflow_core.config.agents import AgentConfig, PlansConfig
from axonflow_core.config.faults import Fault, suggest
from axonflow_core.config.nodes import Scalar, Section
from axonflow_core.config.structuring import fields_of, meant

MAX_NAME = 64
"""Characters of an agent's name, which stands in records."""


def unusable_plans(document: Section, providers: Collection[str]) -> Iterator[Fault]:
    """Agents whose names no record can have, and providers that are not among `providers`. What is
    not of the right kind is passed over: structuring reports it."""
    agents, plans = document.given("agents"), document.given("plans")
    if isinstance(plans, Section):
        yield from _unknown_provider(meant(plans, fields_of(PlansConfig)), providers)
    if not isinstance(agents, Section):
        return
    for name, agent in agents.items():
        if not (name.isascii() and name.replace("-", "_").isidentifier() and len(name) <= MAX_NAME):
            yield Fault(
                agents.place_of(name),
                f"`{name[:MAX_NAME]!a}` cannot be an agent's name",
                f"a letter, then letters, digits, `_` and `-`, at most {MAX_NAME}",
            )
        if isinstance(agent, Section):
            yield from _unknown_provider(meant(agent, fields_of(AgentConfig)), providers)


def _unknown_provider(section: Section, providers: Collection[str]) -> Iterator[Fault]:
    named = section.given("provider")
    if isinstance(named, Scalar) and named.text not in providers:
        yield Fault(
            named.place,
            f"`llm_providers` has no `{named.text}`",
            suggest(named.text, providers, noun="it has"),
        )
