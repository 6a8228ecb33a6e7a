"""Budgets, what is spent of them, and refusals, in the product's JSON.

Sources: `axonflow.types` of SDK 9.5.0 (`Budget`, `BudgetStatus`, `BudgetAlert`, `BudgetDecision`,
`UsageSummary`, `UsageBreakdown`, `UsageRecord`, `PricingInfo`) and `axonflow.client`, which reads
`message` and `budget_info` of a 402.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, TypeVar

from axonflow_core.budgets.accounts import Budget, account_of, default_for_unknown
from axonflow_core.budgets.alerts import alert_text
from axonflow_core.budgets.book import Alert, Spent
from axonflow_core.budgets.refusals import Refusal
from axonflow_core.budgets.terms import (
    OnExceed,
    Period,
    Scope,
    Span,
    UnknownPrice,
    nanos,
    usd,
)
from axonflow_core.budgets.usage import Row, Usage, UsedCall
from axonflow_core.config.budgets import MAX_ID, is_id
from axonflow_core.config.values import MAX_LIMIT_USD, MAX_THRESHOLD
from axonflow_core.errors import MalformedRequest
from axonflow_core.frozen import evolve
from axonflow_core.messages import EMPTY, Json
from axonflow_core.provider import Price
from axonflow_core.server.client_request import Answer, json_answer
from axonflow_core.server.fields import Fields
from axonflow_core.server.wire.times import timestamp

T = TypeVar("T", bound=StrEnum)

SCOPES = (Scope.ORGANIZATION, Scope.TEAM, Scope.AGENT, Scope.WORKFLOW, Scope.USER)
"""The scopes of the product; those of providers and models are the operator's."""
MAX_THRESHOLDS = 20
MAX_NAME = 256
WARNING = "x-budget-warning"
_CREATED = (
    *("id", "name", "scope", "limit_usd", "period", "on_exceed", "alert_thresholds", "scope_id"),
    "unknown_price",
)
_UPDATED = ("name", "limit_usd", "on_exceed", "alert_thresholds", "unknown_price")


# ── refusals ──────────────────────────────────────────────────────────────────────────────────────


def refused_answer(refusal: Refusal, more: Mapping[str, Json] = EMPTY) -> Answer:
    """402 for a budget, 429 for a rate, with the time to wait where that helps. The SDK raises
    both and repeats neither."""
    body: dict[str, Json] = {
        "success": False,
        "blocked": True,
        "block_reason": refusal.message,
        "error": refusal.message,
        "message": refusal.message,
        "code": "rate_limited" if refusal.is_rate else "budget_exceeded",
        **more,
    }
    if refusal.is_rate:
        wait = {} if refusal.retry_after_s is None else {"retry-after": str(refusal.retry_after_s)}
        return json_answer(body, 429, **wait)
    body["budget_info"] = _info(refusal)
    return json_answer(body, 402)


def _info(refusal: Refusal) -> dict[str, Json]:
    """What the SDK reads of the budget. Of the operator's no tenant hears what others spent."""
    budget = refusal.account.budget
    assert budget is not None  # noqa: S101 - a rate has none, and no 402
    info: dict[str, Json] = {
        "budget_id": budget.id,
        "budget_name": budget.name,
        "exceeded": True,
        "action": str(OnExceed.BLOCK),
    }
    if not budget.is_of_operator:
        info |= {
            "used_usd": usd(refusal.settled),
            "limit_usd": usd(budget.limit_nanos),
            "percentage": _percentage(refusal.settled, budget),
        }
    return info


def warning_headers(exceeded: Iterable[str]) -> dict[str, str]:
    """The header that says which budgets are exceeded and let the call pass."""
    ids = ", ".join(id for id in exceeded if id.isascii())
    return {WARNING: f"exceeded: {ids}"} if ids else {}


# ── bodies of requests ────────────────────────────────────────────────────────────────────────────


def created(fields: Fields, tenant: str, client: str, at_us: int) -> Budget:
    """The budget that a body of `POST /api/v1/budgets` asks for."""
    _require_known(fields, _CREATED)
    id = fields.text("id", most=MAX_ID)
    if not is_id(id):
        raise MalformedRequest("id takes printable characters without a blank or one of / ? # %")
    scope = _one_of(fields, "scope", SCOPES)
    on_exceed = _one_of(fields, "on_exceed", tuple(OnExceed))
    return Budget(
        id=id,
        tenant=tenant,
        name=fields.text("name", most=MAX_NAME),
        scope=scope,
        of=_of(scope, fields.optional_text("scope_id"), tenant, client),
        limit_nanos=_limit(fields),
        period=_one_of(fields, "period", tuple(Period)),
        on_exceed=on_exceed,
        alert_thresholds=_thresholds(fields),
        unknown_price=_unknown_price(fields, default_for_unknown(on_exceed)),
        created_us=at_us,
        updated_us=at_us,
    )


