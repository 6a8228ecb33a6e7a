"""What a configuration says before anybody has read it: scalars, lists and sections that know their
place.

A scalar is the text that was written, references to the environment resolved. What it means is
decided by the type of the field that it ends up in; an attrs field may say more about itself in its
metadata, under the names below.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TypeAlias

from attrs import field, frozen

from axonflow_core.config.faults import Place
from axonflow_core.config.substitution import Unsubstitutable
from axonflow_core.messages import Json

YAML_KEY = "axonflow_yaml_key"
"""Metadata of an attrs field whose key in YAML is not its name; None: the file cannot say it."""
YAML_EXAMPLE = "axonflow_yaml_example"
"""Metadata of a required attrs field: a value to show where it is missing."""

_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_SECRET = re.compile(
    r"(^|[_-])(secret|token|password|passwd|credentials?|signature|(api|access|private|secret|shared|account)[_-]?key)"
    r"([_-]|$)",
    re.IGNORECASE,
)
SAID_KEY = re.compile(r"""(?<![\w.-])(?P<key>[\w.-]++)["']?\s*+[:=]""")
"""A key in text that may be no YAML, with what ends it."""


@frozen(eq=False)
class Scalar:
    """One value as it was written, references to the environment already resolved."""

    text: str = field(repr=False)
    place: Place
    is_quoted: bool = False
    is_substituted: bool = False
    is_secret: bool = False
    """The name of a key above it says so; no message quotes it."""
    problem: Unsubstitutable | None = field(default=None, repr=False)
    """Why `text` could not be resolved. It is a fault only where somebody asks for the value."""

    @property
    def is_null(self) -> bool:
        return not self.is_quoted and (
            self.text == "" if self.is_substituted else self.text in _NULLS
        )


@frozen(eq=False)
class Listing:
    items: tuple[Node, ...] = field(repr=False)
    place: Place


@frozen(eq=False)
class Section(Mapping[str, "Node"]):
    """Keys and values. Its repr holds no value: some are secrets."""

    _values: Mapping[str, Node] = field(repr=lambda values: str(list(values)))
    place: Place
    _key_places: Mapping[str, Place] = field(factory=dict, repr=False)

    def __getitem__(self, key: str) -> Node:
        return self._values[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def said(self, key: str) -> Node | None:
        """The value, where there is one: `key:` with nothing behind it says nothing."""
        node = self.get(key)
        return None if isinstance(node, Scalar) and node.is_null else node

    def place_of(self, key: str) -> Place:
        """Where the key stands; the section itself for a key it does not have."""
        return self._key_places.get(key, self.place)


Node: TypeAlias = Scalar | Listing | Section


def section_of(values: Mapping[str, Json], place: Place) -> Section:
    """A section for values that stand in no file."""
    return _section_of(values, place, is_secret=False)


def _section_of(values: Mapping[str, Json], place: Place, *, is_secret: bool) -> Section:
    nodes = {
        key: _node_of(value, place, is_secret=is_secret or looks_secret(key))
        for key, value in values.items()
    }
    return Section(nodes, place)


def _node_of(value: Json, place: Place, *, is_secret: bool) -> Node:
    if isinstance(value, Mapping):
        return _section_of(value, place, is_secret=is_secret)
    if isinstance(value, list | tuple):
        return Listing(tuple(_node_of(item, place, is_secret=is_secret) for item in value), place)
    if value is None:
        return Scalar("", place)
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return Scalar(text, place, is_quoted=isinstance(value, str), is_secret=is_secret)


def looks_secret(key: str) -> bool:
    """Whether a key of that name holds what must not be shown."""
    return bool(_SECRET.search(key))


def tells_secret(text: str) -> bool:
    """Whether `text` assigns something to a secret's name: `api_key:…`, which without a blank is no
    key to YAML."""
    return any(looks_secret(found["key"]) for found in SAID_KEY.finditer(text))


class Unfit(Exception):
    """The value is not what its type wants. `wants` completes the sentence "`key` wants …"."""

    def __init__(self, wants: str, hint: str | None = None) -> None:
        super().__init__(wants)
        self.wants = wants
        self.hint = hint
