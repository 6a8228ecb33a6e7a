"""Has a model write a plan.

The model is held to a schema (natively, or by a tool that it must call: `fitting.output`). What it
writes is read strictly and bounded; a plan that cannot be executed goes back to it once, with its
faults, and is an error then. Both calls go through governance, and are on record.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from axonflow_core.config.agents import AgentConfig, PlansConfig
from axonflow_core.errors import AnswerError, DecodeError
from axonflow_core.frozen import frozen
from axonflow_core.governance.caller import Caller
from axonflow_core.governance.calls import Governance
from axonflow_core.governance.trail import GovernedCall, Outcome
from axonflow_core.messages import (
    CompletionRequest,
    Json,
    Message,
    OutputSchema,
    Text,
    assistant,
    user,
)
from axonflow_core.output_types import output_of
from axonflow_core.plans import prompts
from axonflow_core.plans.order import depth, ordered
from axonflow_core.plans.plan import Step, Wish

MODE = "plan"
"""The mode that records of plans name."""
GENERATION = "plan-generation"
"""The request type of calls that write plans."""
MAX_NAME = 100
MAX_TASK = 10_000
"""Characters of a step's name and of its task."""


@frozen(kw_only=True)
class Planning:
    """What a plan is wanted for."""

    caller: Caller
    query: str
    user: str | None
    agents: Mapping[str, AgentConfig]
    wish: Wish
    plan: str
    """The id of the plan."""


@frozen
class Planned:
    """What came of it."""

    steps: tuple[Step, ...]
    """Ordered; empty where there is no plan."""
    outcome: Outcome
    """Of the last call."""
    faults: tuple[str, ...] = ()
    """Why what the model wrote is no plan."""


async def planned(
    governance: Governance, config: PlansConfig, planning: Planning, *, timeout_s: float
) -> Planned:
    """The steps that a model divides the query into. `AuditError`."""
    asked = (user(prompts.planning(planning.query)),)
    first = await _written(governance, config, planning, asked, timeout_s)
    completion = first.outcome.completion
    if first.steps or completion is None:
        return first
    repaired = (*asked, assistant(completion.text or "{}"), user(prompts.repairing(first.faults)))
    return await _written(governance, config, planning, repaired, timeout_s)


async def _written(
    governance: Governance,
    config: PlansConfig,
    planning: Planning,
    messages: tuple[Message, ...],
    timeout_s: float,
) -> Planned:
    schema = schema_of(planning.agents)
    _, parse = output_of(schema)
    outcome = await governance.complete(
        GovernedCall(
            caller=planning.caller,
            request=CompletionRequest(
                messages=messages,
                system=(Text(prompts.planner(planning.agents, config.max_steps)),),
                output_schema=schema,
            ),
            mode=MODE,
            request_type=GENERATION,
            user=planning.user,
            provider=config.provider or planning.wish.provider,
            model=config.model or planning.wish.model,
            timeout_s=timeout_s,
            team=planning.wish.team,
            facts={"plan": planning.plan},
        )
    )
    if outcome.completion is None:
        return Planned((), outcome)
    try:
        value = parse(outcome.completion)
    except AnswerError:
        return Planned((), outcome, ("the answer is not the JSON that was asked for",))
    try:
        return Planned(steps_of(value, planning.agents, config), outcome)
    except DecodeError as error:
        return Planned((), outcome, tuple(error.message.splitlines()))


def schema_of(agents: Mapping[str, AgentConfig]) -> OutputSchema:
    """The JSON schema of a plan whose steps these agents do."""
    step: dict[str, Json] = {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "agent": {"type": "string", "enum": list(agents)},
            "task": {"type": "string"},
            "depends_on": {"type": "array", "items": {"type": "string"}},
        },
        "required": ["name", "agent", "task", "depends_on"],
        "additionalProperties": False,
    }
    schema: dict[str, Json] = {
        "type": "object",
        "properties": {"steps": {"type": "array", "items": step, "minItems": 1}},
        "required": ["steps"],
        "additionalProperties": False,
    }
    return OutputSchema(schema, name="plan", description="Write the plan.")


def steps_of(
    value: Any, agents: Mapping[str, AgentConfig], config: PlansConfig
) -> tuple[Step, ...]:
    """The steps that a model wrote, ordered. `DecodeError` has each fault on a line, for the model:
    it names steps by their numbers and says nothing that the model wrote."""
    items = value.get("steps") if isinstance(value, dict) else None
    if not isinstance(items, list) or not items:
        raise DecodeError("the plan has no list of steps")
    if len(items) > config.max_steps:
        raise DecodeError(f"the plan has {len(items)} steps, of at most {config.max_steps}")
    faults = [fault for number, item in enumerate(items, 1) for fault in _misfits(number, item)]
    if not faults:
        faults += _unknown(items, agents)
    if faults:
        raise DecodeError("\n".join(faults))
    ids = {item["name"]: f"step_{number}" for number, item in enumerate(items, 1)}
    steps = [
        Step(
            id=ids[item["name"]],
            name=item["name"],
            agent=item["agent"],
            task=item["task"],
            depends_on=tuple(dict.fromkeys(ids[name] for name in item["depends_on"])),
        )
        for item in items
    ]
    try:
        steps = list(ordered(steps))
    except ValueError as error:
        raise DecodeError(f"the plan has a cycle: {error}") from None
    if (deep := depth(steps)) > config.max_depth:
        raise DecodeError(f"{deep} steps wait for one another, of at most {config.max_depth}")
    return tuple(steps)


def _misfits(number: int, item: Any) -> Iterator[str]:
    """What of one step has not its type or its length."""
    if not isinstance(item, dict):
        yield f"step {number} is no object"
        return
    for key, most in (("name", MAX_NAME), ("agent", MAX_NAME), ("task", MAX_TASK)):
        text = item.get(key)
        if not isinstance(text, str) or not text.strip():
            yield f"step {number} has no {key}"
        elif len(text) > most:
            yield f"the {key} of step {number} has {len(text)} characters, of at most {most}"
        elif key == "name" and not text.isprintable():
            yield f"the name of step {number} is not one line of characters that are seen"
    names = item.get("depends_on")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        yield f"depends_on of step {number} is no list of names"


def _unknown(items: list[Any], agents: Mapping[str, AgentConfig]) -> Iterator[str]:
    """Agents and steps that are named and are not there, and names that two steps have."""
    numbers: dict[str, int] = {}
    for number, item in enumerate(items, 1):
        if item["name"] in numbers:
            yield f"steps {numbers[item['name']]} and {number} have one name"
        numbers.setdefault(item["name"], number)
    for number, item in enumerate(items, 1):
        if item["agent"] not in agents:
            yield f"step {number} is for an agent that there is none of"
        if any(name not in numbers for name in item["depends_on"]):
            yield f"step {number} depends on a step that there is none of"
