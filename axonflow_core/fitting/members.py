"""What a request from another dialect holds that only that dialect can read.

One rule for all of it. What carries meaning that the model must see is refused by name: a block or
a built-in tool of another vendor. What only annotates, or only its vendor can read, is left out and
reported: undocumented members, citations of earlier answers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar, cast

from axonflow_core.codec import Feature, blocks_of
from axonflow_core.frozen import evolve
from axonflow_core.messages import (
    EMPTY,
    BuiltinTool,
    CachePoint,
    CompletionRequest,
    ContentBlock,
    Document,
    Image,
    Json,
    Opaque,
    Text,
    Tool,
    ToolResult,
    ToolUse,
)

from .blocks import rewritten
from .model import Model

T = TypeVar("T")

UNKNOWN_MEMBERS = "unknown members"
CITATIONS = "citations"

_MOST_NAMES = 5
"""How many names a report lists."""


def refuse_foreign_blocks(request: CompletionRequest, model: Model) -> CompletionRequest:
    """Refuse blocks that only another vendor's dialect has."""
    for block in blocks_of(request):
        if isinstance(block, Opaque) and block.dialect != model.codec.dialect:
            raise model.refuses(
                f"the {_kind_of(block.data)} block of {block.dialect}",
                "no other family has such a block",
                "leave it out of the conversation",
            )
    for tool in request.tools:
        if isinstance(tool, BuiltinTool) and tool.dialect != model.codec.dialect:
            raise model.refuses(
                f"the built-in tool {tool.type} of {tool.dialect}",
                "another vendor's server runs it",
                "leave it out, or offer a tool of your own",
            )
    return request


_UNDOCUMENTED_WAYS = frozenset({"part", "image_url", "id"})
"""Fields of `spelling` with a way of writing that no document of the dialect has: some clients
write so, and a model's own service need not read it."""


def write_as_documented(request: CompletionRequest, model: Model) -> CompletionRequest:
    """Pictures, documents and calls without the spelling that is a client's own."""
    return rewritten(request, _as_documented)


def _as_documented(block: ContentBlock) -> ContentBlock:
    if not isinstance(block, Image | Document | ToolUse | ToolResult) or not block.spelling:
        return block
    spelling = {key: way for key, way in block.spelling.items() if key not in _UNDOCUMENTED_WAYS}
    return evolve(block, spelling=spelling)


def _kind_of(native: Json) -> str:
    """What the native block calls itself: its `type`, or its one key."""
    if not isinstance(native, Mapping):
        return "unnamed"
    kind = native.get("type") or next(iter(native), "unnamed")
    return kind[:40] if isinstance(kind, str) else "unnamed"


def leave_out_citations(request: CompletionRequest, model: Model) -> CompletionRequest:
    """Leave citations of earlier answers out, and report it."""
    if not any(isinstance(block, Text) and block.citations for block in blocks_of(request)):
        return request
    model.changes(CITATIONS, "those of earlier answers not sent", "they are in another form")
    return rewritten(request, _uncited)


def leave_out_citation_settings(request: CompletionRequest, model: Model) -> CompletionRequest:
    """Ask for no citations of documents where the model gives none, and report it."""
    if model.takes(Feature.CITATIONS):
        return request
    model.drops(CITATIONS, "not asked for", f"{model.name} gives none")
    return rewritten(request, _uncited_document)


def _uncited_document(block: ContentBlock) -> ContentBlock:
    if not isinstance(block, Document) or block.citations is None:
        return block
    return evolve(block, citations=None)


def _uncited(block: ContentBlock) -> ContentBlock:
    return evolve(block, citations=()) if isinstance(block, Text) and block.citations else block


def leave_out_unknown_members(request: CompletionRequest, model: Model) -> CompletionRequest:
    """Leave undocumented members of another dialect out at every level, and report their names."""
    stripped, names = _stripped(request)
    if not names:
        return request
    first = ", ".join(name[:40] for name in list(names)[:_MOST_NAMES])
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    model.changes(
        UNKNOWN_MEMBERS, f"not sent: {first}{more}", f"{model.name} does not document them"
    )
    return stripped


def _stripped(request: CompletionRequest) -> tuple[CompletionRequest, Mapping[str, None]]:
    """The request without unknown members, on every level, and their keys for the report."""
    names: dict[str, None] = {}

    def bare(value: T) -> T:
        return _bare(value, names)

    kept = bare(rewritten(request, lambda block: bare_block(block, names)))
    parts: dict[str, Any] = {
        "messages": tuple(map(bare, kept.messages)),
        "inference": bare(kept.inference),
        "tools": tuple(bare(tool) if isinstance(tool, Tool) else tool for tool in kept.tools),
        "tool_choice": bare(kept.tool_choice),
        "reasoning": bare(kept.reasoning),
        "output_schema": bare(kept.output_schema),
    }
    return (evolve(kept, **parts) if names else kept), names


def _bare(value: T, names: dict[str, None]) -> T:
    """`value` without unknown members of its own level, whose names are noted."""
    extra: Mapping[str, Json] = getattr(value, "extra", EMPTY)
    if not extra:
        return value
    names.update(dict.fromkeys(extra))
    bare: Any = evolve(cast(Any, value), extra=EMPTY)
    return bare  # type: ignore[no-any-return]


def bare_block(block: ContentBlock, names: dict[str, None]) -> ContentBlock:
    """As `_bare`, of a block and of the source inside it."""
    if isinstance(block, Image | Document) and block.source is not None and block.source.extra:
        block = evolve(block, source=_bare(block.source, names))
    return _bare(block, names)


def without_cache_points(tools: Iterable[Any]) -> list[Any]:
    """The tools without the cache points between them."""
    return [tool for tool in tools if not isinstance(tool, CachePoint)]
