"""What a codec must know about a model and cannot read from a value."""

from __future__ import annotations

from attrs import frozen

from axonflow_core.messages import ToolChoiceMode

from .features import Feature
from .name_rules import NameRule


@frozen(kw_only=True)
class ReasoningControls:
    """How a family, or one model of it, is told to reason, and which reasoning a history may hold.

    `has_budget`: whether it takes a number of tokens. `efforts`: the names of effort that it takes,
    from the least to the most; empty: it takes none. `modes`: the names of mode that it takes.
    `signer`: whose signatures stand on its reasoning; None: nobody's, or anybody's.
    `is_signed`: whether reasoning in a history is refused without a signature.
    """

    has_budget: bool = False
    efforts: tuple[str, ...] = ()
    modes: frozenset[str] = frozenset()
    signer: str | None = None
    is_signed: bool = False


@frozen(kw_only=True)
class ModelFacts:
    """What a codec must know about the model and cannot read from the value. The provider fills
    it."""

    model_id: str = ""
    base_id: str = ""
    """The id without geography, ARN and context suffix: `meta.llama3-1-70b-instruct-v1:0`."""
    default_max_tokens: int | None = None
    """The operator's own limit, sent when the caller gave none."""
    without: frozenset[Feature] = frozenset()
    """What the family can say and this model does not take."""
    one_of: tuple[tuple[Feature, ...], ...] = ()
    """Of each group the model takes one at a time; the first that is asked goes before the
    others."""
    tool_choices: frozenset[ToolChoiceMode] | None = None
    """The ways of choosing that the model takes; None: every one that the family can say."""
    has_streamed_tools: bool = True
    """Whether a streamed call may offer tools."""
    tools_with_history: bool = False
    """Whether calls of tools in the conversation are refused when no tool is offered."""
    tool_results_alone: bool = False
    """Whether nothing else of the user's may stand in one turn with the results of tools."""
    tool_results_together: bool = False
    """Whether the results of one turn must stand in one message."""
    starts_with_user: bool = False
    """Whether the first message must be the user's."""
    alternates: bool = False
    """Whether two messages of one role in a row are refused."""
    max_cache_points: int | None = None
    reasoning: ReasoningControls | None = None
    """How this model is told to reason; None: as its family is."""
    tool_names: NameRule | None = None
    tool_use_ids: NameRule | None = None
    document_names: NameRule | None = None
    """How names may be spelled; None: however they are."""
