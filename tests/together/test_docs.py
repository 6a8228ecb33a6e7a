"""The examples in README and docs run: Python against the emulator, YAML through the loader, IAM
policies as JSON."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from axonflow_bedrock.serving import RunningEmulator
from axonflow_core import load_config

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [ROOT / "README.md", *(ROOT / "plugins").glob("*/README.md"), *(ROOT / "docs").glob("*.md")]
)


def blocks(language: str) -> Iterator[tuple[str, str]]:
    for page in PAGES:
        for number, found in enumerate(
            re.finditer(rf"^```{language}\n(.*?)^```", page.read_text("utf-8"), re.M | re.S)
        ):
            yield f"{page.relative_to(ROOT)}#{number}", found[1]


def cases(language: str, without: str = "\0") -> list[Any]:
    return [pytest.param(text, id=name) for name, text in blocks(language) if without not in text]


def prose_of(page: str) -> str:
    """A page without its blocks: `functions[name](value)` is no link."""
    return re.sub(r"^```.*?^```", "", page, flags=re.M | re.S)


@pytest.mark.sampled(3)
@pytest.mark.parametrize("text", cases("python", without="def test_"))
def test_a_python_example_runs_against_the_emulator(
    text: str, bedrock_emulator: RunningEmulator, tmp_path: Path
) -> None:
    environment = {**os.environ, **bedrock_emulator.environment}
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", text],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
    )
    assert (ran.returncode, ran.stderr) == (0, b"")
    assert ran.stdout.strip()


def test_the_pytest_examples_pass(tmp_path: Path) -> None:
    examples = [text for _, text in blocks("python") if "def test_" in text]
    for number, text in enumerate(examples):
        (tmp_path / f"test_{number}.py").write_text(text)
    ran = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-W",
            "error::ResourceWarning",
            "-p",
            "no:cacheprovider",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert f"{len(examples)} passed" in ran.stdout, ran.stdout


VENDORS = ("ANTHROPIC", "AZURE_OPENAI", "GOOGLE", "OPENAI")
KEYS = {f"{vendor}_API_KEY": "a-key" for vendor in VENDORS}
"""What examples have of other vendors' keys."""
BEGINNING = """version: "1.0"
llm_providers: {bedrock: {enabled: true, config: {region: us-east-1}}}
"""
"""What a section that a page shows alone is added to."""


@pytest.mark.parametrize("text", cases("yaml"))
def test_a_yaml_example_loads_as_it_stands(text: str, tmp_path: Path) -> None:
    path = tmp_path / "axonflow.yaml"
    text = text if "llm_providers" in text else BEGINNING + text
    path.write_text(text, "utf-8")
    config = load_config(path, {"BEDROCK_REGION": "us-east-1", **KEYS})
    assert list(config.providers) == list(yaml.safe_load(text)["llm_providers"])


@pytest.mark.parametrize("text", cases("json"))
def test_an_iam_policy_of_the_docs_is_json(text: str) -> None:
    assert json.loads(text)["Version"] == "2012-10-17"


def test_every_link_inside_the_docs_leads_somewhere() -> None:
    links = [
        (page, link)
        for page in PAGES
        for link in re.findall(r"\]\(([^)#:]+)[^)]*\)", prose_of(page.read_text("utf-8")))
    ]
    assert links
    assert [(page.name, link) for page, link in links if not (page.parent / link).exists()] == []
