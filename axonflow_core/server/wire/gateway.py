"""Gateway Mode: `POST /api/policy/pre-check`, `/api/audit/llm-call`, `/api/v1/audit/tool-call`."""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from axonflow_core.audit.record import Entry
from axonflow_core.governance.trail import word
from axonflow_core.messages import Json, Usage
from axonflow_core.modes.gateway import Check, Checked, Report, ToolReport
from axonflow_core.policy.rules import Phase, Verdict
from axonflow_core.server.client_request import Answer, json_answer
from axonflow_core.server.fields import MAX_TEXT, MAX_TOKEN, MAX_WORD, Fields
from axonflow_core.server.wire.budgets import refused_answer, warning_headers
from axonflow_core.server.wire.decisions import WORDS
from axonflow_core.server.wire.handshake import redacts
from axonflow_core.server.wire.matches import block_reason
from axonflow_core.server.wire.proxy import MAX_QUERY, MAX_TOKENS
from axonflow_core.server.wire.times import timestamp

MAX_NAME = 128
MAX_NAMES = 100
"""Names of data sources and policies that a record takes, and their characters."""
_TOOL_WORDS = ("caller_name", "tool_type", "workflow_id", "step_id")
"""Members of a tool's report that name something."""


def check(fields: Fields, headers: Mapping[str, str]) -> Check:
    """What headers and body of `POST /api/policy/pre-check` asks."""
    context = fields.object("context")
    return Check(
        query=fields.text("query", most=MAX_QUERY),
        request_type=fields.optional_text("request_type") or context.optional_text("request_type"),
        system_prompt=context.optional_text("system_prompt", most=MAX_QUERY),
        provider=context.optional_text("provider"),
        model=context.optional_text("model", most=2_048),
        max_tokens=context.count("max_tokens", least=1, most=MAX_TOKENS),
        team=context.optional_text("team_id"),
        workflow=context.optional_text("workflow_id"),
        user=fields.optional_text("user_token", most=MAX_TOKEN),
        data_sources=fields.texts("data_sources", most=MAX_NAME, items=MAX_NAMES),
        redacts=redacts(headers),
    )


def checked_answer(checked: Checked) -> Answer:
    """The answer to a pre-check. A denial is a 200 with `approved: false`; where a budget or a
    limit has no room, it is the refusal of a call."""
    decision = checked.decision
    if checked.refusal is not None:
        return refused_answer(checked.refusal, {"decision_id": checked.id, "approved": False})
    body: dict[str, Json] = {
        "context_id": checked.context_id,
        "approved": not decision.is_stopped,
        "requires_redaction": decision.verdict is Verdict.REDACTED,
        "approved_data": {},
        "policies": list(decision.rules),
        "expires_at": timestamp(checked.expires_us),
        "decision_id": checked.id,
        "verdict": WORDS[decision.verdict],
    }
    if decision.is_stopped:
        body["block_reason"] = block_reason(decision)
    elif decision.texts:
        body["approved_data"] = {
            f"redacted_{label}": text for label, text in decision.texts.items()
        }
    return json_answer(body, 200, **warning_headers(checked.exceeded))


def report(fields: Fields, body: bytes) -> Report:
    """What a body of `POST /api/audit/llm-call` reports."""
    usage, metadata = fields.object("token_usage"), fields.object("metadata")
    return Report(
        context_id=fields.text("context_id"),
        provider=fields.text("provider"),
        model=fields.text("model", most=2_048),
        summary=fields.text("response_summary", most=MAX_TEXT, default=""),
        usage=Usage(
            input_tokens=usage.count("prompt_tokens"),
            output_tokens=usage.count("completion_tokens"),
        ),
        latency_ms=fields.number("latency_ms"),
        labels=(metadata.optional_text("team_id"), metadata.optional_text("workflow_id")),
        body=body,
    )


def tool_report(fields: Fields) -> ToolReport:
    """What a body of `POST /api/v1/audit/tool-call` reports. What went into the tool and came out
    is text of JSON."""
    facts: dict[str, Json] = {
        **{name: word(fields.optional_text(name)) for name in _TOOL_WORDS},
        "duration_ms": fields.number("duration_ms"),
        "success": fields.flag("success"),
    }
    policies = fields.texts("policies_applied", most=MAX_NAME, items=MAX_NAMES)
    if policies:
        facts["policies_applied"] = list(map(word, policies))
    texts = {
        Phase.REQUEST: {"input": json_text(fields.members("input"))},
        Phase.ANSWER: {
            "output": json_text(fields.members("output")),
            "error": fields.text("error_message", most=MAX_TEXT, default=""),
        },
    }
    return ToolReport(
        tool=fields.text("tool_name", most=MAX_WORD),
        facts={name: value for name, value in facts.items() if value is not None},
        texts={
            phase: {label: text for label, text in said.items() if text}
            for phase, said in texts.items()
        },
        user=fields.optional_text("user_id", most=MAX_TOKEN),
    )


def json_text(members: Mapping[str, Json]) -> str:
    """An object as JSON; no text for one without members."""
    return orjson.dumps(dict(members)).decode() if members else ""


def tool_answer(entry: Entry) -> Answer:
    """The answer to a report of a tool's call."""
    return json_answer(
        {"audit_id": entry.id, "status": "recorded", "timestamp": timestamp(entry.at_us)}
    )
