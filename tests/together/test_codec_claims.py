"""Only what a call needs is imported: the table of claims says what the codecs say, and a first
answer finds no other codec, command or test kit in its process."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from axonflow_bedrock.claims import PATH, page
from axonflow_core.plugins import load_codecs

FIRST_CALL = """
import asyncio, sys
from axonflow_core import Runtime
from axonflow_core.testing.mock_transport import MockTransport, json_answer

ANSWER = {"outputText": "Scattering.", "tokenCount": 2, "completionReason": "FINISH"}
BODY = {"inputTextTokenCount": 4, "results": [ANSWER]}

async def main():
    client = MockTransport(lambda request: json_answer(BODY))
    async with Runtime.open(client=client) as runtime:
        answer = await runtime.complete("Why is the sky blue?")
        assert answer.text == "Scattering."

asyncio.run(main())
print(*sys.modules)
"""
NEEDLESS = ("click", "rich", "hypothesis", "pytest", "uvicorn", "boto3", "botocore")
ENVIRONMENT = {
    "BEDROCK_REGION": "us-east-1",
    "BEDROCK_MODEL": "amazon.titan-text-lite-v1",
    "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "not-a-secret",
    "HOME": "/nowhere",
}


def test_the_table_of_claims_says_what_the_codecs_say() -> None:
    assert PATH.read_text("utf-8") == page(), (
        f"make the table again: python -m axonflow_bedrock.claims > {PATH.name}"
    )


def test_a_name_in_the_registry_is_a_name_in_the_table() -> None:
    listed = {line.split()[2] for line in PATH.read_text("utf-8").splitlines()}
    entries = load_codecs("bedrock").registry
    ours = {entry.codec.name for entry in entries if entry.distribution == "axonflow-bedrock"}

    assert ours == listed


@pytest.fixture(scope="module")
def imported() -> frozenset[str]:
    """The modules of a process after its first answer."""
    inherited = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    finished = subprocess.run(
        [sys.executable, "-c", FIRST_CALL],
        env=inherited | ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert finished.returncode == 0, finished.stderr
    return frozenset(finished.stdout.split())


def test_a_first_answer_imports_the_codec_of_its_model_and_no_other(
    imported: frozenset[str],
) -> None:
    families = {name for name in imported if name.startswith("axonflow_bedrock.families.")}
    assert families == {"axonflow_bedrock.families.titan"}
    assert "axonflow_bedrock.converse" not in imported


@pytest.mark.parametrize("needless", NEEDLESS)
def test_a_first_answer_imports_nothing_that_it_does_not_need(
    imported: frozenset[str], needless: str
) -> None:
    assert needless not in imported


def test_a_first_answer_imports_no_emulator_and_no_command(imported: frozenset[str]) -> None:
    prefixes = ("axonflow_bedrock.emulator", "axonflow_core.cli", "axonflow_core.blocking")
    assert [name for name in imported if name.startswith(prefixes)] == []
