"""The models of the Gemini API: limits, prices, lives, and what each takes.

Source: ai.google.dev/gemini-api/docs, "Models", "Pricing" (as transcribed on 2026-10-07 by
api-evangelist/deepmind), "Deprecations", "Thinking", "What's new in Gemini 3.6", and litellm
1.109.1 (`model_prices_and_context_window.json`) for cache prices and Gemini 4, November 2026.
Prices are of the paid tier and of text. Those of Gemini 3.6 to 3.8 Flash are halved until
31 December 2026.
"""

from __future__ import annotations

from datetime import date

from axonflow_core.codec import Feature, ModelFacts, ReasoningControls
from axonflow_core.codec.model_rules import ModelRule, facts_by
from axonflow_core.codec.name_rules import NameRule
from axonflow_core.frozen import evolve, frozen
from axonflow_core.media import IMAGE_FORMATS, PDF, PLAIN_TEXT, MediaKind, MediaTerms
from axonflow_core.plugin_spec import Life, ModelCatalogue, ModelDescription
from axonflow_core.provider import LongPrompts, Price

from .codec import CODEC, DIALECT
from .codec.embeddings import EMBEDDINGS

AS_OF = date(2026, 11, 29)
_PROMOTION_ENDS = date(2026, 12, 31)
_M, _K64 = 1_048_576, 65_536


@frozen
class GeminiModel:
    """One model. Prices are USD per 1,000,000 tokens."""

    id: str
    context_tokens: int
    output_tokens: int | None
    price: Price
    later_price: Price | None = None
    """The price after the promotion's last day."""
    ends_on: date | None = None
    successor: str | None = None
    kind: str = "chat"

    def price_on(self, day: date) -> Price:
        """The list price of a day."""
        is_later = self.later_price is not None and day > _PROMOTION_ENDS
        return self.later_price or self.price if is_later else self.price

    def life_on(self, day: date) -> Life:
        """Where the model is in its life."""
        if self.ends_on is None:
            return Life.ACTIVE
        return Life.ENDED if self.ends_on <= day else Life.LEGACY


def _price(input: float, output: float, read: float) -> Price:
    return Price(input=input, output=output, cache_read=read)


def _beyond_200k(price: Price, input: float, output: float, read: float) -> Price:
    """A price with another for prompts of more than 200,000 tokens."""
    long = LongPrompts(above_tokens=200_000, price=_price(input, output, read))
    return evolve(price, long_prompts=long)


_HALVED, _FULL = _price(0.75, 3.75, 0.075), _price(1.5, 7.5, 0.15)
_PRO_3 = _beyond_200k(_price(2, 12, 0.2), 4, 18, 0.4)
_PRO_2 = _beyond_200k(_price(1.25, 10, 0.125), 2.5, 15, 0.25)
_FLASH, _LITE = "gemini-3.8-flash", "gemini-3.5-flash-lite"
_DECEMBER, _JUNE = date(2026, 12, 1), date(2026, 6, 1)
_GEMINI_2 = _price(0.1, 0.4, 0.025)

MODELS: tuple[GeminiModel, ...] = (
    GeminiModel("gemini-4-argon", _M, _M, _price(2, 10, 0.1)),
    GeminiModel("gemini-4-hydrogen", _M, _M, _price(1.5, 7.5, 0.075)),
    GeminiModel(_FLASH, _M, _K64, _HALVED, _FULL),
    GeminiModel("gemini-3.7-flash", _M, _K64, _HALVED, _FULL),
    GeminiModel("gemini-3.6-flash", _M, _K64, _HALVED, _FULL),
    GeminiModel("gemini-3.5-flash", _M, _K64, _price(1.5, 9, 0.15)),
    GeminiModel(_LITE, _M, _K64, _price(0.3, 2.5, 0.03)),
    GeminiModel("gemini-3.1-pro-preview", _M, _K64, _PRO_3),
    GeminiModel(
        "gemini-3.1-flash-lite", _M, _K64, _price(0.25, 1.5, 0.025), None, date(2027, 5, 7)
    ),
    GeminiModel("gemini-3-flash-preview", _M, _K64, _price(0.5, 3, 0.05)),
    GeminiModel("gemini-2.5-pro", _M, _K64, _PRO_2, None, _DECEMBER, _FLASH),
    GeminiModel("gemini-2.5-flash", _M, _K64, _price(0.3, 2.5, 0.03), None, _DECEMBER, _LITE),
    GeminiModel("gemini-2.5-flash-lite", _M, _K64, _price(0.1, 0.4, 0.01)),
    GeminiModel("gemini-2.0-flash", _M, 8_192, _GEMINI_2, None, _JUNE, _FLASH),
    GeminiModel("gemini-2.0-flash-lite", _M, 8_192, _GEMINI_2, None, _JUNE, _LITE),
    GeminiModel("gemini-embedding-2", 8_192, None, Price(input=0.2, output=0), kind="embedding"),
    GeminiModel("gemini-embedding-001", 2_048, None, Price(input=0.15, output=0), kind="embedding"),
)
"""The models, from the newest to the oldest; of those that have ended, the ones that AxonFlow's
page names."""

# ── what each takes ───────────────────────────────────────────────────────────────────────────────

