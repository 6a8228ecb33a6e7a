"""What models refuse, as a hand-written table: prefixes of base ids, the rule, its source and date.

All rows that fit a model are combined into its `ModelFacts`, and the core fits requests to these
facts. What a whole family does not support is declared by its codec and not here. The emulator
refuses by a table of its own, `emulator/refused`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from axonflow_core.codec import Feature, ModelFacts
from axonflow_core.codec.facts import NumberRange
from axonflow_core.codec.model_rules import ModelRule, both
from axonflow_core.codec.name_rules import NameRule
from axonflow_core.dialects.anthropic_messages.claudes import (
    CLAUDE_RULES,
    MESSAGES_RULE,
    WITHOUT_REASONING,
)
from axonflow_core.frozen import evolve, frozen
from axonflow_core.messages import ToolChoiceMode

from .beta_rules import BETA_RULES
from .media import with_media
from .model_rule import CLAUDE, EVERY, claude, of_anthropic
from .model_rule import CONVERSE as CONVERSE
from .model_rule import INVOKE as INVOKE
from .reasoning_rules import REASONING_RULES
from .table import ModelEntry

_LLAMA = ("meta.llama",)
_SAMPLING = frozenset({Feature.TEMPERATURE, Feature.TOP_P, Feature.TOP_K})
AUTO, ANY, TOOL, NONE = (
    ToolChoiceMode.AUTO,
    ToolChoiceMode.ANY,
    ToolChoiceMode.TOOL,
    ToolChoiceMode.NONE,
)

TOOL_NAMES = NameRule("a-zA-Z0-9_-", 64)
TOOL_USE_IDS = NameRule("a-zA-Z0-9_.:-", 64)
CLAUDE_TOOL_USE_IDS = NameRule("a-zA-Z0-9_-", 64)
MISTRAL_TOOL_USE_IDS = NameRule(
    "a-zA-Z0-9", 9, stand_in="0", min_length=9, also="tooluse_[a-zA-Z0-9_-]{22}"
)
ARGUMENT_NAMES = NameRule("a-zA-Z0-9_.-", 64)
DOCUMENT_NAMES = NameRule(r"a-zA-Z0-9 \-()\[\]", 200, stand_in="-", single=" ")


_MISTRAL_PROMPTS = (
    "mistral.mistral-7b",
    "mistral.mixtral",
    "mistral.mistral-large-2402",
    "mistral.mistral-small-2402",
)
_CLAUDE_4 = ("opus-4-2", "opus-4-1", "sonnet-4-", "haiku-4-5", "mythos-preview")
_WITHOUT_EYES = (
    *("amazon.nova-micro", "amazon.titan-text", "amazon.titan-tg1", "ai21.", "cohere.command"),
    *("meta.llama2", "meta.llama3-8b", "meta.llama3-70b", "meta.llama3-1-", "meta.llama3-2-1b"),
    *("meta.llama3-2-3b", "meta.llama3-3-", "mistral.mistral-large-2407", "deepseek.r1"),
    *("deepseek.v3", "writer.palmyra-x", *_MISTRAL_PROMPTS),
)
_NUMBERS = ("multipleOf", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")

_SHARE = (NumberRange("temperature", 0, 1), NumberRange("top_p", 0, 1))
_MORE_THAN_0 = 1e-6
"""The least share where a service takes what is above 0."""
_UP_TO_500 = NumberRange("top_k", 0, 500)


_RULES: tuple[ModelRule, ...] = (
    # ── every model of a surface
    # ───────────────────────────────────────────────────────────────────
    ModelRule(
        EVERY,
        ModelFacts(
            tool_names=TOOL_NAMES,
            tool_use_ids=TOOL_USE_IDS,
            document_names=DOCUMENT_NAMES,
            tools_with_history=True,
            tool_results_together=True,
            tool_choices=frozenset({AUTO, ANY, TOOL}),
            has_object_schemas=True,
            has_unique_tools=True,
            refuses_blanks=True,
            pairs_results=True,
            has_object_results=True,
            documents_with_text=True,
            ranges=_SHARE,
            max_stop_sequences=2500,
            max_cache_points=4,
        ),
        "bedrock-runtime service model, API 2023-09-30; AWS user guide, Prompt caching; public "
        "reports of "
        '"The toolConfig field must be defined when using toolUse and toolResult content blocks." '
        "and of "
        '"Expected toolResult blocks at messages.2.content for the following Ids", of blank texts '
        "(aws/aws-sdk-net#4015), of schemas without a type (code-yeongyu/senpi#1947) and of JSON "
        "that is no object (aws/aws-sdk-js-v3#7330, maximhq/bifrost#1330), 2025 and 2026",
        CONVERSE,
    ),
    ModelRule(
        EVERY,
        ModelFacts(needs_messages=True),
        "the words of Bedrock's JSON schemas (recorded); public reports of ConverseStream with an "
        "empty conversation, 2026",
    ),
    ModelRule(
        EVERY,
        ModelFacts(without=frozenset({Feature.TOP_K})),
        "AWS user guide, Inference request parameters of each family, November 2026: no other "
        "family has it",
        CONVERSE,
        except_models=(*CLAUDE, "amazon.nova", "cohere.", *_MISTRAL_PROMPTS),
    ),
    ModelRule(
        EVERY,
        ModelFacts(without=frozenset({Feature.MID_SYSTEM})),
        "Anthropic alone documents it, of its newest models; litellm 1.109.1 "
        "(supports_mid_conversation_system), November 2026",
        CONVERSE,
        except_models=CLAUDE,
    ),
    ModelRule(
        EVERY,
        ModelFacts(has_images_in_results=False),
        "AWS API reference, ToolResultContentBlock (Nova and Claude alone), November 2026; "
        "anomalyco/opencode#49443 and #50272 (measured, Llama 4 too), September 2026",
        CONVERSE,
        except_models=(*CLAUDE, "amazon.nova", "meta.llama4"),
    ),
    ModelRule(
        _WITHOUT_EYES,
        ModelFacts(without=frozenset({Feature.IMAGES})),
        "AWS user guide, Supported models and model features of Converse, November 2026 (Vision)",
    ),
    ModelRule(
        (
            *("amazon.", "meta.", "cohere.", "ai21.", "writer.", "deepseek.r1", *_MISTRAL_PROMPTS),
            *("mistral.mistral-large-2407", "mistral.pixtral"),
        ),
        ModelFacts(without=frozenset({Feature.OUTPUT_SCHEMA})),
        "AWS user guide, Structured output, Supported models, and langchain4j/langchain4j#4552 "
        "(Nova and Cohere answer 400), February 2026",
        CONVERSE,
    ),
    ModelRule(
        EVERY,
        ModelFacts(has_strict_tools=False),
        "litellm 1.109.1 (bedrock_converse_supports_strict_tools): Nova, Llama and gpt-oss refuse "
        "it, November 2026",
        CONVERSE,
        except_models=CLAUDE,
    ),
    ModelRule(
        EVERY,
        ModelFacts(without=frozenset({Feature.CACHE_POINTS})),
        "AWS user guide, Prompt caching, Supported models, November 2026",
        CONVERSE,
        except_models=(*CLAUDE, "amazon.nova"),
    ),
    ModelRule(
        EVERY,
        ModelFacts(without=frozenset({Feature.SERVICE_TIER})),
        "bedrock-runtime service model, API 2023-09-30: a header of InvokeModel, no member of a "
        "body",
        INVOKE,
    ),
    # ── Anthropic ─────────────────────────────────────────────────────────────────────────────────
    *(
        of_anthropic(rule, INVOKE if rule is MESSAGES_RULE else None)  # Converse's is above
        for rule in CLAUDE_RULES
    ),
    ModelRule(
        CLAUDE,
        ModelFacts(documents_apart_from_results=True),
        "pydantic/pydantic-ai#6081 and #6098 (measured: CSV, text and DOCX), #3253, 2025 and 2026",
        CONVERSE,
    ),
    ModelRule(
        claude("3-", "opus-4-2", "sonnet-4-2", "opus-4-1"),
        ModelFacts(cache_ttls=()),
        "earendil-works/pi#1570 (`Extra inputs are not permitted`), February 2026; litellm 1.109.1",
    ),
    ModelRule(
        claude("3-haiku", "3-sonnet", "3-opus", "3-5-sonnet-20240620"),
        ModelFacts(without=frozenset({Feature.CACHE_POINTS})),
        "AWS user guide, Prompt caching, Supported models, November 2026; litellm 1.109.1 "
        "(supports_prompt_caching)",
    ),
    ModelRule(
        CLAUDE,
        ModelFacts(has_strict_tools=False),
        "BerriAI/litellm#31582, #31943, #32455 (`strict: Extra inputs are not permitted`), June to "
        "July 2026; recorded traffic of Sonnet 4.5, which takes it",
        except_models=claude("sonnet-4-5", "haiku-4-5", "opus-4-5", "opus-4-6", "sonnet-4-6"),
    ),
    ModelRule(
        CLAUDE,
        ModelFacts(refused_builtins=("web_search", "web_fetch", "code_execution")),
        "recorded traffic (`Input tag 'web_search_20250305'`), 2026; Anthropic, Features overview "
        "(server tools are not on Bedrock), November 2026",
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
    ModelRule(
        ("meta.llama2", "meta.llama3-8b", "meta.llama3-70b"),
        ModelFacts(without=frozenset({Feature.TOOLS})),
        "AWS user guide, Supported models and model features of Converse, November 2026",
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
        ("mistral.",),
        ModelFacts(tool_use_ids=MISTRAL_TOOL_USE_IDS),
        "anomalyco/opencode#48843 and #1680, vercel/ai#11802 and #16606 (nine letters or digits, "
        "or an id of Bedrock's own), 2025 and 2026",
    ),
    ModelRule(
        ("mistral.mistral-7b", "mistral.mixtral"),
        ModelFacts(without=frozenset({Feature.SYSTEM, Feature.TOOLS})),
        'public reports of "This model doesn\'t support system messages.", 2024 to 2026',
        CONVERSE,
    ),
    ModelRule(
        ("mistral.mistral-large-2407", "mistral.pixtral"),
        ModelFacts(tool_choices=frozenset({AUTO, ANY, NONE}), pairs_results=True),
        "AWS user guide, Mistral AI chat completion; mistral-common's validation (\"Not the same "
        'number of function calls and responses"), November 2026',
        INVOKE,
    ),
    # ── ranges of sampling parameters ─────────────────────────────────────────────────────────────
    ModelRule(
        (
            *(*CLAUDE, *_LLAMA, "mistral.mistral-", "mistral.mixtral", "mistral.pixtral"),
            *("amazon.nova", "deepseek.r1"),
        ),
        ModelFacts(ranges=(*_SHARE, _UP_TO_500)),
        "AWS user guide, Inference request parameters of each family, November 2026",
    ),
    ModelRule(
        _MISTRAL_PROMPTS,
        ModelFacts(ranges=(NumberRange("top_k", 1, 200),)),
        "AWS user guide, Mistral AI text completion; the range of top_k from public clients, "
        "November 2026",
    ),
    ModelRule(
        ("amazon.titan-text", "amazon.titan-tg1", "ai21.jamba", "writer.palmyra"),
        ModelFacts(ranges=(NumberRange("top_p", _MORE_THAN_0, 1),)),
        "AWS user guide, Amazon Titan Text, AI21 Labs Jamba and Writer Palmyra models, November "
        "2026",
    ),
    ModelRule(
        ("amazon.titan-text", "amazon.titan-tg1", "ai21.j2", "moonshot"),
        ModelFacts(ranges=(NumberRange("temperature", 0, 1),)),
        "AWS user guide, Amazon Titan Text and AI21 Labs Jurassic-2 models; litellm 1.109.1 "
        "(Moonshot), November 2026",
    ),
    ModelRule(
        ("cohere.command-text", "cohere.command-light"),
        ModelFacts(ranges=(NumberRange("top_p", 0, 1), _UP_TO_500)),
        "AWS user guide, Cohere Command models, November 2026",
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
    # ── stop sequences ────────────────────────────────────────────────────────────────────────────
    ModelRule(
        ("openai.", "qwen.", "xai.", "deepseek.v3"),
        ModelFacts(without=frozenset({Feature.STOP_SEQUENCES})),
        'public reports of "This model doesn\'t support the stopSequences field." '
        "(crewAIInc/crewAI#3317, langgenius/dify-official-plugins#1767, "
        "langchain-ai/langchain-aws#664), 2025; litellm 1.109.1 (bedrock_rejects_stop_sequences)",
        CONVERSE,
    ),
    ModelRule(
        ("deepseek.r1",),
        ModelFacts(max_stop_sequences=10, max_stop_characters=10),
        "AWS user guide, DeepSeek models, November 2026; langgenius/dify#19975 (`longer than the "
        "model limit of 10 characters`), May 2025",
    ),
    ModelRule(
        _MISTRAL_PROMPTS,
        ModelFacts(max_stop_sequences=10),
        "AWS user guide, Mistral AI text completion, November 2026",
    ),
    ModelRule(
        ("writer.palmyra",),
        ModelFacts(max_stop_sequences=4),
        "AWS user guide, Writer Palmyra models, November 2026",
    ),
    ModelRule(
        ("ai21.j2",),
        ModelFacts(max_stop_sequences=1),
        "langchain-ai/langchain#10456 (`expected maximum item count: 1`), September 2023",
    ),
    ModelRule(
        claude("v1", "v2", "instant"),
        ModelFacts(
            without=frozenset({Feature.TOOLS, Feature.IMAGES, Feature.CACHE_POINTS}),
            has_blank_stops=False,
            refuses_blank_end=True,
        ),
        "AWS user guide, Supported models and model features of Converse, November 2026; "
        "BerriAI/litellm#3286 (stop sequences), 2024",
        CONVERSE,
    ),
    # ── others ────────────────────────────────────────────────────────────────────────────────────
    ModelRule(
        ("amazon.titan-text", "amazon.titan-tg1"),
        ModelFacts(without=frozenset({Feature.SYSTEM, Feature.TOOLS}), starts_with_user=True),
        'public reports of "This model doesn\'t support system messages.", 2024 to 2026; AWS user '
        "guide, Supported models and features, November 2026",
        CONVERSE,
    ),
    ModelRule(
        ("amazon.nova",),
        ModelFacts(
            starts_with_user=True,
            tool_names=TOOL_NAMES,
            tool_use_ids=TOOL_USE_IDS,
            has_object_schemas=True,
            has_unique_tools=True,
            has_strict_tools=False,
            refuses_blanks=True,
            pairs_results=True,
            has_object_results=True,
            tool_results_together=True,
            max_stop_sequences=4,
            max_cache_points=4,
        ),
        "AWS user guide, Amazon Nova, Complete request schema and Prompt caching, November 2026",
    ),
    ModelRule(
        ("amazon.nova",),
        ModelFacts(cache_ttls=(), uncached=frozenset({Feature.TOOLS, Feature.MIXED_RESULTS})),
        "AWS user guide, Prompt caching, Supported models, November 2026; maximhq/bifrost#4527 (an "
        "hour), danny-avila/LibreChat#13838 (tools), aws-samples/bedrock-engineer#71 (after a "
        "result), 2025 and 2026",
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


RULES = (*_RULES, *REASONING_RULES, *BETA_RULES)
"""Every row, in the order in which they are combined."""


def rules_of(base_id: str, surface: str, entry: ModelEntry | None = None) -> Iterator[ModelRule]:
    """The rows that apply to a model on a surface, in the order in which they are combined; with
    the model's entry in the table, what that says of it is the last one."""
    yield from (rule for rule in RULES if rule.fits(base_id, surface))
    if entry is not None:
        yield _rule_of_table(entry, surface)


