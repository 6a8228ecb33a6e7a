"""The order of turns, and turns and texts that are empty."""

from __future__ import annotations

from collections.abc import Iterator

from .body import Body, Form
from .row import CLAUDE, CLAUDE_FORMS, CONVERSE_ALONE, Row, claude, malformed_words

_TEXT_AND_NOVA = ("amazon.titan-text", "amazon.titan-tg1", "amazon.nova")
_STARTS_WITH_USER = (
    *("meta.llama", "mistral.", "cohere.", "ai21.", "deepseek.", "google.gemma", "minimax."),
    *("nvidia.", "openai.gpt-oss", "writer.palmyra", *_TEXT_AND_NOVA),
)
_NO_PREFILL = claude(
    *("sonnet-4-6", "opus-4-6", "opus-4-7", "opus-4-8", "sonnet-5", "opus-5", "haiku-5"),
    *("fable-", "mythos-5"),
)


def _starts_with_assistant(body: Body) -> Iterator[str]:
    if body.turns and body.turns[0].role == "assistant":
        yield _START


_START = (
    "A conversation must start with a user message. Try again with a conversation that starts with "
    "a user message."
)


def _without_messages(body: Body) -> Iterator[str]:
    if not body.turns:
        yield _START


def _without_messages_to_claude(body: Body) -> Iterator[str]:
    if not body.turns:
        yield "messages: at least one message is required"


def _without_messages_in_schema(body: Body) -> Iterator[str]:
    if not body.turns:
        yield malformed_words("#/messages: expected minimum item count: 1, found: 0")


def _ends_with_assistant(body: Body) -> Iterator[str]:
    if body.turns and body.turns[-1].role == "assistant":
        yield (
            "This model does not support assistant message prefill. The conversation must end with "
            "a user message."
        )


def _system_within(body: Body) -> Iterator[str]:
    if any(turn.role == "system" for turn in body.turns):
        yield (
            'messages: Unexpected role "system". The Messages API accepts a top-level `system` '
            'parameter, not "system" as an input message role.'
        )


def _ends_in_blanks(body: Body) -> Iterator[str]:
    last = body.turns[-1] if body.turns else None
    text = last.parts[-1].text if last and last.role == "assistant" and last.parts else None
    if text is not None and text != text.rstrip():
        yield "messages: final assistant content cannot end with trailing whitespace"


# ── empty turns and texts ─────────────────────────────────────────────────────────────────────────


def _empty_turns(body: Body) -> Iterator[str]:
    for turn in body.turns:
        if not turn.parts:
            yield (
                f"The content field in the Message object at messages.{turn.number} is empty. Add "
                "a ContentBlock object to the content field and try again."
            )


def _empty_turns_to_claude(body: Body) -> Iterator[str]:
    for place, turn in enumerate(body.turns):
        is_last_answer = place == len(body.turns) - 1 and turn.role == "assistant"
        if not turn.parts and not is_last_answer:
            yield (
                f"messages.{turn.number}: all messages must have non-empty content except for the "
                "optional final assistant message"
            )


def _empty_turns_in_schema(body: Body) -> Iterator[str]:
    for turn in body.turns:
        if not turn.parts:
            place = f"#/messages/{turn.number}/content"
            yield malformed_words(f"{place}: expected minimum item count: 1, found: 0")


def _blank_texts(body: Body) -> Iterator[str]:
    for part in body.parts():
        if part.text is not None and not part.text.strip():
            yield (
                f"The text field in the ContentBlock object at {part.place} is blank. Add text to "
                "the text field, and try again."
            )


def _empty_texts_to_claude(body: Body) -> Iterator[str]:
    if any(part.text == "" for part in (*body.system, *body.parts())):
        yield "messages: text content blocks must be non-empty"


def _blank_texts_to_claude(body: Body) -> Iterator[str]:
    texts = [part.text for part in (*body.system, *body.parts())]
    if any(text is not None and not text.strip() for text in texts):
        yield "messages: text content blocks must contain non-whitespace text"


