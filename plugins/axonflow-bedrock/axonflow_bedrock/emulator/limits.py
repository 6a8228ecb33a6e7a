"""Token limits of each model with the messages that refuse more, and ends of life.

Tokens are the emulator's: words. Limits and dates are from the model table, messages from recorded
traffic and public reports.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date

from axonflow_core.frozen import frozen

from ..models.table import ModelTable, load_models
from ..wire.endpoint import ServiceException, invalid_call


@frozen
class Limits:
    """Limits of one model, in tokens."""

    context: int
    output: int


MAX_TEXT_BYTES = 9_000_000
"""The limit of all texts of a Claude request together, for every Claude model."""


def limits_in(models: ModelTable) -> Mapping[str, Limits]:
    """Base id -> limits, for the models whose limits the table has."""
    return {
        entry.base_id: Limits(entry.context_tokens, entry.output_tokens)
        for entry in models
        if entry.context_tokens is not None and entry.output_tokens is not None
    }


def ends_in(models: ModelTable) -> Mapping[str, date]:
    """Base id -> the first day on which the model cannot be called; the day of the table where it
    has ended on an unknown day.
    """
    return {
        entry.base_id: entry.end_of_life or models.as_of
        for entry in models
        if entry.end_of_life is not None or entry.has_ended
    }


MODELS = load_models()
LIMITS: Mapping[str, Limits] = limits_in(MODELS)
END_OF_LIFE: Mapping[str, date] = ends_in(MODELS)


def limits_of(base_id: str) -> Limits | None:
    """The limits of a model, None where unknown."""
    return LIMITS.get(base_id)


def check_limits(
    family: str, base_id: str, *, input_tokens: int, max_tokens: int | None, text_bytes: int = 0
) -> None:
    """Raise `ServiceException`, with the family's message, where prompt or answer would be too
    long. Models that are not in the table have no limits.
    """
    if family == "anthropic" and text_bytes > MAX_TEXT_BYTES:
        raise invalid_call(f"too many total text bytes: {text_bytes} > {MAX_TEXT_BYTES}")
    limits = limits_of(base_id)
    if limits is None:
        return
    if max_tokens is not None and max_tokens > limits.output:
        raise invalid_call(
            _TOO_MUCH_OUTPUT.get(family, _too_much)(max_tokens, limits.output, base_id)
        )
    if input_tokens > limits.context:
        raise too_long(family, input_tokens, limits.context)


def gone() -> ServiceException:
    """The refusal of a model past its end of life."""
    return ServiceException(
        "ResourceNotFoundException",
        "This model version has reached the end of its life. Please refer to the AWS documentation "
        "for more details.",
    )


def _too_much(asked: int, limit: int, base_id: str) -> str:
    """The general message; Claude and the families with a JSON schema have their own."""
    return (
        f"The maximum tokens you requested exceeds the model limit of {limit}. "
        f"Try again with a maximum tokens value that is lower than {limit}."
    )


def _too_much_for_claude(asked: int, limit: int, base_id: str) -> str:
    """Claude's own validation, which names the model without `anthropic.` and version."""
    name = base_id.removeprefix("anthropic.").partition("-v")[0]
    return (
        f"max_tokens: {asked} > {limit}, which is the maximum allowed number of output tokens "
        f"for {name}"
    )


def _too_much_for_schema(pointer: str) -> Callable[[int, int, str], str]:
    """The message of the JSON schema, which bounds the member at `pointer` before the model is
    called."""
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
    return (
        f"This model's maximum context length is {limit} tokens. "
        "Please reduce the length of the prompt"
    )


def _too_long_for_nova(tokens: int, limit: int) -> str:
    """Nova's message, which states neither count nor limit."""
    return (
        "Input Tokens Exceeded: Number of input tokens exceeds maximum length. "
        "Please update the input to try again."
    )


_TOO_LONG: Mapping[str, Callable[[int, int], str]] = {
    "anthropic": _too_long_for_claude,
    "llama": _too_long_for_llama,
    "nova": _too_long_for_nova,
}


def too_long(family: str, tokens: int, limit: int) -> ServiceException:
    """The refusal of a prompt of `tokens` where the model's limit is `limit`."""
    return invalid_call(_TOO_LONG.get(family, _too_long)(tokens, limit))
