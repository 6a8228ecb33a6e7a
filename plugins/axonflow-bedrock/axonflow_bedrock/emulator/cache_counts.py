"""Token counts of the prompt cache: which models report them, and where. Source: headers and bodies
of recorded traffic, November 2026.
"""

from __future__ import annotations

from collections.abc import Mapping

from axonflow_core.emulator.cache_counts import cache_counted
from axonflow_core.messages import Completion, CompletionRequest

_COUNTING = (
    *(
        "anthropic.claude-3-5-haiku",
        "anthropic.claude-3-7",
        "anthropic.claude-sonnet-",
        "anthropic.claude-opus-",
    ),
    *("anthropic.claude-haiku-", "amazon.nova-"),
)
"""Models that report cache counts, as prefixes of base ids. Older models report none, which is not
the same as 0."""
_SILENT_WITHOUT_A_WRITE = (
    "anthropic.claude-opus-4-8",
    *(f"anthropic.claude-{name}-5" for name in ("sonnet", "opus", "haiku")),
)
"""The newest models: without a cache write their headers have no count of it, although their bodies
have 0."""
_WRITE_HEADER = "x-amzn-bedrock-cache-write-input-token-count"


def with_cache_counts(
    completion: Completion, request: CompletionRequest, base_id: str
) -> Completion:
    """`completion` with cache counts, for models that report them. As on Bedrock cached tokens are
    not input tokens: the counts add up to the prompt.
    """
    return cache_counted(completion, request) if base_id.startswith(_COUNTING) else completion


def reported_headers(headers: Mapping[str, str], base_id: str) -> Mapping[str, str]:
    """`headers` of a whole answer without the count that the model does not send."""
    is_silent = base_id.startswith(_SILENT_WITHOUT_A_WRITE) and headers.get(_WRITE_HEADER) == "0"
    return {
        name: value for name, value in headers.items() if not (is_silent and name == _WRITE_HEADER)
    }
