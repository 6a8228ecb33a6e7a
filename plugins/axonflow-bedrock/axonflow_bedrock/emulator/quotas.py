"""The quotas of the account, for each model: calls and tokens in the last minute, tokens in the
last day.

As on AWS a call counts as its input tokens plus its `max_tokens` before it begins, and as the
tokens used afterwards. Source: the Bedrock user guide, "Token burndown", November 2026.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import TypeAlias

from ..wire.endpoint import ServiceException
from .script import Account

MINUTE_S = 60.0
DAY_S = 86_400.0

_Spent: TypeAlias = deque[tuple[float, int]]
"""(time of a call in seconds of the clock, its tokens), the oldest first."""


class Quotas:
    """Counts the calls of each model against the account's quotas. `now` gives monotonic
    seconds."""

    def __init__(self, account: Account, now: Callable[[], float] = time.monotonic) -> None:
        self._limits = (
            # window in seconds, how to count, limit, AWS's message
            (
                MINUTE_S,
                _calls,
                account.requests_per_minute,
                "Too many requests, please wait before trying again.",
            ),
            (
                MINUTE_S,
                _tokens,
                account.tokens_per_minute,
                "Too many tokens, please wait before trying again.",
            ),
            (
                DAY_S,
                _tokens,
                account.tokens_per_day,
                "Too many tokens per day, please wait before trying again.",
            ),
        )
        self._has_limits = any(limit is not None for _, _, limit, _ in self._limits)
        self._now = now
        self._spent: dict[str, _Spent] = {}

    def spend(self, base_id: str, *, asked: int, used: int) -> None:
        """Count a call that may use up to `asked` tokens and will use `used`. Raises
        `ServiceException` (throttling) where that exceeds a quota; then the call is not counted.
        """
        if not self._has_limits:
            return
        now, spent = self._now(), self._spent.setdefault(base_id, deque())
        while spent and spent[0][0] <= now - DAY_S:
            spent.popleft()
        for window_s, count, limit, words in self._limits:
            weights = (weight for made_at, weight in spent if made_at > now - window_s)
            if limit is not None and count(weights, asked) > limit:
                raise ServiceException("ThrottlingException", words)
        spent.append((now, used))


def _calls(weights: Iterator[int], asked: int) -> int:
    """Calls in the window, with this one."""
    return sum(1 for _ in weights) + 1


def _tokens(weights: Iterator[int], asked: int) -> int:
    """Tokens in the window, with those that this call may use."""
    return sum(weights) + asked
