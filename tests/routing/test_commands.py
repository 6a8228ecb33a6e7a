"""What the commands show of routing: `check`, `models`, `ask`, `explain call`."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from axonflow_core.cli import main
from axonflow_core.cli.answer import instead
from axonflow_core.frozen import evolve
from axonflow_core.messages import FailedAttempt, Receipt

FILE = """\
version: "1.0"
llm_providers:
  a: {enabled: true, type: echo, priority: 9}
  b: {enabled: true, type: echo, weight: 0.25}
models:
  fast:
    - {provider: b, model: starling, weight: 0.5}
    - {provider: a, model: parrot}
routing: {strategy: failover, default_provider: b}
"""


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AXONFLOW_CONFIG_FILE", raising=False)
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    (tmp_path / "axonflow.yaml").write_text(FILE)


Shown = pytest.CaptureFixture[str]


def shown_json(capsys: Shown, *arguments: str) -> Any:
    assert main([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_check_shows_the_rules_and_the_named_models(capsys: Shown) -> None:
    assert main(["check"]) == 0
    assert capsys.readouterr().out == (
        "a: Echo\n"
        "b: Echo\n"
        "routing: failover\n"
        "  a            priority 9, weight 100 %\n"
        "  b            priority 5, weight 25 %\n"
        "  default      b\n"
        "fast: b starling (weight 0.5), a parrot\n"
        "axonflow.yaml: 2 providers enabled\n"
    )


def test_check_says_the_same_as_json(capsys: Shown) -> None:
    told = shown_json(capsys, "check")
    assert told["routing"]["strategy"] == "failover"
    assert told["routing"]["providers"]["b"] == {"priority": 5, "weight": 0.25}
    assert [target["model"] for target in told["models"]["fast"]] == ["starling", "parrot"]


def test_check_of_one_provider_says_nothing_of_routing(tmp_path: Path, capsys: Shown) -> None:
    (tmp_path / "axonflow.yaml").write_text(FILE.split("  b:")[0])
    assert main(["check"]) == 0
    assert "routing" not in capsys.readouterr().out


def test_models_lists_the_named_ones_first(capsys: Shown) -> None:
    assert main(["models", "starling"]) == 0
    assert capsys.readouterr().out.startswith("fast: b starling (weight 0.5), a parrot\n")
    assert shown_json(capsys, "models", "parrot")[-1]["name"] == "fast"


def test_ask_asks_by_name(capsys: Shown) -> None:
    told = shown_json(capsys, "ask", "--model", "fast", "hello")
    assert (told["text"], told["provider"], told["model"]) == ("hello", "a", "parrot")
    assert told["failed_attempts"] == []


def test_ask_says_who_answered_in_whose_place() -> None:
    receipt = Receipt(provider="b", family="f", surface="s", model="m", called="m")
    failed = (
        FailedAttempt("throttled", provider="a", model="1"),
        FailedAttempt("throttled", provider="a", model="1"),
        FailedAttempt("timeout"),
    )
    assert instead(receipt) is None
    assert instead(evolve(receipt, failed_attempts=failed)) == (
        "answered by b m, after a 1: throttled"
    )


def test_explain_call_explains_the_first_target(capsys: Shown) -> None:
    assert main(["explain", "call", "--model", "fast", "hello"]) == 2
    assert "does not support `explain call`" in capsys.readouterr().err


# ── doubts ────────────────────────────────────────────────────────────────────────────────────────

BEDROCK = """\
version: "1.0"
llm_providers:
  bedrock:
    enabled: true
    config: {region: eu-central-1, model: eu.anthropic.claude-sonnet-5-5}
  echo: {enabled: true}
