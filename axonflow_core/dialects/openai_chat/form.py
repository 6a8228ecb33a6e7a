"""How one speaker of the dialect differs from OpenAI, as data.

Every member of `ChatForm` is one observed difference, for example `stop_key="stop_reason"` of a
server that names the reason otherwise. What follows from several of them is computed once, when the
form is made: codecs read these sets in every call.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Self

from attrs import field

from axonflow_core.codec import Feature, NativeNames
from axonflow_core.frozen import evolve, frozen
from axonflow_core.messages import StopReason, ToolChoiceMode

DIALECT = "openai"
"""The name of the dialect in `Opaque` blocks and `BuiltinTool`s."""

LIMIT, NEWER_LIMIT = "max_tokens", "max_completion_tokens"
"""OpenAI's two names of the limit of output tokens. The older one is deprecated, and refused by its
reasoning models; many services of the dialect know it alone."""

STOP_REASONS = NativeNames(
    {
        "stop": StopReason.END_TURN,
        "length": StopReason.MAX_TOKENS,
        "tool_calls": StopReason.TOOL_USE,
        "function_call": StopReason.TOOL_USE,
        "content_filter": StopReason.CONTENT_FILTERED,
    }
)
"""OpenAI's words (API reference, "Chat completions", November 2026)."""

OPTIONS = frozenset("model stream stream_options n logit_bias logprobs top_logprobs user".split())
"""OpenAI's parameters that have no neutral name. `n` may not ask for more than the one answer there
is room for."""


RESPONSE_FORMAT, TOOL_CHOICE = "response_format", "tool_choice"
"""Parameters that have a neutral field, and values that have not: those are options."""

OUTPUT_FORMATS = frozenset({Feature.OUTPUT_SCHEMA, Feature.JSON_OUTPUT})
"""What `response_format` asks for: `json_schema`, `json_object`."""

PARAMETER_FEATURES: Mapping[str, frozenset[Feature]] = {
    "seed": frozenset({Feature.SEED}),
    "presence_penalty": frozenset({Feature.PRESENCE_PENALTY}),
    "frequency_penalty": frozenset({Feature.FREQUENCY_PENALTY}),
    "service_tier": frozenset({Feature.SERVICE_TIER}),
    "metadata": frozenset({Feature.METADATA}),
    "response_format": OUTPUT_FORMATS,
}
"""A parameter that not every speaker takes -> the features that it gives its family."""

COMMON_PARAMETERS = frozenset(PARAMETER_FEATURES) - {"metadata"}
"""The parameters that most services of the dialect take; `metadata` is OpenAI's own."""

DROPPABLE_OPTIONS = frozenset(
    "user logit_bias prediction prompt_cache_key prompt_cache_options prompt_cache_retention "
    "safety_identifier store verbosity".split()
)
"""Options that change no meaning. `logit_bias` steers the sampling of single tokens, which have
other numbers in every family."""


LAST_CHUNK = "[DONE]"
"""The text that ends a stream of OpenAI's. A form that does not document it reads it too."""


class Thinking(Enum):
    """Where an answer has the model's reasoning."""

    TAGGED = "tagged"
    """At the head of the content, as `<reasoning>…</reasoning>`. The member is read too."""
    MEMBER = "member"
    """In a member of its own, `reasoning_content`."""


