"""What a request may ask of a family, and what a given request does ask for.

A codec declares a set of `Feature`s; `asked_by` finds those of a request in one walk. Whatever is
asked and not declared is refused by name, so a member of this enum is the unit in which support is
declared, tested and reported.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from axonflow_core.messages import (
    BuiltinTool,
    CachePoint,
    CompletionRequest,
    ContentBlock,
    Data,
    Document,
    Image,
    Message,
    Opaque,
    Reasoning,
    Role,
    Text,
    Tool,
    ToolResult,
    ToolUse,
)

_ASSISTANT, _SYSTEM = Role.ASSISTANT, Role.SYSTEM
"""Every call asks for these: in Python 3.11 a member costs 0.1 us whenever it is taken from its
class."""


class Feature(StrEnum):
    """What a request may ask of a family. The value is how errors and documents call it."""

    SYSTEM = "system"
    """A system prompt before the conversation: `CompletionRequest.system`."""
    MID_SYSTEM = "system message in mid-conversation"
    """A `Message` with the role `system` after the first message."""
    MANY_BLOCKS = "several blocks in one message"
    """A message, system prompt or tool result of several blocks, or of none."""
    MIXED_RESULTS = "tool results next to other blocks"
    """A message with a `ToolResult` and other blocks."""
    ANY_ROLE_ORDER = "any order of roles"
    """Two messages of one role in a row, or an assistant's message first."""
    PREFILL = "assistant message at the end"
    """An assistant's message at the end, which the model continues."""
    RAW_PROMPT = "raw prompt"
    """A prompt in the family's own template, sent as it is: `is_raw_prompt`."""
    TOOLS = "tools"
    """Tools, the model's calls of them (`ToolUse`) and their results (`ToolResult`)."""
    BUILTIN_TOOLS = "built-in tools"
    """Tools that the vendor defines: `BuiltinTool`."""
    TOOL_ERRORS = "failed tool results"
    """Whether a tool failed: `ToolResult.is_error`."""
    DATA = "JSON as a tool result"
    """A JSON value as the result of a tool: `Data`. Other families get its text."""
    TOOL_CHOICE = "tool choice"
    """Which tool the model must, may or must not call: `ToolChoice`."""
    IMAGES = "images"
    """`Image` blocks."""
    DOCUMENTS = "documents"
    """`Document` blocks: PDF and the like."""
    CITATIONS = "citations of documents"
    """Citations of a document in the answer: `Document.citations`."""
    REASONING = "reasoning"
    """`Reasoning` blocks, and a `ReasoningRequest` that asks for them."""
    SIGNED_REASONING = "signed or redacted reasoning"
    """Reasoning with the vendor's signature, or redacted by the vendor."""
    CACHE_POINTS = "cache points"
    """Marks up to which the vendor caches the prompt: `CachePoint`."""
    TEMPERATURE = "temperature"
    """`Inference.temperature`."""
    TOP_P = "top_p"
    """`Inference.top_p`."""
    TOP_K = "top_k"
    """`Inference.top_k`."""
    STOP_SEQUENCES = "stop_sequences"
    """`Inference.stop_sequences`: texts that end the answer."""
    SEED = "seed"
    """`Inference.seed`: the same seed asks for the same answer."""
    PRESENCE_PENALTY = "presence_penalty"
    """`Inference.presence_penalty`: against words that occurred at all."""
    FREQUENCY_PENALTY = "frequency_penalty"
    """`Inference.frequency_penalty`: against words that occurred often."""
    OUTPUT_SCHEMA = "output schema"
    """A JSON schema that the answer keeps to: `OutputSchema`."""
    JSON_OUTPUT = "JSON output without a schema"
    """An answer of any JSON: an `OutputSchema` without a schema."""
    SERVICE_TIER = "service tier"
    """The vendor's class of speed and price: `service_tier`."""
    METADATA = "metadata"
    """Labels of the call for the vendor's own records: `metadata`."""


BLANK = "blank content"
"""What a request may have and no family is asked for: no messages, a message without blocks, or a
text of nothing but blanks. It stands beside the features where these choose what to do."""


def is_blank(text: str) -> bool:
    """Whether a text says nothing: it is empty, or blanks alone."""
    return not text or text.isspace()


def blocks_of(request: CompletionRequest) -> list[ContentBlock]:
    """Every block of a request, those inside tool results and documents too."""
    blocks = list(request.system)
    for message in request.messages:
        blocks += message.content
    for block in blocks:  # grows while it is walked
        if isinstance(block, ToolResult | Document) and block.content:
            blocks += block.content
    return blocks


def features_of(request: CompletionRequest) -> set[Feature]:
    """Every feature that the request makes use of."""
    return asked_by(request).features


