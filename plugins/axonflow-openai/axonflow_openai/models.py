"""OpenAI's models: limits, prices, what each refuses.

A snapshot (`gpt-4o-2024-08-06`) has the row of its model unless it has one of its own. Prices are
USD per 1,000,000 tokens of the standard tier. None is unknown: a fine-tuned model has no price.

Sources, read 2026-11-29: developers.openai.com/api/docs, "Models" (a page each) and "Deprecations";
openai-python 3.57 (`types/shared/chat_model.py`, ends of life); litellm 1.110.2
(`model_prices_and_context_window.json`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime

from axonflow_core.codec import FamilyCodec, Feature, ModelFacts, ReasoningControls
from axonflow_core.codec.facts import BesideReasoning
from axonflow_core.codec.registry import CodecRegistry
from axonflow_core.codec.unary import EmbeddingCodec
from axonflow_core.frozen import evolve, frozen
from axonflow_core.plugin_spec import Life, ModelCatalogue, ModelDescription
from axonflow_core.provider import LongPrompts, Price

from .codec import codec_for

AS_OF = date(2026, 11, 29)


@frozen
class ModelRow:
    """What is known of a model. Tokens, and USD per 1,000,000 tokens."""

    id: str
    context: int
    output: int | None
    price: Price
    ends_on: date | None = None
    successor: str | None = None
    kind: str = "chat"


_M = 1_050_000
"""The context of the models with two prices."""


def _chat(
    id: str,
    context: int,
    output: int,
    prices: tuple[float, float | None, float | None, float],
    ends_on: str | None = None,
    successor: str | None = None,
) -> ModelRow:
    """`prices` are of input, of input read from a cache, of input written to one, of output."""
    fresh, read, written, answer = prices
    price = Price(input=fresh, cache_read=read, cache_write_5m=written, output=answer)
    if context == _M:
        price = evolve(price, long_prompts=_long_prompts(price))
    end = None if ends_on is None else date.fromisoformat(ends_on)
    return ModelRow(id, context, output, price, end, successor)


def _long_prompts(price: Price) -> LongPrompts:
    """Beyond 272,000 tokens all input costs twice, and output half as much again."""
    return LongPrompts(
        above_tokens=272_000,
        price=Price(
            input=_times(price.input, 2),
            cache_read=_times(price.cache_read, 2),
            cache_write_5m=_times(price.cache_write_5m, 2),
            output=_times(price.output, 1.5),
        ),
    )


def _times(price: float | None, factor: float) -> float | None:
    return None if price is None else price * factor


def _embedding(id: str, price: float) -> ModelRow:
    return ModelRow(id, 8_192, None, Price(input=price, output=0.0), kind="embedding")


ROWS: tuple[ModelRow, ...] = (
    _chat("gpt-6.2-astra", _M, 128_000, (8.0, None, None, 40.0)),
    _chat("gpt-6.2-sol", _M, 128_000, (2.0, 0.1, 2.5, 10.0)),
    _chat("gpt-6.1-sol", _M, 128_000, (2.0, 0.1, 2.5, 10.0)),
    _chat("gpt-6.1-terra", _M, 128_000, (1.0, 0.05, 1.25, 5.0)),
    _chat("gpt-6-astra", _M, 128_000, (10.0, 1.0, 12.5, 50.0)),
    _chat("gpt-6-sol", _M, 128_000, (2.0, 0.2, 2.5, 10.0)),
    _chat("gpt-6-luna", _M, 128_000, (0.1, 0.01, 0.125, 0.5)),
    _chat("gpt-5.6-sol", _M, 128_000, (4.0, 0.4, 5.0, 20.0)),
    _chat("gpt-5.6-terra", _M, 128_000, (2.0, 0.2, 2.5, 12.0)),
    _chat("gpt-5.6-luna", _M, 128_000, (0.2, 0.02, 0.25, 1.2)),
    _chat("gpt-5.6", _M, 128_000, (4.0, 0.4, 5.0, 20.0)),
    _chat("gpt-5.5", _M, 128_000, (5.0, 0.5, None, 30.0)),
    _chat("gpt-5.4", _M, 128_000, (2.5, 0.25, None, 15.0)),
    _chat("gpt-5.4-mini", 400_000, 128_000, (0.75, 0.075, None, 4.5)),
    _chat("gpt-5.4-nano", 400_000, 128_000, (0.2, 0.02, None, 1.25), "2027-04-01"),
    _chat("gpt-5.2", 400_000, 128_000, (1.75, 0.175, None, 14.0)),
    _chat("gpt-5.1", 400_000, 128_000, (1.25, 0.125, None, 10.0), "2027-04-01"),
    _chat("gpt-5", 400_000, 128_000, (1.25, 0.125, None, 10.0), "2026-12-11", "gpt-6.1-sol"),
    _chat("gpt-5-mini", 400_000, 128_000, (0.25, 0.025, None, 2.0), "2026-12-11", "gpt-6.1-terra"),
    _chat("gpt-5-nano", 400_000, 128_000, (0.05, 0.005, None, 0.4), "2026-12-11", "gpt-6-luna"),
    _chat("o3", 200_000, 100_000, (2.0, 0.5, None, 8.0), "2026-12-11", "gpt-6.1-sol"),
    _chat("o4-mini", 200_000, 100_000, (1.1, 0.275, None, 4.4), "2026-10-23", "gpt-5.6-terra"),
    _chat("o3-mini", 200_000, 100_000, (1.1, 0.55, None, 4.4), "2026-10-23", "gpt-5.6-sol"),
    _chat("o1", 200_000, 100_000, (15.0, 7.5, None, 60.0), "2026-10-23", "gpt-5.6-sol"),
    _chat("gpt-4.1", 1_047_576, 32_768, (2.0, 0.5, None, 8.0), "2027-01-14", "gpt-6-luna"),
    _chat("gpt-4.1-mini", 1_047_576, 32_768, (0.4, 0.1, None, 1.6), "2027-01-14", "gpt-6-luna"),
    _chat("gpt-4.1-nano", 1_047_576, 32_768, (0.1, 0.025, None, 0.4), "2026-10-23", "gpt-5.6-luna"),
    _chat("gpt-4o", 128_000, 16_384, (2.5, 1.25, None, 10.0), "2027-01-14", "gpt-6-luna"),
    _chat(
        "gpt-4o-2024-05-13", 128_000, 4_096, (5.0, None, None, 15.0), "2026-10-23", "gpt-5.6-sol"
    ),
    _chat("gpt-4o-mini", 128_000, 16_384, (0.15, 0.075, None, 0.6), "2027-01-14", "gpt-6-luna"),
    _chat("gpt-4-turbo", 128_000, 4_096, (10.0, None, None, 30.0), "2026-10-23", "gpt-5.6-sol"),
    _chat("gpt-4", 8_192, 8_192, (30.0, None, None, 60.0), "2026-10-23", "gpt-5.6-sol"),
    _chat("gpt-3.5-turbo", 16_385, 4_096, (0.5, None, None, 1.5), "2026-10-23", "gpt-5.6-terra"),
    _embedding("text-embedding-3-large", 0.13),
    _embedding("text-embedding-3-small", 0.02),
    _embedding("text-embedding-ada-002", 0.1),
)

# ── what a model refuses ──────────────────────────────────────────────────────────────────────────

_SAMPLING = frozenset({Feature.TEMPERATURE, Feature.TOP_P})
_TOOLS = frozenset({Feature.TOOLS, Feature.TOOL_CHOICE, Feature.BUILTIN_TOOLS})
_MEDIA = frozenset({Feature.IMAGES, Feature.DOCUMENTS})
_SCHEMA = frozenset({Feature.OUTPUT_SCHEMA})
_UP_TO_HIGH = ("low", "medium", "high")
_UP_TO_XHIGH = (*_UP_TO_HIGH, "xhigh")


def _reasons(
    *efforts: str, with_tools: tuple[str, ...] | None = None, samples: bool = False
) -> ModelFacts:
    """The facts of a model that reasons with these efforts. `samples`: it takes sampling parameters
    while it does not reason, which is what it does unasked."""
    beside = BesideReasoning(without=_SAMPLING) if samples else None
    controls = ReasoningControls(
        efforts=efforts, has_history=False, efforts_with_tools=with_tools, beside=beside
    )
    return ModelFacts(reasoning=controls, without=frozenset() if samples else _SAMPLING)


_NEWEST = evolve(_reasons(*_UP_TO_XHIGH), without=_SAMPLING | _TOOLS)
_OFF_WITH_TOOLS = _reasons("none", *_UP_TO_XHIGH, with_tools=("none",))

RULES: Mapping[str, ModelFacts] = {
    # "Tool calling requires the Responses API", "does not support the `none` effort": gpt-6-astra's
    # page; gpt-6.2-sol's page says the latter. A newer model that nobody described is like these.
    "gpt-": _NEWEST,
    # "To use function tools, use /v1/responses or set reasoning_effort to 'none'": OpenAI's answer,
    # reported for each of these (BerriAI/litellm#34569, onyx-dot-app/onyx#15008, 2026); `max` is
    # taken by the Responses API alone (BerriAI/litellm-docs#1173).
    "gpt-6.1": _OFF_WITH_TOOLS,
    "gpt-6-sol": _OFF_WITH_TOOLS,
    "gpt-6-luna": _OFF_WITH_TOOLS,
    "gpt-5.6": _OFF_WITH_TOOLS,
    # "Function tools with reasoning_effort are not supported for gpt-5.5 in /v1/chat/completions"
    # (charmbracelet/crush#2913, pipecat-ai/pipecat#4043, 2026).
    "gpt-5.5": _reasons("none", *_UP_TO_XHIGH, with_tools=()),
    "gpt-5.4": _reasons("none", *_UP_TO_XHIGH, with_tools=(), samples=True),
    # "temperature, top_p, logprobs … only when using GPT-5.2 with reasoning effort set to none",
    # which is the default of both: "Using GPT-5.2", December 2025.
    "gpt-5.2": _reasons("none", *_UP_TO_XHIGH, samples=True),
    "gpt-5.1": _reasons("none", *_UP_TO_HIGH, samples=True),
    "gpt-5": _reasons("minimal", *_UP_TO_HIGH),
    "o1": _reasons(*_UP_TO_HIGH),
    "o3": _reasons(*_UP_TO_HIGH),
    "o4-mini": _reasons(*_UP_TO_HIGH),
    "o3-mini": evolve(_reasons(*_UP_TO_HIGH), without=_SAMPLING | _MEDIA),
    # "Structured Outputs … with gpt-4o-mini, gpt-4o-2024-08-06, and later": its guide.
    "gpt-4o": ModelFacts(),
    "gpt-4o-2024-05-13": ModelFacts(without=_SCHEMA),
    "gpt-4.1": ModelFacts(),
    "gpt-4-turbo": ModelFacts(without=_SCHEMA | {Feature.DOCUMENTS}),
    "gpt-4": ModelFacts(without=_SCHEMA | _MEDIA | {Feature.JSON_OUTPUT}),
    "gpt-3.5": ModelFacts(without=_SCHEMA | _MEDIA),
}
"""Prefix of a model's id -> what it refuses; the longest counts."""

