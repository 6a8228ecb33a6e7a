"""The answer of an emulated model: a pure function of the request, the same for every family.

The answer names the family, repeats the beginning of the prompt, and mentions tool results and
media in it. A token is a word with the blanks before it. The token limit applies before the stop
sequences, as in a real model: text that is not generated cannot contain a stop sequence.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import TypeAlias

from attrs import frozen

from axonflow_core.json import dumps
from axonflow_core.messages import (
    BuiltinTool,
    CachePoint,
    Completion,
    CompletionRequest,
    ContentBlock,
    Document,
    Image,
    Inference,
    Message,
    Reasoning,
    ReasoningRequest,
    Role,
    StopReason,
    Text,
    Tool,
    ToolChoice,
    ToolChoiceMode,
    ToolResult,
    ToolUse,
    Usage,
    joined_text,
)

from .schema_examples import example_of

ECHOED_WORDS = 24
"""Words of the prompt that the answer repeats."""
FIRST_TOKEN_MS = 40
TOKEN_MS = 10
MEDIA_TOKENS = 100
"""Tokens of an image or a document."""


def answer(
    request: CompletionRequest, family: str, text: str | None = None, calls: str | None = None
) -> Completion:
    """The completion of a model of `family`.

    `text` replaces the generated sentences. `calls` names the tool to call, if the request offers
    it; otherwise the request decides. Token limit and stop sequences apply to the text.
    """
    tool = _wanted_tool(request, calls) if text is None or calls is not None else None
    generated = _generate(
        " ".join(_sentences(request, family, tool)) if text is None else text, request.inference
    )
    content: tuple[ContentBlock, ...] = (*_thoughts(request.reasoning), Text(generated.text))
    stop_reason = generated.stop_reason
    if tool is not None and stop_reason is StopReason.END_TURN:
        content = (*content, _call_of(tool, request))
        stop_reason = StopReason.TOOL_USE
    usage = Usage(input_tokens=input_tokens(request), output_tokens=sum(map(_tokens_of, content)))
    return Completion(
        content=content,
        stop_reason=stop_reason,
        usage=usage,
        stop_sequence=generated.stop_sequence,
        latency_ms=FIRST_TOKEN_MS + TOKEN_MS * (usage.output_tokens or 0),
        first_byte_latency_ms=FIRST_TOKEN_MS,
    )


# ── text ──────────────────────────────────────────────────────────────────────────────────────────


def _sentences(request: CompletionRequest, family: str, tool: Tool | None) -> Iterator[str]:
    """The sentences of an answer: family, prompt, tool results, media, and the tool that is
    called."""
    yield f"Here speaks an emulated model of the {family} family."
    last = request.messages[-1] if request.messages else Message(Role.USER, ())
    if last.text.split():
        yield f"You said: {_beginning(last.text)}"
    for block in last.content:
        if isinstance(block, ToolResult):
            yield f"The tool answered: {_beginning(_text_of(block))}"
    given = Counter(type(block) for message in request.messages for block in message.content)
    for kind, name in ((Image, "picture"), (Document, "document")):
        if given[kind]:
            yield f"I was shown {given[kind]} {name}{'s' if given[kind] > 1 else ''}."
    if tool is not None:
        yield f"I will use the tool {tool.name}."


def _beginning(text: str) -> str:
    """The first `ECHOED_WORDS` words of a text."""
    words = text.split(maxsplit=ECHOED_WORDS)
    return " ".join(words[:ECHOED_WORDS]) + (" …" if len(words) > ECHOED_WORDS else "")


@frozen
class _Generated:
    text: str
    stop_reason: StopReason
    stop_sequence: str | None = None


def _generate(text: str, inference: Inference) -> _Generated:
    """`text` up to the token limit, and of that up to the first stop sequence."""
    words = tokens(text)
    limited = "".join(words[: inference.max_tokens])
    hits = [
        (place, stop)
        for stop in inference.stop_sequences
        if stop and (place := limited.find(stop)) >= 0
    ]
    if hits:
        place, stop = min(hits)
        return _Generated(limited[:place], StopReason.STOP_SEQUENCE, stop)
    return _Generated(
        limited, StopReason.END_TURN if len(limited) == len(text) else StopReason.MAX_TOKENS
    )


# ── reasoning ─────────────────────────────────────────────────────────────────────────────────────

THOUGHT = "The user wants to see how an emulated model thinks."
SIGNATURE = "ZW11bGF0ZWQ="  # base64 of "emulated"; a family without signatures leaves it out


def _thoughts(asked: ReasoningRequest | None) -> tuple[Reasoning, ...]:
    """One reasoning block where the request enables reasoning."""
    return () if asked is None or asked.mode == "disabled" else (Reasoning(THOUGHT, SIGNATURE),)


# ── tool calls ────────────────────────────────────────────────────────────────────────────────────


def _wanted_tool(request: CompletionRequest, calls: str | None) -> Tool | None:
    """The tool to call, None for none.

    A tool named by the script is called once for each prompt: not where a tool result was the last
    message. Otherwise `tool_choice` decides; with `auto` it is the tool whose name occurs in the
    last user message.
    """
    choice = request.tool_choice or ToolChoice(ToolChoiceMode.AUTO)
    offered = (tool for tool in request.tools if isinstance(tool, Tool))
    if calls is not None:
        return (
            None
            if _has_just_answered(request)
            else next((tool for tool in offered if tool.name == calls), None)
        )
    match choice.mode:
        case ToolChoiceMode.ANY | ToolChoiceMode.TOOL:
            return next((tool for tool in offered if choice.name in (None, tool.name)), None)
        case ToolChoiceMode.AUTO:
            words = (
                set(re.findall(r"[\w-]+", request.messages[-1].text)) if request.messages else set()
            )
            return next((tool for tool in offered if tool.name in words), None)
    return None


def _has_just_answered(request: CompletionRequest) -> bool:
    return any(
        isinstance(block, ToolResult)
        for message in request.messages[-1:]
        for block in message.content
    )


def _call_of(tool: Tool, request: CompletionRequest) -> ToolUse:
    """A call of the tool with example arguments. Its id counts the calls of the conversation, so
    that ids never repeat."""
    earlier = sum(
        isinstance(block, ToolUse) for message in request.messages for block in message.content
    )
    return ToolUse(f"tooluse_emulated_{earlier + 1}", tool.name, example_of(tool.input_schema))


# ── token counts ──────────────────────────────────────────────────────────────────────────────────

_TOKEN = re.compile(r"\s*\S+|\s+")


def tokens(text: str) -> list[str]:
    """The tokens of `text`: each word with the blanks before it. Joined they give `text`."""
    return _TOKEN.findall(text)


_Part: TypeAlias = ContentBlock | Tool | BuiltinTool


def input_tokens(request: CompletionRequest) -> int:
    """The number of tokens of the prompt: tools, system and messages."""
    return sum(map(_tokens_of, _parts(request)))


def cached_tokens(request: CompletionRequest) -> int:
    """The number of tokens before the last cache point."""
    parts = _parts(request)
    last = max(
        (place for place, part in enumerate(parts) if isinstance(part, CachePoint)), default=0
    )
    return sum(map(_tokens_of, parts[:last]))


def text_bytes(request: CompletionRequest) -> int:
    """The size of all texts of the prompt in UTF-8, in bytes."""
    return sum(len(part.text.encode()) for part in _parts(request) if isinstance(part, Text))


def _parts(request: CompletionRequest) -> tuple[_Part, ...]:
    """The parts of the prompt in the order in which a model reads them: tools, system, messages."""
    return (
        *request.tools,
        *request.system,
        *(block for message in request.messages for block in message.content),
    )


def _tokens_of(part: _Part) -> int:
    return MEDIA_TOKENS if isinstance(part, Image | Document) else len(tokens(_text_of(part)))


def _text_of(part: _Part) -> str:
    """The text that a part is counted by."""
    match part:
        case Text(text):
            return text
        case Reasoning(thought):
            return thought
        case ToolUse(_, name, arguments):
            return f"{name} {dumps(arguments).decode()}"
        case ToolResult(_, content):
            return joined_text(content)
        case Tool():
            return part.description or part.name
    return ""
