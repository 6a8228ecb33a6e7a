"""Gateway Mode: the check before a client calls a model itself, and its reports afterwards."""

from __future__ import annotations

from axonflow_core.frozen import evolve
from axonflow_core.modes import gateway
from axonflow_core.server.client_request import Answer, ClientRequest, json_answer, refusal
from axonflow_core.server.fields import read_object
from axonflow_core.server.wire.gateway import (
    check,
    checked_answer,
    report,
    tool_answer,
    tool_report,
)


async def pre_check(request: ClientRequest) -> Answer:
    """`POST /api/policy/pre-check`."""
    service, asked = request.service, check(read_object(request.body), request.headers)
    asked = evolve(asked, user=asked.user or request.user)
    generation = service.generation
    checked = await gateway.checked(
        generation.governance,
        service.audit,
        request.caller,
        asked,
        ttl_s=generation.config.server.context_ttl_s,
    )
    return checked_answer(checked)


async def llm_call(request: ClientRequest) -> Answer:
    """`POST /api/audit/llm-call`. One refusal for every context that cannot be used, so that
    nobody learns of the contexts of others."""
    service = request.service
    reported = report(read_object(request.body), request.body)
    id = await gateway.reported(
        service.generation.governance, service.audit, request.caller, reported
    )
    if id is None:
        return refusal(400, "Invalid or expired context", code="invalid_context")
    return json_answer({"success": True, "audit_id": id})


async def tool_call(request: ClientRequest) -> Answer:
    """`POST /api/v1/audit/tool-call`."""
    service, reported = request.service, tool_report(read_object(request.body))
    reported = evolve(reported, user=reported.user or request.user)
    governance = service.generation.governance
    return tool_answer(
        await gateway.tool_reported(governance, service.audit, request.caller, reported)
    )
