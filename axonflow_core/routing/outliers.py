"""Outliers: a target that is much slower or fails much more than those beside it is asked last.

A breaker opens where half of the calls fail. Below that a target may still be the worst choice, and
slowness opens no breaker. So the targets of a plan are compared with each other; once a second that
of the call that comes next:

    failing    its share of failures is `MORE_FAILURES` above the middle of the others'
    slow       its answers take `SLOWER` times as long as the middle of the others', and as they
               used to take themselves: a large model beside a small one is slow by nature

Such a target is left out for `LEFT_OUT_S`, longer each time: it goes to the end of the plan, so it
is still asked where all others fail. At most half of a plan is left out at once, never the last
target that is not. Only targets with `LEAST_CALLS` calls of late are compared; what was left out
has few, and comes back with nothing held against it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from .breaker import Breaker
from .targets import Place, Target

LEAST_CALLS = 20
MORE_FAILURES = 0.2
SLOWER = 4.0
LEFT_OUT_S = 30.0
MOST_LEFT_OUT_S = 300.0
COMPARED_EVERY_S = 1.0
USUAL = 0.01
"""How much the newest look counts in what a target's answers usually take."""


class Outliers:
    """Who is left out, in one process."""

    def __init__(self, now: Callable[[], float], breakers: Mapping[Place, Breaker]) -> None:
        self._now = now
        self._breakers = breakers
        self._until: dict[Place, float] = {}
        self._times: dict[Place, int] = {}
        self._usual_s: dict[Place, float] = {}
        self._again_at = 0.0

    def is_left_out(self, place: Place) -> bool:
        """Whether it is asked last."""
        return self._until.get(place, 0.0) > self._now()

    def ordered(self, targets: tuple[Target, ...]) -> tuple[Target, ...]:
        """`targets`, those that are left out behind the others; itself where none is."""
        now = self._now()
        if now >= self._again_at:
            self._compare(targets, now)
        if not self._until:
            return targets
        left_out = [each for each in targets if self._until.get(each.place, 0.0) > now]
        if not left_out:
            return targets
        return (*(each for each in targets if each not in left_out), *left_out)

    def forget(self, place: Place) -> None:
        """Nothing is remembered of it any more."""
        for known in (self._until, self._times, self._usual_s):
            known.pop(place, None)

    def _compare(self, targets: tuple[Target, ...], now: float) -> None:
        self._again_at = now + COMPARED_EVERY_S
        self._until = {place: until for place, until in self._until.items() if until > now}
        seen = {place: found for place in _places(targets) if (found := self._seen(place))}
        free = sum(each.place not in self._until for each in targets)
        for place in seen:
            others = [found for other, found in seen.items() if other != place]
            if others and free > max(1, len(targets) // 2) and self._is_outlier(place, seen):
                self._leave_out(place, now)
                free -= 1
            else:
                self._note(place, seen[place][1])

    def _seen(self, place: Place) -> tuple[float, float] | None:
        """The share of failures and the seconds of an answer; None where too little is known."""
        breaker = self._breakers.get(place)
        if breaker is None or place in self._until:
            return None
        calls, failures = breaker.totals()
        if calls < LEAST_CALLS:
            return None
        return failures / calls, breaker.seconds or 0.0

    def _is_outlier(self, place: Place, seen: Mapping[Place, tuple[float, float]]) -> bool:
        share, seconds = seen[place]
        others = [found for other, found in seen.items() if other != place]
        if share > MORE_FAILURES + _middle(each for each, _ in others):
            return True
        usual_s = self._usual_s.get(place)
        middle_s = _middle(each for _, each in others)
        return usual_s is not None and seconds > SLOWER * max(middle_s, usual_s) > 0

    def _note(self, place: Place, seconds: float) -> None:
        before = self._usual_s.get(place)
        usual_s = seconds if before is None else before + USUAL * (seconds - before)
        self._usual_s[place] = usual_s

    def _leave_out(self, place: Place, now: float) -> None:
        times = self._times[place] = self._times.get(place, 0) + 1
        self._until[place] = now + min(times * LEFT_OUT_S, MOST_LEFT_OUT_S)


def _middle(values: Iterable[float]) -> float:
    """The median; of an even number, the lower of the two."""
    ordered = sorted(values)
    return ordered[(len(ordered) - 1) // 2]


def _places(targets: Sequence[Target]) -> list[Place]:
    return [each.place for each in targets]
