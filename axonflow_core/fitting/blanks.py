"""Messages without blocks, and texts of nothing but blanks.

They say nothing, and many models refuse the request that holds one. So they are left out and
reported. A turn of the user's that says nothing is refused where it is the last one, for there is
nothing to answer.
"""

from __future__ import annotations

from collections.abc import Iterable

from axonflow_core.codec.features import BLANK, is_blank
from axonflow_core.frozen import evolve
from axonflow_core.messages import (
    CachePoint,
    CompletionRequest,
    ContentBlock,
    Message,
    Role,
    Text,
    ToolResult,
)

from .model import Model


def leave_out_blanks(request: CompletionRequest, model: Model) -> CompletionRequest:
    """The request without what says nothing, where the model refuses that."""
    if not model.facts.refuses_blanks:
        return request
    messages = tuple(_without_blanks(message, model) for message in request.messages)
    is_silent = not any(message.content for message in messages)
    if messages and not messages[-1].content and (is_silent or _is_users(messages[-1])):
        raise model.refuses(
            "a last message without content",
            "it says nothing that could be answered",
            "write something, or leave the message out",
        )
    fitted = evolve(
        request,
        system=_telling(request.system, model),
        messages=tuple(message for message in messages if message.content),
    )
    if fitted != request:
        model.changes(BLANK, "left out", f"{model.name} refuses it")
    return fitted


def _without_blanks(message: Message, model: Model) -> Message:
    content = _telling(message.content, model)
    return message if content == message.content else evolve(message, content=content)


def _telling(content: Iterable[ContentBlock], model: Model) -> tuple[ContentBlock, ...]:
    """The blocks that say something. A cache point needs one before it."""
    kept: list[ContentBlock] = []
    for block in content:
        if isinstance(block, ToolResult) and model.facts.refuses_blank_results:
            told = tuple(inner for inner in block.content if not _is_blank(inner))
            block = block if told == block.content else evolve(block, content=told)
        if not _is_blank(block) and (kept or not isinstance(block, CachePoint)):
            kept.append(block)
    return tuple(kept)


def _is_users(message: Message) -> bool:
    return message.role is Role.USER


def _is_blank(block: ContentBlock) -> bool:
    return isinstance(block, Text) and is_blank(block.text)


def cut_blank_end(request: CompletionRequest, model: Model) -> CompletionRequest:
    """Cut the blanks at the end of an answer that has been begun, where the model refuses them, and
    report it."""
    last = request.messages[-1] if request.messages else None
    if not model.facts.refuses_blank_end or last is None or last.role is not Role.ASSISTANT:
        return request
    content = _cut(last.content)
    if content == last.content:
        return request
    model.changes(BLANK, "cut at the end of the answer that was begun", f"{model.name} refuses it")
    return evolve(request, messages=(*request.messages[:-1], evolve(last, content=content)))


def _cut(content: tuple[ContentBlock, ...]) -> tuple[ContentBlock, ...]:
    """The blocks with no blanks at the end of the last one, whatever cache points follow it."""
    last = max(
        (at for at, block in enumerate(content) if not isinstance(block, CachePoint)), default=None
    )
    end = None if last is None else content[last]
    if last is None or not isinstance(end, Text):
        return content
    return (*content[:last], evolve(end, text=end.text.rstrip()), *content[last + 1 :])
