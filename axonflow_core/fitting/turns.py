"""Messages in the order in which the model takes them."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

from axonflow_core.codec import Feature
from axonflow_core.frozen import evolve
from axonflow_core.messages import (
    CompletionRequest,
    ContentBlock,
    Document,
    Message,
    Role,
    Text,
    ToolResult,
    ToolUse,
)

from .model import Model


def lead_with_system(request: CompletionRequest, model: Model) -> CompletionRequest:
    """System messages before all others, where the family has them nowhere else: they precede the
    conversation, so they are its system text."""
    if model.takes(Feature.MID_SYSTEM) or not model.takes(Feature.SYSTEM):
        return request
    count = next(
        (place for place, each in enumerate(request.messages) if each.role is not Role.SYSTEM),
        len(request.messages),
    )
    leading = (block for message in request.messages[:count] for block in message.content)
    return evolve(request, system=(*request.system, *leading), messages=request.messages[count:])


def arrange_results(request: CompletionRequest, model: Model) -> CompletionRequest:
    """The results of tools where the model looks for them: together, or alone, in every turn of the
    user's."""
    if not (model.facts.tool_results_alone or model.facts.tool_results_together):
        return request
    turns = _turns_of(request)
    arranged = [_arranged(turn, model) for turn in turns]
    if arranged == turns:
        return request
    return evolve(request, messages=tuple(message for turn in arranged for message in turn))


def _arranged(turn: list[Message], model: Model) -> list[Message]:
    """The messages of one turn, with its tool results where the model requires them."""
    blocks = [block for message in turn for block in message.content]
    results = [block for block in blocks if isinstance(block, ToolResult)]
    others = [block for block in blocks if not isinstance(block, ToolResult)]
    if not results or turn[0].role is not Role.USER:
        return turn
    if others and model.facts.tool_results_alone:
        model.changes(
            Feature.MIXED_RESULTS,
            "set apart by a turn of the assistant's",
            f"{model.name} wants them alone",
        )
        return [_one(turn, results), Message(Role.ASSISTANT, (Text(_HEARD),)), _one(turn, others)]
    if len(turn) > 1 and model.facts.tool_results_together:
        return [_one(turn, [*results, *others])]
    return turn


_HEARD = "I have the results."
"""The assistant's turn between results that must stand alone and the user's other blocks: two
messages of the user's in a row would be read as one turn."""


def _turns_of(request: CompletionRequest) -> list[list[Message]]:
    """Runs of messages of one role."""
    return [list(turn) for _, turn in groupby(request.messages, key=lambda message: message.role)]


def _one(turn: list[Message], content: Iterable[ContentBlock]) -> Message:
    """The messages of a turn as one, with this content."""
    extra = {key: value for message in turn for key, value in message.extra.items()}
    return evolve(turn[0], content=tuple(content), extra=extra)


def refuse_unpaired_results(request: CompletionRequest, model: Model) -> CompletionRequest:
    """Refuse a call that the next turn does not answer, and a result that the turn before did not
    ask for. Neither can be left out: both are what was said."""
    if not model.facts.pairs_results:
        return request
    called: list[str] = []
    for turn in _turns_of(request):
        blocks = [block for message in turn for block in message.content]
        answered = [block.tool_use_id for block in blocks if isinstance(block, ToolResult)]
        if turn[0].role is Role.ASSISTANT:
            _refuse_unanswered(called, model)
            uses = (block.id for block in blocks if isinstance(block, ToolUse))
            # A tool that the service runs is called and answered in one turn of the assistant.
            called = [each for each in uses if each not in answered]
            continue
        for each in answered:
            if each not in called:
                raise model.refuses(
                    f"the result of the call {each}",
                    "the turn before it has no such call",
                    "keep a call and its result together, or leave both out",
                )
        _refuse_unanswered([each for each in called if each not in answered], model)
        called = []
    _refuse_unanswered(called, model)
    return request


def _refuse_unanswered(called: list[str], model: Model) -> None:
    for each in called[:1]:
        raise model.refuses(
            f"the call {each} without its result",
            "the next turn must answer it",
            "add the result of the tool, or leave the call out",
        )


def refuse_documents_alone(request: CompletionRequest, model: Model) -> CompletionRequest:
    """Refuse a message with a document and no text, where the model wants one."""
    if not model.facts.documents_with_text:
        return request
    for message in request.messages:
        kinds = {type(block) for block in message.content}
        if Document in kinds and Text not in kinds:
            raise model.refuses(
                "a document without a text",
                "a message with a document must have a text too",
                "say in a text what is to be done with it",
            )
    return request


def refuse_silence(request: CompletionRequest, model: Model) -> CompletionRequest:
    """Refuse a request without messages, where a model wants one: there is nothing to answer."""
    is_silent = all(message.role is Role.SYSTEM for message in request.messages)
    if not model.facts.needs_messages or not is_silent:
        return request
    raise model.refuses("a request without messages", "there is nothing to answer", "ask something")


def put_roles_in_order(request: CompletionRequest, model: Model) -> CompletionRequest:
    """Make the conversation start with the user and alternate, where the model requires it."""
    has_any_order = model.takes(Feature.ANY_ROLE_ORDER)
    first = next(
        (message.role for message in request.messages if message.role is not Role.SYSTEM), Role.USER
    )
    if first is Role.ASSISTANT and (model.facts.starts_with_user or not has_any_order):
        raise model.refuses(
            "a conversation that the assistant begins",
            "the first message must be the user's",
            "begin with a user's",
        )
    if not model.facts.alternates and has_any_order:
        return request
    turns = _turns_of(request)
    if len(turns) == len(request.messages):
        return request
    model.changes(
        Feature.ANY_ROLE_ORDER, "messages of one role in a row joined", f"{model.name} wants turns"
    )
    joined = (
        _one(turn, (block for message in turn for block in message.content)) for turn in turns
    )
    return evolve(request, messages=tuple(joined))
