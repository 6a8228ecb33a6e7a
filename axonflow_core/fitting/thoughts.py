"""Reasoning of earlier turns.

It is not what the assistant said, and only the vendor that signed it can read its signature. So
what the model cannot take of it is left out and reported. What a history lost decides whether a
round of tool calls can go on with reasoning.
"""

from __future__ import annotations

from itertools import groupby

from axonflow_core.codec import Codec, Feature, ModelFacts, blocks_of
from axonflow_core.frozen import evolve
from axonflow_core.messages import (
    CompletionRequest,
    ContentBlock,
    Message,
    Reasoning,
    Role,
    ToolResult,
)

from .blocks import rewritten
from .model import Model
from .reasoning import report_none


def fit_reasoning_of_history(request: CompletionRequest, model: Model) -> CompletionRequest:
    """Leave out reasoning of earlier turns that the model cannot read, and report it."""
    request = _without_thoughts_of_users(request, model)
    thoughts = [block for block in blocks_of(request) if isinstance(block, Reasoning)]
    changed = [(old, _in_history(old, model)) for old in thoughts]
    changed = [(old, new) for old, new in changed if new is not old]
    if not changed:
        return request
    left_out = sum(new is None for _, new in changed)
    if left_out:
        what = f"{left_out} of {len(thoughts)} blocks of earlier turns not sent"
        model.changes(Feature.REASONING, what, f"{model.name} cannot read them")
    if left_out < len(changed):
        what = "the signatures of earlier turns not sent"
        model.changes(Feature.SIGNED_REASONING, what, f"{model.name} cannot read them")

    def fitted(block: ContentBlock) -> ContentBlock | None:
        return _in_history(block, model) if isinstance(block, Reasoning) else block

    kept = rewritten(request, fitted)
    # A message that was nothing but reasoning is empty now, and families refuse empty messages. One
    # that was empty before stays: the caller wrote it so.
    messages = zip(kept.messages, request.messages, strict=True)
    return evolve(
        kept,
        messages=tuple(message for message, old in messages if message.content or not old.content),
    )


def has_unsigned_thoughts(request: CompletionRequest, codec: Codec, facts: ModelFacts) -> bool:
    """Whether reasoning of earlier turns is without the signature that the model demands: another
    family's answered then, or a policy changed it."""
    controls = facts.reasoning or codec.reasoning
    if controls is None or not controls.is_signed:
        return False
    thoughts = (block for block in blocks_of(request) if type(block) is Reasoning)
    return not all(thought.signature or thought.redacted for thought in thoughts)


def _without_thoughts_of_users(request: CompletionRequest, model: Model) -> CompletionRequest:
    """Leave out reasoning in messages of the user, which is the model's alone, and report it."""
    kept = tuple(
        message if message.role is Role.ASSISTANT else _without_thoughts(message)
        for message in request.messages
    )
    if kept == request.messages:
        return request
    why = "reasoning is the assistant's alone"
    model.changes(Feature.REASONING, "that of the user not sent", why)
    return evolve(request, messages=tuple(message for message in kept if message.content))


def _without_thoughts(message: Message) -> Message:
    content = tuple(block for block in message.content if not isinstance(block, Reasoning))
    return message if content == message.content else evolve(message, content=content)


def _in_history(block: Reasoning, model: Model) -> Reasoning | None:
    """A thought as the model takes it; None where it takes none of it."""
    controls = model.reasoning_controls
    if not model.takes(Feature.REASONING) or (controls is not None and not controls.has_history):
        return None
    is_signed = bool(block.signature or block.redacted)  # an empty signature signs nothing
    # A vendor verifies signatures, and refuses the whole request for one that is not its own.
    if is_signed and (not model.keeps_signatures or model.has_other_signer):
        block = evolve(block, signature=None, redacted=None)
        is_signed = False
        if not block.text:
            return None
    must_be_signed = controls is not None and controls.is_signed
    return None if must_be_signed and not is_signed else block


def reason_where_the_round_began_so(request: CompletionRequest, model: Model) -> CompletionRequest:
    """Ask for no budget while a round of tool calls goes on that did not begin with reasoning,
    where the model refuses that. It is reported; the next turn reasons again."""
    asked, controls = request.reasoning, model.reasoning_controls
    if asked is None or asked.budget_tokens is None or controls is None:
        return request
    first = _first_of_open_round(request.messages)
    if not controls.opens_calls or first is None or isinstance(first.content[0], Reasoning):
        return request
    why = "the round of tool calls that goes on did not begin with reasoning"
    report_none(why, model)
    return evolve(request, reasoning=None)


def _first_of_open_round(messages: tuple[Message, ...]) -> Message | None:
    """The assistant's first message since the user spoke, where results of tools come last."""
    said = (message for message in messages if message.role is not Role.SYSTEM)
    turns = [list(turn) for _, turn in groupby(said, key=lambda message: message.role)]
    if not turns or not _has_results(turns[-1]):
        return None
    first = None
    for turn in reversed(turns):
        if turn[0].role is Role.ASSISTANT:
            first = next((message for message in turn if message.content), first)
        elif not _has_results(turn):
            break
    return first


def _has_results(turn: list[Message]) -> bool:
    return any(isinstance(block, ToolResult) for message in turn for block in message.content)
