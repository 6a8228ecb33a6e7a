"""A request made to fit the model it is for, or refused by name. One policy for everything a model cannot take:

* content is never dropped. What only has the wrong form is said in the right one, and what cannot be said is an
  `EncodeError` that names it;
* parameters that steer how a model samples, and cache points beyond its limit, change no content: they are dropped and
  told (`Adjustment`), or refused where the operator says so;
* names that the model cannot spell are spelled otherwise for this one request, and come back as they were.

    fit(request, codec, facts)  ->  Fitted(request, adjustments, ...)   then encode_request(fitted.request)
    fitted.answer(completion), fitted.events(batch)                     after decoding

Every step is a function (request, model) -> request in the table at the end, which says what it is for. A request that
uses nothing of it is returned as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import StrEnum
from functools import partial
from itertools import groupby
from typing import Any, TypeAlias

from attrs import evolve, field, frozen

from axonflow_core.codec import FamilyCodec, Feature, ModelFacts, blocks_of, features_of
from axonflow_core.errors import EncodeError
from axonflow_core.messages import (
    NOTHING_MORE,
    Adjustment,
    BuiltinTool,
    CachePoint,
    Completion,
    CompletionRequest,
    ContentBlock,
    Document,
    Message,
    Role,
    Text,
    Tool,
    ToolChoice,
    ToolChoiceMode,
    ToolResult,
    ToolUse,
)
from axonflow_core.spelling import Spelling
from axonflow_core.stream import Batch, BlockStart


class Unsupported(StrEnum):
    """What happens to a parameter that a model does not take."""

    REPORT = "report"
    ERROR = "error"


@frozen
class Fitted:
    request: CompletionRequest
    adjustments: tuple[Adjustment, ...] = ()
    names: Mapping[str, str] = field(default=NOTHING_MORE, repr=False)
    """Name of a tool as it was sent -> as the caller knows it."""

    def answer(self, completion: Completion) -> Completion:
        """The answer to the request that was sent, as one to the request that was made."""
        if self.names:
            completion = evolve(completion, content=tuple(map(self._known, completion.content)))
        return evolve(completion, adjustments=self.adjustments) if self.adjustments else completion

    def events(self, batch: Batch) -> Batch:
        """The same for a batch of a stream."""
        if not self.names:
            return batch
        return tuple(
            evolve(event, block=self._known(event.block)) if isinstance(event, BlockStart) else event for event in batch
        )

    def _known(self, block: ContentBlock) -> ContentBlock:
        if isinstance(block, ToolUse) and block.name in self.names:
            return evolve(block, name=self.names[block.name])
        return block


def fit(
    request: CompletionRequest,
    codec: FamilyCodec,
    facts: ModelFacts,
    unsupported: Unsupported = Unsupported.REPORT,
    *,
    is_streamed: bool = False,
) -> Fitted:
    """`request` as the model takes it. `EncodeError` names what it cannot take in any form."""
    used = features_of(request)
    if used.isdisjoint(_ADJUSTABLE):
        return Fitted(request)
    model = _Model(codec, facts, unsupported, is_streamed)
    for features, step in _STEPS:
        if not used.isdisjoint(features):
            request = step(request, model)
    return Fitted(request, tuple(model.adjustments), model.names)


@frozen
class _Model:
    """What a step knows of the model, and where it tells what it did."""

    codec: FamilyCodec
    facts: ModelFacts
    unsupported: Unsupported
    is_streamed: bool
    adjustments: list[Adjustment] = field(factory=list)
    names: dict[str, str] = field(factory=dict)

    def takes(self, feature: Feature) -> bool:
        in_family = feature in self.codec.features or feature in self.codec.folds
        return in_family and feature not in self.facts.without

    @property
    def name(self) -> str:
        return self.facts.base_id or f"the {self.codec.name} family"

    @property
    def tool_choices(self) -> frozenset[ToolChoiceMode]:
        if not self.takes(Feature.TOOL_CHOICE):
            return frozenset()
        return frozenset(ToolChoiceMode) if self.facts.tool_choices is None else self.facts.tool_choices

    def drops(self, feature: str, what: str, why: str) -> None:
        """Something is not sent that changes no content: told, or refused."""
        if self.unsupported is Unsupported.ERROR:
            raise EncodeError(
                f"{self.name} cannot take {feature} as asked: {why}",
                feature=feature,
                hint="leave it out, or set `unsupported: report` in the provider's config to have it left out and told",
            )
        self.changes(feature, what, why)

    def changes(self, feature: str, what: str, why: str) -> None:
        """The same is said in another way, which the caller should know."""
        self.adjustments.append(Adjustment(feature, what, why))

    def refuses(self, feature: str, why: str, hint: str) -> EncodeError:
        return EncodeError(f"{self.name} cannot take {feature}: {why}", feature=feature, hint=hint)


# ── parameters ──────────────────────────────────────────────────────────────────────────────────────────────────────

_SAMPLING = (Feature.TEMPERATURE, Feature.TOP_P, Feature.TOP_K)
"""What may be dropped. The value of each is the attribute of `Inference`."""


def _drop_refused_sampling(request: CompletionRequest, model: _Model) -> CompletionRequest:
    refused = [name for name in _asked(request, _SAMPLING) if not model.takes(name)]
    for name in refused:
        model.drops(name, "not sent", f"{model.name} does not take it")
    return _without(request, refused)


def _choose_one_of_each_group(request: CompletionRequest, model: _Model) -> CompletionRequest:
    for group in model.facts.one_of:
        asked = _asked(request, group)
        for name in asked[1:]:
            model.drops(name, "not sent", f"{model.name} takes it or {asked[0]}, not both")
        request = _without(request, asked[1:])
    return request


def _asked(request: CompletionRequest, names: Iterable[Feature]) -> list[Feature]:
    return [name for name in names if getattr(request.inference, name) is not None]


def _without(request: CompletionRequest, names: list[Feature]) -> CompletionRequest:
    if not names:
        return request
    nothing: dict[str, Any] = dict.fromkeys(map(str, names))
    return evolve(request, inference=evolve(request.inference, **nothing))


# ── cache points ────────────────────────────────────────────────────────────────────────────────────────────────────


def _keep_cache_points_within_limit(request: CompletionRequest, model: _Model) -> CompletionRequest:
    limit = model.facts.max_cache_points if model.takes(Feature.CACHE_POINTS) else 0
    worth = _cache_points_by_worth(request)
    if limit is None or len(worth) <= limit:
        return request
    why = f"{model.name} takes {limit or 'none'}"
    model.drops(Feature.CACHE_POINTS, f"{len(worth) - limit} of {len(worth)} not sent", why)
    is_kept = (number in worth[:limit] for number in range(len(worth)))
    kept = _rewritten(request, lambda block: block if not isinstance(block, CachePoint) or next(is_kept) else None)
    return evolve(kept, messages=tuple(message for message in kept.messages if message.content))


def _cache_points_by_worth(request: CompletionRequest) -> list[int]:
    """Their numbers, in the order of the request (tools, system, messages), the one to keep longest first.

    The last one behind the tools and the last one behind the system text serve every conversation; then the newest, for
    the next turn finds it.
    """
    tools = sum(isinstance(tool, CachePoint) for tool in request.tools)
    system = tools + _count_cache_points(evolve(request, messages=()))
    every = list(range(system + _count_cache_points(evolve(request, system=()))))
    best = [*every[:tools][-1:], *every[tools:system][-1:]]
    return best + [number for number in reversed(every) if number not in best]


def _count_cache_points(request: CompletionRequest) -> int:
    return sum(isinstance(block, CachePoint) for block in blocks_of(request))


# ── tools ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _refuse_tools_in_stream(request: CompletionRequest, model: _Model) -> CompletionRequest:
    if model.is_streamed and not model.facts.has_streamed_tools:
        raise model.refuses(
            "tools in a stream", "it has tools in whole answers only", "make the call without streaming"
        )
    return request


def _choose_tool(request: CompletionRequest, model: _Model) -> CompletionRequest:
    """A choice that the model has no word for, said by what it is offered."""
    choice = request.tool_choice
    if choice is None or choice.mode in model.tool_choices:
        return request
    said = _SAID_OTHERWISE[choice.mode](request, choice, model)
    if said is None:
        known = ", ".join(sorted(model.tool_choices)) or "no choice at all"
        raise model.refuses(f"tool choice `{choice.mode}`", f"it knows {known}", "choose otherwise, or leave it out")
    return said


def _auto_by_silence(request: CompletionRequest, choice: ToolChoice, model: _Model) -> CompletionRequest | None:
    if choice.allows_parallel is not None:
        model.drops("parallel tool calls", "not sent", f"{model.name} cannot be told")
    return evolve(request, tool_choice=None)  # what every family does unasked


def _none_by_offering_none(request: CompletionRequest, choice: ToolChoice, model: _Model) -> CompletionRequest | None:
    if model.facts.wants_tools_with_history and _holds_tool_calls(request):
        return None
    model.changes(Feature.TOOL_CHOICE, "`none` said by offering no tools", f"{model.name} has no word for it")
    return evolve(request, tools=(), tool_choice=None)


def _named_by_offering_one(request: CompletionRequest, choice: ToolChoice, model: _Model) -> CompletionRequest | None:
    if ToolChoiceMode.ANY not in model.tool_choices:
        return None
    named = tuple(tool for tool in request.tools if isinstance(tool, Tool | BuiltinTool) and tool.name == choice.name)
    model.changes(Feature.TOOL_CHOICE, "said as `any`, with that tool alone", f"{model.name} cannot be told a name")
    return evolve(request, tools=named, tool_choice=evolve(choice, mode=ToolChoiceMode.ANY, name=None))


def _any_by_naming_the_only_one(
    request: CompletionRequest, choice: ToolChoice, model: _Model
) -> CompletionRequest | None:
    names = [tool.name for tool in request.tools if isinstance(tool, Tool | BuiltinTool)]
    if ToolChoiceMode.TOOL not in model.tool_choices or len(names) != 1:
        return None
    return evolve(request, tool_choice=evolve(choice, mode=ToolChoiceMode.TOOL, name=names[0]))


_SAID_OTHERWISE: Mapping[
    ToolChoiceMode, Callable[[CompletionRequest, ToolChoice, _Model], CompletionRequest | None]
] = {
    ToolChoiceMode.AUTO: _auto_by_silence,
    ToolChoiceMode.NONE: _none_by_offering_none,
    ToolChoiceMode.TOOL: _named_by_offering_one,
    ToolChoiceMode.ANY: _any_by_naming_the_only_one,
}


def _offer_tools_of_history(request: CompletionRequest, model: _Model) -> CompletionRequest:
    """A conversation that holds calls goes on with a model, or in a step, that is offered no tools."""
    is_offered = any(not isinstance(tool, CachePoint) for tool in request.tools)
    if is_offered or not model.facts.wants_tools_with_history or not _holds_tool_calls(request):
        return request
    names = dict.fromkeys(block.name for block in blocks_of(request) if isinstance(block, ToolUse))
    why = f"{model.name} refuses a conversation with calls otherwise"
    model.changes(Feature.TOOLS, "those of the conversation offered by name", why)
    tools = tuple(Tool(name, _NOT_TO_BE_CALLED, {"type": "object"}) for name in names or ("tool",))
    choice = ToolChoice(ToolChoiceMode.NONE) if ToolChoiceMode.NONE in model.tool_choices else None
    return evolve(request, tools=(*tools, *request.tools), tool_choice=choice)


_NOT_TO_BE_CALLED = "Not available any more: do not call it."


def _holds_tool_calls(request: CompletionRequest) -> bool:
    return any(isinstance(block, ToolUse | ToolResult) for block in blocks_of(request))


def _tell_tool_errors(request: CompletionRequest, model: _Model) -> CompletionRequest:
    """Without a flag for it, the result says itself that it is one of a tool that failed."""
    if model.takes(Feature.TOOL_ERRORS):
        return request
    if any(isinstance(block, ToolResult) and block.is_error for block in blocks_of(request)):
        model.changes(Feature.TOOL_ERRORS, "said as text", f"{model.name} has no flag for them")
    return _rewritten(request, _without_flag)


def _without_flag(block: ContentBlock) -> ContentBlock:
    if not isinstance(block, ToolResult) or not block.is_error:
        return evolve(block, is_error=None) if isinstance(block, ToolResult) else block
    content: tuple[ContentBlock, ...] | str = f"{_FAILED}{block.content or ''}"
    if isinstance(block.content, tuple):
        content = (Text(_FAILED), *block.content)
    return evolve(block, is_error=None, content=content)


_FAILED = "error: "


# ── names ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _spell_tool_names(request: CompletionRequest, model: _Model) -> CompletionRequest:
    spelled = _spelled(model.facts.tool_names, _tool_names_of(request))
    if not spelled:
        return request
    model.names.update({other: name for name, other in spelled.items()})
    named = _rewritten(request, partial(_renamed, spelled))
    tools = tuple(
        evolve(tool, name=_of(spelled, tool.name)) if isinstance(tool, Tool) else tool for tool in named.tools
    )
    choice = named.tool_choice
    if choice is not None and choice.name is not None:
        choice = evolve(choice, name=_of(spelled, choice.name))
    return evolve(named, tools=tools, tool_choice=choice)


def _tool_names_of(request: CompletionRequest) -> Iterator[str]:
    yield from (tool.name for tool in request.tools if not isinstance(tool, CachePoint))
    yield from (block.name for block in blocks_of(request) if isinstance(block, ToolUse | ToolResult) and block.name)
    if request.tool_choice is not None and request.tool_choice.name:
        yield request.tool_choice.name


def _renamed(spelled: Mapping[str, str], block: ContentBlock) -> ContentBlock:
    if isinstance(block, ToolUse | ToolResult) and block.name is not None:
        return evolve(block, name=_of(spelled, block.name))
    return block


def _spell_tool_use_ids(request: CompletionRequest, model: _Model) -> CompletionRequest:
    """The ids of calls that were made. The model makes new ones for its own, so none comes back."""
    spelled = _spelled(model.facts.tool_use_ids, _tool_use_ids_of(request))
    return _rewritten(request, partial(_with_id, spelled)) if spelled else request


def _tool_use_ids_of(request: CompletionRequest) -> Iterator[str]:
    for block in blocks_of(request):
        if isinstance(block, ToolUse):
            yield block.id
        elif isinstance(block, ToolResult):
            yield block.tool_use_id


def _with_id(spelled: Mapping[str, str], block: ContentBlock) -> ContentBlock:
    if isinstance(block, ToolUse):
        return evolve(block, id=_of(spelled, block.id))
    if isinstance(block, ToolResult):
        return evolve(block, tool_use_id=_of(spelled, block.tool_use_id))
    return block


def _spell_document_names(request: CompletionRequest, model: _Model) -> CompletionRequest:
    """Two documents may not have one name: the second is numbered before it is spelled."""
    if model.facts.document_names is None:
        return request
    numbered = _numbered(block.name for block in _documents_of(request))
    spelled = _spelled(model.facts.document_names, (name for name in numbered if name is not None))
    names = iter([name if name is None else _of(spelled, name) for name in numbered])
    return _rewritten(request, lambda block: evolve(block, name=next(names)) if isinstance(block, Document) else block)


def _documents_of(request: CompletionRequest) -> list[Document]:
    """Every document, in the order in which `_rewritten` meets them."""
    found: list[Document] = []

    def note(block: ContentBlock) -> ContentBlock:
        if isinstance(block, Document):
            found.append(block)
        return block

    _rewritten(request, note)
    return found


def _numbered(names: Iterable[str | None]) -> list[str | None]:
    seen: dict[str, int] = {}
    numbered: list[str | None] = []
    for name in names:
        if name is not None:
            seen[name] = seen.get(name, 0) + 1
        numbered.append(name if name is None or seen[name] == 1 else f"{name} ({seen[name]})")
    return numbered


def _spelled(spelling: Spelling | None, names: Iterable[str]) -> Mapping[str, str]:
    return NOTHING_MORE if spelling is None else spelling.of(names)


def _of(spelled: Mapping[str, str], name: str) -> str:
    return spelled.get(name, name)


# ── messages ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _set_results_apart(request: CompletionRequest, model: _Model) -> CompletionRequest:
    """The results of tools in a message of their own, in order."""
    if model.takes(Feature.RESULTS_BESIDE):
        return request
    return evolve(request, messages=tuple(part for message in request.messages for part in _parts(message)))


def _parts(message: Message) -> Iterator[Message]:
    for _, blocks in groupby(message.content, key=lambda block: isinstance(block, ToolResult)):
        yield evolve(message, content=tuple(blocks))


def _put_roles_in_order(request: CompletionRequest, model: _Model) -> CompletionRequest:
    has_any_order = model.takes(Feature.ANY_ROLE_ORDER)
    first = next((message.role for message in request.messages if message.role is not Role.SYSTEM), Role.USER)
    if first is Role.ASSISTANT and (model.facts.starts_with_user or not has_any_order):
        raise model.refuses(
            "a conversation that the assistant begins", "the first message must be the user's", "begin with a user's"
        )
    if not model.facts.alternates and has_any_order:
        return request
    joined = tuple(
        _joined(list(turn), model) for _, turn in groupby(request.messages, key=lambda message: message.role)
    )
    if len(joined) < len(request.messages):
        model.changes(Feature.ANY_ROLE_ORDER, "messages of one role in a row joined", f"{model.name} wants turns")
    return evolve(request, messages=joined)


def _joined(turn: list[Message], model: _Model) -> Message:
    content = tuple(block for message in turn for block in message.content)
    results = sum(isinstance(block, ToolResult) for block in content)
    if 0 < results < len(content) and not model.takes(Feature.RESULTS_BESIDE):
        raise model.refuses(
            Feature.RESULTS_BESIDE,
            "they must stand alone, and the next message must be the assistant's",
            "send what stands beside the results after the assistant has answered them",
        )
    extra = {key: value for message in turn for key, value in message.extra.items()}
    return evolve(turn[0], content=content, extra=extra) if len(turn) > 1 else turn[0]


# ── every block ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _rewritten(request: CompletionRequest, change: Callable[[ContentBlock], ContentBlock | None]) -> CompletionRequest:
    """`request` with every block changed, or left out: tools, system, messages; a block before what it holds."""

    def blocks(content: Iterable[ContentBlock]) -> Iterator[ContentBlock]:
        for block in content:
            changed = change(block)
            if isinstance(changed, ToolResult | Document) and isinstance(changed.content, tuple):
                changed = evolve(changed, content=tuple(blocks(changed.content)))
            if changed is not None:
                yield changed

    return evolve(
        request,
        tools=tuple(tool for tool in request.tools if not isinstance(tool, CachePoint) or change(tool) is not None),
        system=tuple(blocks(request.system)),
        messages=tuple(evolve(message, content=tuple(blocks(message.content))) for message in request.messages),
    )


Step: TypeAlias = Callable[[CompletionRequest, _Model], CompletionRequest]

_TOOLS = frozenset({Feature.TOOLS})

_STEPS: tuple[tuple[frozenset[Feature], Step], ...] = (
    (frozenset(_SAMPLING), _drop_refused_sampling),
    (frozenset(_SAMPLING), _choose_one_of_each_group),
    (frozenset({Feature.CACHE_POINTS}), _keep_cache_points_within_limit),
    (_TOOLS, _refuse_tools_in_stream),
    (frozenset({Feature.TOOL_CHOICE}), _choose_tool),
    (_TOOLS, _offer_tools_of_history),
    (frozenset({Feature.TOOL_ERRORS}), _tell_tool_errors),
    (_TOOLS, _spell_tool_names),
    (_TOOLS, _spell_tool_use_ids),
    (frozenset({Feature.DOCUMENTS}), _spell_document_names),
    (frozenset({Feature.RESULTS_BESIDE}), _set_results_apart),
    # Results that were set apart stand in a row with what stood beside them, and a message of cache points is gone.
    (frozenset({Feature.RESULTS_BESIDE, Feature.CACHE_POINTS, Feature.ANY_ROLE_ORDER}), _put_roles_in_order),
)
"""What a request must make use of for a step to have work, and the step. Later steps see what earlier ones did."""

_ADJUSTABLE = frozenset[Feature]().union(*(features for features, _ in _STEPS))
