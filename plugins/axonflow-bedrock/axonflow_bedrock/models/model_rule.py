"""One row of the tables of rules: what some models refuse, and how that is known."""

from __future__ import annotations

from axonflow_core.codec import ModelFacts
from axonflow_core.frozen import frozen

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


EVERY = ("",)
CLAUDE = ("anthropic.claude-",)


def claude(*names: str) -> tuple[str, ...]:
    """The prefixes of Claudes: `sonnet-4-5`."""
    return tuple(f"anthropic.claude-{name}" for name in names)
