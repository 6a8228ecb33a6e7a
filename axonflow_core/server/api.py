"""The routes of the product's API."""

from __future__ import annotations

from axonflow_core.config.values import Role
from axonflow_core.server.endpoints import gateway, providers, proxy
from axonflow_core.server.routes import Route, RouteTable, Way

ROUTES = RouteTable(
    (
        Route("POST", "/api/request", proxy.answer, Role.CALL, Way.CALL),
        Route("POST", "/api/policy/pre-check", gateway.pre_check, Role.GATEWAY, Way.DECISION),
        Route("POST", "/api/audit/llm-call", gateway.llm_call, Role.GATEWAY, Way.DECISION),
        Route("GET", "/api/v1/llm-providers", providers.providers, Role.CALL, Way.READ),
    )
)
