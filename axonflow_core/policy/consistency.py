"""What is wrong with policies as a whole, though each rule and each action is right."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from axonflow_core.frozen import frozen
from axonflow_core.nearest import nearest
from axonflow_core.policy.detectors import CATEGORIES, TYPES

KEYS = (*CATEGORIES, *TYPES)
"""What `policies.actions` may name."""


@frozen
class Inconsistency:
    """Something that is wrong, with the way to it from the section `policies`."""

    where: tuple[str | int, ...]
    """Keys, and positions in lists: `("rules", 2, "name")`."""
    message: str
    hint: str


def inconsistencies(names: Iterable[str | None], actions: Iterable[str]) -> Iterator[Inconsistency]:
    """What is wrong with rules of these `names`, in their order (None where one has none), and with
    the keys of `policies.actions`."""
    seen: set[str] = set()
    for number, name in enumerate(names):
        where = ("rules", number, "name")
        if name in TYPES:
            message = f"`{name}` is the name of a built-in detector"
            yield Inconsistency(where, message, "give the rule a name of its own")
        elif name in seen:
            message = f"there are two rules of the name `{name}`"
            yield Inconsistency(where, message, "decisions and records name a rule by it")
        if name is not None:
            seen.add(name)
    for key in actions:
        if key not in KEYS:
            near = nearest(key, KEYS)
            hint = f"did you mean `{near}`?" if near else f"there are {', '.join(KEYS)}"
            message = f"there is no category or type `{key}` of built-in detectors"
            yield Inconsistency(("actions", key), message, hint)