def updated(fields: Fields, budget: Budget, at_us: int) -> Budget:
    """`budget` with what a body of `PUT /api/v1/budgets/{id}` changes."""
    _require_known(fields, _UPDATED)
    changes: dict[str, Any] = {"updated_us": max(at_us, budget.updated_us + 1)}
    if "name" in fields:
        changes["name"] = fields.text("name", most=MAX_NAME)
    if "limit_usd" in fields:
        changes["limit_nanos"] = _limit(fields)
    if "on_exceed" in fields:
        changes["on_exceed"] = _one_of(fields, "on_exceed", tuple(OnExceed))
    if "alert_thresholds" in fields:
        changes["alert_thresholds"] = _thresholds(fields)
    if "unknown_price" in fields:
        changes["unknown_price"] = _unknown_price(fields, budget.unknown_price)
    return evolve(budget, **changes)


def _require_known(fields: Fields, known: Iterable[str]) -> None:
    if unknown := sorted(fields.names - set(known)):
        raise MalformedRequest(
            f"{unknown[0][:64]!r} is no field of a budget here",
            hint=f"it takes {', '.join(sorted(known))}",
        )


def _limit(fields: Fields) -> int:
    limit_usd = fields.number("limit_usd", most=MAX_LIMIT_USD)
    if not limit_usd or not nanos(limit_usd):
        raise MalformedRequest(f"limit_usd is a number above 0, at most {MAX_LIMIT_USD:,.0f}")
    return nanos(limit_usd)


def _one_of(fields: Fields, name: str, kinds: tuple[T, ...]) -> T:
    text = fields.text(name)
    for kind in kinds:
        if kind == text:
            return kind
    raise MalformedRequest(f"{name} is one of {', '.join(kinds)}")


def _unknown_price(fields: Fields, default: UnknownPrice) -> UnknownPrice:
    if "unknown_price" not in fields:
        return default
    return _one_of(fields, "unknown_price", tuple(UnknownPrice))


def _thresholds(fields: Fields) -> tuple[int, ...]:
    given = fields.items("alert_thresholds")
    is_right = len(given) <= MAX_THRESHOLDS and all(
        type(each) is int and 1 <= each <= MAX_THRESHOLD for each in given
    )
    if not is_right:
        raise MalformedRequest(
            f"alert_thresholds takes at most {MAX_THRESHOLDS} whole percents from 1 to "
            f"{MAX_THRESHOLD:,}"
        )
    return tuple(sorted({each for each in given if isinstance(each, int)}))


def _of(scope: Scope, of: str | None, tenant: str, client: str) -> str:
    if scope is Scope.ORGANIZATION:
        if of not in (None, tenant):
            raise MalformedRequest(f"scope_id is {tenant}, or left out: budgets are a tenant's own")
        return tenant
    if of is None:
        raise MalformedRequest(f"scope_id names the {scope.value} of the budget")
    return of


# ── answers ───────────────────────────────────────────────────────────────────────────────────────


def budget_body(budget: Budget, tenant: str) -> dict[str, Json]:
    """A budget. Of one that the configuration has, no times are known."""
    body: dict[str, Json] = {
        "id": budget.id,
        "name": budget.name,
        "scope": budget.scope,
        "scope_id": tenant if budget.of is None else budget.of,
        "limit_usd": usd(budget.limit_nanos),
        "period": budget.period,
        "on_exceed": budget.on_exceed,
        "alert_thresholds": list(budget.alert_thresholds),
        "unknown_price": budget.unknown_price,
        "enabled": True,
        "read_only": budget.is_of_file,
        "tenant_id": tenant,
        "org_id": tenant,
    }
    if not budget.is_of_file:
        body["created_at"] = timestamp(budget.created_us)
        body["updated_at"] = timestamp(budget.updated_us)
    return body


def status_body(budget: Budget, tenant: str, spent: Spent, of_time: Span) -> dict[str, Json]:
    """What is spent of a budget. `reserved_usd` may be spent by calls that were admitted."""
    is_exceeded = spent.settled >= budget.limit_nanos
    return {
        "budget": budget_body(budget, tenant),
        "used_usd": usd(spent.settled),
        "reserved_usd": usd(spent.leased),
        "remaining_usd": usd(budget.limit_nanos - spent.settled),
        "percentage": _percentage(spent.settled, budget),
        "is_exceeded": is_exceeded,
        "is_blocked": is_exceeded and budget.is_hard,
        "calls": spent.calls,
        "calls_of_unknown_price": spent.unknown,
        "period_start": timestamp(of_time.starts_us),
        "period_end": timestamp(of_time.ends_us),
    }


