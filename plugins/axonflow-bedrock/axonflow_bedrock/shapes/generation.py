"""Llama's answer, which imported models of the same parameters give too: a generation with its
counts next to it.

    {"generation", "prompt_token_count", "generation_token_count", "stop_reason"}

A chunk of a stream is the same; a whole answer leaves out what it does not know, a chunk says null.
Source: AWS user guide, "Meta Llama models", and recorded traffic, November 2026.
"""

from __future__ import annotations

from axonflow_core.codec import NativeNames
from axonflow_core.codec.json_members import unknown_members, without_none
from axonflow_core.messages import Json, StopReason, Usage
from axonflow_core.stream import Batch, UsageUpdate

from .completions import Piece, bare, counts_in

KEYS = frozenset({"generation", "prompt_token_count", "generation_token_count", "stop_reason"})
PARAMETERS = {"max_gen_len": "max_tokens", "temperature": "temperature", "top_p": "top_p"}
STOP_REASONS = NativeNames({"stop": StopReason.END_TURN, "length": StopReason.MAX_TOKENS})


def read(native: Json) -> Piece:
    """An answer or chunk as a piece: text, stop reason and counts."""
    usage, odd = counts_in(native, "prompt_token_count", "generation_token_count")
    return Piece(
        native.get("generation"),
        native.get("stop_reason"),
        usage,
        extra=unknown_members(native, KEYS - odd),
    )


def read_bare(chunk: Json) -> Batch | None:
    """The count so far is no news: every chunk has one."""
    if (
        chunk.keys() == KEYS
        and chunk["stop_reason"] is None
        and chunk["prompt_token_count"] is None
    ):
        text, count = bare(chunk["generation"]), chunk["generation_token_count"]
        if text is None or count is None:
            return text
        return (*text, UsageUpdate(Usage(None, count))) if type(count) is int else None
    return None


def write_answer(piece: Piece) -> Json:
    """A whole answer: unset counts are left out."""
    return {"generation": piece.text, **without_none(_counted(piece)), **piece.extra}


def write_chunk(piece: Piece) -> Json:
    """A chunk: unset counts are null, as the service writes them."""
    return {"generation": piece.text, **_counted(piece), **piece.extra}


def _counted(piece: Piece) -> dict[str, Json]:
    """The members next to the text. `generation_token_count` of a chunk counts from the
    beginning."""
    return {
        "prompt_token_count": piece.usage.input_tokens,
        "generation_token_count": piece.usage.output_tokens,
        "stop_reason": piece.stop,
    }


def is_blocked(native: Json) -> bool:
    """A guardrail's own message has neither counts nor a reason (recorded for both operations)."""
    return native.get("stop_reason") is None and native.get("generation_token_count") is None
