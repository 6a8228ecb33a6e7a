"""What `axonflow demo --serve` serves, against what docs/clients.md says of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from axonflow_core.cli.governed import configuration
from axonflow_core.config import load_config


@pytest.mark.parametrize(
    ("provider", "model", "names"),
    [
        ("bedrock", "us.anthropic.claude-sonnet-4-6", ["claude"]),
        ("ollama", "llama3.1:latest", []),
    ],
)
def test_a_demo_before_a_claude_has_the_name_of_the_examples(
    tmp_path: Path, provider: str, model: str, names: list[str]
) -> None:
    text = configuration(provider, {"model": model}, tmp_path)

    config = load_config(tmp_path / "axonflow.yaml", {}, text=text)

    assert list(config.models) == names
