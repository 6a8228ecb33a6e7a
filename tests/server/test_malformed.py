"""Whatever a client sends, it is answered with JSON, and never that the server failed."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import orjson
import pytest

from axonflow_core.config.values import Role
from axonflow_core.server.api import ROUTES
from axonflow_core.server.client_request import Answer, ClientRequest, json_answer
from axonflow_core.server.endpoints import admin, plans, policies
from axonflow_core.server.routes import Route, RouteTable, Way

from .in_process import Served, serving
from .malformed import BODIES, malformed

pytestmark = pytest.mark.asyncio(loop_scope="module")

MAX_GROWTH = 64_000_000
"""Bytes that the process may grow by, with one body of 4 MB under way at a time."""


async def statuses(served: Served, count: int, seed: int) -> Counter[int]:
    """How often each status was the answer; every answer is JSON."""
    counts: Counter[int] = Counter()
    for path, body in malformed(count, seed):
        reply = await served.post(path, body)
        assert isinstance(reply.json, dict | list), path
        counts[reply.status] += 1
    return counts


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4_096


@pytest.mark.parametrize(
    ("count", "seed"), [(500, 1), pytest.param(5_000, 2, marks=pytest.mark.thorough)]
)
async def test_no_body_makes_the_server_fail(served: Served, count: int, seed: int) -> None:
    await statuses(served, 50, seed)
    before = resident_bytes()
    counts = await statuses(served, count, seed)
    assert [status for status in counts if status >= 500] == []
    assert counts[400] > count / 4 and counts[200] > count / 20
    assert resident_bytes() - before < MAX_GROWTH


async def test_every_route_that_takes_a_body_is_tried() -> None:
    taking = {
        route.path
        for route in ROUTES.routes
        if route.method == "POST"
        and route.handler not in (policies.write, admin.reload, plans.rollback)
    }
    assert taking == set(BODIES)


async def naive(request: ClientRequest) -> Answer:
    """A handler as they are often written."""
    return json_answer({"query": orjson.loads(request.body)["query"].upper()})


async def test_a_naive_handler_fails(tmp_path: Path) -> None:
    """The control: the same bodies find what is to be found."""
    routes = RouteTable(Route("POST", path, naive, Role.CALL, Way.READ) for path in BODIES)
    async with serving(tmp_path, routes=routes) as served:
        assert (await statuses(served, 300, 1))[500] > 100


@pytest.mark.parametrize(
    "query",
    [
        "limit=-1",
        "limit=1e9&offset=99999999999999999999",
        "since=yesterday",
        "since=9999-12-31T23:59:59-23:59",
        "decision=perhaps",
        "page=0&page_size=%F0%9F",
        "&".join(f"a{number}=1" for number in range(100)),
        "limit=%D9%A3",
        "a=" + "x" * 8_000,
        "category=%00&search=%FF&tier[]=1",
    ],
)
async def test_no_query_makes_the_server_fail(served: Served, query: str) -> None:
    for route in ROUTES.routes:
        if route.method == "GET":
            path = route.path.replace("{tenant}", "acme").replace("{", "").replace("}", "")
            reply = await served.get(f"{path}?{query}")
            assert reply.status < 500 and reply.json is not None, (path, reply.body[:200])


async def test_neither_a_path_nor_a_query_has_a_nul(served: Served) -> None:
    """PostgreSQL takes none: the audit's database would be said to be at fault."""
    named = [route for route in ROUTES.routes if "{" in route.path]
    assert len(named) > 5
    for route in named:
        path = re.sub(r"\{\w+\}", "a\0", route.path)
        assert (ROUTES.find(route.method, path), ROUTES.methods(path)) == (None, ())
    for query in ("provider=%00", "%00=bedrock", "limit=5&provider=a%00b"):
        reply = await served.get(f"/api/v1/usage/records?{query}")
        assert (reply.status, reply.json["code"]) == (400, "malformed_request")


async def test_an_unforeseen_error_is_logged_without_what_it_quotes(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def failing(request: ClientRequest) -> Answer:
        raise ValueError(f"cannot read {request.body.decode()}")

    routes = RouteTable([Route("POST", "/x", failing, Role.CALL, Way.READ)])
    async with serving(tmp_path, routes=routes) as served:
        reply = await served.post("/x", b"what Ann said")
    assert (reply.status, reply.json["error"]) == (500, "internal error")
    assert "ValueError at test_malformed.py" in caplog.text
    assert "Ann" not in caplog.text
