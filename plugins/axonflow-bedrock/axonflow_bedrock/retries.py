"""When a call is made again: as often as AWS's own settings say, and never when it may have been
billed.

A call is tried again only while nothing of its answer has been handed out, and only after a fault
that says of itself that it passes (a throttle, no capacity, no connection). A model that took too
long is not asked again: it did the work, and AWS sends the bill for both. A quota per day does not
come back by waiting a second.

The pauses are botocore's: full jitter below 1 s, 2 s, 4 s … and never above 20 s. All attempts and
pauses together stay within the provider's `total_s`.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

from attrs import frozen

from axonflow_core.errors import ProviderError

T = TypeVar("T")

MAX_PAUSE_S = 20.0
_ATTEMPTS_BY_MODE: Mapping[str, int] = {"legacy": 5, "standard": 3, "adaptive": 3}
"""Attempts in all, the first one included. Source: botocore 1.44, `botocore.args` and the AWS SDK
reference guide."""


@frozen(kw_only=True)
class Retries:
    """What `AWS_RETRY_MODE` and `AWS_MAX_ATTEMPTS`, or the shared configuration file, ask for."""

    mode: str = "standard"
    max_attempts: int = 3

    @classmethod
    def of_client(cls, retries: Mapping[str, object] | None) -> Retries:
        """From the `retries` that a botocore client has settled on."""
        mode = str((retries or {}).get("mode") or "standard")
        attempts = (retries or {}).get("total_max_attempts")
        return cls(mode=mode, max_attempts=int(str(attempts or _ATTEMPTS_BY_MODE.get(mode, 3))))


@frozen(kw_only=True)
class Retrier:
    """Makes a call until it succeeds or trying again makes no sense. `pause` and `draw` are what a
    test replaces."""

    retries: Retries
    total_s: float
    pause: Callable[[float], Awaitable[object]] = asyncio.sleep
    draw: Callable[[], float] = random.random

    async def call(self, attempt: Callable[[], Awaitable[T]]) -> T:
        ends_at = asyncio.get_running_loop().time() + self.total_s
        try:
            return await attempt()
        except ProviderError as fault:
            return await self._again(attempt, fault, ends_at)

    async def _again(
        self, attempt: Callable[[], Awaitable[T]], fault: ProviderError, ends_at: float
    ) -> T:
        """A later attempt has what is left of the time. When that runs out, why it was made is
        raised: `fault`."""
        loop = asyncio.get_running_loop()
        for number in range(1, self.retries.max_attempts):
            pause_s = self.draw() * min(2.0 ** (number - 1), MAX_PAUSE_S)
            if not fault.is_retryable or loop.time() + pause_s >= ends_at:
                break
            await self.pause(pause_s)
            try:
                async with asyncio.timeout_at(ends_at):
                    return await attempt()
            except TimeoutError:
                break
            except ProviderError as next_fault:
                fault = next_fault
        raise fault
