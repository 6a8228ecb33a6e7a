"""`axonflow policy`: texts tried, corpora measured, policies listed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from axonflow_core.cli import axonflow

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    return lambda *arguments, stdin="": CliRunner().invoke(
        axonflow, ["policy", *arguments], input=stdin, standalone_mode=False
    )


def test_what_is_found_is_underlined_and_named(run: Run) -> None:
    result = run("test", "My SSN is 123-45-6789,\nwrite to a@b.example")
    assert result.return_value == 1
    assert result.output.splitlines() == [
        "My SSN is 123-45-6789,",
        "          ^^^^^^^^^^^ us_ssn",
        "write to a@b.example",
        "         ^^^^^^^^^^^ email",
        "blocked: The text holds a US social security number (SSN).",
        "  us_ssn (pii, critical) -> block",
        "  email (pii, medium) -> warn",
    ]


def test_a_text_that_goes_on_redacted_is_shown_so(run: Run, tmp_path: Path) -> None:
    (tmp_path / "axonflow.yaml").write_text(
        'version: "1.0"\nllm_providers: {echo: {enabled: true}}\n'
        "policies: {actions: {email: redact}}\n"
    )
    (tmp_path / "mail.txt").write_text("To a@b.example and c@d.example.")
    result = run("test", "mail.txt")
    assert result.return_value == 0
    assert "goes on as: To [REDACTED:email] and [REDACTED:email]." in result.output
    assert "email (pii, medium, 2 times) -> redact" in result.output
    shown = json.loads(run("test", "-", "--json", stdin="To a@b.example.").output)
    assert (shown["verdict"], shown["text"]) == ("redacted", "To [REDACTED:email].")
    assert [(one["start"], one["end"]) for one in shown["findings"]] == [(3, 14)]


def test_a_text_is_shown_with_the_placeholders_that_a_model_gets(run: Run, tmp_path: Path) -> None:
    (tmp_path / "axonflow.yaml").write_text(
        'version: "1.0"\nllm_providers: {echo: {enabled: true}}\n'
        "policies: {actions: {email: redact}, redaction: reversible}\n"
    )
    shown = run("test", "To a@b.example and c@d.example, not to [EMAIL_1].").output
    assert "goes on as: To [EMAIL_2] and [EMAIL_3], not to [EMAIL_1]." in shown
    answer = run("test", "To a@b.example.", "--mode", "answer").output
    assert "goes on as: To [REDACTED:email]." in answer


def test_what_is_found_is_named_in_its_order(run: Run) -> None:
    lines = run("test", "a@b.example has 123-45-6789").output.splitlines()
    assert lines[1].endswith("^ email, us_ssn")


def test_a_file_that_is_not_there_is_said_to_be_none(run: Run) -> None:
    assert "there is no file mails/may.txt" in run("test", "mails/may.txt").output
    assert "there is no file" not in run("test", "a/b or a@b.example").output


def test_a_text_without_findings_passes(run: Run) -> None:
    result = run("test", "Good morning")
    assert (result.return_value, result.output) == (0, "allowed\n")


def test_corpora_are_measured_with_intervals(run: Run, tmp_path: Path) -> None:
    (tmp_path / "sqli-few.jsonl").write_text('{"text": "\' or 1=1 --"}\n{"text": "hello"}\n')
    (tmp_path / "pii.jsonl").write_text(
        '{"text": "a@b.example", "spans": [{"type": "EMAIL_ADDRESS", "start": 0, "end": 11}]}\n'
    )
    shown = run("score", "sqli-few.jsonl", "pii.jsonl").output
    assert "found        1 of 2 = 0.5000 [0.0945, 0.9055]" in shown
    assert "email        recall 1 of 1 = 1.0000 [0.2065, 1.0000]" in shown
    (one, _) = json.loads(run("score", "sqli-few.jsonl", "pii.jsonl", "--json").output)
    assert one["found"]["part"] == 1 and one["stopped"]["of"] == 2


def test_what_is_expected_may_be_said(run: Run, tmp_path: Path) -> None:
    (tmp_path / "mails.jsonl").write_text('{"text": "a@b.example"}\n')
    assert "false alarms 1 of 1" in run("score", "mails.jsonl").output
    assert "found        1 of 1" in run("score", "mails.jsonl", "--expect", "email").output


@pytest.mark.thorough
def test_a_cold_process_is_measured_too(run: Run, tmp_path: Path) -> None:
    (tmp_path / "c.jsonl").write_text('{"text": "hello"}\n')
    assert "cold         ready in" in run("score", "c.jsonl", "--cold").output


def test_a_corpus_that_is_not_there_is_a_fault_of_the_command_line(run: Run) -> None:
    result = run("score", "none.jsonl")
    assert "cannot read none.jsonl" in str(result.exception)


def test_detectors_and_rules_are_listed_with_their_actions(run: Run) -> None:
    lines = run("list").output.splitlines()
    assert lines[0].split() == ["NAME", "CATEGORY", "SEVERITY", "ACTION", "SAID", "BY"]
    assert any(line.split()[:4] == ["us_ssn", "pii", "critical", "block"] for line in lines)
    listed = json.loads(run("list", "--json").output)
    assert {"us_ssn", "email"} <= {one["name"] for one in listed}


SECTIONED = """
version: "1.0"
llm_providers: {echo: {enabled: true}}
server: {clients: {acme: {roles: [call]}}}
policies:
  profile: strict
  rules: [{name: aurora, text: aurora, action: block}]
  clients: {acme: {actions: {us_ssn: warn}}}
  models: {"house*": {profile: dev}}
