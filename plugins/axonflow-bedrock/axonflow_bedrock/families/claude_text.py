"""Anthropic Claude's text completions: the native JSON of Claude 1, 2 and Instant. The prompt is a
transcript.

    {system}\\n\\nHuman: {user}\\n\\nAssistant: {assistant}\\n\\nHuman: {user}\\n\\nAssistant:

A system text stands before the first turn, where nothing tells an empty one from none. The model
ends its turn by beginning yours: that it hit the built-in stop sequence `\\n\\nHuman:` is what it
says for `end_turn`. Answers carry no token counts; Bedrock sends them in headers and in the metrics
of a stream.

These models take Messages as well, whose codec is `anthropic`: a client sends the form that they
were made for, a server reads either. Source: AWS user guide, "Anthropic Claude Text Completions
API", and recorded traffic (16 exchanges, 11 of them Messages), November 2026.
"""

from __future__ import annotations

from axonflow_core.codec import FamilyCodec, Feature, NativeNames
from axonflow_core.codec.json_members import unknown_members
from axonflow_core.hookspecs import hookimpl
from axonflow_core.messages import Json, StopReason
from axonflow_core.stream import Batch

from ..shapes.completions import TEMPLATE_FEATURES, Form, Piece, bare, completions_codec
from ..shapes.templates import Transcript, alternating

HUMAN, ASSISTANT = "\n\nHuman:", "\n\nAssistant:"
MAX_TOKENS = 4096
"""The most that these models write. They require a limit, as the newer ones do."""


TEMPLATE = Transcript(HUMAN, ASSISTANT).template(alternating)

_ANSWER_KEYS = frozenset({"completion", "stop_reason", "stop"})


def _read(native: Json) -> Piece:
    """An answer, `{"completion": " …", "stop_reason": "stop_sequence", "stop": "\\n\\nHuman:"}`.

    A stop at the built-in `\\n\\nHuman:` is the end of the turn, any other a stop sequence of the
    caller.
    """
    reason, sequence = native.get("stop_reason"), native.get("stop")
    is_end_of_turn = reason == "stop_sequence" and sequence == HUMAN
    return Piece(
        native.get("completion"),
        HUMAN if is_end_of_turn else reason,
        stop_sequence=None if is_end_of_turn else sequence,
        extra=unknown_members(native, _ANSWER_KEYS),
    )


def _read_bare(chunk: Json) -> Batch | None:
    """The batch of a chunk whose `stop_reason` and `stop` are null, as all but the last are."""
    is_bare = (
        len(chunk) == 3 and chunk.get("stop_reason", "") is None and chunk.get("stop", "") is None
    )
    return bare(chunk.get("completion")) if is_bare else None


def _write(piece: Piece) -> Json:
    stop = {"stop_reason": piece.stop, "stop": piece.stop_sequence}
    if piece.stop == HUMAN:
        stop = {"stop_reason": "stop_sequence", "stop": HUMAN}
    return {"completion": piece.text, **stop, **piece.extra}


CODEC = completions_codec(
    Form(
        template=TEMPLATE,
        prompt_key="prompt",
        parameters={
            "max_tokens_to_sample": "max_tokens",
            "temperature": "temperature",
            "top_p": "top_p",
            "top_k": "top_k",
        },
        stop_key="stop_sequences",
        read_answer=_read,
        write_answer=_write,
        read_chunk=_read,
        write_chunk=_write,
        read_bare=_read_bare,
    ),
    family="anthropic",
    variant="text",
    models=("anthropic.claude-v1", "anthropic.claude-v2", "anthropic.claude-instant"),
    other_forms=("anthropic",),
    features=TEMPLATE_FEATURES | {Feature.TOP_K, Feature.STOP_SEQUENCES},
    joins=frozenset({Feature.SYSTEM, Feature.MANY_BLOCKS, Feature.ANY_ROLE_ORDER}),
    stop_reasons=NativeNames(
        {
            HUMAN: StopReason.END_TURN,
            "stop_sequence": StopReason.STOP_SEQUENCE,
            "max_tokens": StopReason.MAX_TOKENS,
        }
    ),
    documented=_ANSWER_KEYS
    | {"prompt", "max_tokens_to_sample", "temperature", "top_p", "top_k", "stop_sequences"},
    default_max_tokens=MAX_TOKENS,
    evidence="recorded traffic",
)


@hookimpl
def axonflow_register_codec() -> FamilyCodec:
    return CODEC
