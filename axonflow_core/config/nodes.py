"""Nodes: scalars, lists and sections of a configuration that know their place in the file.

A scalar holds the text as written, with references to environment variables resolved. The type of
the attrs field that it is read into decides its meaning; the field's metadata may add a YAML key
and an example, under the names below.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TypeAlias

from attrs import field

from axonflow_core.config.faults import Place
from axonflow_core.config.substitution import Unsubstitutable
from axonflow_core.errors import ConfigError
from axonflow_core.frozen import frozen
from axonflow_core.messages import Json

YAML_KEY = "axonflow_yaml_key"
"""Metadata of an attrs field whose YAML key is not its name; None for a field without a key."""
YAML_EXAMPLE = "axonflow_yaml_example"
"""Metadata of a required attrs field: a value to show where it is missing."""

_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_SECRET = re.compile(
    r"(^|[_-])(secret|token|password|passwd|credentials?|signature|"
    r"(api|access|private|secret|shared|account)[_-]?key)([_-]|$)",
    re.IGNORECASE,
)
ASSIGNED_KEY = re.compile(r"""(?<![\w.-])(?P<key>[\w.-]++)["']?\s*+[:=]""")
"""A key with its `:` or `=`, in text that is not necessarily YAML."""


@frozen(eq=False)
class Scalar:
    """One value as text, with references to environment variables resolved."""

    text: str = field(repr=False)
    place: Place
    is_quoted: bool = False
    is_substituted: bool = False
    is_secret: bool = False
    """A key above it has a secret's name: no message quotes the text."""
    problem: Unsubstitutable | None = field(default=None, repr=False)
    """Why `text` could not be resolved. It becomes a fault only when the value is read."""

    @property
    def is_null(self) -> bool:
        """Whether the value is YAML's null: nothing, `~` or `null`, unquoted. A quoted or
        substituted text never is, unless a reference resolved to nothing."""
        return not self.is_quoted and (
            self.text == "" if self.is_substituted else self.text in _NULLS
        )


@frozen(eq=False)
class Listing:
    """A YAML sequence."""

    items: tuple[Node, ...] = field(repr=False)
    place: Place


@frozen(eq=False)
class Section(Mapping[str, "Node"]):
    """A mapping of keys to nodes. Its repr shows the keys only, since values may be secrets."""

    _values: Mapping[str, Node] = field(repr=lambda values: str(list(values)))
    place: Place
    _key_places: Mapping[str, Place] = field(factory=dict, repr=False)

    def __getitem__(self, key: str) -> Node:
        return self._values[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def given(self, key: str) -> Node | None:
        """The value of `key`; None where it is absent or null (`key:` without a value)."""
        node = self.get(key)
        return None if isinstance(node, Scalar) and node.is_null else node

    def place_of(self, key: str) -> Place:
        """The place of the key, or of the section where it does not have that key."""
        return self._key_places.get(key, self.place)


Node: TypeAlias = Scalar | Listing | Section


def section_of(values: Mapping[str, Json], place: Place) -> Section:
    """A section of plain JSON values that come from no file; every node has the same `place`."""
    try:
        return _section_of(values, place, is_secret=False)
    except RecursionError:
        raise ConfigError("the configuration is nested too deeply, or holds itself") from None


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
    """Whether a key of that name holds a secret: a password, a token, an API key, …"""
    return bool(_SECRET.search(key))


def contains_secret(text: str) -> bool:
    """Whether `text` contains an assignment to a secret's name, such as `api_key:abc`, which YAML
    reads as text because no blank follows the colon.
    """
    return any(looks_secret(found["key"]) for found in ASSIGNED_KEY.finditer(text))


class Unfit(Exception):
    """A value that does not fit its field. `wants` completes the sentence "`key` wants …"; `hint`
    says how to correct it.
    """

    def __init__(self, wants: str, hint: str | None = None) -> None:
        super().__init__(wants)
        self.wants = wants
        self.hint = hint
