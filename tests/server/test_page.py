"""`docs/server.md`: what it shows of the configuration is accepted as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pages import Page

from axonflow_core.config import load_config

BLOCKS = re.findall(r"^```yaml[^\n]*\n(.*?)^```", Page("server.md").text, re.M | re.S)
BEGINNING = 'version: "1.0"\nllm_providers: {echo: {enabled: true}}\n'


@pytest.mark.parametrize("block", BLOCKS)
def test_a_block_of_the_page_is_a_configuration(block: str, tmp_path: Path) -> None:
    path = tmp_path / "axonflow.yaml"
    path.write_text(block if block.startswith("version") else BEGINNING + block)

    assert load_config(path, {}).warnings == ()


def test_the_page_has_blocks() -> None:
    assert len(BLOCKS) == 3
