"""`POST /api/v1/decide`, and the checks of what goes into a tool and comes out of it.

A decision to redact is an `allow` with an obligation, which names the check that hands out the
redacted text. The SDK forwards its own text where that check says `redaction_evaluated` and nothing
of a redacted one, whatever else the answer says: so a check that lets nothing pass never says it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import uuid4

from axonflow_core.errors import MalformedRequest
from axonflow_core.frozen import frozen
from axonflow_core.messages import EMPTY, Json, hidden
from axonflow_core.modes.decisions import Decided, Question, mode_of_connector
from axonflow_core.policy.rules import Mode, Phase, Verdict
from axonflow_core.policy.terms import Surface
from axonflow_core.server.client_request import Answer, json_answer
from axonflow_core.server.fields import MAX_TEXT, MAX_TOKEN, Fields
from axonflow_core.server.wire.matches import block_reason, matches, policy_info, risk_of
from axonflow_core.texts import Place, texts_in, with_texts

STAGES = ("llm", "tool", "agent")
CHECK_INPUT = "/api/v1/mcp/check-input"
TEXT = "text/plain"
"""The one type of content that is redacted."""
WORDS: Mapping[Verdict, str] = {
    Verdict.ALLOWED: "allow",
    Verdict.REDACTED: "allow",
    Verdict.NEEDS_APPROVAL: "needs_approval",
    Verdict.BLOCKED: "deny",
    Verdict.ERROR: "deny",
}
"""The verdict of a decision point, as enforcement points of the product read it."""
REDACTION: Mapping[str, Json] = {
    "type": "redact_pii",
    "detail": "send the text to the endpoint and forward what it returns",
    "fulfillment": {
        "endpoint": CHECK_INPUT,
        "method": "POST",
        "phase": "request",
        "content_types": [TEXT],
    },
}


# ── decide ────────────────────────────────────────────────────────────────────────────────────────


def question(fields: Fields) -> Question:
    """What a body of `POST /api/v1/decide` asks."""
    stage = fields.text("stage")
    if stage not in STAGES:
        raise MalformedRequest(f"stage is one of {', '.join(STAGES)}")
    target = fields.object("target")
    named = {name: target.optional_text(name) for name in ("type", "server", "tool")}
    is_model = stage == "llm"
    return Question(
        request_type="decide",
        phase=Phase.REQUEST,
        texts={"query": fields.text("query", most=MAX_TEXT)},
        user=fields.optional_text("user_token", most=MAX_TOKEN),
        provider=target.optional_text("provider") if is_model else None,
        model=target.optional_text("model", most=2_048) if is_model else None,
        facts={
            "stage": stage,
            "target": {name: value for name, value in named.items() if value is not None},
        },
    )


def decide_answer(decided: Decided, stage: str) -> Answer:
    """The verdict. A denial is a 200."""
    decision = decided.decision
    body: dict[str, Json] = {
        "verdict": WORDS[decision.verdict],
        "decision_id": decided.id,
        "trace_id": uuid4().hex,
        "reasons": [block_reason(decision)] if decision.is_stopped else [],
        "obligations": [REDACTION] if decision.verdict is Verdict.REDACTED else [],
        "evaluated_policies": list(decision.rules),
        "stage": stage,
        "policy_bundle": decision.version,
    }
    if decision.verdict is Verdict.ERROR:
        body["error"] = block_reason(decision)
    return json_answer(body)


# ── what goes into a tool ─────────────────────────────────────────────────────────────────────────


def input_question(fields: Fields) -> Question:
    """What a body of `POST /api/v1/mcp/check-input` asks. Its parameters are read too."""
    parameters = _Json(fields.members("parameters"), "parameters")
    connector = fields.optional_text("connector_type")
    return Question(
        request_type="check_input",
        surface=Surface.MCP,
        phase=Phase.REQUEST,
        texts={"statement": fields.text("statement", most=MAX_TEXT), **parameters.texts},
        modes={
            "statement": mode_of_connector(connector),
            **dict.fromkeys(parameters.texts, Mode.PARAMETER),
        },
        unalterable=frozenset(parameters.texts),
        user=_user(fields),
        facts=_named(fields, ("connector_type", "tool", "operation")),
    )


def input_answer(decided: Decided) -> Answer:
    """The answer to a check of what goes into a tool. A denial is a 403, which the SDK returns."""
    decision = decided.decision
    statement = None if decision.is_stopped else decision.texts.get("statement")
    body = _checked(decided)
    body |= {
        "risk_level": risk_of(finding.action for finding in decision.findings),
        "override_available": False,
        "redacted": statement is not None,
    }
    if statement is not None:
        body["redacted_statement"] = statement
    return json_answer(body, 403 if decision.is_stopped else 200)


# ── what comes out of a tool ──────────────────────────────────────────────────────────────────────


@frozen(kw_only=True)
class ToolOutput:
    """What came out of a tool."""

    question: Question
    rows: _Json = hidden()
    is_tabular: bool


def output(fields: Fields) -> ToolOutput:
    """What a body of `POST /api/v1/mcp/check-output` asks: rows, a message, or both. A body with
    neither is malformed: what stands under another name would be allowed unread."""
    if "response_data" not in fields and "message" not in fields:
        raise MalformedRequest("response_data or message is required")
    rows = _Json(list(fields.items("response_data")), "rows")
    metadata = _Json(fields.members("metadata"), "metadata")
    message = fields.text("message", most=MAX_TEXT, default="")
    question = Question(
        request_type="check_output",
        surface=Surface.MCP,
        phase=Phase.ANSWER,
        texts={**({"message": message} if message else {}), **rows.texts, **metadata.texts},
        unalterable=frozenset(metadata.texts),
        user=_user(fields),
        facts={
            **_named(fields, ("connector_type", "tool")),
            "row_count": fields.count("row_count"),
        },
    )
    return ToolOutput(question=question, rows=rows, is_tabular="response_data" in fields)


def output_answer(decided: Decided, output: ToolOutput) -> Answer:
    """The answer to a check of what came out of a tool, with what was found replaced."""
    decision = decided.decision
    body = _checked(decided)
    body["policy_bundle"] = decision.version
    if decision.verdict is Verdict.REDACTED:
        if output.is_tabular:
            body["redacted_data"] = output.rows.replaced(decision.texts)
        if "message" in decision.texts:
            body["redacted_message"] = decision.texts["message"]
    return json_answer(body, 403 if decision.is_stopped else 200)


# ── both ──────────────────────────────────────────────────────────────────────────────────────────


class _Json:
    """A value of JSON, and its texts by labels that quote none of its keys."""

    def __init__(self, value: Any, label: str) -> None:
        self._value = value
        self._places: dict[str, Place] = {}
        self.texts: dict[str, str] = {}
        for number, (place, text) in enumerate(texts_in(value)):
            self._places[f"{label}.{number}"] = place
            self.texts[f"{label}.{number}"] = text

    def replaced(self, texts: Mapping[str, str]) -> Json:
        """The value with these texts, by label, in their places."""
        places = self._places
        return with_texts(
            self._value,
            {places[label]: text for label, text in texts.items() if label in places},
        )


def _user(fields: Fields) -> str | None:
    return fields.optional_text("user_token", most=MAX_TOKEN) or fields.optional_text("user_id")


def _named(fields: Fields, names: Iterable[str]) -> Mapping[str, Json]:
    named = {name: fields.optional_text(name) for name in names}
    return {name: value for name, value in named.items() if value is not None} or EMPTY


def _checked(decided: Decided) -> dict[str, Json]:
    """What both checks answer."""
    decision = decided.decision
    info = policy_info(decision, decided.policy, decided.elapsed_ms)
    body: dict[str, Json] = {
        "allowed": not decision.is_stopped,
        "policies_evaluated": info["policies_evaluated"],
        "policy_info": info,
        "decision_id": decided.id,
        "policy_matches": matches(decision),
        "redaction_evaluated": not decision.is_stopped,
    }
    if decision.is_stopped:
        body["block_reason"] = block_reason(decision)
    return body
