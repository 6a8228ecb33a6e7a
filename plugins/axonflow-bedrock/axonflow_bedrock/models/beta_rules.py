"""The betas of Anthropic's that Bedrock takes, by the Claudes that it takes them for.

Bedrock refuses a call for each other one: "invalid beta flag". A Claude that no row but the first
names takes none, which costs a feature and no call.
"""

from __future__ import annotations

from axonflow_core.codec import ModelFacts
from axonflow_core.codec.model_rules import ModelRule

from .model_rule import CLAUDE, claude

_OPUS_4 = ("opus-4-2", "opus-4-1")
_CLAUDE_4 = (*_OPUS_4, "sonnet-4-2", "sonnet-4-5", "haiku-4-5", "opus-4-5")
_CLAUDE_4_6 = ("sonnet-4-6", "opus-4-6")
_PAGE = "AWS user guide, Anthropic Claude Messages API, Request and Response (beta headers)"
_TOOLS_PAGE = "AWS user guide, Anthropic Claude Messages API, Tool use"
_READ = "read November 2026"


def _taken(*betas: str) -> ModelFacts:
    return ModelFacts(betas=frozenset(betas))


BETA_RULES: tuple[ModelRule, ...] = (
    ModelRule(
        CLAUDE,
        _taken(),
        "anthropics/claude-code#49370, #56595 and #82549, BerriAI/litellm#19875 (`invalid beta "
        "flag`), 2026",
    ),
    ModelRule(
        claude("3-5-sonnet-20241022"),
        _taken("computer-use-2024-10-22"),
        f"{_TOOLS_PAGE}, {_READ}",
    ),
    ModelRule(
        claude("3-7-"),
        _taken(
            "computer-use-2025-01-24",
            "token-efficient-tools-2025-02-19",
            "output-128k-2025-02-19",
        ),
        f"{_PAGE}, {_READ}",
    ),
    ModelRule(
        claude(*_CLAUDE_4),
        _taken(
            "token-efficient-tools-2025-02-19",
            "interleaved-thinking-2025-05-14",
            "dev-full-thinking-2025-05-14",
        ),
        f"{_PAGE}: Claude 4 and later, {_READ}",
    ),
    ModelRule(
        claude(*_CLAUDE_4),
        _taken(
            "computer-use-2025-01-24",
            "context-management-2025-06-27",
            "fine-grained-tool-streaming-2025-05-14",
        ),
        f"{_TOOLS_PAGE}, {_READ}",
    ),
    ModelRule(
        claude("sonnet-4-2"),
        _taken("context-1m-2025-08-07"),
        f"{_PAGE}, {_READ}",
    ),
    ModelRule(
        claude("opus-4-5"),
        _taken(
            "computer-use-2025-11-24",
            "effort-2025-11-24",
            "tool-search-tool-2025-10-19",
            "tool-examples-2025-10-29",
        ),
        f"{_PAGE}, {_READ}",
    ),
    ModelRule(
        claude(*_CLAUDE_4_6),
        _taken("computer-use-2025-11-24", "compact-2026-01-12"),
        f"AWS user guide, Compaction (Opus 4.6 and Sonnet 4.6) and Tool use, {_READ}",
    ),
    ModelRule(
        claude("opus-4-7"),
        _taken("interleaved-thinking-2025-05-14", "compact-2026-01-12"),
        "anthropics/claude-code#49370 (measured: it takes interleaved thinking), April 2026; AWS "
        f"user guide, Compaction, {_READ}",
    ),
    ModelRule(
        claude("fable-5", "opus-4-8"),
        _taken("fallback-credit-2026-06-09"),
        f"AWS user guide, Fallback credit for refused requests, {_READ}",
    ),
)
