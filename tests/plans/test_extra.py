"""Plans without the package that they need."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from axonflow_core.errors import ConfigError
from axonflow_core.plans.databases import SCHEMA, EngineDatabase
from axonflow_core.server.launch import execute

from .planned import CHAIN, Model, planning, written


async def test_a_server_without_dbos_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "dbos", None)
    with pytest.raises(ConfigError, match="plans need the package dbos") as missing:
        async with planning(tmp_path, Model(written(CHAIN))):
            pass
    assert missing.value.hint == 'pip install "axonflow-core[plans]"'


@pytest.mark.parametrize(
    ("url", "audit", "expected", "schema"),
    [
        (None, "sqlite:///a/b.db", "sqlite:///a/b-plans.db", None),
        ("sqlite:///c.db", "sqlite:///a/b.db", "sqlite:///c.db", None),
        (None, "postgresql://u:p@h/d", "postgresql://u:p@h/d", SCHEMA),
        ("postgresql+psycopg://h/d", "sqlite:///a/b.db", "postgresql://h/d", SCHEMA),
    ],
)
def test_the_engine_keeps_its_own_beside_the_audit(
    url: str | None, audit: str, expected: str, schema: str | None
) -> None:
    database = EngineDatabase(url, audit)
    assert (database.url, database.schema) == (expected, schema)
    assert (database.executor == "local") is (schema is None)


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("sqlite:///%s/none/engine.db", "No such file or directory"),
        ("postgresql://u:a-password@127.0.0.1:1/d", "Connection refused"),
    ],
)
async def test_a_database_that_cannot_be_used_is_named_with_what_is_wrong(
    tmp_path: Path, url: str, message: str
) -> None:
    url = url.replace("%s", str(tmp_path))
    with pytest.raises(ConfigError, match="plans cannot be kept in") as refused:
        async with planning(tmp_path, Model(written(CHAIN)), plans={"url": url}):
            pass
    assert message in refused.value.message and refused.value.hint
    assert "a-password" not in refused.value.message


def test_a_file_of_the_engine_is_not_put_beside_an_audit_that_many_share() -> None:
    with pytest.raises(ConfigError, match=r"`plans.url` is a file of SQLite") as refused:
        EngineDatabase("sqlite:///c.db", "postgresql://h/d")
    assert "leave `plans.url` out" in str(refused.value.hint)


@pytest.mark.parametrize(
    ("plans", "message"),
    [
        ("{enabled: true}", "have one executor, and that is the server"),
        ("{enabled: false}", "no plans to run"),
    ],
)
def test_a_worker_is_for_plans_on_a_server_of_postgresql(
    tmp_path: Path, plans: str, message: str
) -> None:
    """It would keep the server, which has the file to itself, from its start."""
    file = tmp_path / "axonflow.yaml"
    file.write_text(
        "version: '1.0'\nllm_providers: {echo: {enabled: true}}\n"
        f"server: {{clients: {{acme: {{roles: [plans]}}}}}}\nplans: {plans}\n"
        f"audit: {{url: 'sqlite:///{tmp_path}/audit.db'}}\n"
    )
    with pytest.raises(ConfigError, match=message):
        execute(file, on_ready=print, environment={})
