"""What AWS says of the lives of models, kept beside litellm's table, which has days for a part of
them and drops the models that have ended.

Legacy begins where the end is announced. AWS gives at least six months from there (user guide,
Model lifecycle); a model without such a day is legacy for the last six months. Source of every row:
AWS user guide, Model lifecycle, as of 2026-05-26 to 2026-05-31, where a row names no other.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from axonflow_core.frozen import frozen

AWS = "AWS"


@frozen
class Lifecycle:
    """One row. Days are in ISO form."""

    models: tuple[str, ...]
    """Prefixes of base ids."""
    legacy_from: str | None
    """The first day on which accounts that do not use it are refused; None: unknown."""
    ends: str | None
    """The first day on which it cannot be called; None: it has ended, and no source names the
    day."""
    source: str = "AWS user guide, Model lifecycle"

    @property
    def facts(self) -> dict[str, Any]:
        """The row as the member `lifecycle` of a line."""
        if self.ends is None:
            return {"has_ended": True}
        legacy = {} if self.legacy_from is None else {"legacy_from": self.legacy_from}
        return {**legacy, "eol": self.ends, "eol_source": AWS}


LIFECYCLES: tuple[Lifecycle, ...] = (
    Lifecycle(
        (
            *("ai21.j2", "ai21.jamba-instruct", "cohere.command-text", "cohere.command-light"),
            *("anthropic.claude-v1", "anthropic.claude-v2", "anthropic.claude-instant"),
            "anthropic.claude-3-opus",
            *("meta.llama2", "amazon.titan-image-generator-v1"),
        ),
        None,
        None,
        "older pages of the AWS user guide list them, the page of 2026-05-26 neither as living nor "
        "as ending",
    ),
    Lifecycle(("amazon.titan-t",), None, "2025-10-27", "AWS user guide, Model lifecycle, 2025"),
    Lifecycle(("anthropic.claude-3-7-sonnet",), None, "2026-04-28"),
    Lifecycle(("anthropic.claude-opus-4-20250514",), "2025-10-01", "2026-05-31"),
    Lifecycle(("anthropic.claude-3-5-haiku",), "2025-12-19", "2026-06-19"),
    Lifecycle(("amazon.titan-image-generator-v2",), "2025-12-30", "2026-06-30"),
    Lifecycle(("meta.llama3-1-405b", "meta.llama3-2"), "2026-01-07", "2026-07-07"),
    Lifecycle(
        ("anthropic.claude-3-sonnet", "anthropic.claude-3-5-sonnet"), "2026-01-30", "2026-07-30"
    ),
    Lifecycle(("cohere.command-r",), "2026-02-19", "2026-08-19"),
    Lifecycle(("anthropic.claude-3-haiku",), "2026-03-10", "2026-09-10"),
    Lifecycle(("amazon.nova-premier", "amazon.nova-sonic"), "2026-03-13", "2026-09-14"),
    Lifecycle(("amazon.nova-canvas", "amazon.nova-reel"), "2026-03-30", "2026-09-30"),
    Lifecycle(("anthropic.claude-sonnet-4-20250514",), "2026-04-14", "2026-10-14"),
    Lifecycle(("ai21.jamba-1-5",), "2026-05-26", "2026-11-26"),
)
"""The first row that fits a model counts, before what litellm says of it."""

GONE: Mapping[str, Mapping[str, Any]] = {
    "amazon.nova-canvas-v1:0": {},
    "amazon.nova-reel-v1:0": {},
    "amazon.nova-reel-v1:1": {},
    "amazon.nova-sonic-v1:0": {},
    "amazon.titan-image-generator-v2:0": {},
    "amazon.titan-tg1-large": {"mode": "chat"},
    "anthropic.claude-3-haiku-20240307-v1:0": {"mode": "chat"},
    "us.anthropic.claude-3-haiku-20240307-v1:0": {"mode": "chat"},
    "anthropic.claude-3-sonnet-20240229-v1:0": {"mode": "chat"},
    "us.anthropic.claude-3-sonnet-20240229-v1:0": {"mode": "chat"},
    "anthropic.claude-v2": {"mode": "chat"},
    "cohere.command-r-plus-v1:0": {"mode": "chat"},
    "cohere.command-r-v1:0": {"mode": "chat"},
}
"""Ids of models that Bedrock had and litellm's table has no more, or not as models of these modes;
what is known of them stands in `corrections`."""

NO_DAYS: frozenset[str] = frozenset({"eu.anthropic.claude-haiku-4-5-20251001-v1:0"})
"""Ids whose day litellm has from another provider of the same model: 2026-10-15, while the other
profiles of the model have none (litellm 1.110.2)."""
