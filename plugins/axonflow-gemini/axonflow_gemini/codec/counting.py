"""Token counts: `countTokens`, for contents alone or for a whole request.

    {"contents": […]}                                      what Google's clients send
    {"generateContentRequest": {"model": "models/…", "contents": […], "tools": […]}}
    {"totalTokens": 31, "promptTokensDetails": […]}

Only the second counts system prompt and tools, so it is what is sent here.

Source: Gemini API reference, "countTokens", November 2026.
"""

from __future__ import annotations

from axonflow_core.codec import ModelFacts
from axonflow_core.codec.json_members import prefixed, split_prefixed, unknown_members
from axonflow_core.codec.unary import TokenCounter
from axonflow_core.frozen import evolve, frozen
from axonflow_core.messages import EMPTY, CompletionRequest, Json

from . import CODEC
from .names import tidied

_WHOLE, _TOTAL = "generateContentRequest", "totalTokens"
_BESIDE = "countTokens"


@frozen(kw_only=True)
class GeminiCounter(TokenCounter):
    """Counts a request of Gemini's."""

    def encode_request(self, request: CompletionRequest, facts: ModelFacts) -> Json:
        """The whole request, under the name of its model."""
        extra, beside = split_prefixed(request.extra, _BESIDE)
        body = self.codec.encode_request(evolve(request, extra=extra), facts)
        return {_WHOLE: {"model": f"models/{facts.base_id}", **body}, **beside}

    def decode_request(self, body: Json, facts: ModelFacts) -> CompletionRequest:
        """The request in either form; what stands beside a whole one is kept in `extra`."""
        whole = tidied(body).get(_WHOLE) if isinstance(body, dict) else None
        request = self.codec.decode_request(body if whole is None else whole, facts)
        beside = EMPTY if whole is None else unknown_members(tidied(body), frozenset({_WHOLE}))
        return evolve(request, extra={**request.extra, **prefixed(_BESIDE, beside)})


COUNTER = GeminiCounter(
    codec=CODEC,
    models=CODEC.models,
    except_models=CODEC.except_models,
    count_key=_TOTAL,
    evidence="documents: Gemini API reference, November 2026",
)

__all__ = ["COUNTER", "GeminiCounter"]
