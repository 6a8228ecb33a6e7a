"""Tenants beside each other, by steps that Hypothesis chooses: whatever clients of three tenants
ask, report, search, lose and rotate, over restarts, nobody sees or changes anything of another's.

A model knows, in a few dictionaries, what each tenant must find: its own records and no others,
each context for the client that has it, once. Every step compares the server's answer with it.
"""

from __future__ import annotations

import asyncio
import sys
from base64 import b64encode
from collections.abc import Callable, Coroutine
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import pytest
from attrs import field, frozen, mutable
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    multiple,
    rule,
    run_state_machine_as_test,
)

from axonflow_core.config.values import (
    AuditConfig,
    ClientConfig,
    Config,
    PoliciesConfig,
    ProviderConfig,
    Role,
    ServerConfig,
)
from axonflow_core.frozen import evolve
from axonflow_core.keys import throwaway_keys
from axonflow_core.policy.rules import Action, Rule
from axonflow_core.server.auth import client_secret
from axonflow_core.server.limits import Limits
from axonflow_core.server.service import Service
from axonflow_core.server.state import ServerState

from .in_process import Reply, Served

T = TypeVar("T")

TENANT_OF = {"a1": "a", "a2": "a", "b1": "b", "b2": "b", "c1": "c"}
CLIENTS = st.sampled_from(sorted(TENANT_OF))
TENANTS = st.sampled_from(("a", "b", "c"))
USERS = st.sampled_from(("ann@example.com", "bob", "u_1"))
MEMORY = Path("/dev/shm")
"""Where it exists no fsync waits for a disk; what a crash leaves is the matter of other tests."""


@frozen
class Approved:
    """A context that a client has."""

    id: str
    client: str
    is_over: bool = False


@mutable
class Model:
    """What must be true."""

    generations: dict[str, int] = field(factory=lambda: dict.fromkeys(TENANT_OF, 1))
    records: dict[str, set[str]] = field(factory=lambda: {"a": set(), "b": set(), "c": set()})
    """Tenant -> ids of its records."""
    reports: dict[str, tuple[bytes, str]] = field(factory=dict)
    """Context -> the report that used it, and the record's id."""
    pseudonyms: dict[tuple[str, str], str] = field(factory=dict)

    def knows(self, client: str, id: str) -> None:
        owner = TENANT_OF[client]
        assert all(id not in records for records in self.records.values())
        self.records[owner].add(id)


