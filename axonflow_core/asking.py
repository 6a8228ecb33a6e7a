"""What a program asks, as a request: a prompt, a conversation, and the options of one call.

    complete("Why is the sky blue?", system="Be brief.", max_tokens=100)
    complete(messages, tools=[weather], tool_choice="any")
    complete("Describe Oslo.", output_schema=City)          completion.parsed is a City

Every option has its place in `CompletionRequest`, whose values check what they are given: what is
not acceptable is a `RequestError` that names the field.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import UnionType
from typing import Any, TypeAlias, TypedDict

from attrs import fields

from axonflow_core.converters import described
from axonflow_core.errors import RequestError
from axonflow_core.frozen import evolve, frozen
from axonflow_core.messages import (
    BuiltinTool,
    CachePoint,
    CompletionRequest,
    ContentBlock,
    Json,
    Messages,
    OutputSchema,
    ReasoningRequest,
    Text,
    Tool,
    ToolChoice,
    ToolChoiceMode,
)
from axonflow_core.nearest import nearest
from axonflow_core.output_types import Parse, output_of

Prompt: TypeAlias = CompletionRequest | Messages
"""What is asked: the user's text, a message, a conversation, or a whole request."""


class CallOptions(TypedDict, total=False):
    """The options of `complete` and `stream` that do not decide the type of the answer. An option
    that is not given, or None, is unset: the provider's own default holds."""

    messages: Messages | None
    """The conversation before the prompt."""
    system: str | ContentBlock | Sequence[ContentBlock] | None
    """The system prompt."""
    max_tokens: int | None
    """The limit of output tokens."""
    temperature: float | None
    """From 0; how far up is the model's to say."""
    top_p: float | None
    """From 0 to 1: the share of probability that tokens are drawn from."""
    top_k: int | None
    """How many tokens each token is drawn from."""
    stop_sequences: str | Sequence[str] | None
    """Texts that end the answer where they occur."""
    seed: int | None
    """The same seed asks for the same answer."""
    presence_penalty: float | None
    """How much tokens that occurred already are avoided; below 0 they are preferred."""
    frequency_penalty: float | None
    """The same, by how often they occurred."""
    tools: Sequence[Tool | BuiltinTool | CachePoint | Mapping[str, Json]] | None
    """The tools that the model may call. A mapping with `name`, `description` and `input_schema` is
    one."""
    tool_choice: ToolChoice | str | None
    """`"auto"`, `"any"`, `"none"`, or the name of the tool to call."""
    reasoning: ReasoningRequest | str | int | None
    """How much the model may think: an effort (`"low"`, `"medium"`, `"high"`) or a budget in
    tokens."""
    metadata: Mapping[str, Json] | None
    """Labels of the call, for the provider's own records."""
    service_tier: str | None
    """The provider's own name of the tier that serves the call."""


class RequestOptions(CallOptions, total=False):
    """All options of `complete` and `stream`: those of `CallOptions`, and the output schema."""

    output_schema: OutputSchema | Mapping[str, Json] | type | UnionType | None
    """What the answer must be: an attrs or dataclass type, a model of pydantic's, or a JSON schema.
    The answer is `completion.parsed`: an instance of the type, or plain JSON."""


@frozen
class Question:
    """A request, and what reads its answer where an output schema was given."""

    request: CompletionRequest
    parse: Parse | None = None


_INFERENCE = (
    "max_tokens",
    "temperature",
    "top_p",
    "top_k",
    "stop_sequences",
    "seed",
    "presence_penalty",
    "frequency_penalty",
)
_ELSEWHERE = {
    "functions": "tools",
    "instructions": "system",
    "max_completion_tokens": "max_tokens",
    "max_output_tokens": "max_tokens",
    "reasoning_effort": "reasoning",
    "response_format": "output_schema",
    "response_model": "output_schema",
    "stop": "stop_sequences",
    "stream": "runtime.stream",
    "thinking": "reasoning",
    "timeout_s": "timeout",
}
"""Names that the vendors' SDKs have for options."""
_OPTIONS = frozenset(RequestOptions.__annotations__)
_OF_REQUESTS = frozenset(field.name for field in fields(CompletionRequest)) - _OPTIONS
"""Fields of a request that no option sets."""
_MODES = frozenset(ToolChoiceMode) - {ToolChoiceMode.TOOL}
"""The modes that need no name of a tool."""


