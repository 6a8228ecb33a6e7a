"""Static policies: rules and detectors read, patterns tried. Nothing is written."""

from __future__ import annotations

import asyncio

from axonflow_core.policy.engine import Policy
from axonflow_core.policy.listing import ListedRule
from axonflow_core.server.client_request import Answer, ClientRequest, json_answer, refusal
from axonflow_core.server.fields import MAX_TEXT, read_object
from axonflow_core.server.wire import policies as wire
from axonflow_core.server.wire.records import number_in

MAX_PAGE = 1_000
MAX_INPUTS = 100
MAX_INPUT = 10_000
"""Characters of a text that a pattern is tried on."""


async def listing(request: ClientRequest) -> Answer:
    """`GET /api/v1/static-policies`."""
    limit = number_in(request.query, "limit", default=MAX_PAGE, most=MAX_PAGE)
    offset = number_in(request.query, "offset", default=0, most=MAX_PAGE)
    return wire.page(_policies(request), offset, limit or 1)


async def effective(request: ClientRequest) -> Answer:
    """`GET /api/v1/static-policies/effective`: all of them, as none overrides another."""
    return json_answer({"static": _policies(request), "dynamic": []})


def _policies(request: ClientRequest) -> list[dict[str, object]]:
    return wire.policies(_listed(request), request.query, request.service.generation.at_us)


def _listed(request: ClientRequest) -> tuple[ListedRule, ...]:
    """What decides on the client's own calls, where they name no model."""
    governance = request.service.generation.governance
    return governance.policies.of(request.caller.client).listed()


async def one(request: ClientRequest) -> Answer:
    """`GET /api/v1/static-policies/{id}`, by the id or the name of a rule."""
    found = _one(request)
    return _missing() if found is None else json_answer(found)


async def versions(request: ClientRequest) -> Answer:
    """`GET /api/v1/static-policies/{id}/versions`: the one in force."""
    found = _one(request)
    if found is None:
        return _missing()
    version = {"version": 1, "changed_at": found["updated_at"], "change_type": "configured"}
    return json_answer({"versions": [{**version, "policy_id": found["id"], "snapshot": found}]})


def _one(request: ClientRequest) -> dict[str, object] | None:
    id = request.parameters["id"]
    rule = next((rule for rule in _listed(request) if id in (rule.id, rule.name)), None)
    return None if rule is None else wire.policy(rule, request.service.generation.at_us)


def _missing() -> Answer:
    return refusal(404, "there is no such policy", code="not_found")


async def overrides(request: ClientRequest) -> Answer:
    """`GET /api/v1/static-policies/overrides`: there are none."""
    return json_answer([])


async def dynamic(request: ClientRequest) -> Answer:
    """`GET /api/v1/dynamic-policies` and `…/effective`: there are none."""
    return json_answer({"policies": []})


async def missing(request: ClientRequest) -> Answer:
    """`GET /api/v1/dynamic-policies/{id}`."""
    return _missing()


async def write(request: ClientRequest) -> Answer:
    """Whatever would change a policy."""
    return wire.write_refused()


async def test(request: ClientRequest) -> Answer:
    """`POST /api/v1/static-policies/test`."""
    fields = read_object(request.body)
    pattern = fields.text("pattern", most=MAX_TEXT)
    inputs = fields.texts("inputs", most=MAX_INPUT, items=MAX_INPUTS)
    tested = await asyncio.to_thread(Policy.test_pattern, pattern, inputs)
    return wire.pattern_answer(pattern, inputs, tested)
