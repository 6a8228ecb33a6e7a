"""What a codec claims: its record read as a plan of what to draw and what to hold it to.

Where a record is silent on a detail (which kinds of media, which tool choices) the codec is asked
once, with the smallest request that holds it: a refusal by name means "not claimed". What an answer
carries in addition to its content is read from the documented keys, under every name that a known
family gives it; an author with other names passes `tells`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from itertools import pairwise
from typing import Any

from attrs import field, frozen

from axonflow_core.codec import Codec, Feature, ModelFacts
from axonflow_core.errors import EncodeError
from axonflow_core.frozen import evolve
from axonflow_core.messages import (
    BuiltinTool,
    CachePoint,
    CompletionRequest,
    Document,
    Image,
    Inference,
    Media,
    MediaKind,
    Message,
    OutputSchema,
    Reasoning,
    ReasoningRequest,
    Role,
    Text,
    Tool,
    ToolChoice,
    ToolChoiceMode,
    ToolResult,
    ToolUse,
    user,
)

NO_FACTS = ModelFacts()

_NAMES: Mapping[str, frozenset[str]] = {
    "id": frozenset({"id", "generation_id"}),
    "model": frozenset({"model"}),
    "created": frozenset({"created", "created_at"}),
    "stop_sequence": frozenset({"stop_sequence", "sequence"}),
    "stop_details": frozenset({"stop_details"}),
    "service_tier": frozenset({"service_tier", "serviceTier"}),
    "input_tokens": frozenset(
        {
            "input_tokens",
            "inputTokens",
            "inputTextTokenCount",
            "prompt_token_count",
            "prompt_tokens",
            "prompt_eval_count",
            "billed_units",
        }
    ),
    "output_tokens": frozenset(
        {
            "output_tokens",
            "outputTokens",
            "tokenCount",
            "generation_token_count",
            "completion_tokens",
            "eval_count",
            "billed_units",
        }
    ),
    "cache_read_tokens": frozenset(
        {
            "cache_read_input_tokens",
            "cacheReadInputTokens",
            "cacheReadInputTokenCount",
            "cached_tokens",
        }
    ),
    "cache_write_tokens": frozenset(
        {"cache_creation_input_tokens", "cacheWriteInputTokens", "cacheWriteInputTokenCount"}
    ),
    "cache_write_5m_tokens": frozenset({"ephemeral_5m_input_tokens", "cacheDetails"}),
    "cache_write_1h_tokens": frozenset({"ephemeral_1h_input_tokens", "cacheDetails"}),
    "reasoning_tokens": frozenset({"thinking_tokens", "reasoning_tokens"}),
}
"""A fact of `Completion` or `Usage` -> the keys under which families report it."""

PICTURE = Media(MediaKind.BASE64, "iVBORw0KGgo=", "image/png")
PAPER = Media(MediaKind.BASE64, "JVBERi0=", "application/pdf")
CITED_PAPER = Document(PAPER, name="paper", citations={"enabled": True})
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
NESTED_SCHEMA = {"type": "object", "properties": {"place": SCHEMA}}
QUESTION = user("hi")
ANSWER = Message(Role.ASSISTANT, (Text("ho"),))
CONVERSATION = (QUESTION, ANSWER, QUESTION)
CALL = Message(Role.ASSISTANT, (ToolUse("call_1", "weather", {"city": "Ulm"}),))
RESULT = Message(Role.USER, (ToolResult("call_1", "rain"),))
RESULT_BLOCK = ToolResult("call_1", (Text("rain"),))


def _asked(**parts: Any) -> CompletionRequest:
    """The smallest request, with `parts` of it set."""
    return evolve(CompletionRequest((QUESTION,)), **parts)


def _conversation(*messages: Message) -> CompletionRequest:
    return CompletionRequest(messages)


EXAMPLES: Mapping[Feature, CompletionRequest] = {
    Feature.SYSTEM: _asked(system=(Text("be brief"),)),
    Feature.MID_SYSTEM: _conversation(
        QUESTION, Message(Role.SYSTEM, (Text("be brief"),)), ANSWER, QUESTION
    ),
    Feature.MANY_BLOCKS: _conversation(Message(Role.USER, (Text("hi"), Text("ho")))),
    Feature.MIXED_RESULTS: _conversation(
        QUESTION, CALL, Message(Role.USER, (RESULT_BLOCK, Text("so?")))
    ),
    Feature.ANY_ROLE_ORDER: _conversation(QUESTION, QUESTION),
    Feature.PREFILL: _conversation(QUESTION, ANSWER),
    Feature.RAW_PROMPT: _asked(is_raw_prompt=True),
    Feature.TOOLS: _asked(tools=(Tool("weather", "tells it", SCHEMA),)),
    Feature.TOOL_ERRORS: _conversation(
        QUESTION, CALL, Message(Role.USER, (evolve(RESULT_BLOCK, is_error=True),))
    ),
    Feature.TOOL_CHOICE: _asked(
        tools=(Tool("weather", None, SCHEMA),), tool_choice=ToolChoice(ToolChoiceMode.AUTO)
    ),
    Feature.IMAGES: _conversation(Message(Role.USER, (Image(PICTURE),))),
    Feature.DOCUMENTS: _conversation(Message(Role.USER, (Document(PAPER, name="paper"),))),
    Feature.CITATIONS: _conversation(Message(Role.USER, (CITED_PAPER,))),
    Feature.REASONING: _conversation(
        QUESTION, Message(Role.ASSISTANT, (Reasoning("hm"),)), QUESTION
    ),
    Feature.SIGNED_REASONING: _conversation(
        QUESTION, Message(Role.ASSISTANT, (Reasoning("hm", "sig"),)), QUESTION
    ),
    Feature.CACHE_POINTS: _asked(system=(Text("be brief"), CachePoint())),
    Feature.TEMPERATURE: _asked(inference=Inference(temperature=0.5)),
    Feature.TOP_P: _asked(inference=Inference(top_p=0.5)),
    Feature.TOP_K: _asked(inference=Inference(top_k=5)),
    Feature.STOP_SEQUENCES: _asked(inference=Inference(stop_sequences=("END",))),
    Feature.SEED: _asked(inference=Inference(seed=7)),
    Feature.PRESENCE_PENALTY: _asked(inference=Inference(presence_penalty=0.5)),
    Feature.FREQUENCY_PENALTY: _asked(inference=Inference(frequency_penalty=0.5)),
    Feature.OUTPUT_SCHEMA: _asked(output_schema=OutputSchema(SCHEMA)),
    Feature.JSON_OUTPUT: _asked(output_schema=OutputSchema()),
    Feature.SERVICE_TIER: _asked(service_tier="default"),
    Feature.METADATA: _asked(metadata={"user_id": "u1"}),
}
"""The smallest request that makes use of each feature. Not here are `BUILTIN_TOOLS`, which are
every family's own, and `DATA`, which no family refuses: one without a block for it gets its
text."""


@frozen(kw_only=True)
class Claims:
    """What a codec declares, as the plan for drawing values and checking laws."""

    codec: Codec
    facts: ModelFacts = NO_FACTS
    tells: frozenset[str] = field()
    """The attributes of `Completion` and `Usage` that this family's answers carry."""

    @tells.default
    def _facts_of_documented_keys(self) -> frozenset[str]:
        return frozenset(fact for fact, names in _NAMES.items() if names & self.codec.documented)

    def has(self, feature: Feature) -> bool:
        """Whether the feature is encoded and comes back as itself, for this model."""
        return feature in self.codec.features - self.facts.without

    def joins(self, feature: Feature) -> bool:
        """Whether the feature is encoded by joining it into the text next to it, so that it does
        not come back."""
        return feature in self.codec.joins - self.facts.without

    def examples(self) -> dict[Feature, CompletionRequest]:
        """The smallest request for every feature there is."""
        examples = dict(EXAMPLES)
        if self.codec.dialect is not None:
            tool = BuiltinTool(self.codec.dialect, "bash_20250124", "bash")
            examples[Feature.BUILTIN_TOOLS] = _asked(tools=(tool,))
        return examples

    def refusal_of(
        self, request: CompletionRequest, facts: ModelFacts | None = None
    ) -> EncodeError | None:
        """The error that `request` is refused with; None where it is taken. `facts` of another
        model stand for those of the claims."""
        try:
            self.codec.encode_request(request, facts or self.facts)
        except EncodeError as refusal:
            return refusal
        return None

    def takes(self, request: CompletionRequest) -> bool:
        """Whether `request` is encoded without an error."""
        return self.refusal_of(request) is None

    @cached_property
    def media(self) -> list[MediaKind]:
        """From where an image may come."""
        kinds = (MediaKind.BASE64, MediaKind.URL)
        return [
            kind
            for kind in kinds
            if self.takes(_conversation(Message(Role.USER, (Image(Media(kind, "AAAA", None)),))))
        ]

    @cached_property
    def tool_choices(self) -> list[ToolChoice]:
        """Every tool choice that is taken."""
        tools = (Tool("weather", None, SCHEMA),)
        choices = (
            ToolChoice(mode, "weather" if mode is ToolChoiceMode.TOOL else None, allows_parallel)
            for mode in ToolChoiceMode
            for allows_parallel in (None, True, False)
        )
        return [choice for choice in choices if self.takes(_asked(tools=tools, tool_choice=choice))]

    @cached_property
    def reasoning_requests(self) -> list[ReasoningRequest]:
        """Where a family has no word for "any mode", the mode that it writes is claimed in its
        place."""
        asked = (
            ReasoningRequest("enabled", 1024),
            ReasoningRequest("adaptive"),
            ReasoningRequest(effort="high"),
            ReasoningRequest("enabled", 2048, "low"),
        )
        return [
            self._with_mode(request) for request in asked if self.takes(_asked(reasoning=request))
        ]

    def _with_mode(self, asked: ReasoningRequest) -> ReasoningRequest:
        """The request with the mode that the family's own JSON gives it, where it has none."""
        native = self.codec.encode_request(_asked(reasoning=asked), self.facts)
        read = self.codec.decode_request(native, self.facts).reasoning or asked
        return evolve(asked, mode=asked.mode or read.mode)

    @cached_property
    def output_schemas(self) -> list[OutputSchema]:
        """Where a family requires a name, the one that it writes is claimed in its place."""
        asked = (OutputSchema(), OutputSchema(SCHEMA), OutputSchema(SCHEMA, **self._members))
        return [self._named(schema) for schema in asked if self.takes(_asked(output_schema=schema))]

    @property
    def _members(self) -> dict[str, Any]:
        values = {"name": "city", "description": "a city", "is_strict": True}
        return {name: values[name] for name in self.codec.schema_members}

    def _named(self, asked: OutputSchema) -> OutputSchema:
        """The schema with the name that the family's own JSON gives it, where it has none."""
        native = self.codec.encode_request(_asked(output_schema=asked), self.facts)
        read = self.codec.decode_request(native, self.facts).output_schema or asked
        return evolve(asked, name=asked.name or read.name)

    @cached_property
    def takes_any_schema(self) -> bool:
        """Whether a tool's arguments may be described by any JSON schema, and not by a flat list of
        names alone."""
        return self.takes(_asked(tools=(Tool("weather", None, NESTED_SCHEMA),)))

    @property
    def answers_with_thoughts(self) -> bool:
        """Whether an answer may hold reasoning before its text."""
        return self.has(Feature.REASONING) or self.joins(Feature.REASONING)

    @cached_property
    def borders(self) -> tuple[str, ...]:
        """What a template puts between two turns, read off a prompt that it wrote; nothing for a
        family of messages."""
        if self.codec.is_single_turn:
            return ()
        texts = ("QUESTION-1", "ANSWER-1", "QUESTION-2")
        roles = (Role.USER, Role.ASSISTANT, Role.USER)
        turns = tuple(Message(role, (Text(text),)) for role, text in zip(roles, texts, strict=True))
        native = self.codec.encode_request(CompletionRequest(turns), self.facts)
        prompts = [
            leaf
            for leaf in native.values()
            if isinstance(leaf, str) and all(text in leaf for text in texts)
        ]
        return tuple(
            prompt.split(before)[1].split(after)[0]
            for prompt in prompts
            for before, after in pairwise(texts)
        )


def claimed(codec: Codec, facts: ModelFacts, tells: Iterable[str] | None) -> Claims:
    """The claims of a codec; `tells` None: derived from its documented keys."""
    if tells is None:
        return Claims(codec=codec, facts=facts)
    return Claims(codec=codec, facts=facts, tells=frozenset(tells))
