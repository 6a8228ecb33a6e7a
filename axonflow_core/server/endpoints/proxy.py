"""`POST /api/request`: Proxy Mode."""

from __future__ import annotations

from axonflow_core.modes import proxy
from axonflow_core.server.client_request import Answer, ClientRequest, refusal
from axonflow_core.server.fields import read_object
from axonflow_core.server.wire.proxy import proxy_answer, proxy_request

PLAN_TYPES = frozenset(("multi-agent-plan", "generate-plan", "execute-plan"))
"""The kinds of requests that ask for a plan."""


async def answer(request: ClientRequest) -> Answer:
    """Check, call, check, record, answer."""
    fields = read_object(request.body)
    if fields.text("request_type", default="") in PLAN_TYPES:
        return refusal(501, "this server has no multi-agent plans yet", code="no_plans")
    asked = proxy_request(fields)
    generation = request.service.generation
    timeout_s = generation.config.server.call_timeout_s
    with generation.hold():
        outcome = await proxy.asked(
            generation.governance, request.caller, asked, timeout_s=timeout_s
        )
    return proxy_answer(outcome, request.caller)
