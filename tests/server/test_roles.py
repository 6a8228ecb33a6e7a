"""Roles and routes: the matrix is made of the route table, and nothing in a body changes who
calls."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from axonflow_core.config.values import Role
from axonflow_core.server import endpoints
from axonflow_core.server.api import ROUTES
from axonflow_core.server.endpoints import policies
from axonflow_core.server.routes import Route, Way

from .in_process import Served, serving

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/server.md").read_text()
SOURCES = {path.stem: path.read_text() for path in Path(endpoints.__path__[0]).glob("*.py")}
"""Module of `endpoints` -> its source."""
METHODS_OF_PROVIDERS = frozenset(
    "complete stream embed rerank count forward forward_stream explain price check".split()
)
"""What a provider can be asked; `health` and `default_model`, which cost no call, are left out."""


def target_of(route: Route) -> str:
    """A path of the route."""
    return route.path.replace("{tenant}", "roles").replace("{", "").replace("}", "")


async def test_every_route_is_open_to_its_role_and_to_no_other(served: Served) -> None:
    wrong = [
        f"{route.method} {route.path} as {role}: {reply.status}"
        for route in ROUTES.routes
        for role in Role
        if (reply := await served.ask(route.method, target_of(route), {}, client=f"only-{role}"))
        and (reply.status == 403) is (role is route.role)
    ]
    assert wrong == []


async def test_no_route_is_open_without_credentials_or_roles(served: Served) -> None:
    for route in ROUTES.routes:
        for client, status in ((None, 401), ("nobody", 403)):
            reply = await served.ask(route.method, target_of(route), {}, client=client)
            assert (reply.status, reply.json["success"]) == (status, False), route.path
            assert ("www-authenticate" in reply.headers) is (status == 401)


async def test_the_open_mode_has_every_route_but_an_administrators(tmp_path: Path) -> None:
    async with serving(tmp_path, open=True) as served:
        for route in ROUTES.routes:
            reply = await served.ask(route.method, target_of(route), {}, client=None)
            refused = reply.status in (401, 403)
            assert refused is (route.role is Role.ADMIN or "{tenant}" in route.path), route.path


async def test_a_secret_opens_nothing_under_another_id(served: Served) -> None:
    stolen = served.headers("only-call", id="acme")
    for route in ROUTES.routes:
        reply = await served.ask(route.method, target_of(route), {}, client=None, headers=stolen)
        assert reply.status == 401, route.path


@pytest.mark.parametrize("route", [each for each in ROUTES.routes if each.method == "POST"])
async def test_a_body_or_header_never_says_who_calls(served: Served, route: Route) -> None:
    claims = dict.fromkeys("client_id tenant_id org_id tenant client user_id".split(), "other")
    body = {**claims, "query": "q", "statement": "s", "stage": "llm", "tool_name": "t"}
    headers = {"x-client-id": "other", "x-tenant-id": "other", "x-org-id": "other"}
    await served.post(target_of(route), body, headers=headers)
    assert await served.records("other") == []
    assert {entry.client for entry in await served.records("acme")} <= {"acme"}


async def test_there_are_routes_that_call_decide_and_read(served: Served) -> None:
    """The control: the matrix is about something, and a body is recorded under its sender."""
    assert {route.way for route in ROUTES.routes} >= {Way.CALL, Way.DECISION, Way.READ}
    await served.post("/api/request", {"query": "q", "client_id": "other"}, client="acme-too")
    assert [entry.client for entry in await served.records("acme")] == ["acme-too"]


def provider_calls(source: str) -> Iterator[str]:
    """The methods of providers that a source calls on anything that is not governance's."""
    for node in ast.walk(ast.parse(source)):
        called = node.func if isinstance(node, ast.Call) else None
        if isinstance(called, ast.Attribute) and called.attr in METHODS_OF_PROVIDERS:
            yield ast.unparse(called)


@pytest.mark.parametrize("module", sorted(SOURCES))
async def test_no_endpoint_calls_a_provider_around_governance(module: str) -> None:
    assert list(provider_calls(SOURCES[module])) == []


async def test_a_call_around_governance_is_seen() -> None:
    """The control."""
    source = "await request.service.generation.governance.providers['echo'].complete(asked)"
    assert list(provider_calls(source))


async def test_every_handler_of_a_route_stands_in_a_source_that_is_read() -> None:
    modules = {f"{endpoints.__name__}.{module}" for module in SOURCES}
    assert {route.handler.__module__ for route in ROUTES.routes} <= modules


async def test_the_page_of_the_server_lists_every_route_that_has_a_use() -> None:
    listed = re.findall(r"^\| `(\w+)` \| `([A-Z]+) (/\S+)` \|$", PAGE, re.MULTILINE)
    served = [route for route in ROUTES.routes if route.handler is not policies.write]
    assert sorted(listed) == sorted((each.role, each.method, each.path) for each in served)