class Tenants(RuleBasedStateMachine):
    """The server in this process, and the model beside it."""

    steps = 0
    contexts = Bundle("contexts")
    decisions = Bundle("decisions")

    @initialize()
    def start(self) -> None:
        self.runner = asyncio.Runner()
        self.folder = TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None)
        self.keys = throwaway_keys()
        self.model = Model()
        self._open()

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            self.run(self.service.aclose())
            self.runner.close()
            self.folder.cleanup()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def _open(self) -> None:
        clients = {
            id: ClientConfig(
                id, generation=self.model.generations[id], tenant=tenant, roles=tuple(Role)
            )
            for id, tenant in TENANT_OF.items()
        }
        config = Config(
            providers={"echo": ProviderConfig("echo", is_enabled=True)},
            server=ServerConfig(clients=clients),
            policies=PoliciesConfig(rules=(Rule(name="no", text="aurora", action=Action.BLOCK),)),
            audit=AuditConfig(url=f"sqlite:///{self.folder.name}/audit.db"),
        )
        self.service = self.run(Service.open(config, self.keys, ServerState(Limits())))
        self.served = Served(self.service, self.keys)

    def ask(
        self,
        client: str,
        method: str,
        target: str,
        body: object = None,
        *,
        generation: int | None = None,
        id: str | None = None,
    ) -> Reply:
        """Ask as a client; with the secret of another generation, or under another's id."""
        Tenants.steps += 1
        number = self.model.generations[client] if generation is None else generation
        pair = f"{id or client}:{client_secret(self.keys.server[0], client, number)}"
        proof = {"authorization": f"Basic {b64encode(pair.encode()).decode()}"}
        return self.run(self.served.ask(method, target, body, client=None, headers=proof))

    # ── what clients do ───────────────────────────────────────────────────────────────────────────

    @rule(target=decisions, client=CLIENTS, user=USERS, claims=CLIENTS, number=st.integers(0, 99))
    def call(self, client: str, user: str, claims: str, number: int) -> str:
        """A proxy call, whose body may claim to be another's."""
        query = f"{client} asks {number}"
        body = {"query": query, "user_token": user, "client_id": claims, "tenant_id": claims[0]}
        reply = self.ask(client, "POST", "/api/request", body)
        assert reply.status == 200
        assert reply.json["data"]["data"] == query
        assert reply.json["policy_info"]["tenant_id"] == TENANT_OF[client]
        self.model.knows(client, reply.json["metadata"]["audit_id"])
        return str(reply.json["metadata"]["audit_id"])

    @rule(client=CLIENTS)
    def call_that_is_blocked(self, client: str) -> None:
        reply = self.ask(client, "POST", "/api/request", {"query": "aurora"})
        assert reply.status == 403
        self.model.knows(client, reply.json["metadata"]["audit_id"])

    @rule(target=contexts, client=CLIENTS, user=USERS, lasts=st.sampled_from((True, True, False)))
    def check(self, client: str, user: str, lasts: bool) -> Approved:
        generation = self.service.generation
        if not lasts:
            server = evolve(generation.config.server, context_ttl_s=1e-6)
            generation.config = evolve(generation.config, server=server)
        body = {"query": "May I?", "user_token": user}
        reply = self.ask(client, "POST", "/api/policy/pre-check", body)
        if not lasts:
            server = evolve(generation.config.server, context_ttl_s=300.0)
            generation.config = evolve(generation.config, server=server)
        assert reply.json["approved"]
        self.model.knows(client, reply.json["decision_id"])
        return Approved(reply.json["context_id"], client, is_over=not lasts)

    @rule(context=contexts, client=CLIENTS, tokens=st.integers(1, 3))
    def report_by_anybody(self, context: Approved, client: str, tokens: int) -> None:
        self._report(context, client, tokens)

    @rule(context=contexts, tokens=st.integers(1, 3))
    def report(self, context: Approved, tokens: int) -> None:
        self._report(context, context.client, tokens)

    def _report(self, context: Approved, client: str, tokens: int) -> None:
        """Accepted once, from the client that has the context; the same bytes again are the same
        report."""
        body = b'{"context_id":"%s","provider":"p","model":"m","token_usage":{"prompt_tokens":%d}}'
        body %= context.id.encode(), tokens
        reply = self.ask(client, "POST", "/api/audit/llm-call", body)
        used = self.model.reports.get(context.id)
        if context.client != client or context.is_over or (used and used[0] != body):
            assert reply.status == 400, reply.body
        elif used:
            assert (reply.status, reply.json["audit_id"]) == (200, used[1])
        else:
            assert reply.status == 200
            self.model.reports[context.id] = body, reply.json["audit_id"]
            self.model.knows(client, reply.json["audit_id"])

    @rule(client=CLIENTS)
    def report_of_a_tool(self, client: str) -> None:
        reply = self.ask(client, "POST", "/api/v1/audit/tool-call", {"tool_name": "weather"})
        assert reply.status == 200
        self.model.knows(client, reply.json["audit_id"])

    # ── what clients see ──────────────────────────────────────────────────────────────────────────

    @rule(client=CLIENTS)
    def search(self, client: str) -> None:
        own = self.model.records[TENANT_OF[client]]
        found = self.ask(client, "POST", "/api/v1/audit/search", {"limit": 1000}).json
        assert {entry["id"] for entry in found["entries"]} == own
        assert {entry["tenant_id"] for entry in found["entries"]} <= {TENANT_OF[client]}
        assert found["total"] == len(own)

    @rule(client=CLIENTS, user=USERS)
    def search_for_a_user(self, client: str, user: str) -> None:
        found = self.ask(client, "POST", "/api/v1/audit/search", {"user_email": user}).json
        names = {entry["user_email"] for entry in found["entries"]}
        assert len(names) <= 1
        assert {entry["id"] for entry in found["entries"]} <= self.model.records[TENANT_OF[client]]
        for name in names:
            known = self.model.pseudonyms.setdefault((TENANT_OF[client], user), name)
            assert known == name

    @rule(client=CLIENTS, name=st.data())
    def search_for_a_pseudonym_of_others(self, client: str, name: st.DataObject) -> None:
        others = sorted(
            pseudonym
            for (tenant, _), pseudonym in self.model.pseudonyms.items()
            if tenant != TENANT_OF[client]
        )
        if others:
            body = {"user_email": name.draw(st.sampled_from(others))}
            assert self.ask(client, "POST", "/api/v1/audit/search", body).json["total"] == 0

    @rule(client=CLIENTS, tenant=TENANTS)
    def page_of_a_tenant(self, client: str, tenant: str) -> None:
        reply = self.ask(client, "GET", f"/api/v1/audit/tenant/{tenant}?limit=1000")
        if tenant == TENANT_OF[client]:
            assert {each["id"] for each in reply.json["entries"]} == self.model.records[tenant]
        else:
            assert reply.status == 403

    @rule(client=CLIENTS, id=decisions)
    def explain(self, client: str, id: str) -> None:
        reply = self.ask(client, "GET", f"/api/v1/decisions/{id}/explain")
        is_own = id in self.model.records[TENANT_OF[client]]
        assert reply.status == (200 if is_own else 404)

    # ── secrets, restarts ─────────────────────────────────────────────────────────────────────────

    @rule(client=CLIENTS, other=CLIENTS)
    def secret_under_another_id(self, client: str, other: str) -> None:
        reply = self.ask(client, "POST", "/api/v1/audit/search", {}, id=other)
        assert reply.status == (200 if client == other else 401)

    @rule(client=CLIENTS, back=st.integers(-1, 2))
    def secret_of_another_generation(self, client: str, back: int) -> None:
        number = self.model.generations[client] - back
        reply = self.ask(client, "GET", "/api/v1/decisions", generation=number)
        assert reply.status == (200 if back == 0 else 401)

    @rule(target=contexts, client=CLIENTS, rotates=st.booleans())
    def restart(self, client: str, rotates: bool) -> Any:
        """Open the same database anew, with a client's secret rotated or without."""
        Tenants.steps += 1
        self.run(self.service.aclose())
        self.model.generations[client] += rotates
        self._open()
        return multiple()


def explore(steps: int) -> int:
    """Take about so many steps, in runs of fifty at most; returns how many were taken."""
    Tenants.steps = 0
    chosen = settings(
        max_examples=steps // 33,
        stateful_step_count=50,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.generate],  # to shrink fifty steps takes minutes
    )
    run_state_machine_as_test(Tenants, settings=chosen)
    return Tenants.steps


STEPS = (
    200,
    pytest.param(3_000, marks=pytest.mark.exhaustive),
    pytest.param(24_000, marks=pytest.mark.exhaustive),
)


@pytest.mark.parametrize("steps", STEPS)
def test_no_tenant_has_an_effect_on_another(
    steps: int, record_property: Callable[[str, object], None]
) -> None:
    taken = explore(steps)
    record_property("steps", taken)
    sys.stdout.write(f"{taken:,} steps over three tenants, no effect across\n")
    assert taken >= steps
