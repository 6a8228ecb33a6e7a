"""What is wrong with policies as a whole, though each rule and each action is right."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from axonflow_core.frozen import frozen
from axonflow_core.nearest import nearest
from axonflow_core.policy.detectors import TYPES
from axonflow_core.policy.terms import CATEGORIES

if TYPE_CHECKING:
    from axonflow_core.config.values import PoliciesConfig, PolicySection

Where: TypeAlias = tuple[str | int, ...]
"""Keys, and positions in lists: `("rules", 2, "name")`."""

_THERE_ARE = f"the categories are {', '.join(CATEGORIES)}; `axonflow policy list` has the types"


@frozen
class Inconsistency:
    """Something that is wrong, with the way to it from the section `policies`."""

    where: Where
    message: str
    hint: str


class Outline(NamedTuple):
    """Of a section of policies, what another part of the configuration may contradict."""

    where: Where
    names: Iterable[str | None]
    """Of its rules, in their order; None where one has none."""
    named: Mapping[str, Iterable[str]]
    """`actions` and `on_errors` -> what they name."""


def outlines(config: PoliciesConfig) -> Iterator[Outline]:
    """Of `policies` and of the sections of clients and models."""
    sections: list[tuple[Where, PolicySection]] = [((), config)]
    sections += ((("clients", id), each) for id, each in config.clients.items())
    sections += ((("models", key), each) for key, each in config.models.items())
    for where, section in sections:
        named = {"actions": section.actions, "on_errors": getattr(section, "on_errors", ())}
        yield Outline(where, [rule.name for rule in section.rules], named)


def inconsistencies(
    sections: Iterable[Outline], types: Collection[str] = TYPES
) -> Iterator[Inconsistency]:
    """What is wrong with these sections. `types` are those of the detectors."""
    known, seen = (*CATEGORIES, *types), set[str]()
    for where, names, named in sections:
        for number, name in enumerate(names):
            at = (*where, "rules", number, "name")
            if name in types:
                message = f"`{name}` is the name of a built-in detector"
                yield Inconsistency(at, message, "give the rule a name of its own")
            elif name in seen:
                message = f"there are two rules of the name `{name}`"
                yield Inconsistency(at, message, "decisions and records name a rule by it")
            if name is not None:
                seen.add(name)
        for of, keys in named.items():
            for key in keys:
                if key not in known:
                    near = nearest(key, known)
                    hint = f"did you mean `{near}`?" if near else _THERE_ARE
                    message = f"there is no category or type `{key}` of detectors"
                    yield Inconsistency((*where, of, key), message, hint)
