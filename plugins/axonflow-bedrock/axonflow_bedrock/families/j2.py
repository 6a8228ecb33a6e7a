"""AI21 Jurassic-2 on InvokeModel: a prompt in, completions out, and no streams.

    {"prompt", "maxTokens", "temperature", "topP", "stopSequences", "countPenalty": {"scale"}, …}
    {"id": 1234, "prompt": {"text", …}, "completions": [{"data": {"text", "tokens"}, "finishReason":
    {"reason"}}]}

The `id` is 1234 in every answer and so names none; it stays where it stood. What the family says of
each token stands next to the text. There is no template: the prompt is an instruction, and AWS says
of the family that it has no chat.

Source: AWS user guide, "AI21 Labs Jurassic-2 models", and recorded traffic (3 exchanges), November
2026.
"""

from __future__ import annotations

from axonflow_core.codec import FamilyCodec, Feature, NativeNames
from axonflow_core.codec.json_members import (
    object_in,
    only_in,
    prefixed,
    split_prefixed,
    unknown_members,
    without_none,
)
from axonflow_core.hookspecs import hookimpl
from axonflow_core.messages import Json, StopReason

from ..shapes.completions import Form, Piece, completions_codec
from ..shapes.templates import NO_TEMPLATE

_ANSWER_KEYS = frozenset({"prompt", "completions"})
_COMPLETION_KEYS = frozenset({"data", "finishReason"})
_TEXT_KEYS = frozenset({"text"})
_REASON_KEYS = frozenset({"reason", "sequence"})
_PARAMETERS = {"maxTokens": "max_tokens", "temperature": "temperature", "topP": "top_p"}
_PENALTIES = frozenset({"countPenalty", "presencePenalty", "frequencyPenalty"})


def _read_answer(body: Json) -> Piece:
    """`{"id", "prompt": {…}, "completions": [{"data": {"text"}, "finishReason": {"reason",
    "sequence"?}}]}`.

    `text_extra` keeps unknown members of the three inner levels: those of `data` as they are, the
    others under the prefix of their object.
    """
    completion = only_in(body, "completions")
    data, finish = object_in(completion, "data"), completion.get("finishReason") or {}
    return Piece(
        data["text"],
        finish.get("reason"),
        stop_sequence=finish.get("sequence"),
        request_echo=body.get("prompt"),
        extra=unknown_members(body, _ANSWER_KEYS),
        text_extra={
            **unknown_members(data, _TEXT_KEYS),
            **prefixed("completion", unknown_members(completion, _COMPLETION_KEYS)),
            **prefixed("finishReason", unknown_members(finish, _REASON_KEYS)),
        },
    )


def _write_answer(piece: Piece) -> Json:
    in_data, in_completion, in_finish = split_prefixed(
        piece.text_extra, "completion", "finishReason"
    )
    completion = {
        "data": {"text": piece.text, **in_data},
        "finishReason": {
            **without_none({"reason": piece.stop, "sequence": piece.stop_sequence}),
            **in_finish,
        },
        **in_completion,
    }
    return {
        **without_none({"prompt": piece.request_echo}),
        "completions": [completion],
        **piece.extra,
    }


CODEC = completions_codec(
    Form(
        template=NO_TEMPLATE,
        prompt_key="prompt",
        parameters=_PARAMETERS,
        stop_key="stopSequences",
        options=_PENALTIES,
        answers_key="completions",
        read_answer=_read_answer,
        write_answer=_write_answer,
    ),
    family="ai21",
    variant="j2",
    models=("ai21.j2",),
    features=frozenset(
        {Feature.RAW_PROMPT, Feature.TEMPERATURE, Feature.TOP_P, Feature.STOP_SEQUENCES}
    ),
    joins=frozenset({Feature.MANY_BLOCKS}),
    stop_reasons=NativeNames(
        {
            "endoftext": StopReason.END_TURN,
            "length": StopReason.MAX_TOKENS,
            "stop": StopReason.STOP_SEQUENCE,
        }
    ),
    documented=_ANSWER_KEYS
    | _COMPLETION_KEYS
    | _TEXT_KEYS
    | _PENALTIES
    | _REASON_KEYS
    | {"stopSequences", *_PARAMETERS},
    is_single_turn=True,
    evidence="recorded traffic",
)


@hookimpl
def axonflow_register_codec() -> FamilyCodec:
    return CODEC
