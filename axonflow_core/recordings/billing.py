"""Decoded token counts against the billed ones, which the provider sends next to an answer.

The billed counts are read without the family's codec (on Bedrock from headers or the last chunk of
a stream), so they find a codec that takes input tokens for output tokens in both of its roles, and
a recording whose two accounts do not agree. All counts are tokens.
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


def disagreeing(billed: Usage, own: Usage, excepted: frozenset[str]) -> Iterator[Difference]:
    """Counts in the family's own JSON that differ from the bill for their field. One that is
    `excepted`, because the family is known to count it otherwise, still may not be the bill of
    another field: then it was decoded into the wrong one.
    """
    bills, counts = _counts(billed), _counts(own)
    for name in bills.keys() & counts.keys():
        others = {bill for other, bill in bills.items() if other != name}
        if counts[name] != bills[name] and (name not in excepted or counts[name] in others):
            yield Difference(f"$.usage.{name}", bills[name], counts[name])


def _counts(usage: Usage) -> dict[str, int]:
    """The counts that are set, by name."""
    counts = {name: getattr(usage, name) for name in fields_dict(Usage) if name != "extra"}
    return {name: count for name, count in counts.items() if count is not None}
