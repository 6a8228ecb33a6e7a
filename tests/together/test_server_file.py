"""The configuration file of a server that was started without `--config`."""

from __future__ import annotations

from pathlib import Path

import pytest
from governed_server import governed_server

CONFIG = """
version: "1.0"
llm_providers: {bedrock: {enabled: true, config: {region: us-east-1}}}
server: {clients: {ops: {roles: [admin]}}}
"""
VARIABLES = {"BEDROCK_REGION": "us-east-1"}
"""A configuration without policies and clients, where no file is found."""


@pytest.mark.thorough
def test_a_reload_is_refused_while_the_file_is_gone(tmp_path: Path) -> None:
    with governed_server(tmp_path, CONFIG, VARIABLES) as server:
        file = tmp_path / "axonflow.yaml"
        written = file.read_text()
        file.unlink()
        refused = server.ask("POST", "/api/v1/reload", client="ops")
        file.write_text(written)
        assert (refused.status, refused.json["generation"]) == (422, 1)
        assert server.ask("POST", "/api/v1/reload", client="ops").status == 200
