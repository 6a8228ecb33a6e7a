"""Names of tools, calls and documents, spelled as the model takes them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from itertools import count

from axonflow_core.codec import blocks_of
from axonflow_core.codec.name_rules import NameRule
from axonflow_core.frozen import evolve, frozen
from axonflow_core.messages import (
    EMPTY,
    CachePoint,
    CompletionRequest,
    ContentBlock,
    Document,
    Json,
    Text,
    Tool,
    ToolResult,
    ToolUse,
)
from axonflow_core.stream import BlockStart, CitationDelta, StreamEvent

from .blocks import rewritten
from .model import Model


@frozen
class CallerNames:
    """Names as they are sent -> as the caller knows them, put back into an answer."""

    tools: Mapping[str, str]
    documents: Mapping[str, str]
    calls: Mapping[str, str] = EMPTY
    """Ids of calls, which an answer has where the service itself ran a tool of an earlier turn."""

    def block(self, block: ContentBlock) -> ContentBlock:
        """The block with the caller's own name of its tool and id of its call."""
        match block:
            case ToolUse(call, name) if name in self.tools or call in self.calls:
                return evolve(block, id=_of(self.calls, call), name=_of(self.tools, name))
            case ToolResult(call) if call in self.calls:
                return evolve(block, tool_use_id=self.calls[call])
            case Text(_, citations) if citations:
                return evolve(block, citations=tuple(map(self._citation, citations)))
        return block

    def event(self, event: StreamEvent) -> StreamEvent:
        """The event with the caller's own names, in a block that starts or a citation."""
        match event:
            case BlockStart(_, block):
                return evolve(event, block=self.block(block))
            case CitationDelta(citation):
                return evolve(event, citation=self._citation(citation))
        return event

    def _citation(self, citation: Json) -> Json:
        """A citation names its document by title (`title`, `document_title`), in every family."""
        if not isinstance(citation, dict):
            return citation
        titles = {
            key: self.documents.get(name, name)
            for key, name in citation.items()
            if key.endswith("title") and isinstance(name, str)
        }
        return {**citation, **titles}


def spell_tool_names(request: CompletionRequest, model: Model) -> CompletionRequest:
    """Change tool names and call ids to what the model accepts; the answer has the originals."""
    spelled = _spelled(model.facts.tool_names, _tool_names_of(request))
    if not spelled:
        return request
    model.tool_names.update({other: name for name, other in spelled.items()})
    named = rewritten(request, partial(_renamed, spelled))
    tools = tuple(
        evolve(tool, name=_of(spelled, tool.name)) if isinstance(tool, Tool) else tool
        for tool in named.tools
    )
    choice = named.tool_choice
    if choice is not None and choice.name is not None:
        choice = evolve(choice, name=_of(spelled, choice.name))
    return evolve(named, tools=tools, tool_choice=choice)


def _tool_names_of(request: CompletionRequest) -> Iterator[str]:
    """Every name of a tool in a request: offered, called and answered ones must be spelled
    alike."""
    yield from (tool.name for tool in request.tools if not isinstance(tool, CachePoint))
    yield from (
        block.name
        for block in blocks_of(request)
        if isinstance(block, ToolUse | ToolResult) and block.name
    )
    if request.tool_choice is not None and request.tool_choice.name:
        yield request.tool_choice.name


def _renamed(spelled: Mapping[str, str], block: ContentBlock) -> ContentBlock:
    """A call or result with the model's spelling of its tool."""
    # `ToolResult.name` is unset in families that pair results with calls by id alone.
    if isinstance(block, ToolUse | ToolResult) and block.name is not None:
        return evolve(block, name=_of(spelled, block.name))
    return block


def spell_tool_use_ids(request: CompletionRequest, model: Model) -> CompletionRequest:
    """Change ids of calls to what the model accepts, in call and result alike; an answer that names
    one has the caller's."""
    if model.facts.tool_use_ids is None:
        return request
    request = _with_unique_ids(request)
    spelled = _spelled(model.facts.tool_use_ids, _tool_use_ids_of(request))
    if not spelled:
        return request
    model.call_ids.update({other: call for call, other in spelled.items()})
    return rewritten(request, partial(_with_id, spelled))


