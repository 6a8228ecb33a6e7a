"""The examples of `docs/clients.md` run as they stand there, but for the port."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from .conftest import Endpoint
from .node import package, run

PAGE = (Path(__file__).parents[2] / "docs" / "clients.md").read_text("utf-8")
FILES = {
    found[1]: found[2] for found in re.finditer(r"^```\w+ file=(\S+)\n(.*?)^```", PAGE, re.M | re.S)
}
URL = "http://127.0.0.1:8080"
PYTHON = {
    "openai_sdk.py": "openai",
    "langchain.py": "langchain_openai",
    "litellm_client.py": "litellm",
    "pydantic_ai_client.py": "pydantic_ai",
    "instructor_client.py": "instructor",
    "llama_index_client.py": "llama_index.llms.openai_like",
    "boto3_client.py": "boto3",
}
"""Example -> the module that it needs."""
SKY = "Why is the sky blue?"


def written(name: str, folder: Path, endpoint: Endpoint) -> Path:
    path = folder / name
    path.write_text(FILES[name].replace(URL, endpoint.url))
    return path


def is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # not even the package that it would be in
        return False


@pytest.mark.parametrize("name", PYTHON)
def test_an_example_in_python_runs(
    name: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    if not is_installed(PYTHON[name]):
        pytest.skip(f"{PYTHON[name]} is missing")
    endpoint: Endpoint = request.getfixturevalue("endpoint")
    ran = subprocess.run(
        [sys.executable, str(written(name, tmp_path, endpoint))],
        env={**os.environ, "AXONFLOW_KEY": endpoint.key},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=90,
    )

    assert ran.returncode == 0, ran.stderr
    assert SKY in ran.stdout or "Colour" in ran.stdout or "name=" in ran.stdout
    if name == "openai_sdk.py":
        assert "policy_blocked" in ran.stdout


@pytest.mark.skipif(not is_installed("llm"), reason="the package llm is missing")
def test_the_example_of_llm_runs(endpoint: Endpoint, tmp_path: Path) -> None:
    written("extra-openai-models.yaml", tmp_path, endpoint)
    folder = Path(sys.executable).parent
    environment = {
        **os.environ,
        "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
        "LLM_USER_PATH": str(tmp_path),
        "AXONFLOW_KEY": endpoint.key,
    }
    ran = subprocess.run(
        ["sh", "-e", str(written("llm.sh", tmp_path, endpoint))],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=90,
    )

    assert SKY in ran.stdout, ran.stderr


def test_the_example_of_vercels_sdk_runs(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    modules = package("ai", "@ai-sdk/openai-compatible")
    endpoint: Endpoint = request.getfixturevalue("endpoint")
    (tmp_path / "node_modules").symlink_to(modules)
    path = written("vercel.mjs", tmp_path, endpoint)

    ran = run(["node", str(path)], tmp_path, {"AXONFLOW_KEY": endpoint.key})

    assert SKY in ran.stdout, ran.stderr


def test_the_example_of_codex_runs(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    modules = package("@openai/codex")
    endpoint: Endpoint = request.getfixturevalue("endpoint")
    written("config.toml", tmp_path, endpoint)
    environment = {
        "PATH": f"{modules / '.bin'}{os.pathsep}{os.environ['PATH']}",
        "CODEX_HOME": str(tmp_path),
        "AXONFLOW_KEY": endpoint.key,
    }

    ran = run(["sh", "-e", str(written("codex.sh", tmp_path, endpoint))], tmp_path, environment)

    assert SKY in ran.stdout, ran.stderr
