"""How a model is to sample: the options that every command with a prompt has."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import isfinite
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from axonflow_core.messages import Adjustment, Inference

Command = TypeVar("Command", bound=Callable[..., Any])


class _Number(click.FloatRange):
    """A number within a range; `nan` is within every range and no number."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        number = super().convert(value, param, ctx)
        if not isfinite(number):
            self.fail(f"{value!r} is not a number", param, ctx)
        return number


_OPTIONS = (
    click.option("--max-tokens", type=click.IntRange(min=1), help="The longest answer, in tokens."),
    click.option(
        "--temperature", type=_Number(min=0), help="How freely the model chooses its words."
    ),
    click.option(
        "--top-p", type=_Number(min=0, max=1), help="The share of likely words it chooses from."
    ),
    click.option(
        "--top-k", type=click.IntRange(min=0), help="The number of likely words it chooses from."
    ),
)


def sampling_options(command: Command) -> Command:
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def inference_of(
    *, max_tokens: int | None, temperature: float | None, top_p: float | None, top_k: int | None
) -> Inference:
    """What was asked for. What was not is not sent: no default is ever invented."""
    from axonflow_core.messages import Inference

    return Inference(max_tokens=max_tokens, temperature=temperature, top_p=top_p, top_k=top_k)


def warn_of(adjustments: Iterable[Adjustment]) -> None:
    """What the model did not take, each on a line of stderr."""
    from axonflow_core.cli.display import stderr

    for adjustment in adjustments:
        stderr().print(f"warning: {adjustment}", markup=False, highlight=False)
