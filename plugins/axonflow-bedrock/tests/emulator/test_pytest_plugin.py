"""The fixture for other people's tests: there when the distribution is installed, and free until it
is asked for."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

HEAVY = ("boto3", "botocore", "uvicorn", "httptools", "attrs", "orjson", "axonflow_core")
TEST = """
import json

import boto3
import pytest

def test_titan(bedrock_emulator):
    client = bedrock_emulator.boto3_client()
    body = json.dumps({"inputText": "Hello", "textGenerationConfig": {"maxTokenCount": 50}})
    answer = client.invoke_model(modelId="amazon.titan-text-express-v1", body=body)
    assert "emulated model of the titan family" in answer["body"].read().decode()
    client.close()

def test_the_same_server(bedrock_emulator):
    url = bedrock_emulator.environment["AWS_ENDPOINT_URL_BEDROCK_RUNTIME"]
    assert url == bedrock_emulator.base_url
    assert len(bedrock_emulator.calls) == 0, "the calls of another test"

@pytest.mark.bedrock(script=[{"when": "weather", "answer": "It rains."}])
def test_of_a_program_without_settings(bedrock_environment):
    client = boto3.client("bedrock-runtime")
    messages = [{"role": "user", "content": [{"text": "The weather?"}]}]
    answer = client.converse(modelId="amazon.nova-lite-v1:0", messages=messages)
    client.close()
    assert answer["output"]["message"]["content"] == [{"text": "It rains."}]
    assert bedrock_environment.calls[0].rule.when == "weather"

@pytest.mark.bedrock([{"answer": "By position."}])
def test_of_a_script_without_its_name(bedrock_emulator):
    client = bedrock_emulator.boto3_client()
    messages = [{"role": "user", "content": [{"text": "The weather?"}]}]
    answer = client.converse(modelId="amazon.nova-lite-v1:0", messages=messages)
    client.close()
    assert answer["output"]["message"]["content"] == [{"text": "By position."}]
"""


def test_importing_the_plugin_imports_nothing_heavy() -> None:
    program = (
        "import axonflow_bedrock.pytest_plugin, sys; "
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )

    assert (
        subprocess.run([sys.executable, "-c", program], check=True, capture_output=True).stdout
        == b"[]\n"
    )


@pytest.mark.thorough
@pytest.mark.skipif(
    not any(point.name == "axonflow_bedrock" for point in entry_points(group="pytest11")),
    reason="axonflow-bedrock is not installed, so pytest does not know its fixture",
)
def test_a_test_of_somebody_else_gets_the_fixture_by_name_alone(tmp_path: Path) -> None:
    (tmp_path / "test_of_somebody_else.py").write_text(TEST)

    arguments = [
        "-m",
        "pytest",
        "-q",
        "--strict-markers",
        "-p",
        "no:cacheprovider",
        "-W",
        "error::ResourceWarning",
    ]
    run = subprocess.run(
        [sys.executable, *arguments], cwd=tmp_path, check=False, capture_output=True, text=True
    )

    assert "4 passed" in run.stdout, run.stdout
