"""Probes: they cost no call, no record, no line of a log, and need no credentials."""

from __future__ import annotations

from functools import cache
from importlib.metadata import version

from axonflow_core.messages import Json
from axonflow_core.server.client_request import Answer, json_answer, refusal
from axonflow_core.server.endpoints.metrics import metrics_page
from axonflow_core.server.service import Service

SDK_MINIMUM = "9.5.0"
"""The version of the product's Python SDK that this server is tested with."""
AUDIT_UNAVAILABLE = "audit_unavailable"
"""The code of every 503 while the audit cannot write."""
CAPABILITIES = ("proxy_mode", "gateway_mode", "audit_search", "static_policies")


def probe(service: Service, path: str) -> Answer | None:
    """The answer to a probe; None where the path is none."""
    match path:
        case "/health":
            return _health(service)
        case "/health/live":
            return json_answer({"status": "alive"})
        case "/health/ready":
            return _readiness(service)
        case "/metrics":
            return metrics_page(service.metrics)
        case _:
            return None


def _health(service: Service) -> Answer:
    """In the form that the SDK reads; `status` is `healthy` or something else."""
    status = "healthy" if service.is_ready else "unhealthy"
    return json_answer({"status": status, **_description()})


@cache
def _description() -> dict[str, Json]:
    ours = version("axonflow-core")
    return {
        "service": "axonflow",
        "version": ours,
        "edition": "open",
        "tier": "open",
        "deployment_mode": "self-hosted",
        "capabilities": [
            {"name": name, "since": ours, "description": name.replace("_", " ")}
            for name in CAPABILITIES
        ],
        "sdk_compatibility": {
            "min_sdk_version": {"python": SDK_MINIMUM},
            "recommended_sdk_version": {"python": SDK_MINIMUM},
        },
    }


def _readiness(service: Service) -> Answer:
    if service.state.is_draining:
        return refusal(503, "the server is stopping", code="draining")
    if not service.audit.is_healthy:
        return refusal(503, "the audit cannot write", code=AUDIT_UNAVAILABLE)
    if service.is_behind:
        return refusal(503, "the newest configuration does not serve here", code="behind")
    return json_answer({"status": "ready"})
