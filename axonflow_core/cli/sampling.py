"""The sampling options that every command with a prompt has."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import isfinite
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from axonflow_core.messages import Adjustment, Inference

Command = TypeVar("Command", bound=Callable[..., Any])


class _Number(click.FloatRange):
    """A finite number within a range. click accepts `nan` for any range; this type does not."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        number = super().convert(value, param, ctx)
        if not isfinite(number):
            self.fail(f"{value!r} is not a number", param, ctx)
        return number


_OPTIONS = (
    click.option(
        "--max-tokens",
        type=click.IntRange(min=1),
        help="The limit of the answer's length, in tokens.",
    ),
    click.option(
        "--temperature",
        type=_Number(min=0),
        help="The sampling temperature; 0 is the least random.",
    ),
    click.option(
        "--top-p",
        type=_Number(min=0, max=1),
        help="Sample from the most likely tokens of this total probability.",
    ),
    click.option(
        "--top-k",
        type=click.IntRange(min=0),
        help="Sample from this many of the most likely tokens.",
    ),
)


def sampling_options(command: Command) -> Command:
    """Add the sampling options to a click command; `inference_of` reads their values."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def inference_of(
    *, max_tokens: int | None, temperature: float | None, top_p: float | None, top_k: int | None
) -> Inference:
    """The sampling parameters that were given. Others stay None and are not sent: the model's own
    defaults apply.
    """
    from axonflow_core.messages import Inference

    return Inference(max_tokens=max_tokens, temperature=temperature, top_p=top_p, top_k=top_k)


def warn_of(adjustments: Iterable[Adjustment]) -> None:
    """Write what was changed to suit the model to stderr, one line for each adjustment."""
    from axonflow_core.cli.display import warn

    for adjustment in adjustments:
        warn(str(adjustment))
