"""The policies of the configuration, for commands that try them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from axonflow_core.policy.engine import Policy
    from axonflow_core.policy.policies import Policies

client_option = click.option("--client", default="", help="As for calls of this client.")
for_model_option = click.option(
    "--model", help="As for calls of this model, by id or by the name of a named model."
)


def policies_of(path: Path | None) -> Policies:
    """The policies of the configuration. Without a file, of the detectors and the environment."""
    import os

    from axonflow_core.cli.extras import server_extra
    from axonflow_core.config import load_config
    from axonflow_core.config.loading import file_of
    from axonflow_core.config.policies import variables_of
    from axonflow_core.config.values import PoliciesConfig

    with server_extra():
        from axonflow_core.policy.policies import Policies

    if file_of(path, os.environ) is not None:
        return Policies.build(load_config(path).policies)
    return Policies.build(PoliciesConfig(variables=variables_of(os.environ)))


def policy_of(path: Path | None, client: str = "", model: str | None = None) -> Policy:
    """The policy of the calls of a client, to a model."""
    return policies_of(path).of(client, [] if model is None else [model])
