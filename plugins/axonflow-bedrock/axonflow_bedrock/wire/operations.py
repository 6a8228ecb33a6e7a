"""The operations of Bedrock Runtime, and how AWS frames their streams.

    POST /model/{modelId}/invoke                        the family's JSON back, counts in headers
    POST /model/{modelId}/invoke-with-response-stream   the family's chunks back, each in a frame
    POST /model/{modelId}/converse                      Converse's JSON back
    POST /model/{modelId}/converse-stream               Converse's events back, each in a frame
    POST /model/{modelId}/count-tokens                  how many tokens a prompt has

The codec of a call follows from its model and is the handler's to find.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from zlib import crc32

from axonflow_core.endpoint.operations import Framing, Kind, Operation
from axonflow_core.json import dumps
from axonflow_core.messages import EMPTY, Json

from .eventstream import frame_of_chunk, frame_of_exception
from .surfaces import CONVERSE_CODECS, INVOKE_CODECS, SURFACES, WriteFrame

EVENT_STREAM = "application/vnd.amazon.eventstream"
_PADDING = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


def frame_of(chunk: Json, write_frame: WriteFrame = frame_of_chunk) -> bytes:
    """The frame of one chunk, with padding as AWS adds it, which hides the lengths of words from
    an observer of sizes.

    How much follows from the chunk, so that the same answer is the same bytes.
    """
    return write_frame(chunk, padding=_PADDING[: crc32(dumps(chunk)) % (len(_PADDING) + 1)])


def _frame_of_error(event: Json) -> bytes:
    """The exception frame of `{"throttlingException": {"message": "…"}}`."""
    ((name, payload),) = event.items()
    return frame_of_exception(name, payload)


def _operation(
    name: str,
    surface: str,
    *,
    kind: Kind = Kind.CHAT,
    inner: Mapping[str, str] = EMPTY,
    is_streamed: bool = False,
) -> Operation:
    framing = Framing(
        content_type=EVENT_STREAM,
        frame=partial(frame_of, write_frame=SURFACES[surface].write_frame),
        frame_error=_frame_of_error,
        headers=inner,
    )
    return Operation(
        name=name,
        kind=kind,
        path=f"/model/{{model}}/{name}",
        surface=surface,
        form=SURFACES[surface].form,
        framing=framing if is_streamed else None,
    )


INVOKE = _operation("invoke", INVOKE_CODECS)
INVOKE_STREAM = _operation(
    "invoke-with-response-stream",
    INVOKE_CODECS,
    inner={"x-amzn-bedrock-content-type": "application/json"},
    is_streamed=True,
)
CONVERSE = _operation("converse", CONVERSE_CODECS)
CONVERSE_STREAM = _operation("converse-stream", CONVERSE_CODECS, is_streamed=True)
COUNT_TOKENS = _operation("count-tokens", INVOKE_CODECS, kind=Kind.COUNT)
OPERATIONS = (INVOKE, INVOKE_STREAM, CONVERSE, CONVERSE_STREAM, COUNT_TOKENS)
