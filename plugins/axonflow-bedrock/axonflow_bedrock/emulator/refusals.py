"""Requests that a model refuses although its family supports them, with the messages of AWS or of
the model's vendor.

The rules are those of `models.rules`: the core fits requests to them, and a request that was not
fitted is refused here as Bedrock refuses it. Source of the messages: public reports, 2024 to
November 2026.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import groupby, pairwise
from typing import TypeAlias

from axonflow_core.codec import FamilyCodec, Feature, ModelFacts, blocks_of
from axonflow_core.messages import (
    CachePoint,
    CompletionRequest,
    Document,
    Image,
    Message,
    Role,
    Text,
    Tool,
    ToolResult,
    ToolUse,
)

from ..models.rules import CONVERSE
from ..wire.endpoint import ServiceException, invalid_call
from .schema_examples import is_schema

Check: TypeAlias = Callable[[CompletionRequest, ModelFacts], Iterator[str]]
"""Yields a message for each violation."""


def refuse_rule_violations(
    request: CompletionRequest, facts: ModelFacts, surface: str, *, is_streamed: bool
) -> None:
    """Raise `ServiceException` for the first rule of the model that the request breaks."""
    if is_streamed and not facts.has_streamed_tools and request.tools:
        raise invalid_call("This model doesn't support tool use in streaming mode.")
    for check in (*_OF_BEDROCK, *(_OF_CONVERSE if surface == CONVERSE else ())):
        for words in check(request, facts):
            raise invalid_call(words)
    for check in _OF_VENDORS:
        for words in check(request, facts):
            raise _by_vendor(words, surface)


def refuse_meaningless(request: CompletionRequest, facts: ModelFacts, codec: FamilyCodec) -> None:
    """Raise `ServiceException` for an empty or blank message, a document without text, a schema
    that is none, and a reasoning budget above the token limit.

    These are no rules of a model, and the core does not fit requests to them: such a request is a
    mistake of its author.
    """
    for check in (_blank_text, _documents_alone) if codec.surface == CONVERSE else ():
        for words in check(request, facts):
            raise invalid_call(words)
    for words in _schemas(request):
        raise _by_vendor(words, codec.surface)
    # Transcript forms (with control tokens) may have an empty turn.
    if facts.base_id.startswith("anthropic.") and not codec.control_tokens:
        for check in (_blank_text_to_claude, _budget):
            for words in check(request, facts):
                raise _by_vendor(words, codec.surface)


def _by_vendor(words: str, surface: str) -> ServiceException:
    """A refusal by the vendor's own validation. Converse puts a sentence of its own before it
    (recorded)."""
    return invalid_call(
        f"The model returned the following errors: {words}" if surface == CONVERSE else words
    )


# ── Bedrock's own checks ──────────────────────────────────────────────────────────────────────────


def _unsupported(request: CompletionRequest, facts: ModelFacts) -> Iterator[str]:
    """System prompts, tools, images and tool choices that the model does not support."""
    if request.system and Feature.SYSTEM in facts.without:
        yield (
            "This model doesn't support system messages. Try again without a system message or use "
            "a model that supports system messages."
        )
    if request.tools and Feature.TOOLS in facts.without:
        yield "This model doesn't support tool use."
    if Feature.IMAGES in facts.without and any(
        isinstance(block, Image) for block in blocks_of(request)
    ):
        yield (
            "This model doesn't support the image content block that you provided. Update the "
            "content block and try again."
        )
    choice = request.tool_choice
    if (
        choice is not None
        and facts.tool_choices is not None
        and choice.mode not in facts.tool_choices
    ):
        field = f"toolConfig.toolChoice.{choice.mode}"
        yield f"This model doesn't support the {field} field. Remove {field} and try again."


def _order(request: CompletionRequest, facts: ModelFacts) -> Iterator[str]:
    """A first message of the assistant, and consecutive messages of one role, where the model
    refuses them."""
    roles = [message.role for message in request.messages]
    if facts.starts_with_user and roles[:1] == [Role.ASSISTANT]:
        yield (
            "A conversation must start with a user message. Try again with a conversation that "
            "starts with a user message."
        )
    if facts.alternates and any(one is next_one for one, next_one in pairwise(roles)):
        yield (
            "A conversation must alternate between user and assistant roles. Make sure the "
            "conversation alternates between user and assistant roles and try again."
        )


def _results(request: CompletionRequest, facts: ModelFacts) -> Iterator[str]:
    first = 0
    # Consecutive messages of one role are one turn to the rules of results.
    for role, messages in groupby(request.messages, key=lambda message: message.role):
        turn = list(messages)
        if role is Role.USER:
            yield from _results_of_turn(first, turn, facts)
        first += len(turn)


def _results_of_turn(first: int, turn: list[Message], facts: ModelFacts) -> Iterator[str]:
    """Tool results mixed with other blocks in a turn, or spread over several messages of it."""
    kinds = {isinstance(block, ToolResult) for message in turn for block in message.content}
    late = [
        block.tool_use_id for m in turn[1:] for block in m.content if isinstance(block, ToolResult)
    ]
    if facts.tool_results_alone and kinds == {True, False}:
        words = "Conversation blocks and tool result blocks cannot be provided in the same turn."
        yield f"messages.{first}.content: {words}"
    if facts.tool_results_together and late:
        yield (
            f"Expected toolResult blocks at messages.{first}.content for the following Ids: "
            f"{', '.join(late)}"
        )


def _document_names(request: CompletionRequest, facts: ModelFacts) -> Iterator[str]:
    """Names of documents with other characters than Bedrock allows."""
    names = [
        block.name
        for block in blocks_of(request)
        if isinstance(block, Document) and block.name is not None
    ]
    if facts.document_names is not None and not all(map(facts.document_names.accepts, names)):
        yield (
            "The document file name can only contain alphanumeric characters, whitespace "
            "characters, hyphens, parentheses, and square brackets. The name can't contain more "
            "than one consecutive whitespace character."
        )


def _tool_config(request: CompletionRequest, facts: ModelFacts) -> Iterator[str]:
    """A conversation with tool calls or results, without tools."""
    if _lacks_tools(request, facts):
        yield (
            "The toolConfig field must be defined when using toolUse and toolResult content blocks."
        )


def _blank_text(request: CompletionRequest, facts: ModelFacts) -> Iterator[str]:
    for number, message in enumerate(request.messages):
        if not message.content:
            yield (
                f"The content field in the Message object at messages.{number} is empty. Add a "
                "ContentBlock object to "
                "the content field and try again."
            )
        for place, block in enumerate(message.content):
            if isinstance(block, Text) and not block.text.strip():
                yield (
                    "The text field in the ContentBlock object at "
                    f"messages.{number}.content.{place} is blank. Add "
                    "text to the text field, and try again."
                )


def _documents_alone(request: CompletionRequest, facts: ModelFacts) -> Iterator[str]:
    for message in request.messages:
        kinds = {type(block) for block in message.content}
        if Document in kinds and Text not in kinds:
            yield (
                "A text block must be included when using documents. "
                "Add a text block and retry your request."
            )


# ── checks of the model's vendor ──────────────────────────────────────────────────────────────────


def _blank_text_to_claude(request: CompletionRequest, facts: ModelFacts) -> Iterator[str]:
    if not request.messages:
        yield "messages: at least one message is required"
    if any(
        isinstance(block, Text) and not block.text
        for message in request.messages
        for block in message.content
    ):
        yield "messages: text content blocks must be non-empty"


def _budget(request: CompletionRequest, facts: ModelFacts) -> Iterator[str]:
    """A reasoning budget that leaves no room for the answer."""
    budget = None if request.reasoning is None else request.reasoning.budget_tokens
    most = request.inference.max_tokens
    # The limit counts the reasoning too, so an equal budget leaves nothing for the answer.
    if budget is not None and most is not None and most <= budget:
        yield "`max_tokens` must be greater than `thinking.budget_tokens`."


def _sampling(request: CompletionRequest, facts: ModelFacts) -> Iterator[str]:
    """Sampling parameters that the model refuses, and pairs of them that exclude each other."""
    asked = [
        name
        for name in (Feature.TEMPERATURE, Feature.TOP_P, Feature.TOP_K)
        if getattr(request.inference, name) is not None
    ]
    for name in asked:
        if name in facts.without:
            yield f"`{name}` is deprecated for this model."
    for group in facts.one_of:
        both = [f"`{name}`" for name in group if name in asked]
        if len(both) > 1:
            yield (
                f"{' and '.join(both)} cannot both be specified for this model. "
                "Please use only one."
            )


def _prefill(request: CompletionRequest, facts: ModelFacts) -> Iterator[str]:
    """A last message of the assistant, for the model to continue."""
    if (
        Feature.PREFILL in facts.without
        and request.messages
        and request.messages[-1].role is Role.ASSISTANT
    ):
        yield (
            "This model does not support assistant message prefill. The conversation must end with "
            "a user message."
        )


def _cache_points(request: CompletionRequest, facts: ModelFacts) -> Iterator[str]:
    found = sum(isinstance(block, CachePoint) for block in (*request.tools, *blocks_of(request)))
    if facts.max_cache_points is not None and found > facts.max_cache_points:
        yield (
            f"A maximum of {facts.max_cache_points} blocks with cache_control may be provided. "
            f"Found {found}."
        )


def _schemas(request: CompletionRequest) -> Iterator[str]:
    """Schemas of tools and of the answer that are no JSON schemas."""
    for number, tool in enumerate(request.tools):
        if isinstance(tool, Tool) and not is_schema(tool.input_schema):
            yield f"tools.{number}.custom.input_schema: {_NO_SCHEMA}"
    if request.output_schema is not None and not is_schema(request.output_schema.schema):
        yield f"output_config.format.schema: {_NO_SCHEMA}"


_NO_SCHEMA = (
    "JSON schema is invalid. It must match JSON Schema draft 2020-12 "
    "(https://json-schema.org/draft/2020-12)."
)


def _tools_of_history(request: CompletionRequest, facts: ModelFacts) -> Iterator[str]:
    if _lacks_tools(request, facts):
        yield "Requests which include `tool_use` or `tool_result` blocks must define tools"


def _lacks_tools(request: CompletionRequest, facts: ModelFacts) -> bool:
    """Whether the conversation has tool calls and the request defines no tools, for models that
    refuse it."""
    has_calls = any(isinstance(block, ToolUse | ToolResult) for block in blocks_of(request))
    return facts.tools_with_history and has_calls and not request.tools


def _names(request: CompletionRequest, facts: ModelFacts) -> Iterator[str]:
    """Names and ids of tools that do not match the model's patterns."""
    for number, tool in enumerate(request.tools):
        if (
            facts.tool_names is not None
            and isinstance(tool, Tool)
            and not facts.tool_names.accepts(tool.name)
        ):
            pattern = facts.tool_names.pattern
            yield f"tools.{number}.custom.name: String should match pattern '{pattern}'"
    for block in blocks_of(request):
        if (
            isinstance(block, ToolUse)
            and facts.tool_names is not None
            and not facts.tool_names.accepts(block.name)
        ):
            yield f"tool_use.name: String should match pattern '{facts.tool_names.pattern}'"
        if (
            isinstance(block, ToolUse)
            and facts.tool_use_ids is not None
            and not facts.tool_use_ids.accepts(block.id)
        ):
            yield f"tool_use.id: String should match pattern '{facts.tool_use_ids.pattern}'"


_OF_BEDROCK: tuple[Check, ...] = (_unsupported, _order, _results, _document_names)
_OF_CONVERSE: tuple[Check, ...] = (_tool_config,)
_OF_VENDORS: tuple[Check, ...] = (_sampling, _prefill, _cache_points, _tools_of_history, _names)