ROWS: tuple[Row, ...] = (
    Row(
        name="a conversation that begins with the assistant",
        words=_starts_with_assistant,
        source="public reports: only Anthropic, Qwen, Z.AI and Moonshot accept a leading assistant "
        "message, 2024 to 2026",
        forms=CONVERSE_ALONE,
        models=_STARTS_WITH_USER,
    ),
    Row(
        name="a conversation that begins with the assistant, to Nova",
        words=_starts_with_assistant,
        source="AWS user guide for Amazon Nova, Complete request schema, November 2026",
        forms=(Form.NOVA,),
    ),
    Row(
        name="no messages",
        words=_without_messages,
        source="public reports of ConverseStream with an empty conversation, 2026",
        forms=CONVERSE_ALONE,
    ),
    Row(
        name="no messages, to Claude",
        words=_without_messages_to_claude,
        source="Anthropic's API; public reports, 2024 to 2026",
        forms=(Form.MESSAGES,),
    ),
    Row(
        name="no messages, in a schema",
        words=_without_messages_in_schema,
        source="the words of Bedrock's JSON schemas (recorded); AWS user guide, November 2026",
        forms=(Form.NOVA, Form.CHAT),
        except_models=("writer.",),
    ),
    Row(
        name="a message without content",
        words=_empty_turns,
        source="aws/aws-sdk-net#4015, September 2025",
        forms=CONVERSE_ALONE,
    ),
    Row(
        name="a message without content, to Claude",
        words=_empty_turns_to_claude,
        source="Anthropic's API; public reports, 2025 and 2026",
        forms=(Form.MESSAGES,),
    ),
    Row(
        name="a message without content, in a schema",
        words=_empty_turns_in_schema,
        source="the words of Bedrock's JSON schemas (recorded); AWS user guide for Amazon Nova, "
        "November 2026",
        forms=(Form.NOVA,),
    ),
    Row(
        name="a blank text",
        words=_blank_texts,
        source="aws/aws-sdk-net#4015, September 2025; anomalyco/opencode#46335, August 2026; "
        "before, blanks were accepted (recorded)",
        forms=CONVERSE_ALONE,
    ),
    Row(
        name="a blank text, to Claude on Converse",
        words=_blank_texts_to_claude,
        source="NousResearch/hermes-agent#61318 and #63983, July 2026; recorded traffic: "
        "the result of a tool may be empty",
        forms=CONVERSE_ALONE,
        models=CLAUDE,
        is_vendors=True,
    ),
    Row(
        name="an empty text, to Claude",
        words=_empty_texts_to_claude,
        source="NousResearch/hermes-agent#9486, April 2026: InvokeModelWithResponseStream",
        forms=(Form.MESSAGES,),
    ),
    Row(
        name="a system message within the conversation",
        words=_system_within,
        source="Anthropic's API; public reports, 2024 to 2026; recorded traffic: Opus 4.8 takes it",
        forms=CLAUDE_FORMS,
        models=CLAUDE,
        except_models=claude("opus-4-8", "opus-5", "sonnet-5", "haiku-5", "fable-", "mythos-"),
        is_vendors=True,
    ),
    Row(
        name="blanks at the end of an answer that was begun",
        words=_ends_in_blanks,
        source="langchain-ai/langchain-aws#599, 2025; aws/aws-sdk-net#4015, September 2025",
        forms=CLAUDE_FORMS,
        models=CLAUDE,
        is_vendors=True,
    ),
    Row(
        name="an answer that was begun",
        words=_ends_with_assistant,
        source="Anthropic, What's new in Claude 4.6, February 2026; litellm 1.109.1 "
        "(supports_assistant_prefill), November 2026",
        forms=CLAUDE_FORMS,
        models=_NO_PREFILL,
        is_vendors=True,
    ),
)
