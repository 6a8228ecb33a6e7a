"""Faults of the section `policies` that no part of it has alone, with their places."""

from __future__ import annotations

from collections.abc import Iterator

from axonflow_core.config.faults import Fault, Place
from axonflow_core.config.nodes import Listing, Node, Scalar, Section
from axonflow_core.config.structuring import fields_of, meant
from axonflow_core.config.values import PoliciesConfig
from axonflow_core.policy.consistency import inconsistencies


def inconsistent(node: Node) -> Iterator[Fault]:
    """Names that two rules have, and actions of nothing. What is not of the right kind is passed
    over: structuring reports it."""
    if not isinstance(node, Section):
        return
    section = meant(node, fields_of(PoliciesConfig))
    rules, actions = section.get("rules"), section.get("actions")
    names = [_name(rule) for rule in rules.items] if isinstance(rules, Listing) else []
    keys = list(actions) if isinstance(actions, Section) else []
    for found in inconsistencies(names, keys):
        yield Fault(_place(section, found.where), found.message, found.hint)


def _name(rule: Node) -> str | None:
    name = rule.get("name") if isinstance(rule, Section) else None
    return name.text if isinstance(name, Scalar) and not name.is_null else None


def _place(node: Node, where: tuple[str | int, ...]) -> Place:
    """The place of the last key of a way of keys and positions."""
    for step in where[:-1]:
        if isinstance(node, Section) and isinstance(step, str):
            node = node[step]
        elif isinstance(node, Listing) and isinstance(step, int):
            node = node.items[step]
    return node.place_of(str(where[-1])) if isinstance(node, Section) else node.place
