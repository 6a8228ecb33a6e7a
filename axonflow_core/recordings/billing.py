"""Counts of tokens against the bill: what the provider says beside an answer is what it charges."""

from __future__ import annotations

from collections.abc import Iterator

from attrs import fields_dict

from axonflow_core.messages import Usage

from .json_equality import Difference


def miscounted(billed: Usage, usage: Usage) -> Iterator[Difference]:
    for name, bill in _counts(billed).items():
        count = getattr(usage, name)
        if count != bill:
            yield Difference(f"$.usage.{name}", bill, count)


def misplaced(billed: Usage, told: Usage) -> Iterator[Difference]:
    """A count that the family itself told and that was read as another.

    It need not be the billed one: in streams with tool calls Claude tells more output tokens than
    Bedrock bills.
    """
    bills = _counts(billed)
    for name, count in _counts(told).items():
        others = {bill for other, bill in bills.items() if other != name}
        if name in bills and count != bills[name] and count in others:
            yield Difference(f"$.usage.{name}", bills[name], count)


def _counts(usage: Usage) -> dict[str, int]:
    counts = {name: getattr(usage, name) for name in fields_dict(Usage) if name != "extra"}
    return {name: count for name, count in counts.items() if count is not None}
