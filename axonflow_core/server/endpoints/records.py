"""The audit's readers: search, the records of a tenant, decisions and why they fell."""

from __future__ import annotations

from axonflow_core.audit.places import Filter, Place
from axonflow_core.audit.proof import prove_chain, prove_record
from axonflow_core.audit.search import MAX_LIMIT, Page
from axonflow_core.audit.search import search as searched
from axonflow_core.server.client_request import Answer, ClientRequest, refusal
from axonflow_core.server.fields import MAX_TOKEN, Fields, read_object
from axonflow_core.server.wire import records
from axonflow_core.server.wire.cursors import cursor_of, place_of
from axonflow_core.server.wire.records import Wanted

NOTHING = Page(records=(), total=0)
_ANY = 10**9
"""An offset that is too far is refused, not cut to the last one that is not."""


async def search(request: ClientRequest) -> Answer:
    """`POST /api/v1/audit/search`, of the records of the client's own tenant."""
    fields = read_object(request.body or b"{}")
    wanted = records.search(fields, await _user(request, fields), _before(request, fields))
    return await _page(request, wanted)


async def of_tenant(request: ClientRequest) -> Answer:
    """`GET /api/v1/audit/tenant/{tenant}`."""
    if request.parameters["tenant"] != request.caller.tenant:
        message = f"the client {request.caller.client} reads the records of its own tenant"
        return refusal(403, message, code="forbidden")
    limit = records.number_in(request.query, "limit", default=50, most=MAX_LIMIT)
    offset = records.number_in(request.query, "offset", default=0, most=_ANY)
    return await _page(request, Wanted(filter=Filter(), limit=limit or 1, offset=offset))


async def decisions(request: ClientRequest) -> Answer:
    """`GET /api/v1/decisions`."""
    return records.decisions_answer(await _found(request, records.decisions_search(request.query)))


async def explain(request: ClientRequest) -> Answer:
    """`GET /api/v1/decisions/{id}/explain`."""
    wanted = Filter(id=request.parameters["id"], kinds=records.DECISIONS)
    page = await _found(request, Wanted(filter=wanted))
    if not page.records:
        return refusal(404, "there is no such decision", code="not_found")
    return records.explained(page.records[0].entry)


async def signing_key(request: ClientRequest) -> Answer:
    """`GET /api/v1/audit/signing-key`: what whoever verifies elsewhere needs."""
    return records.keys_answer(request.service.audit.public_keys)


async def verify_record(request: ClientRequest) -> Answer:
    """`GET /api/v1/audit/records/{id}/verify`."""
    audit, tenant, id = request.service.audit, request.caller.tenant, request.parameters["id"]
    proof = await audit.read(lambda at: prove_record(at, audit.public_keys, tenant, id))
    if proof is None:
        return refusal(404, "there is no such record", code="not_found")
    return records.proof_answer(proof, record_id=id)


async def verify_chain(request: ClientRequest) -> Answer:
    """`GET /api/v1/audit/chains/{id}/verify`, of a chain that has a record of the tenant."""
    audit, tenant, id = request.service.audit, request.caller.tenant, request.parameters["id"]
    proof = await audit.read(lambda at: prove_chain(at, audit.public_keys, tenant, id))
    if proof is None:
        return refusal(404, "there is no such chain", code="not_found")
    return records.proof_answer(proof)


async def _user(request: ClientRequest, fields: Fields) -> str | None:
    """The pseudonym of the user that a search names; one that is a pseudonym is taken as it is."""
    name = fields.optional_text("user_email", most=MAX_TOKEN)
    if name is None or records.is_pseudonym(name):
        return name
    return await request.service.audit.pseudonym(request.caller.tenant, name)


def _before(request: ClientRequest, fields: Fields) -> Place | None:
    """The place of the cursor that a search names."""
    cursor = fields.optional_text("cursor")
    if cursor is None:
        return None
    return place_of(cursor, request.caller.tenant, request.service.seal)


async def _page(request: ClientRequest, wanted: Wanted) -> Answer:
    page = await _found(request, wanted)
    tenant, seal = request.caller.tenant, request.service.seal
    return records.found_answer(
        page, wanted, None if page.next is None else cursor_of(page.next, tenant, seal)
    )


async def _found(request: ClientRequest, wanted: Wanted) -> Page:
    if wanted.filter is None:
        return NOTHING
    return await searched(
        request.service.audit,
        request.caller.tenant,
        wanted.filter,
        limit=wanted.limit,
        offset=wanted.offset,
        before=wanted.before,
    )
