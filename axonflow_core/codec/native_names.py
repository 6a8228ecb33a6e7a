"""Two-way tables between a family's words and ours: stop reasons, purposes, truncations.

NativeNames({"stop": StopReason.END_TURN, "eos": StopReason.END_TURN}).encode(END_TURN) == "stop"
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Any, Generic, TypeVar, cast

from attrs import field

from axonflow_core.errors import EncodeError
from axonflow_core.frozen import frozen
from axonflow_core.messages import Json, StopReason

from .json_members import UnexpectedKind, kind_of

E = TypeVar("E", bound=StrEnum)

_END, _LIMIT, _REFUSED = StopReason.END_TURN, StopReason.MAX_TOKENS, StopReason.REFUSAL
_FILTERED = StopReason.CONTENT_FILTERED

NEAREST: Mapping[Any, tuple[StopReason, ...]] = {
    StopReason.STOP_SEQUENCE: (_END,),
    StopReason.TOOL_USE: (_END,),
    StopReason.PAUSE_TURN: (_LIMIT, _END),
    StopReason.CONTENT_FILTERED: (StopReason.GUARDRAIL, _REFUSED, _END),
    StopReason.GUARDRAIL: (_FILTERED, _REFUSED, _END),
    StopReason.REFUSAL: (_FILTERED, StopReason.GUARDRAIL, _END),
    StopReason.CONTEXT_EXCEEDED: (_LIMIT, _END),
    StopReason.MALFORMED: (_END,),
    StopReason.MAX_TOKENS: (_END,),
    StopReason.OTHER: (_END,),
}
"""Stop reason -> the reasons nearest to it, for who has no name for it."""


def nearest(reason: StopReason, known: Collection[StopReason]) -> StopReason:
    """The reason itself, or the nearest that is known; itself where none is."""
    if reason in known:
        return reason
    return next((other for other in NEAREST.get(reason, ()) if other in known), reason)


@frozen
class NativeNames(Generic[E]):
    """One table, read in both directions. Of several names for one meaning the first is written.

    A table of stop reasons is open: a name that it lacks means `StopReason.OTHER`, and a reason
    that it lacks is written as the nearest that it has (`NEAREST`), else as its first name, for an
    answer always has some reason. Any other table is closed: what it lacks is a `ValueError` when
    decoded and an `EncodeError` that names `what` when encoded.
    """

    table: Mapping[str, E]
    what: str = "stop reason"
    """The feature that the table is about, as errors name it."""
    other: E | None = field(kw_only=True)
    """The meaning of a name that the table lacks; None closes the table."""

    @other.default
    def _other_stop_reason(self) -> E | None:
        """A table of stop reasons is open, because vendors add reasons without notice and the
        answer is billed."""
        is_open = any(isinstance(meaning, StopReason) for meaning in self.table.values())
        return cast(E, StopReason.OTHER) if is_open else None

    def decode(self, native: str) -> E:
        """The meaning of `native`. ValueError where a closed table lacks it."""
        try:
            meaning = self.table.get(native, self.other)
        except TypeError:  # what cannot be a key is no name
            raise UnexpectedKind("a string", kind_of(native), self.what) from None
        if meaning is None:
            raise ValueError(f"this is no {self.what} of the family")
        return meaning

    def encode(self, value: E, native: str | None = None) -> str:
        """The family's name for `value`: `native`, the one it came with, if that still means it."""
        if native is not None and self.table.get(native, self.other) is value:
            return native
        for wanted in (value, *NEAREST.get(value, ())):
            for name, meaning in self.table.items():
                if meaning is wanted:
                    return name
        if self.other is None:
            raise self._unnamed(value)
        return next(iter(self.table))

    def decode_optional(self, native: Json) -> tuple[E | None, str | None]:
        """As `decode`, with the native name where it is not the one that `encode` would write."""
        if native is None:
            return None, None
        meaning = self.decode(native)
        return meaning, None if native == self.encode(meaning) else native

    def encode_optional(self, value: E | None, native: str | None) -> str | None:
        """As `encode`; an unset value has no name."""
        return None if value is None else self.encode(value, native)

    def _unnamed(self, value: E) -> EncodeError:
        """The error of a value that a closed table lacks; it lists those that the table has."""
        return EncodeError(
            f"the family has no word for the {self.what} {value}",
            feature=self.what,
            hint=f"it knows {', '.join(dict.fromkeys(self.table.values()))}",
        )
