"""The steps that make a request fit: each a function (request, model) -> request, in two tables.

`CROSSING` is for requests that came in another codec's JSON, `STEPS` for every request. A row names
what gives its step work, features or `BLANK`, so that a request that fits costs one look at them.
Later steps see what earlier ones did.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TypeAlias

from axonflow_core.codec import Feature, blocks_of
from axonflow_core.codec.features import BLANK, Asked
from axonflow_core.messages import CompletionRequest, Document

from .answers import Client
from .betas import fit_betas
from .blanks import cut_blank_end, leave_out_blanks
from .cache_points import (
    fit_cache_ttls,
    keep_cache_points_within_limit,
    leave_out_misplaced_cache_points,
)
from .exclusions import keep_what_stands_beside_reasoning
from .hosted_tools import leave_out_hosted_tools, report_tools_as_functions
from .media import fit_media
from .members import (
    leave_out_citation_settings,
    leave_out_citations,
    leave_out_unknown_members,
    refuse_foreign_blocks,
    write_as_documented,
)
from .model import Model
from .names import spell_document_names, spell_tool_names, spell_tool_use_ids
from .options import fit_metadata, fit_service_tier, settle_options
from .output import fit_output_schema
from .parameters import (
    SAMPLING,
    choose_one_of_each_group,
    drop_refused_sampling,
    fit_stop_sequences,
    move_into_range,
)
from .reasoning import fit_reasoning, leave_room_for_answer, settle_effort_with_tools
from .schemas import fit_tools, refuse_choice_of_unknown_tool
from .thoughts import fit_reasoning_of_history, reason_where_the_round_began_so
from .tools import (
    choose_tool,
    drop_choice_of_nothing,
    drop_parallel_choice,
    lift_media_out_of_results,
    offer_tools_of_history,
    put_text_arguments_in_objects,
    refuse_tools_in_stream,
    write_results_as_text,
    write_tool_errors_as_text,
)
from .turns import (
    arrange_results,
    lead_with_system,
    put_roles_in_order,
    put_system_after_results,
    refuse_documents_alone,
    refuse_silence,
    refuse_unpaired_results,
    say_system_as_user,
)

Step: TypeAlias = Callable[[CompletionRequest, Model], CompletionRequest]


def refuse_unstreamable_answer(request: CompletionRequest, model: Model) -> CompletionRequest:
    """Refuse a streamed call where the client's dialect has no streams."""
    if model.client is not None and model.is_streamed and not model.client.streams:
        raise model.refuses(
            "a streamed call",
            f"{model.client.name} has no streamed answers",
            "make the call without streaming",
        )
    return request


def foresee_answer(request: CompletionRequest, model: Model) -> CompletionRequest:
    """Report, before anything is billed, what was asked for and the answer will have no place
    for."""
    if model.client is None:
        return request
    client, asked = Client(model.client), request.reasoning
    if asked is not None and asked.mode != "disabled" and not client.has(Feature.REASONING):
        model.adjustments.append(client.adjustment(str(Feature.REASONING)))
    if any(isinstance(block, Document) and block.citations for block in blocks_of(request)):
        model.adjustments.append(client.adjustment("citations"))
    return request


def foresee(request: CompletionRequest, model: Model) -> CompletionRequest:
    """What is known of the answer before the call: refused where the client's dialect cannot have
    it at all, else reported."""
    return foresee_answer(refuse_unstreamable_answer(request, model), model)


_TOOLS = frozenset({Feature.TOOLS})
_CHOICE = frozenset({Feature.TOOL_CHOICE})
_REASONING = frozenset({Feature.REASONING})
_CACHE_POINTS = frozenset({Feature.CACHE_POINTS})

SERVED: tuple[tuple[frozenset[str] | None, Step], ...] = (
    (None, refuse_unstreamable_answer),
    (None, fit_betas),
    (None, settle_options),
    (_TOOLS | {Feature.IMAGES, Feature.DOCUMENTS}, write_as_documented),
)
"""For requests that came in another codec's JSON, of the same dialect too: for all of them, or for
those that use one of these."""

CROSSING: tuple[tuple[frozenset[str] | None, Step], ...] = (
    (frozenset({Feature.BUILTIN_TOOLS}), leave_out_hosted_tools),
    (_TOOLS, report_tools_as_functions),
    (None, refuse_foreign_blocks),
    (None, leave_out_citations),
    (None, leave_out_unknown_members),
    (None, foresee_answer),
)
"""For those that came in another dialect."""

