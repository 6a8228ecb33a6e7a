"""A plan on the terminal: its steps as a tree that changes while they run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from axonflow_core.cli.display import stderr, tell, visible

if TYPE_CHECKING:
    from rich.tree import Tree

SIGNS: Mapping[str, tuple[str, str]] = {
    "pending": ("·", "dim"),
    "running": ("▸", "bold cyan"),
    "completed": ("✓", "green"),
    "failed": ("✗", "red"),
    "blocked": ("■", "red"),
    "skipped": ("-", "dim"),
    "cancelled": ("×", "yellow"),
}
"""State of a step -> its sign and rich style."""


def tree(plan: Mapping[str, Any]) -> Tree:
    """A plan as rich shows it: a line for each step, and one for all of it."""
    from rich.text import Text
    from rich.tree import Tree

    root = Tree(Text(visible(headline(plan)), style="bold"))
    for step in plan["steps"]:
        sign, style = SIGNS[step["status"]]
        root.add(Text(f"{sign} {visible(line(step))}", style=style))
    return root


def headline(plan: Mapping[str, Any]) -> str:
    """One line for a plan: id, state, mode, tokens, cost, time."""
    tokens = sum(step["input_tokens"] + step["output_tokens"] for step in plan["steps"])
    parts = [
        plan["plan_id"],
        plan["status"],
        plan["execution_mode"],
        f"{tokens:,} tokens",
        f"${plan['actual_cost_usd']:.4f}",
        plan.get("duration"),
    ]
    return "  ".join(part for part in parts if part)


def line(step: Mapping[str, Any]) -> str:
    """One line for a step: name, agent, model, tokens, cost, time, and why it has no result."""
    tokens = step["input_tokens"] + step["output_tokens"]
    parts = [
        step["step_name"],
        step["agent"] and f"({step['agent']})",
        step.get("model"),
        tokens and f"{tokens:,} tokens",
        step["cost_usd"] and f"${step['cost_usd']:.4f}",
        step.get("duration"),
        step["attempt"] > 1 and f"attempt {step['attempt']}",
        step.get("error"),
    ]
    return "  ".join(part for part in parts if part)


@contextmanager
def shown() -> Iterator[Callable[[Mapping[str, Any]], None]]:
    """What is told how far a plan is: a tree that changes where stderr is a terminal, else a line
    for each step that is over."""
    console = stderr()
    if not console.is_terminal:
        yield _lines()
        return
    from rich.live import Live

    with Live(console=console, auto_refresh=False) as live:
        yield lambda plan: live.update(tree(plan), refresh=True)


def _lines() -> Callable[[Mapping[str, Any]], None]:
    said: set[str] = set()

    def show(plan: Mapping[str, Any]) -> None:
        for step in plan["steps"]:
            is_over = step["status"] not in ("pending", "running")
            if is_over and step["step_id"] not in said:
                said.add(step["step_id"])
                tell(f"{step['status']}: {line(step)}")

    return show
