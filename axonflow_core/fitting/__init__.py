"""A request made to fit the model it is for, or refused by name. One policy for everything a model
cannot take:

* content is never dropped. What only has the wrong form is said in the right one, and what cannot
  be said is an `EncodeError` that names it;
* parameters that steer how a model samples, and cache points beyond its limit, change no content:
  they are dropped and told (`Adjustment`), or refused where the operator says so;
* names that the model cannot spell are spelled otherwise for this one request, and come back as
  they were.

    fit(request, codec, facts) -> Fitted(request, adjustments, …)    then encode_request(request)
    fitted.answer(completion), fitted.events(batch)                   after decoding

Every step is a function (request, model) -> request in the table at the end, which says what it is
for. A request that uses nothing of it is returned as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from attrs import evolve, field, frozen

from axonflow_core.codec import FamilyCodec, Feature, ModelFacts, features_of
from axonflow_core.messages import (
    EMPTY,
    Adjustment,
    Completion,
    CompletionRequest,
    ContentBlock,
    Json,
    Text,
    ToolUse,
)
from axonflow_core.stream import Batch, BlockStart, CitationDelta, StreamEvent

from .model import Model
from .model import Unsupported as Unsupported
from .names import spell_document_names, spell_tool_names, spell_tool_use_ids
from .parameters import (
    SAMPLING,
    choose_one_of_each_group,
    drop_refused_sampling,
    keep_cache_points_within_limit,
)
from .tools import (
    choose_tool,
    drop_choice_of_nothing,
    offer_tools_of_history,
    refuse_tools_in_stream,
    tell_tool_errors,
)
from .turns import arrange_results, put_roles_in_order


@frozen
class Fitted:
    request: CompletionRequest
    adjustments: tuple[Adjustment, ...] = ()
    tool_names: Mapping[str, str] = field(default=EMPTY, repr=False)
    document_names: Mapping[str, str] = field(default=EMPTY, repr=False)
    """Names as they are sent -> as the caller knows them."""

    def answer(self, completion: Completion) -> Completion:
        """The answer to the request that was sent, as one to the request that was made."""
        if self._has_spelled:
            completion = evolve(completion, content=tuple(map(self._known, completion.content)))
        return evolve(completion, adjustments=self.adjustments) if self.adjustments else completion

    def events(self, batch: Batch) -> Batch:
        """The same for a batch of a stream."""
        return tuple(map(self._known_event, batch)) if self._has_spelled else batch

    @property
    def _has_spelled(self) -> bool:
        return bool(self.tool_names or self.document_names)

    def _known_event(self, event: StreamEvent) -> StreamEvent:
        match event:
            case BlockStart(_, block):
                return evolve(event, block=self._known(block))
            case CitationDelta(citation):
                return evolve(event, citation=self._known_citation(citation))
        return event

    def _known(self, block: ContentBlock) -> ContentBlock:
        match block:
            case ToolUse(_, name) if name in self.tool_names:
                return evolve(block, name=self.tool_names[name])
            case Text(_, citations) if citations:
                return evolve(block, citations=tuple(map(self._known_citation, citations)))
        return block

    def _known_citation(self, citation: Json) -> Json:
        """A citation names its document by title (`title`, `document_title`), whatever the
        family."""
        if not isinstance(citation, dict):
            return citation
        titles = {
            key: name
            for key, name in citation.items()
            if key.endswith("title") and isinstance(name, str)
        }
        return {
            **citation,
            **{key: self.document_names.get(name, name) for key, name in titles.items()},
        }


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
    model = Model(codec, facts, unsupported, is_streamed)
    for features, step in _STEPS:
        if not used.isdisjoint(features):
            request = step(request, model)
    return Fitted(request, tuple(model.adjustments), model.tool_names, model.document_names)


Step: TypeAlias = Callable[[CompletionRequest, Model], CompletionRequest]

_TOOLS = frozenset({Feature.TOOLS})

_STEPS: tuple[tuple[frozenset[Feature], Step], ...] = (
    (frozenset(SAMPLING), drop_refused_sampling),
    (frozenset(SAMPLING), choose_one_of_each_group),
    (frozenset({Feature.CACHE_POINTS}), keep_cache_points_within_limit),
    (_TOOLS, refuse_tools_in_stream),
    (frozenset({Feature.TOOL_CHOICE}), choose_tool),
    (_TOOLS, offer_tools_of_history),
    (frozenset({Feature.TOOL_CHOICE}), drop_choice_of_nothing),
    (frozenset({Feature.TOOL_ERRORS}), tell_tool_errors),
    (_TOOLS, spell_tool_names),
    (_TOOLS, spell_tool_use_ids),
    (frozenset({Feature.DOCUMENTS}), spell_document_names),
    (_TOOLS, arrange_results),
    # A message of nothing but cache points may be gone by now.
    (frozenset({Feature.CACHE_POINTS, Feature.ANY_ROLE_ORDER}), put_roles_in_order),
)
"""What a request must make use of for a step to have work, and the step. Later steps see what
earlier ones did."""

_ADJUSTABLE = frozenset[Feature]().union(*(features for features, _ in _STEPS))
