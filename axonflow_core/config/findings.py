"""What a provider finds of its settings, located in the file that they are from."""

from __future__ import annotations

from collections.abc import Iterable

from axonflow_core.config.faults import Fault, Place
from axonflow_core.config.nodes import Listing, Node, Section
from axonflow_core.config.snippets import with_snippets
from axonflow_core.config.values import Config, ProviderConfig
from axonflow_core.provider import Fact, Finding


def located(
    config: Config, entry: ProviderConfig, findings: Iterable[Finding]
) -> tuple[Fault, ...]:
    """The findings of `entry` as faults with place and snippet. One without a key is placed at the
    entry's `config:`."""
    return shown(config, (_fault_of(entry, finding) for finding in findings))


def shown(config: Config, faults: Iterable[Fault]) -> tuple[Fault, ...]:
    """`faults` with the lines of the file that they are in."""
    try:
        text = config.path.read_text("utf-8-sig") if config.path else ""
    except (OSError, UnicodeDecodeError):  # it was read before, and is gone
        text = ""
    return with_snippets(faults, text)


def origin_of(entry: ProviderConfig, fact: Fact) -> str | None:
    """Where a fact is from, for people to read: file and line, a variable, or the default; None
    where the fact says so itself."""
    if fact.key is None:
        return None
    node = entry.config.get(fact.key)
    if node is None:
        return "the default"
    if node.place.line:
        return f"{node.place.path}:{node.place.line}"
    return None if node.place.path[:1] == "<" else node.place.path


def _fault_of(entry: ProviderConfig, finding: Finding) -> Fault:
    place = _place_of(entry.config, finding.key)
    return Fault(place, finding.message, finding.hint, code=finding.code)


def _place_of(section: Section, key: str | None) -> Place:
    """The place of the value at a dotted key; of the nearest section above it where it is not
    written."""
    node: Node = section
    for word in key.split(".") if key else ():
        inner = _member(node, word)
        if inner is None:
            break
        node = inner
    return node.place


def _member(node: Node, word: str) -> Node | None:
    if isinstance(node, Section):
        return node.get(word)
    if isinstance(node, Listing) and word.isdecimal() and int(word) < len(node.items):
        return node.items[int(word)]
    return None
