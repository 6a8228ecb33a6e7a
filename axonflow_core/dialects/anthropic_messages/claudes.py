"""What each Claude takes, whoever serves it, by the names that Anthropic gives its models.

A Claude that is named in no row of reasoning has what the newest has: the rows name the older ones.
A cloud puts its own prefix before the names and adds what it refuses itself.
"""

from __future__ import annotations

from axonflow_core.codec.facts import (
    BesideReasoning,
    ModelFacts,
    NumberRange,
)
from axonflow_core.codec.features import Feature
from axonflow_core.codec.model_rules import ModelRule
from axonflow_core.codec.name_rules import NameRule
from axonflow_core.frozen import evolve
from axonflow_core.messages import ToolChoiceMode

from . import REASONING

CLAUDE = ("claude-",)


def claude(*names: str) -> tuple[str, ...]:
    """The prefixes of Claudes: `sonnet-4-5`."""
    return tuple(f"claude-{name}" for name in names)


_SAMPLING = frozenset({Feature.TEMPERATURE, Feature.TOP_P, Feature.TOP_K})
_NUMBERS = ("multipleOf", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
_CLAUDE_4 = ("opus-4-2", "opus-4-1", "sonnet-4-", "haiku-4-5", "mythos-preview")
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


TOOL_NAMES = NameRule("a-zA-Z0-9_-", 64)
"""Names of tools."""
TOOL_USE_IDS = NameRule("a-zA-Z0-9_-", 64)
"""Ids of calls."""
ARGUMENT_NAMES = NameRule("a-zA-Z0-9_.-", 64)
"""Members of a tool's arguments."""

_UP_TO_HIGH = ("low", "medium", "high")

WITHOUT_REASONING = ModelFacts(without=frozenset({Feature.REASONING, Feature.SIGNED_REASONING}))
"""The facts of a model that does not reason."""

_BESIDE = BesideReasoning(
    without=frozenset({Feature.TOP_K, Feature.PREFILL}),
    ranges=(NumberRange("temperature", 1, 1), NumberRange("top_p", 0.95, 1)),
    tool_choices=frozenset({ToolChoiceMode.AUTO, ToolChoiceMode.NONE}),
)
_BY_BUDGET = evolve(
    REASONING,
    least_budget=1_024,
    efforts=(),
    modes=frozenset({"enabled", "disabled"}),
    opens_calls=True,
    beside=_BESIDE,
)
_ADAPTIVE = evolve(
    REASONING,
    has_budget=False,
    efforts=(*_UP_TO_HIGH, "xhigh"),
    modes=frozenset({"adaptive"}),
    beside=_BESIDE,
)
"""What the newest Claude takes: it cannot be told not to reason."""
_CAN_BE_OFF = evolve(_ADAPTIVE, modes=frozenset({"adaptive", "disabled"}))
_UP_TO_MAX = (*_ADAPTIVE.efforts, "max")

_THINKING = "AWS user guide, Extended thinking and Adaptive thinking, November 2026"

MESSAGES_RULE = ModelRule(
    CLAUDE,
    ModelFacts(
        tool_names=TOOL_NAMES,
        tool_use_ids=TOOL_USE_IDS,
        tools_with_history=True,
        has_object_schemas=True,
        has_unique_tools=True,
        refuses_blanks=True,
        refuses_blank_results=True,
        pairs_results=True,
        tool_results_together=True,
        max_cache_points=4,
    ),
    "Anthropic's API reference; anomalyco/opencode#48846 and NousResearch/hermes-agent#41985 "
    "(blank texts), 2026",
)
"""What the Messages API itself refuses."""

CLAUDE_RULES: tuple[ModelRule, ...] = (
    MESSAGES_RULE,
    ModelRule(
        CLAUDE,
        ModelFacts(
            refused_in_schemas=frozenset({"oneOf", "allOf", "anyOf"}),
            argument_names=ARGUMENT_NAMES,
            refused_in_outputs=frozenset({*_NUMBERS, "maxItems"}),
            has_closed_outputs=True,
            uncached=frozenset({Feature.REASONING}),
            refuses_blank_end=True,
            has_blank_stops=False,
            max_stop_sequences=8191,
            calls_meet_results=True,
        ),
        "AWS user guide, Anthropic Claude Messages API, November 2026; Anthropic, Structured "
        "outputs and Prompt caching; recorded traffic (schemas of answers); trycua/cua#3303 "
        '(schemas), public reports of "Property keys should match pattern", '
        "langchain-ai/langchain-aws#599 (the end), BerriAI/litellm#3286 (stop sequences), "
        "langchain-ai/langchain-aws#389 (results first), BerriAI/litellm#24361 (calls last), 2024 "
        "to 2026",
        except_models=claude("v1", "v2", "instant"),
    ),
    ModelRule(
        claude("v1", "v2", "instant", "3-", *_CLAUDE_4, "opus-4-5", "opus-4-6", "opus-4-7"),
        ModelFacts(without=frozenset({Feature.MID_SYSTEM})),
        'Anthropic, Messages API ("Unexpected role `system`"), November 2026; litellm 1.109.1 '
        "(supports_mid_conversation_system)",
    ),
    ModelRule(
        CLAUDE,
        ModelFacts(cache_ttls=("5m", "1h")),
        "AWS, one-hour duration of prompt caching, January 2026; litellm 1.109.1 (prices of writes "
        "for an hour), November 2026",
    ),
    ModelRule(
        claude(*_NO_SAMPLING),
        ModelFacts(without=_SAMPLING),
        "litellm 1.109.1 (supports_sampling_params); AWS model card of Claude Opus 4.7; public "
        "reports of "
        '"`temperature` is deprecated for this model.", May to August 2026',
    ),
    ModelRule(
        claude(*_ONE_OF_TWO),
        ModelFacts(one_of=((Feature.TEMPERATURE, Feature.TOP_P),)),
        "AWS user guide, Anthropic Claude Messages API (Sonnet 4.5, Haiku 4.5), November 2026; "
        "public reports for Opus 4.1, Opus 4.5 and Sonnet 4.6, April 2026",
    ),
    ModelRule(
        claude(*_NO_PREFILL),
        ModelFacts(without=frozenset({Feature.PREFILL})),
        "litellm 1.109.1 (supports_assistant_prefill); Anthropic, What's new in Claude 4.6, "
        "February 2026",
    ),
    ModelRule(
        claude(*_NO_FORCED_TOOL),
        ModelFacts(tool_choices=frozenset({ToolChoiceMode.AUTO, ToolChoiceMode.NONE})),
        "litellm 1.109.1 (supports_forced_tool_use), November 2026",
    ),
    ModelRule(
        CLAUDE,
        ModelFacts(reasoning=_ADAPTIVE),
        f"{_THINKING}; litellm 1.109.1 (thinking_always_on, bedrock_output_config_effort_ceiling)",
    ),
    ModelRule(
        claude("mythos-preview"),
        ModelFacts(reasoning=evolve(_ADAPTIVE, efforts=_UP_TO_HIGH)),
        f"{_THINKING}; litellm 1.109.1 (no supports_xhigh_reasoning_effort)",
    ),
    ModelRule(
        claude("opus-5-5"),
        ModelFacts(reasoning=evolve(_ADAPTIVE, efforts=_UP_TO_MAX)),
        "Anthropic, Claude Opus 5.5, overview, November 2026; litellm 1.109.1 "
        "(supports_max_reasoning_effort)",
    ),
    ModelRule(
        claude("haiku-5-5", "sonnet-5"),
        ModelFacts(reasoning=_CAN_BE_OFF),
        "litellm 1.109.1 (thinking_always_on, bedrock_output_config_effort_ceiling); Anthropic, "
        "Models overview, November 2026",
        except_models=claude("sonnet-5-5"),
    ),
    ModelRule(
        claude("opus-5"),
        ModelFacts(reasoning=evolve(_CAN_BE_OFF, efforts=_UP_TO_MAX, efforts_when_off=_UP_TO_HIGH)),
        "Anthropic, What is new in Claude Opus 5: thinking can be disabled at an effort of high or "
        "below, July 2026; earendil-works/pi#7081, July 2026",
        except_models=claude("opus-5-5"),
    ),
    ModelRule(
        claude("opus-4-7", "opus-4-8"),
        ModelFacts(reasoning=evolve(_ADAPTIVE, is_off_unasked=True)),
        f"{_THINKING}; anomalyco/opencode#22863, coder/coder#26691, 2026; litellm 1.109.1 "
        "(bedrock_output_config_effort_ceiling)",
    ),
    ModelRule(
        claude("opus-4-6", "sonnet-4-6"),
        ModelFacts(
            reasoning=evolve(
                _BY_BUDGET,
                efforts=(*_UP_TO_HIGH, "max"),
                modes=frozenset({"enabled", "adaptive", "disabled"}),
                is_off_unasked=True,
            )
        ),
        f"{_THINKING}; litellm 1.109.1 (supports_max_reasoning_effort)",
    ),
    ModelRule(
        claude("3-7-", "opus-4-2", "sonnet-4-2", "opus-4-1", "sonnet-4-5", "haiku-4-5", "opus-4-5"),
        ModelFacts(reasoning=_BY_BUDGET),
        f"{_THINKING}; BerriAI/litellm#9524, pydantic/pydantic-ai#3092, "
        "strands-agents/harness-sdk#1495, stdapi-ai/stdapi.ai#289 (no effort), 2025 and 2026",
    ),
    ModelRule(
        claude("opus-4-5"),
        ModelFacts(
            reasoning=evolve(_BY_BUDGET, efforts=_UP_TO_HIGH, effort_beta="effort-2025-11-24")
        ),
        "AWS user guide, Tool search, tool examples and effort, November 2026; "
        "anthropics/claude-code-action#1005, coder/coder#25356, 2026; litellm 1.109.1 "
        "(bedrock_output_config_effort_ceiling)",
    ),
    ModelRule(
        claude("v1", "v2", "instant", "3-haiku", "3-sonnet", "3-opus", "3-5-"),
        WITHOUT_REASONING,
        "Anthropic, Extended thinking, Supported models, November 2026; "
        "anthropics/claude-code#2507 and #9627, 2025",
    ),
)
"""The rows, in the order in which they are combined."""
