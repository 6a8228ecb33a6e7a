"""Token counts of the prompt cache. An emulator caches nothing between calls, so every token before
a cache point is counted as written and none as read."""

from __future__ import annotations

from axonflow_core.frozen import evolve
from axonflow_core.messages import Completion, CompletionRequest

from .fake_model import cached_tokens


def cache_counted(completion: Completion, request: CompletionRequest) -> Completion:
    """`completion` with counts of the cache. Cached tokens are not input tokens: the counts add up
    to the prompt."""
    usage, kept = completion.usage, cached_tokens(request)
    if usage.input_tokens is None:
        return completion
    counted = evolve(
        usage, input_tokens=usage.input_tokens - kept, cache_read_tokens=0, cache_write_tokens=kept
    )
    return evolve(completion, usage=counted)
