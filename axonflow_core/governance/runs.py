"""Text of a stream that is still arriving: which of it may leave, and what leaves in its place.

    released │ context │ held: look-ahead and unsettled findings │ not read yet
                       ^ cleared                       ^ settled

A run is the text of adjacent text blocks, or of one block of reasoning. It is searched in windows:
what is held, with some context before it. A finding is *settled* when the text goes on for at least
the look-ahead behind it, or is over: more text cannot change it any more. A settled finding is
acted on; one that is not is held from its beginning on. So nothing of a finding that is as long as
the look-ahead or shorter leaves before it is acted on, wherever the pieces were cut.

The look-ahead is of characters as rules read them: an escape such as `%34` counts as the one that
it is decoded to, and a character that is not displayed as none.

A word that is longer than the look-ahead and not over, such as the piece of a token that has come,
is held from its beginning. So a finding may be longer than the look-ahead where it has no blank in
it, or is one from its beginning on, as a private key is. What is held is bounded by `MAX_HELD`.

Where a window has text of several blocks it is read twice: as one text, because clients show it as
one, and block by block, because a word begins where a block does. Code that began before the window
goes on in it: whether it is code that something stands in decides what it is.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import TYPE_CHECKING, Any, TypeAlias
from unicodedata import combining

from axonflow_core.frozen import evolve
from axonflow_core.governance.masks import Mask
from axonflow_core.policy.detectors.code import open_code
from axonflow_core.policy.hits import Found
from axonflow_core.policy.masks import mask_of
from axonflow_core.policy.rules import RANKS, Action
from axonflow_core.policy.views import View, normal, views_of
from axonflow_core.stream import (
    Batch,
    BlockStart,
    ReasoningDelta,
    TextDelta,
    ToolInputDelta,
)
from axonflow_core.texts import with_texts

if TYPE_CHECKING:
    from axonflow_core.governance.vault import Vault

CONTEXT = 320
"""Characters that have left and are searched with what comes: a secret may be known by a command or
a label that stands so far before it."""
MAX_HELD = 16_384
"""Characters of one run that wait for a finding to end, or for one that is displayed."""
_ACTS = RANKS[Action.REDACT]
_PLAIN = re.compile(r"[ -$'-\[\]-~\t-\r]*")
"""ASCII that no rule reads as something else: `%`, `&` and the backslash begin escapes."""
_WORD = "".join({*map(chr, range(33, 127))} - set("\"'`()[]{}<>,|"))
"""What tokens, addresses and escapes are made of."""
_START = itemgetter(0)

Search: TypeAlias = Callable[[str], Sequence[Found]]


class Held:
    """The batches of one read of the provider, until all of their text is cleared."""

    waits_for = 0
    """How many blocks that are judged as a whole have events here, and are not judged yet."""
    masks: dict[tuple[int, int], list[Mask]] | None = None
    """Number of a batch, and of an event in it -> what is replaced in the text of the event."""
    replaced: dict[tuple[int, int], object] | None = None
    """The same -> the event that takes the place of that one; None: no event does."""
    signed: dict[tuple[int, int], Run] | None = None
    """The same -> the reasoning that the event has a signature of."""
    is_redacted = False
    """Whether something of that takes the place of a finding."""
    is_released = False

    def __init__(self, batches: tuple[Batch, ...], native: bytes | None) -> None:
        self.batches = batches
        self.native = native
        self.ends: dict[Run, int] = {}
        """Run -> where the text of these batches ends in it."""

    def mask(self, batch: int, event: int, mask: Mask) -> None:
        """Replace something in the text of an event."""
        self.masks = self.masks or {}
        self.masks.setdefault((batch, event), []).append(mask)

    def replace(self, batch: int, event: int, new: object, *, is_redacted: bool) -> None:
        """Put another event in the place of one."""
        self.replaced = self.replaced or {}
        self.replaced[batch, event] = new
        self.is_redacted |= is_redacted

    def sign(self, batch: int, event: int, run: Run) -> None:
        """Note an event that has the signature of reasoning."""
        self.signed = self.signed or {}
        self.signed[batch, event] = run

    def unsign(self) -> None:
        """Take out signatures of reasoning in which something was masked: a signature is of every
        character, and whoever gets it back with others refuses the call."""
        for (number, place), run in (self.signed or {}).items():
            if run.has_masked:
                event: Any = self.batches[number][place]
                unsigned = evolve(event, signature=None) if event.text else None
                self.replace(number, place, unsigned, is_redacted=True)

    @property
    def is_cleared(self) -> bool:
        """Whether all of it may leave."""
        for run, end in self.ends.items():
            if run.cleared < end:
                return False
        return not self.waits_for


Piece: TypeAlias = "tuple[int, int, Held, int, int, Block]"
"""The text of one event in a run: where it begins and ends, what holds it, the numbers of its batch
and of the event in that, and its block. A plain tuple: each event of an answer makes one."""


class Block:
    """A block of the answer while it is open, with the run that its text goes to: None where it is
    judged as a whole."""

    __slots__ = ("first", "kind", "run")

    def __init__(self, kind: type, run: Run | None) -> None:
        self.kind = kind
        self.run = run
        self.first = 0 if run is None else run.length
        """Where its text begins in the run."""
        if run is not None:
            run.blocks.append(self)


class Run:
    """Text of adjacent blocks."""

    def __init__(self, look_ahead: int, vault: Vault | None = None) -> None:
        """`vault` has the placeholders that are restored in the text."""
        self._look_ahead = look_ahead
        self._vault = vault
        self._window = ""
        self._base = 0
        self._opening = ""
        """The beginning of the code that goes on in the window."""
        self._new: list[str] = []
        self._pieces: list[Piece] = []
        self._settled = 0
        self._block: Block | None = None
        """The block that the last text is of; others that are open may go on behind it."""
        self._switched = 0
        """Where the text of that block begins, as far as it is in one piece."""
        self.length = 0
        self.cleared = 0
        """Everything before this may leave."""
        self.late = 0
        """Characters of findings that had left before the finding was whole."""
        self.blocks: list[Block] = []
        """The blocks that are open."""
        self.is_last = False
        """Whether no other block joins it."""
        self.has_masked = False
        """Whether something in it was replaced."""

    @property
    def is_over(self) -> bool:
        return self.is_last and not self.blocks

    @property
    def held(self) -> int:
        """How many characters are held."""
        return self.length - self.cleared

    @property
    def weight(self) -> int:
        """What is held, as characters of ASCII that are searched once."""
        is_ascii = self._window.isascii() and all(map(str.isascii, self._new))
        is_read_twice = self._switched > self._base
        return self.held * (1 if is_ascii else 2) * (2 if is_read_twice else 1)

    def add(self, text: str, held: Held, batch: int, event: int, block: Block) -> None:
        """The text of an event."""
        if not text:
            return
        start = self.length
        self.length = end = start + len(text)
        self._new.append(text)
        if block is not self._block:
            self._block, self._switched = block, start
        self._pieces.append((start, end, held, batch, event, block))
        held.ends[self] = end

    def judge(self, search: Search) -> Found | None:
        """Search what came, and clear what may leave. Returns what stops the stream, if anything
        does."""
        self._window += "".join(self._new)
        self._new.clear()
        settled = self._settled_now()
        hold = settled
        acting: list[tuple[int, int]] = []
        for found in self._found(search):
            if RANKS[found.action] < _ACTS:
                continue
            acting += found.spans
            for start, end in found.spans:
                if end > settled:
                    hold = min(hold, start)
                elif end > self._settled:
                    if found.action is not Action.REDACT:
                        return found
                    self._mask(start, end, mask_of(found.name), is_redacted=True)
        if self._vault:
            hold = min(hold, self._restore(self._vault, settled, acting))
        self._settled = max(self._settled, settled)
        self.cleared = max(self.cleared, hold)
        self._trim()
        return None

    def _restore(self, vault: Vault, settled: int, acting: Sequence[tuple[int, int]]) -> int:
        """Put what was replaced in the place of placeholders. Returns from where on some are
        held."""
        hold = settled
        for each in vault.found_in(self._window):
            start, end = each.start + self._base, each.end + self._base
            if end > settled:
                hold = min(hold, start)
            elif end > self._settled and not _is_among(acting, start, end):
                vault.restored[each.name] += 1
                self._mask(start, end, each.text)
        return hold

    def _settled_now(self) -> int:
        """The findings that end up to here cannot change."""
        if self.is_over:
            return self.length
        if self.held > MAX_HELD:
            settled = self.length
        else:
            settled = self.length - _read_back(self._window, self._look_ahead)
            word = self._base + len(self._window.rstrip(_WORD))
            if self.length - word > self._look_ahead:
                settled = min(settled, word)
        for block in self.blocks:
            if block is not self._block and block.first < settled:
                settled = block.first
        return max(0, settled)

    def _found(self, search: Search) -> Iterator[Found]:
        """What is found in the window, with spans of the run."""
        opening = self._opening
        if found := search(opening + self._window):
            yield from _moved(found, [(len(opening), self._base, len(self._window))])
        if self._switched > self._base:
            for places in self._texts_of_blocks().values():
                text = "".join(self._between(start, start + size) for _, start, size in places)
                if places[0][1] > self._base:
                    opening = ""
                places = [(at + len(opening), start, size) for at, start, size in places]
                yield from _moved(search(opening + text), places)

    def _texts_of_blocks(self) -> dict[Block, list[tuple[int, int, int]]]:
        """Block -> where its text stands: at which place of the block's text, where in the run, how
        many characters."""
        places: dict[Block, list[tuple[int, int, int]]] = {}
        for first, end, _, _, _, block in self._pieces:
            if end <= self._base:
                continue
            known = places.setdefault(block, [])
            begin = max(first, self._base)
            at, start, size = known[-1] if known else (0, begin, 0)
            if start + size == begin:
                known[-1:] = [(at, start, end - start)]
            else:
                known.append((at + size, begin, end - begin))
        return places

    def _between(self, start: int, end: int) -> str:
        return self._window[start - self._base : end - self._base]

    def _mask(self, start: int, end: int, text: str, *, is_redacted: bool = False) -> None:
        """Put `text` into the first event of the span that has not left, and take the span out of
        all of them."""
        self.has_masked = True
        first = max(0, bisect_right(self._pieces, start, key=_START) - 1)
        for begin, last, held, batch, event, _ in self._pieces[first:]:
            if begin >= end:
                break
            if last <= start:
                continue
            if held.is_released:
                self.late += min(end, last) - max(start, begin)
                continue
            place = max(start, begin) - begin, min(end, last) - begin
            held.mask(batch, event, Mask(*place, text, start))
            held.is_redacted |= is_redacted
            text = ""

    def _trim(self) -> None:
        """Forget what is no context any more."""
        base = max(self._base, self.cleared - max(self._look_ahead, CONTEXT))
        if base > self._base:
            self._opening = open_code(self._opening + self._window[: base - self._base])
        self._window = self._window[base - self._base :]
        self._base = base
        gone = bisect_right(self._pieces, base, key=itemgetter(1))
        while gone and not self._pieces[gone - 1][2].is_released:
            gone -= 1
        del self._pieces[:gone]


def _is_among(spans: Sequence[tuple[int, int]], start: int, end: int) -> bool:
    """Whether a span has something of one of `spans`."""
    return any(first < end and start < last for first, last in spans)


def _moved(found: Sequence[Found], places: Sequence[tuple[int, int, int]]) -> Iterator[Found]:
    """The findings in a text with the spans of the run that they are."""
    for one in found:
        spans = [
            (max(start, at) - at + begin, min(end, at + size) - at + begin)
            for start, end in one.spans
            for at, begin, size in places
            if start < at + size and end > at
        ]
        yield one._replace(spans=spans)


def _read_back(text: str, count: int) -> int:
    """How many characters at the end of `text` are at least `count` as rules read them."""
    tail = text[-count:]
    if _PLAIN.fullmatch(tail) or (not tail.isascii() and all(map(_is_itself, set(tail)))):
        return count
    size = 4 * count
    while True:
        piece = text[-size:]
        read = max(_length_of_last(view, len(piece), count) for view in views_of(piece))
        if read < len(piece) or size >= len(text):
            return read
        size *= 4


def _length_of_last(view: View, length: int, count: int) -> int:
    """How many of the `length` characters of a text are the last `count` of a view of it."""
    last = view.data[-4 * count :].decode("utf-8", "replace")[-count:]
    if len(last) < count:
        return length
    at = len(view.data) - len(last.encode("utf-8", "replace"))
    return length - view.span(max(0, at), len(view.data))[0]


@lru_cache(4_096)
def _is_itself(character: str) -> bool:
    """Whether a character is one as rules read it, whatever stands next to it."""
    if character.isascii():
        return _PLAIN.fullmatch(character) is not None
    return len(normal(character)) >= 1 and not combining(character)


def text_of(event: Any) -> str:
    """The text of an event in a run: of a delta, or of a block that begins with it."""
    kind = type(event)
    if kind is TextDelta or kind is ReasoningDelta:
        text: str = event.text
    else:
        text = event.json if kind is ToolInputDelta else event.block.text
    return text


def with_text(event: Any, text: str) -> Any:
    """The event with another text."""
    if type(event) is BlockStart:
        block: Any = event.block
        return evolve(event, block=with_texts(block, {("text",): text}))
    return evolve(event, **{"json" if type(event) is ToolInputDelta else "text": text})
