"""The options that several commands have, each written once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


def _model_ids(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The ids of living models that begin so, for completion in a shell. Nothing where a plugin
    fails: its message would stand in the command line."""
    from click.shell_completion import CompletionItem

    from axonflow_core.cli.models import installed_models
    from axonflow_core.errors import AxonFlowError

    try:
        described = [model for _, catalogue in installed_models() for model in catalogue.models]
    except AxonFlowError:
        return []
    ids = (id for model in described if model.life != "ended" for id in model.ids)
    return [CompletionItem(id) for id in ids if id.startswith(incomplete)]


model_option = click.option(
    "-m",
    "--model",
    help="The model id, as the provider writes it. Default: the configured one.",
    shell_complete=_model_ids,
)
provider_option = click.option(
    "--provider", help="The provider, by its key in the configuration. Default: the first one."
)
config_option = click.option(
    "--config", "path", type=click.Path(path_type=Path), help="The configuration file."
)
json_option = click.option("--json", "is_json", is_flag=True, help="One JSON object.")
mode_option = click.option(
    "--mode",
    type=click.Choice(("prompt", "answer", "parameter", "sql")),
    help="What kind of text it is. Default: prompt; of a corpus, what its name says.",
)
