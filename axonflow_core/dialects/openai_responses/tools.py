"""Tools, and which of them may be called.

    {"type": "function", "name": "f", "description": "…", "parameters": {…}, "strict": true}
    {"type": "custom", "name": "patch", "description": "…", "format": {"type": "grammar", …}}
    {"type": "namespace", "name": "agents", "description": "…", "tools": [{"type": "function", …}]}
    {"type": "web_search"}

Other vendors have functions alone, so the rest becomes that, or is known as OpenAI's own:

* A custom tool, which takes free text, is a function with the one argument `input`.
* A function `close` of the namespace `agents` is a function `agents.close`. OpenAI's names have no
  dot, so this is no other tool's; its calls go back with both names.
* A tool that OpenAI's server runs is a `BuiltinTool`. Codex offers `web_search` with every call,
  so a model that lacks it goes without, which is reported; only a `tool_choice` that insists on it
  is refused.

Source: OpenAI's API reference, "Create a model response", `tools`, and openai-python 3.57
(`types/responses`), November 2026.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from axonflow_core.codec.json_members import UnexpectedKind, array, string, unknown_members
from axonflow_core.errors import MalformedRequest
from axonflow_core.messages import (
    BuiltinTool,
    Json,
    Tool,
    ToolChoice,
    ToolChoiceMode,
)

DIALECT = "openai_responses"
"""The name of the dialect in `BuiltinTool`s."""
INPUT = "input"
"""The argument that a custom tool's text is in."""
CUSTOM: Mapping[str, Json] = {"tool": "custom"}
NAMESPACED: Mapping[str, Json] = {"tool": "namespace"}
"""`Tool.spelling` of what other vendors have as a function alone."""
_FREE_TEXT: Mapping[str, Json] = {
    "type": "object",
    "properties": {INPUT: {"type": "string"}},
    "required": [INPUT],
}
_FUNCTION_KEYS = frozenset({"type", "name", "description", "parameters", "strict"})
_BUILTIN_KEYS = frozenset({"type", "name"})
_MODES = {
    "auto": ToolChoiceMode.AUTO,
    "required": ToolChoiceMode.ANY,
    "none": ToolChoiceMode.NONE,
}


def flat_name(name: str, namespace: Json) -> str:
    """The one name of a tool, which may stand in a namespace."""
    return f"{string(namespace, 'namespace')}.{name}" if namespace else name


def decode_tools(natives: Json) -> tuple[Tool | BuiltinTool, ...]:
    """The tools of a request, those of a namespace by one name each."""
    tools: list[Tool | BuiltinTool] = []
    for native in array(natives or [], "tools"):
        kind = string(native["type"], "type")
        if kind == "namespace":
            space = string(native["name"], "name")
            tools += [_own_tool(inner, space) for inner in array(native["tools"], "tools")]
        elif kind in ("function", "custom"):
            tools.append(_own_tool(native, None))
        else:
            name, rest = native.get("name") or "", unknown_members(native, _BUILTIN_KEYS)
            tools.append(BuiltinTool(DIALECT, kind, name, rest))
    return tuple(tools)


def _own_tool(native: Mapping[str, Json], namespace: str | None) -> Tool:
    """A tool that the client runs."""
    name = flat_name(string(native["name"], "name"), namespace)
    description = native.get("description")
    if native["type"] == "custom":
        return Tool(
            name, _described(description, native.get("format")), _FREE_TEXT, spelling=CUSTOM
        )
    return Tool(
        name,
        description,
        native.get("parameters"),
        is_strict=native.get("strict"),
        extra=unknown_members(native, _FUNCTION_KEYS),
        spelling=NAMESPACED if namespace else {},
    )


def _described(description: str | None, format: Json) -> str | None:
    """The description of a custom tool, with the grammar that its text keeps to."""
    if not format or format.get("type") != "grammar":
        return description
    grammar = f"`{INPUT}` keeps to this {format['syntax']} grammar:\n{format['definition']}"
    return "\n\n".join(filter(None, (description, grammar)))


# ── which may be called ───────────────────────────────────────────────────────────────────────────


def decode_choice(
    body: Mapping[str, Json], tools: tuple[Tool | BuiltinTool, ...]
) -> tuple[ToolChoice | None, tuple[Tool | BuiltinTool, ...]]:
    """How the model chooses, and among which tools. `MalformedRequest` where the choice is one of
    OpenAI's own tools."""
    native = body.get("tool_choice")
    # One call at a time is what is worth asking for: several are allowed unasked.
    parallel = False if body.get("parallel_tool_calls") is False else None
    if isinstance(native, dict):
        return _decode_object(native, parallel, tools)
    mode = _mode(native or "auto")
    _refuse_builtins_alone(mode, tools)
    return _choice(mode, parallel, tools), tools


def _choice(
    mode: ToolChoiceMode, parallel: bool | None, tools: tuple[Tool | BuiltinTool, ...]
) -> ToolChoice | None:
    is_unasked = mode is ToolChoiceMode.AUTO and (parallel is None or not tools)
    return None if is_unasked else ToolChoice(mode, allows_parallel=parallel)


def _mode(word: Json) -> ToolChoiceMode:
    if (mode := _MODES.get(string(word, "tool_choice"))) is None:
        raise UnexpectedKind("`auto`, `required`, `none` or an object", "another", "tool_choice")
    return mode


def _decode_object(
    native: Mapping[str, Json], parallel: bool | None, tools: tuple[Tool | BuiltinTool, ...]
) -> tuple[ToolChoice | None, tuple[Tool | BuiltinTool, ...]]:
    """A choice by name, or among a few tools."""
    kind = string(native["type"], "type")
    if kind in ("function", "custom"):
        name = flat_name(string(native["name"], "name"), native.get("namespace"))
        return ToolChoice(ToolChoiceMode.TOOL, name, parallel), tools
    if kind != "allowed_tools":
        raise insists(kind)
    allowed = array(native["tools"], "tools")
    names = {flat_name(each.get("name") or "", each.get("namespace")) for each in allowed}
    types = {each["type"] for each in allowed}
    kept = tuple(
        tool
        for tool in tools
        if (tool.name in names if isinstance(tool, Tool) else tool.type in types)
    )
    mode = _mode(native["mode"])
    _refuse_builtins_alone(mode, kept)
    return _choice(mode, parallel, kept), kept


def _refuse_builtins_alone(mode: ToolChoiceMode, tools: Iterable[Tool | BuiltinTool]) -> None:
    """A call that is required, of nothing but OpenAI's own tools, is a choice of these."""
    tools = tuple(tools)
    builtins = [tool for tool in tools if isinstance(tool, BuiltinTool)]
    if mode is ToolChoiceMode.ANY and builtins and len(builtins) == len(tools):
        raise insists(builtins[0].type)


def insists(kind: str) -> MalformedRequest:
    """The error of a choice that OpenAI's own server would have to make true."""
    return MalformedRequest(
        f"`tool_choice` insists on `{kind}`, a tool that OpenAI's own server runs: choose a "
        "function, or `auto`"
    )