def question_of(prompt: Prompt | None, options: RequestOptions) -> Question:
    """The request that `prompt` and `options` ask.

    Options come after what a whole request says: each replaces its field, None unsets it; one of
    `Inference` leaves the others of the request's. `messages` alone are added: before the
    request's own.

    `RequestError` where nothing is asked, for an option that does not exist, and for a value that
    does not fit.
    """
    if type(prompt) is CompletionRequest and not options:
        _require_content(prompt)
        return Question(prompt)
    _refuse_unknown(options)
    given: dict[str, Any] = dict(options)
    request = _conversation(prompt, given.pop("messages", None))
    parse: Parse | None = None
    if given.get("output_schema") is not None:
        given["output_schema"], parse = output_of(given["output_schema"])
    if given:
        request = evolve(request, **_changes(request, given))
    if "tool_choice" in options:
        _require_tool(request)
    return Question(request, parse)


def _changes(request: CompletionRequest, given: dict[str, Any]) -> Mapping[str, Any]:
    """The fields of `request` that the options `given` change."""
    inference = {name: given.pop(name) for name in _INFERENCE if name in given}
    if inference:
        given["inference"] = evolve(request.inference, **inference)
    if "tool_choice" in given:
        given["tool_choice"] = _tool_choice(given["tool_choice"])
    if "reasoning" in given:
        given["reasoning"] = _reasoning(given["reasoning"])
    return given


def time_limit(timeout: float | None) -> float | None:
    """`timeout`, in seconds; None is unset. `RequestError` where it is no number above 0."""
    if timeout is None:
        return None
    if isinstance(timeout, int | float) and not isinstance(timeout, bool) and timeout > 0:
        return timeout
    raise RequestError(f"timeout takes seconds, a number above 0, not {described(timeout)}")


def model_id(model: str | None) -> str | None:
    """`model`; None is the configured one. `RequestError` where it is no text, or an empty one."""
    if model is None or (isinstance(model, str) and model):
        return model
    got = "an empty text" if model == "" else described(model)
    raise RequestError(f"model takes the id of a model, or None for the configured one, not {got}")


def _conversation(prompt: Prompt | None, history: Messages | None) -> CompletionRequest:
    if isinstance(prompt, CompletionRequest):
        request = prompt
    else:
        request = CompletionRequest(() if prompt is None else prompt)
    if history is not None:
        before = CompletionRequest(history).messages
        request = evolve(request, messages=(*before, *request.messages))
    _require_content(request)
    return request


def _require_content(request: CompletionRequest) -> None:
    """`RequestError` where the last message is missing or has nothing but blank text: vendors treat
    that differently, and none has an answer to it."""
    for message in request.messages[-1:]:
        for block in message.content:
            if type(block) is not Text or (block.text and not block.text.isspace()):
                return
    raise RequestError(
        "nothing is asked: the prompt, or the last message, is empty or blank",
        hint="give a text, an image, a document or a tool result: as the prompt, or in `messages=`",
    )


def _tool_choice(choice: ToolChoice | str | None) -> ToolChoice | str | None:
    if isinstance(choice, str) and choice not in _MODES:
        return ToolChoice(ToolChoiceMode.TOOL, choice)
    return choice


def _require_tool(request: CompletionRequest) -> None:
    choice = request.tool_choice
    names = [tool.name for tool in request.tools if isinstance(tool, Tool | BuiltinTool)]
    if choice is not None and choice.mode is ToolChoiceMode.TOOL and choice.name not in names:
        raise RequestError(
            f"tool_choice: there is no tool {choice.name!r}",
            hint=f"write 'auto', 'any', 'none' or the name of a tool: {', '.join(names) or 'none'}",
        )


def _reasoning(asked: ReasoningRequest | str | int | None) -> ReasoningRequest | None:
    if asked in ("", 0):
        raise RequestError(
            "reasoning takes an effort or a budget of at least 1 token",
            hint="for an answer without reasoning, leave it out or give None",
        )
    if isinstance(asked, str):
        return ReasoningRequest(effort=asked)
    if isinstance(asked, int):
        return ReasoningRequest(budget_tokens=asked)
    return asked


def _refuse_unknown(options: Mapping[str, object]) -> None:
    for name in sorted(options.keys() - _OPTIONS):
        raise RequestError(f"there is no option {name!r}", hint=_instead_of(name))


def _instead_of(name: str) -> str:
    """What to write instead of an option that does not exist."""
    if name in _OF_REQUESTS:
        return f"ask with a whole request: CompletionRequest(prompt, {name}=…)"
    near = _ELSEWHERE.get(name) or nearest(name, _OPTIONS)
    if near is not None:
        return f"did you mean {near}?"
    return (
        f"the options are {', '.join(sorted(_OPTIONS))}; a parameter that one family alone has "
        f"stands in a whole request: CompletionRequest(prompt, options={{{name!r}: …}})"
    )
