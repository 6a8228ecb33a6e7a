"""What models say of the part of a prompt that they keep: which of them count it, and where the
counts stand.

The emulator keeps nothing from one call to the next, so what stands before a cache point is written
each time and never read. Source: headers and bodies of recorded traffic, November 2026.
"""

from __future__ import annotations

from collections.abc import Mapping

from attrs import evolve

from axonflow_core.messages import Completion, CompletionRequest

from .fake_model import cached_tokens

_COUNTING = (
    *(
        "anthropic.claude-3-5-haiku",
        "anthropic.claude-3-7",
        "anthropic.claude-sonnet-",
        "anthropic.claude-opus-",
    ),
    *("anthropic.claude-haiku-", "amazon.nova-"),
)
"""Base ids by prefix. Older models count nothing, and an absent count is not a zero."""
_SILENT_WITHOUT_A_WRITE = (
    "anthropic.claude-opus-4-8",
    *(f"anthropic.claude-{name}-5" for name in ("sonnet", "opus", "haiku")),
)
"""The newest: their headers have no count of a write that did not happen, though their bodies have
it."""
_WRITE_HEADER = "x-amzn-bedrock-cache-write-input-token-count"


def with_cache_counts(
    completion: Completion, request: CompletionRequest, base_id: str
) -> Completion:
    """What is kept is no input any more, as on Bedrock: the counts add up to the prompt."""
    usage = completion.usage
    if not base_id.startswith(_COUNTING) or usage.input_tokens is None:
        return completion
    kept = cached_tokens(request)
    counted = evolve(
        usage, input_tokens=usage.input_tokens - kept, cache_read_tokens=0, cache_write_tokens=kept
    )
    return evolve(completion, usage=counted)


def as_told(headers: Mapping[str, str], base_id: str) -> Mapping[str, str]:
    """Of the headers of a whole answer those that the model's come with."""
    is_silent = base_id.startswith(_SILENT_WITHOUT_A_WRITE) and headers.get(_WRITE_HEADER) == "0"
    return {
        name: value for name, value in headers.items() if not (is_silent and name == _WRITE_HEADER)
    }
