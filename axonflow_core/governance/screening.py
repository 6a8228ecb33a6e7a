"""The texts of a request or an answer, before the policy.

A policy sees labels and texts, and knows nothing of messages; here the one becomes the other and
back. A label names where a text stands by numbers and words of ours: it goes into the record, and
must not quote what somebody wrote, as the key of a tool's argument would.

Of an answer two more things are searched: the names of the tools that it calls, for a client runs
what they name, and text blocks that stand next to each other as one text, for clients show them so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, groupby
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar, cast

from axonflow_core.frozen import evolve
from axonflow_core.governance.masks import Mask, masked
from axonflow_core.messages import EMPTY, Completion, CompletionRequest, Text, ToolUse
from axonflow_core.policy.rules import RANKS, Action, Decision, Phase, Verdict
from axonflow_core.texts import Place, texts_in, with_texts

if TYPE_CHECKING:
    from axonflow_core.policy.engine import Policy

T = TypeVar("T", CompletionRequest, Completion)

MAX_CHARACTERS_ON_LOOP = 65_536
MAX_TEXTS_ON_LOOP = 256
"""Longer texts, and more of them, are evaluated in a thread, so that the event loop goes on
meanwhile."""


class Judgement(NamedTuple, Generic[T]):
    """What became of a request or an answer."""

    decision: Decision
    value: T | None
    """It, as the policy lets it go; None where it does not."""
    kept: Mapping[str, str]
    """Label -> text, with everything masked that was found, for the record. Empty where the policy
    could not be evaluated: nobody knows then what is in the texts."""


async def judged(policy: Policy, phase: Phase, value: T) -> Judgement[T]:
    """What the policy decides on `value`, and what becomes of it."""
    screened = Screened(value)
    if _is_much(screened.texts):
        return await asyncio.to_thread(screened.judge, policy, phase)
    return screened.judge(policy, phase)


async def evaluated(policy: Policy, phase: Phase, parts: Mapping[str, str]) -> Decision:
    """What the policy decides on these texts."""
    if _is_much(parts):
        return await asyncio.to_thread(policy.evaluate, phase, parts)
    return policy.evaluate(phase, parts)


def _is_one_text(answer: Completion) -> bool:
    """Whether the answer is a text and nothing else, as nearly every one is."""
    return len(answer.content) == 1 and type(answer.content[0]) is Text


def _is_much(texts: Mapping[str, str]) -> bool:
    return len(texts) > MAX_TEXTS_ON_LOOP or sum(map(len, texts.values())) > MAX_CHARACTERS_ON_LOOP


class Screened(Generic[T]):
    """A value and its texts by their labels."""

    def __init__(self, value: T) -> None:
        self._value: T = value
        self.places: dict[str, Place] = {}
        self.texts: dict[str, str] = {}
        for place, text in texts_in(value):
            label = self._label(place)
            self.places[label] = place
            self.texts[label] = text
        self._joined: dict[str, list[str]] = {}
        """Label -> the labels of the texts that are one, next to each other."""
        if type(value) is Completion and not _is_one_text(value):
            self._add_names(value)
            self._add_joined(value)

    def judge(self, policy: Policy, phase: Phase) -> Judgement[T]:
        """What the policy decides, and what becomes of the value."""
        decision = policy.evaluate(phase, self.texts)
        if decision.verdict is Verdict.ERROR:
            return Judgement(decision, None, EMPTY)
        if not decision.kept:
            return Judgement(decision, self._value, self._without_joined(self.texts))
        kept = self._without_joined({**self.texts, **decision.kept})
        kept |= self._masked_together(policy, phase, decision.kept, Action.LOG)
        if decision.is_stopped:
            return Judgement(decision, None, kept)
        texts = self._without_joined(decision.texts)
        texts |= self._masked_together(policy, phase, decision.texts, Action.REDACT)
        return Judgement(decision, self._with(texts), kept)

    def _label(self, place: Place) -> str:
        """`messages.0`, `system.0`; of further texts there `messages.0#2`."""
        first, second = place[0], place[1] if len(place) > 1 else None
        base = f"{first}.{second}" if type(second) is int else str(first)
        if base not in self.places:
            return base
        number = 2
        while (label := f"{base}#{number}") in self.places:
            number += 1
        return label

    def _add_names(self, answer: Completion) -> None:
        for index, block in enumerate(answer.content):
            if isinstance(block, ToolUse):
                place: Place = ("content", index, "name")
                label = self._label(place)
                self.places[label] = place
                self.texts[label] = block.name

    def _add_joined(self, answer: Completion) -> None:
        """Text blocks next to each other, as one text."""
        for _, group in groupby(enumerate(answer.content), lambda each: type(each[1])):
            labels = [
                self._label_of(index)
                for index, block in group
                if isinstance(block, Text) and block.text
            ]
            if len(labels) > 1:
                label = f"{labels[0]}+{len(labels) - 1}"
                self._joined[label] = labels
                self.texts[label] = "".join(self.texts[each] for each in labels)

    def _label_of(self, index: int) -> str:
        place: Place = ("content", index, "text")
        return next(label for label, known in self.places.items() if known == place)

    def _without_joined(self, texts: Mapping[str, str]) -> dict[str, str]:
        return {label: text for label, text in texts.items() if label not in self._joined}

    def _masked_together(
        self, policy: Policy, phase: Phase, changed: Mapping[str, str], least: Action
    ) -> dict[str, str]:
        """The texts of blocks in which something was found together."""
        new: dict[str, str] = {}
        for label in self._joined.keys() & changed.keys():
            labels = self._joined[label]
            texts = _masked_together(policy, phase, [self.texts[each] for each in labels], least)
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


def _masked_together(
    policy: Policy, phase: Phase, texts: Sequence[str], least: Action
) -> Iterator[str]:
    """The texts, with masks for what is found in all of them as one, and in each."""
    starts = list(accumulate(map(len, texts), initial=0))
    masks: list[list[Mask]] = [[] for _ in texts]
    for offset, text in ((0, "".join(texts)), *zip(starts, texts, strict=False)):
        for found in policy.found(phase, text):
            if RANKS[found.action] >= RANKS[least]:
                for start, end in found.spans:
                    _put(masks, starts, start + offset, end + offset, found.name)
    return map(masked, texts, masks)


def _put(
    masks: Sequence[list[Any]], starts: Sequence[int], start: int, end: int, name: str
) -> None:
    """Add the mask of a span to the texts that it is in; the first one shows it."""
    shown = f"[REDACTED:{name}]"
    for number, own in enumerate(masks):
        first, last = starts[number], starts[number + 1]
        if start < last and end > first:
            own.append(Mask(max(start, first) - first, min(end, last) - first, shown))
            shown = ""


def counted(labels: Iterable[str]) -> dict[str, int]:
    """How many texts were screened, by where they stand: `{"messages": 3, "system": 1}`."""
    counts: dict[str, int] = {}
    for label in labels:
        place = label.partition(".")[0].partition("#")[0]
        counts[place] = counts.get(place, 0) + 1
    return counts
