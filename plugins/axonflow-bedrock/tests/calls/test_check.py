"""`axonflow check` is as strict as the first call: each fault and warning has its line, and what is
meant."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from axonflow_bedrock.models.table import Status, load_models
from axonflow_core.cli import main

Check: TypeAlias = Callable[..., tuple[int, Any]]
KEYS = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE12345678", "AWS_SECRET_ACCESS_KEY": "not-a-secret"}
ARN = "arn:aws:bedrock:us-east-1:111122223333:application-inference-profile/x1"
SONNET = "us.anthropic.claude-sonnet-4-6"
ELSEWHERE = f"arn:aws:bedrock:us-east-2:111122223333:inference-profile/{SONNET}"


@pytest.fixture
def check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Check:
    """Checks a file whose `config:` has these lines, from line 6; the exit code and the JSON."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(("AWS_", "BEDROCK_"))]:
        monkeypatch.delenv(name)
    for name, value in {**KEYS, "HOME": str(tmp_path), "AWS_EC2_METADATA_DISABLED": "true"}.items():
        monkeypatch.setenv(name, value)

    def checked(*lines: str, entry: str = "enabled: true", options: tuple[str, ...] = ()) -> Any:
        config = "".join(f"      {line}\n" for line in lines)
        (tmp_path / "axonflow.yaml").write_text(
            f'version: "1.0"\nllm_providers:\n  bedrock:\n    {entry}\n    config:\n{config}'
        )
        code = main(["check", "--json", *options])
        return code, json.loads(capsys.readouterr().out)

    return checked


def told(found: Any) -> list[tuple[int | None, str, str | None]]:
    return [(each["line"], each["message"], each["fix"]) for each in found]


# ── faults: what refuses the first call before anything is sent ───────────────────────────────────


@pytest.mark.parametrize(
    ("lines", "line", "message", "fix"),
    [
        (["region: us-esat-1"], 6, "'us-esat-1' is not an AWS region", "`us-east-1`"),
        (["region: us-east1"], 6, "'us-east1' is not an AWS region", "`us-east-1`"),
        (["region: US-EAST-1"], 6, "'US-EAST-1' is not an AWS region", "`us-east-1`"),
        (["region: frankfurt"], 6, "'frankfurt' is not an AWS region", "look like us-east-1"),
        (["region: us-east-1", "family: antropic"], 7, "no family 'antropic'", "`anthropic`"),
        (["region: us-east-1", "family: lama/llama3"], 7, "no family", "`llama/llama3`"),
        (
            ["region: us-east-1", "family: nova2", "surface: converse"],
            7,
            "no family 'nova2'",
            "`nova`",
        ),
        (["region: us-east-1", "families: [anthropik]"], 7, "no family 'anthropik'", "`anthropic`"),
        (["region: us-east-1", "families:", "- anthropic", "- tytan"], 9, "'tytan'", "`titan`"),
        (["region: us-east-1", "residency: mars"], 7, "no geography 'mars'", "apac, au, ca, eu"),
        (["region: us-east-1", "residency: EU", f"model: {SONNET}"], 7, "no geography 'EU'", "eu"),
        (["region: us-east-1", "family: llama"], 7, "has several forms", "llama/llama2"),
        (["region: us-east-1", "residency: uss"], 7, "no geography 'uss'", "`us`"),
        (["region: us-east-1", "residency: eu", f"model: {SONNET}"], 8, "only eu is allowed", "eu"),
        (
            ["region: us-east-1", "families: [nova]", f"model: {SONNET}"],
            8,
            "may not call",
            "families",
        ),
        (
            ["region: us-east-1", "surface: invoke", "model: claude-sonnet-4-6"],
            8,
            "does not say which model",
            f"did you mean `{SONNET}`?",
        ),
        (["model: amazon.nova-pro-v1:0"], 5, "no region is configured", "AWS_REGION"),
        (
            ["region: us-east-1", "model: bedrock/amazon.nova-pro-v1:0"],
            7,
            "prefix",
            "model: amazon",
        ),
    ],
)
@pytest.mark.sampled(3)
def test_a_fault_has_its_line_and_what_is_meant(
    check: Check, lines: list[str], line: int, message: str, fix: str
) -> None:
    code, found = check(*lines)
    ((at, said, mended),) = told(found["faults"])
    assert (code, found["ok"], at) == (3, False, line)
    assert message in said and fix in (mended or "")


def test_a_value_that_is_quoted_is_quoted_as_far_as_a_line_has_room(check: Check) -> None:
    _, found = check(f"region: {'x' * 5_000}")

    ((_, message, _),) = told(found["faults"])
    assert "'xxx" in message and message.endswith(" …") and len(message) < 500


