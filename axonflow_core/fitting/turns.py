"""Messages in the order in which the model takes them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import groupby

from axonflow_core.codec import Feature
from axonflow_core.frozen import evolve
from axonflow_core.messages import (
    CachePoint,
    CompletionRequest,
    ContentBlock,
    Document,
    Message,
    Reasoning,
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
    """Calls and results of tools where the model looks for them: calls at the end of the
    assistant's turns, results together, first, or alone in the user's."""
    facts = model.facts
    if not (facts.tool_results_alone or facts.tool_results_together or facts.calls_meet_results):
        return request
    turns = _turns_of(request)
    arranged = [_arranged(turn, model) for turn in turns]
    if arranged == turns:
        return request
    return evolve(request, messages=tuple(message for turn in arranged for message in turn))


def _arranged(turn: list[Message], model: Model) -> list[Message]:
    """The messages of one turn, with its calls and results where the model requires them."""
    blocks = [block for message in turn for block in message.content]
    if turn[0].role is Role.ASSISTANT:
        return _with_calls_last(turn, blocks, model)
    results, others = _parted(blocks, lambda block: isinstance(block, ToolResult))
    if not results or turn[0].role is not Role.USER:
        return turn
    if _must_stand_alone(others, model):
        model.changes(
            Feature.MIXED_RESULTS,
            "set apart by a turn of the assistant's",
            f"{model.name} wants them alone",
        )
        return [_one(turn, results), Message(Role.ASSISTANT, (Text(_HEARD),)), _one(turn, others)]
    if len(turn) > 1 and model.facts.tool_results_together:
        return [_one(turn, [*results, *others])]
    if model.facts.calls_meet_results and [*results, *others] != blocks:
        model.changes(
            Feature.MIXED_RESULTS, "put before the other blocks", f"{model.name} wants them first"
        )
        return [_one(turn, [*results, *others])]
    return turn


def put_system_after_results(request: CompletionRequest, model: Model) -> CompletionRequest:
    """System messages that stand between a call and its result put after the result's turn."""
    if not model.facts.pairs_results:
        return request
    ordered: list[Message] = []
    waiting: list[Message] = []
    for turn in _turns_of(request):
        is_between = turn[0].role is Role.SYSTEM and _has(ToolUse, ordered[-1:])
        if is_between and not waiting:
            waiting = turn
            continue
        ordered += [*turn, *waiting] if _has(ToolResult, turn) else [*waiting, *turn]
        waiting = []
    messages = (*ordered, *waiting)
    if messages == request.messages:
        return request
    what = "put after the results of tools"
    model.changes(Feature.MID_SYSTEM, what, f"{model.name} wants results right after their calls")
    return evolve(request, messages=messages)


def say_system_as_user(request: CompletionRequest, model: Model) -> CompletionRequest:
    """System messages of a client's in mid-conversation, said by the user and marked as what they
    are, where the model takes none. They lose weight by it, and no words."""
    is_here = any(message.role is Role.SYSTEM for message in request.messages)
    if not is_here or model.client is None or model.takes(Feature.MID_SYSTEM):
        return request
    model.changes(Feature.MID_SYSTEM, "sent as the user's", f"{model.name} takes none")
    return evolve(request, messages=tuple(map(_as_users, request.messages)))


def _as_users(message: Message) -> Message:
    if message.role is not Role.SYSTEM:
        return message
    return evolve(message, role=Role.USER, content=tuple(map(_marked, message.content)))


def _marked(block: ContentBlock) -> ContentBlock:
    if not isinstance(block, Text):
        return block
    return evolve(block, text=f"<system-reminder>\n{block.text}\n</system-reminder>")


def _has(kind: type[ContentBlock], messages: Iterable[Message]) -> bool:
    return any(isinstance(block, kind) for message in messages for block in message.content)


def _must_stand_alone(others: list[ContentBlock], model: Model) -> bool:
    """Whether results may not stand next to these blocks."""
    has_document = any(isinstance(block, Document) for block in others)
    alone, apart = model.facts.tool_results_alone, model.facts.documents_apart_from_results
    return bool(others) and (alone or (apart and has_document))


def _with_calls_last(
    turn: list[Message], blocks: list[ContentBlock], model: Model
) -> list[Message]:
    """A turn of the assistant's with nothing after the calls that the user has to answer."""
    answered = {block.tool_use_id for block in blocks if isinstance(block, ToolResult)}
    calls, others = _parted(
        blocks, lambda block: isinstance(block, ToolUse) and block.id not in answered
    )
    # Reasoning is signed where it stood, so a turn with some after a call stays as the model wrote.
    is_over = any(isinstance(block, Reasoning) for block in blocks[_first(calls, blocks) :])
    if not model.facts.calls_meet_results or [*others, *calls] == blocks or is_over:
        return turn
    model.changes(
        Feature.TOOLS, "calls put after the text of their turn", f"{model.name} wants them last"
    )
    return [_one(turn, [*others, *calls])]


def _first(calls: list[ContentBlock], blocks: list[ContentBlock]) -> int:
    """The place of the first call among the blocks of its turn."""
    return blocks.index(calls[0]) if calls else len(blocks)


def _parted(
    blocks: Iterable[ContentBlock], is_one: Callable[[ContentBlock], bool]
) -> tuple[list[ContentBlock], list[ContentBlock]]:
    """The blocks of one kind, and the others. A cache point stays after the block it follows."""
    ones: list[ContentBlock] = []
    others: list[ContentBlock] = []
    part = others
    for block in blocks:
        if not isinstance(block, CachePoint):
            part = ones if is_one(block) else others
        part.append(block)
    return ones, others


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
        _refuse_second_results(called, answered, model)
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


def _refuse_second_results(called: list[str], answered: list[str], model: Model) -> None:
    """Refuse more results of one id than calls of it."""
    for each in called:
        if answered.count(each) > called.count(each):
            raise model.refuses(
                f"a second result of the call {each}",
                "a call has one",
                "join the results in one `ToolResult`, or leave one of them out",
            )


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
