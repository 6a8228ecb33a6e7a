"""What is wrong with statements of SQL, as a parser reads them, and what is right."""

from __future__ import annotations

import logging
import subprocess
import sys

import pytest

from axonflow_core.config.values import PoliciesConfig
from axonflow_core.policy.detectors.sql import statements
from axonflow_core.policy.detectors.sql.statements import MAX_PARSED, parsed
from axonflow_core.policy.engine import Policy
from axonflow_core.policy.rules import Mode, Phase


@pytest.fixture(scope="module")
def policy() -> Policy:
    return Policy.build(PoliciesConfig())


def found(policy: Policy, text: str) -> list[tuple[str, str]]:
    """The type and the words of every finding in a text of statements."""
    findings = policy.evaluate(Phase.REQUEST, {"query": text}, {"query": Mode.SQL}).findings
    return [(each.rule, text[each.start : each.end].strip()) for each in findings]


def types(policy: Policy, text: str) -> set[str]:
    return {type for type, _ in found(policy, text)}


INJECTIONS = [
    "SELECT * FROM t WHERE a = 1 OR 1=1",
    "SELECT * FROM t WHERE a = 'x' OR 'a'='a'",
    "SELECT * FROM t WHERE a = '' OR '' = ''",
    "SELECT * FROM t WHERE a = 1 OR TRUE",
    "SELECT * FROM t WHERE a = 1 OR 1",
    "SELECT * FROM t WHERE a = 1 OR b = b",
    "SELECT * FROM t WHERE a = 1 OR (1 = 1 AND 2 < 3)",
    "SELECT * FROM t WHERE a = 1 OR NOT FALSE",
    "SELECT * FROM t WHERE name = 'admin'--' AND pass = 'x'",
    "SELECT a, b FROM t UNION SELECT table_name, 1 FROM information_schema.tables",
    "SELECT a, b FROM t UNION ALL SELECT usename, passwd FROM pg_shadow",
    "SELECT a, b FROM t WHERE id = -1 UNION SELECT 1, NULL",
    "SELECT a FROM t UNION SELECT password FROM users",
    "SELECT a FROM t UNION SELECT 'x' || 'y' || 'z', 2",
    "SELECT a FROM t UNION SELECT user()",
    "SELECT a FROM t UNION SELECT NULL",
    "SELECT a FROM t WHERE id = 1 AND SLEEP(5)",
    "SELECT a FROM t WHERE id = 1 AND (SELECT pg_sleep(5)) IS NULL",
    "SELECT load_file('/etc/passwd')",
    "SELECT a FROM t; DELETE FROM t WHERE id = 1",
    "SELECT 1 /*!50000UNION SELECT password FROM users*/",
]


@pytest.mark.parametrize("text", INJECTIONS)
def test_a_query_that_nobody_meant_is_an_injection(policy: Policy, text: str) -> None:
    assert "sql_injection" in types(policy, text)


DANGERS = [
    "DROP TABLE users",
    "DROP DATABASE shop",
    "TRUNCATE TABLE a",
    "DELETE FROM users",
    "DELETE FROM users WHERE 1 = 1",
    "UPDATE users SET admin = 1",
    "GRANT SELECT ON t TO bob",
    "GRANT ALL PRIVILEGES ON *.* TO 'x'@'%'",
    "REVOKE SELECT ON t FROM bob",
    "CREATE USER x IDENTIFIED BY 'y'",
    "ALTER TABLE a DROP COLUMN b",
    "EXEC xp_cmdshell 'dir'",
    "EXEC/**/xp_cmdshell 'dir'",
    "/* nightly */ CREATE USER x IDENTIFIED BY 'y'",
    "COPY t FROM PROGRAM 'ls'",
    "INSERT INTO a (b) VALUES (1); DROP TABLE a",
]


@pytest.mark.parametrize("text", DANGERS)
def test_a_statement_that_destroys_or_gives_rights_is_dangerous(policy: Policy, text: str) -> None:
    assert types(policy, text) == {"dangerous_statement"}


