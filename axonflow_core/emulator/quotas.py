"""The quotas of the account, for each model: calls and tokens in the last minute, tokens in the
last day.

A call counts as its input tokens plus its `max_tokens` before it begins, and as the tokens used
afterwards. Source: the Bedrock user guide, "Token burndown", and OpenAI's guide "Rate limits",
November 2026.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import TypeAlias

from .script import Account

MINUTE_S = 60.0
DAY_S = 86_400.0

_Spent: TypeAlias = deque[tuple[float, int]]
"""(time of a call in seconds of the clock, its tokens), the oldest first."""


class Quota(StrEnum):
    """The quota that a call exceeds."""

    REQUESTS_PER_MINUTE = "requests per minute"
    TOKENS_PER_MINUTE = "tokens per minute"
    TOKENS_PER_DAY = "tokens per day"


class Quotas:
    """Counts the calls of each model against the account's quotas. `refusal` makes the error of an
    exceeded quota; `now` gives monotonic seconds."""

    def __init__(
        self,
        account: Account,
        refusal: Callable[[Quota], Exception],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limits = (
            # window in seconds, how to count, limit, its name
            (MINUTE_S, _calls, account.requests_per_minute, Quota.REQUESTS_PER_MINUTE),
            (MINUTE_S, _tokens, account.tokens_per_minute, Quota.TOKENS_PER_MINUTE),
            (DAY_S, _tokens, account.tokens_per_day, Quota.TOKENS_PER_DAY),
        )
        self._has_limits = any(limit is not None for _, _, limit, _ in self._limits)
        self._refusal = refusal
        self._now = now
        self._spent: dict[str, _Spent] = {}

    def spend(self, model: str, *, asked: int, used: int) -> None:
        """Count a call that may use up to `asked` tokens and will use `used`. Raises the refusal
        where that exceeds a quota; then the call is not counted."""
        if not self._has_limits:
            return
        now, spent = self._now(), self._spent.setdefault(model, deque())
        while spent and spent[0][0] <= now - DAY_S:
            spent.popleft()
        for window_s, count, limit, quota in self._limits:
            weights = (weight for made_at, weight in spent if made_at > now - window_s)
            if limit is not None and count(weights, asked) > limit:
                raise self._refusal(quota)
        spent.append((now, used))


def _calls(weights: Iterator[int], asked: int) -> int:
    """Calls in the window, with this one."""
    return sum(1 for _ in weights) + 1


def _tokens(weights: Iterator[int], asked: int) -> int:
    """Tokens in the window, with those that this call may use."""
    return sum(weights) + asked
