"""The AWS command line, unmodified, against the emulator alone. It has InvokeModel and no
streams."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from axonflow_bedrock.serving import RunningEmulator

AWS = shutil.which("aws", path=str(Path(sys.executable).parent))
CLAUDE = "us.anthropic.claude-sonnet-4-20250514-v1:0"

pytestmark = pytest.mark.skipif(
    AWS is None, reason="the AWS command line is not installed: pip install awscli"
)


def invoke(emulator: RunningEmulator, model: str, folder: Path) -> subprocess.CompletedProcess[str]:
    question = {
        "anthropic_version": "bedrock-2023-05-31",
        "max_tokens": 50,
        "messages": [{"role": "user", "content": "Are you there?"}],
    }
    (folder / "body.json").write_text(json.dumps(question))
    command = (
        f"{AWS} bedrock-runtime invoke-model --model-id {model} "
        "--body fileb://body.json answer.json"
    )
    environment = {**os.environ, **emulator.environment, "HOME": str(folder)}
    return subprocess.run(
        command.split(), cwd=folder, env=environment, capture_output=True, text=True
    )


def test_it_gets_an_answer(bedrock_emulator: RunningEmulator, tmp_path: Path) -> None:
    ran = invoke(bedrock_emulator, CLAUDE, tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert (
        "Are you there?" in json.loads((tmp_path / "answer.json").read_text())["content"][0]["text"]
    )


def test_it_hears_a_refusal(bedrock_emulator: RunningEmulator, tmp_path: Path) -> None:
    ran = invoke(bedrock_emulator, CLAUDE.removeprefix("us."), tmp_path)
    assert ran.returncode != 0
    assert "ValidationException" in ran.stderr and "on-demand throughput" in ran.stderr
