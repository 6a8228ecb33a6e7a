"""What calls cost: what the operator says, else what the provider knows.

`AXONFLOW_PRICING_CONFIG` names a file of JSON or YAML, in US dollars for 1,000 tokens:

    bedrock:
      anthropic.claude-*: {input_per_1k: 0.003, output_per_1k: 0.015}

A price of it is used for what `cache_read_per_1k` and `cache_write_per_1k` do not say as well: a
token that is read from the cache costs what any costs that goes in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from attrs import field, validators

from axonflow_core.config.document import document_text, parse_document
from axonflow_core.config.faults import FaultyConfig
from axonflow_core.config.snippets import with_snippets
from axonflow_core.config.structuring import structure
from axonflow_core.errors import AxonFlowError
from axonflow_core.frozen import frozen
from axonflow_core.messages import EMPTY, Receipt
from axonflow_core.provider import Price, Provider

VARIABLE = "AXONFLOW_PRICING_CONFIG"
MAX_CACHED = 1_000
_PER_1K = validators.and_(validators.ge(0), validators.le(1_000))
_OPTIONAL_PER_1K = validators.optional(_PER_1K)


@frozen
class PriceConfig:
    """One model of the file."""

    input_per_1k: float = field(kw_only=True, validator=_PER_1K)
    output_per_1k: float = field(kw_only=True, validator=_PER_1K)
    cache_read_per_1k: float | None = field(default=None, kw_only=True, validator=_OPTIONAL_PER_1K)
    cache_write_per_1k: float | None = field(default=None, kw_only=True, validator=_OPTIONAL_PER_1K)

    @property
    def price(self) -> Price:
        """For 1,000,000 tokens."""
        return Price(
            input=self.input_per_1k * 1_000,
            output=self.output_per_1k * 1_000,
            cache_read=self._or_input(self.cache_read_per_1k),
            cache_write_5m=self._or_input(self.cache_write_per_1k),
            cache_write_1h=self._or_input(self.cache_write_per_1k),
        )

    def _or_input(self, per_1k: float | None) -> float:
        return (self.input_per_1k if per_1k is None else per_1k) * 1_000


class Prices:
    """The prices of one generation of the configuration."""

    def __init__(self, overrides: Mapping[str, Mapping[str, Price]] = EMPTY) -> None:
        """`overrides`: provider -> model -> price; a `*` at the end of a model stands for any
        ending, and the longest pattern decides."""
        self._overrides = {
            name: dict(sorted(models.items(), key=lambda item: -len(item[0])))
            for name, models in overrides.items()
        }
        self._estimates: dict[tuple[str, str], Price | None] = {}

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Prices:
        """The prices with those of the operator's file. `FaultyConfig` with all that is wrong in
        it."""
        name = environment.get(VARIABLE)
        return cls(_written(Path(name), environment)) if name else cls()

    def of(self, name: str, provider: Provider, receipt: Receipt) -> Price | None:
        """The price of a call that was made; None where it is not known."""
        if self._overrides and (price := self.override(name, receipt.called)) is not None:
            return price
        price_of = getattr(provider, "price", None)  # `SupportsPricing`, at each call
        return None if price_of is None else price_of(receipt)

    def override(self, name: str, model: str) -> Price | None:
        """What the operator says of a model."""
        for pattern, price in self._overrides.get(name, {}).items():
            if pattern == model or (pattern[-1:] == "*" and model.startswith(pattern[:-1])):
                return price
        return None

    def expected(self, name: str, provider: Provider, model: str) -> Price | None:
        """The price of a call that is not made yet; None where it is not known."""
        try:
            return self._estimates[name, model]
        except KeyError:
            return self._looked_up(name, provider, model)

    def _looked_up(self, name: str, provider: Provider, model: str) -> Price | None:
        if len(self._estimates) >= MAX_CACHED:
            self._estimates.clear()
        receipt = Receipt(provider=name, family="", surface="", model=model, called=model)
        try:
            price = self.of(name, provider, receipt)
        except AxonFlowError:  # an id that is none of its own
            price = None
        self._estimates[name, model] = price
        return price

    def listed(self) -> Iterator[tuple[str, str, Price]]:
        """Provider, model or pattern, and price, of all that the operator says."""
        for name, models in self._overrides.items():
            for model, price in models.items():
                yield name, model, price


def _written(path: Path, environment: Mapping[str, str]) -> Mapping[str, Mapping[str, Price]]:
    read = parse_document(document_text(path), str(path), environment)
    if read.faults:
        raise FaultyConfig(with_snippets(read.faults, read.text))
    try:
        of_providers = structure(read.root, dict[str, dict[str, PriceConfig]], key="the file")
    except FaultyConfig as faulty:
        raise FaultyConfig(with_snippets(faulty.faults, read.text)) from None
    return {
        name: {model: each.price for model, each in models.items()}
        for name, models in of_providers.items()
    }
