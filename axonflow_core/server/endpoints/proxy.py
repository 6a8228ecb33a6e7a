"""`POST /api/request`: Proxy Mode."""

from __future__ import annotations

from axonflow_core.audit.record import Entry, Kind
from axonflow_core.modes import proxy
from axonflow_core.modes.proxy import ProxyRequest
from axonflow_core.policy.rules import Verdict
from axonflow_core.server.client_request import Answer, ClientRequest
from axonflow_core.server.endpoints import plans
from axonflow_core.server.fields import read_object
from axonflow_core.server.generations import Generation
from axonflow_core.server.replays import Given
from axonflow_core.server.single_flight import Asked
from axonflow_core.server.wire.proxy import proxy_answer, proxy_request


async def answer(request: ClientRequest) -> Answer:
    """Check, call, check, record, answer. Requests that are the same share one call."""
    fields = read_object(request.body)
    kind = fields.text("request_type", default="")
    if kind in plans.KINDS:
        return await plans.KINDS[kind](request, fields)
    asked = proxy_request(fields, request.user)
    service, generation = request.service, request.service.generation
    settings = generation.config.server

    async def call() -> Given:
        with generation.hold():
            outcome = await proxy.asked(
                generation.governance, request.caller, asked, timeout_s=settings.call_timeout_s
            )
        return Given(proxy_answer(outcome, request.caller), outcome.id, outcome.verdict)

    return await service.flights.answer(
        Asked(
            mark=request.mark(generation.number),
            call=call,
            repeat=lambda: _repeat(request, asked, generation),
            delivery=request.delivery,
            grace_s=settings.retry_grace_s,
            window_s=settings.retry_window_s,
        )
    )


async def _repeat(request: ClientRequest, asked: ProxyRequest, generation: Generation) -> Entry:
    """The record of an answer that was given once more."""
    caller, audit = request.caller, request.service.audit
    return Entry(
        kind=Kind.REPEAT,
        verdict=Verdict.ALLOWED,
        tenant=caller.tenant,
        client=caller.client,
        user=await audit.pseudonym(caller.tenant, asked.user) if asked.user else None,
        request_type=asked.request_type,
        facts={"mode": "proxy", "generation": generation.number},
    )
