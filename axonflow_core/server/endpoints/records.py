"""The audit's readers: search, the records of a tenant, decisions and why they fell."""

from __future__ import annotations

from functools import partial

from axonflow_core.audit.search import Found, Search, found
from axonflow_core.server.client_request import Answer, ClientRequest, refusal
from axonflow_core.server.fields import MAX_TOKEN, Fields, read_object
from axonflow_core.server.wire import records

NOTHING = Found((), 0)


async def search(request: ClientRequest) -> Answer:
    """`POST /api/v1/audit/search`, of the records of the client's own tenant."""
    fields = read_object(request.body or b"{}")
    wanted = records.search(fields, request.caller.tenant, await _user(request, fields))
    return await _page(request, wanted)


async def of_tenant(request: ClientRequest) -> Answer:
    """`GET /api/v1/audit/tenant/{tenant}`."""
    tenant = request.caller.tenant
    if request.parameters["tenant"] != tenant:
        message = f"the client {request.caller.client} reads the records of its own tenant"
        return refusal(403, message, code="forbidden")
    limit = records.number_in(request.query, "limit", default=50, most=records.MAX_PAGE)
    offset = records.number_in(request.query, "offset", default=0, most=records.MAX_OFFSET)
    return await _page(request, Search(tenant=tenant, limit=limit or 1, offset=offset))


async def decisions(request: ClientRequest) -> Answer:
    """`GET /api/v1/decisions`."""
    wanted = records.decisions_search(request.query, request.caller.tenant)
    return records.decisions_answer((await _found(request, wanted)).entries)


async def explain(request: ClientRequest) -> Answer:
    """`GET /api/v1/decisions/{id}/explain`."""
    wanted = Search(
        tenant=request.caller.tenant, id=request.parameters["id"], kinds=records.DECISIONS
    )
    page = await _found(request, wanted)
    if not page.entries:
        return refusal(404, "there is no such decision", code="not_found")
    return records.explained(page.entries[0])


async def _user(request: ClientRequest, fields: Fields) -> str | None:
    """The pseudonym of the user that a search names; one that is a pseudonym is taken as it is."""
    name = fields.optional_text("user_email", most=MAX_TOKEN)
    if name is None or records.is_pseudonym(name):
        return name
    return await request.service.audit.pseudonym(request.caller.tenant, name)


async def _page(request: ClientRequest, wanted: Search | None) -> Answer:
    limit, offset = (100, 0) if wanted is None else (wanted.limit, wanted.offset)
    return records.found_answer(await _found(request, wanted), limit, offset)


async def _found(request: ClientRequest, wanted: Search | None) -> Found:
    if wanted is None:
        return NOTHING
    return await request.service.audit.read(partial(found, search=wanted))
