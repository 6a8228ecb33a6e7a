"""What a call may cost at most, guessed before it is made.

The count of what goes in is a guess from the number of characters: English prose has some 4.5 of
them to a token and code some 3, so a third of them is more than most texts have. Of other alphabets
half of the bytes counts: 1.5 tokens for a Chinese character, 1 for a Cyrillic letter. The answer
counts with the `max_tokens` of the request. Digits and random letters can have more tokens; the
settlement puts that right, and the next call is admitted by what is left then.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil
from typing import Any, NamedTuple, TypeAlias

from axonflow_core.budgets.terms import Unit, nanos
from axonflow_core.media import MediaKind
from axonflow_core.messages import CompletionRequest, Document, Image, Text, Usage
from axonflow_core.provider import Price

DEFAULT_OUTPUT_TOKENS = 4_096
"""The longest answer that is expected of a call that names no `max_tokens`."""
IMAGE_TOKENS = 1_600
"""Of one picture: width x height / 750, and pictures are made smaller to at most about that many
(https://docs.anthropic.com/en/docs/build-with-claude/vision, 2025-06)."""
_BYTES_OF_DOCUMENT_A_TOKEN = 16
_MESSAGE_TOKENS = 8


class Estimate(NamedTuple):
    """What a call may need."""

    input_tokens: int
    output_tokens: int
    price: Price | None = None
    nanos: int | None = None
    """None where the price is not known."""

    def amount(self, unit: Unit) -> int | None:
        """How much of that unit; None where it is not known."""
        if unit is Unit.NANOS:
            return self.nanos
        return 1 if unit is Unit.REQUESTS else self.input_tokens + self.output_tokens


Expected: TypeAlias = tuple[int, int, Price | None, int | None]
"""A plain tuple of what an `Estimate` has, made in a tenth of the time."""


def estimate(
    texts: Iterable[str],
    request: CompletionRequest | None,
    price: Price | None,
    *,
    max_tokens: int | None = None,
) -> Estimate:
    """The estimate of a call with these texts in its request. The request itself is asked for its
    media and its `max_tokens`; None where only these are known."""
    if request is None:
        input_tokens, output_tokens = text_tokens(texts), max_tokens or DEFAULT_OUTPUT_TOKENS
    else:
        input_tokens, output_tokens = request_tokens(texts, request)
    cost = cost_nanos(price, input_tokens, output_tokens)
    return Estimate(input_tokens, output_tokens, price, cost)


def request_tokens(texts: Iterable[str], request: Any) -> tuple[int, int]:
    """How many tokens a request with these texts may have, and its answer: none, where that is not
    in words."""
    input_tokens = text_tokens(texts)
    if not isinstance(request, CompletionRequest):
        return input_tokens, 0
    for message in request.messages:
        input_tokens += _MESSAGE_TOKENS
        for block in message.content:
            if type(block) is not Text:
                input_tokens += _media_tokens(block)
    return input_tokens, request.inference.max_tokens or DEFAULT_OUTPUT_TOKENS


def nanos_a_token(price: Price | None) -> tuple[int, int] | None:
    """What a token costs that goes in, and one that comes out, where that is all that `cost_nanos`
    needs of a price, and both are whole."""
    if price is None or price.long_prompts is not None:
        return None
    if price.input is None or price.output is None:
        return None
    into, out = price.input * 1_000, price.output * 1_000
    return (int(into), int(out)) if into.is_integer() and out.is_integer() else None


def cost_nanos(price: Price | None, input_tokens: int, output_tokens: int) -> int | None:
    """What so many tokens cost; None where that is not known."""
    if price is None:
        return None
    into, out = price.input, price.output
    if price.long_prompts is None and into is not None and out is not None:
        # Dollars for a million are thousands of nano-dollars for one; floats are a little off.
        return ceil((input_tokens * into + output_tokens * out) * 1_000 - 1e-3)
    cost = price.cost_usd(Usage(input_tokens=input_tokens, output_tokens=output_tokens))
    return None if cost is None else nanos(cost)


def text_tokens(texts: Iterable[str]) -> int:
    """How many tokens these texts may have."""
    count = 0
    for text in texts:
        if text.isascii():
            count += len(text) // 3 + 1
        else:
            count += len(text.encode("utf-8", "replace")) // 2 + 1
    return count


def _media_tokens(block: object) -> int:
    if not isinstance(block, Image | Document):
        return 0
    source = block.source if isinstance(block, Document) else None
    if source is None or source.kind is not MediaKind.BASE64:
        return IMAGE_TOKENS
    return len(source.data) // _BYTES_OF_DOCUMENT_A_TOKEN