STEPS: tuple[tuple[frozenset[str], Step], ...] = (
    (frozenset({Feature.IMAGES, Feature.DOCUMENTS}), fit_media),
    (frozenset({BLANK}), leave_out_blanks),
    (frozenset({Feature.MID_SYSTEM}), lead_with_system),
    (frozenset({Feature.METADATA}), fit_metadata),
    (frozenset({Feature.SERVICE_TIER}), fit_service_tier),
    # What a history lost decides on reasoning, and reasoning on the parameters next to it.
    (_REASONING, fit_reasoning_of_history),
    (_CACHE_POINTS, leave_out_misplaced_cache_points),
    (_CACHE_POINTS, keep_cache_points_within_limit),
    (_CACHE_POINTS, fit_cache_ttls),
    (_REASONING, fit_reasoning),
    (_TOOLS, settle_effort_with_tools),
    (_REASONING, reason_where_the_round_began_so),
    (_REASONING, leave_room_for_answer),
    (frozenset(SAMPLING), drop_refused_sampling),
    (_REASONING, keep_what_stands_beside_reasoning),
    (frozenset(SAMPLING), choose_one_of_each_group),
    (frozenset(SAMPLING), move_into_range),
    (frozenset({Feature.STOP_SEQUENCES}), fit_stop_sequences),
    # A schema may become a tool that must be called, so it precedes the steps for tools.
    (frozenset({Feature.OUTPUT_SCHEMA, Feature.JSON_OUTPUT}), fit_output_schema),
    (frozenset({Feature.MID_SYSTEM}), put_system_after_results),
    (frozenset({Feature.MID_SYSTEM}), say_system_as_user),
    (_TOOLS, refuse_unpaired_results),
    (_TOOLS, refuse_tools_in_stream),
    (_TOOLS | {Feature.BUILTIN_TOOLS, Feature.OUTPUT_SCHEMA}, fit_tools),
    (_TOOLS, put_text_arguments_in_objects),
    (_CHOICE, refuse_choice_of_unknown_tool),
    (_CHOICE, drop_parallel_choice),
    (_CHOICE, choose_tool),
    (_TOOLS, offer_tools_of_history),
    (_CHOICE, drop_choice_of_nothing),
    (frozenset({Feature.DATA}), write_results_as_text),
    (frozenset({Feature.IMAGES, Feature.DOCUMENTS}), lift_media_out_of_results),
    (frozenset({Feature.TOOL_ERRORS}), write_tool_errors_as_text),
    # Spelled last, when no step adds a tool or a call any more.
    (_TOOLS | {Feature.OUTPUT_SCHEMA}, spell_tool_names),
    (_TOOLS, spell_tool_use_ids),
    (frozenset({Feature.DOCUMENTS}), spell_document_names),
    (frozenset({Feature.DOCUMENTS}), refuse_documents_alone),
    (frozenset({Feature.CITATIONS}), leave_out_citation_settings),
    (_TOOLS, arrange_results),
    # A message of nothing but cache points, reasoning or blanks may be gone by now.
    (
        _REASONING | _CACHE_POINTS | {Feature.ANY_ROLE_ORDER, Feature.MID_SYSTEM, BLANK},
        put_roles_in_order,
    ),
    (_REASONING | _CACHE_POINTS | {Feature.MID_SYSTEM, BLANK}, refuse_silence),
    (frozenset({Feature.PREFILL, BLANK}), cut_blank_end),
)

_ADJUSTABLE = frozenset[str]().union(*(uses for uses, _ in STEPS))


def needs_steps(asked: Asked) -> bool:
    """Whether any step of the table may change a request that asks for this."""
    return asked.has_blanks or not asked.features.isdisjoint(_ADJUSTABLE)


def fit_served(request: CompletionRequest, uses: frozenset[str], model: Model) -> CompletionRequest:
    """`request`, which came in another codec's JSON, without what only that codec knows."""
    for step in _served_steps(uses, is_crossing=model.is_crossing):
        request = step(request, model)
    return request


@lru_cache(maxsize=256)
def _served_steps(uses: frozenset[str], *, is_crossing: bool) -> tuple[Step, ...]:
    table = (*SERVED, *CROSSING) if is_crossing else SERVED
    return tuple(step for some, step in table if some is None or not uses.isdisjoint(some))


def fit_request(
    request: CompletionRequest, uses: frozenset[str], model: Model
) -> CompletionRequest:
    """Apply the steps of the table for what the request uses."""
    for step in _steps_for(uses):
        request = step(request, model)
    return request


@lru_cache(maxsize=256)
def _steps_for(uses: frozenset[str]) -> tuple[Step, ...]:
    return tuple(step for some, step in STEPS if not uses.isdisjoint(some))
