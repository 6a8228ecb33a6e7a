"""Detectors of third parties, which may fail in any way and decide in time all the same.

A guest is Python code of somebody else. It may raise, return nonsense, take long or never return.
So each search of a guest has a thread of its own, beside the one that evaluates:

    evaluate ─ the project's searches ─ one thread for each guest ─ wait until the limit ─ decision
                                              │
                                              └ has not ended: the guest has failed, and is left

All guests of an evaluation search at the same time, all its texts, under one limit. A thread that
is left ends when its guest does; while `MAX_LEFT` of one guest's have not ended, it fails without
another one. What no thread helps against is code that keeps the interpreter's lock, as a pattern of
`re` does: a process that waits for it waits.

A guest gets copies of the texts' views, and nothing that others use.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from threading import Event, Lock, Thread
from time import monotonic
from typing import Any, NamedTuple, TypeAlias

from axonflow_core.errors import ConfigError
from axonflow_core.policy.detectors.detector import Detector
from axonflow_core.policy.patterns import compiled
from axonflow_core.policy.rules import Mode
from axonflow_core.policy.searches import MAX_SPANS, Find, Spans
from axonflow_core.policy.views import View

Found: TypeAlias = Sequence[tuple[str, View, Spans]]
"""What a guest found: the label of a text, one of its views, spans in that."""
MAX_RETURNED = 100_000
"""Spans of one text that a guest may return; the first `MAX_SPANS` of them count."""
MAX_LEFT = 4
"""Threads of one guest that were left and have not ended."""


_left: Counter[tuple[str, str]] = Counter()
"""Origin and type of a guest -> its threads that were left, by whichever policy."""
_lock = Lock()


class Page(NamedTuple):
    """A text to search."""

    label: str
    mode: Mode
    views: Sequence[View]


class GuestFault(Exception):
    """A guest did not do what a detector does. The message quotes nothing of a text."""


class Guest:
    """A third party's detector, ready to search."""

    def __init__(self, detector: Detector) -> None:
        self.detector = detector
        self._find = _finder_of(detector)
        has_clue = bool(detector.hint or detector.keywords)
        self._look: Callable[[bytes], Any] = (
            compiled(detector.clue).search if has_clue else lambda data: True
        )
        self._key = (detector.origin, detector.type)

    def begin(self, pages: Iterable[Page]) -> Search | None:
        """Begin to search those of the texts that may have a finding; None where none has."""
        todo = [(page.label, view) for page in pages for view in self.may_find(page)]
        return Search(self, todo) if todo else None

    def may_find(self, page: Page) -> Sequence[View]:
        """The views of a text that may have a finding."""
        if page.mode not in self.detector.modes:
            return ()
        return [view for view in page.views if self._look(view.data) is not None]

    def found_in(self, view: View) -> Spans:
        """What the guest finds in a view. Raises what it raises, and `GuestFault`."""
        return checked(self._find(View(view.data)), view.data)

    @property
    def is_stuck(self) -> bool:
        """Whether so many of its threads do not end that it gets no other one."""
        return _left[self._key] >= MAX_LEFT

    def leave(self, change: int) -> None:
        """Count a thread that was left, or that ended after all."""
        with _lock:
            _left[self._key] += change


def _finder_of(detector: Detector) -> Find:
    try:
        return detector.finder()
    except Exception as error:
        message = f"the detector {detector.type} of {detector.origin} cannot be built: it raised "
        raise ConfigError(
            message + type(error).__name__, hint="upgrade it, or take it from `policies.detectors`"
        ) from error


class Search:
    """One guest's search of the texts of an evaluation, under way."""

    def __init__(self, guest: Guest, todo: Sequence[tuple[str, View]]) -> None:
        self.guest = guest
        self._todo = todo
        self._found: list[tuple[str, View, Spans]] = []
        self._fault: str | None = "hangs, as several of its searches do" if guest.is_stuck else None
        self._ended = Event()
        self._is_left = False
        self._lock = Lock()
        if self._fault is None:
            self._start()

    def _start(self) -> None:
        try:
            Thread(
                target=self._run, name=f"detector {self.guest.detector.type}", daemon=True
            ).start()
        except RuntimeError:  # no thread can be started
            self._fault = "has no thread to search in"

    def _run(self) -> None:
        try:
            for label, view in self._todo:
                if self._is_left:
                    break
                if spans := self.guest.found_in(view):
                    self._found.append((label, view, spans))
        except GuestFault as fault:
            self._fault = str(fault)
        except BaseException as error:  # SystemExit among them: it is the guest's
            self._fault = f"raised {type(error).__name__}"
        with self._lock:
            self._ended.set()
            if self._is_left:
                self.guest.leave(-1)

    def outcome(self, deadline: float) -> Found | GuestFault:
        """What the guest found, once it has ended, or how it failed."""
        if self._fault is None:
            self._ended.wait(max(deadline - monotonic(), 0.0))
            with self._lock:
                if not self._ended.is_set():
                    self._is_left = True
                    self.guest.leave(+1)
                    return GuestFault("has not ended in time")
        if self._fault is not None:
            return GuestFault(self._fault)
        return self._found


def checked(found: Any, data: bytes) -> Spans:
    """The first `MAX_SPANS` of what a guest returned, in ascending order. `GuestFault` where
    they are none of `data`."""
    if not isinstance(found, Sequence) or isinstance(found, str | bytes):
        raise GuestFault(f"returned {type(found).__name__}, and no sequence of spans")
    spans = [_span(one, data) for one in islice(found, MAX_RETURNED + 1)]
    if len(spans) > MAX_RETURNED:
        raise GuestFault(f"returned more than {MAX_RETURNED:,} spans")
    return sorted(spans)[:MAX_SPANS]


def _span(one: Any, data: bytes) -> tuple[int, int]:
    if not isinstance(one, tuple | list) or len(one) != 2 or any(type(at) is not int for at in one):
        raise GuestFault("returned something that is no pair of integers")
    start, end = one
    if not 0 <= start < end <= len(data):
        raise GuestFault("returned a span outside the text, or an empty one")
    if any(at < len(data) and data[at] & 0xC0 == 0x80 for at in (start, end)):
        raise GuestFault("returned a span that begins or ends within a character")
    return start, end


def searched(
    guests: Iterable[Guest], pages: Sequence[Page], limit_s: float
) -> Sequence[tuple[Detector, Found | GuestFault]]:
    """What each guest found in these texts, or how it failed, within `limit_s` seconds."""
    deadline = monotonic() + limit_s
    begun = [search for guest in guests if (search := guest.begin(pages)) is not None]
    return [(search.guest.detector, search.outcome(deadline)) for search in begun]
