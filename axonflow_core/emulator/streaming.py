"""An answer as the events of a stream: text word by word, tool arguments in pieces, metrics last;
and its chunks, sent with pauses until the script breaks them off.

The events are those of the richest family: a codec leaves out what its chunks have no place for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from axonflow_core.endpoint.calls import Chunks
from axonflow_core.frozen import evolve
from axonflow_core.json import dumps
from axonflow_core.messages import (
    Completion,
    ContentBlock,
    Json,
    Reasoning,
    StopReason,
    Text,
    ToolUse,
)
from axonflow_core.stream import (
    Batch,
    BlockStart,
    BlockStop,
    Ended,
    MetricsUpdate,
    ReasoningDelta,
    Started,
    Stopped,
    TextDelta,
    ToolInputDelta,
    UsageUpdate,
)

from .fake_model import tokens

if TYPE_CHECKING:
    from .script import ScriptedError

PIECE_CHARACTERS = 8
"""Characters of a tool's arguments in one event."""


def batches_of(completion: Completion) -> Iterator[Batch]:
    """The batches of events that assemble to `completion`."""
    so_far = evolve(completion.usage, output_tokens=1)  # a provisional count, as real models send
    yield (Started(completion.id, completion.model, completion.created), UsageUpdate(so_far))
    for index, block in enumerate(completion.content):
        yield from _batches_of_block(index, block)
    reason = completion.stop_reason or StopReason.END_TURN
    yield (
        Stopped(reason, stop_sequence=completion.stop_sequence),
        UsageUpdate(completion.usage),
        MetricsUpdate(completion.usage, completion.latency_ms, completion.first_byte_latency_ms),
        Ended(),
    )


async def paced(
    chunks: Iterable[Json],
    pause_s: float,
    error: ScriptedError | None,
    refusal: Callable[[Any], Exception],
) -> Chunks:
    """`chunks`, each followed by a pause in seconds, and the refusal that `error` is after so many
    of them, or after the last where there are fewer."""
    for number, chunk in enumerate(chunks):
        if error is not None and number == error.after_chunks:
            break
        yield (chunk,)
        await asyncio.sleep(pause_s)
    if error is not None:
        raise refusal(error)


def _batches_of_block(index: int, block: ContentBlock) -> Iterator[Batch]:
    """The events of one block: text has deltas only, other blocks are announced and ended."""
    match block:
        case Text(text):
            for word in tokens(text) or [""]:
                yield (TextDelta(word, index),)
        case Reasoning(thought, signature):
            yield (BlockStart(index, Reasoning()),)
            for word in tokens(thought):
                yield (ReasoningDelta(word, index=index),)
            if signature is not None:
                yield (ReasoningDelta(signature=signature, index=index),)
            yield (BlockStop(index),)
        case ToolUse(_, _, arguments):
            text = dumps(arguments).decode()
            yield (BlockStart(index, evolve(block, input={})),)
            for start in range(0, len(text), PIECE_CHARACTERS):
                yield (ToolInputDelta(text[start : start + PIECE_CHARACTERS], index),)
            yield (BlockStop(index),)