def test_every_fault_is_told_at_once_with_the_warnings(check: Check) -> None:
    code, found = check(
        "region: us-esat-1",
        "model: anthropic.claude-sonet-9",
        "family: antropic",
        "families: [anthropik]",
        "residency: mars",
        entry="enable: true",
    )
    assert code == 3
    assert [line for line, _, _ in told(found["faults"])] == [4, 6, 8, 9, 10]
    assert [line for line, _, _ in told(found["warnings"])] == [7]


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"AWS_PROFILE": "nosuch"}, "AWS_PROFILE names the profile 'nosuch'"),
        ({"AWS_DEFAULT_PROFILE": "nosuch"}, "AWS_DEFAULT_PROFILE names the profile 'nosuch'"),
        ({"AWS_REGION": "us-esat-1"}, "'us-esat-1' is not an AWS region, and AWS_REGION names it"),
        ({"AWS_REGION": "US-EAST-1"}, "'US-EAST-1' is not an AWS region, and AWS_REGION names it"),
        ({"AWS_DEFAULT_REGION": "us-east-1 "}, "and AWS_DEFAULT_REGION names it"),
        ({"AWS_ENDPOINT_URL_BEDROCK_RUNTIME": "nowhere"}, "the endpoint of AWS's settings"),
        ({"AWS_CA_BUNDLE": "/nowhere.pem"}, "the certificates in /nowhere.pem"),
        ({"AWS_MAX_ATTEMPTS": "many"}, "AWS's settings have a number that is none"),
        ({"HTTPS_PROXY": "ftp://proxy"}, "the URL of the proxy cannot be used"),
        ({"AWS_ACCESS_KEY_ID": "line\nbreak"}, "AWS_ACCESS_KEY_ID (env) has a line break"),
        (
            {
                "AWS_BEARER_TOKEN_BEDROCK": "api-key",
                "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": "http://bedrock.example",
            },
            "a Bedrock API key is not sent to bedrock.example over plain http",
        ),
    ],
)
@pytest.mark.sampled(3)
def test_settings_of_aws_that_the_first_call_refuses_are_faults(
    check: Check, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], message: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    region = [] if any("REGION" in name for name in variables) else ["region: us-east-1"]
    code, found = check(*region, f"model: {SONNET}")
    ((line, said, _),) = told(found["faults"])
    assert (code, line) == (4 if "key" in message.lower() else 3, 5) and message in said


