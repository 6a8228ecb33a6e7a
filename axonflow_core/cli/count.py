"""`axonflow count`: the number of tokens of a prompt."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from axonflow_core.messages import TokenCount


@click.command(short_help="Count the tokens of a prompt without asking it.")
@click.argument("prompt")
@click.option(
    "-m", "--model", help="The model id, as the provider writes it. Default: the configured one."
)
@click.option(
    "--provider", help="The provider, by its key in the configuration. Default: the first one."
)
@click.option("--json", "is_json", is_flag=True, help="One JSON object.")
@click.option("--config", "path", type=click.Path(path_type=Path), help="The configuration file.")
def count(
    *, prompt: str, model: str | None, provider: str | None, is_json: bool, path: Path | None
) -> None:
    """Count the input tokens that PROMPT would be billed as. With `-` the prompt is read from
    stdin."""
    import asyncio

    from axonflow_core.cli.ask import read_prompt
    from axonflow_core.cli.display import write_json

    counted = asyncio.run(_count(read_prompt(prompt), model, provider, path))
    if is_json:
        write_json({"input_tokens": counted.input_tokens})
    else:
        click.echo(counted.input_tokens)


async def _count(
    prompt: str, model: str | None, provider: str | None, path: Path | None
) -> TokenCount:
    from axonflow_core.config import load_config
    from axonflow_core.runtime import Runtime

    async with Runtime.open(load_config(path)) as runtime:
        return await runtime.count_tokens(prompt, model=model, provider=provider)
