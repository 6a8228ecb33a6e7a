"""Proxy Mode: `POST /api/request`."""

from __future__ import annotations

from axonflow_core.errors import MalformedRequest
from axonflow_core.frozen import evolve
from axonflow_core.governance.caller import Caller
from axonflow_core.governance.trail import Outcome, attempt_facts, choice_facts
from axonflow_core.messages import Completion, Json, Media, Receipt
from axonflow_core.modes.proxy import ProxyRequest
from axonflow_core.policy.rules import Verdict
from axonflow_core.server.client_request import Answer, json_answer
from axonflow_core.server.fields import MAX_TOKEN, Fields
from axonflow_core.server.wire.budgets import refused_answer, warning_headers
from axonflow_core.server.wire.matches import block_reason

MAX_QUERY = 100_000
"""Characters of a query (the product's OpenAPI)."""
MAX_MEDIA = 10
"""Pictures of one request (the product's OpenAPI)."""
MAX_TOKENS = 1_000_000


def proxy_request(fields: Fields, user: str | None = None) -> ProxyRequest:
    """What a body of `POST /api/request` asks, on behalf of `user` where it names none. Members
    that nobody reads are ignored; so is `client_id`: who calls is known already."""
    context = fields.object("context")
    return ProxyRequest(
        query=fields.text("query", most=MAX_QUERY),
        media=tuple(_media(fields)),
        system_prompt=context.optional_text("system_prompt", most=MAX_QUERY),
        user=fields.optional_text("user_token", most=MAX_TOKEN) or user,
        request_type=fields.text("request_type", most=64, default="chat"),
        provider=context.optional_text("provider"),
        model=context.optional_text("model", most=2_048),
        is_strict=context.spelt_flag("strict_provider"),
        allowed_providers=context.texts("allowed_providers")
        if "allowed_providers" in context
        else None,
        max_tokens=context.count("max_tokens", least=1, most=MAX_TOKENS),
        temperature=context.number("temperature", most=2),
        top_p=context.number("top_p", most=1),
        team=context.optional_text("team_id"),
        workflow=context.optional_text("workflow_id"),
        is_made=fields.flag("skip_llm") is not True,
    )


def _media(fields: Fields) -> list[Media]:
    items = list(fields.objects("media"))
    if len(items) > MAX_MEDIA:
        raise MalformedRequest(f"media has {len(items)} items, of at most {MAX_MEDIA}")
    return [_picture(item) for item in items]


def _picture(item: Fields) -> Media:
    """One picture. A URL is refused: the server fetches nothing that a client names."""
    if "url" in item and "base64_data" not in item:
        raise MalformedRequest("media takes base64_data: the server fetches no URL")
    data = item.text("base64_data", most=40_000_000)
    return Media("base64", data, item.text("mime_type"))


def proxy_answer(outcome: Outcome, caller: Caller) -> Answer:
    """The answer to a proxy request. A call that failed is a 200 with `success: false`, which the
    SDK returns to its caller; one that a policy stopped is a 403, which it raises, and one that a
    budget has no room for a 402."""
    if outcome.refusal is not None:
        more = {"metadata": _metadata(outcome, caller), "policy_info": policy_info(outcome, caller)}
        return refused_answer(outcome.refusal, more)
    stopping = outcome.stopping
    body: dict[str, Json] = {"success": False, "blocked": False}
    if stopping is not None:
        body |= {"blocked": True, "block_reason": block_reason(stopping)}
    elif outcome.error is not None:
        body |= {"error": outcome.error.message}
    else:
        body |= {"success": True, "data": {"data": _text(outcome.completion)}}
    body["metadata"] = _metadata(outcome, caller)
    body["policy_info"] = policy_info(outcome, caller)
    status = 200 if stopping is None else 403
    return json_answer(body, status, **warning_headers(outcome.exceeded))


def _text(completion: Completion | None) -> str:
    """The answer; a fixed text where no model was called."""
    return "no model was called: skip_llm" if completion is None else completion.text


def _metadata(outcome: Outcome, caller: Caller) -> dict[str, Json]:
    """Who answered, how long it took, what it cost. The SDK passes it on as it is."""
    metadata: dict[str, Json] = {
        "request_id": outcome.id,
        "audit_id": outcome.id,
        "provider": outcome.provider,
        "model": outcome.model,
        "cost_usd": outcome.cost_usd,
        "latency_ms": round(outcome.elapsed_ms, 1),
    }
    completion = outcome.completion
    if completion is not None:
        usage = completion.usage
        metadata |= {
            "usage": {
                "prompt_tokens": usage.input_tokens,
                "completion_tokens": usage.output_tokens,
                "total_tokens": usage.total_tokens,
            },
            "stop_reason": completion.stop_reason,
            "adjustments": list(map(str, completion.adjustments)),
        }
        if completion.receipt is not None:
            metadata |= _routed(completion.receipt, caller)
    if outcome.error is not None:
        metadata |= {"error_code": outcome.error.code, "hint": outcome.error.hint}
        if outcome.error.failed_attempts:
            metadata["failed_attempts"] = attempt_facts(outcome.error.failed_attempts)
    if outcome.verdict is Verdict.REDACTED:
        metadata["redacted"] = True
    if outcome.placeholders:
        metadata["placeholders"] = {what: dict(of) for what, of in outcome.placeholders.items()}
    if outcome.exceeded:
        metadata["exceeded_budgets"] = list(outcome.exceeded)
    return {name: value for name, value in metadata.items() if value is not None}


def _routed(receipt: Receipt, caller: Caller) -> dict[str, Json]:
    """Who was asked, how often, and why; nothing of providers that the client may not use."""
    routed: dict[str, Json] = {"attempts": receipt.attempts, "region": receipt.region}
    if receipt.failed_attempts:
        routed["failed_attempts"] = attempt_facts(receipt.failed_attempts)
    if receipt.choice is not None:
        known = [each for each in receipt.choice.skipped if caller.may_use_provider(each.provider)]
        routed["choice"] = choice_facts(evolve(receipt.choice, skipped=tuple(known)))
    return routed


def policy_info(outcome: Outcome, caller: Caller) -> dict[str, Json]:
    """Which rules found something, and what was looked at."""
    return {
        "policies_evaluated": [*_of_budgets(outcome), *outcome.rules],
        "static_checks": [str(decision.phase) for decision in outcome.decisions],
        "processing_time": f"{outcome.elapsed_ms:.3f}ms",
        "tenant_id": caller.tenant,
    }


def _of_budgets(outcome: Outcome) -> list[str]:
    """The product's own name of what stops a call that a budget has no room for."""
    refusal = outcome.refusal
    return [] if refusal is None or refusal.is_rate else ["budget_exceeded"]
