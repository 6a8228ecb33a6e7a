"""Decoded token counts against the billed ones, which the provider sends next to an answer.

The billed counts are read without the family's codec (on Bedrock from headers or the last chunk of
a stream), so they find a codec that takes input tokens for output tokens in both of its roles. All
counts are tokens.
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import fields_dict

from axonflow_core.messages import Usage

from .json_equality import Difference


def miscounted(billed: Usage, usage: Usage) -> Iterator[Difference]:
    """Counts of `usage` that differ from the billed ones. Counts that are not billed are not
    compared."""
    for name, bill in _counts(billed).items():
        count = getattr(usage, name)
        if count != bill:
            yield Difference(f"$.usage.{name}", bill, count)


def misplaced(billed: Usage, reported: Usage) -> Iterator[Difference]:
    """Counts in the family's own JSON that were decoded into the wrong field: a count that differs
    from the bill for its field and equals the bill for another one.

    The family's count may differ from the billed one: in streams with tool calls Claude reports
    more output tokens than Bedrock bills.
    """
    bills = _counts(billed)
    for name, count in _counts(reported).items():
        others = {bill for other, bill in bills.items() if other != name}
        if name in bills and count != bills[name] and count in others:
            yield Difference(f"$.usage.{name}", bills[name], count)


def _counts(usage: Usage) -> dict[str, int]:
    """The counts that are set, by name."""
    counts = {name: getattr(usage, name) for name in fields_dict(Usage) if name != "extra"}
    return {name: count for name, count in counts.items() if count is not None}
