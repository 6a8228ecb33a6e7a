"""A conversation keeps to the target that answered it before: that one has its beginning in a
cache, and its reasoning in its own form.

Known is a hash of how the conversation begins, for as long as the process runs and there is room:
system and first message, which every later request repeats. It is Python's own, SipHash under a key
that each process draws, with a word of ours in it where the operator fixes that key. A request
without history and without cache points has nothing in a cache.
"""

from __future__ import annotations

import os
from collections import OrderedDict

from axonflow_core.messages import CachePoint, CompletionRequest

from .targets import Place, Target

MAX_KNOWN = 4_096
"""Conversations that are remembered, the last ones."""
_MAX_READ = 1_024
"""Characters of a text that are hashed, with its length: those that differ later share a target,
which harms neither."""


class Conversations:
    """The last target of each conversation, in one process."""

    def __init__(self, room: int = MAX_KNOWN) -> None:
        self._key = os.urandom(16)
        self._room = room
        self._known: OrderedDict[int, Place] = OrderedDict()

    def mark(self, owner: str, request: CompletionRequest) -> int | None:
        """Which conversation of whom `request` goes on with; None where nothing is in a cache."""
        messages = request.messages
        if len(messages) < 2 and not _has_cache_points(request):
            return None
        said: list[object] = [self._key, owner]
        for block in (*request.system, *messages[0].content):
            text = getattr(block, "text", None) or type(block).__name__
            said += len(text), text[:_MAX_READ]
        return hash(tuple(said))

    def place(self, mark: int) -> Place | None:
        """Where it was answered last, as far as is known."""
        return self._known.get(mark)

    def answered(self, mark: int, target: Target) -> None:
        """`target` has its beginning now."""
        self._known[mark] = target.place
        self._known.move_to_end(mark)
        if len(self._known) > self._room:
            self._known.popitem(last=False)


def _has_cache_points(request: CompletionRequest) -> bool:
    for blocks in (request.system, request.tools, *[each.content for each in request.messages]):
        for block in blocks:
            if type(block) is CachePoint:
                return True
    return False
