"""A record as an event of OCSF, the Open Cybersecurity Schema Framework: API Activity, class 6003.

Required members and numbers are those of version 1.6.0: `events/application/api_activity.json`,
`events/base_event.json` and `objects/metadata.json` of github.com/ocsf/ocsf-schema, November 2026.
What OCSF has no member for stands under `unmapped`, as the record has it. An event cannot be
verified by itself: the record's hash goes along, for whoever has the records too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from axonflow_core.messages import Json
from axonflow_core.policy.rules import Verdict

VERSION = "1.6.0"
CATEGORY, CLASS = 6, 6003
"""Application Activity, API Activity."""
_OTHER = 99
_SUCCESS, _FAILURE = 1, 2
_INFORMATIONAL, _MEDIUM, _HIGH = 1, 3, 4
_SEVERITIES: Mapping[str, int] = {
    Verdict.BLOCKED: _MEDIUM,
    Verdict.NEEDS_APPROVAL: _MEDIUM,
    Verdict.ERROR: _HIGH,
}
_MAPPED = frozenset(
    ("at_us", "chain", "client", "id", "kind", "model", "provider", "seq", "tenant", "user")
)
"""Members of a record that stand elsewhere in the event."""


def event_of(record: Mapping[str, Any], hash: str) -> dict[str, Json]:
    """The event of a record, by its body and its hash."""
    verdict = record["verdict"]
    event: dict[str, Json] = {
        "activity_id": _OTHER,
        "activity_name": record["kind"],
        "actor": {"app_uid": record["client"] or "axonflow"},
        "api": _api(record),
        "category_uid": CATEGORY,
        "class_uid": CLASS,
        "metadata": {
            "product": {"name": "AxonFlow", "vendor_name": "AxonFlow"},
            "uid": record["id"],
            "sequence": record["seq"],
            "log_name": record["chain"],
            "version": VERSION,
        },
        "severity_id": _SEVERITIES.get(verdict, _INFORMATIONAL),
        "src_endpoint": {"uid": record["client"] or "axonflow"},
        "status": verdict,
        "status_id": _FAILURE if verdict in _SEVERITIES else _SUCCESS,
        "time": record["at_us"] // 1_000,
        "type_uid": CLASS * 100 + _OTHER,
        "unmapped": {
            **{name: value for name, value in record.items() if name not in _MAPPED},
            "hash": hash,
        },
    }
    if record["tenant"]:
        event["metadata"] = {**_object(event["metadata"]), "tenant_uid": record["tenant"]}
    if record["user"]:
        event["actor"] = {**_object(event["actor"]), "user": {"uid": record["user"]}}
    return event


def _api(record: Mapping[str, Any]) -> dict[str, Json]:
    api: dict[str, Json] = {"operation": record["request_type"] or record["kind"]}
    if record["provider"]:
        api["service"] = {"name": record["provider"], "uid": record["model"]}
    return api


def _object(value: Json) -> Mapping[str, Json]:
    assert isinstance(value, dict)  # noqa: S101 - it is ours
    return value
