"""What a record has of a call, and what it never has: anything that somebody wrote."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from axonflow_core.audit.store import AuditStore
from axonflow_core.errors import Throttled
from axonflow_core.frozen import evolve
from axonflow_core.governance.trail import GovernedCall
from axonflow_core.keys import throwaway_keys
from axonflow_core.messages import (
    Completion,
    CompletionRequest,
    Document,
    Guardrail,
    Image,
    Inference,
    Media,
    MediaKind,
    Opaque,
    OutputSchema,
    Reasoning,
    StopReason,
    Text,
    Tool,
    ToolChoice,
    ToolResult,
    ToolUse,
    assistant,
    user,
)
from axonflow_core.policy.engine import Policy
from axonflow_core.policy.rules import Action
from axonflow_core.stream import batch_of
from governance.governed import (
    CALLER,
    RECEIPT,
    SSN,
    USAGE,
    FakeProvider,
    FakeStream,
    Governed,
    all_of,
    call_of,
    policy_of,
)

CANARY = "canary7"


def canaried_request() -> CompletionRequest:
    """A request with the canary in every place that a client writes."""
    c = CANARY
    arguments = {f"{c} key": [c, {c: c}]}
    text = Text(c, citations=({c: c},), extra={c: c})
    return CompletionRequest(
        messages=(
            user([text, Image(Media(MediaKind.BASE64, "aWQ=", "image/png"))]),
            user([Document(Media(MediaKind.TEXT, c, "text/plain"), name=c)]),
            assistant([ToolUse(c, c, arguments), Reasoning(c, signature=c)]),
            user([ToolResult(c, (Text(c),)), Opaque(c, {c: c})]),
        ),
        system=c,
        tools=(Tool(c, c, {"type": "object", "properties": {c: {"description": c}}}),),
        tool_choice=ToolChoice("tool", c),
        inference=Inference(stop_sequences=(c,)),
        output_schema=OutputSchema({"type": "object", "title": c}),
        metadata={c: c},
        service_tier=c,
        options={c: c},
        extra={c: {c: c}},
    )


def canaried_answer() -> Completion:
    c = CANARY
    return Completion(
        content=(Text(c, citations=({c: c},)), Reasoning(c), ToolUse(c, c, {c: c}), Text(c)),
        stop_reason=StopReason.STOP_SEQUENCE,
        stop_sequence=c,
        stop_details={c: c},
        native_stop_reason=c,
        id=c,
        model=c,
        service_tier=c,
        guardrail=Guardrail("NONE", {c: c}),
        request_echo={c: c},
        usage=USAGE,
        extra={c: [c]},
        receipt=RECEIPT,
    )


def canaried_call() -> GovernedCall:
    return call_of(canaried_request(), request_type=f"about {CANARY}!", user=CANARY)


def body_of(entry: Any) -> str:
    """All of an entry but the texts, which are commitments in the record."""
    return str(evolve(entry, texts={})) + json.dumps(entry.facts, default=str) + str([*entry.texts])


def canary_policies() -> list[Policy]:
    from axonflow_core.policy.rules import Rule

    return [Policy((Rule(name="bird", action=action, text=CANARY),)) for action in Action]


@pytest.mark.parametrize("policy", canary_policies(), ids=list(Action))
async def test_a_record_quotes_nothing_of_a_request_or_an_answer(policy: Policy) -> None:
    whole = Governed(provider=FakeProvider(canaried_answer()), policy=policy)
    await whole.governance.complete(canaried_call())
    streamed = Governed(
        provider=FakeProvider(FakeStream([(batch_of(canaried_answer()),)])), policy=policy
    )
    stream: Any = await streamed.governance.stream(canaried_call())
    if hasattr(stream, "read"):
        await all_of(stream)
    entries = [*whole.audit.entries, *streamed.audit.entries]
    assert entries
    for entry in entries:
        assert CANARY not in body_of(entry)
        assert "bird" in body_of(entry)  # the control: it was seen


async def test_a_failure_quotes_nothing_either() -> None:
    error = Throttled(CANARY, native_code=f"{CANARY}!", native_message=CANARY)
    governed = Governed(provider=FakeProvider(error))
    await governed.governance.complete(canaried_call())
    assert CANARY not in body_of(governed.last)


# ── what is kept ──────────────────────────────────────────────────────────────────────────────────


async def test_a_record_commits_to_the_body_that_was_sent_and_never_has_its_digest() -> None:
    digest = "ab" * 32
    answer = evolve(answer_text("yes"), receipt=evolve(RECEIPT, body_digest=digest))
    governed = Governed(provider=FakeProvider(answer))
    await governed.complete()
    assert governed.last.digests == {"sent": digest}
    assert digest not in body_of(governed.last)
    refused = Governed(provider=FakeProvider(Throttled("no")))
    await refused.complete()
    assert refused.last.digests == {}


async def bytes_of(tmp_path: Path, policy: Policy, query: str, answer: str) -> list[str]:
    """The texts that a real audit kept of a call, opened again."""
    keys = throwaway_keys()
    url = f"sqlite:///{tmp_path / 'audit.db'}"
    store = await AuditStore.open(url, keys, keeps_texts=True)
    governed = Governed(provider=FakeProvider(answer_text(answer)), policy=policy)
    kept = KeepingAudit(store)
    await evolve(governed, audit=kept).complete(query)
    await store.aclose()
    data = written_in(tmp_path)
    assert query.encode() not in data
    with sqlite3.connect(tmp_path / "audit.db") as connection:
        (count,) = connection.execute("SELECT count(*) FROM texts").fetchone()
    connection.close()
    assert count == len(kept.texts)
    return kept.texts


def written_in(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir() if path.is_file())


def answer_text(text: str) -> Completion:
    return Completion((Text(text),), StopReason.END_TURN, usage=USAGE, receipt=RECEIPT)


class KeepingAudit:
    """A real audit that also remembers what it was given to keep."""

    def __init__(self, store: AuditStore) -> None:
        self._store = store
        self.texts: list[str] = []

    async def append(self, entry: Any) -> None:
        self.texts += entry.texts.values()
        await self._store.append(entry)

    async def pseudonym(self, tenant: str, user: str) -> str:
        return await self._store.pseudonym(tenant, user)


@pytest.mark.parametrize("action", Action)
async def test_what_is_kept_has_a_mask_for_every_finding_whatever_follows_from_it(
    tmp_path: Path, action: Action
) -> None:
    texts = await bytes_of(tmp_path, policy_of(action), f"my ssn is {SSN}", f"yes, {SSN}")
    assert texts
    assert all(SSN not in text and "[REDACTED:us_ssn]" in text for text in texts)


async def test_what_is_sent_is_masked_where_the_rule_says_redact_and_not_elsewhere() -> None:
    for action, is_sent in ((Action.LOG, True), (Action.WARN, True), (Action.REDACT, False)):
        governed = Governed(provider=FakeProvider(answer_text("yes")), policy=policy_of(action))
        await governed.complete(f"my ssn is {SSN}")
        (sent,) = governed.provider.asked
        assert (SSN in sent.messages[0].text) is is_sent
        assert SSN not in "".join(governed.last.texts.values())


async def test_the_caller_is_on_record_as_authenticated_and_the_user_as_a_pseudonym() -> None:
    governed = Governed(provider=FakeProvider(answer_text("yes")))
    await governed.complete()
    assert (governed.last.tenant, governed.last.client) == (CALLER.tenant, CALLER.client)
    assert governed.last.user == "u_1"
    facts = governed.last.facts
    assert facts["mode"] == "proxy"
    assert facts["decisions"][0]["screened"] == {"messages": 1}
    assert facts["decisions"][1]["screened"] == {"content": 1}
    assert facts["decisions"][0]["policy"] == governed.policy.version
    assert facts["receipt"]["called"] == "m-1"
