"""What a codec must know about a model and cannot read from a value.

A family's codec serves models that differ. The differences are data here, filled in by the provider
from its catalogue, so that neither codec nor `fitting` asks for a model's id.
"""

from __future__ import annotations

from axonflow_core.frozen import frozen
from axonflow_core.media import MediaTerms
from axonflow_core.messages import ReasoningRequest, ToolChoiceMode

from .features import Feature
from .name_rules import NameRule


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
class BesideReasoning:
    """What a model refuses next to reasoning, and takes without it."""

    efforts: tuple[str, ...] = ()
    """The efforts that this is about; empty: reasoning of every kind."""
    without: frozenset[Feature] = frozenset()
    """Features that are refused."""
    ranges: tuple[NumberRange, ...] = ()
    """Narrower ranges. A range of one value is the default: another value is left out."""
    tool_choices: frozenset[ToolChoiceMode] | None = None
    """The modes of choice that are left; None: all."""
    has_limit: bool = True
    """Whether a limit of output tokens may be stated."""


@frozen(kw_only=True)
class ReasoningControls:
    """The controls of reasoning that a family, or one model of it, has, and the reasoning that a
    history may hold.

    A model without budget, efforts and modes reasons as it likes, and takes no word about it.
    """

    has_budget: bool = False
    """Whether it takes a number of tokens."""
    least_budget: int = 0
    """The least number of tokens that it takes."""
    efforts: tuple[str, ...] = ()
    """The names of effort that it takes, from the least to the most; empty: it takes none."""
    effort_beta: str | None = None
    """The beta of Anthropic's that an effort needs; None: none."""
    modes: frozenset[str] = frozenset()
    """The names of mode that it takes."""
    is_mode_optional: bool = True
    """Whether an effort alone asks for reasoning. Claude's is about all tokens of the answer, and
    it reasons by a mode or a budget."""
    is_off_unasked: bool = False
    """Whether it does not reason unless a mode or a budget asks it to."""
    efforts_with_tools: tuple[str, ...] | None = None
    """The efforts of which a call that offers tools must name one; None: it may name any or none.
    Empty: it must name none."""
    efforts_when_off: tuple[str, ...] | None = None
    """The efforts that it takes while reasoning is turned off; None: all of them."""
    signer: str | None = None
    """The vendor whose signatures its reasoning has; None: signatures are not checked."""
    is_signed: bool = False
    """Whether reasoning in a history is refused without a signature."""
    has_history: bool = True
    """Whether it takes reasoning of earlier turns."""
    opens_calls: bool = False
    """Whether a round of tool calls is refused that does not begin with reasoning, while a budget
    is asked for."""
    beside: BesideReasoning | None = None

    def is_on(self, asked: ReasoningRequest | None) -> bool:
        """Whether the request makes the model reason, by these controls."""
        if asked is None or asked.mode == OFF_MODE or asked.effort == OFF_EFFORT:
            return False
        has_word = asked.mode is not None or asked.budget_tokens is not None
        return has_word or self.is_mode_optional

    def besides(self, asked: ReasoningRequest | None) -> BesideReasoning | None:
        """What is refused next to the reasoning that is asked for; None: nothing."""
        beside = self.beside
        if asked is None or beside is None or not self.is_on(asked):
            return None
        return beside if not beside.efforts or asked.effort in beside.efforts else None


