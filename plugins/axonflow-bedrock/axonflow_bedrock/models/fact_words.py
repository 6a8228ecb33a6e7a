"""Facts about models in words, for `axonflow explain call` and the documentation: one line for each
field that is not at its default."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from attrs import fields

from axonflow_core.codec import ModelFacts, ReasoningControls
from axonflow_core.codec.facts import BesideReasoning, NumberRange
from axonflow_core.codec.name_rules import NameRule
from axonflow_core.media import MediaTerms


def words_of(facts: ModelFacts) -> Iterator[str]:
    """What the facts say, in the order of their fields."""
    for field in fields(ModelFacts):
        value = getattr(facts, field.name)
        if value != field.default and field.name in _WORDS:
            yield from _WORDS[field.name](value)


def _always(text: str) -> Callable[[Any], Iterator[str]]:
    return lambda value: iter((text,))


def _with(text: str) -> Callable[[Any], Iterator[str]]:
    return lambda value: iter((text.format(f"{value:,}" if type(value) is int else value),))


def _listed(text: str) -> Callable[[Any], Iterator[str]]:
    return lambda values: iter((text.format(_list(values)),))


def _list(values: Iterable[object]) -> str:
    """The values, by their order where they have one, else by their names."""
    names = values if isinstance(values, tuple) else sorted(map(str, values))
    return ", ".join(map(str, names)) or "none"


def _ranges(ranges: tuple[NumberRange, ...]) -> Iterator[str]:
    for known in ranges:
        is_one = known.least == known.most
        bounds = f"{known.least:g}" if is_one else f"{known.least:g} to {known.most:g}"
        yield f"{known.name}: {bounds}"


def _groups(groups: tuple[tuple[object, ...], ...]) -> Iterator[str]:
    for group in groups:
        yield f"one of: {_list(group)}"


def _ttls(ttls: tuple[str, ...]) -> Iterator[str]:
    yield f"times of cache points: {_list(ttls)}, none longer than one before it"


def _names(what: str) -> Callable[[Any], Iterator[str]]:
    def words(rule: NameRule) -> Iterator[str]:
        others = f", or {rule.also}" if rule.also else ""
        yield f"{what}: {rule.pattern}{others}"

    return words


def _reasoning(controls: ReasoningControls) -> Iterator[str]:
    if controls.has_budget:
        yield f"reasoning by a budget of {controls.least_budget:,} tokens or more"
    if controls.efforts:
        yield f"effort: {_list(controls.efforts)}"
    if controls.effort_beta is not None:
        yield f"an effort needs the beta {controls.effort_beta}"
    if controls.modes:
        yield f"mode of reasoning: {_list(controls.modes)}"
    if not (controls.has_budget or controls.efforts or controls.modes):
        yield "takes no word about how much it reasons"
    if controls.is_off_unasked:
        yield "does not reason unasked"
    if controls.efforts_when_off is not None:
        yield f"effort while reasoning is turned off: {_list(controls.efforts_when_off)}"
    if controls.is_signed:
        yield "reasoning of earlier turns with its signature alone"
    if not controls.has_history:
        yield "no reasoning of earlier turns"
    if controls.opens_calls:
        yield "with a budget a round of tool calls begins with reasoning"
    if controls.beside is not None:
        yield _beside(controls.beside)


def _beside(beside: BesideReasoning) -> str:
    words = [f"no {_list(beside.without)}", *_ranges(beside.ranges)]
    if beside.tool_choices is not None:
        words.append(f"tool choice: {_list(beside.tool_choices)}")
    if not beside.has_limit:
        words.append("no max_tokens")
    which = f"reasoning of effort {_list(beside.efforts)}" if beside.efforts else "reasoning"
    return f"next to {which}: {'; '.join(words)}"


def media_words(what: str, terms: MediaTerms) -> Iterator[str]:
    """What the terms of pictures, or of documents, say."""
    for name, text in _TERMS.items():
        value = getattr(terms, name)
        if value is not None and value is not False:
            shown = f"{value:,}" if isinstance(value, int) else _list(value)
            yield text.format(what, shown)


_TERMS: Mapping[str, str] = {
    "types": "types of {}: {}",
    "sources": "sources of {}: {}",
    "is_users_alone": "{} stand in messages of the user's alone",
    "max_bytes": "{} of {} bytes at most",
    "max_base64": "{} of a request: {} characters of base64 at most",
    "max_in_message": "{} in one message: {} at most",
    "max_in_request": "{} in one request: {} at most",
    "max_side_px": "longest side of {}: {} pixels",
    "max_pages": "pages of {}: {} at most",
}

_WORDS: Mapping[str, Callable[[Any], Iterator[str]]] = {
    "without": _listed("does not take: {}"),
    "one_of": _groups,
    "ranges": _ranges,
    "max_stop_sequences": _with("stop sequences: {} at most"),
    "max_stop_characters": _with("a stop sequence has {} characters at most"),
    "has_blank_stops": _always("no stop sequence of blanks alone"),
    "max_output_tokens": _with("writes {} tokens at most"),
    "tool_choices": _listed("tool choice: {}"),
    "has_strict_tools": _always("`strict` of tools is refused"),
    "has_object_schemas": _always("the schema of a tool says `type: object`"),
    "refused_in_schemas": _listed("at the top of a tool's schema are refused: {}"),
    "argument_names": _names("names of a tool's arguments"),
    "refused_in_outputs": _listed("in the schema of the answer are refused: {}"),
    "has_closed_outputs": _always("objects of the answer's schema have no other members"),
    "has_unique_tools": _always("no two tools of one name"),
    "has_streamed_tools": _always("no tools in a stream"),
    "tools_with_history": _always("a conversation with tool calls offers tools"),
    "tool_results_alone": _always("results of tools stand alone in their turn"),
    "tool_results_together": _always("results of one turn stand in one message"),
    "refused_builtins": _listed("no tools of the vendor's servers: {}"),
    "calls_meet_results": _always("calls end their turn, and results begin theirs"),
    "documents_apart_from_results": _always("no documents next to results of tools"),
    "has_images_in_results": _always("no pictures in results of tools"),
    "has_documents_in_results": _always("no documents in results of tools"),
    "has_object_results": _always("JSON as the result of a tool is an object"),
    "starts_with_user": _always("the first message is the user's"),
    "needs_messages": _always("a request has a message"),
    "pairs_results": _always("every call has its result in the next turn"),
    "documents_with_text": _always("a message with a document has a text"),
    "alternates": _always("roles alternate"),
    "refuses_blanks": _always("no message without content, no text of blanks alone"),
    "refuses_blank_results": _always("no text of blanks alone in results of tools"),
    "refuses_blank_end": _always("an assistant's message at the end does not end in blanks"),
    "max_cache_points": _with("cache points: {} at most"),
    "images": lambda terms: media_words("pictures", terms),
    "documents": lambda terms: media_words("documents", terms),
    "cache_ttls": _ttls,
    "uncached": _listed("no cache point directly after: {}"),
    "reasoning": _reasoning,
    "betas": _listed("betas of Anthropic's: {}"),
    "tool_names": _names("names of tools"),
    "tool_use_ids": _names("ids of tool calls"),
    "document_names": _names("names of documents"),
}
"""Field of `ModelFacts` -> its words. `explain call` says the others in its own."""
