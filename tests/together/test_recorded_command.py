"""`axonflow codecs check` on recordings of Bedrock, with an installed provider and codec."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest
from on_time import GUARD_S

from axonflow_core.messages import Json

PROVIDER = """
    from axonflow_bedrock.config import BedrockConfig
    from axonflow_bedrock.families.titan import CODEC
    from axonflow_bedrock.recorded import BedrockRecordingFormat
    from axonflow_core.hookspecs import hookimpl
    from axonflow_core.plugin_spec import ProviderSpec

    @hookimpl
    def axonflow_register_provider():
        return ProviderSpec(
            name="zoo", display_name="Zoo", config_type=BedrockConfig, create=None,
            recordings=BedrockRecordingFormat,
        )
"""
CODECS = """
    from axonflow_bedrock.families.titan import CODEC
    from axonflow_core.hookspecs import hookimpl

    @hookimpl
    def axonflow_register_codec():
        return CODEC
"""
ON_BEDROCK = {
    "name": "a",
    "status": 200,
    "operation": "InvokeModel",
    "model_id": "amazon.titan-text-express-v1",
    "request_body": {"inputText": "User: How many rivers has the town?\nBot:"},
    "response_body": {
        "inputTextTokenCount": 7,
        "results": [
            {
                "tokenCount": 13,
                "outputText": "The town has three rivers, and all of them are shallow.",
                "completionReason": "FINISH",
            }
        ],
    },
    "response_headers": {
        "X-Amzn-Bedrock-Input-Token-Count": "7",
        "x-amzn-bedrock-output-token-count": "13",
    },
}
Check = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def check(
    tmp_path: Path, install: Callable[..., None], environment_of: Callable[..., Mapping[str, str]]
) -> Check:
    """Runs `axonflow codecs check` on these exchanges, with a provider that can open them."""
    install("zoo-provider", "axonflow.providers", PROVIDER)
    install("zoo-codecs", "axonflow.codecs.zoo", CODECS, point="titan")

    def run(*exchanges: Json, options: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
        path = tmp_path / "traffic.jsonl"
        path.write_text(
            "".join(
                f"{each if isinstance(each, str) else json.dumps(each)}\n" for each in exchanges
            )
        )
        command = [
            sys.executable,
            "-m",
            "axonflow_core.cli",
            "codecs",
            "check",
            str(path),
            "--provider",
            "zoo",
        ]
        return subprocess.run(
            [*command, *options],
            env=environment_of(),
            capture_output=True,
            text=True,
            check=False,
            timeout=GUARD_S,
        )

    return run


def test_the_command_exits_0_when_every_law_is_kept(check: Check) -> None:
    finished = check(ON_BEDROCK, options=["--json"])

    assert (finished.returncode, finished.stderr) == (0, "")
    assert json.loads(finished.stdout)["failures"] == []


def test_the_command_exits_1_when_one_is_broken_and_says_where(check: Check) -> None:
    finished = check({**ON_BEDROCK, "request_body": {"inputTxt": "hi"}})

    assert finished.returncode == 1
    assert "traffic/a: request: at $: expected" in finished.stdout


def test_what_is_unsupported_fails_only_the_strict_command(check: Check) -> None:
    converse = {**ON_BEDROCK, "operation": "Converse"}

    assert check(converse).returncode == 0
    assert check(converse, options=["--strict"]).returncode == 1


def test_a_faulty_file_exits_2_and_names_the_line(check: Check) -> None:
    finished = check("nonsense")

    assert (finished.returncode, finished.stdout) == (2, "")
    assert "traffic.jsonl:1: the line is not JSON" in finished.stderr.replace("\n", "")


def test_a_prompt_that_follows_no_template_passes(check: Check) -> None:
    raw = {**ON_BEDROCK, "request_body": {"inputText": "Once\nBot: there was a User: table"}}

    assert check(raw).returncode == 0
