"""The JSON object of a request, read field by field.

Whoever sends something else than a field takes is told which field, what it takes and what came, by
type and size; never the value. Sizes are bounded here, once for all routes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import orjson

from axonflow_core.converters import described
from axonflow_core.errors import MalformedRequest
from axonflow_core.messages import EMPTY, Json

MAX_TEXT = 1_000_000
"""Characters of a text that is screened; a longer one is refused, never cut."""
MAX_WORD = 512
"""Characters of an id, a name or a token's subject."""
MAX_TOKEN = 16_384
"""Characters of a user token, which may be a JWT."""
MAX_ITEMS = 1_000
MAX_DEPTH = 32
MAX_NODES = 10_000
MAX_NUMBER = 10**15
_FLAGS: Mapping[str, bool] = {
    **dict.fromkeys(("1", "true", "yes", "on"), True),
    **dict.fromkeys(("0", "false", "no", "off"), False),
}


def read_object(body: bytes) -> Fields:
    """The object in `body`. `MalformedRequest` where it is none."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise MalformedRequest(
            f"the body is not JSON: {error.msg} at byte {error.pos}",
            hint="send a JSON object with the content type application/json",
        ) from None
    if not isinstance(value, dict):
        raise MalformedRequest(f"the body is a JSON object, not {described(value)}")
    return Fields(value)


class Fields:
    """The members of an object. A member that is null is absent."""

    def __init__(self, members: Mapping[str, Json], path: str = "") -> None:
        self._members = members
        self._path = path

    def text(self, name: str, *, most: int = MAX_WORD, default: str | None = None) -> str:
        """A text of at most `most` characters. Required where there is no default."""
        value = self._members.get(name)
        if value is None and default is not None:
            return default
        if value is None or value == "":
            if default is not None:
                return default
            raise MalformedRequest(f"{self._path}{name} field is required")
        return self._short(name, value, most)

    def optional_text(self, name: str, *, most: int = MAX_WORD) -> str | None:
        """A text; None where it is absent or empty."""
        value = self._members.get(name)
        return None if value is None or value == "" else self._short(name, value, most)

    def number(
        self, name: str, *, least: float = 0, most: float = MAX_NUMBER
    ) -> float | int | None:
        """A number within its bounds; None where it is absent."""
        value = self._members.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise self._misfit(name, "a number", value)
        if not least <= value <= most:
            bounds = f"from {least:,.16g} to {most:,.16g}"
            raise MalformedRequest(f"{self._path}{name} is a number {bounds}")
        return value

    def count(self, name: str, *, least: int = 0, most: int = 10**9) -> int | None:
        """A whole number within its bounds; None where it is absent."""
        value = self.number(name, least=least, most=most)
        if isinstance(value, float):
            if not value.is_integer():
                raise self._misfit(name, "a whole number", value)
            return int(value)
        return value

    def flag(self, name: str) -> bool | None:
        """True or false; None where it is absent."""
        value = self._members.get(name)
        if value is not None and not isinstance(value, bool):
            raise self._misfit(name, "true or false", value)
        return value

    def spelt_flag(self, name: str) -> bool | None:
        """As `flag`, or one of the words that the product spells it with: 1, true, yes, on and 0,
        false, no, off."""
        value = self._members.get(name)
        if not isinstance(value, str):
            return self.flag(name)
        if value.lower() not in _FLAGS:
            raise self._misfit(name, "true or false", value)
        return _FLAGS[value.lower()]

    def texts(self, name: str, *, most: int = MAX_WORD, items: int = MAX_ITEMS) -> tuple[str, ...]:
        """A list of at most `items` texts, each of at most `most` characters; empty where it is
        absent."""
        return tuple(self._short(name, item, most) for item in self._items(name, items))

    def objects(self, name: str) -> Iterator[Fields]:
        """The objects of a list; none where it is absent."""
        for index, item in enumerate(self._items(name)):
            if not isinstance(item, dict):
                raise self._misfit(f"{name}.{index}", "an object", item)
            yield Fields(item, f"{self._path}{name}.{index}.")

    def items(self, name: str) -> list[Json]:
        """The items of a list as they are, within bounds; none where it is absent."""
        items = self._items(name)
        if items:
            self._bound(name, items)
        return items

    def object(self, name: str) -> Fields:
        """An object; one without members where it is absent."""
        return Fields(self.members(name), f"{self._path}{name}.")

    def members(self, name: str) -> Mapping[str, Json]:
        """The members of an object as they are, within bounds; empty where it is absent."""
        value = self._members.get(name)
        if value is None:
            return EMPTY
        if not isinstance(value, dict):
            raise self._misfit(name, "an object", value)
        if value:
            self._bound(name, value)
        return value

    def over(self, shared: Fields, names: Iterable[str]) -> Fields:
        """These members, and of `shared` those of `names` that are absent here."""
        inherited = {name: shared._members[name] for name in names if name in shared}
        return Fields({**inherited, **self._present}, self._path)

    @property
    def names(self) -> frozenset[str]:
        """The names of all members, those that are null included."""
        return frozenset(self._members)

    @property
    def _present(self) -> dict[str, Json]:
        return {name: value for name, value in self._members.items() if value is not None}

    def __contains__(self, name: str) -> bool:
        return self._members.get(name) is not None

    def _items(self, name: str, most: int = MAX_ITEMS) -> list[Any]:
        value = self._members.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            raise self._misfit(name, "a list", value)
        if len(value) > most:
            raise MalformedRequest(
                f"{self._path}{name} has {len(value):,} items, of at most {most:,}"
            )
        return value

    def _short(self, name: str, value: Any, most: int) -> str:
        if not isinstance(value, str):
            raise self._misfit(name, "a text", value)
        if len(value) > most:
            raise MalformedRequest(
                f"{self._path}{name} has {len(value):,} characters, of at most {most:,}"
            )
        if most <= MAX_TOKEN and "\0" in value:
            raise MalformedRequest(f"{self._path}{name} has a NUL, which no name has")
        return value

    def _bound(self, name: str, value: Json) -> None:
        """`MalformedRequest` for a value that is nested too deeply, or has too many members."""
        level, depth, seen = [value], 0, 0
        while level:
            depth, seen = depth + 1, seen + len(level)
            if depth > MAX_DEPTH or seen > MAX_NODES:
                raise MalformedRequest(
                    f"{self._path}{name} has more than {MAX_DEPTH} levels or {MAX_NODES:,} values"
                )
            level = [
                item
                for container in level
                if isinstance(container, (dict, list))
                for item in (container.values() if isinstance(container, dict) else container)
            ]

    def _misfit(self, name: str, takes: str, value: Any) -> MalformedRequest:
        return MalformedRequest(f"{self._path}{name} takes {takes}, not {described(value)}")
