"""The governed part of `axonflow demo`: a call that is allowed, one that a rule stops, one of which
a part is replaced, and the records of all three, verified. With `--serve`, the same behind the
server, with the lines to paste."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from axonflow_core.cli.display import tell, write_line

if TYPE_CHECKING:
    from axonflow_core.audit.store import AuditStore
    from axonflow_core.audit.verify import Verification
    from axonflow_core.config import Config
    from axonflow_core.governance.trail import Outcome
    from axonflow_core.keys import Keys

CLIENT = "demo"
_QUERIES = (
    "In one sentence: what is a governed runtime?",
    "What do we know about Project Aurora?",
    "Write two lines to jane.doe@example.com.",
)
_CONFIGURATION = """\
version: "1.0"
llm_providers:
  {provider}: {{enabled: true, config: {settings}}}
models: {models}
server:
  clients:
    demo: {{roles: [call, gateway, audit]}}
policies:
  rules:
    - {{name: no-aurora, pattern: '(?i)project\\s+aurora', action: block}}
  actions: {{email: redact}}
audit:
  url: sqlite:///{folder}/audit.db
"""
_TO_PASTE = """\
pip install axonflow==9.5.0
export AXONFLOW_TELEMETRY=off
python - <<'END'
from axonflow import AxonFlow
with AxonFlow.sync("{url}", client_id="demo", client_secret="{secret}") as client:
    print(client.proxy_llm_call("me", "Why is the sky blue?", "chat").data)
END

# or any client of a vendor, by its URL and key alone:
export OPENAI_BASE_URL={url}/v1 OPENAI_API_KEY=demo:{secret}
export ANTHROPIC_BASE_URL={url} ANTHROPIC_API_KEY=demo:{secret}
export AWS_ENDPOINT_URL_BEDROCK_RUNTIME={url} AWS_DEFAULT_REGION=us-east-1
export AWS_ACCESS_KEY_ID=demo AWS_SECRET_ACCESS_KEY={secret}
"""


async def show_governed(config: Config) -> bool:
    """Make the three calls of a policy through a runtime of `config`, and verify what is on record.
    Returns whether each ended as it should."""
    from axonflow_core.audit.store import AuditStore
    from axonflow_core.keys import throwaway_keys

    keys = throwaway_keys()
    with TemporaryDirectory(prefix="axonflow-demo-") as folder:
        database = Path(folder) / "audit.db"
        audit = await AuditStore.open(f"sqlite:///{database}", keys)
        try:
            outcomes = await _outcomes(config, audit)
        finally:
            await audit.aclose()
        return _tell_outcomes(outcomes) and _tell_records(_verified(database, keys))


async def _outcomes(config: Config, audit: AuditStore) -> list[Outcome]:
    from axonflow_core.config.values import PoliciesConfig
    from axonflow_core.governance.caller import Caller
    from axonflow_core.governance.calls import Governance
    from axonflow_core.modes.proxy import ProxyRequest, asked
    from axonflow_core.policy.policies import Policies
    from axonflow_core.policy.rules import Action, Rule
    from axonflow_core.runtime import Runtime

    rule = Rule(name="no-aurora", pattern=r"(?i)project\s+aurora", action=Action.BLOCK)
    policies = Policies.build(PoliciesConfig(rules=(rule,), actions={"email": Action.REDACT}))
    caller = Caller(client=CLIENT, tenant=CLIENT)
    async with Runtime.open(config) as runtime:
        governance = Governance(policies, runtime.router, audit)
        return [
            await asked(governance, caller, ProxyRequest(query=query), timeout_s=30)
            for query in _QUERIES
        ]


def _tell_outcomes(outcomes: list[Outcome]) -> bool:
    tell("\nthe default model behind a policy:", style="bold")
    for query, outcome in zip(_QUERIES, outcomes, strict=True):
        write_line(f"{outcome.verdict:<9} {query}")
        for decision in outcome.decisions:
            if decision.reason is not None:
                tell(f"          {', '.join(decision.rules)}: {decision.reason}", style="dim")
            elif decision.texts:
                tell(f"          sent as: {' '.join(decision.texts.values())}", style="dim")
    return [str(each.verdict) for each in outcomes] == ["allowed", "blocked", "redacted"]


def _verified(database: Path, keys: Keys) -> Verification:
    from axonflow_core.audit.databases.sqlite import SQLiteDatabase
    from axonflow_core.audit.keys import Signer
    from axonflow_core.audit.verify import verify

    with SQLiteDatabase(database).reading() as connection:
        return verify(connection, Signer(keys).public_keys)


def _tell_records(verification: Verification) -> bool:
    tell(f"{verification.records} records on file, each chained to the one before: ", end="")
    tell("verified" if verification.is_valid else "NOT verified")
    return verification.is_valid


def configuration(provider: str, settings: Mapping[str, object], folder: Path) -> str:
    """The file of a governed server. Where a Claude answers it has the name `claude`, as in the
    examples of docs/clients.md."""
    model = settings.get("model")
    is_claude = isinstance(model, str) and "claude" in model
    models = {"claude": [{"provider": provider, "model": model}]} if is_claude else {}
    return _CONFIGURATION.format(
        provider=provider,
        settings=json.dumps(dict(settings)),
        models=json.dumps(models),
        folder=folder,
    )


def serve_governed(provider: str, settings: Mapping[str, object]) -> int:
    """Serve the same policy, with throw-away keys and records, until Ctrl-C. Returns the exit
    code."""
    from axonflow_core.keys import KEYS_DIR, make_keys
    from axonflow_core.server.auth import client_secret
    from axonflow_core.server.launch import launch

    with TemporaryDirectory(prefix="axonflow-demo-") as name:
        folder = Path(name)
        keys = make_keys(folder / "keys")
        path = folder / "axonflow.yaml"
        path.write_text(configuration(provider, settings, folder), "utf-8")
        secret = client_secret(keys.server[0], CLIENT, 1)

        def show(url: str) -> None:
            tell(f"the governed server: {url}; paste this into another terminal:", style="bold")
            write_line(_TO_PASTE.format(url=url, secret=secret))
            tell(f"its configuration: {path}; Ctrl-C stops it")

        environment = {**os.environ, KEYS_DIR: str(folder / "keys")}
        return launch(path, host="127.0.0.1", port=8080, on_ready=show, environment=environment)
