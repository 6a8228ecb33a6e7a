"""The policies of the configuration, for commands that try them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Mapping

    from axonflow_core.config.values import PoliciesConfig
    from axonflow_core.policy.engine import Policy
    from axonflow_core.policy.policies import Policies

client_option = click.option("--client", default="", help="As for calls of this client.")
for_model_option = click.option(
    "--model", help="As for calls of this model, by id or by the name of a named model."
)


def posture(policies: PoliciesConfig) -> Mapping[str, str]:
    """What the configuration and the environment say of policies, in words: nothing where each
    detector has its own action."""
    told = policies.variables
    profiles = (
        (told.enforced_profile, "AXONFLOW_ENFORCE"),
        (policies.profile, "policies.profile"),
        (told.profile, "AXONFLOW_PROFILE"),
    )
    actions = {f"{key} {action}" for key, action in policies.actions.items()}
    actions |= {f"{each.source}={each.action}" for each in told.actions.values()}
    actions |= {f"{category} block" for category in told.enforced}
    lists = {
        "profile": [f"{name} ({source})" for name, source in profiles if name is not None][:1],
        "actions": sorted(actions),
        "rules": [rule.name for rule in policies.rules],
        "clients": list(policies.clients),
        "models": list(policies.models),
        "detectors": list(policies.detectors),
    }
    return {name: ", ".join(items) for name, items in lists.items() if items}


def policies_of(path: Path | None, client: str = "") -> Policies:
    """The policies of the configuration. Without a file, of the detectors and the environment.
    `click.UsageError` for a client that the configuration does not have."""
    import os

    from axonflow_core.cli.extras import server_extra
    from axonflow_core.config import load_config
    from axonflow_core.config.loading import file_of
    from axonflow_core.config.policies import variables_of
    from axonflow_core.config.values import PoliciesConfig

    with server_extra():
        from axonflow_core.policy.policies import Policies

    if file_of(path, os.environ) is not None:
        config = load_config(path)
        if client and client not in config.server.clients:
            known = ", ".join(config.server.clients) or "none"
            raise click.UsageError(f"there is no client `{client}`; `server.clients` has {known}")
        return Policies.build(config.policies)
    return Policies.build(PoliciesConfig(variables=variables_of(os.environ)))


def policy_of(path: Path | None, client: str = "", model: str | None = None) -> Policy:
    """The policy of the calls of a client, to a model."""
    return policies_of(path, client).of(client, [] if model is None else [model])
