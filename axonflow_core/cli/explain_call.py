"""`axonflow explain call`: everything about a call, without sending it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from axonflow_core.cli.options import config_option, json_option, model_option, provider_option
from axonflow_core.cli.question import blocks_of, options_of, question_options
from axonflow_core.cli.sampling import inference_of, sampling_options

if TYPE_CHECKING:
    from axonflow_core.messages import CompletionRequest
    from axonflow_core.provider import Explanation


@click.command("call", short_help="Show what a call would send, without sending it.")
@click.argument("prompt", default="Hello")
@model_option
@provider_option
@question_options
@sampling_options
@click.option(
    "--stream/--no-stream",
    "is_streamed",
    default=True,
    help="Explain a streamed call, or a call with one whole answer.",
)
@json_option
@config_option
def explain_call(
    *,
    prompt: str,
    model: str | None,
    provider: str | None,
    system: str | None,
    pictures: tuple[str, ...],
    files: tuple[Path, ...],
    schema_path: Path | None,
    reasoning: str | None,
    is_streamed: bool,
    is_json: bool,
    path: Path | None,
    **sampling: Any,
) -> None:
    """Show what a call with PROMPT would send, down to the signed headers. Nothing is sent.

    Shows the model's family, limits, price and lifecycle; the source of region, endpoint and
    credentials; what the model does not support, and how that is known; the exact body; and the
    IAM statements that allow the call. Credentials and signatures are masked.
    """
    import asyncio

    from axonflow_core.asking import RequestOptions, question_of
    from axonflow_core.cli.display import write_json
    from axonflow_core.messages import CompletionRequest, user

    said = user(blocks_of(prompt, pictures, files))
    asked = CompletionRequest((said,), system=system or None, inference=inference_of(**sampling))
    options: RequestOptions = {**options_of(schema_path, reasoning)}  # type: ignore[typeddict-item]
    request = question_of(asked, options).request
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
    """Open a runtime and explain the call. `RequestError` where the provider has no `explain`."""
    from axonflow_core.config import load_config
    from axonflow_core.errors import RequestError
    from axonflow_core.provider import SupportsExplanation
    from axonflow_core.runtime import Runtime, wish_of

    async with Runtime.open(load_config(path)) as runtime:
        target = runtime.router.first(wish_of(provider, model))
        chosen = runtime.providers[target.provider]
        if not isinstance(chosen, SupportsExplanation):
            raise RequestError(
                "this provider does not support `explain call`",
                hint="choose another provider with --provider",
            )
        return await chosen.explain(request, model=target.asked, is_streamed=is_streamed)


def _show(explanation: Explanation) -> None:
    """Write the explanation for people: facts, rules, warnings (to stderr), URL, headers, body, IAM
    statements."""
    from axonflow_core.cli.display import warn, write_json, write_line, write_table

    write_table(("", ""), [(label, value) for label, value in explanation.facts.items()])
    for rule in explanation.rules:
        write_line(f"rule: {rule}")
    for warning in explanation.warnings:
        warn(warning)
    write_line(f"\nPOST {explanation.url}")
    for name, value in explanation.headers.items():
        write_line(f"{name}: {value}")
    write_line("")
    write_json(explanation.body)
    if explanation.permissions:
        write_line("\nIAM")
        write_json(list(explanation.permissions))
