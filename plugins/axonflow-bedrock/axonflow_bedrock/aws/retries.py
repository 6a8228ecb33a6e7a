"""How often AWS's own settings have a call made: `AWS_MAX_ATTEMPTS`, `AWS_RETRY_MODE`."""

from __future__ import annotations

from collections.abc import Mapping

from axonflow_core.calls.retries import Retries

_ATTEMPTS_BY_MODE: Mapping[str, int] = {"legacy": 5, "standard": 3, "adaptive": 3}
"""Attempts in all, the first one included. Source: botocore 1.44, `botocore.args`, and the AWS SDK
reference guide."""


def retries_of_client(retries: Mapping[str, object] | None) -> Retries:
    """What a botocore client has settled on: its config's `retries`."""
    mode = str((retries or {}).get("mode") or "standard")
    attempts = (retries or {}).get("total_max_attempts")
    return Retries(mode=mode, max_attempts=int(str(attempts or _ATTEMPTS_BY_MODE.get(mode, 3))))
