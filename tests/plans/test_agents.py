"""Agents: those that come with the package, and those of a configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

from axonflow_core.config import FaultyConfig, load_config
from axonflow_core.config.agents import AgentConfig, PlansConfig
from axonflow_core.errors import RequestError
from axonflow_core.plans.agents import SHIPPED, agents_of, shipped
from axonflow_core.plans.prompts import planner
from axonflow_core.plans.terms import ExecutionMode, OnFailure

FILE = """
version: "1.0"
llm_providers: {echo: {enabled: true}}
"""
OWN = AgentConfig(domain="travel", description="walks", system_prompt="You walk.")


def read(folder: Path, more: str) -> tuple[PlansConfig, dict[str, AgentConfig]]:
    path = folder / "axonflow.yaml"
    path.write_text(FILE + more)
    config = load_config(path, {})
    return config.plans, dict(config.agents)


@pytest.mark.parametrize("domain", SHIPPED)
def test_each_domain_of_the_product_has_agents(domain: str) -> None:
    agents = shipped(domain)
    assert len(agents) >= 3
    assert {agent.domain for agent in agents.values()} == {domain}
    told = planner(agents, 5)
    for name, agent in agents.items():
        assert f"- {name}: {agent.description}" in told


def test_agents_of_ones_own_replace_those_of_their_domain_and_no_others() -> None:
    own = {"walker": OWN}
    assert agents_of(own, "travel") == own
    assert agents_of(own, "finance") == shipped("finance")
    with pytest.raises(RequestError, match="finance, generic, healthcare, travel"):
        agents_of(own, "gardening")


def test_sections_are_read_with_their_defaults(tmp_path: Path) -> None:
    plans, agents = read(
        tmp_path,
        """
agents:
  lookup:
    description: looks things up
    system_prompt: You look up.
    provider: echo
    tools:
      search: {description: finds, parameters: {type: object, properties: {q: {type: string}}}}
plans: {enabled: true, mode: balanced, on_failure: stop, max_cost_usd: 0.5}
""",
    )
    assert (plans.is_enabled, plans.mode, plans.on_failure, plans.max_cost_usd) == (
        *(True, ExecutionMode.BALANCED, OnFailure.STOP, 0.5),
    )
    assert plans.max_steps == PlansConfig().max_steps
    tool = agents["lookup"].tools["search"]
    assert tool.parameters["properties"] == {"q": {"type": "string"}}
    assert agents["lookup"].domain == "generic"


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("agents: {a b: {description: d, system_prompt: s}}", "cannot be an agent's name"),
        ("agents: {a: {description: d, system_prompt: s, provider: z}}", "has no `z`"),
        ("agents: {a: {description: d}}", "`system_prompt`"),
        ("plans: {enabled: true, provider: z}", "has no `z`"),
        ("plans: {max_steps: 0}", "max_steps"),
        ("plans: {mode: fast}", "wants one of auto, parallel, sequential, balanced"),
        ("plans: {wall: 3}", "unknown key `wall`"),
    ],
)
def test_a_fault_is_found_before_the_server_starts(tmp_path: Path, more: str, message: str) -> None:
    with pytest.raises(FaultyConfig) as faulty:
        read(tmp_path, more)
    assert message in str(faulty.value)
