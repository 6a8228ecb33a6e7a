"""The policy of the configuration, for commands that try it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from axonflow_core.policy.engine import Policy


def policy_of(path: Path | None) -> Policy:
    """The policy of the configuration. Where there is no file, the built-in one."""
    import os

    from axonflow_core.cli.extras import server_extra
    from axonflow_core.config import load_config
    from axonflow_core.config.loading import file_of
    from axonflow_core.config.values import Config

    with server_extra():
        from axonflow_core.policy.engine import Policy

    is_there = file_of(path, os.environ) is not None
    config = load_config(path) if is_there else Config()
    return Policy.build(config.policies)
