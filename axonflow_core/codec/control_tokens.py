"""The tokens by which a family's template says whose turn it is: refused or defused where a text
holds one.

A model that reads such a token in what somebody wrote reads a turn that nobody took.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache

from attrs import evolve, frozen

from axonflow_core.errors import EncodeError
from axonflow_core.messages import CompletionRequest, ContentBlock, Text, joined_text, texts_of


def template_texts(request: CompletionRequest) -> list[str]:
    """The texts that a template puts between its own tokens, joined as it joins them."""
    return [joined_text(request.system), *texts_of(request.messages)]


def refuse_forged_turns(family: str, tokens: tuple[str, ...], slots: Sequence[str]) -> None:
    """Refuse a slot that holds a control token: the model would read it as a turn that nobody
    took."""
    token = find_control_token(tokens, slots)
    if token is not None:
        raise EncodeError(
            f"the text holds {token!r}, which the {family} family reads as the border of a turn",
            feature="control_tokens",
            hint="set `control_tokens: neutralise` in the provider's config to send such text "
            "defused",
        )


def find_control_token(tokens: tuple[str, ...], slots: Sequence[str]) -> str | None:
    """A control token that stands in one of `slots`; None where no slot holds any."""
    joined = "\0".join((*slots, ""))  # no token has a NUL, so none stands across two slots
    for search in _searches(tokens):
        token = search.in_text(joined)
        if token is not None:
            return token
    return None


_PROBES = 8
_COMMON = frozenset("AIST")
"""The capitals with which most words begin, and sentences too: it does not pay to hop from one to
the next."""


@frozen
class _Search:
    """A search for tokens that begin alike, behind the same blanks.

    For `in` to miss each token of Llama 3 in 8 kB takes 22 us, for one regular expression 3, and to
    miss one character 0.1. The bracket or capital that tokens begin with is rare in a text, so
    first we hop from one to the next.
    """

    tokens: tuple[str, ...]
    mark: str
    marked_at: int
    """Where in each token its mark stands."""
    follows: frozenset[str]
    """What stands behind the mark in some token."""
    probes: range
    find: Callable[[str, int], re.Match[str] | None]

    @classmethod
    def of(cls, at: int, tokens: list[str]) -> _Search:
        """`at` is where all `tokens` have the same character."""
        shortest = min(map(len, tokens))
        while (
            at + 2 < shortest
            and len({token[: at + 2] for token in tokens}) == 1
            and not tokens[0][at + 1].isalnum()
        ):
            at += 1
        mark, follows = tokens[0][at], frozenset(token[at + 1 : at + 2] for token in tokens)
        probes = range(0 if mark.isspace() or mark in _COMMON or "" in follows else _PROBES)
        return cls(
            tuple(tokens),
            mark,
            at,
            follows,
            probes,
            re.compile("|".join(map(re.escape, tokens))).search,
        )

    def in_text(self, text: str) -> str | None:
        """A token that stands in `text`, which has a character behind the last mark."""
        find, mark, follows = text.find, self.mark, self.follows
        at = find(mark, self.marked_at)
        for _ in self.probes:
            if at < 0:
                return None
            if text[at + 1] in follows and text.startswith(self.tokens, at - self.marked_at):
                break
            at = find(mark, at + 1)
        found = self.find(text, at - self.marked_at) if at >= 0 else None
        return found.group() if found else None


@lru_cache
def _searches(tokens: tuple[str, ...]) -> list[_Search]:
    alike: dict[tuple[int, str], list[str]] = {}
    for token in tokens:
        at = min(len(token) - len(token.lstrip()), len(token) - 1)
        alike.setdefault((at, token[at]), []).append(token)
    return [_Search.of(at, each) for (at, _), each in alike.items()]


def neutralise_control_tokens(
    request: CompletionRequest, tokens: tuple[str, ...]
) -> CompletionRequest:
    """`request` with every control token broken by a zero-width space, so that it reads the same
    and means nothing."""

    def defused(blocks: tuple[ContentBlock, ...]) -> tuple[ContentBlock, ...]:
        return tuple(
            evolve(block, text=_defuse(block.text, tokens)) if isinstance(block, Text) else block
            for block in blocks
        )

    if request.is_raw_prompt or not tokens:
        return request
    messages = tuple(
        evolve(message, content=defused(message.content)) for message in request.messages
    )
    return evolve(request, messages=messages, system=defused(request.system))


def _defuse(text: str, tokens: tuple[str, ...]) -> str:
    for token in tokens:
        text = text.replace(token, f"{token[:-1]}\N{ZERO WIDTH SPACE}{token[-1]}")
    return text
