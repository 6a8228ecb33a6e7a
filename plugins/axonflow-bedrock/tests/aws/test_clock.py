"""The clock and the region of this machine, against those of AWS."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

import pytest

from axonflow_bedrock.aws.clock import Clock, RegionMismatchWarning

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def clock() -> Clock:
    return Clock(lambda: NOON)


def test_a_clock_that_is_off_takes_the_time_of_aws() -> None:
    wrong = clock()
    wrong.learn("Tue, 24 Nov 2026 13:00:00 GMT")
    assert wrong.now() == NOON + timedelta(hours=1)


@pytest.mark.parametrize(
    "date",
    ["Tue, 24 Nov 2026 12:03:00 GMT", "", "yesterday", None, "Fri, 31 Dec 9999 23:59:59 -2359"],
)
def test_a_clock_that_is_right_enough_or_hears_nonsense_stays(date: str | None) -> None:
    right = clock()
    right.learn(date)
    assert right.now() == NOON


def test_high_latency_above_two_seconds_of_cross_region_calls_is_told_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The row "High latency (>2s)" of the product's troubleshooting table."""
    distance = RegionMismatchWarning("bedrock", {"AWS_REGION": "eu-west-1"})
    with caplog.at_level(logging.WARNING):
        distance.tell(2.5, "us-east-1", "model")
        distance.tell(2.5, "us-east-1", "model")
    (record,) = caplog.records
    assert all(
        word in record.getMessage()
        for word in ("eu-west-1", "us-east-1", "2.5 s", "BEDROCK_REGION")
    )


@pytest.mark.parametrize(
    ("elapsed_s", "environment"),
    [(1.9, {"AWS_REGION": "eu-west-1"}), (9.0, {"AWS_DEFAULT_REGION": "us-east-1"}), (9.0, {})],
    ids=["fast", "same region", "region unknown"],
)
def test_nothing_is_told_without_cause(
    elapsed_s: float, environment: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        RegionMismatchWarning("bedrock", environment).tell(elapsed_s, "us-east-1", "model")
    assert caplog.records == []
