"""What this machine gets wrong or is far from: its clock, and its region."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

_LOG = logging.getLogger(__name__)

TOLERATED_SKEW = timedelta(minutes=4)
"""AWS refuses a signature that is more than five minutes off."""
SLOW_S = 2.0
"""Above this the product's troubleshooting table speaks of a call across regions."""


def _now() -> datetime:
    return datetime.now(UTC)


class Clock:
    """The time to sign with: this machine's, corrected where AWS refused a signature and its own
    clock says why."""

    def __init__(self, now: Callable[[], datetime] = _now) -> None:
        self._now = now
        self.offset = timedelta(0)

    def now(self) -> datetime:
        return self._now() + self.offset

    def differs_from(self, signed_at: str | None) -> bool:
        """Whether a signature of `signed_at` (`X-Amz-Date`) was made by a clock that has been
        corrected since."""
        if signed_at is None:
            return False
        moment = datetime.strptime(signed_at, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        return abs(self.now() - moment) > TOLERATED_SKEW

    def learn(self, date_header: str | None) -> None:
        """Take AWS's time from the `Date` of a refusal, if ours is too far from it."""
        try:
            offset = parsedate_to_datetime(date_header or "") - self._now()
        except (TypeError, ValueError):
            return
        if abs(offset - self.offset) > TOLERATED_SKEW:
            _LOG.warning(
                "this machine's clock is %.0f s off AWS's; calls are signed with AWS's",
                offset.total_seconds(),
            )
            self.offset = offset


class RegionMismatchWarning:
    """Says once, for a slow call, that Bedrock's region is not the one this machine is in."""

    def __init__(self, provider: str, environment: Mapping[str, str]) -> None:
        self._provider = provider
        self._here = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION")
        self._was_told = False

    def tell(self, elapsed_s: float, region: str, model: str) -> None:
        if elapsed_s <= SLOW_S or self._was_told or self._here in (None, region):
            return
        self._was_told = True
        _LOG.warning(
            "a call of %s took %.1f s: this machine is in %s and the provider %s calls Bedrock in "
            "%s; "
            "set BEDROCK_REGION to match where it runs",
            *(model, elapsed_s, self._here, self._provider, region),
        )
