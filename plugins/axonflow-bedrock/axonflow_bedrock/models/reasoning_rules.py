"""What each model takes of reasoning: how it is asked for, what may not stand beside it, and which
reasoning a history may hold.

A Claude that is named in no row has what the newest has: these rows name the older ones. A model of
Converse that no row names takes no word about its reasoning, for Bedrock hands the words on unread
and its vendor refuses those of another.
"""

from __future__ import annotations

from axonflow_core.codec import Feature, ModelFacts, ReasoningControls
from axonflow_core.codec.facts import BesideReasoning, NumberRange
from axonflow_core.dialects.anthropic_messages import REASONING
from axonflow_core.frozen import evolve
from axonflow_core.messages import ToolChoiceMode

from .model_rule import CLAUDE, CONVERSE, EVERY, ModelRule, claude

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

REASONING_RULES: tuple[ModelRule, ...] = (
    ModelRule(
        EVERY,
        ModelFacts(reasoning=ReasoningControls(has_history=False)),
        "AWS user guide, Converse, additionalModelRequestFields, November 2026; public reports "
        "(BerriAI/litellm#33401, langchain-ai/langchain-aws#401, earendil-works/pi#1505), 2025 and "
        "2026",
        CONVERSE,
        except_models=(*CLAUDE, "amazon.nova"),
    ),
    # ── Claude, from the newest to the oldest ─────────────────────────────────────────────────────
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
    # ── other vendors ─────────────────────────────────────────────────────────────────────────────
    ModelRule(
        ("amazon.nova",),
        WITHOUT_REASONING,
        "UKGovernmentBEIS/inspect_ai#5301 (`the provided reasoning config value is invalid`), "
        "September 2026",
        except_models=("amazon.nova-2",),
    ),
    ModelRule(
        ("amazon.nova-2",),
        ModelFacts(
            reasoning=ReasoningControls(
                efforts=_UP_TO_HIGH,
                modes=frozenset({"enabled", "disabled"}),
                signer="nova",
                beside=BesideReasoning(
                    efforts=("high",),
                    without=frozenset({Feature.TEMPERATURE, Feature.TOP_P, Feature.TOP_K}),
                    has_limit=False,
                ),
            )
        ),
        "Amazon Nova 2 user guide, Extended thinking, November 2026; UKGovernmentBEIS/"
        "inspect_ai#3767 and #3848, April and May 2026",
    ),
    ModelRule(
        ("openai.gpt-oss", "qwen."),
        ModelFacts(reasoning=ReasoningControls(efforts=_UP_TO_HIGH, has_history=False)),
        "AWS user guide, OpenAI models; recorded traffic, November 2026",
        CONVERSE,
    ),
    ModelRule(
        ("openai.gpt-5", "openai.gpt-6"),
        ModelFacts(
            reasoning=ReasoningControls(efforts=("none", *_UP_TO_HIGH, "xhigh"), has_history=False)
        ),
        "litellm 1.109.1 (`reasoning.effort` in additionalModelRequestFields), November 2026",
        CONVERSE,
    ),
)
