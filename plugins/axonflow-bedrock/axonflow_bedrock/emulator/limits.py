"""How much each model takes and writes, how it says that something is too much, and when its life ends.

Tokens here are the emulator's: words. Sources: the model table of litellm 1.109.1 (MIT) for the numbers; the model
lifecycle page of the Bedrock user guide, May 2026, for the days; public reports for the words.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date

from attrs import frozen

from ..endpoint import Fault, invalid_call


@frozen
class Limits:
    context: int
    output: int


_K = 1000
_CLAUDE_3 = Limits(200 * _K, 4096)
_CLAUDE_3_5 = Limits(200 * _K, 8192)
_CLAUDE_LONG = Limits(1000 * _K, 128 * _K)
_LLAMA_2 = Limits(4096, 2048)
_LLAMA_3 = Limits(8192, 2048)
_LLAMA_3_1 = Limits(128 * _K, 2048)
_MISTRAL_SMALL = Limits(32 * _K, 8192)
_MISTRAL_LARGE = Limits(128 * _K, 8192)

# Base ids by prefix; the longest one that fits decides. What Titan takes, and what Titan, Llama 2 and 3 and the older
# Mistral models write, is from the parameter pages of the Bedrock user guide, which the table contradicts.
LIMITS: Mapping[str, Limits] = {
    "anthropic.claude-3-": _CLAUDE_3,
    "anthropic.claude-3-5-sonnet-20241022": _CLAUDE_3_5,
    "anthropic.claude-3-5-haiku": _CLAUDE_3_5,
    "anthropic.claude-3-7-sonnet": Limits(200 * _K, 64 * _K),
    "anthropic.claude-sonnet-4": Limits(200 * _K, 64 * _K),
    "anthropic.claude-sonnet-4-6": Limits(1000 * _K, 64 * _K),
    "anthropic.claude-opus-4": Limits(200 * _K, 32 * _K),
    "anthropic.claude-opus-4-5": Limits(200 * _K, 64 * _K),
    "anthropic.claude-haiku-4": Limits(200 * _K, 64 * _K),
    **dict.fromkeys((f"anthropic.claude-opus-4-{minor}" for minor in "678"), _CLAUDE_LONG),
    **dict.fromkeys((f"anthropic.claude-{name}-5" for name in ("sonnet", "opus", "haiku")), _CLAUDE_LONG),
    "amazon.titan-text-lite": Limits(4096, 4096),
    "amazon.titan-text-express": Limits(8192, 8192),
    "amazon.titan-text-premier": Limits(32 * _K, 3072),
    "meta.llama2": _LLAMA_2,
    "meta.llama3-": _LLAMA_3,
    **dict.fromkeys((f"meta.llama3-{minor}-" for minor in "123"), _LLAMA_3_1),
    "meta.llama4-": Limits(1000 * _K, 8192),
    "mistral.mi": _MISTRAL_SMALL,
    "mistral.ministral": _MISTRAL_LARGE,
    "mistral.magistral": Limits(128 * _K, 40 * _K),
    "mistral.mistral-large-2407": _MISTRAL_LARGE,
    "mistral.mistral-large-3": Limits(256 * _K, 32 * _K),
    "mistral.pixtral": Limits(128 * _K, 16_384),
    "mistral.devstral": Limits(256 * _K, 32 * _K),
    "mistral.voxtral": Limits(32_768, 8192),
    "openai.gpt-oss-": Limits(128 * _K, 16_384),
    "openai.gpt-oss-safeguard": Limits(128 * _K, 16 * _K),
    "qwen.qwen3-32b": Limits(32_768, 8192),
    "qwen.qwen3-235b": Limits(262_144, 8192),
    "qwen.qwen3-coder-": Limits(262_144, 16_384),
    "qwen.qwen3-coder-next": Limits(256 * _K, 16 * _K),
    **dict.fromkeys(("qwen.qwen3-next", "qwen.qwen3-vl"), Limits(256 * _K, 8 * _K)),
    "deepseek.v3-": Limits(128 * _K, 8 * _K),
    "deepseek.v3.2": Limits(164 * _K, 8 * _K),
    "google.gemma-3-": Limits(128 * _K, 8 * _K),
    "minimax.minimax-m2": Limits(1000 * _K, 8 * _K),
    "minimax.minimax-m2.": Limits(196 * _K, 8 * _K),
    **dict.fromkeys(("moonshot.kimi-k2", "moonshotai.kimi-k2"), Limits(256 * _K, 16 * _K)),
    "moonshotai.kimi-k3": Limits(1000 * _K, 131_072),
    "nvidia.nemotron-nano-": Limits(128 * _K, 8 * _K),
    "nvidia.nemotron-nano-3-30b": Limits(256 * _K, 8 * _K),
    "nvidia.nemotron-super": Limits(256 * _K, 32 * _K),
    "zai.glm-4.7": Limits(203 * _K, 128 * _K),
    "zai.glm-5": Limits(200 * _K, 128 * _K),
    "zai.glm-5.3": Limits(1000 * _K, 128 * _K),
    "writer.palmyra-x": Limits(128 * _K, 8192),
    "writer.palmyra-vision": Limits(4096, 4096),
    "ai21.jamba-1-5": Limits(256 * _K, 4096),
    "ai21.jamba-instruct": Limits(70 * _K, 4096),
}

_AUTUMN_2025 = "2025-10-27"
_SUMMER_2026 = "2026-07-30"
END_OF_LIFE: Mapping[str, date] = {
    base_id: date.fromisoformat(day)
    for base_id, day in {
        **dict.fromkeys((f"ai21.jamba-1-5-{size}-v1:0" for size in ("mini", "large")), "2026-11-26"),
        "amazon.titan-text-lite-v1": _AUTUMN_2025,
        "amazon.titan-text-express-v1": _AUTUMN_2025,
        "amazon.titan-text-premier-v1:0": _AUTUMN_2025,
        "amazon.titan-tg1-large": _AUTUMN_2025,
        "anthropic.claude-3-sonnet-20240229-v1:0": _SUMMER_2026,
        "anthropic.claude-3-5-sonnet-20240620-v1:0": _SUMMER_2026,
        "anthropic.claude-3-5-sonnet-20241022-v2:0": _SUMMER_2026,
        "anthropic.claude-3-7-sonnet-20250219-v1:0": "2026-04-28",
        "anthropic.claude-3-5-haiku-20241022-v1:0": "2026-06-19",
        "anthropic.claude-3-haiku-20240307-v1:0": "2026-09-10",
        "anthropic.claude-opus-4-20250514-v1:0": "2026-05-31",
        "anthropic.claude-sonnet-4-20250514-v1:0": "2026-10-14",
        "anthropic.claude-opus-4-1-20250805-v1:0": "2027-01-08",
        "anthropic.claude-sonnet-4-5-20250929-v1:0": "2027-04-08",
        "meta.llama3-1-405b-instruct-v1:0": "2026-07-07",
        **dict.fromkeys((f"meta.llama3-2-{size}-instruct-v1:0" for size in ("1b", "3b", "11b", "90b")), "2026-07-07"),
        **dict.fromkeys((f"meta.llama3-{size}-instruct-v1:0" for size in ("8b", "70b")), "2027-03-30"),
    }.items()
}
"""Base id -> the first day on which it is gone."""


def limits_of(base_id: str) -> Limits | None:
    fitting = [prefix for prefix in LIMITS if base_id.startswith(prefix)]
    return LIMITS[max(fitting, key=len)] if fitting else None


def check_limits(family: str, base_id: str, *, input_tokens: int, max_tokens: int | None) -> None:
    """`Fault`, in the words of the family, when prompt or answer would be too long."""
    limits = limits_of(base_id)
    if limits is None:
        return
    if max_tokens is not None and max_tokens > limits.output:
        raise invalid_call(_TOO_MUCH_OUTPUT.get(family, _too_much)(max_tokens, limits.output, base_id))
    if input_tokens > limits.context:
        raise invalid_call(_TOO_LONG.get(family, _too_long)(input_tokens, limits.context))


def gone() -> Fault:
    return Fault(
        "ResourceNotFoundException",
        "This model version has reached the end of its life. Please refer to the AWS documentation for more details.",
    )


def _too_much(asked: int, limit: int, base_id: str) -> str:
    return (
        f"The maximum tokens you requested exceeds the model limit of {limit}. "
        f"Try again with a maximum tokens value that is lower than {limit}."
    )


def _too_much_for_claude(asked: int, limit: int, base_id: str) -> str:
    name = base_id.removeprefix("anthropic.").partition("-v")[0]
    return f"max_tokens: {asked} > {limit}, which is the maximum allowed number of output tokens for {name}"


def _too_much_for_schema(pointer: str) -> Callable[[int, int, str], str]:
    return lambda asked, limit, base_id: (
        f"Malformed input request: #/{pointer}: {asked} is not less or equal to {limit}, "
        "please reformat your input and try again."
    )


_TOO_MUCH_OUTPUT: Mapping[str, Callable[[int, int, str], str]] = {
    "anthropic": _too_much_for_claude,
    "llama": _too_much_for_schema("max_gen_len"),
    "titan": _too_much_for_schema("textGenerationConfig/maxTokenCount"),
}


def _too_long(tokens: int, limit: int) -> str:
    return "Input is too long for requested model."


def _too_long_for_claude(tokens: int, limit: int) -> str:
    return f"prompt is too long: {tokens} tokens > {limit} maximum"


def _too_long_for_llama(tokens: int, limit: int) -> str:
    return f"This model's maximum context length is {limit} tokens. Please reduce the length of the prompt"


_TOO_LONG: Mapping[str, Callable[[int, int], str]] = {
    "anthropic": _too_long_for_claude,
    "llama": _too_long_for_llama,
}