"""


def warnings(folder: Path, capsys: Shown, more: str) -> list[str]:
    pytest.importorskip("axonflow_bedrock")
    (folder / "axonflow.yaml").write_text(BEDROCK + more)
    assert main(["check", "--no-credentials", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    return [warning["message"] for warning in told["warnings"]]


def test_check_warns_of_a_name_that_is_an_id(tmp_path: Path, capsys: Shown) -> None:
    more = "models:\n  amazon.nova-lite-v1:0:\n    - {provider: echo, model: parrot}\n"
    assert warnings(tmp_path, capsys, more) == [
        "the model name `amazon.nova-lite-v1:0` is an id of bedrock, which it hides"
    ]


VENDORS = """\
  anthropic: {enabled: true}
  openai: {enabled: true, config: {model: gpt-6-luna}}
  azure-openai:
    enabled: true
    config: {endpoint: "https://acme.openai.azure.com", model: chat, deployments: {chat: gpt-4o}}
models:
  fast:
    - {provider: openai, model: gpt-6-luna}
    - {provider: azure-openai, model: gpt-6-luna}
"""


@pytest.mark.parametrize(
    ("provider", "model", "message", "hint"),
    [
        ("anthropic", "gpt-4.1", "is no model that is known here", "it is one of openai: write"),
        ("bedrock", "gpt-4.1", "is no model of bedrock", "it is one of openai: write the id"),
        ("openai", "gpt-6-lunna", "is no model that is known here", "did you mean `gpt-6-luna`?"),
        ("azure-openai", "mine", "of the deployment mine it is not known", "write `deployments:"),
    ],
)
def test_check_warns_of_an_id_that_the_targets_provider_does_not_have(
    tmp_path: Path,
    capsys: Shown,
    monkeypatch: pytest.MonkeyPatch,
    provider: str,
    model: str,
    message: str,
    hint: str,
) -> None:
    for name in ("anthropic", "openai", "azure_openai"):
        pytest.importorskip(f"axonflow_{name}")
        monkeypatch.setenv(f"{name.upper()}_API_KEY", "planted")
    version = "version 2024-08-01-preview of the API serves no model that reasons"
    of_azure, *others = warnings(tmp_path, capsys, VENDORS)
    assert version in of_azure and not others

    target = f"    - {{provider: {provider}, model: {model}}}\n"
    assert message in warnings(tmp_path, capsys, VENDORS + target)[-1]
    main(["check", "--no-credentials"])
    shown = capsys.readouterr().err
    assert "--> axonflow.yaml:16:" in shown and f"fix: {hint}" in shown


def test_check_warns_of_a_variable_that_the_file_does_not_read(
    tmp_path: Path, capsys: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("axonflow_openai")
    monkeypatch.setenv("OPENAI_MODEL", "gpt-6-luna")
    monkeypatch.setenv("OPENAI_ENDPOINT", "http://127.0.0.1:1/v1")
    openai = "  openai: {enabled: true, config: {model: gpt-6-luna}}\n"
    assert warnings(tmp_path, capsys, openai) == [
        "OPENAI_ENDPOINT is set and not read: the file decides, and has no `endpoint`"
    ]
    main(["check", "--no-credentials"])
    shown = capsys.readouterr().err
    assert "--> axonflow.yaml:7:35" in shown and "fix: endpoint: ${OPENAI_ENDPOINT}" in shown


def test_check_warns_of_targets_outside_of_the_regions(tmp_path: Path, capsys: Shown) -> None:
    assert warnings(tmp_path, capsys, "routing: {regions: [eu-*]}\n") == []
    assert warnings(tmp_path, capsys, "routing: {regions: [eu-central-1]}\n") == [
        "bedrock eu.anthropic.claude-sonnet-5-5: it may be processed in eu-*"
    ]
    more = """\
models:
  far:
    - {provider: bedrock, model: us.amazon.nova-lite-v1:0}
routing: {regions: [eu-*]}
"""
    assert warnings(tmp_path, capsys, more) == [
        "far: no target may take the call: bedrock us.amazon.nova-lite-v1:0: "
        "it may be processed in us-*"
    ]
