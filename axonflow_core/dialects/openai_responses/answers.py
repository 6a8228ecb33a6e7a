"""The `response` object around the items of an answer, and its counts.

    {"id": "resp_1", "object": "response", "created_at": 1, "status": "completed", "model": "m",
     "output": [{"type": "message", "id": "msg_1_0", "role": "assistant", "status": "completed",
                 "content": [{"type": "output_text", "text": "Hello", "annotations": []}]}],
     "usage": {"input_tokens": 9, "input_tokens_details": {"cached_tokens": 4},
               "output_tokens": 2, "output_tokens_details": {"reasoning_tokens": 0},
               "total_tokens": 11}, …}

It repeats the parameters of its request, which is why an answer is written for one: `Asked`.

Source: OpenAI's API reference, "The response object", and openai-python 3.57
(`types/responses/response`), November 2026.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from axonflow_core.codec import NativeNames, StreamContext
from axonflow_core.frozen import frozen
from axonflow_core.messages import EMPTY, Json, StopReason, Usage, hidden

from .reasoning import ENCRYPTED
from .tools import flat_name

COMPLETED, INCOMPLETE = "completed", "incomplete"

STOP_REASONS = NativeNames(
    {
        COMPLETED: StopReason.END_TURN,
        "max_output_tokens": StopReason.MAX_TOKENS,
        "content_filter": StopReason.CONTENT_FILTERED,
    }
)
"""The status of an answer, or why it is incomplete."""
_WHY_INCOMPLETE: Mapping[StopReason, str] = {
    StopReason.MAX_TOKENS: "max_output_tokens",
    StopReason.CONTEXT_EXCEEDED: "max_output_tokens",
    StopReason.CONTENT_FILTERED: "content_filter",
    StopReason.GUARDRAIL: "content_filter",
}

_REPEATED: Mapping[str, Json] = {
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "prompt_cache_key": None,
    "reasoning": {"effort": None, "summary": None},
    "safety_identifier": None,
    "service_tier": None,
    "temperature": None,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": None,
    "truncation": "disabled",
    "user": None,
}
"""Parameters that the answer repeats -> what stands there where the request has none."""


@frozen
class Asked:
    """What of a request decides how its answer is written."""

    repeated: Mapping[str, Json] = hidden(default=_REPEATED)
    """The parameters that the answer repeats."""
    custom: frozenset[str] = frozenset()
    """The tools whose calls have free text, by their one name."""
    namespaced: Mapping[str, tuple[str, str]] = EMPTY
    """One name of a tool -> its namespace, and its name there."""
    has_encrypted: bool = False
    """Whether reasoning goes with what the model has to read again."""

    @classmethod
    def of(cls, body: Mapping[str, Json]) -> Self:
        """What a body that was decoded asks for."""
        given = {name: body[name] for name in _REPEATED if body.get(name) is not None}
        tools = [each for each in body.get("tools") or () if each["type"] != "namespace"]
        spaces = [each for each in body.get("tools") or () if each["type"] == "namespace"]
        inner = [(space["name"], tool) for space in spaces for tool in space["tools"]]
        named = [(None, tool) for tool in tools] + inner
        return cls(
            repeated={**_REPEATED, **given},
            custom=frozenset(
                flat_name(tool["name"], space) for space, tool in named if tool["type"] == "custom"
            ),
            namespaced={
                flat_name(tool["name"], space): (space, tool["name"]) for space, tool in inner
            },
            has_encrypted=ENCRYPTED in (body.get("include") or ()),
        )

    def name(self, flat: str) -> dict[str, Json]:
        """The members of a call that name its tool."""
        space, name = self.namespaced.get(flat, (None, flat))
        return {"name": name} if space is None else {"name": name, "namespace": space}


def response_of(
    context: StreamContext,
    asked: Asked,
    output: list[Json],
    *,
    status: str,
    why_incomplete: str | None = None,
    usage: Usage | None = None,
    tier: str | None = None,
) -> dict[str, Json]:
    """The `response` object."""
    return {
        "id": context.id,
        "object": "response",
        "created_at": context.created,
        "status": status,
        "background": False,
        "error": None,
        "incomplete_details": None if why_incomplete is None else {"reason": why_incomplete},
        "model": context.model,
        "output": output,
        "previous_response_id": None,
        "store": False,
        **asked.repeated,
        **({} if tier is None else {"service_tier": tier}),
        "usage": None if usage is None else encode_usage(usage),
    }


def why_incomplete(reason: StopReason | None) -> str | None:
    """OpenAI's word for why an answer is not whole; None for one that is."""
    return None if reason is None else _WHY_INCOMPLETE.get(reason)


def encode_usage(usage: Usage) -> Json:
    """The counts. Tokens read from a cache and written to it are part of the input's, as OpenAI
    counts them. Null where nothing was counted."""
    if usage.input_tokens is None and usage.output_tokens is None:
        return None
    read, written = usage.cache_read_tokens or 0, usage.cache_write_tokens or 0
    given, answered = (usage.input_tokens or 0) + read + written, usage.output_tokens or 0
    return {
        "input_tokens": given,
        "input_tokens_details": {"cached_tokens": read, "cache_write_tokens": written},
        "output_tokens": answered,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens or 0},
        "total_tokens": given + answered,
    }
