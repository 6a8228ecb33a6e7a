"""What each model takes of reasoning: how it is asked for, what may not stand beside it, and which
reasoning a history may hold. Claude's rows are Anthropic's (`dialects.anthropic_messages.claudes`).

A model of Converse that no row names takes no word about its reasoning, for Bedrock hands the words
on unread and its vendor refuses those of another.
"""

from __future__ import annotations

from axonflow_core.codec import Feature, ModelFacts, ReasoningControls
from axonflow_core.codec.facts import BesideReasoning
from axonflow_core.codec.model_rules import ModelRule
from axonflow_core.dialects.anthropic_messages.claudes import WITHOUT_REASONING

from .model_rule import CLAUDE, CONVERSE, EVERY

_UP_TO_HIGH = ("low", "medium", "high")

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
