"""Corrections of the model table where its sources are incomplete or contradict each other, each
with the source that settles it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from axonflow_core.frozen import frozen


@frozen
class Correction:
    """One correction of the lines of some models."""

    models: tuple[str, ...]
    """Prefixes of base ids."""
    facts: Mapping[str, Any]
    """The members of the model's line to replace."""
    source: str


def _limits(context_tokens: int, output_tokens: int) -> Mapping[str, int]:
    return {"max_input_tokens": context_tokens, "max_output_tokens": output_tokens}


_TITAN = "AWS user guide, Amazon Titan Text models, 2025"
_LLAMA = (
    "AWS user guide, Meta Llama models, and the schema that Bedrock quotes in its refusals, "
    "November 2026"
)
_MISTRAL = "AWS user guide, Mistral AI text completion, November 2026"

FACTS: tuple[Correction, ...] = (
    Correction(
        ("amazon.titan-tg1", "anthropic.claude-v2", "cohere.command-r"),
        {"mode": "chat"},
        "recorded traffic of each",
    ),
    Correction(("amazon.titan-text-express",), _limits(8192, 8192), _TITAN),
    Correction(("amazon.titan-text-lite",), _limits(4096, 4096), _TITAN),
    Correction(("amazon.titan-text-premier",), _limits(32_000, 3072), _TITAN),
    Correction(("meta.llama2-",), _limits(4096, 2048), _LLAMA),
    Correction(("meta.llama3-8b", "meta.llama3-70b"), _limits(8192, 2048), _LLAMA),
    Correction(("meta.llama3-1-8b", "meta.llama3-1-70b"), _limits(128_000, 2048), _LLAMA),
    Correction(
        ("mistral.mistral-7b", "mistral.mistral-large-2402"), _limits(32_000, 8192), _MISTRAL
    ),
    Correction(("mistral.mistral-small-2402",), _limits(32_000, 8192), _MISTRAL),
    Correction(
        ("mistral.mistral-large-2407",),
        _limits(128_000, 8192),
        "AWS user guide, Mistral AI chat completion",
    ),
    Correction(
        ("anthropic.claude-3-haiku", "anthropic.claude-3-sonnet"),
        {"mode": "chat", **_limits(200_000, 4096)},
        "AWS user guide, Anthropic Claude Messages API, 2025",
    ),
    Correction(
        ("anthropic.claude-3-7-sonnet",),
        _limits(200_000, 64_000),
        "AWS user guide, Anthropic Claude 3.7 Sonnet, 2026",
    ),
)
"""Applied in this order."""

FLAGS: tuple[Correction, ...] = (
    Correction(
        (
            *("ai21.j2", "amazon.titan-t", "meta.llama2"),
            *("anthropic.claude-v", "anthropic.claude-instant"),
            *("cohere.command-text", "cohere.command-light"),
        ),
        {"tools": False},
        "AWS user guide, Supported models and model features, 2025",
    ),
)
"""Flags of `supports` that litellm does not have."""

PROFILES: Mapping[str, str] = {
    "amazon.nova-lite-v1:0": "ca",
    "amazon.nova-micro-v1:0": "ca",
    "amazon.nova-premier-v1:0": "us",
    "anthropic.claude-3-haiku-20240307-v1:0": "eu apac",
    "anthropic.claude-3-sonnet-20240229-v1:0": "eu apac",
    "anthropic.claude-3-5-sonnet-20240620-v1:0": "apac",
    "anthropic.claude-3-5-sonnet-20241022-v2:0": "apac",
    "anthropic.claude-3-7-sonnet-20250219-v1:0": "apac",
    "anthropic.claude-haiku-4-5-20251001-v1:0": "in",
    "anthropic.claude-sonnet-5": "in",
    "anthropic.claude-opus-5": "in",
}
"""Base id -> geographies of profiles that litellm's table lacks, separated by blanks. Source: AWS
user guide, "Supported Regions and models for inference profiles", 2025, and programs that call
them, November 2026."""

NO_PROFILES: tuple[str, ...] = tuple(
    f"apac.anthropic.claude-{line}"
    for line in (
        "haiku-4-5",
        "haiku-5",
        "sonnet-4-5",
        "sonnet-4-6",
        "sonnet-5",
        "opus-4-",
        "opus-5",
        "fable",
        "mythos",
    )
)
"""Profiles in litellm's table that Bedrock does not have: from Claude 4.5 on, Asia has `jp`, `au`
and `in` instead. Source: public reports of "The provided model identifier is invalid.", November
2026."""

NO_MODELS: tuple[str, ...] = ("anthropic.claude-3-7-sonnet-20240620-v1:0",)
"""Ids in litellm's table that never existed: Claude 3.7 was released in 2025."""
