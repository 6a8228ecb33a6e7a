"""Tools of a client's dialect that other vendors have otherwise, or not at all."""

from __future__ import annotations

from collections import Counter

from axonflow_core.codec import Feature
from axonflow_core.frozen import evolve
from axonflow_core.messages import BuiltinTool, CompletionRequest, Tool

from .model import Model

_AS_FUNCTIONS = {
    "custom": "custom tools sent as functions with the argument `input`",
    "namespace": "tools of a namespace named for it",
}
"""`tool` in the `spelling` of a tool -> what became of it."""


def leave_out_hosted_tools(request: CompletionRequest, model: Model) -> CompletionRequest:
    """The request without the vendor's own tools, where its clients offer them with every call."""
    if model.client is None or not model.client.has_droppable_tools:
        return request
    hosted = [
        tool
        for tool in request.tools
        if isinstance(tool, BuiltinTool) and tool.dialect != model.codec.dialect
    ]
    for tool in hosted:
        why = f"{tool.dialect} runs it on a server of its own"
        model.changes(Feature.BUILTIN_TOOLS, f"{tool.type} not offered", why)
    if not hosted:
        return request
    return evolve(request, tools=tuple(tool for tool in request.tools if tool not in hosted))


def report_tools_as_functions(request: CompletionRequest, model: Model) -> CompletionRequest:
    """Report the tools that became functions when the request was read."""
    ways = Counter(tool.spelling.get("tool") for tool in request.tools if isinstance(tool, Tool))
    for way, what in _AS_FUNCTIONS.items():
        if ways[way]:
            why = f"{model.name} has functions alone"
            model.changes(Feature.TOOLS, f"{what}: {ways[way]}", why)
    return request
