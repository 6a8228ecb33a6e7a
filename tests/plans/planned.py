"""A server with plans in this process, over a model that writes the plan that it is given."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
from on_time import GUARD_S, until
from server.in_process import Reply, Served, config_of

from axonflow_core.config.agents import AgentConfig, PlansConfig
from axonflow_core.frozen import evolve
from axonflow_core.governance.calls import Governance
from axonflow_core.keys import Keys, throwaway_keys
from axonflow_core.messages import (
    Completion,
    CompletionRequest,
    Receipt,
    StopReason,
    Text,
    ToolUse,
    Usage,
)
from axonflow_core.provider import Price
from axonflow_core.routing.router import Router
from axonflow_core.server.generations import Generation
from axonflow_core.server.limits import Limits
from axonflow_core.server.service import Service
from axonflow_core.server.state import ServerState

Line = tuple[str, Sequence[str]]
"""A step's name, and those that it depends on."""
AGENTS = {
    "worker": AgentConfig(description="does things", system_prompt="You work."),
    "checker": AgentConfig(description="checks things", system_prompt="You check."),
}
CHAIN: tuple[Line, ...] = (("first", []), ("second", ["first"]), ("third", ["second"]))
WIDE: tuple[Line, ...] = (("left", []), ("right", []), ("both", ["left", "right"]))


def written(steps: Sequence[Line], agents: Sequence[str] = ("worker",)) -> str:
    """A plan as a model writes it; agents in turn."""
    return orjson.dumps(
        {
            "steps": [
                {
                    "name": name,
                    "agent": agents[number % len(agents)],
                    "task": f"do {name}",
                    "depends_on": list(depends_on),
                }
                for number, (name, depends_on) in enumerate(steps)
            ]
        }
    ).decode()


class Model:
    """A provider. It writes `plans` in turn, the last one for ever, and does each step by what
    `does` says of it: a text, a call of a tool, an error, a function, or a coroutine function."""

    default_model = "m-1"

    def __init__(self, *plans: str, delay_s: float = 0.0, **does: Any) -> None:
        self.plans = list(plans)
        self.does = does
        self.delay_s = delay_s
        self.calls: Counter[str] = Counter()
        """Step -> how often it was called; `plan` and `synthesis` beside."""
        self.under_way = 0
        self.most_under_way = 0
        self.asked: dict[str, CompletionRequest] = {}
        self.order: list[str] = []

    async def complete(
        self,
        request: CompletionRequest,
        *,
        model: str | None = None,
        timeout_s: float | None = None,
    ) -> Completion:
        name = self._name(request)
        self.calls[name] += 1
        self.asked[name] = request
        self.order.append(name)
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            return _answer(await self._said(name))
        finally:
            self.under_way -= 1

    async def begun(self, name: str, count: int = 1) -> None:
        """Returns once that step was called so often."""
        await until(lambda: self.calls[name] >= count)

    def _name(self, request: CompletionRequest) -> str:
        if request.output_schema is not None:
            return "plan"
        asked = request.messages[-1].text
        found = re.match(r"do ([\w-]+)", asked)
        return found[1] if found else "synthesis"

    async def _said(self, name: str) -> str | ToolUse:
        if name == "plan":
            return self.plans.pop(0) if len(self.plans) > 1 else self.plans[0]
        if self.delay_s:
            await asyncio.sleep(self.delay_s)
        does = self.does.get(name, f"{name} is done")
        if callable(does):
            does = does()
        if asyncio.iscoroutine(does):
            does = await does
        if isinstance(does, BaseException):
            raise does
        return does if isinstance(does, ToolUse) else str(does)

    def price(self, receipt: Receipt) -> Price:
        return Price(input=3.0, output=15.0)

    async def health(self) -> Any:
        raise NotImplementedError

    async def aclose(self) -> None:
        """Nothing is open."""


def _answer(said: str | ToolUse) -> Completion:
    return Completion(
        content=(Text(said) if isinstance(said, str) else said,),
        stop_reason=StopReason.END_TURN,
        usage=Usage(input_tokens=100, output_tokens=10),
        receipt=Receipt(
            provider="echo", family="fake", surface="invoke", model="m-1", called="m-1"
        ),
    )


class Planning(Served):
    """The application, asked as the SDK asks."""

    async def generate(self, query: str = "Do it all.", **context: Any) -> Reply:
        client = context.pop("client", "acme")
        body = {
            "query": query,
            "user_token": "ann",
            "client_id": client,
            "request_type": "multi-agent-plan",
            "context": context,
            "media": None,
            "skip_llm": None,
        }
        return await self.post("/api/request", body, client=client)

    async def made(self, query: str = "Do it all.", **context: Any) -> str:
        """The id of a new plan."""
        reply = await self.generate(query, **context)
        assert reply.json["success"], reply.body
        return str(reply.json["plan_id"])

    async def execute(self, id: str, *, client: str = "acme") -> Reply:
        body = {"query": "", "request_type": "execute-plan", "context": {"plan_id": id}}
        return await self.post("/api/request", body, client=client)

    async def status(self, id: str, *, client: str = "acme") -> Any:
        return (await self.get(f"/api/v1/plan/{id}", client=client)).json

    def use(self, model: Model, **plans: Any) -> Model:
        """Have the steps done by that model from now on, with these settings of the section
        `plans`."""
        generation = self.service.generation
        _call(generation, self.service, model)
        settings = PlansConfig(is_enabled=True, **plans)
        generation.config = evolve(generation.config, plans=settings)
        return model

    async def resume(self, id: str, *, approved: bool = True, client: str = "acme") -> Reply:
        return await self.post(f"/api/v1/plan/{id}/resume", {"approved": approved}, client=client)

    async def cancel(self, id: str, *, client: str = "acme") -> Reply:
        return await self.post(f"/api/v1/plan/{id}/cancel", {"reason": "why"}, client=client)

    async def change(self, id: str, *, client: str = "acme", **changes: Any) -> Reply:
        return await self.ask("PUT", f"/api/v1/plan/{id}", changes, client=client)

    async def over(self, id: str) -> Any:
        """The plan, once it is over."""
        async with asyncio.timeout(GUARD_S):
            await self.get(f"/api/v1/plan/{id}/events")
        return await self.status(id)

    async def steps(self, id: str) -> Mapping[str, str]:
        """Name -> where each step of a plan stands."""
        return {step["step_name"]: step["status"] for step in (await self.status(id))["steps"]}


@asynccontextmanager
async def planning(
    folder: Path,
    model: Model,
    *,
    keys: Keys | None = None,
    plans: Mapping[str, Any] | None = None,
    agents: Mapping[str, AgentConfig] = AGENTS,
    **config: Any,
) -> AsyncIterator[Planning]:
    """The application with plans, over an audit in `folder`. `plans` are settings of the
    section."""
    keys = keys or throwaway_keys()
    settings = PlansConfig(is_enabled=True, **(plans or {}))
    given = evolve(config_of(folder, **config), plans=settings, agents=agents)
    service = await Service.open(given, keys, ServerState(Limits()))
    try:
        _call(service.generation, service, model)
        yield Planning(service, keys)
    finally:
        await service.aclose()


def _call(generation: Generation, service: Service, model: Model) -> None:
    """Have all calls of a generation go to `model`."""
    before = generation.governance
    generation.governance = Governance(
        before.policies,
        Router({"echo": model}),
        service.audit,
        generation=generation.number,
        ledger=before.ledger,
    )
