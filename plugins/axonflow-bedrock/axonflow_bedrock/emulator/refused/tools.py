"""Tools: names, descriptions, and which of them a model may be made to call."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ...models.table import load_models
from .body import Body, Form, Kind, member, objects
from .row import CLAUDE, CLAUDE_FORMS, CONVERSE_ALONE, Row, claude, malformed_words

_NAME = re.compile("[a-zA-Z0-9_-]{1,64}")
_NAME_WORDS = "String should match pattern '^[a-zA-Z0-9_-]{1,64}$'"
_CALL_ID = re.compile("[a-zA-Z0-9_-]+")
_NO_TOOLS_YET = (
    *("meta.llama2", "meta.llama3-8b", "meta.llama3-70b", "mistral.mistral-7b", "mistral.mixtral"),
    *("amazon.titan-text", "amazon.titan-tg1", "deepseek.r1", "ai21.j2"),
    *("cohere.command-text", "cohere.command-light"),
)


# ── whether a model has tools, and which choice ───────────────────────────────────────────────────


def _unsupported(body: Body) -> Iterator[str]:
    if body.tools and _lacks_tools(body.base_id):
        yield "This model doesn't support tool use."


def _lacks_tools(base_id: str) -> bool:
    """Whether the model has no tools: its entry in the table says so, or it is older than they."""
    entry = load_models().entry(base_id)
    is_denied = entry is not None and entry.supports.get("tools") is False
    return is_denied or base_id.startswith(_NO_TOOLS_YET)


def _streamed(body: Body) -> Iterator[str]:
    if body.tools and body.is_streamed:
        yield "This model doesn't support tool use in streaming mode."


def _choice(body: Body) -> Iterator[str]:
    if body.tool_choice in ("any", "tool"):
        field = f"toolConfig.toolChoice.{body.tool_choice}"
        yield f"This model doesn't support the {field} field. Remove {field} and try again."


def _forced_at_claude(body: Body) -> Iterator[str]:
    if body.tool_choice in ("any", "tool"):
        yield f'tool_choice: "{body.tool_choice}" is not supported for this model.'


# ── names and descriptions ────────────────────────────────────────────────────────────────────────


def _repeated(body: Body) -> Iterator[str]:
    names = [tool.name for tool in body.tools]
    if any(name in names[:place] for place, name in enumerate(names)):
        yield "tools: Tool names must be unique."


def _names_at_claude(body: Body) -> Iterator[str]:
    for tool in body.tools:
        if not (isinstance(tool.name, str) and _NAME.fullmatch(tool.name)):
            place = f"tools.{tool.number}.custom.name"
            yield f"{place}: {_NAME_WORDS}"


def _calls_at_claude(body: Body) -> Iterator[str]:
    for part in body.parts():
        name = part.json.get("name") if part.json.get("type") == "tool_use" else None
        if isinstance(name, str) and not _NAME.fullmatch(name):
            yield f"{part.place}.tool_use.name: {_NAME_WORDS}"
        if part.id is not None and not _CALL_ID.fullmatch(part.id):
            kind = part.json.get("type")
            key = "id" if kind == "tool_use" else "tool_use_id"
            yield f"{part.place}.{kind}.{key}: String should match pattern '^[a-zA-Z0-9_-]+$'"


def _servers_tools(body: Body) -> Iterator[str]:
    for number, tool in enumerate(objects(body.json.get("tools"))):
        kind = tool.get("type")
        if isinstance(kind, str) and kind.startswith(_OF_SERVERS):
            yield (
                f"tools.{number}: Input tag '{kind}' found using 'type' does not match any of the "
                "expected tags: 'bash_20250124', 'custom', 'text_editor_20250124', "
                "'text_editor_20250429', 'text_editor_20250728'"
            )


_OF_SERVERS = ("web_search_", "web_fetch_", "code_execution_")


def _choice_of_nobody(body: Body) -> Iterator[str]:
    name = member(body.json, "toolConfig", "toolChoice", "tool", "name")
    if name is None and member(body.json, "tool_choice", "type") == "tool":
        name = member(body.json, "tool_choice", "name")
    if isinstance(name, str) and name not in [tool.name for tool in body.tools]:
        yield f"Tool '{name}' not found in provided tools"


def _arguments(body: Body) -> Iterator[str]:
    for part in body.parts():
        if part.kind is Kind.CALL and not isinstance(part.json.get("input"), dict):
            yield (
                f"The format of the value at {part.place}.toolUse.input is invalid. Provide a json "
                "object for the field and try again."
            )


def _arguments_at_claude(body: Body) -> Iterator[str]:
    for part in body.parts():
        if part.kind is Kind.CALL and not isinstance(part.json.get("input"), dict):
            yield f"{part.place}.tool_use.input: Input should be a valid dictionary"


def _empty_description_in_schema(body: Body) -> Iterator[str]:
    for tool in body.tools:
        if tool.json.get("description") == "":
            place = f"#/toolConfig/tools/{tool.number}/toolSpec/description"
            yield malformed_words(f"{place}: expected minLength: 1, actual: 0")


def _names_in_schema(body: Body) -> Iterator[str]:
    for tool in body.tools:
        if not (isinstance(tool.name, str) and _NAME.fullmatch(tool.name)):
            place = f"#/toolConfig/tools/{tool.number}/toolSpec/name"
            yield malformed_words(
                f"{place}: string [{tool.name}] does not match pattern {_NAME.pattern}"
            )


ROWS: tuple[Row, ...] = (
    Row(
        name="tools, to a model without them",
        words=_unsupported,
        source="public reports, 2024 to 2026; litellm 1.109.1 (supports_function_calling)",
        forms=CONVERSE_ALONE,
    ),
    Row(
        name="tools in a stream",
        words=_streamed,
        source="earendil-works/pi#3739, run-llama/llama_index#19655, 2025 and 2026",
        forms=CONVERSE_ALONE,
        models=("meta.llama",),
    ),
    Row(
        name="a forced tool",
        words=_choice,
        source="strands-agents/sdk-python#1241, November 2025; public measurements of Llama 3.1 "
        "and Llama 4, 2026",
        forms=CONVERSE_ALONE,
        models=("meta.llama",),
    ),
    Row(
        name="a forced tool, to Claude",
        words=_forced_at_claude,
        source="litellm 1.109.1 (supports_forced_tool_use), November 2026; the words are ours",
        forms=CLAUDE_FORMS,
        models=claude("fable-5-1", "opus-5-5", "sonnet-5-5"),
        is_vendors=True,
    ),
    Row(
        name="a tool of Anthropic's servers",
        words=_servers_tools,
        source="recorded traffic (CountTokens), 2026",
        forms=(Form.MESSAGES,),
    ),
    Row(
        name="a choice of a tool that is not offered",
        words=_choice_of_nobody,
        source="Anthropic's API, November 2026",
        forms=CLAUDE_FORMS,
        models=CLAUDE,
        is_vendors=True,
    ),
    Row(
        name="arguments that are no object",
        words=_arguments,
        source="aws/aws-sdk-net#3377, July 2024, of a schema; openclaw#125873, vercel/ai#19023, "
        "2026",
        forms=(Form.CONVERSE, Form.NOVA),
    ),
    Row(
        name="arguments that are no object, to Claude",
        words=_arguments_at_claude,
        source="Anthropic's API; vercel/ai#19023, 2026",
        forms=(Form.MESSAGES,),
    ),
    Row(
        name="two tools of one name",
        words=_repeated,
        source="Anthropic's API; public reports, August 2026",
        forms=(Form.CONVERSE, Form.MESSAGES, Form.NOVA),
        is_vendors=True,
    ),
    Row(
        name="the name of a tool, to Claude",
        words=_names_at_claude,
        source="Anthropic's API reference, November 2026",
        forms=(Form.MESSAGES,),
    ),
    Row(
        name="the name or id of a call, to Claude",
        words=_calls_at_claude,
        source="Anthropic's API reference, November 2026; earendil-works/pi#781, January 2026",
        forms=(Form.MESSAGES,),
    ),
    Row(
        name="an empty description, in a schema",
        words=_empty_description_in_schema,
        source="the service model of bedrock-runtime, API 2023-09-30, which Nova's form follows; "
        "vercel/ai#10260, November 2025",
        forms=(Form.NOVA,),
    ),
    Row(
        name="the name of a tool, in a schema",
        words=_names_in_schema,
        source="AWS user guide for Amazon Nova, Complete request schema, November 2026",
        forms=(Form.NOVA,),
    ),
)
