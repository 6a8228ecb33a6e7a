"""Every block of a request changed at once."""

from __future__ import annotations

from collections.abc import Callable
from operator import is_
from typing import Any, TypeVar

from axonflow_core.frozen import evolve
from axonflow_core.messages import (
    CachePoint,
    CompletionRequest,
    ContentBlock,
    Document,
    Message,
    ToolResult,
)

T = TypeVar("T")


def rewritten(
    request: CompletionRequest, change: Callable[[ContentBlock], ContentBlock | None]
) -> CompletionRequest:
    """`request` with every block changed, or left out: tools, system, messages; a block before what
    it holds. Where every block stays what it is, so does the request."""

    def block(each: ContentBlock) -> ContentBlock | None:
        changed = change(each)
        if not isinstance(changed, ToolResult | Document) or not changed.content:
            return changed
        content = _each(changed.content, block)
        return changed if content is changed.content else evolve(changed, content=content)

    def message(each: Message) -> Message:
        content = _each(each.content, block)
        return each if content is each.content else evolve(each, content=content)

    def tool(each: Any) -> Any:
        return change(each) if isinstance(each, CachePoint) else each

    parts: dict[str, Any] = {
        "tools": _each(request.tools, tool),
        "system": _each(request.system, block),
        "messages": _each(request.messages, message),
    }
    new = {name: part for name, part in parts.items() if part is not getattr(request, name)}
    return evolve(request, **new) if new else request


def _each(items: tuple[T, ...], change: Callable[[T], T | None]) -> tuple[T, ...]:
    """The items changed, or left out; they themselves, where each stays what it is."""
    changed = list(map(change, items))
    if all(map(is_, changed, items)):
        return items
    return tuple(each for each in changed if each is not None)
