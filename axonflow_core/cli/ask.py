"""`axonflow ask`: one question, one answer, streamed to stdout."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from axonflow_core.cli.answer import (
    CUT,
    counted,
    described,
    instead,
    stream_answer,
    write_reasoning,
)
from axonflow_core.cli.options import config_option, json_option, model_option, provider_option
from axonflow_core.cli.question import blocks_of, options_of, question_options, read_prompt
from axonflow_core.cli.sampling import inference_of, sampling_options, warn_of
from axonflow_core.frozen import frozen

if TYPE_CHECKING:
    from axonflow_core.cli.conversation import Conversation
    from axonflow_core.messages import Completion, CompletionRequest, Inference


@click.command(short_help="Ask a model; the answer streams to stdout.")
@click.argument("prompt", required=False)
@model_option
@provider_option
@question_options
@sampling_options
@click.option(
    "-c",
    "--continue",
    "continued",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Continue the conversation in FILE, with its model.",
)
@click.option(
    "--save",
    "saved",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Write the conversation to FILE, for you alone. Nothing is kept otherwise.",
)
@click.option(
    "--stream/--no-stream",
    "is_streamed",
    default=True,
    help="Write the answer as it arrives, or once it is complete.",
)
@click.option("-u", "--usage", "has_usage", is_flag=True, help="Write the tokens to stderr.")
@json_option
@config_option
def ask(
    *,
    prompt: str | None,
    system: str | None,
    pictures: tuple[str, ...],
    files: tuple[Path, ...],
    continued: Path | None,
    saved: Path | None,
    **options: Any,
) -> int:
    """Ask the model PROMPT, below what is piped to stdin. Without PROMPT, or with `-`, stdin alone
    is asked.

    \b
    git diff | axonflow ask "Write a commit message."
    axonflow ask --save chat.json "Why is the sky blue?"
    axonflow ask -c chat.json --save chat.json "And at night?"

    The answer goes to stdout; on a terminal, the reasoning of the model is dimmed on stderr. Exits
    with 6 where a limit or a filter ended the answer before its end.
    """
    import asyncio

    from axonflow_core.cli.conversation import load_conversation, refuse_unwritable

    before = load_conversation(continued) if continued is not None else None
    if saved is not None:
        refuse_unwritable(saved)
    content = blocks_of(read_prompt(prompt), pictures, files)
    asking = _asking_of(before, **options)
    request = _request(content, system, before, asking.inference)
    answer = asyncio.run(_ask(request, asking))
    _finish(request, answer, asking, before, saved)
    return _exit_code(answer)


@frozen(kw_only=True)
class _Asking:
    """Whom to ask, and how to write the answer."""

    model: str | None
    provider: str | None
    path: Path | None
    inference: Inference
    more: Mapping[str, Any]
    """Options of `Runtime.complete`."""
    is_streamed: bool
    is_json: bool
    has_usage: bool


def _asking_of(
    before: Conversation | None,
    *,
    model: str | None,
    provider: str | None,
    path: Path | None,
    schema_path: Path | None,
    reasoning: str | None,
    is_streamed: bool,
    is_json: bool,
    has_usage: bool,
    **sampling: Any,
) -> _Asking:
    if before is not None:
        is_other = provider is not None and provider != before.provider
        model = model or (None if is_other else before.model)
        provider = provider or before.provider
    return _Asking(
        model=model,
        provider=provider,
        path=path,
        inference=inference_of(**sampling),
        more=options_of(schema_path, reasoning),
        is_streamed=is_streamed and not is_json and schema_path is None,
        is_json=is_json,
        has_usage=has_usage,
    )


def _request(
    content: Any, system: str | None, before: Conversation | None, inference: Inference
) -> CompletionRequest:
    from axonflow_core.messages import CompletionRequest, user

    messages = () if before is None else before.request.messages
    kept = () if before is None else before.request.system
    return CompletionRequest((*messages, user(content)), system=system or kept, inference=inference)


async def _ask(request: CompletionRequest, asking: _Asking) -> Completion:
    """Open a runtime, ask, and write the answer in the requested form."""
    from axonflow_core.cli.display import write_json, write_text
    from axonflow_core.config import load_config
    from axonflow_core.runtime import Runtime

    whom = {"model": asking.model, "provider": asking.provider, **asking.more}
    async with Runtime.open(load_config(asking.path)) as runtime:
        if asking.is_streamed:
            return await stream_answer(runtime, request, **whom)
        answer = await runtime.complete(request, **whom)
    warn_of(answer.adjustments)
    if asking.is_json:
        write_json(described(answer))
    elif "output_schema" in asking.more:
        write_json(answer.parsed)
    else:
        write_reasoning(answer)
        write_text(answer.text + "\n")
    return answer


def _finish(
    request: CompletionRequest,
    answer: Completion,
    asking: _Asking,
    before: Conversation | None,
    saved: Path | None,
) -> None:
    """What follows the answer: its file, and on stderr its tokens and what cut it."""
    from axonflow_core.cli.conversation import Conversation, save_conversation
    from axonflow_core.cli.display import tell, warn

    if saved is not None:
        conversation = before or Conversation(request)
        save_conversation(conversation.answered(request, answer), saved)
    if (told := instead(answer.receipt)) is not None:
        tell(told, style="dim")
    if asking.has_usage:
        tell(counted(answer), style="dim")
    if (why := CUT.get(answer.stop_reason)) is not None:
        warn(why)


def _exit_code(answer: Completion) -> int:
    from axonflow_core.cli.failure import INCOMPLETE, OK

    return INCOMPLETE if answer.stop_reason in CUT else OK
