"""What a client is judged by: its own policy, on every surface, after a reload too."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from axonflow_core.config.policies import variables_of
from axonflow_core.config.values import PoliciesConfig, PolicySection
from axonflow_core.policy.policies import Policies
from axonflow_core.policy.rules import Action, Rule, Verdict
from axonflow_core.policy.terms import Profile
from axonflow_core.server.service import Service

from .in_process import Served, serving
from .test_gateway import report
from .test_reload import Files, ask, files, reload

__all__ = ["files"]

SSN = "My number is 123-45-6789."
CHECK, REPORT = "/api/policy/pre-check", "/api/audit/llm-call"
INPUT, TOOL = "/api/v1/mcp/check-input", "/api/v1/audit/tool-call"
PROXY, DECIDE = "/api/request", "/api/v1/decide"
STATIC = "/api/v1/static-policies"


ROUTED = """
models:
  fast: [{provider: echo, model: e-1}, {provider: echo, model: e-2}]
policies:
  models: {"e-1": {profile: dev}, "e-2": {profile: strict}}
  clients: {acme: {actions: {email: redact}}}
"""


def judging(**settings: Any) -> Callable[[Service], None]:
    """A service that is to judge by these policies."""

    def change(service: Service) -> None:
        service.generation.governance.policies = Policies.build(PoliciesConfig(**settings))

    return change


async def asked(served: Served, text: str, client: str) -> list[bool]:
    """Whether a text is stopped where a client calls, checks, decides, checks a tool."""
    proxied = await served.post(PROXY, {"query": text}, client=client)
    checked = await served.post(CHECK, {"query": text}, client=client)
    decided = await served.post(DECIDE, {"stage": "llm", "query": text}, client=client)
    tool = await served.post(INPUT, {"connector_type": "g", "statement": text}, client=client)
    return [
        proxied.status == 403,
        not checked.json["approved"],
        decided.json["verdict"] == "deny",
        tool.status == 403,
    ]


async def test_a_client_is_judged_by_its_own_policy_on_every_surface(tmp_path: Path) -> None:
    of_other = PolicySection(profile=Profile.DEV, rules=())
    change = judging(profile=Profile.STRICT, clients={"other": of_other})
    async with serving(tmp_path, change=change) as served:
        assert await asked(served, SSN, "acme") == [True] * 4
        assert await asked(served, SSN, "other") == [False] * 4


async def test_a_client_sees_its_own_policies_and_no_other_ones(tmp_path: Path) -> None:
    rule = Rule(name="of-other", action=Action.LOG, text="x")
    section = PolicySection(actions={"us_ssn": Action.LOG}, rules=(rule,))
    async with serving(tmp_path, change=judging(clients={"other": section})) as served:
        listed = {}
        for client in ("acme", "other"):
            rows = (await served.get(STATIC, client=client)).json["policies"]
            listed[client] = {row["name"]: row["action"] for row in rows}
        assert (await served.get(f"{STATIC}/of-other")).status == 404
        assert (await served.get(f"{STATIC}/of-other", client="other")).status == 200
    assert listed["other"] == {**listed["acme"], "us_ssn": "log", "of-other": "log"}


async def test_tools_are_judged_as_their_variables_say(tmp_path: Path) -> None:
    variables = variables_of({"PII_ACTION": "block", "MCP_PII_ACTION": "log"})
    async with serving(tmp_path, change=judging(variables=variables)) as served:
        assert await asked(served, SSN, "acme") == [True, True, True, False]


async def test_a_check_that_names_a_model_is_judged_by_its_policy(tmp_path: Path) -> None:
    house = {"house-*": PolicySection(profile=Profile.DEV)}
    async with serving(tmp_path, change=judging(models=house)) as served:
        body: dict[str, Any] = {"stage": "llm", "query": SSN}
        named = await served.post(DECIDE, {**body, "target": {"model": "house-1"}})
        unnamed = await served.post(DECIDE, body)
    assert (named.json["verdict"], unnamed.json["verdict"]) == ("allow", "deny")
    assert named.json["policy_bundle"] != unnamed.json["policy_bundle"]


async def test_a_check_of_a_named_model_is_judged_by_the_policies_of_its_targets(
    files: Files,
) -> None:
    """`e-1` alone lets the number pass, `e-2` does not, and a call of `fast` may go to both."""
    text = files.path.read_text().replace("roles: [call]", "roles: [call, gateway]")
    files.path.write_text(text.partition("policies:")[0] + "routing: {}" + ROUTED)
    verdicts = {}
    async with files.worker() as worker:
        for model in ("e-1", "e-2", "fast"):
            body = {"stage": "llm", "query": SSN, "target": {"model": model}}
            verdicts[model] = (await worker.post(DECIDE, body)).json["verdict"]
    assert verdicts == {"e-1": "allow", "e-2": "deny", "fast": "deny"}


async def test_a_text_that_is_too_long_is_stopped_on_every_surface(tmp_path: Path) -> None:
    """Nothing of it is kept, and what is reported is on record as what it was."""
    async with serving(tmp_path, change=judging(max_characters=1_024)) as served:
        assert await asked(served, "x" * 1_025, "acme") == [True] * 4
        assert await asked(served, "x" * 1_024, "acme") == [False] * 4
        context = (await served.post(CHECK, {"query": "hello"})).json["context_id"]
        await served.post(REPORT, report(context, response_summary="x" * 1_025))
        tool = {"tool_name": "t", "tool_type": "function", "input": {"text": "x" * 1_025}}
        await served.post(TOOL, tool)
        *_, reported, called = await served.records()
    assert (reported.verdict, called.verdict) == (Verdict.BLOCKED, Verdict.BLOCKED)
    assert reported.texts == called.texts == {}


async def test_the_policies_of_named_models_are_built_before_a_call_comes(files: Files) -> None:
    """Building one takes longer than an event loop may be held up."""
    text = files.path.read_text()
    files.path.write_text(text.partition("policies:")[0] + "routing: {}" + ROUTED)
    async with files.worker() as worker:
        policies = worker.service.generation.governance.policies
        assert any(len(scope.models) == 2 for scope in policies._later)
        built = dict(policies._later)
        assert (await ask(worker, client="acme")).status == 200
        named = {"query": "hello", "context": {"model": "fast"}}
        assert (await worker.post(PROXY, named)).status == 200
        assert policies._later == built


OF_ACME = (
    "  clients: {acme: {rules: [{name: no-bread-for-acme, text: bake, action: block}]}}\naudit:"
)


async def test_a_reload_changes_the_policy_of_one_client(files: Files) -> None:
    async with files.worker() as worker:
        assert (await ask(worker)).status == 200
        text = files.path.read_text()
        files.path.write_text(text.replace("audit:", OF_ACME))
        assert (await reload(worker)).status == 200
        assert (await ask(worker)).status == 403
        calls = [entry for entry in await worker.records() if entry.kind == "call"]
    before, after = (entry.facts["decisions"][0]["policy"] for entry in calls)
    assert before != after


@pytest.mark.parametrize("section", ["clients: {acem: {profile: dev}}", "profile: strickt"])
async def test_a_reload_with_a_faulty_policy_changes_nothing(files: Files, section: str) -> None:
    async with files.worker() as worker:
        text = files.path.read_text()
        files.path.write_text(text.replace("audit:", f"  {section}\naudit:"))
        assert (await reload(worker)).status == 422
        assert (await ask(worker)).status == 200
