"""Amazon Titan Text on InvokeModel. The turns are lines of a transcript, the last one left open:

    User: {user}
    Bot: {assistant}
    User: {user}
    Bot:

Source: AWS user guide, "Amazon Titan Text models", and recorded traffic (20 exchanges), November
2026. Recorded answers say `FINISH` and `LENGTH` where the guide says `FINISHED` and `LENGTH`; both
are read, the recorded ones written. Titan knows no system text, no tools and no images.
"""

from __future__ import annotations

from axonflow_core.codec import FamilyCodec, Feature, NativeNames
from axonflow_core.codec.json_members import integer, only_in, unknown_members, without_none
from axonflow_core.hookspecs import hookimpl
from axonflow_core.messages import Json, StopReason
from axonflow_core.stream import Batch

from ..shapes.completions import TEMPLATE_FEATURES, Form, Piece, bare, completions_codec, counts_in
from ..shapes.templates import Transcript, alternating

TEMPLATE = Transcript("\nUser:", "\nBot:", is_at_start=True).template(alternating)

_ANSWER_KEYS = frozenset({"inputTextTokenCount", "results"})
_RESULT_KEYS = frozenset({"tokenCount", "outputText", "completionReason"})
_CHUNK_KEYS = frozenset(
    {"outputText", "index", "totalOutputTextTokenCount", "completionReason", "inputTextTokenCount"}
)


def _read_answer(body: Json) -> Piece:
    """`{"inputTextTokenCount": 7, "results": [{"tokenCount": 98, "outputText": "…",
    "completionReason": "FINISH"}]}`. Unknown members of the result are in `text_extra`."""
    result = only_in(body, "results")
    usage, odd = counts_in({**body, **result}, "inputTextTokenCount", "tokenCount")
    return Piece(
        result.get("outputText"),
        result.get("completionReason"),
        usage,
        extra=unknown_members(body, _ANSWER_KEYS - odd),
        text_extra=unknown_members(result, _RESULT_KEYS - odd),
    )


def _write_answer(piece: Piece) -> Json:
    known = without_none({"tokenCount": piece.usage.output_tokens, "completionReason": piece.stop})
    result = {"outputText": piece.text, **known, **piece.text_extra}
    return {
        **without_none({"inputTextTokenCount": piece.usage.input_tokens}),
        "results": [result],
        **piece.extra,
    }


def _read_chunk(chunk: Json) -> Piece:
    """`{"outputText": "…", "index": 0, "totalOutputTextTokenCount": null, "completionReason": null,
    "inputTextTokenCount": 7}`; the input is counted in the first chunk only (recorded)."""
    usage, odd = counts_in(chunk, "inputTextTokenCount", "totalOutputTextTokenCount")
    return Piece(
        chunk.get("outputText"),
        chunk.get("completionReason"),
        usage,
        index=integer(chunk.get("index") or 0),
        extra=unknown_members(chunk, _CHUNK_KEYS - odd),
    )


def _read_bare(chunk: Json) -> Batch | None:
    """The batch of a chunk in which all but text and index is null, as in the middle of a
    stream."""
    is_bare = (
        (chunk.keys() == _CHUNK_KEYS and chunk["index"] == 0 and chunk["completionReason"] is None)
        and chunk["totalOutputTextTokenCount"] is None
        and chunk["inputTextTokenCount"] is None
    )
    return bare(chunk["outputText"]) if is_bare else None


def _write_chunk(piece: Piece) -> Json:
    """A chunk: all five members are present, unset ones as null (recorded)."""
    return {
        "outputText": piece.text,
        "index": piece.index,
        "totalOutputTextTokenCount": piece.usage.output_tokens,
        "completionReason": piece.stop,
        "inputTextTokenCount": piece.usage.input_tokens,
        **piece.extra,
    }


def _is_blocked(native: Json) -> bool:
    """A blocked input is answered in one chunk that counts its text and gives no reason (recorded
    2025-08-19)."""
    return (
        native.get("completionReason") is None
        and native.get("totalOutputTextTokenCount") is not None
    )


CODEC = completions_codec(
    Form(
        template=TEMPLATE,
        prompt_key="inputText",
        parameters_key="textGenerationConfig",
        parameters={"maxTokenCount": "max_tokens", "temperature": "temperature", "topP": "top_p"},
        stop_key="stopSequences",
        answers_key="results",
        read_answer=_read_answer,
        write_answer=_write_answer,
        read_chunk=_read_chunk,
        write_chunk=_write_chunk,
        read_bare=_read_bare,
    ),
    family="titan",
    models=("amazon.titan-text", "amazon.titan-tg1"),
    features=TEMPLATE_FEATURES | {Feature.STOP_SEQUENCES},
    joins=frozenset({Feature.MANY_BLOCKS, Feature.ANY_ROLE_ORDER}),
    stop_reasons=NativeNames(
        {
            "FINISH": StopReason.END_TURN,
            "FINISHED": StopReason.END_TURN,
            "LENGTH": StopReason.MAX_TOKENS,
            "STOP_CRITERIA_MET": StopReason.STOP_SEQUENCE,
            "CONTENT_FILTERED": StopReason.CONTENT_FILTERED,
            "RAG_QUERY_WHEN_RAG_DISABLED": StopReason.REFUSAL,
        }
    ),
    documented=_ANSWER_KEYS
    | _RESULT_KEYS
    | _CHUNK_KEYS
    | {
        "inputText",
        "textGenerationConfig",
        "maxTokenCount",
        "temperature",
        "topP",
        "stopSequences",
    },
    is_blocked=_is_blocked,
    evidence="recorded traffic",
)


@hookimpl
def axonflow_register_codec() -> FamilyCodec:
    return CODEC
