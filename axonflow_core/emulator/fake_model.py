"""The answer of an emulated model: a pure function of the request, the same for every family.

The answer names the family, repeats the beginning of the prompt, and mentions tool results and
media in it. A token is a word with the blanks before it. The token limit applies before the stop
sequences, as in a real model: text that is not generated cannot contain a stop sequence.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

from axonflow_core.errors import MalformedRequest
from axonflow_core.frozen import frozen
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
    Json,
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
from .script import Rule
from .turns import results_of_turn

ECHOED_WORDS = 24
"""Words of the prompt that the answer repeats."""
FIRST_TOKEN_MS = 40
TOKEN_MS = 10
MEDIA_TOKENS = 100
"""Tokens of an image or a document."""


def numbered_call(number: int) -> str:
    """The id of a call of a tool by its number in the conversation, as most services have it."""
    return f"call_emulated{number:014}"


def answer(
    request: CompletionRequest,
    family: str,
    rule: Rule = Rule(),  # noqa: B008 - frozen
    *,
    call_id: Callable[[int], str] = numbered_call,
) -> Completion:
    """The completion of a model of `family`, where the rule of the script does not say otherwise.

    Token limit and stop sequences apply to the text, also to the script's. `call_id` names the
    calls of tools by their numbers, from 1.
    """
    tools = _wanted_tools(request) if rule.answer is None and not rule.calls else []
    asked = (*_scripted_calls(request, rule), *_calls_of(tools))
    calls = tuple(
        ToolUse(call_id(number), name, arguments)
        for number, (name, arguments) in enumerate(asked, _next_number(request))
    )
    written = _written(request, family, calls) if rule.answer is None else rule.answer
    generated = _generate(written, request.inference)
    thoughts = _thoughts(request.reasoning) if rule.reasoning is None else _said(rule.reasoning)
    content: tuple[ContentBlock, ...] = (*thoughts, Text(generated.text))
    stop_reason = generated.stop_reason
    if calls and stop_reason is StopReason.END_TURN:
        content = (*content, *calls)
        stop_reason = StopReason.TOOL_USE
    usage = Usage(input_tokens=input_tokens(request), output_tokens=sum(map(_tokens_of, content)))
    return Completion(
        content=content,
        stop_reason=rule.stop_reason or stop_reason,
        usage=usage,
        stop_sequence=generated.stop_sequence,
        latency_ms=FIRST_TOKEN_MS + TOKEN_MS * (usage.output_tokens or 0),
        first_byte_latency_ms=FIRST_TOKEN_MS,
    )


def refuse_odd_inference(inference: Inference) -> None:
    """`MalformedRequest` for what a codec carries over as it is and a model would fail on."""
    limit = inference.max_tokens
    if limit is not None and (not isinstance(limit, int) or isinstance(limit, bool) or limit < 0):
        raise MalformedRequest("the limit of tokens is no whole number")
    if not all(isinstance(stop, str) for stop in inference.stop_sequences):
        raise MalformedRequest("a stop sequence is no string")


# ── text ──────────────────────────────────────────────────────────────────────────────────────────


def _written(request: CompletionRequest, family: str, calls: Sequence[ToolUse]) -> str:
    """The text of an answer: an example of the JSON that the request asks for, or sentences."""
    if request.output_schema is not None and not calls:
        return dumps(example_of(request.output_schema.schema)).decode()
    return " ".join(_sentences(request, family, calls))


def _sentences(request: CompletionRequest, family: str, calls: Sequence[ToolUse]) -> Iterator[str]:
    """The sentences of an answer: family, prompt, tool results, media, and the tools that are
    called."""
    yield f"Here speaks an emulated model of the {family} family."
    last = request.messages[-1] if request.messages else Message(Role.USER, ())
    if last.text.split():
        yield f"You said: {_beginning(last.text)}"
    for result in results_of_turn(request):
        yield f"The tool answered: {_beginning(_text_of(result))}"
    given = Counter(type(block) for message in request.messages for block in message.content)
    for kind, name in ((Image, "picture"), (Document, "document")):
        if given[kind]:
            yield f"I was shown {given[kind]} {name}{'s' if given[kind] > 1 else ''}."
    for call in calls:
        yield f"I will use the tool {call.name}."


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
    # Of several stop sequences the one that comes first in the text counts, as with a model that is
    # stopped while it writes.
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
    return () if asked is None or asked.mode == "disabled" else _said(THOUGHT)


def _said(thought: str) -> tuple[Reasoning, ...]:
    return (Reasoning(thought, SIGNATURE),)


# ── tool calls ────────────────────────────────────────────────────────────────────────────────────


def _wanted_tools(request: CompletionRequest) -> list[Tool]:
    """The tools to call, as `tool_choice` decides; with `auto` each tool whose name occurs in the
    last user message, and only the first where parallel calls are not allowed."""
    choice = request.tool_choice or ToolChoice(ToolChoiceMode.AUTO)
    match choice.mode:
        case ToolChoiceMode.ANY | ToolChoiceMode.TOOL:
            return [tool for tool in _offered(request) if choice.name in (None, tool.name)][:1]
        case ToolChoiceMode.AUTO:
            named = [tool for tool in _offered(request) if tool.name in _last_words(request)]
            return named[:1] if choice.allows_parallel is False else named
    return []


def _offered(request: CompletionRequest) -> list[Tool]:
    return [tool for tool in request.tools if isinstance(tool, Tool)]


def _last_words(request: CompletionRequest) -> set[str]:
    return set(re.findall(r"[\w-]+", request.messages[-1].text)) if request.messages else set()


_Asked: TypeAlias = tuple[str, Json]
"""The name of a tool, and the arguments of its call."""


def _scripted_calls(request: CompletionRequest, rule: Rule) -> Iterator[_Asked]:
    """The calls of the script whose tools the request offers. They are made once for each prompt,
    and not where results of tools come back: the rule may match the same user's text again, and the
    loop would never end."""
    offered = {tool.name: tool for tool in _offered(request)}
    if rule.result or not any(results_of_turn(request)):
        for call in rule.calls:
            if call.name in offered:
                example = example_of(offered[call.name].input_schema)
                yield call.name, example if call.input is None else call.input


def _calls_of(tools: Sequence[Tool]) -> Iterator[_Asked]:
    """A call of each tool with example arguments."""
    return ((tool.name, example_of(tool.input_schema)) for tool in tools)


def _next_number(request: CompletionRequest) -> int:
    """The number of the next call. A client matches results to calls by id, so ids must differ
    within a conversation; a count and not a random number keeps the answer the same."""
    blocks = (block for message in request.messages for block in message.content)
    return 1 + sum(isinstance(block, ToolUse) for block in blocks)


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
