"""The audit as its readers see it: records found, decisions listed and explained.

Users stand there by their pseudonyms; a search for a user names the person, and the pseudonym is
made here. Of texts the records have nothing that could be shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from axonflow_core.audit.keys import key_id
from axonflow_core.audit.places import Filter, Place
from axonflow_core.audit.proof import Proof
from axonflow_core.audit.record import Entry, Kind
from axonflow_core.audit.search import MAX_LIMIT, MAX_OFFSET, Page
from axonflow_core.errors import MalformedRequest
from axonflow_core.frozen import frozen
from axonflow_core.keys import written
from axonflow_core.messages import Json
from axonflow_core.policy.rules import Action, Verdict
from axonflow_core.server.client_request import Answer, json_answer
from axonflow_core.server.fields import Fields
from axonflow_core.server.wire.matches import match, risk_of
from axonflow_core.server.wire.times import microseconds, timestamp

DECISIONS = (Kind.CALL, Kind.CHECK, Kind.GATEWAY_CALL)
"""The kinds of records that hold a decision of the policy."""
_OLDER_WORDS: Mapping[str, Verdict] = {
    "allow": Verdict.ALLOWED,
    "deny": Verdict.BLOCKED,
    "block": Verdict.BLOCKED,
    "redact": Verdict.REDACTED,
    "require_approval": Verdict.NEEDS_APPROVAL,
}
"""Words of earlier versions of the product that a search for an action may use."""


# ── searches ──────────────────────────────────────────────────────────────────────────────────────


@frozen(kw_only=True)
class Wanted:
    """A page of records that somebody asks for. None as `filter` is fitted by no record."""

    filter: Filter | None
    limit: int = 100
    offset: int = 0
    before: Place | None = None
    """Where the page begins; None for the newest record."""


def search(fields: Fields, user: str | None, before: Place | None) -> Wanted:
    """What a body of `POST /api/v1/audit/search` looks for; `user` is the pseudonym of the user
    that it names, `before` the place of its cursor."""
    return Wanted(
        filter=_filter(fields, user),
        limit=fields.count("limit", least=1, most=MAX_LIMIT) or 100,
        offset=fields.count("offset", most=MAX_OFFSET) or 0,
        before=before,
    )


def _filter(fields: Fields, user: str | None) -> Filter | None:
    if "override_id" in fields:  # no record belongs to an override
        return None
    request_type, verdict = action(fields.optional_text("action"))
    return Filter(
        id=fields.optional_text("decision_id"),
        client=fields.optional_text("client_id"),
        user=user,
        request_type=request_type or fields.optional_text("request_type"),
        verdict=verdict,
        provider=fields.optional_text("provider"),
        model=fields.optional_text("model"),
        rule=fields.optional_text("policy_name"),
        receipt=fields.optional_text("receipt"),
        min_cost_usd=fields.number("min_cost"),
        max_cost_usd=fields.number("max_cost"),
        start_us=microseconds("start_time", fields.optional_text("start_time")),
        end_us=microseconds("end_time", fields.optional_text("end_time")),
    )


def action(word: str | None) -> tuple[str | None, Verdict | None]:
    """What the filter `action` means: a kind of request or a verdict."""
    if word is None:
        return None, None
    if word in _OLDER_WORDS:
        return None, _OLDER_WORDS[word]
    return (None, Verdict(word)) if word in set(Verdict) else (word, None)


def is_pseudonym(name: str) -> bool:
    """Whether a name of a user is one that records have."""
    return re.fullmatch(r"u_[0-9a-f]{32}", name) is not None


def decisions_search(query: Mapping[str, str]) -> Wanted:
    """What the query of `GET /api/v1/decisions` looks for."""
    limit = number_in(query, "limit", default=100, most=MAX_LIMIT) or 1
    return Wanted(filter=_decisions_filter(query), limit=limit)


def _decisions_filter(query: Mapping[str, str]) -> Filter | None:
    verdict = query.get("decision")
    if verdict and verdict not in set(Verdict):
        raise MalformedRequest(f"decision is one of {', '.join(Verdict)}")
    if query.get("tool_signature"):  # no decision of ours has the signature of a tool
        return None
    return Filter(
        kinds=DECISIONS,
        verdict=Verdict(verdict) if verdict else None,
        rule=query.get("policy_id") or None,
        start_us=microseconds("since", query.get("since")),
    )


def number_in(query: Mapping[str, str], name: str, *, default: int, most: int) -> int:
    """A whole number of a query, at most `most`. `MalformedRequest` for what is none."""
    text = query.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise MalformedRequest(f"{name} is a whole number from 0 to {most:,}")
    return min(int(text), most)


# ── answers ───────────────────────────────────────────────────────────────────────────────────────


def found_answer(page: Page, wanted: Wanted, next_cursor: str | None) -> Answer:
    """A page of records; `next_cursor` goes on behind it."""
    return json_answer(
        {
            "entries": [_entry(recorded.entry) for recorded in page.records],
            "total": page.total,
            "is_total_exact": page.is_total_exact,
            "next_cursor": next_cursor,
            "limit": wanted.limit,
            "offset": wanted.offset,
        }
    )


def _entry(entry: Entry) -> dict[str, Json]:
    facts = entry.facts
    return {
        "id": entry.id,
        "request_id": entry.id,
        "timestamp": timestamp(entry.at_us),
        "user_email": entry.user or "",
        "client_id": entry.client,
        "tenant_id": entry.tenant,
        "request_type": entry.request_type or entry.kind,
        "policy_decision": entry.verdict,
        "policy_details": {"kind": entry.kind, "rules": list(entry.rules), **facts},
        "response_time_ms": round(facts.get("latency_ms") or 0),
        "success": entry.verdict in (Verdict.ALLOWED, Verdict.REDACTED),
        "blocked": entry.verdict in (Verdict.BLOCKED, Verdict.NEEDS_APPROVAL),
        "policy_violations": list(entry.rules),
        "provider": entry.provider or "",
        "model": entry.model or "",
        "tokens_used": _tokens(facts),
    }


def _tokens(facts: Mapping[str, Any]) -> int:
    """Input, output and cache together. Reasoning is part of the output."""
    counts = facts.get("tokens", {})
    return sum(count for name, count in counts.items() if name != "reasoning")


def decisions_answer(page: Page) -> Answer:
    """A page of decisions, in short."""
    return json_answer({"decisions": [_decision(recorded.entry) for recorded in page.records]})


def _decision(entry: Entry) -> dict[str, Json]:
    body: dict[str, Json] = {
        "decision_id": entry.id,
        "timestamp": timestamp(entry.at_us),
        "decision": entry.verdict,
    }
    return {**body, "policy_id": entry.rules[0]} if entry.rules else body


def explained(entry: Entry) -> Answer:
    """Why a decision fell as it did: the rules that found something, and where."""
    findings = list(_findings(entry))
    actions = {finding["rule"]: Action(finding["action"]) for finding in findings}
    return json_answer(
        {
            "decision_id": entry.id,
            "timestamp": timestamp(entry.at_us),
            "decision": entry.verdict,
            "reason": f"rules that found something: {', '.join(actions) or 'none'}",
            "risk_level": risk_of(actions.values()),
            "policy_matches": [match(rule, action) for rule, action in actions.items()],
            "matched_rules": [
                {"policy_id": finding["rule"], "matched_on": finding["part"]}
                for finding in findings
            ],
            "override_available": False,
            "historical_hit_count_session": 0,
        }
    )


def _findings(entry: Entry) -> Iterator[Mapping[str, Any]]:
    for decision in entry.facts.get("decisions", ()):
        yield from decision.get("findings", ())


# ── proofs ────────────────────────────────────────────────────────────────────────────────────────


def keys_answer(public_keys: Sequence[bytes]) -> Answer:
    """The public keys that heads may be signed with, the one in use first."""
    listed: list[Json] = [
        {"key_id": key_id(key), "public_key": written(key), "algorithm": "Ed25519"}
        for key in public_keys
    ]
    return json_answer({**listed[0], "verify_keys": listed[1:]})


def proof_answer(proof: Proof, *, record_id: str | None = None) -> Answer:
    """What is proved of a record or a chain."""
    body: dict[str, Json] = {
        "valid": proof.is_valid,
        "authorship_proven": proof.is_signed,
        "chain_id": proof.chain,
        "first_seq": proof.first_seq,
        "last_seq": proof.last_seq,
        "key_id": proof.key,
        "signed_at": None if proof.signed_at_us is None else timestamp(proof.signed_at_us),
    }
    if record_id is not None:
        body["record_id"] = record_id
    if proof.fault is not None:
        body["error"] = proof.fault
    return json_answer(body)
