"""`docs/server.md`: its files are written, its server runs, its client prints what it says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pages import Page

from axonflow_core.keys import load_keys, make_keys
from axonflow_core.server.auth import client_secret

from .governed import served

PAGE = Page("server.md")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The page's files, with the keys that its first command makes."""
    for name, content in PAGE.files().items():
        (tmp_path / name).write_text(content)
    make_keys(tmp_path / "keys")
    return tmp_path


def test_the_pages_client_is_answered_and_blocked_by_the_pages_server(folder: Path) -> None:
    secret = client_secret(load_keys(folder / "keys", {}).server[0], "acme", 1)

    with served(folder, folder / "axonflow.yaml") as (url, *_):
        script = (folder / "client.py").read_text().replace("http://127.0.0.1:8080", url)
        ran = subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "ACME_SECRET": secret},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )

    assert ran.stdout.splitlines()[1:] == ["blocked by no-aurora"]
    assert "emulated model" in ran.stdout
