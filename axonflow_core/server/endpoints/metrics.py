"""`GET /metrics`, for Prometheus. It needs no credentials, and names no client."""

from __future__ import annotations

from axonflow_core.server.client_request import Answer, refusal
from axonflow_core.server.metrics import CONTENT_TYPE, Metrics


def metrics_page(metrics: Metrics) -> Answer:
    """The page; 503 where the workers cannot exchange their numbers."""
    try:
        return Answer(200, metrics.page(), content_type=CONTENT_TYPE)
    except OSError:
        return refusal(503, "the workers cannot exchange their numbers", code="metrics")