_FINE_TUNED = re.compile("ft:([^:]+):.*")
_SNAPSHOT = re.compile(r"-\d{4}-\d{2}-\d{2}$")


def base_id(model: str) -> str:
    """The model that a fine-tuned one is made of: `ft:gpt-4o-mini-2024-07-18:org::id`."""
    found = _FINE_TUNED.fullmatch(model)
    return found.group(1) if found else model


def row_of(model: str) -> ModelRow | None:
    """The row of a model or of its snapshot; None where it has none."""
    base = base_id(model)
    rows = {row.id: row for row in ROWS}
    return rows.get(base) or rows.get(_SNAPSHOT.sub("", base))


def facts_of(model: str, default_max_tokens: int | None = None) -> ModelFacts:
    """What a model refuses, as far as it is known."""
    base, row = base_id(model), row_of(model)
    prefixes = [prefix for prefix in RULES if base.startswith(prefix)]
    facts = RULES[max(prefixes, key=len)] if prefixes else ModelFacts()
    return evolve(
        facts,
        model_id=model,
        base_id=base,
        default_max_tokens=default_max_tokens,
        max_output_tokens=None if row is None else row.output,
    )


def price_of(model: str) -> Price | None:
    """The price of a model; None where it is not known, as of one that was fine-tuned."""
    row = row_of(model) if base_id(model) == model else None
    return None if row is None else row.price