def test_missing_credentials_have_an_exit_code_of_their_own_and_may_be_left_out(
    check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in KEYS:
        monkeypatch.delenv(name)
    code, found = check("region: us-east-1", f"model: {SONNET}")
    assert (code, [fault["code"] for fault in found["faults"]]) == (4, ["credentials_missing"])
    code, found = check("region: us-east-1", f"model: {SONNET}", options=("--no-credentials",))
    assert (code, found["faults"]) == (0, [])


# ── warnings: what Bedrock refuses, as far as the model table knows ───────────────────────────────


@pytest.mark.parametrize(
    ("lines", "line", "message", "fix"),
    [
        (
            ["model: anthropic.claude-sonet-9"],
            7,
            "has no anthropic.claude-sonet-9",
            "claude-sonnet",
        ),
        (
            ["model: antropic.claude-haiku-4-5"],
            7,
            "has no antropic",
            "us.anthropic.claude-haiku-4-5",
        ),
        (["model: claude-sonnet-4-6"], 7, "has no claude-sonnet-4-6", f"`{SONNET}`"),
        (["model: amazon.nova-pro"], 7, "has no amazon.nova-pro", "`amazon.nova-pro-v1:0`"),
        (["model: anthropic.claude-sonnet-4-6"], 7, "not offered on demand", f"model: {SONNET}"),
        (["model: uk.anthropic.claude-sonnet-4-6"], 7, "no profile uk.", f"model: {SONNET}"),
        (
            ["model: eu.anthropic.claude-sonnet-4-6"],
            7,
            "eu. cannot be called from us-east-1",
            SONNET,
        ),
        (
            ["model: anthropic.claude-instant-v1"],
            7,
            "reached its end of life",
            "model: us.anthropic",
        ),
        ([f"model: {ELSEWHERE}"], 7, "the ARN names us-east-2, and the call goes", "us-east-2"),
        ([f"model: {SONNET}", "max_tokens: 900000"], 8, "tokens at most", "max_tokens: "),
        (
            ["family: anthropic", "base_model: anthropic.claude-sonnet-4-7", f"model: {ARN}"],
            8,
            "has no anthropic.claude-sonnet-4-7",
            "claude-sonnet",
        ),
    ],
)
@pytest.mark.sampled(3)
def test_a_warning_has_its_line_and_what_is_meant(
    check: Check, lines: list[str], line: int, message: str, fix: str
) -> None:
    code, found = check("region: us-east-1", *lines)
    assert (code, found["faults"]) == (0, [])
    ((at, said, mended),) = told(found["warnings"])
    assert at == line and message in said and fix in (mended or "")


def test_a_region_of_the_right_form_that_nobody_knows_is_a_warning(
    check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, found = check("region: ue-west-1", "model: amazon.nova-pro-v1:0")
    ((line, said, fix),) = told(found["warnings"])
    assert (code, line, fix) == (0, 6, "did you mean `eu-west-1`?") and "ue-west-1" in said
    monkeypatch.setenv("AWS_REGION", "su-west-2")
    _, found = check("model: amazon.nova-pro-v1:0")
    assert told(found["warnings"])[0][2] == "did you mean `us-west-2`?"


def test_a_plain_id_is_no_warning_where_the_provider_finds_the_profile(check: Check) -> None:
    lines = ("region: us-east-1", "model: anthropic.claude-sonnet-4-6", "profile_fallback: on")
    assert check(*lines)[1]["warnings"] == []


def test_warnings_fail_a_strict_check(check: Check) -> None:
    lines = ("region: us-east-1", "model: amazon.nova-por-v1:0")
    assert check(*lines)[0] == 0
    code, found = check(*lines, options=("--strict",))
    assert (code, found["ok"], found["faults"], len(found["warnings"])) == (1, False, [], 1)


def test_the_documented_default_has_ended_and_one_line_says_what_to_write(
    check: Check, capsys: pytest.CaptureFixture[str]
) -> None:
    code, found = check("region: us-east-1")
    ((line, said, fix),) = told(found["warnings"])
    assert (code, line) == (0, 5)
    assert said.endswith("reached its end of life on 2026-10-14")
    assert fix is not None and fix.startswith("model: us.anthropic.claude-")
    life = found["providers"]["bedrock"]["life"]
    main(["check"])
    assert capsys.readouterr().err.count("reached its end of life") == 1
    assert life == f"ended on 2026-10-14; write {fix.removeprefix('model: ')}"


# ── what holds ────────────────────────────────────────────────────────────────────────────────────


def test_what_holds_is_told_with_where_it_is_from(
    check: Check, capsys: pytest.CaptureFixture[str]
) -> None:
    code, found = check("region: us-east-1", f"model: {SONNET}")
    facts = found["providers"]["bedrock"]
    assert (code, facts["region"], facts["model"]) == (0, "us-east-1", SONNET)
    assert (facts["family"], facts["credentials"]) == ("anthropic, by invoke", "env")
    assert facts["life"].startswith("active")
    main(["check"])
    shown = capsys.readouterr()
    assert shown.err == ""
    assert "  region       us-east-1 (axonflow.yaml:6)\n" in shown.out
    assert f"  model        {SONNET} (axonflow.yaml:7)\n" in shown.out
    assert KEYS["AWS_ACCESS_KEY_ID"][-4:] not in shown.out
    assert max(map(len, shown.out.splitlines())) <= 80


def test_what_variables_decide_is_told_by_their_names(
    check: Check,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("BEDROCK_REGION", "eu-west-1")
    monkeypatch.setenv("BEDROCK_MODEL", "eu.amazon.nova-pro-v1:0")
    assert main(["check", "--json"]) == 0
    capsys.readouterr()
    main(["check"])
    shown = capsys.readouterr().out
    assert "eu-west-1 (BEDROCK_REGION)" in shown
    assert "eu.amazon.nova-pro-v1:0 (BEDROCK_MODEL)" in shown
    monkeypatch.setenv("BEDROCK_REGION", "eu-wset-1")
    assert main(["check"]) == 3
    assert "  --> BEDROCK_REGION\n  fix: did you mean `eu-west-1`?" in capsys.readouterr().err


@pytest.mark.parametrize("model", ["amazon.titan-embed-text-v2:0", "cohere.rerank-v3-5:0"])
def test_a_model_that_answers_no_prompt_is_no_fault(check: Check, model: str) -> None:
    code, found = check("region: us-east-1", f"model: {model}")
    assert (code, found["faults"]) == (0, [])
    assert found["providers"]["bedrock"]["family"].endswith(("embeds", "reranks"))


@pytest.mark.thorough
def test_what_passes_the_check_is_called_model_by_model(
    check: Check, capsys: pytest.CaptureFixture[str]
) -> None:
    known = [entry for entry in load_models() if entry.mode is not None]
    for entry in known[::9]:
        code, found = check("region: us-east-1", f"model: {entry.base_id}")
        assert (code, found["faults"]) == (0, []), entry.base_id
        has_ended = entry.status_on(date.today()) is Status.END_OF_LIFE
        assert ("ended" in found["providers"]["bedrock"]["life"]) == has_ended
        if entry.mode == "chat":
            assert main(["explain", "call", "--json"]) == 0, "what the first call would send"
            capsys.readouterr()