def facts_of(
    base_id: str | None, surface: str, facts: ModelFacts, entry: ModelEntry | None = None
) -> ModelFacts:
    """`facts` with everything that the rules and the table know of the model. Of an unread id
    nothing is known. The entry of another model, which stands in for one that is not in the table,
    brings that model's rules."""
    if base_id is None:
        return facts
    known = base_id if entry is None else entry.base_id
    for rule in rules_of(known, surface, entry):
        facts = both(facts, rule.facts)
    facts = with_media(facts, known, surface, entry)
    if Feature.TOOLS in facts.without:
        facts = evolve(facts, without=facts.without | {Feature.BUILTIN_TOOLS})
    return facts


def _rule_of_table(entry: ModelEntry, surface: str) -> ModelRule:
    """What the table says of a model, as a row. Of a Claude's a flag that is missing means that the
    model is older than the flag."""
    supports, is_claude = entry.supports, entry.base_id.startswith(CLAUDE)
    flags = _FLAGS if surface == INVOKE else {**_FLAGS, **_FLAGS_OF_CONVERSE}
    lacking = {
        feature
        for flag, features in flags.items()
        if supports.get(flag) is False
        for feature in features
    }
    if is_claude and not supports.get("native_structured_output"):
        lacking.add(Feature.OUTPUT_SCHEMA)
    # What reasons without a flag for it is OpenAI's alone: gpt-oss-safeguard.
    is_known = is_claude or surface == INVOKE or entry.vendor in ("amazon", "openai")
    if not is_known and not supports.get("reasoning"):
        lacking |= WITHOUT_REASONING.without
    return ModelRule(
        (entry.base_id,),
        ModelFacts(without=frozenset(lacking), max_output_tokens=entry.output_tokens),
        "models.json, whose head names its sources",
    )


_FLAGS: Mapping[str, frozenset[Feature]] = {
    "vision": frozenset({Feature.IMAGES}),
    "tools": frozenset({Feature.TOOLS}),
    "sampling_params": _SAMPLING,
    "assistant_prefill": frozenset({Feature.PREFILL}),
}
_FLAGS_OF_CONVERSE: Mapping[str, frozenset[Feature]] = {"system": frozenset({Feature.SYSTEM})}
"""Flag of the table -> what a model lacks where it is false. An absent flag is unknown. The prompt
of a template has a place for a system text, which Converse then has not."""


# ── models that need an inference profile ─────────────────────────────────────────────────────────


@frozen
class ProfileRule:
    """Models that cannot be called on demand under their plain id."""

    models: tuple[str, ...]
    except_models: tuple[str, ...]
    source: str


PROFILE_RULES: tuple[ProfileRule, ...] = (
    ProfileRule(
        CLAUDE,
        claude("v1", "v2", "instant", "3-haiku", "3-sonnet", "3-5-sonnet-20240620"),
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
