"""The models of Anthropic's API: limits, prices, lives.

Source: platform.claude.com, the overview page of each model and "Model deprecations", and litellm
1.109.1 (`model_prices_and_context_window.json`) for cache prices, November 2026.
"""

from __future__ import annotations

from datetime import date

from axonflow_core.frozen import frozen
from axonflow_core.plugin_spec import Life, ModelCatalogue, ModelDescription
from axonflow_core.provider import LongPrompts, Price

AS_OF = date(2026, 11, 28)
"""The day for which the table holds."""


@frozen
class ClaudeModel:
    """One model. Prices are USD per 1,000,000 tokens."""

    id: str
    context_tokens: int
    output_tokens: int
    price: Price
    successor: str | None = None
    """The newer model that Anthropic advises to move to."""


def _price(input: float, output: float, read: float) -> Price:
    """A price with Anthropic's factors of cache writes: 1.25 for 5 minutes, 2 for an hour."""
    return Price(
        input=input,
        output=output,
        cache_read=read,
        cache_write_5m=input * 1.25,
        cache_write_1h=input * 2,
    )


_HAIKU_5_5 = Price(
    input=0.1,
    output=0.5,
    cache_read=0.01,
    cache_write_5m=0.125,
    cache_write_1h=0.2,
    long_prompts=LongPrompts(above_tokens=100_000, price=_price(0.5, 2.5, 0.05)),
)
_SONNET_4_5 = Price(
    input=3,
    output=15,
    cache_read=0.3,
    cache_write_5m=3.75,
    cache_write_1h=6,
    long_prompts=LongPrompts(above_tokens=200_000, price=_price(6, 22.5, 0.6)),
)
_M, _K = 1_000_000, 1_000
_OPUS, _SONNET, _HAIKU = "claude-opus-5-5", "claude-sonnet-5-5", "claude-haiku-5-5"
MODELS: tuple[ClaudeModel, ...] = (
    ClaudeModel("claude-fable-5-1", _M, 128 * _K, _price(10, 50, 0.25)),
    ClaudeModel(_OPUS, _M, 128 * _K, _price(4, 20, 0.2)),
    ClaudeModel(_SONNET, _M, 128 * _K, _price(2, 10, 0.1)),
    ClaudeModel(_HAIKU, _M, 128 * _K, _HAIKU_5_5),
    ClaudeModel("claude-opus-5", _M, 128 * _K, _price(5, 25, 0.5), _OPUS),
    ClaudeModel("claude-sonnet-5", _M, 128 * _K, _price(2, 10, 0.2), _SONNET),
    ClaudeModel("claude-opus-4-8", _M, 128 * _K, _price(5, 25, 0.5), _OPUS),
    ClaudeModel("claude-opus-4-7", _M, 128 * _K, _price(5, 25, 0.5), _OPUS),
    ClaudeModel("claude-opus-4-6", _M, 128 * _K, _price(5, 25, 0.5), _OPUS),
    ClaudeModel("claude-sonnet-4-6", _M, 64 * _K, _price(3, 15, 0.3), _SONNET),
    ClaudeModel("claude-opus-4-5-20251101", 200 * _K, 64 * _K, _price(5, 25, 0.5), _OPUS),
    ClaudeModel("claude-haiku-4-5-20251001", 200 * _K, 64 * _K, _price(1, 5, 0.1), _HAIKU),
    ClaudeModel("claude-sonnet-4-5-20250929", 200 * _K, 64 * _K, _SONNET_4_5, _SONNET),
)
"""The models that are served, from the newest to the oldest."""


def limits_of(model: str) -> ClaudeModel | None:
    """The model of an id, or of an alias without its date; None where it is not known."""
    return next(
        (each for each in MODELS if each.id == model or _without_date(each.id) == model), None
    )


def _without_date(id: str) -> str:
    stem, _, last = id.rpartition("-")
    return stem if len(last) == len("20251101") and last.isdecimal() else id


def price_of(model: str) -> Price | None:
    """The list price of the standard tier; None for a model that is not known."""
    known = limits_of(model)
    return None if known is None else known.price


def catalogue(codecs: object = None) -> ModelCatalogue:
    """The models, for `axonflow models`."""
    return ModelCatalogue(models=tuple(map(_described, MODELS)), as_of=AS_OF)


def _described(model: ClaudeModel) -> ModelDescription:
    alias = _without_date(model.id)
    return ModelDescription(
        id=model.id,
        vendor="anthropic",
        family="claude",
        kind="chat",
        surfaces=("messages",),
        profiles=() if alias == model.id else (alias,),
        context_tokens=model.context_tokens,
        output_tokens=model.output_tokens,
        input_price=model.price.input,
        output_price=model.price.output,
        life=Life.ACTIVE if model.successor is None else Life.LEGACY,
        successor=model.successor,
    )
