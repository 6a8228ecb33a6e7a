"""`axonflow count`: the number of tokens of a prompt."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from axonflow_core.cli.options import config_option, json_option, model_option, provider_option

if TYPE_CHECKING:
    from axonflow_core.messages import TokenCount


@click.command(short_help="Count the tokens of a prompt without asking it.")
@click.argument("prompt", required=False)
@model_option
@provider_option
@json_option
@config_option
def count(
    *, prompt: str | None, model: str | None, provider: str | None, is_json: bool, path: Path | None
) -> None:
    """Count the input tokens that PROMPT would be billed as, below what is piped to stdin. Without
    PROMPT, or with `-`, stdin alone is counted."""
    import asyncio

    from axonflow_core.cli.display import write_json, write_line
    from axonflow_core.cli.question import read_prompt

    counted = asyncio.run(_count(read_prompt(prompt), model, provider, path))
    if is_json:
        write_json({"input_tokens": counted.input_tokens})
    else:
        write_line(str(counted.input_tokens))


async def _count(
    prompt: str, model: str | None, provider: str | None, path: Path | None
) -> TokenCount:
    from axonflow_core.config import load_config
    from axonflow_core.runtime import Runtime

    async with Runtime.open(load_config(path)) as runtime:
        return await runtime.count_tokens(prompt, model=model, provider=provider)
