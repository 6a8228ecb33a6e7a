"""The policy of the configuration, for commands that try it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from axonflow_core.policy.engine import Policy


def policy_of(path: Path | None) -> Policy:
    """The policy of the configuration. Without a file, of the detectors and the environment."""
    import os

    from axonflow_core.cli.extras import server_extra
    from axonflow_core.config import load_config
    from axonflow_core.config.loading import file_of
    from axonflow_core.config.policies import variables_of
    from axonflow_core.config.values import PoliciesConfig

    with server_extra():
        from axonflow_core.policy.policies import Policies

    if file_of(path, os.environ) is not None:
        return Policies.build(load_config(path).policies).general
    return Policies.build(PoliciesConfig(variables=variables_of(os.environ))).general
