"""The texts of a request or an answer, before the policy.

A policy sees labels and texts, and knows nothing of messages; here the one becomes the other and
back. A label names where a text stands by numbers and words of ours: it goes into the record, and
must not quote what somebody wrote, as the key of a tool's argument would.

Two more things are searched than single texts. Text blocks that stand next to each other are one
text, too: clients show them so, and models read them so. And there are texts that nothing else can
stand for, such as the name of a tool (`texts.FixedText`): where one of them would have to be
replaced, the call is stopped.

The arguments of tools are searched as values, which go into programs and queries, and not as prose.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate, groupby
from math import inf
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar, cast

from axonflow_core.frozen import evolve
from axonflow_core.governance.masks import Mask, masked
from axonflow_core.messages import (
    EMPTY,
    Completion,
    CompletionRequest,
    Document,
    Text,
    ToolResult,
)
from axonflow_core.policy.masks import Masked, Write, mask_of, merged
from axonflow_core.policy.rules import RANKS, Action, Decision, Mode, Phase, Verdict
from axonflow_core.texts import (
    SIGNED_REASONING,
    Place,
    TooManyTexts,
    screened_texts,
    with_texts,
)

if TYPE_CHECKING:
    from axonflow_core.governance.vault import Vault
    from axonflow_core.policy.engine import Policy

T = TypeVar("T")

MAX_CHARACTERS_ON_LOOP = 2_048
"""Of ASCII; others count twice. Where they are nothing but numbers, each takes 3 us."""
MAX_TEXTS_ON_LOOP = 256
"""Longer texts, more of them, and statements, which are parsed, are evaluated in a thread, which
costs 40 us, so that the event loop, which goes on meanwhile, never waits for 10 ms."""


class Judgement(NamedTuple, Generic[T]):
    """What became of a request, an answer, or an event of a streamed one."""

    decision: Decision
    value: T | None
    """It, as the policy lets it go; None where it does not."""
    kept: Mapping[str, str]
    """Label -> text, with everything masked that was found, for the record. Empty where not
    everything was looked for (`Decision.is_blind`)."""


async def judged(
    policy: Policy,
    phase: Phase,
    value: T,
    vault: Vault | None = None,
    *,
    prompt_mode: Mode = Mode.PROMPT,
) -> Judgement[T]:
    """What the policy decides on `value`, and what becomes of it. `vault` makes placeholders of
    what is redacted; without one masks stand for it. `prompt_mode` is the kind of text that
    messages are."""
    try:
        screened = Screened(value, prompt_mode, most=MAX_TEXTS_ON_LOOP)
    except TooManyTexts:
        screened = await asyncio.to_thread(Screened, value, prompt_mode)
    write: Write = mask_of
    if vault is not None:
        vault.avoid(screened.said())
        write = vault.write
    if policy.has_guests or _is_much(screened.texts, screened.modes):
        return await asyncio.to_thread(screened.judge, policy, phase, write)
    return screened.judge(policy, phase, write)


async def restored(vault: Vault, answer: T) -> T:
    """The answer, with what `vault` has placeholders for in their place."""
    if _is_long(answer):
        return await asyncio.to_thread(vault.in_value, answer)
    return vault.in_value(answer)


async def evaluated(
    policy: Policy, phase: Phase, parts: Mapping[str, str], modes: Mapping[str, Mode] = EMPTY
) -> Decision:
    """What the policy decides on these texts. `modes` as `Policy.evaluate` takes them."""
    if policy.has_guests or _is_much(parts, modes):
        return await asyncio.to_thread(policy.evaluate, phase, parts, modes)
    return policy.evaluate(phase, parts, modes)


def _is_long(value: object) -> bool:
    """Whether the texts of a value are much."""
    try:
        return _is_much(dict(screened_texts(value, most=MAX_TEXTS_ON_LOOP).texts))
    except TooManyTexts:
        return True


def _is_much(texts: Mapping[Any, str], modes: Mapping[str, Mode] = EMPTY) -> bool:
    if len(texts) > MAX_TEXTS_ON_LOOP or Mode.SQL in modes.values():
        return True
    return sum(map(_weight_of, texts.values())) > MAX_CHARACTERS_ON_LOOP


def _weight_of(text: str) -> int:
    """What a text takes to search, in characters of ASCII."""
    return len(text) if text.isascii() else 2 * len(text)


class Screened(Generic[T]):
    """A value and its texts by their labels."""

    def __init__(self, value: T, prompt_mode: Mode = Mode.PROMPT, *, most: float = inf) -> None:
        """`TooManyTexts` where there are more than `most`."""
        self._value: T = value
        self.places: dict[str, Place] = {}
        self.texts: dict[str, str] = {}
        self.modes: dict[str, Mode] = {}
        """Label -> the kind of a text that is not of the phase's own."""
        self._counts: dict[str, int] = {}
        self._fixed: dict[str, str] = {}
        """Label -> what the text is, of one that nothing else can stand for."""
        found = screened_texts(value, most=most)
        labels = [self._add(place, text) for place, text in found.texts]
        if prompt_mode is not Mode.PROMPT:
            messages = (label for label in labels if label.startswith("messages."))
            self.modes |= dict.fromkeys(messages, prompt_mode)
        for arguments in found.arguments:
            self.modes |= dict.fromkeys(labels[arguments.start : arguments.stop], Mode.PARAMETER)
        self._thought = {labels[number] for number in found.reasoning}
        for place, text, what in found.fixed:
            label = self._add(place, text)
            if what is SIGNED_REASONING:
                self._thought.add(label)
            if type(value) is CompletionRequest or what is not SIGNED_REASONING:
                self._fixed[label] = what
        self._joined: dict[str, list[str]] = {}
        """Label -> the labels of the texts that are one, next to each other."""
        if not _is_one_text(value):
            self._add_joined(value)

    def judge(self, policy: Policy, phase: Phase, write: Write = mask_of) -> Judgement[T]:
        """What the policy decides, and what becomes of the value."""
        decision = policy.evaluate(phase, self.texts, self.modes, write)
        if not decision.kept:
            kept = EMPTY if decision.is_blind else self._without_joined(self.texts)
            return Judgement(decision, None if decision.is_stopped else self._value, kept)
        kept = self._kept(policy, phase, decision)
        decision = self._stopped_by_fixed(decision)
        if decision.is_stopped:
            return Judgement(decision, None, kept)
        texts = self._without_joined(decision.texts)
        texts |= self._masked_together(policy, phase, decision.texts, Action.REDACT, write)
        return Judgement(decision, self._with(texts), kept)

    def said(self) -> Iterator[str]:
        """The texts, without what a model thought."""
        return (text for label, text in self.texts.items() if label not in self._thought)

    def _kept(self, policy: Policy, phase: Phase, decision: Decision) -> Mapping[str, str]:
        """The texts as they may be kept."""
        if decision.is_blind:
            return EMPTY
        kept = self._without_joined({**self.texts, **decision.kept})
        return kept | self._masked_together(policy, phase, decision.kept, Action.LOG, mask_of)

    def _add(self, place: Place, text: str) -> str:
        """Take a text; its label is `messages.0`, `system.0`, of a further one there
        `messages.0#2`."""
        first, second = place[0], place[1] if len(place) > 1 else None
        base = label = f"{first}.{second}" if type(second) is int else str(first)
        if base in self.places:
            self._counts[base] = number = self._counts.get(base, 1) + 1
            label = f"{base}#{number}"
        self.places[label] = place
        self.texts[label] = text
        return label

    def _add_joined(self, value: T) -> None:
        """Text blocks next to each other, as one text."""
        label_of = {place: label for label, place in self.places.items()}
        for places in _neighbours(value):
            labels = [label_of[place] for place in places]
            label = f"{labels[0]}+{len(labels) - 1}"
            self._joined[label] = labels
            if labels[0] in self.modes:
                self.modes[label] = self.modes[labels[0]]
            self.texts[label] = "".join(self.texts[each] for each in labels)

    def _stopped_by_fixed(self, decision: Decision) -> Decision:
        """The decision, which stops the call where it would replace what nothing can stand for."""
        what = next((self._fixed[each] for each in decision.texts if each in self._fixed), None)
        return decision if what is None or decision.is_stopped else irreplaceable(decision, what)

    def _without_joined(self, texts: Mapping[str, str]) -> dict[str, str]:
        return {label: text for label, text in texts.items() if label not in self._joined}

    def _masked_together(
        self,
        policy: Policy,
        phase: Phase,
        changed: Mapping[str, str],
        least: Action,
        write: Write,
    ) -> dict[str, str]:
        """The texts of blocks in which something was found together."""
        new: dict[str, str] = {}
        for label in self._joined.keys() & changed.keys():
            labels = self._joined[label]
            given = [self.texts[each] for each in labels]
            texts = _masked_together(policy, phase, given, least, write)
            new |= zip(labels, texts, strict=True)
        return new

    def _with(self, texts: Mapping[str, str]) -> T:
        """The value with other texts. Members that the model does not know, and a value that was
        parsed of the text, may repeat what was replaced."""
        if not texts:
            return self._value
        places = {self.places[label]: text for label, text in texts.items()}
        changed: Any = with_texts(self._value, places)
        if type(changed) is Completion:
            changed = evolve(changed, extra={}, parsed=None)
        return cast(T, changed)


