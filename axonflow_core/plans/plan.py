"""A plan and its steps, as values, and as the JSON that is kept of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from axonflow_core.frozen import frozen
from axonflow_core.messages import EMPTY, Json, hidden
from axonflow_core.plans.terms import ExecutionMode, PlanStatus, StepStatus

SYNTHESIS = "synthesis"
"""The id of the step that makes one answer of all results."""


@frozen(kw_only=True)
class Step:
    """What one agent does."""

    id: str
    """Of ours, one of its own in the plan: `step_1`."""
    name: str
    """As the model named it."""
    agent: str
    """The name of an agent of the domain that the plan was written for; empty for the
    synthesis."""
    task: str = hidden()
    """What the agent is told to do."""
    depends_on: tuple[str, ...] = ()
    """The ids of the steps whose results it is given."""


@frozen(kw_only=True)
class Wish:
    """What the client asks for besides the query, for the calls of all steps."""

    provider: str | None = None
    model: str | None = None
    """For the agents that name none."""
    team: str | None = None


@frozen(kw_only=True)
class Draft:
    """What a version of a plan says."""

    query: str = hidden()
    user: str | None = hidden(default=None)
    """On whose behalf the client asked, as it named them."""
    steps: tuple[Step, ...] = ()
    wish: Wish = Wish()
    metadata: Mapping[str, Json] = hidden(default=EMPTY)
    """The client's own; nobody here reads it."""
    domain: str = "generic"
    """What the plan is about, as the client has it now."""
    written_for: str = "generic"
    """The domain whose agents do the steps."""
    mode: ExecutionMode = ExecutionMode.AUTO

    def step(self, id: str) -> Step:
        """The step of that id."""
        return next(step for step in self.steps if step.id == id)


@frozen(kw_only=True)
class Plan:
    """A plan as it stands. Times are in microseconds since 1970."""

    id: str
    tenant: str
    client: str
    user: str | None = None
    """The pseudonym of the user."""
    draft: Draft
    version: int = 1
    status: PlanStatus = PlanStatus.PENDING
    leg: int = 0
    """How often it was set going; 0 before the execution."""
    owner: str | None = None
    """The executor that runs it."""
    created_us: int
    expires_us: int
    begun_us: int | None = None
    """When the execution began; later by as much as it waited for somebody."""
    ended_us: int | None = None
    """When it ended, or began to wait."""
    awaits: str | None = None
    """The id of the step that an approval is awaited for, or `plan`."""
    approved: str | None = None
    """The last thing that was approved: the id of a step, or `plan`."""
    code: str | None = None
    """Why it failed or was cancelled: a word of ours."""
    reason: str | None = hidden(default=None)
    """The same in a sentence."""
    result: str | None = hidden(default=None)

    @property
    def mode(self) -> ExecutionMode:
        """How the steps follow each other."""
        return self.draft.mode


@frozen(kw_only=True)
class StepState:
    """What came of a step."""

    id: str
    status: StepStatus = StepStatus.PENDING
    attempt: int = 0
    """How often it was begun: more than once where a run was killed inside it, or a plan that
    failed went on."""
    record: str | None = None
    """The id of the audit's record of its call."""
    provider: str | None = None
    model: str | None = None
    tokens_in: int = 0
    tokens_out: int = 0
    cost_nanos: int = 0
    begun_us: int | None = None
    ended_us: int | None = None
    code: str | None = None
    """Why there is no result: a word of ours, or an error's code."""
    reason: str | None = hidden(default=None)
    result: str | None = hidden(default=None)
    tool_calls: Sequence[Mapping[str, Json]] = hidden(default=())
    """The calls of tools that the agent wants made: name and arguments."""

    @property
    def has_result(self) -> bool:
        """Whether other steps can work with it."""
        return self.status is StepStatus.COMPLETED

    @property
    def elapsed_ms(self) -> float | None:
        """How long the last attempt took."""
        if self.begun_us is None or self.ended_us is None:
            return None
        return (self.ended_us - self.begun_us) / 1_000


def draft_to_json(draft: Draft) -> bytes:
    """A draft as it is kept."""
    return orjson.dumps(
        {
            "query": draft.query,
            "user": draft.user,
            "steps": [
                [step.id, step.name, step.agent, step.task, list(step.depends_on)]
                for step in draft.steps
            ],
            "wish": [draft.wish.provider, draft.wish.model, draft.wish.team],
            "metadata": dict(draft.metadata),
            "domain": draft.domain,
            "written_for": draft.written_for,
            "mode": draft.mode,
        }
    )


def draft_of_json(data: bytes) -> Draft:
    """The draft that `draft_to_json` wrote."""
    value: Any = orjson.loads(data)
    provider, model, team = value["wish"]
    return Draft(
        query=value["query"],
        user=value["user"],
        steps=tuple(
            Step(id=id, name=name, agent=agent, task=task, depends_on=tuple(depends_on))
            for id, name, agent, task, depends_on in value["steps"]
        ),
        wish=Wish(provider=provider, model=model, team=team),
        metadata=value["metadata"],
        domain=value["domain"],
        written_for=value["written_for"],
        mode=ExecutionMode(value["mode"]),
    )
