"""What a call costs that a client made itself: asked of the providers that are configured here.

Clients guess the provider's name from the model's (one calls `bedrock/anthropic.claude-…` a call of
`anthropic`), so the model's id decides: the call is that of the provider which knows its price.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from axonflow_core.budgets.prices import Prices
from axonflow_core.frozen import frozen
from axonflow_core.messages import Usage
from axonflow_core.provider import Price, Provider

MAX_PREFIXES = 3
"""Words before the id that are passed over."""


@frozen(kw_only=True)
class Priced:
    """Whose call it was, as far as is known here, and what it cost."""

    provider: str
    """The key of the provider that knows the model; else the name that was reported."""
    cost_usd: float | None = None
    """None where no provider knows the model, or a count is missing."""


def priced(
    providers: Mapping[str, Provider],
    reported: str,
    model: str,
    usage: Usage,
    prices: Prices | None = None,
) -> Priced:
    """The price of a call of `model` that a client reports to be one of the provider `reported`."""
    name, price = price_of(providers, prices or Prices(), reported, model)
    return Priced(provider=name, cost_usd=None if price is None else price.cost_usd(usage))


def price_of(
    providers: Mapping[str, Provider], prices: Prices, reported: str, model: str
) -> tuple[str, Price | None]:
    """The provider that knows the price of a model, and the price; the reported one, and None,
    where none does."""
    for name, called in _candidates(providers, reported, model):
        price = prices.expected(name, providers[name], called)
        if price is not None:
            return name, price
    return reported, None


def _candidates(
    providers: Mapping[str, Provider], reported: str, model: str
) -> Iterator[tuple[str, str]]:
    """Each provider with the ids that it may know the model by, the reported provider first.
    LiteLLM writes the provider before the id, and at times a region or a surface between them:
    `bedrock/converse/anthropic.claude-…`."""
    prefix, *rest = model.split("/", MAX_PREFIXES)
    for name in sorted(providers, key=lambda name: name != reported):
        yield name, model
        if prefix == name:
            yield from ((name, "/".join(rest[first:])) for first in range(len(rest)))