USUAL = [
    "SELECT a FROM t WHERE 1=1 AND b = 2",
    "SELECT a FROM t WHERE city = 'Paris' OR city = 'Rome'",
    "SELECT a FROM b WHERE (c = 1 OR d = 2) AND e LIKE '%x%'",
    "BEGIN; UPDATE a SET b = 1 WHERE c = 2; COMMIT",
    "INSERT INTO a (b) VALUES ('it''s'); SELECT last_insert_rowid()",
    "SELECT 'All' AS name UNION SELECT name FROM t",
    "SELECT name FROM t UNION ALL SELECT name FROM archive",
    "SELECT id, name FROM t UNION ALL SELECT 0, 'All'",
    "SELECT count(*) FROM t UNION ALL SELECT 0",
    "SELECT name FROM t UNION SELECT first || ' ' || last FROM u",
    "WITH a AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM a WHERE n < 10) SELECT * FROM a",
    "SELECT a FROM t -- the newest 'first'",
    "SELECT version()",
    "SELECT table_name FROM information_schema.tables",
    "SELECT password FROM users WHERE id = 3",
    "CREATE TABLE t (id int); CREATE INDEX i ON t (id)",
    "CREATE TABLE t (a INT) PARTITION BY LIST (a) (PARTITION p VALUES IN (1, 2))",
    "CREATE TABLE t (LIKE u) DISTKEY(a) SORTKEY(a) DISTSTYLE ALL",
    "CREATE TABLE grants (id INT)",
    "DROP INDEX i",
    "MERGE INTO a USING b ON a.id = b.id WHEN MATCHED THEN UPDATE SET c = 1",
    "DELETE FROM users WHERE id = 3",
    "UPDATE users SET a = 1 WHERE id = 3",
    "EXPLAIN SELECT 1",
    "SELECT CASE WHEN 1 = 1 THEN 2 END",
    "SELECT \"or 1=1\" FROM t WHERE a = ' or 1=1 --'",
    "SELECT DATEADD(month, 1, d), TOP 3 FROM t",
    "Show me all customers in Berlin, or select some of them.",
]


@pytest.mark.parametrize("text", USUAL)
def test_a_usual_statement_is_left_alone(policy: Policy, text: str) -> None:
    assert found(policy, text) == []


@pytest.mark.parametrize("joint", [" OR ", " AND ", " + "])
def test_a_condition_of_many_parts_is_read(policy: Policy, joint: str) -> None:
    condition = joint.join(f"a = {number}" for number in range(800))
    query = f"SELECT a FROM t WHERE {condition}"
    assert found(policy, query) == []
    assert found(policy, f"DELETE FROM t WHERE {condition}") == []
    assert types(policy, f"{query} OR 1 = 1") == {"sql_injection"}


def test_a_finding_is_the_statement_that_is_wrong(policy: Policy) -> None:
    text = "SELECT 'é;' FROM a; DROP TABLE b; SELECT c FROM d WHERE e = 1 OR 1=1"
    assert sorted(found(policy, text)) == [
        ("dangerous_statement", "; DROP TABLE b"[2:]),
        ("sql_injection", "; DROP TABLE b"[2:]),
        ("sql_injection", "SELECT c FROM d WHERE e = 1 OR 1=1"),
    ]


@pytest.mark.parametrize(
    "text", ["x' or 1=1 --", "SELECT a FROM WHERE b = 'x' or 1=1 --'", "SELECT (((( ' or 1=1 --"]
)
def test_what_does_not_parse_is_searched_as_a_prompt_is(policy: Policy, text: str) -> None:
    assert parsed(text) is None
    assert "sql_injection" in types(policy, text)


def test_a_long_text_is_searched_as_a_prompt_is(policy: Policy) -> None:
    columns = ", ".join(f"column_{number}" for number in range(MAX_PARSED // 8))
    assert types(policy, f"SELECT {columns} FROM t") == set()
    assert types(policy, f"SELECT {columns} FROM t WHERE a = 'x' or 1=1") == {"sql_injection"}


@pytest.mark.parametrize(
    "text", ["select " + "(" * 3_000, "select " + "not " * 2_000 + "1", "select '\ud800' or 1=1"]
)
def test_a_hostile_text_is_decided_on(policy: Policy, text: str) -> None:
    decision = policy.evaluate(Phase.REQUEST, {"query": text}, {"query": Mode.SQL})
    assert decision.verdict != "error"


def test_the_parser_writes_no_text_to_the_logs(
    policy: Policy, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """It would quote a statement that it knows half of."""
    with caplog.at_level(logging.DEBUG):
        found(policy, "GRANT ALL PRIVILEGES ON *.* TO 'secret'@'%'")
        found(policy, "CALL secret(1); DO secret")
    assert "secret" not in caplog.text + "".join(capfd.readouterr())


def test_the_parser_is_imported_when_a_policy_is_built() -> None:
    code = (
        "import sys\n"
        "from axonflow_core.config.values import PoliciesConfig\n"
        "from axonflow_core.policy.engine import Policy\n"
        "print('sqlglot' in sys.modules)\n"
        "Policy.build(PoliciesConfig())\n"
        "print('sqlglot' in sys.modules)\n"
    )
    command = [sys.executable, "-c", code]
    finished = subprocess.run(command, capture_output=True, text=True, check=True)
    assert finished.stdout.split() == ["False", "True"]


def test_a_text_is_parsed_once_and_none_of_its_parts(
    policy: Policy, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts: list[str] = []
    monkeypatch.setattr(statements, "parsed", lambda text: texts.append(text))
    query = "SELECT a FROM t"
    types(policy, query)
    assert texts == [query]
    long = "; ".join([f"{query} WHERE a = '%2541'"] * 200)
    types(policy, long)
    assert texts == [query, long]
    types(policy, long * 9)
    assert texts == [query, long]
