"""The tokens by which a family's template says whose turn it is: refused or defused where a text holds one.

A model that reads such a token in what somebody wrote reads a turn that nobody took.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache

from attrs import evolve

from axonflow_core.errors import EncodeError
from axonflow_core.messages import CompletionRequest, ContentBlock, Text, joined_text


def slots_of(request: CompletionRequest) -> list[str]:
    """The texts that a template puts between its own tokens, joined as it joins them."""
    return [joined_text(request.system), *[joined_text(message.content) for message in request.messages]]


def refuse_forged_turns(family: str, tokens: tuple[str, ...], slots: Sequence[str]) -> None:
    """Refuse a slot that holds a control token: the model would read it as a turn that nobody took."""
    token = held_token(tokens, slots)
    if token is not None:
        raise EncodeError(
            f"the text holds {token!r}, which the {family} family reads as the border of a turn",
            feature="control_tokens",
            hint="set `control_tokens: neutralise` in the provider's config to send such text defused",
        )


def held_token(tokens: tuple[str, ...], slots: Sequence[str]) -> str | None:
    """A control token that stands in one of `slots`; None where no slot holds any."""
    joined = "\0".join(slots)
    if not any(search(joined) for search in _searches(tokens)):
        return None
    return next((token for slot in slots for token in tokens if token in slot), None)  # not one across two slots


@lru_cache
def _searches(tokens: tuple[str, ...]) -> tuple[Callable[[str], object], ...]:
    """For each character that tokens begin with, a search for all of them at once.

    It skips from one such character to the next: 3 us for 8 kB, where `in` for each token of Llama 3 takes 22.
    """
    tails: dict[str, list[str]] = {}
    for token in tokens:
        tails.setdefault(token[0], []).append(re.escape(token[1:]))
    return tuple(re.compile(f"{re.escape(first)}(?:{'|'.join(rest)})").search for first, rest in tails.items())


def neutralise_control_tokens(request: CompletionRequest, tokens: tuple[str, ...]) -> CompletionRequest:
    """`request` with every control token broken by a zero-width space, so that it reads the same and means nothing."""

    def defused(blocks: tuple[ContentBlock, ...]) -> tuple[ContentBlock, ...]:
        return tuple(
            evolve(block, text=_defuse(block.text, tokens)) if isinstance(block, Text) else block for block in blocks
        )

    if request.is_raw_prompt or not tokens:
        return request
    messages = tuple(evolve(message, content=defused(message.content)) for message in request.messages)
    return evolve(request, messages=messages, system=defused(request.system))


def _defuse(text: str, tokens: tuple[str, ...]) -> str:
    for token in tokens:
        text = text.replace(token, f"{token[:-1]}\N{ZERO WIDTH SPACE}{token[-1]}")
    return text
