"""How one speaker of the dialect differs from OpenAI, as data."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from attrs import field, frozen

from axonflow_core.codec import NativeNames
from axonflow_core.messages import StopReason, ToolChoiceMode

DIALECT = "openai"

STOP_REASONS = NativeNames(
    {
        "stop": StopReason.END_TURN,
        "length": StopReason.MAX_TOKENS,
        "tool_calls": StopReason.TOOL_USE,
        "content_filter": StopReason.CONTENT_FILTERED,
    }
)

OPTIONS = frozenset(
    "model stream stream_options max_completion_tokens response_format seed n logit_bias logprobs "
    "top_logprobs "
    "presence_penalty frequency_penalty user service_tier".split()
)
"""OpenAI's parameters that have no neutral name. `n` may not ask for more than the one answer there
is room for."""


class Thinking(Enum):
    """Where an answer says what the model thought."""

    TAGGED = "tagged"
    """At the head of the content, as `<reasoning>…</reasoning>`. The member is read too."""
    BESIDE = "beside"
    """In a member of its own, `reasoning_content`."""


@frozen(kw_only=True)
class ChatForm:
    any_tool: str | None = "required"
    """What `tool_choice` says for "some tool, you choose"; None: nothing does."""
    takes_named_tool: bool = True
    stop_key: str = "finish_reason"
    """The key of the stop reason in an answer; the other spelling is read as well."""
    stop_reasons: NativeNames[StopReason] = STOP_REASONS
    stop_parameter: str | None = "stop"
    effort_parameter: str | None = None
    """The parameter that says how much the model may think."""
    thinking: Thinking | None = None
    options: frozenset[str] = OPTIONS
    has_object: bool = True
    """Whether answers and chunks say with `object` what they are."""
    chunk_facts: tuple[str, ...] = ("id", "created", "model")
    """What every chunk says, though the beginning of the answer may not have told it."""
    last_chunk: str | None = None
    """A chunk of its own behind all others, and only with it a stream is whole."""

    parameters: frozenset[str] = field(init=False)
    request_keys: frozenset[str] = field(init=False)
    tool_choices: Mapping[str, ToolChoiceMode] = field(init=False)
    choice_keys: frozenset[str] = field(init=False)
    is_tagged: bool = field(init=False)

    @parameters.default
    def _parameters(self) -> frozenset[str]:
        named = filter(None, (self.stop_parameter, self.effort_parameter))
        return frozenset({"max_tokens", "temperature", "top_p", *named})

    @request_keys.default
    def _request_keys(self) -> frozenset[str]:
        return self.parameters | {"messages", "tools", "tool_choice", "parallel_tool_calls"}

    @tool_choices.default
    def _tool_choices(self) -> Mapping[str, ToolChoiceMode]:
        modes = {"auto": ToolChoiceMode.AUTO, "none": ToolChoiceMode.NONE}
        return modes if self.any_tool is None else {**modes, self.any_tool: ToolChoiceMode.ANY}

    @choice_keys.default
    def _choice_keys(self) -> frozenset[str]:
        return frozenset({"index", "message", "delta", self.stop_key})

    @is_tagged.default
    def _is_tagged(self) -> bool:
        return self.thinking is Thinking.TAGGED