def irreplaceable(decision: Decision, what: str) -> Decision:
    """The decision where something was found that would have to be replaced and cannot be."""
    reason = f"What was found in {what} cannot be replaced."
    return evolve(decision, verdict=Verdict.BLOCKED, reason=reason)


def _is_one_text(value: object) -> bool:
    """Whether a request or an answer is a text and nothing else, as many are."""
    if isinstance(value, CompletionRequest):
        return not value.system and len(value.messages) == 1 and _is_text(value.messages[0].content)
    return isinstance(value, Completion) and _is_text(value.content)


def _is_text(blocks: Sequence[Any]) -> bool:
    return len(blocks) == 1 and type(blocks[0]) is Text


def _neighbours(value: object) -> Iterator[list[Place]]:
    """The places of texts whose blocks stand next to each other."""
    if isinstance(value, Completion):
        yield from _neighbours_among(value.content, ("content",))
    elif isinstance(value, CompletionRequest):
        yield from _neighbours_among(value.system, ("system",))
        for number, message in enumerate(value.messages):
            yield from _neighbours_among(message.content, ("messages", number, "content"))


def _neighbours_among(blocks: Sequence[Any], place: Place) -> Iterator[list[Place]]:
    for _, group in groupby(enumerate(blocks), lambda each: type(each[1])):
        places: list[Place] = []
        for index, block in group:
            if isinstance(block, Text) and block.text:
                places.append((*place, index, "text"))
            elif isinstance(block, ToolResult | Document) and block.content:
                yield from _neighbours_among(block.content, (*place, index, "content"))
        if len(places) > 1:
            yield places


def _masked_together(
    policy: Policy, phase: Phase, texts: Sequence[str], least: Action, write: Write
) -> Iterator[str]:
    """The texts, with masks for what is found in all of them as one, and in each."""
    starts = list(accumulate(map(len, texts), initial=0))
    joined = "".join(texts)
    spans: list[Masked] = []
    for offset, text in ((0, joined), *zip(starts, texts, strict=False)):
        for found in policy.found(phase, text):
            if RANKS[found.action] >= RANKS[least]:
                spans += (
                    Masked(start + offset, end + offset, found.name, found.action)
                    for start, end in found.spans
                )
    masks: list[list[Mask]] = [[] for _ in texts]
    for span in merged(spans):
        shown = write(span.name, joined[span.start : span.end])
        _put(masks, starts, span.start, span.end, shown)
    return map(masked, texts, masks)


def _put(
    masks: Sequence[list[Mask]], starts: Sequence[int], start: int, end: int, shown: str
) -> None:
    """Add the mask of a span to the texts that it is in; the first one shows it."""
    for number, own in enumerate(masks):
        first, last = starts[number], starts[number + 1]
        if start < last and end > first:
            own.append(Mask(max(start, first) - first, min(end, last) - first, shown))
            shown = ""
