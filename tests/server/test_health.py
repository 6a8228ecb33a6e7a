"""Probes: what they say, and that they cost nothing that is counted, recorded or logged."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from sqlalchemy import func, select

from axonflow_core.audit.schema import RECORDS
from axonflow_core.echo import EchoProvider
from axonflow_core.errors import AuditError
from axonflow_core.messages import Completion, CompletionRequest

from .in_process import Served, serving

PROBES = ("/health", "/health/live", "/health/ready", "/metrics")
QUESTION = {"query": "Why is the sky blue?", "request_type": "chat"}


class Counted:
    """A provider that counts what it is asked."""

    def __init__(self, provider: EchoProvider) -> None:
        self.default_model = provider.default_model
        self.calls = 0
        self._provider = provider

    async def complete(self, request: CompletionRequest, **options: Any) -> Completion:
        self.calls += 1
        return await self._provider.complete(request, **options)

    async def health(self) -> Any:
        self.calls += 1
        return await self._provider.health()

    async def aclose(self) -> None:
        await self._provider.aclose()


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    async with serving(tmp_path) as served:
        yield served


def counted(served: Served) -> Counted:
    """Puts a provider that counts into the place of the served one."""
    providers = cast("dict[str, Any]", served.service.generation.governance.providers)
    providers["echo"] = counting = Counted(providers["echo"])
    return counting


async def rows(served: Served) -> int:
    query = select(func.count()).select_from(RECORDS)
    found = await served.service.audit.read(lambda connection: connection.execute(query).scalar())
    return found or 0


async def test_a_thousand_probes_call_nothing_record_nothing_and_log_nothing(
    served: Served, own_log: pytest.LogCaptureFixture
) -> None:
    own_log.set_level("DEBUG")
    provider, before = counted(served), await rows(served)
    for number in range(1_000):
        method = "HEAD" if number % 3 == 0 else "GET"
        reply = await served.ask(method, PROBES[number % len(PROBES)], client=None)
        assert reply.status == 200
    assert (provider.calls, await rows(served) - before, own_log.messages) == (0, 0, [])


async def test_a_call_is_counted_and_recorded_and_a_fault_is_logged(
    served: Served, own_log: pytest.LogCaptureFixture
) -> None:
    provider, before = counted(served), await rows(served)
    await served.post("/api/request", QUESTION)
    assert (provider.calls, await rows(served) - before, own_log.messages) == (1, 1, [])
    provider.calls = cast(int, "many")  # it fails at the next one
    assert (await served.post("/api/request", QUESTION)).status == 500
    assert len(own_log.messages) == 1


async def test_a_drain_turns_readiness_red_and_leaves_the_process_alive(served: Served) -> None:
    served.service.state.is_draining = True
    ready = await served.get("/health/ready", client=None)
    assert (ready.status, ready.json["code"]) == (503, "draining")
    assert (await served.get("/health", client=None)).json["status"] == "unhealthy"
    assert (await served.get("/health/live", client=None)).status == 200


async def test_an_audit_that_cannot_write_turns_readiness_red(served: Served) -> None:
    audit = served.service.audit
    served.service.audit = cast(Any, SimpleNamespace(is_healthy=False))
    ready = await served.get("/health/ready", client=None)
    served.service.audit = audit
    assert (ready.status, ready.json["code"]) == (503, "audit_unavailable")
    assert (await served.get("/health/ready", client=None)).status == 200


async def test_an_answer_that_the_audit_withholds_says_so(served: Served) -> None:
    async def fails(*_: object) -> None:
        raise AuditError("the audit cannot write: no room")

    service, audit = served.service, served.service.audit
    service.audit = cast(Any, SimpleNamespace(read=fails))
    withheld = await served.post("/api/v1/audit/search", {}, client="acme")
    service.audit = audit
    assert (withheld.status, withheld.json["code"]) == (503, "audit_unavailable")
    assert withheld.headers["retry-after"] == "1"


async def test_health_has_what_the_sdk_reads(served: Served) -> None:
    health = (await served.get("/health", client=None)).json
    assert health["status"] == "healthy"
    assert isinstance(health["version"], str)
    assert health["sdk_compatibility"]["min_sdk_version"]["python"] == "9.5.0"
    assert all({"name", "since", "description"} <= each.keys() for each in health["capabilities"])
