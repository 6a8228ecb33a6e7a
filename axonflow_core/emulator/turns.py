"""The last turn of a conversation: everything after the assistant's last message."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import takewhile

from axonflow_core.messages import CompletionRequest, ContentBlock, Role, ToolResult


def last_turn(request: CompletionRequest) -> tuple[ContentBlock, ...]:
    """The blocks of the last turn, in their order: a client may send each result in a message of
    its own."""
    messages = takewhile(lambda each: each.role is not Role.ASSISTANT, reversed(request.messages))
    return tuple(block for message in reversed([*messages]) for block in message.content)


def results_of_turn(request: CompletionRequest) -> Iterator[ToolResult]:
    """The results of tools that the last turn brings."""
    return (block for block in last_turn(request) if isinstance(block, ToolResult))