OFF_MODE, OFF_EFFORT = "disabled", "none"
"""The mode and the effort that ask for no reasoning."""


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
    max_stop_sequences: int | None = None
    """The most stop sequences of one request; None: no limit is known."""
    max_stop_characters: int | None = None
    """The most characters of one of them; None: no limit is known."""
    has_blank_stops: bool = True
    """Whether a stop sequence may be nothing but blanks."""
    max_output_tokens: int | None = None
    """The most output tokens that a call may ask for; None: unknown."""
    tool_choices: frozenset[ToolChoiceMode] | None = None
    """The modes of choice that the model takes; None: every one that the family has."""
    has_strict_tools: bool = True
    """Whether the arguments of a tool can be held to its schema: `Tool.is_strict`."""
    has_object_schemas: bool = False
    """Whether the schema of a tool must say that it is of an object."""
    refused_in_schemas: frozenset[str] = frozenset()
    """Keywords that may not stand at the top of a tool's schema."""
    argument_names: NameRule | None = None
    """How the arguments of a tool may be named; None: however they are."""
    refused_in_outputs: frozenset[str] = frozenset()
    """Keywords that may not stand in the schema of the answer, on any level."""
    has_closed_outputs: bool = False
    """Whether the schema of the answer must say of every object that it has no other members."""
    refused_builtins: tuple[str, ...] = ()
    """The beginnings of the types of the vendor's tools that the service does not run:
    `web_search`."""
    has_unique_tools: bool = False
    """Whether two tools of one name are refused."""
    has_streamed_tools: bool = True
    """Whether a streamed call may offer tools."""
    tools_with_history: bool = False
    """Whether calls of tools in the conversation are refused when no tool is offered."""
    tool_results_alone: bool = False
    """Whether nothing else of the user's may stand in one turn with the results of tools."""
    tool_results_together: bool = False
    """Whether the results of one turn must stand in one message."""
    calls_meet_results: bool = False
    """Whether nothing may stand between calls and their results: calls are the last blocks of the
    assistant's turn, results the first of the user's."""
    documents_apart_from_results: bool = False
    """Whether documents may not stand in one turn with the results of tools."""
    has_images_in_results: bool = True
    """Whether the result of a tool may be a picture."""
    has_documents_in_results: bool = True
    """Whether the result of a tool may be a document."""
    has_object_results: bool = False
    """Whether JSON as the result of a tool must be an object."""
    starts_with_user: bool = False
    """Whether the first message must be the user's."""
    needs_messages: bool = False
    """Whether a request without messages is refused."""
    pairs_results: bool = False
    """Whether every call must be answered in the next turn, and every result must be asked for."""
    documents_with_text: bool = False
    """Whether a message with a document must have a text too."""
    alternates: bool = False
    """Whether two messages of one role in a row are refused."""
    refuses_blanks: bool = False
    """Whether a message without blocks, and a text of nothing but blanks, are refused."""
    refuses_blank_results: bool = False
    """Whether the same holds inside of the results of tools."""
    refuses_blank_end: bool = False
    """Whether an assistant's message at the end may not end in blanks."""
    max_cache_points: int | None = None
    """The most cache points in one request; None: no limit is known."""
    images: MediaTerms | None = None
    """What it takes of pictures; None: nothing is known."""
    documents: MediaTerms | None = None
    """What it takes of documents; None: nothing is known."""
    cache_ttls: tuple[str, ...] | None = None
    """The times that a cache point may name, from the shortest, which is meant where none is named.
    Empty: it may name none. None: unknown, so every name is sent."""
    uncached: frozenset[Feature] = frozenset()
    """After what no cache point may stand: `TOOLS` that are offered, results of tools
    (`MIXED_RESULTS`), `REASONING`."""
    reasoning: ReasoningControls | None = None
    """The controls of reasoning that this model has; None: those of its family."""
    betas: frozenset[str] | None = None
    """The betas of Anthropic's that the service takes for this model, of which it refuses every
    other; None: it takes what is named."""
    tool_names: NameRule | None = None
    tool_use_ids: NameRule | None = None
    document_names: NameRule | None = None
    """How names may be spelled; None: however they are."""

    def takes_limit(self, asked: ReasoningRequest | None) -> bool:
        """Whether a limit of output tokens may stand next to the reasoning that is asked for."""
        beside = None if self.reasoning is None else self.reasoning.besides(asked)
        return beside is None or beside.has_limit
