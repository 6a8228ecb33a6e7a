"""Tools: how the model is to choose, and what it is offered."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from axonflow_core.codec import Feature, ModelFacts, blocks_of
from axonflow_core.frozen import evolve
from axonflow_core.json_text import dumps
from axonflow_core.messages import (
    BuiltinTool,
    CachePoint,
    CompletionRequest,
    ContentBlock,
    Data,
    Document,
    Image,
    Message,
    Text,
    Tool,
    ToolChoice,
    ToolChoiceMode,
    ToolResult,
    ToolUse,
)

from .answers import ARGUMENTS
from .blocks import rewritten
from .model import Model


def refuse_tools_in_stream(request: CompletionRequest, model: Model) -> CompletionRequest:
    """Refuse tools in a streamed call where the model cannot stream tool calls."""
    if model.is_streamed and not model.facts.has_streamed_tools:
        raise model.refuses(
            "tools in a stream",
            "it has tools in whole answers only",
            "make the call without streaming",
        )
    return request


def drop_choice_of_nothing(request: CompletionRequest, model: Model) -> CompletionRequest:
    """A choice among no tools has no meaning, and every family refuses it."""
    if request.tool_choice is None or any(
        isinstance(tool, Tool | BuiltinTool) for tool in request.tools
    ):
        return request
    model.drops(Feature.TOOL_CHOICE, "not sent", "no tool is offered")
    return evolve(request, tool_choice=None)


def drop_parallel_choice(request: CompletionRequest, model: Model) -> CompletionRequest:
    """Several calls at a time are what every family does unasked."""
    choice = request.tool_choice
    if choice is None or choice.allows_parallel is None or model.codec.takes_parallel_choice:
        return request
    if not choice.allows_parallel:
        model.drops("parallel tool calls", "not sent", f"{model.name} has no parameter for it")
    return evolve(request, tool_choice=evolve(choice, allows_parallel=None))


def choose_tool(request: CompletionRequest, model: Model) -> CompletionRequest:
    """A choice that the model has no name for, expressed by which tools are offered."""
    choice = request.tool_choice
    if choice is None or choice.mode in model.tool_choices:
        return request
    other = _OTHER_FORMS[choice.mode](request, choice, model)
    if other is None:
        known = ", ".join(sorted(model.tool_choices)) or "no choice at all"
        raise model.refuses(
            f"tool choice `{choice.mode}`", f"it knows {known}", "choose otherwise, or leave it out"
        )
    return other


def _auto_by_silence(
    request: CompletionRequest, choice: ToolChoice, model: Model
) -> CompletionRequest | None:
    if choice.allows_parallel is not None:
        model.drops("parallel tool calls", "not sent", f"{model.name} has no parameter for it")
    return evolve(request, tool_choice=None)  # what every family does unasked


def _none_by_offering_none(
    request: CompletionRequest, choice: ToolChoice, model: Model
) -> CompletionRequest | None:
    # Such a model refuses earlier calls without tools, so offering none is no way to forbid them.
    if model.facts.tools_with_history and _holds_tool_calls(request):
        return None
    model.changes(
        Feature.TOOL_CHOICE, "`none` sent as no tools at all", f"{model.name} has no name for it"
    )
    return evolve(request, tools=(), tool_choice=None)


def _named_by_offering_one(
    request: CompletionRequest, choice: ToolChoice, model: Model
) -> CompletionRequest | None:
    if ToolChoiceMode.ANY not in model.tool_choices:
        return None
    named = tuple(
        tool
        for tool in request.tools
        if isinstance(tool, Tool | BuiltinTool) and tool.name == choice.name
    )
    model.changes(
        Feature.TOOL_CHOICE,
        "sent as `any`, with that tool alone",
        f"{model.name} takes no name of a tool",
    )
    return evolve(
        request, tools=named, tool_choice=evolve(choice, mode=ToolChoiceMode.ANY, name=None)
    )


def _any_by_naming_the_only_one(
    request: CompletionRequest, choice: ToolChoice, model: Model
) -> CompletionRequest | None:
    names = [tool.name for tool in request.tools if isinstance(tool, Tool | BuiltinTool)]
    # With two tools a name would decide what the caller left to the model.
    if ToolChoiceMode.TOOL not in model.tool_choices or len(names) != 1:
        return None
    return evolve(request, tool_choice=evolve(choice, mode=ToolChoiceMode.TOOL, name=names[0]))


_OTHER_FORMS: Mapping[
    ToolChoiceMode, Callable[[CompletionRequest, ToolChoice, Model], CompletionRequest | None]
] = {
    ToolChoiceMode.AUTO: _auto_by_silence,
    ToolChoiceMode.NONE: _none_by_offering_none,
    ToolChoiceMode.TOOL: _named_by_offering_one,
    ToolChoiceMode.ANY: _any_by_naming_the_only_one,
}


def offer_tools_of_history(request: CompletionRequest, model: Model) -> CompletionRequest:
    """A conversation that holds calls goes on with a model, or in a step, that is offered no
    tools."""
    is_offered = any(not isinstance(tool, CachePoint) for tool in request.tools)
    if is_offered or not model.facts.tools_with_history or not _holds_tool_calls(request):
        return request
    names = dict.fromkeys(block.name for block in blocks_of(request) if isinstance(block, ToolUse))
    why = f"{model.name} refuses a conversation with calls otherwise"
    model.changes(Feature.TOOLS, "those of the conversation offered by name", why)
    # A result may stand without its call, where a history was cut. Then no name is known, and a
    # placeholder is offered.
    tools = tuple(Tool(name, _NOT_TO_BE_CALLED, {"type": "object"}) for name in names or ("tool",))
    choice = ToolChoice(ToolChoiceMode.NONE) if ToolChoiceMode.NONE in model.tool_choices else None
    return evolve(request, tools=(*tools, *request.tools), tool_choice=choice)


_NOT_TO_BE_CALLED = "Not available any more: do not call it."


def _holds_tool_calls(request: CompletionRequest) -> bool:
    return any(isinstance(block, ToolUse | ToolResult) for block in blocks_of(request))


def put_text_arguments_in_objects(request: CompletionRequest, model: Model) -> CompletionRequest:
    """Arguments of earlier calls that are no JSON object, in one where the family takes objects
    alone; it is reported. A call that a limit cut is such a one."""
    if model.codec.has_text_arguments:
        return request
    calls = [block for block in blocks_of(request) if isinstance(block, ToolUse)]
    cut = sum(not isinstance(call.input, Mapping) for call in calls)
    if not cut:
        return request
    what = f"the arguments of {cut} earlier calls sent as text in an object"
    model.changes(Feature.TOOLS, what, "they are no JSON object")
    return rewritten(request, _with_object)


def _with_object(block: ContentBlock) -> ContentBlock:
    if not isinstance(block, ToolUse) or isinstance(block.input, Mapping):
        return block
    return evolve(block, input={ARGUMENTS: block.input})


def write_results_as_text(request: CompletionRequest, model: Model) -> CompletionRequest:
    """JSON that is no object as its text, in the results of tools, where the model takes objects
    alone."""
    if not model.facts.has_object_results:
        return request
    fitted = rewritten(request, _as_text_unless_object)
    if fitted == request:
        return request
    model.changes(Feature.DATA, "sent as text", f"{model.name} takes JSON objects alone")
    return fitted


def _as_text_unless_object(block: ContentBlock) -> ContentBlock:
    if not isinstance(block, Data) or isinstance(block.value, Mapping):
        return block
    return Text(dumps(block.value).decode())


def lift_media_out_of_results(request: CompletionRequest, model: Model) -> CompletionRequest:
    """Pictures and documents in the results of tools as the user's, after the results, where the
    model takes none there. A number tells which is whose."""
    for kind, feature in _misplaced(model.facts):
        messages = tuple(_with_media_lifted(message, kind) for message in request.messages)
        if messages != request.messages:
            after = "put after the results of tools"
            model.changes(feature, after, f"{model.name} wants them there")
            request = evolve(request, messages=messages)
    return request


def _misplaced(facts: ModelFacts) -> Iterator[tuple[type[Image | Document], Feature]]:
    """What may be no result of a tool."""
    if not facts.has_images_in_results:
        yield Image, Feature.IMAGES
    if not facts.has_documents_in_results:
        yield Document, Feature.DOCUMENTS


def _with_media_lifted(message: Message, kind: type[Image | Document]) -> Message:
    lifted: list[ContentBlock] = []

    def told(block: ContentBlock) -> ContentBlock:
        if not isinstance(block, kind):
            return block
        lifted.append(block)
        return Text(f"({_WORDS[kind]} {len(lifted)} of those that follow)")

    content = tuple(
        evolve(block, content=tuple(map(told, block.content)))
        if isinstance(block, ToolResult)
        else block
        for block in message.content
    )
    return evolve(message, content=(*content, *lifted)) if lifted else message


_WORDS: Mapping[type, str] = {Image: "picture", Document: "document"}


def write_tool_errors_as_text(request: CompletionRequest, model: Model) -> CompletionRequest:
    """Without a flag for it, the text of the result begins with `error: `."""
    if model.takes(Feature.TOOL_ERRORS):
        return request
    # `is_error: false` loses nothing by being left out, so only failures are reported.
    if any(isinstance(block, ToolResult) and block.is_error for block in blocks_of(request)):
        model.changes(Feature.TOOL_ERRORS, "sent as text", f"{model.name} has no flag for them")
    return rewritten(request, _without_flag)


def _without_flag(block: ContentBlock) -> ContentBlock:
    if not isinstance(block, ToolResult) or not block.is_error:
        return evolve(block, is_error=None) if isinstance(block, ToolResult) else block
    first, *rest = block.content or (Text(""),)
    if isinstance(first, Text):
        content = (evolve(first, text=f"{_FAILED}{first.text}"), *rest)
    else:
        content = (Text(_FAILED), first, *rest)
    return evolve(block, is_error=None, content=content)


_FAILED = "error: "
