"""The quotas of an account on AWS: the core's, with AWS's exception."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from axonflow_core.emulator.quotas import Quota, Quotas
from axonflow_core.emulator.script import Account

from ..wire.endpoint import ServiceException

_WORDS: Mapping[Quota, str] = {
    Quota.REQUESTS_PER_MINUTE: "Too many requests, please wait before trying again.",
    Quota.TOKENS_PER_MINUTE: "Too many tokens, please wait before trying again.",
    Quota.TOKENS_PER_DAY: "Too many tokens per day, please wait before trying again.",
}
"""AWS's messages."""


def quotas_of(account: Account, now: Callable[[], float] = time.monotonic) -> Quotas:
    """The quotas of an account, which throttle as AWS does."""
    return Quotas(account, _throttled, now)


def _throttled(quota: Quota) -> ServiceException:
    return ServiceException("ThrottlingException", _WORDS[quota])
