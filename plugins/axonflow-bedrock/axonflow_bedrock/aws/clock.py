"""The clock that requests are signed with, and a warning for slow calls to a distant region."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

from axonflow_core.codec.json_members import time_in_header

_LOG = logging.getLogger(__name__)

TOLERATED_SKEW = timedelta(minutes=4)
"""The difference to AWS's clock that is left uncorrected. AWS refuses a signature whose time is
more than five minutes off."""
SLOW_S = 2.0
"""Seconds above which the product's troubleshooting table suggests a mismatch of regions."""


def _now() -> datetime:
    return datetime.now(UTC)


class Clock:
    """The time to sign with: this machine's, plus an offset that is learned when AWS refuses a
    signature because of its time. `now` returns aware datetimes in UTC.
    """

    def __init__(self, now: Callable[[], datetime] = _now) -> None:
        self._now = now
        self.offset = timedelta(0)

    def now(self) -> datetime:
        """The corrected time, in UTC."""
        return self._now() + self.offset

    def differs_from(self, signed_at: str | None) -> bool:
        """Whether a signature of `signed_at` (`X-Amz-Date`) was made by a clock that has been
        corrected since."""
        if signed_at is None:
            return False
        moment = datetime.strptime(signed_at, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        return abs(self.now() - moment) > TOLERATED_SKEW

    def learn(self, date_header: str | None) -> None:
        """Correct the offset by the `Date` header of a refusal, if it differs by more than
        `TOLERATED_SKEW`. Anything that is not a date is ignored.
        """
        moment = time_in_header(date_header)
        if moment is None:
            return
        offset = moment - self._now()
        if abs(offset - self.offset) > TOLERATED_SKEW:
            _LOG.warning(
                "this machine's clock is %.0f s off AWS's; calls are signed with AWS's time",
                offset.total_seconds(),
            )
            self.offset = offset


class RegionMismatchWarning:
    """Logs one warning, at the first slow call, where this machine's region (AWS_REGION,
    AWS_DEFAULT_REGION) is not the one that is called.
    """

    def __init__(self, provider: str, environment: Mapping[str, str]) -> None:
        self._provider = provider
        self._here = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION")
        self._was_told = False

    def tell(self, elapsed_s: float, region: str, model: str) -> None:
        """Warn if a call to `model` in `region` that took `elapsed_s` seconds is slow, the regions
        differ, and no warning was logged before."""
        if elapsed_s <= SLOW_S or self._was_told or self._here in (None, region):
            return
        self._was_told = True
        _LOG.warning(
            "a call of %s took %.1f s: this machine is in %s and the provider %s calls Bedrock in "
            "%s; set BEDROCK_REGION to match where it runs",
            *(model, elapsed_s, self._here, self._provider, region),
        )
