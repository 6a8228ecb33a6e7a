"""The routes of the product's API, by the role that they need."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias

from axonflow_core.config.values import Role
from axonflow_core.server.endpoints import (
    admin,
    budgets,
    decisions,
    gateway,
    plans,
    policies,
    providers,
    proxy,
    records,
)
from axonflow_core.server.routes import Handler, Route, RouteTable, Way

Row: TypeAlias = tuple[str, Handler, Way]
"""Method and path, what answers, what it does."""

STATIC = "/api/v1/static-policies"
DYNAMIC = "/api/v1/dynamic-policies"
PROVIDERS = "/api/v1/llm-providers"
PLAN = "/api/v1/plan"
BUDGETS, USAGE = "/api/v1/budgets", "/api/v1/usage"


def _writes() -> Iterator[Row]:
    """Whatever the product has to write policies with."""
    yield f"POST {STATIC}/{{id}}/override", policies.write, Way.READ
    yield f"DELETE {STATIC}/{{id}}/override", policies.write, Way.READ
    for base in (STATIC, DYNAMIC):
        yield f"POST {base}", policies.write, Way.READ
        for method in ("PUT", "PATCH", "DELETE"):
            yield f"{method} {base}/{{id}}", policies.write, Way.READ


_BY_ROLE: Mapping[Role, Iterable[Row]] = {
    Role.CALL: (
        ("POST /api/request", proxy.answer, Way.CALL),
        (f"GET {PROVIDERS}", providers.listing, Way.READ),
        (f"GET {PROVIDERS}/status", providers.status, Way.READ),
        (f"GET {PROVIDERS}/routing", providers.routing, Way.READ),
        (f"PUT {PROVIDERS}/routing", providers.write_routing, Way.READ),
        (f"GET {PROVIDERS}/{{name}}", providers.one, Way.READ),
        (f"GET {PROVIDERS}/{{name}}/health", providers.health, Way.READ),
        ("GET /api/v1/llm-provider-types", providers.types, Way.READ),
        (f"POST {BUDGETS}/check", budgets.check, Way.READ),
        ("GET /api/v1/pricing", budgets.pricing, Way.READ),
    ),
    Role.GATEWAY: (
        ("POST /api/policy/pre-check", gateway.pre_check, Way.DECISION),
        ("POST /api/audit/llm-call", gateway.llm_call, Way.DECISION),
        ("POST /api/v1/audit/tool-call", gateway.tool_call, Way.DECISION),
        ("POST /api/v1/decide", decisions.decide, Way.DECISION),
        ("POST /api/v1/access/evaluation", decisions.evaluation, Way.DECISION),
        ("POST /api/v1/mcp/check-input", decisions.check_input, Way.DECISION),
        ("POST /api/v1/mcp/check-output", decisions.check_output, Way.DECISION),
        ("POST /api/policies/test", decisions.trial, Way.DECISION),
        ("POST /api/v1/policies/simulate", decisions.simulation, Way.DECISION),
        ("POST /api/v1/policies/impact-report", decisions.impact, Way.DECISION),
    ),
    Role.PLANS: (
        (f"GET {PLAN}s", plans.listing, Way.READ),
        (f"GET {PLAN}s/approvals/pending", plans.pending, Way.READ),
        (f"GET {PLAN}/{{id}}", plans.status, Way.READ),
        (f"GET {PLAN}/{{id}}/events", plans.events, Way.READ),
        (f"PUT {PLAN}/{{id}}", plans.update, Way.DECISION),
        (f"POST {PLAN}/{{id}}/cancel", plans.cancel, Way.DECISION),
        (f"POST {PLAN}/{{id}}/resume", plans.resume, Way.CALL),
        (f"GET {PLAN}/{{id}}/versions", plans.versions, Way.READ),
        (f"POST {PLAN}/{{id}}/rollback/{{version}}", plans.rollback, Way.DECISION),
    ),
    Role.AUDIT: (
        ("POST /api/v1/audit/search", records.search, Way.READ),
        ("GET /api/v1/audit/tenant/{tenant}", records.of_tenant, Way.READ),
        ("GET /api/v1/audit/signing-key", records.signing_key, Way.READ),
        ("GET /api/v1/audit/records/{id}/verify", records.verify_record, Way.READ),
        ("GET /api/v1/audit/chains/{id}/verify", records.verify_chain, Way.READ),
        ("GET /api/v1/decisions", records.decisions, Way.READ),
        ("GET /api/v1/decisions/{id}/explain", records.explain, Way.READ),
        (f"GET {STATIC}", policies.listing, Way.READ),
        (f"GET {STATIC}/effective", policies.effective, Way.READ),
        (f"GET {STATIC}/overrides", policies.overrides, Way.READ),
        (f"POST {STATIC}/test", policies.test, Way.READ),
        (f"GET {STATIC}/{{id}}", policies.one, Way.READ),
        (f"GET {STATIC}/{{id}}/versions", policies.versions, Way.READ),
        (f"GET {DYNAMIC}", policies.dynamic, Way.READ),
        (f"GET {DYNAMIC}/effective", policies.dynamic, Way.READ),
        (f"GET {DYNAMIC}/{{id}}", policies.missing, Way.READ),
        *_writes(),
        (f"GET {BUDGETS}", budgets.listing, Way.READ),
        (f"GET {BUDGETS}/{{id}}", budgets.one, Way.READ),
        (f"GET {BUDGETS}/{{id}}/status", budgets.status, Way.READ),
        (f"GET {BUDGETS}/{{id}}/alerts", budgets.alerts, Way.READ),
        (f"GET {USAGE}", budgets.usage_summary, Way.READ),
        (f"GET {USAGE}/breakdown", budgets.usage_breakdown, Way.READ),
        (f"GET {USAGE}/records", budgets.usage_records, Way.READ),
    ),
    Role.ADMIN: (
        ("POST /api/v1/reload", admin.reload, Way.CHANGE),
        (f"POST {BUDGETS}", budgets.create, Way.CHANGE),
        (f"PUT {BUDGETS}/{{id}}", budgets.update, Way.CHANGE),
        (f"DELETE {BUDGETS}/{{id}}", budgets.delete, Way.CHANGE),
    ),
}

ROUTES = RouteTable(
    Route(method, path, handler, role, way)
    for role, rows in _BY_ROLE.items()
    for row, handler, way in rows
    for method, path in [row.split(" ")]
)
