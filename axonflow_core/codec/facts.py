"""What a codec must know about a model and cannot read from a value.

A family's codec serves models that differ. The differences are data here, filled in by the provider
from its catalogue, so that neither codec nor `fitting` asks for a model's id.
"""

from __future__ import annotations

from axonflow_core.frozen import frozen
from axonflow_core.media import MediaTerms
from axonflow_core.messages import ToolChoiceMode

from .features import Feature
from .name_rules import NameRule


@frozen(kw_only=True)
class ReasoningControls:
    """The controls of reasoning that a family, or one model of it, has, and the reasoning that a
    history may hold.

    `has_budget`: whether it takes a number of tokens. `efforts`: the names of effort that it takes,
    from the least to the most; empty: it takes none. `modes`: the names of mode that it takes.
    `signer`: the vendor whose signatures its reasoning has; None: signatures are not checked.
    `is_signed`: whether reasoning in a history is refused without a signature.
    """

    has_budget: bool = False
    efforts: tuple[str, ...] = ()
    modes: frozenset[str] = frozenset()
    signer: str | None = None
    is_signed: bool = False


@frozen
class NumberRange:
    """The values that a model takes for one number of `Inference`; another is moved to the nearest
    bound and reported. Without the range the service refuses it, after the call was sent."""

    name: str
    """The attribute of `Inference`: `temperature`, `top_k`."""
    least: float
    most: float

    def nearest(self, value: float) -> float:
        """`value`, or the bound that it lies beyond."""
        return min(max(value, self.least), self.most)


@frozen(kw_only=True)
class ModelFacts:
    """What a codec must know about the model and cannot read from the value. The provider fills it;
    the defaults restrict nothing."""

    model_id: str = ""
    """The id as the caller or the configuration gives it."""
    base_id: str = ""
    """The id without geography, ARN and context suffix: `meta.llama3-1-70b-instruct-v1:0`."""
    default_max_tokens: int | None = None
    """The operator's own limit, sent when the caller gave none."""
    without: frozenset[Feature] = frozenset()
    """Features of the family that this model does not support."""
    one_of: tuple[tuple[Feature, ...], ...] = ()
    """Of each group the model takes one at a time; the first that is asked goes before the
    others."""
    ranges: tuple[NumberRange, ...] = ()
    """The ranges of sampling parameters; of one that has several, the last counts. One that has
    none is sent as it is."""
    max_output_tokens: int | None = None
    """The most output tokens that a call may ask for; None: unknown."""
    tool_choices: frozenset[ToolChoiceMode] | None = None
    """The modes of choice that the model takes; None: every one that the family has."""
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
    """The most cache points in one request; None: no limit is known."""
    images: MediaTerms | None = None
    """What it takes of pictures; None: nothing is known."""
    documents: MediaTerms | None = None
    """What it takes of documents; None: nothing is known."""
    reasoning: ReasoningControls | None = None
    """The controls of reasoning that this model has; None: those of its family."""
    tool_names: NameRule | None = None
    tool_use_ids: NameRule | None = None
    document_names: NameRule | None = None
    """How names may be spelled; None: however they are."""
