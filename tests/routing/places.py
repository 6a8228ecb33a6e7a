"""Providers that are scripted, and routers of them."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any

from axonflow_core.errors import AxonFlowError
from axonflow_core.messages import Completion, CompletionRequest, Receipt, StopReason, Text, user
from axonflow_core.provider import CompletionStream, Health, Price
from axonflow_core.routing.router import Router
from axonflow_core.routing.rules import NamedTarget, RoutingRules, Standing, Strategy
from axonflow_core.stream import Batch, Ended, Started, Stopped, TextDelta

HI = CompletionRequest((user("hi"),))
Script = Callable[[str], AxonFlowError | None]


class Place:
    """A provider that answers with its own name, or fails as its script says; it remembers the
    models that it was asked for."""

    def __init__(
        self,
        name: str,
        *,
        fails: AxonFlowError | Script | None = None,
        serves: tuple[str, ...] | None = None,
        regions: Mapping[str, tuple[str, ...]] | None = None,
        price: Price | None = None,
    ) -> None:
        self.name = name
        self.default_model = f"{name}-model"
        self.fails = fails
        self.asked: list[str] = []
        self.time_limits: list[float | None] = []
        self._serves = serves
        self._regions = regions
        self._price = price

    async def complete(
        self,
        request: CompletionRequest,
        *,
        model: str | None = None,
        timeout_s: float | None = None,
    ) -> Completion:
        self._ask(model, timeout_s)
        return Completion(
            content=(Text(self.name),),
            stop_reason=StopReason.END_TURN,
            receipt=self._receipt(model),
        )

    async def stream(
        self,
        request: CompletionRequest,
        *,
        model: str | None = None,
        timeout_s: float | None = None,
    ) -> CompletionStream:
        self._ask(model, timeout_s)
        return Words(self.name, self._receipt(model))

    def _ask(self, model: str | None, timeout_s: float | None) -> None:
        asked = model or self.default_model
        self.asked.append(asked)
        self.time_limits.append(timeout_s)
        error = self.fails(asked) if callable(self.fails) else self.fails
        if error is not None:
            raise error

    def _receipt(self, model: str | None) -> Receipt:
        asked = model or self.default_model
        return Receipt(
            provider=self.name, family="f", surface="s", model=asked, called=asked, latency_ms=1
        )

    def serves(self, model: str) -> bool | None:
        return None if self._serves is None else model in self._serves

    def regions(self, model: str) -> frozenset[str] | None:
        known = None if self._regions is None else self._regions.get(model)
        return None if known is None else frozenset(known)

    def price(self, receipt: Receipt) -> Price | None:
        return self._price

    async def health(self) -> Health:
        return Health(is_ready=True)

    async def aclose(self) -> None:
        """Nothing is open."""


class Words(CompletionStream):
    """A stream of one word, which ends or breaks off."""

    def __init__(self, word: str, receipt: Receipt) -> None:
        self.receipt = receipt
        self.left: list[Batch] = [
            (Started("i", "m"), TextDelta(word), Stopped(StopReason.END_TURN), Ended())
        ]

    async def read(self) -> tuple[Batch, ...]:
        return (self.left.pop(),) if self.left else ()

    async def aclose(self) -> None:
        """Nothing is open."""


def router_of(
    *places: Place,
    strategy: Strategy = Strategy.FAILOVER,
    weights: Mapping[str, float] | None = None,
    priorities: Mapping[str, int] | None = None,
    models: Mapping[str, list[tuple[str, str]]] | None = None,
    seed: int = 7,
    rules: Mapping[str, Any] | None = None,
    **more: Any,
) -> Router:
    """A router of these places, all alike where nothing else is said."""
    weights, priorities = weights or {}, priorities or {}
    return Router(
        {place.name: place for place in places},
        rules=RoutingRules(strategy=strategy, **(rules or {})),
        standings={
            place.name: Standing(
                priority=priorities.get(place.name, 5), weight=weights.get(place.name, 1.0)
            )
            for place in places
        },
        named={
            name: tuple(NamedTarget(provider=provider, model=model) for provider, model in targets)
            for name, targets in (models or {}).items()
        },
        draw=random.Random(seed).random,
        **more,
    )
