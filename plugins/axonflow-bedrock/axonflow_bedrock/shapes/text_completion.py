"""OpenAI's older JSON, `text_completion`, as servers of open models speak it: one choice with its
text.

    {"id", "object": "text_completion", "created", "model", "choices": [{"index", "text",
    "finish_reason"}], "usage"}

A chunk of a stream is the same, with null for what is not known yet.
Source: AWS user guide, "Invoke your imported model", and recorded traffic of a SageMaker endpoint,
November 2026.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from axonflow_core.codec import FamilyCodec, Feature
from axonflow_core.codec.json_members import (
    counted,
    known_beside,
    only_in,
    unknown_members,
    without_none,
)
from axonflow_core.frozen import evolve
from axonflow_core.messages import Json, StopReason, Usage
from axonflow_core.stream import Batch

from .completions import NO_USAGE, Form, Piece, bare, completions_codec
from .templates import NO_TEMPLATE

_OBJECT = "text_completion"
_KEYS = frozenset({"id", "created", "model", "choices", "usage"})
_KNOWN_KEYS = _KEYS | {"object"}
_CHOICE_KEYS = frozenset({"text", "finish_reason"})
_FIRST_CHOICE_KEYS = _CHOICE_KEYS | {"index"}
_BARE_KEYS = _FIRST_CHOICE_KEYS | {"logprobs"}
_NAMES = {"prompt_tokens": "input_tokens", "completion_tokens": "output_tokens"}
_COUNTS_AND_SUM = frozenset({"total_tokens", *_NAMES})
KEYS = _KEYS | _CHOICE_KEYS | {*_NAMES}


def read(native: Json) -> Piece:
    """An answer or chunk as a piece; it must have exactly one choice."""
    choice = only_in(native, "choices")
    return Piece(
        choice.get("text"),
        choice.get("finish_reason"),
        _read_usage(native.get("usage")),
        id=native.get("id"),
        model=native.get("model"),
        created=native.get("created"),
        extra=unknown_members(native, _known_keys(native)),
        text_extra=unknown_members(
            choice, _FIRST_CHOICE_KEYS if choice.get("index") == 0 else _CHOICE_KEYS
        ),
    )


def _known_keys(native: Mapping[str, Json]) -> frozenset[str]:
    """The members that are decoded: an odd `object` or `usage` is not."""
    known = _KNOWN_KEYS if native.get("object") == _OBJECT else _KEYS
    return known_beside(native, known, "usage")


def read_bare(chunk: Json) -> Batch | None:
    """No news are the names of the first chunk, and nulls."""
    if (
        chunk.keys() <= _KNOWN_KEYS
        and chunk.get("usage") is None
        and chunk.get("object") == _OBJECT
    ):
        (choice,) = chunk["choices"]
        if (
            choice.keys() <= _BARE_KEYS
            and choice.get("finish_reason") is None
            and choice.get("logprobs") is None
        ):
            return bare(choice.get("text")) if choice.get("index") == 0 else None
    return None


def write(piece: Piece) -> Json:
    """A piece as an answer or chunk with one choice."""
    named = {"id": piece.id, "created": piece.created, "model": piece.model}
    choice = {"index": 0, "text": piece.text, "finish_reason": piece.stop, **piece.text_extra}
    return {
        **without_none(named),
        "object": _OBJECT,
        "choices": [choice],
        **_write_usage(piece.usage),
        **piece.extra,
    }


def _read_usage(native: Json) -> Usage:
    if not native or not isinstance(native, dict):
        return NO_USAGE
    usage = counted(native, _NAMES, _COUNTS_AND_SUM)
    total = native.get("total_tokens")
    if "total_tokens" not in native or total == usage.total_tokens:
        return usage
    return evolve(usage, extra={**usage.extra, "total_tokens": total})


def _write_usage(usage: Usage) -> dict[str, Json]:
    if usage.input_tokens is None and usage.output_tokens is None and not usage.extra:
        return {}
    counts = {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.total_tokens,
    }
    return {"usage": {**counts, **usage.extra}}


STOPS = {
    "stop": StopReason.END_TURN,
    "length": StopReason.MAX_TOKENS,
    "content_filter": StopReason.CONTENT_FILTERED,
}
_PARAMETERS = {"max_tokens": "max_tokens", "temperature": "temperature", "top_p": "top_p"}
_FEATURES = frozenset(
    {Feature.RAW_PROMPT, Feature.TEMPERATURE, Feature.TOP_P, Feature.STOP_SEQUENCES}
)
_OTHER_PARAMETERS: Mapping[str, Feature] = {
    "seed": Feature.SEED,
    "presence_penalty": Feature.PRESENCE_PENALTY,
    "frequency_penalty": Feature.FREQUENCY_PENALTY,
}


def codec(
    *,
    takes: frozenset[str] = frozenset(),
    options: frozenset[str] = frozenset(),
    last_chunk: str | None = None,
    **record: Any,
) -> FamilyCodec:
    """The codec of a family that takes a bare prompt and answers in this JSON; the rest of the
    record as given. `takes` names the parameters that not every such family has."""
    parameters = {**_PARAMETERS, **{name: name for name in takes}}
    features = _FEATURES.union(_OTHER_PARAMETERS[name] for name in takes)
    form = Form(
        template=NO_TEMPLATE,
        prompt_key="prompt",
        parameters=parameters,
        stop_key="stop",
        options=options,
        answers_key="choices",
        read_answer=read,
        write_answer=write,
        read_chunk=read,
        write_chunk=write,
        read_bare=read_bare,
        last_chunk=last_chunk,
    )
    return completions_codec(
        form,
        features=features,
        joins=frozenset({Feature.MANY_BLOCKS}),
        documented=KEYS | options | {"prompt", "stop", *parameters},
        is_single_turn=True,
        **record,
    )
