"""What a model is told of a tool: its description, its schema, and whether to hold to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from axonflow_core.codec import Feature
from axonflow_core.codec.features import is_blank
from axonflow_core.errors import EncodeError
from axonflow_core.frozen import evolve
from axonflow_core.messages import BuiltinTool, CachePoint, CompletionRequest, Tool

from .model import Model
from .schema_forms import fault_of, known_part, tidied

_OBJECT = "object"


def fit_tools(request: CompletionRequest, model: Model) -> CompletionRequest:
    """Every tool as the model takes it. What is changed is reported once for all of them;
    `EncodeError` names the tool whose schema it cannot take."""
    _refuse_unnamed(request, model)
    _refuse_builtins(request, model)
    done: dict[str, int] = {}
    tools = tuple(
        _fitted(tool, model, done) if isinstance(tool, Tool) else tool for tool in request.tools
    )
    for what, count in done.items():
        model.changes(Feature.TOOLS, f"{what}: {count}", _WHY[what].format(model.name))
    return request if tools == request.tools else evolve(request, tools=tools)


_NO_DESCRIPTION, _NOT_STRICT, _CLOSED, _TIDIED, _TYPED = (
    "empty descriptions not sent",
    "`strict` not sent",
    "strict schemas closed, and without limits that are not held",
    "`null` and flags of draft 4 rewritten in schemas",
    "`type: object` added to schemas",
)
_WHY: Mapping[str, str] = {
    _NO_DESCRIPTION: "it says nothing",
    _NOT_STRICT: "{} does not hold a tool to its schema",
    _CLOSED: "{} holds arguments to no other",
    _TIDIED: "{} reads JSON Schema 2020-12",
    _TYPED: "{} wants the schema of an object",
}
"""What is done to tools -> why, where `{}` is the model."""


def _fitted(tool: Tool, model: Model, done: dict[str, int]) -> Tool:
    """The tool as it is sent; `done` counts what is worth a report."""
    changed: dict[str, Any] = {}
    if tool.description is not None and is_blank(tool.description):
        changed["description"] = None
        _count(done, _NO_DESCRIPTION)
    if tool.is_strict is not None and not model.facts.has_strict_tools:
        changed["is_strict"] = None
        if tool.is_strict:  # `strict: false` is what every tool is unasked
            _count(done, _NOT_STRICT)
    if model.facts.has_object_schemas and tool.input_schema is not None:
        tool = _tidied(tool, model, done)
    if (schema := _as_object(tool, model)) is not None:
        changed["input_schema"] = schema
        _count(done, _TYPED)
    tool = evolve(tool, **changed) if changed else tool
    return _closed(tool, model, done) if tool.is_strict else tool


def _closed(tool: Tool, model: Model, done: dict[str, int]) -> Tool:
    """A strict tool with its schema as far as the model holds arguments to it."""
    found: set[str] = set()
    schema: Any = known_part(tool.input_schema, model.facts, found)
    if found:
        _count(done, _CLOSED)
    return evolve(tool, input_schema=schema) if found else tool


def _tidied(tool: Tool, model: Model, done: dict[str, int]) -> Tool:
    """The tool with its schema as JSON Schema 2020-12 has it. `EncodeError` for what is none."""
    schema: Any = tidied(tool.input_schema)
    if schema is not tool.input_schema:
        tool = evolve(tool, input_schema=schema)
        _count(done, _TIDIED)
    if (fault := fault_of(tool.input_schema)) is not None:
        raise _refused(tool, fault, "write it as JSON Schema 2020-12 does", model)
    return tool


def _count(done: dict[str, int], what: str) -> None:
    done[what] = done.get(what, 0) + 1


def _as_object(tool: Tool, model: Model) -> Mapping[str, Any] | None:
    """The schema with its missing `type`; None where it may stay as it is. `EncodeError` for one of
    anything else than an object, and for keywords that the model refuses at its top."""
    schema = tool.input_schema
    if schema is None:
        return None
    for keyword in sorted(model.facts.refused_in_schemas & schema.keys()):
        raise _refused(tool, f"`{keyword}` at the top", f"move `{keyword}` into a property", model)
    rule, properties = model.facts.argument_names, schema.get("properties")
    if rule is not None and isinstance(properties, Mapping):
        for name in (name for name in properties if not rule.accepts(name)):
            what = f"an argument {name!r}, and names are {rule.pattern}"
            raise _refused(tool, what, "name it otherwise", model)
    if not model.facts.has_object_schemas or schema.get("type") == _OBJECT:
        return None
    if "type" in schema:
        raise _refused(tool, "another type than `object`", "make it an object's", model)
    return {"type": _OBJECT, **schema}


def _refused(tool: Tool, what: str, hint: str, model: Model) -> EncodeError:
    return model.refuses(
        f"the schema of the tool {tool.name}", f"it has {what}", f"{hint}, or leave the tool out"
    )


def _refuse_unnamed(request: CompletionRequest, model: Model) -> None:
    """`EncodeError` for a tool without a name, and for two of one name where the model tells tools
    apart by it."""
    offered = [tool for tool in request.tools if not isinstance(tool, CachePoint)]
    for number, tool in enumerate(offered, 1):
        # Where names have a rule an empty one is spelled like any other that breaks it.
        if isinstance(tool, Tool) and not tool.name and model.facts.tool_names is None:
            raise model.refuses(f"tool {number} of {len(offered)}", "it has no name", "name it")
    names = [tool.name for tool in offered if tool.name]
    if not model.facts.has_unique_tools or len(set(names)) == len(names):
        return
    ((name, _),) = Counter(names).most_common(1)
    raise model.refuses(
        f"two tools of the name {name}", "a name must be of one tool", "rename one of them"
    )


def _refuse_builtins(request: CompletionRequest, model: Model) -> None:
    for tool in request.tools:
        if isinstance(tool, BuiltinTool) and tool.type.startswith(model.facts.refused_builtins):
            raise model.refuses(
                f"the tool {tool.type}",
                "the service does not run it",
                "offer a tool of your own that does the same, or leave it out",
            )


def refuse_choice_of_unknown_tool(request: CompletionRequest, model: Model) -> CompletionRequest:
    """Refuse a choice that names a tool that is not offered."""
    choice = request.tool_choice
    if choice is None or choice.name is None:
        return request
    tools = [tool for tool in request.tools if isinstance(tool, Tool | BuiltinTool)]
    if tools and all(tool.name != choice.name for tool in tools):
        raise model.refuses(
            f"the tool choice {choice.name}", "no tool of that name is offered", "offer it"
        )
    return request
