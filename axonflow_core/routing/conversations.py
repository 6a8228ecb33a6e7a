"""A conversation keeps to the target that answered it before: that one has its beginning in a
cache, and its reasoning in its own form.

Known is a keyed hash of how the conversation begins, for as long as the process runs and there is
room: system and first message, which every later request repeats. A request without history and
without cache points has nothing in a cache.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from hashlib import blake2b

from axonflow_core.messages import CachePoint, CompletionRequest

from .targets import Target

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
        self._known: OrderedDict[bytes, Target] = OrderedDict()

    def mark(self, owner: str, request: CompletionRequest) -> bytes | None:
        """Which conversation of whom `request` goes on with; None where nothing is in a cache."""
        if len(request.messages) < 2 and not _has_cache_points(request):
            return None
        said = [owner]
        for block in (*request.system, *request.messages[0].content):
            text: str = getattr(block, "text", "") or type(block).__name__
            said.append(f"{len(text)}:{text[:_MAX_READ]}")
        beginning = "\0".join(said).encode("utf-8", "replace")
        return blake2b(beginning, key=self._key, digest_size=16).digest()

    def target(self, mark: bytes) -> Target | None:
        """Who answered it last, as far as is known."""
        return self._known.get(mark)

    def answered(self, mark: bytes, target: Target) -> None:
        """`target` has its beginning now."""
        self._known[mark] = target
        self._known.move_to_end(mark)
        if len(self._known) > self._room:
            self._known.popitem(last=False)


def _has_cache_points(request: CompletionRequest) -> bool:
    said = (block for message in request.messages for block in message.content)
    blocks = (*request.system, *request.tools, *said)
    return any(type(block) is CachePoint for block in blocks)