"""


@pytest.mark.parametrize(
    ("options", "action", "source"),
    [
        ([], "block", "policies.profile strict"),
        (["--client", "acme"], "warn", "policies.clients.acme.actions.us_ssn"),
        (["--model", "house-1"], "log", "policies.models.house*.profile dev"),
        (
            ["--client", "acme", "--model", "house-1"],
            "warn",
            "policies.clients.acme.actions.us_ssn",
        ),
        (["--tools"], "redact", "MCP_PII_ACTION"),
    ],
)
def test_the_list_says_what_follows_for_whom_and_who_says_so(
    run: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: list[str],
    action: str,
    source: str,
) -> None:
    monkeypatch.setenv("MCP_PII_ACTION", "redact")
    (tmp_path / "axonflow.yaml").write_text(SECTIONED)
    listed = {one["name"]: one for one in json.loads(run("list", "--json", *options).output)}
    assert (listed["us_ssn"]["action"], listed["us_ssn"]["source"]) == (action, source)
    assert listed["aurora"]["source"] == "policies.rules"


def test_a_text_is_tried_as_a_call_of_a_client_to_a_model(run: Run, tmp_path: Path) -> None:
    (tmp_path / "axonflow.yaml").write_text(SECTIONED)
    assert run("test", "123-45-6789").output.splitlines()[2].startswith("blocked")
    for options in (["--client", "acme"], ["--model", "house-1"]):
        result = run("test", "123-45-6789", *options)
        assert (result.return_value, result.output.splitlines()[2]) == (0, "allowed")


def test_a_check_of_the_configuration_says_what_is_said_of_policies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MCP_PII_ACTION", "redact")
    monkeypatch.setenv("AXONFLOW_ENFORCE", "sqli")
    (tmp_path / "axonflow.yaml").write_text(SECTIONED)
    checked = CliRunner().invoke(axonflow, ["check"], standalone_mode=False)
    lines = [" ".join(line.split()) for line in checked.output.splitlines()]
    assert lines[lines.index("policies") + 1 :][:5] == [
        "profile strict (policies.profile)",
        "actions MCP_PII_ACTION=redact, sqli block",
        "rules aurora",
        "clients acme",
        "models house*",
    ]
    shown = json.loads(CliRunner().invoke(axonflow, ["check", "--json"]).output)
    assert shown["policies"]["profile"] == "strict (policies.profile)"
    for variable in ("MCP_PII_ACTION", "AXONFLOW_ENFORCE"):
        monkeypatch.delenv(variable)
    (tmp_path / "axonflow.yaml").write_text(SECTIONED.partition("policies:")[0])
    assert "policies" not in CliRunner().invoke(axonflow, ["check"], standalone_mode=False).output


def test_a_client_that_there_is_none_of_is_a_fault_of_the_command_line(
    run: Run, tmp_path: Path
) -> None:
    (tmp_path / "axonflow.yaml").write_text(
        'version: "1.0"\nllm_providers: {echo: {enabled: true}}\n'
        "server: {clients: {acme: {roles: [call]}}}\n"
    )
    for command in (["test", "hello"], ["list"]):
        assert "there is no client `acne`" in str(run(*command, "--client", "acne").exception)
        assert run(*command, "--client", "acme").exception is None
