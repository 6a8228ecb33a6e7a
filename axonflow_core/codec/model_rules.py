"""What some models of a family refuse, as rows of a table, each with its source.

All rows that fit a model are combined into its `ModelFacts`, and `fitting` makes requests fit these
facts. What a whole family does not support is declared by its codec and not here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from attrs import fields

from axonflow_core.codec.facts import ModelFacts
from axonflow_core.frozen import evolve, frozen


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


def facts_by(
    rules: Iterable[ModelRule], base_id: str, surface: str, facts: ModelFacts
) -> ModelFacts:
    """`facts` with what those of `rules` say that fit the model, in their order."""
    for rule in rules:
        if rule.fits(base_id, surface):
            facts = both(facts, rule.facts)
    return facts


def both(facts: ModelFacts, more: ModelFacts) -> ModelFacts:
    """Combine two rules: `without`, `one_of`, `ranges`, `tool_choices` and `betas` accumulate, the
    lesser of two limits of output tokens holds, and for the other fields the later, more specific
    row wins where it is not at the default.
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
    if facts.max_output_tokens is not None and more.max_output_tokens is not None:
        together["max_output_tokens"] = min(facts.max_output_tokens, more.max_output_tokens)
    if facts.tool_choices is not None and more.tool_choices is not None:
        together["tool_choices"] = facts.tool_choices & more.tool_choices
    if facts.betas is not None and more.betas is not None:
        together["betas"] = facts.betas | more.betas
    return evolve(facts, **{**later, **together})
