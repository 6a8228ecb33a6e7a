"""What an operator does to a server that runs, or does not see: its file, its workers."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from governed_server import governed_server
from on_time import wait_until

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


@pytest.mark.thorough
def test_the_end_of_a_worker_is_a_line_of_the_log(tmp_path: Path) -> None:
    with governed_server(tmp_path, CONFIG, VARIABLES, arguments=("--workers", "2")) as server:
        workers = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
        assert b"ended with" not in server.log
        os.kill(int(workers[0]), signal.SIGKILL)
        wait_until(lambda: b"ended with exit code -9" in server.log)
