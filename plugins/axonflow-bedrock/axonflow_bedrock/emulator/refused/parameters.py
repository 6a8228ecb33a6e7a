"""Parameters of sampling, stop sequences, and features that a model lacks on a surface."""

from __future__ import annotations

from collections.abc import Iterator

from ...models.table import load_models
from .body import Body, Kind
from .row import CLAUDE, CLAUDE_FORMS, CONVERSE_ALONE, Row, claude, extraneous, malformed_words

_SAMPLING = ("temperature", "top_p", "top_k")


def _system(body: Body) -> Iterator[str]:
    if body.system:
        yield (
            "This model doesn't support system messages. Try again without a system message or use "
            "a model that supports system messages."
        )


def _images(body: Body) -> Iterator[str]:
    entry = load_models().entry(body.base_id)
    is_denied = entry is not None and entry.supports.get("vision") is False
    if (is_denied or body.base_id.startswith(_TEXT_ALONE)) and body.has(Kind.IMAGE):
        yield (
            "This model doesn't support the image content block that you provided. Update the "
            "content block and try again."
        )


_TEXT_ALONE = (
    *("amazon.nova-micro", "amazon.titan-t", "meta.llama2", "meta.llama3-1", "meta.llama3-3"),
    *("meta.llama3-8b", "meta.llama3-70b", "meta.llama3-2-1b", "meta.llama3-2-3b", "deepseek."),
    *("mistral.mistral-7b", "mistral.mixtral", "mistral.mistral-large-24", "mistral.mistral-small"),
    *("cohere.command", "ai21.", "writer.palmyra-x"),
)


def _output_format(body: Body) -> Iterator[str]:
    if "outputConfig" in body.json:
        yield (
            "This model doesn't support the outputConfig.textFormat field. Remove "
            "outputConfig.textFormat and try again."
        )


def _stop_sequences(body: Body) -> Iterator[str]:
    if "stop_sequences" in body.parameters:  # an empty list too
        yield (
            "This model doesn't support the stopSequences field. Remove stopSequences and try "
            "again."
        )


def _blank_stop_sequences(body: Body) -> Iterator[str]:
    stops = body.parameters.get("stop_sequences")
    for number, stop in enumerate(stops if isinstance(stops, list) else ()):
        if isinstance(stop, str) and not stop.strip():
            yield f"stop_sequences.{number}: each stop sequence must contain non-whitespace"


def _top_k(body: Body) -> Iterator[str]:
    for key in ("top_k", "k", "topK"):
        if key in body.own:
            yield malformed_words(f"#: {extraneous(key)}")


def _deprecated(body: Body) -> Iterator[str]:
    for name in _SAMPLING:
        if name in body.parameters:
            yield f"`{name}` is deprecated for this model."


def _both(body: Body) -> Iterator[str]:
    if {"temperature", "top_p"} <= body.parameters.keys():
        yield (
            "`temperature` and `top_p` cannot both be specified for this model. Please use only "
            "one."
        )


ROWS: tuple[Row, ...] = (
    Row(
        name="a system prompt",
        words=_system,
        source="567-labs/instructor#1753, 2025; public reports, 2024 to 2026",
        forms=CONVERSE_ALONE,
        models=(
            *("mistral.mistral-7b", "mistral.mixtral"),
            *("amazon.titan-text", "amazon.titan-tg1"),
        ),
    ),
    Row(
        name="images, to a model without eyes",
        words=_images,
        source="public reports, 2024 to 2026; litellm 1.109.1 (supports_vision) and AWS user "
        "guide, Supported models and model features, November 2026",
        forms=CONVERSE_ALONE,
    ),
    Row(
        name="a schema of the answer, to a model without structured output",
        words=_output_format,
        source="langchain4j/langchain4j#4552 (Nova and Cohere), February 2026; AWS user guide, "
        "Structured output, Supported models, November 2026; the words are ours",
        forms=CONVERSE_ALONE,
        models=("amazon.", "meta.llama", "cohere.command", "writer.palmyra", "mistral.pixtral"),
    ),
    Row(
        name="stop sequences",
        words=_stop_sequences,
        source="langchain4j/langchain4j#3650 and crewAIInc/crewAI#3317 (gpt-oss), "
        "langgenius/dify-official-plugins#1767 (Qwen), August and September 2025; public "
        "measurements of OpenAI's newer models, August 2026",
        forms=CONVERSE_ALONE,
        models=("openai.", "qwen."),
    ),
    Row(
        name="blank stop sequences",
        words=_blank_stop_sequences,
        source="Anthropic's API; public reports, 2024 to 2026",
        forms=CLAUDE_FORMS,
        models=CLAUDE,
        is_vendors=True,
    ),
    Row(
        name="top_k, to a model whose schema has none",
        words=_top_k,
        source="AWS user guide, Inference request parameters of each family, November 2026; public "
        "reports of Cohere Command R, 2025",
        forms=CONVERSE_ALONE,
        models=("meta.llama", "deepseek.r1", "amazon.titan-text", "amazon.titan-tg1"),
        is_vendors=True,
    ),
    Row(
        name="sampling, to a Claude that takes none",
        words=_deprecated,
        source="AWS model card of Claude Opus 4.7; public reports, May to August 2026; litellm "
        "1.109.1 (supports_sampling_params)",
        forms=CLAUDE_FORMS,
        models=claude(
            *("opus-4-7", "opus-4-8", "sonnet-5", "opus-5", "haiku-5", "fable-", "mythos-5")
        ),
        is_vendors=True,
    ),
    Row(
        name="temperature beside top_p",
        words=_both,
        source="AWS user guide, Anthropic Claude Messages API, November 2026; public reports of "
        "Opus 4.1, Opus 4.5 and Sonnet 4.6, April 2026",
        forms=CLAUDE_FORMS,
        models=claude("sonnet-4-5", "haiku-4-5", "opus-4-1", "opus-4-5", "sonnet-4-6"),
        is_vendors=True,
    ),
)