_DOCS = "ai.google.dev/gemini-api/docs, November 2026: "
_TYPES = frozenset({*IMAGE_FORMATS.values(), "image/heic", "image/heif"} - {"image/gif"})
_SOURCES = frozenset({MediaKind.BASE64, MediaKind.URL, MediaKind.FILE, MediaKind.TEXT})
_ALL = ModelFacts(
    has_strict_tools=False,
    tool_results_together=True,
    tool_names=NameRule("a-zA-Z0-9_.:-", 128),
    images=MediaTerms(types=_TYPES, sources=_SOURCES),
    documents=MediaTerms(types=frozenset({PDF, PLAIN_TEXT}), sources=_SOURCES),
)
_WITHOUT_SAMPLING = ModelFacts(
    without=frozenset({Feature.TEMPERATURE, Feature.TOP_P, Feature.TOP_K, Feature.PREFILL})
)


def _levels(*efforts: str) -> ModelFacts:
    """Gemini 3 and later: a level and no budget, always on, calls signed."""
    controls = ReasoningControls(efforts=efforts, signer=DIALECT, opens_calls=True)
    return ModelFacts(reasoning=controls)


def _budget(least: int, *modes: str, is_off_unasked: bool = False) -> ModelFacts:
    """Gemini 2.5: a number of tokens, or the mode that leaves it to the model."""
    controls = ReasoningControls(
        has_budget=True,
        least_budget=least,
        modes=frozenset({"enabled", "adaptive", *modes}),
        is_off_unasked=is_off_unasked,
        signer=DIALECT,
    )
    return ModelFacts(reasoning=controls)


_LOW_TO_HIGH = ("low", "medium", "high")
_3_AND_LATER = ("gemini-3", "gemini-4", "gemini-flash-latest", "gemini-pro-latest")
_UNSAMPLED = ("gemini-3.6", "gemini-3.7", "gemini-3.8", _LITE, "gemini-4", "gemini-flash-latest")
_NOT_MINIMAL = ("gemini-3.1-pro", "gemini-3.7", "gemini-3.8", "gemini-4", "gemini-flash-latest")
RULES: tuple[ModelRule, ...] = (
    ModelRule(("",), _ALL, f"{_DOCS}Image understanding, Document understanding, Function calling"),
    ModelRule(_3_AND_LATER, _levels("minimal", *_LOW_TO_HIGH), f"{_DOCS}Thinking"),
    ModelRule(_NOT_MINIMAL, _levels(*_LOW_TO_HIGH), f"{_DOCS}Thinking"),
    ModelRule(("gemini-4-hydrogen",), _levels(*_LOW_TO_HIGH, "xhigh"), "litellm 1.109.1"),
    ModelRule(_UNSAMPLED, _WITHOUT_SAMPLING, f"{_DOCS}What's new in Gemini 3.6"),
    ModelRule(("gemini-2.5-pro",), _budget(128), f"{_DOCS}Thinking"),
    ModelRule(("gemini-2.5-flash",), _budget(1, "disabled"), f"{_DOCS}Thinking"),
    ModelRule(
        ("gemini-2.5-flash-lite",),
        _budget(512, "disabled", is_off_unasked=True),
        f"{_DOCS}Thinking",
    ),
    ModelRule(
        ("gemini-2.0", "gemma-"),
        ModelFacts(without=frozenset({Feature.REASONING})),
        f"{_DOCS}Models",
    ),
)
"""What some models refuse. A thought in a history is taken by every model that thinks."""


def facts_of(model: str, default_max_tokens: int | None = None) -> ModelFacts:
    """What is known of a model, by its id without `models/`."""
    facts = ModelFacts(model_id=model, base_id=model, default_max_tokens=default_max_tokens)
    known = known_model(model)
    limit = None if known is None else known.output_tokens
    return evolve(facts_by(RULES, model, CODEC.surface, facts), max_output_tokens=limit)


def base_id(model: str) -> str:
    """The id of a model without `models/`."""
    return model.removeprefix("models/")


def known_model(model: str) -> GeminiModel | None:
    """The row of an id, or of a version of it (`gemini-2.5-flash-001`); None where there is
    none."""
    id = base_id(model)
    stem, _, last = id.rpartition("-")
    ids = (id, stem) if len(last) == len("001") and last.isdecimal() else (id,)
    return next((each for each in MODELS if each.id in ids), None)


def price_of(model: str, day: date) -> Price | None:
    """The list price of the standard tier on a day; None for a model that is not known."""
    known = known_model(model)
    return None if known is None else known.price_on(day)


def models_of_today(codecs: object = None) -> ModelCatalogue:
    """The models as they are today."""
    return catalogue(date.today())


def catalogue(day: date) -> ModelCatalogue:
    """The models as they are on a day, for `axonflow models`."""
    return ModelCatalogue(models=tuple(_described(each, day) for each in MODELS), as_of=AS_OF)


def _described(model: GeminiModel, day: date) -> ModelDescription:
    is_chat = model.kind == "chat"
    price = model.price_on(day)
    return ModelDescription(
        id=model.id,
        vendor="google",
        family=CODEC.family if is_chat else EMBEDDINGS.family,
        kind=model.kind,
        surfaces=(CODEC.surface,) if is_chat else (EMBEDDINGS.surface,),
        context_tokens=model.context_tokens,
        output_tokens=model.output_tokens,
        input_price=price.input,
        output_price=price.output,
        life=model.life_on(day),
        ends_on=model.ends_on,
        successor=model.successor,
    )
