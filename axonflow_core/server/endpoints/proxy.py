"""`POST /api/request`: Proxy Mode."""

from __future__ import annotations

from axonflow_core.audit.record import Entry, Kind
from axonflow_core.modes import proxy
from axonflow_core.modes.proxy import ProxyRequest
from axonflow_core.policy.rules import Verdict
from axonflow_core.server.client_request import USER_TOKEN, Answer, ClientRequest, refusal
from axonflow_core.server.fields import read_object
from axonflow_core.server.generations import Generation
from axonflow_core.server.replays import Given
from axonflow_core.server.single_flight import Asked
from axonflow_core.server.wire.proxy import proxy_answer, proxy_request

PLAN_TYPES = frozenset(("multi-agent-plan", "generate-plan", "execute-plan"))
"""The kinds of requests that ask for a plan."""


async def answer(request: ClientRequest) -> Answer:
    """Check, call, check, record, answer. Requests that are the same share one call."""
    fields = read_object(request.body)
    if fields.text("request_type", default="") in PLAN_TYPES:
        return refusal(501, "this server has no multi-agent plans yet", code="no_plans")
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
            mark=_mark(request, generation),
            call=call,
            repeat=lambda: _repeat(request, asked, generation),
            delivery=request.delivery,
            grace_s=settings.retry_grace_s,
            window_s=settings.retry_window_s,
        )
    )


def _mark(request: ClientRequest, generation: Generation) -> bytes:
    """Which request it is: what was sent, by whom, under which configuration."""
    caller = request.caller
    return request.service.seal.mark(
        caller.tenant.encode(),
        b"%d" % generation.number,
        caller.client.encode(),
        request.headers.get(USER_TOKEN, "").encode("latin-1"),
        request.body,
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
