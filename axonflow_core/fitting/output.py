"""Structured output where the family has no place for a schema: a tool that must be called.

    output_schema  ->  one tool whose arguments are the schema, and a choice that forces it
    the call of that tool  ->  the text of the answer, its arguments as JSON

That keeps the meaning only if the tool is the one thing the model may do. So it is refused by name
where tools are offered as well, where the model reasons, and where it cannot be forced to call one.
Text that the model writes before the call is left out: the whole text is to be the JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from axonflow_core.codec import Feature
from axonflow_core.frozen import evolve
from axonflow_core.json_text import canonical
from axonflow_core.messages import (
    EMPTY,
    CachePoint,
    Completion,
    CompletionRequest,
    Json,
    OutputSchema,
    StopReason,
    Text,
    Tool,
    ToolChoice,
    ToolChoiceMode,
    ToolUse,
)

from .model import Model
from .schema_forms import known_part

DEFAULT_NAME = "json_answer"
_INSTRUCTION = "Give the answer as the arguments of this tool."
_ANY_OBJECT: Mapping[str, Json] = {"type": "object"}


def fit_output_schema(request: CompletionRequest, model: Model) -> CompletionRequest:
    """Carry the output schema in the family's own form, or as a tool that must be called."""
    asked = request.output_schema
    if asked is None:
        return request
    feature = Feature.JSON_OUTPUT if asked.schema is None else Feature.OUTPUT_SCHEMA
    if model.takes(feature):
        fitted = _with_known_keywords(_with_known_members(asked, model), model)
        return evolve(request, output_schema=fitted)
    _refuse_what_no_tool_can_do(request, asked, feature, model)
    name = asked.name or DEFAULT_NAME
    model.output_tools.append(name)
    model.changes(feature, "asked for as a tool that must be called", f"{model.name} has no other")
    schema = _ANY_OBJECT if asked.schema is None else asked.schema
    return evolve(
        request,
        output_schema=None,
        tools=(Tool(name, asked.description or _INSTRUCTION, schema), *request.tools),
        tool_choice=_forcing(name, model),
    )


def _with_known_members(asked: OutputSchema, model: Model) -> OutputSchema:
    """A name is a label, and a schema that is always enforced needs not be `strict`."""
    known, missing = model.codec.schema_members, dict[str, Any]()
    for member in ("name", "description", "is_strict"):
        value = getattr(asked, member)
        if value is not None and member not in known:
            missing[member] = None
            if member == "description":
                what = "its description not sent"
                model.drops(Feature.OUTPUT_SCHEMA, what, f"{model.name} has no place for it")
    return evolve(asked, **missing) if missing else asked


def _with_known_keywords(asked: OutputSchema, model: Model) -> OutputSchema:
    """The schema as far as the model holds an answer to it. Limits that it does not know are left
    out and reported; where it wants objects closed, one that does not say so is."""
    facts = model.facts
    if not (facts.refused_in_outputs or facts.has_closed_outputs):
        return asked
    done: set[str] = set()
    schema = known_part(asked.schema, facts, done)
    if not done:
        return asked
    what = f"its schema sent with {', '.join(sorted(done))}"
    model.drops(Feature.OUTPUT_SCHEMA, what, f"{model.name} holds answers to no other")
    return evolve(asked, schema=schema, spelling=EMPTY)


def _forcing(name: str, model: Model) -> ToolChoice:
    """The tool choice that makes the model answer with the schema's tool."""
    if ToolChoiceMode.TOOL in model.tool_choices:
        return ToolChoice(ToolChoiceMode.TOOL, name)
    return ToolChoice(ToolChoiceMode.ANY)


def _refuse_what_no_tool_can_do(
    request: CompletionRequest, asked: OutputSchema, feature: Feature, model: Model
) -> None:
    """`EncodeError` where a forced tool cannot stand in for an output schema: next to tools of
    the caller's, with reasoning that forbids a forced choice, or for a schema that is not of an
    object."""
    is_reasoning = request.reasoning is not None and request.reasoning.mode != "disabled"
    is_offering = any(not isinstance(tool, CachePoint) for tool in request.tools)
    forced = {ToolChoiceMode.TOOL, ToolChoiceMode.ANY} & model.tool_choices
    obstacles = {
        "it has no tools either": not model.takes(Feature.TOOLS),
        "it cannot be forced to call a tool": not forced,
        "a tool would stand in for it, and tools are offered as well": is_offering,
        "a tool would stand in for it, which reasoning excludes": is_reasoning,
        "a tool would stand in for it, and it has none in a stream": model.is_streamed
        and not model.facts.has_streamed_tools,
        "a tool would stand in for it, and its schema is of no object": not _is_of_object(asked),
    }
    for why, is_there in obstacles.items():
        if is_there:
            raise model.refuses(feature, why, "ask for the JSON in the prompt")


def _is_of_object(asked: OutputSchema) -> bool:
    """Whether the schema describes an object, which arguments of a tool always are."""
    schema = asked.schema
    return schema is None or (
        isinstance(schema, Mapping) and schema.get("type", "object") == "object"
    )


# ── the answer ────────────────────────────────────────────────────────────────────────────────────


def output_of(completion: Completion, tool: str) -> Completion:
    """The answer with the call of `tool` as its text. Without such a call it is as it was."""
    calls = [block for block in completion.content if is_output(block, tool)]
    if not calls:
        return completion
    others = (block for block in completion.content if not isinstance(block, Text | ToolUse))
    text = "".join(output_text(call) for call in calls if isinstance(call, ToolUse))
    return evolve(completion, content=(*others, Text(text)), **unforced(completion.stop_reason))


def is_output(block: object, tool: str) -> bool:
    """Whether the block is a call of the tool that stands for the output schema."""
    return isinstance(block, ToolUse) and block.name == tool


def output_text(call: ToolUse) -> str:
    """The arguments of `call` as JSON text: as the model wrote them, where that is known."""
    if "input" in call.spelling:
        return str(call.spelling["input"])
    return call.input if isinstance(call.input, str) else canonical(call.input)


def unforced(reason: StopReason | None) -> dict[str, Any]:
    """The stop reason of an answer whose call was its text."""
    if reason is not StopReason.TOOL_USE:
        return {}
    return {"stop_reason": StopReason.END_TURN, "native_stop_reason": None}
