"""simonw/llm, the command: its file of models of OpenAI's form names the server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

from .conftest import Endpoint

pytestmark = pytest.mark.skipif(find_spec("llm") is None, reason="the package llm is missing")

Ran = subprocess.CompletedProcess[str]


@pytest.fixture
def llm(endpoint: Endpoint, tmp_path: Path) -> Callable[..., Ran]:
    models = [
        {
            "model_id": name,
            "model_name": name,
            "api_base": f"{endpoint.url}/v1",
            "api_key_name": "axonflow",
            "supports_tools": True,
            "supports_schema": True,
        }
        for name in ("claude", "gpt-99")
    ]
    # JSON is YAML, which is what the file is read as.
    (tmp_path / "extra-openai-models.yaml").write_text(json.dumps(models))

    def run(*arguments: str, key: str = endpoint.key) -> Ran:
        (tmp_path / "keys.json").write_text(json.dumps({"axonflow": key}))
        return subprocess.run(
            [sys.executable, "-m", "llm", *arguments],
            env={**os.environ, "LLM_USER_PATH": str(tmp_path)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )

    return run


def test_a_text_is_answered_whole_and_streamed(llm: Callable[..., Ran]) -> None:
    whole, streamed = llm("-m", "claude", "--no-stream", "hi"), llm("-m", "claude", "hi")

    assert "You said: hi" in whole.stdout, whole.stderr
    assert streamed.stdout == whole.stdout


def test_a_tool_is_run(llm: Callable[..., Ran], tmp_path: Path) -> None:
    tool = 'def get_weather(city: str) -> str:\n    "Tells the weather."\n    return "rain"\n'
    (tmp_path / "tools.py").write_text(tool)

    ran = llm("-m", "claude", "--functions", str(tmp_path / "tools.py"), "weather")

    assert "Take an umbrella." in ran.stdout, ran.stderr


def test_errors_can_be_read(llm: Callable[..., Ran]) -> None:
    blocked = llm("-m", "claude", "project aurora")
    missing = llm("-m", "gpt-99", "hi")
    stranger = llm("-m", "claude", "hi", key="unknown")

    assert blocked.returncode and "no-aurora" in blocked.stderr
    assert missing.returncode and "model" in missing.stderr
    assert stranger.returncode and "API key" in stranger.stderr
