"""OpenAI's families: models that chat, models that reason, and embeddings.

    gpt-4o, gpt-4.1     `max_tokens`, `system`, sampling parameters
    o3, gpt-5, gpt-6    `max_completion_tokens`, `developer`, `reasoning_effort`; no stop sequences

Both are forms of `dialects.openai_chat`. What single models of a family refuse is in `models`. A
model that is named nowhere and begins with `gpt-` is a newer one, and those reason.

OpenAI shows no text of its models' reasoning in chat completions; a server that imitates it may, in
`reasoning_content`, which is read. An assistant's message at the end is not continued, so it is not
among the features.

Of errors a quota or a bill does not come back within a minute, and a request that is larger than
its limit a minute never passes: neither is repeated.

Source: OpenAI's API reference, "Create chat completion"; "Reasoning models"; "Error codes";
openai-python 3.57; messages as users report them, November 2026.
"""

from __future__ import annotations

from typing import TypeVar

from axonflow_core.codec import FamilyCodec, Feature, ReasoningControls
from axonflow_core.codec.errors import ErrorRow
from axonflow_core.codec.registry import AnyCodec, CodecRegistry
from axonflow_core.codec.unary import EmbeddingCodec, EmbeddingLimits
from axonflow_core.dialects import openai_chat
from axonflow_core.dialects.openai_chat import (
    EFFORTS,
    VENDOR_OPTIONS,
    ChatForm,
    Thinking,
    chat_codec,
)
from axonflow_core.dialects.openai_embeddings import embedding_codec
from axonflow_core.errors import AccessDenied, InvalidCall, Throttled, UndetectedFamily
from axonflow_core.framing.sse import DONE
from axonflow_core.frozen import evolve
from axonflow_core.hookspecs import hookimpl

C = TypeVar("C", bound=AnyCodec)

_EVIDENCE = "documents: OpenAI's API reference, November 2026"
_OPTIONS = VENDOR_OPTIONS - {"functions", "function_call"}
"""`functions` is refused by every model of today."""

_COMMON = frozenset(
    {
        *(Feature.SYSTEM, Feature.MID_SYSTEM, Feature.ANY_ROLE_ORDER),
        *(Feature.TEMPERATURE, Feature.TOP_P, Feature.SEED),
        *(Feature.OUTPUT_SCHEMA, Feature.JSON_OUTPUT, Feature.SERVICE_TIER, Feature.METADATA),
        *(Feature.TOOLS, Feature.TOOL_CHOICE, Feature.BUILTIN_TOOLS),
        *(Feature.IMAGES, Feature.DOCUMENTS),
    }
)
_JOINS = frozenset({Feature.MANY_BLOCKS, Feature.MIXED_RESULTS, Feature.TOOL_ERRORS})
_TIERS = frozenset({"auto", "default", "fast", "flex", "priority", "scale"})

CHAT = chat_codec(
    ChatForm(options=_OPTIONS, last_chunk=DONE),
    family="openai",
    variant="chat",
    surface="chat",
    models=("gpt-3.5-", "gpt-4", "gpt-audio", "chatgpt-"),
    features=_COMMON
    | {Feature.STOP_SEQUENCES, Feature.PRESENCE_PENALTY, Feature.FREQUENCY_PENALTY},
    joins=_JOINS,
    service_tiers=_TIERS,
    evidence=_EVIDENCE,
)
"""Models that do not reason. `max_tokens` is deprecated and taken by all of them, and by every
server that imitates OpenAI."""

REASONING = chat_codec(
    ChatForm(
        options=_OPTIONS,
        last_chunk=DONE,
        stop_parameter=None,
        limit_parameter="max_completion_tokens",
        system_role="developer",
        effort_parameter="reasoning_effort",
        thinking=Thinking.MEMBER,
    ),
    family="openai",
    variant="reasoning",
    surface="chat",
    models=("o1", "o3", "o4-mini", "gpt-"),
    features=_COMMON | {Feature.REASONING},
    joins=_JOINS | {Feature.SIGNED_REASONING},
    service_tiers=_TIERS,
    reasoning=ReasoningControls(efforts=EFFORTS, has_history=False),
    evidence=_EVIDENCE,
)

ANY = chat_codec(
    ChatForm(
        options=_OPTIONS,
        last_chunk=DONE,
        stop_parameter=None,
        limit_parameter="max_completion_tokens",
    ),
    family="openai",
    variant="any",
    surface="chat",
    models=(),
    features=_COMMON - {Feature.TEMPERATURE, Feature.TOP_P},
    joins=_JOINS,
    service_tiers=_TIERS,
    evidence=_EVIDENCE,
)
"""What models of both families take: for one that is not known. It claims none."""

_EMBEDDING_LIMITS = EmbeddingLimits(
    has_empty_texts=False, source="OpenAI's API reference, Create embeddings, November 2026"
)
EMBEDDINGS = embedding_codec(
    family="openai-embeddings",
    variant="v3",
    models=("text-embedding-",),
    limits=_EMBEDDING_LIMITS,
    evidence=_EVIDENCE,
)
ADA = embedding_codec(
    family="openai-embeddings",
    variant="ada",
    models=("text-embedding-ada-",),
    takes_dimensions=False,
    limits=_EMBEDDING_LIMITS,
    evidence=_EVIDENCE,
)

_INVALID = "invalid_request_error"


def _throttled(status: int, code: str) -> ErrorRow:
    return ErrorRow(error=Throttled, status=status, type=code, code=code, is_retryable=False)


OWN_ROWS = (
    ErrorRow(
        error=Throttled,
        status=429,
        pattern="request too large for .* per min",
        is_retryable=False,
    ),
    _throttled(429, "billing_not_active"),
    _throttled(400, "billing_hard_limit_reached"),
    ErrorRow(
        error=AccessDenied,
        status=403,
        type="request_forbidden",
        code="unsupported_country_region_territory",
    ),
    ErrorRow(error=InvalidCall, status=400, type=_INVALID, code="unsupported_parameter"),
    ErrorRow(error=InvalidCall, status=400, type=_INVALID, code="unsupported_value"),
    ErrorRow(error=InvalidCall, status=400, type=_INVALID, code="invalid_prompt"),
    ErrorRow(error=InvalidCall, status=400, type=_INVALID, code="content_policy_violation"),
)
"""Those that the dialect does not have. They stand after its rows, for an error of ours without a
name is written as the first row of its class."""

ERRORS = evolve(
    openai_chat.ERRORS,
    name="openai",
    rows=(*openai_chat.ERRORS.rows, *OWN_ROWS),
    evidence="documents: OpenAI's guide of error codes and openai-python 3.57, November 2026",
)

CODECS: tuple[FamilyCodec | EmbeddingCodec, ...] = (CHAT, REASONING, EMBEDDINGS, ADA)


def codec_for(codecs: CodecRegistry, kind: type[C], base: str, surface: str) -> C | None:
    """The codec that claims the model `base`: an installed one, else one of this package's; None
    where none does."""
    try:
        return codecs.find(kind, base, surface)
    except UndetectedFamily:
        claims = [
            (prefix, codec)
            for codec in CODECS
            if isinstance(codec, kind)
            for prefix in codec.models
            if base.startswith(prefix)
        ]
        return max(claims, key=lambda claim: len(claim[0]))[1] if claims else None


@hookimpl
def axonflow_register_codec() -> tuple[FamilyCodec | EmbeddingCodec, ...]:
    return CODECS
