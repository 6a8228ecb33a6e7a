"""The keys of the audit that a command works on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from axonflow_core.keys import Keys


def server_keys(path: Path | None, url: str | None = None) -> Keys:
    """The keys of the server: of its configuration, or of the environment where the database is
    named."""
    import os

    from axonflow_core.config import load_config
    from axonflow_core.keys import load_keys

    if url is not None and path is None:
        return load_keys(None, os.environ)
    server = load_config(path).server
    folder = Path(server.keys_dir) if server.keys_dir else None
    return load_keys(folder, os.environ, server.key_command)
