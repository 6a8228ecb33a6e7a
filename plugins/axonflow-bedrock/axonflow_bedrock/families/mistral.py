"""Mistral on InvokeModel: the older models take a prompt, newer ones a chat, the newest OpenAI's
chat.

    prompt      <s>[INST] {user} [/INST] {assistant}</s>[INST] {user} [/INST]

The prompt form has no system role: a system text opens the first instruction. Its answers carry no
token counts; Bedrock sends them in headers and in the metrics of a stream. The chat form is
OpenAI's JSON with words of its own: it says `any` where OpenAI says `required`, `stop_reason` for
`finish_reason`, and takes no stop sequences.

Source: AWS user guide, "Mistral AI text completion" and "Mistral AI chat completion"; recorded
traffic of the prompt form (4 exchanges), November 2026. The chat forms rest on documents alone, and
their streams are not published. The newest are the open-weight models (Ministral, Magistral,
Devstral, Voxtral, Large 3): their cards show OpenAI's body.
"""

from __future__ import annotations

from axonflow_core.codec import FamilyCodec, Feature, NativeNames
from axonflow_core.codec.json_members import only_in, unknown_members, without_none
from axonflow_core.dialects.openai_chat import ChatForm, chat_codec
from axonflow_core.hookspecs import hookimpl
from axonflow_core.messages import EMPTY, Json, StopReason
from axonflow_core.stream import Batch

from ..shapes.completions import TEMPLATE_FEATURES, Form, Piece, bare, completions_codec
from ..shapes.openai_chat import IMAGES, TAGGED, THINKING, chat_family
from ..shapes.templates import Instructions, system_in_first_turn

TEMPLATE = Instructions("<s>", "</s>").template(
    system_in_first_turn, ("<s>", "</s>", "[INST]", "[/INST]")
)

_OUTPUT_KEYS = frozenset({"text", "stop_reason"})


def _read(native: Json) -> Piece:
    """`{"outputs": [{"text": " …", "stop_reason": "stop" | "length"}]}`; the reason is null until
    the last chunk."""
    output = only_in(native, "outputs") if native.get("outputs") else EMPTY
    return Piece(
        output.get("text"),
        output.get("stop_reason"),
        extra=unknown_members(native, frozenset({"outputs"})),
        text_extra=unknown_members(output, _OUTPUT_KEYS),
    )


def _read_bare(chunk: Json) -> Batch | None:
    if len(chunk) == 1 and chunk.get("outputs"):
        (output,) = chunk["outputs"]
        if len(output) == 2 and output.get("stop_reason", ...) is None:
            return bare(output["text"])
    return None


def _write_answer(piece: Piece) -> Json:
    output = {"text": piece.text, **without_none({"stop_reason": piece.stop}), **piece.text_extra}
    return {"outputs": [output], **piece.extra}


def _write_chunk(piece: Piece) -> Json:
    return {
        "outputs": [{"text": piece.text, "stop_reason": piece.stop, **piece.text_extra}],
        **piece.extra,
    }


def _is_blocked(native: Json) -> bool:
    """A guardrail's own message is taken for text alone, as Llama's is (recorded). A model's has a
    reason, or null."""
    outputs = native.get("outputs")
    return bool(outputs) and all("stop_reason" not in output for output in outputs)


PROMPT = completions_codec(
    Form(
        template=TEMPLATE,
        prompt_key="prompt",
        parameters={
            "max_tokens": "max_tokens",
            "temperature": "temperature",
            "top_p": "top_p",
            "top_k": "top_k",
        },
        stop_key="stop",
        answers_key="outputs",
        read_answer=_read,
        write_answer=_write_answer,
        read_chunk=_read,
        write_chunk=_write_chunk,
        read_bare=_read_bare,
    ),
    family="mistral",
    variant="prompt",
    models=(
        "mistral.mistral-7b",
        "mistral.mixtral",
        "mistral.mistral-large-2402",
        "mistral.mistral-small-2402",
    ),
    features=TEMPLATE_FEATURES | {Feature.TOP_K, Feature.STOP_SEQUENCES},
    joins=frozenset({Feature.SYSTEM, Feature.MANY_BLOCKS, Feature.ANY_ROLE_ORDER}),
    stop_reasons=NativeNames({"stop": StopReason.END_TURN, "length": StopReason.MAX_TOKENS}),
    documented=_OUTPUT_KEYS
    | {"prompt", "max_tokens", "temperature", "top_p", "top_k", "stop", "outputs"},
    is_blocked=_is_blocked,
    evidence="recorded traffic",
)

CHAT = chat_codec(
    ChatForm(
        any_tool="any",
        takes_named_tool=False,
        stop_key="stop_reason",
        stop_parameter=None,
        options=frozenset(),
        takes=frozenset(),
    ),
    family="mistral",
    variant="chat",
    models=("mistral.mistral-large-2407", "mistral.pixtral-large"),
    features=frozenset(
        {
            *(Feature.SYSTEM, Feature.MID_SYSTEM, Feature.ANY_ROLE_ORDER, Feature.PREFILL),
            *(Feature.TOOLS, Feature.TOOL_CHOICE, Feature.IMAGES),
            *(Feature.TEMPERATURE, Feature.TOP_P),
        }
    ),
    joins=frozenset({Feature.MANY_BLOCKS, Feature.MIXED_RESULTS, Feature.TOOL_ERRORS}),
    evidence="documents: AWS user guide and model cards, November 2026",
)

OPENAI = chat_family(
    TAGGED,
    family="mistral",
    variant="openai",
    models=("mistral.",),
    features=THINKING | IMAGES,
    evidence="documents: AWS model cards, November 2026",
)

CODECS = (PROMPT, CHAT, OPENAI)


@hookimpl
def axonflow_register_codec() -> tuple[FamilyCodec, ...]:
    return CODECS
