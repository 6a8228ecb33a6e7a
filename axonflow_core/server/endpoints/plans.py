"""Plans: the request types of `POST /api/request` that are about them, and their own routes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

from axonflow_core.audit.record import Entry, Kind
from axonflow_core.config.agents import GENERIC
from axonflow_core.config.values import Role
from axonflow_core.errors import MalformedRequest
from axonflow_core.governance.trail import Outcome
from axonflow_core.plans.planner import Planned
from axonflow_core.plans.requests import Made, Refused, Standing
from axonflow_core.plans.service import Plans
from axonflow_core.plans.terms import PlanStatus
from axonflow_core.policy.rules import Verdict
from axonflow_core.server.client_request import Answer, ClientRequest, json_answer, refusal
from axonflow_core.server.fields import Fields, read_object
from axonflow_core.server.replays import Given
from axonflow_core.server.single_flight import Asked
from axonflow_core.server.wire import plans as wire
from axonflow_core.server.wire.proxy import proxy_answer

LOOK_S = 0.5
"""How often a stream of events looks for changes that another process made."""
QUIET_S = 10.0
"""After how long a stream says that it is still there."""
NOT_ENABLED = "this server has no multi-agent plans: `plans: {enabled: true}` in its configuration"


async def generate(request: ClientRequest, fields: Fields) -> Answer:
    """`multi-agent-plan`: a model writes a plan, which is kept. Requests that are the same share
    one."""
    plans = _plans_of(request)
    if isinstance(plans, Answer):
        return plans
    wanted = wire.wanted_plan(fields, request.user, GENERIC)

    async def call() -> Given:
        timeout_s = request.service.settings.call_timeout_s
        made = await plans.generate(request.caller, wanted, timeout_s=timeout_s)
        if isinstance(made, Made):
            return Given(wire.made_answer(made), made.plan.id, Verdict.ALLOWED)
        outcome = made if isinstance(made, Outcome) else made.outcome
        if isinstance(made, Planned):
            return Given(wire.unplanned_answer(made), outcome.id, Verdict.ERROR)
        return Given(proxy_answer(outcome, request.caller), outcome.id, outcome.verdict)

    return await _in_one_flight(request, call)


async def execute(request: ClientRequest, fields: Fields) -> Answer:
    """`execute-plan`: the plan runs, and the answer waits for its end."""
    plans = _plans_of(request)
    if isinstance(plans, Answer):
        return plans
    context = fields.object("context")
    id = fields.optional_text("plan_id") or context.text("plan_id")

    async def call() -> Given:
        wait_s = request.service.generation.config.plans.answer_s
        standing = await plans.execute(request.caller, id, wait_s=wait_s)
        if isinstance(standing, Refused):
            answer = wire.failed_answer(standing.message, standing.why)
            return Given(answer, id, Verdict.ERROR)
        return Given(wire.executed_answer(standing), id, Verdict.ALLOWED)

    return await _in_one_flight(request, call)


KINDS: Mapping[str, Callable[[ClientRequest, Fields], Awaitable[Answer]]] = {
    "multi-agent-plan": generate,
    "generate-plan": generate,
    "execute-plan": execute,
}
"""Request type -> what answers it."""


async def status(request: ClientRequest) -> Answer:
    """How far a plan is."""
    plans, id = _plans_of(request), request.parameters["id"]
    if isinstance(plans, Answer):
        return plans
    standing = await plans.standing(request.caller, id)
    return _missing(id) if standing is None else json_answer(wire.standing_body(standing))


async def events(request: ClientRequest) -> Answer:
    """How far a plan is, at each change, as server-sent events; they end with the plan."""
    plans, id = _plans_of(request), request.parameters["id"]
    if isinstance(plans, Answer):
        return plans
    if await plans.standing(request.caller, id) is None:
        return _missing(id)
    return Answer(
        200,
        headers={"cache-control": "no-store"},
        content_type="text/event-stream",
        pieces=_told(request, plans, id),
    )


async def _told(request: ClientRequest, plans: Plans, id: str) -> AsyncIterator[bytes]:
    """An event for each change; a comment where there is none for a while."""
    said, said_at = b"", time.monotonic()
    while not request.service.state.is_draining:
        with plans.changes.waiting(id) as changed:
            standing = await plans.standing(request.caller, id)
            if standing is None:
                return
            event = wire.event(standing)
            if event != said or time.monotonic() - said_at > QUIET_S:
                yield event if event != said else b": still there\n\n"
                said, said_at = event, time.monotonic()
            if standing.plan.status.is_over:
                return
            await asyncio.wait({changed}, timeout=LOOK_S)


async def cancel(request: ClientRequest) -> Answer:
    """Break a plan off. One that is over stays what it is."""
    plans, id = _plans_of(request), request.parameters["id"]
    if isinstance(plans, Answer):
        return plans
    plan = await plans.cancel(request.caller, id)
    if isinstance(plan, Refused):
        return wire.refused_answer(plan)
    is_cancelled = plan.status is PlanStatus.CANCELLED
    return json_answer({"success": is_cancelled, "plan_id": id, "status": plan.status})


async def update(request: ClientRequest) -> Answer:
    """Make a new version, where the client knows the newest."""
    plans, id = _plans_of(request), request.parameters["id"]
    if isinstance(plans, Answer):
        return plans
    version, changes = wire.changed_plan(read_object(request.body))
    plan = await plans.update(request.caller, id, version, changes)
    if isinstance(plan, Refused):
        return wire.refused_answer(plan)
    return json_answer(
        {"success": True, "plan_id": id, "version": plan.version, "status": plan.status}
    )


async def versions(request: ClientRequest) -> Answer:
    """The history of a plan."""
    plans, id = _plans_of(request), request.parameters["id"]
    if isinstance(plans, Answer):
        return plans
    history = await plans.versions(request.caller, id)
    return _missing(id) if history is None else json_answer(wire.versions_body(id, history))


async def resume(request: ClientRequest) -> Answer:
    """Agree to what a plan waits for, or refuse it; or have a plan that failed go on."""
    plans, id = _plans_of(request), request.parameters["id"]
    if isinstance(plans, Answer):
        return plans
    approves = read_object(request.body or b"{}").flag("approved") is not False
    standing = await plans.resume(
        request.caller,
        id,
        approves=approves,
        wait_s=request.service.generation.config.plans.answer_s,
    )
    if isinstance(standing, Refused):
        return wire.refused_answer(standing)
    return json_answer(_resumed(standing, approves=approves))


async def rollback(request: ClientRequest) -> Answer:
    """Make a new version of an old one."""
    plans, id, number = _plans_of(request), request.parameters["id"], request.parameters["version"]
    if isinstance(plans, Answer):
        return plans
    if not number.isdecimal() or len(number) > 9:
        raise MalformedRequest("the version is a whole number")
    plan = await plans.rollback(request.caller, id, int(number))
    if isinstance(plan, Refused):
        return wire.refused_answer(plan)
    return json_answer(
        {
            "success": True,
            "plan_id": id,
            "version": plan.version,
            "previous_version": plan.version - 1,
            "status": plan.status,
        }
    )


async def pending(request: ClientRequest) -> Answer:
    """What waits for approvals."""
    plans = _plans_of(request)
    if isinstance(plans, Answer):
        return plans
    limit, id = wire.limit_of(request.query), request.query.get("plan_id")
    found = await plans.awaiting(request.caller, limit=limit, id=id)
    return json_answer(wire.pending_body(found))


async def listing(request: ClientRequest) -> Answer:
    """The newest plans of the tenant."""
    plans = _plans_of(request)
    if isinstance(plans, Answer):
        return plans
    found = await plans.listing(request.caller, limit=wire.limit_of(request.query))
    return json_answer(wire.listing_body(found))


async def _in_one_flight(request: ClientRequest, call: Callable[[], Awaitable[Given]]) -> Answer:
    """The answer to a request that the SDK may send again."""
    service, settings = request.service, request.service.settings
    return await service.flights.answer(
        Asked(
            mark=request.mark(service.generation.number),
            call=call,
            repeat=lambda: _repeat(request),
            delivery=request.delivery,
            grace_s=settings.retry_grace_s,
            window_s=settings.retry_window_s,
        )
    )


async def _repeat(request: ClientRequest) -> Entry:
    """The record of an answer that was given once more."""
    return Entry(
        kind=Kind.REPEAT,
        verdict=Verdict.ALLOWED,
        tenant=request.caller.tenant,
        client=request.caller.client,
        request_type="plan",
        facts={"mode": "plan", "generation": request.service.generation.number},
    )


def _plans_of(request: ClientRequest) -> Plans | Answer:
    """The plans of the server; the refusal where it has none, or not for this client."""
    if request.service.plans is None:
        return refusal(404, NOT_ENABLED, code="no_plans")
    if Role.PLANS not in request.caller.roles:
        message = f"the client {request.caller.client} has not the role {Role.PLANS}"
        return refusal(403, message, code="forbidden")
    return request.service.plans


def _missing(id: str) -> Answer:
    return refusal(404, f"there is no plan {id[:80]!a}", code="unknown_plan")


def _resumed(standing: Standing, *, approves: bool) -> dict[str, object]:
    plan = standing.plan
    body: dict[str, object] = {
        "success": True,
        "plan_id": plan.id,
        "status": plan.status,
        "approved": approves,
        "workflow_id": wire.workflow_id(plan),
    }
    if plan.result is not None:
        body["result"] = plan.result
    return body