@frozen(kw_only=True)
class ChatForm:
    """One service's differences from OpenAI's chat JSON. The defaults are OpenAI's own."""

    any_tool: str | None = "required"
    """The word of `tool_choice` for "some tool, the model chooses"; None: there is none."""
    takes_named_tool: bool = True
    """Whether `tool_choice` may name a tool."""
    stop_key: str = "finish_reason"
    """The key of the stop reason in an answer; the other spelling is read as well."""
    stop_reasons: NativeNames[StopReason] = STOP_REASONS
    """The words of the stop reasons, in both directions."""
    stop_parameter: str | None = "stop"
    """The parameter of stop sequences; None: there is none."""
    limit_parameter: str = "max_tokens"
    """The parameter of the limit of output tokens; the other spelling is read as well."""
    system_role: str = "system"
    """The role of the system text; the other spelling is read as well."""
    effort_parameter: str | None = None
    """The parameter of the effort of reasoning; None: there is none."""
    thinking: Thinking | None = None
    """Where reasoning stands in an answer; None: it has none."""
    options: frozenset[str] = OPTIONS
    """The documented parameters that have no neutral name."""
    takes: frozenset[str] = COMMON_PARAMETERS
    """Those of `PARAMETER_FEATURES` that the speaker takes. `chat_codec` puts those here that its
    `features` list."""
    output_formats: frozenset[Feature] = OUTPUT_FORMATS
    """What of `response_format` the speaker takes; likewise."""
    has_object: bool = True
    """Whether answers and chunks have `object`, the name of their type."""
    chunk_facts: tuple[str, ...] = ("id", "created", "model")
    """The members that every chunk has, from the `StreamContext` where the answer has none."""
    last_chunk: str | None = None
    """A chunk of its own after all others, the text `[DONE]`: the terminal event of the stream.
    None: the chunk with the stop reason is the last."""

    parameters: frozenset[str] = field(init=False)
    """The names of the parameters of inference."""
    numbers: tuple[str, ...] = field(init=False)
    """Parameters whose name is that of the attribute of `Inference`."""
    features: frozenset[Feature] = field(init=False)
    """What a family has because its form takes these parameters."""
    codec_options: frozenset[str] = field(init=False)
    """`options`, and the parameters with a neutral field that take more than it holds."""
    request_keys: frozenset[str] = field(init=False)
    """The keys of a body that have a neutral field."""
    tool_choices: Mapping[str, ToolChoiceMode] = field(init=False)
    """Word of `tool_choice` -> mode."""
    choice_keys: frozenset[str] = field(init=False)
    """The keys of a choice that are decoded."""
    is_tagged: bool = field(init=False)
    """Whether reasoning stands in the content, between tags."""

    def with_features(self, features: frozenset[Feature]) -> Self:
        """This form with the parameters that `features` list, and no others of
        `PARAMETER_FEATURES`."""
        takes = {name for name, given in PARAMETER_FEATURES.items() if given & features}
        return evolve(self, takes=frozenset(takes), output_formats=OUTPUT_FORMATS & features)

    @parameters.default
    def _parameters(self) -> frozenset[str]:
        """The parameters of inference that this speaker documents, by their names in the body."""
        named = filter(None, (self.stop_parameter, self.effort_parameter))
        return frozenset({LIMIT, "temperature", "top_p", *named, *self.takes})

    @numbers.default
    def _numbers(self) -> tuple[str, ...]:
        """The penalties and the seed that this speaker takes; they need no conversion."""
        names = ("seed", "presence_penalty", "frequency_penalty")
        return tuple(name for name in names if name in self.takes)

    @features.default
    def _features(self) -> frozenset[Feature]:
        """The features of `takes`, less the output formats that the speaker does not take."""
        features = frozenset[Feature]().union(*(PARAMETER_FEATURES[name] for name in self.takes))
        return features - (OUTPUT_FORMATS - self.output_formats)

    @codec_options.default
    def _codec_options(self) -> frozenset[str]:
        """The names that a request of this form may have in its `options`."""
        chosen = {TOOL_CHOICE} if self.takes_named_tool else set()
        return self.options | chosen | ({RESPONSE_FORMAT} & self.takes)

    @request_keys.default
    def _request_keys(self) -> frozenset[str]:
        """The keys of a body that are decoded into neutral fields; all others are `options` or
        `extra`."""
        return self.parameters | {"messages", "tools", "tool_choice", "parallel_tool_calls"}

    @tool_choices.default
    def _tool_choices(self) -> Mapping[str, ToolChoiceMode]:
        """Native word -> mode. A choice by name is an object and is not in the table."""
        modes = {"auto": ToolChoiceMode.AUTO, "none": ToolChoiceMode.NONE}
        return modes if self.any_tool is None else {**modes, self.any_tool: ToolChoiceMode.ANY}

    @choice_keys.default
    def _choice_keys(self) -> frozenset[str]:
        """The keys of a choice that are decoded: others are kept as `choice.key` in `extra`."""
        return frozenset({"index", "message", "delta", self.stop_key})

    @is_tagged.default
    def _is_tagged(self) -> bool:
        return self.thinking is Thinking.TAGGED
