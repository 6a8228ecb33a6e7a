"""What a program asks, as a request: a prompt, a conversation, and the options of one call.

    complete("Why is the sky blue?", system="Be brief.", max_tokens=100)
    complete(messages, tools=[weather], tool_choice="any")
    complete("Describe Oslo.", output_schema=City)          completion.parsed is a City

Every option has its place in `CompletionRequest`, whose values check what they are given: what is
not acceptable is a `RequestError` that names the field.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, TypedDict

from attrs import evolve, frozen

from axonflow_core.errors import RequestError
from axonflow_core.messages import (
    BuiltinTool,
    CompletionRequest,
    ContentBlock,
    Inference,
    Json,
    Messages,
    OutputSchema,
    ReasoningRequest,
    Tool,
    ToolChoice,
    ToolChoiceMode,
)
from axonflow_core.output_types import Parse, output_of

Prompt: TypeAlias = CompletionRequest | Messages
"""What is asked: the user's text, a message, a conversation, or a whole request."""


class RequestOptions(TypedDict, total=False):
    """The options of `complete` and `stream`. An option that is not given is unset: the provider's
    own default holds."""

    messages: Messages
    """The conversation before the prompt."""
    system: str | ContentBlock | Sequence[ContentBlock]
    """The system prompt."""
    max_tokens: int
    """The limit of output tokens."""
    temperature: float
    """From 0; how far up is the model's to say."""
    top_p: float
    """From 0 to 1: the share of probability that tokens are drawn from."""
    top_k: int
    """How many tokens each token is drawn from."""
    stop_sequences: str | Sequence[str]
    """Texts that end the answer where they occur."""
    tools: Sequence[Tool | BuiltinTool]
    """The tools that the model may call."""
    tool_choice: ToolChoice | str
    """`"auto"`, `"any"`, `"none"`, or the name of the tool to call."""
    output_schema: OutputSchema | Mapping[str, Json] | type
    """What the answer must be: an attrs or dataclass type, a model of pydantic's, or a JSON schema.
    The answer is `completion.parsed`."""
    reasoning: ReasoningRequest | str | int
    """How much the model may think: an effort (`"low"`, `"medium"`, `"high"`) or a budget in
    tokens."""
    metadata: Mapping[str, Json]
    """Labels of the call, for the provider's own records."""
    service_tier: str
    """The provider's own name of the tier that serves the call."""


@frozen
class Question:
    """A request, and what reads its answer where an output schema was given."""

    request: CompletionRequest
    parse: Parse | None = None


_INFERENCE = ("max_tokens", "temperature", "top_p", "top_k", "stop_sequences")
_PLAIN = ("system", "tools", "metadata", "service_tier")
_MODES = frozenset(ToolChoiceMode) - {ToolChoiceMode.TOOL}
"""The modes that need no name of a tool."""


def question_of(prompt: Prompt | None, options: RequestOptions) -> Question:
    """The request that `prompt` and `options` ask. Options replace what a whole request says.

    `RequestError` for an option that does not exist, and for a value that does not fit.
    """
    if type(prompt) is CompletionRequest and not options:
        return Question(prompt)
    given: dict[str, Any] = dict(options)
    request = _conversation(prompt, given.pop("messages", None))
    changes = {name: given.pop(name) for name in _PLAIN if name in given}
    inference = {name: given.pop(name) for name in _INFERENCE if name in given}
    if inference:
        changes["inference"] = _evolved(request.inference, inference)
    if "tool_choice" in given:
        tools = changes.get("tools", request.tools)
        changes["tool_choice"] = _tool_choice(given.pop("tool_choice"), tools)
    if "reasoning" in given:
        changes["reasoning"] = _reasoning(given.pop("reasoning"))
    parse: Parse | None = None
    if "output_schema" in given:
        changes["output_schema"], parse = output_of(given.pop("output_schema"))
    _refuse_unknown(given)
    return Question(evolve(request, **changes), parse)


def _conversation(prompt: Prompt | None, history: Messages | None) -> CompletionRequest:
    if prompt is None:
        if history is None:
            raise RequestError("nothing is asked", hint="give a prompt, or `messages=`")
        return CompletionRequest(history)
    request = prompt if isinstance(prompt, CompletionRequest) else CompletionRequest(prompt)
    if history is None:
        return request
    before = CompletionRequest(history).messages
    return evolve(request, messages=(*before, *request.messages))


def _evolved(inference: Inference, changes: Mapping[str, Any]) -> Inference:
    return evolve(inference, **changes)


def _tool_choice(choice: ToolChoice | str, tools: Sequence[Tool | BuiltinTool]) -> ToolChoice | str:
    if not isinstance(choice, str) or choice in _MODES:
        return choice
    names = [tool.name for tool in tools if isinstance(tool, Tool | BuiltinTool)]
    if choice not in names:
        raise RequestError(
            f"tool_choice: there is no tool {choice!r}",
            hint=f"write 'auto', 'any', 'none' or the name of a tool: {', '.join(names) or 'none'}",
        )
    return ToolChoice(ToolChoiceMode.TOOL, choice)


def _reasoning(asked: ReasoningRequest | str | int) -> ReasoningRequest:
    if isinstance(asked, str):
        return ReasoningRequest(effort=asked)
    if isinstance(asked, int):
        return ReasoningRequest(budget_tokens=asked)
    return asked


def _refuse_unknown(given: Mapping[str, Any]) -> None:
    known = tuple(RequestOptions.__annotations__)
    for name in given:
        near = difflib.get_close_matches(name, known, n=1)
        meant = f"did you mean {near[0]}? " if near else ""
        raise RequestError(
            f"there is no option {name!r}",
            hint=f"{meant}The options are {', '.join(known)}; what one family alone has stands in "
            "`CompletionRequest.options`",
        )
