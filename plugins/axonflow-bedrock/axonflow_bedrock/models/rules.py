"""What models refuse, as a hand-written table: prefixes of base ids, the rule, its source and date.

All rows that fit a model are combined into its `ModelFacts`. The core fits requests to these facts,
and the emulator refuses requests that break them. What a whole family does not support is declared
by its codec and not here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from attrs import fields

from axonflow_core.codec import Feature, ModelFacts, ReasoningControls
from axonflow_core.codec.facts import NumberRange
from axonflow_core.codec.name_rules import NameRule
from axonflow_core.dialects.anthropic_messages import REASONING
from axonflow_core.frozen import evolve, frozen
from axonflow_core.messages import ToolChoiceMode

from .media import with_media
from .table import ModelEntry

INVOKE = "invoke"
CONVERSE = "converse"


@frozen
class ModelRule:
    """One row: what the models refuse, and the source of that knowledge."""

    models: tuple[str, ...]
    """Prefixes of base ids."""
    facts: ModelFacts
    """The rule: the fields that are not at their default."""
    source: str
    """Where the rule is documented or was observed, with the date."""
    surface: str | None = None
    """The surface that the rule is for; None: all."""
    except_models: tuple[str, ...] = ()
    """Prefixes of base ids that the rule is not for."""

    def fits(self, base_id: str, surface: str) -> bool:
        """Whether the rule applies to the model on the surface."""
        is_here = self.surface in (None, surface)
        return (
            is_here
            and base_id.startswith(self.models)
            and not base_id.startswith(self.except_models)
        )


_EVERY = ("",)
_CLAUDE = ("anthropic.claude-",)
_LLAMA = ("meta.llama",)
_SAMPLING = frozenset({Feature.TEMPERATURE, Feature.TOP_P, Feature.TOP_K})
_NO_PREFILL = (
    "sonnet-4-6",
    "opus-4-6",
    "opus-4-7",
    "opus-4-8",
    "sonnet-5",
    "opus-5",
    "haiku-5",
    "fable-",
    "mythos-5",
)
_NO_SAMPLING = ("opus-4-7", "opus-4-8", "sonnet-5", "opus-5", "haiku-5", "fable-", "mythos-5")
_ONE_OF_TWO = ("sonnet-4-5", "haiku-4-5", "opus-4-1", "opus-4-5", "sonnet-4-6")
_NO_FORCED_TOOL = ("fable-5-1", "opus-5-5", "sonnet-5-5")

AUTO, ANY, TOOL, NONE = (
    ToolChoiceMode.AUTO,
    ToolChoiceMode.ANY,
    ToolChoiceMode.TOOL,
    ToolChoiceMode.NONE,
)

TOOL_NAMES = NameRule("a-zA-Z0-9_-", 64)
TOOL_USE_IDS = NameRule("a-zA-Z0-9_.:-", 64)
CLAUDE_TOOL_USE_IDS = NameRule("a-zA-Z0-9_-", 64)
DOCUMENT_NAMES = NameRule(r"a-zA-Z0-9 \-()\[\]", 200, stand_in="-", single=" ")


_EFFORTS = ("low", "medium", "high")

_SHARE = (NumberRange("temperature", 0, 1), NumberRange("top_p", 0, 1))
_MORE_THAN_0 = 1e-6
"""The least share where a service takes what is above 0."""
_UP_TO_500 = NumberRange("top_k", 0, 500)


def _claude(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"anthropic.claude-{name}" for name in names)


RULES: tuple[ModelRule, ...] = (
    # ── every model of a surface
    # ───────────────────────────────────────────────────────────────────
    ModelRule(
        _EVERY,
        ModelFacts(
            tool_names=TOOL_NAMES,
            tool_use_ids=TOOL_USE_IDS,
            document_names=DOCUMENT_NAMES,
            tools_with_history=True,
            tool_results_together=True,
            tool_choices=frozenset({AUTO, ANY, TOOL}),
            max_cache_points=4,
        ),
        "bedrock-runtime service model, API 2023-09-30; AWS user guide, Prompt caching; public "
        "reports of "
        '"The toolConfig field must be defined when using toolUse and toolResult content blocks." '
        "and of "
        '"Expected toolResult blocks at messages.2.content for the following Ids", 2025 and 2026',
        CONVERSE,
    ),
    ModelRule(
        _EVERY,
        ModelFacts(without=frozenset({Feature.CACHE_POINTS})),
        "AWS user guide, Prompt caching, Supported models, November 2026",
        CONVERSE,
        except_models=(*_CLAUDE, "amazon.nova"),
    ),
    ModelRule(
        _EVERY,
        ModelFacts(without=frozenset({Feature.SERVICE_TIER})),
        "bedrock-runtime service model, API 2023-09-30: a header of InvokeModel, no member of a "
        "body",
        INVOKE,
    ),
    # ── Anthropic ─────────────────────────────────────────────────────────────────────────────────
    ModelRule(
        _CLAUDE,
        ModelFacts(
            tool_names=TOOL_NAMES,
            tool_use_ids=CLAUDE_TOOL_USE_IDS,
            tools_with_history=True,
            max_cache_points=4,
        ),
        "AWS user guide, Anthropic Claude Messages API and Prompt caching, November 2026; "
        "Anthropic's API reference",
        INVOKE,
    ),
    ModelRule(
        _CLAUDE,
        ModelFacts(reasoning=REASONING),
        "Anthropic's API reference, Extended thinking and Effort, November 2026",
        CONVERSE,
    ),
    ModelRule(
        _claude(_NO_SAMPLING),
        ModelFacts(without=_SAMPLING),
        "litellm 1.109.1 (supports_sampling_params); AWS model card of Claude Opus 4.7; public "
        "reports of "
        '"`temperature` is deprecated for this model.", May to August 2026',
    ),
    ModelRule(
        _claude(_ONE_OF_TWO),
        ModelFacts(one_of=((Feature.TEMPERATURE, Feature.TOP_P),)),
        "AWS user guide, Anthropic Claude Messages API (Sonnet 4.5, Haiku 4.5), November 2026; "
        "public reports for Opus 4.1, Opus 4.5 and Sonnet 4.6, April 2026",
    ),
    ModelRule(
        _claude(_NO_PREFILL),
        ModelFacts(without=frozenset({Feature.PREFILL})),
        "litellm 1.109.1 (supports_assistant_prefill); Anthropic, What's new in Claude 4.6, "
        "February 2026",
    ),
    ModelRule(
        _claude(_NO_FORCED_TOOL),
        ModelFacts(tool_choices=frozenset({AUTO, NONE})),
        "litellm 1.109.1 (supports_forced_tool_use), November 2026",
    ),
    # ── reasoning in additionalModelRequestFields ─────────────────────────────────────────────────
    ModelRule(
        ("amazon.nova",),
        ModelFacts(
            reasoning=ReasoningControls(
                efforts=_EFFORTS, modes=frozenset({"enabled", "disabled"}), signer="nova"
            )
        ),
        "Amazon Nova 2 user guide, November 2026",
        CONVERSE,
    ),
    ModelRule(
        ("openai.", "qwen."),
        ModelFacts(reasoning=ReasoningControls(efforts=_EFFORTS)),
        "AWS user guide, OpenAI models; recorded traffic, November 2026",
        CONVERSE,
    ),
    # ── Meta ──────────────────────────────────────────────────────────────────────────────────────
    ModelRule(
        _LLAMA,
        ModelFacts(
            without=frozenset({Feature.TOOL_CHOICE}),
            tool_results_alone=True,
            has_streamed_tools=False,
            starts_with_user=True,
        ),
        'public reports of "This model doesn\'t support tool use in streaming mode." and of '
        '"Conversation blocks and '
        'tool result blocks cannot be provided in the same turn."; litellm 1.109.1 '
        "(supports_tool_choice), 2026",
        CONVERSE,
    ),
    # ── Mistral ───────────────────────────────────────────────────────────────────────────────────
    ModelRule(
        ("mistral.",),
        ModelFacts(tool_results_alone=True, starts_with_user=True),
        'reports of "Conversation blocks and tool result blocks cannot be provided in the same '
        'turn.", 2024 to 2026',
        CONVERSE,
    ),
    ModelRule(
        ("mistral.mistral-7b", "mistral.mixtral"),
        ModelFacts(without=frozenset({Feature.SYSTEM, Feature.TOOLS})),
        'public reports of "This model doesn\'t support system messages.", 2024 to 2026',
        CONVERSE,
    ),
    ModelRule(
        ("mistral.mistral-large-2407", "mistral.pixtral"),
        ModelFacts(tool_choices=frozenset({AUTO, ANY, NONE})),
        "AWS user guide, Mistral AI chat completion, November 2026",
        INVOKE,
    ),
    # ── ranges of sampling parameters ─────────────────────────────────────────────────────────────
    ModelRule(
        (*_CLAUDE, *_LLAMA, "mistral.mistral-", "mistral.mixtral", "amazon.nova", "deepseek.r1"),
        ModelFacts(ranges=(*_SHARE, _UP_TO_500)),
        "AWS user guide, Inference request parameters of each family, November 2026",
        INVOKE,
    ),
    ModelRule(
        (
            "mistral.mistral-7b",
            "mistral.mixtral",
            "mistral.mistral-large-2402",
            "mistral.mistral-small-2402",
        ),
        ModelFacts(ranges=(NumberRange("top_k", 1, 200),)),
        "AWS user guide, Mistral AI text completion; the range of top_k from public clients, "
        "November 2026",
        INVOKE,
    ),
    ModelRule(
        ("amazon.titan-text", "amazon.titan-tg1", "ai21.jamba", "writer.palmyra"),
        ModelFacts(ranges=(NumberRange("top_p", _MORE_THAN_0, 1),)),
        "AWS user guide, Amazon Titan Text, AI21 Labs Jamba and Writer Palmyra models, November "
        "2026",
        INVOKE,
    ),
    ModelRule(
        ("amazon.titan-text", "amazon.titan-tg1", "ai21.j2", "moonshot"),
        ModelFacts(ranges=(NumberRange("temperature", 0, 1),)),
        "AWS user guide, Amazon Titan Text and AI21 Labs Jurassic-2 models; litellm 1.109.1 "
        "(Moonshot), November 2026",
        INVOKE,
    ),
    ModelRule(
        ("cohere.command-text", "cohere.command-light"),
        ModelFacts(ranges=(NumberRange("top_p", 0, 1), _UP_TO_500)),
        "AWS user guide, Cohere Command models, November 2026",
        INVOKE,
    ),
    ModelRule(
        ("cohere.command-r",),
        ModelFacts(
            ranges=(
                NumberRange("temperature", 0, 1),
                NumberRange("top_p", 0.01, 0.99),
                _UP_TO_500,
                NumberRange("presence_penalty", 0, 1),
                NumberRange("frequency_penalty", 0, 1),
            )
        ),
        "AWS user guide, Cohere Command R and Command R+ models, November 2026",
        INVOKE,
    ),
    # ── limits of output tokens that a form of InvokeModel has, whatever its model writes ─────────
    ModelRule(
        ("anthropic.claude-v1", "anthropic.claude-v2", "anthropic.claude-instant"),
        ModelFacts(max_output_tokens=4096),
        "AWS user guide, Anthropic Claude Text Completions API, November 2026",
        INVOKE,
    ),
    ModelRule(
        ("cohere.command-text", "cohere.command-light"),
        ModelFacts(max_output_tokens=4096),
        "AWS user guide, Cohere Command models, November 2026",
        INVOKE,
    ),
    ModelRule(
        ("cohere.command-r",),
        ModelFacts(max_output_tokens=4000),
        "AWS user guide, Cohere Command R and Command R+ models, November 2026",
        INVOKE,
    ),
    # ── others ────────────────────────────────────────────────────────────────────────────────────
    ModelRule(
        ("amazon.titan-text", "amazon.titan-tg1"),
        ModelFacts(without=frozenset({Feature.SYSTEM}), starts_with_user=True),
        'public reports of "This model doesn\'t support system messages.", 2024 to 2026',
        CONVERSE,
    ),
    ModelRule(
        ("amazon.nova",),
        ModelFacts(
            starts_with_user=True,
            tool_names=TOOL_NAMES,
            tool_use_ids=TOOL_USE_IDS,
            max_cache_points=4,
        ),
        "AWS user guide, Amazon Nova, Complete request schema and Prompt caching, November 2026",
    ),
    ModelRule(
        ("writer.palmyra",),
        ModelFacts(
            without=frozenset({Feature.TOOL_ERRORS}), tool_results_alone=True, starts_with_user=True
        ),
        "recorded traffic (toolResult.status is rejected); public reports, November 2026",
        CONVERSE,
    ),
    ModelRule(
        ("cohere.", "ai21.", "deepseek.", "google.gemma", "minimax.", "nvidia.", "openai.gpt-oss"),
        ModelFacts(starts_with_user=True),
        "public reports: only Anthropic, Qwen, Z.AI and Moonshot accept a leading assistant "
        "message, 2026",
        CONVERSE,
    ),
    ModelRule(
        ("moonshot",),
        ModelFacts(tool_choices=frozenset({AUTO, TOOL, NONE})),
        "litellm 1.109.1 (Moonshot on InvokeModel), November 2026",
        INVOKE,
    ),
)


def rules_of(base_id: str, surface: str) -> Iterator[ModelRule]:
    """The rows that apply to a model on a surface, in the order of the table."""
    return (rule for rule in RULES if rule.fits(base_id, surface))


def facts_of(
    base_id: str | None, surface: str, facts: ModelFacts, entry: ModelEntry | None = None
) -> ModelFacts:
    """`facts` with everything that the rules and the table know of the model. Of an unread id
    nothing is known."""
    if base_id is None:
        return facts
    for rule in rules_of(base_id, surface):
        facts = _both(facts, rule.facts)
    facts = with_media(facts, base_id, surface, entry)
    if entry is None:
        return facts
    lacking = {feature for flag, feature in _FLAGS.items() if entry.supports.get(flag) is False}
    if base_id.startswith(_CLAUDE):
        facts, lacking = _of_claude(facts, lacking, entry.supports)
    without = facts.without | lacking
    if Feature.TOOLS in without:
        without |= {Feature.BUILTIN_TOOLS}
    limits = [
        limit for limit in (facts.max_output_tokens, entry.output_tokens) if limit is not None
    ]
    return evolve(facts, without=without, max_output_tokens=min(limits, default=None))


def _of_claude(
    facts: ModelFacts, lacking: set[Feature], supports: Mapping[str, bool]
) -> tuple[ModelFacts, set[Feature]]:
    """What one Claude takes and the next does not: an effort, a schema of the answer. A flag that
    is missing means that the model is older than the flag."""
    if not supports.get("output_config"):
        facts = evolve(facts, reasoning=evolve(REASONING, efforts=()))
    if not supports.get("native_structured_output"):
        lacking = {*lacking, Feature.OUTPUT_SCHEMA}
    return facts, lacking


_FLAGS: Mapping[str, Feature] = {"vision": Feature.IMAGES, "tools": Feature.TOOLS}
"""Flag of the table -> the feature that a model lacks where it is false. An absent flag is
unknown."""


def _both(facts: ModelFacts, more: ModelFacts) -> ModelFacts:
    """Combine two rules: `without`, `one_of`, `ranges` and `tool_choices` accumulate; for the other
    fields the later, more specific row wins where it is not at the default.
    """
    later = {
        field.name: getattr(more, field.name)
        for field in fields(ModelFacts)
        if getattr(more, field.name) != field.default
    }
    together: dict[str, Any] = {
        "without": facts.without | more.without,
        "one_of": facts.one_of + more.one_of,
        "ranges": facts.ranges + more.ranges,
    }
    if facts.tool_choices is not None and more.tool_choices is not None:
        together["tool_choices"] = facts.tool_choices & more.tool_choices
    return evolve(facts, **{**later, **together})


# ── models that need an inference profile ─────────────────────────────────────────────────────────


@frozen
class ProfileRule:
    """Models that cannot be called on demand under their plain id."""

    models: tuple[str, ...]
    except_models: tuple[str, ...]
    source: str


PROFILE_RULES: tuple[ProfileRule, ...] = (
    ProfileRule(
        _CLAUDE,
        _claude(("v1", "v2", "instant", "3-haiku", "3-sonnet", "3-5-sonnet-20240620")),
        "AWS user guide, Supported Regions and models for inference profiles, November 2026",
    ),
    ProfileRule(
        ("meta.llama3-1", "meta.llama3-2", "meta.llama3-3", "meta.llama4"),
        # On demand in us-west-2, and the product page's example.
        ("meta.llama3-1-70b",),
        "AWS user guide, Supported Regions and models for inference profiles, November 2026",
    ),
    ProfileRule(
        (
            "deepseek.r1",
            "mistral.pixtral",
            "writer.palmyra-x",
            "amazon.nova-premier",
            "amazon.nova-2-lite",
        ),
        (),
        "AWS user guide, Supported Regions and models for inference profiles, November 2026",
    ),
)


def needs_profile(entry: ModelEntry) -> bool:
    """Whether the plain id is refused on demand, as far as is known, in us-east-1."""
    ruled = any(
        entry.base_id.startswith(rule.models) and not entry.base_id.startswith(rule.except_models)
        for rule in PROFILE_RULES
    )
    return ruled or not entry.is_sold_plain
