"""The words of the fault catalogue: what a case is, what must come of it, and how it is run.

A case with `ends_s` is about time: it ends so long after its begin. One without has time enough,
for whatever machine runs it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import Enum, auto
from typing import Any, TypeAlias

from attrs import field, frozen
from aws_account import AccountSession
from claude_wire import (
    Wire,
    chunked,
)
from faulty_service import Answer, End, Piece, Script

from axonflow_core.errors import (
    AxonFlowError,
)
from axonflow_core.http.client import Timeouts

CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
ON_DEMAND = "anthropic.claude-sonnet-4-20250514-v1:0"

CALL, STREAM = "call", "stream"
WHOLE, STREAMED = (CALL,), (STREAM,)
INVOKE, CONVERSE = "invoke", "converse"
ASYNC, BLOCKING = "async", "blocking"

PLENTY = Timeouts(connect_s=20, first_byte_s=20, idle_s=20, total_s=30)
TIGHT = Timeouts(connect_s=0.25, first_byte_s=0.4, idle_s=0.25, total_s=5)
TOTAL = Timeouts(connect_s=5, first_byte_s=5, idle_s=5, total_s=0.6)
"""Limits of which only that of the whole call can end it."""

LEAVES_S = 0.1
"""When a caller who leaves does so."""


class Place(Enum):
    """Where the call goes."""

    SERVED = auto()
    TLS = auto()
    """To a service with a certificate for localhost that is trusted."""
    STRANGE_TLS = auto()
    """To one whose certificate nobody signed that is trusted."""
    OTHER_HOST = auto()
    """To one whose trusted certificate is for another host."""
    NOT_TLS = auto()
    """Over https to a port that does not speak it."""
    NO_NAME = auto()
    REFUSED = auto()
    BLACK_HOLE = auto()
    """To a port that answers no packet, as behind a firewall."""


@frozen(kw_only=True)
class Fails:
    """The caller must see this error, of exactly this class."""

    kind: type[AxonFlowError]
    says: str = ""
    """A pattern in its message."""
    hint: str = ""
    """A part of its hint."""
    has_id: bool = True
    """Whether it has the service's id of the call."""
    facts: Mapping[str, Any] = field(factory=dict)
    """Attributes of the error."""
    text: str | None = None
    """What a stream gave before it."""


@frozen(kw_only=True)
class Says:
    """The caller must get this answer."""

    text: str = "Good."
    attempts: int = 1


@frozen
class Cancelled:
    """The caller leaves, and nothing else must happen."""


class Asking(Enum):
    """How the caller asks."""

    ONCE = auto()
    AGAIN = auto()
    """After a call that is answered."""
    AFTER_A_FAILURE = auto()
    """After a call that failed, in whatever way."""
    BY_TWO_READERS = auto()
    """Two tasks read one stream; what the second gets is not looked at."""
    AND_LEAVES = auto()
    """Its task is cancelled after `LEAVES_S`."""
    AND_CLOSES = auto()
    """It closes the stream after one read."""
    BADLY = auto()
    """With a text that no JSON can carry."""


Say: TypeAlias = Callable[[Wire], Script]
Account: TypeAlias = Callable[[str], AccountSession]


def good(wire: Wire) -> Script:
    """The answer, unspoiled."""
    return [wire.good]


def account(url: str) -> AccountSession:
    """Keys that never expire, and as many attempts as botocore makes unasked."""
    return AccountSession(url, attempts=None)


@frozen(kw_only=True)
class Case:
    """One fault, what must come of it, and how many requests may reach the service."""

    name: str
    does: Say
    must: Fails | Says | Cancelled
    calls: tuple[int, int] = (1, 1)
    """The fewest and the most."""
    forms: Sequence[str] = (CALL, STREAM)
    surfaces: Sequence[str] = (INVOKE, CONVERSE)
    clients: Sequence[str] = (ASYNC, BLOCKING)
    was: str = ""
    place: Place = Place.SERVED
    speaks_first: Answer | None = None
    limits: Timeouts = PLENTY
    timeout_s: float | None = None
    """`timeout=` of the call."""
    ends_s: float | None = None
    not_before_s: float = 0.0
    account: Account = account
    is_warm: bool = True
    """Whether settings and credentials were found before the call."""
    asking: Asking = Asking.ONCE
    config: Mapping[str, Any] = field(factory=dict)


@frozen
class Row:
    """A fault of the catalogue, in its kinds."""

    number: int
    name: str
    cases: tuple[Case, ...]


def row(number: int, name: str, *cases: Case) -> Row:
    return Row(number, name, cases)


def case(name: str, does: Say, must: Fails | Says | Cancelled, **options: Any) -> Case:
    return Case(name=name, does=does, must=must, **options)


def fails(
    kind: type[AxonFlowError],
    says: str = "",
    *,
    hint: str = "",
    has_id: bool = True,
    text: str | None = None,
    **facts: Any,
) -> Fails:
    return Fails(kind=kind, says=says, hint=hint, has_id=has_id, text=text, facts=facts)


def unheard(kind: type[AxonFlowError], says: str = "", **facts: Any) -> Fails:
    """Of a call that no head of an answer came to, so no id either."""
    return fails(kind, says, has_id=False, **facts)


def each(*answers: Answer) -> Say:
    """The same for every surface and form."""
    return lambda wire: answers


def streamed(pieces: Callable[[Wire], Sequence[Piece]]) -> Say:
    """A streamed answer in chunks."""
    return lambda wire: [list(chunked(*pieces(wire)))]


def then_good(*answers: Answer) -> Say:
    """These, then the good one."""
    return lambda wire: [*answers, wire.good]


def then(first: Sequence[Piece], second: Callable[[Wire], Answer]) -> Say:
    return lambda wire: [first, second(wire)]


HELD: Answer = [End.HOLD]
TWO, THREE = (2, 2), (3, 3)
RETRIED = (1, 3)
"""The calls of an error that passes: as many as botocore makes, or as there is time for."""
ONE_DEADLINE: Mapping[str, Any] = {"limits": TOTAL, "ends_s": TOTAL.total_s}
"""Of a call that has only the time of one deadline for all its attempts."""
CONNECTING: Mapping[str, Any] = {"limits": TIGHT, "ends_s": TIGHT.connect_s}
FIRST_BYTE: Mapping[str, Any] = {"limits": TIGHT, "ends_s": TIGHT.first_byte_s}
IDLE: Mapping[str, Any] = {"limits": TIGHT, "ends_s": TIGHT.idle_s}
UNSENT: Mapping[str, Any] = {"calls": (0, 0)}


@frozen
class Run:
    """A case in one of the ways in which it exists."""

    row: Row
    case: Case
    form: str
    surface: str
    client: str

    def __str__(self) -> str:
        was = f" [{self.case.was}]" if self.case.was else ""
        way = "-".join((self.form, self.surface, self.client))
        return f"{self.row.number} {self.row.name}: {self.case.name}{was}, {way}"
