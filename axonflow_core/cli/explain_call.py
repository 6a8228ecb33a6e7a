"""`axonflow explain call`: what a call would be, with nothing sent."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from axonflow_core.cli.sampling import inference_of, sampling_options

if TYPE_CHECKING:
    from axonflow_core.messages import CompletionRequest
    from axonflow_core.provider import Explanation


@click.command("call", short_help="What a call would be; nothing is sent.")
@click.argument("prompt", default="Hello")
@click.option(
    "-m", "--model", help="The model, as its provider spells it. Default: the configured one."
)
@click.option(
    "--provider", help="The provider, by its key in the configuration. Default: the first one."
)
@sampling_options
@click.option(
    "--stream/--no-stream", "is_streamed", default=True, help="A streamed call, or a whole one."
)
@click.option("--json", "is_json", is_flag=True, help="One JSON object.")
@click.option("--config", "path", type=click.Path(path_type=Path), help="The configuration file.")
def explain_call(
    *,
    prompt: str,
    model: str | None,
    provider: str | None,
    is_streamed: bool,
    is_json: bool,
    path: Path | None,
    **sampling: Any,
) -> None:
    """Show what a call with PROMPT would be, down to the signed headers. Nothing is sent.

    The model's family, limits, price and lifecycle, where region, endpoint and credentials come
    from, what of the call the model does not take, the exact body, and the IAM statements that
    allow it. What proves who you are is masked.
    """
    from axonflow_core.cli.display import write_json
    from axonflow_core.messages import CompletionRequest, user

    request = CompletionRequest((user(prompt),), inference=inference_of(**sampling))
    explanation = asyncio.run(_explain(request, model, provider, path, is_streamed=is_streamed))
    if is_json:
        import attrs

        write_json(
            {
                field.name: getattr(explanation, field.name)
                for field in attrs.fields(type(explanation))
            }
        )
    else:
        _show(explanation)


async def _explain(
    request: CompletionRequest,
    model: str | None,
    provider: str | None,
    path: Path | None,
    *,
    is_streamed: bool,
) -> Explanation:
    from axonflow_core.config import load_config
    from axonflow_core.errors import RequestError
    from axonflow_core.provider import SupportsExplanation
    from axonflow_core.runtime import Runtime

    async with Runtime.open(load_config(path)) as runtime:
        chosen = runtime.chosen(provider)
        if not isinstance(chosen, SupportsExplanation):
            raise RequestError(
                "this provider cannot explain its calls", hint="name another one with --provider"
            )
        return await chosen.explain(request, model=model, is_streamed=is_streamed)


def _show(explanation: Explanation) -> None:
    from axonflow_core.cli.display import stderr, write_json, write_table

    write_table(("", ""), [(label, value) for label, value in explanation.facts.items()])
    for warning in explanation.warnings:
        stderr().print(f"warning: {warning}", markup=False, highlight=False)
    click.echo(f"\nPOST {explanation.url}")
    for name, value in explanation.headers.items():
        click.echo(f"{name}: {value}")
    click.echo()
    write_json(explanation.body)
    if explanation.permissions:
        click.echo("\nIAM")
        write_json(list(explanation.permissions))
