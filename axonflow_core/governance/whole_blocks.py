"""Blocks of a stream that are judged as a whole: calls of tools, and whatever is no text.

A client runs a tool when it has its arguments, so none of a call leaves before all of it was
judged. Three things are read: the name, the texts of the arguments as a JSON reader has them, keys
too, and the JSON as it was written, which may have a key twice. Arguments with a text replaced are
written anew; if that does not take the finding out of them, or it is in the name, the call is
stopped.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from axonflow_core.governance.runs import Block, Held, text_of, with_text
from axonflow_core.governance.screening import Screened, irreplaceable
from axonflow_core.json_text import dumps
from axonflow_core.messages import ToolUse
from axonflow_core.policy.rules import Decision, Mode, Phase
from axonflow_core.stream import BlockStart, ReasoningDelta, TextDelta, ToolInputDelta, tool_input
from axonflow_core.texts import texts_in, with_texts

if TYPE_CHECKING:
    from axonflow_core.governance.vault import Vault
    from axonflow_core.policy.engine import Policy

_MASK = re.compile(r"\[REDACTED:[^\]\\]*\]")
_DELTAS = (ToolInputDelta, TextDelta, ReasoningDelta)


class _Event(NamedTuple):
    event: Any
    held: Held
    batch: int
    place: int

    def replace(self, event: object, *, is_redacted: bool) -> None:
        self.held.replace(self.batch, self.place, event, is_redacted=is_redacted)


class WholeBlock(Block):
    """One block until it is complete."""

    def __init__(self, kind: type) -> None:
        super().__init__(kind, None)
        self._events: list[_Event] = []
        self.weight = 0
        """How much is to be searched in it, as characters of a run."""

    def add(self, event: object, held: Held, batch: int, place: int) -> None:
        """An event of the block."""
        self._events.append(_Event(event, held, batch, place))
        held.waits_for += 1

    def judge(self, policy: Policy, vault: Vault | None = None) -> Decision | None:
        """Judge the block, which is complete, and let its events leave, with what was replaced in
        the request. Returns the decision that stops it."""
        deltas: list[_Event] = []
        for one in self._events:
            if type(one.event) in _DELTAS:
                deltas.append(one)
            elif stopped := _judged_alone(policy, vault, one):
                return stopped
        if deltas and (stopped := self._judged_deltas(policy, vault, deltas)):
            return stopped
        for one in self._events:
            one.held.waits_for -= 1
        return None

    def _judged_deltas(
        self, policy: Policy, vault: Vault | None, deltas: list[_Event]
    ) -> Decision | None:
        """Judge what the pieces come to."""
        written = "".join(text_of(one.event) for one in deltas)
        value = tool_input(written) if self._is_json else written
        is_text = value is written
        texts = dict(texts_in(value))
        parts = {str(at): text for at, text in enumerate(texts.values())}
        modes = dict.fromkeys(parts, Mode.PARAMETER)
        decision = policy.evaluate(Phase.ANSWER, {**parts, "json": written}, modes)
        if decision.is_stopped:
            return decision
        new = value
        if decision.texts:
            places = list(texts)
            changed = {places[int(at)]: new for at, new in decision.texts.items() if at != "json"}
            new = with_texts(value, changed)
            if _is_found(policy, new if is_text else dumps(new).decode()):
                return irreplaceable(decision, "the arguments of a tool")
        if vault:
            is_cut = is_text and self._is_json
            new = vault.in_text(new, is_json=True) if is_cut else vault.in_value(new)
        if new is not value or decision.texts:
            text = new if is_text else dumps(new).decode()
            for number, one in enumerate(deltas):
                given = with_text(one.event, "" if number else text)
                one.replace(given, is_redacted=bool(decision.texts))
        return None

    @property
    def _is_json(self) -> bool:
        """Whether the pieces are JSON; some tools take free text."""
        first = self._events[0].event
        block = first.block if type(first) is BlockStart else None
        is_free = isinstance(block, ToolUse) and isinstance(block.input, str) and block.spelling
        return not is_free


def _is_found(policy: Policy, text: str) -> bool:
    """Whether something is still found besides the masks."""
    decision = policy.evaluate(Phase.ANSWER, {"json": _MASK.sub("", text)})
    return decision.is_stopped or bool(decision.texts)


def _judged_alone(policy: Policy, vault: Vault | None, one: _Event) -> Decision | None:
    """Judge an event by itself."""
    decision, value, _ = Screened(one.event).judge(policy, Phase.ANSWER)
    if decision.is_stopped:
        return decision
    is_redacted = value is not one.event
    if vault:
        value = vault.in_value(value)
    if value is not one.event:
        one.replace(value, is_redacted=is_redacted)
    return None
