"""Whose rows of the tables of rules: every model, Claudes; and the surfaces that they are for."""

from __future__ import annotations

from axonflow_core.codec.model_rules import ModelRule
from axonflow_core.frozen import evolve

INVOKE = "invoke"
CONVERSE = "converse"

EVERY = ("",)
CLAUDE = ("anthropic.claude-",)


def claude(*names: str) -> tuple[str, ...]:
    """The prefixes of Claudes: `sonnet-4-5`."""
    return tuple(f"anthropic.claude-{name}" for name in names)


def of_anthropic(rule: ModelRule, surface: str | None = None) -> ModelRule:
    """A row of Anthropic's under Bedrock's names, for the surface."""
    return evolve(
        rule,
        models=tuple(f"anthropic.{prefix}" for prefix in rule.models),
        except_models=tuple(f"anthropic.{prefix}" for prefix in rule.except_models),
        surface=surface,
    )