def _with_unique_ids(request: CompletionRequest) -> CompletionRequest:
    """The request with an id of its own for every call. Families without ids count the calls of one
    answer, so that the same ids come again in the next; a result belongs to the last call of its
    id, and of several at once to the first that has none yet."""
    ids = [block.id for block in blocks_of(request) if isinstance(block, ToolUse)]
    if len(set(ids)) == len(ids):
        return request
    taken, waiting, latest = set(ids), dict[str, list[str]](), dict[str, str]()

    def own(block: ContentBlock) -> ContentBlock:
        if isinstance(block, ToolUse):
            new = block.id if block.id not in latest else _numbered_id(block.id, taken)
            latest[block.id] = new
            waiting.setdefault(block.id, []).append(new)
            return evolve(block, id=new)
        if isinstance(block, ToolResult):
            queue = waiting.get(block.tool_use_id)
            new = queue.pop(0) if queue else latest.get(block.tool_use_id, block.tool_use_id)
            return evolve(block, tool_use_id=new)
        return block

    return rewritten(request, own)


def _numbered_id(call: str, taken: set[str]) -> str:
    """An id that no call has, which is noted as taken: `call_1-2`."""
    new = next(new for number in count(2) if (new := f"{call}-{number}") not in taken)
    taken.add(new)
    return new


def _tool_use_ids_of(request: CompletionRequest) -> Iterator[str]:
    """Every id of a call in a request, of calls and of results."""
    for block in blocks_of(request):
        if isinstance(block, ToolUse):
            yield block.id
        elif isinstance(block, ToolResult):
            yield block.tool_use_id


def _with_id(spelled: Mapping[str, str], block: ContentBlock) -> ContentBlock:
    """A call or result with the model's spelling of its id, so that the two still belong
    together."""
    if isinstance(block, ToolUse):
        return evolve(block, id=_of(spelled, block.id))
    if isinstance(block, ToolResult):
        return evolve(block, tool_use_id=_of(spelled, block.tool_use_id))
    return block


def spell_document_names(request: CompletionRequest, model: Model) -> CompletionRequest:
    """Two documents may not have one name: the second is numbered before it is spelled."""
    if model.facts.document_names is None:
        return request
    # Numbered before they are spelled: two names that differ only in forbidden characters are kept
    # apart by the rule itself, two equal ones by their number alone.
    names = [block.name for block in _documents_of(request)]
    numbered = _numbered(names)
    spelled = _spelled(model.facts.document_names, (name for name in numbered if name is not None))
    sent = [name if name is None else _of(spelled, name) for name in numbered]
    if sent == names:
        return request
    model.document_names.update(
        {new: name for new, name in zip(sent, names, strict=True) if new and name}
    )
    # By order and not by name, for equal names must become different ones. `rewritten` visits
    # blocks in the order of `_documents_of`, which is itself a `rewritten`.
    new = iter(sent)
    return rewritten(
        request,
        lambda block: evolve(block, name=next(new)) if isinstance(block, Document) else block,
    )


_UNNAMED = "document"
"""What Converse's form calls a document without a name."""


def _documents_of(request: CompletionRequest) -> list[Document]:
    """Every document, in the order in which `rewritten` meets them."""
    found: list[Document] = []

    def note(block: ContentBlock) -> ContentBlock:
        if isinstance(block, Document):
            found.append(block)
        return block

    rewritten(request, note)
    return found


def _numbered(names: list[str | None]) -> list[str | None]:
    """Names without duplicates: the second `report` is `report (2)`, the second without a name
    `document (2)`. The first without one has none still: its family names it so."""
    taken = {name for name in names if name is not None}
    seen: set[str] = set()
    numbered: list[str | None] = []
    for name in names:
        known = name or _UNNAMED
        new = known if known not in seen else _free_name(known, taken)
        seen.add(known)
        numbered.append(name if new == known else new)
    return numbered


def _free_name(name: str, taken: set[str]) -> str:
    """A name with a number that no document has, which is noted as taken."""
    new = next(new for number in count(2) if (new := f"{name} ({number})") not in taken)
    taken.add(new)
    return new


def _spelled(spelling: NameRule | None, names: Iterable[str]) -> Mapping[str, str]:
    """The names that the rule changes, with their new spelling; none where there is no rule."""
    return EMPTY if spelling is None else spelling.of(names)


def _of(spelled: Mapping[str, str], name: str) -> str:
    return spelled.get(name, name)
