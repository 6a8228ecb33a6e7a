"""Every block of a request changed at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from axonflow_core.frozen import evolve
from axonflow_core.messages import CachePoint, CompletionRequest, ContentBlock, Document, ToolResult


def rewritten(
    request: CompletionRequest, change: Callable[[ContentBlock], ContentBlock | None]
) -> CompletionRequest:
    """`request` with every block changed, or left out: tools, system, messages; a block before what
    it holds."""

    def blocks(content: Iterable[ContentBlock]) -> Iterator[ContentBlock]:
        for block in content:
            changed = change(block)
            if isinstance(changed, ToolResult | Document) and changed.content:
                changed = evolve(changed, content=tuple(blocks(changed.content)))
            if changed is not None:
                yield changed

    tools: list[Any] = [
        change(tool) if isinstance(tool, CachePoint) else tool for tool in request.tools
    ]
    return evolve(
        request,
        tools=tuple(tool for tool in tools if tool is not None),
        system=tuple(blocks(request.system)),
        messages=tuple(
            evolve(message, content=tuple(blocks(message.content))) for message in request.messages
        ),
    )
