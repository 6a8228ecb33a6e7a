"""What differs between two configurations: for the record, and for what a running server refuses.

A record has names of keys and nothing of their values, which may be secrets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias

from axonflow_core.config import Config, Fault, FaultyConfig, Place
from axonflow_core.config.document import parse_document
from axonflow_core.config.nodes import Listing, Node, Scalar, Section
from axonflow_core.messages import EMPTY, Json
from axonflow_core.server.history import Written

MAX_NAMED = 200
"""How many keys a record names."""
Plain: TypeAlias = "str | tuple[Plain, ...] | Mapping[str, Plain]"

FIXED: Mapping[str, Callable[[Config], object]] = {
    "audit.url": lambda config: config.audit.url,
    "audit.texts": lambda config: config.audit.texts,
    "plans.enabled": lambda config: config.plans.is_enabled,
    "plans.takeover_s": lambda config: config.plans.takeover_s,
    "plans.url": lambda config: config.plans.url,
    "server.open": lambda config: config.server.open,
    "server.keys_dir": lambda config: config.server.keys_dir,
    "server.key_command": lambda config: config.server.key_command,
    "server.max_concurrent": lambda config: config.server.max_concurrent,
    "server.drain_s": lambda config: config.server.drain_s,
}
"""Key -> its setting, of those that hold from a server's start to its end."""


def require_changeable(old: Config, new: Config, written: Written) -> None:
    """`FaultyConfig` names every key whose setting cannot change while the server runs."""
    changed = [key for key, setting in FIXED.items() if setting(old) != setting(new)]
    if changed:
        faults = (
            Fault(
                _place_of(key, written),
                f"`{key}` cannot change while the server runs",
                "put it back, or start the server anew",
            )
            for key in changed
        )
        raise FaultyConfig(faults)


def _place_of(key: str, written: Written) -> Place:
    """Where the key stands, or its section, or the file."""
    if written.path is None:
        return Place("<environment>")
    root = parse_document(written.text, str(written.path), EMPTY).root
    name, _, member = key.partition(".")
    section = root.get(name)
    if isinstance(section, Section):
        return section.place_of(member)
    return root.place_of(name) if section is not None else Place(str(written.path))


def named_changes(old: Written | None, new: Written) -> dict[str, Json]:
    """The names of the keys that were added, removed or changed; a list counts as one value."""
    before, after = _values(old), _values(new)
    groups = {
        "added": sorted(after.keys() - before.keys()),
        "removed": sorted(before.keys() - after.keys()),
        "changed": sorted(key for key in after.keys() & before.keys() if after[key] != before[key]),
    }
    facts: dict[str, Json] = {name: list(keys[:MAX_NAMED]) for name, keys in groups.items() if keys}
    unnamed = sum(max(len(keys) - MAX_NAMED, 0) for keys in groups.values())
    return {**facts, "unnamed": unnamed} if unnamed else facts


def _values(written: Written | None) -> Mapping[str, Plain]:
    """Dotted key -> value as written; references to the environment are not resolved."""
    if written is None or written.path is None:
        return {}
    return dict(_leaves(parse_document(written.text, str(written.path), EMPTY).root, ""))


def _leaves(section: Section, prefix: str) -> Iterator[tuple[str, Plain]]:
    for key, node in section.items():
        if isinstance(node, Section) and node:
            yield from _leaves(node, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", _plain(node)


def _plain(node: Node) -> Plain:
    match node:
        case Scalar():
            return node.text
        case Listing():
            return tuple(map(_plain, node.items))
        case Section():
            return {key: _plain(value) for key, value in node.items()}
