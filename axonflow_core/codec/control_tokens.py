r"""Control tokens: the texts by which a family's prompt template marks whose turn it is. They are
refused or neutralised where a caller's text holds one.

    <|start_header_id|>user<|end_header_id|>\n\nHello<|eot_id|>        Llama 3
    [INST] Hello [/INST]                                               Mistral
    \n\nHuman: Hello\n\nAssistant:                                     Claude's text form

Theory of operation. A template is one string. A model that reads such a token inside a text reads a
turn that did not take place, so an untrusted text could write the system prompt or an answer. The
services that take such a string have no escape for its tokens; only two remedies are left:

* **refuse** (the default, `refuse_forged_turns`): nothing is sent, and the error names the token,
  never the text around it.
* **neutralise** (the operator's choice, `neutralise_control_tokens`): a zero-width space before the
  last character. The text reads the same and is no token.

The check covers what the template joins, after joining: two harmless blocks may form a token where
they meet. A raw prompt is not checked, because its caller writes the template.

It runs for every call of a template family over the whole conversation, so its cost matters. For
`in` to miss each token of Llama 3 in 8 kB takes 22 us, one regular expression takes 3, and `in` for
a single character 0.1. So tokens that begin alike share a `_Search`: the rare character that they
begin with (`<`, `[`) is looked for first, from occurrence to occurrence, and only what follows it
decides. After `_PROBES` occurrences without a decision the text is full of that character, and the
regular expression is faster. Letters that begin ordinary words (`_COMMON`) skip the hops at once.

Invariant: `find_control_token(tokens, slots)` is None if and only if no token is a substring of any
slot; the hops change the time and never the result.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache

from axonflow_core.errors import EncodeError
from axonflow_core.frozen import evolve, frozen
from axonflow_core.messages import CompletionRequest, ContentBlock, Text, joined_text, texts_of


def template_texts(request: CompletionRequest) -> list[str]:
    """The texts that a template puts between its own tokens, joined as it joins them."""
    return [joined_text(request.system), *texts_of(request.messages)]


def refuse_forged_turns(family: str, tokens: tuple[str, ...], slots: Sequence[str]) -> None:
    """`EncodeError` with the feature `control_tokens` where one of `slots` holds a control token.
    The message names the token and no other part of the text."""
    token = find_control_token(tokens, slots)
    if token is not None:
        raise EncodeError(
            f"the text holds {token!r}, which the {family} family reads as the border of a turn",
            feature="control_tokens",
            hint="remove the token, or have it neutralised: by the provider's setting for control "
            "tokens, or in Python with `neutralise_control_tokens`",
        )


def find_control_token(tokens: tuple[str, ...], slots: Sequence[str]) -> str | None:
    """A control token that stands in one of `slots`; None where no slot holds any."""
    # No token has a NUL, so none is found across the border of two slots.
    # One search over all slots costs less than one for each. The empty last slot adds a NUL at the
    # end, which `_Search.in_text` needs to look past the last mark.
    joined = "\0".join((*slots, ""))
    for search in _searches(tokens):
        token = search.in_text(joined)
        if token is not None:
            return token
    return None


_PROBES = 8
"""Occurrences of the mark that are looked at before the regular expression takes over."""
_COMMON = frozenset("AIST")
"""The capitals with which most words begin, and sentences too: it does not pay to hop from one to
the next."""


@frozen
class _Search:
    """A search for tokens that begin with the same character after the same number of blanks."""

    tokens: tuple[str, ...]
    """The tokens that are searched together."""
    mark: str
    """The character that all of them have at `marked_at`."""
    marked_at: int
    """Where in each token its mark stands."""
    follows: frozenset[str]
    """The characters that follow the mark in some token."""
    probes: range
    """A range of `_PROBES`; empty where hopping does not pay."""
    find: Callable[[str, int], re.Match[str] | None]
    """The search of one regular expression for all tokens, from a position on."""

    @classmethod
    def of(cls, at: int, tokens: list[str]) -> _Search:
        """The search for `tokens`, all of which have the same character at `at`. The mark is moved
        to the right as long as all tokens agree and the next character is punctuation, which is
        rarer in texts: `<|` of Llama is searched by its bar."""
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
        """A token that `text` holds, else None. `text` has at least one character after the last
        mark."""
        find, mark, follows = text.find, self.mark, self.follows
        at = find(mark, self.marked_at)
        for _ in self.probes:
            if at < 0:
                return None
            if text[at + 1] in follows and text.startswith(self.tokens, at - self.marked_at):
                break
            at = find(mark, at + 1)
        # Either the probes ended at a token, which the expression names, or they were used up.
        found = self.find(text, at - self.marked_at) if at >= 0 else None
        return found.group() if found else None


@lru_cache
def _searches(tokens: tuple[str, ...]) -> list[_Search]:
    """The tokens of a family, grouped by the place and character of their first non-blank. Cached,
    because the tuple of a codec is the same object for every call."""
    # Blanks are the most frequent characters of a text, so they are no mark to look for.
    alike: dict[tuple[int, str], list[str]] = {}
    for token in tokens:
        at = min(len(token) - len(token.lstrip()), len(token) - 1)
        alike.setdefault((at, token[at]), []).append(token)
    return [_Search.of(at, each) for (at, _), each in alike.items()]


def neutralise_control_tokens(
    request: CompletionRequest, tokens: tuple[str, ...]
) -> CompletionRequest:
    """`request` with every control token broken by a zero-width space before its last character, so
    that it reads the same and is no token. A raw prompt is left as it is."""

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
    """`text` with every token broken. The inserted character is in no token, so breaking one makes
    none."""
    for token in tokens:
        text = text.replace(token, f"{token[:-1]}\N{ZERO WIDTH SPACE}{token[-1]}")
    return text
