"""Records of each kind are decided again, of the request that they are the record of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
import pytest

from axonflow_core.audit.batch import Vault
from axonflow_core.audit.kept import KeptRecord, kept_record
from axonflow_core.audit.record import Entry, Kind
from axonflow_core.errors import MalformedRequest, RequestError
from axonflow_core.policy.rules import Verdict
from axonflow_core.server.asked_again import GivenAgain
from axonflow_core.server.replayed import Part, Replay, State, require_decided

from .in_process import Served

pytestmark = pytest.mark.asyncio(loop_scope="module")

QUERY = {"query": "show badge-17 to ann", "user_token": "ann"}
CHECKS: Mapping[str, Mapping[str, Any]] = {
    "/api/policy/pre-check": QUERY,
    "/api/v1/decide": {"stage": "llm", **QUERY},
    "/api/v1/mcp/check-input": {"connector_type": "postgres", "statement": "SELECT 'badge-17'"},
    "/api/v1/mcp/check-output": {"connector_type": "x", "message": "badge-17 was here"},
    "/api/policies/test": {"query": "show badge-17"},
}


async def kept_last(served: Served) -> KeptRecord:
    """The newest record of the tenant, with the keys that open it."""
    id = (await served.records())[-1].id
    vault = Vault(served.keys)
    kept = await served.service.audit.read(lambda connection: kept_record(connection, vault, id))
    assert kept is not None
    return kept


async def replayed(
    served: Served, kept: KeptRecord, given: Mapping[str, Any] | None, **headers: str
) -> dict[str, Part]:
    """The parts of a record, replayed under the generation that serves."""
    governance = served.service.generation.governance
    replay = Replay(kept, governance.policies, governance.router, served.caller("acme"))
    body = None if given is None else GivenAgain(body=orjson.dumps(given), headers=headers)
    return {part.name: part for part in await replay.parts(body)}


def differing(parts: Mapping[str, Part]) -> set[str]:
    return {part.name for part in parts.values() if part.state is State.DIFFERS}


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("hello", "allowed"),
        ("what of the budget?", "allowed: mentions-budget warn in messages.0"),
        ("show badge-17", "redacted: badge redact in messages.0"),
        ("make a wire transfer", "needs_approval: wire-transfer require_approval in messages.0"),
        ("project aurora", "blocked: no-aurora block in messages.0"),
    ],
)
async def test_a_call_is_decided_again_as_it_was(served: Served, query: str, said: str) -> None:
    await served.post("/api/request", {**QUERY, "query": query})
    kept = await kept_last(served)
    parts = await replayed(served, kept, {**QUERY, "query": query})
    assert differing(parts) == set()
    assert parts["decision on the request"] == Part("decision on the request", State.SAME, said)
    assert {parts[name].state for name in ("policy", "user", "texts")} == {State.SAME}
    assert parts["body"].state is State.NOT_REPLAYED  # the echo provider sends nothing
    other = await replayed(served, kept, {**QUERY, "query": f"{query} badge-1 badge-2"})
    assert differing(other) >= {"decision on the request", "texts"}
    assert differing(await replayed(served, kept, {**QUERY, "user_token": "b"})) >= {"user"}
    longer = {**QUERY, "query": query, "context": {"system_prompt": "Be brief."}}
    assert "request.system.0" in (await replayed(served, kept, longer))["texts"].detail


async def test_a_user_whom_a_header_names_is_compared(served: Served) -> None:
    headers = {"x-user-token": "jo"}
    await served.post("/api/request", {"query": "hello"}, headers=headers)
    kept = await kept_last(served)
    assert (await replayed(served, kept, {"query": "hello"}))["user"].state is State.NOT_REPLAYED
    parts = await replayed(served, kept, {"query": "hello"}, **headers)
    assert parts["user"].state is State.SAME


@pytest.mark.parametrize("path", CHECKS)
async def test_a_check_is_decided_again_as_it_was(served: Served, path: str) -> None:
    await served.post(path, CHECKS[path])
    kept = await kept_last(served)
    assert kept.recorded.entry.kind is Kind.CHECK
    parts = await replayed(served, kept, CHECKS[path])
    (decision,) = [part for name, part in parts.items() if name.startswith("decision")]
    assert (differing(parts), decision.state) == (set(), State.SAME)
    assert "badge redact in" in decision.detail and "body" not in parts
    text = "query" if "query" in CHECKS[path] else "statement"
    text = text if text in CHECKS[path] else "message"
    assert differing(await replayed(served, kept, {**CHECKS[path], text: "hello"}))


async def test_without_request_and_texts_nothing_but_the_reason_is_told(served: Served) -> None:
    await served.post("/api/request", QUERY)
    parts = await replayed(served, await kept_last(served), None)
    left = {part.name for part in parts.values() if part.state is State.NOT_REPLAYED}
    assert left == parts.keys() - {"policy"}
    assert "`audit.texts` is `none`" in parts["decision on the request"].detail


async def test_a_report_of_a_client_is_of_no_request(served: Served) -> None:
    await served.post("/api/v1/audit/tool-call", {"tool_name": "t", "input": {"a": "badge-1"}})
    kept = await kept_last(served)
    assert kept.recorded.entry.kind is Kind.TOOL_CALL
    with pytest.raises(RequestError, match="not of a request that can be given again"):
        await replayed(served, kept, {"tool_name": "t"})


async def test_a_body_that_is_none_of_that_request_is_malformed(served: Served) -> None:
    await served.post("/api/request", QUERY)
    with pytest.raises(MalformedRequest):
        await replayed(served, await kept_last(served), {"statement": "x"})


async def test_a_record_without_a_decision_is_refused_and_an_answer_given_again_leads_on() -> None:
    repeat = Entry(kind=Kind.REPEAT, verdict=Verdict.ALLOWED, facts={"answer_of": "first"})
    with pytest.raises(RequestError, match="of the kind repeat") as raised:
        require_decided(repeat)
    assert raised.value.hint == "replay first, whose answer was given again"
    with pytest.raises(RequestError, match="of the kind hold"):
        require_decided(Entry(kind=Kind.HOLD, verdict=Verdict.ALLOWED))
