"""An answer, screened while it streams: `AnswerScreen` takes what the provider says and gives what
may leave. No I/O, no clock.

    add(batches)    what one read of the provider brought
    judge()         search it, where enough has come: `is_due`
    taken()         the reads that may leave, in their order
    end()           no more comes; then once more judge() and taken()

Reads leave whole and in their order, as the objects that they are, each once all of its text is
cleared. So what nobody changed costs no new value, and keeps the provider's own bytes.

    text, reasoning     cleared piece by piece, behind the look-ahead             `runs`
    any other block     held until it is complete, then judged as a whole: a tool's name with all
                        of its arguments                                  `whole_blocks`
    any other event     judged as it is

What is replaced is replaced in the events themselves. With a changed text the `Extra` of its batch
is left out: members that the model does not know may repeat the text in pieces, as the
probabilities of tokens do.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from axonflow_core.governance.masks import masked
from axonflow_core.governance.runs import Block, Held, Run, text_of, with_text
from axonflow_core.governance.screening import (
    MAX_CHARACTERS_ON_LOOP,
    MAX_TEXTS_ON_LOOP,
    Screened,
)
from axonflow_core.governance.whole_blocks import WholeBlock
from axonflow_core.messages import Reasoning, Text, ToolUse
from axonflow_core.policy.hits import Found
from axonflow_core.policy.rules import Action, Decision, Phase, Verdict
from axonflow_core.stream import (
    Batch,
    BlockStart,
    BlockStop,
    Ended,
    Extra,
    ReasoningDelta,
    StreamEvent,
    TextDelta,
    ToolInputDelta,
    ToolResultDelta,
)
from axonflow_core.texts import Place, texts_in, with_texts

if TYPE_CHECKING:
    from axonflow_core.governance.vault import Vault
    from axonflow_core.policy.engine import Policy

MAX_TAKEN = 256
"""Batches that leave at once, or those of one read. Behind a long word that was held there may be
thousands, and each takes the event loop 10 us."""
STRIDE = 96
"""Characters that come before the next search: text is late by at most so many more than the
look-ahead."""
_DELTAS: dict[type, type] = {TextDelta: Text, ReasoningDelta: Reasoning, ToolInputDelta: ToolUse}
"""Delta -> the kind of block that it opens where it is not announced."""
_IN_RUNS = {Text, Reasoning}
_OF_RUN: Place = ("block", "text")
"""The text of a `BlockStart` that is the beginning of a run."""
_SILENT = {Ended, BlockStop}
_MAX_KNOWN = 1_000
_WEIGHT_OF_TEXT = MAX_CHARACTERS_ON_LOOP // MAX_TEXTS_ON_LOOP
"""A text costs as much as so many characters, however short it is."""
_SHORT = 16
"""Characters of JSON for each text in it, where its texts are short."""


class Stop(NamedTuple):
    """Why a stream goes no further."""

    verdict: Verdict
    reason: str | None


class Passed(NamedTuple):
    """What may leave."""

    batches: tuple[Batch, ...]
    native: bytes | None
    """The provider's own bytes of these batches, where it kept them and nothing was changed so
    far."""


class AnswerScreen:
    """The screen of one stream."""

    def __init__(self, policy: Policy, vault: Vault | None = None) -> None:
        """`vault` has the placeholders of the request, which are restored in the answer."""
        self._policy = policy
        self._vault = vault
        self._look_ahead = max(policy.look_ahead(Phase.ANSWER), vault.longest if vault else 0)
        self._queue: deque[Held] = deque()
        self._open: dict[int, Block] = {}
        self._run: Run | None = None
        """The run of text that the next block of text joins."""
        self._runs: list[Run] = []
        """The runs that are not cleared to their end."""
        self._complete: list[WholeBlock] = []
        """Blocks that are complete and not judged."""
        self._events: list[tuple[dict[Place, str], StreamEvent, Held, int, int]] = []
        """Events that are judged as they are and are not yet, with their texts."""
        self._weight = 0
        """How much is to be searched in these, as characters of a run."""
        self._known: set[str] = set()
        self._is_due = False
        self.may_pass = False
        """Whether something may leave that did not at the last look."""
        self.unread = 0
        """Characters that came since the last search."""
        self.stop: Stop | None = None
        """What stops the stream; then nothing leaves any more."""
        self.has_masked = False
        """Whether a finding was replaced."""
        self._has_changed = False
        """Whether anything was."""
        self._late = 0

    # ── what came ─────────────────────────────────────────────────────────────────────────────────

    def add(self, batches: tuple[Batch, ...], native: bytes | None) -> bool:
        """Take what one read of the provider brought. Returns whether something may be judged or
        leave by now."""
        held = Held(batches, native)
        self._queue.append(held)
        open_at = self._open.get
        for number, batch in enumerate(batches):
            for place, event in enumerate(batch):
                kind = type(event)
                if kind is TextDelta:
                    block = open_at(event.index)  # type: ignore[union-attr]
                    if block is not None and block.kind is Text:  # by far the most events
                        text = event.text  # type: ignore[union-attr]
                        self.unread += len(text)
                        block.run.add(text, held, number, place, block)  # type: ignore[union-attr]
                        continue
                if kind in _DELTAS:
                    self._delta(event, held, number, place)
                elif kind is BlockStart:
                    self._begin(event, held, number, place)  # type: ignore[arg-type]
                elif kind is BlockStop:
                    self._end(self._open.pop(event.index, None))  # type: ignore[union-attr]
                elif kind not in _SILENT:
                    self._event(event, held, number, place)
        if not held.ends:
            self.may_pass = True
        return self.may_pass or self.is_due

    def _delta(self, event: Any, held: Held, number: int, place: int) -> None:
        kind = _DELTAS[type(event)]
        block = self._open.get(event.index)
        if block is None or (kind is not block.kind and {kind, block.kind} == _IN_RUNS):
            self._end_all()
            block = self._start(event.index, kind)
        text = text_of(event)
        if isinstance(block, WholeBlock):
            block.add(event, held, number, place)
            block.weight += len(text) * _WEIGHT_OF_TEXT // _SHORT
        elif block.run is not None:
            self.unread += len(text)
            block.run.add(text, held, number, place, block)
            if type(event) is ReasoningDelta and event.signature is not None:
                held.sign(number, place, block.run)

    def _event(self, event: StreamEvent, held: Held, number: int, place: int) -> None:
        """An event that is judged as it is."""
        if texts := dict(texts_in(event)):
            self._events.append((texts, event, held, number, place))
            self._weight += _weight_of(texts)

    def _begin(self, event: BlockStart, held: Held, number: int, place: int) -> None:
        self._end(self._open.pop(event.index, None))
        first = event.block
        block = self._start(event.index, type(first))
        if isinstance(block, WholeBlock):
            block.add(event, held, number, place)
            block.weight += _weight_of(dict(texts_in(event)))
            return
        if block.run is not None and (text := text_of(event)):
            self.unread += len(text)
            block.run.add(text, held, number, place, block)
        self._event(event, held, number, place)

    def _start(self, index: int, kind: type) -> Block:
        """A new block at `index`."""
        if kind is Text:
            self._run = self._run or self._new_run(self._vault)
            block = Block(kind, self._run)
        else:
            self._end_run()
            block = Block(kind, self._new_run()) if kind is Reasoning else WholeBlock(kind)
            if block.run is not None:
                block.run.is_last = True
        self._open[index] = block
        return block

    def _new_run(self, vault: Vault | None = None) -> Run:
        run = Run(self._look_ahead, vault)
        self._runs.append(run)
        return run

    def _end(self, block: Block | None) -> None:
        """The block is complete."""
        if isinstance(block, WholeBlock):
            self._complete.append(block)
            self._is_due = True
        elif block is not None and block.run is not None:
            block.run.blocks.remove(block)
            self._is_due |= block.run.is_over

    def _end_all(self) -> None:
        for block in self._open.values():
            self._end(block)
        self._open.clear()

    def _end_run(self) -> None:
        """No other block joins the run of text."""
        if self._run is not None:
            self._run.is_last = True
            self._is_due |= self._run.is_over
            self._run = None

    def end(self, *, is_complete: bool) -> None:
        """No more comes. Where the answer is not complete, blocks that are judged as a whole stay
        where they are, with all that is behind them."""
        if not is_complete:
            self._open = {
                index: block
                for index, block in self._open.items()
                if not isinstance(block, WholeBlock)
            }
        self._end_all()
        self._end_run()

    # ── what is decided ───────────────────────────────────────────────────────────────────────────

    @property
    def late(self) -> int:
        """Characters that had left before it was seen that they belong to a finding."""
        return self._late + sum(run.late for run in self._runs)

    @property
    def is_due(self) -> bool:
        """Whether enough came to be judged."""
        is_much = self.unread >= STRIDE and self._is_worth_it
        return is_much or self._is_due or bool(self._events)

    @property
    def is_much(self) -> bool:
        """Whether the search is so long that the event loop should not wait for it."""
        others = self._weight + sum(block.weight for block in self._complete)
        weight = sum(run.weight for run in self._runs) + 2 * others  # of any alphabet
        return weight > MAX_CHARACTERS_ON_LOOP or self._policy.has_guests

    @property
    def _is_worth_it(self) -> bool:
        """Where much is held, much is searched: then a search waits for more."""
        return self.unread >= sum(run.held for run in self._runs) // 4

    def judge(self) -> None:
        """Judge what came. A search that fails stops the stream."""
        try:
            self.stop = self.stop or next(self._judged(), None)
        except Exception:
            self.stop = Stop(Verdict.ERROR, "The policies could not be evaluated.")
        self.may_pass = True
        if self.stop is not None:
            self._queue.clear()

    def _judged(self) -> Iterator[Stop]:
        """What stops the stream, if anything does; on the way everything is judged."""
        for texts, event, held, number, place in self._events:
            yield from self._judged_event(texts, event, held, number, place)
        self._events.clear()
        self._weight = 0
        if self._is_due or (self.unread >= STRIDE and self._is_worth_it):
            yield from self._searched()

    def _searched(self) -> Iterator[Stop]:
        self._is_due, self.unread = False, 0
        for whole in self._complete:
            decision = whole.judge(self._policy, self._vault)
            if decision is not None:
                yield Stop(decision.verdict, decision.reason)
        self._complete.clear()
        for run in self._runs:
            found = run.judge(self._search)
            if found is not None:
                yield _stop_of(found)
        self._late += sum(run.late for run in self._runs if run.is_over)
        self._runs = [run for run in self._runs if not run.is_over]

    def _search(self, text: str) -> Any:
        return self._policy.found(Phase.ANSWER, text)

    def _judged_event(
        self, texts: dict[Place, str], event: StreamEvent, held: Held, number: int, place: int
    ) -> Iterator[Stop]:
        new: StreamEvent | None
        if type(event) is ToolResultDelta:
            decision, new, _ = Screened(event).judge(self._policy, Phase.ANSWER)
        else:
            if type(event) is BlockStart:
                texts.pop(_OF_RUN, None)
            parts = {str(at): text for at, text in enumerate(texts.values()) if self._is_new(text)}
            if not parts:
                return
            decision = self._policy.evaluate(Phase.ANSWER, parts)
            places = list(texts)
            changed = {places[int(at)]: text for at, text in decision.texts.items()}
            new = with_texts(event, changed)
            self._know(parts, decision)
        if decision.is_stopped or new is None:
            yield Stop(decision.verdict, decision.reason)
            return
        is_redacted = new is not event
        if self._vault:
            new = self._vault.in_value(new, but=_OF_RUN)
        if new is not event:
            held.replace(number, place, new, is_redacted=is_redacted)

    def _is_new(self, text: str) -> bool:
        return bool(text) and text not in self._known

    def _know(self, texts: dict[str, str], decision: Decision) -> None:
        """The same short words come with every chunk: they are judged once."""
        if len(self._known) < _MAX_KNOWN and not self._vault:
            self._known.update(
                text for at, text in texts.items() if len(text) < 64 and at not in decision.texts
            )

    # ── what may leave ────────────────────────────────────────────────────────────────────────────

    def taken(self) -> Passed | None:
        """What may leave now, a part of it where that is much (`MAX_TAKEN`); None where that is
        nothing."""
        if not self.may_pass:
            return None
        queue, reads, left = self._queue, list[Held](), MAX_TAKEN
        while queue and left > 0 and queue[0].is_cleared:
            reads.append(queue.popleft())
            left -= len(reads[-1].batches)
        self.may_pass = left <= 0
        if not reads:
            return None
        batches = list[Batch]()
        for held in reads:
            held.is_released = True
            held.unsign()
            if held.masks or held.replaced:
                batches += _replaced(held)
                self.has_masked |= held.is_redacted
                self._has_changed = True
            else:
                batches += held.batches
        natives = [held.native for held in reads if held.native is not None]
        is_native = len(natives) == len(reads) and not self._has_changed
        return Passed(tuple(batches), b"".join(natives) if is_native else None)


def _weight_of(texts: dict[Place, str]) -> int:
    return sum(map(len, texts.values())) + len(texts) * _WEIGHT_OF_TEXT


def _stop_of(found: Found) -> Stop:
    is_block = found.action is Action.BLOCK
    return Stop(Verdict.BLOCKED if is_block else Verdict.NEEDS_APPROVAL, found.reason)


def _replaced(held: Held) -> tuple[Batch, ...]:
    """The batches with masks in their texts, and without what may repeat these."""
    batches = [list(batch) for batch in held.batches]
    others, masked_texts = held.replaced or {}, held.masks or {}
    for (number, place), event in others.items():
        batches[number][place] = event  # type: ignore[call-overload]
    for (number, place), masks in masked_texts.items():
        event = batches[number][place]
        batches[number][place] = with_text(event, masked(text_of(event), masks))
    changed = {number for number, _ in (*masked_texts, *others)}
    return tuple(
        tuple(
            event
            for event in batch
            if event is not None and (number not in changed or type(event) is not Extra)
        )
        for number, batch in enumerate(batches)
    )