class Asked:
    """What a request asks for: features, and the dialects whose private blocks and tools it holds.

    The methods add to them. They are written for speed: this runs for each call, and most
    messages are one text, which asks for nothing.
    """

    def __init__(self) -> None:
        self.features: set[Feature] = set()
        self.dialects: set[str] = set()
        self.has_blanks = False
        """Whether there are no messages, a message has no blocks, or a text says nothing."""

    @property
    def uses(self) -> frozenset[str]:
        """The features, and `BLANK` where it applies."""
        return frozenset((*self.features, BLANK) if self.has_blanks else self.features)

    def add_content(self, content: tuple[ContentBlock, ...]) -> None:
        """What the blocks of one message ask for. Exactly one block is the case that every family
        has."""
        if len(content) != 1:
            self.features.add(Feature.MANY_BLOCKS)
            self.has_blanks |= not content
        for block in content:
            if type(block) is not Text:
                self.add_block(block)
                if len(content) > 1 and isinstance(block, ToolResult):
                    self.features.add(Feature.MIXED_RESULTS)
            elif is_blank(block.text):
                self.has_blanks = True

    def add_block(self, block: ContentBlock) -> None:
        """What a block asks for, with the blocks inside it."""
        feature = BLOCK_FEATURES.get(type(block))
        if feature is not None:
            self.features.add(feature)
        if isinstance(block, Opaque):
            self.dialects.add(block.dialect)
        if isinstance(block, Reasoning) and (
            block.signature is not None or block.redacted is not None
        ):
            self.features.add(Feature.SIGNED_REASONING)
        if isinstance(block, ToolResult) and block.is_error is not None:
            self.features.add(Feature.TOOL_ERRORS)
        if isinstance(block, Document) and block.citations:
            self.features.add(Feature.CITATIONS)
        if isinstance(block, ToolResult | Document) and block.content:
            for inner in block.content:
                self.add_block(inner)
                self.has_blanks |= type(inner) is Text and is_blank(inner.text)

    def add_parameters(self, request: CompletionRequest) -> None:
        """What the parameters ask for. A chain of tests and no table: each is one attribute that is
        nearly always unset, and a loop over names would cost more than all of them."""
        inference = request.inference
        if inference.temperature is not None:
            self.features.add(Feature.TEMPERATURE)
        if inference.top_p is not None:
            self.features.add(Feature.TOP_P)
        if inference.top_k is not None:
            self.features.add(Feature.TOP_K)
        if inference.stop_sequences:
            self.features.add(Feature.STOP_SEQUENCES)
        if inference.seed is not None:
            self.features.add(Feature.SEED)
        if inference.presence_penalty is not None:
            self.features.add(Feature.PRESENCE_PENALTY)
        if inference.frequency_penalty is not None:
            self.features.add(Feature.FREQUENCY_PENALTY)
        if request.output_schema is not None:
            is_any = request.output_schema.schema is None
            self.features.add(Feature.JSON_OUTPUT if is_any else Feature.OUTPUT_SCHEMA)
        if request.service_tier is not None:
            self.features.add(Feature.SERVICE_TIER)
        if request.tool_choice is not None:
            self.features.add(Feature.TOOL_CHOICE)
        if request.reasoning is not None:
            self.features.add(Feature.REASONING)
        if request.metadata is not None:
            self.features.add(Feature.METADATA)
        if request.is_raw_prompt:
            self.features.add(Feature.RAW_PROMPT)

    def add_messages(self, messages: tuple[Message, ...]) -> None:
        """What the conversation asks for: its blocks, its order of roles, and an answer that has
        been begun."""
        last = None
        is_any_order = False
        self.has_blanks |= not messages
        for message in messages:
            content, role = message.content, message.role
            if len(content) != 1 or type(content[0]) is not Text:
                self.add_content(content)
            elif not (text := content[0].text) or text.isspace():  # `is_blank`, called for each
                self.has_blanks = True
            if role is _SYSTEM:
                self.features.add(Feature.MID_SYSTEM)
            else:
                if role is last or (last is None and role is _ASSISTANT):
                    is_any_order = True
                last = role
        if is_any_order:
            self.features.add(Feature.ANY_ROLE_ORDER)
        if last is _ASSISTANT:
            self.features.add(Feature.PREFILL)

    def add_tools(self, tools: tuple[Tool | BuiltinTool | CachePoint, ...]) -> None:
        """What the list of tools asks for."""
        for tool in tools:
            self.features.add(_TOOL_FEATURES[type(tool)])
            if isinstance(tool, BuiltinTool):
                self.dialects.add(tool.dialect)


def asked_by(request: CompletionRequest) -> Asked:
    """The features and dialects of a request, in one walk: this runs for every call.

    A feature is found from the value alone; what a model takes of it is compared elsewhere.
    """
    asked = Asked()
    asked.add_parameters(request)
    if request.system:
        asked.features.add(Feature.SYSTEM)
        asked.add_content(request.system)
    asked.add_messages(request.messages)
    if request.tools:
        asked.add_tools(request.tools)
    return asked


BLOCK_FEATURES: Mapping[type, Feature] = {
    Image: Feature.IMAGES,
    Document: Feature.DOCUMENTS,
    Data: Feature.DATA,
    ToolUse: Feature.TOOLS,
    ToolResult: Feature.TOOLS,
    Reasoning: Feature.REASONING,
    CachePoint: Feature.CACHE_POINTS,
}


_TOOL_FEATURES: Mapping[type, Feature] = {
    Tool: Feature.TOOLS,
    BuiltinTool: Feature.BUILTIN_TOOLS,
    CachePoint: Feature.CACHE_POINTS,
}
