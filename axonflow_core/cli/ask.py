"""`axonflow ask`: one question, one answer, streamed to stdout."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from axonflow_core.cli.sampling import inference_of, sampling_options, warn_of

if TYPE_CHECKING:
    from axonflow_core.messages import Completion, CompletionRequest, Inference
    from axonflow_core.runtime import Runtime


@click.command(short_help="Ask a model; the answer streams to stdout.")
@click.argument("prompt")
@click.option(
    "-m", "--model", help="The model id, as the provider writes it. Default: the configured one."
)
@click.option(
    "--provider", help="The provider, by its key in the configuration. Default: the first one."
)
@click.option("--system", help="The system prompt.")
@sampling_options
@click.option(
    "--stream/--no-stream",
    "is_streamed",
    default=True,
    help="Write the answer as it arrives, or once it is complete.",
)
@click.option("--json", "is_json", is_flag=True, help="The whole answer as one JSON object.")
@click.option("--config", "path", type=click.Path(path_type=Path), help="The configuration file.")
def ask(
    *,
    prompt: str,
    model: str | None,
    provider: str | None,
    system: str | None,
    is_streamed: bool,
    is_json: bool,
    path: Path | None,
    **sampling: Any,
) -> None:
    """Ask the model PROMPT. With `-` the prompt is read from stdin."""
    import asyncio

    request = _request(read_prompt(prompt), system, inference_of(**sampling))
    asyncio.run(_ask(request, model, provider, path, is_streamed=is_streamed, is_json=is_json))


def read_prompt(prompt: str) -> str:
    """The prompt that was given, or the whole of stdin for `-`. `click.UsageError` when it is blank
    or not UTF-8."""
    from axonflow_core.cli.reading import read_stdin, utf8

    text = utf8(read_stdin() if prompt == "-" else prompt)
    if not text.strip():
        raise click.UsageError("the prompt is empty")
    return text


def _request(prompt: str, system: str | None, inference: Inference) -> CompletionRequest:
    from axonflow_core.messages import CompletionRequest

    return CompletionRequest(prompt, system=system or None, inference=inference)


async def _ask(
    request: CompletionRequest,
    model: str | None,
    provider: str | None,
    path: Path | None,
    *,
    is_streamed: bool,
    is_json: bool,
) -> None:
    """Open a runtime, ask, and write the answer in the requested form. Adjustments go to stderr."""
    from axonflow_core.cli.display import write_json, write_text
    from axonflow_core.config import load_config
    from axonflow_core.runtime import Runtime

    async with Runtime.open(load_config(path)) as runtime:
        if is_streamed and not is_json:
            await stream_answer(runtime, request, model=model, provider=provider)
            return
        answer = await runtime.complete(request, model=model, provider=provider)
        warn_of(answer.adjustments)
        if is_json:
            write_json(_described(answer))
        else:
            write_text(answer.text + "\n")


async def stream_answer(
    runtime: Runtime,
    request: CompletionRequest,
    *,
    model: str | None = None,
    provider: str | None = None,
) -> Completion:
    """Write the text to stdout as it arrives and return the whole completion.

    Raises what the stream raises; the text that arrived before the error stays written, and a line
    break ends it.
    """
    from axonflow_core.cli.display import write_text

    async with runtime.stream(request, model=model, provider=provider) as stream:
        warn_of(stream.adjustments)
        try:
            async for text in stream.text():
                write_text(text)
        finally:
            write_text("\n")
        return await stream.completion()


def _described(answer: Completion) -> dict[str, object]:
    """The completion as JSON, for `--json`."""
    import attrs

    return {
        "text": answer.text,
        "stop_reason": answer.stop_reason,
        "usage": attrs.asdict(
            answer.usage, filter=lambda field, value: value is not None and field.name != "extra"
        ),
        "adjustments": [attrs.asdict(adjustment) for adjustment in answer.adjustments],
        "model": answer.model,
        "id": answer.id,
        "content": [
            {"type": type(block).__name__, **attrs.asdict(block)} for block in answer.content
        ],
    }