def _percentage(settled: int, budget: Budget) -> float:
    return round(settled * 100 / budget.limit_nanos, 4)


def alert_body(budget: Budget, alert: Alert) -> dict[str, Json]:
    """An alert."""
    return {
        "id": alert.id,
        "budget_id": budget.id,
        "alert_type": "threshold_reached" if alert.threshold < 100 else "limit_exceeded",
        "threshold": alert.threshold,
        "percentage_reached": alert.percentage,
        "amount_usd": usd(alert.amount),
        "message": alert_text(budget, alert),
        "created_at": timestamp(alert.at_us),
        "acknowledged": False,
    }


def check_body(decided: Iterable[tuple[Budget, Spent]], tenant: str) -> dict[str, Json]:
    """Whether a call would be made, by these budgets."""
    found = list(decided)
    full = [budget for budget, spent in found if spent.settled >= budget.limit_nanos]
    stopping = next((budget for budget in full if budget.is_hard), None)
    told = stopping or next(iter(full), None)
    body: dict[str, Json] = {
        "allowed": stopping is None,
        "action": "allow" if told is None else str(told.on_exceed),
        "budgets": [budget_body(budget, tenant) for budget, _ in found],
    }
    if told is not None:
        body["message"] = f"the budget {told.id} is exceeded"
    return body


def usage_body(usage: Usage, period: str, of_time: Span) -> dict[str, Json]:
    """The sum of a period."""
    return {
        "total_cost_usd": usage.cost_usd,
        "total_requests": usage.calls,
        "total_tokens_in": usage.tokens_in,
        "total_tokens_out": usage.tokens_out,
        "average_cost_per_request": usage.cost_usd / usage.calls if usage.calls else 0.0,
        "requests_of_unknown_cost": usage.unknown,
        **_times(period, of_time),
    }


def breakdown_body(
    rows: Iterable[Row], group_by: str, period: str, of_time: Span
) -> dict[str, Json]:
    """The sums of a period, by something."""
    listed = list(rows)
    total = sum(row.usage.cost_usd for row in listed)
    return {
        "group_by": group_by,
        "total_cost_usd": total,
        "items": [
            {
                "group_by": group_by,
                "group_value": row.value,
                "cost_usd": row.usage.cost_usd,
                "percentage": round(row.usage.cost_usd * 100 / total, 4) if total else 0.0,
                "request_count": row.usage.calls,
                "requests_of_unknown_cost": row.usage.unknown,
                "tokens_in": row.usage.tokens_in,
                "tokens_out": row.usage.tokens_out,
            }
            for row in listed
        ],
        **_times(period, of_time),
    }


def _times(period: str, of_time: Span) -> dict[str, Json]:
    return {
        "period": period,
        "period_start": timestamp(of_time.starts_us),
        "period_end": timestamp(of_time.ends_us),
    }


def record_body(call: UsedCall) -> dict[str, Json]:
    """A call. Its cost is left out where it is not known, and the SDK shows 0 then."""
    body: dict[str, Json] = {
        "id": call.id,
        "request_id": call.id,
        "provider": call.provider or "",
        "model": call.model or "",
        "tokens_in": call.tokens_in,
        "tokens_out": call.tokens_out,
        "created_at": timestamp(call.at_us),
        "success": call.is_success,
        "agent_id": call.client,
        "org_id": call.tenant,
        "tenant_id": call.tenant,
    }
    named = {
        "cost_usd": call.cost_usd,
        "user_id": call.user,
        "latency_ms": None if call.latency_ms is None else round(call.latency_ms),
        "error_message": call.error,
    }
    return body | {name: value for name, value in named.items() if value is not None}


def price_body(provider: str, model: str, price: Price) -> dict[str, Json] | None:
    """A price for 1,000 tokens; None where one of its halves is not known."""
    if price.input is None or price.output is None:
        return None
    return {
        "provider": provider,
        "model": model,
        "pricing": {
            "input_per_1k": price.input / 1_000,
            "output_per_1k": price.output / 1_000,
        },
    }


def key_for(budget: Budget, tenant: str) -> str:
    """The account of a budget, as a tenant sees it."""
    return account_of(budget, tenant).key