# ── the catalogue ─────────────────────────────────────────────────────────────────────────────────

_KINDS: Mapping[str, tuple[type[FamilyCodec] | type[EmbeddingCodec], str]] = {
    "chat": (FamilyCodec, "chat"),
    "embedding": (EmbeddingCodec, "embeddings"),
}
"""Kind of a model -> the kind of its codec, and the surface."""


def catalogue(codecs: CodecRegistry) -> ModelCatalogue:
    """The models of the table, for `axonflow models`."""
    return ModelCatalogue(models=tuple(_described(row, codecs) for row in ROWS), as_of=AS_OF)


def _described(row: ModelRow, codecs: CodecRegistry) -> ModelDescription:
    kind, surface = _KINDS[row.kind]
    codec = codec_for(codecs, kind, row.id, surface)
    return ModelDescription(
        id=row.id,
        vendor="OpenAI",
        family=None if codec is None else codec.name,
        kind=row.kind,
        surfaces=(surface,),
        context_tokens=row.context,
        output_tokens=row.output,
        input_price=row.price.input,
        output_price=row.price.output if row.kind == "chat" else None,
        life=life_today(row),
        ends_on=row.ends_on,
        successor=row.successor,
    )


def life_today(row: ModelRow) -> Life:
    """Where a model is in its life, by the clock of this machine."""
    if row.ends_on is None:
        return Life.ACTIVE
    return Life.LEGACY if datetime.now(UTC).date() < row.ends_on else Life.ENDED
