"""A target, and what a caller wishes of routing."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from attrs import field

from axonflow_core.frozen import frozen

Place: TypeAlias = tuple[str, str | None, str]
"""What has a breaker of its own: provider, region, model. None: the provider's own region."""

ANY = ("*",)
"""Every provider, every model, every region."""


@frozen
class Target:
    """A provider with a model, as the provider spells it."""

    provider: str
    model: str
    priority: int = 5
    """Higher ones are tried first."""
    weight: float = 1.0
    """The share of the calls among targets of one priority; 0: only where others fail."""
    rank: int = 0
    """Settles a draw: the order of the names, or of the list."""
    is_default: bool = False
    """Whether the model is the provider's own choice, where a call names none."""
    region: str | None = None
    """The region that it is called in; None: the provider's own."""
    place: Place = field(init=False, eq=False, repr=False)
    asked: str | None = field(init=False, eq=False, repr=False)
    """The model that the provider is asked for; None leaves it to the provider, which may have
    another for calls that are no chat."""

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "place", (self.provider, self.region, self.model))
        object.__setattr__(self, "asked", None if self.is_default else self.model)

    def __str__(self) -> str:
        where = "" if self.region is None else f" in {self.region}"
        return f"{self.provider} {self.model}{where}"


class Wish(NamedTuple):
    """Whom a call is for, and whom its caller may ask. A tuple, because each call makes one and
    looks its candidates up by it."""

    provider: str | None = None
    model: str | None = None
    """The name of a named model, or an id."""
    is_strict: bool | None = None
    """Whether no other provider than the named one will do; None leaves it to the configuration."""
    allowed: tuple[str, ...] | None = None
    """The only providers that this call may go to; None: all."""
    client: str = ""
    """The name of the client, for messages; empty in a program's own calls."""
    providers: tuple[str, ...] = ANY
    """The providers that the client may use; `*` is all."""
    models: tuple[str, ...] = ANY
    """The models that it may use, by id or by name; a `*` at the end stands for any ending."""
    regions: tuple[str, ...] = ANY
    """The regions that its calls may be processed in, likewise."""


ANYONE = Wish()
"""A call that names nothing and may go anywhere."""


def matches(patterns: tuple[str, ...], name: str) -> bool:
    """Whether one of `patterns` is `name`, or its beginning before a `*`."""
    return any(
        name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern
        for pattern in patterns
    )
